//! `[otlp]`: where spans go, and how.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use serde::Deserialize;
use trace_to_otel::otlp::{Config as ReceiverConfig, Encoder, Headers, RetryOptions, Settings, Signal};

use super::{Environment, secret::Secret};
use crate::cli;

/// What the file says. What flags and environment say comes before.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Otlp {
    endpoint: Option<String>,
    protocol: Option<String>,
    compression: Option<String>,
    headers: BTreeMap<String, Secret>,
    #[serde(with = "humantime_serde::option")]
    timeout: Option<Duration>,
    insecure: Option<bool>,
    certificate: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    /// How long to wait before trying again what only a person can put right: a wrong token, a wrong URL.
    #[serde(with = "humantime_serde")]
    pub(crate) slow_retry: Duration,
    /// The longest wait before trying again what will do by itself.
    #[serde(with = "humantime_serde")]
    pub(crate) max_backoff: Duration,
    /// How many requests may be under way side by side.
    pub(crate) concurrency: usize,
    pub(crate) max_batch_bytes: usize,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
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
        Ok(from_flags(flags)?.or(environment).or(self.settings().context("[otlp]")?).resolve(signal)?)
    }

    pub(crate) fn validate(&self) -> Result<()> {
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

    /// The waits before a request is sent again that the receiver was not there for.
    pub(crate) fn retry(&self) -> RetryOptions {
        let initial = Duration::from_millis(500).min(self.max_backoff);
        RetryOptions::never().with_backoff(initial, self.max_backoff)
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

fn from_flags(flags: &cli::Settings) -> Result<Settings> {
    let mut settings = Settings::new();
    if let Some(endpoint) = &flags.endpoint {
        settings = settings.with_endpoint(endpoint)?;
    }
    if let Some(protocol) = flags.protocol {
        settings = settings.with_protocol(protocol);
    }
    if let Some(compression) = flags.compression {
        settings = settings.with_compression(compression);
    }
    Ok(settings)
}
