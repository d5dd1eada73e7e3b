//! Overlapping snapshots of one process: which generations have been delivered.
//!
//! A flight recorder's snapshot holds whole generations, and repeats those that an earlier one holds too byte for
//! byte. See [`Reader::follow`](crate::Reader::follow).

use std::collections::VecDeque;

use crate::{
    generation::Generation,
    generation_key::GenerationKey,
    process::{Continuity, ProcessMark},
    threads::Threads,
};

/// How many generations are remembered: far more than a flight recorder's ring buffer holds.
const REMEMBERED: usize = 1 << 10;

/// The generations that were delivered so far, the last ones by name.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    last: VecDeque<GenerationKey>,
    /// The threads of the very last one.
    threads: Threads,
    /// Whether something of the trace under way was delivered.
    is_within: bool,
}

/// What to do with a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Deliver it.
    New {
        continuity: Continuity,
        /// Whether it is the first that is delivered of its trace.
        is_first: bool,
    },
    /// It was delivered already.
    Repeated,
}

impl Delivered {
    /// Another trace begins.
    pub(crate) fn begin_trace(&mut self) {
        self.is_within = false;
    }

    /// The last generation was not delivered to its end, and will be again.
    pub(crate) fn forget_last(&mut self) {
        self.last.pop_back();
    }

    /// A generation of the trace is left out: what comes next follows on nothing.
    pub(crate) fn leave_out(&mut self) {
        self.last.clear();
        self.threads = Threads::default();
    }

    /// Looks at a generation that has been read, and remembers it.
    pub(crate) fn admit(&mut self, generation: &Generation<'_>) -> Admission {
        let mark = generation.process_mark();
        // Within one trace nothing repeats, and what is missing is for the rules to say.
        if !self.is_within && self.last.contains(&mark.key) {
            return Admission::Repeated;
        }
        let last = self.last.back().map(|&last| ProcessMark::new(last, core::mem::take(&mut self.threads)));
        let continuity = match (self.is_within, last) {
            (true, Some(last)) if mark.key.goes_on_from(&last.key) => Continuity::Next,
            (true, _) => Continuity::Gap,
            (false, _) if generation.starts_recording() => Continuity::Start,
            (false, Some(last)) if mark.follows(&last) => Continuity::Next,
            (false, Some(last)) if mark.is_later_in_process_of(&last) => Continuity::Gap,
            (false, _) => Continuity::Begin,
        };
        let is_first = !core::mem::replace(&mut self.is_within, true);
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(mark.key);
        self.threads = mark.threads;
        Admission::New { continuity, is_first }
    }
}
