//! Look-ups of names, and connects.

use opentelemetry_semantic_conventions::attribute::{
    DNS_QUESTION_NAME, NETWORK_PEER_ADDRESS, NETWORK_PEER_PORT, NETWORK_TRANSPORT, SERVER_ADDRESS,
    SERVER_PORT,
};

use super::{number, text, view};
use crate::{
    attribute::DNS_ANSWER_COUNT,
    operations::{CONNECT, LOOK_UP},
    span::{Scope, Span},
};

/// The look-up of a name.
#[derive(Clone, Copy, Debug)]
pub struct DnsSpan<'s>(&'s Span);

view!(DnsSpan);

impl<'s> DnsSpan<'s> {
    /// A look at a span, if it is of a look-up.
    #[must_use]
    pub fn of(span: &'s Span) -> Option<Self> {
        (span.scope == Scope::Net && span.name.starts_with(LOOK_UP)).then_some(Self(span))
    }

    /// The name.
    #[must_use]
    pub fn host(&self) -> Option<&'s str> {
        text(self.0, DNS_QUESTION_NAME)
    }

    /// How many addresses were found.
    #[must_use]
    pub fn answer_count(&self) -> Option<u64> {
        number(self.0, DNS_ANSWER_COUNT)
    }
}

/// The opening of a connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectSpan<'s>(&'s Span);

view!(ConnectSpan);

impl<'s> ConnectSpan<'s> {
    /// A look at a span, if it is of a connect.
    #[must_use]
    pub fn of(span: &'s Span) -> Option<Self> {
        (span.scope == Scope::Net && span.name.starts_with(CONNECT)).then_some(Self(span))
    }

    /// Whom to: a name, an IP address, or the path of a socket.
    #[must_use]
    pub fn address(&self) -> Option<&'s str> {
        text(self.0, NETWORK_PEER_ADDRESS).or_else(|| text(self.0, SERVER_ADDRESS))
    }

    /// Which port.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        number(self.0, NETWORK_PEER_PORT).or_else(|| number(self.0, SERVER_PORT))
    }

    /// `unix` for a socket in the file system; none where the trace does not tell it from others.
    #[must_use]
    pub fn transport(&self) -> Option<&'s str> {
        text(self.0, NETWORK_TRANSPORT)
    }
}
