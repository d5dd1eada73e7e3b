//! `opentelemetry/proto/logs/v1/logs.proto`.

use super::super::buffer::Buffer;
use crate::log::LogRecord;

impl Buffer {
    /// `LogRecord`.
    pub(in super::super) fn json_log(&mut self, log: &LogRecord) {
        self.time(b"{\"timeUnixNano\":", log.time);
        self.time(b",\"observedTimeUnixNano\":", log.time);
        if !log.event_name.is_empty() {
            self.put(*b",\"eventName\":");
            self.quoted(&log.event_name);
        }
        self.put(*b",\"body\":{\"stringValue\":");
        self.quoted(&log.body);
        self.put(*b"},");
        self.json_attributes(&log.attributes, None);
        self.count(b",\"droppedAttributesCount\":", log.dropped_attributes);
        if let Some(span) = &log.span {
            self.put(*b",\"flags\":");
            self.number(span.flags.to_byte().into());
            self.put(*b",");
            self.json_ids(span.trace_id, span.span_id);
        }
        self.put(*b"}");
    }
}
