//! `opentelemetry/proto/common/v1/common.proto`, `opentelemetry/proto/resource/v1/resource.proto`.

use super::{
    super::{
        buffer::{Buffer, copy},
        encoder::ScopeHead,
    },
    envelope::field,
    wire::{Wire, tag, varint_len, write_varint},
};
use crate::{
    resource::Resource,
    span::{Attribute, Value},
};

/// `KeyValue`.
pub(super) mod key_value {
    use super::{Wire, tag};
    pub(in super::super) const KEY: u8 = tag(1, Wire::Length);
    pub(in super::super) const VALUE: u8 = tag(2, Wire::Length);
}

/// `AnyValue`.
pub(super) mod any_value {
    use super::{Wire, tag};
    pub(in super::super) const STRING: u8 = tag(1, Wire::Length);
    pub(in super::super) const BOOL: u8 = tag(2, Wire::Varint);
    pub(in super::super) const INT: u8 = tag(3, Wire::Varint);
    pub(in super::super) const DOUBLE: u8 = tag(4, Wire::Fixed64);
}

impl Buffer {
    pub(super) fn attributes(&mut self, tag: u8, attributes: &[Attribute]) {
        for attribute in attributes {
            self.attribute(tag, attribute);
        }
    }

    #[inline(always)]
    fn attribute(&mut self, tag: u8, attribute: &Attribute) {
        let key = &*attribute.key;
        match &attribute.value {
            Value::Text(text) => self.text_attribute(tag, key, text),
            // Negative numbers go out as their 64 bits.
            Value::Integer(number) => self.varint_attribute(tag, key, any_value::INT, *number as u64),
            Value::Float(number) => self.float_attribute(tag, key, *number),
            Value::Boolean(yes) => self.varint_attribute(tag, key, any_value::BOOL, (*yes).into()),
        }
    }

    #[inline(always)]
    fn text_attribute(&mut self, tag: u8, key: &str, text: &str) {
        let length = text.len();
        match self.short_key(tag, key, length + 2) {
            Some(out) => {
                let (start, out) = out.split_at_mut(4);
                start.copy_from_slice(&[
                    key_value::VALUE,
                    (length + 2) as u8,
                    any_value::STRING,
                    length as u8,
                ]);
                copy(out, text.as_bytes());
            }
            None => {
                self.long_key(tag, key, 1 + varint_len(length as u64) + length);
                self.any_text(text);
            }
        }
    }

    #[inline(always)]
    fn varint_attribute(&mut self, tag: u8, key: &str, kind: u8, number: u64) {
        let value = 1 + varint_len(number);
        match self.short_key(tag, key, value) {
            Some(out) => {
                let (start, out) = out.split_at_mut(3);
                start.copy_from_slice(&[key_value::VALUE, value as u8, kind]);
                write_varint(out, number);
            }
            None => {
                self.long_key(tag, key, value);
                self.put([kind]);
                self.varint(number);
            }
        }
    }

    #[inline(always)]
    fn float_attribute(&mut self, tag: u8, key: &str, number: f64) {
        match self.short_key(tag, key, 9) {
            Some(out) => {
                let mut value = [0; 11];
                value[..3].copy_from_slice(&[key_value::VALUE, 9, any_value::DOUBLE]);
                value[3..].copy_from_slice(&number.to_le_bytes());
                out.copy_from_slice(&value);
            }
            None => {
                self.long_key(tag, key, 9);
                self.optional_fixed64(any_value::DOUBLE, number.to_bits());
            }
        }
    }

    /// A `KeyValue` whose lengths take one byte each: its key. Gives room for the `AnyValue` as a field, which takes
    /// `value` bytes behind its tag and length.
    #[inline(always)]
    fn short_key(&mut self, tag: u8, key: &str, value: usize) -> Option<&mut [u8]> {
        let pair = key.len() + value + 4;
        if key.is_empty() || pair >= 0x80 {
            return None;
        }
        let (start, out) = self.next(2 + pair).split_at_mut(4);
        start.copy_from_slice(&[tag, pair as u8, key_value::KEY, key.len() as u8]);
        let (name, out) = out.split_at_mut(key.len());
        copy(name, key.as_bytes());
        Some(out)
    }

    /// Any `KeyValue` up to its `AnyValue`, which takes `value` bytes.
    #[inline(never)]
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
    pub(super) fn any_text(&mut self, text: &str) {
        self.put([any_value::STRING]);
        self.text(text);
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
pub(in super::super) fn around_records(scope: ScopeHead<'_>) -> [Buffer; 2] {
    let [mut before, mut after] = <[Buffer; 2]>::default();
    before.message::<1>(field::SCOPE, |out| {
        out.string(instrumentation_scope::NAME, scope.name);
        out.string(instrumentation_scope::VERSION, scope.version);
    });
    after.string(field::SCHEMA_URL, scope.schema_url);
    [before, after]
}
