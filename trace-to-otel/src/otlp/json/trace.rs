//! `opentelemetry/proto/trace/v1/trace.proto`.

use go_trace_context::TraceState;

use super::super::{buffer::Buffer, flags};
use crate::span::{Link, Span, SpanEvent, Status};

impl Buffer {
    /// `Span`.
    pub(in super::super) fn json_span(&mut self, span: &Span) {
        self.put(*b"{");
        self.json_ids(span.trace_id, span.span_id);
        self.json_trace_state(&span.trace_state);
        if let Some(parent) = span.parent {
            self.put(*b",\"parentSpanId\":");
            self.hexadecimal(parent.span_id.as_bytes());
        }
        self.put(*b",\"flags\":");
        self.number(flags(span));
        self.put(*b",\"name\":");
        self.quoted(&span.name);
        self.put(*b",\"kind\":");
        self.put([b'0' + span.kind.number()]);
        self.time(b",\"startTimeUnixNano\":", span.start);
        self.time(b",\"endTimeUnixNano\":", span.end);
        self.put(*b",");
        self.json_attributes(&span.attributes, span.anatomy.as_ref());
        self.count(b",\"droppedAttributesCount\":", span.dropped_attributes);
        if !span.events.is_empty() {
            self.put(*b",\"events\":");
            self.array(&span.events, Self::json_event);
        }
        self.count(b",\"droppedEventsCount\":", span.dropped_events);
        if !span.links.is_empty() {
            self.put(*b",\"links\":");
            self.array(&span.links, Self::json_link);
        }
        self.count(b",\"droppedLinksCount\":", span.dropped_links);
        if span.status != Status::Unset {
            self.put(*b",\"status\":{\"code\":");
            self.put([b'0' + span.status.number()]);
            let description = span.status.description();
            if !description.is_empty() {
                self.put(*b",\"message\":");
                self.quoted(description);
            }
            self.put(*b"}");
        }
        self.put(*b"}");
    }

    /// `Event`.
    fn json_event(&mut self, event: &SpanEvent) {
        self.time(b"{\"timeUnixNano\":", event.time);
        self.put(*b",\"name\":");
        self.quoted(&event.name);
        self.put(*b",");
        self.json_attributes(&event.attributes, None);
        self.put(*b"}");
    }

    /// `Link`.
    fn json_link(&mut self, link: &Link) {
        self.put(*b"{");
        self.json_ids(link.trace_id, link.span_id);
        self.json_trace_state(&link.trace_state);
        if !link.attributes.is_empty() {
            self.put(*b",");
            self.json_attributes(&link.attributes, None);
        }
        self.count(b",\"droppedAttributesCount\":", link.dropped_attributes);
        self.put(*b",\"flags\":");
        self.number(link.flags.to_byte().into());
        self.put(*b"}");
    }
    fn json_trace_state(&mut self, state: &TraceState) {
        if !state.is_empty() {
            self.put(*b",\"traceState\":");
            self.quoted(&state.to_string());
        }
    }
}
