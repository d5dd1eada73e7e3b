//! The cap on spans per second of the trace.

use core::num::NonZeroU32;

use crate::span::UnixTime;

/// How many spans the second under way has had.
#[derive(Debug, Default)]
pub(super) struct Rate {
    pub(super) second: u64,
    pub(super) spans: u32,
}

impl Rate {
    /// Whether a span that ended then may go out. Seconds do not come again: a span of an earlier one belongs to the
    /// one under way.
    pub(super) fn admits(&mut self, end: UnixTime, limit: Option<NonZeroU32>) -> bool {
        let second = end.0 / 1_000_000_000;
        if second > self.second {
            *self = Self { second, spans: 0 };
        }
        limit.is_none_or(|limit| self.spans < limit.get())
    }

    /// Counts one that does.
    pub(super) fn count(&mut self) {
        self.spans = self.spans.saturating_add(1);
    }
}
