//! From spans and log records to batches.

use core::convert::Infallible;
use std::collections::VecDeque;

use crate::{
    log::LogRecord,
    metric::Metric,
    otlp::{Batch, Encoder, Record, RecordTooLarge},
    resource::Resource,
    session::options::SessionOptions,
    sink::{LogSink, MetricSink, SpanSink},
    span::Span,
};

/// Encodes what it is given, and keeps the batches.
#[derive(Debug)]
pub(super) struct Output {
    spans: Encoder<Span>,
    logs: Encoder<LogRecord>,
    metrics: Encoder<Metric>,
    batches: VecDeque<Batch>,
    too_large: u64,
}

impl Output {
    pub(super) fn new(options: &SessionOptions, resource: &Resource) -> Self {
        Self {
            spans: encoder(options, resource),
            logs: encoder(options, resource),
            metrics: encoder(options, resource),
            batches: VecDeque::new(),
            too_large: 0,
        }
    }

    /// The records that follow are of another process.
    pub(super) fn begin(&mut self, options: &SessionOptions, resource: &Resource) {
        self.flush();
        self.spans = encoder(options, resource);
        self.logs = encoder(options, resource);
        self.metrics = encoder(options, resource);
    }

    /// Finishes what is under way.
    pub(super) fn flush(&mut self) {
        self.batches.extend(self.spans.finish());
        self.batches.extend(self.logs.finish());
        self.batches.extend(self.metrics.finish());
    }

    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        self.batches.pop_front()
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

impl MetricSink for Output {
    type Error = Infallible;

    fn take_metric(&mut self, metric: Metric) -> Result<(), Infallible> {
        let added = self.metrics.add(&metric);
        self.keep(added);
        Ok(())
    }
}
