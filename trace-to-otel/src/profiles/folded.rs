//! Folded stacks: a line for each, as flame graphs are made of. Brendan Gregg's `stackcollapse.pl`; `inferno-flamegraph` reads it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Write},
};

use crate::profiles::{
    kind::ProfileKind,
    profile::{Profile, ProfileFrame, Sample},
};

impl Profile<'_> {
    /// Writes the profile as folded stacks: on each line the functions from the outermost to the innermost, semicolons between
    /// them, a space and the nanoseconds; where the [kind has no times](ProfileKind::has_times), the count. Off the CPU and for the
    /// garbage collector, the reason stands innermost, in brackets. Lines are in the order of their texts, each of them once.
    ///
    /// # Errors
    ///
    /// Those of `out`, which ought to be buffered.
    pub fn write_folded(&self, mut out: impl Write) -> io::Result<()> {
        let has_reasons = matches!(self.kind(), ProfileKind::OffCpu | ProfileKind::Gc);
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for sample in self.samples() {
            let weight = lines.entry(folded(sample, has_reasons)).or_default();
            *weight = weight.saturating_add(self.weight(sample));
        }
        let mut heavy = lines.iter().filter(|&(_, &weight)| weight > 0);
        heavy.try_for_each(|(line, weight)| writeln!(out, "{line} {weight}"))?;
        out.flush()
    }
}

fn folded(sample: &Sample<'_>, has_reasons: bool) -> String {
    let mut line = String::new();
    match sample.stack.without_frames() {
        Some(instead) => line.push_str(instead),
        None => {
            for (place, frame) in sample.stack.frames().rev().enumerate() {
                if place > 0 {
                    line.push(';');
                }
                push_name(&mut line, &frame);
            }
        }
    }
    if let Some(reason) = sample.reason.filter(|_| has_reasons) {
        line.push_str(";[");
        push_text(&mut line, reason);
        line.push(']');
    }
    line
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
