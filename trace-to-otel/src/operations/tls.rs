//! Handshakes.

use go_trace_format::{Stack, Text, event::TlsVersion};
use opentelemetry_semantic_conventions::attribute::{
    SERVER_ADDRESS, TLS_CIPHER, TLS_ESTABLISHED, TLS_PROTOCOL_NAME, TLS_PROTOCOL_VERSION,
};
use sanitize::Sanitizer;

use super::{Described, OTHER, cipher_suite, fail};
use crate::span::{Attribute, Scope, SpanKind, Status};

/// Which side of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    /// As the beginning tells: by who asks for the handshake, and by the name of the server, which only clients have.
    pub(super) fn of_begin(server_name: Text<'_>, stack: Option<Stack<'_>>) -> Option<Self> {
        if !server_name.is_empty() && !server_name.is_lost() {
            return Some(Self::Client);
        }
        Self::of(stack?)
    }

    /// As the functions tell that a goroutine is in. Within a handshake they all do, at its beginning only some.
    pub(crate) fn of(stack: Stack<'_>) -> Option<Self> {
        stack.frames().find_map(|frame| match frame.function.as_bytes() {
            b"crypto/tls.(*Conn).clientHandshake"
            | b"crypto/tls.dial"
            | b"crypto/tls.(*Dialer).DialContext"
            | b"net/http.(*persistConn).addTLS.func2" => Some(Self::Client),
            b"crypto/tls.(*Conn).serverHandshake" | b"net/http.(*conn).serve" => Some(Self::Server),
            _ => None,
        })
    }
}

/// The name of a handshake whose server has the sanitized name `address`.
fn name(side: Option<Side>, address: &str) -> String {
    let name = match side {
        Some(Side::Client) => "TLS client handshake",
        Some(Side::Server) => "TLS server handshake",
        None => "TLS handshake",
    };
    // A server's name is on the client only: one name is enough for all servers.
    if address.is_empty() { name.to_owned() } else { format!("{name} {address}") }
}

pub(super) fn begin(server_name: Text<'_>, side: Option<Side>, sanitizer: &Sanitizer) -> Described {
    let address = sanitizer.text(server_name.as_bytes());
    let mut described = Described::new(Scope::Tls, SpanKind::Internal, name(side, &address));
    if !address.is_empty() {
        described.attributes.push(Attribute::new(SERVER_ADDRESS, &*address));
    }
    described
}

pub(super) fn end(version: Option<TlsVersion>, suite: u16, attributes: &mut Vec<Attribute>) -> Status {
    let Some(version) = version else {
        attributes.push(Attribute::new(TLS_ESTABLISHED, false));
        return fail(OTHER, attributes);
    };
    if let Some(version) = version.name() {
        attributes.push(Attribute::new(TLS_PROTOCOL_NAME, "tls"));
        attributes.push(Attribute::new(TLS_PROTOCOL_VERSION, version));
    }
    match cipher_suite::name(suite) {
        Some(name) => attributes.push(Attribute::new(TLS_CIPHER, name)),
        None => attributes.push(Attribute::new(TLS_CIPHER, &*format!("0x{suite:04X}"))),
    }
    attributes.push(Attribute::new(TLS_ESTABLISHED, true));
    Status::Unset
}

#[cfg(test)]
mod tests {
    use go_trace_format::event::{Operation, Outcome};

    use super::*;
    use crate::operations::tests::{begin, end, listed};

    #[test]
    fn who_knows_the_server_s_name_is_a_client() {
        let described = begin(Operation::Tls, "tls.test").expect("a span");
        assert_eq!(&*described.name, "TLS client handshake tls.test");
        assert_eq!(listed(&described.attributes), ["server.address=tls.test"]);
    }

    #[test]
    fn without_name_and_stack_the_side_is_not_known() {
        let described = begin(Operation::Tls, "").expect("a span");
        assert_eq!((&*described.name, described.attributes), ("TLS handshake", Vec::new()));
    }

    #[test]
    fn names_of_sides() {
        assert_eq!(name(Some(Side::Server), ""), "TLS server handshake");
        assert_eq!(name(Some(Side::Client), ""), "TLS client handshake");
    }

    #[test]
    fn an_established_connection_has_version_and_cipher() {
        let outcome =
            |version, cipher_suite| Outcome::Tls { version: Some(TlsVersion(version)), cipher_suite };
        let (status, attributes) = end(outcome(0x0304, 0x1301));
        assert_eq!(status, Status::Unset);
        assert_eq!(
            attributes,
            [
                "tls.protocol.name=tls",
                "tls.protocol.version=1.3",
                "tls.cipher=TLS_AES_128_GCM_SHA256",
                "tls.established=true"
            ]
        );
        assert_eq!(end(outcome(0x7fff, 0xfafa)).1, ["tls.cipher=0xFAFA", "tls.established=true"]);
    }

    #[test]
    fn a_handshake_without_version_has_failed() {
        let (status, attributes) = end(Outcome::Tls { version: None, cipher_suite: 0 });
        assert_eq!(
            (status, attributes),
            (Status::Error, vec!["tls.established=false".to_owned(), "error.type=_OTHER".to_owned()])
        );
    }
}
