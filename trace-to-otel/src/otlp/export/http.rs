//! OTLP/HTTP. OTLP, section "OTLP/HTTP".

use core::time::Duration;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use prost::Message;

use super::{
    answer::{Accepted, ExportResponse, RpcStatus, json},
    config::{Config, ConfigError, Endpoint},
    connect::{Client, Content, HttpVersion, LONGEST_ANSWER, USER_AGENT, connector, no_answer},
    error::{ExportError, ExportErrorKind, ReceiverStatus, classify_http},
};
use crate::{
    otlp::{Batch, Encoding},
    text::without_query,
};

/// The client's connections and what each request says.
#[derive(Debug)]
pub(super) struct HttpSender {
    client: Client,
    endpoint: Endpoint,
    headers: HeaderMap,
}

/// A request ready to be sent, as often as it takes.
pub(super) struct HttpMessage {
    body: Bytes,
    content_type: HeaderValue,
}

impl HttpSender {
    pub(super) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(encoding) = config.compression.content_encoding() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        headers.extend(config.all_headers());
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector(config, HttpVersion::Http1)?);
        Ok(Self { client, endpoint: config.endpoint.clone(), headers })
    }

    pub(super) async fn send(&self, message: &HttpMessage, now: SystemTime) -> Result<Accepted, ExportError> {
        let mut request =
            http::Request::new(Content::new(Full::new(message.body.clone()).map_err(Into::into)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.uri().clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(header::CONTENT_TYPE, message.content_type.clone());
        let response = self.client.request(request).await.map_err(|error| no_answer(&error))?;
        let (head, body) = response.into_parts();
        let body = Body::read(body).await;
        if head.status.is_success() { success(&head, body) } else { Err(failure(&head, &body, now)) }
    }
}

impl HttpMessage {
    pub(super) fn new(batch: &Batch, config: &Config) -> Result<Self, ExportError> {
        let body = config
            .compression
            .compress(batch.bytes())
            .map_err(|error| ExportError::new(ExportErrorKind::InvalidBatch, &error.to_string()))?;
        Ok(Self { body, content_type: HeaderValue::from_static(batch.encoding().content_type()) })
    }
}

/// What was read of an answer's content.
struct Body {
    bytes: Bytes,
    end: BodyEnd,
}

/// Why there is no more of a content.
enum BodyEnd {
    Whole,
    /// There may be more than anybody wants to read.
    Long,
    Broken(ExportError),
}

impl Body {
    async fn read(mut body: Incoming) -> Self {
        let mut bytes = BytesMut::new();
        let end = loop {
            match body.frame().await {
                None => break BodyEnd::Whole,
                Some(Err(error)) => break BodyEnd::Broken(no_answer(&error)),
                Some(Ok(frame)) => bytes.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            }
            if bytes.len() > LONGEST_ANSWER {
                bytes.truncate(LONGEST_ANSWER);
                break BodyEnd::Long;
            }
        };
        Self { bytes: bytes.freeze(), end }
    }
}

/// The media type of an answer, in lower case and without parameters; empty where there is none.
fn media_type(head: &http::response::Parts) -> String {
    let value = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// An answer whose status says that all is well: it is so unless its content says otherwise, as for OpenTelemetry's
/// Collector and SDKs.
fn success(head: &http::response::Parts, body: Body) -> Result<Accepted, ExportError> {
    let status = ReceiverStatus::Http(head.status.as_u16());
    let not_otlp = |message: &str| ExportError::answered(ExportErrorKind::NotOtlp, status, message, false);
    let Body { bytes, end } = body;
    let is_long = match end {
        BodyEnd::Broken(error) => return Err(error),
        BodyEnd::Long => true,
        BodyEnd::Whole => false,
    };
    let media_type = media_type(head);
    if media_type == Encoding::Protobuf.content_type() {
        let response = match is_long {
            true => {
                ExportResponse::from_beginning(&bytes).ok_or_else(|| not_otlp("its answer is too long"))?
            }
            false => ExportResponse::decode(bytes).map_err(|wrong| not_otlp(&wrong.to_string()))?,
        };
        return Ok(response.into());
    }
    if let Some(message) = json::failure(&bytes) {
        return Err(ExportError::answered(ExportErrorKind::ServerError, status, &message, false));
    }
    if media_type == "application/json" && !is_long {
        if let Ok(response) = json::export_response(&bytes) {
            return Ok(response.into());
        }
    }
    Ok(unlabelled(&bytes).map_or_else(Accepted::default, Accepted::from))
}

/// OTLP's own words under another content type, or none.
fn unlabelled(bytes: &[u8]) -> Option<ExportResponse> {
    let response = json::export_response(bytes).ok().or_else(|| ExportResponse::decode(bytes).ok())?;
    response.has_partial_success().then_some(response)
}

/// Any other answer. OTLP, section "OTLP/HTTP Response".
fn failure(head: &http::response::Parts, body: &Body, now: SystemTime) -> ExportError {
    let media_type = media_type(head);
    let message = if media_type == Encoding::Protobuf.content_type() {
        RpcStatus::decode(&*body.bytes).map(|status| status.message).unwrap_or_default()
    } else if media_type.contains("html") {
        String::new()
    } else {
        let text = || String::from_utf8_lossy(&body.bytes).into_owned();
        json::status_message(&body.bytes).unwrap_or_else(text)
    };
    let retry_after = head.headers.get(header::RETRY_AFTER).and_then(|value| retry_after(value, now));
    let code = head.status.as_u16();
    let (kind, is_retryable) = classify_http(code, &message, retry_after.is_some());
    let message = match head.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()) {
        Some(place) if head.status.is_redirection() => format!("it redirects to {}", without_query(place)),
        _ => message,
    };
    ExportError::answered(kind, ReceiverStatus::Http(code), &message, is_retryable)
        .with_retry_after(retry_after)
}

/// RFC 9110, section 10.2.3: seconds or a date.
fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()),
    }
}
