//! The variables `OTEL_EXPORTER_OTLP_*`. OpenTelemetry, "OpenTelemetry Protocol Exporter", section "Configuration
//! Options"; "OpenTelemetry Environment Variable Specification".

use core::time::Duration;
use std::path::PathBuf;

use super::{ConfigError, Headers, Settings, endpoint::EndpointSetting};
use crate::otlp::Signal;

impl Settings {
    /// What the environment says of `signal`. `look_up` gives the value of a variable, such as
    /// `|name| std::env::var(name).ok()`; an empty one counts as unset. A variable of the signal
    /// (`OTEL_EXPORTER_OTLP_TRACES_…`) goes before the general one (`OTEL_EXPORTER_OTLP_…`).
    ///
    /// | variable | meaning |
    /// |---|---|
    /// | `…_ENDPOINT` | the receiver's URL; over HTTP, the signal's path comes behind a general one, and one of the signal is used as it is |
    /// | `…_HEADERS` | `key1=value1,key2=value2`, values percent-encoded |
    /// | `…_TIMEOUT` | milliseconds; 0 means no limit |
    /// | `…_COMPRESSION` | `gzip`, `zstd`, `none` |
    /// | `…_PROTOCOL` | `grpc`, `http/protobuf`, `http/json` |
    /// | `…_CERTIFICATE` | PEM file of the authorities that vouch for the receiver |
    /// | `…_CLIENT_CERTIFICATE`, `…_CLIENT_KEY` | PEM files of who is sending |
    /// | `…_INSECURE` | `true` or `false`: what a gRPC endpoint without scheme means, see [`with_insecure`](Self::with_insecure) |
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the variable, where one cannot be used.
    pub fn from_environment(
        signal: Signal,
        look_up: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let environment = Environment { signal, look_up };
        let path = |text: &str| Ok(PathBuf::from(text));
        Ok(Self {
            endpoint: environment.endpoint()?,
            insecure: environment.read("INSECURE", boolean)?,
            protocol: environment.read("PROTOCOL", str::parse)?,
            headers: environment.read("HEADERS", Headers::parse)?,
            timeout: environment.read("TIMEOUT", milliseconds)?,
            compression: environment.read("COMPRESSION", str::parse)?,
            certificate: environment.read("CERTIFICATE", path)?,
            client_certificate: environment.read("CLIENT_CERTIFICATE", path)?,
            client_key: environment.read("CLIENT_KEY", path)?,
        })
    }
}

struct Environment<L> {
    signal: Signal,
    look_up: L,
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn of_signal(&self, option: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{}_{option}", self.signal.name().to_uppercase())
    }

    fn general(option: &str) -> String {
        format!("OTEL_EXPORTER_OTLP_{option}")
    }

    fn endpoint(&self) -> Result<Option<EndpointSetting>, ConfigError> {
        match self.variable(&self.of_signal("ENDPOINT"), EndpointSetting::exact)? {
            Some(endpoint) => Ok(Some(endpoint)),
            None => self.variable(&Self::general("ENDPOINT"), EndpointSetting::general),
        }
    }

    fn read<T>(
        &self,
        option: &str,
        parse: impl Fn(&str) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        match self.variable(&self.of_signal(option), &parse)? {
            Some(value) => Ok(Some(value)),
            None => self.variable(&Self::general(option), &parse),
        }
    }

    fn variable<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        let value = (self.look_up)(name);
        let value = value.as_deref().map(str::trim).filter(|value| !value.is_empty());
        value.map(|value| parse(value).map_err(|error| error.of_variable(name))).transpose()
    }
}

fn milliseconds(text: &str) -> Result<Duration, ConfigError> {
    text.parse().map(Duration::from_millis).map_err(|_| {
        ConfigError::new("timeout", format!("{text:?} is no number of milliseconds; write one like 10000"))
    })
}

fn boolean(text: &str) -> Result<bool, ConfigError> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(ConfigError::unknown("insecure", text, &["true", "false"])),
    }
}
