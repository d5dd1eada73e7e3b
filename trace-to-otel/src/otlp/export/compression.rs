//! Compressed bodies: RFC 9110, section 8.4.1; RFC 8878. gRPC uses the same names.

use std::io;
#[cfg(feature = "http")]
use std::io::Write;

#[cfg(feature = "http")]
use bytes::Bytes;

use super::config::Compression;

#[cfg(feature = "http")]
impl Compression {
    /// The value of `Content-Encoding`.
    pub(super) const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            _ => Some(self.name()),
        }
    }

    pub(super) fn compress(self, body: &[u8]) -> io::Result<Bytes> {
        match self {
            Self::None => Ok(Bytes::copy_from_slice(body)),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(body)?;
                encoder.finish().map(Bytes::from)
            }
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL).map(Bytes::from),
        }
    }
}

#[cfg(feature = "grpc")]
impl Compression {
    /// What was compressed, if it is no longer than `limit`.
    pub(super) fn decompress(self, body: &[u8], limit: usize) -> io::Result<Vec<u8>> {
        use io::Read;

        let reader: Box<dyn Read + '_> = match self {
            Self::None => Box::new(body),
            Self::Gzip => Box::new(flate2::read::GzDecoder::new(body)),
            #[cfg(feature = "zstd")]
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(body)?),
        };
        let mut plain = Vec::new();
        reader.take(limit as u64 + 1).read_to_end(&mut plain)?;
        if plain.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(plain)
    }
}
