//! Handshakes.

use opentelemetry_semantic_conventions::attribute::{
    SERVER_ADDRESS, TLS_CIPHER, TLS_ESTABLISHED, TLS_PROTOCOL_VERSION, TLS_RESUMED,
};

use super::{text, view};
use crate::{
    operations::tls_side,
    span::{Scope, Span, Value},
};

/// A handshake.
#[derive(Clone, Copy, Debug)]
pub struct TlsSpan<'s>(&'s Span);

view!(TlsSpan);

impl<'s> TlsSpan<'s> {
    /// A look at a span, if it is of a handshake.
    #[must_use]
    pub fn of(span: &'s Span) -> Option<Self> {
        (span.scope == Scope::Tls).then_some(Self(span))
    }

    /// Whether the program was the client; none where no stack has told the side.
    #[must_use]
    pub fn is_client(&self) -> Option<bool> {
        tls_side(&self.0.name)
    }

    /// The name that the client asked for.
    #[must_use]
    pub fn server_name(&self) -> Option<&'s str> {
        text(self.0, SERVER_ADDRESS)
    }

    /// The version of the protocol: `1.3`.
    #[must_use]
    pub fn version(&self) -> Option<&'s str> {
        text(self.0, TLS_PROTOCOL_VERSION)
    }

    /// The cipher suite, by IANA's name, or `0x` and its number.
    #[must_use]
    pub fn cipher(&self) -> Option<&'s str> {
        text(self.0, TLS_CIPHER)
    }

    /// Whether it resumed a session: none in what the fork records, which does not write it down.
    #[must_use]
    pub fn is_resumed(&self) -> Option<bool> {
        self.0.attribute(TLS_RESUMED).and_then(Value::as_boolean)
    }

    /// Whether it succeeded.
    #[must_use]
    pub fn is_established(&self) -> Option<bool> {
        self.0.attribute(TLS_ESTABLISHED).and_then(Value::as_boolean)
    }
}
