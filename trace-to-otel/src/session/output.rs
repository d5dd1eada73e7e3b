//! From spans and log records to batches.

use core::convert::Infallible;
use std::collections::VecDeque;

use super::SessionOptions;
use crate::{
    log::LogRecord,
    otlp::{Batch, Encoder, Record, RecordTooLarge},
    resource::Resource,
    sink::{LogSink, SpanSink},
    span::Span,
};

/// Encodes what it is given, and keeps the batches.
#[derive(Debug)]
pub(super) struct Output {
    spans: Encoder<Span>,
    logs: Encoder<LogRecord>,
    batches: VecDeque<Batch>,
    too_large: u64,
}

impl Output {
    pub(super) fn new(options: &SessionOptions, resource: &Resource) -> Self {
        let (spans, logs) = encoders(options, resource);
        Self { spans, logs, batches: VecDeque::new(), too_large: 0 }
    }

    /// The records that follow are of another process.
    pub(super) fn begin(&mut self, options: &SessionOptions, resource: &Resource) {
        self.flush();
        (self.spans, self.logs) = encoders(options, resource);
    }

    /// Finishes what is under way.
    pub(super) fn flush(&mut self) {
        self.batches.extend(self.spans.finish());
        self.batches.extend(self.logs.finish());
    }

    pub(super) fn batches(&mut self) -> &mut VecDeque<Batch> {
        &mut self.batches
    }

    pub(super) fn too_large(&self) -> u64 {
        self.too_large
    }

    fn keep(&mut self, added: Result<Option<Batch>, RecordTooLarge>) {
        match added {
            Ok(batch) => self.batches.extend(batch),
            Err(_) => self.too_large += 1,
        }
    }
}

fn encoders(options: &SessionOptions, resource: &Resource) -> (Encoder<Span>, Encoder<LogRecord>) {
    (encoder(options, resource), encoder(options, resource))
}

fn encoder<T: Record>(options: &SessionOptions, resource: &Resource) -> Encoder<T> {
    Encoder::new(options.encoding, resource).with_max_bytes(options.max_batch_bytes)
}

impl SpanSink for Output {
    type Error = Infallible;

    fn take(&mut self, mut span: Span) -> Result<(), Infallible> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Infallible> {
        let added = self.spans.add(span);
        self.keep(added);
        Ok(())
    }
}

impl LogSink for Output {
    type Error = Infallible;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Infallible> {
        let added = self.logs.add(&log);
        self.keep(added);
        Ok(())
    }
}
