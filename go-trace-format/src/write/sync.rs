//! The sync batch: what a generation says about its clock.

use crate::{
    id::ThreadId,
    spec::EventType,
    tables::{Clock, Time, WallTime},
    write::{Body, RawRecord, WriteError, record::Format},
};

/// The clock of a generation, as it is written.
///
/// From Go 1.25 on it must have a [snapshot](Self::with_snapshot); before, it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncBatch {
    pub(super) frequency: u64,
    pub(super) time: u64,
    snapshot: Option<Snapshot>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot {
    time: u64,
    monotonic: u64,
    wall: WallTime,
}

impl SyncBatch {
    /// A clock of `frequency` units per second, usually [`Clock::USUAL_FREQUENCY`].
    ///
    /// `time` is the time of the batch, in clock units: when the generation begins, unless one of its other
    /// batches is earlier.
    #[must_use]
    pub const fn new(frequency: u64, time: u64) -> Self {
        Self { frequency, time, snapshot: None }
    }

    /// The clock of a generation that was read, to be written again; it is read back equal.
    ///
    /// `time` is as for [`new`](Self::new): the earliest of the batches that were read, so that the generation
    /// begins when it did. It is put no later than the clock's snapshot, which may have been inherited.
    #[must_use]
    pub fn of(clock: &Clock, time: u64) -> Self {
        let sync = Self::new(clock.frequency(), time);
        match clock.snapshot() {
            Some(snapshot) => {
                let units = units(clock, snapshot.trace);
                let sync = Self { time: time.min(units), ..sync };
                sync.with_snapshot(units, snapshot.monotonic, snapshot.wall)
            }
            None => sync,
        }
    }

    /// The same with what the other clocks said at `time`, in clock units: the monotonic one, in nanoseconds since
    /// the system started, and the wall clock.
    #[must_use]
    pub const fn with_snapshot(self, time: u64, monotonic: u64, wall: WallTime) -> Self {
        Self { snapshot: Some(Snapshot { time, monotonic, wall }), ..self }
    }

    /// The batch's body.
    pub(super) fn body(&self, format: Format) -> Result<Body, WriteError> {
        if self.frequency == 0 {
            return Err(WriteError::NoFrequency);
        }
        let mut body = Body::with_format(format);
        let mut push = |event_type, arguments: &[u64]| body.push(&RawRecord::Plain { event_type, arguments });
        if format.version.has_sync_batch() {
            push(EventType::Sync, &[])?;
        }
        push(EventType::Frequency, &[self.frequency])?;
        match self.snapshot {
            Some(snapshot) => push(EventType::ClockSnapshot, &snapshot.arguments(self.time)?)?,
            None if format.version.has_sync_batch() => {
                return Err(WriteError::NoClockSnapshot { version: format.version });
            }
            None => {}
        }
        Ok(body)
    }
}

impl Snapshot {
    fn arguments(&self, begin: u64) -> Result<[u64; 4], WriteError> {
        let back = WriteError::TimeGoesBack { thread: ThreadId(-1), last: begin, time: self.time };
        let time_delta = self.time.checked_sub(begin).ok_or(back)?;
        let seconds = self.wall.0.div_euclid(NANOSECONDS) as u64;
        let nanoseconds = self.wall.0.rem_euclid(NANOSECONDS) as u64;
        Ok([time_delta, self.monotonic, seconds, nanoseconds])
    }
}

const NANOSECONDS: i128 = 1_000_000_000;

/// The clock units of a time that [`Clock::time`] gave.
pub(super) fn units(clock: &Clock, time: Time) -> u64 {
    let nanoseconds = u128::from(time.0.max(0) as u64);
    let floor = nanoseconds * u128::from(clock.frequency()) / NANOSECONDS as u128;
    let floor = u64::try_from(floor).unwrap_or(u64::MAX);
    // Both the division and `Clock::time` round down, and the latter is no exact arithmetic: look around.
    let (first, last) = (floor.saturating_sub(1), floor.saturating_add(2));
    (first..=last).find(|&units| clock.time(units) == time).unwrap_or(floor)
}
