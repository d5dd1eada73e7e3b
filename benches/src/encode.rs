//! The ways from spans to OTLP.

use opentelemetry_proto::{
    tonic::collector::trace::v1::ExportTraceServiceRequest,
    transform::{
        common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use trace_to_otel::{
    Resource, Span,
    otlp::{Encoder, Encoding},
};

/// This crate's encoder, which cuts batches of its default size: as long as it is kept, it uses its memory again. Gives
/// the number of bytes of the batches that got full.
///
/// # Panics
///
/// Where a span is too large for a batch.
#[must_use]
pub fn direct(encoder: &mut Encoder, spans: &[Span]) -> usize {
    let batches = spans.iter().filter_map(|span| encoder.add(span).expect("it fits"));
    batches.map(|batch| batch.bytes().len()).sum()
}

/// The number of bytes of spans that are encoded this way, in one batch.
#[must_use]
pub fn bytes(encoding: Encoding, resource: &Resource, spans: &[Span]) -> usize {
    let mut encoder = Encoder::new(encoding, resource);
    let full = direct(&mut encoder, spans);
    full + encoder.finish().map_or(0, |batch| batch.bytes().len())
}

/// OpenTelemetry's SDK in batches of its default size: `SpanData`, `opentelemetry-proto`'s messages, `prost`'s bytes.
/// That is what `opentelemetry-otlp` does before it sends.
#[must_use]
pub fn sdk(resource: &Resource, spans: &[Span]) -> usize {
    let resource = ResourceAttributesWithSchema::from(&opentelemetry_sdk::Resource::from(resource));
    let batches = spans.chunks(512).map(|batch| {
        let batch = batch.iter().map(SpanData::from).collect();
        let resource_spans = group_spans_by_resource_and_scope(batch, &resource);
        ExportTraceServiceRequest { resource_spans }.encode_to_vec().len()
    });
    batches.sum()
}
