//! Reads a whole trace and checksums every argument of every event: what `benches/compare/run` measures.
//!
//! `read_all ordered FILE` takes the events in causal order, strictly, as Go's reader gives them; `read_all raw FILE` as
//! they stand in the file, thread by thread. `read_all single FILE` takes them in order and one by one, and looks at nothing
//! but their times; `read_all kinds FILE` does so too and asks each what it says, as the documentation shows it.
//!
//! `read_all user FILE` takes the events only with which a program tells of itself, tasks, regions, logs and labels, and counts
//! those.

use std::{env, error::Error, fs::File, io::Read, process::ExitCode};

use go_trace_format::{
    Event, EventKind, HEADER_LENGTH, Mode, ReaderOptions, Selection,
    wire::{BatchKind, Batches},
};
use trace_benches::total::Total;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let read = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ordered", path] => File::open(path).map_err(Into::into).and_then(ordered),
        ["raw", path] => File::open(path).map_err(Into::into).and_then(raw),
        ["single", path] => File::open(path).map_err(Into::into).and_then(|file| one_by_one(file, time)),
        ["user", path] => File::open(path).map_err(Into::into).and_then(user),
        ["kinds", path] => File::open(path).map_err(Into::into).and_then(|file| one_by_one(file, kind)),
        _ => Err("usage: read_all ordered|raw|user|single|kinds FILE".into()),
    };
    match read {
        Ok(total) => {
            println!("{total}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("read_all: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ordered(file: File) -> Result<Total, Box<dyn Error>> {
    let mut total = Total::default();
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read(file)?;
    while let Some(events) = reader.next_events()? {
        for event in events {
            total.add(event.time().0 as u64, event.arguments());
        }
    }
    Ok(total)
}

fn user(file: File) -> Result<Total, Box<dyn Error>> {
    let mut total = Total::default();
    let mut reader = ReaderOptions::new().events(Selection::USER).read(file)?;
    while let Some(events) = reader.next_events()? {
        for event in events {
            total.add(event.raw_time().0 as u64, event.arguments());
        }
    }
    if reader.losses().is_empty() { Ok(total) } else { Err(reader.losses().to_string().into()) }
}

fn one_by_one(file: File, look_at: impl Fn(&Event<'_>) -> u64) -> Result<Total, Box<dyn Error>> {
    let mut total = Total::default();
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read(file)?;
    while let Some(event) = reader.next_event()? {
        total.add(look_at(&event), &[]);
    }
    Ok(total)
}

fn time(event: &Event<'_>) -> u64 {
    event.time().0 as u64
}

fn kind(event: &Event<'_>) -> u64 {
    match event.kind() {
        EventKind::TaskBegin(task) => event.time().0 as u64 ^ task.name.as_bytes().len() as u64,
        EventKind::Goroutine(transition) => transition.goroutine.map_or(0, |id| id.0 as u64),
        _ => 0,
    }
}

/// Reads piece by piece into one buffer, which always begins with the trace's header, so that each piece is a trace.
fn raw(mut file: File) -> Result<Total, Box<dyn Error>> {
    let mut total = Total::default();
    let mut buffer = vec![0; 1 << 20];
    let mut filled = read_full(&mut file, &mut buffer)?;
    let dialect = Batches::new(&buffer[..filled])?.dialect();
    loop {
        let at_end = filled < buffer.len();
        let used = add_piece(&mut total, Batches::new(&buffer[..filled])?.with_dialect(dialect), at_end)?;
        if at_end {
            return Ok(total);
        }
        let used = used.unwrap_or(filled);
        buffer.copy_within(used..filled, HEADER_LENGTH);
        let kept = HEADER_LENGTH + filled - used;
        filled = kept + read_full(&mut file, &mut buffer[kept..])?;
    }
}

/// Adds a piece's events. Gives where the batch begins that the piece cuts off, if it does.
fn add_piece(
    total: &mut Total,
    batches: Batches<'_>,
    at_end: bool,
) -> Result<Option<usize>, go_trace_format::Error> {
    let (version, dialect) = (batches.version(), batches.dialect());
    for batch in batches {
        let batch = match batch {
            Err(go_trace_format::Error::TruncatedBatch { offset }) if !at_end => {
                return Ok(Some(offset as usize));
            }
            batch => batch?,
        };
        if batch.kind(version, dialect) == BatchKind::Events {
            for event in batch.events(dialect) {
                let event = event?;
                total.add(event.time_delta, event.arguments());
            }
        }
    }
    Ok(None)
}

/// Fills the buffer, or as much of it as there are bytes.
fn read_full(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}
