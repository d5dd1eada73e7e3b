//! Logs, as events of the span that they were written in, or as records. Go: `runtime/trace.Log`.

use std::sync::Arc;

use go_trace_context::LogCarrier;
use go_trace_format::{
    Event,
    event::{Log, TaskId},
};

use crate::{
    anatomy::Anatomy,
    attribute,
    identity::SpanContext,
    log::LogRecord,
    mapper::Mapper,
    span::{Attribute, Link, SpanEvent, SpanSink, Value},
    spans::{Ending, Notes, OpenSpan, open::MOST_ANCESTORS},
};

/// The name of the event of a log without category.
const NO_CATEGORY: &str = "(no category)";
/// What the latency anatomy of a span is called that does not go out itself.
const ANATOMY: &str = "gotrace.anatomy";

impl Mapper {
    pub(crate) fn log<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        log: Log<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let carrier = LogCarrier::from_category(log.category.as_bytes());
        if carrier.is_none() && !self.options.logs {
            return Ok(());
        }
        self.mention(event, log.task);
        let region = self.region_of(self.goroutine(event), log.task);
        let target = match region.and_then(|key| self.open.frame_mut(key)) {
            Some(frame) => Some((&mut frame.span.identity, &mut frame.span.notes)),
            None if log.task == TaskId::BACKGROUND => None,
            None => self.open.tasks.annotate(log.task),
        };
        let Some((identity, notes)) = target else {
            return self.unattached_log(event, log, sink);
        };
        match carrier.map(|carrier| carrier.read(log.message.as_bytes())) {
            Some(Ok(said)) => {
                let is_new = identity.learn(said);
                self.counters.repeated_contexts += u64::from(!is_new);
                self.open.has_changed_contexts |= is_new;
                return Ok(());
            }
            Some(Err(_)) => self.counters.invalid_contexts += 1,
            None => {}
        }
        let limits = &self.options.limits;
        if notes.events.len() >= limits.events_per_span || self.pending_events >= limits.pending_events {
            notes.dropped = notes.dropped.saturating_add(1);
            self.counters.dropped_events += 1;
            return Ok(());
        }
        self.pending_events += 1;
        let message = self.texts.message(log.category, log.message);
        notes.events.push(SpanEvent {
            time: self.timeline.time(event),
            name: self.texts.name_by_id(event.arguments()[1], log.category, NO_CATEGORY),
            attributes: vec![Attribute::new(attribute::LOG_MESSAGE, message)],
        });
        Ok(())
    }

    /// Whether logs go out as records.
    pub(crate) fn makes_log_records<S: SpanSink>(&self, sink: &S) -> bool {
        self.options.log_records && sink.takes_logs()
    }

    /// Hands on, as records, what was logged in a span.
    pub(crate) fn hand_on_logs<S: SpanSink>(
        &mut self,
        notes: &mut Notes,
        span: Link,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let events = core::mem::take(&mut notes.events);
        let message = |event: &SpanEvent| match event.attributes.first() {
            Some(Attribute { key, value: Value::Text(text) }) if key == attribute::LOG_MESSAGE => {
                Some(Arc::clone(text))
            }
            _ => None,
        };
        for event in events {
            let Some(body) = message(&event) else {
                notes.events.push(event);
                continue;
            };
            let event_name = if &*event.name == NO_CATEGORY { "".into() } else { event.name };
            self.counters.log_records += 1;
            sink.take_log(LogRecord { span: Some(span), event_name, ..LogRecord::new(event.time, body) })?;
        }
        Ok(())
    }

    fn unattached_log<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        log: Log<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if !self.makes_log_records(sink) {
            self.counters.unattached_logs += 1;
            return Ok(());
        }
        let body = self.texts.message(log.category, log.message);
        let event_name = self.texts.name(log.category, "");
        self.counters.log_records += 1;
        sink.take_log(LogRecord { event_name, ..LogRecord::new(self.timeline.time(event), body) })
    }

    /// Keeps a span back that the program's SDK exports itself. Only what its goroutine did meanwhile is news.
    pub(crate) fn suppress<S: SpanSink>(
        &mut self,
        span: &OpenSpan,
        context: SpanContext,
        anatomy: Option<Anatomy>,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.counters.suppressed_spans += 1;
        let Some(anatomy) = anatomy else { return Ok(()) };
        let times = anatomy.attributes().map(|(key, seconds)| Attribute::new(key, seconds));
        if self.makes_log_records(sink) {
            self.counters.log_records += 1;
            let record = LogRecord::new(ending.time, Arc::clone(&span.name));
            return sink.take_log(LogRecord {
                span: Some(context.into()),
                event_name: ANATOMY.into(),
                attributes: times.collect(),
                ..record
            });
        }
        let Some(ancestor) = self.exported_ancestor(span) else {
            self.counters.suppressed_anatomies += 1;
            return Ok(());
        };
        let id = Attribute::new(attribute::SUPPRESSED_SPAN_ID, &*context.span_id.to_string());
        ancestor.notes.events.push(SpanEvent {
            time: ending.time,
            name: ANATOMY.into(),
            attributes: core::iter::once(id).chain(times).collect(),
        });
        self.pending_events += 1;
        Ok(())
    }

    /// The next ancestor that goes out and has room.
    fn exported_ancestor(&mut self, span: &OpenSpan) -> Option<&mut OpenSpan> {
        let mut next = span.parent.span?;
        for _ in 0..MOST_ANCESTORS {
            match self.open.span(next)? {
                held if held.identity.is_written_down() => next = held.parent.span?,
                _ => break,
            }
        }
        let limits = &self.options.limits;
        let has_room = self.pending_events < limits.pending_events;
        self.open.span_mut(next).filter(|span| {
            has_room && !span.identity.is_written_down() && span.notes.events.len() < limits.events_per_span
        })
    }
}
