//! The tables of a generation: what its events' ids stand for.
//!
//! Go: `internal/trace.evTable` and `generation.go`. Tables hold offsets into the generation's bytes, so that
//! nothing is copied and a table may outlive the growth of the buffer under it.

mod clock;
mod id_table;
mod samples;
mod stacks;
mod strings;

pub use clock::{Clock, ClockSnapshot, Time, WallTime};
pub use stacks::{Frame, Frames, Stack};
pub use strings::Text;

pub(crate) use clock::ClockBuilder;
pub(crate) use samples::{CpuSample, CpuSamples};
pub(crate) use stacks::Stacks;
pub(crate) use strings::Strings;

use std::{borrow::Cow, sync::Arc};

use crate::{
    error::{Damage, Error, Parse, Problem, Unread},
    id::{StackId, StringId, ThreadId},
    spec::{Dialect, EventType, Experiment, Version},
    v1,
};

/// The tables of one generation, together with the bytes that they point into.
#[derive(Debug)]
pub struct Tables<'a> {
    pub(crate) version: Version,
    pub(crate) dialect: Dialect,
    pub(crate) generation: u64,
    /// The bytes that offsets count from: the whole input, or the generation's own buffer.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// Where the first of `bytes` stands in the trace.
    pub(crate) base: u64,
    pub(crate) clock: Clock,
    /// The time of the generation's earliest batch.
    pub(crate) start: Time,
    /// When it is on a clock that times do not count from the beginning of: the earliest ticks of a trace of format v1.
    pub(crate) origin: Option<i64>,
    pub(crate) strings: Strings,
    pub(crate) stacks: Stacks,
    pub(crate) experimental: Vec<ExperimentalData>,
    /// Names that were given in an earlier generation and are said again in this one.
    pub(crate) inherited: Arc<Vec<Arc<[u8]>>>,
}

/// Where a batch of an experiment's own format lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExperimentalData {
    pub(crate) experiment: Experiment,
    pub(crate) thread: ThreadId,
    pub(crate) place: Place,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(version: Version, dialect: Dialect) -> Self {
        Self {
            version,
            dialect,
            generation: 0,
            bytes: Cow::default(),
            base: 0,
            clock: Clock::default(),
            start: Time::default(),
            origin: None,
            strings: Strings::default(),
            stacks: Stacks::default(),
            experimental: Vec::new(),
            inherited: Arc::default(),
        }
    }

    /// The version of the trace that the generation is of.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The numbering of its events.
    #[inline]
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The generation's number.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The clock: what a unit of time is, and what the wall clock said.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The string of an id. Id 0 is the empty string; an id that the generation does not hold is
    /// [lost](Text::is_lost).
    #[inline]
    #[must_use]
    pub fn string(&self, id: StringId) -> Text<'_> {
        match self.strings.get(id) {
            Some(place) => Text::new(Some(place.of(&self.bytes))),
            None if self.version.is_v1() => Text::new(v1::text(id, &self.bytes)),
            None => Text::new(None),
        }
    }

    /// The stack of an id; `None` for id 0 and for an id that the generation does not hold.
    #[inline]
    #[must_use]
    pub fn stack(&self, id: StackId) -> Option<Stack<'_>> {
        self.stacks.get(id).filter(|_| id.0 != 0).map(|place| Stack::new(self, id, place))
    }

    /// Every string of the generation with its id, in no order that means anything.
    ///
    /// What a filter took out of the events is still here: sanitize before it leaves the process.
    pub fn strings(&self) -> impl Iterator<Item = (StringId, &[u8])> {
        self.strings.iter().map(|(id, place)| (id, place.of(&self.bytes)))
    }

    /// Every stack of the generation, in no order that means anything.
    pub fn stacks(&self) -> impl Iterator<Item = Stack<'_>> {
        self.stacks.iter().map(|(id, place)| Stack::new(self, id, place))
    }

    /// The batches of experiments, each with its thread, in the order of the file.
    pub fn experimental_batches(&self) -> impl Iterator<Item = (Experiment, ThreadId, &[u8])> {
        self.experimental.iter().map(|data| (data.experiment, data.thread, data.place.of(&self.bytes)))
    }

    /// Empties the tables and hands back the buffer, for the next generation to use again.
    pub(crate) fn recycle(&mut self) -> Vec<u8> {
        self.clock = Clock::default();
        self.origin = None;
        self.strings.clear();
        self.stacks.clear();
        self.experimental.clear();
        self.inherited = Arc::default();
        match std::mem::take(&mut self.bytes) {
            Cow::Owned(buffer) => buffer,
            Cow::Borrowed(_) => Vec::new(),
        }
    }
}

/// A run of at most 1 MiB of the generation's bytes, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u64);

impl Place {
    const LENGTH_BITS: u32 = 20;

    /// No bytes.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn new(start: usize, length: usize) -> Self {
        debug_assert!(length < 1 << Self::LENGTH_BITS);
        Self((start as u64) << Self::LENGTH_BITS | length as u64)
    }

    #[inline]
    pub(crate) fn start(self) -> usize {
        (self.0 >> Self::LENGTH_BITS) as usize
    }

    #[inline]
    pub(crate) fn length(self) -> usize {
        (self.0 & ((1 << Self::LENGTH_BITS) - 1)) as usize
    }

    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start()..self.start() + self.length()]
    }
}

/// Turns a problem inside a table's batch into an error with its place, and what is left out for it. `data` is the batch's body, which
/// stands at `offset` in the trace; `record` is what the table holds.
pub(crate) fn table_damage(offset: u64, data: &[u8], unread: Unread, record: EventType) -> Damage {
    let Unread { parse, bytes } = unread;
    let offset = offset + (data.len() - parse.left) as u64;
    let error = match parse.problem {
        Problem::Byte(byte) => Error::UnexpectedRecord { offset, byte, expected: record },
        Problem::Length(length) => Error::RecordTooLong { offset, record, length },
        Problem::Varint => Error::InvalidVarint { offset },
        Problem::Repeated => Error::DuplicateSync { offset },
        Problem::End => Error::UnfinishedRecord { offset, record },
        Problem::Short | Problem::Other => Error::TruncatedRecord { offset, record },
    };
    Damage { error, bytes: bytes as u64 }
}

/// Runs a record parser over the body of a table's batch, whose first byte opens the table.
///
/// `keep` takes each record with the offset, within `data`, at which it begins. Linear in `data`.
pub(crate) fn for_each_record<'a, T>(
    data: &'a [u8],
    mut record: impl FnMut(&'a [u8]) -> nom::IResult<&'a [u8], T, Parse>,
    mut keep: impl FnMut(usize, T),
) -> Result<(), Unread> {
    let mut rest = data.get(1..).unwrap_or_default();
    while !rest.is_empty() {
        match record(rest) {
            Ok((after, value)) => {
                keep(data.len() - rest.len(), value);
                rest = after;
            }
            Err(nom::Err::Error(parse) | nom::Err::Failure(parse)) => {
                return Err(Unread::from_record(rest, parse));
            }
            Err(nom::Err::Incomplete(_)) => {
                return Err(Unread::from_record(rest, Parse::new(rest, Problem::Short)));
            }
        }
    }
    Ok(())
}

/// The byte that opens a record, as a nom parser.
pub(crate) fn opens(byte: EventType) -> impl FnMut(&[u8]) -> nom::IResult<&[u8], (), Parse> {
    // The records of tables have the same number in both dialects.
    let expected = byte as u8;
    move |input: &[u8]| match input.split_first() {
        Some((&found, rest)) if found == expected => Ok((rest, ())),
        Some((&found, _)) => Err(nom::Err::Error(Parse::new(input, Problem::Byte(found)))),
        None => Err(nom::Err::Error(Parse::new(input, Problem::Short))),
    }
}
