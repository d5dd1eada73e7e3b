//! What the command lines of `trace-converter` and `trace-sidecar` have in common.
#![forbid(unsafe_code)]

#[cfg(feature = "manual")]
pub mod manual;
mod sending;

pub use sending::{ReceiverArguments, SignalName};
