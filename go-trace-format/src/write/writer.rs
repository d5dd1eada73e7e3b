//! The raw writer: header, batches, ends of generations.

use std::io;

use crate::{
    id::ThreadId,
    spec::{Dialect, EventType, Experiment, MAX_BATCH_SIZE, Version},
    write::{
        GenerationWriter, RawRecord, SyncBatch, WriteError,
        record::{Format, put_varints},
    },
};

/// Writes a trace, batch by batch.
///
/// It knows how things look on the wire, not what makes sense: that is what tests of a reader need, and what
/// copying batches needs. [`generation`](Self::generation) makes sense.
///
/// Each batch goes to the output in one piece; put a [`BufWriter`](io::BufWriter) below where batches are small.
///
/// ```
/// use go_trace_format::{
///     Dialect, EventType, Version,
///     event::ThreadId,
///     wire::{BatchKind, Batches},
///     write::{Body, RawRecord, Writer},
/// };
///
/// let (version, dialect) = (Version::Go122, Dialect::Stock);
/// let mut body = Body::new(version, dialect);
/// body.push(&RawRecord::Plain { event_type: EventType::Frequency, arguments: &[15_625_000] })?;
/// let mut trace = Writer::new(Vec::new(), version, dialect)?;
/// trace.batch(1, ThreadId(-1), 1_000, body.as_bytes())?;
/// let bytes = trace.into_inner();
///
/// let batch = Batches::new(&bytes)?.next().unwrap()?;
/// assert_eq!(batch.kind(version, dialect), BatchKind::Sync);
/// assert_eq!((batch.generation, batch.time), (1, 1_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    format: Format,
    /// Of a batch or record, so that it is written in one piece.
    buffer: Vec<u8>,
    pub(super) last_generation: Option<u64>,
}

impl<W: io::Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownDialect`] where the version has no such dialect: the fork's is of Go 1.26.
    /// [`WriteError::NoGenerations`] where the version is [of format v1](Version::is_v1).
    /// [`WriteError::Io`] where the output fails.
    pub fn new(mut output: W, version: Version, dialect: Dialect) -> Result<Self, WriteError> {
        if version.is_v1() {
            return Err(WriteError::NoGenerations { version });
        }
        if dialect == Dialect::Fork && version != Version::Go126 {
            return Err(WriteError::UnknownDialect { version, dialect });
        }
        output.write_all(&version.header())?;
        let format = Format { version, dialect };
        Ok(Self { output, format, buffer: Vec::new(), last_generation: None })
    }

    /// Begins a generation whose tables, batches and end are taken care of. It must be
    /// [finished](GenerationWriter::finish).
    ///
    /// # Errors
    ///
    /// [`WriteError::WrongGeneration`] for number 0 and, up to Go 1.25, for a number that does not follow the last
    /// generation's. [`WriteError::NoFrequency`], [`WriteError::NoClockSnapshot`] and, for a snapshot before Go
    /// 1.25, [`WriteError::UnknownEvent`] where `sync` is not what the version needs. [`WriteError::Io`].
    pub fn generation(
        &mut self,
        number: u64,
        sync: SyncBatch,
    ) -> Result<GenerationWriter<'_, W>, WriteError> {
        GenerationWriter::new(self, number, sync)
    }

    /// Writes a batch.
    ///
    /// `time` is the trace clock at its beginning, in clock units, and `body` its records, as a [`Body`] makes
    /// them. It may be anything.
    ///
    /// [`Body`]: crate::write::Body
    ///
    /// # Errors
    ///
    /// [`WriteError::BatchTooLarge`] over 64 KiB; [`WriteError::Io`].
    pub fn batch(
        &mut self,
        generation: u64,
        thread: ThreadId,
        time: u64,
        body: &[u8],
    ) -> Result<(), WriteError> {
        let arguments = &[generation, thread.0 as u64, time, size_of(body)?];
        let head = RawRecord::Plain { event_type: EventType::EventBatch, arguments };
        self.buffer.clear();
        head.encode(&mut self.buffer, self.format)?;
        self.buffer.extend_from_slice(body);
        Ok(self.output.write_all(&self.buffer)?)
    }

    /// Writes a batch in an experiment's own format.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownEvent`] before Go 1.23, [`WriteError::BatchTooLarge`] over 64 KiB;
    /// [`WriteError::Io`].
    pub fn experimental_batch(
        &mut self,
        experiment: Experiment,
        generation: u64,
        thread: ThreadId,
        time: u64,
        body: &[u8],
    ) -> Result<(), WriteError> {
        let head = [generation, thread.0 as u64, time, size_of(body)?];
        self.buffer.clear();
        self.buffer.extend([self.format.byte(EventType::ExperimentalBatch)?, experiment.0]);
        put_varints(&mut self.buffer, &head);
        self.buffer.extend_from_slice(body);
        Ok(self.output.write_all(&self.buffer)?)
    }

    /// Closes a generation: from Go 1.26 on every one must be.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownEvent`] before Go 1.26; [`WriteError::Io`].
    pub fn end_of_generation(&mut self) -> Result<(), WriteError> {
        self.record(&RawRecord::Plain { event_type: EventType::EndOfGeneration, arguments: &[] })
    }

    /// Writes one record as it is, where the output stands: the head of a batch, say, whose body follows record by
    /// record. Sizes may be wrong then. It does what Go's `raw.Writer` does.
    ///
    /// # Errors
    ///
    /// Those of [`Body::push`](crate::write::Body::push) but for the size; [`WriteError::Io`].
    pub fn record(&mut self, record: &RawRecord<'_>) -> Result<(), WriteError> {
        self.buffer.clear();
        record.encode(&mut self.buffer, self.format)?;
        Ok(self.output.write_all(&self.buffer)?)
    }
}

impl<W> Writer<W> {
    /// The version of the trace.
    #[must_use]
    pub fn version(&self) -> Version {
        self.format.version
    }

    /// The dialect of the trace.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.format.dialect
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The output.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.output
    }

    /// The output, to be flushed.
    pub fn into_inner(self) -> W {
        self.output
    }
}

fn size_of(body: &[u8]) -> Result<u64, WriteError> {
    match body.len() {
        size if size > MAX_BATCH_SIZE => Err(WriteError::BatchTooLarge { size }),
        size => Ok(size as u64),
    }
}
