//! OTLP/gRPC. OTLP, section "OTLP/gRPC"; gRPC itself is tonic's, over the same connections as HTTP.

use core::{
    convert::Infallible,
    error::Error,
    future::{Future, Ready, ready},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::sync::{Mutex, PoisonError};

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderValue, header, uri::PathAndQuery};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, combinators::WithTrailers};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use prost::Message;
use tonic::{
    Code, Extensions, Status,
    body::Body,
    client::Grpc,
    codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
};

use super::{
    answer::{Accepted, ExportResponse, RpcStatus},
    config::{Compression, Config, ConfigError, Endpoint},
    connect::{
        BoxError, Client, Connector, Content, HttpVersion, LONGEST_MESSAGE, USER_AGENT, causes, connector,
        no_answer,
    },
    error::{ExportError, ExportErrorKind, ReceiverStatus, classify_http, is_about_size},
};
use crate::otlp::{Batch, Signal};

/// What `grpc-timeout` can tell a receiver, and more than anybody waits: a year. tonic panics at 10,000 of them.
const LONGEST_LIMIT: Duration = Duration::from_secs(365 * 86_400);

/// The connection and what each call says.
#[derive(Debug)]
pub(super) struct GrpcSender {
    connector: Connector,
    channel: Mutex<Channel>,
    endpoint: Endpoint,
    metadata: MetadataMap,
    compression: Option<CompressionEncoding>,
}

impl GrpcSender {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let connector = connector(config, HttpVersion::Http2)?;
        Ok(Self {
            channel: Mutex::new(Channel::new(connector.clone())),
            connector,
            endpoint: config.endpoint.clone(),
            metadata: MetadataMap::from_headers(config.all_headers()),
            compression: match config.compression {
                Compression::None => None,
                Compression::Gzip => Some(CompressionEncoding::Gzip),
                #[cfg(feature = "zstd")]
                Compression::Zstd => Some(CompressionEncoding::Zstd),
            },
        })
    }

    pub(super) async fn send(&self, batch: &Batch, limit: Option<Duration>) -> Result<Accepted, ExportError> {
        let channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut client = Grpc::with_origin(channel, self.endpoint.uri().clone());
        if let Some(compression) = self.compression {
            client = client.send_compressed(compression);
        }
        let mut call = tonic::Request::from_parts(
            self.metadata.clone(),
            Extensions::new(),
            Bytes::copy_from_slice(batch.bytes()),
        );
        if let Some(limit) = limit {
            call.set_timeout(limit.min(LONGEST_LIMIT));
        }
        let path = PathAndQuery::from_static(method(batch.signal()));
        let response = client.unary(call, path, ExportCodec).await.map_err(|status| failure(&status))?;
        Ok(response.into_inner().into())
    }

    /// Leaves a connection on which no answer came: HTTP/2 would use it for the next call too, though it may be dead.
    pub(super) fn reconnect(&self) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = Channel::new(self.connector.clone());
    }
}

/// The path of a signal's method.
const fn method(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        Signal::Profiles => "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
    }
}

/// What of HTTP a gRPC answer must be before tonic reads it.
#[derive(Clone, Debug)]
struct Channel(Client);

impl Channel {
    fn new(connector: Connector) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        Self(builder.http2_only(true).timer(TokioTimer::new()).pool_timer(TokioTimer::new()).build(connector))
    }
}

impl tower_service::Service<http::Request<Body>> for Channel {
    type Response = http::Response<Answer>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        request.headers_mut().entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
        let response = self.0.request(request.map(|body| Content::new(body.map_err(Into::into))));
        Box::pin(async move {
            let response = response.await?;
            is_grpc(&response)?;
            read(response).await
        })
    }
}

/// The whole content of an answer, and what comes behind it.
type Answer = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Reads an answer before tonic does: tonic would set aside as much memory as a frame asks for, decompress without
/// bounds, and its own errors cannot be told from the receiver's.
async fn read(response: http::Response<Incoming>) -> Result<http::Response<Answer>, BoxError> {
    let not_otlp = |message| ExportError::new(ExportErrorKind::NotOtlp, message);
    let (mut head, body) = response.into_parts();
    let body = match Limited::new(body, LONGEST_MESSAGE).collect().await {
        Err(error) if error.is::<LengthLimitError>() => return Err(not_otlp("its answer is too long").into()),
        body => body?,
    };
    let trailers = body.trailers().cloned();
    // Without one, tonic takes the answer for a success.
    let has_status = |headers: &HeaderMap| headers.contains_key("grpc-status");
    if !has_status(&head.headers) && !trailers.as_ref().is_some_and(has_status) {
        return Err(not_otlp("its answer has no grpc-status").into());
    }
    let encoding = head.headers.remove("grpc-encoding");
    let frame = plain_frame(&body.to_bytes(), encoding.as_ref()).map_err(not_otlp)?;
    let body = Full::new(frame).with_trailers(ready(trailers.map(Ok)));
    Ok(http::Response::from_parts(head, body))
}

/// The frame of an answer, decompressed: a server may use the compression of the request. None is none.
///
/// gRPC over HTTP/2, "Length-Prefixed-Message".
fn plain_frame(frame: &Bytes, encoding: Option<&HeaderValue>) -> Result<Bytes, &'static str> {
    let Some((&[is_compressed, ref length @ ..], message)) = frame.split_first_chunk::<5>() else {
        return if frame.is_empty() { Ok(Bytes::new()) } else { Err("its answer is shorter than a frame") };
    };
    if u32::from_be_bytes(*length) as usize != message.len() {
        return Err("its answer is not as long as it says");
    }
    if is_compressed == 0 {
        return Ok(frame.clone());
    }
    let compression = encoding.and_then(|encoding| encoding.to_str().ok()?.parse::<Compression>().ok());
    let compression = compression.ok_or("its answer is compressed in an unknown way")?;
    let message = compression
        .decompress(message, LONGEST_MESSAGE)
        .map_err(|_| "its answer is compressed in a wrong way")?;
    let length = u32::try_from(message.len()).map_err(|_| "its answer is too long")?;
    Ok([&[0], &length.to_be_bytes()[..], &message].concat().into())
}

fn is_grpc<T>(response: &http::Response<T>) -> Result<(), ExportError> {
    let code = response.status().as_u16();
    let status = ReceiverStatus::Http(code);
    if code != 200 {
        let (kind, is_retryable) = classify_http(code, "", false);
        return Err(ExportError::answered(kind, status, "", is_retryable));
    }
    let content_type = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !content_type.starts_with(b"application/grpc") {
        let content_type = String::from_utf8_lossy(content_type);
        let message = format!("its answer is of the content type {content_type:?}");
        return Err(ExportError::answered(ExportErrorKind::NotOtlp, status, &message, false));
    }
    Ok(())
}

/// OTLP, section "OTLP/gRPC Response".
fn failure(status: &Status) -> ExportError {
    if let Some(source) = status.source() {
        let ours = causes(source).find_map(|cause| cause.downcast_ref::<ExportError>());
        return ours.map_or_else(|| no_answer(source), ExportError::clone);
    }
    let retry_after = RpcStatus::decode(status.details()).ok().and_then(|status| status.retry_delay());
    let (kind, is_retryable) = classify(status.code(), status.message(), retry_after.is_some());
    let code = ReceiverStatus::Grpc(status.code().into());
    ExportError::answered(kind, code, status.message(), is_retryable).with_retry_after(retry_after)
}

/// The kind of failure that a gRPC status means, and whether the request may be sent again.
fn classify(code: Code, message: &str, has_retry_info: bool) -> (ExportErrorKind, bool) {
    use ExportErrorKind as Kind;
    match code {
        Code::ResourceExhausted | Code::OutOfRange if is_about_size(message) => (Kind::TooLarge, false),
        Code::ResourceExhausted => (Kind::Throttled, has_retry_info),
        Code::Unavailable if has_retry_info => (Kind::Throttled, true),
        Code::Cancelled | Code::Aborted | Code::OutOfRange | Code::Unavailable | Code::DataLoss => {
            (Kind::ServerError, true)
        }
        Code::DeadlineExceeded => (Kind::Timeout, true),
        Code::Unauthenticated | Code::PermissionDenied => (Kind::Unauthorized, false),
        // What Go and tonic answer to a compression that they do not know.
        Code::Unimplemented if ["Decompressor", "compressed"].iter().any(|word| message.contains(word)) => {
            (Kind::Unsupported, false)
        }
        Code::Unimplemented | Code::NotFound => (Kind::NotFound, false),
        Code::InvalidArgument | Code::AlreadyExists | Code::FailedPrecondition => (Kind::Rejected, false),
        Code::Ok | Code::Unknown | Code::Internal => (Kind::ServerError, false),
    }
}

/// Takes requests that are encoded already.
#[derive(Clone, Copy, Debug)]
struct ExportCodec;

impl Codec for ExportCodec {
    type Encode = Bytes;
    type Decode = ExportResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for ExportCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, request: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(request);
        Ok(())
    }
}

impl Decoder for ExportCodec {
    type Item = ExportResponse;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<ExportResponse>, Status> {
        ExportResponse::decode(buffer).map(Some).map_err(|wrong| {
            let error =
                ExportError::new(ExportErrorKind::NotOtlp, &format!("its answer cannot be read: {wrong}"));
            Status::from_error(Box::new(error))
        })
    }
}
