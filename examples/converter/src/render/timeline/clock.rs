//! When an event happened, on the wall clock of the spans.

use go_trace_format::Event;
use trace_to_otel::UnixTime;

/// The wall clock of a process, as the mapper has it for its spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// When a trace without clock snapshots is taken to begin.
    base: UnixTime,
    /// Wall time less trace time, in nanoseconds, where no snapshot tells it.
    difference: Option<i128>,
}

impl Clock {
    pub(super) fn new(base: UnixTime) -> Self {
        Self { base, difference: None }
    }

    pub(super) fn time(&mut self, event: &Event<'_>) -> UnixTime {
        let wall = match event.wall_time() {
            Some(wall) => wall.0,
            None => {
                let time = i128::from(event.raw_time().0);
                time + *self.difference.get_or_insert(i128::from(self.base.0) - time)
            }
        };
        UnixTime(u64::try_from(wall.max(0)).unwrap_or(u64::MAX))
    }
}
