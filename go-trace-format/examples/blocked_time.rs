//! How long goroutines were blocked, by the reason that Go's scheduler gives.
//!
//! `cargo run --example blocked_time -- FILE`; without a file, a recording of a small service.

use std::{
    collections::{BTreeMap, HashMap},
    env,
    error::Error,
    fs::File,
    io::{self, Read, Write},
    time::Duration,
};

use go_trace_format::{EventKind, Reader, event::GoroutineState};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/http.trace");

fn main() -> Result<(), Box<dyn Error>> {
    let file = File::open(env::args().nth(1).unwrap_or_else(|| RECORDING.to_owned()))?;
    blocked_time(file, &mut io::stdout())
}

pub(crate) fn blocked_time(trace: impl Read + Send, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::new(trace)?;
    let mut waiting = HashMap::new();
    let mut blocked: BTreeMap<String, (u32, Duration)> = BTreeMap::new();
    while let Some(event) = reader.next_event()? {
        let EventKind::Goroutine(transition) = event.kind() else { continue };
        // Each generation repeats what every goroutine is in: no change.
        if transition.from == transition.to {
            continue;
        }
        let Some(goroutine) = transition.goroutine else { continue };
        // Raw times are what the threads measured.
        let time = event.raw_time();
        if let Some((since, reason)) = waiting.remove(&goroutine) {
            let (count, total) = blocked.entry(reason).or_default();
            *count += 1;
            *total += time - since;
        }
        // Who waits when the recording begins has no reason.
        if transition.to == GoroutineState::Waiting && !transition.reason.is_empty() {
            waiting.insert(goroutine, (time, transition.reason.to_string()));
        }
    }
    writeln!(out, "{:>6} {:>12}  reason", "times", "blocked")?;
    for (reason, (count, total)) in &blocked {
        writeln!(out, "{count:>6} {total:>12.1?}  {reason}")?;
    }
    writeln!(out, "{} goroutines wait still when the trace ends", waiting.len())?;
    Ok(())
}
