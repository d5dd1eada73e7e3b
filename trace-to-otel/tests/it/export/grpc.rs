//! OTLP/gRPC: what is sent, and what each answer means.

use std::time::Duration;

use trace_to_otel::otlp::{
    Compression, Encoding, ExportError, ExportErrorKind, Exporter, Protocol, ReceiverStatus, RetryOptions,
};

use crate::export::{
    grpc_receiver::{GrpcReceiver, GrpcReply},
    http_receiver::{Answer, HttpReceiver, Reply},
    support::{FakePace, SECRET, batch, compressing, config, exporter, failed, impatient, settings},
};

const SIZE: &str = "grpc: received message larger than max (5000000 vs. 4194304)";

/// `google.rpc.Status` with `google.rpc.RetryInfo`: wait so many seconds and milliseconds.
fn retry_info(seconds: u8, milliseconds: u32) -> Vec<u8> {
    let url = b"type.googleapis.com/google.rpc.RetryInfo";
    let mut nanos = Vec::new();
    prost::encoding::encode_varint(u64::from(milliseconds) * 1_000_000, &mut nanos);
    let duration = [&[0x08, seconds, 0x10][..], &nanos].concat();
    let retry_info = [&[0x0a, duration.len() as u8][..], &duration].concat();
    let any = [&[0x0a, url.len() as u8][..], url, &[0x12, retry_info.len() as u8], &retry_info].concat();
    [&[0x08, 8, 0x1a, any.len() as u8][..], &any].concat()
}

async fn call(reply: GrpcReply) -> Result<trace_to_otel::otlp::Accepted, ExportError> {
    let receiver = GrpcReceiver::start([reply]).await;
    exporter(Protocol::Grpc, &receiver.endpoint).export(&batch(Encoding::Protobuf, 9)).await
}

#[tokio::test]
async fn calls_are_what_the_specification_says() {
    let receiver = GrpcReceiver::start([GrpcReply::AcceptAll]).await;
    let batch = batch(Encoding::Protobuf, 1000);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        compressing(Protocol::Grpc, &receiver.endpoint, compression).export(&batch).await.unwrap();
    }
    let received = receiver.received();
    let encodings: Vec<_> = received.iter().map(|call| call.headers.get("grpc-encoding")).collect();
    assert_eq!(encodings, [None, Some(&"gzip".parse().unwrap()), Some(&"zstd".parse().unwrap())]);
    for call in received {
        assert_eq!(call.path, "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        assert_eq!(call.headers["content-type"], "application/grpc");
        assert_eq!(call.headers["authorization"], SECRET);
        assert!(call.headers["user-agent"].to_str().unwrap().starts_with("trace-to-otel/"));
        assert!(call.headers.contains_key("grpc-timeout"));
        assert_eq!(call.message, batch.bytes());
    }
}

#[tokio::test]
async fn a_receiver_is_asked_without_a_record() {
    let receiver = GrpcReceiver::start([GrpcReply::AcceptAll]).await;
    exporter(Protocol::Grpc, &receiver.endpoint).probe().await.unwrap();
    assert!(receiver.received()[0].message.is_empty());
}

#[tokio::test]
async fn the_connection_is_kept_until_no_answer_comes() {
    let batch = batch(Encoding::Protobuf, 1);
    let receiver = GrpcReceiver::start([GrpcReply::AcceptAll]).await;
    let patient = exporter(Protocol::Grpc, &receiver.endpoint);
    for _ in 0..3 {
        patient.export(&batch).await.unwrap();
    }
    assert_eq!((receiver.received().len(), receiver.connections()), (3, 1));

    let receiver = GrpcReceiver::start([GrpcReply::Hang, GrpcReply::AcceptAll]).await;
    let impatient = impatient(Protocol::Grpc, &receiver.endpoint);
    assert!(failed(impatient.export(&batch).await, ExportErrorKind::Timeout).is_retryable());
    // Where much else is going on, the answer that comes may be late too.
    while let Err(error) = impatient.export(&batch).await {
        failed::<()>(Err(error), ExportErrorKind::Timeout);
    }
    assert!(receiver.connections() > 1);
}

#[tokio::test]
async fn successes() {
    let cut = "x".repeat(500) + "…";
    let cases = [
        (GrpcReply::AcceptAll, (0, "")),
        (GrpcReply::Accept(0, ""), (0, "")),
        (GrpcReply::Accept(0, "use the new name"), (0, "use the new name")),
        (GrpcReply::Accept(3, "too\nold"), (3, "too old")),
        (GrpcReply::Accept(3, SECRET), (3, "[redacted]")),
        // However much it says.
        (GrpcReply::Accept(3, "x".repeat(1 << 20).leak()), (3, cut.as_str())),
    ];
    for (reply, expected) in cases {
        let accepted = call(reply).await.unwrap();
        assert_eq!((accepted.rejected, &*accepted.message), expected);
        assert!(accepted.is_acknowledged);
    }
}

#[tokio::test]
async fn answers_may_be_compressed() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let receiver = GrpcReceiver::start([GrpcReply::AcceptCompressed(3, "too old")]).await;
        let exporter = compressing(Protocol::Grpc, &receiver.endpoint, compression);
        let accepted = exporter.export(&batch(Encoding::Protobuf, 9)).await.unwrap();
        assert_eq!((accepted.rejected, &*accepted.message), (3, "too old"));
        failed(call(GrpcReply::Bomb(compression.name())).await, ExportErrorKind::NotOtlp);
    }
    failed(call(GrpcReply::Bomb("br")).await, ExportErrorKind::NotOtlp);
}

#[tokio::test]
async fn failures_by_status() {
    use ExportErrorKind as Kind;
    let cases = [
        (1, "cancelled", Kind::ServerError, true),
        (2, "unknown", Kind::ServerError, false),
        (3, "bad span", Kind::Rejected, false),
        (4, "late", Kind::Timeout, true),
        (5, "no such tenant", Kind::NotFound, false),
        (6, "exists", Kind::Rejected, false),
        (7, "denied", Kind::Unauthorized, false),
        (8, "quota", Kind::Throttled, false),
        (8, SIZE, Kind::TooLarge, false),
        (8, "gRPC message exceeds maximum size 4194304: 5000000", Kind::TooLarge, false),
        (9, "precondition", Kind::Rejected, false),
        (10, "aborted", Kind::ServerError, true),
        (11, "out of range", Kind::ServerError, true),
        (
            11,
            "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes",
            Kind::TooLarge,
            false,
        ),
        (12, "unknown service", Kind::NotFound, false),
        (12, "grpc: Decompressor is not installed for grpc-encoding \"zstd\"", Kind::Unsupported, false),
        (12, "Content is compressed with `zstd` which isn't supported", Kind::Unsupported, false),
        (13, "internal", Kind::ServerError, false),
        (14, "unavailable", Kind::ServerError, true),
        (15, "lost", Kind::ServerError, true),
        (16, SECRET, Kind::Unauthorized, false),
    ];
    for (code, message, kind, is_retryable) in cases {
        let error = failed(call(GrpcReply::Fail(code, message, vec![])).await, kind);
        assert_eq!(error.status(), Some(ReceiverStatus::Grpc(code)));
        assert_eq!(error.is_retryable(), is_retryable, "{error}");
        assert_eq!(error.message(), message.replace(SECRET, "[redacted]"));
        assert_eq!(error.retry_after(), None);
    }
}

#[tokio::test]
async fn the_receiver_says_how_long() {
    for code in [8, 14] {
        let receiver =
            GrpcReceiver::start([GrpcReply::Fail(code, "busy", retry_info(7, 250)), GrpcReply::AcceptAll])
                .await;
        let pace = FakePace::new(0.5);
        let exporter = Exporter::new(config(settings(Protocol::Grpc, &receiver.endpoint))).unwrap();
        let exporter = exporter.with_pace(pace.clone());
        exporter.export(&batch(Encoding::Protobuf, 1)).await.unwrap();
        assert_eq!(pace.slept(), [7.25]);

        let error =
            failed(call(GrpcReply::Fail(code, "busy", retry_info(7, 250))).await, ExportErrorKind::Throttled);
        assert_eq!(error.retry_after(), Some(Duration::from_millis(7250)));
    }
    // A size does not shrink by waiting.
    let error = failed(call(GrpcReply::Fail(8, SIZE, retry_info(7, 0))).await, ExportErrorKind::TooLarge);
    assert!(!error.is_retryable());
    // Details that cannot be read are none.
    let error = failed(call(GrpcReply::Fail(8, "busy", vec![0xff; 9])).await, ExportErrorKind::Throttled);
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn any_timeout_will_do() {
    let receiver = GrpcReceiver::start([GrpcReply::AcceptAll]).await;
    for timeout in [Duration::ZERO, Duration::from_millis(u64::MAX), Duration::MAX] {
        let settings = settings(Protocol::Grpc, &receiver.endpoint).with_timeout(timeout);
        Exporter::new(config(settings)).unwrap().export(&batch(Encoding::Protobuf, 1)).await.unwrap();
    }
    assert!(!receiver.received()[0].headers.contains_key("grpc-timeout"));
}

#[tokio::test]
async fn what_stands_before_a_receiver_answers_in_http() {
    use ExportErrorKind as Kind;
    let cases = [
        (401, Kind::Unauthorized, false),
        (403, Kind::Unauthorized, false),
        (404, Kind::NotFound, false),
        (413, Kind::TooLarge, false),
        (429, Kind::Throttled, true),
        (500, Kind::ServerError, false),
        (502, Kind::ServerError, true),
        (503, Kind::ServerError, true),
        (504, Kind::ServerError, true),
        (200, Kind::NotOtlp, false),
        (204, Kind::NotOtlp, false),
    ];
    for (status, kind, is_retryable) in cases {
        let error = failed(call(GrpcReply::Http(status, "text/html")).await, kind);
        assert_eq!(
            (error.status(), error.is_retryable()),
            (Some(ReceiverStatus::Http(status)), is_retryable)
        );
    }
}

#[tokio::test]
async fn broken_answers() {
    failed(call(GrpcReply::Garbage).await, ExportErrorKind::NotOtlp);
    failed(call(GrpcReply::Endless).await, ExportErrorKind::NotOtlp);
    assert!(failed(call(GrpcReply::Break).await, ExportErrorKind::Unreachable).is_retryable());
    failed(call(GrpcReply::NoStatus).await, ExportErrorKind::NotOtlp);
}

#[tokio::test]
async fn an_http_server_is_no_grpc_receiver() {
    let receiver = HttpReceiver::start([Reply::Answer(Answer::new(400, "text/plain", "what?"))]).await;
    let outcome = exporter(Protocol::Grpc, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
    failed(outcome, ExportErrorKind::NotOtlp);
}

#[tokio::test]
async fn broken_streams_are_tried_again() {
    let receiver = GrpcReceiver::start([
        GrpcReply::Break,
        GrpcReply::Fail(14, "starting", vec![]),
        GrpcReply::AcceptAll,
    ])
    .await;
    let exporter = Exporter::new(config(settings(Protocol::Grpc, &receiver.endpoint)))
        .unwrap()
        .with_retry(RetryOptions::default())
        .with_pace(FakePace::new(0.5));
    exporter.export(&batch(Encoding::Protobuf, 1)).await.unwrap();
    assert_eq!(receiver.received().len(), 3);
}
