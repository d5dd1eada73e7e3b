//! Compressed bodies. RFC 9110, section 8.4.1; RFC 8878.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;

use super::config::Compression;

impl Compression {
    /// The value of `Content-Encoding`.
    pub(super) const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip | Self::Zstd => Some(self.name()),
        }
    }

    pub(super) fn compress(self, body: &[u8]) -> io::Result<Bytes> {
        match self {
            Self::None => Ok(Bytes::copy_from_slice(body)),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(body)?;
                encoder.finish().map(Bytes::from)
            }
            Self::Zstd => zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL).map(Bytes::from),
        }
    }
}
