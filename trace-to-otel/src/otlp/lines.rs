//! OTLP in JSON, one request per line.

use std::io::{self, Write};

use super::{Batch, Encoder, Encoding, Record};
use crate::{
    log::LogRecord,
    resource::Resource,
    sink::{LogSink, SpanSink},
    span::Span,
};

/// Writes spans, log records or metrics as lines of OTLP JSON, which a collector's `otlpjsonfile` receiver and any
/// OTLP/HTTP endpoint read. OpenTelemetry, "OTLP File exporter": each line is one request, each file one signal.
///
/// A line is at most [`LINE_BYTES`](Self::LINE_BYTES) long, but for one of a single larger record. In it the records of
/// a scope stand together. [`finish`](Self::finish) writes the last one.
#[derive(Debug)]
pub struct JsonLines<W: Write, T: Record = Span> {
    writer: W,
    encoder: Encoder<T>,
}

impl<W: Write, T: Record> JsonLines<W, T> {
    /// How long a line is at most: 1 MiB.
    pub const LINE_BYTES: usize = 1 << 20;

    /// Writes the records of a resource to `writer`, a line at a time.
    pub fn new(writer: W, resource: Resource) -> Self {
        Self { writer, encoder: Self::encoder(&resource) }
    }

    fn encoder(resource: &Resource) -> Encoder<T> {
        Encoder::new(Encoding::Json, resource).with_max_bytes(Self::LINE_BYTES)
    }

    /// The records that follow are another resource's.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn set_resource(&mut self, resource: Resource) -> io::Result<()> {
        self.write_last_line()?;
        self.encoder = Self::encoder(&resource);
        Ok(())
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// Those of the writer; [`io::ErrorKind::InvalidData`] with a [`RecordTooLarge`](super::RecordTooLarge) where the
    /// record is larger than any receiver takes: it is left out then.
    pub fn write(&mut self, record: &T) -> io::Result<()> {
        match self.encoder.add(record) {
            Ok(batch) => batch.map_or(Ok(()), |batch| self.write_line(&batch)),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    /// Writes the line under way, even if it is short, and flushes.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn flush(&mut self) -> io::Result<()> {
        self.write_last_line()?;
        self.writer.flush()
    }

    /// Writes the last line, flushes, and gives the writer back.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.writer)
    }

    fn write_last_line(&mut self) -> io::Result<()> {
        self.encoder.finish().map_or(Ok(()), |batch| self.write_line(&batch))
    }

    fn write_line(&mut self, batch: &Batch) -> io::Result<()> {
        self.writer.write_all(batch.bytes())?;
        self.writer.write_all(b"\n")
    }
}

impl<W: Write> SpanSink for JsonLines<W> {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.write(&span)
    }

    fn lend(&mut self, span: &mut Span) -> io::Result<()> {
        self.write(span)
    }
}

impl<W: Write> LogSink for JsonLines<W, LogRecord> {
    type Error = io::Error;

    fn take_log(&mut self, log: LogRecord) -> io::Result<()> {
        self.write(&log)
    }
}
