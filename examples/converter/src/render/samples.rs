//! Spans for the tests of what shows them.

use trace_context::{SpanId, TraceFlags, TraceId};
use trace_to_otel::{Link, Parent, Scope, Span, UnixTime};

pub(crate) fn trace_id(number: u128) -> TraceId {
    TraceId::from_u128(number).expect("not 0")
}

pub(crate) fn span_id(number: u64) -> SpanId {
    SpanId::from_u64(number).expect("not 0")
}

/// A region; parent 0 is none.
pub(crate) fn span(name: &str, id: u64, parent: u64, start: u64, end: u64) -> Span {
    let times = (UnixTime(start), UnixTime(end));
    let mut span = Span::new(trace_id(1), span_id(id), Scope::Region, name, times);
    span.parent = SpanId::from_u64(parent).map(|id| Parent::new(id, false));
    span
}

pub(crate) fn link(id: u64) -> Link {
    Link::new(trace_id(1), span_id(id), TraceFlags::SAMPLED)
}
