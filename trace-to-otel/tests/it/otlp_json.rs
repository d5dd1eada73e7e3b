//! OTLP JSON against `opentelemetry-proto`, field by field.

use crate::common;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as ProtoValue},
    trace::v1 as proto,
};
use opentelemetry_semantic_conventions::SCHEMA_URL;
use trace_to_otel::{
    Anatomy, Attribute, MapperOptions, Resource, Span, SpanKind, SpanSink, Value, otlp::JsonLines,
};

/// All spans of some recordings: whole and incomplete ones, with logs, links and remote parents.
fn all_spans() -> Vec<Span> {
    let scenarios = ["tasks", "regions", "logs", "context", "http", "generations"];
    scenarios
        .iter()
        .flat_map(|scenario| {
            let mut options = MapperOptions::default();
            options.unsampled = true;
            common::spans_of(&format!("go1.27/{scenario}.trace"), options).0
        })
        .collect()
}

fn encode(spans: &[Span], resource: Resource) -> Vec<u8> {
    let mut sink = JsonLines::new(Vec::new(), resource);
    for span in spans {
        sink.take(span.clone()).expect("memory takes it");
    }
    sink.finish().expect("memory takes it")
}

fn decode(lines: &[u8]) -> Vec<ExportTraceServiceRequest> {
    lines
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
        .collect()
}

#[test]
fn every_field_is_read_back() {
    let spans = all_spans();
    let resource = Resource::new().with("service.instance.id", "7").with_approximate_clock();
    let requests = decode(&encode(&spans, resource.clone()));
    assert_eq!(requests.len(), 1);
    let [resource_spans] = &requests[0].resource_spans[..] else { panic!("one resource") };
    assert_eq!(resource_spans.schema_url, SCHEMA_URL);
    check_attributes(
        &resource_spans.resource.as_ref().expect("a resource").attributes,
        resource.attributes(),
    );

    let mut left: Vec<_> = spans.iter().collect();
    for scope_spans in &resource_spans.scope_spans {
        let scope = scope_spans.scope.as_ref().expect("a scope");
        assert_eq!((&*scope.version, &*scope_spans.schema_url), (env!("CARGO_PKG_VERSION"), SCHEMA_URL));
        for decoded in &scope_spans.spans {
            let index = left
                .iter()
                .position(|span| {
                    span.span_id.to_bytes() == *decoded.span_id
                        && span.start.0 == decoded.start_time_unix_nano
                })
                .expect("the span");
            let span = left.remove(index);
            assert_eq!(scope.name, span.scope.name());
            check(decoded, span);
        }
    }
    assert!(left.is_empty(), "not encoded: {left:#?}");
}

fn kind(kind: SpanKind) -> proto::span::SpanKind {
    match kind {
        SpanKind::Server => proto::span::SpanKind::Server,
        SpanKind::Client => proto::span::SpanKind::Client,
        _ => proto::span::SpanKind::Internal,
    }
}

fn check(decoded: &proto::Span, span: &Span) {
    assert_eq!(decoded.trace_id, span.trace_id.to_bytes());
    assert_eq!(decoded.span_id, span.span_id.to_bytes());
    let parent = span.parent.map(|parent| parent.span_id.to_bytes().to_vec()).unwrap_or_default();
    assert_eq!(decoded.parent_span_id, parent);
    let is_remote = span.parent.is_some_and(|parent| parent.is_remote);
    let flags = proto::SpanFlags::ContextHasIsRemoteMask as u32
        | if is_remote { proto::SpanFlags::ContextIsRemoteMask as u32 } else { 0 };
    assert_eq!(decoded.flags, flags | u32::from(span.flags.to_byte()));
    assert_eq!(decoded.name, *span.name);
    assert_eq!(decoded.kind(), kind(span.kind));
    assert_eq!((decoded.start_time_unix_nano, decoded.end_time_unix_nano), (span.start.0, span.end.0));
    assert_eq!(decoded.status, None);
    assert_eq!((decoded.dropped_events_count, decoded.dropped_attributes_count), (span.dropped_events, 0));
    let anatomy = span.anatomy.iter().flat_map(Anatomy::attributes);
    let anatomy = anatomy.map(|(key, seconds)| Attribute::new(key, seconds));
    check_attributes(
        &decoded.attributes,
        &span.attributes.iter().cloned().chain(anatomy).collect::<Vec<_>>(),
    );
    assert_eq!(decoded.events.len(), span.events.len());
    for (decoded, event) in decoded.events.iter().zip(&span.events) {
        assert_eq!((&*decoded.name, decoded.time_unix_nano), (&*event.name, event.time.0));
        check_attributes(&decoded.attributes, &event.attributes);
    }
    assert_eq!(decoded.links.len(), span.links.len());
    for (decoded, link) in decoded.links.iter().zip(&span.links) {
        assert_eq!(decoded.trace_id, link.trace_id.to_bytes());
        assert_eq!(decoded.span_id, link.span_id.to_bytes());
        assert_eq!(decoded.flags, u32::from(link.flags.to_byte()));
    }
}

fn check_attributes(decoded: &[KeyValue], attributes: &[Attribute]) {
    assert_eq!(decoded.len(), attributes.len());
    for (decoded, attribute) in decoded.iter().zip(attributes) {
        assert_eq!(decoded.key, attribute.key);
        let value = match &attribute.value {
            Value::Text(text) => ProtoValue::StringValue(text.to_string()),
            Value::Integer(number) => ProtoValue::IntValue(*number),
            Value::Float(number) => ProtoValue::DoubleValue(*number),
            other => panic!("{other:?}"),
        };
        assert_eq!(decoded.value.as_ref().and_then(|any| any.value.clone()), Some(value));
    }
}

#[test]
fn numbers_of_64_bits_are_strings_and_ids_hexadecimal() {
    let lines = encode(&all_spans()[..1], Resource::new());
    let json: serde_json::Value = serde_json::from_slice(&lines).expect("JSON");
    let span = &json["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(span["traceId"].as_str().map(str::len), Some(32));
    assert_eq!(span["spanId"].as_str().map(str::len), Some(16));
    assert!(span["startTimeUnixNano"].is_string() && span["endTimeUnixNano"].is_string());
    assert_eq!(span["kind"], 1);
    let line = span["attributes"]
        .as_array()
        .expect("attributes")
        .iter()
        .find(|pair| pair["key"] == "code.line.number");
    assert!(line.expect("a line")["value"]["intValue"].is_string());
}

#[test]
fn lines_are_full_and_none_is_empty() {
    let spans = all_spans();
    let count = 5_000;
    let many: Vec<_> = spans.iter().cycle().take(count).cloned().collect();
    let lines = encode(&many, Resource::new());
    let sizes: Vec<_> = lines.split_inclusive(|&byte| byte == b'\n').map(|line| line.len() - 1).collect();
    let full = JsonLines::<Vec<u8>>::LINE_BYTES;
    let (_, all_but_last) = sizes.split_last().expect("lines");
    assert!(all_but_last.len() > 1, "{sizes:?}");
    assert!(sizes.iter().all(|&size| size <= full), "{sizes:?}");
    // What would not have fitted is one span, whichever came next.
    let alone = |span: &Span| encode(std::slice::from_ref(span), Resource::new()).len();
    let largest = spans.iter().map(alone).max().expect("spans");
    assert!(all_but_last.iter().all(|&size| size + largest > full), "{largest} {sizes:?}");
    let spans = decode(&lines)
        .into_iter()
        .flat_map(|request| request.resource_spans)
        .flat_map(|resource| resource.scope_spans.into_iter().map(|scope| scope.spans.len()));
    assert_eq!(spans.sum::<usize>(), count);
    assert!(encode(&[], Resource::new()).is_empty());
}
