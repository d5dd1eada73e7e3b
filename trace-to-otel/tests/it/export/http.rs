//! OTLP/HTTP: what is sent, and what each answer means.

use std::{io::Read, sync::Arc, time::Duration};

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use trace_to_otel::otlp::{
    Compression, Encoding, ExportErrorKind, Exporter, Protocol, ReceiverStatus, Signal,
};

use crate::export::{
    http_receiver::{Answer, HttpReceiver, Reply},
    support::{
        SECRET, batch, compressing, config, deserted, exporter, failed, impatient, named_batch, settings,
        span_count,
    },
};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

fn response(partial: Option<(i64, &str)>) -> Vec<u8> {
    let partial_success = partial.map(|(rejected_spans, message)| ExportTracePartialSuccess {
        rejected_spans,
        error_message: message.to_owned(),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

/// `google.rpc.Status`.
fn rpc_status(message: &str) -> Vec<u8> {
    let length = u8::try_from(message.len()).unwrap();
    [&[0x08, 3, 0x12, length], message.as_bytes()].concat()
}

#[tokio::test]
async fn requests_are_what_the_specification_says() {
    for (protocol, content_type) in [(Protocol::HttpProtobuf, PROTOBUF), (Protocol::HttpJson, JSON)] {
        let receiver = HttpReceiver::start([Reply::Answer(Answer::new(200, PROTOBUF, response(None)))]).await;
        let batch = batch(protocol.encoding(), 3);
        exporter(protocol, &format!("{}/base/", receiver.endpoint)).export(&batch).await.unwrap();
        let [received] = &receiver.received()[..] else { panic!("one request") };
        assert_eq!(received.line, "POST /base/v1/traces HTTP/1.1");
        assert_eq!(received.header("content-type"), Some(content_type));
        assert_eq!(received.header("content-encoding"), None);
        assert_eq!(received.header("authorization"), Some(SECRET));
        assert!(received.header("user-agent").unwrap().starts_with("trace-to-otel/"));
        assert_eq!(received.header("host").unwrap(), &receiver.endpoint["http://".len()..]);
        assert_eq!(received.body, batch.bytes());
    }
}

#[tokio::test]
async fn a_receiver_is_asked_without_a_record() {
    for (protocol, body) in [(Protocol::HttpProtobuf, &b""[..]), (Protocol::HttpJson, b"{}")] {
        let replies = [
            Reply::Answer(Answer::new(200, PROTOBUF, response(None))),
            Reply::Answer(Answer::new(401, "text/plain", "")),
        ];
        let receiver = HttpReceiver::start(replies).await;
        let exporter = exporter(protocol, &receiver.endpoint);
        assert!(exporter.probe().await.unwrap().is_acknowledged);
        failed(exporter.probe().await, ExportErrorKind::Unauthorized);
        assert!(receiver.received().iter().all(|received| received.body == body));
    }
}

#[tokio::test]
async fn bodies_are_compressed() {
    let receiver = HttpReceiver::start([Reply::Answer(Answer::new(200, PROTOBUF, response(None)))]).await;
    let batch = batch(Encoding::Protobuf, 1000);
    for compression in [Compression::Gzip, Compression::Zstd] {
        compressing(Protocol::HttpProtobuf, &receiver.endpoint, compression).export(&batch).await.unwrap();
    }
    let [gzip, zstd] = &receiver.received()[..] else { panic!("two requests") };
    let mut body = Vec::new();
    GzDecoder::new(&*gzip.body).read_to_end(&mut body).unwrap();
    assert_eq!((gzip.header("content-encoding"), &*body), (Some("gzip"), batch.bytes()));
    let body = zstd::decode_all(&*zstd.body).unwrap();
    assert_eq!((zstd.header("content-encoding"), &*body), (Some("zstd"), batch.bytes()));
    assert!(gzip.body.len() < batch.bytes().len() && zstd.body.len() < batch.bytes().len());
}

#[tokio::test]
async fn connections_are_kept() {
    let receiver = HttpReceiver::start([Reply::Answer(Answer::new(200, PROTOBUF, response(None)))]).await;
    let exporter = exporter(Protocol::HttpProtobuf, &receiver.endpoint);
    for _ in 0..3 {
        exporter.export(&batch(Encoding::Protobuf, 1)).await.unwrap();
    }
    assert_eq!((receiver.received().len(), receiver.connections()), (3, 1));
}

#[tokio::test]
async fn connections_that_the_receiver_has_closed_are_no_matter() {
    let receiver = HttpReceiver::start([Reply::Last(Answer::new(200, PROTOBUF, response(None)))]).await;
    let exporter = exporter(Protocol::HttpProtobuf, &receiver.endpoint);
    for _ in 0..3 {
        exporter.export(&batch(Encoding::Protobuf, 1)).await.unwrap();
        receiver.is_left().await;
    }
    assert_eq!((receiver.received().len(), receiver.connections()), (3, 3));
}

#[tokio::test]
async fn batches_side_by_side() {
    let answer = Answer::new(200, PROTOBUF, response(Some((1, ""))));
    let receiver = HttpReceiver::start([Reply::Slow(answer, Duration::from_millis(50))]).await;
    let exporter = Arc::new(exporter(Protocol::HttpProtobuf, &receiver.endpoint));
    let calls: Vec<_> = (1..=8)
        .map(|spans| {
            let exporter = exporter.clone();
            tokio::spawn(async move { exporter.export(&batch(Encoding::Protobuf, spans)).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().rejected, 1);
    }
    let mut spans: Vec<_> = receiver.received().iter().map(|received| span_count(&received.body)).collect();
    spans.sort_unstable();
    assert_eq!(spans, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn successes() {
    let json = |body: &str| Answer::new(200, "Application/JSON; charset=utf-8", body);
    let cases = [
        (Answer::new(200, PROTOBUF, response(None)), (0, "", true)),
        (Answer::new(200, PROTOBUF, response(Some((0, "")))), (0, "", true)),
        (Answer::new(200, PROTOBUF, response(Some((0, "use the new name")))), (0, "use the new name", true)),
        (Answer::new(200, PROTOBUF, response(Some((2, "too\nold")))), (2, "too old", true)),
        (Answer::new(202, PROTOBUF, response(Some((-1, "")))), (0, "", true)),
        (json("{}"), (0, "", true)),
        (json(r#"{"partialSuccess":null}"#), (0, "", true)),
        (json(r#"{"partialSuccess":{}}"#), (0, "", true)),
        (json(r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"too old"}}"#), (2, "too old", true)),
        (json(r#"{"partialSuccess":{"rejectedSpans":7,"new":[1]},"more":1}"#), (7, "", true)),
        (json(r#"{"partial_success":{"rejected_log_records":"4"}}"#), (4, "", true)),
        // What some good receivers answer, and some web servers that are none.
        (Answer::new(200, "", ""), (0, "", false)),
        (Answer::new(204, "", ""), (0, "", false)),
        (Answer::new(200, JSON, ""), (0, "", false)),
        (Answer::new(201, "text/plain", "created"), (0, "", false)),
        (Answer::new(207, "", "ok"), (0, "", false)),
        (Answer::new(200, "text/html", "<html>Welcome to nginx!</html>"), (0, "", false)),
        (Answer::new(200, "text/html", ""), (0, "", false)),
        (Answer::new(200, "application/octet-stream", vec![0; 1 << 20]), (0, "", false)),
        // OTLP's words under another name, or none.
        (Answer::new(200, "text/plain", r#"{"partialSuccess":{"rejectedSpans":"2"}}"#), (2, "", true)),
        (Answer::new(200, "", response(Some((2, "too old")))), (2, "too old", true)),
        (Answer::new(200, "text/plain", "{}"), (0, "", false)),
        (json("<html>Welcome</html>"), (0, "", false)),
        (json("ok"), (0, "", false)),
        (json("\"ok\""), (0, "", false)),
        (json("[]"), (0, "", false)),
        (json("null"), (0, "", false)),
        (json(" "), (0, "", false)),
        (json(r#"{"error":null,"code":0,"message":""}"#), (0, "", true)),
    ];
    for (answer, expected) in cases {
        let receiver = HttpReceiver::start([Reply::Answer(answer.clone())]).await;
        let outcome =
            exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 9)).await;
        let accepted = outcome.unwrap_or_else(|error| panic!("{answer:?}: {error}"));
        assert_eq!((accepted.rejected, &*accepted.message, accepted.is_acknowledged), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_success_whose_content_says_otherwise_is_an_error() {
    use ExportErrorKind as Kind;
    let cases = [
        (Answer::new(200, PROTOBUF, "<html>Welcome</html>"), Kind::NotOtlp),
        (Answer::new(200, PROTOBUF, vec![0; 1 << 20]), Kind::NotOtlp),
        (Answer::new(200, JSON, r#"{"code":13,"message":"no room"}"#), Kind::ServerError),
        (Answer::new(202, "text/plain", r#"{"error":"no room"}"#), Kind::ServerError),
        (Answer::new(200, "", r#"{"error":{"reason":"no room"}}"#), Kind::ServerError),
    ];
    for (answer, kind) in cases {
        let receiver = HttpReceiver::start([Reply::Answer(answer)]).await;
        let outcome =
            exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        let error = failed(outcome, kind);
        assert!(!error.is_retryable(), "{error}");
    }
}

/// However much a receiver says of a success, it is one: sending again would store it twice.
#[tokio::test]
async fn long_words_about_a_success_are_cut() {
    let long = "very long ".repeat(1 << 17);
    let answers = [
        (Answer::new(200, PROTOBUF, response(Some((3, &long)))), 3),
        (Answer::new(200, JSON, format!(r#"{{"partialSuccess":{{"errorMessage":"{long}"}}}}"#)), 0),
        (Answer::new(200, "text/plain", long.clone()), 0),
    ];
    for (answer, rejected) in answers {
        let receiver = HttpReceiver::start([Reply::Answer(answer)]).await;
        let outcome =
            exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 9)).await;
        let accepted = outcome.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(accepted.rejected, rejected);
        assert!(accepted.message.len() < 600, "{}", accepted.message.len());
    }
}

#[tokio::test]
async fn failures_by_status() {
    use ExportErrorKind as Kind;
    let text = |status, body: &str| Answer::new(status, "text/plain", body);
    let cases = [
        (Answer::new(400, PROTOBUF, rpc_status("bad span")), Kind::Rejected, false, "bad span"),
        (Answer::new(400, JSON, r#"{"code":3,"message":"bad span"}"#), Kind::Rejected, false, "bad span"),
        (text(400, "bad\r\nspan\0"), Kind::Rejected, false, "bad span"),
        (Answer::new(400, "text/html", "<h1>No</h1>"), Kind::Rejected, false, ""),
        (text(400, "http: request body too large"), Kind::TooLarge, false, "http: request body too large"),
        (
            text(400, "unsupported Content-Encoding: zstd"),
            Kind::Unsupported,
            false,
            "unsupported Content-Encoding: zstd",
        ),
        (
            text(400, "Client sent an HTTP request to an HTTPS server."),
            Kind::Tls,
            false,
            "Client sent an HTTP request to an HTTPS server.",
        ),
        (text(401, SECRET), Kind::Unauthorized, false, "[redacted]"),
        (text(401, "no s3cr3t-t0ken here"), Kind::Unauthorized, false, "no [redacted] here"),
        (text(403, ""), Kind::Unauthorized, false, ""),
        (text(404, "404 page not found"), Kind::NotFound, false, "404 page not found"),
        (text(405, ""), Kind::NotFound, false, ""),
        (
            text(302, "").with("location", "http://example.com/login?next=s3cr3t"),
            Kind::NotFound,
            false,
            "it redirects to http://example.com/login",
        ),
        (text(408, ""), Kind::Timeout, false, ""),
        (text(413, ""), Kind::TooLarge, false, ""),
        (text(415, ""), Kind::Unsupported, false, ""),
        (text(422, ""), Kind::Rejected, false, ""),
        (text(429, ""), Kind::Throttled, true, ""),
        (text(500, "oops"), Kind::ServerError, false, "oops"),
        (text(501, ""), Kind::ServerError, false, ""),
        (text(502, ""), Kind::ServerError, true, ""),
        (text(503, ""), Kind::ServerError, true, ""),
        (text(504, ""), Kind::ServerError, true, ""),
        (text(503, "").with("retry-after", "1"), Kind::Throttled, true, ""),
    ];
    for (answer, kind, is_retryable, message) in cases {
        let receiver = HttpReceiver::start([Reply::Answer(answer.clone())]).await;
        let outcome =
            exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        let error = failed(outcome, kind);
        assert_eq!((error.is_retryable(), error.message()), (is_retryable, message), "{answer:?}");
        assert!(matches!(error.status(), Some(ReceiverStatus::Http(_))));
        assert!(error.to_string().starts_with(&receiver.endpoint), "{error}");
    }
}

#[tokio::test]
async fn long_messages_are_cut() {
    let receiver =
        HttpReceiver::start([Reply::Answer(Answer::new(400, "text/plain", "word ".repeat(1 << 18)))]).await;
    let outcome =
        exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
    let error = failed(outcome, ExportErrorKind::Rejected);
    assert!(error.message().len() < 600 && error.message().ends_with('…'), "{error}");
}

#[tokio::test]
async fn a_secret_is_taken_out_before_a_message_is_cut() {
    for words in 480..500 {
        let message = format!("{} {SECRET}", "y".repeat(words));
        let receiver = HttpReceiver::start([Reply::Answer(Answer::new(400, "text/plain", message))]).await;
        let outcome =
            exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        let error = failed(outcome, ExportErrorKind::Rejected);
        assert!(!error.message().contains("s3"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_before_the_whole_request_is_heard() {
    let answer = Reply::Early(Answer::new(413, "text/plain", "request body too large"));
    let receiver = HttpReceiver::start([answer]).await;
    let large = named_batch(Encoding::Protobuf, 4000, &"x".repeat(5000));
    let outcome = exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&large).await;
    failed(outcome, ExportErrorKind::TooLarge);
}

#[tokio::test]
async fn broken_connections() {
    let whole = Answer::new(200, PROTOBUF, response(Some((1, "a message to be cut"))));
    for reply in [Reply::Reset, Reply::HalfClose, Reply::Cut(whole)] {
        let receiver = HttpReceiver::start([reply]).await;
        let outcome =
            exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        let error = failed(outcome, ExportErrorKind::Unreachable);
        assert!(error.is_retryable() && error.status().is_none(), "{error}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let (_socket, endpoint) = deserted();
    for protocol in [Protocol::HttpProtobuf, Protocol::Grpc] {
        let outcome = exporter(protocol, &endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        let error = failed(outcome, ExportErrorKind::Unreachable);
        assert!(error.message().to_lowercase().contains("refused"), "{error}");
    }
    let outcome = exporter(Protocol::HttpProtobuf, "http://no-such-host.invalid:4318")
        .export(&batch(Encoding::Protobuf, 1))
        .await;
    failed(outcome, ExportErrorKind::Unreachable);
}

#[tokio::test]
async fn late_answers() {
    let late = Answer::new(200, PROTOBUF, response(Some((1, ""))));
    for reply in [Reply::Hang, Reply::Slow(late.clone(), Duration::from_secs(60))] {
        let receiver = HttpReceiver::start([reply]).await;
        let outcome =
            impatient(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        assert!(failed(outcome, ExportErrorKind::Timeout).is_retryable());
    }
    let receiver = HttpReceiver::start([Reply::Slow(late, Duration::from_millis(50))]).await;
    let outcome =
        exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
    assert_eq!(outcome.unwrap().rejected, 1);
}

#[tokio::test]
async fn what_speaks_no_http_is_no_receiver() {
    // What a gRPC server says first: the frame SETTINGS of HTTP/2.
    let receiver = HttpReceiver::start([Reply::Raw(b"\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")]).await;
    let outcome =
        exporter(Protocol::HttpProtobuf, &receiver.endpoint).export(&batch(Encoding::Protobuf, 1)).await;
    assert!(!failed(outcome, ExportErrorKind::NotOtlp).is_retryable());
}

/// Those settings may be there before our request is under way, or after.
#[tokio::test]
async fn what_speaks_first_is_no_receiver() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"\0\0\0\x04\0\0\0\0\0").await.unwrap();
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    for _ in 0..100 {
        let outcome = exporter(Protocol::HttpProtobuf, &endpoint).export(&batch(Encoding::Protobuf, 1)).await;
        assert!(!failed(outcome, ExportErrorKind::NotOtlp).is_retryable());
    }
    server.abort();
}

#[tokio::test]
async fn batches_that_are_not_sent() {
    let receiver = HttpReceiver::start([Reply::Answer(Answer::new(200, PROTOBUF, response(None)))]).await;
    let logs = settings(Protocol::HttpProtobuf, &receiver.endpoint).resolve(Signal::Logs).unwrap();
    let outcome = Exporter::new(logs).unwrap().export(&batch(Encoding::Protobuf, 1)).await;
    let error = failed(outcome, ExportErrorKind::InvalidBatch);
    assert!(error.message().contains("traces") && error.message().contains("logs"), "{error}");

    let outcome = exporter(Protocol::Grpc, &receiver.endpoint).export(&batch(Encoding::Json, 1)).await;
    failed(outcome, ExportErrorKind::InvalidBatch);

    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn no_secret_is_shown() {
    let endpoint = "http://127.0.0.1:1/?key=s3cr3t";
    let exporter = exporter(Protocol::HttpProtobuf, endpoint);
    let shown = format!(
        "{exporter:?} {:?} {}",
        config(settings(Protocol::Grpc, endpoint)),
        exporter.config().endpoint
    );
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert!(shown.contains("authorization"), "{shown}");
    let receiver =
        HttpReceiver::start([Reply::Answer(Answer::new(200, PROTOBUF, response(Some((1, SECRET)))))]).await;
    let accepted = crate::export::support::exporter(Protocol::HttpProtobuf, &receiver.endpoint);
    let accepted = accepted.export(&batch(Encoding::Protobuf, 2)).await.unwrap();
    assert_eq!(accepted.message, "[redacted]");
    assert_eq!(span_count(&receiver.received()[0].body), 2);
}
