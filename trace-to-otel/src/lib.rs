#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! Nothing knows what stands further up in this table:
//!
//! | module | does |
//! |---|---|
//! | `mapper` | the public face: takes events, goes from generation to generation, saves and loads |
//! | `rules` | what becomes of events, one file per kind: `goroutine`, `task`, `region`, `log`, `range`, `operation`, `handshake`, `stacks` |
//! | `mapping` | the one struct that holds all that is known: opens spans, binds them to goroutines, ends them, hands them on |
//! | `known` | what is known of the trace: goroutines, tasks, regions, operations, ranges, and what is open on what. Data with small methods: no event, no sink |
//! | `options`, `counters`, `form` | how to map, what was made and lost, how a span is over and what it looks like then |
//! | `operations` | says what the fork's operations are called and what is told of them |
//! | `stacks` | says which requests, calls and queries of an unmodified program the stacks of its goroutines tell of |
//! | `timeline`, `clock` | know how far the trace is, and what the wall clock said |
//! | `identity` | ids from stable facts, contexts that the program wrote down itself, parents and links |
//! | `text` | sanitizes names and messages, finds places in the source |
//! | `anatomy` | sums up what a goroutine did |
//! | `span`, `log`, `attribute`, `sink` | what goes out, and the traits of those who take it |
//! | `moment` | moments of a trace, as people say them |
//! | `near`, `saved` | a map for what is looked up all the time; how a mapper outlives its process |
//!
//! Around this stand rooms that need only what goes out:
//!
//! | module | does |
//! |---|---|
//! | `volume` | stands before a sink: sampling, kinds, durations, caps, sizes, runs of like regions |
//! | `correlate` | on request: puts the spans of several processes together |
//! | `metrics`, `metric` | makes metrics of the same events |
//! | `profiles` | makes profiles of the same events |
//! | `query`, `select` | questions about spans, and which of them are wanted |
//! | `analysis` | statistics of the same events and of spans: what there was most of, and how long it took |
//! | `resource` | what process the spans are of |
//! | `sink` | the adaptors before a sink |
//! | `views` | spans by kind: `HttpSpan`, `SqlSpan`, `TlsSpan`, `DnsSpan`, `ConnectSpan` |
//! | `pipeline` | mapper, metrics and volume control in one: what becomes of the events of a process, what is counted and saved of it |
//! | `read`, `session` | whole traces, and bytes in pieces: from a reader to spans, and by a pipeline from bytes to batches |
//! | `otlp` | encodes, and sends |
//! | `sdk` | hands spans to OpenTelemetry's own SDK |
//! | `render` | trees, pages and timelines that people look at |
//! | `tables` | spans and what goroutines did, as rows |
//! | `display` | durations and foreign texts as people read them |
//!
//! A new kind of span is one file in `rules`, with a line in its dispatch, and one in `known` if it has state of its own.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "analysis")]
pub mod analysis;
mod anatomy;
mod attribute;
mod clock;
mod correlate;
mod counters;
#[cfg(any(feature = "profiles", feature = "render"))]
#[cfg_attr(not(feature = "render"), allow(unreachable_pub, reason = "public as parts of views"))]
mod display;
mod form;
mod identity;
mod known;
mod log;
mod mapper;
mod mapping;
mod metric;
mod metrics;
#[cfg(any(feature = "profiles", feature = "query", feature = "render"))]
mod moment;
mod near;
mod operations;
mod options;
#[cfg(any(feature = "json", feature = "protobuf"))]
pub mod otlp;
mod pipeline;
#[cfg(feature = "profiles")]
pub mod profiles;
#[cfg(feature = "query")]
pub mod query;
mod read;
#[cfg(feature = "render")]
pub mod render;
mod resource;
mod rules;
mod said;
mod saved;
#[cfg(feature = "sdk")]
mod sdk;
#[cfg(feature = "query")]
mod select;
#[cfg(any(feature = "json", feature = "protobuf"))]
mod session;
pub mod sink;
mod span;
mod stacks;
#[cfg(feature = "tables")]
pub mod tables;
mod text;
mod timeline;
mod views;
mod volume;

/// The sibling crates in the versions whose types are in this one's interface.
pub use {go_trace_context, go_trace_format, go_trace_sanitize};

pub use anatomy::{Anatomy, Waiting};
pub use correlate::{
    ClockOffset, Correlation, CorrelationReport, Correlator, OffsetEstimate, ProcessIndex, correlate,
};
pub use counters::{Counters, StackCounters};
pub use log::LogRecord;
pub use mapper::Mapper;
pub use metric::{Exemplar, Histogram, HistogramPoint, Metric, MetricData, Number, NumberPoint, Temporality};
pub use metrics::MetricsCollector;
#[cfg(any(feature = "profiles", feature = "query", feature = "render"))]
pub use moment::{Moment, TimeWindow};
pub use options::{Limits, MapperOptions};
pub use pipeline::{Pipeline, PipelineCounters, PipelineOptions, PipelineState, PipelineStateError};
pub use read::ReadError;
pub use resource::{PathTemplate, PathTemplateError, Resource, ResourceError, SchemaUrlConflict};
pub use saved::StateError;
#[cfg(feature = "sdk")]
pub use sdk::{SdkError, SdkSink};
#[cfg(feature = "query")]
pub use select::{Selection, SelectionCounters, SelectionOptions, TraceOrder};
#[cfg(any(feature = "json", feature = "protobuf"))]
pub use session::{Session, SessionError, SessionOptions};
pub use sink::{AllSignals, LogSink, MetricSink, Sinks, SpanSink, SpansAndLogs};
pub use span::{
    Attribute, InstrumentationScope, Link, Parent, Scope, Span, SpanContext, SpanEvent, SpanKind, Status,
    UnixTime, Value,
};
pub use views::{ConnectSpan, DnsSpan, HttpSpan, SqlSpan, TlsSpan};
pub use volume::{
    Collapse, SamplingRatio, SamplingRatioError, SpanLimits, Volume, VolumeCounters, VolumeOptions,
    VolumeStateError,
};
