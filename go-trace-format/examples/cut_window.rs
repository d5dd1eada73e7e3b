//! Cuts a window of time out of a trace: the generations that it touches, and of them what the program says within it.
//!
//! Their scheduling stays whole, since no reader makes sense of a part of it.
//!
//! `cargo run --features write --example cut_window -- FROM TO FILE >WINDOW`, in milliseconds since the trace began; without a
//! file, a recording of half a second.

use std::{
    env,
    error::Error,
    fs,
    io::{self, Write},
    ops::Range,
    time::Duration,
};

use go_trace_format::{
    Category, ReaderOptions,
    write::{CopiedEvent, Copier, Writer},
};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [from, to, file @ ..] = &*arguments else { return Err("usage: cut_window FROM TO [FILE]".into()) };
    let trace = fs::read(file.first().map_or(RECORDING, |file| file))?;
    let window = Duration::from_millis(from.parse()?)..Duration::from_millis(to.parse()?);
    cut_window(&trace, &window, io::stdout())
}

pub(crate) fn cut_window(
    trace: &[u8],
    window: &Range<Duration>,
    out: impl Write,
) -> Result<(), Box<dyn Error>> {
    let generations = ReaderOptions::new().generations(trace)?;
    let mut writer = Writer::new(out, generations.version(), generations.dialect())?;
    let generations = generations.collect::<Result<Vec<_>, _>>()?;
    let Some(begin) = generations.first().map(|first| first.start_time()) else { return Ok(()) };
    for (place, generation) in generations.iter().enumerate() {
        let is_before =
            generations.get(place + 1).is_some_and(|next| next.start_time() - begin <= window.start);
        if is_before || generation.start_time() - begin >= window.end {
            continue;
        }
        let keeps = |event: &CopiedEvent<'_>| {
            window.contains(&(event.time - begin)) || event.event_type.spec().category == Category::Core
        };
        Copier::new(generation, keeps, |text| text.text.into()).copy_to(&mut writer)?;
    }
    Ok(())
}
