//! Garbage collections and the like in one line.

use std::fmt;

use crate::{
    display::DisplayDuration,
    span::{Scope, Span, UnixTime},
};

/// What the runtime did for a while, summed up: of a busy program it is most of the spans and says little.
///
/// ```
/// use go_trace_context::{SpanId, TraceId};
/// use trace_to_otel::{Scope, Span, UnixTime};
/// use trace_to_otel::render::RangeSummary;
///
/// let range = |id, name, start, end| {
///     let (trace, id) = (TraceId::from_u128(id).unwrap(), SpanId::from_u64(1).unwrap());
///     Span::new(trace, id, Scope::Range, name, (UnixTime(start), UnixTime(end)))
/// };
/// let spans = [
///     range(1, "GC concurrent mark phase", 2_000_000, 9_000_000),
///     range(2, "stop-the-world (GC mark termination)", 8_000_000, 10_000_000),
/// ];
/// let summary = RangeSummary::of(&spans);
/// assert_eq!(summary.to_string(), "1 garbage collection, 2 ranges of the runtime, 8.00 ms in all");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeSummary {
    /// Garbage collections.
    pub collections: u64,
    /// Ranges: collections, and what stopped the world, swept or assisted.
    pub ranges: u64,
    /// The nanoseconds in which there was one of them at least.
    pub time: u64,
}

impl RangeSummary {
    /// Sums up the ranges among the spans of one process.
    pub fn of<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Self {
        let ranges: Vec<_> = spans.into_iter().filter(|span| is_range(span)).collect();
        let collections = ranges.iter().filter(|range| &*range.name == COLLECTION).count();
        let mut times: Vec<_> = ranges.iter().map(|range| (range.start, range.end)).collect();
        times.sort_unstable();
        let (mut time, mut until) = (0, UnixTime(0));
        for (start, end) in times {
            time += end.0.saturating_sub(start.max(until).0);
            until = until.max(end);
        }
        Self { collections: collections as u64, ranges: ranges.len() as u64, time }
    }

    /// Adds those of another process.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            collections: self.collections + other.collections,
            ranges: self.ranges + other.ranges,
            time: self.time.saturating_add(other.time),
        }
    }
}

/// Go: `runtime.traceRangeGCMark`.
const COLLECTION: &str = "GC concurrent mark phase";

pub(super) fn is_range(span: &Span) -> bool {
    span.scope == Scope::Range
}

impl fmt::Display for RangeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { collections, ranges, time } = *self;
        let plural = |count| if count == 1 { "" } else { "s" };
        if collections > 0 {
            write!(f, "{collections} garbage collection{}, ", plural(collections))?;
        }
        write!(f, "{ranges} range{} of the runtime, {} in all", plural(ranges), DisplayDuration(time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::span;

    #[test]
    fn time_that_ranges_share_counts_once() {
        let range = |start, end| Span { scope: Scope::Range, ..span(COLLECTION, 1, 0, start, end) };
        let cases: [(&[(u64, u64)], u64); 5] = [
            (&[], 0),
            (&[(5, 9), (1, 3)], 6),
            (&[(1, 9), (2, 4), (3, 5)], 8),
            (&[(1, 4), (4, 6), (3, 9)], 8),
            (&[(0, u64::MAX), (7, 9)], u64::MAX),
        ];
        for (times, expected) in cases {
            let spans: Vec<_> = times.iter().map(|&(start, end)| range(start, end)).collect();
            let summary = RangeSummary::of(&spans);
            assert_eq!((summary.time, summary.ranges), (expected, times.len() as u64), "{times:?}");
        }
        assert_eq!(RangeSummary::of(&[span(COLLECTION, 1, 0, 1, 2)]), RangeSummary::default());
    }
}
