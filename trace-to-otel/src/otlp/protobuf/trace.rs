//! `opentelemetry/proto/trace/v1/trace.proto`.

use go_trace_context::{SpanId, TraceId, TraceState};

use super::{
    super::{buffer::Buffer, flags},
    envelope::field,
    wire::{Wire, tag},
};
use crate::{
    anatomy::{Anatomy, seconds},
    span::{Link, Span, SpanEvent, Status},
};

const TRACE_ID: u8 = tag(1, Wire::Length);
const SPAN_ID: u8 = tag(2, Wire::Length);
const TRACE_STATE: u8 = tag(3, Wire::Length);
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
    pub(super) const TRACE_STATE: u8 = tag(3, Wire::Length);
    pub(super) const ATTRIBUTES: u8 = tag(4, Wire::Length);
    pub(super) const DROPPED_ATTRIBUTES: u8 = tag(5, Wire::Varint);
    pub(super) const FLAGS: u8 = tag(6, Wire::Fixed32);
}

/// `Status`.
mod status {
    use super::{Wire, tag};
    pub(super) const MESSAGE: u8 = tag(2, Wire::Length);
    pub(super) const CODE: u8 = tag(3, Wire::Varint);
}

/// The attributes of an anatomy, which most spans have, up to their values.
mod anatomy {
    use super::{
        super::common::{any_value, key_value},
        ATTRIBUTES, Anatomy,
    };

    /// What the longest takes, and some.
    pub(super) const ROOM: usize = 40;

    /// A `KeyValue` up to its number.
    pub(super) struct Start {
        pub(super) bytes: [u8; ROOM],
        pub(super) len: usize,
    }

    /// Those of [`Anatomy::KEYS`].
    pub(super) const STARTS: [Start; Anatomy::KEYS.len()] = {
        let mut starts = [const { Start { bytes: [0; ROOM], len: 0 } }; Anatomy::KEYS.len()];
        let mut index = 0;
        while index < starts.len() {
            starts[index] = start(Anatomy::KEYS[index].as_bytes());
            index += 1;
        }
        starts
    };

    const fn start(key: &[u8]) -> Start {
        // The key's tag and length, and the value's, and the number's tag and 8 bytes.
        let pair = key.len() + 13;
        assert!(pair < 0x80 && key.len() + 7 <= ROOM, "lengths of one byte");
        let mut bytes = [0; ROOM];
        (bytes[0], bytes[1], bytes[2], bytes[3]) = (ATTRIBUTES, pair as u8, key_value::KEY, key.len() as u8);
        let mut at = 0;
        while at < key.len() {
            bytes[4 + at] = key[at];
            at += 1;
        }
        let value = 4 + key.len();
        (bytes[value], bytes[value + 1], bytes[value + 2]) = (key_value::VALUE, 9, any_value::DOUBLE);
        Start { bytes, len: value + 3 }
    }
}

impl Buffer {
    /// `Span`, as one of those of a `ScopeSpans`.
    pub(in super::super) fn protobuf_span(&mut self, span: &Span) {
        self.message::<2>(field::RECORDS, |out| {
            out.ids([TRACE_ID, SPAN_ID], span.trace_id, span.span_id);
            out.trace_state(TRACE_STATE, &span.trace_state);
            if let Some(parent) = span.parent {
                out.id(PARENT_SPAN_ID, parent.span_id.as_bytes());
            }
            out.string(NAME, &span.name);
            out.put([KIND, span.kind.number()]);
            out.fixed64(START_TIME, span.start.0);
            out.fixed64(END_TIME, span.end.0);
            out.attributes(ATTRIBUTES, &span.attributes);
            if let Some(anatomy) = &span.anatomy {
                out.anatomy(anatomy);
            }
            out.unsigned(DROPPED_ATTRIBUTES, span.dropped_attributes.into());
            span.events.iter().for_each(|event| out.event(event));
            out.unsigned(DROPPED_EVENTS, span.dropped_events.into());
            span.links.iter().for_each(|link| out.link(link));
            out.unsigned(DROPPED_LINKS, span.dropped_links.into());
            match span.status.description() {
                "" if span.status == Status::Unset => {}
                "" => out.put([STATUS, 2, status::CODE, span.status.number()]),
                description => out.message::<1>(STATUS, |out| {
                    out.string(status::MESSAGE, description);
                    out.put([status::CODE, span.status.number()]);
                }),
            }
            let [a, b, c, d] = flags(span).to_le_bytes();
            out.put([FLAGS[0], FLAGS[1], a, b, c, d]);
        });
    }

    /// The times of an anatomy, as further attributes.
    #[inline(always)]
    fn anatomy(&mut self, anatomy: &Anatomy) {
        let times = anatomy.times();
        // Most are 0, nobody can foresee which: only those that are not are gone through, without a branch for each.
        let mut left = times.iter().rev().fold(0_u16, |left, &time| left << 1 | u16::from(time > 0));
        while left != 0 {
            let index = left.trailing_zeros() as usize;
            left &= left - 1;
            let (start, time) = (&anatomy::STARTS[index], times[index]);
            // A copy of constant size is faster than one of the right size; what is too much is written over.
            let out = self.next(anatomy::ROOM + 8);
            out[..anatomy::ROOM].copy_from_slice(&start.bytes);
            out[start.len..start.len + 8].copy_from_slice(&seconds(time).to_le_bytes());
            self.truncate(self.len() - (anatomy::ROOM - start.len));
        }
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
            out.trace_state(link::TRACE_STATE, &link.trace_state);
            out.attributes(link::ATTRIBUTES, &link.attributes);
            out.unsigned(link::DROPPED_ATTRIBUTES, link.dropped_attributes.into());
            out.fixed32(link::FLAGS, link.flags.to_byte().into());
        });
    }

    #[inline]
    fn trace_state(&mut self, tag: u8, state: &TraceState) {
        if !state.is_empty() {
            self.string(tag, &state.to_string());
        }
    }

    #[inline(always)]
    pub(super) fn ids(&mut self, tags: [u8; 2], trace_id: TraceId, span_id: SpanId) {
        let (trace_id, span_id) = (trace_id.as_bytes(), span_id.as_bytes());
        let out = self.next(28);
        out[..2].copy_from_slice(&[tags[0], 16]);
        out[2..18].copy_from_slice(trace_id);
        out[18..20].copy_from_slice(&[tags[1], 8]);
        out[20..].copy_from_slice(span_id);
    }
}
