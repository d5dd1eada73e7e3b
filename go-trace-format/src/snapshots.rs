//! Overlapping snapshots of one process: which generations have been delivered.
//!
//! A flight recorder's snapshot holds whole generations, and repeats those that an earlier one holds too byte for
//! byte. See [`Reader::follow`](crate::Reader::follow).

use std::collections::VecDeque;

use crate::{generation::Generation, generation_key::GenerationKey, threads::Threads};

/// How many generations are remembered: far more than a flight recorder's ring buffer holds.
const REMEMBERED: usize = 1 << 10;

/// The generations that were delivered so far, the last ones by name.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    last: VecDeque<GenerationKey>,
    /// The threads of the very last one.
    threads: Threads,
    /// Whether the next generation may be another than the one after the last: at the beginning of a snapshot.
    pub(crate) is_gap_allowed: bool,
}

/// What to do with a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Deliver it.
    Next {
        /// Whether it directly follows the last.
        continues: bool,
    },
    /// Deliver it, but something is missing before it.
    Gap,
    /// It was delivered already.
    Repeated,
}

impl Delivered {
    /// The last generation was not delivered to its end, and will be again.
    pub(crate) fn forget_last(&mut self) {
        self.last.pop_back();
    }

    /// What comes next follows on nothing.
    pub(crate) fn forget_all(&mut self) {
        self.last.clear();
        self.threads = Threads::default();
    }

    /// Looks at a generation that has been read, and remembers it.
    pub(crate) fn admit(&mut self, generation: &Generation<'_>) -> Admission {
        let key = generation.key();
        // Within one trace nothing repeats, and what is missing is for the rules to say.
        if self.is_gap_allowed && self.last.contains(&key) {
            return Admission::Repeated;
        }
        let threads = generation.process_threads();
        let continues = self.last.back().is_some_and(|last| match self.is_gap_allowed {
            true if threads.has_common(&self.threads) => key.goes_on_from(last),
            true => key.follows(last) && threads.may_share_process(&self.threads),
            false => key.goes_on_from(last),
        });
        let is_gap = self.is_gap_allowed && !self.last.is_empty() && !continues;
        self.is_gap_allowed = false;
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(key);
        self.threads = threads;
        if is_gap { Admission::Gap } else { Admission::Next { continues } }
    }
}
