//! From the trace clock to the wall clock ([mapping rules](crate#mapping-rules): Time).

use go_trace_format::{Event, Time};

use crate::span::UnixTime;

/// How far the wall clock is ahead of the trace clock, in nanoseconds.
///
/// The trace clock measures, the wall clock is set now and then: what has begun under one of these keeps it to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WallOffset(i64);

impl WallOffset {
    fn between(time: Time, wall: i128) -> Self {
        let offset = wall - i128::from(time.0);
        // What does not fit is no clock that there can be.
        Self(i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Times before 1970 and after 2262, which many receivers cannot hold, become the nearest ones that they can.
    #[inline]
    pub(crate) fn unix_time(self, time: Time) -> UnixTime {
        UnixTime(time.0.saturating_add(self.0).max(0) as u64)
    }

    /// The moment of the trace at which the wall clock reads this.
    #[cfg(feature = "profiles")]
    pub(crate) fn time(self, UnixTime(wall): UnixTime) -> Time {
        let time = i128::from(wall) - i128::from(self.0);
        Time(time.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// The same moment of the trace, by this clock instead of by `other`.
    pub(crate) fn instead_of(self, other: Self, time: UnixTime) -> UnixTime {
        let wall = i128::from(time.0) - i128::from(other.0) + i128::from(self.0);
        UnixTime(wall.clamp(0, i64::MAX.into()) as u64)
    }
}

/// How long after `begin` a moment is; 0 where it is not. Threads' clocks may disagree by a little.
#[inline]
pub(crate) fn nanoseconds(begin: Time, end: Time) -> u64 {
    if end > begin { end.0.abs_diff(begin.0) } else { 0 }
}

/// The wall clock of the generation under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    /// The wall time that a trace without clock snapshots is taken to begin at.
    base: UnixTime,
    /// None before the first event.
    offset: Option<WallOffset>,
    /// The same as the last generation tells it.
    told: Option<WallOffset>,
    approximate: bool,
}

impl WallClock {
    pub(crate) fn new(base: UnixTime) -> Self {
        Self { base, offset: None, told: None, approximate: false }
    }

    /// The clock of another trace, of which nothing is known yet.
    pub(crate) fn anew(&self) -> Self {
        Self::new(self.base)
    }

    /// Goes over to the clock of a generation, whose first event is `event`; or, where it is to be steady, keeps to the first one.
    /// Gives by how many nanoseconds the wall clock was set since the generation before.
    pub(crate) fn begin_generation(&mut self, event: &Event<'_>, is_steady: bool) -> u64 {
        let Some(told) = exact_offset(event) else {
            self.approximate = true;
            let base = i128::from(self.base.0);
            self.offset.get_or_insert(WallOffset::between(event.raw_time(), base));
            return 0;
        };
        if !is_steady || self.offset.is_none() {
            self.offset = Some(told);
        }
        let before = self.told.replace(told);
        before.map_or(0, |before| told.0.abs_diff(before.0))
    }

    /// Whether some generation had no clock snapshot, as before Go 1.25, or one that cannot be.
    pub(crate) fn is_approximate(&self) -> bool {
        self.approximate
    }

    /// Against the trace clock.
    pub(crate) fn offset(&self) -> WallOffset {
        self.offset.unwrap_or_default()
    }

    pub(crate) fn unix_time(&self, time: Time) -> UnixTime {
        self.offset().unix_time(time)
    }
}

/// Before this, 2001-09-09, a clock has not been set: those that have not begin at 1970, 1980 or 2000.
const FIRST_SET: i128 = 1_000_000_000_000_000_000;
/// How far from its snapshot a generation may begin, in nanoseconds: over a minute, where a millisecond is usual.
const MOST_APART: u64 = 1 << 36;

/// What the clock snapshot of an event's generation says, if it can be: of this time, and of a clock that was set.
fn exact_offset(event: &Event<'_>) -> Option<WallOffset> {
    let snapshot = event.tables().clock().snapshot()?;
    let (apart, wall) = (event.raw_time().0.abs_diff(snapshot.trace.0), snapshot.wall.0);
    let can_be = apart <= MOST_APART && (FIRST_SET..i64::MAX.into()).contains(&wall);
    can_be.then(|| WallOffset::between(snapshot.trace, wall))
}

crate::saved::saved!(WallOffset { 0 });
crate::saved::saved!(WallClock { base, offset, told, approximate });
