//! The heaviest stacks, for people.

use std::io::{self, Write};

use crate::{
    display::{DisplayDuration, DisplayText},
    profiles::{
        kind::ProfileKind,
        ledger::Total,
        profile::{Profile, ProfileFrame, Sample},
    },
};

/// How many of the heaviest samples a table shows, and how much of their stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopOptions {
    /// How many samples: 20 unless set.
    pub samples: usize,
    /// How many frames of each, the innermost first: 8 unless set.
    pub frames: usize,
    /// Whether what [goroutines of the runtime](crate::profiles::ProfileStack::is_of_runtime) waited for is shown: not unless set,
    /// as they do little but wait. What they did otherwise is shown in any case.
    pub runtime_waits: bool,
}

impl Default for TopOptions {
    fn default() -> Self {
        Self { samples: 20, frames: 8, runtime_waits: false }
    }
}

impl Profile<'_> {
    /// Writes the heaviest samples as a table, each with its share of the whole, its time, its count and its reason, and below
    /// it the innermost frames of its stack. Spans are no matter.
    ///
    /// # Errors
    ///
    /// Those of `out`, which ought to be buffered.
    pub fn write_top(&self, options: TopOptions, out: impl Write) -> io::Result<()> {
        let all = self.without_spans();
        if options.runtime_waits || self.kind() != ProfileKind::OffCpu {
            return all.write_table(options, &Total::default(), out);
        }
        let mut left_out = Total::default();
        let shown = all.filtered(|sample| {
            let is_left_out = sample.stack.is_of_runtime();
            if is_left_out {
                left_out.add(Total { count: sample.count, nanoseconds: sample.nanoseconds });
            }
            !is_left_out
        });
        shown.write_table(options, &left_out, out)
    }

    fn write_table(&self, options: TopOptions, left_out: &Total, mut out: impl Write) -> io::Result<()> {
        self.write_sums(&mut out)?;
        if left_out.count > 0 || left_out.nanoseconds > 0 {
            let time = DisplayDuration(left_out.nanoseconds);
            writeln!(out, "without {time} in {} waits of the runtime's own goroutines", left_out.count)?;
        }
        let whole = if self.kind().has_times() { self.nanoseconds() } else { self.count() };
        let (shown, left) = self.samples().split_at(options.samples.min(self.samples().len()));
        for sample in shown {
            writeln!(out)?;
            self.write_sample(sample, whole, options.frames, &mut out)?;
        }
        if !left.is_empty() {
            let weight = left.iter().fold(0, |sum: u64, sample| sum.saturating_add(self.weight(sample)));
            writeln!(out, "\n{}  {} more", share(weight, whole), left.len())?;
        }
        out.flush()
    }

    fn write_sums(&self, out: &mut impl Write) -> io::Result<()> {
        let (count, _) = self.kind().values();
        write!(out, "{}: ", self.kind())?;
        if self.kind().has_times() {
            write!(out, "{} in ", DisplayDuration(self.nanoseconds()))?;
        }
        let recorded = DisplayDuration(self.period().duration);
        writeln!(out, "{} {count}, recorded for {recorded}", self.count())
    }

    fn write_sample(
        &self,
        sample: &Sample<'_>,
        whole: u64,
        most_frames: usize,
        out: &mut impl Write,
    ) -> io::Result<()> {
        write!(out, "{}", share(self.weight(sample), whole))?;
        if self.kind().has_times() {
            write!(out, "  {:>8}", DisplayDuration(sample.nanoseconds))?;
        }
        match sample.count {
            // What it is a part of ended in another span.
            0 => write!(out, "     part")?,
            count => write!(out, "  {count:>7} ×")?,
        }
        match sample.reason {
            Some(reason) => writeln!(out, "  {}", DisplayText(reason))?,
            None => writeln!(out)?,
        }
        if let Some(instead) = sample.stack.without_frames() {
            return writeln!(out, "        {instead}");
        }
        sample.stack.frames().take(most_frames).try_for_each(|frame| write_frame(&frame, out))?;
        match sample.stack.frames().len().saturating_sub(most_frames) {
            0 => Ok(()),
            more => writeln!(out, "        … {more} more"),
        }
    }
}

/// As much of the whole, in seven characters.
fn share(weight: u64, whole: u64) -> String {
    format!("{:>5.1} %", 100.0 * weight as f64 / whole.max(1) as f64)
}

fn write_frame(frame: &ProfileFrame<'_>, out: &mut impl Write) -> io::Result<()> {
    match frame.function {
        "" => write!(out, "        {:#x}", frame.pc)?,
        function => write!(out, "        {}", DisplayText(function))?,
    }
    match frame.file {
        "" => writeln!(out),
        file => writeln!(out, "  {}:{}", DisplayText(file), frame.line),
    }
}
