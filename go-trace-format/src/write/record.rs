//! Records: the smallest thing on the wire, and the bodies of batches that are made of them.
//!
//! Go: `internal/trace/raw.Writer.WriteEvent`.

use crate::{
    spec::{Dialect, EventType, MAX_BATCH_SIZE, MAX_FRAMES_PER_STACK, MAX_STRING_SIZE, Version},
    write::WriteError,
};

/// One record, with its arguments as they stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RawRecord<'a> {
    /// A record that is nothing but numbers: an event, a table's opening, the head of a batch.
    Plain {
        /// Which.
        event_type: EventType,
        /// Every argument that the [spec](EventType::spec) names, the time delta included.
        arguments: &'a [u64],
    },
    /// A string of the string table.
    String {
        /// Its id.
        id: u64,
        /// Its bytes, 1,024 at most.
        text: &'a [u8],
    },
    /// A stack of the stack table.
    Stack {
        /// Its id.
        id: u64,
        /// Its frames, innermost first, 128 at most: program counter, id of the function's name, id of the
        /// file's name, line.
        frames: &'a [[u64; 4]],
    },
}

/// What decides how an event looks on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) version: Version,
    pub(super) dialect: Dialect,
}

impl Format {
    pub(super) fn byte(self, event_type: EventType) -> Result<u8, WriteError> {
        let Self { version, dialect } = self;
        event_type
            .to_wire(dialect)
            .filter(|_| event_type.spec().since <= version)
            .ok_or(WriteError::UnknownEvent { event_type, version, dialect })
    }
}

impl RawRecord<'_> {
    /// Appends the record to `bytes`. On an error nothing is appended.
    pub(super) fn encode(&self, bytes: &mut Vec<u8>, format: Format) -> Result<(), WriteError> {
        match *self {
            Self::Plain { event_type, arguments } => {
                // These carry more than numbers, which the other variants and the batch functions write.
                if matches!(event_type, EventType::String | EventType::Stack | EventType::ExperimentalBatch) {
                    return Err(WriteError::NotAnEvent { event_type });
                }
                let (expected, found) = (event_type.spec().arguments.len(), arguments.len());
                if expected != found {
                    return Err(WriteError::WrongArguments { event_type, expected, found });
                }
                bytes.push(format.byte(event_type)?);
                put_varints(bytes, arguments);
            }
            Self::String { id, text } => {
                if text.len() > MAX_STRING_SIZE {
                    return Err(WriteError::StringTooLong { length: text.len() });
                }
                bytes.push(format.byte(EventType::String)?);
                put_varints(bytes, &[id, text.len() as u64]);
                bytes.extend_from_slice(text);
            }
            Self::Stack { id, frames } => {
                if frames.len() > MAX_FRAMES_PER_STACK {
                    return Err(WriteError::StackTooDeep);
                }
                bytes.push(format.byte(EventType::Stack)?);
                put_varints(bytes, &[id, frames.len() as u64]);
                put_varints(bytes, frames.as_flattened());
            }
        }
        Ok(())
    }
}

pub(super) fn put_varints(bytes: &mut Vec<u8>, values: &[u64]) {
    for &value in values {
        let mut left = value;
        while left >= 0x80 {
            bytes.push(left as u8 | 0x80);
            left >>= 7;
        }
        bytes.push(left as u8);
    }
}

/// The body of one batch, record by record.
///
/// ```
/// use go_trace_format::{Dialect, EventType, Version, write::{Body, RawRecord}};
///
/// let mut body = Body::new(Version::Go122, Dialect::Stock);
/// body.push(&RawRecord::Plain { event_type: EventType::Strings, arguments: &[] })?;
/// body.push(&RawRecord::String { id: 1, text: b"main.main" })?;
/// assert_eq!(body.as_bytes(), b"\x04\x05\x01\x09main.main");
/// # Ok::<(), go_trace_format::write::WriteError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    format: Format,
    bytes: Vec<u8>,
}

impl Body {
    /// An empty body for a batch of a trace of this version and dialect.
    #[must_use]
    pub fn new(version: Version, dialect: Dialect) -> Self {
        Self::with_format(Format { version, dialect })
    }

    pub(super) fn with_format(format: Format) -> Self {
        Self { format, bytes: Vec::new() }
    }

    /// Appends a record.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownEvent`], [`WriteError::WrongArguments`], [`WriteError::NotAnEvent`],
    /// [`WriteError::StringTooLong`] and [`WriteError::StackTooDeep`] where the record cannot be;
    /// [`WriteError::BatchTooLarge`] where it does not fit any more. The body stays as it was then.
    pub fn push(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        let before = self.bytes.len();
        record.encode(&mut self.bytes, self.format)?;
        let size = self.bytes.len();
        if size > MAX_BATCH_SIZE {
            self.bytes.truncate(before);
            return Err(WriteError::BatchTooLarge { size });
        }
        Ok(())
    }

    /// The bytes so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }
}
