//! The lean log record: what a message of the program goes out as where it is not to be a span event.

use std::sync::Arc;

use crate::span::{Attribute, SpanContext, UnixTime};

/// A message that the program logged into its trace. Its fields are those of OTLP's `LogRecord`
/// (`opentelemetry/proto/logs/v1/logs.proto`). Go: `runtime/trace.Log`.
///
/// It has no severity, since Go's logs have none, and it was observed when it was written: the trace is its first
/// observer.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct LogRecord {
    /// When it was written.
    pub time: UnixTime,
    /// The span that it stands on, with its trace and that trace's flags; none where no span of its goroutine was open.
    pub span: Option<SpanContext>,
    /// The class of event: its category, sanitized; empty where it has none.
    pub event_name: Arc<str>,
    /// What it says, sanitized.
    pub body: Arc<str>,
    /// What else is known of it.
    pub attributes: Vec<Attribute>,
    /// How many attributes a limit has kept out.
    pub dropped_attributes: u32,
}

impl LogRecord {
    /// The name of the instrumentation scope that log records go out under.
    pub const SCOPE: &str = "gotrace.log";

    /// A record of a message and nothing more.
    #[must_use]
    pub fn new(time: UnixTime, body: impl Into<Arc<str>>) -> Self {
        Self {
            time,
            span: None,
            event_name: "".into(),
            body: body.into(),
            attributes: Vec::new(),
            dropped_attributes: 0,
        }
    }
}
