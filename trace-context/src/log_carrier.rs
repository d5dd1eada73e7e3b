//! Contexts that a Go program writes into its execution trace with `runtime/trace.Log` (Identity in the mapping of Go
//! traces): the log's category names the form, its message is the context, in bytes.

use core::fmt;

use crate::id::SpanId;
use crate::traceparent::{ParseTraceParentError, TraceParent};

/// The log categories that carry a context.
///
/// ```
/// use go_trace_context::{LogCarrier, LogContext};
///
/// let carrier = LogCarrier::from_category(b"datadog.uint64_span_id").expect("a known category");
/// let context = carrier.read(&[0x31, 0x33, 0x20, 0x69, 0x71, 0x6b, 0xad, 0xb7])?;
/// assert_eq!(context, LogContext::OwnSpanId("b7ad6b7169203331".parse()?));
/// assert_eq!(LogCarrier::from_category(b"my own category"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogCarrier {
    /// `traceparent`: the context of the span itself.
    TraceParent,
    /// `otel.traceparent`: the context of the span itself.
    OtelTraceParent,
    /// `traceparent.parent`: the context of the span's parent in another process.
    TraceParentParent,
    /// `datadog.uint64_span_id`: the id of the span itself, as 8 bytes, the lowest first.
    DatadogSpanId,
}

/// What a log says about the span it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogContext {
    /// The span's own trace, id and flags.
    Own(TraceParent),
    /// The span's own id; its trace is not known.
    OwnSpanId(SpanId),
    /// The span's parent, in another process.
    RemoteParent(TraceParent),
}

impl LogCarrier {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::TraceParent, Self::OtelTraceParent, Self::TraceParentParent, Self::DatadogSpanId];

    /// The category of the logs that carry this form of a context.
    pub const fn category(self) -> &'static str {
        match self {
            Self::TraceParent => "traceparent",
            Self::OtelTraceParent => "otel.traceparent",
            Self::TraceParentParent => "traceparent.parent",
            Self::DatadogSpanId => "datadog.uint64_span_id",
        }
    }

    /// The form that logs of this category carry; `None` for an ordinary log. Case matters.
    pub fn from_category(category: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|carrier| carrier.category().as_bytes() == category)
    }

    /// Reads the message of a log of this category.
    ///
    /// # Errors
    /// [`LogCarrierError`] says what is wrong with the message; the log is then an ordinary one and worth counting.
    pub const fn read(self, message: &[u8]) -> Result<LogContext, LogCarrierError> {
        match self {
            Self::TraceParent | Self::OtelTraceParent => match TraceParent::from_bytes(message) {
                Ok(own) => Ok(LogContext::Own(own)),
                Err(error) => Err(LogCarrierError::TraceParent(error)),
            },
            Self::TraceParentParent => match TraceParent::from_bytes(message) {
                Ok(parent) => Ok(LogContext::RemoteParent(parent)),
                Err(error) => Err(LogCarrierError::TraceParent(error)),
            },
            Self::DatadogSpanId => read_datadog_span_id(message),
        }
    }
}

const fn read_datadog_span_id(message: &[u8]) -> Result<LogContext, LogCarrierError> {
    let Some((bytes, [])) = message.split_first_chunk() else {
        return Err(LogCarrierError::DatadogLength { length: message.len() });
    };
    match SpanId::from_u64(u64::from_le_bytes(*bytes)) {
        Some(id) => Ok(LogContext::OwnSpanId(id)),
        None => Err(LogCarrierError::DatadogZero),
    }
}

/// Why the message of a carrying log is not a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogCarrierError {
    /// It is not a `traceparent`.
    TraceParent(ParseTraceParentError),
    /// `datadog.uint64_span_id` has exactly 8 bytes.
    DatadogLength {
        /// How many there are.
        length: usize,
    },
    /// `datadog.uint64_span_id` is 0, which is no id.
    DatadogZero,
}

impl fmt::Display for LogCarrierError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TraceParent(error) => error.fmt(formatter),
            Self::DatadogLength { length } => {
                write!(formatter, "a datadog.uint64_span_id has 8 bytes, but the message has {length}")
            }
            Self::DatadogZero => formatter.write_str("a datadog.uint64_span_id of 0 is no id"),
        }
    }
}

impl core::error::Error for LogCarrierError {}
