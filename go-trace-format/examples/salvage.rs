//! A damaged file: what of it could be read, generation by generation, and what could not, and why.
//!
//! `cargo run --example salvage -- FILE`; without a file, a recording that is damaged on the way and cut.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
};

use go_trace_format::{EventKind, Mode, Reader, ReaderOptions};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let trace = match env::args().nth(1) {
        Some(file) => fs::read(file)?,
        None => damaged(fs::read(RECORDING)?),
    };
    salvage(&trace, &mut io::stdout())
}

/// As a bad disk and a full one would leave it.
pub(crate) fn damaged(mut trace: Vec<u8>) -> Vec<u8> {
    let middle = trace.len() / 2;
    trace[middle..middle + 100].fill(0xff);
    trace.truncate(trace.len() - 50);
    trace
}

pub(crate) fn salvage(trace: &[u8], out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut strict = ReaderOptions::new().mode(Mode::Strict).read_slice(trace)?;
    let verdict = loop {
        match strict.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => break "Go reads all of it".to_owned(),
            Err(error) => break format!("Go reads none of it, or no further: {error}"),
        }
    };
    writeln!(out, "{verdict}")?;

    let mut reader = Reader::from_slice(trace)?;
    let mut generations: Vec<(u64, u64)> = Vec::new();
    while let Some(event) = reader.next_event()? {
        match (event.kind(), generations.last_mut()) {
            (EventKind::Sync(sync), _) => generations.extend(sync.generation.map(|begun| (begun.number, 0))),
            (_, Some((_, events))) => *events += 1,
            (_, None) => {}
        }
    }
    for (generation, events) in generations {
        writeln!(out, "generation {generation}: {events} events")?;
    }
    let losses = reader.losses();
    writeln!(out, "{losses}")?;
    losses.iter().try_for_each(|loss| Ok(writeln!(out, "- {loss}")?))
}
