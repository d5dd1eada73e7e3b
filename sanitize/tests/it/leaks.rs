//! Texts that are unambiguous in one dialect, full of what means something else in another: what that dialect hides in literals and
//! comments leaves neither when the dialect is known nor when it is not.

use go_trace_sanitize::{Dialect, sql};
use proptest::prelude::*;

const SECRET: &str = "s3cr3tQx";

/// What a dialect may hold the secret in: an opening, pieces that are harmless within, and a closing.
#[derive(Debug)]
struct Holder {
    dialect: Dialect,
    open: &'static str,
    within: &'static [&'static str],
    close: &'static str,
}

/// Pieces that are harmless in every kind of string, if no backslash escapes there.
const PLAIN: &[&str] = &[
    "''", "\"", "`", "--", "/*", "*/", "#", "//", "$$", "$a$", "[", "]", ";", "(", ")", "\\", "\n", "q''",
    "E''", "‘", "?", ":1",
];
/// The same where backslashes escape.
const ESCAPED: &[&str] = &[
    "\\'", "\\\\", "\\\"", "''", "\"", "`", "--", "/*", "*/", "#", "//", "$$", "[", "]", ";", "(", "\n", "”",
    "?",
];
const IN_DOUBLE: &[&str] =
    &["\\'", "\\\\", "\\\"", "\"\"", "'", "`", "--", "/*", "*/", "#", "]", "$$", ";", "\n"];
const IN_DOLLARS: &[&str] =
    &["'", "''", "\"", "`", "--", "/*", "*/", "#", "[", "]", "\\", "\\'", "\n", ";", "$a$", "$ "];
const IN_TAGS: &[&str] = &["'", "\"", "$$", "$b$", "--", "/*", "*/", "#", "]", "\\'", "\n", ";"];
const IN_Q: &[&str] = &["'", "\"", "--", "/*", "*/", "[", "#", "\\", "\n", "''", "$$"];
const IN_COMMENT: &[&str] = &["'", "\"", "`", "--", "#", "$$", "[", "]", "\\", "\n", ";", "q'["];
const IN_NESTED: &[&str] = &["'", "\"", "/* ' */", "/**/", "/* /* */ \" */", "--", "]", "\n"];
const IN_LINE: &[&str] = &["'", "\"", "`", "/*", "*/", "--", "#", "$$", "[", "]", "\\", ";", "q'["];
const IN_TRIPLE: &[&str] = &["'", "''", "\"", "\\'", "\\\\", "--", "/*", "#", "]", "\n", "`"];
const NUMBERS: &[&str] = &["0x", "9_", ".5e", "1."];

const fn holder(
    dialect: Dialect,
    open: &'static str,
    within: &'static [&'static str],
    close: &'static str,
) -> Holder {
    Holder { dialect, open, within, close }
}

const HOLDERS: [Holder; 46] = [
    holder(Dialect::Postgres, "'", PLAIN, "'"),
    holder(Dialect::Postgres, "E'", ESCAPED, "'"),
    holder(Dialect::Postgres, "$$", &["'", "\"", "--", "/*", "]", "\n", "\\'"], "$$"),
    holder(Dialect::Postgres, "$a$", IN_TAGS, "$a$"),
    holder(Dialect::Postgres, "/*", IN_NESTED, "*/"),
    holder(Dialect::Postgres, "--", IN_LINE, "\n"),
    holder(Dialect::Postgres, "U&'", PLAIN, "'"),
    holder(Dialect::Ansi, "'", PLAIN, "'"),
    holder(Dialect::Ansi, "X'", PLAIN, "'"),
    holder(Dialect::Redshift, "'", &["''", "\"", "--", "/*", "$$", "]"], "'"),
    holder(Dialect::MySql, "'", ESCAPED, "'"),
    holder(Dialect::MySql, "\"", IN_DOUBLE, "\""),
    holder(Dialect::MySql, "_utf8'", ESCAPED, "'"),
    holder(Dialect::MySql, "#", IN_LINE, "\n"),
    holder(Dialect::MySql, "-- ", IN_LINE, "\n"),
    holder(Dialect::MySql, "/*", IN_COMMENT, "*/"),
    holder(Dialect::MsSql, "'", PLAIN, "'"),
    holder(Dialect::MsSql, "N'", PLAIN, "'"),
    holder(Dialect::MsSql, "/*", IN_NESTED, "*/"),
    holder(Dialect::Oracle, "'", PLAIN, "'"),
    holder(Dialect::Oracle, "q'[", IN_Q, "]'"),
    holder(Dialect::Oracle, "nq'!", IN_Q, "!'"),
    holder(Dialect::Oracle, "/*", IN_COMMENT, "*/"),
    holder(Dialect::Sqlite, "'", PLAIN, "'"),
    holder(Dialect::Sqlite, "--", IN_LINE, "\n"),
    holder(Dialect::Snowflake, "'", ESCAPED, "'"),
    holder(Dialect::Snowflake, "$$", IN_DOLLARS, "$$"),
    holder(Dialect::Snowflake, "//", IN_LINE, "\n"),
    holder(Dialect::BigQuery, "'", &["\\'", "\\\\", "\"", "`", "--", "/*", "#", "]"], "'"),
    holder(Dialect::BigQuery, "r'", &["\\'", "\"", "--", "/*", "#", "]"], "'"),
    holder(Dialect::BigQuery, "'''", IN_TRIPLE, " '''"),
    holder(Dialect::BigQuery, "\"\"\"", &["\"", "\"\"", "'", "\\\"", "--", "#", "\n"], " \"\"\""),
    holder(Dialect::BigQuery, "#", IN_LINE, "\n"),
    holder(Dialect::Spark, "'", ESCAPED, "'"),
    holder(Dialect::Spark, "\"", IN_DOUBLE, "\""),
    holder(Dialect::Spark, "r'", &["\\", "\"", "--", "/*", "#", "]"], "'"),
    holder(Dialect::Spark, "/*", IN_NESTED, "*/"),
    holder(Dialect::Hive, "/*", IN_COMMENT, "*/"),
    holder(Dialect::ClickHouse, "'", ESCAPED, "'"),
    holder(Dialect::ClickHouse, "#", IN_LINE, "\n"),
    holder(Dialect::Cassandra, "'", PLAIN, "'"),
    holder(Dialect::Cassandra, "$$", IN_DOLLARS, "$$"),
    holder(Dialect::Cassandra, "//", IN_LINE, "\n"),
    holder(Dialect::Db2, "GX'", PLAIN, "'"),
    holder(Dialect::SapHana, "'", PLAIN, "'"),
    holder(Dialect::Trino, "'", PLAIN, "'"),
];

/// What may stand between literals in every dialect.
const BETWEEN: [&str; 13] = [
    " = ",
    ", ",
    " AND a <> ",
    " (",
    ") ",
    " t.b + ",
    " IN (",
    " || ",
    "\n",
    " x FROM y WHERE z = ",
    "; SELECT ",
    " c ",
    " ? ",
];

/// A text of literals of one dialect, each with the secret in it.
fn text() -> impl Strategy<Value = (Dialect, String)> {
    (0..Dialect::ALL.len())
        .prop_filter_map("a dialect with holders", |index| {
            let dialect = Dialect::ALL[index];
            HOLDERS.iter().any(|holder| holder.dialect == dialect).then_some(dialect)
        })
        .prop_flat_map(|dialect| {
            let held = proptest::sample::select(
                HOLDERS.iter().filter(|holder| holder.dialect == dialect).collect::<Vec<_>>(),
            )
            .prop_flat_map(|holder| {
                let pieces =
                    proptest::collection::vec(proptest::sample::select(holder.within.to_vec()), 0..5);
                (Just(holder), pieces, 0_usize..6)
            })
            .prop_map(|(holder, mut pieces, at)| {
                pieces.insert(at.min(pieces.len()), SECRET);
                format!("{}{}{}", holder.open, pieces.join(" "), holder.close)
            });
            let number =
                proptest::sample::select(NUMBERS.to_vec()).prop_map(|number| format!("{number}{SECRET}"));
            let literal = prop_oneof![8 => held, 1 => number];
            let parts =
                proptest::collection::vec((proptest::sample::select(BETWEEN.to_vec()), literal), 1..6);
            (Just(dialect), parts)
        })
        .prop_map(|(dialect, parts)| {
            let parts: String =
                parts.into_iter().map(|(between, literal)| format!("{between}{literal} ")).collect();
            (dialect, format!("SELECT a{parts}"))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn s2_s7_known_dialects_hide_their_literals((dialect, text) in text()) {
        let clean = sql(&text, dialect);
        prop_assert!(!clean.contains(SECRET), "{dialect}: {text} became {clean}");
    }

    #[test]
    fn s9_the_generic_dialect_hides_the_literals_of_all((dialect, text) in text()) {
        let clean = sql(&text, Dialect::Generic);
        prop_assert!(!clean.contains(SECRET), "{dialect}: {text} became {clean}");
    }
}
