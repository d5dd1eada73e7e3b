//! Folded stacks: a line for each, as flame graphs are made of. Brendan Gregg's `stackcollapse.pl`; `inferno-flamegraph` reads it.

use core::cmp::Ordering;
use std::{
    fmt::Write as _,
    io::{self, Write},
};

use crate::profiles::profile::{Profile, ProfileFrame, Sample};

impl Profile<'_> {
    /// Writes the profile as folded stacks: on each line the functions from the outermost to the innermost, semicolons between
    /// them, a space and the nanoseconds; where the [kind has no times](crate::profiles::ProfileKind::has_times), the count. Off the CPU and for the
    /// garbage collector, the reason stands innermost, in brackets. Lines are in the order of their functions, one for all stacks of
    /// the same functions.
    ///
    /// # Errors
    ///
    /// Those of `out`, which ought to be buffered.
    pub fn write_folded(&self, mut out: impl Write) -> io::Result<()> {
        let has_reasons = self.kind().is_by_reason();
        let order = |one: &&Sample<'_>, other: &&Sample<'_>| {
            let by_reason = || if has_reasons { one.reason.cmp(&other.reason) } else { Ordering::Equal };
            by_functions(one, other).then_with(by_reason)
        };
        let mut samples: Vec<_> = self.samples().iter().filter(|sample| self.weight(sample) > 0).collect();
        samples.sort_by(order);
        // Spelled out one at a time: deep stacks have long lines.
        let mut line = String::new();
        for alike in samples.chunk_by(|one, other| order(one, other).is_eq()) {
            let weight = alike.iter().fold(0, |sum: u64, sample| sum.saturating_add(self.weight(sample)));
            line.clear();
            fold(alike[0], has_reasons, &mut line);
            writeln!(out, "{line} {weight}")?;
        }
        out.flush()
    }
}

/// By the functions on their stacks, from the outermost.
fn by_functions(one: &Sample<'_>, other: &Sample<'_>) -> Ordering {
    let instead = one.stack.without_frames().cmp(&other.stack.without_frames());
    instead.then_with(|| functions(one).cmp(functions(other)))
}

/// The functions from the outermost; program counters where there is no name.
fn functions<'p>(sample: &Sample<'p>) -> impl Iterator<Item = (&'p str, Option<u64>)> + use<'p> {
    let named = |frame: ProfileFrame<'p>| (frame.function, frame.function.is_empty().then_some(frame.pc));
    sample.stack.frames().rev().map(named)
}

fn fold(sample: &Sample<'_>, has_reasons: bool, line: &mut String) {
    match sample.stack.without_frames() {
        Some(instead) => line.push_str(instead),
        None => {
            for (place, frame) in sample.stack.frames().rev().enumerate() {
                if place > 0 {
                    line.push(';');
                }
                push_name(line, &frame);
            }
        }
    }
    if let Some(reason) = sample.reason.filter(|_| has_reasons) {
        line.push_str(";[");
        push_text(line, reason);
        line.push(']');
    }
}

fn push_name(line: &mut String, frame: &ProfileFrame<'_>) {
    if frame.function.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(line, "{:#x}", frame.pc);
    } else {
        push_text(line, frame.function);
    }
}

/// What would end a frame or a line becomes another character.
fn push_text(line: &mut String, text: &str) {
    line.extend(text.chars().map(|character| match character {
        ';' => ':',
        _ if character.is_control() => '\u{fffd}',
        _ => character,
    }));
}
