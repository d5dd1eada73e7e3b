//! `opentelemetry/proto/trace/v1/trace.proto`.

use trace_context::{SpanId, TraceId};

use super::{
    super::{buffer::Buffer, flags},
    envelope::field,
    wire::{Wire, tag},
};
use crate::span::{Link, Span, SpanEvent, Status};

const TRACE_ID: u8 = tag(1, Wire::Length);
const SPAN_ID: u8 = tag(2, Wire::Length);
const PARENT_SPAN_ID: u8 = tag(4, Wire::Length);
const NAME: u8 = tag(5, Wire::Length);
const KIND: u8 = tag(6, Wire::Varint);
const START_TIME: u8 = tag(7, Wire::Fixed64);
const END_TIME: u8 = tag(8, Wire::Fixed64);
const ATTRIBUTES: u8 = tag(9, Wire::Length);
const DROPPED_ATTRIBUTES: u8 = tag(10, Wire::Varint);
const EVENTS: u8 = tag(11, Wire::Length);
const DROPPED_EVENTS: u8 = tag(12, Wire::Varint);
const LINKS: u8 = tag(13, Wire::Length);
const DROPPED_LINKS: u8 = tag(14, Wire::Varint);
const STATUS: u8 = tag(15, Wire::Length);
/// Field 16, whose number no longer fits into one byte.
const FLAGS: [u8; 2] = [0x80 | Wire::Fixed32 as u8, 1];

/// `Event`.
mod event {
    use super::{Wire, tag};
    pub(super) const TIME: u8 = tag(1, Wire::Fixed64);
    pub(super) const NAME: u8 = tag(2, Wire::Length);
    pub(super) const ATTRIBUTES: u8 = tag(3, Wire::Length);
}

/// `Link`.
mod link {
    use super::{Wire, tag};
    pub(super) const TRACE_ID: u8 = tag(1, Wire::Length);
    pub(super) const SPAN_ID: u8 = tag(2, Wire::Length);
    pub(super) const FLAGS: u8 = tag(6, Wire::Fixed32);
}

/// `Status`.
mod status {
    use super::{Wire, tag};
    pub(super) const CODE: u8 = tag(3, Wire::Varint);
}

impl Buffer {
    /// `Span`, as one of those of a `ScopeSpans`.
    pub(in super::super) fn protobuf_span(&mut self, span: &Span) {
        self.message::<2>(field::RECORDS, |out| {
            out.ids([TRACE_ID, SPAN_ID], span.trace_id, span.span_id);
            if let Some(parent) = span.parent {
                out.id(PARENT_SPAN_ID, parent.span_id.as_bytes());
            }
            out.string(NAME, &span.name);
            out.put([KIND, span.kind.number()]);
            out.fixed64(START_TIME, span.start.0);
            out.fixed64(END_TIME, span.end.0);
            out.attributes(ATTRIBUTES, &span.attributes);
            if let Some(anatomy) = &span.anatomy {
                anatomy.attributes().for_each(|(key, seconds)| out.float_attribute(ATTRIBUTES, key, seconds));
            }
            out.unsigned(DROPPED_ATTRIBUTES, span.dropped_attributes.into());
            span.events.iter().for_each(|event| out.event(event));
            out.unsigned(DROPPED_EVENTS, span.dropped_events.into());
            span.links.iter().for_each(|link| out.link(link));
            out.unsigned(DROPPED_LINKS, span.dropped_links.into());
            if span.status != Status::Unset {
                out.put([STATUS, 2, status::CODE, span.status.number()]);
            }
            out.put(FLAGS);
            out.put(flags(span).to_le_bytes());
        });
    }

    fn event(&mut self, event: &SpanEvent) {
        self.message::<1>(EVENTS, |out| {
            out.fixed64(event::TIME, event.time.0);
            out.string(event::NAME, &event.name);
            out.attributes(event::ATTRIBUTES, &event.attributes);
        });
    }

    fn link(&mut self, link: &Link) {
        self.message::<1>(LINKS, |out| {
            out.ids([link::TRACE_ID, link::SPAN_ID], link.trace_id, link.span_id);
            out.fixed32(link::FLAGS, link.flags.to_byte().into());
        });
    }

    #[inline(always)]
    pub(super) fn ids(&mut self, [trace, span]: [u8; 2], trace_id: TraceId, span_id: SpanId) {
        self.id(trace, trace_id.as_bytes());
        self.id(span, span_id.as_bytes());
    }
}
