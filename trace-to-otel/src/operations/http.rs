//! HTTP requests, of servers and clients. The method is not on the wire, headers are neither.

use go_trace_format::{Text, event::HttpErrorKind};
use go_trace_sanitize::Sanitizer;
use opentelemetry_semantic_conventions::attribute::{
    ERROR_TYPE, HTTP_REQUEST_METHOD, HTTP_RESPONSE_STATUS_CODE, SERVER_ADDRESS, SERVER_PORT, URL_FULL,
    URL_PATH,
};

use super::{Described, OTHER, fail, net};
use crate::{
    attribute::HTTP_ERROR_MESSAGE,
    span::{Attribute, Scope, SpanKind, Status},
    text::without_query,
};

/// The name of a span whose method is not known, and the method then.
const NAME: &str = "HTTP";
const METHOD: &str = "_OTHER";

pub(super) fn server(path: Text<'_>, sanitizer: &Sanitizer) -> Described {
    let mut described = request(SpanKind::Server);
    let sanitized = sanitizer.url(path.as_bytes());
    let path = without_query(&sanitized);
    if !path.is_empty() {
        described.attributes.push(Attribute::new(URL_PATH, path));
    }
    described
}

pub(super) fn client(url: Text<'_>, sanitizer: &Sanitizer) -> Described {
    let mut described = request(SpanKind::Client);
    let url = sanitizer.url(url.as_bytes());
    if url.is_empty() {
        return described;
    }
    if let Some((address, port)) = server_of(&url) {
        described.attributes.push(Attribute::new(SERVER_ADDRESS, address));
        if let Some(port) = port {
            described.attributes.push(Attribute::new(SERVER_PORT, i64::from(port)));
        }
    }
    described.with(Attribute::new(URL_FULL, &*url))
}

fn request(kind: SpanKind) -> Described {
    Described::new(Scope::Http, kind, NAME).with(Attribute::new(HTTP_REQUEST_METHOD, METHOD))
}

/// Host and port of a URL; the port of its scheme if it names none.
fn server_of(url: &str) -> Option<(&str, Option<u16>)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let (address, port) = net::host_and_port(host);
    let default = match () {
        () if scheme.eq_ignore_ascii_case("http") => Some(80),
        () if scheme.eq_ignore_ascii_case("https") => Some(443),
        () => None,
    };
    (!address.is_empty()).then_some((address, port.or(default)))
}

pub(super) fn end_server(status_code: i64, attributes: &mut Vec<Attribute>) -> Status {
    note_status(status_code, 500, attributes)
}

pub(super) fn end_client(status_code: i64, error: HttpErrorKind, attributes: &mut Vec<Attribute>) -> Status {
    if error == HttpErrorKind::None {
        return note_status(status_code, 400, attributes);
    }
    // Whatever the status, the request has failed: there is one type for an error.
    note_status(status_code, i64::MAX, attributes);
    fail_by(error, attributes)
}

pub(super) fn fail_client(
    error: HttpErrorKind,
    message: Text<'_>,
    sanitizer: &Sanitizer,
    attributes: &mut Vec<Attribute>,
) -> Status {
    let status = fail_by(error, attributes);
    if !message.is_empty() && !message.is_lost() {
        attributes.push(Attribute::new(HTTP_ERROR_MESSAGE, &*sanitizer.text(message.as_bytes())));
    }
    status
}

/// Notes a status; from `first_error` on it is an error.
fn note_status(status_code: i64, first_error: i64, attributes: &mut Vec<Attribute>) -> Status {
    if status_code > 0 {
        attributes.push(Attribute::new(HTTP_RESPONSE_STATUS_CODE, status_code));
    }
    if status_code < first_error {
        return Status::Unset;
    }
    attributes.push(Attribute::new(ERROR_TYPE, &*status_code.to_string()));
    Status::ERROR
}

fn fail_by(error: HttpErrorKind, attributes: &mut Vec<Attribute>) -> Status {
    let error_type = match error {
        // Who gives up has not failed.
        HttpErrorKind::Canceled => return Status::Unset,
        HttpErrorKind::Dns => "dns",
        HttpErrorKind::Connect => "connect",
        HttpErrorKind::Tls => "tls",
        HttpErrorKind::Timeout => "timeout",
        HttpErrorKind::Protocol => "protocol",
        _ => OTHER,
    };
    fail(error_type, attributes)
}

#[cfg(test)]
mod tests {
    use go_trace_format::event::{Operation, Outcome};

    use super::*;
    use crate::operations::tests::{begin, end, listed};

    fn of(operation: Operation, text: &str) -> Vec<String> {
        let described = begin(operation, text).expect("a span");
        assert_eq!((&*described.name, &described.scope), ("HTTP", &Scope::Http));
        listed(&described.attributes)
    }

    #[test]
    fn a_server_has_a_path() {
        assert_eq!(
            of(Operation::HttpServer, "/orders/7"),
            ["http.request.method=_OTHER", "url.path=/orders/7"]
        );
        assert_eq!(of(Operation::HttpServer, ""), ["http.request.method=_OTHER"]);
        assert_eq!(of(Operation::HttpServer, "/a?token=s3cr3t#x")[1], "url.path=/a");
    }

    #[test]
    fn a_client_has_a_url_without_secrets() {
        for (url, address, port) in [
            ("http://localhost:33189/ok", "localhost", Some("33189")),
            ("https://user:s3cr3t@example.com/a?b=1", "example.com", Some("443")),
            ("HTTP://[::1]/", "::1", Some("80")),
            ("http://[fe80::1]:8080", "fe80::1", Some("8080")),
            ("ftp://example.com/", "example.com", None),
        ] {
            let attributes = of(Operation::HttpClient, url);
            assert_eq!(attributes[1], format!("server.address={address}"), "{url}");
            let at = attributes.iter().position(|attribute| attribute.starts_with("server.port="));
            assert_eq!(at.map(|at| &attributes[at]["server.port=".len()..]), port, "{url}");
            let full = attributes.last().expect("a URL");
            assert!(full.starts_with("url.full=") && !full.contains("s3cr3t"), "{full}");
        }
        assert_eq!(of(Operation::HttpClient, ""), ["http.request.method=_OTHER"]);
    }

    #[test]
    fn a_server_fails_from_500_on() {
        for (status_code, status, attributes) in [
            (200, Status::Unset, &["http.response.status_code=200"][..]),
            (404, Status::Unset, &["http.response.status_code=404"]),
            (503, Status::ERROR, &["http.response.status_code=503", "error.type=503"]),
            (0, Status::Unset, &[]),
            (-1, Status::Unset, &[]),
        ] {
            let seen = end(Outcome::HttpServer { status_code });
            assert_eq!(seen, (status, attributes.iter().map(ToString::to_string).collect()), "{status_code}");
        }
    }

    #[test]
    fn a_client_fails_from_400_on_or_by_its_error() {
        for (status_code, error, status, attributes) in [
            (200, HttpErrorKind::None, Status::Unset, &["http.response.status_code=200"][..]),
            (404, HttpErrorKind::None, Status::ERROR, &["http.response.status_code=404", "error.type=404"]),
            (0, HttpErrorKind::Dns, Status::ERROR, &["error.type=dns"]),
            (-1, HttpErrorKind::Timeout, Status::ERROR, &["error.type=timeout"]),
            (0, HttpErrorKind::Canceled, Status::Unset, &[]),
            (0, HttpErrorKind::Other, Status::ERROR, &["error.type=_OTHER"]),
            (0, HttpErrorKind::Unknown(99), Status::ERROR, &["error.type=_OTHER"]),
            (
                500,
                HttpErrorKind::Protocol,
                Status::ERROR,
                &["http.response.status_code=500", "error.type=protocol"],
            ),
        ] {
            let seen = end(Outcome::HttpClient { status_code, error });
            let wanted = (status, attributes.iter().map(ToString::to_string).collect());
            assert_eq!(seen, wanted, "{status_code} {error:?}");
        }
    }

    #[test]
    fn the_message_of_a_failure_is_sanitized() {
        let message = Text::from(b"dial http://user:s3cr3t@host/: refused".as_slice());
        let (status, attributes) = end(Outcome::HttpClientError { error: HttpErrorKind::Connect, message });
        assert_eq!((status, &*attributes[0]), (Status::ERROR, "error.type=connect"));
        assert!(attributes[1].starts_with("gotrace.http.error.message=dial "), "{attributes:?}");
        assert!(!attributes[1].contains("s3cr3t"), "{attributes:?}");
    }
}
