//! What can be sent.

use clap::ValueEnum;
use serde::Deserialize;

/// What can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[allow(clippy::exhaustive_enums)] // Each program has to say what becomes of each.
pub enum SignalName {
    /// Spans.
    Traces,
    /// Runtime metrics.
    Metrics,
    /// Log records.
    Logs,
    /// Profiles of what goroutines did. OTLP's profiles are in development: a receiver may have to be told to take them.
    Profiles,
}
