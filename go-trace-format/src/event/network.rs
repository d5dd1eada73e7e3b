//! Operations that the flight-recorder fork records: HTTP, SQL, TLS, DNS, connects (`docs/fork-dialect.md` of the
//! repository).

use crate::{
    event::{Event, EventKind},
    spec::EventType,
    tables::Text,
};

/// What kind of operation. Starts and ends pair by it and the span id, and they nest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Operation {
    /// A server serves an HTTP request.
    HttpServer,
    /// A client makes an HTTP request.
    HttpClient,
    /// A database query.
    Sql,
    /// A TLS handshake.
    Tls,
    /// A DNS look-up.
    Dns,
    /// A socket is connected.
    Connect,
}

impl Operation {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 6] =
        [Self::HttpServer, Self::HttpClient, Self::Sql, Self::Tls, Self::Dns, Self::Connect];
}

/// An operation begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OperationStart<'t> {
    /// What kind.
    pub operation: Operation,
    /// The trace id folded to 64 bits: its halves XORed. 0 joins nothing.
    pub trace_id_fold: u64,
    /// The span id.
    pub span_id: u64,
    /// HTTP server: the path; HTTP client: the URL; SQL: the query; TLS: the server name; DNS: the host;
    /// connect: the address. Cut at 1024 bytes by the recorder, and **not sanitized**.
    pub text: Text<'t>,
}

/// An operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct OperationEnd<'t> {
    /// What kind.
    pub operation: Operation,
    /// The span id.
    pub span_id: u64,
    /// How it ended.
    pub outcome: Outcome<'t>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Outcome<'t> {
    /// An HTTP server's response.
    HttpServer {
        /// The status; 0 or −1 where there was none.
        status_code: i64,
    },
    /// An HTTP client's response or failure.
    HttpClient {
        /// The status; 0 or −1 where there was none.
        status_code: i64,
        /// What failed.
        error: HttpErrorKind,
    },
    /// An HTTP client's failure with a message, from direct use of the fork's interface.
    HttpClientError {
        /// What failed.
        error: HttpErrorKind,
        /// The message; **not sanitized**.
        message: Text<'t>,
    },
    /// A query's result.
    Sql {
        /// Rows affected; `None` where the driver did not tell.
        rows_affected: Option<u64>,
        /// What failed.
        error: SqlErrorCode,
    },
    /// A handshake's result.
    Tls {
        /// The version agreed on; `None` where the handshake failed.
        version: Option<TlsVersion>,
        /// The IANA number of the cipher suite; 0 where the handshake failed.
        cipher_suite: u16,
    },
    /// A look-up's result.
    Dns {
        /// How many addresses were found; 0 where the look-up failed.
        address_count: u64,
    },
    /// A connect's result.
    Connect {
        /// What failed.
        error: NetErrorCode,
    },
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A number with no meaning that is known.
            Unknown(u64),
        }

        impl $name {
            /// The meaning of a number on the wire.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Unknown(number) => number,
                }
            }
        }
    };
}

codes! {
    /// What failed in an HTTP client.
    HttpErrorKind {
        /// Nothing.
        None = 0,
        /// The DNS look-up.
        Dns = 1,
        /// The connect.
        Connect = 2,
        /// The TLS handshake.
        Tls = 3,
        /// It took too long.
        Timeout = 4,
        /// The caller gave up.
        Canceled = 5,
        /// The peer did not speak HTTP.
        Protocol = 6,
        /// Something else.
        Other = 7,
    }
}

codes! {
    /// What failed in a query.
    SqlErrorCode {
        /// Nothing.
        None = 0,
        /// It took too long.
        Timeout = 1,
        /// The caller gave up.
        Canceled = 2,
        /// The connection.
        Connection = 3,
        /// The query's syntax.
        Syntax = 4,
        /// A constraint was violated.
        Constraint = 5,
        /// Something else.
        Other = 6,
    }
}

codes! {
    /// What failed in a connect.
    NetErrorCode {
        /// Nothing.
        None = 0,
        /// It took too long.
        Timeout = 1,
        /// The caller gave up.
        Canceled = 2,
        /// The peer refused.
        Refused = 3,
        /// The peer reset the connection.
        Reset = 4,
        /// The network or host cannot be reached.
        Unreachable = 5,
        /// There is no such host.
        NoHost = 6,
        /// Something else.
        Other = 7,
    }
}

/// A version of SSL or TLS by its number in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
#[allow(clippy::exhaustive_structs)] // A number and nothing more.
pub struct TlsVersion(
    /// 0x0301 for TLS 1.0 up to 0x0304 for TLS 1.3.
    pub u16,
);

impl TlsVersion {
    /// `1.0` to `1.3`, or `None` for a number that is no TLS version.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self.0 {
            0x0301 => Some("1.0"),
            0x0302 => Some("1.1"),
            0x0303 => Some("1.2"),
            0x0304 => Some("1.3"),
            _ => None,
        }
    }
}

/// The typed view of an event that the fork added; `None` for any other.
pub(crate) fn kind<'t, O>(event: &Event<'t, O>) -> Option<EventKind<'t>> {
    use EventType as E;
    Some(match event.record.event_type {
        E::HttpServerRequestStart => start(event, Operation::HttpServer),
        E::HttpClientRequestStart => start(event, Operation::HttpClient),
        E::SqlQueryStart => start(event, Operation::Sql),
        E::TlsHandshakeStart => start(event, Operation::Tls),
        E::DnsLookupStart => start(event, Operation::Dns),
        E::ConnectStart => start(event, Operation::Connect),
        E::HttpServerRequestEnd => end(event, Operation::HttpServer),
        E::HttpClientRequestEnd | E::HttpClientError => end(event, Operation::HttpClient),
        E::SqlQueryEnd => end(event, Operation::Sql),
        E::TlsHandshakeEnd => end(event, Operation::Tls),
        E::DnsLookupEnd => end(event, Operation::Dns),
        E::ConnectEnd => end(event, Operation::Connect),
        _ => return None,
    })
}

fn start<'t, O>(event: &Event<'t, O>, operation: Operation) -> EventKind<'t> {
    let [trace_id_fold, span_id, ..] = event.record.arguments;
    EventKind::OperationStart(OperationStart { operation, trace_id_fold, span_id, text: event.text(2) })
}

fn end<'t, O>(event: &Event<'t, O>, operation: Operation) -> EventKind<'t> {
    let [span_id, second, third, _] = event.record.arguments;
    let outcome = match operation {
        Operation::HttpServer => Outcome::HttpServer { status_code: second as i64 },
        Operation::HttpClient if event.record.event_type == EventType::HttpClientError => {
            Outcome::HttpClientError { error: HttpErrorKind::from_number(second), message: event.text(2) }
        }
        Operation::HttpClient => {
            Outcome::HttpClient { status_code: second as i64, error: HttpErrorKind::from_number(third) }
        }
        Operation::Sql => Outcome::Sql {
            rows_affected: u64::try_from(second as i64).ok(),
            error: SqlErrorCode::from_number(third),
        },
        Operation::Tls => Outcome::Tls {
            version: u16::try_from(second).ok().filter(|&version| version != 0).map(TlsVersion),
            cipher_suite: u16::try_from(third).unwrap_or(0),
        },
        Operation::Dns => Outcome::Dns { address_count: second },
        Operation::Connect => Outcome::Connect { error: NetErrorCode::from_number(second) },
    };
    EventKind::OperationEnd(OperationEnd { operation, span_id, outcome })
}
