//! The flight-recorder fork of Go 1.26: HTTP, SQL, TLS, DNS and connect events (`docs/fork-dialect.md` of the repository, "Wire").

use super::{Category, EventSpec, EventType, Version, dt, stack, string, timed, value};

pub(super) const EVENTS: &[EventSpec] = &[
    timed(
        EventType::HttpServerRequestStart,
        "HTTPServerRequestStart",
        &[dt(), value("trace_id"), value("span_id"), string("path_string"), stack()],
        Category::Http,
        Version::Go126,
    ),
    timed(
        EventType::HttpServerRequestEnd,
        "HTTPServerRequestEnd",
        &[dt(), value("span_id"), value("status_code"), stack()],
        Category::Http,
        Version::Go126,
    ),
    timed(
        EventType::HttpClientRequestStart,
        "HTTPClientRequestStart",
        &[dt(), value("trace_id"), value("span_id"), string("url_string"), stack()],
        Category::Http,
        Version::Go126,
    ),
    timed(
        EventType::HttpClientRequestEnd,
        "HTTPClientRequestEnd",
        &[dt(), value("span_id"), value("status_code"), value("error_kind"), stack()],
        Category::Http,
        Version::Go126,
    ),
    timed(
        EventType::HttpClientError,
        "HTTPClientError",
        &[dt(), value("span_id"), value("error_kind"), string("message_string"), stack()],
        Category::Http,
        Version::Go126,
    ),
    timed(
        EventType::SqlQueryStart,
        "SQLQueryStart",
        &[dt(), value("trace_id"), value("span_id"), string("query_string"), stack()],
        Category::Sql,
        Version::Go126,
    ),
    timed(
        EventType::SqlQueryEnd,
        "SQLQueryEnd",
        &[dt(), value("span_id"), value("rows_affected"), value("error_code"), stack()],
        Category::Sql,
        Version::Go126,
    ),
    timed(
        EventType::TlsHandshakeStart,
        "TLSHandshakeStart",
        &[dt(), value("trace_id"), value("span_id"), string("server_name_string"), stack()],
        Category::Tls,
        Version::Go126,
    ),
    timed(
        EventType::TlsHandshakeEnd,
        "TLSHandshakeEnd",
        &[dt(), value("span_id"), value("tls_version"), value("cipher_suite"), stack()],
        Category::Tls,
        Version::Go126,
    ),
    timed(
        EventType::DnsLookupStart,
        "DNSLookupStart",
        &[dt(), value("trace_id"), value("span_id"), string("host_string"), stack()],
        Category::Net,
        Version::Go126,
    ),
    timed(
        EventType::DnsLookupEnd,
        "DNSLookupEnd",
        &[dt(), value("span_id"), value("addr_count"), stack()],
        Category::Net,
        Version::Go126,
    ),
    timed(
        EventType::ConnectStart,
        "ConnectStart",
        &[dt(), value("trace_id"), value("span_id"), string("addr_string"), stack()],
        Category::Net,
        Version::Go126,
    ),
    timed(
        EventType::ConnectEnd,
        "ConnectEnd",
        &[dt(), value("span_id"), value("error_code"), stack()],
        Category::Net,
        Version::Go126,
    ),
];
