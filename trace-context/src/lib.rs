#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod baggage;
mod blanks;
mod fold;
mod hex;
mod id;
mod log_carrier;
mod propagate;
#[cfg(feature = "serde")]
mod serialize;
#[cfg(feature = "opentelemetry")]
mod span_context;
mod traceparent;
mod tracestate;

pub use baggage::{Baggage, BaggageError, BaggageMember, ReceivedBaggage};
pub use fold::{Fold, FoldIndex, Resolution};
pub use id::{ParseIdError, SpanId, TraceId};
pub use log_carrier::{LogCarrier, LogCarrierError, LogContext};
pub use propagate::{
    BAGGAGE, Context, Extracted, HeaderPair, HeaderSink, RestartReason, TRACEPARENT, TRACESTATE, extract,
    inject,
};
#[cfg(feature = "opentelemetry")]
pub use span_context::Converted;
pub use traceparent::{ParseTraceParentError, TraceFlags, TraceParent};
pub use tracestate::{EntryProblem, TraceState, TraceStateError};
