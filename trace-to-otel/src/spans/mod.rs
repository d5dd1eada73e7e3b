//! Spans that have begun: what is kept of them, and how they are finished.

mod frames;
mod log;
mod open;
mod open_tasks;
mod operation;
mod range;
mod region;
mod spare;
mod task;

pub(crate) use open::{LocalParent, Meanwhile, Open, OpenSpans};
pub(crate) use operation::Operations;
pub(crate) use range::Ranges;
pub(crate) use region::Regions;
pub(crate) use spare::Spare;
pub(crate) use task::Tasks;

use std::{borrow::Cow, sync::Arc};

use go_trace_format::event::{GoroutineId, TaskId, ThreadId};
use opentelemetry_semantic_conventions::attribute::{
    CODE_FILE_PATH, CODE_FUNCTION_NAME, CODE_LINE_NUMBER, CODE_STACKTRACE, THREAD_ID,
};

use crate::{
    anatomy::Anatomy,
    attribute,
    identity::{Identity, Placed},
    span::{Attribute, Link, Scope, Span, SpanEvent, SpanKind, Status, UnixTime, Value},
    text::CodeLocation,
};

/// A span that has begun, as small as can be: there may be many, for long.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    pub(crate) identity: Identity,
    pub(crate) name: Arc<str>,
    pub(crate) start: UnixTime,
    /// The task that it is, or that the program has put it into.
    pub(crate) task: TaskId,
    pub(crate) place: Place,
    pub(crate) parent: LocalParent,
    pub(crate) meanwhile: Meanwhile,
    /// When its goroutine ended without ending it.
    pub(crate) abandoned: Option<UnixTime>,
    pub(crate) notes: Notes,
    pub(crate) links: Links,
}

/// Where a span began, as far as the trace tells.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) goroutine: Option<GoroutineId>,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) code: Option<Arc<CodeLocation>>,
    pub(crate) stack: Option<Arc<str>>,
}

/// What happened in a span.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) events: Vec<SpanEvent>,
    pub(crate) dropped: u32,
}

/// Other spans that a span has to do with.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) to: Vec<Link>,
    pub(crate) dropped: u32,
}

impl Links {
    /// Adds a link, unless it is there already or there are too many: says whether it was dropped.
    pub(crate) fn add(&mut self, link: Link, most: usize) -> bool {
        if self.to.contains(&link) {
            return false;
        }
        let has_room = self.to.len() < most;
        if has_room {
            self.to.push(link);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
        !has_room
    }
}

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
    pub(crate) time: UnixTime,
    /// Where it was ended, if that is known.
    pub(crate) goroutine: Option<GoroutineId>,
    pub(crate) missing: Option<Missing>,
    /// Whether begin and end were taken for a pair though others would have fitted as well.
    pub(crate) is_assumed: bool,
}

impl Ending {
    pub(crate) fn seen(time: UnixTime, goroutine: Option<GoroutineId>) -> Self {
        Self { time, goroutine, missing: None, is_assumed: false }
    }

    pub(crate) fn unseen(time: UnixTime) -> Self {
        Self { time, goroutine: None, missing: Some(Missing::End), is_assumed: false }
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
}

impl Form {
    /// A span of which nothing but its begin and end is told.
    pub(crate) fn plain(scope: Scope) -> Self {
        Self { scope, kind: SpanKind::Internal, status: Status::Unset, name: None, attributes: Vec::new() }
    }
}

impl OpenSpan {
    fn new(identity: Identity, name: Arc<str>, start: UnixTime, task: TaskId, place: Place) -> Self {
        Self {
            identity,
            name,
            start,
            task,
            place,
            parent: LocalParent::default(),
            meanwhile: Meanwhile::Unknown,
            abandoned: None,
            notes: Notes::default(),
            links: Links::default(),
        }
    }

    /// Makes `span` of it, whose events and links are to be none. What is left of the open span means nothing.
    fn finish_into(
        &mut self,
        span: &mut Span,
        form: Form,
        placed: Placed,
        anatomy: Option<Anatomy>,
        ending: Ending,
    ) {
        span.trace_id = placed.context.trace_id;
        span.span_id = placed.context.span_id;
        span.flags = placed.context.flags;
        span.parent = placed.parent;
        span.scope = form.scope;
        span.kind = form.kind;
        match form.name {
            Some(name) => span.name = name,
            None => core::mem::swap(&mut span.name, &mut self.name),
        }
        span.start = self.start;
        // Threads' clocks and clock snapshots may disagree by a little.
        span.end = ending.time.max(self.start);
        let mut attributes = Rewriting::new(&mut span.attributes);
        form.attributes.into_iter().for_each(|Attribute { key, value }| attributes.put(key, value));
        self.add_attributes(&mut attributes, ending);
        attributes.finish();
        span.dropped_attributes = 0;
        span.anatomy = anatomy;
        core::mem::swap(&mut span.events, &mut self.notes.events);
        span.dropped_events = self.notes.dropped;
        core::mem::swap(&mut span.links, &mut self.links.to);
        if let Some(link) = placed.link {
            span.links.retain(|other| *other != link);
            span.links.insert(0, link);
        }
        span.dropped_links = self.links.dropped;
        span.status = form.status;
    }

    fn add_attributes(&mut self, attributes: &mut Rewriting<'_>, ending: Ending) {
        if let Some(code) = &self.place.code {
            attributes.shared_text(CODE_FUNCTION_NAME, &code.function);
            attributes.shared_text(CODE_FILE_PATH, &code.file);
            if code.line != 0 {
                attributes.integer(CODE_LINE_NUMBER, code.line);
            }
        }
        if self.task != TaskId::BACKGROUND {
            // Ids are counted up from 1.
            attributes.integer(attribute::TASK_ID, self.task.0 as i64);
        }
        if let Some(GoroutineId(id)) = self.place.goroutine {
            attributes.integer(attribute::GOROUTINE_ID, id);
        }
        if let Some(ThreadId(id)) = self.place.thread {
            attributes.integer(THREAD_ID, id);
        }
        if let Some(stack) = self.place.stack.take() {
            attributes.text(CODE_STACKTRACE, stack);
        }
        let (key, value) = match ending.missing {
            Some(Missing::Start) => (attribute::INCOMPLETE, "start"),
            Some(Missing::End) => (attribute::INCOMPLETE, "end"),
            Some(Missing::Both) => (attribute::INCOMPLETE, "both"),
            None if ending.is_assumed => (attribute::PAIRING, "assumed"),
            None => return,
        };
        attributes.text(key, value.into());
    }
}

/// Attributes that are written over those of another span, one by one. To empty the list and fill it again would move
/// each through memory in two pieces of other sizes, for which the processor stops.
struct Rewriting<'a> {
    attributes: &'a mut Vec<Attribute>,
    written: usize,
}

impl<'a> Rewriting<'a> {
    fn new(attributes: &'a mut Vec<Attribute>) -> Self {
        Self { attributes, written: 0 }
    }

    #[inline]
    fn put(&mut self, key: Cow<'static, str>, value: Value) {
        match self.attributes.get_mut(self.written) {
            Some(place) => {
                place.key = key;
                place.value = value;
            }
            None => self.attributes.push(Attribute { key, value }),
        }
        self.written += 1;
    }

    #[inline]
    fn text(&mut self, key: &'static str, text: Arc<str>) {
        self.put(key.into(), Value::Text(text));
    }

    /// A text that the other span is likely to have too: then it stays, as to count who shares it takes longer.
    #[inline]
    fn shared_text(&mut self, key: &'static str, text: &Arc<str>) {
        match self.attributes.get(self.written) {
            Some(Attribute { key: Cow::Borrowed(other_key), value: Value::Text(other) })
                if core::ptr::eq(*other_key, key) && Arc::ptr_eq(other, text) =>
            {
                self.written += 1;
            }
            _ => self.text(key, Arc::clone(text)),
        }
    }

    #[inline]
    fn integer(&mut self, key: &'static str, number: i64) {
        self.put(key.into(), Value::Integer(number));
    }

    /// Takes away what has not been written over.
    fn finish(self) {
        self.attributes.truncate(self.written);
    }
}

crate::saved::saved!(OpenSpan {
    identity,
    name,
    start,
    task,
    place,
    parent,
    meanwhile,
    abandoned,
    notes,
    links
});
crate::saved::saved!(Place { goroutine, thread, code, stack });
crate::saved::saved!(Notes { events, dropped });
crate::saved::saved!(Links { to, dropped });
