//! What can be encoded: the records of OTLP's signals.

use core::fmt;
use std::sync::Arc;

use sealed::Encode;

use super::buffer::Buffer;
use crate::{
    log::LogRecord,
    metric::Metric,
    span::{InstrumentationScope, Scope, Span},
};

/// What kind of records a request has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Spans.
    Traces,
    /// Log records.
    Logs,
    /// Metrics.
    Metrics,
    /// Profiles, which are in development: version `v1development`.
    Profiles,
}

impl Signal {
    /// Its name, as in `/v1/traces` and `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Profiles => "profiles",
        }
    }

    /// Where requests of it go below an endpoint's own path: `/v1/traces`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
            Self::Profiles => "/v1development/profiles",
        }
    }

    /// What each of its requests has to say besides, as a header of HTTP and as metadata of gRPC: a name in lower case, and a
    /// value. It is there once, whatever else is sent along.
    #[must_use]
    pub const fn version_header(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Traces | Self::Logs | Self::Metrics => None,
            Self::Profiles => Some(("otlp-profiles-development-version", "1")),
        }
    }

    /// What JSON calls a request's three levels.
    #[cfg(feature = "json")]
    pub(super) const fn names(self) -> Names {
        match self {
            Self::Traces => Names { resources: "resourceSpans", scopes: "scopeSpans", records: "spans" },
            Self::Logs => Names { resources: "resourceLogs", scopes: "scopeLogs", records: "logRecords" },
            Self::Metrics => {
                Names { resources: "resourceMetrics", scopes: "scopeMetrics", records: "metrics" }
            }
            Self::Profiles => {
                Names { resources: "resourceProfiles", scopes: "scopeProfiles", records: "profiles" }
            }
        }
    }
}

/// Its name.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(feature = "json")]
pub(super) struct Names {
    pub(super) resources: &'static str,
    pub(super) scopes: &'static str,
    pub(super) records: &'static str,
}

/// What an [`Encoder`](super::Encoder) takes: [`Span`], [`LogRecord`], [`Metric`]. Nobody else can implement it.
pub trait Record: Encode {
    /// The signal that it is a record of.
    const SIGNAL: Signal;
}

impl Record for Span {
    const SIGNAL: Signal = Signal::Traces;
}

impl Record for LogRecord {
    const SIGNAL: Signal = Signal::Logs;
}

impl Record for Metric {
    const SIGNAL: Signal = Signal::Metrics;
}

pub(super) mod sealed {
    use super::{Arc, Buffer, InstrumentationScope};

    pub trait Encode {
        /// The names of the instrumentation scopes of this crate that its records may have.
        const SCOPES: &'static [&'static str];

        /// Which of them it has, or the other one that it has.
        fn scope(&self) -> Result<usize, &Arc<InstrumentationScope>>;

        /// Writes it as a field of the message around it.
        #[cfg(feature = "protobuf")]
        fn write_protobuf(&self, out: &mut Buffer);

        /// Writes it as an element of the array around it, without a comma.
        #[cfg(feature = "json")]
        fn write_json(&self, out: &mut Buffer);
    }
}

impl Encode for Span {
    const SCOPES: &'static [&'static str] = &Scope::NAMES;

    #[inline]
    fn scope(&self) -> Result<usize, &Arc<InstrumentationScope>> {
        match &self.scope {
            Scope::Custom(scope) => Err(scope),
            built_in => Ok(built_in.index()),
        }
    }

    #[cfg(feature = "protobuf")]
    fn write_protobuf(&self, out: &mut Buffer) {
        out.protobuf_span(self);
    }

    #[cfg(feature = "json")]
    fn write_json(&self, out: &mut Buffer) {
        out.json_span(self);
    }
}

impl Encode for LogRecord {
    const SCOPES: &'static [&'static str] = &[Self::SCOPE];

    #[inline]
    fn scope(&self) -> Result<usize, &Arc<InstrumentationScope>> {
        Ok(0)
    }

    #[cfg(feature = "protobuf")]
    fn write_protobuf(&self, out: &mut Buffer) {
        out.protobuf_log(self);
    }

    #[cfg(feature = "json")]
    fn write_json(&self, out: &mut Buffer) {
        out.json_log(self);
    }
}

impl Encode for Metric {
    const SCOPES: &'static [&'static str] = &[Self::SCOPE];

    #[inline]
    fn scope(&self) -> Result<usize, &Arc<InstrumentationScope>> {
        Ok(0)
    }

    #[cfg(feature = "protobuf")]
    fn write_protobuf(&self, out: &mut Buffer) {
        out.protobuf_metric(self);
    }

    #[cfg(feature = "json")]
    fn write_json(&self, out: &mut Buffer) {
        out.json_metric(self);
    }
}
