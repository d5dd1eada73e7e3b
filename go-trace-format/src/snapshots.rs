//! Overlapping snapshots of one process: which generations have been delivered.
//!
//! A flight recorder's snapshot holds whole generations, and repeats those that an earlier one holds too byte for
//! byte. See [`Reader::follow`](crate::Reader::follow).

use std::collections::VecDeque;

use crate::generation::Generation;

/// How many generations are remembered: far more than a flight recorder's ring buffer holds.
const REMEMBERED: usize = 1 << 10;

/// The generations that were delivered so far, the last ones by name.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    last: VecDeque<Key>,
    /// Whether the next generation may be another than the one after the last: at the beginning of a snapshot.
    pub(crate) is_gap_allowed: bool,
}

/// What tells generations apart, also those of two processes that were mixed up: number and start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    number: u64,
    start: i64,
}

/// What to do with a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Deliver it: it follows the last.
    Next,
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

    /// Looks at a generation that has been read, and remembers it.
    pub(crate) fn admit(&mut self, generation: &Generation<'_>) -> Admission {
        let key = Key { number: generation.number(), start: generation.start_time().0 };
        // Within one trace nothing repeats, and what is missing is for the rules to say.
        let last = self.last.back().filter(|_| self.is_gap_allowed);
        let admission = match last {
            None => Admission::Next,
            Some(_) if self.last.contains(&key) => return Admission::Repeated,
            Some(last) if last.number.wrapping_add(1) == key.number => Admission::Next,
            Some(_) => Admission::Gap,
        };
        self.is_gap_allowed = false;
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(key);
        admission
    }
}
