//! Traces one after the other in one stream, each behind its length.
//!
//! The flight-recorder fork's `/debug/pprof/trace?stream=1` sends them so (`docs/fork-dialect.md`, "Streaming
//! endpoint"): eight bytes of length, little-endian, and a whole trace. Traces overlap: read each with a
//! [`Reader`](crate::Reader) that [follows](crate::Reader::follow) the one before.

use std::io::{self, Read};

use crate::error::Error;

/// Reads length-prefixed traces. Memory is bounded by the largest one that really came, whatever the lengths say.
///
/// ```
/// use go_trace_format::{Reader, TraceStream};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let response: &[u8] = &[];
/// let mut traces = TraceStream::new(response);
/// while let Some(trace) = traces.next_trace()? {
///     let mut reader = Reader::from_slice(trace)?;
///     while let Some(event) = reader.next_event()? {
///         println!("{event:?}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TraceStream<R> {
    source: R,
    buffer: Vec<u8>,
    limit: u64,
    /// Where the current trace's length stands.
    start: u64,
    /// The size of the current frame, once its length has been read.
    size: Option<u64>,
    failed: Option<Error>,
}

/// The bytes of a length.
const PREFIX: usize = 8;

impl<R: Read> TraceStream<R> {
    /// The largest trace that is accepted unless another limit is set, in bytes.
    pub const DEFAULT_LIMIT: u64 = 1 << 30;

    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), limit: Self::DEFAULT_LIMIT, start: 0, size: None, failed: None }
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
    /// [`Error::TraceTooLarge`] over the limit and [`Error::TruncatedTrace`] where the stream ends within a trace, both
    /// again on each further call. [`Error::Io`] where the source fails: the next call goes on where it failed. What
    /// came of a trace that is cut off is in [`truncated`](Self::truncated).
    pub fn next_trace(&mut self) -> Result<Option<&[u8]>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.size.is_some_and(|size| size == self.buffer.len() as u64) {
            // The one before was handed out.
            self.start += (PREFIX + self.buffer.len()) as u64;
            self.buffer.clear();
            self.size = None;
        }
        let size = match self.size {
            Some(size) => size,
            None => {
                self.fill(PREFIX as u64)?;
                let Ok(prefix) = <[u8; PREFIX]>::try_from(self.buffer.as_slice()) else {
                    return if self.buffer.is_empty() { Ok(None) } else { Err(self.fail(self.cut())) };
                };
                self.buffer.clear();
                u64::from_le_bytes(prefix)
            }
        };
        if size > self.limit {
            return Err(self.fail(Error::TraceTooLarge { offset: self.start, size }));
        }
        self.size = Some(size);
        self.fill(size)?;
        if (self.buffer.len() as u64) < size {
            return Err(self.fail(self.cut()));
        }
        Ok(Some(&self.buffer))
    }

    /// What came last, after [`Error::TruncatedTrace`]: the beginning of a trace, from which a salvaging reader
    /// may still get something.
    #[must_use]
    pub fn truncated(&self) -> &[u8] {
        &self.buffer
    }

    fn cut(&self) -> Error {
        Error::TruncatedTrace { offset: self.start }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.failed = Some(error.clone());
        error
    }

    /// Reads until the buffer holds `size` bytes or the source has no more.
    fn fill(&mut self, size: u64) -> Result<(), Error> {
        let missing = size.saturating_sub(self.buffer.len() as u64);
        let read = (&mut self.source).take(missing).read_to_end(&mut self.buffer);
        let prefix = if self.size.is_some() { PREFIX } else { 0 };
        let offset = self.start + (prefix + self.buffer.len()) as u64;
        read.map(|_| ()).map_err(|error: io::Error| Error::Io { offset, error: error.into() })
    }
}
