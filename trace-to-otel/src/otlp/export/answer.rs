//! What receivers answer. OTLP, sections "OTLP/gRPC Response" and "OTLP/HTTP Response".

#[cfg(feature = "grpc")]
use core::time::Duration;

use prost::Message;

use super::{config::Config, error::one_line};

/// A request that was accepted. Sending it again would store its items twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// How many of its spans, data points or log records the receiver threw away for good. OTLP: "Partial Success".
    pub rejected: u64,
    /// Why, or what the receiver warns of although it took all; on one line, often empty.
    pub message: String,
    /// Whether the receiver answered as OTLP demands. Some that are good receivers nevertheless send no more than an
    /// HTTP 200 or 204 without content, and so does many a web server that is none: look whether the data arrived.
    pub is_acknowledged: bool,
}

impl Accepted {
    /// Makes the message fit for logs: what nobody may see is taken out before it is cut.
    pub(super) fn at(self, config: &Config) -> Self {
        Self { message: one_line(&config.headers.redact(&self.message)), ..self }
    }
}

/// `Export{Trace,Metrics,Logs}ServiceResponse`: they differ in names only.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `Export{Trace,Metrics,Logs}PartialSuccess`.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// An empty partial success is a success.
impl From<ExportResponse> for Accepted {
    fn from(response: ExportResponse) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        Self {
            rejected: u64::try_from(partial.rejected).unwrap_or(0),
            message: partial.error_message,
            is_acknowledged: true,
        }
    }
}

/// `google.rpc.Status`, the content of an HTTP answer that is no success and of `grpc-status-details-bin`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[cfg(feature = "grpc")]
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcDetail>,
}

#[cfg(feature = "grpc")]
impl RpcStatus {
    /// How long the sender shall wait, by `google.rpc.RetryInfo`.
    pub(super) fn retry_delay(&self) -> Option<Duration> {
        let detail = self.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
        let delay = RetryInfo::decode(&*detail.value).ok()?.retry_delay.unwrap_or_default();
        let seconds = u64::try_from(delay.seconds).unwrap_or(0);
        let nanoseconds = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
        Some(Duration::new(seconds, nanoseconds))
    }
}

/// `google.protobuf.Any`.
#[cfg(feature = "grpc")]
#[derive(Clone, PartialEq, Message)]
struct RpcDetail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[cfg(feature = "grpc")]
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<RetryDelay>,
}

/// `google.protobuf.Duration`.
#[cfg(feature = "grpc")]
#[derive(Clone, Copy, PartialEq, Message)]
struct RetryDelay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// The same in JSON.
#[cfg(feature = "http")]
pub(super) mod json {
    use serde::Deserialize;

    use super::{ExportResponse, PartialSuccess};

    /// What is wrong with an answer that is no `Export…ServiceResponse`.
    pub(in crate::otlp::export) fn export_response(body: &[u8]) -> serde_json::Result<ExportResponse> {
        let response: JsonExportResponse = serde_json::from_slice(body)?;
        let partial_success = response.partial_success.map(|partial| PartialSuccess {
            rejected: partial.rejected.map_or(0, Integer::number),
            error_message: partial.error_message.unwrap_or_default(),
        });
        Ok(ExportResponse { partial_success })
    }

    /// The message of a `google.rpc.Status`.
    pub(in crate::otlp::export) fn status_message(body: &[u8]) -> Option<String> {
        serde_json::from_slice(body).ok().and_then(|status: JsonRpcStatus| status.message)
    }

    #[derive(Deserialize)]
    struct JsonExportResponse {
        #[serde(rename = "partialSuccess", alias = "partial_success")]
        partial_success: Option<JsonPartialSuccess>,
    }

    #[derive(Deserialize)]
    struct JsonPartialSuccess {
        #[serde(
            rename = "rejectedSpans",
            alias = "rejectedDataPoints",
            alias = "rejectedLogRecords",
            alias = "rejected_spans",
            alias = "rejected_data_points",
            alias = "rejected_log_records"
        )]
        rejected: Option<Integer>,
        #[serde(rename = "errorMessage", alias = "error_message")]
        error_message: Option<String>,
    }

    #[derive(Deserialize)]
    struct JsonRpcStatus {
        message: Option<String>,
    }

    /// JSON's mapping writes 64-bit integers as strings, and readers take both.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Integer {
        Number(i64),
        Text(String),
    }

    impl Integer {
        // No number counts as none: the answer as a whole is still OTLP's.
        fn number(self) -> i64 {
            match self {
                Self::Number(number) => number,
                Self::Text(text) => text.parse().unwrap_or(0),
            }
        }
    }
}
