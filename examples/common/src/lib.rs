//! What the command lines of `trace-converter` and `trace-sidecar` have in common.
#![forbid(unsafe_code)]

#[cfg(feature = "manual")]
pub mod manual;
#[cfg(feature = "send")]
mod sending;
mod signal;

#[cfg(feature = "send")]
pub use sending::ReceiverArguments;
pub use signal::SignalName;
