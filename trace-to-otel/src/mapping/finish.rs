//! From a span that was open to one that goes out.

use std::{borrow::Cow, sync::Arc};

use go_trace_format::{
    Time,
    event::{GoroutineId, TaskId, ThreadId},
};
use opentelemetry_semantic_conventions::attribute::{
    CODE_FILE_PATH, CODE_FUNCTION_NAME, CODE_LINE_NUMBER, CODE_STACKTRACE,
};

use crate::{
    anatomy::Anatomy,
    attribute,
    form::{Ending, Form, Missing},
    identity::Placed,
    known::span::{Details, OpenSpan},
    mapping::emit::MOST_DISAGREEMENT,
    span::{Attribute, Span, Value},
};

impl OpenSpan {
    /// Makes `span` of it, whose events and links are to be none. What is left of the open span means nothing.
    pub(super) fn finish_into(
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
        span.start = self.wall.unix_time(self.start);
        // Threads' clocks may disagree by a little.
        span.end = self.wall.unix_time(ending.time.max(self.start));
        let mut attributes = Rewriting::new(&mut span.attributes);
        form.attributes.into_iter().for_each(|Attribute { key, value }| attributes.put(key, value));
        self.add_attributes(&mut attributes, ending);
        attributes.finish();
        span.dropped_attributes = form.dropped_attributes;
        span.anatomy = anatomy;
        (span.dropped_events, span.dropped_links) = (0, 0);
        if let Some(Details { notes, links, .. }) = self.details.get_mut() {
            core::mem::swap(&mut span.events, &mut notes.events);
            core::mem::swap(&mut span.links, &mut links.to);
            (span.dropped_events, span.dropped_links) = (notes.dropped, links.dropped);
        }
        if let Some(link) = placed.link {
            span.links.retain(|other| other.context() != link);
            span.links.insert(0, link.into());
        }
        span.status = form.status;
    }

    /// Moves what happened in the span between its begin and an end, as threads' clocks may disagree and damage sets them off. Says
    /// whether it was there but for a little.
    pub(super) fn hold_events(&mut self, end: Time) -> bool {
        let (first, last) = (self.wall.unix_time(self.start), self.wall.unix_time(end.max(self.start)));
        let Some(details) = self.details.get_mut() else { return true };
        let mut holds = true;
        for event in &mut details.notes.events {
            let time = event.time.clamp(first, last);
            holds &= time.0.abs_diff(event.time.0) <= MOST_DISAGREEMENT;
            event.time = time;
        }
        holds
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
            attributes.integer(attribute::THREAD_ID, id);
        }
        if let Some(stack) = self.details.get_mut().and_then(|details| details.stack.take()) {
            attributes.text(CODE_STACKTRACE, stack);
        }
        let clamped = match (self.is_start_clamped, ending.is_clamped) {
            (false, false) => ending.are_events_clamped.then_some("events"),
            (true, false) => Some("start"),
            (false, true) => Some("end"),
            (true, true) => Some("both"),
        };
        if let Some(clamped) = clamped {
            attributes.text(attribute::CLAMPED, clamped.into());
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
