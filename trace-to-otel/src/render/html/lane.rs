//! What the runtime did, over the waterfall: garbage collections, and when the world was stopped.

use indexmap::IndexSet;
use serde::Serialize;

use crate::span::{Span, UnixTime};

/// The ranges of all processes, in the order of their starts. Times and durations are nanoseconds.
#[derive(Debug, Default, Serialize)]
pub(super) struct Lane<'a> {
    /// What ranges are called.
    names: Vec<&'a str>,
    /// Of each range the place of its name.
    name: Vec<usize>,
    /// The number of its process.
    process: Vec<usize>,
    /// When it began, counted from the range before it.
    start: Vec<u64>,
    duration: Vec<u64>,
}

impl<'a> Lane<'a> {
    /// Of ranges and the numbers of their processes.
    pub(super) fn new(ranges: impl Iterator<Item = (usize, &'a Span)>, base: UnixTime) -> Self {
        let mut ranges: Vec<_> = ranges.collect();
        ranges.sort_by_key(|(_, range)| (range.start, range.end));
        let mut names: IndexSet<&str, foldhash::fast::RandomState> = IndexSet::default();
        let mut lane = Self::default();
        let mut before = base;
        for (process, range) in ranges {
            lane.process.push(process);
            lane.name.push(names.insert_full(&range.name).0);
            lane.start.push(range.start.0 - before.0);
            lane.duration.push(range.duration_nanos());
            before = range.start;
        }
        lane.names = names.into_iter().collect();
        lane
    }
}
