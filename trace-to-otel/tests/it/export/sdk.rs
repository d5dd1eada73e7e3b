//! The ecosystem's way: spans through OpenTelemetry's SDK and `opentelemetry-otlp`, to the same receivers.

use std::time::Duration;

use go_trace_format::Reader;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{Span as OtlpSpan, SpanFlags},
};
use prost::Message;
use trace_to_otel::{
    Mapper, Resource, SdkSink, Span, SpanSink,
    otlp::{Encoder, Encoding},
};

use crate::export::{
    grpc_receiver::{GrpcReceiver, GrpcReply},
    http_receiver::{Answer, HttpReceiver, Reply},
};

fn recorded_spans() -> Vec<Span> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/go1.27/http.trace");
    let bytes = std::fs::read(path).expect(path);
    let (mut reader, mut mapper, mut spans) =
        (Reader::from_slice(&bytes).unwrap(), Mapper::new(), Vec::new());
    while let Some(event) = reader.next_event().unwrap() {
        mapper.event(&event, &mut spans).unwrap();
    }
    mapper.finish(&mut spans).unwrap();
    assert!(spans.len() > 10);
    spans
}

/// What the SDK and its exporter send of them. It blocks, as the SDK's own processors do on a thread of theirs.
async fn export(exporter: SpanExporter, spans: Vec<Span>) {
    let send = move || {
        let mut sink = SdkSink::new(exporter, &Resource::new()).with_batch_size(7);
        spans.into_iter().for_each(|span| sink.take(span).unwrap());
        sink.finish().unwrap();
    };
    tokio::task::spawn_blocking(send).await.unwrap();
}

/// The spans of some requests, in the order of their ids. An SDK writes a status that says nothing, and does not leave
/// open whether a linked span is remote.
fn spans_of<'r>(requests: impl IntoIterator<Item = &'r [u8]>) -> Vec<(String, OtlpSpan)> {
    let mut spans = Vec::new();
    for request in requests {
        for resource in ExportTraceServiceRequest::decode(request).unwrap().resource_spans {
            for scope in resource.scope_spans {
                let name = scope.scope.expect("a scope").name;
                spans.extend(scope.spans.into_iter().map(|span| (name.clone(), span)));
            }
        }
    }
    for (_, span) in &mut spans {
        span.status.take_if(|status| *status == Default::default());
        span.links.iter_mut().for_each(|link| link.flags &= !(SpanFlags::ContextHasIsRemoteMask as u32));
    }
    spans.sort_by(|(_, a), (_, b)| (&a.trace_id, &a.span_id).cmp(&(&b.trace_id, &b.span_id)));
    spans
}

fn directly(spans: &[Span]) -> Vec<(String, OtlpSpan)> {
    let mut encoder = Encoder::new(Encoding::Protobuf, &Resource::new());
    let mut batches: Vec<_> = spans.iter().filter_map(|span| encoder.add(span).unwrap()).collect();
    batches.extend(encoder.finish());
    spans_of(batches.iter().map(|batch| batch.bytes()))
}

#[tokio::test]
async fn opentelemetry_otlp_sends_the_same_by_http() {
    let receiver = HttpReceiver::start([Reply::Answer(Answer::new(200, "application/x-protobuf", ""))]).await;
    let client = HyperClient::with_default_connector(Duration::from_secs(10), None);
    let builder = SpanExporter::builder().with_http().with_http_client(client);
    let exporter = builder.with_endpoint(format!("{}/v1/traces", receiver.endpoint)).build().unwrap();
    let spans = recorded_spans();
    export(exporter, spans.clone()).await;
    let received = receiver.received();
    assert_eq!(received.len(), spans.len().div_ceil(7));
    assert_eq!(spans_of(received.iter().map(|request| &*request.body)), directly(&spans));
}

#[tokio::test]
async fn opentelemetry_otlp_sends_the_same_by_grpc() {
    let receiver = GrpcReceiver::start([GrpcReply::AcceptAll]).await;
    let builder = SpanExporter::builder().with_tonic();
    let exporter = builder.with_endpoint(receiver.endpoint.clone()).build().unwrap();
    let spans = recorded_spans();
    export(exporter, spans.clone()).await;
    let received = receiver.received();
    assert_eq!(received.len(), spans.len().div_ceil(7));
    assert_eq!(spans_of(received.iter().map(|call| &*call.message)), directly(&spans));
}
