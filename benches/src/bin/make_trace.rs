//! Writes a trace that is the same on every machine: what `.ci/instructions` counts the instructions of.
//!
//! `make_trace ping-pong|service|interleaved EVENTS FILE`.

use std::{env, error::Error, fs};

use trace_benches::made::Work;

fn main() -> Result<(), Box<dyn Error>> {
    let usage = || "usage: make_trace ping-pong|service|interleaved EVENTS FILE";
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [name, events, file] = &arguments[..] else { return Err(usage().into()) };
    let work = Work::named(name).ok_or_else(usage)?;
    fs::write(file, work.trace(events.parse()?)?)?;
    Ok(())
}
