//! Settings that are texts with a form of their own: where one has another form, an example is told.

use core::fmt::Display;
use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use humantime_serde::re::humantime;
use serde::{Deserialize, Deserializer, de::Error};

/// What people write for numbers as well.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, such as \"1 GiB\" or \"30s\"")]
enum NumberOrText {
    Number(i64),
    Text(String),
}

impl Display for NumberOrText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

/// A size, such as "1 GiB" or a number of bytes.
pub(super) fn size<'d, D: Deserializer<'d>>(deserializer: D) -> Result<ByteSize, D::Error> {
    let said = NumberOrText::deserialize(deserializer)?;
    let size = match &said {
        NumberOrText::Number(bytes) => u64::try_from(*bytes).ok().map(ByteSize),
        NumberOrText::Text(text) => text.parse().ok(),
    };
    size.ok_or_else(|| {
        D::Error::custom(format!("{said} is no size: write \"1 GiB\", \"64 MiB\" or a number of bytes"))
    })
}

/// Likewise, where it need not be said.
pub(super) fn optional_size<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    size(deserializer).map(Some)
}

/// A duration, such as "30s".
pub(super) fn duration<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Duration, D::Error> {
    let said = NumberOrText::deserialize(deserializer)?;
    let duration = match &said {
        NumberOrText::Number(0) => Some(Duration::ZERO),
        NumberOrText::Number(_) => None,
        NumberOrText::Text(text) => humantime::parse_duration(text).ok(),
    };
    duration.ok_or_else(|| {
        D::Error::custom(format!("{said} is no duration: write \"30s\", \"250ms\" or \"1m 30s\""))
    })
}

/// Likewise, where it need not be said.
pub(super) fn optional_duration<'d, D: Deserializer<'d>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// An address to listen at, such as "127.0.0.1:4320".
pub(super) fn address<'d, D: Deserializer<'d>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let said = NumberOrText::deserialize(deserializer)?;
    match &said {
        NumberOrText::Text(text) => parse_address(text).map_err(D::Error::custom),
        NumberOrText::Number(port) => {
            Err(D::Error::custom(format!("{port} is no address: write \"127.0.0.1:{port}\"")))
        }
    }
}

/// An address to listen at.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no address: write an IP address and a port, such as \"127.0.0.1:4320\"")
    })
}
