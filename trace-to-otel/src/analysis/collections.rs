//! What the garbage collector did, and for how long the world was stopped.

use crate::{analysis::Distribution, span::UnixTime};

/// The garbage collections of a recording, and all pauses.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Collections {
    /// From the begin of marking to its end, of the cycles whose marking was recorded from begin to end.
    pub marking: Distribution,
    /// How many ended of those that had begun before.
    pub earlier: u64,
    /// How long goroutines helped, each time.
    pub assists: Distribution,
    /// How long the world was stopped, by reason, as the runtime names it: `GC mark termination`. Go: `runtime.stwReason`.
    pub pauses: Vec<(Box<str>, Distribution)>,
    /// The size of the heap at which a collection should end, in bytes, as far as the trace tells.
    pub heap_goal: Option<Extent>,
    /// Bytes in heap objects, likewise.
    pub heap_objects: Option<Extent>,
    /// The first of them in time, 1,024 at most.
    pub cycles: Vec<Cycle>,
}

/// One garbage collection, from the begin of its marking to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cycle {
    /// When marking began.
    pub start: UnixTime,
    /// How long it took, in nanoseconds.
    pub duration: u64,
    /// For how long the world was stopped for it, in nanoseconds.
    pub pauses: u64,
    /// How long goroutines helped in it, in nanoseconds: those that were done helping before the next one.
    pub assists: u64,
    /// The size of the heap at which it should end, in bytes; 0 where the trace does not tell.
    pub heap_goal: u64,
}

/// From where to where a number went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extent {
    /// The least.
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

/// How many cycles are kept.
const MOST_CYCLES: usize = 1_024;
/// How many reasons for stopping the world: the runtime has some twenty.
const MOST_REASONS: usize = 64;

impl Extent {
    fn include(extent: &mut Option<Self>, value: u64) {
        let Self { min, max } = extent.unwrap_or(Self { min: value, max: value });
        *extent = Some(Self { min: min.min(value), max: max.max(value) });
    }

    fn merge(extent: &mut Option<Self>, other: Option<Self>) {
        if let Some(other) = other {
            Self::include(extent, other.min);
            Self::include(extent, other.max);
        }
    }
}

/// Whether a reason for stopping the world is the garbage collector's. Go: `runtime.stwReason.isGC`.
fn is_of_collector(reason: &str) -> bool {
    reason.starts_with("GC ")
}

impl Collections {
    /// How many collections ended.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.marking.count().saturating_add(self.earlier)
    }

    /// All pauses: for the garbage collector, or for anything else.
    #[must_use]
    pub fn pauses_of(&self, of_collector: bool) -> Distribution {
        let mut all = Distribution::new();
        let of_kind = self.pauses.iter().filter(|(reason, _)| is_of_collector(reason) == of_collector);
        of_kind.for_each(|(_, pauses)| all.merge(pauses));
        all
    }

    fn pauses_for(&mut self, reason: &str) -> &mut Distribution {
        let known = self.pauses.iter().position(|(known, _)| **known == *reason);
        let place = known.or_else(|| (self.pauses.len() >= MOST_REASONS).then_some(MOST_REASONS - 1));
        let place = place.unwrap_or_else(|| {
            let reason = if self.pauses.len() == MOST_REASONS - 1 { "other" } else { reason };
            self.pauses.push((reason.into(), Distribution::new()));
            self.pauses.len() - 1
        });
        &mut self.pauses[place].1
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.marking.merge(&other.marking);
        self.earlier = self.earlier.saturating_add(other.earlier);
        self.assists.merge(&other.assists);
        other.pauses.iter().for_each(|(reason, pauses)| self.pauses_for(reason).merge(pauses));
        Extent::merge(&mut self.heap_goal, other.heap_goal);
        Extent::merge(&mut self.heap_objects, other.heap_objects);
        self.cycles.extend(&other.cycles);
        self.sort();
        self.cycles.truncate(MOST_CYCLES);
    }

    /// Puts cycles of several recordings in their order.
    pub(super) fn sort(&mut self) {
        self.cycles.sort_by_key(|cycle| cycle.start);
    }

    /// Keeps one more and tells its place, if there are not too many.
    fn keep(&mut self, cycle: Cycle) -> Option<usize> {
        let place = self.cycles.len();
        (place < MOST_CYCLES).then(|| {
            self.cycles.push(cycle);
            place
        })
    }
}

/// Follows the collections of a recording.
#[derive(Debug, Default)]
pub(super) struct Collecting {
    pub(super) collections: Collections,
    /// The cycle under way, or the one that comes next, with what has been counted for it; its start is 0 where it was not seen.
    cycle: Cycle,
    /// Whether it is under way.
    is_marking: bool,
    /// Where the one is kept that ended last, if it is and no gap has followed.
    ended: Option<usize>,
    /// The heap goal that holds when the window begins; 0 where there is none.
    earlier_goal: u64,
}

impl Collecting {
    pub(super) fn begin(&mut self, time: UnixTime) {
        self.cycle.start = time;
        self.is_marking = true;
    }

    pub(super) fn end(&mut self, time: UnixTime) {
        let cycle = std::mem::take(&mut self.cycle);
        self.cycle.heap_goal = cycle.heap_goal;
        if std::mem::take(&mut self.is_marking) {
            let duration = time.0.saturating_sub(cycle.start.0);
            self.collections.marking.add(duration);
            self.ended = self.collections.keep(Cycle { duration, ..cycle });
        } else {
            self.collections.earlier += 1;
            self.ended = None;
        }
    }

    /// What begins behind a gap is another cycle. `is_counted` says whether any part of what was before it counts.
    pub(super) fn break_off(&mut self, is_counted: bool) {
        if is_counted && self.earlier_goal != 0 {
            Extent::include(&mut self.collections.heap_goal, self.earlier_goal);
        }
        (self.cycle, self.is_marking, self.ended, self.earlier_goal) = (Cycle::default(), false, None, 0);
    }

    /// The one that has ended, for what ends behind its end; none where it is not kept.
    fn ended(&mut self) -> Option<&mut Cycle> {
        self.collections.cycles.get_mut(self.ended?)
    }

    pub(super) fn assist(&mut self, nanoseconds: u64) {
        self.collections.assists.add(nanoseconds);
        // The last ones are done when marking has ended.
        let cycle = if self.is_marking { Some(&mut self.cycle) } else { self.ended() };
        if let Some(cycle) = cycle {
            cycle.assists = cycle.assists.saturating_add(nanoseconds);
        }
    }

    /// The world was stopped, for a reason such as `stop-the-world (GC mark termination)`.
    pub(super) fn stop(&mut self, reason: &str, nanoseconds: u64) {
        let inner = reason.strip_prefix("stop-the-world (").and_then(|reason| reason.strip_suffix(')'));
        let reason = inner.unwrap_or(reason);
        self.collections.pauses_for(reason).add(nanoseconds);
        if !is_of_collector(reason) {
            return;
        }
        // The one that ends marking goes on when that has ended, and the one that begins it may come before.
        let is_of_next = self.is_marking || reason != "GC mark termination";
        let cycle = if is_of_next { Some(&mut self.cycle) } else { self.ended() };
        if let Some(cycle) = cycle {
            cycle.pauses = cycle.pauses.saturating_add(nanoseconds);
        }
    }

    pub(super) fn heap_goal(&mut self, bytes: u64) {
        // That is how the runtime says that there is none, by `GOGC=off`. Go: `traceLocker.HeapGoal`.
        if bytes != 0 {
            self.cycle.heap_goal = bytes;
            Extent::include(&mut self.collections.heap_goal, bytes);
        }
    }

    /// Before the window: a recording that begins there tells of the goal that holds. Go: `runtime.StartTrace`.
    pub(super) fn earlier_heap_goal(&mut self, bytes: u64) {
        (self.cycle.heap_goal, self.earlier_goal) = (bytes, bytes);
    }

    pub(super) fn heap_objects(&mut self, bytes: u64) {
        Extent::include(&mut self.collections.heap_objects, bytes);
    }
}
