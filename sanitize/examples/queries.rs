//! Which queries a service makes, and how often: a query log, one query a line, by what stays of each without its values.
//!
//! `cargo run --example queries -- DIALECT <LOG`

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io::{self, BufRead, Write},
};

use go_trace_sanitize::{Dialect, Sanitizer, SqlOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let dialect = env::args().nth(1).map_or(Ok(Dialect::Generic), |name| name.parse())?;
    queries(io::stdin().lock(), dialect, &mut io::stdout())
}

pub(crate) fn queries(
    log: impl BufRead,
    dialect: Dialect,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let mut options = SqlOptions::new(dialect);
    options.collapse_values_rows = true;
    let sanitizer = Sanitizer::new().with_sql(options);
    // The summary is what a span is named by, the sanitized text what groups.
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for query in log.lines() {
        let query = query?;
        let key = (sanitizer.sql_summary(&query, dialect), sanitizer.sql(&query).into_owned());
        *counts.entry(key).or_default() += 1;
    }
    for ((summary, query), count) in counts {
        writeln!(out, "{count:>5}  {summary:<24} {query}")?;
    }
    Ok(())
}
