//! OTLP in Protobuf, written straight from the lean model: no message tree in between, no second walk for lengths.

mod common;
pub(super) mod envelope;
mod logs;
mod metrics;
#[cfg(feature = "profiles")]
mod profiles;
mod trace;
mod wire;

pub(super) use common::{around_records, around_scopes};
#[cfg(feature = "profiles")]
pub(super) use profiles::profiles_request;
