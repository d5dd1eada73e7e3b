//! A [`Mapper`](crate::Mapper)'s state, written down: what it has to know after its process was started again.
//!
//! Numbers go as their bytes, little-endian; lists, texts and maps behind their lengths, maps in the order of their
//! keys; of an enumeration, the variant's number first. The same state gives the same bytes.

use core::{borrow::Borrow, fmt};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    hash::{BuildHasher, Hash},
    sync::Arc,
};

use go_trace_context::{SpanId, TraceFlags, TraceId, TraceParent, TraceState};
use go_trace_format::{
    GenerationKey, Time,
    event::{GoroutineId, Operation, ProcId, TaskId, ThreadId},
};

/// What can be written down and read again.
pub(crate) trait Saved: Sized {
    fn save(&self, out: &mut Vec<u8>);

    /// None where the input is not what saving gives.
    fn load(input: &mut Input<'_>) -> Option<Self>;
}

/// What is left to be read. Whatever it says, no more memory is taken than it has bytes, times a constant.
pub(crate) struct Input<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn elements<T: Saved, C: FromIterator<T>>(&mut self) -> Option<C> {
        let count = u64::load(self)?;
        (0..count).map(|_| T::load(self)).collect()
    }

    pub(crate) fn error(&self) -> StateError {
        StateError { offset: self.length - self.rest.len() }
    }
}

/// Bytes are not the state of a [`Mapper`](crate::Mapper), or of a [`MetricsCollector`](crate::MetricsCollector), or that of
/// another version of this crate. It has to begin anew: spans that were open go out as incomplete, and counts begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StateError {
    /// Where the bytes stopped making sense.
    pub offset: usize,
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a saved state, or another version's, at byte {}: begin without it", self.offset)
    }
}

impl core::error::Error for StateError {}

/// Writes down a struct field by field.
macro_rules! saved {
    ($type:ty { $($field:tt),* $(,)? }) => {
        impl crate::saved::Saved for $type {
            fn save(&self, out: &mut Vec<u8>) {
                $(crate::saved::Saved::save(&self.$field, out);)*
            }

            fn load(input: &mut crate::saved::Input<'_>) -> Option<Self> {
                Some(Self { $($field: crate::saved::Saved::load(input)?),* })
            }
        }
    };
}

/// Writes down an enumeration: its variants' numbers, with the one value that a variant may have.
macro_rules! saved_enum {
    ($type:ty { $($number:literal => $variant:ident $(($value:ident))?),* $(,)? }) => {
        impl crate::saved::Saved for $type {
            fn save(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($value))? => {
                        out.push($number);
                        $(crate::saved::Saved::save($value, out);)?
                    })*
                }
            }

            fn load(input: &mut crate::saved::Input<'_>) -> Option<Self> {
                Some(match <u8 as crate::saved::Saved>::load(input)? {
                    $($number => Self::$variant $(({ let $value = crate::saved::Saved::load(input)?; $value }))?,)*
                    _ => return None,
                })
            }
        }
    };
}

pub(crate) use {saved, saved_enum};

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Saved for $number {
            fn save(&self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }

            fn load(input: &mut Input<'_>) -> Option<Self> {
                Some(Self::from_le_bytes(input.take(size_of::<Self>())?.try_into().ok()?))
            }
        }
    )*};
}

numbers!(u8 u32 u64 i64 i128);

impl Saved for f64 {
    fn save(&self, out: &mut Vec<u8>) {
        self.to_bits().save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        u64::load(input).map(Self::from_bits)
    }
}

impl Saved for usize {
    fn save(&self, out: &mut Vec<u8>) {
        (*self as u64).save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        u64::load(input)?.try_into().ok()
    }
}

impl Saved for bool {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        match u8::load(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Saved for Arc<str> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        out.extend(self.as_bytes());
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let length = usize::load(input)?;
        Some(core::str::from_utf8(input.take(length)?).ok()?.into())
    }
}

impl Saved for Cow<'static, str> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        out.extend(self.as_bytes());
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Arc::<str>::load(input).map(|text| Self::Owned(text.as_ref().to_owned()))
    }
}

macro_rules! pointers {
    ($($pointer:ident)*) => {$(
        impl<T: Saved> Saved for $pointer<T> {
            fn save(&self, out: &mut Vec<u8>) {
                self.as_ref().save(out);
            }

            fn load(input: &mut Input<'_>) -> Option<Self> {
                T::load(input).map(Self::new)
            }
        }
    )*};
}

pointers!(Arc Box);

impl<T: Saved> Saved for Option<T> {
    fn save(&self, out: &mut Vec<u8>) {
        self.is_some().save(out);
        if let Some(value) = self {
            value.save(out);
        }
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Some(match bool::load(input)? {
            true => Some(T::load(input)?),
            false => None,
        })
    }
}

macro_rules! lists {
    ($($list:ident)*) => {$(
        impl<T: Saved> Saved for $list<T> {
            fn save(&self, out: &mut Vec<u8>) {
                self.len().save(out);
                self.iter().for_each(|element| element.save(out));
            }

            fn load(input: &mut Input<'_>) -> Option<Self> {
                input.elements()
            }
        }
    )*};
}

lists!(Vec VecDeque);

impl<T: Saved + Copy + Default, const N: usize> Saved for [T; N] {
    fn save(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|element| element.save(out));
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let mut elements = [T::default(); N];
        for element in &mut elements {
            *element = T::load(input)?;
        }
        Some(elements)
    }
}

impl<A: Saved, B: Saved> Saved for (A, B) {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.save(out);
        self.1.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Some((A::load(input)?, B::load(input)?))
    }
}

impl<K: Saved + Ord, V: Saved> Saved for BTreeMap<K, V> {
    fn save(&self, out: &mut Vec<u8>) {
        self.len().save(out);
        for (key, value) in self {
            key.save(out);
            value.save(out);
        }
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        input.elements::<(K, V), _>()
    }
}

/// Writes down a map that has no order of its own, in the order of its keys.
pub(crate) fn save_by_key<'m, K: Borrow<B>, B: Saved + Ord, V: Saved + 'm>(
    entries: impl Iterator<Item = (K, &'m V)>,
    out: &mut Vec<u8>,
) {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by(|(one, _), (other, _)| one.borrow().cmp(other.borrow()));
    entries.len().save(out);
    for (key, value) in entries {
        key.borrow().save(out);
        value.save(out);
    }
}

impl<K: Saved + Ord + Hash, V: Saved, H: BuildHasher + Default> Saved for HashMap<K, V, H> {
    fn save(&self, out: &mut Vec<u8>) {
        save_by_key::<&K, K, V>(self.iter(), out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        input.elements::<(K, V), _>()
    }
}

impl<T: Saved + Ord + Hash, H: BuildHasher + Default> Saved for HashSet<T, H> {
    fn save(&self, out: &mut Vec<u8>) {
        let mut elements: Vec<_> = self.iter().collect();
        elements.sort_unstable();
        elements.len().save(out);
        elements.into_iter().for_each(|element| element.save(out));
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        input.elements()
    }
}

saved!(GoroutineId { 0 });
saved!(ThreadId { 0 });
saved!(ProcId { 0 });
saved!(TaskId { 0 });
saved!(Time { 0 });

impl Saved for GenerationKey {
    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.to_bytes());
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Self::from_bytes(input.take(Self::LENGTH)?)
    }
}

impl Saved for Operation {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(
            Operation::ALL.iter().position(|operation| operation == self).unwrap_or(Operation::ALL.len())
                as u8,
        );
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Operation::ALL.get(usize::from(u8::load(input)?)).copied()
    }
}

impl Saved for TraceId {
    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.to_bytes());
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Self::from_bytes(input.take(16)?.try_into().ok()?)
    }
}

impl Saved for SpanId {
    fn save(&self, out: &mut Vec<u8>) {
        out.extend(self.to_bytes());
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Self::from_bytes(input.take(8)?.try_into().ok()?)
    }
}

impl Saved for TraceFlags {
    fn save(&self, out: &mut Vec<u8>) {
        out.push(self.to_byte());
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        u8::load(input).map(Self::from_byte)
    }
}

impl Saved for TraceState {
    fn save(&self, out: &mut Vec<u8>) {
        Arc::<str>::from(self.to_string()).save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Arc::<str>::load(input)?.parse().ok()
    }
}

impl Saved for TraceParent {
    fn save(&self, out: &mut Vec<u8>) {
        self.trace_id().save(out);
        self.span_id().save(out);
        self.flags().save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Some(Self::new(Saved::load(input)?, Saved::load(input)?, Saved::load(input)?))
    }
}
