//! Look-ups of names, and connects.

use std::net::IpAddr;

use go_trace_format::{Text, event::NetErrorCode};
use go_trace_sanitize::Sanitizer;
use opentelemetry_semantic_conventions::attribute::{
    DNS_QUESTION_NAME, NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_TRANSPORT, SERVER_ADDRESS,
    SERVER_PORT,
};

use super::{Described, OTHER, fail};
use crate::{
    attribute::DNS_ANSWER_COUNT,
    span::{Attribute, Scope, SpanKind, Status},
};

/// What the names of look-ups and of connects begin with.
pub(crate) const LOOK_UP: &str = "DNS lookup";
pub(crate) const CONNECT: &str = "socket connect";

/// A look-up; none where there is nothing to look up: of IP addresses and of paths of sockets.
pub(super) fn look_up(host: Text<'_>, sanitizer: &Sanitizer) -> Option<Described> {
    let host = sanitizer.text(host.as_bytes());
    if host.is_empty() {
        return Some(Described::new(Scope::Net, SpanKind::Internal, LOOK_UP));
    }
    if is_path(&host) || is_ip_address(&host) {
        return None;
    }
    let described = Described::new(Scope::Net, SpanKind::Internal, format!("{LOOK_UP} {host}"));
    Some(described.with(Attribute::new(DNS_QUESTION_NAME, &*host)))
}

pub(super) fn end_look_up(address_count: u64, attributes: &mut Vec<Attribute>) -> Status {
    let count = i64::try_from(address_count).unwrap_or(i64::MAX);
    attributes.push(Attribute::new(DNS_ANSWER_COUNT, count));
    // A time-out looks the same.
    if count == 0 { fail(OTHER, attributes) } else { Status::Unset }
}

pub(super) fn connect(address: Text<'_>, sanitizer: &Sanitizer) -> Described {
    let address = sanitizer.text(address.as_bytes());
    if address.is_empty() {
        return Described::new(Scope::Net, SpanKind::Internal, CONNECT);
    }
    let described = Described::new(Scope::Net, SpanKind::Internal, format!("{CONNECT} {address}"));
    if is_path(&address) {
        return described
            .with(Attribute::new(NETWORK_PEER_ADDRESS, &*address))
            .with(Attribute::new(NETWORK_TRANSPORT, "unix"));
    }
    let (host, port) = host_and_port(&address);
    let (address_key, port_key) = match is_ip_address(host) {
        true => (NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT),
        false => (SERVER_ADDRESS, SERVER_PORT),
    };
    let described = described.with(Attribute::new(address_key, host));
    match port {
        Some(port) => described.with(Attribute::new(port_key, i64::from(port))),
        None => described,
    }
}

pub(super) fn end_connect(error: NetErrorCode, attributes: &mut Vec<Attribute>) -> Status {
    let error_type = match error {
        NetErrorCode::None => return Status::Unset,
        NetErrorCode::Timeout => "timeout",
        NetErrorCode::Canceled => "canceled",
        NetErrorCode::Refused => "refused",
        NetErrorCode::Reset => "reset",
        NetErrorCode::Unreachable => "unreachable",
        NetErrorCode::NoHost => "no_host",
        _ => OTHER,
    };
    fail(error_type, attributes)
}

/// Host and port of `host:port` or `[address]:port`, either of which may lack its port.
pub(super) fn host_and_port(text: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match text.rsplit_once(':') {
        // More than one colon outside of brackets: an address of IPv6.
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (text, None),
    }
}

/// Whether a text is the path of a Unix socket. Those that begin with `@` are abstract: they are in no file system.
fn is_path(text: &str) -> bool {
    text.contains('/') || text.starts_with('@')
}

fn is_ip_address(text: &str) -> bool {
    // Only an address of IPv6 has a zone.
    let (address, zone) = text.split_once('%').map_or((text, None), |(address, zone)| (address, Some(zone)));
    address.parse::<IpAddr>().is_ok_and(|address| zone.is_none() || address.is_ipv6())
}

#[cfg(test)]
mod tests {
    use go_trace_format::event::{Operation, Outcome};

    use super::*;
    use crate::operations::tests::{begin, end, listed};

    #[test]
    fn names_are_looked_up() {
        let described = begin(Operation::Dns, "svc.test").expect("a span");
        assert_eq!(&*described.name, "DNS lookup svc.test");
        assert_eq!(listed(&described.attributes), ["dns.question.name=svc.test"]);
    }

    #[test]
    fn addresses_and_paths_are_not() {
        for host in ["127.0.0.1", "::1", "fe80::1%eth0", "/run/s.sock", "@abstract"] {
            assert_eq!(begin(Operation::Dns, host), None, "{host}");
        }
        for host in ["1.2.3", "127.0.0.1%x", "localhost"] {
            assert!(begin(Operation::Dns, host).is_some(), "{host}");
        }
    }

    #[test]
    fn a_look_up_without_answers_has_failed() {
        let (status, attributes) = end(Outcome::Dns { address_count: 0 });
        assert_eq!((status, &*attributes[1]), (Status::ERROR, "error.type=_OTHER"));
        let (status, attributes) = end(Outcome::Dns { address_count: 2 });
        assert_eq!(
            (status, attributes.len(), &*attributes[0]),
            (Status::Unset, 1, "gotrace.dns.answer_count=2")
        );
    }

    #[test]
    fn a_connect_says_where_to() {
        for (address, attributes) in [
            ("127.0.0.1:80", &["network.peer.address=127.0.0.1", "network.peer.port=80"][..]),
            ("[::1]:1", &["network.peer.address=::1", "network.peer.port=1"]),
            ("[fe80::1%lo]:9", &["network.peer.address=fe80::1%lo", "network.peer.port=9"]),
            ("localhost:41745", &["server.address=localhost", "server.port=41745"]),
            ("localhost:http", &["server.address=localhost"]),
            ("localhost", &["server.address=localhost"]),
            ("/run/s.sock", &["network.peer.address=/run/s.sock", "network.transport=unix"]),
            ("@abstract", &["network.peer.address=@abstract", "network.transport=unix"]),
        ] {
            let described = begin(Operation::Connect, address).expect("a span");
            assert_eq!(*described.name, *format!("{CONNECT} {address}"));
            assert_eq!(listed(&described.attributes), attributes, "{address}");
        }
    }

    #[test]
    fn a_connect_fails_by_its_code() {
        assert_eq!(end(Outcome::Connect { error: NetErrorCode::None }), (Status::Unset, Vec::new()));
        for (number, name) in [
            (1, "timeout"),
            (2, "canceled"),
            (3, "refused"),
            (4, "reset"),
            (5, "unreachable"),
            (6, "no_host"),
        ] {
            let error = NetErrorCode::from_number(number);
            assert_eq!(end(Outcome::Connect { error }), (Status::ERROR, vec![format!("error.type={name}")]));
        }
        for number in [7, 8, u64::MAX] {
            let error = NetErrorCode::from_number(number);
            assert_eq!(end(Outcome::Connect { error }).1, ["error.type=_OTHER"], "{number}");
        }
    }
}
