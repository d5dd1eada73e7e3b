//! Compressed data that break off or are damaged: what was decompressed before is worth reading.

use core::fmt;
use std::{
    error,
    io::{self, Read},
    sync::{Arc, OnceLock},
};

/// Tells whether decompression ended at damage. It knows when the bytes are read to their end, whoever reads them: see
/// [`Decompressed::damage`](super::Decompressed::damage).
///
/// The default is that of bytes that are not compressed, which never finds any.
#[derive(Clone, Debug, Default)]
pub struct Damage(Arc<OnceLock<DecompressionError>>);

impl Damage {
    /// Why the bytes ended too early, if they did so far.
    #[must_use]
    pub fn found(&self) -> Option<&DecompressionError> {
        self.0.get()
    }
}

/// Why compressed data could not be decompressed to their end: they are cut off or damaged.
#[derive(Debug)]
pub struct DecompressionError {
    offset: u64,
    problem: String,
}

impl DecompressionError {
    /// How many decompressed bytes were delivered before it.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl fmt::Display for DecompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the compressed data are damaged after {} decompressed bytes: {}",
            self.offset, self.problem
        )
    }
}

impl error::Error for DecompressionError {}

/// A call of flate2 that fails takes with it whatever it put out before: so it is asked for little at once.
const PIECE: usize = 8 << 10;

/// A decompressor whose output ends where its input is damaged.
pub(super) struct Lenient<R> {
    source: R,
    offset: u64,
    damage: Damage,
}

impl<R> Lenient<R> {
    pub(super) fn new(source: R, damage: Damage) -> Self {
        Self { source, offset: 0, damage }
    }
}

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.damage.found().is_some() {
            return Ok(0);
        }
        let most = buffer.len().min(PIECE);
        match self.source.read(&mut buffer[..most]) {
            Ok(count) => {
                self.offset += count as u64;
                Ok(count)
            }
            Err(error) if is_damage(&error) => {
                let problem = error.to_string();
                self.damage.0.get_or_init(|| DecompressionError { offset: self.offset, problem });
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::InvalidData | K::InvalidInput | K::UnexpectedEof)
}
