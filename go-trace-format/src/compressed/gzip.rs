//! gzip files. RFC 1952.

use std::{
    io::BufRead,
    time::{Duration, SystemTime},
};

use flate2::bufread::MultiGzDecoder;

/// Decompresses all members of a source.
pub(super) fn decoder<R: BufRead>(source: R) -> MultiGzDecoder<R> {
    MultiGzDecoder::new(source)
}

/// When what is compressed was modified, if the first member says so (`MTIME`).
pub(super) fn time(decoder: &MultiGzDecoder<impl BufRead>) -> Option<SystemTime> {
    let seconds = decoder.header()?.mtime();
    (seconds != 0).then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into()))
}
