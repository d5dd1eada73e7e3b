//! Sending batches to a receiver, by HTTP or gRPC.
//!
//! | module | does |
//! |---|---|
//! | `config` | the settings, and `OTEL_EXPORTER_OTLP_*` |
//! | `exporter`, `blocking` | what a program calls |
//! | `retry` | when to send again |
//! | `http`, `grpc` | one attempt |
//! | `connect`, `compression` | connections, plain and encrypted; bodies |
//! | `answer`, `error` | what the receiver said, and what it means |

mod answer;
mod blocking;
mod compression;
mod config;
mod connect;
mod error;
mod exporter;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "http")]
mod http;
mod retry;

pub use answer::Accepted;
pub use blocking::BlockingExporter;
pub use config::{ClientIdentity, Compression, Config, ConfigError, Endpoint, Headers, Protocol, Settings};
pub use error::{ExportError, ExportErrorKind, ReceiverStatus};
pub use exporter::{Delivery, Exporter};
pub use retry::{Pace, RetryOptions, SystemPace};
