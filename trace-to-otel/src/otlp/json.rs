//! OTLP in JSON, one request per line.
//!
//! OpenTelemetry Protocol specification, "JSON Protobuf Encoding": ids are hexadecimal, enums are integers, 64-bit
//! integers are strings. OpenTelemetry, "OTLP File exporter": each line is one request of one signal.

use std::io::{self, Write};

use opentelemetry_semantic_conventions::SCHEMA_URL;
use serde::{Serialize, Serializer, ser::SerializeSeq};

use crate::{
    resource::Resource,
    span::{Attribute, Link, Scope, Span, SpanEvent, SpanSink, Status, UnixTime, Value},
};

/// Writes spans as lines of OTLP JSON, which a collector's `otlpjsonfile` receiver and any OTLP/HTTP endpoint read.
///
/// Each line is an `ExportTraceServiceRequest` of at most [`SPANS_PER_LINE`](Self::SPANS_PER_LINE) spans, in which
/// the spans of a scope stand together. [`finish`](Self::finish) writes the last one.
#[derive(Debug)]
pub struct JsonLines<W: Write> {
    writer: W,
    resource: Resource,
    /// Those of the line under way.
    spans: Vec<Span>,
}

impl<W: Write> JsonLines<W> {
    /// How many spans a line has at most: such lines usually stay below 1 MiB.
    pub const SPANS_PER_LINE: usize = 512;

    /// Writes the spans of a resource to `writer`, a line at a time.
    pub fn new(writer: W, resource: Resource) -> Self {
        Self { writer, resource, spans: Vec::with_capacity(Self::SPANS_PER_LINE) }
    }

    /// The spans that follow are another resource's.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn set_resource(&mut self, resource: Resource) -> io::Result<()> {
        self.write_line()?;
        self.resource = resource;
        Ok(())
    }

    /// Writes the line under way, even if it is short, and flushes.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_line()?;
        self.writer.flush()
    }

    /// Writes the last line, flushes, and gives the writer back.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.writer)
    }

    /// An envelope without spans says nothing: it is not written.
    fn write_line(&mut self) -> io::Result<()> {
        if self.spans.is_empty() {
            return Ok(());
        }
        let request = Request { resource_spans: [ResourceSpans::new(&self.resource, &self.spans)] };
        serde_json::to_writer(&mut self.writer, &request)?;
        self.spans.clear();
        self.writer.write_all(b"\n")
    }
}

impl<W: Write> SpanSink for JsonLines<W> {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.spans.push(span);
        if self.spans.len() < Self::SPANS_PER_LINE { Ok(()) } else { self.write_line() }
    }
}

/// OTLP: `ExportTraceServiceRequest`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: [ResourceSpans<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: ResourceJson<'a>,
    scope_spans: Vec<ScopeSpans<'a>>,
    schema_url: &'static str,
}

#[derive(Serialize)]
struct ResourceJson<'a> {
    #[serde(serialize_with = "attributes")]
    attributes: &'a [Attribute],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeSpans<'a> {
    scope: InstrumentationScope,
    #[serde(serialize_with = "spans")]
    spans: SpansOf<'a>,
    schema_url: &'static str,
}

#[derive(Serialize)]
struct InstrumentationScope {
    name: &'static str,
    version: &'static str,
}

#[derive(Clone, Copy)]
struct SpansOf<'a> {
    scope: Scope,
    spans: &'a [Span],
}

impl<'a> SpansOf<'a> {
    fn iter(self) -> impl Iterator<Item = &'a Span> {
        self.spans.iter().filter(move |span| span.scope == self.scope)
    }
}

impl<'a> ResourceSpans<'a> {
    fn new(resource: &'a Resource, spans: &'a [Span]) -> Self {
        let scope_spans = Scope::ALL
            .into_iter()
            .map(|scope| SpansOf { scope, spans })
            .filter(|spans| spans.iter().next().is_some())
            .map(|spans| ScopeSpans {
                scope: InstrumentationScope { name: spans.scope.name(), version: env!("CARGO_PKG_VERSION") },
                spans,
                schema_url: SCHEMA_URL,
            })
            .collect();
        Self {
            resource: ResourceJson { attributes: resource.attributes() },
            scope_spans,
            schema_url: SCHEMA_URL,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    #[serde(serialize_with = "text")]
    trace_id: trace_context::TraceId,
    #[serde(serialize_with = "text")]
    span_id: trace_context::SpanId,
    #[serde(serialize_with = "optional_text", skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<trace_context::SpanId>,
    flags: u32,
    name: &'a str,
    kind: u8,
    #[serde(serialize_with = "time")]
    start_time_unix_nano: UnixTime,
    #[serde(serialize_with = "time")]
    end_time_unix_nano: UnixTime,
    #[serde(serialize_with = "attributes")]
    attributes: &'a [Attribute],
    #[serde(serialize_with = "events", skip_serializing_if = "<[_]>::is_empty")]
    events: &'a [SpanEvent],
    #[serde(skip_serializing_if = "is_zero")]
    dropped_events_count: u32,
    #[serde(serialize_with = "links", skip_serializing_if = "<[_]>::is_empty")]
    links: &'a [Link],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusJson>,
}

#[derive(Serialize)]
struct StatusJson {
    code: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a> {
    #[serde(serialize_with = "time")]
    time_unix_nano: UnixTime,
    name: &'a str,
    #[serde(serialize_with = "attributes")]
    attributes: &'a [Attribute],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkJson {
    #[serde(serialize_with = "text")]
    trace_id: trace_context::TraceId,
    #[serde(serialize_with = "text")]
    span_id: trace_context::SpanId,
    flags: u32,
}

/// OTLP: `KeyValue`.
#[derive(Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum AnyValue<'a> {
    StringValue(&'a str),
    #[serde(serialize_with = "text")]
    IntValue(i64),
    DoubleValue(f64),
    BoolValue(bool),
}

impl<'a> SpanJson<'a> {
    fn new(span: &'a Span) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent.map(|parent| parent.span_id),
            flags: flags(span),
            name: &span.name,
            kind: span.kind.number(),
            start_time_unix_nano: span.start,
            end_time_unix_nano: span.end,
            attributes: &span.attributes,
            events: &span.events,
            dropped_events_count: span.dropped_events,
            links: &span.links,
            status: (span.status != Status::Unset).then(|| StatusJson { code: span.status.number() }),
        }
    }
}

/// The W3C flags, and above them OTLP's two bits for whether the parent is remote. OTLP: `SpanFlags`.
fn flags(span: &Span) -> u32 {
    const HAS_IS_REMOTE: u32 = 0x100;
    const IS_REMOTE: u32 = 0x200;
    let is_remote = span.parent.is_some_and(|parent| parent.is_remote);
    u32::from(span.flags.to_byte()) | HAS_IS_REMOTE | if is_remote { IS_REMOTE } else { 0 }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn text<S: Serializer>(value: &impl core::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn optional_text<S: Serializer>(
    value: &Option<impl core::fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn time<S: Serializer>(time: &UnixTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.0)
}

fn spans<S: Serializer>(spans: &SpansOf<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    sequence(spans.iter().map(SpanJson::new), serializer)
}

fn events<S: Serializer>(events: &&[SpanEvent], serializer: S) -> Result<S::Ok, S::Error> {
    let events = events.iter().map(|event| EventJson {
        time_unix_nano: event.time,
        name: &event.name,
        attributes: &event.attributes,
    });
    sequence(events, serializer)
}

fn links<S: Serializer>(links: &&[Link], serializer: S) -> Result<S::Ok, S::Error> {
    let links = links.iter().map(|link| LinkJson {
        trace_id: link.trace_id,
        span_id: link.span_id,
        flags: u32::from(link.flags.to_byte()),
    });
    sequence(links, serializer)
}

fn attributes<S: Serializer>(attributes: &&[Attribute], serializer: S) -> Result<S::Ok, S::Error> {
    let pairs = attributes.iter().map(|attribute| KeyValue {
        key: &attribute.key,
        value: match &attribute.value {
            Value::Text(text) => AnyValue::StringValue(text),
            Value::Integer(number) => AnyValue::IntValue(*number),
            Value::Float(number) => AnyValue::DoubleValue(*number),
            Value::Boolean(yes) => AnyValue::BoolValue(*yes),
        },
    });
    sequence(pairs, serializer)
}

fn sequence<T: Serialize, S: Serializer>(
    items: impl Iterator<Item = T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(None)?;
    for item in items {
        sequence.serialize_element(&item)?;
    }
    sequence.end()
}
