//! Spans for the tests of what shows them.

use crate::{
    anatomy::{Anatomy, Waiting},
    span::{Attribute, Link, Parent, Scope, Span, SpanEvent, SpanKind, Status, UnixTime},
};
use go_trace_context::{SpanId, TraceFlags, TraceId};

pub(super) fn trace_id(number: u128) -> TraceId {
    TraceId::from_u128(number).expect("not 0")
}

pub(super) fn span_id(number: u64) -> SpanId {
    SpanId::from_u64(number).expect("not 0")
}

/// A region; parent 0 is none.
pub(super) fn span(name: &str, id: u64, parent: u64, start: u64, end: u64) -> Span {
    let times = (UnixTime(start), UnixTime(end));
    let mut span = Span::new(trace_id(1), span_id(id), Scope::Region, name, times);
    span.parent = SpanId::from_u64(parent).map(|id| Parent::new(id, false));
    span
}

/// 2026-11-23 15:04:05 UTC.
pub(super) const NOON: u64 = 1_795_446_245_000_000_000;

/// A name that would run where it is taken for markup or for control sequences.
pub(super) const HOSTILE: &str = "</script><img src=x onerror=alert(1)>{{data}}\u{202e}\u{1b}[31m<!--";

/// A request with a query, a failing request of another trace, and everything else that a span may have.
pub(super) fn everything() -> Vec<Span> {
    let on = |mut span: Span, goroutine: i64, scope: Scope, kind: SpanKind| {
        (span.scope, span.kind) = (scope, kind);
        span.start.0 += NOON;
        span.end.0 += NOON;
        span.attributes.push(Attribute::new("gotrace.goroutine.id", goroutine));
        span
    };
    let mut server = on(span("GET", 1, 0, 0, 10_000_000), 7, Scope::Http, SpanKind::Server);
    server.attributes.push(Attribute::new("url.path", "/orders/7"));
    server.attributes.push(Attribute::new("http.response.status_code", 200));
    server.anatomy = Some(anatomy(3_000_000, 1_000_000, 500_000, Waiting::Network, 5_500_000));
    let mut event = SpanEvent::new(UnixTime(NOON + 1_500_000), "cache");
    event.attributes.push(Attribute::new("gotrace.log.message", "miss"));
    server.events.push(event);

    let mut query = on(span("SELECT orders", 2, 1, 2_000_000, 8_000_000), 7, Scope::Sql, SpanKind::Client);
    query.attributes.push(Attribute::new("db.query.text", "SELECT * FROM orders WHERE id = ?"));
    query.anatomy = Some(anatomy(500_000, 0, 0, Waiting::Network, 5_500_000));
    query.links.push(Link::new(trace_id(2), span_id(4), TraceFlags::SAMPLED));

    let mut hostile = on(span(HOSTILE, 3, 1, 8_500_000, 9_000_000), 8, Scope::Region, SpanKind::Internal);
    hostile.attributes.push(Attribute::new("gotrace.incomplete", "end"));
    hostile.links.push(Link::new(trace_id(9), span_id(9), TraceFlags::SAMPLED));

    let mut failed = on(span("POST", 4, 0, 1_000_000, 4_000_000), 8, Scope::Http, SpanKind::Client);
    failed.trace_id = trace_id(2);
    failed.status = Status::ERROR;
    failed.attributes.push(Attribute::new("url.full", "http://pay.example/charge"));
    failed.attributes.push(Attribute::new("error.type", "503"));
    failed.dropped_events = 3;
    vec![query, hostile, server, failed]
}

fn anatomy(running: u64, runnable: u64, syscall: u64, reason: Waiting, waiting: u64) -> Anatomy {
    let mut anatomy = Anatomy::default();
    (anatomy.running, anatomy.runnable, anatomy.syscall) = (running, runnable, syscall);
    anatomy.waiting_for[reason as usize] = waiting;
    anatomy.gc_assist = running / 10;
    anatomy
}
