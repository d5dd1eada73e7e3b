//! For how long the world was stopped, and why, of a trace that comes through standard input, as it comes.
//!
//! `curl -s http://localhost:6060/debug/pprof/trace?seconds=5 | cargo run --example gc_pauses`

use std::{
    collections::HashMap,
    error::Error,
    io::{self, Read, Write},
    time::Duration,
};

use go_trace_format::{
    EventKind, Reader,
    event::{Range, RangeKind},
};

fn main() -> Result<(), Box<dyn Error>> {
    gc_pauses(io::stdin(), &mut io::stdout())
}

pub(crate) fn gc_pauses(trace: impl Read + Send, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let mut reader = Reader::new(trace)?;
    let mut begun = HashMap::new();
    let (mut count, mut total, mut longest) = (0, Duration::ZERO, Duration::ZERO);
    while let Some(event) = reader.next_event()? {
        match event.kind() {
            EventKind::RangeBegin(Range { kind: RangeKind::StopTheWorld(_), scope, .. }) => {
                begun.insert(scope, event.raw_time());
            }
            EventKind::RangeEnd(Range { kind: RangeKind::StopTheWorld(reason), scope, .. }) => {
                let Some(begin) = begun.remove(&scope) else { continue };
                let pause = event.raw_time() - begin;
                writeln!(out, "{pause:>12.1?}  {reason}")?;
                (count, total, longest) = (count + 1, total + pause, longest.max(pause));
            }
            _ => {}
        }
    }
    writeln!(out, "{count} pauses, {total:.1?} in all, {longest:.1?} the longest")?;
    Ok(())
}
