//! Batches: the frames that a trace is made of.
//!
//! Go: `internal/trace.readBatch`, and the predicates on `batch` beside it.

use nom::{IResult, Parser, bytes::complete::take};

use crate::{
    cursor::{Cursor, MAX_VARINT},
    error::{Error, Parse, Problem},
    header::HEADER_LENGTH,
    id::ThreadId,
    spec::{Dialect, EventType, Experiment, MAX_BATCH_SIZE, Version},
    wire::RawEvents,
};

/// The longest batch header: event byte, experiment and four varints.
pub(crate) const MAX_HEADER: usize = 2 + 4 * MAX_VARINT;

/// More than the first batch of a trace takes, if it is a sync batch.
pub(crate) const MAX_SYNC: usize = 2 * MAX_HEADER + 10 * MAX_VARINT;

/// What a batch holds. Go decides by the first byte of the body alone, never by the thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchKind {
    /// Timed events of one thread.
    Events,
    /// A part of the string table.
    Strings,
    /// A part of the stack table.
    Stacks,
    /// CPU samples.
    CpuSamples,
    /// The frequency, and from Go 1.25 on the clock snapshot.
    Sync,
    /// Data in an experiment's own format.
    Experimental(Experiment),
    /// A batch whose body begins as the end of a generation does.
    EndOfGeneration,
}

/// A batch, borrowed from the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch<'a> {
    /// Where the batch's first byte stands in the trace.
    pub offset: u64,
    /// Where its body's first byte stands in the trace.
    pub data_offset: u64,
    /// Which experiment it belongs to; `Experiment(0)` is none.
    pub experiment: Experiment,
    /// The generation that it belongs to.
    pub generation: u64,
    /// The thread that wrote it; −1 for none.
    pub thread: ThreadId,
    /// The trace clock at its beginning, in clock units.
    pub time: u64,
    /// Its body.
    pub data: &'a [u8],
}

impl<'a> Batch<'a> {
    /// What the batch holds.
    #[must_use]
    pub fn kind(&self, version: Version, dialect: Dialect) -> BatchKind {
        if self.experiment.0 != 0 {
            return BatchKind::Experimental(self.experiment);
        }
        match self.data.first().and_then(|&byte| dialect.event_type(byte)) {
            Some(EventType::Strings) => BatchKind::Strings,
            Some(EventType::Stacks) => BatchKind::Stacks,
            Some(EventType::CpuSamples) => BatchKind::CpuSamples,
            Some(EventType::Frequency) if !version.has_sync_batch() => BatchKind::Sync,
            Some(EventType::Sync) if version.has_sync_batch() => BatchKind::Sync,
            Some(EventType::EndOfGeneration) => BatchKind::EndOfGeneration,
            _ => BatchKind::Events,
        }
    }

    /// The batch's timed events, in the order in which its thread wrote them.
    ///
    /// Only of use where [`kind`](Self::kind) is [`BatchKind::Events`].
    #[must_use]
    pub fn events(&self, dialect: Dialect) -> RawEvents<'a> {
        RawEvents::new(self.data, self.data_offset, dialect)
    }
}

/// One thing between the header and the end of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Batch(Batch<'a>),
    EndOfGeneration,
}

/// A varint, as a nom parser.
pub(crate) fn varint(input: &[u8]) -> IResult<&[u8], u64, Parse> {
    let mut cursor = Cursor::new(input, 0);
    match cursor.varint() {
        Some(value) => Ok((&input[cursor.position()..], value)),
        None => {
            let cut = input.len() < MAX_VARINT && input.iter().all(|&byte| byte >= 0x80);
            let problem = match (input.is_empty(), cut) {
                (true, _) => Problem::End,
                (false, true) => Problem::Short,
                (false, false) => Problem::Varint,
            };
            Err(nom::Err::Error(Parse::new(input, problem)))
        }
    }
}

/// A single byte that a predicate accepts.
fn byte(input: &[u8]) -> IResult<&[u8], u8, Parse> {
    let (rest, byte) = take(1_usize).parse(input)?;
    Ok((rest, byte[0]))
}

fn size(input: &[u8]) -> IResult<&[u8], usize, Parse> {
    let (rest, size) = varint(input)?;
    match usize::try_from(size) {
        Ok(size) if size <= MAX_BATCH_SIZE => Ok((rest, size)),
        _ => Err(nom::Err::Error(Parse::new(input, Problem::Length(size)))),
    }
}

/// What opens a batch, or the end of a generation, at the start of `input`, which stands at `offset` in the trace:
/// the batch with no body yet, and the size that it says.
fn head(input: &[u8], offset: u64, dialect: Dialect) -> IResult<&[u8], Option<(Batch<'_>, usize)>, Parse> {
    let (rest, first) = byte(input)?;
    let (rest, experiment) = match dialect.event_type(first) {
        Some(EventType::EndOfGeneration) => return Ok((rest, None)),
        Some(EventType::EventBatch) => (rest, 0),
        Some(EventType::ExperimentalBatch) => byte(rest)?,
        _ => return Err(nom::Err::Error(Parse::new(input, Problem::Byte(first)))),
    };
    let (rest, (generation, thread, time, size)) = (varint, varint, varint, size).parse(rest)?;
    let batch = Batch {
        offset,
        data_offset: offset + (input.len() - rest.len()) as u64,
        experiment: Experiment(experiment),
        generation,
        thread: ThreadId(thread as i64),
        time,
        data: &[],
    };
    Ok((rest, Some((batch, size))))
}

/// A batch or the end of a generation at the start of `input`, which stands at `offset` in the trace.
pub(crate) fn item(input: &[u8], offset: u64, dialect: Dialect) -> IResult<&[u8], Item<'_>, Parse> {
    let (rest, head) = head(input, offset, dialect)?;
    let Some((batch, size)) = head else { return Ok((rest, Item::EndOfGeneration)) };
    let (rest, data) = take(size).parse(rest)?;
    Ok((rest, Item::Batch(Batch { data, ..batch })))
}

/// The batch that `bytes` are to their end, whatever size it says.
pub(crate) fn batch_of(bytes: &[u8], offset: u64, dialect: Dialect) -> Option<Batch<'_>> {
    let (data, head) = head(bytes, offset, dialect).ok()?;
    head.map(|(batch, _)| Batch { data, ..batch })
}

/// Turns a framing problem into an error with its place. `start` is where the batch begins, `window` what
/// `item` was given.
pub(crate) fn item_error(start: u64, window: &[u8], parse: Parse) -> Error {
    let offset = start + (window.len() - parse.left) as u64;
    match parse.problem {
        Problem::Byte(byte) => Error::ExpectedBatch { offset, byte },
        Problem::Length(size) => Error::BatchTooLarge { offset: start, size },
        Problem::Varint => Error::InvalidVarint { offset },
        Problem::Short | Problem::End | Problem::Repeated | Problem::Other => {
            Error::TruncatedBatch { offset: start }
        }
    }
}

/// The batches of a trace in the order of the file, ends of generations left out.
///
/// Made by [`Batches::new`]. After an error it ends.
///
/// ```
/// use go_trace_format::{Error, wire::{BatchKind, Batches}};
///
/// /// How many events a trace holds, in whatever order.
/// fn count(trace: &[u8]) -> Result<usize, Error> {
///     let batches = Batches::new(trace)?;
///     let (version, dialect) = (batches.version(), batches.dialect());
///     let mut events = 0;
///     for batch in batches {
///         let batch = batch?;
///         if batch.kind(version, dialect) == BatchKind::Events {
///             for event in batch.events(dialect) {
///                 event?;
///                 events += 1;
///             }
///         }
///     }
///     Ok(events)
/// }
///
/// // A batch of generation 1 on thread 7 that holds nothing but the stop of a proc.
/// let trace = b"go 1.22 trace\0\0\0\x01\x01\x07\x00\x02\x0b\x05";
/// assert_eq!(count(trace), Ok(1));
/// ```
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    version: Version,
    dialect: Dialect,
    rest: &'a [u8],
    offset: u64,
}

impl<'a> Batches<'a> {
    /// Reads the header of `trace` and tells its dialect. Bytes may be anything: there is no panic, and no
    /// memory is allocated.
    ///
    /// # Errors
    ///
    /// As [`Version::parse`], and [`Error::FormatV1`] for a trace of Go 1.5 to 1.21.
    pub fn new(trace: &'a [u8]) -> Result<Self, Error> {
        let version = Version::parse(trace)?;
        if version.is_v1() {
            return Err(Error::FormatV1 { minor: version.minor() });
        }
        let rest = &trace[HEADER_LENGTH..];
        let dialect = match detect(version, rest) {
            Detected::Dialect(dialect) => dialect,
            Detected::Unsure | Detected::TooShort => Dialect::Stock,
        };
        Ok(Self { version, dialect, rest, offset: HEADER_LENGTH as u64 })
    }

    /// The version in the header.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The dialect that was told, or set.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The same batches, read as `dialect` says.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<Batch<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let window = self.rest;
            match item(window, self.offset, self.dialect) {
                Ok((rest, item)) => {
                    self.offset += (window.len() - rest.len()) as u64;
                    self.rest = rest;
                    if let Item::Batch(batch) = item {
                        return Some(Ok(batch));
                    }
                }
                Err(nom::Err::Error(parse) | nom::Err::Failure(parse)) => {
                    self.rest = &[];
                    return Some(Err(item_error(self.offset, window, parse)));
                }
                Err(nom::Err::Incomplete(_)) => {
                    self.rest = &[];
                    return Some(Err(Error::TruncatedBatch { offset: self.offset }));
                }
            }
        }
        None
    }
}

/// What the beginning of a trace says of its dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    /// It is this one.
    Dialect(Dialect),
    /// Nothing: the beginning is damaged.
    Unsure,
    /// Nothing yet: more bytes are needed.
    TooShort,
}

/// Tells the dialect by the bytes after the header: the first batch of a trace is its sync batch, whose body
/// opens with the sync event. Only the fork of Go 1.26 has a dialect of its own.
pub(crate) fn detect(version: Version, after_header: &[u8]) -> Detected {
    if !version.has_end_of_generation() {
        return Detected::Dialect(Dialect::Stock);
    }
    // What is said must not hang on how many bytes there are already.
    let after_header = &after_header[..after_header.len().min(MAX_SYNC)];
    match item(after_header, 0, Dialect::Stock) {
        Ok((_, Item::Batch(batch))) => {
            let opens = |dialect: &Dialect| {
                let opening = [EventType::Sync, EventType::Frequency].map(|event| event.to_wire(*dialect));
                batch.data.iter().copied().map(Some).take(2).eq(opening)
            };
            let dialect = [Dialect::Stock, Dialect::Fork].into_iter().find(opens);
            dialect.map_or(Detected::Unsure, Detected::Dialect)
        }
        Err(nom::Err::Error(Parse { problem: Problem::Short | Problem::End, .. }))
            if after_header.len() < MAX_SYNC =>
        {
            Detected::TooShort
        }
        _ => Detected::Unsure,
    }
}
