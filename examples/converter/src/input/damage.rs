//! Compressed data that break off or are damaged: what was decompressed before is worth reading.

use std::{
    fmt,
    io::{self, Read},
    sync::{Arc, OnceLock},
};

/// Tells, once the bytes are read, whether their decompression ended in an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damage(Arc<OnceLock<Found>>);

#[derive(Debug)]
pub(crate) struct Found {
    bytes: u64,
    problem: String,
}

impl Damage {
    pub(crate) fn found(&self) -> Option<&Found> {
        self.0.get()
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the compressed data are damaged after {} decompressed bytes: {}", self.bytes, self.problem)
    }
}

/// A decompressor whose output ends where its input is damaged.
pub(super) struct Lenient<R> {
    source: R,
    bytes: u64,
    damage: Damage,
}

impl<R> Lenient<R> {
    pub(super) fn new(source: R, damage: Damage) -> Self {
        Self { source, bytes: 0, damage }
    }
}

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.damage.found().is_some() {
            return Ok(0);
        }
        match self.source.read(buffer) {
            Ok(count) => {
                self.bytes += count as u64;
                Ok(count)
            }
            Err(error) if is_damage(&error) => {
                self.damage.0.get_or_init(|| Found { bytes: self.bytes, problem: error.to_string() });
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
