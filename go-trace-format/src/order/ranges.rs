//! The rules of ranges, of the garbage collector and of metrics.
//!
//! Go: `internal/trace/order.go`, `rangeState`, `advanceGC…`, `advanceGoRange…`, `advanceHeapMetric`.

use smallvec::SmallVec;

use crate::{
    error::Violation,
    order::{Hesitation, Need, Order, Outcome, Step, require, require_user_code},
    spec::EventType,
};

/// A range under way. Go: `rangeType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RangeStart {
    /// The event that begins such ranges.
    start: EventType,
    /// The string id of why the world is stopped; 0 for the others.
    reason: u64,
}

impl RangeStart {
    /// A range that says no reason.
    pub(super) const fn of(start: EventType) -> Self {
        Self { start, reason: 0 }
    }
}

/// The ranges under way on one goroutine or proc.
pub(crate) type Ranges = SmallVec<[RangeStart; 1]>;

/// How many ranges may be under way on one goroutine or proc at once. The world is not stopped twice, so that
/// real traces have two; the reference has no bound, and looks through all of them at each event.
const AT_ONCE: usize = 64;

fn begin(ranges: &mut Ranges, range: RangeStart) -> Result<(), Violation> {
    if ranges.contains(&range) || ranges.len() == AT_ONCE {
        return Err(Violation::RangeAlreadyBegun);
    }
    ranges.push(range);
    Ok(())
}

fn active(ranges: &mut Ranges, range: RangeStart, initial: bool) -> Result<(), Violation> {
    match (initial, ranges.contains(&range)) {
        (true, _) => begin(ranges, range),
        (false, true) => Ok(()),
        (false, false) => Err(Violation::RangeNotBegun),
    }
}

fn end(ranges: &mut Ranges, start: EventType) -> Result<RangeStart, Violation> {
    let index = ranges.iter().position(|range| range.start == start).ok_or(Violation::RangeNotBegun)?;
    Ok(ranges.swap_remove(index))
}

/// The garbage collector: whether it runs, and its sequence number. Go: `ordering.gcState`, `gcSeq`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gc {
    sequence: u64,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Undetermined,
    NotRunning,
    Running,
}

impl Gc {
    /// The sequence number of the collection that is under way.
    #[cfg(feature = "write")]
    pub(super) fn running(&self) -> Option<u64> {
        (self.phase == Phase::Running).then_some(self.sequence)
    }

    fn is_next(&self, sequence: u64) -> bool {
        sequence == self.sequence.wrapping_add(1)
    }

    fn set(&mut self, sequence: u64, phase: Phase) {
        *self = Self { sequence, phase };
    }

    /// Makes the event's sequence number the next one, and the phase such that the event may happen.
    pub(super) fn reconcile(&mut self, event_type: EventType, sequence: u64) {
        let phase = if event_type == EventType::GcBegin { Phase::NotRunning } else { Phase::Running };
        self.set(sequence.wrapping_sub(1), phase);
    }
}

impl Order {
    pub(super) fn gc_active(&mut self, step: &mut Step<'_>) -> Outcome {
        let sequence = step.argument(0);
        if self.is_initial(step) {
            if self.gc.phase != Phase::Undetermined {
                return Err(Violation::WrongGcState.into());
            }
            self.gc.set(sequence, Phase::Running);
            return Ok(());
        }
        if !self.gc.is_next(sequence) {
            return Err(Hesitation::Waits);
        }
        if self.gc.phase != Phase::Running {
            return Err(Violation::WrongGcState.into());
        }
        require_user_code(step)?;
        self.gc.set(sequence, Phase::Running);
        Ok(())
    }

    pub(super) fn gc_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        let sequence = step.argument(0);
        if self.gc.phase != Phase::Undetermined {
            if !self.gc.is_next(sequence) {
                return Err(Hesitation::Waits);
            }
            if self.gc.phase == Phase::Running {
                return Err(Violation::WrongGcState.into());
            }
            require_user_code(step)?;
        }
        self.gc.set(sequence, Phase::Running);
        Ok(())
    }

    pub(super) fn gc_end(&mut self, step: &mut Step<'_>) -> Outcome {
        let sequence = step.argument(0);
        if !self.gc.is_next(sequence) {
            return Err(Hesitation::Waits);
        }
        if self.gc.phase != Phase::Running {
            return Err(Violation::WrongGcState.into());
        }
        require_user_code(step)?;
        self.gc.set(sequence, Phase::NotRunning);
        Ok(())
    }

    /// `HeapAlloc` and `HeapGoal`.
    #[inline]
    pub(super) fn heap_metric(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Present, Need::Either)?;
        Ok(())
    }

    /// Events of the allocation experiment.
    #[inline]
    pub(super) fn alloc_free(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Either, Need::Either)?;
        Ok(())
    }

    pub(super) fn sweep_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Present, Need::Either)?;
        let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
        begin(&mut proc.ranges, RangeStart::of(EventType::GcSweepBegin))?;
        Ok(())
    }

    pub(super) fn sweep_active(&mut self, step: &mut Step<'_>) -> Outcome {
        let slot = self.procs.look_up(step.argument(0) as i64).ok_or(Violation::Unknown)?;
        let initial = self.is_initial(step);
        let range = RangeStart::of(EventType::GcSweepBegin);
        active(&mut self.procs.get_mut(slot).ranges, range, initial)?;
        Ok(())
    }

    pub(super) fn sweep_end(&mut self, step: &mut Step<'_>) -> Outcome {
        require(step, Need::Present, Need::Either)?;
        let (_, proc) = self.held_proc().ok_or(Violation::Unknown)?;
        end(&mut proc.ranges, EventType::GcSweepBegin)?;
        Ok(())
    }

    /// `STWBegin` and `GCMarkAssistBegin`.
    pub(super) fn goroutine_range_begin(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        let start = step.record.event_type;
        let reason = if start == EventType::StwBegin { step.argument(0) } else { 0 };
        let (slot, _) = self.current_goroutine().ok_or(Violation::Unknown)?;
        begin(self.goroutine_ranges(slot), RangeStart { start, reason })?;
        Ok(())
    }

    pub(super) fn goroutine_range_active(&mut self, step: &mut Step<'_>) -> Outcome {
        let slot = self.goroutines.look_up(step.argument(0) as i64).ok_or(Violation::Unknown)?;
        let initial = self.is_initial(step);
        let range = RangeStart::of(EventType::GcMarkAssistBegin);
        active(self.goroutine_ranges(slot), range, initial)?;
        Ok(())
    }

    /// `STWEnd` and `GCMarkAssistEnd`.
    pub(super) fn goroutine_range_end(&mut self, step: &mut Step<'_>) -> Outcome {
        require_user_code(step)?;
        let stop_the_world = step.record.event_type == EventType::StwEnd;
        let start = if stop_the_world { EventType::StwBegin } else { EventType::GcMarkAssistBegin };
        let (slot, _) = self.current_goroutine().ok_or(Violation::Unknown)?;
        let range = end(self.goroutine_ranges(slot), start)?;
        if stop_the_world {
            // The end says why, too.
            step.record.arguments[0] = range.reason;
        }
        Ok(())
    }
}
