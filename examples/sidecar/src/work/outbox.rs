//! From spans to batches.

use std::{collections::BTreeMap, sync::Arc};

use trace_to_otel::{
    LogRecord, LogSink, Metric, MetricSink, Resource, Scope, Span, SpanSink,
    otlp::{Batch, Encoder, Encoding, Record, RecordTooLarge, profile_batches},
    profiles::{ProfileKind, Profiles},
};

use super::office::{Office, Passage};
use crate::{
    deliver::{Done, Stopped},
    telemetry::Tally,
};

/// A batch, and what is in it.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) batch: Batch,
    pub(crate) counts: Counts,
}

/// How many records of each kind there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// By the names of their scopes.
    spans: BTreeMap<Scope, u64>,
    logs: u64,
    metrics: u64,
    profile_samples: u64,
}

impl Counts {
    /// Adds what has arrived of a batch. Which of its records were refused is not known: the most frequent kinds bear it.
    pub(crate) fn add_to(mut self, tally: &mut Tally, done: Done) {
        let mut refused = done.refused;
        tally.refused += refused;
        for count in [&mut self.logs, &mut self.metrics, &mut self.profile_samples] {
            let taken = refused.min(*count);
            (*count, refused) = (*count - taken, refused - taken);
        }
        while let Some(count) = self.spans.values_mut().max().filter(|count| refused > 0 && **count > 0) {
            (*count, refused) = (*count - 1, refused - 1);
        }
        for (kind, count) in self.spans {
            *tally.spans.entry(kind).or_default() += count;
        }
        tally.log_records += self.logs;
        tally.metrics += self.metrics;
        tally.profile_samples += self.profile_samples;
    }
}

/// Where batches go.
pub(crate) enum Hand<'o> {
    /// To the office, one by one.
    Send(&'o mut Office, Passage),
    /// They are kept, to be sent together.
    Keep(Vec<Made>),
}

/// Encodes records, and hands full batches on.
pub(crate) struct Outbox<'o> {
    hand: Hand<'o>,
    spans: Option<Encoder<Span>>,
    logs: Option<Encoder<LogRecord>>,
    metrics: Option<Encoder<Metric>>,
    profiles: Option<Encoding>,
    max_bytes: usize,
    resource: Resource,
    /// What is in the batches of spans under way.
    span_counts: BTreeMap<Scope, u64>,
    pub(crate) too_large: u64,
}

/// How batches are made: for each signal that is wanted, in which encoding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making {
    pub(crate) spans: Option<Encoding>,
    pub(crate) logs: Option<Encoding>,
    pub(crate) metrics: Option<Encoding>,
    pub(crate) profiles: Option<Encoding>,
    pub(crate) max_bytes: usize,
}

impl<'o> Outbox<'o> {
    pub(crate) fn new(hand: Hand<'o>, making: Making, resource: &Resource) -> Self {
        Self {
            hand,
            spans: encoder(making.spans, making.max_bytes, resource),
            logs: encoder(making.logs, making.max_bytes, resource),
            metrics: encoder(making.metrics, making.max_bytes, resource),
            profiles: making.profiles,
            max_bytes: making.max_bytes,
            resource: resource.clone(),
            span_counts: BTreeMap::new(),
            too_large: 0,
        }
    }

    fn hand_on(&mut self, batch: Option<Batch>, counts: Counts) -> Result<(), Stopped> {
        let Some(batch) = batch else { return Ok(()) };
        match &mut self.hand {
            Hand::Send(office, passage) => office.send(passage, Made { batch, counts }),
            Hand::Keep(made) => {
                made.push(Made { batch, counts });
                Ok(())
            }
        }
    }

    fn add(&mut self, span: &Span) -> Result<(), Stopped> {
        let Some(spans) = &mut self.spans else { return Ok(()) };
        let added = spans.add(span);
        let Some(batch) = self.fitting(added) else { return Ok(()) };
        // The span itself is in the batch behind.
        let counts = match &batch {
            Some(_) => Counts { spans: core::mem::take(&mut self.span_counts), ..Counts::default() },
            None => Counts::default(),
        };
        *self.span_counts.entry(span.scope.clone()).or_default() += 1;
        self.hand_on(batch, counts)
    }

    /// A batch, if one is full; none at all where the record was left out.
    fn fitting(&mut self, added: Result<Option<Batch>, RecordTooLarge>) -> Option<Option<Batch>> {
        added.inspect_err(|_| self.too_large += 1).ok()
    }

    /// Hands on what is there.
    pub(crate) fn finish(&mut self) -> Result<(), Stopped> {
        let spans = core::mem::take(&mut self.span_counts);
        let batch = self.spans.as_mut().and_then(Encoder::finish);
        self.hand_on(batch, Counts { spans, ..Counts::default() })?;
        let batch = self.logs.as_mut().and_then(Encoder::finish);
        let logs = batch.as_ref().map_or(0, Batch::records) as u64;
        self.hand_on(batch, Counts { logs, ..Counts::default() })?;
        let batch = self.metrics.as_mut().and_then(Encoder::finish);
        let metrics = batch.as_ref().map_or(0, Batch::records) as u64;
        self.hand_on(batch, Counts { metrics, ..Counts::default() })
    }

    /// Hands profiles on, all that there are.
    pub(crate) fn take_profiles(&mut self, profiles: Profiles) -> Result<(), Stopped> {
        let Some(encoding) = self.profiles else { return Ok(()) };
        let profiles = Arc::new(profiles);
        let batches = profile_batches(encoding, &self.resource, &profiles, &ProfileKind::ALL, self.max_bytes);
        batches.into_iter().try_for_each(|batch| {
            let profile_samples = batch.records() as u64;
            self.hand_on(Some(batch), Counts { profile_samples, ..Counts::default() })
        })
    }

    /// Where they went, which may go on with other records.
    pub(crate) fn into_hand(self) -> Hand<'o> {
        self.hand
    }
}

fn encoder<T: Record>(
    encoding: Option<Encoding>,
    max_bytes: usize,
    resource: &Resource,
) -> Option<Encoder<T>> {
    encoding.map(|encoding| Encoder::new(encoding, resource).with_max_bytes(max_bytes))
}

impl SpanSink for Outbox<'_> {
    type Error = Stopped;

    fn take(&mut self, span: Span) -> Result<(), Stopped> {
        self.add(&span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Stopped> {
        self.add(span)
    }
}

impl LogSink for Outbox<'_> {
    type Error = Stopped;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Stopped> {
        let Some(logs) = &mut self.logs else { return Ok(()) };
        let added = logs.add(&log);
        let Some(batch) = self.fitting(added) else { return Ok(()) };
        let logs = batch.as_ref().map_or(0, Batch::records) as u64;
        self.hand_on(batch, Counts { logs, ..Counts::default() })
    }
}

impl MetricSink for Outbox<'_> {
    type Error = Stopped;

    fn take_metric(&mut self, metric: Metric) -> Result<(), Stopped> {
        let Some(metrics) = &mut self.metrics else { return Ok(()) };
        let added = metrics.add(&metric);
        let Some(batch) = self.fitting(added) else { return Ok(()) };
        let metrics = batch.as_ref().map_or(0, Batch::records) as u64;
        self.hand_on(batch, Counts { metrics, ..Counts::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_is_not_delivered() {
        let spans = BTreeMap::from([(Scope::Task, 3), (Scope::Region, 5)]);
        let counts = Counts { spans, ..Counts::default() };
        for refused in 0..=8 {
            let mut tally = Tally::default();
            counts.clone().add_to(&mut tally, Done { refused });
            assert_eq!((tally.span_count(), tally.refused), (8 - refused, refused));
        }
        let mut tally = Tally::default();
        Counts { logs: 4, ..Counts::default() }.add_to(&mut tally, Done { refused: 3 });
        assert_eq!((tally.log_records, tally.refused), (1, 3));
    }
}
