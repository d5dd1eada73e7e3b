#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! An event goes through these from the top to the bottom, and no room looks back at an earlier one:
//!
//! | module | does |
//! |---|---|
//! | `mapper` | tells the events apart, keeps the state and the counts |
//! | `timeline`, `clock` | know how far the trace is, and what the wall clock said |
//! | `goroutines`, `anatomy` | know what goroutines that matter do, and sum it up |
//! | `spans::{task, region, range, operation, log}` | open and close the spans of one kind of event each |
//! | `spans::open` | what is open, and what it is to each other |
//! | `operations` | says what the fork's operations are called and what is told of them |
//! | `identity` | ids from stable facts, contexts that the program wrote down itself, parents and links |
//! | `text` | sanitizes names and messages, finds places in the source |
//! | `volume` | stands before a sink: sampling, kinds, durations, caps, sizes, runs of like regions |
//! | `correlate` | on request: puts the spans of several processes together |
//! | `metrics` | makes metrics of the same events |
//! | `resource`, `span`, `log`, `metric`, `attribute` | what goes out, and the trait of those who take it |
//! | `otlp` | encodes, and sends |
//! | `sdk` | hands spans to OpenTelemetry's own SDK |
//!
//! Beside this stand `saved`, by which a mapper outlives its process, and an empty room: which request, query or
//! handshake a goroutine of an unmodified Go program was in can be read off its stacks. Such spans would be opened and
//! closed by `spans::stacks`, and described by `operations` as the fork's are.
#![forbid(unsafe_code)]

mod anatomy;
mod attribute;
mod clock;
mod correlate;
mod goroutines;
mod identity;
mod log;
mod mapper;
mod metric;
mod metrics;
mod near;
mod operations;
#[cfg(any(feature = "json", feature = "protobuf"))]
pub mod otlp;
mod resource;
mod saved;
#[cfg(feature = "sdk")]
mod sdk;
mod span;
mod spans;
mod text;
mod timeline;
mod volume;

pub use anatomy::{Anatomy, Waiting};
pub use correlate::{
    ClockOffset, Correlation, CorrelationReport, Correlator, OffsetEstimate, ProcessIndex, correlate,
};
pub use log::LogRecord;
pub use mapper::{Counters, Limits, Mapper, MapperOptions};
pub use metric::{Histogram, HistogramPoint, Metric, MetricData, Number, NumberPoint, Temporality};
pub use metrics::MetricsCollector;
pub use resource::{PathTemplate, PathTemplateError, Resource, ResourceError, SchemaUrlConflict};
pub use saved::MapperStateError;
#[cfg(feature = "sdk")]
pub use sdk::{SdkError, SdkSink};
pub use span::{
    Attribute, Link, Parent, Scope, Span, SpanEvent, SpanKind, SpanSink, Status, UnixTime, Value,
};
pub use volume::{
    Collapse, SamplingRatio, SamplingRatioError, SpanLimits, Volume, VolumeCounters, VolumeOptions,
    VolumeStateError,
};
