//! A gRPC server that answers as it is told: hyper's HTTP/2, and gRPC's few bytes on top, so that it can misbehave.

use std::{
    convert::Infallible,
    io::{Read, Write},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use flate2::{read::GzDecoder, write::GzEncoder};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

/// What to do with one call.
#[derive(Clone, Debug)]
pub(crate) enum GrpcReply {
    /// So many rejected, for this reason; 0 and none is an empty partial success.
    Accept(i64, &'static str),
    /// As `Accept`, compressed as the call was, as Go's servers do.
    AcceptCompressed(i64, &'static str),
    /// A message that grows a thousandfold.
    Bomb(&'static str),
    /// No partial success.
    AcceptAll,
    /// A status with this message and these details, `google.rpc.Status` encoded.
    Fail(i32, &'static str, Vec<u8>),
    /// An HTTP status with a content type.
    Http(u16, &'static str),
    /// A response without a status behind it.
    NoStatus,
    /// A response that is no message.
    Garbage,
    /// A response that never ends.
    Endless,
    Hang,
    /// Breaks the stream off.
    Break,
}

#[derive(Clone, Debug)]
pub(crate) struct ReceivedCall {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// Decompressed.
    pub(crate) message: Vec<u8>,
}

/// Gives the replies in turn, the last one for ever.
#[derive(Debug)]
pub(crate) struct GrpcReceiver {
    pub(crate) endpoint: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    replies: Vec<GrpcReply>,
    received: Mutex<Vec<ReceivedCall>>,
    connections: Mutex<usize>,
}

impl GrpcReceiver {
    pub(crate) async fn start(replies: impl Into<Vec<GrpcReply>>) -> Self {
        Self::listen(replies.into(), None).await
    }

    pub(crate) async fn start_tls(replies: impl Into<Vec<GrpcReply>>, acceptor: TlsAcceptor) -> Self {
        Self::listen(replies.into(), Some(acceptor)).await
    }

    async fn listen(replies: Vec<GrpcReply>, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endpoint = match acceptor {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://localhost:{port}"),
        };
        let state = Arc::new(State { replies, received: Mutex::default(), connections: Mutex::default() });
        let task = tokio::spawn(accept(listener, acceptor, state.clone()));
        Self { endpoint, state, task }
    }

    pub(crate) fn received(&self) -> Vec<ReceivedCall> {
        self.state.received.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        *self.state.connections.lock().unwrap()
    }
}

impl Drop for GrpcReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        *state.connections.lock().unwrap() += 1;
        let (acceptor, state) = (acceptor.clone(), state.clone());
        tokio::spawn(async move {
            match acceptor {
                None => converse(stream, state).await,
                // A client that does not like the certificate goes away.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        converse(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, state: Arc<State>) {
    let service = service_fn(move |request| answer(request, state.clone()));
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // It ends with an error where the client goes away in the middle of a call.
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, &'static str> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| "the client went away")?.to_bytes();
    let message = unframe(&body, head.headers.get("grpc-encoding"));
    let encoding = head.headers.get("grpc-encoding").cloned().unwrap_or(HeaderValue::from_static("gzip"));
    let index = {
        let mut received = state.received.lock().unwrap();
        received.push(ReceivedCall { path: head.uri.path().to_owned(), headers: head.headers, message });
        received.len() - 1
    };
    match &state.replies[index.min(state.replies.len() - 1)] {
        GrpcReply::Accept(rejected_spans, message) => {
            let partial = ExportTracePartialSuccess {
                rejected_spans: *rejected_spans,
                error_message: (*message).into(),
            };
            Ok(respond(&encode(Some(partial)), Some("0")))
        }
        GrpcReply::AcceptCompressed(rejected_spans, message) => {
            let partial = ExportTracePartialSuccess {
                rejected_spans: *rejected_spans,
                error_message: (*message).into(),
            };
            Ok(compressed(&encode(Some(partial)), encoding.to_str().unwrap()))
        }
        GrpcReply::Bomb(encoding) => Ok(compressed(&vec![0; 8 << 20], encoding)),
        GrpcReply::AcceptAll => Ok(respond(&encode(None), Some("0"))),
        GrpcReply::Fail(code, message, details) => Ok(fail(*code, message, details)),
        GrpcReply::Http(status, content_type) => {
            let response = Response::builder().status(*status).header("content-type", *content_type);
            Ok(response.body(Full::new(Bytes::from("<html></html>")).boxed_unsync()).unwrap())
        }
        GrpcReply::NoStatus => Ok(respond(&encode(None), None)),
        GrpcReply::Garbage => Ok(respond(b"<html>", Some("0"))),
        GrpcReply::Endless => Ok(respond(&vec![0; 8 << 20], Some("0"))),
        GrpcReply::Hang => std::future::pending().await,
        GrpcReply::Break => Err("told to"),
    }
}

fn encode(partial_success: Option<ExportTracePartialSuccess>) -> Vec<u8> {
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

fn respond(message: &[u8], status: Option<&'static str>) -> Response<Body> {
    respond_frame(0, message, status, None)
}

fn respond_frame(
    flag: u8,
    message: &[u8],
    status: Option<&'static str>,
    encoding: Option<&str>,
) -> Response<Body> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    let frame = [&[flag][..], &length, message].concat();
    let trailers = status.map(|status| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static(status));
        Ok(trailers)
    });
    let body = Full::new(Bytes::from(frame)).with_trailers(std::future::ready(trailers));
    let mut response = Response::builder().header("content-type", "application/grpc+proto");
    if let Some(encoding) = encoding {
        response = response.header("grpc-encoding", encoding);
    }
    response.body(body.boxed_unsync()).unwrap()
}

fn compressed(message: &[u8], encoding: &str) -> Response<Body> {
    let message = match encoding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(message, 3).unwrap(),
        other => return respond_frame(1, message, Some("0"), Some(other)),
    };
    respond_frame(1, &message, Some("0"), Some(encoding))
}

/// What gRPC calls "trailers only".
fn fail(code: i32, message: &str, details: &[u8]) -> Response<Body> {
    use base64::Engine;

    let response = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", code)
        .header("grpc-message", message.replace(' ', "%20"))
        .header("grpc-status-details-bin", base64::engine::general_purpose::STANDARD_NO_PAD.encode(details));
    response.body(Full::default().boxed_unsync()).unwrap()
}

fn unframe(frame: &[u8], encoding: Option<&HeaderValue>) -> Vec<u8> {
    let (head, message) = frame.split_at(5);
    assert_eq!(u32::from_be_bytes(head[1..].try_into().unwrap()) as usize, message.len());
    let is_compressed = head[0] == 1;
    assert_eq!(is_compressed, encoding.is_some());
    let mut plain = Vec::new();
    match encoding.map(HeaderValue::as_bytes) {
        None => plain.extend(message),
        Some(b"gzip") => {
            GzDecoder::new(message).read_to_end(&mut plain).unwrap();
        }
        Some(b"zstd") => plain.extend(zstd::decode_all(message).unwrap()),
        Some(other) => panic!("{other:?}"),
    }
    plain
}
