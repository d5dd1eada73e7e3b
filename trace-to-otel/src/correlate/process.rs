//! The processes whose spans are put together.

use go_trace_context::{SpanId, TraceId};

/// One of the processes of a [`Correlator`](crate::Correlator).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessIndex(pub(super) u32);

impl ProcessIndex {
    /// The how many-th that was added, from 0.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// A server span, by what the process itself knows of it.
pub(super) type ServerKey = (ProcessIndex, TraceId, SpanId);
