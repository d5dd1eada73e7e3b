//! The sync batch: what a generation says about its clock.

use crate::{
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
    monotonic: u64,
    wall: WallTime,
}

impl SyncBatch {
    /// A clock of `frequency` units per second, usually [`Clock::USUAL_FREQUENCY`].
    ///
    /// `time` is when it was written, in clock units: no event of the generation should be earlier, for the
    /// generation begins with the earliest of its batches.
    #[must_use]
    pub const fn new(frequency: u64, time: u64) -> Self {
        Self { frequency, time, snapshot: None }
    }

    /// The same with what the other clocks said at its time: the monotonic one, in nanoseconds since the system
    /// started, and the wall clock.
    #[must_use]
    pub const fn with_snapshot(self, monotonic: u64, wall: WallTime) -> Self {
        Self { snapshot: Some(Snapshot { monotonic, wall }), ..self }
    }

    /// The batch's body.
    pub(super) fn body(&self, format: Format) -> Result<Body, WriteError> {
        let mut body = Body::with_format(format);
        let mut push = |event_type, arguments: &[u64]| body.push(&RawRecord::Plain { event_type, arguments });
        if format.version.has_sync_batch() {
            push(EventType::Sync, &[])?;
        }
        if self.frequency == 0 {
            return Err(WriteError::NoFrequency);
        }
        push(EventType::Frequency, &[self.frequency])?;
        match self.snapshot {
            Some(Snapshot { monotonic, wall }) => {
                let seconds = wall.0.div_euclid(NANOSECONDS) as u64;
                let nanoseconds = wall.0.rem_euclid(NANOSECONDS) as u64;
                push(EventType::ClockSnapshot, &[0, monotonic, seconds, nanoseconds])?;
            }
            None if format.version.has_sync_batch() => {
                return Err(WriteError::NoClockSnapshot { version: format.version });
            }
            None => {}
        }
        Ok(body)
    }
}

const NANOSECONDS: i128 = 1_000_000_000;

/// The clock of a generation that was read, to be written again. Its snapshot is read back equal.
impl From<&Clock> for SyncBatch {
    fn from(clock: &Clock) -> Self {
        let Some(snapshot) = clock.snapshot() else { return Self::new(clock.frequency(), 0) };
        let time = units(clock, snapshot.trace);
        Self::new(clock.frequency(), time).with_snapshot(snapshot.monotonic, snapshot.wall)
    }
}

/// The clock units of a time that [`Clock::time`] gave.
fn units(clock: &Clock, time: Time) -> u64 {
    let nanoseconds = u128::from(time.0.max(0) as u64);
    let floor = nanoseconds * u128::from(clock.frequency()) / NANOSECONDS as u128;
    let floor = u64::try_from(floor).unwrap_or(u64::MAX);
    // Both the division and `Clock::time` round down, and the latter is no exact arithmetic: look around.
    let (first, last) = (floor.saturating_sub(1), floor.saturating_add(2));
    (first..=last).find(|&units| clock.time(units) == time).unwrap_or(floor)
}
