//! What becomes of an operation unless there is something special about it.

use trace_to_otel::{Scope, SpanKind, Status};

use crate::fork_truth::{
    query,
    truth::Operation,
    want::{Trace, Want},
};

// Times are nanoseconds. The trace's clock and the program's agree so well that neither is given any tolerance.

/// The handler notes when it begins and ends; the request around it is recorded by `net/http`, which once is made to
/// wait for 19 µs before it gets to that.
const AROUND_HANDLER: u64 = 20_000;
/// What is left without an end is over a moment later.
const SOON: u64 = 200_000;
/// A program that makes a task may note its beginning afterwards.
const NOTED_LATE: u64 = 2_000;

/// The spans that an operation is to become; none where its kind is one that nobody records.
pub(crate) fn wants(operation: &Operation) -> Vec<Want> {
    match &*operation.kind {
        "http_client" => vec![http_client(operation)],
        "http_server" => vec![http_server(operation)],
        "dial" => dial(operation),
        "resolver_dial" => vec![connect(operation, &operation.name)],
        "tls_client_handshake" => {
            let address = operation.text("addr").expect("the address of a handshake");
            let mut connect = connect(operation, address);
            (connect.status, connect.attributes) = (Status::Unset, peer(address));
            vec![connect, tls_client(operation)]
        }
        "tls_server_handshake" => vec![tls_server(operation)],
        "tls_client_handshake_repeat" | "tls_client_read_after_failure" | "tls_client_implicit_handshake" => {
            vec![tls_client(operation)]
        }
        "user_task" => vec![task(operation)],
        "user_region" => vec![region(operation)],
        "sql_exec" | "sql_query" | "sql_queryrow" | "sql_tx_exec" | "sql_tx_query" => vec![sql(operation)],
        _ => Vec::new(),
    }
}

/// A span within the time of its operation, of which nothing more is known.
fn within(operation: &Operation, scope: Scope, kind: SpanKind, name: &str) -> Want {
    let time = operation.start..=operation.end;
    let trace = match operation.trace_id_fold() {
        Some(0) => Trace::Zero,
        Some(fold) => Trace::Fold(fold),
        None => Trace::MadeUp,
    };
    Want {
        scope,
        kind,
        name: name.to_owned(),
        start: time.clone(),
        end: time,
        status: Status::Unset,
        attributes: Vec::new(),
        is_unended: false,
        trace,
        span_id: None,
    }
}

impl Want {
    /// The same span, of which the trace lacks the end: only its start is known, and nothing of its outcome.
    pub(crate) fn unended(mut self) -> Self {
        const OF_OUTCOME: [&str; 6] = [
            "error.type",
            "gotrace.sql.rows_affected",
            "http.response.status_code",
            "tls.cipher",
            "tls.established",
            "tls.protocol",
        ];
        if self.scope == Scope::Tls {
            // Which side it is shows within only.
            self.name = "TLS handshake".to_owned();
        }
        self.attributes.retain(|attribute| !OF_OUTCOME.iter().any(|key| attribute.starts_with(key)));
        Self { is_unended: true, status: Status::Unset, end: *self.start.start()..=u64::MAX, ..self }
    }

    /// The same, which is known to be over when its goroutine ends or goes on with something else.
    pub(crate) fn abandoned(self, operation: &Operation) -> Self {
        Self { end: operation.end..=operation.end + SOON, ..self.unended() }
    }

    fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.attributes.push(format!("{key}={}", value.to_string()));
        self
    }

    fn failed(self, error_type: &str) -> Self {
        Self { status: Status::ERROR, ..self }.with("error.type", error_type)
    }
}

fn http_client(operation: &Operation) -> Want {
    http_client_of(operation, &operation.name)
}

/// The request of a URL, with everything else the operation's.
pub(crate) fn http_client_of(operation: &Operation, url: &str) -> Want {
    let want = within(operation, Scope::Http, SpanKind::Client, "HTTP");
    // The request ends with the headers; reading what follows is not part of it.
    let end = operation.time("headers_at_unix_ns").unwrap_or(operation.end);
    let want = Want { end: *want.end.start()..=end, span_id: operation.span_id(), ..want };
    let (url, address, port) = url_without_secrets(url);
    let mut want = want
        .with("http.request.method", "_OTHER")
        .with("url.full", url)
        .with("server.address", address)
        .with("server.port", port);
    if let Some(status) = operation.status {
        want = want.with("http.response.status_code", status);
    }
    match (&operation.err, operation.status) {
        (Some(error), _) => match http_error(error) {
            Some(error) => want.failed(error),
            None => want,
        },
        (None, Some(status @ 400..)) => want.failed(&status.to_string()),
        _ => want,
    }
}

/// How the fork sorts the errors of clients; nothing for those who gave up themselves.
fn http_error(error: &str) -> Option<&str> {
    let is = |part| error.contains(part);
    match () {
        () if is("tls: ") => Some("tls"),
        () if is("connection refused") => Some("connect"),
        () if is("deadline exceeded") => Some("timeout"),
        () if is("context canceled") => None,
        () => Some("_OTHER"),
    }
}

/// The URL as it may be told, its host and its port.
fn url_without_secrets(url: &str) -> (String, &str, &str) {
    let url = url.split(['?', '#']).next().expect("a first part");
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    let (authority, path) = rest.split_once('/').expect("a path");
    let host = authority.split_once('@').map_or(authority, |(_, host)| host);
    let (address, port) = host.split_once(':').expect("a port");
    (format!("{scheme}://{host}/{path}"), address, port)
}

fn http_server(operation: &Operation) -> Want {
    let handler = within(operation, Scope::Http, SpanKind::Server, "HTTP");
    let start = operation.start - AROUND_HANDLER..=operation.start;
    let end = operation.end..=operation.end + AROUND_HANDLER;
    server(Want { start, end, ..handler }, &operation.name, operation.status)
}

/// The server's side of a raw client whose request reaches no handler.
pub(crate) fn answered_alone(client: &Operation) -> Want {
    let want = within(client, Scope::Http, SpanKind::Server, "HTTP");
    server(want, &client.name, client.status)
}

/// A server's span, by the path that was asked for.
fn server(want: Want, path: &str, status: Option<i64>) -> Want {
    // The recorder takes an escaped question mark for the beginning of a query.
    let path = path.split('?').next().expect("a first part");
    let want = want.with("http.request.method", "_OTHER").with("url.path", path);
    match status {
        Some(status @ 500..) => want.with("http.response.status_code", status).failed(&status.to_string()),
        Some(status) => want.with("http.response.status_code", status),
        None => want,
    }
}

fn sql(operation: &Operation) -> Want {
    let query = query::of(&operation.name);
    let name = query.summary.as_deref().unwrap_or("other_sql");
    let want = within(operation, Scope::Sql, SpanKind::Client, name);
    let end = operation.time("query_returned_unix_ns").unwrap_or(operation.end);
    let mut want = Want { end: *want.end.start()..=end, ..want }.with("db.system.name", "other_sql");
    if let Some(text) = query.text {
        want = want.with("db.query.text", text);
    }
    if let Some(summary) = query.summary {
        want = want.with("db.query.summary", summary);
    }
    if let Some(rows @ 0..) = rows_affected(operation) {
        want = want.with("gotrace.sql.rows_affected", rows);
    }
    match &operation.err {
        Some(error) => want.failed(sql_error(error)),
        None => want,
    }
}

/// What the program was told, or, within a transaction, could have asked.
fn rows_affected(operation: &Operation) -> Option<i64> {
    let is_exec = operation.kind == "sql_tx_exec" && operation.err.is_none();
    operation.number("rows_affected").or(is_exec.then_some(1))
}

/// How the fork sorts the errors of drivers: what is wrong with a query it does not know.
fn sql_error(error: &str) -> &str {
    match error {
        "context deadline exceeded" => "timeout",
        "context canceled" => "canceled",
        "driver: bad connection" => "connection",
        _ => "_OTHER",
    }
}

fn tls_client(operation: &Operation) -> Want {
    // A client that is given no name takes that of the address.
    let host = || operation.text("addr").and_then(|address| Some(address.rsplit_once(':')?.0));
    let name = if operation.name.is_empty() { host().expect("an address") } else { &*operation.name };
    let span_name = format!("TLS client handshake {name}");
    handshake(within(operation, Scope::Tls, SpanKind::Internal, &span_name), operation)
        .with("server.address", name)
}

fn tls_server(operation: &Operation) -> Want {
    let want =
        handshake(within(operation, Scope::Tls, SpanKind::Internal, "TLS server handshake"), operation);
    // A name in a server's own configuration, which is not of this handshake, is told all the same.
    if operation.name.is_empty() { want } else { want.with("server.address", &operation.name) }
}

fn handshake(want: Want, operation: &Operation) -> Want {
    if operation.err.is_some() {
        return want.with("tls.established", false).failed("_OTHER");
    }
    let version = match operation.hexadecimal("version") {
        Some(0x0303) => "1.2",
        // Not told of a handshake that the program left to several goroutines.
        Some(0x0304) | None => "1.3",
        other => panic!("TLS version {other:x?}"),
    };
    let cipher = match operation.hexadecimal("cipher_suite") {
        Some(0xc02b) => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        Some(0x1301) | None => "TLS_AES_128_GCM_SHA256",
        other => panic!("cipher suite {other:x?}"),
    };
    want.with("tls.established", true)
        .with("tls.protocol.name", "tls")
        .with("tls.protocol.version", version)
        .with("tls.cipher", cipher)
}

/// A look-up, unless there is nothing to look up, and a connect.
fn dial(operation: &Operation) -> Vec<Want> {
    let host = operation.name.rsplit_once(':').map_or("", |(host, _)| host);
    let is_name = host.starts_with(|first: char| first.is_ascii_alphabetic());
    let look_up = is_name.then(|| look_up(operation, host));
    look_up.into_iter().chain([connect(operation, &operation.name)]).collect()
}

/// A look-up that finds something: the only name with two addresses is that of the recorder's own DNS server.
fn look_up(operation: &Operation, host: &str) -> Want {
    let count = if host == "svc.test" { 2 } else { 1 };
    look_up_of(operation, host).with("gotrace.dns.answer_count", count)
}

/// A look-up that finds nothing.
pub(crate) fn vain_look_up(operation: &Operation, host: &str) -> Want {
    look_up_of(operation, host).with("gotrace.dns.answer_count", 0).failed("_OTHER")
}

fn look_up_of(operation: &Operation, host: &str) -> Want {
    let want = |name: &str| within(operation, Scope::Net, SpanKind::Internal, name);
    match host {
        "" => want("DNS lookup"),
        host => want(&format!("DNS lookup {host}")).with("dns.question.name", host),
    }
}

fn connect(operation: &Operation, address: &str) -> Want {
    let name = format!("socket connect {address}");
    let mut want = within(operation, Scope::Net, SpanKind::Internal, &name);
    want.attributes = peer(address);
    // Whatever goes wrong, the fork calls it something else.
    if operation.err.is_some() { want.failed("_OTHER") } else { want }
}

/// Whom an address stands for.
fn peer(address: &str) -> Vec<String> {
    if address.starts_with('/') {
        return vec![format!("network.peer.address={address}"), "network.transport=unix".to_owned()];
    }
    // What has no port is no address: nobody connects to it.
    let Some((host, port)) = address.rsplit_once(':') else { return Vec::new() };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<std::net::IpAddr>() {
        Ok(_) => vec![format!("network.peer.address={host}"), format!("network.peer.port={port}")],
        Err(_) => vec![format!("server.address={host}"), format!("server.port={port}")],
    }
}

fn task(operation: &Operation) -> Want {
    let want = within(operation, Scope::Task, SpanKind::Internal, &operation.name);
    Want { start: operation.start - NOTED_LATE..=operation.end, trace: Trace::Local, ..want }
}

fn region(operation: &Operation) -> Want {
    let want = within(operation, Scope::Region, SpanKind::Internal, &operation.name);
    Want { trace: Trace::Local, ..want }
}
