//! Batches that are sent as they become full.

use core::{error, fmt};
use std::collections::VecDeque;

use super::{Batch, Encoder, Record, RecordTooLarge};
use crate::{
    log::LogRecord,
    metric::Metric,
    sink::{LogSink, MetricSink, SpanSink},
    span::Span,
};

/// Encodes records, and gives each full batch to a function that sends it. A batch whose sending fails is not lost: it waits,
/// and is tried again before any other with the next record, or by [`flush`](Self::flush).
///
/// An error tells that sending failed, not that a record was lost: that is in the batch under way. So a caller may go on,
/// and has to, or else to give up, before batches that wait fill the memory: [`waiting`](Self::waiting) tells how many do.
/// Dropped without [`flush`](Self::flush) or [`into_batches`](Self::into_batches), what was not sent is lost.
///
/// ```
/// use trace_to_otel::{Mapper, Resource, otlp::{Batch, BatchSink, Encoder, Encoding}};
///
/// let mut sent = Vec::new();
/// let send = |batch: &Batch| {
///     sent.push(batch.bytes().to_vec()); // your own client
///     Ok::<(), std::io::Error>(())
/// };
/// let mut sink = BatchSink::new(Encoder::new(Encoding::Protobuf, &Resource::new()), send);
/// let mut mapper = Mapper::new();
/// // mapper.read(&mut reader, &mut sink)?;
/// mapper.finish(&mut sink)?;
/// sink.flush()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BatchSink<F, T: Record = Span> {
    encoder: Encoder<T>,
    send: F,
    waiting: VecDeque<Batch>,
}

impl<F, T: Record> BatchSink<F, T> {
    /// Sends the batches of `encoder` by `send`.
    pub fn new<E>(encoder: Encoder<T>, send: F) -> Self
    where
        F: FnMut(&Batch) -> Result<(), E>,
    {
        Self { encoder, send, waiting: VecDeque::new() }
    }

    /// How many full batches have not been sent, as sending failed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// All that has not been sent, in order, the batch under way among it.
    #[must_use]
    pub fn into_batches(mut self) -> Vec<Batch> {
        self.waiting.extend(self.encoder.finish());
        self.waiting.into()
    }

    /// Encodes a record, and sends what is full.
    ///
    /// # Errors
    ///
    /// [`BatchSinkError::Send`] where sending fails: nothing is lost. [`BatchSinkError::TooLarge`] where no receiver takes
    /// the record: it is left out.
    pub fn add<E>(&mut self, record: &T) -> Result<(), BatchSinkError<E>>
    where
        F: FnMut(&Batch) -> Result<(), E>,
    {
        let full = self.encoder.add(record).map_err(BatchSinkError::TooLarge)?;
        self.waiting.extend(full);
        self.send_waiting()
    }

    /// Sends everything, the batch under way too.
    ///
    /// # Errors
    ///
    /// [`BatchSinkError::Send`] where sending fails: nothing is lost, and it may be called again.
    pub fn flush<E>(&mut self) -> Result<(), BatchSinkError<E>>
    where
        F: FnMut(&Batch) -> Result<(), E>,
    {
        self.waiting.extend(self.encoder.finish());
        self.send_waiting()
    }

    fn send_waiting<E>(&mut self) -> Result<(), BatchSinkError<E>>
    where
        F: FnMut(&Batch) -> Result<(), E>,
    {
        while let Some(batch) = self.waiting.front() {
            (self.send)(batch).map_err(BatchSinkError::Send)?;
            self.waiting.pop_front();
        }
        Ok(())
    }
}

impl<F: FnMut(&Batch) -> Result<(), E>, E> SpanSink for BatchSink<F> {
    type Error = BatchSinkError<E>;

    fn take(&mut self, span: Span) -> Result<(), Self::Error> {
        self.add(&span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Self::Error> {
        self.add(span)
    }
}

impl<F: FnMut(&Batch) -> Result<(), E>, E> LogSink for BatchSink<F, LogRecord> {
    type Error = BatchSinkError<E>;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Self::Error> {
        self.add(&log)
    }
}

impl<F: FnMut(&Batch) -> Result<(), E>, E> MetricSink for BatchSink<F, Metric> {
    type Error = BatchSinkError<E>;

    fn take_metric(&mut self, metric: Metric) -> Result<(), Self::Error> {
        self.add(&metric)
    }
}

impl<F, T: Record> fmt::Debug for BatchSink<F, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSink").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

/// What keeps a [`BatchSink`] from its work.
#[derive(Debug)]
#[non_exhaustive]
pub enum BatchSinkError<E> {
    /// A batch could not be sent. It waits, and no record is lost.
    Send(E),
    /// A record is larger than any receiver takes, and was left out.
    TooLarge(RecordTooLarge),
}

impl<E: fmt::Display> fmt::Display for BatchSinkError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(error) => write!(f, "a batch cannot be sent, and waits: {error}"),
            Self::TooLarge(error) => error.fmt(f),
        }
    }
}

impl<E: error::Error + 'static> error::Error for BatchSinkError<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Send(error) => Some(error),
            Self::TooLarge(error) => Some(error),
        }
    }
}
