//! `[otlp]`: where spans go, and how.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use serde::Deserialize;
use trace_programs::SignalName;
use trace_to_otel::otlp::{
    Config as ReceiverConfig, Encoder, ExportErrorKind, Headers, RetryOptions, Settings, Signal,
};

use super::{Environment, secret::Secret, text};
use crate::cli;

/// What the file says. What flags and environment say comes before.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Otlp {
    /// What is delivered.
    pub(crate) signals: Vec<SignalName>,
    endpoint: Option<String>,
    protocol: Option<String>,
    compression: Option<String>,
    headers: BTreeMap<String, Secret>,
    #[serde(deserialize_with = "text::optional_duration")]
    timeout: Option<Duration>,
    insecure: Option<bool>,
    certificate: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    /// How long to wait before trying again what only a person can put right: a wrong token, a wrong URL.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) slow_retry: Duration,
    /// The longest wait before trying again what will do by itself.
    #[serde(deserialize_with = "text::duration")]
    pub(crate) max_backoff: Duration,
    /// How many requests may be under way side by side.
    pub(crate) concurrency: usize,
    pub(crate) max_batch_bytes: usize,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            signals: vec![SignalName::Traces],
            endpoint: None,
            protocol: None,
            compression: None,
            headers: BTreeMap::new(),
            timeout: None,
            insecure: None,
            certificate: None,
            client_certificate: None,
            client_key: None,
            slow_retry: Duration::from_secs(30),
            max_backoff: Duration::from_secs(30),
            concurrency: 2,
            max_batch_bytes: 1 << 20,
        }
    }
}

impl Otlp {
    /// Where and how records of `signal` go.
    pub(crate) fn receiver(
        &self,
        signal: Signal,
        flags: &cli::Settings,
        environment: Environment,
    ) -> Result<ReceiverConfig> {
        let environment = Settings::from_environment(signal, environment)?;
        Ok(flags
            .receiver
            .settings()?
            .or(environment)
            .or(self.settings().context("[otlp]")?)
            .resolve(signal)?)
    }

    /// Whether a signal is delivered.
    pub(crate) fn wants(&self, signal: SignalName) -> bool {
        self.signals.contains(&signal)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        anyhow::ensure!(
            !self.signals.is_empty(),
            "[otlp] signals: name at least one of \"traces\", \"logs\", \"metrics\", \"profiles\""
        );
        anyhow::ensure!(self.concurrency > 0, "[otlp] concurrency: at least 1 request has to be under way");
        let most = Encoder::<trace_to_otel::Span>::LARGEST_MAX_BYTES;
        anyhow::ensure!(
            (1024..=most).contains(&self.max_batch_bytes),
            "[otlp] max_batch_bytes: choose 1024 to {most}"
        );
        anyhow::ensure!(!self.slow_retry.is_zero(), "[otlp] slow_retry: it cannot be 0");
        anyhow::ensure!(!self.max_backoff.is_zero(), "[otlp] max_backoff: it cannot be 0");
        Ok(())
    }

    /// Where to put right what the receiver does not like.
    pub(crate) fn advice(&self, flags: &cli::Settings, environment: Environment) -> Advice {
        let file = match &flags.config {
            Some(path) => format!("of {}", path.display()),
            None => "of a file of settings".to_owned(),
        };
        let variable = |option: &str| {
            let names =
                [format!("OTEL_EXPORTER_OTLP_TRACES_{option}"), format!("OTEL_EXPORTER_OTLP_{option}")];
            names.into_iter().find(|name| environment(name).is_some_and(|value| !value.is_empty()))
        };
        let place = |flag: Option<&str>, option: &str, is_in_file: bool| {
            let name = option.to_lowercase();
            let in_file = || is_in_file.then(|| format!("[otlp] {name} {file}"));
            flag.map(str::to_owned).or_else(|| variable(option)).or_else(in_file)
        };
        let unset = |option: &str| {
            format!(
                "none is set: see [otlp] {} {file}, or OTEL_EXPORTER_OTLP_{option}",
                option.to_lowercase()
            )
        };
        let endpoint = flags.receiver.endpoint.is_some().then_some("--endpoint");
        let protocol = flags.receiver.protocol.is_some().then_some("--protocol");
        let compression = flags.receiver.compression.is_some().then_some("--compression");
        let usual = "the default: --endpoint says another one".to_owned();
        Advice {
            headers: place(None, "HEADERS", !self.headers.is_empty()).unwrap_or_else(|| unset("HEADERS")),
            endpoint: place(endpoint, "ENDPOINT", self.endpoint.is_some()).unwrap_or(usual),
            protocol: place(protocol, "PROTOCOL", self.protocol.is_some()),
            compression: place(compression, "COMPRESSION", self.compression.is_some()),
            certificate: place(None, "CERTIFICATE", self.certificate.is_some()),
            timeout: place(None, "TIMEOUT", self.timeout.is_some()),
        }
    }

    /// The waits before a request is sent again that the receiver was not there for.
    pub(crate) fn retry(&self) -> RetryOptions {
        let mut retry = RetryOptions::never();
        retry.max_backoff = self.max_backoff;
        retry
    }

    fn settings(&self) -> Result<Settings> {
        let mut settings = Settings::new();
        if let Some(endpoint) = &self.endpoint {
            settings = settings.with_endpoint(endpoint)?;
        }
        if let Some(protocol) = &self.protocol {
            settings = settings.with_protocol(protocol.parse()?);
        }
        if let Some(compression) = &self.compression {
            settings = settings.with_compression(compression.parse()?);
        }
        if let Some(timeout) = self.timeout {
            settings = settings.with_timeout(timeout);
        }
        if let Some(insecure) = self.insecure {
            settings = settings.with_insecure(insecure);
        }
        if let Some(certificate) = &self.certificate {
            settings = settings.with_certificate(certificate);
        }
        match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => settings = settings.with_client_certificate(certificate, key),
            (None, None) => {}
            _ => anyhow::bail!("client_certificate and client_key go together"),
        }
        if !self.headers.is_empty() {
            let headers = self
                .headers
                .iter()
                .try_fold(Headers::new(), |headers, (key, value)| headers.with(key, value.reveal()))?;
            settings = settings.with_headers(headers);
        }
        Ok(settings)
    }
}

/// Where each setting came from that a receiver may not like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    headers: String,
    endpoint: String,
    protocol: Option<String>,
    compression: Option<String>,
    certificate: Option<String>,
    timeout: Option<String>,
}

impl Advice {
    /// What a person can do about a failure.
    pub(crate) fn of(&self, kind: ExportErrorKind) -> String {
        use ExportErrorKind as Kind;
        let Self { headers, endpoint, .. } = self;
        let or = |place: &Option<String>, unset: &str| place.clone().unwrap_or_else(|| unset.to_owned());
        match kind {
            Kind::Unauthorized => format!("check the token (headers: {headers})"),
            Kind::Unreachable => {
                format!(
                    "check that a receiver listens there (4318 for HTTP, 4317 for gRPC; endpoint: {endpoint})"
                )
            }
            Kind::NotFound => format!("check the URL (endpoint: {endpoint})"),
            Kind::NotOtlp => {
                let protocol = or(&self.protocol, "the default, http/protobuf");
                format!(
                    "check the URL and the protocol: 4318 speaks HTTP, 4317 gRPC (endpoint: {endpoint}; protocol: {protocol})"
                )
            }
            Kind::Unsupported => {
                let protocol = or(&self.protocol, "the default, http/protobuf");
                let compression = or(&self.compression, "the default, none");
                format!(
                    "choose another protocol or compression (protocol: {protocol}; compression: {compression})"
                )
            }
            Kind::Tls => {
                let certificate =
                    or(&self.certificate, "the system's authorities; [otlp] certificate names others");
                format!(
                    "check the URL's scheme and certificates (endpoint: {endpoint}; certificate: {certificate})"
                )
            }
            Kind::Timeout => {
                let timeout = or(&self.timeout, "the default, 10 s; [otlp] timeout says another one");
                format!(
                    "allow more time, or send less at once by [otlp] max_batch_bytes (timeout: {timeout})"
                )
            }
            other => other.advice().to_owned(),
        }
    }
}
