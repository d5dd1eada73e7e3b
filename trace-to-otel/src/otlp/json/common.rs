//! `opentelemetry/proto/common/v1/common.proto`, `opentelemetry/proto/resource/v1/resource.proto`, and the levels
//! around the records of any signal.

use go_trace_context::{SpanId, TraceId};

use super::super::{buffer::Buffer, encoder::ScopeHead, record::Names};
use crate::{
    anatomy::Anatomy,
    resource::Resource,
    span::{Attribute, UnixTime, Value},
};

impl Buffer {
    /// `"traceId":"…","spanId":"…"`
    #[inline(always)]
    pub(super) fn json_ids(&mut self, trace_id: TraceId, span_id: SpanId) {
        self.put(*b"\"traceId\":");
        self.hexadecimal(trace_id.as_bytes());
        self.put(*b",\"spanId\":");
        self.hexadecimal(span_id.as_bytes());
    }

    /// `"attributes":[…]`
    pub(super) fn json_attributes(&mut self, attributes: &[Attribute], anatomy: Option<&Anatomy>) {
        enum Pair<'a> {
            Attribute(&'a Attribute),
            Anatomy(&'static str, f64),
        }
        let attributes = attributes.iter().map(Pair::Attribute);
        let anatomy =
            anatomy.into_iter().flat_map(Anatomy::attributes).map(|(key, time)| Pair::Anatomy(key, time));
        self.put(*b"\"attributes\":");
        self.array(attributes.chain(anatomy), |out, pair| match pair {
            Pair::Attribute(attribute) => out.json_attribute(attribute),
            Pair::Anatomy(key, time) => out.json_float_attribute(key, time),
        });
    }

    /// `KeyValue`.
    fn json_attribute(&mut self, attribute: &Attribute) {
        let key = &*attribute.key;
        match &attribute.value {
            Value::Text(text) => {
                self.json_key(key);
                self.put(*b"\"stringValue\":");
                self.quoted(text);
            }
            Value::Integer(number) => {
                self.json_key(key);
                self.put(*b"\"intValue\":");
                self.quoted_number(*number);
            }
            Value::Float(number) => return self.json_float_attribute(key, *number),
            Value::Boolean(yes) => {
                self.json_key(key);
                self.put(*b"\"boolValue\":");
                self.extend(if *yes { b"true" } else { b"false" });
            }
        }
        self.put(*b"}}");
    }

    fn json_float_attribute(&mut self, key: &str, number: f64) {
        self.json_key(key);
        self.put(*b"\"doubleValue\":");
        self.float(number);
        self.put(*b"}}");
    }

    fn json_key(&mut self, key: &str) {
        self.put(*b"{\"key\":");
        self.quoted(key);
        self.put(*b",\"value\":{");
    }

    /// A time, after its name.
    pub(super) fn time<const N: usize>(&mut self, name: &[u8; N], time: UnixTime) {
        self.put(*name);
        self.quoted_number(time.0);
    }

    /// A count, after its name; left out when it is 0.
    pub(super) fn count(&mut self, name: &[u8], count: u32) {
        if count > 0 {
            self.extend(name);
            self.number(count);
        }
    }
}

/// What comes before the scopes of a request, and what comes behind them.
pub(in super::super) fn around_scopes(names: &Names, resource: &Resource) -> [Buffer; 2] {
    let mut before = Buffer::default();
    before.put(*b"{");
    before.quoted(names.resources);
    before.put(*b":[{\"resource\":{");
    before.json_attributes(resource.attributes(), None);
    before.put(*b"},");
    before.quoted(names.scopes);
    before.put(*b":[");
    [before, behind(resource.schema_url().unwrap_or_default(), b"}]}")]
}

/// What comes before the records of a scope, and what comes behind them.
pub(in super::super) fn around_records(names: &Names, scope: ScopeHead<'_>) -> [Buffer; 2] {
    let mut before = Buffer::default();
    before.put(*b"{\"scope\":{\"name\":");
    before.quoted(scope.name);
    before.put(*b",\"version\":");
    before.quoted(scope.version);
    before.put(*b"},");
    before.quoted(names.records);
    before.put(*b":[");
    [before, behind(scope.schema_url, b"}")]
}

/// The end of an array, its schema if it has one, and `end`.
fn behind(schema_url: &str, end: &[u8]) -> Buffer {
    let mut behind = Buffer::default();
    behind.put(*b"]");
    if !schema_url.is_empty() {
        behind.put(*b",\"schemaUrl\":");
        behind.quoted(schema_url);
    }
    behind.extend(end);
    behind
}
