//! Spans that have begun: what is kept of them, and how they are finished.

mod log;
mod region;
mod task;

pub(crate) use region::Regions;
pub(crate) use task::Tasks;

use std::sync::Arc;

use go_trace_format::event::{GoroutineId, TaskId, ThreadId};
use opentelemetry_semantic_conventions::attribute::{
    CODE_FILE_PATH, CODE_FUNCTION_NAME, CODE_LINE_NUMBER, THREAD_ID,
};

use crate::{
    attribute,
    identity::{Identity, Placed, SpanContext},
    span::{Attribute, Scope, Span, SpanEvent, SpanKind, Status, UnixTime},
    text::CodeLocation,
};

/// A span that has begun, as small as can be: there may be many, for long.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    identity: Identity,
    name: Arc<str>,
    start: UnixTime,
    task: TaskId,
    place: Place,
    /// The local parent's context as it was at the begin: for when the parent is forgotten.
    parent_at_begin: Option<SpanContext>,
    notes: Notes,
}

/// Where a span began, as far as the trace tells.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) goroutine: Option<GoroutineId>,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) code: Option<Arc<CodeLocation>>,
}

/// What was logged in a span.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    events: Vec<SpanEvent>,
    dropped: u32,
}

/// Which end of a span the trace does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Start,
    End,
}

/// How a span is known to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) time: UnixTime,
    pub(crate) missing: Option<Missing>,
    /// Whether begin and end were taken for a pair though others would have fitted as well.
    pub(crate) is_assumed: bool,
}

impl Ending {
    fn seen(time: UnixTime) -> Self {
        Self { time, missing: None, is_assumed: false }
    }

    pub(crate) fn unseen(time: UnixTime) -> Self {
        Self { time, missing: Some(Missing::End), is_assumed: false }
    }
}

impl OpenSpan {
    pub(crate) fn new(
        identity: Identity,
        name: Arc<str>,
        start: UnixTime,
        task: TaskId,
        place: Place,
    ) -> Self {
        Self { identity, name, start, task, place, parent_at_begin: None, notes: Notes::default() }
    }

    /// The number of events that the span holds back.
    pub(crate) fn pending_events(&self) -> usize {
        self.notes.events.len()
    }

    pub(crate) fn placed(&self, local_parent: Option<SpanContext>) -> Placed {
        self.identity.place(local_parent.or(self.parent_at_begin))
    }

    pub(crate) fn finish(self, scope: Scope, placed: Placed, ending: Ending) -> Span {
        Span {
            trace_id: placed.context.trace_id,
            span_id: placed.context.span_id,
            flags: placed.context.flags,
            parent: placed.parent,
            scope,
            kind: SpanKind::Internal,
            start: self.start,
            // Threads' clocks and clock snapshots may disagree by a little.
            end: ending.time.max(self.start),
            attributes: self.attributes(ending),
            dropped_attributes: 0,
            anatomy: None,
            name: self.name,
            events: self.notes.events,
            dropped_events: self.notes.dropped,
            links: placed.link.into_iter().collect(),
            dropped_links: 0,
            status: Status::Unset,
        }
    }

    fn attributes(&self, ending: Ending) -> Vec<Attribute> {
        let mut attributes = Vec::with_capacity(8);
        if let Some(code) = &self.place.code {
            attributes.push(Attribute::new(CODE_FUNCTION_NAME, Arc::clone(&code.function)));
            attributes.push(Attribute::new(CODE_FILE_PATH, Arc::clone(&code.file)));
            if code.line != 0 {
                attributes.push(Attribute::new(CODE_LINE_NUMBER, code.line));
            }
        }
        if self.task != TaskId::BACKGROUND {
            // Ids are counted up from 1.
            attributes.push(Attribute::new(attribute::TASK_ID, self.task.0 as i64));
        }
        if let Some(GoroutineId(id)) = self.place.goroutine {
            attributes.push(Attribute::new(attribute::GOROUTINE_ID, id));
        }
        if let Some(ThreadId(id)) = self.place.thread {
            attributes.push(Attribute::new(THREAD_ID, id));
        }
        match ending.missing {
            Some(Missing::Start) => attributes.push(Attribute::new(attribute::INCOMPLETE, "start")),
            Some(Missing::End) => attributes.push(Attribute::new(attribute::INCOMPLETE, "end")),
            None if ending.is_assumed => attributes.push(Attribute::new(attribute::PAIRING, "assumed")),
            None => {}
        }
        attributes
    }
}
