//! OTLP in JSON, written straight from the lean model.
//!
//! OpenTelemetry Protocol specification, "JSON Protobuf Encoding": ids are hexadecimal, enums are integers. Protocol
//! Buffers documentation, "ProtoJSON Format": 64-bit integers are strings, and so are `NaN` and `Infinity`.

mod common;
pub(super) mod envelope;
mod logs;
mod metrics;
#[cfg(feature = "profiles")]
mod profiles;
mod text;
mod trace;

pub(super) use common::{around_records, around_scopes};
#[cfg(feature = "profiles")]
pub(super) use profiles::profiles_request;
