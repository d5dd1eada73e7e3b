//! Reads a whole trace on several threads, and checksums every argument of every event as `read_all` does, in a program of its own:
//! what a compiler makes of reading depends on how often it is in a program.
//!
//! `read_threads ahead FILE` takes the events in causal order, strictly, while a second thread takes the bytes in; `each FILE` and
//! `each2 FILE` put each generation in order on its own, on one thread and on two.

use std::{env, error::Error, fs::File, process::ExitCode};

use go_trace_format::{Generation, Losses, Mode, ReaderOptions};
use trace_benches::total::Total;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let read = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ahead", path] => File::open(path).map_err(Into::into).and_then(ahead),
        ["each", path] => File::open(path).map_err(Into::into).and_then(|file| each(file, 1)),
        ["each2", path] => File::open(path).map_err(Into::into).and_then(|file| each(file, 2)),
        _ => Err("usage: read_threads ahead|each|each2 FILE".into()),
    };
    match read {
        Ok(total) => {
            println!("{total}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("read_threads: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ahead(file: File) -> Result<Total, Box<dyn Error>> {
    let mut total = Total::default();
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_ahead(file)?;
    while let Some(events) = reader.next_events()? {
        for event in events {
            total.add(event.time().0 as u64, event.arguments());
        }
    }
    Ok(total)
}

fn each(file: File, threads: usize) -> Result<Total, Box<dyn Error>> {
    let mut total = Total::default();
    let count = |generation: &Generation<'_>| {
        let (mut total, mut events) = (Total::default(), generation.events(Mode::Strict));
        while let Some(ready) = events.next_events()? {
            for event in ready {
                total.add(event.time().0 as u64, event.arguments());
            }
        }
        Ok::<_, go_trace_format::Error>(total)
    };
    let add = |part: Result<Total, _>| {
        total.join(part?);
        Ok::<_, go_trace_format::Error>(())
    };
    let options = ReaderOptions::new().mode(Mode::Strict);
    options.for_each_generation(file, threads, &mut Losses::default(), count, add)?;
    Ok(total)
}
