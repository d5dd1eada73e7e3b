//! From spans to batches.

use std::collections::BTreeMap;

use trace_to_otel::{
    LogRecord, Resource, Span, SpanSink,
    otlp::{Batch, Encoder, Encoding},
};

use super::office::{Office, Passage};
use crate::{deliver::Stopped, telemetry::Tally};

/// Encodes spans and log records, and hands full batches to the office.
pub(crate) struct Outbox<'o> {
    office: &'o mut Office,
    passage: Passage,
    spans: Encoder<Span>,
    logs: Option<Encoder<LogRecord>>,
    pub(crate) span_counts: BTreeMap<&'static str, u64>,
    pub(crate) log_count: u64,
    pub(crate) too_large: u64,
}

/// How batches are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making {
    pub(crate) spans: Encoding,
    /// None where logs are no records.
    pub(crate) logs: Option<Encoding>,
    pub(crate) max_bytes: usize,
}

impl<'o> Outbox<'o> {
    pub(crate) fn new(office: &'o mut Office, passage: Passage, making: Making, resource: &Resource) -> Self {
        let spans = Encoder::new(making.spans, resource).with_max_bytes(making.max_bytes);
        let logs =
            making.logs.map(|encoding| Encoder::new(encoding, resource).with_max_bytes(making.max_bytes));
        Self { office, passage, spans, logs, span_counts: BTreeMap::new(), log_count: 0, too_large: 0 }
    }

    fn hand_on(&mut self, batch: Batch) -> Result<(), Stopped> {
        self.office.send(&mut self.passage, batch)
    }

    fn add(&mut self, span: &Span) -> Result<(), Stopped> {
        match self.spans.add(span) {
            Ok(batch) => {
                *self.span_counts.entry(span.scope.name()).or_default() += 1;
                batch.map_or(Ok(()), |batch| self.hand_on(batch))
            }
            Err(_) => {
                self.too_large += 1;
                Ok(())
            }
        }
    }

    /// Counts what goes out of a process that nothing comes of any more.
    pub(crate) fn let_out(&self, tally: &Tally) {
        self.office.telemetry.let_out(tally);
    }

    /// Hands on what is there.
    pub(crate) fn finish(&mut self) -> Result<(), Stopped> {
        if let Some(batch) = self.spans.finish() {
            self.hand_on(batch)?;
        }
        if let Some(batch) = self.logs.as_mut().and_then(Encoder::finish) {
            self.hand_on(batch)?;
        }
        Ok(())
    }
}

impl SpanSink for Outbox<'_> {
    type Error = Stopped;

    fn take(&mut self, span: Span) -> Result<(), Stopped> {
        self.add(&span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Stopped> {
        self.add(span)
    }

    fn takes_logs(&self) -> bool {
        self.logs.is_some()
    }

    fn take_log(&mut self, log: LogRecord) -> Result<(), Stopped> {
        let Some(logs) = &mut self.logs else { return Ok(()) };
        match logs.add(&log) {
            Ok(batch) => {
                self.log_count += 1;
                batch.map_or(Ok(()), |batch| self.hand_on(batch))
            }
            Err(_) => {
                self.too_large += 1;
                Ok(())
            }
        }
    }
}
