//! How requests travel, and how they are compressed.

use core::{fmt, str::FromStr};

use super::error::ConfigError;
use crate::otlp::Encoding;

/// How requests travel. `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `http/protobuf`: the default.
    #[default]
    HttpProtobuf,
    /// `http/json`.
    #[cfg(feature = "json")]
    HttpJson,
    /// `grpc`.
    Grpc,
}

impl Protocol {
    const ALL: &[Self] = &[
        Self::Grpc,
        Self::HttpProtobuf,
        #[cfg(feature = "json")]
        Self::HttpJson,
    ];

    /// The name that the specification gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HttpProtobuf => "http/protobuf",
            #[cfg(feature = "json")]
            Self::HttpJson => "http/json",
            Self::Grpc => "grpc",
        }
    }

    /// How its requests are encoded.
    #[must_use]
    pub const fn encoding(self) -> Encoding {
        match self {
            Self::HttpProtobuf | Self::Grpc => Encoding::Protobuf,
            #[cfg(feature = "json")]
            Self::HttpJson => Encoding::Json,
        }
    }

    pub(super) const fn default_endpoint(self) -> &'static str {
        match self {
            Self::Grpc => "http://localhost:4317",
            _ => "http://localhost:4318",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The specification's names, as far as the features go.
impl FromStr for Protocol {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        ConfigError::one_of("protocol", text, Self::ALL, Self::name)
    }
}

/// How requests are compressed. `OTEL_EXPORTER_OTLP_COMPRESSION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all: the default.
    #[default]
    None,
    /// gzip, which every receiver takes.
    Gzip,
    /// Zstandard, which is quicker and smaller, and not part of the specification: OpenTelemetry's Collector takes it.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    const ALL: &[Self] = &[
        Self::Gzip,
        #[cfg(feature = "zstd")]
        Self::Zstd,
        Self::None,
    ];

    /// Its name: `none`, or the one that `Content-Encoding` and `grpc-encoding` use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `gzip`, `none` or, with the feature `zstd`, `zstd`.
impl FromStr for Compression {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        ConfigError::one_of("compression", text, Self::ALL, Self::name)
    }
}
