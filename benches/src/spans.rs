//! Spans as an HTTP service with a database makes them.

use std::sync::Arc;

use trace_context::{SpanId, TraceFlags, TraceId};
use trace_to_otel::{Anatomy, Attribute, Link, Parent, Scope, Span, SpanEvent, SpanKind, Status, UnixTime};

/// So many spans, the same ones every time. Of five, one is a request served, one a request made, one a query, and two
/// are regions; each has 6 to 9 attributes, four of five have an anatomy of 3 or 4 parts, one in ten an event, one in
/// five a link.
#[must_use]
pub fn spans(count: usize) -> Vec<Span> {
    let shared = Shared::new();
    (0..count as u64).map(|number| shared.span(number)).collect()
}

/// Texts that spans share, as those of a mapper do.
struct Shared {
    names: [Arc<str>; 5],
    functions: [Arc<str>; 5],
    file: Arc<str>,
    get: Arc<str>,
    address: Arc<str>,
    system: Arc<str>,
    summary: Arc<str>,
    query: Arc<str>,
}

impl Shared {
    fn new() -> Self {
        let names = ["GET", "GET", "SELECT orders", "validate", "render"];
        Self {
            names: names.map(Arc::from),
            functions: names.map(|name| format!("example.com/shop/internal/orders.(*Server).{name}").into()),
            file: "/build/internal/orders/server.go".into(),
            get: "GET".into(),
            address: "inventory.internal".into(),
            system: "postgresql".into(),
            summary: "SELECT orders".into(),
            query: "SELECT id, status, total FROM orders WHERE customer_id = ? AND status = ? LIMIT ?".into(),
        }
    }

    fn span(&self, number: u64) -> Span {
        // Ids have no pattern: Knuth's multiplicative hash.
        let id = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let span_id = |number| SpanId::from_u64(id(number)).expect("not 0");
        let trace_id =
            TraceId::from_u128(u128::from(id(number / 5)) << 64 | u128::from(id(number))).expect("not 0");
        let kind = (number % 5) as usize;
        let scope = [Scope::Http, Scope::Http, Scope::Sql, Scope::Region, Scope::Region][kind];
        let start = 1_800_000_000_000_000_000 + number * 10_007;
        let end = start + 1_000_000 + id(number) % 5_000_000;
        let times = (UnixTime(start), UnixTime(end));
        let mut span = Span::new(trace_id, span_id(number), scope, self.names[kind].clone(), times);
        span.parent = (kind != 0).then(|| Parent::new(span_id(number - kind as u64), false));
        span.kind =
            [SpanKind::Server, SpanKind::Client, SpanKind::Client, SpanKind::Internal, SpanKind::Internal]
                [kind];
        span.attributes = self.attributes(number, kind);
        span.anatomy = (kind != 2).then(|| anatomy(end - start, kind));
        if number % 10 == 3 {
            let mut event = SpanEvent::new(UnixTime(start + 500), "cache");
            event.attributes =
                vec![Attribute::new("gotrace.log.message", "miss: loading order from the database")];
            span.events.push(event);
        }
        if kind == 1 {
            span.links.push(Link::new(trace_id, span_id(number - 1), TraceFlags::SAMPLED));
            span.status = if number % 20 == 1 { Status::Error } else { Status::Unset };
        }
        span
    }

    fn attributes(&self, number: u64, kind: usize) -> Vec<Attribute> {
        let mut attributes = match kind {
            0 => vec![
                Attribute::new("http.request.method", self.get.clone()),
                Attribute::new("url.path", &*format!("/orders/{}", number % 10_000)),
                Attribute::new("http.response.status_code", 200),
            ],
            1 => vec![
                Attribute::new("http.request.method", self.get.clone()),
                Attribute::new("server.address", self.address.clone()),
                Attribute::new("server.port", 8080),
                Attribute::new(
                    "url.full",
                    &*format!("http://inventory.internal:8080/items/{}", number % 10_000),
                ),
                Attribute::new("http.response.status_code", 200),
            ],
            2 => vec![
                Attribute::new("db.system.name", self.system.clone()),
                Attribute::new("db.query.summary", self.summary.clone()),
                Attribute::new("db.query.text", self.query.clone()),
                Attribute::new("gotrace.sql.rows_affected", (number % 50) as i64),
            ],
            _ => vec![Attribute::new("gotrace.task.id", number as i64)],
        };
        attributes.extend([
            Attribute::new("code.function.name", self.functions[kind].clone()),
            Attribute::new("code.file.path", self.file.clone()),
            Attribute::new("code.line.number", 100 + kind as i64),
            Attribute::new("gotrace.goroutine.id", (number / 5) as i64),
        ]);
        if kind != 1 {
            attributes.push(Attribute::new("thread.id", 4_242 + (number % 8) as i64));
        }
        attributes
    }
}

fn anatomy(duration: u64, kind: usize) -> Anatomy {
    let mut anatomy = Anatomy::default();
    anatomy.running = duration / 3;
    anatomy.runnable = duration / 50;
    // Those that make a request wait for the network, the others also write.
    anatomy.syscall = if kind == 0 { duration / 100 } else { 0 };
    anatomy.waiting_for[0] = duration - anatomy.running - anatomy.runnable - anatomy.syscall;
    anatomy
}
