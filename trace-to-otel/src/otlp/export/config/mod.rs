//! Where to send and how. OpenTelemetry, "OpenTelemetry Protocol Exporter", section "Configuration Options".

mod endpoint;
mod environment;
mod error;
mod headers;
mod protocol;

use core::time::Duration;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};

use self::endpoint::EndpointSetting;
pub use self::{
    endpoint::Endpoint,
    error::ConfigError,
    headers::Headers,
    protocol::{Compression, Protocol},
};
use crate::otlp::Signal;

/// What one source says of where to send and how: flags, a file, or the environment. Each source says only some of it;
/// [`or`](Self::or) puts them in order, and [`resolve`](Self::resolve) fills in the specification's defaults.
///
/// ```
/// use trace_to_otel::otlp::{Protocol, Settings, Signal};
///
/// let environment = [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318/otlp"), ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
/// let look_up = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
/// let flags = Settings::new().with_protocol(Protocol::HttpJson);
/// let config = flags.or(Settings::from_environment(Signal::Traces, look_up)?).resolve(Signal::Traces)?;
/// assert_eq!(config.endpoint.to_string(), "http://collector:4318/otlp/v1/traces");
/// # Ok::<(), trace_to_otel::otlp::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    endpoint: Option<EndpointSetting>,
    insecure: Option<bool>,
    protocol: Option<Protocol>,
    headers: Option<Headers>,
    timeout: Option<Duration>,
    compression: Option<Compression>,
    certificate: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
}

impl Settings {
    /// Says nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends to the receiver at `endpoint`: over HTTP, the signal's own path comes behind it (`/v1/traces`, …), as it
    /// does for `OTEL_EXPORTER_OTLP_ENDPOINT`. Without a scheme it means `http://`, see [`with_insecure`].
    ///
    /// [`with_insecure`]: Self::with_insecure
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where it is no URL of `http` or `https`.
    pub fn with_endpoint(mut self, endpoint: &str) -> Result<Self, ConfigError> {
        self.endpoint = Some(EndpointSetting::general(endpoint)?);
        Ok(self)
    }

    /// Sends to exactly this URL, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and its like do.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where it is no URL of `http` or `https`.
    pub fn with_exact_endpoint(mut self, endpoint: &str) -> Result<Self, ConfigError> {
        self.endpoint = Some(EndpointSetting::exact(endpoint)?);
        Ok(self)
    }

    /// What an endpoint without a scheme means for gRPC: `http://` where `insecure` or where nobody says, `https://`
    /// where `insecure` is false. (The specification means `https://` where nobody says; a receiver on the same host or
    /// in the same pod, the usual one here, has no certificate.)
    #[must_use]
    pub fn with_insecure(mut self, insecure: bool) -> Self {
        self.insecure = Some(insecure);
        self
    }

    /// How requests travel.
    #[must_use]
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// What is sent along with each request, such as a token.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.headers = Some(headers);
        self
    }

    /// How long exporting one request may take, [retries](super::RetryOptions) and all; zero means as long as it takes.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How requests are compressed.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// A PEM file with the certificates of the authorities that may vouch for the receiver, instead of the system's.
    #[must_use]
    pub fn with_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.certificate = Some(file.into());
        self
    }

    /// PEM files with the own certificate chain and its private key, for receivers that ask who is sending.
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.client_certificate = Some(certificate.into());
        self.client_key = Some(key.into());
        self
    }

    /// What these settings say, and what `others` say where these say nothing. Headers are not merged: the first who
    /// gives some gives all.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            endpoint: self.endpoint.or(others.endpoint),
            insecure: self.insecure.or(others.insecure),
            protocol: self.protocol.or(others.protocol),
            headers: self.headers.or(others.headers),
            timeout: self.timeout.or(others.timeout),
            compression: self.compression.or(others.compression),
            certificate: self.certificate.or(others.certificate),
            client_certificate: self.client_certificate.or(others.client_certificate),
            client_key: self.client_key.or(others.client_key),
        }
    }

    /// What to do with requests of `signal`, all defaults filled in: `http/protobuf` to `http://localhost:4318`
    /// (`grpc` to `http://localhost:4317`), no compression, ten seconds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] where only one of client certificate and client key is given.
    pub fn resolve(self, signal: Signal) -> Result<Config, ConfigError> {
        let protocol = self.protocol.unwrap_or_default();
        let endpoint = match self.endpoint {
            Some(endpoint) => endpoint,
            None => EndpointSetting::general(protocol.default_endpoint())?,
        };
        let client = match (self.client_certificate, self.client_key) {
            (Some(certificate), Some(key)) => Some(ClientIdentity { certificate, key }),
            (None, None) => None,
            (Some(_), None) => return Err(ConfigError::alone("client certificate", "client key")),
            (None, Some(_)) => return Err(ConfigError::alone("client key", "client certificate")),
        };
        Ok(Config {
            signal,
            protocol,
            endpoint: endpoint.resolve(protocol, signal, self.insecure)?,
            headers: self.headers.unwrap_or_default(),
            timeout: Some(self.timeout.unwrap_or(Config::DEFAULT_TIMEOUT))
                .filter(|timeout| !timeout.is_zero()),
            compression: self.compression.unwrap_or_default(),
            certificate: self.certificate,
            client,
        })
    }
}

/// Where requests of one signal go, and how. Made by [`Settings::resolve`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What is sent.
    pub signal: Signal,
    /// How it travels.
    pub protocol: Protocol,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// What is sent along with each request.
    pub headers: Headers,
    /// How long exporting one request may take; none: as long as it takes.
    pub timeout: Option<Duration>,
    /// How requests are compressed.
    pub compression: Compression,
    /// The PEM file with the authorities that may vouch for the receiver; none: the system's.
    pub certificate: Option<PathBuf>,
    /// Who is sending, for receivers that ask.
    pub client: Option<ClientIdentity>,
}

impl Config {
    /// How long exporting one request may take where nobody says.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    /// The headers, and what its signal wants to be there.
    pub(super) fn all_headers(&self) -> HeaderMap {
        let mut headers = self.headers.map().clone();
        if let Some((name, value)) = self.signal.version_header() {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    /// What the environment says of `signal`, see [`Settings::from_environment`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the variable.
    pub fn from_environment(
        signal: Signal,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        Settings::from_environment(signal, look_up)?.resolve(signal)
    }
}

/// Who is sending: a certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// The PEM file with the private key.
    pub key: PathBuf,
}
