//! What is said of a span in the end: how it is over, and what it looks like.

use std::sync::Arc;

use go_trace_format::{Event, Time, event::GoroutineId};

use crate::span::{Attribute, Scope, SpanKind, Status};

/// Which end of a span the trace does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Start,
    End,
    Both,
}

/// How a span is known to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) time: Time,
    /// Where it was ended, if that is known.
    pub(crate) goroutine: Option<GoroutineId>,
    pub(crate) missing: Option<Missing>,
    /// Whether begin and end were taken for a pair though others would have fitted as well.
    pub(crate) is_assumed: bool,
    /// Whether its time is not what the trace says, as that cannot be.
    pub(crate) is_clamped: bool,
    /// Whether the trace says of what happened in the span that it was outside.
    pub(crate) are_events_clamped: bool,
}

impl Ending {
    /// By an event that tells of it.
    pub(crate) fn by(event: &Event<'_>, goroutine: Option<GoroutineId>) -> Self {
        Self { is_clamped: event.is_time_assumed(), ..Self::seen(event.raw_time(), goroutine) }
    }

    pub(crate) fn seen(time: Time, goroutine: Option<GoroutineId>) -> Self {
        Self {
            time,
            goroutine,
            missing: None,
            is_assumed: false,
            is_clamped: false,
            are_events_clamped: false,
        }
    }

    pub(crate) fn unseen(time: Time) -> Self {
        Self { missing: Some(Missing::End), ..Self::seen(time, None) }
    }

    /// The same end of a span whose begin was not seen.
    pub(crate) fn without_start(self) -> Self {
        Self { missing: Some(Missing::Start), ..self }
    }
}

/// What a span looks like in the end, by its kind.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) scope: Scope,
    pub(crate) kind: SpanKind,
    pub(crate) status: Status,
    /// Where the name becomes known by the end only.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) attributes: Vec<Attribute>,
    /// How many attributes a limit has kept out.
    pub(crate) dropped_attributes: u32,
}

impl Form {
    /// A span of which nothing but its begin and end is told.
    pub(crate) fn plain(scope: Scope) -> Self {
        Self {
            scope,
            kind: SpanKind::Internal,
            status: Status::Unset,
            name: None,
            attributes: Vec::new(),
            dropped_attributes: 0,
        }
    }
}
