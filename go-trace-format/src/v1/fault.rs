//! What can be wrong with a record of format v1.

use core::fmt;

/// Why a record of a trace of Go 1.5 to 1.21 cannot be read. Go: `tracev1.parser`, whose rules these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultV1 {
    /// No event of the version begins with the byte.
    UnknownEvent {
        /// The byte.
        byte: u8,
    },
    /// The event has another number of arguments.
    WrongArguments {
        /// The event's name.
        event: &'static str,
    },
    /// A number is longer than 64 bits.
    Overlong,
    /// The input ends inside the record.
    Cut,
    /// The record, or its text, or its stack, is longer than any may be.
    TooLong {
        /// The length that it says: bytes, or frames of a stack.
        length: u64,
    },
    /// A string without a single byte, or with id 0: both stand for the empty one.
    EmptyString,
    /// The number of a proc that none can have.
    InvalidProc {
        /// The number.
        proc: u64,
    },
    /// An event before the first batch: nothing says which proc it is of.
    NoBatch,
    /// A frequency of 0, or below.
    InvalidFrequency,
    /// A time that is far away from those of the rest. Only salvaging doubts it.
    ImplausibleTime {
        /// The time, in ticks.
        time: i64,
    },
    /// An event that happened far before the one before it in its batch. Only salvaging doubts it, and takes small steps back for
    /// what they are: of clocks of processors that differ.
    Backwards {
        /// The time, in ticks.
        time: i64,
    },
}

impl FaultV1 {
    /// Whether it says nothing against what stands behind the record.
    pub(super) fn is_of_one_record(self) -> bool {
        matches!(self, Self::EmptyString | Self::InvalidFrequency | Self::ImplausibleTime { .. })
    }
}

impl fmt::Display for FaultV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownEvent { byte } => write!(f, "no event of this version begins with {byte:#04x}"),
            Self::WrongArguments { event } => write!(f, "{event} with another number of arguments"),
            Self::Overlong => f.write_str("the number is longer than 64 bits"),
            Self::Cut => f.write_str("the input ends inside this record"),
            Self::TooLong { length } => write!(f, "a record of {length} bytes or frames is too long"),
            Self::EmptyString => f.write_str("a string that is empty, or has id 0"),
            Self::InvalidProc { proc } => write!(f, "batch of proc {proc}, which cannot be"),
            Self::NoBatch => f.write_str("an event stands before the first batch"),
            Self::InvalidFrequency => f.write_str("a frequency that cannot be"),
            Self::ImplausibleTime { time } => {
                write!(f, "time {time}, in ticks, is far away from the rest of the trace")
            }
            Self::Backwards { time } => {
                write!(f, "time {time}, in ticks, is far before that of the event before it in its batch")
            }
        }
    }
}
