//! Moments of a trace, as people say them.

use core::time::Duration;

use crate::span::UnixTime;

/// A moment of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// On the wall clock, as each generation has it.
    At(UnixTime),
    /// So long after the first event of the first trace.
    After(Duration),
}

impl Moment {
    /// On the wall clock, if the first event of the first trace was at `begin`.
    #[must_use]
    pub fn unix_time(self, begin: UnixTime) -> UnixTime {
        match self {
            Self::At(time) => time,
            Self::After(duration) => {
                let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                UnixTime(begin.0.saturating_add(nanoseconds))
            }
        }
    }
}
