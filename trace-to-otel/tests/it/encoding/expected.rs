//! What records have to be encoded as, in `opentelemetry-proto`'s messages.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value as ProtoValue},
    logs::v1::{LogRecord as ProtoLog, ResourceLogs, ScopeLogs},
    metrics::v1::{
        self as metrics, ResourceMetrics, ScopeMetrics, exemplar, metric::Data, number_data_point,
    },
    resource::v1::Resource as ProtoResource,
    trace::v1::{self as traces, ResourceSpans, ScopeSpans},
};
use opentelemetry_semantic_conventions::SCHEMA_URL;
use trace_to_otel::{
    Attribute, Exemplar, HistogramPoint, LogRecord, Metric, MetricData, Number, NumberPoint, Resource, Scope,
    Span, Status, Value, otlp::Record,
};

/// A record, and the message of a request that has it.
pub(crate) trait Expected: Record + Clone {
    type Request: prost::Message + Default + PartialEq + std::fmt::Debug + serde::de::DeserializeOwned;

    /// The request of these records.
    fn request(resource: &Resource, records: &[Self]) -> Self::Request;

    /// Records in the order in which a request has them: by their scopes.
    fn in_order(records: &[Self]) -> Vec<Self> {
        records.to_vec()
    }
}

impl Expected for Span {
    type Request = ExportTraceServiceRequest;

    fn request(resource: &Resource, records: &[Self]) -> Self::Request {
        let scope_spans = |scope: &Scope| {
            let of_scope = records.iter().filter(|span| span.scope == *scope);
            let spans: Vec<_> = of_scope.map(span_message).collect();
            let (version, schema_url) = match scope {
                Scope::Custom(scope) => (scope.version.to_string(), String::new()),
                _ => (env!("CARGO_PKG_VERSION").to_owned(), SCHEMA_URL.to_owned()),
            };
            let name = scope.name().to_owned();
            let scope = Some(InstrumentationScope { name, version, ..Default::default() });
            (!spans.is_empty()).then_some(ScopeSpans { scope, spans, schema_url })
        };
        let resource_spans = vec![ResourceSpans {
            resource: resource_message(resource),
            scope_spans: scopes(records).iter().filter_map(scope_spans).collect(),
            schema_url: resource.schema_url().unwrap_or_default().to_owned(),
        }];
        ExportTraceServiceRequest { resource_spans }
    }

    fn in_order(records: &[Self]) -> Vec<Self> {
        let of_scope = |scope: Scope| records.iter().filter(move |span| span.scope == scope);
        scopes(records).into_iter().flat_map(of_scope).cloned().collect()
    }
}

/// The scopes that a request may have, in their order: those of other programs as they came.
fn scopes(records: &[Span]) -> Vec<Scope> {
    let mut scopes = Scope::ALL.to_vec();
    for span in records {
        if !scopes.contains(&span.scope) {
            scopes.push(span.scope.clone());
        }
    }
    scopes
}

impl Expected for LogRecord {
    type Request = ExportLogsServiceRequest;

    fn request(resource: &Resource, records: &[Self]) -> Self::Request {
        let scope_logs = vec![ScopeLogs {
            scope: scope_message("gotrace.log"),
            log_records: records.iter().map(log_message).collect(),
            schema_url: SCHEMA_URL.to_owned(),
        }];
        let schema_url = resource.schema_url().unwrap_or_default().to_owned();
        let resource_logs =
            vec![ResourceLogs { resource: resource_message(resource), scope_logs, schema_url }];
        ExportLogsServiceRequest { resource_logs }
    }
}

impl Expected for Metric {
    type Request = ExportMetricsServiceRequest;

    fn request(resource: &Resource, records: &[Self]) -> Self::Request {
        let scope_metrics = vec![ScopeMetrics {
            scope: scope_message("gotrace.runtime"),
            metrics: records.iter().map(metric_message).collect(),
            schema_url: SCHEMA_URL.to_owned(),
        }];
        let schema_url = resource.schema_url().unwrap_or_default().to_owned();
        let resource_metrics =
            vec![ResourceMetrics { resource: resource_message(resource), scope_metrics, schema_url }];
        ExportMetricsServiceRequest { resource_metrics }
    }
}

fn resource_message(resource: &Resource) -> Option<ProtoResource> {
    Some(ProtoResource { attributes: attributes(resource.attributes()), ..Default::default() })
}

fn scope_message(name: &str) -> Option<InstrumentationScope> {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Some(InstrumentationScope { name: name.to_owned(), version, ..Default::default() })
}

fn attributes(attributes: &[Attribute]) -> Vec<KeyValue> {
    attributes
        .iter()
        .map(|attribute| {
            let value = match &attribute.value {
                Value::Text(text) => ProtoValue::StringValue(text.to_string()),
                Value::Integer(number) => ProtoValue::IntValue(*number),
                Value::Float(number) => ProtoValue::DoubleValue(*number),
                Value::Boolean(yes) => ProtoValue::BoolValue(*yes),
                other => panic!("unknown to this test: {other:?}"),
            };
            pair(&attribute.key, value)
        })
        .collect()
}

fn pair(key: &str, value: ProtoValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

fn span_message(span: &Span) -> traces::Span {
    let mut own = attributes(&span.attributes);
    for (key, seconds) in span.anatomy.iter().flat_map(|anatomy| anatomy.attributes()) {
        own.push(pair(key, ProtoValue::DoubleValue(seconds)));
    }
    let parent_flags = match span.parent {
        Some(parent) if parent.is_remote => traces::SpanFlags::ContextIsRemoteMask as u32,
        _ => 0,
    };
    let flags = traces::SpanFlags::ContextHasIsRemoteMask as u32 | parent_flags;
    traces::Span {
        trace_id: span.trace_id.to_bytes().to_vec(),
        span_id: span.span_id.to_bytes().to_vec(),
        trace_state: span.trace_state.to_string(),
        parent_span_id: span.parent.map(|parent| parent.span_id.to_bytes().to_vec()).unwrap_or_default(),
        flags: flags | u32::from(span.flags.to_byte()),
        name: span.name.to_string(),
        kind: span.kind.number().into(),
        start_time_unix_nano: span.start.0,
        end_time_unix_nano: span.end.0,
        attributes: own,
        dropped_attributes_count: span.dropped_attributes,
        events: span.events.iter().map(event_message).collect(),
        dropped_events_count: span.dropped_events,
        links: span.links.iter().map(link_message).collect(),
        dropped_links_count: span.dropped_links,
        status: match &span.status {
            Status::Unset => None,
            Status::Ok => Some(traces::Status { message: String::new(), code: 1 }),
            Status::Error { description } => {
                Some(traces::Status { message: description.to_string(), code: 2 })
            }
            other => panic!("unknown to this test: {other:?}"),
        },
    }
}

fn event_message(event: &trace_to_otel::SpanEvent) -> traces::span::Event {
    traces::span::Event {
        time_unix_nano: event.time.0,
        name: event.name.to_string(),
        attributes: attributes(&event.attributes),
        dropped_attributes_count: 0,
    }
}

fn link_message(link: &trace_to_otel::Link) -> traces::span::Link {
    traces::span::Link {
        trace_id: link.trace_id.to_bytes().to_vec(),
        span_id: link.span_id.to_bytes().to_vec(),
        flags: link.flags.to_byte().into(),
        trace_state: link.trace_state.to_string(),
        attributes: attributes(&link.attributes),
        dropped_attributes_count: link.dropped_attributes,
    }
}

fn log_message(log: &LogRecord) -> ProtoLog {
    ProtoLog {
        time_unix_nano: log.time.0,
        observed_time_unix_nano: log.time.0,
        body: Some(AnyValue { value: Some(ProtoValue::StringValue(log.body.to_string())) }),
        attributes: attributes(&log.attributes),
        dropped_attributes_count: log.dropped_attributes,
        flags: log.span.map_or(0, |span| span.flags.to_byte().into()),
        trace_id: log.span.map_or(Vec::new(), |span| span.trace_id.to_bytes().to_vec()),
        span_id: log.span.map_or(Vec::new(), |span| span.span_id.to_bytes().to_vec()),
        event_name: log.event_name.to_string(),
        ..Default::default()
    }
}

fn metric_message(metric: &Metric) -> metrics::Metric {
    let numbers = |points: &[NumberPoint]| points.iter().map(number_message).collect();
    let data = match &metric.data {
        MetricData::Gauge(points) => Data::Gauge(metrics::Gauge { data_points: numbers(points) }),
        MetricData::Sum { temporality, is_monotonic, points } => Data::Sum(metrics::Sum {
            data_points: numbers(points),
            aggregation_temporality: temporality.number().into(),
            is_monotonic: *is_monotonic,
        }),
        MetricData::Histogram { temporality, points } => Data::Histogram(metrics::Histogram {
            data_points: points.iter().map(histogram_message).collect(),
            aggregation_temporality: temporality.number().into(),
        }),
        other => panic!("unknown to this test: {other:?}"),
    };
    metrics::Metric {
        name: metric.name.to_string(),
        description: metric.description.to_string(),
        unit: metric.unit.to_string(),
        metadata: Vec::new(),
        data: Some(data),
    }
}

fn number_message(point: &NumberPoint) -> metrics::NumberDataPoint {
    metrics::NumberDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start.map_or(0, |start| start.0),
        time_unix_nano: point.time.0,
        value: Some(match point.value {
            Number::Integer(value) => number_data_point::Value::AsInt(value),
            Number::Float(value) => number_data_point::Value::AsDouble(value),
        }),
        ..Default::default()
    }
}

fn histogram_message(point: &HistogramPoint) -> metrics::HistogramDataPoint {
    metrics::HistogramDataPoint {
        attributes: attributes(&point.attributes),
        start_time_unix_nano: point.start.0,
        time_unix_nano: point.time.0,
        count: point.histogram.count(),
        sum: Some(point.histogram.sum()),
        bucket_counts: point.histogram.counts().to_vec(),
        explicit_bounds: point.histogram.bounds().to_vec(),
        min: point.histogram.min(),
        max: point.histogram.max(),
        exemplars: point.exemplars.iter().map(exemplar_message).collect(),
        ..Default::default()
    }
}

fn exemplar_message(exemplar: &Exemplar) -> metrics::Exemplar {
    metrics::Exemplar {
        time_unix_nano: exemplar.time.0,
        value: Some(exemplar::Value::AsDouble(exemplar.value)),
        span_id: exemplar.span_id.to_bytes().to_vec(),
        trace_id: exemplar.trace_id.to_bytes().to_vec(),
        filtered_attributes: Vec::new(),
    }
}
