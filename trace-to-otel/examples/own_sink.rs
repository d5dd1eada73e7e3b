//! A sink of one's own: how long each kind of request and query took, and what the time went to.
//!
//! `cargo run --example own_sink -- FILE`; without a file, a recording of a small service.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    env,
    error::Error,
    fs::File,
    io::{self, Read, Write},
    sync::Arc,
    time::Duration,
};

use trace_to_otel::{Mapper, Span, SpanSink, go_trace_format::Reader};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/http.trace");

#[derive(Default)]
struct Summary(BTreeMap<Arc<str>, Line>);

#[derive(Default)]
struct Line {
    count: u32,
    total: Duration,
    longest: Duration,
    /// In nanoseconds.
    waited: u64,
}

impl SpanSink for Summary {
    type Error = Infallible;

    fn take(&mut self, mut span: Span) -> Result<(), Infallible> {
        self.lend(&mut span)
    }

    // It only looks at spans: their memory is used again.
    fn lend(&mut self, span: &mut Span) -> Result<(), Infallible> {
        let line = self.0.entry(Arc::clone(&span.name)).or_default();
        line.count += 1;
        line.total += span.duration();
        line.longest = line.longest.max(span.duration());
        line.waited += span.anatomy.map_or(0, |anatomy| anatomy.waiting());
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let file = File::open(env::args().nth(1).unwrap_or_else(|| RECORDING.to_owned()))?;
    own_sink(file, &mut io::stdout())
}

pub(crate) fn own_sink(trace: impl Read + Send, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let (mut mapper, mut summary) = (Mapper::new(), Summary::default());
    mapper.read(&mut Reader::new(trace)?, &mut summary)?;
    mapper.finish(&mut summary)?;
    writeln!(out, "{:>6} {:>12} {:>12} {:>12}  span", "count", "mean", "longest", "waited")?;
    for (name, line) in &summary.0 {
        let (mean, waited) = (line.total / line.count, Duration::from_nanos(line.waited));
        writeln!(out, "{:>6} {mean:>12.1?} {:>12.1?} {waited:>12.1?}  {name}", line.count, line.longest)?;
    }
    Ok(())
}
