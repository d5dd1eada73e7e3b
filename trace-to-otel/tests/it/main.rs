//! What becomes of traces, seen from outside: one program, since each would be linked by itself.

mod common;

mod bounds;
mod cases;
mod clocks;
mod correlate;
mod encoding;
mod examples;
mod export;
mod flame_graphs;
mod fork_cases;
mod fork_truth;
mod go_profiles;
mod identity;
mod metrics;
mod nesting;
mod operations;
mod otlp_json;
mod otlp_profiles;
mod pipeline;
mod profile_spans;
mod profiles;
mod recordings;
mod resource;
mod said;
mod serde;
mod session;
mod sinks;
mod snapshots;
mod state;
mod truth;
mod untrusted;
mod views;
mod volume;
mod zero_code;
