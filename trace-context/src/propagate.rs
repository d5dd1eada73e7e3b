//! From the headers of a request to a context, and from a context to the headers of the next request: W3C Trace Context
//! level 2, section "Processing Model" ([rules T1 and T2](crate#the-rules)).

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use crate::baggage::{Baggage, ReceivedBaggage};
use crate::id::SpanId;
use crate::traceparent::{ParseTraceParentError, TraceParent};
use crate::tracestate::{TraceState, TraceStateError};

mod carrier;

pub use carrier::{HeaderPair, HeaderSink};

/// The name of the header that carries a [`TraceParent`].
pub const TRACEPARENT: &str = "traceparent";
/// The name of the header that carries a [`TraceState`].
pub const TRACESTATE: &str = "tracestate";
/// The name of the header that carries a [`Baggage`].
pub const BAGGAGE: &str = "baggage";

/// What travels with a request: the place in the trace, what tracing systems add to it, and what the application adds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Context {
    /// The trace, and the span on whose behalf the next request is made.
    pub parent: TraceParent,
    /// What tracing systems hand on within this trace.
    pub state: TraceState,
    /// What the application hands on.
    pub baggage: Baggage,
}

impl Context {
    /// A context with nothing but the place in a trace.
    pub const fn new(parent: TraceParent) -> Self {
        Self { parent, state: TraceState::new(), baggage: Baggage::new() }
    }

    /// The same context on behalf of another span of the trace: every outgoing request has to name a span of its own.
    #[must_use]
    pub fn with_span_id(mut self, span_id: SpanId) -> Self {
        self.parent = self.parent.with_span_id(span_id);
        self
    }
}

/// What [`extract`] found in the headers of a request, and what it could not use.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extracted {
    /// The caller's place in the trace, or why a new trace has to be started.
    pub parent: Result<TraceParent, RestartReason>,
    /// What tracing systems hand on. It is ignored without a valid `parent`, and an invalid one is discarded as a
    /// whole, which leaves `parent` as it is ([rule T2](crate#the-rules)).
    pub state: Result<TraceState, TraceStateError>,
    /// What the application hands on, with or without a valid `parent`, and how many members were dropped.
    pub baggage: ReceivedBaggage,
}

/// Why a trace cannot be continued ([rules T1 and T2](crate#the-rules)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestartReason {
    /// There is no `traceparent` header.
    Missing,
    /// There is more than one `traceparent` header.
    Repeated,
    /// The `traceparent` header is invalid.
    Invalid(ParseTraceParentError),
}

impl fmt::Display for RestartReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("the request has no traceparent header"),
            Self::Repeated => formatter.write_str("the request has more than one traceparent header"),
            Self::Invalid(error) => error.fmt(formatter),
        }
    }
}

impl core::error::Error for RestartReason {}

impl Extracted {
    /// The context to go on with: the caller's one, or else the given new trace, which then starts without a
    /// `tracestate` ([rule T2](crate#the-rules)). Whatever could not be used is left out; look at the fields first to report it.
    #[must_use]
    pub fn or_restart(self, new_trace: impl FnOnce() -> TraceParent) -> Context {
        Context {
            parent: self.parent.unwrap_or_else(|_| new_trace()),
            state: self.state.unwrap_or_default(),
            baggage: self.baggage.baggage,
        }
    }
}

/// Reads the context from the headers of a request.
///
/// `headers` is anything that yields [`HeaderPair`]s in the order of arrival: an array of pairs, a reference to a
/// vector or a map of them, or an `&http::HeaderMap`. Names compare without case. Headers that may repeat have to come
/// as several pairs, or joined with commas as HTTP allows.
///
/// ```
/// let headers = [
///     ("TraceParent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
///     ("tracestate", "rojo=1"),
///     ("tracestate", "congo=2"),
///     ("baggage", "userId=alice"),
/// ];
/// let extracted = go_trace_context::extract(&headers);
/// assert!(extracted.parent?.flags().is_sampled());
/// assert_eq!(extracted.state?.to_string(), "rojo=1,congo=2");
/// assert_eq!(extracted.baggage.baggage.get("userId").as_deref(), Some("alice"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn extract<H: HeaderPair>(headers: impl IntoIterator<Item = H>) -> Extracted {
    let (mut parents, mut states, mut baggage) = (Vec::new(), Vec::new(), Vec::new());
    for header in headers {
        let kept = match header.name() {
            name if name.eq_ignore_ascii_case(TRACEPARENT.as_bytes()) => &mut parents,
            name if name.eq_ignore_ascii_case(TRACESTATE.as_bytes()) => &mut states,
            name if name.eq_ignore_ascii_case(BAGGAGE.as_bytes()) => &mut baggage,
            _ => continue,
        };
        kept.push(header);
    }
    let parent = match &*parents {
        [] => Err(RestartReason::Missing),
        [only] => TraceParent::from_bytes(only.value()).map_err(RestartReason::Invalid),
        [..] => Err(RestartReason::Repeated),
    };
    let state = match parent {
        Ok(_) => TraceState::from_headers(states.iter().map(HeaderPair::value)),
        Err(_) => Ok(TraceState::new()),
    };
    Extracted { parent, state, baggage: Baggage::from_headers(baggage.iter().map(HeaderPair::value)) }
}

/// Writes the context into the headers of an outgoing request and returns how many entries of the `tracestate` were
/// left out: beyond 512 characters, whole entries are dropped ([rule T3](crate#the-rules)).
///
/// `traceparent` is set; `tracestate` and `baggage` are set or, where there is nothing to hand on, removed, so that
/// headers which were forwarded from the incoming request do not pass for this context's. Whoever receives the request
/// can read all of it: empty [`Context::baggage`] first where the receiver should not know what the application says.
///
/// ```
/// use go_trace_context::{Context, TraceParent, inject};
///
/// let parent: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01".parse()?;
/// let mut headers: Vec<(String, String)> = Vec::new();
/// inject(&Context::new(parent), &mut headers);
/// assert_eq!(headers, [("traceparent".to_string(), parent.to_string())]);
/// # Ok::<(), go_trace_context::ParseTraceParentError>(())
/// ```
pub fn inject(context: &Context, headers: &mut impl HeaderSink) -> usize {
    headers.set(TRACEPARENT, context.parent.to_string());
    let mut state = context.state.clone();
    let dropped = state.shorten(TraceState::SENT_CHARACTERS);
    set_or_remove(headers, TRACESTATE, state.to_string());
    set_or_remove(headers, BAGGAGE, context.baggage.to_string());
    dropped
}

fn set_or_remove(headers: &mut impl HeaderSink, name: &'static str, value: String) {
    if value.is_empty() {
        headers.remove(name);
    } else {
        headers.set(name, value);
    }
}
