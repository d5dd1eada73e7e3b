//! Times as people read them.

use std::fmt;

use jiff::Timestamp;

use crate::span::UnixTime;

/// A wall time, shown as `2026-11-23 15:04:05.123456`, UTC.
///
/// ```
/// use trace_to_otel::{UnixTime, render::DisplayTime};
///
/// let time = DisplayTime(UnixTime(1_795_446_245_123_456_789));
/// assert_eq!(time.to_string(), "2026-11-23 15:04:05.123456");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
// A number and nothing more.
#[allow(clippy::exhaustive_structs)]
pub struct DisplayTime(
    /// The time.
    pub UnixTime,
);

impl fmt::Display for DisplayTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format(self.0, "%Y-%m-%d %H:%M:%S%.6f"))
    }
}

/// The day: `2026-11-23`, UTC.
pub(super) fn day(time: UnixTime) -> String {
    format(time, "%Y-%m-%d")
}

/// The time of day: `15:04:05.123456`, UTC.
pub(super) fn time_of_day(time: UnixTime) -> String {
    format(time, "%H:%M:%S%.6f")
}

fn format(time: UnixTime, format: &str) -> String {
    match Timestamp::from_nanosecond(i128::from(time.0)) {
        Ok(timestamp) => timestamp.strftime(format).to_string(),
        // Cannot happen: jiff's years reach 9999, and 64 bits only 2554.
        Err(_) => time.0.to_string(),
    }
}
