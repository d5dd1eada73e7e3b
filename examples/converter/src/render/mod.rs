//! What people look at.

mod anatomy;
mod critical_path;
mod forest;
pub(crate) mod html;
#[cfg(test)]
mod samples;
pub(crate) mod text;
pub(crate) mod timeline;
pub(crate) mod tree;

use trace_to_otel::{Scope, Span, SpanKind, Value};

/// What is said of a trace that holds nothing of which spans are made.
pub(crate) const NO_SPANS: &str = "no spans: the trace holds no task, no region (runtime/trace.NewTask and \
                                   StartRegion) and nothing else that spans are made of";

/// The side of an HTTP request; otherwise the last part of the scope's name.
fn kind(span: &Span) -> &'static str {
    let name = span.scope.name();
    match (span.scope, span.kind) {
        (Scope::Http, SpanKind::Server) => "server",
        (Scope::Http, SpanKind::Client) => "client",
        _ => name.rsplit('.').next().unwrap_or(name),
    }
}

/// The attributes without which a name says little.
fn hint(span: &Span) -> Option<String> {
    const KEYS: [&str; 4] = ["url.full", "url.path", "http.response.status_code", "db.query.text"];
    let values: Vec<_> = KEYS.iter().filter_map(|key| span.attribute(key)).map(Value::to_string).collect();
    (!values.is_empty()).then(|| values.join(" "))
}
