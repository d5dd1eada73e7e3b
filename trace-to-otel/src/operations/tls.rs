//! Handshakes.

use std::sync::Arc;

use go_trace_format::{Stack, Text, event::TlsVersion};
use go_trace_sanitize::Sanitizer;
use opentelemetry_semantic_conventions::attribute::{
    SERVER_ADDRESS, TLS_CIPHER, TLS_ESTABLISHED, TLS_PROTOCOL_NAME, TLS_PROTOCOL_VERSION,
};

use super::{Described, OTHER, cipher_suite, fail};
use crate::span::{Attribute, Scope, SpanKind, Status};

/// Which side of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    /// As the functions tell that a goroutine is in: within a handshake they all do, at its beginning only some. The
    /// server's name tells nothing, as a server may know its own.
    pub(crate) fn of(stack: Stack<'_>) -> Option<Self> {
        Self::of_functions(stack.frames().map(|frame| frame.function.as_bytes()))
    }

    /// Only the innermost handshake counts, and who asked for it: further out, a server may be serving the request for
    /// which a client connects to a database.
    pub(crate) fn of_functions<'f>(functions: impl Iterator<Item = &'f [u8]>) -> Option<Self> {
        let is_of_handshake = |function: &[u8]| function.starts_with(b"crypto/tls.");
        for function in functions.skip_while(|function| !is_of_handshake(function)) {
            let side = Self::of_function(function);
            if side.is_some() || !is_of_handshake(function) {
                return side;
            }
        }
        None
    }

    fn of_function(function: &[u8]) -> Option<Self> {
        match function {
            b"crypto/tls.(*Conn).clientHandshake" | b"crypto/tls.dial" => Some(Self::Client),
            b"crypto/tls.(*Conn).serverHandshake" | b"net/http.(*conn).serve" => Some(Self::Server),
            _ if function.starts_with(b"crypto/tls.(*Dialer).") => Some(Self::Client),
            _ if function.starts_with(b"net/http.(*persistConn).addTLS") => Some(Self::Client),
            _ => None,
        }
    }
}

const NAME: &str = "TLS handshake";

pub(super) fn begin(server_name: Text<'_>, sanitizer: &Sanitizer) -> Described {
    let described = Described::new(Scope::Tls, SpanKind::Internal, NAME);
    let address = sanitizer.text(server_name.as_bytes());
    if address.is_empty() {
        return described;
    }
    described.with(Attribute::new(SERVER_ADDRESS, &*address))
}

const CLIENT: &str = "TLS client handshake";
const SERVER: &str = "TLS server handshake";

/// Whether a handshake of this name is a client's, if it tells.
pub(crate) fn tls_side(name: &str) -> Option<bool> {
    match () {
        () if name.starts_with(CLIENT) => Some(true),
        () if name.starts_with(SERVER) => Some(false),
        () => None,
    }
}

/// The name of a handshake whose side is known, which it often is later than its beginning.
pub(crate) fn name_by_side(described: &Described, side: Side) -> Arc<str> {
    let server = described.attributes.iter().find(|attribute| attribute.key == SERVER_ADDRESS);
    match (side, server) {
        (Side::Client, Some(server)) => format!("{CLIENT} {}", server.value).into(),
        (Side::Client, None) => CLIENT.into(),
        (Side::Server, _) => SERVER.into(),
    }
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

crate::saved::saved_enum!(Side { 0 => Client, 1 => Server });

#[cfg(test)]
mod tests {
    use go_trace_format::event::{Operation, Outcome};

    use super::*;
    use crate::operations::tests::{begin, end, listed};

    #[test]
    fn names_of_sides() {
        for (server_name, client) in
            [("tls.test", "TLS client handshake tls.test"), ("", "TLS client handshake")]
        {
            let described = begin(Operation::Tls, server_name).expect("a span");
            assert_eq!(&*described.name, "TLS handshake", "the side is not known");
            assert_eq!(&*name_by_side(&described, Side::Client), client);
            assert_eq!(&*name_by_side(&described, Side::Server), "TLS server handshake");
        }
        let described = begin(Operation::Tls, "tls.test").expect("a span");
        assert_eq!(listed(&described.attributes), ["server.address=tls.test"]);
    }

    #[test]
    fn functions_tell_the_side() {
        const HANDSHAKE: &str = "crypto/tls.(*Conn).handshakeContext";
        const SERVES: &str = "net/http.(*conn).serve";
        for (functions, side) in [
            (&[HANDSHAKE, "main.main"][..], None),
            (&["main.main"], None),
            (&["crypto/tls.(*Conn).clientHandshake", HANDSHAKE], Some(Side::Client)),
            (&["net.(*conn).Read", "crypto/tls.(*Conn).serverHandshake", HANDSHAKE], Some(Side::Server)),
            (&[HANDSHAKE, "crypto/tls.(*Dialer).DialContext"], Some(Side::Client)),
            (&[HANDSHAKE, "net/http.(*persistConn).addTLS.func2"], Some(Side::Client)),
            (&[HANDSHAKE, "crypto/tls.(*Conn).HandshakeContext", SERVES], Some(Side::Server)),
            // A driver of a database, in the handler of a request.
            (&[HANDSHAKE, "main.(*driver).Open", SERVES], None),
            (
                &["crypto/tls.(*Conn).clientHandshake", HANDSHAKE, "main.(*driver).Open", SERVES],
                Some(Side::Client),
            ),
        ] {
            let seen = Side::of_functions(functions.iter().map(|function| function.as_bytes()));
            assert_eq!(seen, side, "{functions:?}");
        }
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
            (Status::ERROR, vec!["tls.established=false".to_owned(), "error.type=_OTHER".to_owned()])
        );
    }
}
