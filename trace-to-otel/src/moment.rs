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

/// A part of the recordings, between two moments; with neither, all of them.
///
/// What is in it only in part is in it whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeWindow {
    /// From when on; by default the beginning.
    pub from: Option<Moment>,
    /// Up to when; by default the end.
    pub to: Option<Moment>,
}

impl TimeWindow {
    /// Between two moments, of which the first may be behind the second: there is nothing in such a window.
    #[must_use]
    pub fn new(from: impl Into<Option<Moment>>, to: impl Into<Option<Moment>>) -> Self {
        Self { from: from.into(), to: to.into() }
    }

    /// Whether everything is in it.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Whether nothing is in it, wherever the trace begins: its end is before its beginning. Of a time of day and a time since the
    /// beginning nobody knows.
    #[must_use]
    pub fn is_backwards(&self) -> bool {
        match (self.from, self.to) {
            (Some(Moment::At(from)), Some(Moment::At(to))) => from > to,
            (Some(Moment::After(from)), Some(Moment::After(to))) => from > to,
            _ => false,
        }
    }

    /// Whether a part of what was from `start` to `end` is in it, if the first event of the first trace was at `begin`.
    #[must_use]
    pub fn holds(&self, begin: UnixTime, start: UnixTime, end: UnixTime) -> bool {
        self.from.is_none_or(|from| from.unix_time(begin) <= end)
            && self.to.is_none_or(|to| start <= to.unix_time(begin))
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::{Moment, TimeWindow};
    use crate::span::UnixTime;

    #[test]
    fn a_window_holds_what_is_in_it_in_part() {
        let after = |nanoseconds| Moment::After(Duration::from_nanos(nanoseconds));
        let holds =
            |window: TimeWindow, start, end| window.holds(UnixTime(1000), UnixTime(start), UnixTime(end));

        let window = TimeWindow::new(after(10), Moment::At(UnixTime(1020)));
        assert!(holds(window, 1000, 1010));
        assert!(holds(window, 1020, 1030));
        assert!(holds(window, 1000, 1030));
        assert!(!holds(window, 1000, 1009));
        assert!(!holds(window, 1021, 1030));
        assert!(holds(TimeWindow::default(), 0, 0));
        assert!(!holds(TimeWindow::new(after(20), after(10)), 1012, 1018));
    }

    #[test]
    fn a_window_is_backwards_only_where_both_its_moments_are_of_a_kind() {
        let after = |nanoseconds| Moment::After(Duration::from_nanos(nanoseconds));
        let at = |time| Moment::At(UnixTime(time));

        assert!(TimeWindow::new(after(2), after(1)).is_backwards());
        assert!(TimeWindow::new(at(2), at(1)).is_backwards());
        assert!(!TimeWindow::new(after(1), after(1)).is_backwards());
        assert!(!TimeWindow::new(after(2), at(1)).is_backwards());
        assert!(!TimeWindow::new(after(2), None).is_backwards());
    }
}
