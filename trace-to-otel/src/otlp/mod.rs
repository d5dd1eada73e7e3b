//! OTLP's encodings (OpenTelemetry Protocol, version 1), and the batches that go to a receiver or a file.
//!
//! | module | does |
//! |---|---|
//! | `encoder` | groups records by scope, and cuts batches at a size |
//! | `protobuf`, `json` | write a record's fields, straight into the batch |
//! | `profiles`, `pieces` | make a request of profiles, with the dictionary that they refer to, or several |
//! | `parts`, `envelope` | what stands around the records, and how a request is put together and taken apart |
//! | `batch` | a request's bytes, which can be split in two without the spans that they were made of |
//! | `lines` | batches as lines of a file |
//! | `export` | sends batches to a receiver |

mod batch;
mod buffer;
mod encoder;
mod envelope;
#[cfg(any(feature = "http", feature = "grpc"))]
mod export;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod lines;
mod parts;
#[cfg(feature = "profiles")]
mod pieces;
#[cfg(feature = "profiles")]
mod profiles;
#[cfg(feature = "protobuf")]
mod protobuf;
mod record;
mod sink;

pub use batch::{Batch, MalformedBatch};
pub use encoder::{Encoder, RecordTooLarge};
#[cfg(any(feature = "http", feature = "grpc"))]
pub use export::{
    Accepted, BlockingExporter, ClientIdentity, Compression, Config, ConfigError, Delivery, Endpoint,
    ExportError, ExportErrorKind, Exporter, Headers, Pace, Protocol, ReceiverStatus, RetryOptions, Settings,
    SystemPace,
};
#[cfg(feature = "json")]
pub use lines::JsonLines;
#[cfg(feature = "profiles")]
pub use pieces::profile_batches;
#[cfg(feature = "profiles")]
pub use profiles::encode_profiles;
pub use record::{Record, Signal};
pub use sink::{BatchSink, BatchSinkError};

use core::fmt;

use crate::span::Span;

/// How a request is written. OpenTelemetry Protocol specification, section "OTLP/HTTP".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Encoding {
    /// Binary Protobuf, also what OTLP/gRPC takes.
    #[cfg(feature = "protobuf")]
    Protobuf,
    /// Protobuf's JSON with OTLP's deviations: ids in hexadecimal, enums as integers.
    #[cfg(feature = "json")]
    Json,
}

impl Encoding {
    /// The media type, for `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf => "application/x-protobuf",
            #[cfg(feature = "json")]
            Self::Json => "application/json",
        }
    }

    /// Its name: `protobuf`, `json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf => "protobuf",
            #[cfg(feature = "json")]
            Self::Json => "json",
        }
    }

    /// Records without what has to stand between them and a next one.
    fn without_separator(self, records: &[u8]) -> &[u8] {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf => records,
            #[cfg(feature = "json")]
            Self::Json => records.strip_suffix(b",").unwrap_or(records),
        }
    }
}

/// Its name.
impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The W3C flags, and above them OTLP's two bits for whether the parent is remote. OTLP: `SpanFlags`.
fn flags(span: &Span) -> u32 {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    let is_remote = span.parent.is_some_and(|parent| parent.is_remote);
    u32::from(span.flags.to_byte()) | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 }
}
