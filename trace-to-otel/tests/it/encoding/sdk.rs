//! The way through OpenTelemetry's SDK against the direct one.

use opentelemetry_proto::{
    tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::SpanFlags},
    transform::{
        common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource as SdkResource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{InMemorySpanExporter, SpanData, SpanExporter},
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use trace_to_otel::{Resource, SdkSink, Span, SpanSink, otlp::Encoding};

use super::{arbitrary, encode, span};

/// What the SDK's exporters make of spans.
fn through_sdk(resource: &Resource, spans: &[Span]) -> ExportTraceServiceRequest {
    let mut sink = SdkSink::new(InMemorySpanExporter::default(), resource).with_batch_size(3);
    spans.iter().for_each(|span| sink.take(span.clone()).expect("memory takes it"));
    let exporter = sink.finish().expect("memory takes it");
    let spans = exporter.get_finished_spans().expect("spans");
    let resource = ResourceAttributesWithSchema::from(&SdkResource::from(resource));
    ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(spans, &resource) }
}

/// Removes what may differ: the order of scopes and of the resource's attributes, a status that says nothing, and
/// whether linked spans are remote.
fn normalize(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    for resource_spans in &mut request.resource_spans {
        let resource = resource_spans.resource.as_mut().expect("a resource");
        resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        resource_spans.scope_spans.sort_by_key(|scope| {
            scope.scope.as_ref().map(|scope| (scope.name.clone(), scope.version.clone()))
        });
        for span in resource_spans.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans) {
            span.status.take_if(|status| *status == Default::default());
            span.links.iter_mut().for_each(|link| link.flags &= !(SpanFlags::ContextHasIsRemoteMask as u32));
        }
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_sdk_exports_the_same(
        resource in arbitrary::resource(),
        spans in vec(arbitrary::span(), 1..20),
    ) {
        let direct = encode(Encoding::Protobuf, &resource, &spans, usize::MAX).remove(0).0;
        let direct = ExportTraceServiceRequest::decode(direct.bytes()).expect("a request");
        prop_assert_eq!(normalize(through_sdk(&resource, &spans)), normalize(direct));
    }
}

/// Takes no batch.
#[derive(Debug)]
struct Broken;

impl SpanExporter for Broken {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Err(OTelSdkError::InternalFailure("broken".into()))
    }
}

#[test]
fn a_failing_exporter_says_how_many_spans_are_lost() {
    let mut sink = SdkSink::new(Broken, &Resource::new()).with_batch_size(2);
    sink.take(span(1)).expect("room");
    let error = sink.take(span(2)).expect_err("broken");
    assert_eq!(error.spans(), 2);
    assert!(error.to_string().contains("2 spans") && error.to_string().contains("broken"), "{error}");
    sink.flush().expect("nothing is left");
}
