//! Sending without tokio.

use tokio::runtime::Runtime;
use trace_to_otel::otlp::{BlockingExporter, Encoding, ExportErrorKind, Protocol};

use crate::export::{
    grpc_receiver::{GrpcReceiver, GrpcReply},
    http_receiver::{Answer, HttpReceiver, Reply},
    support::{batch, exporter, failed},
};

#[test]
fn calls_return_when_the_answer_is_there() {
    let runtime = Runtime::new().unwrap();
    let answer = Answer::new(200, "application/json", r#"{"partialSuccess":{"rejectedSpans":"1"}}"#);
    let http = runtime.block_on(HttpReceiver::start([Reply::Answer(answer)]));
    let grpc = runtime.block_on(GrpcReceiver::start([GrpcReply::Accept(1, "")]));
    for (protocol, endpoint) in [(Protocol::HttpProtobuf, &http.endpoint), (Protocol::Grpc, &grpc.endpoint)] {
        let exporter = BlockingExporter::new(exporter(protocol, endpoint)).unwrap();
        for _ in 0..3 {
            assert_eq!(exporter.export(&batch(Encoding::Protobuf, 2)).unwrap().rejected, 1);
        }
        let delivery = exporter.export_splitting(batch(Encoding::Protobuf, 2)).unwrap();
        assert_eq!(delivery.accepted.unwrap().rejected, 1);
    }
    assert_eq!((http.received().len(), http.connections(), grpc.received().len()), (4, 1, 4));
}

#[test]
fn calls_within_tokio_are_refused() {
    let exporter = BlockingExporter::new(exporter(Protocol::HttpProtobuf, "http://127.0.0.1:1")).unwrap();
    let batch = batch(Encoding::Protobuf, 1);
    let runtime = Runtime::new().unwrap();
    let (outcome, delivery) =
        runtime.block_on(async { (exporter.export(&batch), exporter.export_splitting(batch.clone())) });
    failed(outcome, ExportErrorKind::InvalidBatch);
    failed(delivery, ExportErrorKind::InvalidBatch);
    runtime.block_on(async move { drop(exporter) });
}
