//! The lean span as OpenTelemetry's own SDK has it, for programs that export by `opentelemetry-otlp` or another of its
//! exporters.
//!
//! [`Encoder`](crate::otlp::Encoder) is the faster way to OTLP by an order of magnitude (`benches/encode.rs`).
//!
//! A span is represented whole, but for this:
//! * An SDK's link says whether the other span is remote. Ours do not know, and go out as not remote.
//! * Of a trace state, entries go out that the SDK's type takes: it knows level 1 of the specification.
//! * [`SystemTime`](std::time::SystemTime) counts in steps of 100 ns on Windows: times lose digits there.
//! * An SDK's resource has no order.

use core::fmt;

use go_trace_context::{SpanId, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, trace as otel};
use opentelemetry_sdk::{
    Resource as SdkResource,
    error::OTelSdkError,
    trace::{SpanData, SpanEvents, SpanExporter, SpanLinks},
};
use opentelemetry_semantic_conventions::SCHEMA_URL;

use crate::{
    resource::Resource,
    sink::SpanSink,
    span::{Attribute, Link, Scope, Span, SpanContext, SpanEvent, SpanKind, Status, Value},
};

impl From<&Span> for SpanData {
    fn from(span: &Span) -> Self {
        let anatomy = span.anatomy.iter().flat_map(|anatomy| anatomy.attributes());
        let anatomy = anatomy.map(|(key, seconds)| KeyValue::new(key, seconds));
        Self {
            span_context: span_context(span.context(), &span.trace_state),
            parent_span_id: span.parent.map_or(otel::SpanId::INVALID, |parent| span_id(parent.span_id)),
            parent_span_is_remote: span.parent.is_some_and(|parent| parent.is_remote),
            span_kind: match span.kind {
                SpanKind::Internal => otel::SpanKind::Internal,
                SpanKind::Server => otel::SpanKind::Server,
                SpanKind::Client => otel::SpanKind::Client,
                SpanKind::Producer => otel::SpanKind::Producer,
                SpanKind::Consumer => otel::SpanKind::Consumer,
            },
            name: span.name.to_string().into(),
            start_time: span.start.into(),
            end_time: span.end.into(),
            attributes: span.attributes.iter().map(key_value).chain(anatomy).collect(),
            dropped_attributes_count: span.dropped_attributes,
            events: span_events(span),
            links: span_links(span),
            status: match &span.status {
                Status::Unset => otel::Status::Unset,
                Status::Ok => otel::Status::Ok,
                Status::Error { description } => otel::Status::error(description.clone()),
            },
            instrumentation_scope: instrumentation_scope(&span.scope),
        }
    }
}

impl From<&Resource> for SdkResource {
    fn from(resource: &Resource) -> Self {
        let builder = Self::builder_empty();
        let attributes = resource.attributes().iter().map(key_value);
        match resource.schema_url() {
            Some(schema_url) => builder.with_schema_url(attributes, schema_url.to_owned()),
            None => builder.with_attributes(attributes),
        }
        .build()
    }
}

fn span_context(context: SpanContext, state: &TraceState) -> otel::SpanContext {
    let trace_id = otel::TraceId::from_bytes(context.trace_id.to_bytes());
    let flags = opentelemetry::TraceFlags::new(context.flags.to_byte());
    let state = match state.is_empty() {
        true => otel::TraceState::NONE,
        false => state.to_opentelemetry().value,
    };
    otel::SpanContext::new(trace_id, span_id(context.span_id), flags, false, state)
}

fn span_id(id: SpanId) -> otel::SpanId {
    otel::SpanId::from_bytes(id.to_bytes())
}

fn span_events(span: &Span) -> SpanEvents {
    let event = |event: &SpanEvent| {
        let attributes = event.attributes.iter().map(key_value).collect();
        otel::Event::new(event.name.to_string(), event.time.into(), attributes, 0)
    };
    let mut events = SpanEvents::default();
    events.events = span.events.iter().map(event).collect();
    events.dropped_count = span.dropped_events;
    events
}

fn span_links(span: &Span) -> SpanLinks {
    let link = |link: &Link| {
        let attributes = link.attributes.iter().map(key_value).collect();
        otel::Link::new(span_context(link.context(), &link.trace_state), attributes, link.dropped_attributes)
    };
    let mut links = SpanLinks::default();
    links.links = span.links.iter().map(link).collect();
    links.dropped_count = span.dropped_links;
    links
}

fn instrumentation_scope(scope: &Scope) -> InstrumentationScope {
    let builder = InstrumentationScope::builder(scope.name().to_owned());
    match scope {
        Scope::Custom(scope) if scope.version.is_empty() => builder,
        Scope::Custom(scope) => builder.with_version(scope.version.clone()),
        built_in => builder.with_version(built_in.version().to_owned()).with_schema_url(SCHEMA_URL),
    }
    .build()
}

fn key_value(attribute: &Attribute) -> KeyValue {
    let value = match &attribute.value {
        Value::Text(text) => opentelemetry::Value::String(text.clone().into()),
        Value::Integer(number) => opentelemetry::Value::I64(*number),
        Value::Float(number) => opentelemetry::Value::F64(*number),
        Value::Boolean(yes) => opentelemetry::Value::Bool(*yes),
    };
    KeyValue::new(Key::from(attribute.key.clone()), value)
}

/// Hands spans to an exporter of OpenTelemetry's SDK, a batch at a time.
///
/// It blocks: [`take`](SpanSink::take), [`flush`](Self::flush) and [`finish`](Self::finish) wait on the current thread
/// until the exporter has dealt with a batch. An exporter that needs an async runtime, such as those of
/// `opentelemetry-otlp` over gRPC, has to find one: enter it (`tokio::runtime::Handle::enter`) on a thread that is not
/// one of its workers, such as that of `tokio::task::spawn_blocking`.
///
/// [`finish`](Self::finish) has to be called in the end: a sink that is dropped drops the batch under way.
///
/// ```
/// use opentelemetry_sdk::trace::InMemorySpanExporter;
/// use go_trace_context::{SpanId, TraceId};
/// use trace_to_otel::{Resource, Scope, SdkSink, Span, SpanSink, UnixTime};
///
/// let (trace_id, span_id) = (TraceId::from_u128(7).expect("not 0"), SpanId::from_u64(8).expect("not 0"));
/// let mut sink = SdkSink::new(InMemorySpanExporter::default(), &Resource::new());
/// sink.take(Span::new(trace_id, span_id, Scope::Task, "order", (UnixTime(1), UnixTime(2))))?;
/// let exporter = sink.finish()?;
/// assert_eq!(exporter.get_finished_spans()?[0].name, "order");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SdkSink<E> {
    exporter: E,
    batch: Vec<SpanData>,
    batch_size: usize,
}

impl<E: SpanExporter> SdkSink<E> {
    /// How many spans a batch has unless [`with_batch_size`](Self::with_batch_size) says otherwise: 512, as the SDK's
    /// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`.
    pub const DEFAULT_BATCH_SIZE: usize = 512;

    /// Hands the spans of a resource to `exporter`.
    pub fn new(mut exporter: E, resource: &Resource) -> Self {
        exporter.set_resource(&resource.into());
        Self { exporter, batch: Vec::new(), batch_size: Self::DEFAULT_BATCH_SIZE }
    }

    /// Batches of so many spans; at least one.
    #[must_use]
    pub fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size.max(1);
        self
    }

    /// The spans that follow are another resource's.
    ///
    /// # Errors
    ///
    /// [`SdkError`] where the batch under way could not be exported. The new resource holds all the same.
    pub fn set_resource(&mut self, resource: &Resource) -> Result<(), SdkError> {
        let exported = self.export();
        self.exporter.set_resource(&resource.into());
        exported
    }

    /// Exports the batch under way, even if it is small, and has the exporter send what it holds back.
    ///
    /// # Errors
    ///
    /// [`SdkError`] where the exporter fails.
    pub fn flush(&mut self) -> Result<(), SdkError> {
        self.export()?;
        self.exporter.force_flush().map_err(|source| SdkError { spans: 0, source })
    }

    /// Exports the last batch and gives the exporter back, which has not been shut down.
    ///
    /// # Errors
    ///
    /// [`SdkError`] where the exporter fails.
    pub fn finish(mut self) -> Result<E, SdkError> {
        self.flush()?;
        Ok(self.exporter)
    }

    fn export(&mut self) -> Result<(), SdkError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = core::mem::take(&mut self.batch);
        let spans = batch.len();
        futures_executor::block_on(self.exporter.export(batch)).map_err(|source| SdkError { spans, source })
    }
}

impl<E: SpanExporter> SpanSink for SdkSink<E> {
    type Error = SdkError;

    fn take(&mut self, mut span: Span) -> Result<(), SdkError> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), SdkError> {
        self.batch.push(SpanData::from(&*span));
        if self.batch.len() < self.batch_size { Ok(()) } else { self.export() }
    }
}

/// An exporter of OpenTelemetry's SDK has failed.
#[derive(Debug)]
pub struct SdkError {
    spans: usize,
    source: OTelSdkError,
}

impl SdkError {
    /// How many spans were in the batch. They are lost, unless the exporter has got some of them through.
    #[must_use]
    pub const fn spans(&self) -> usize {
        self.spans
    }
}

impl fmt::Display for SdkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the exporter failed on a batch of {} spans, which are lost: {}", self.spans, self.source)
    }
}

impl core::error::Error for SdkError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.source)
    }
}
