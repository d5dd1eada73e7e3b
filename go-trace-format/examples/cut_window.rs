//! Cuts a window of time out of a trace, as a trace that Go's tools open.
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
    ReaderOptions, Time,
    write::{Copier, Window, Writer},
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
    let mut generations = ReaderOptions::new().generations(trace)?.peekable();
    let Some(Ok(first)) = generations.peek() else { return Err("there is nothing in the trace".into()) };
    let mut writer = Writer::new(out, first.version(), first.dialect())?;
    let begin = first.start_time().0;
    let time = |since: Duration| Time(begin.saturating_add(since.as_nanos() as i64));
    let mut window = Window::new(time(window.start)..time(window.end));
    for generation in generations {
        let generation = generation?;
        if let Some(slice) = window.slice(&generation)? {
            Copier::new(&generation, |_| true, |text| text.text.into())
                .within(&slice)
                .copy_to(&mut writer)?;
        }
        if window.is_over() {
            break;
        }
    }
    Ok(())
}
