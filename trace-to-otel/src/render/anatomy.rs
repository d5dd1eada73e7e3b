//! How a span's time splits, as people read it.

use std::fmt;

use anstyle::{AnsiColor, Style};

use super::theme::Theme;
use crate::{
    anatomy::{Anatomy, Waiting},
    display::DisplayDuration,
};

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    name: &'static str,
    glyph: char,
    style: Style,
}

/// How many parts there are.
pub(super) const PARTS: usize = 3 + Waiting::ALL.len();

const RUNNING: Style = AnsiColor::Green.on_default();
const RUNNABLE: Style = AnsiColor::Yellow.on_default();
const SYSCALL: Style = AnsiColor::Magenta.on_default();
const WAITING: Style = AnsiColor::Blue.on_default();

const ALL: [Part; PARTS] = [
    Part { name: "running", glyph: '█', style: RUNNING },
    Part { name: "runnable", glyph: '▒', style: RUNNABLE },
    Part { name: "in system calls", glyph: '▓', style: SYSCALL },
    Part { name: "waiting for the network", glyph: '░', style: WAITING },
    Part { name: "waiting to synchronise", glyph: '▚', style: WAITING },
    Part { name: "waiting for a channel", glyph: '▞', style: WAITING },
    Part { name: "waiting in a select", glyph: '╳', style: WAITING },
    Part { name: "sleeping", glyph: '~', style: WAITING },
    Part { name: "waiting for the garbage collector", glyph: '╬', style: WAITING },
    Part { name: "waiting for something else", glyph: '─', style: WAITING },
];

/// What the parts are called.
pub(super) fn names() -> [&'static str; PARTS] {
    ALL.map(|part| part.name)
}

/// The times of the parts in nanoseconds, which sum to the span's duration.
pub(super) fn times(anatomy: &Anatomy) -> [u64; PARTS] {
    let mut times = [0; PARTS];
    times[..3].copy_from_slice(&[anatomy.running, anatomy.runnable, anatomy.syscall]);
    times[3..].copy_from_slice(&anatomy.waiting_for);
    times
}

/// The parts with their times, those that are 0 left out.
fn parts(anatomy: &Anatomy) -> impl Iterator<Item = (Part, u64)> {
    ALL.into_iter().zip(times(anatomy)).filter(|&(_, time)| time > 0)
}

/// How a span's time splits: a bar of ten cells, and the figures, each behind what it fills the bar with.
///
/// ```
/// use trace_to_otel::{Anatomy, render::AnatomyBar};
///
/// let mut anatomy = Anatomy::default();
/// (anatomy.running, anatomy.syscall) = (6_000_000, 4_000_000);
/// let shown = AnatomyBar::new(&anatomy).to_string();
/// assert_eq!(shown, "██████▓▓▓▓ █ 6.00 ms running ▓ 4.00 ms in system calls");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AnatomyBar<'a> {
    anatomy: &'a Anatomy,
    theme: Theme,
}

impl<'a> AnatomyBar<'a> {
    /// The bar of an anatomy, without colours.
    #[must_use]
    pub const fn new(anatomy: &'a Anatomy) -> Self {
        Self { anatomy, theme: Theme::new(false) }
    }

    /// What the parts are called, each with its time in nanoseconds, those that are 0 included.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        names().into_iter().zip(times(self.anatomy))
    }

    /// The same with or without colours, by escape sequences of ANSI.
    #[must_use]
    pub const fn with_colors(self, colors: bool) -> Self {
        Self { theme: Theme::new(colors), ..self }
    }
}

/// Cells of a bar.
const WIDTH: u64 = 10;

impl fmt::Display for AnatomyBar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole: u64 = parts(self.anatomy).map(|(_, time)| time).sum();
        let (mut before, mut cells) = (0, 0);
        for (part, time) in parts(self.anatomy) {
            before += time;
            // Where a part ends, rounded to the nearest cell, so that the last one ends at the last.
            let end = (u128::from(before) * u128::from(2 * WIDTH) / u128::from(whole)).div_ceil(2) as u64;
            if cells < end {
                let (style, glyph) = (self.theme.style(part.style), part.glyph.to_string());
                write!(f, "{style}{}{style:#}", glyph.repeat((end - cells) as usize))?;
            }
            cells = end;
        }
        for (part, time) in parts(self.anatomy) {
            let (Part { name, glyph, .. }, style) = (part, self.theme.style(part.style));
            write!(f, " {style}{glyph} {}{style:#} {name}", DisplayDuration(time))?;
        }
        if self.anatomy.gc_assist > 0 {
            write!(f, ", of it {} assisting the garbage collector", DisplayDuration(self.anatomy.gc_assist))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(anatomy: &Anatomy) -> String {
        AnatomyBar::new(anatomy).to_string()
    }

    #[test]
    fn names_are_those_of_the_reasons() {
        let words = ["network", "synchronise", "channel", "select", "sleeping", "garbage", "else"];
        let keys = ["network", "sync", "channel", "select", "sleep", "gc", "other"];
        for (index, reason) in Waiting::ALL.into_iter().enumerate() {
            assert!(ALL[3 + index].name.contains(words[index]), "{reason:?}");
            assert!(reason.key().ends_with(keys[index]), "{reason:?}");
        }
    }

    #[test]
    fn parts_can_be_told_apart_without_colours() {
        let glyphs: std::collections::HashSet<_> = ALL.iter().map(|part| part.glyph).collect();
        assert_eq!(glyphs.len(), PARTS);
    }

    #[test]
    fn bars_have_ten_cells() {
        let mut anatomy = Anatomy { running: 1, ..Anatomy::default() };
        assert_eq!(bar(&anatomy), "██████████ █ 1 ns running");
        anatomy.running = 500_000;
        anatomy.runnable = 200_000;
        anatomy.syscall = 100_000;
        anatomy.waiting_for[Waiting::Network as usize] = 150_000;
        anatomy.waiting_for[Waiting::Sleep as usize] = 50_000;
        anatomy.gc_assist = 1_000;
        assert_eq!(
            bar(&anatomy),
            "█████▒▒▓░░ █ 500 µs running ▒ 200 µs runnable ▓ 100 µs in system calls ░ 150 µs waiting for the network \
             ~ 50.0 µs sleeping, of it 1.00 µs assisting the garbage collector"
        );
        for number in 1..2_000 {
            anatomy.running = number * 997;
            anatomy.runnable = number * number;
            let cells = bar(&anatomy).chars().take_while(|&cell| cell != ' ').count();
            assert_eq!(cells, 10, "{anatomy:?}");
        }
        anatomy.running = u64::MAX / 2;
        assert_eq!(bar(&anatomy).chars().take_while(|&cell| cell == '█').count(), 10);
    }
}
