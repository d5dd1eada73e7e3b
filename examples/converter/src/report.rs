//! What is told on standard error.

use anstyle::{AnsiColor, Style};
use go_trace_format::Losses;
use trace_to_otel::{Counters, VolumeCounters};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// More losses than these are only counted.
const MOST_LOSSES: usize = 10;

pub(crate) fn error(error: &anyhow::Error) {
    anstream::eprintln!("{ERROR}error:{ERROR:#} {error:#}");
}

pub(crate) fn warning(name: &str, text: impl std::fmt::Display) {
    anstream::eprintln!("{WARNING}warning:{WARNING:#} {name}: {text}");
}

/// What the trace has lost.
pub(crate) fn losses(name: &str, losses: &Losses) {
    if losses.is_empty() {
        return;
    }
    warning(name, losses);
    some_of(losses.iter(), losses.count());
}

/// What was read but cannot be written.
#[derive(Default)]
pub(crate) struct LeftOut {
    first: Vec<String>,
    count: u64,
}

impl LeftOut {
    pub(crate) fn add(&mut self, what: impl std::fmt::Display) {
        self.count += 1;
        if self.first.len() < MOST_LOSSES {
            self.first.push(what.to_string());
        }
    }

    pub(crate) fn report(&self, name: &str) {
        if self.count > 0 {
            warning(name, "not everything that was read can be written");
            some_of(self.first.iter(), self.count);
        }
    }
}

fn some_of(all: impl Iterator<Item = impl std::fmt::Display>, count: u64) {
    for one in all.take(MOST_LOSSES) {
        anstream::eprintln!("  {one}");
    }
    let others = count.saturating_sub(MOST_LOSSES as u64);
    if others > 0 {
        anstream::eprintln!("  and {others} more");
    }
}

/// What the mapping could not make of it.
pub(crate) fn counters(name: &str, counters: &Counters) {
    for (count, what) in counters.losses() {
        warning(name, format_args!("{count} {what}"));
    }
}

/// What was left out because the user asked for it.
pub(crate) fn reduction(counters: &VolumeCounters) {
    for (count, what) in counters.losses() {
        anstream::eprintln!("left out as asked: {count} {what}");
    }
}

pub(crate) fn no_clock(name: &str) {
    warning(
        name,
        "holds no wall clock, and nobody knows when it was written: its times count from 1970; see --base-time",
    );
}
