//! The heaviest stacks, for people.

use std::io::{self, Write};

use crate::{
    display::{DisplayDuration, DisplayText},
    profiles::profile::{Profile, ProfileFrame, Sample},
};

/// How many of the heaviest samples a table shows, and how much of their stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopOptions {
    /// How many samples: 20 unless set.
    pub samples: usize,
    /// How many frames of each, the innermost first: 8 unless set.
    pub frames: usize,
}

impl Default for TopOptions {
    fn default() -> Self {
        Self { samples: 20, frames: 8 }
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
        self.without_spans().write_table(options, out)
    }

    fn write_table(&self, options: TopOptions, mut out: impl Write) -> io::Result<()> {
        self.write_sums(&mut out)?;
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
        write!(out, "  {:>7} ×", sample.count)?;
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
