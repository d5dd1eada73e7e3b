//! From the trace clock to the wall clock (README, "Mapping rules": Time).

use go_trace_format::{Clock, Event, Time};

use crate::span::UnixTime;

/// The wall clock of the generation under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    /// The wall time that a trace without clock snapshots is taken to begin at.
    base: UnixTime,
    /// Wall time less trace time, in nanoseconds; `None` before the first event.
    difference: Option<i128>,
    approximate: bool,
}

impl WallClock {
    pub(crate) fn new(base: UnixTime) -> Self {
        Self { base, difference: None, approximate: false }
    }

    /// Goes over to the clock of a generation, whose first event is `event`.
    pub(crate) fn begin_generation(&mut self, event: &Event<'_>) {
        match exact_difference(event.tables().clock()) {
            Some(difference) => self.difference = Some(difference),
            None => {
                self.approximate = true;
                self.difference.get_or_insert(i128::from(self.base.0) - i128::from(event.raw_time().0));
            }
        }
    }

    /// Whether some generation had no clock snapshot, as before Go 1.25.
    pub(crate) fn is_approximate(&self) -> bool {
        self.approximate
    }

    /// Wall times that OTLP cannot hold become the nearest ones that it can.
    #[inline]
    pub(crate) fn unix_time(&self, time: Time) -> UnixTime {
        let difference = self.difference.unwrap_or_default();
        // That is always so, but for impossible clocks.
        let usual = i64::try_from(difference).ok().and_then(|difference| time.0.checked_add(difference));
        match usual {
            Some(wall) if wall >= 0 => UnixTime(wall as u64),
            _ => {
                let wall = i128::from(time.0) + difference;
                UnixTime(u64::try_from(wall.max(0)).unwrap_or(u64::MAX))
            }
        }
    }
}

fn exact_difference(clock: &Clock) -> Option<i128> {
    clock.wall_time(Time(0)).map(|wall| wall.0)
}

crate::saved::saved!(WallClock { base, difference, approximate });
