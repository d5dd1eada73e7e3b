//! Spans of operations by what they are.

use crate::common;
use trace_to_otel::{
    Attribute, ConnectSpan, DnsSpan, HttpSpan, MapperOptions, Scope, Span, SqlSpan, TlsSpan,
};

fn spans() -> Vec<Span> {
    ["custom", "cut", "net", "sql", "tls", "withspan"]
        .into_iter()
        .flat_map(|name| common::spans_of(&format!("fork/{name}.trace"), MapperOptions::default()).0)
        .collect()
}

#[test]
fn each_span_has_the_view_of_its_kind() {
    let spans = spans();
    let count = |is: fn(&Span) -> bool| spans.iter().filter(|span| is(span)).count();
    let of_scope = |scope: Scope| spans.iter().filter(|span| span.scope == scope).count();
    let counts = [
        count(|span| HttpSpan::of(span).is_some()),
        count(|span| SqlSpan::of(span).is_some()),
        count(|span| TlsSpan::of(span).is_some()),
        count(|span| DnsSpan::of(span).is_some()) + count(|span| ConnectSpan::of(span).is_some()),
    ];
    assert_eq!(counts, [Scope::Http, Scope::Sql, Scope::Tls, Scope::Net].map(of_scope));
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    assert!(spans.iter().all(|span| DnsSpan::of(span).is_none() || ConnectSpan::of(span).is_none()));
}

#[test]
fn values_are_those_of_the_attributes() {
    for span in &spans() {
        let text = |key: &str| span.attribute(key).map(ToString::to_string);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        if let Some(request) = HttpSpan::of(span) {
            assert_eq!(request.method(), None, "the fork does not write it down");
            let key = if request.is_server() { "url.path" } else { "url.full" };
            assert_eq!(owned(request.url()), text(key));
            assert_eq!(request.status_code().map(|code| code.to_string()), text("http.response.status_code"));
            assert_eq!(request.context(), span.context());
        }
        if let Some(query) = SqlSpan::of(span) {
            assert_eq!(owned(query.query()), text("db.query.text"));
            assert_eq!(owned(query.summary()), text("db.query.summary"));
            assert_eq!(query.database(), None, "nobody has said");
            assert_eq!(query.rows_affected().map(|rows| rows.to_string()), text("gotrace.sql.rows_affected"));
            assert_eq!(owned(query.error()), text("error.type"));
        }
        if let Some(handshake) = TlsSpan::of(span) {
            assert_eq!(owned(handshake.server_name()), text("server.address"));
            assert_eq!(owned(handshake.version()), text("tls.protocol.version"));
            assert_eq!(owned(handshake.cipher()), text("tls.cipher"));
            assert_eq!(handshake.is_resumed(), None, "the fork does not write it down");
            let side = handshake.is_client();
            assert_eq!(side == Some(true), span.name.contains("client"));
            assert_eq!(side == Some(false), span.name.contains("server handshake"));
        }
        if let Some(look_up) = DnsSpan::of(span) {
            assert_eq!(owned(look_up.host()), text("dns.question.name"));
            assert_eq!(
                look_up.answer_count().map(|count| count.to_string()),
                text("gotrace.dns.answer_count")
            );
        }
        if let Some(connect) = ConnectSpan::of(span) {
            assert_eq!(
                owned(connect.address()),
                text("network.peer.address").or_else(|| text("server.address"))
            );
            assert_eq!(
                connect.port().map(|port| port.to_string()),
                text("network.peer.port").or_else(|| text("server.port"))
            );
        }
    }
}

#[test]
fn what_a_trace_does_not_tell_is_none() {
    let mut span = spans()
        .into_iter()
        .find(|span| HttpSpan::of(span).is_some_and(|request| request.url().is_some()))
        .expect("a request");
    assert!(HttpSpan::of(&span).is_some_and(|request| request.duration() == Some(span.duration())));
    span.attributes =
        vec![Attribute::new("gotrace.incomplete", "end"), Attribute::new("http.response.status_code", -1)];
    let request = HttpSpan::of(&span).expect("a request");
    assert_eq!((request.duration(), request.status_code(), request.url()), (None, None, None));
}
