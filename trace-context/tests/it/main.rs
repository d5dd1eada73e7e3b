//! The contexts, seen from outside.

mod grammar;

mod baggage;
mod conformance;
mod examples;
mod identity;
mod propagate;
mod properties;
mod serde;
mod span_context;
mod traceparent;
mod tracestate;
