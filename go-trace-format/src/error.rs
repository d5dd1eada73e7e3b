//! The one error type of the decoder.

use core::{fmt, ops::Deref};
use std::{io, sync::Arc};

use crate::{
    id::{ProcId, StackId, StringId, ThreadId},
    spec::{EventType, MAX_BATCH_SIZE, MAX_FRAMES_PER_STACK, MAX_STRING_SIZE},
    v1::FaultV1,
};

/// Why bytes are not, or not any more, a Go execution trace.
///
/// Small; every variant that concerns a place carries the byte offset in the whole input (after decompression, if any), and
/// the generation where one is known: by its number, which is one because readers count by it (the next generation has the next
/// number), while what only names something is of a type of its own, such as [`StackId`]. It becomes an [`io::Error`] by `?` where those are passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The input does not begin with `go 1.N trace`.
    NotATrace,
    /// A trace of Go 1.5 to 1.21 has no batches of threads: a [`Reader`](crate::Reader) gives its events.
    FormatV1 {
        /// The `N` of the header's `go 1.N`.
        minor: u32,
    },
    /// A trace of a version that this crate does not know.
    UnknownVersion {
        /// The `N` of the header's `go 1.N`.
        minor: u32,
    },
    /// The source of the bytes failed.
    Io {
        /// How many bytes had been read.
        offset: u64,
        /// How it failed.
        error: IoError,
    },
    /// A batch should begin here, but the byte begins none.
    ExpectedBatch {
        /// Where.
        offset: u64,
        /// The byte that is there.
        byte: u8,
    },
    /// A batch says that it is larger than any batch may be.
    BatchTooLarge {
        /// Where the batch begins.
        offset: u64,
        /// The size that it says, in bytes.
        size: u64,
    },
    /// A batch is not what it says: its size leads to where nothing begins, or it is of a time far from the others,
    /// and what is in it cannot be read, either.
    DamagedBatch {
        /// Where the batch begins.
        offset: u64,
    },
    /// Whole generations are missing.
    MissingGenerations {
        /// Where the generation behind the gap begins.
        offset: u64,
        /// The generation before the gap.
        after: u64,
        /// The generation behind it.
        found: u64,
    },
    /// The input ends inside a batch.
    TruncatedBatch {
        /// Where the batch begins.
        offset: u64,
    },
    /// A number is cut off, or longer than 64 bits.
    InvalidVarint {
        /// Where the number begins.
        offset: u64,
    },
    /// Generation numbers begin at 1.
    InvalidGeneration {
        /// Where the batch with that number begins.
        offset: u64,
    },
    /// A batch of another generation stands inside a generation.
    GenerationsOutOfOrder {
        /// Where the batch begins.
        offset: u64,
        /// The generation that it stands in.
        generation: u64,
        /// The generation that it says.
        found: u64,
    },
    /// A generation is larger than [the limit](crate::ReaderOptions::max_generation_bytes) set for it.
    GenerationTooLarge {
        /// How far it was read.
        offset: u64,
        /// Which generation.
        generation: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The input ends before the generation's end.
    IncompleteGeneration {
        /// Where the input ends.
        offset: u64,
        /// Which generation.
        generation: u64,
    },
    /// A generation has no frequency, so that nothing in it has a time.
    MissingFrequency {
        /// Where the generation begins.
        offset: u64,
        /// Which generation.
        generation: u64,
    },
    /// A generation has no clock snapshot, which this version of the format demands.
    MissingClockSnapshot {
        /// Where the generation begins.
        offset: u64,
        /// Which generation.
        generation: u64,
    },
    /// A generation's frequency or clock snapshot cannot be: it is left out.
    ImplausibleClock {
        /// Where the generation begins.
        offset: u64,
        /// Which generation.
        generation: u64,
    },
    /// A time lies so far from all others of its generation that it cannot be: that of the event before stands in for it.
    ImplausibleTime {
        /// Where the event begins, or the CPU sample, which is left out, or the generation.
        offset: u64,
        /// Its generation.
        generation: u64,
    },
    /// A generation says its frequency, or its clock snapshot, twice.
    DuplicateSync {
        /// Where it stands the second time.
        offset: u64,
    },
    /// A table holds a record that it cannot hold.
    UnexpectedRecord {
        /// Where.
        offset: u64,
        /// The byte that is there.
        byte: u8,
        /// The record that the table holds.
        expected: EventType,
    },
    /// A record of a table is cut off by the end of its batch.
    TruncatedRecord {
        /// Where the record begins.
        offset: u64,
        /// Which record.
        record: EventType,
    },
    /// The batch of a table ends between two numbers of a record.
    ///
    /// The reference takes this for the end of the trace, and says nothing. So does strict mode.
    UnfinishedRecord {
        /// Where the batch ends.
        offset: u64,
        /// Which record.
        record: EventType,
    },
    /// A string or a stack is longer than any may be.
    RecordTooLong {
        /// Where the record begins.
        offset: u64,
        /// Which record.
        record: EventType,
        /// The length that it says: bytes of a string, frames of a stack.
        length: u64,
    },
    /// A string has an id that is taken, or 0, which stands for the empty one.
    DuplicateString {
        /// Where the record begins.
        offset: u64,
        /// The id.
        id: StringId,
    },
    /// A stack has an id that is taken, or 0, which stands for none.
    DuplicateStack {
        /// Where the record begins.
        offset: u64,
        /// The id.
        id: StackId,
    },
    /// A stack's frame names a string that the generation does not hold.
    InvalidFrame {
        /// Where the generation begins.
        offset: u64,
        /// The program counter of the frame.
        pc: u64,
        /// The id of the string.
        id: StringId,
    },
    /// A byte in an event stream is no timed event.
    InvalidEvent {
        /// Where.
        offset: u64,
        /// The byte that is there.
        byte: u8,
    },
    /// An event names a stack that the generation does not hold.
    InvalidStack {
        /// Where the event begins.
        offset: u64,
        /// The event.
        event_type: EventType,
        /// The id of the stack.
        id: StackId,
    },
    /// An event names a string that the generation does not hold.
    InvalidString {
        /// Where the event begins.
        offset: u64,
        /// The event.
        event_type: EventType,
        /// The id of the string.
        id: StringId,
    },
    /// An event contradicts what the events before it said.
    OutOfOrder {
        /// Where the event begins.
        offset: u64,
        /// Its generation.
        generation: u64,
        /// Its thread.
        thread: ThreadId,
        /// The event.
        event_type: EventType,
        /// What it contradicts.
        violation: Violation,
    },
    /// Every thread's next event waits for an event that never comes.
    Stuck {
        /// Where the earliest of the waiting events begins.
        offset: u64,
        /// The generation.
        generation: u64,
        /// The thread of that event.
        thread: ThreadId,
        /// That event.
        event_type: EventType,
    },
    /// The events of so many threads wait for one another that finding the next one takes too long.
    ///
    /// The reference would go on, in time that grows with the square of the trace. No real trace is known to come
    /// near this.
    Tangled {
        /// Where the earliest of the waiting events begins.
        offset: u64,
        /// The generation.
        generation: u64,
        /// The thread of that event.
        thread: ThreadId,
        /// That event.
        event_type: EventType,
    },
    /// A record of a trace of Go 1.5 to 1.21 cannot be read.
    RecordV1 {
        /// Where the record begins.
        offset: u64,
        /// What is wrong with it.
        fault: FaultV1,
    },
    /// An event of a trace of Go 1.5 to 1.21 contradicts what the events before it said.
    OutOfOrderV1 {
        /// Where the event begins.
        offset: u64,
        /// Its proc.
        proc: ProcId,
        /// The event, as Go called it.
        event: &'static str,
        /// What it contradicts.
        violation: Violation,
    },
    /// A trace of a length-prefixed stream is larger than the limit set for it.
    TraceTooLarge {
        /// Where its length stands.
        offset: u64,
        /// The length that it says, in bytes.
        size: u64,
    },
    /// The input ends inside a trace of a length-prefixed stream.
    TruncatedTrace {
        /// Where its length stands.
        offset: u64,
    },
}

/// How an event contradicts the events before it. The rules are those of Go's `internal/trace/order.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// The event cannot stand in an event stream.
    NotOrdered,
    /// The event needs a thread, and its batch has none.
    NeedsThread,
    /// The event needs its thread to hold a proc.
    NeedsProc,
    /// The event needs its thread to hold no proc.
    NeedsNoProc,
    /// The event needs its thread to run a goroutine.
    NeedsGoroutine,
    /// The event needs its thread to run no goroutine.
    NeedsNoGoroutine,
    /// A status that no goroutine or proc can have.
    InvalidStatus,
    /// A status that differs from what the events before it lead to.
    InconsistentStatus,
    /// The goroutine or proc is unknown.
    Unknown,
    /// The goroutine or task exists already.
    AlreadyExists,
    /// The goroutine or proc is in a state that the event cannot happen in.
    WrongState,
    /// The proc's sequence number does not follow.
    WrongSequence,
    /// The thread named does not hold the proc or goroutine named.
    WrongThread,
    /// The range has begun already.
    RangeAlreadyBegun,
    /// The range has not begun.
    RangeNotBegun,
    /// The region that ends is not the innermost one of its goroutine.
    RegionMismatch,
    /// A garbage collection begins or ends where it cannot.
    WrongGcState,
    /// The event waits for another one, which never comes (format v1).
    NeverReady,
    /// The event is earlier than another one that it has to come after (format v1).
    TimeOrder,
}

impl Violation {
    const fn describe(self) -> &'static str {
        match self {
            Self::NotOrdered => "the event cannot stand in an event stream",
            Self::NeedsThread => "the event needs a thread",
            Self::NeedsProc => "the thread holds no proc",
            Self::NeedsNoProc => "the thread holds a proc already",
            Self::NeedsGoroutine => "the thread runs no goroutine",
            Self::NeedsNoGoroutine => "the thread runs a goroutine already",
            Self::InvalidStatus => "the status is none that exists",
            Self::InconsistentStatus => "the status differs from what the events before it lead to",
            Self::Unknown => "the goroutine or proc is unknown",
            Self::AlreadyExists => "the goroutine or task exists already",
            Self::WrongState => "the goroutine or proc is in a state that the event cannot happen in",
            Self::WrongSequence => "the proc's sequence number does not follow",
            Self::WrongThread => "the thread named does not hold the proc or goroutine named",
            Self::RangeAlreadyBegun => "the range has begun already",
            Self::RangeNotBegun => "the range has not begun",
            Self::RegionMismatch => "the region is not the innermost one of its goroutine",
            Self::WrongGcState => "the garbage collection cannot begin or end here",
            Self::NeverReady => "the event waits for one that never comes",
            Self::TimeOrder => "the event is earlier than one that it has to come after",
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe())
    }
}

impl Error {
    /// Where in the input the error lies, in bytes, if it lies anywhere.
    #[must_use]
    pub const fn offset(&self) -> Option<u64> {
        match *self {
            Self::NotATrace | Self::FormatV1 { .. } | Self::UnknownVersion { .. } => None,
            Self::Io { offset, .. }
            | Self::ExpectedBatch { offset, .. }
            | Self::BatchTooLarge { offset, .. }
            | Self::DamagedBatch { offset }
            | Self::MissingGenerations { offset, .. }
            | Self::TruncatedBatch { offset }
            | Self::InvalidVarint { offset }
            | Self::InvalidGeneration { offset }
            | Self::GenerationsOutOfOrder { offset, .. }
            | Self::GenerationTooLarge { offset, .. }
            | Self::IncompleteGeneration { offset, .. }
            | Self::MissingFrequency { offset, .. }
            | Self::MissingClockSnapshot { offset, .. }
            | Self::ImplausibleClock { offset, .. }
            | Self::ImplausibleTime { offset, .. }
            | Self::DuplicateSync { offset }
            | Self::UnexpectedRecord { offset, .. }
            | Self::TruncatedRecord { offset, .. }
            | Self::UnfinishedRecord { offset, .. }
            | Self::RecordTooLong { offset, .. }
            | Self::DuplicateString { offset, .. }
            | Self::DuplicateStack { offset, .. }
            | Self::InvalidFrame { offset, .. }
            | Self::InvalidEvent { offset, .. }
            | Self::InvalidStack { offset, .. }
            | Self::InvalidString { offset, .. }
            | Self::OutOfOrder { offset, .. }
            | Self::Stuck { offset, .. }
            | Self::Tangled { offset, .. }
            | Self::RecordV1 { offset, .. }
            | Self::OutOfOrderV1 { offset, .. }
            | Self::TraceTooLarge { offset, .. }
            | Self::TruncatedTrace { offset } => Some(offset),
        }
    }

    /// Whether the input ended too early: more bytes might mend it.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        matches!(
            self,
            Self::TruncatedBatch { .. }
                | Self::IncompleteGeneration { .. }
                | Self::TruncatedTrace { .. }
                | Self::RecordV1 { fault: FaultV1::Cut, .. }
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotATrace => f.write_str("not a Go execution trace: it does not begin with `go 1.N trace`"),
            Self::FormatV1 { minor } => {
                write!(f, "a trace of go 1.{minor} has no batches of threads: read its events instead")
            }
            Self::UnknownVersion { minor } => {
                write!(f, "unknown trace version go 1.{minor}: a newer version of this program may read it")
            }
            Self::Io { offset, ref error } => write!(f, "reading failed at byte {offset}: {error}"),
            Self::ExpectedBatch { offset, byte } => {
                write!(f, "byte {offset}: a batch should begin here, found {byte:#04x}")
            }
            Self::BatchTooLarge { offset, size } => {
                write!(f, "byte {offset}: batch of {size} bytes, at most {MAX_BATCH_SIZE} are allowed")
            }
            Self::DamagedBatch { offset } => {
                write!(f, "byte {offset}: the batch is damaged: its size, its time or its body is wrong")
            }
            Self::MissingGenerations { offset, after, found } => write!(
                f,
                "byte {offset}: generation {found} comes after generation {after}: what was between is missing"
            ),
            Self::TruncatedBatch { offset } => {
                write!(f, "byte {offset}: the input ends inside this batch")
            }
            Self::InvalidVarint { offset } => {
                write!(f, "byte {offset}: the number is cut off or longer than 64 bits")
            }
            Self::InvalidGeneration { offset } => {
                write!(f, "byte {offset}: batch of generation 0, which cannot be")
            }
            Self::GenerationsOutOfOrder { offset, generation, found } => write!(
                f,
                "byte {offset}: batch of generation {found} inside generation {generation}: \
                 generations are interleaved or an end is missing"
            ),
            Self::GenerationTooLarge { offset, generation, limit } => {
                write!(f, "byte {offset}: generation {generation} is over the limit of {limit} bytes")
            }
            Self::IncompleteGeneration { offset, generation } => write!(
                f,
                "byte {offset}: the input ends inside generation {generation}, the trace is probably cut"
            ),
            Self::MissingFrequency { offset, generation } => {
                write!(f, "byte {offset}: generation {generation} has no frequency")
            }
            Self::MissingClockSnapshot { offset, generation } => {
                write!(f, "byte {offset}: generation {generation} has no clock snapshot")
            }
            Self::ImplausibleClock { offset, generation } => {
                write!(
                    f,
                    "byte {offset}: generation {generation} has a frequency or clock snapshot that cannot be"
                )
            }
            Self::ImplausibleTime { offset, generation } => {
                write!(f, "byte {offset}: a time that is far from all others of generation {generation}")
            }
            Self::DuplicateSync { offset } => {
                write!(f, "byte {offset}: second frequency or clock snapshot of one generation")
            }
            Self::UnexpectedRecord { offset, byte, expected } => {
                write!(f, "byte {offset}: expected a {} record, found {byte:#04x}", expected.spec().name)
            }
            Self::TruncatedRecord { offset, record } => {
                write!(f, "byte {offset}: the batch ends inside this {} record", record.spec().name)
            }
            Self::UnfinishedRecord { offset, record } => {
                write!(f, "byte {offset}: the batch ends where a {} record goes on", record.spec().name)
            }
            Self::RecordTooLong { offset, record, length } => {
                let (limit, unit) = match record {
                    EventType::Stack => (MAX_FRAMES_PER_STACK, "frames"),
                    _ => (MAX_STRING_SIZE, "bytes"),
                };
                let name = record.spec().name;
                write!(f, "byte {offset}: {name} of {length} {unit}, at most {limit} are allowed")
            }
            Self::DuplicateString { offset, id } => {
                write!(f, "byte {offset}: String id {id} is taken already")
            }
            Self::DuplicateStack { offset, id } => {
                write!(f, "byte {offset}: Stack id {id} is taken already")
            }
            Self::InvalidFrame { offset, pc, id } => write!(
                f,
                "generation at byte {offset}: the frame at pc {pc:#x} names string {id}, which does not exist"
            ),
            Self::InvalidEvent { offset, byte } => {
                write!(f, "byte {offset}: {byte:#04x} is no timed event")
            }
            Self::InvalidStack { offset, event_type, id } => {
                write!(f, "byte {offset}: {} names stack {id}, which does not exist", event_type.spec().name)
            }
            Self::InvalidString { offset, event_type, id } => {
                write!(f, "byte {offset}: {} names string {id}, which does not exist", event_type.spec().name)
            }
            Self::OutOfOrder { offset, generation, thread, event_type, violation } => write!(
                f,
                "byte {offset}: {} on thread {thread} in generation {generation}: {violation}",
                event_type.spec().name
            ),
            Self::Stuck { offset, generation, thread, event_type } => write!(
                f,
                "byte {offset}: no thread can go on in generation {generation}: {} on thread {thread} \
                 waits for an event that never comes",
                event_type.spec().name
            ),
            Self::Tangled { offset, generation, thread, event_type } => write!(
                f,
                "byte {offset}: too many threads wait for one another in generation {generation}, \
                 {} on thread {thread} first",
                event_type.spec().name
            ),
            Self::RecordV1 { offset, fault } => write!(f, "byte {offset}: {fault}"),
            Self::OutOfOrderV1 { offset, proc, event, violation } => {
                write!(f, "byte {offset}: {event} on proc {proc}: {violation}")
            }
            Self::TraceTooLarge { offset, size } => {
                write!(f, "byte {offset}: a trace of {size} bytes in the stream is over the limit")
            }
            Self::TruncatedTrace { offset } => {
                write!(f, "byte {offset}: the input ends inside this trace of the stream")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(&**error),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    /// Of the source's kind where it failed, else [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) where the input ends too
    /// early, and [`InvalidData`](io::ErrorKind::InvalidData).
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Io { error, .. } => error.kind(),
            error if error.is_truncated() => io::ErrorKind::UnexpectedEof,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

/// How a source failed: its [`io::Error`], shared, so that it can be told again. Two are equal if they are of one kind.
#[derive(Clone, Debug)]
pub struct IoError(Arc<io::Error>);

impl Deref for IoError {
    type Target = io::Error;

    fn deref(&self) -> &io::Error {
        &self.0
    }
}

impl From<io::Error> for IoError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl PartialEq for IoError {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind()
    }
}

impl Eq for IoError {}

/// What nom's parsers fail with: how much input was left where it went wrong.
///
/// Only lengths, so that the place survives; callers turn it into an [`Error`] with an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parse {
    /// Bytes that were left.
    pub(crate) left: usize,
    /// What was wrong there.
    pub(crate) problem: Problem,
}

/// What a parser stumbled over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The input is too short.
    Short,
    /// The input ends where a number should begin.
    End,
    /// A varint is over 64 bits.
    Varint,
    /// Another byte was expected.
    Byte(u8),
    /// A length is over its limit.
    Length(u64),
    /// Frequency or clock snapshot for the second time.
    Repeated,
    /// Anything else that nom's combinators report.
    Other,
}

impl Parse {
    pub(crate) fn new(input: &[u8], problem: Problem) -> Self {
        Self { left: input.len(), problem }
    }
}

/// Why a table's batch cannot be read to its end, and how many bytes of it are in no record for that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unread {
    pub(crate) parse: Parse,
    pub(crate) bytes: usize,
}

impl Unread {
    /// `rest` begins with the record that cannot be read.
    pub(crate) fn from_record(rest: &[u8], parse: Parse) -> Self {
        Self { parse, bytes: rest.len() }
    }
}

/// What is wrong with a batch, and how many bytes of it are left out.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) error: Error,
    pub(crate) bytes: u64,
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        damage.error
    }
}

impl nom::error::ParseError<&[u8]> for Parse {
    fn from_error_kind(input: &[u8], kind: nom::error::ErrorKind) -> Self {
        let problem = match kind {
            nom::error::ErrorKind::Eof | nom::error::ErrorKind::Complete => Problem::Short,
            _ => Problem::Other,
        };
        Self::new(input, problem)
    }

    fn append(_: &[u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

impl<E> nom::error::FromExternalError<&[u8], E> for Parse {
    fn from_external_error(input: &[u8], _: nom::error::ErrorKind, _: E) -> Self {
        Self::new(input, Problem::Other)
    }
}
