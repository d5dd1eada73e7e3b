//! What the fork's wire may hold, made event by event, and the spans that come of it, each one exactly.

use crate::common::{
    self,
    script::{Act, EPOCH, Script, UNIT, trace},
};
use go_trace_context::Fold;
use go_trace_format::{Dialect, EventType as E};
use trace_to_otel::{Counters, MapperOptions, Span};

/// A generation in which all threads run their goroutines, and scheduling is heard of.
fn running<'a>(threads: &'a [i64], act: impl Fn(&mut Script<'_>) + 'a) -> impl Fn(&mut Script<'_>) + 'a {
    move |script| {
        threads.iter().for_each(|&thread| script.run(thread));
        act(script);
    }
}

fn map(generations: &[(u64, Act<'_>)]) -> (Vec<String>, Counters) {
    let (spans, counters) =
        common::spans_of_bytes(&trace(Dialect::Fork, generations), MapperOptions::default());
    (spans.iter().map(|span| told(span, &spans)).collect(), counters)
}

/// The spans of one generation.
fn one(act: Act<'_>) -> Vec<String> {
    map(&[(1, act)]).0
}

/// A span in a line: scope, kind and name, from which event to which, whose trace and part of what it is, whether it
/// failed, and its attributes, but for goroutine and thread.
fn told(span: &Span, spans: &[Span]) -> String {
    let parent = span.parent.map(|parent| {
        let is_it = |other: &Span| (other.trace_id, other.span_id) == (span.trace_id, parent.span_id);
        spans.iter().position(is_it)
    });
    let place = match parent {
        Some(Some(parent)) => format!("in {parent}"),
        Some(None) => panic!("the parent of {span:?} is not there"),
        None if Fold::is_stand_in(span.trace_id) => {
            format!("trace {:x}", Fold::of(span.trace_id).expect("the fold of a stand-in").get())
        }
        None => "root".to_owned(),
    };
    let attributes = span.attributes.iter().filter(|attribute| {
        !matches!(&*attribute.key, "gotrace.goroutine.id" | "gotrace.thread.id" | "gotrace.fork.trace_id")
    });
    let attributes: Vec<_> =
        attributes.map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect();
    format!(
        "{:?} {:?} '{}' {}-{} {place} {} {}",
        span.scope,
        span.kind,
        span.name,
        event(span.start.0),
        event(span.end.0),
        if span.status.is_error() { "Error" } else { "Unset" },
        attributes.join(" ")
    )
}

/// Which event of which generation has a time.
fn event(time: u64) -> String {
    let units = (time - EPOCH) / UNIT;
    format!("{}.{}", units / 1_000, units % 1_000)
}

const STARTS: [E; 6] = [
    E::HttpServerRequestStart,
    E::HttpClientRequestStart,
    E::SqlQueryStart,
    E::TlsHandshakeStart,
    E::DnsLookupStart,
    E::ConnectStart,
];

#[test]
fn starts_without_ends() {
    let threads = [1, 2, 3, 4, 5, 6];
    let spans = one(&running(&threads, |script| {
        let texts = ["/a", "http://h/a", "SELECT a FROM t", "h.test", "h.test", "h.test:1"];
        for ((thread, start), text) in (1..).zip(STARTS).zip(texts) {
            script.operation(thread, start, (0, thread as u64), text);
        }
        script.event(1, E::HeapAlloc, &[1]);
    }));
    assert_eq!(
        spans,
        [
            "Net Internal 'socket connect h.test:1' 1.24-1.25 root Unset server.address=h.test server.port=1 gotrace.incomplete=end",
            "Net Internal 'DNS lookup h.test' 1.23-1.25 root Unset dns.question.name=h.test gotrace.incomplete=end",
            "Tls Internal 'TLS handshake' 1.22-1.25 root Unset server.address=h.test gotrace.incomplete=end",
            "Sql Client 'SELECT t' 1.21-1.25 root Unset db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t gotrace.incomplete=end",
            "Http Client 'HTTP' 1.20-1.25 root Unset http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/a gotrace.incomplete=end",
            "Http Server 'HTTP' 1.19-1.25 root Unset http.request.method=_OTHER url.path=/a gotrace.incomplete=end",
        ]
    );
}

#[test]
fn ends_without_starts() {
    let ends = |script: &mut Script<'_>| {
        let message = script.string("dial https://bob:s3cr3t@h.test/?token=s3cr3t: no");
        for (end, arguments) in [
            (E::HttpServerRequestEnd, &[1, 503, 0][..]),
            (E::HttpClientRequestEnd, &[2, 0, 4, 0]),
            (E::HttpClientError, &[3, 2, message, 0]),
            (E::SqlQueryEnd, &[4, 7, 1, 0]),
            (E::TlsHandshakeEnd, &[5, 0x0304, 0x1301, 0]),
            (E::DnsLookupEnd, &[6, 2, 0]),
            (E::ConnectEnd, &[7, 3, 0]),
        ] {
            script.event(7, end, arguments);
        }
    };
    let (spans, counters) = map(&[(1, &running(&[7], ends))]);
    assert_eq!((counters.spans, counters.incomplete_spans), (7, 7));
    assert_eq!(
        spans,
        [
            "Http Server 'HTTP' 1.0-1.4 root Error http.request.method=_OTHER http.response.status_code=503 error.type=503 gotrace.incomplete=start",
            "Http Client 'HTTP' 1.0-1.5 root Error http.request.method=_OTHER error.type=timeout gotrace.incomplete=start",
            "Http Client 'HTTP' 1.0-1.6 root Error http.request.method=_OTHER error.type=connect gotrace.http.error.message=dial https://h.test/ no gotrace.incomplete=start",
            "Sql Client 'other_sql' 1.0-1.7 root Error db.system.name=other_sql gotrace.sql.rows_affected=7 error.type=timeout gotrace.incomplete=start",
            "Tls Internal 'TLS handshake' 1.0-1.8 root Unset tls.protocol.name=tls tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.established=true gotrace.incomplete=start",
            "Net Internal 'DNS lookup' 1.0-1.9 root Unset gotrace.dns.answer_count=2 gotrace.incomplete=start",
            "Net Internal 'socket connect' 1.0-1.10 root Error error.type=refused gotrace.incomplete=start",
        ]
    );
    // The same without scheduling: who runs where is not known.
    assert_eq!(
        one(&ends),
        [
            "Http Server 'HTTP' 1.0-1.1 root Error http.request.method=_OTHER http.response.status_code=503 error.type=503 gotrace.incomplete=start",
            "Http Client 'HTTP' 1.0-1.2 root Error http.request.method=_OTHER error.type=timeout gotrace.incomplete=start",
            "Http Client 'HTTP' 1.0-1.3 root Error http.request.method=_OTHER error.type=connect gotrace.http.error.message=dial https://h.test/ no gotrace.incomplete=start",
            "Sql Client 'other_sql' 1.0-1.4 root Error db.system.name=other_sql gotrace.sql.rows_affected=7 error.type=timeout gotrace.incomplete=start",
            "Tls Internal 'TLS handshake' 1.0-1.5 root Unset tls.protocol.name=tls tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.established=true gotrace.incomplete=start",
            "Net Internal 'DNS lookup' 1.0-1.6 root Unset gotrace.dns.answer_count=2 gotrace.incomplete=start",
            "Net Internal 'socket connect' 1.0-1.7 root Error error.type=refused gotrace.incomplete=start",
        ]
    );
}

#[test]
fn one_id_nested() {
    let spans = one(&running(&[7], |script| {
        let wire = (0xf, 0x1);
        script.operation(7, E::HttpClientRequestStart, wire, "http://outer.test/");
        script.operation(7, E::DnsLookupStart, wire, "h.test");
        script.operation(7, E::ConnectStart, wire, "10.0.0.1:53");
        script.event(7, E::ConnectEnd, &[1, 0, 0]);
        script.event(7, E::DnsLookupEnd, &[1, 1, 0]);
        script.operation(7, E::HttpClientRequestStart, (0xe, 0x1), "http://inner.test/");
        script.event(7, E::HttpClientRequestEnd, &[1, 200, 0, 0]);
        script.event(7, E::HttpClientRequestEnd, &[1, 201, 0, 0]);
    }));
    assert_eq!(
        spans,
        [
            "Net Internal 'socket connect 10.0.0.1:53' 1.6-1.7 in 1 Unset network.peer.address=10.0.0.1 network.peer.port=53",
            "Net Internal 'DNS lookup h.test' 1.5-1.8 in 3 Unset dns.question.name=h.test gotrace.dns.answer_count=1",
            "Http Client 'HTTP' 1.9-1.10 trace e Unset http.request.method=_OTHER server.address=inner.test server.port=80 url.full=http://inner.test/ http.response.status_code=200",
            "Http Client 'HTTP' 1.4-1.11 trace f Unset http.request.method=_OTHER server.address=outer.test server.port=80 url.full=http://outer.test/ http.response.status_code=201",
        ]
    );
}

#[test]
fn one_id_again() {
    let (spans, counters) = map(&[(
        1,
        &running(&[7], |script| {
            for code in [0, 6] {
                script.operation(7, E::SqlQueryStart, (0xf, 0x1), "SELECT a FROM t");
                script.event(7, E::SqlQueryEnd, &[1, u64::MAX, code, 0]);
            }
            script.event(7, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]);
        }),
    )]);
    assert_eq!((counters.spans, counters.incomplete_spans), (3, 1));
    assert_eq!(
        spans,
        [
            "Sql Client 'SELECT t' 1.4-1.5 trace f Unset db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t",
            "Sql Client 'SELECT t' 1.6-1.7 trace f Error db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t error.type=_OTHER",
            "Sql Client 'other_sql' 1.0-1.8 root Unset db.system.name=other_sql gotrace.incomplete=start",
        ]
    );
}

#[test]
fn an_end_on_another_thread() {
    // With scheduling the goroutine has moved; the other goroutine's query of the same id stays open.
    let moved = one(&running(&[7, 8], |script| {
        script.operation(7, E::SqlQueryStart, (0xf, 0x1), "SELECT a FROM t7");
        script.operation(8, E::SqlQueryStart, (0xf, 0x1), "SELECT a FROM t8");
        script.block(7, "network");
        script.block(8, "network");
        script.event(8, E::GoUnblock, &[7, 1, 0]);
        script.start(8, 7, 2);
        script.event(8, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]);
    }));
    assert_eq!(
        moved,
        [
            "Sql Client 'SELECT t7' 1.7-1.13 trace f Unset db.system.name=other_sql db.query.text=SELECT a FROM t7 db.query.summary=SELECT t7",
            "Sql Client 'SELECT t8' 1.8-1.13 trace f Unset db.system.name=other_sql db.query.text=SELECT a FROM t8 db.query.summary=SELECT t8 gotrace.incomplete=end",
        ]
    );
    // Without, the latest is taken.
    let unknown = one(&|script: &mut Script<'_>| {
        script.operation(7, E::SqlQueryStart, (0xf, 0x1), "SELECT a FROM t7");
        script.operation(8, E::SqlQueryStart, (0xf, 0x1), "SELECT a FROM t8");
        script.event(9, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]);
        script.event(9, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]);
    });
    assert_eq!(
        unknown,
        [
            "Sql Client 'SELECT t8' 1.2-1.3 trace f Unset db.system.name=other_sql db.query.text=SELECT a FROM t8 db.query.summary=SELECT t8",
            "Sql Client 'SELECT t7' 1.1-1.4 trace f Unset db.system.name=other_sql db.query.text=SELECT a FROM t7 db.query.summary=SELECT t7",
        ]
    );
}

#[test]
fn an_end_in_a_later_generation() {
    let first = |script: &mut Script<'_>| {
        script.run(7);
        script.operation(7, E::HttpClientRequestStart, (0xf, 0x1), "http://h.test/");
    };
    let second = |script: &mut Script<'_>| {
        script.run(7);
        script.operation(7, E::TlsHandshakeStart, (0, 0x2), "h.test");
    };
    let third = |script: &mut Script<'_>| {
        script.run(7);
        script.event(7, E::TlsHandshakeEnd, &[2, 0x0303, 0xc02b, 0]);
        script.event(7, E::HttpClientRequestEnd, &[1, 200, 0, 0]);
    };
    assert_eq!(
        map(&[(1, &first), (2, &second), (3, &third)]).0,
        [
            "Tls Internal 'TLS handshake' 2.4-3.4 in 1 Unset server.address=h.test tls.protocol.name=tls tls.protocol.version=1.2 tls.cipher=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 tls.established=true",
            "Http Client 'HTTP' 1.4-3.5 trace f Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/ http.response.status_code=200",
        ]
    );
    // Where a generation is missing they go out as they are, and once only.
    let (spans, counters) = map(&[(1, &first), (3, &third)]);
    assert_eq!((counters.incomplete_spans, counters.late_ends), (2, 1));
    assert_eq!(
        spans,
        [
            "Http Client 'HTTP' 1.4-1.4 trace f Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/ gotrace.incomplete=end",
            "Tls Internal 'TLS handshake' 3.0-3.4 root Unset tls.protocol.name=tls tls.protocol.version=1.2 tls.cipher=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 tls.established=true gotrace.incomplete=start",
        ]
    );
}

#[test]
fn a_fold_of_0_joins_nothing() {
    let spans = one(&running(&[7, 8, 9], |script| {
        script.operation(7, E::HttpClientRequestStart, (0, 0xc), "http://h.test/");
        script.operation(8, E::HttpServerRequestStart, (0, 0x5), "/");
        script.operation(9, E::SqlQueryStart, (0, 0x5), "SELECT a FROM t");
        script.event(9, E::SqlQueryEnd, &[5, u64::MAX, 0, 0]);
        script.event(8, E::HttpServerRequestEnd, &[5, 200, 0]);
        script.event(7, E::HttpClientRequestEnd, &[0xc, 200, 0, 0]);
        // Nor does a span id of 0, though it pairs.
        script.operation(7, E::HttpClientRequestStart, (0xf, 0), "http://h.test/");
        script.event(7, E::HttpClientRequestEnd, &[0, 200, 0, 0]);
    }));
    assert_eq!(
        spans,
        [
            "Sql Client 'SELECT t' 1.12-1.13 root Unset db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t",
            "Http Server 'HTTP' 1.11-1.14 root Unset http.request.method=_OTHER url.path=/ http.response.status_code=200",
            "Http Client 'HTTP' 1.10-1.15 root Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/ http.response.status_code=200",
            "Http Client 'HTTP' 1.16-1.17 trace f Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/ http.response.status_code=200",
        ]
    );
}

#[test]
fn folds_join() {
    let spans = one(&running(&[6, 7, 8, 9], |script| {
        script.operation(6, E::HttpServerRequestStart, (0xf, 0x4), "/before");
        script.operation(7, E::HttpClientRequestStart, (0xf, 0xc), "http://h.test/");
        script.operation(8, E::HttpServerRequestStart, (0xf, 0x5), "/");
        // Under the server's context, though on another goroutine.
        script.operation(9, E::SqlQueryStart, (0xf, 0x5), "SELECT a FROM t");
        script.event(9, E::SqlQueryEnd, &[5, u64::MAX, 0, 0]);
        // Under a context that only the program knows.
        script.operation(9, E::SqlQueryStart, (0xe, 0x6), "SELECT a FROM u");
        script.event(9, E::SqlQueryEnd, &[6, u64::MAX, 0, 0]);
        script.event(7, E::HttpClientRequestEnd, &[0xc, 200, 0, 0]);
        // The client does not wait for its server's end.
        script.event(8, E::HttpServerRequestEnd, &[5, 200, 0]);
        script.operation(7, E::HttpServerRequestStart, (0xf, 0x8), "/after");
        script.event(7, E::HttpServerRequestEnd, &[8, 200, 0]);
        script.event(6, E::HttpServerRequestEnd, &[4, 200, 0]);
    }));
    assert_eq!(
        spans,
        [
            "Sql Client 'SELECT t' 1.16-1.17 in 3 Unset db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t",
            "Sql Client 'SELECT u' 1.18-1.19 trace e Unset db.system.name=other_sql db.query.text=SELECT a FROM u db.query.summary=SELECT u",
            "Http Client 'HTTP' 1.14-1.20 trace f Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/ http.response.status_code=200",
            "Http Server 'HTTP' 1.15-1.21 in 2 Unset http.request.method=_OTHER url.path=/ http.response.status_code=200",
            "Http Server 'HTTP' 1.22-1.23 trace f Unset http.request.method=_OTHER url.path=/after http.response.status_code=200",
            "Http Server 'HTTP' 1.13-1.24 trace f Unset http.request.method=_OTHER url.path=/before http.response.status_code=200",
        ]
    );
}

#[test]
fn numbers_that_mean_nothing() {
    const MINUS_1: u64 = u64::MAX;
    let spans = one(&running(&[7], |script| {
        let mut operation = |start, text, end, arguments: &[u64]| {
            script.operation(7, start, (0, 0x1), text);
            script.event(7, end, &[&[1], arguments, &[0]].concat());
        };
        for status in [0, MINUS_1, MINUS_1 - 1, 99, 1 << 40] {
            operation(E::HttpServerRequestStart, "/", E::HttpServerRequestEnd, &[status]);
            operation(E::HttpClientRequestStart, "http://h/", E::HttpClientRequestEnd, &[status, 0]);
        }
        operation(E::HttpClientRequestStart, "http://h/", E::HttpClientRequestEnd, &[200, 99]);
        operation(E::SqlQueryStart, "", E::SqlQueryEnd, &[1 << 63, MINUS_1]);
        operation(E::SqlQueryStart, "", E::SqlQueryEnd, &[i64::MAX as u64, 0]);
        operation(E::TlsHandshakeStart, "", E::TlsHandshakeEnd, &[0x7fff, 0xfafa]);
        operation(E::TlsHandshakeStart, "", E::TlsHandshakeEnd, &[1 << 32, 1 << 32]);
        operation(E::DnsLookupStart, "", E::DnsLookupEnd, &[MINUS_1]);
        operation(E::ConnectStart, "", E::ConnectEnd, &[MINUS_1]);
    }));
    assert_eq!(
        spans,
        [
            "Http Server 'HTTP' 1.4-1.5 root Unset http.request.method=_OTHER url.path=/",
            "Http Client 'HTTP' 1.6-1.7 root Unset http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/",
            "Http Server 'HTTP' 1.8-1.9 root Unset http.request.method=_OTHER url.path=/",
            "Http Client 'HTTP' 1.10-1.11 root Unset http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/",
            "Http Server 'HTTP' 1.12-1.13 root Unset http.request.method=_OTHER url.path=/",
            "Http Client 'HTTP' 1.14-1.15 root Unset http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/",
            "Http Server 'HTTP' 1.16-1.17 root Unset http.request.method=_OTHER url.path=/ http.response.status_code=99",
            "Http Client 'HTTP' 1.18-1.19 root Unset http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/ http.response.status_code=99",
            "Http Server 'HTTP' 1.20-1.21 root Error http.request.method=_OTHER url.path=/ http.response.status_code=1099511627776 error.type=1099511627776",
            "Http Client 'HTTP' 1.22-1.23 root Error http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/ http.response.status_code=1099511627776 error.type=1099511627776",
            "Http Client 'HTTP' 1.24-1.25 root Error http.request.method=_OTHER server.address=h server.port=80 url.full=http://h/ http.response.status_code=200 error.type=_OTHER",
            "Sql Client 'other_sql' 1.26-1.27 root Error db.system.name=other_sql error.type=_OTHER",
            "Sql Client 'other_sql' 1.28-1.29 root Unset db.system.name=other_sql gotrace.sql.rows_affected=9223372036854775807",
            "Tls Internal 'TLS handshake' 1.30-1.31 root Unset tls.cipher=0xFAFA tls.established=true",
            "Tls Internal 'TLS handshake' 1.32-1.33 root Error tls.established=false error.type=_OTHER",
            "Net Internal 'DNS lookup' 1.34-1.35 root Unset gotrace.dns.answer_count=9223372036854775807",
            "Net Internal 'socket connect' 1.36-1.37 root Error error.type=_OTHER",
        ]
    );
}

#[test]
fn a_message_with_secrets() {
    let spans = one(&running(&[7], |script| {
        script.operation(7, E::HttpClientRequestStart, (0xf, 0x1), "https://bob:s3cr3t@h.test:8443/a#s3cr3t");
        let message =
            script.string("Get \"https://bob:s3cr3t@h.test/a?token=s3cr3t\": password=s3cr3t refused");
        script.event(7, E::HttpClientError, &[1, 2, message, 0]);
    }));
    assert_eq!(
        spans,
        [
            "Http Client 'HTTP' 1.4-1.5 trace f Error http.request.method=_OTHER server.address=h.test server.port=8443 url.full=https://h.test:8443/a error.type=connect gotrace.http.error.message=Get \"https://h.test/a\": password=REDACTED refused",
        ]
    );
}

#[test]
fn hosts_of_every_kind() {
    let spans = one(&running(&[7], |script| {
        for host in [
            "127.0.0.1",
            "::1",
            "fe80::1%eth0",
            "/run/a.sock",
            "@abstract",
            "1.2.3",
            "h.test.",
            "xn--bcher-kva.test",
        ] {
            script.operation(7, E::DnsLookupStart, (0, 0x1), host);
            script.event(7, E::DnsLookupEnd, &[1, 1, 0]);
        }
        for address in [
            "127.0.0.1:80",
            "[::1]:443",
            "[fe80::1%eth0]:53",
            "/run/a.sock",
            "@abstract",
            "h.test:http",
            "h.test",
        ] {
            script.operation(7, E::ConnectStart, (0, 0x1), address);
            script.event(7, E::ConnectEnd, &[1, 0, 0]);
        }
        for url in ["http://[::1]:8080/a", "https://[fe80::1%25eth0]/", "http://h.test", "http:/a", "a"] {
            script.operation(7, E::HttpClientRequestStart, (0, 0x1), url);
            script.event(7, E::HttpClientRequestEnd, &[1, 200, 0, 0]);
        }
    }));
    assert_eq!(
        spans,
        [
            "Net Internal 'DNS lookup 1.2.3' 1.14-1.15 root Unset dns.question.name=1.2.3 gotrace.dns.answer_count=1",
            "Net Internal 'DNS lookup h.test.' 1.16-1.17 root Unset dns.question.name=h.test. gotrace.dns.answer_count=1",
            "Net Internal 'DNS lookup xn--bcher-kva.test' 1.18-1.19 root Unset dns.question.name=xn--bcher-kva.test gotrace.dns.answer_count=1",
            "Net Internal 'socket connect 127.0.0.1:80' 1.20-1.21 root Unset network.peer.address=127.0.0.1 network.peer.port=80",
            "Net Internal 'socket connect [::1]:443' 1.22-1.23 root Unset network.peer.address=::1 network.peer.port=443",
            "Net Internal 'socket connect [fe80::1%eth0]:53' 1.24-1.25 root Unset network.peer.address=fe80::1%eth0 network.peer.port=53",
            "Net Internal 'socket connect /run/a.sock' 1.26-1.27 root Unset network.peer.address=/run/a.sock network.transport=unix",
            "Net Internal 'socket connect @abstract' 1.28-1.29 root Unset network.peer.address=@abstract network.transport=unix",
            "Net Internal 'socket connect h.test:http' 1.30-1.31 root Unset server.address=h.test",
            "Net Internal 'socket connect h.test' 1.32-1.33 root Unset server.address=h.test",
            "Http Client 'HTTP' 1.34-1.35 root Unset http.request.method=_OTHER server.address=::1 server.port=8080 url.full=http://[::1]:8080/a http.response.status_code=200",
            "Http Client 'HTTP' 1.36-1.37 root Unset http.request.method=_OTHER server.address=fe80::1%25eth0 server.port=443 url.full=https://[fe80::1%25eth0]/ http.response.status_code=200",
            "Http Client 'HTTP' 1.38-1.39 root Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test http.response.status_code=200",
            "Http Client 'HTTP' 1.40-1.41 root Unset http.request.method=_OTHER url.full=http:/a http.response.status_code=200",
            "Http Client 'HTTP' 1.42-1.43 root Unset http.request.method=_OTHER url.full=a http.response.status_code=200",
        ]
    );
}

#[test]
fn texts_that_are_no_text() {
    let spans = one(&running(&[7], |script| {
        let ends = [
            (E::HttpServerRequestEnd, &[1, 200, 0][..]),
            (E::HttpClientRequestEnd, &[1, 200, 0, 0]),
            (E::SqlQueryEnd, &[1, u64::MAX, 0, 0]),
            (E::TlsHandshakeEnd, &[1, 0x0304, 0x1301, 0]),
            (E::DnsLookupEnd, &[1, 1, 0]),
            (E::ConnectEnd, &[1, 0, 0]),
        ];
        for (start, (end, arguments)) in STARTS.into_iter().zip(ends) {
            script.operation(7, start, (0, 0x1), b"/a\xff\xf0\x9f");
            script.event(7, end, arguments);
        }
        // Cut at 1024 bytes, which is within a rune here, and within a string.
        let mut query = b"SELECT a FROM t WHERE s = 's3cr3t ".to_vec();
        query.resize(1023, b'-');
        query.push("ä".as_bytes()[0]);
        script.operation(7, E::SqlQueryStart, (0, 0x1), &query);
        script.event(7, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]);
    }));
    assert_eq!(
        spans,
        [
            "Http Server 'HTTP' 1.4-1.5 root Unset http.request.method=_OTHER url.path=/a�� http.response.status_code=200",
            "Http Client 'HTTP' 1.6-1.7 root Unset http.request.method=_OTHER url.full=/a�� http.response.status_code=200",
            "Sql Client 'other_sql' 1.8-1.9 root Unset db.system.name=other_sql db.query.text=/a��",
            "Tls Internal 'TLS handshake' 1.10-1.11 root Unset server.address=/a�� tls.protocol.name=tls tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.established=true",
            "Net Internal 'socket connect /a��' 1.14-1.15 root Unset network.peer.address=/a�� network.transport=unix",
            "Sql Client 'SELECT t' 1.16-1.17 root Unset db.system.name=other_sql db.query.text=SELECT a FROM t WHERE s = ? db.query.summary=SELECT t",
        ]
    );
}

const HANDSHAKE: &str = "crypto/tls.(*Conn).handshakeContext";

fn handshake(script: &mut Script<'_>, span_id: u64, functions: &[&str]) {
    let (name, stack) = (script.string("h.test"), script.stack(functions));
    script.event(7, E::TlsHandshakeStart, &[0, span_id, name, stack]);
}

#[test]
fn handshakes_that_are_repeated_have_no_end() {
    let (spans, counters) = map(&[(
        1,
        &running(&[7], |script| {
            handshake(script, 1, &[HANDSHAKE, "main.main"]);
            handshake(script, 2, &[HANDSHAKE, "main.main"]);
            let stack = script.stack(&["database/sql.(*DB).query", "main.main"]);
            let query = script.string("SELECT a FROM t");
            script.event(7, E::SqlQueryStart, &[0, 3, query, stack]);
            script.event(7, E::SqlQueryEnd, &[3, u64::MAX, 0, 0]);
            // That of the second comes after all.
            script.event(7, E::TlsHandshakeEnd, &[2, 0, 0, 0]);
        }),
    )]);
    assert_eq!((counters.incomplete_spans, counters.late_ends), (1, 0));
    assert_eq!(
        spans,
        [
            "Tls Internal 'TLS handshake' 1.4-1.5 root Unset server.address=h.test code.function.name=main.main code.file.path=example.com/main.go code.line.number=1 gotrace.incomplete=end",
            "Sql Client 'SELECT t' 1.6-1.7 root Unset db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t code.function.name=main.main code.file.path=example.com/main.go code.line.number=1",
            "Tls Internal 'TLS handshake' 1.5-1.8 root Error server.address=h.test tls.established=false error.type=_OTHER code.function.name=main.main code.file.path=example.com/main.go code.line.number=1",
        ]
    );
}

#[test]
fn a_handshake_through_the_connection_of_another() {
    let spans = one(&running(&[7], |script| {
        let around = ["crypto/tls.(*Conn).clientHandshake", HANDSHAKE, "main.main"];
        handshake(script, 1, &around[1..]);
        handshake(script, 2, &[&[HANDSHAKE, "crypto/tls.(*Conn).Write"], &around[..]].concat());
        script.event(7, E::TlsHandshakeEnd, &[2, 0x0304, 0x1301, 0]);
        let stack = script.stack(&around);
        script.event(7, E::TlsHandshakeEnd, &[1, 0x0304, 0x1301, stack]);
    }));
    assert_eq!(
        spans,
        [
            "Tls Internal 'TLS client handshake h.test' 1.5-1.6 in 1 Unset server.address=h.test tls.protocol.name=tls tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.established=true code.function.name=main.main code.file.path=example.com/main.go code.line.number=1",
            "Tls Internal 'TLS client handshake h.test' 1.4-1.7 root Unset server.address=h.test tls.protocol.name=tls tls.protocol.version=1.3 tls.cipher=TLS_AES_128_GCM_SHA256 tls.established=true code.function.name=main.main code.file.path=example.com/main.go code.line.number=1",
        ]
    );
}

#[test]
fn what_a_goroutine_leaves_open_ends_with_it() {
    // As where a handler panics.
    let (spans, counters) = map(&[(
        1,
        &running(&[7, 8], |script| {
            script.operation(8, E::HttpClientRequestStart, (0xf, 0xc), "http://h.test/panic");
            script.operation(7, E::HttpServerRequestStart, (0xf, 0x5), "/panic");
            script.operation(7, E::SqlQueryStart, (0, 0x6), "SELECT a FROM t");
            script.event(7, E::GoDestroy, &[]);
            script.event(8, E::HttpClientRequestEnd, &[0xc, 0, 7, 0]);
            script.event(8, E::HeapAlloc, &[1]);
        }),
    )]);
    assert_eq!((counters.incomplete_spans, counters.late_ends), (2, 0));
    assert_eq!(
        spans,
        [
            "Sql Client 'SELECT t' 1.9-1.10 in 1 Unset db.system.name=other_sql db.query.text=SELECT a FROM t db.query.summary=SELECT t gotrace.incomplete=end",
            "Http Server 'HTTP' 1.8-1.10 in 2 Unset http.request.method=_OTHER url.path=/panic gotrace.incomplete=end",
            "Http Client 'HTTP' 1.7-1.11 trace f Error http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/panic error.type=_OTHER",
        ]
    );
}

#[test]
fn a_redirect_is_two_requests() {
    let spans = one(&running(&[7], |script| {
        script.region_begin(7, 0, "call");
        for (id, path, status) in [(0xa, "old?pw=s3cr3t", 302), (0xb, "new#s3cr3t", 200)] {
            script.operation(7, E::HttpClientRequestStart, (id, id), &format!("http://h.test/{path}"));
            script.event(7, E::HttpClientRequestEnd, &[id, status, 0, 0]);
        }
        script.region_end(7, 0, "call");
    }));
    assert_eq!(
        spans,
        [
            "Http Client 'HTTP' 1.5-1.6 trace a Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/old http.response.status_code=302",
            "Http Client 'HTTP' 1.7-1.8 trace b Unset http.request.method=_OTHER server.address=h.test server.port=80 url.full=http://h.test/new http.response.status_code=200",
            "Region Internal 'call' 1.4-1.9 root Unset ",
        ]
    );
}

/// A handshake by another library than `crypto/tls`, or one that a program records by the fork's API, is on no stack.
#[test]
fn a_handshake_that_is_on_no_stack_ends_with_its_end() {
    let (spans, counters) = map(&[(
        1,
        &running(&[7], |script| {
            handshake(script, 1, &["main.handshake", "main.main"]);
            let stack = script.stack(&["main.verify", "main.main"]);
            let query = script.string("SELECT a FROM t");
            script.event(7, E::SqlQueryStart, &[0, 3, query, stack]);
            script.event(7, E::SqlQueryEnd, &[3, u64::MAX, 0, stack]);
            script.event(7, E::TlsHandshakeEnd, &[1, 0x0304, 0x1301, stack]);
        }),
    )]);
    assert_eq!((counters.incomplete_spans, counters.late_ends), (0, 0));
    let tls = spans.iter().find(|span| span.starts_with("Tls")).expect("a handshake");
    assert!(tls.contains(" 1.4-1.7 ") && tls.contains("tls.protocol.version=1.3"), "{tls}");
}

/// What seems to be over ends with its goroutine at the latest, at the time when it seemed to.
#[test]
fn a_handshake_that_seems_to_be_over_goes_out_with_its_goroutine() {
    let (spans, counters) = map(&[(
        1,
        &running(&[7], |script| {
            handshake(script, 1, &[HANDSHAKE, "main.main"]);
            let stack = script.stack(&["main.main"]);
            script.event(7, E::UserLog, &[0, 0, 0, stack]);
            script.event(7, E::GoDestroy, &[]);
        }),
    )]);
    assert_eq!((counters.incomplete_spans, spans.len()), (1, 1));
    assert!(spans[0].contains(" 1.4-1.5 ") && spans[0].contains("gotrace.incomplete=end"), "{}", spans[0]);
}
