//! Which times a generation may say, where numbers may be damaged.
//!
//! Every batch has a time of its own, so that a damaged one is alone with what it says: the others bear each other out.

use core::ops::RangeInclusive;

use crate::tables::Time;

/// How long nothing at all may be recorded within a generation, in nanoseconds, before what only one batch tells of the time
/// behind it is taken for damage: over eighteen minutes, where Go begins a generation every second.
const SILENCE: i64 = 1 << 40;

/// The times that a generation may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    first: i64,
    last: i64,
}

/// A time that a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Witness {
    pub(crate) time: Time,
    /// Which batch of events. None for one of a table, which nothing but its time is known of.
    pub(crate) batch: Option<u32>,
}

impl Times {
    /// Whatever the trace says, as the reference has it.
    pub(crate) const ANY: Self = Self { first: i64::MIN, last: i64::MAX };

    /// Those about which batches agree. None where some batch is alone with what it says.
    pub(crate) fn agreed(batches: impl Iterator<Item = Time> + Clone) -> Option<Self> {
        let (earliest, latest) = (batches.clone().min()?.0, batches.max()?.0);
        let agree = earliest >= 0 && latest - earliest <= SILENCE;
        agree.then(|| Self::around(earliest, latest))
    }

    /// Those that are borne out: by two batches of events, or one and a table, or else by most of them.
    pub(crate) fn borne_out(mut witnesses: Vec<Witness>) -> Self {
        witnesses.retain(|witness| witness.time.0 >= 0);
        witnesses.sort_unstable();
        let near = |a: &Witness, b: &Witness| b.time.0 - a.time.0 <= SILENCE;
        let groups = || witnesses.chunk_by(near).map(|group| (weight(group), group));
        let heaviest = groups().map(|(weight, _)| weight).max().unwrap_or_default();
        let mut believed = groups().filter(|&((events, tables), _)| {
            events > 1 || (events == 1 && tables > 0) || (events, tables) == heaviest
        });
        let Some((_, first)) = believed.next() else { return Self::around(0, 0) };
        let last = believed.next_back().map_or(first, |(_, last)| last);
        Self::around(first[0].time.0, last[last.len() - 1].time.0)
    }

    fn around(earliest: i64, latest: i64) -> Self {
        Self { first: earliest.saturating_sub(SILENCE).max(0), last: latest.saturating_add(SILENCE) }
    }

    #[inline]
    pub(crate) fn contains(&self, time: Time) -> bool {
        self.range().contains(&time.0)
    }

    #[inline]
    pub(crate) fn range(&self) -> RangeInclusive<i64> {
        self.first..=self.last
    }
}

/// How many batches of events are in a group of times that are near each other, and how many of tables.
fn weight(group: &[Witness]) -> (usize, usize) {
    let mut events: Vec<u32> = group.iter().filter_map(|witness| witness.batch).collect();
    let tables = group.len() - events.len();
    events.sort_unstable();
    events.dedup();
    (events.len(), tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn times(witnesses: &[(i64, Option<u32>)]) -> Times {
        let witness = |&(time, batch)| Witness { time: Time(time), batch };
        Times::borne_out(witnesses.iter().map(witness).collect())
    }

    #[test]
    fn one_batch_alone_is_not_believed() {
        let times = times(&[(5, None), (10, Some(0)), (20, Some(1)), (HOUR, Some(2)), (HOUR + 1, Some(2))]);
        assert!(times.contains(Time(20)));
        assert!(!times.contains(Time(HOUR)));
    }

    #[test]
    fn a_pause_that_others_tell_of_is_believed() {
        // A thread goes on after an hour, and the tables are written then.
        let times = times(&[(5, None), (10, Some(0)), (HOUR, Some(0)), (HOUR + 1, None)]);
        assert!(times.contains(Time(HOUR + 2)));
    }

    #[test]
    fn tables_decide_between_two_batches() {
        let times = times(&[(10, Some(0)), (9 * HOUR, Some(1)), (9 * HOUR + 1, None)]);
        assert!(times.contains(Time(9 * HOUR)));
        assert!(!times.contains(Time(10)));
    }

    #[test]
    fn no_time_is_negative() {
        let times = times(&[(i64::MIN, Some(0)), (i64::MIN, Some(1)), (7, Some(2))]);
        assert!(times.contains(Time(7)));
        assert!(!times.contains(Time(-1)));
    }

    #[test]
    fn what_is_near_needs_no_second_look() {
        assert!(Times::agreed([Time(3), Time(900)].into_iter()).is_some());
        assert_eq!(Times::agreed([Time(3), Time(2 * HOUR)].into_iter()), None);
        assert_eq!(Times::agreed(core::iter::empty()), None);
    }
}
