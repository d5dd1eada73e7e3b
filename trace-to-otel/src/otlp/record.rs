//! What can be encoded: the records of OTLP's signals.

use sealed::Encode;

use super::buffer::Buffer;
use crate::{
    log::LogRecord,
    metric::Metric,
    span::{Scope, Span},
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
}

impl Signal {
    /// Its name, as in `/v1/traces` and `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
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
        }
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
    use super::Buffer;

    pub trait Encode {
        /// The names of the instrumentation scopes that its records may have.
        const SCOPES: &'static [&'static str];

        /// Which of them it has.
        fn scope(&self) -> usize;

        /// Writes it as a field of the message around it.
        #[cfg(feature = "protobuf")]
        fn write_protobuf(&self, out: &mut Buffer);

        /// Writes it as an element of the array around it, without a comma.
        #[cfg(feature = "json")]
        fn write_json(&self, out: &mut Buffer);
    }
}

impl Encode for Span {
    const SCOPES: &'static [&'static str] = &{
        let mut names = [""; Scope::ALL.len()];
        let mut index = 0;
        while index < names.len() {
            names[index] = Scope::ALL[index].name();
            index += 1;
        }
        names
    };

    fn scope(&self) -> usize {
        self.scope as usize
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

    fn scope(&self) -> usize {
        0
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

    fn scope(&self) -> usize {
        0
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
