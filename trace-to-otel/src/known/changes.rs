//! Which spans are open innermost on goroutines, from when on, and what becomes of them: for who counts by them.

use std::sync::Arc;

use go_trace_context::{SpanId, TraceId};
use go_trace_format::{Time, event::GoroutineId};

use crate::{identity::SpanContext, known::span::Open, span::Span};

/// Something has changed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// This span is open innermost on a goroutine from a time on, or none. The anatomy of what is open there has been counted up
    /// to that time, by the same clock.
    Innermost { goroutine: GoroutineId, time: Time, span: Option<Open> },
    /// A span that was open is so no longer.
    Over { span: Open, fate: Fate },
}

/// What becomes of a span that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// It is handed on by this name.
    HandedOn(SpanContext),
    /// The program's own SDK exports it by this name.
    ExportedElsewhere(SpanContext),
    /// Nobody will hear of it.
    Dropped,
}

/// A span that has gone out.
#[derive(Clone, Debug)]
// Profiles need all of it, metrics the ids.
#[cfg_attr(not(feature = "profiles"), allow(dead_code))]
pub(crate) struct SpanOut {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// None where the program's own SDK exports it.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) parent: Option<SpanId>,
}

impl SpanOut {
    pub(crate) fn of(span: &Span) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            name: Some(Arc::clone(&span.name)),
            parent: span.parent.map(|parent| parent.span_id),
        }
    }
}

/// The changes that nobody has asked for yet.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Whether anyone will ask.
    are_kept: bool,
    list: Vec<Change>,
}

impl Changes {
    pub(crate) fn keep(&mut self) {
        self.are_kept = true;
    }

    #[inline]
    pub(crate) fn push(&mut self, change: impl FnOnce() -> Change) {
        if self.are_kept {
            self.list.push(change());
        }
    }

    /// The changes since they were forgotten last.
    pub(crate) fn list(&self) -> &[Change] {
        &self.list
    }

    pub(crate) fn forget(&mut self) {
        self.list.clear();
    }
}
