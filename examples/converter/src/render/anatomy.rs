//! How a span's time splits, as people read it.

use std::fmt;

use anstyle::{AnsiColor, Style};
use trace_to_otel::{Anatomy, Waiting};

use super::text::Duration;

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    glyph: char,
    style: Style,
}

const RUNNING: Part = Part { name: "running", glyph: '█', style: AnsiColor::Green.on_default() };
const RUNNABLE: Part = Part { name: "runnable", glyph: '▒', style: AnsiColor::Yellow.on_default() };
const SYSCALL: Part = Part { name: "syscall", glyph: '▓', style: AnsiColor::Magenta.on_default() };
const WAITING: Style = AnsiColor::Blue.on_default();

/// The parts that sum to the span's duration, with their times in nanoseconds, those that are 0 left out.
pub(crate) fn parts(anatomy: &Anatomy) -> impl Iterator<Item = (Part, u64)> {
    let waiting = Waiting::ALL.into_iter().zip(anatomy.waiting_for);
    let waiting =
        waiting.map(|(reason, time)| (Part { name: name(reason), glyph: '░', style: WAITING }, time));
    [(RUNNING, anatomy.running), (RUNNABLE, anatomy.runnable), (SYSCALL, anatomy.syscall)]
        .into_iter()
        .chain(waiting)
        .filter(|&(_, time)| time > 0)
}

fn name(reason: Waiting) -> &'static str {
    match reason {
        Waiting::Network => "waiting for the network",
        Waiting::Sync => "waiting to synchronise",
        Waiting::Channel => "waiting for a channel",
        Waiting::Select => "waiting in a select",
        Waiting::Sleep => "sleeping",
        Waiting::Gc => "waiting for the garbage collector",
        _ => "waiting for something else",
    }
}

/// A bar of a fixed width, and the figures.
pub(crate) struct Bar<'a>(pub(crate) &'a Anatomy);

/// Cells of a bar.
const WIDTH: u64 = 10;

impl fmt::Display for Bar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole: u64 = parts(self.0).map(|(_, time)| time).sum();
        let (mut before, mut cells) = (0, 0);
        for (part, time) in parts(self.0) {
            before += time;
            // Where a part ends, rounded to the nearest cell, so that the last one ends at the last.
            let end = (u128::from(before) * u128::from(2 * WIDTH) / u128::from(whole)).div_ceil(2) as u64;
            let style = part.style;
            write!(f, "{style}")?;
            for _ in cells..end {
                write!(f, "{}", part.glyph)?;
            }
            write!(f, "{style:#}")?;
            cells = end;
        }
        for (count, (part, time)) in parts(self.0).enumerate() {
            let separator = if count == 0 { " " } else { " · " };
            let Part { name, style, .. } = part;
            write!(f, "{separator}{style}{}{style:#} {name}", Duration(time))?;
        }
        if self.0.gc_assist > 0 {
            write!(f, ", of it {} assisting the garbage collector", Duration(self.0.gc_assist))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(anatomy: &Anatomy) -> String {
        anstream::adapter::strip_str(&Bar(anatomy).to_string()).to_string()
    }

    #[test]
    fn bars_have_ten_cells() {
        let mut anatomy = Anatomy::default();
        anatomy.running = 1;
        assert_eq!(bar(&anatomy), "██████████ 1 ns running");
        anatomy.running = 500_000;
        anatomy.runnable = 200_000;
        anatomy.syscall = 100_000;
        anatomy.waiting_for[Waiting::Network as usize] = 150_000;
        anatomy.waiting_for[Waiting::Sleep as usize] = 50_000;
        anatomy.gc_assist = 1_000;
        assert_eq!(
            bar(&anatomy),
            "█████▒▒▓░░ 500 µs running · 200 µs runnable · 100 µs syscall · 150 µs waiting for the network · \
             50.0 µs sleeping, of it 1.00 µs assisting the garbage collector"
        );
        for number in 1..2_000 {
            anatomy.running = number * 997;
            anatomy.runnable = number * number;
            let cells = bar(&anatomy).chars().take_while(|&cell| "█▒▓░".contains(cell)).count();
            assert_eq!(cells, 10, "{anatomy:?}");
        }
        anatomy.running = u64::MAX / 2;
        assert_eq!(bar(&anatomy).chars().take_while(|&cell| cell == '█').count(), 10);
    }
}
