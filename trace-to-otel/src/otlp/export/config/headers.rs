//! What is sent along with each request. OpenTelemetry, "OpenTelemetry Protocol Exporter", section "Specifying headers
//! via environment variables".

use core::fmt;
use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::percent_decode_str;

use super::error::ConfigError;

/// Headers of HTTP requests, or metadata of gRPC calls. Their values are secrets: they are in no text that this crate
/// makes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(HeaderMap);

/// Those that belong to the exporter.
const RESERVED: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
];

impl Headers {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `key1=value1,key2=value2`, the values percent-encoded, as `OTEL_EXPORTER_OTLP_HEADERS` has it. The last
    /// value of a key counts.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where a member is no pair or no header; it names its place or its key, never its value.
    pub fn parse(list: &str) -> Result<Self, ConfigError> {
        let mut headers = Self::new();
        let members = list.split(',').map(str::trim).enumerate();
        for (place, member) in members.filter(|(_, member)| !member.is_empty()) {
            let (key, value) = member.split_once('=').ok_or_else(|| {
                let problem = format!("member {} has no '='; write key1=value1,key2=value2", place + 1);
                ConfigError::new("headers", problem)
            })?;
            headers = headers.with_bytes(key.trim(), &Cow::from(percent_decode_str(value.trim())))?;
        }
        Ok(headers)
    }

    /// Adds a header; the last value of a key counts. The value is taken as it is.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where HTTP does not allow the key or the value, or where the header is one that the exporter
    /// sets itself.
    pub fn with(self, key: &str, value: &str) -> Result<Self, ConfigError> {
        self.with_bytes(key, value.as_bytes())
    }

    fn with_bytes(mut self, key: &str, value: &[u8]) -> Result<Self, ConfigError> {
        let error = |problem: &str| ConfigError::new("headers", format!("{key:?} {problem}"));
        let name: HeaderName = key.parse().map_err(|_| error("is no name of a header"))?;
        if RESERVED.contains(&name) || name.as_str().starts_with("grpc-") {
            return Err(error("is set by the exporter itself; leave it out"));
        }
        let mut value =
            HeaderValue::from_bytes(value).map_err(|_| error("has a value that no header may have"))?;
        value.set_sensitive(true);
        self.0.insert(name, value);
        Ok(self)
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(HeaderName::as_str)
    }

    pub(in crate::otlp::export) fn map(&self) -> &HeaderMap {
        &self.0
    }

    /// `text` without any of the values: a receiver may repeat in its answer what it was sent.
    pub(in crate::otlp::export) fn redact(&self, text: &str) -> String {
        // Shorter ones are no secrets, and would tear other words apart.
        const SHORTEST: usize = 6;
        let values = self.0.values().filter_map(|value| value.to_str().ok());
        let mut words: Vec<_> = values
            .flat_map(|value| core::iter::once(value).chain(value.split_whitespace()))
            .filter(|word| word.len() >= SHORTEST)
            .collect();
        words.sort_by_key(|word| core::cmp::Reverse(word.len()));
        words.into_iter().fold(text.to_owned(), |text, word| text.replace(word, "[redacted]"))
    }
}

/// Shows the names only.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
