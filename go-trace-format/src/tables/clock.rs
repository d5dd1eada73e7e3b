//! Time: the trace clock's frequency and the snapshot that ties it to the wall clock.
//!
//! Go: `internal/trace.setSyncBatch` and `frequency.mul`.

use core::{
    fmt,
    ops::{RangeInclusive, Sub},
    time::Duration,
};
use std::time::SystemTime;

use nom::{IResult, Parser};

use crate::{
    error::{Parse, Problem, Unread},
    spec::{Dialect, EventType, Version},
    wire::varint,
};

/// A moment on the trace clock, in nanoseconds since a start that means nothing.
///
/// Comparable within one process only. [`Clock::wall_time`] makes wall time of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct Time(
    /// Nanoseconds.
    pub i64,
);

impl Sub for Time {
    type Output = Duration;

    /// How long after `earlier` it is; zero where it is not, as between two moments of [`std::time::Instant`].
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_nanos(if self > earlier { self.0.abs_diff(earlier.0) } else { 0 })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A moment on the wall clock, in nanoseconds since 1970-01-01 UTC, leap seconds not counted.
///
/// 128 bits hold every value that a trace can say. serde has it as an integer, and in formats for people as a string of decimal
/// digits where 64 bits do not hold it, before 1677 and after 2554: JSON and serde's own buffers know no longer integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct WallTime(
    /// Nanoseconds.
    pub i128,
);

impl WallTime {
    /// The time as OTLP has it: nanoseconds since the epoch, or `None` before 1970 and after 2554.
    #[must_use]
    pub fn unix_nanoseconds(self) -> Option<u64> {
        u64::try_from(self.0).ok()
    }

    /// The time as the standard library has it, or `None` where the platform's clock cannot show it.
    ///
    /// ```
    /// use go_trace_format::WallTime;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let second = WallTime(1_000_000_000).system_time();
    /// assert_eq!(second, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)));
    /// assert_eq!(WallTime(i128::MAX).system_time(), None);
    /// ```
    #[must_use]
    pub fn system_time(self) -> Option<SystemTime> {
        let nanoseconds = self.0.unsigned_abs();
        let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
        let distance = Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32);
        match self.0 < 0 {
            true => SystemTime::UNIX_EPOCH.checked_sub(distance),
            false => SystemTime::UNIX_EPOCH.checked_add(distance),
        }
    }
}

/// One moment as three clocks saw it. Go: `trace.ClockSnapshot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ClockSnapshot {
    /// The trace clock.
    pub trace: Time,
    /// The monotonic clock, in nanoseconds since the system started.
    pub monotonic: u64,
    /// The wall clock.
    pub wall: WallTime,
}

/// The clock of a generation.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Nanoseconds per clock unit.
    unit: f64,
    /// The same as a whole number, where it is one.
    whole_unit: u32,
    /// Fewer units than this are the same time in whole numbers as in floats; 0 where the unit is not whole.
    exact_units: u64,
    /// Clock units per second, as the trace says it.
    frequency: u64,
    pub(crate) snapshot: Option<ClockSnapshot>,
}

impl Default for Clock {
    fn default() -> Self {
        Self::from_frequency(Self::USUAL_FREQUENCY)
    }
}

impl Clock {
    /// Clock units per second of most recordings: a unit of 64 ns.
    pub const USUAL_FREQUENCY: u64 = 15_625_000;

    /// Up to this many whole nanoseconds a unit, and this many units, integers and floats give the same time:
    /// neither the units nor the product is rounded in 53 bits.
    const EXACT_UNIT: u32 = 1 << 10;
    const EXACT_UNITS: u64 = 1 << 43;

    /// Clock units per second that some system may have, and more on either side: units of a tenth of a nanosecond to a tenth of
    /// a millisecond. Go: `runtime.traceClockUnitsPerSecond`.
    const PLAUSIBLE_FREQUENCIES: RangeInclusive<u64> = 10_000..=10_000_000_000;

    /// Of so many units per second, and tied to no other clock.
    pub(crate) fn from_frequency(frequency: u64) -> Self {
        let unit = 1.0 / (frequency as f64 / 1e9);
        let is_whole = unit.fract() == 0.0 && unit <= f64::from(Self::EXACT_UNIT);
        let (whole_unit, exact_units) = if is_whole { (unit as u32, Self::EXACT_UNITS) } else { (0, 0) };
        Self { unit, whole_unit, exact_units, frequency, snapshot: None }
    }

    /// Clock units per second.
    #[must_use]
    pub fn frequency(&self) -> u64 {
        self.frequency
    }

    /// The moment at which the trace clock was tied to the others; traces before Go 1.25 have none.
    #[must_use]
    pub fn snapshot(&self) -> Option<&ClockSnapshot> {
        self.snapshot.as_ref()
    }

    /// The time of `units` clock units, rounded down as the reference rounds. Go: `frequency.mul`.
    #[inline(always)]
    #[must_use]
    pub fn time(&self, units: u64) -> Time {
        if units < self.exact_units {
            return Time((units * u64::from(self.whole_unit)) as i64);
        }
        self.rounded_time(units)
    }

    fn rounded_time(&self, units: u64) -> Time {
        // Go's conversions of floats that do not fit, on amd64: `CVTTSD2SQ` gives the lowest integer.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        let nanoseconds = if units >> 63 == 0 { (units as i64) as f64 } else { units as f64 } * self.unit;
        if nanoseconds < LIMIT { Time(nanoseconds as i64) } else { Time(i64::MIN) }
    }

    /// The wall time of a moment on the trace clock, by the generation's snapshot; `None` without one.
    #[must_use]
    pub fn wall_time(&self, time: Time) -> Option<WallTime> {
        let snapshot = self.snapshot?;
        Some(WallTime(snapshot.wall.0 + i128::from(time.0) - i128::from(snapshot.trace.0)))
    }
}

/// Collects what the sync batches of a generation say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockBuilder {
    frequency: Option<u64>,
    snapshot: Option<Snapshot>,
}

#[derive(Clone, Copy, Debug)]
struct Snapshot {
    units: u64,
    monotonic: u64,
    seconds: u64,
    nanoseconds: u64,
}

enum Record {
    Frequency(u64),
    Snapshot { time_delta: u64, monotonic: u64, seconds: u64, nanoseconds: u64 },
}

fn record(dialect: Dialect, has_snapshot: bool) -> impl Fn(&[u8]) -> IResult<&[u8], Record, Parse> {
    move |input| {
        let Some((&byte, rest)) = input.split_first() else {
            return Err(nom::Err::Error(Parse::new(input, Problem::Short)));
        };
        match dialect.event_type(byte) {
            Some(EventType::Frequency) => varint.map(Record::Frequency).parse(rest),
            Some(EventType::ClockSnapshot) if has_snapshot => (varint, varint, varint, varint)
                .map(|(time_delta, monotonic, seconds, nanoseconds)| Record::Snapshot {
                    time_delta,
                    monotonic,
                    seconds,
                    nanoseconds,
                })
                .parse(rest),
            _ => Err(nom::Err::Error(Parse::new(input, Problem::Byte(byte)))),
        }
    }
}

impl ClockBuilder {
    /// Takes in a sync batch that begins at `time`, in clock units.
    pub(crate) fn add(
        &mut self,
        data: &[u8],
        time: u64,
        version: Version,
        dialect: Dialect,
    ) -> Result<(), Unread> {
        // From Go 1.25 on the body opens with a sync event; before, the frequency stands alone.
        let mut rest = if version.has_sync_batch() { data.get(1..).unwrap_or_default() } else { data };
        let mut units = time;
        while !rest.is_empty() {
            let wrong = |parse| Err(Unread::from_record(rest, parse));
            let repeated = Parse::new(rest, Problem::Repeated);
            let (after, record) = match record(dialect, version.has_sync_batch())(rest) {
                Ok(record) => record,
                Err(nom::Err::Error(parse) | nom::Err::Failure(parse)) => return wrong(parse),
                Err(nom::Err::Incomplete(_)) => return wrong(Parse::new(rest, Problem::Short)),
            };
            match record {
                // A frequency of 0 counts as none said so far, as it does in the reference, whose unit is
                // then infinite and not 0: only a second one tells.
                Record::Frequency(_) if self.frequency.is_some() => return wrong(repeated),
                Record::Frequency(frequency) => self.frequency = Some(frequency),
                Record::Snapshot { .. } if self.snapshot.is_some() => return wrong(repeated),
                Record::Snapshot { time_delta, monotonic, seconds, nanoseconds } => {
                    units = units.wrapping_add(time_delta);
                    self.snapshot = Some(Snapshot { units, monotonic, seconds, nanoseconds });
                }
            }
            rest = after;
        }
        Ok(())
    }

    /// Clock units per second, as they were said.
    pub(crate) fn frequency(&self) -> Option<u64> {
        self.frequency
    }

    pub(crate) fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// The clock; where no frequency was said, with the usual one.
    pub(crate) fn build(&self) -> Clock {
        self.clock(self.frequency.unwrap_or(Clock::USUAL_FREQUENCY), self.snapshot)
    }

    /// The same without what cannot be. `inherited` is the last clock whose frequency was said and believed.
    pub(crate) fn build_plausible(&self, inherited: Option<&Clock>) -> Clock {
        let snapshot = self.snapshot.filter(Snapshot::is_plausible);
        self.clock(self.plausible_frequency(inherited), snapshot)
    }

    fn clock(&self, frequency: u64, snapshot: Option<Snapshot>) -> Clock {
        let mut clock = Clock::from_frequency(frequency);
        clock.snapshot = snapshot.map(|snapshot| ClockSnapshot {
            trace: clock.time(snapshot.units),
            monotonic: snapshot.monotonic,
            wall: WallTime(
                i128::from(snapshot.seconds as i64) * 1_000_000_000 + i128::from(snapshot.nanoseconds as i64),
            ),
        });
        clock
    }

    /// The usual frequency is that of every system whose trace clock is its monotonic one. It is hardly ever an accident, and
    /// no process goes over from it to another.
    fn plausible_frequency(&self, inherited: Option<&Clock>) -> u64 {
        const USUAL: u64 = Clock::USUAL_FREQUENCY;
        let inherited = inherited.map(|clock| clock.frequency);
        match self.frequency {
            Some(said) if said == USUAL => USUAL,
            Some(_) if inherited == Some(USUAL) => USUAL,
            Some(said) if !Clock::PLAUSIBLE_FREQUENCIES.contains(&said) => inherited.unwrap_or(USUAL),
            Some(said) if self.agrees_with(USUAL) && !self.agrees_with(said) => USUAL,
            Some(said) => said,
            None => inherited.unwrap_or(USUAL),
        }
    }

    /// Whether with a frequency the trace clock reads what the monotonic one does, to the millisecond after a second and more.
    fn agrees_with(&self, frequency: u64) -> bool {
        const SECOND: u64 = 1_000_000_000;
        const MILLISECOND: u64 = 1_000_000;
        self.snapshot.is_some_and(|snapshot| {
            let trace = Clock::from_frequency(frequency).time(snapshot.units).0 as u64;
            snapshot.monotonic > SECOND && trace.abs_diff(snapshot.monotonic) < MILLISECOND
        })
    }
}

impl Snapshot {
    /// Whether the wall clock can be what it says. Go: `time.Time` has less than a second of nanoseconds.
    fn is_plausible(&self) -> bool {
        const LAST_SECOND: u64 = i64::MAX as u64 / 1_000_000_000;
        self.nanoseconds < 1_000_000_000 && self.seconds < LAST_SECOND
    }
}
