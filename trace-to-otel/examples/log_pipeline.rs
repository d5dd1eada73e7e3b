//! A log pipeline: what a program logs into its trace, as OTLP log records beside its spans, each on the span that it was
//! written in.
//!
//! `cargo run --example log_pipeline -- FILE`; without a file, a recording of a small service.

use std::{
    env,
    error::Error,
    fs::File,
    io::{self, Read, Write},
};

use trace_to_otel::{Mapper, MapperOptions, Resource, go_trace_format::Reader, otlp::JsonLines, sink};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/logs.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let file = File::open(env::args().nth(1).unwrap_or_else(|| RECORDING.to_owned()))?;
    log_pipeline(file, &mut io::stdout())
}

pub(crate) fn log_pipeline(trace: impl Read + Send, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut options = MapperOptions::default();
    options.log_records = true;
    let mut mapper = Mapper::with_options(options);
    let mut lines = JsonLines::new(Vec::new(), Resource::new().with("service.name", "orders"));
    let mut spans = 0;
    let count = sink::from_fn(|_| {
        spans += 1;
        Ok::<(), io::Error>(())
    });
    // To each its own: spans to one sink, logs to the other, but for those of no span.
    let mut sinks =
        (count, sink::logs_from_fn(|log| if log.span.is_some() { lines.write(&log) } else { Ok(()) }));
    mapper.read(&mut Reader::new(trace)?, &mut sinks)?;
    mapper.finish(&mut sinks)?;
    let records = mapper.counters().log_records;
    let written = lines.finish()?;
    writeln!(out, "{spans} spans, {records} log records, {} bytes of OTLP:", written.len())?;
    Ok(out.write_all(&written)?)
}
