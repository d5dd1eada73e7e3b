//! The `traceparent` header: W3C Trace Context level 2, section "Traceparent Header" ([rule T1](crate#the-rules)).

use core::fmt;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};
use core::str::FromStr;

use crate::blanks::{count_leading, trim};
use crate::hex;
use crate::id::{SpanId, TraceId};

const TRACE_ID_AT: usize = 3;
const SPAN_ID_AT: usize = 36;
const FLAGS_AT: usize = 53;
const LENGTH: usize = 55;

/// The flags of a trace that level 2 defines: bit 0 sampled, bit 1 random. Unknown bits are accepted on input and,
/// as the specification demands, never handed on ([rule T1](crate#the-rules)).
///
/// ```
/// use go_trace_context::TraceFlags;
///
/// let flags = TraceFlags::from_byte(0xff);
/// assert!(flags.is_sampled() && flags.is_random());
/// assert_eq!(flags.to_string(), "03");
/// assert_eq!(flags.with_sampled(false), TraceFlags::RANDOM);
/// assert_eq!(flags, TraceFlags::SAMPLED | TraceFlags::RANDOM);
/// assert_eq!(flags & !TraceFlags::SAMPLED, TraceFlags::RANDOM);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// No flag is set.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded this trace.
    pub const SAMPLED: Self = Self(1);
    /// The last 7 bytes of the trace id were made at random (level 2).
    pub const RANDOM: Self = Self(2);

    /// The known flags of a received byte.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte & (Self::SAMPLED.0 | Self::RANDOM.0))
    }

    /// The flags as the byte that goes out.
    pub const fn to_byte(self) -> u8 {
        self.0
    }

    /// Whether the caller may have recorded this trace.
    pub const fn is_sampled(self) -> bool {
        self.0 & Self::SAMPLED.0 != 0
    }

    /// Whether the last 7 bytes of the trace id are known to be random.
    pub const fn is_random(self) -> bool {
        self.0 & Self::RANDOM.0 != 0
    }

    /// These flags with the sampled flag set or cleared.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        if sampled { Self(self.0 | Self::SAMPLED.0) } else { Self(self.0 & !Self::SAMPLED.0) }
    }

    /// These flags with the random flag set or cleared. Only who made the trace id may do this.
    #[must_use]
    pub const fn with_random(self, random: bool) -> Self {
        if random { Self(self.0 | Self::RANDOM.0) } else { Self(self.0 & !Self::RANDOM.0) }
    }
}

/// The flags that either has.
impl BitOr for TraceFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for TraceFlags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

/// The flags that both have.
impl BitAnd for TraceFlags {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitAndAssign for TraceFlags {
    fn bitand_assign(&mut self, other: Self) {
        *self = *self & other;
    }
}

/// The known flags that are not set.
impl Not for TraceFlags {
    type Output = Self;

    fn not(self) -> Self {
        Self::from_byte(!self.0)
    }
}

/// Two lower-case hexadecimal digits.
impl fmt::Display for TraceFlags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(&[self.0], formatter)
    }
}

/// A trace, the span in it that calls, and the flags of the trace: what a `traceparent` header says.
///
/// ```
/// use go_trace_context::{SpanId, TraceParent};
///
/// let caller: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse()?;
/// assert!(caller.flags().is_sampled());
///
/// let own_span: SpanId = "00f067aa0ba902b7".parse()?;
/// let outgoing = caller.with_span_id(own_span);
/// assert_eq!(outgoing.to_string(), "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceParent {
    trace_id: TraceId,
    span_id: SpanId,
    flags: TraceFlags,
}

impl TraceParent {
    /// Puts the three parts together.
    pub const fn new(trace_id: TraceId, span_id: SpanId, flags: TraceFlags) -> Self {
        Self { trace_id, span_id, flags }
    }

    /// Reads the value of a `traceparent` header, of version 00 or of a later one ([rule T1](crate#the-rules)): spaces and tabs around
    /// it are not part of it, digits are lower-case, a version of `ff` and ids of zeros are invalid, version 00 is
    /// exactly 55 bytes long and a later version may go on after a further dash.
    ///
    /// It is `const`, so a known value can be checked by the compiler:
    ///
    /// ```
    /// use go_trace_context::TraceParent;
    ///
    /// const CALLER: TraceParent =
    ///     match TraceParent::from_bytes(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") {
    ///         Ok(parent) => parent,
    ///         Err(_) => panic!("not a traceparent"),
    ///     };
    /// assert!(CALLER.flags().is_sampled());
    /// ```
    ///
    /// # Errors
    /// [`ParseTraceParentError`] says what is wrong and at which byte of `value`. A receiver then starts a new trace
    /// ([rule T2](crate#the-rules)).
    pub const fn from_bytes(value: &[u8]) -> Result<Self, ParseTraceParentError> {
        match parse_trimmed(trim(value)) {
            Ok(parent) => Ok(parent),
            Err(error) => Err(error.moved_by(count_leading(value))),
        }
    }

    /// The trace.
    pub const fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span that sent the header, which is the parent of what its receiver does.
    pub const fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The flags of the trace.
    pub const fn flags(&self) -> TraceFlags {
        self.flags
    }

    /// The same trace, called from another span: what a participant sends on. The random flag stays as it was
    /// received ([rule T1](crate#the-rules)).
    #[must_use]
    pub const fn with_span_id(self, span_id: SpanId) -> Self {
        Self { span_id, ..self }
    }

    /// The same trace and span with other flags.
    #[must_use]
    pub const fn with_flags(self, flags: TraceFlags) -> Self {
        Self { flags, ..self }
    }
}

impl FromStr for TraceParent {
    type Err = ParseTraceParentError;

    fn from_str(text: &str) -> Result<Self, ParseTraceParentError> {
        Self::from_bytes(text.as_bytes())
    }
}

/// A header value of version 00, 55 bytes long.
impl fmt::Display for TraceParent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "00-{}-{}-{}", self.trace_id, self.span_id, self.flags)
    }
}

const fn parse_trimmed(text: &[u8]) -> Result<TraceParent, ParseTraceParentError> {
    use ParseTraceParentError as Error;

    if text.len() < LENGTH {
        return Err(Error::TooShort { length: text.len() });
    }
    let (version, trace_id, span_id, flags) = match (
        hex::decode::<1>(text, 0),
        hex::decode(text, TRACE_ID_AT),
        hex::decode(text, SPAN_ID_AT),
        hex::decode::<1>(text, FLAGS_AT),
    ) {
        (Ok([version]), Ok(trace_id), Ok(span_id), Ok([flags])) => (version, trace_id, span_id, flags),
        (Err(offset), ..) | (_, Err(offset), ..) | (_, _, Err(offset), _) | (.., Err(offset)) => {
            return Err(Error::NotHex { offset });
        }
    };
    match version {
        0xff => return Err(Error::ForbiddenVersion),
        0 if text.len() > LENGTH => return Err(Error::TooLong { length: text.len() }),
        _ => {}
    }
    let dashes = [TRACE_ID_AT - 1, SPAN_ID_AT - 1, FLAGS_AT - 1, LENGTH];
    let mut index = 0;
    while index < dashes.len() && dashes[index] < text.len() {
        if text[dashes[index]] != b'-' {
            return Err(Error::NoDash { offset: dashes[index] });
        }
        index += 1;
    }
    match (TraceId::from_bytes(trace_id), SpanId::from_bytes(span_id)) {
        (None, _) => Err(Error::ZeroTraceId),
        (_, None) => Err(Error::ZeroSpanId),
        (Some(trace_id), Some(span_id)) => {
            Ok(TraceParent::new(trace_id, span_id, TraceFlags::from_byte(flags)))
        }
    }
}

/// Why a text is not a `traceparent`; offsets count bytes from the start of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseTraceParentError {
    /// Shorter than the 55 bytes that every version has at least.
    TooShort {
        /// How many bytes there are, without the blanks around them.
        length: usize,
    },
    /// Version 00 ends after 55 bytes, and this one goes on.
    TooLong {
        /// How many bytes there are, without the blanks around them.
        length: usize,
    },
    /// The byte at `offset` has to be a lower-case hexadecimal digit.
    NotHex {
        /// Where the first wrong byte of a field is.
        offset: usize,
    },
    /// The byte at `offset` has to be the dash between two fields.
    NoDash {
        /// Where the dash is missing.
        offset: usize,
    },
    /// Version `ff`, which is never valid.
    ForbiddenVersion,
    /// The trace id is all zeros.
    ZeroTraceId,
    /// The span id is all zeros.
    ZeroSpanId,
}

impl ParseTraceParentError {
    const fn moved_by(self, leading: usize) -> Self {
        match self {
            Self::NotHex { offset } => Self::NotHex { offset: offset + leading },
            Self::NoDash { offset } => Self::NoDash { offset: offset + leading },
            other => other,
        }
    }
}

impl fmt::Display for ParseTraceParentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a traceparent: ")?;
        match self {
            Self::TooShort { length } => write!(formatter, "{length} bytes are fewer than the 55 it has"),
            Self::TooLong { length } => write!(formatter, "version 00 has exactly 55 bytes, not {length}"),
            Self::NotHex { offset } => write!(formatter, "byte {offset} is not a digit (0-9, a-f)"),
            Self::NoDash { offset } => write!(formatter, "byte {offset} is not the dash between two fields"),
            Self::ForbiddenVersion => formatter.write_str("version ff is forbidden"),
            Self::ZeroTraceId => formatter.write_str("the trace id is all zeros"),
            Self::ZeroSpanId => formatter.write_str("the span id is all zeros"),
        }
    }
}

impl core::error::Error for ParseTraceParentError {}
