//! Lanes: spans that overlap without being nested must not be on one track.

use std::collections::VecDeque;

use go_trace_context::SpanId;

use crate::span::UnixTime;

/// The lanes of a goroutine, or of spans that have none. Spans come in about the order in which they end.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    lanes: Vec<Lane<T>>,
    /// How many there have been.
    count: u32,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: Vec::new(), count: 0 }
    }
}

#[derive(Debug)]
struct Lane<T> {
    track: T,
    /// The outermost slices, which do not overlap, in the order of their times.
    slices: VecDeque<Placed>,
}

/// A slice that is on a lane, or several that became one.
#[derive(Clone, Copy, Debug)]
struct Placed {
    start: UnixTime,
    end: UnixTime,
    /// The parents of the span, where that decides what it may be within.
    parent: Nesting,
}

/// What a slice may be shown within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nesting {
    /// In any that encloses it: what is nested on a goroutine is nested in truth.
    ByTime,
    /// In its parent only. The first id is its own.
    ByParent(SpanId, Option<SpanId>),
}

/// Slices of one lane that are remembered. Beyond, the oldest two become one.
const MOST_SLICES: usize = 64;

/// Lanes that are looked at. Beyond, the oldest is given up, and its track is never used again.
const MOST_LANES: usize = 128;

impl<T: Copy> Lanes<T> {
    /// The track for a slice: one on which it overlaps nothing but what it encloses. `open` makes another one, given
    /// how many there have been.
    pub(super) fn place<E>(
        &mut self,
        start: UnixTime,
        end: UnixTime,
        nesting: Nesting,
        open: impl FnOnce(u32) -> Result<T, E>,
    ) -> Result<T, E> {
        let slice = Placed { start, end, parent: nesting };
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.takes(slice)) {
            lane.put(slice);
            return Ok(lane.track);
        }
        let track = open(self.count)?;
        self.count += 1;
        if self.lanes.len() == MOST_LANES {
            self.lanes.remove(0);
        }
        self.lanes.push(Lane { track, slices: VecDeque::from([slice]) });
        Ok(track)
    }
}

impl<T> Lane<T> {
    /// Whether the slice follows on, precedes or encloses each of those that are there.
    fn takes(&self, slice: Placed) -> bool {
        // Only the latest are in the way of most slices.
        for &other in self.slices.iter().rev() {
            if other.end <= slice.start {
                return true;
            }
            // At one and the same time what was drawn first comes first, and would be the outer one.
            let precedes = slice.end < other.start;
            let encloses = slice.start < other.start && other.end <= slice.end && other.is_child_of(slice);
            if !precedes && !encloses {
                return false;
            }
        }
        true
    }

    fn put(&mut self, slice: Placed) {
        let from = self.slices.partition_point(|other| other.start < slice.start);
        let to = self.slices.partition_point(|other| other.end <= slice.end);
        // Those that it encloses; where it encloses none, it comes before those that begin after it.
        self.slices.drain(from..to.max(from));
        self.slices.insert(from, slice);
        if self.slices.len() > MOST_SLICES {
            self.merge_oldest();
        }
    }

    fn merge_oldest(&mut self) {
        let (Some(first), Some(second)) = (self.slices.pop_front(), self.slices.front_mut()) else { return };
        second.start = first.start;
        // Nothing may enclose several that need not have the same parent.
        if let Nesting::ByParent(id, _) = second.parent {
            second.parent = Nesting::ByParent(id, None);
        }
    }
}

impl Placed {
    fn is_child_of(&self, other: Self) -> bool {
        match (self.parent, other.parent) {
            (Nesting::ByParent(_, parent), Nesting::ByParent(id, _)) => parent == Some(id),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::span_id;

    fn place(lanes: &mut Lanes<u32>, start: u64, end: u64) -> u32 {
        let open = |count| Ok::<_, std::convert::Infallible>(count);
        let Ok(lane) = lanes.place(UnixTime(start), UnixTime(end), Nesting::ByTime, open);
        lane
    }

    #[test]
    fn what_follows_or_encloses_stays_on_the_lane() {
        let mut lanes = Lanes::default();
        for (start, end) in [(10, 20), (20, 30), (5, 40), (50, 60), (45, 60), (41, 42), (1, 90)] {
            assert_eq!(place(&mut lanes, start, end), 0, "{start}..{end}");
        }
    }

    #[test]
    fn what_overlaps_or_begins_at_the_same_time_does_not() {
        let mut lanes = Lanes::default();
        let slices = [(10, 20, 0), (15, 25, 1), (10, 30, 1), (16, 35, 2), (9, 36, 0), (30, 36, 1), (2, 9, 1)];
        for (start, end, lane) in slices {
            assert_eq!(place(&mut lanes, start, end), lane, "{start}..{end}");
        }
    }

    #[test]
    fn spans_without_goroutine_are_nested_in_their_parents_only() {
        let mut lanes = Lanes::default();
        let mut place = |id, parent: u64, start, end| {
            let nesting = Nesting::ByParent(span_id(id), (parent > 0).then(|| span_id(parent)));
            let open = |count| Ok::<_, std::convert::Infallible>(count);
            let Ok(lane) = lanes.place(UnixTime(start), UnixTime(end), nesting, open);
            lane
        };
        assert_eq!(place(2, 1, 10, 20), 0);
        assert_eq!(place(3, 9, 5, 30), 1, "not the parent");
        assert_eq!(place(1, 0, 5, 40), 0, "the parent");
    }

    /// Whatever comes, a viewer that reads it gets each slice's own begin and end.
    #[test]
    fn tracks_are_always_nested() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut slices: Vec<_> = (0..4000)
            .map(|_| {
                let start = random(3000);
                (start, start + random(if start % 17 == 0 { 2000 } else { 20 }))
            })
            .collect();
        slices.sort_by_key(|&(start, end)| (end, std::cmp::Reverse(start)));
        let mut lanes = Lanes::default();
        let mut next = 0;
        let mut events = Vec::new();
        for (number, (start, end)) in slices.into_iter().enumerate() {
            let open = |_| {
                Ok::<_, std::convert::Infallible>({
                    next += 1;
                    next
                })
            };
            let Ok(track) = lanes.place(UnixTime(start), UnixTime(end), Nesting::ByTime, open);
            events.extend([(start, Some(number), track, number), (end, None, track, number)]);
        }
        // As a viewer reads it: by time, otherwise in the order of the file.
        events.sort_by_key(|event| event.0);
        let mut open = std::collections::HashMap::<_, Vec<_>>::new();
        for (time, begun, track, number) in events {
            let stack = open.entry(track).or_default();
            match begun {
                Some(number) => stack.push(number),
                None => assert_eq!(stack.pop(), Some(number), "at {time} on {track}"),
            }
        }
        assert!(open.values().all(Vec::is_empty));
    }
}
