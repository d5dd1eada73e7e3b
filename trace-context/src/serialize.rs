//! serde: what has a text in a header is that text.

use core::fmt;
use core::marker::PhantomData;
use core::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::{
    id::{SpanId, TraceId},
    traceparent::{TraceFlags, TraceParent},
    tracestate::TraceState,
};

struct FromText<T> {
    expected: &'static str,
    of: PhantomData<T>,
}

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for FromText<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! as_text {
    ($($type:ident: $expected:literal;)+) => {$(
        #[doc = concat!("As ", $expected, ".")]
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        #[doc = concat!("From ", $expected, ".")]
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(FromText { expected: $expected, of: PhantomData })
            }
        }
    )+};
}

as_text! {
    TraceId: "32 lower-case hexadecimal digits";
    SpanId: "16 lower-case hexadecimal digits";
    TraceParent: "the value of a traceparent header";
    TraceState: "the value of a tracestate header";
}

/// As the byte that goes out.
impl Serialize for TraceFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.to_byte())
    }
}

/// From a received byte: bits that are not known are dropped.
impl<'de> Deserialize<'de> for TraceFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u8::deserialize(deserializer).map(Self::from_byte)
    }
}
