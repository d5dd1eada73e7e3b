//! Traces one after the other in one stream, each behind its length.
//!
//! The flight-recorder fork's `/debug/pprof/trace?stream=1` sends them so (`fork-dialect.md`, "Streaming
//! endpoint"): eight bytes of length, little-endian, and a whole trace. Traces overlap: read each with a
//! [`Reader`](crate::Reader) that [follows](crate::Reader::follow) the one before.

use std::io::{self, Read};

use crate::error::Error;

/// Reads length-prefixed traces. Memory is bounded by the largest one that really came, whatever the lengths say.
///
/// ```
/// use go_trace_format::{Reader, TraceFrames};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let response: &[u8] = &[];
/// let mut frames = TraceFrames::new(response);
/// while let Some(trace) = frames.next_frame()? {
///     let mut reader = Reader::from_slice(trace)?;
///     while let Some(event) = reader.next_event()? {
///         println!("{event:?}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TraceFrames<R> {
    source: R,
    buffer: Vec<u8>,
    limit: u64,
    offset: u64,
}

impl<R: Read> TraceFrames<R> {
    /// The largest trace that is accepted unless another limit is set, in bytes.
    pub const DEFAULT_LIMIT: u64 = 1 << 30;

    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), limit: Self::DEFAULT_LIMIT, offset: 0 }
    }

    /// Accepts traces of up to `bytes` bytes.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// The next trace, or `None` where the stream ends between two.
    ///
    /// # Errors
    ///
    /// [`Error::FrameTooLarge`] over the limit, [`Error::TruncatedFrame`] where the stream ends within a trace, and
    /// [`Error::Io`] where the source fails. What came of a trace that is cut off is in
    /// [`truncated`](Self::truncated).
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, Error> {
        const PREFIX: u64 = 8;
        let offset = self.offset;
        self.read(PREFIX)?;
        let Ok(prefix) = <[u8; PREFIX as usize]>::try_from(self.buffer.as_slice()) else {
            return if self.buffer.is_empty() { Ok(None) } else { Err(Error::TruncatedFrame { offset }) };
        };
        let size = u64::from_le_bytes(prefix);
        if size > self.limit {
            return Err(Error::FrameTooLarge { offset, size });
        }
        self.read(size)?;
        if (self.buffer.len() as u64) < size {
            return Err(Error::TruncatedFrame { offset });
        }
        Ok(Some(&self.buffer))
    }

    /// What came last, after [`Error::TruncatedFrame`]: the beginning of a trace, from which a salvaging reader
    /// may still get something.
    #[must_use]
    pub fn truncated(&self) -> &[u8] {
        &self.buffer
    }

    /// Reads up to `size` bytes into the buffer.
    fn read(&mut self, size: u64) -> Result<(), Error> {
        self.buffer.clear();
        let read = (&mut self.source).take(size).read_to_end(&mut self.buffer);
        self.offset += self.buffer.len() as u64;
        read.map(|_| ()).map_err(|error: io::Error| Error::Io { offset: self.offset, kind: error.kind() })
    }
}
