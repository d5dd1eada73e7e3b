//! `opentelemetry/proto/logs/v1/logs.proto`.

use super::{
    super::buffer::Buffer,
    envelope::field,
    wire::{Wire, tag},
};
use crate::log::LogRecord;

const TIME: u8 = tag(1, Wire::Fixed64);
const BODY: u8 = tag(5, Wire::Length);
const ATTRIBUTES: u8 = tag(6, Wire::Length);
const DROPPED_ATTRIBUTES: u8 = tag(7, Wire::Varint);
const FLAGS: u8 = tag(8, Wire::Fixed32);
const TRACE_ID: u8 = tag(9, Wire::Length);
const SPAN_ID: u8 = tag(10, Wire::Length);
const OBSERVED_TIME: u8 = tag(11, Wire::Fixed64);
const EVENT_NAME: u8 = tag(12, Wire::Length);

impl Buffer {
    /// `LogRecord`, as one of those of a `ScopeLogs`.
    pub(in super::super) fn protobuf_log(&mut self, log: &LogRecord) {
        self.message::<2>(field::RECORDS, |out| {
            out.fixed64(TIME, log.time.0);
            out.message::<1>(BODY, |out| out.any_text(&log.body));
            out.attributes(ATTRIBUTES, &log.attributes);
            out.unsigned(DROPPED_ATTRIBUTES, log.dropped_attributes.into());
            if let Some(span) = &log.span {
                out.fixed32(FLAGS, span.flags.to_byte().into());
                out.ids([TRACE_ID, SPAN_ID], span.trace_id, span.span_id);
            }
            out.fixed64(OBSERVED_TIME, log.time.0);
            out.string(EVENT_NAME, &log.event_name);
        });
    }
}
