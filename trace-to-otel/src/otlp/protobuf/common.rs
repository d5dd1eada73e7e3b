//! `opentelemetry/proto/common/v1/common.proto`, `opentelemetry/proto/resource/v1/resource.proto`.

use opentelemetry_semantic_conventions::SCHEMA_URL;

use super::{
    super::buffer::Buffer,
    envelope::field,
    wire::{Wire, tag, varint_len},
};
use crate::{
    resource::Resource,
    span::{Attribute, Value},
};

/// `KeyValue`.
mod key_value {
    use super::{Wire, tag};
    pub(super) const KEY: u8 = tag(1, Wire::Length);
    pub(super) const VALUE: u8 = tag(2, Wire::Length);
}

/// `AnyValue`.
mod any_value {
    use super::{Wire, tag};
    pub(super) const STRING: u8 = tag(1, Wire::Length);
    pub(super) const BOOL: u8 = tag(2, Wire::Varint);
    pub(super) const INT: u8 = tag(3, Wire::Varint);
    pub(super) const DOUBLE: u8 = tag(4, Wire::Fixed64);
}

impl Buffer {
    pub(super) fn attributes(&mut self, tag: u8, attributes: &[Attribute]) {
        for attribute in attributes {
            self.attribute(tag, attribute);
        }
    }

    #[inline]
    pub(super) fn attribute(&mut self, tag: u8, attribute: &Attribute) {
        let key = &*attribute.key;
        match &attribute.value {
            Value::Text(text) => self.text_attribute(tag, key, text),
            Value::Integer(number) => {
                // Negative numbers go out as their 64 bits.
                let number = *number as u64;
                self.key(tag, key, 1 + varint_len(number));
                self.put([any_value::INT]);
                self.varint(number);
            }
            Value::Float(number) => self.float_attribute(tag, key, *number),
            Value::Boolean(yes) => {
                self.key(tag, key, 2);
                self.put([any_value::BOOL, u8::from(*yes)]);
            }
        }
    }

    #[inline]
    pub(super) fn float_attribute(&mut self, tag: u8, key: &str, number: f64) {
        self.key(tag, key, 9);
        self.optional_fixed64(any_value::DOUBLE, number.to_bits());
    }

    fn text_attribute(&mut self, tag: u8, key: &str, text: &str) {
        self.key(tag, key, 1 + varint_len(text.len() as u64) + text.len());
        self.any_text(text);
    }

    /// Everything of a `KeyValue` before the `AnyValue`, which takes `value` bytes.
    #[inline(always)]
    fn key(&mut self, tag: u8, key: &str, value: usize) {
        // A KeyValue of less than 128 bytes has lengths of one byte each.
        if !key.is_empty() && key.len() + value < 0x80 - 4 {
            let out = self.next(key.len() + 6);
            out[..4].copy_from_slice(&[tag, (key.len() + value + 4) as u8, key_value::KEY, key.len() as u8]);
            out[4..4 + key.len()].copy_from_slice(key.as_bytes());
            out[4 + key.len()..].copy_from_slice(&[key_value::VALUE, value as u8]);
        } else {
            self.long_key(tag, key, value);
        }
    }

    #[cold]
    fn long_key(&mut self, tag: u8, key: &str, value: usize) {
        let framed = |length: usize| 1 + varint_len(length as u64) + length;
        // A key is no oneof: it is left out when it is empty.
        let key_field = if key.is_empty() { 0 } else { framed(key.len()) };
        self.put([tag]);
        self.varint((key_field + framed(value)) as u64);
        self.string(key_value::KEY, key);
        self.put([key_value::VALUE]);
        self.varint(value as u64);
    }

    /// The fields of an `AnyValue` that is a text, even an empty one.
    #[inline]
    pub(super) fn any_text(&mut self, text: &str) {
        self.put([any_value::STRING]);
        self.varint(text.len() as u64);
        self.extend(text.as_bytes());
    }
}

/// `Resource`.
mod resource_message {
    use super::{Wire, tag};
    pub(super) const ATTRIBUTES: u8 = tag(1, Wire::Length);
}

/// `InstrumentationScope`.
mod instrumentation_scope {
    use super::{Wire, tag};
    pub(super) const NAME: u8 = tag(1, Wire::Length);
    pub(super) const VERSION: u8 = tag(2, Wire::Length);
}

/// The fields of a `ResourceSpans`, or the like, but for its scopes.
pub(in super::super) fn around_scopes(resource: &Resource) -> [Buffer; 2] {
    let [mut before, mut after] = <[Buffer; 2]>::default();
    before.message::<2>(field::RESOURCE, |out| {
        out.attributes(resource_message::ATTRIBUTES, resource.attributes());
    });
    after.string(field::SCHEMA_URL, resource.schema_url().unwrap_or_default());
    [before, after]
}

/// The fields of a `ScopeSpans`, or the like, but for its records.
pub(in super::super) fn around_records(scope: &str) -> [Buffer; 2] {
    let [mut before, mut after] = <[Buffer; 2]>::default();
    before.message::<1>(field::SCOPE, |out| {
        out.string(instrumentation_scope::NAME, scope);
        out.string(instrumentation_scope::VERSION, env!("CARGO_PKG_VERSION"));
    });
    after.string(field::SCHEMA_URL, SCHEMA_URL);
    [before, after]
}
