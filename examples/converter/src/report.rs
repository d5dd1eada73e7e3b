//! What is told on standard error.

use anstyle::{AnsiColor, Style};
use go_trace_format::Losses;
use trace_to_otel::{Counters, StackCounters, VolumeCounters, profiles::Profiles};

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

/// Something worth knowing that is nothing wrong.
pub(crate) fn note(text: impl std::fmt::Display) {
    anstream::eprintln!("{text}");
}

/// Which operations the stacks of a trace have told of.
pub(crate) fn found_in_stacks(name: &str, counters: &StackCounters) {
    let mut found: Vec<_> =
        counters.found().map(|(count, what)| format!("{} {what}", grouped(count))).collect();
    match found.first_mut() {
        // Requests are the first, where there are any.
        Some(first) => {
            first.push_str(" from stacks");
            first.push_str(&less_known(counters));
            note(format_args!("{name}: {}", found.join(", ")));
        }
        None if counters.spans_of_program == 0 => note(format_args!(
            "{name}: its stacks tell of no request, call or query, and there is no task or region in it; record a service \
             while it is asked something, by /debug/pprof/trace?seconds=5 or a flight recorder"
        )),
        None => {}
    }
}

/// Of how many requests stacks tell less than usual.
fn less_known(counters: &StackCounters) -> String {
    let less =
        [(counters.unnamed_requests, "unnamed"), (counters.earlier_requests, "begun before the recording")];
    let less = less.into_iter().filter(|&(count, _)| count > 0);
    let less: Vec<_> = less.map(|(count, how)| format!("{} {how}", grouped(count))).collect();
    if less.is_empty() { String::new() } else { format!(" ({})", less.join(", ")) }
}

/// A number whose thousands commas set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What is to be told of a trace in one line, and one by one where that is asked for.
pub(crate) struct Notes {
    has_details: bool,
    texts: Vec<String>,
    details: Vec<String>,
    /// Details that are not there.
    others: u64,
}

impl Notes {
    pub(crate) fn new(has_details: bool) -> Self {
        Self { has_details, texts: Vec::new(), details: Vec::new(), others: 0 }
    }

    pub(crate) fn add(&mut self, text: impl std::fmt::Display) {
        self.texts.push(text.to_string());
    }

    /// What the trace has lost: how much, and what the first of it was.
    pub(crate) fn add_losses(&mut self, losses: &Losses) {
        let Some(first) = losses.iter().next() else { return };
        self.add(losses);
        if self.has_details {
            self.details.extend(losses.iter().map(ToString::to_string));
            self.others += losses.count().saturating_sub(losses.iter().count() as u64);
        } else if losses.count() > 1 {
            self.add(format_args!("first: {first} (--details tells more)"));
        } else {
            self.add(first);
        }
    }

    /// What the mapping could not make of it.
    pub(crate) fn add_counters(&mut self, counters: &Counters) {
        for (count, what) in counters.losses() {
            self.add(format_args!("{count} {what}"));
        }
        if counters.clock_steps > 0 {
            let times = if counters.clock_steps == 1 {
                "once".to_owned()
            } else {
                format!("{} times", counters.clock_steps)
            };
            self.add(format_args!("the wall clock was set {times}: spans keep the one of their begin, and durations are the trace clock's"));
        }
    }

    /// Adds what else is to be told of the trace.
    pub(crate) fn extend(&mut self, other: Self) {
        self.texts.extend(other.texts);
        self.details.extend(other.details);
        self.others += other.others;
    }

    pub(crate) fn report(&self, name: &str) {
        if self.texts.is_empty() {
            return;
        }
        warning(name, self.texts.join("; "));
        for detail in &self.details {
            anstream::eprintln!("  {detail}");
        }
        if self.others > 0 {
            anstream::eprintln!("  and {} more", self.others);
        }
    }
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

/// What was left out because the user asked for it.
pub(crate) fn reduction(counters: &VolumeCounters) {
    for (count, what) in counters.losses() {
        anstream::eprintln!("left out as asked: {count} {what}");
    }
}

/// What limits have kept out of profiles.
pub(crate) fn left_out_of_profiles(profiles: &Profiles) {
    profiles.left_out().for_each(note);
}

pub(crate) fn no_clock(name: &str) {
    warning(
        name,
        "holds no wall clock, and nobody knows when it was written: its times count from 1970; see --base-time",
    );
}
