//! Flags that say where to send, and how.

use clap::Args;
use trace_to_otel::otlp::{Compression, ConfigError, Protocol, Settings};

/// The receiver, and how it is spoken to.
#[derive(Clone, Debug, Default, Args)]
#[non_exhaustive]
pub struct ReceiverArguments {
    /// Sends to this receiver, such as http://localhost:4318; the path of the signal (/v1/traces) is added.
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// http/protobuf, http/json or grpc [default: $OTEL_EXPORTER_OTLP_PROTOCOL or other settings, else http/protobuf].
    #[arg(long, value_name = "PROTOCOL")]
    pub protocol: Option<Protocol>,
    /// gzip, zstd or none [default: $OTEL_EXPORTER_OTLP_COMPRESSION or other settings, else none].
    #[arg(long, value_name = "COMPRESSION")]
    pub compression: Option<Compression>,
}

impl ReceiverArguments {
    /// What these flags say of sending, and nothing else.
    ///
    /// # Errors
    ///
    /// The endpoint is no URL that can be sent to.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let mut settings = Settings::new();
        if let Some(endpoint) = &self.endpoint {
            settings = settings.with_endpoint(endpoint)?;
        }
        if let Some(protocol) = self.protocol {
            settings = settings.with_protocol(protocol);
        }
        if let Some(compression) = self.compression {
            settings = settings.with_compression(compression);
        }
        Ok(settings)
    }
}
