//! Whole traces at once.

use core::{error, fmt};

use go_trace_format::Reader;

use crate::{mapper::Mapper, sink::Sinks};

impl Mapper {
    /// Takes all events that a reader has left, and hands on the spans that they finish. What is open stays so: read the
    /// next snapshot, or [`finish`](Self::finish).
    ///
    /// ```
    /// use trace_to_otel::{Mapper, Span, go_trace_format::Reader};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let trace: &[u8] = b"go 1.22 trace\0\0\0";
    /// let (mut mapper, mut spans) = (Mapper::new(), Vec::<Span>::new());
    /// mapper.read(&mut Reader::from_slice(trace)?, &mut spans)?;
    /// mapper.finish(&mut spans)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError::Trace`] as [`Reader::next_event`] gives it: where the source has nothing more for now, the call may be
    /// repeated. [`ReadError::Sink`] where a span could not be handed on: events behind it have been read and not been
    /// mapped then, so that nothing but to finish makes sense.
    pub fn read<S: Sinks + ?Sized>(
        &mut self,
        reader: &mut Reader<'_>,
        sink: &mut S,
    ) -> Result<(), ReadError<S::Error>> {
        while let Some(mut events) = reader.next_events().map_err(ReadError::Trace)? {
            self.events(&mut events, sink).map_err(ReadError::Sink)?;
        }
        Ok(())
    }
}

/// A trace could not be mapped to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// It could not be read.
    Trace(go_trace_format::Error),
    /// A span or a log record could not be handed on.
    Sink(E),
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(error) => write!(f, "the trace cannot be read: {error}"),
            Self::Sink(error) => write!(f, "a span cannot be handed on: {error}"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Trace(error) => Some(error),
            Self::Sink(error) => Some(error),
        }
    }
}
