//! What receivers answer. OTLP, sections "OTLP/gRPC Response" and "OTLP/HTTP Response".

#[cfg(feature = "grpc")]
use core::time::Duration;

use prost::Message;

use super::{config::Config, error::one_line};

/// A request that was accepted. Sending it again would store its items twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accepted {
    /// How many of its spans, data points, log records or profiles the receiver threw away for good. OTLP: "Partial Success".
    pub rejected: u64,
    /// Why, or what the receiver warns of although it took all; on one line, often empty.
    pub message: String,
    /// Whether the receiver answered as OTLP demands. Some that are good receivers nevertheless answer with any status
    /// of HTTP's 2xx and any content or none, and so does many a web server that is none: look whether the data arrived.
    pub is_acknowledged: bool,
}

impl Accepted {
    /// Makes the message fit for logs: what nobody may see is taken out before it is cut.
    pub(super) fn at(self, config: &Config) -> Self {
        Self { message: one_line(&config.headers.redact(&self.message)), ..self }
    }
}

/// `Export{Trace,Metrics,Logs,Profiles}ServiceResponse`: they differ in names only.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// `Export{Trace,Metrics,Logs,Profiles}PartialSuccess`.
#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

impl ExportResponse {
    /// Whether it says anything.
    #[cfg(feature = "http")]
    pub(super) fn has_partial_success(&self) -> bool {
        self.partial_success.is_some()
    }

    /// What the first bytes of a response tell whose end is missing, as that of one with a very long message; `None`
    /// where it is none.
    #[cfg(feature = "http")]
    pub(super) fn from_beginning(bytes: &[u8]) -> Option<Self> {
        let mut response = Self::default();
        for_each_field(bytes, |field| match field {
            Field::Bytes(1, inner) => {
                let partial = response.partial_success.get_or_insert_default();
                for_each_field(inner, |field| {
                    match field {
                        Field::Integer(1, rejected) => {
                            partial.rejected = i64::try_from(rejected).unwrap_or(0);
                        }
                        Field::Bytes(2, text) => {
                            partial.error_message = String::from_utf8_lossy(text).into_owned();
                        }
                        _ => {}
                    }
                    Some(())
                })
            }
            _ => Some(()),
        })?;
        Some(response)
    }
}

/// A field of a message: its number, and what it holds.
#[cfg(feature = "http")]
enum Field<'b> {
    Integer(u32, u64),
    /// As far as there are bytes.
    Bytes(u32, &'b [u8]),
}

/// Goes through the fields of a message that may be cut off within one. `None` where it is no message.
#[cfg(feature = "http")]
fn for_each_field<'b>(mut bytes: &'b [u8], mut see: impl FnMut(Field<'b>) -> Option<()>) -> Option<()> {
    use prost::encoding::{WireType, decode_key, decode_varint};
    while !bytes.is_empty() {
        let (number, wire_type) = decode_key(&mut bytes).ok()?;
        match wire_type {
            WireType::Varint => see(Field::Integer(number, decode_varint(&mut bytes).ok()?))?,
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).unwrap_or(usize::MAX);
                let (content, rest) = bytes.split_at(length.min(bytes.len()));
                bytes = rest;
                see(Field::Bytes(number, content))?;
            }
            WireType::SixtyFourBit => bytes = bytes.get(8..).unwrap_or_default(),
            WireType::ThirtyTwoBit => bytes = bytes.get(4..).unwrap_or_default(),
            WireType::StartGroup | WireType::EndGroup => return None,
        }
    }
    Some(())
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

    /// What an answer to a request says that failed, whatever its status: a `google.rpc.Status` that is not 0, or an
    /// `error`, as many an API has it.
    pub(in crate::otlp::export) fn failure(body: &[u8]) -> Option<String> {
        let said: JsonFailure = serde_json::from_slice(body).ok()?;
        let words = |value: serde_json::Value| match value {
            serde_json::Value::Null | serde_json::Value::Bool(false) => None,
            serde_json::Value::String(text) if text.is_empty() => None,
            serde_json::Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        let error = said.error.and_then(words);
        let status = said.code.filter(|&code| code != 0).and(said.message);
        error.or(status)
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
            alias = "rejectedProfiles",
            alias = "rejected_spans",
            alias = "rejected_data_points",
            alias = "rejected_log_records",
            alias = "rejected_profiles"
        )]
        rejected: Option<Integer>,
        #[serde(rename = "errorMessage", alias = "error_message")]
        error_message: Option<String>,
    }

    #[derive(Deserialize)]
    struct JsonFailure {
        error: Option<serde_json::Value>,
        code: Option<i64>,
        message: Option<String>,
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
