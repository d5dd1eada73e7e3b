//! Why a trace cannot be written.

use core::fmt;
use std::io;

use crate::{
    error::Error,
    id::ThreadId,
    spec::{Dialect, EventType, MAX_BATCH_SIZE, MAX_FRAMES_PER_STACK, MAX_STRING_SIZE, Version},
};

/// Why a trace, or a part of one, cannot be written.
///
/// Every variant but [`Io`](Self::Io) and [`Read`](Self::Read) means that no reader could read what was asked for;
/// nothing of the refused record or batch has been written then.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The output failed.
    Io(io::Error),
    /// What should be copied is damaged.
    Read(Error),
    /// The version of the format does not know the dialect.
    UnknownDialect {
        /// The version.
        version: Version,
        /// The dialect.
        dialect: Dialect,
    },
    /// A trace of Go 1.5 to 1.21 has no generations: [`WriterV1`](crate::write::WriterV1) writes it.
    NoGenerations {
        /// The version.
        version: Version,
    },
    /// The version or the dialect has no such event.
    UnknownEvent {
        /// The event.
        event_type: EventType,
        /// The version of the trace.
        version: Version,
        /// The dialect of the trace.
        dialect: Dialect,
    },
    /// The record cannot be said in numbers alone, or cannot stand in an event stream.
    NotAnEvent {
        /// The record.
        event_type: EventType,
    },
    /// An event has more or fewer arguments than its spec says.
    WrongArguments {
        /// The event.
        event_type: EventType,
        /// How many it has.
        expected: usize,
        /// How many were given.
        found: usize,
    },
    /// A batch's body is over 64 KiB.
    BatchTooLarge {
        /// Its size, in bytes.
        size: usize,
    },
    /// A string is over 1,024 bytes.
    StringTooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// A stack is over 128 frames.
    StackTooDeep,
    /// Two frames have one program counter: a reader would take the first for both.
    ConflictingFrame {
        /// The program counter.
        pc: u64,
    },
    /// An event names a string or a stack that its generation does not hold.
    UnknownId {
        /// The event.
        event_type: EventType,
        /// The name of the argument.
        argument: &'static str,
        /// The id.
        id: u64,
    },
    /// An event is earlier than the one before it on its thread.
    TimeGoesBack {
        /// The thread.
        thread: ThreadId,
        /// When the event before it was, in clock units.
        last: u64,
        /// When this one is, in clock units.
        time: u64,
    },
    /// A generation is numbered 0 or, up to Go 1.25, does not follow the one before it.
    WrongGeneration {
        /// The number.
        generation: u64,
        /// The number of the generation before it, if there is one.
        last: Option<u64>,
    },
    /// A clock cannot tick 0 times per second.
    NoFrequency,
    /// The version of the trace demands a clock snapshot of each generation, and none was given.
    NoClockSnapshot {
        /// The version.
        version: Version,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Io(ref error) => write!(f, "writing failed: {error}"),
            Self::Read(ref error) => write!(f, "copying failed: {error}"),
            Self::UnknownDialect { version, dialect } => {
                write!(f, "a trace of {version} cannot have the {dialect} dialect: write {}", Version::Go126)
            }
            Self::NoGenerations { version } => {
                write!(f, "a trace of {version} is not made of generations, and cannot be filtered or cut")
            }
            Self::UnknownEvent { event_type, version, dialect } => {
                write!(f, "a {dialect} trace of {version} has no {} event", event_type.spec().name)
            }
            Self::NotAnEvent { event_type } => {
                write!(f, "a {} record cannot be written as an event", event_type.spec().name)
            }
            Self::WrongArguments { event_type, expected, found } => {
                write!(f, "{} has {expected} arguments, not {found}", event_type.spec().name)
            }
            Self::BatchTooLarge { size } => {
                write!(f, "batch of {size} bytes, at most {MAX_BATCH_SIZE} are allowed")
            }
            Self::StringTooLong { length } => {
                write!(f, "string of {length} bytes, at most {MAX_STRING_SIZE} are allowed: cut it")
            }
            Self::StackTooDeep => {
                write!(f, "stack of more than {MAX_FRAMES_PER_STACK} frames: cut it")
            }
            Self::ConflictingFrame { pc } => {
                write!(f, "two different frames have the program counter {pc:#x}")
            }
            Self::UnknownId { event_type, argument, id } => write!(
                f,
                "{} has {argument}={id}, which the generation does not hold: add the string or stack first",
                event_type.spec().name
            ),
            Self::TimeGoesBack { thread, last, time } => {
                write!(f, "event at {time} on thread {thread}, which has got to {last} already")
            }
            Self::WrongGeneration { generation, last: None } => {
                write!(f, "generation {generation}: the first is 1 or higher")
            }
            Self::WrongGeneration { generation, last: Some(last) } => {
                write!(f, "generation {generation} cannot follow generation {last}")
            }
            Self::NoFrequency => f.write_str("the clock's frequency is 0"),
            Self::NoClockSnapshot { version } => {
                write!(f, "a generation of {version} needs a clock snapshot")
            }
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Read(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
