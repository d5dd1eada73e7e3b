//! How spans go out: with their logs, or held back.

use std::sync::Arc;

use go_trace_context::SpanId;

use crate::{
    anatomy::Anatomy,
    attribute,
    clock::nanoseconds,
    form::{Ending, Form},
    identity::SpanContext,
    known::{
        changes::{Change, Fate},
        open::MOST_ANCESTORS,
        span::{Notes, Open, OpenSpan},
    },
    log::LogRecord,
    mapping::Mapping,
    sink::{LogSink, Outlet, Stopped},
    span::{Attribute, Scope, SpanEvent, Value},
};

/// How much earlier than its begin a span may end for no other reason than that threads' clocks disagree, in nanoseconds.
pub(super) const MOST_DISAGREEMENT: u64 = 1_000_000;

/// The name of the event of a log without category.
pub(crate) const NO_CATEGORY: &str = "(no category)";
/// What the latency anatomy of a span is called that does not go out itself.
const ANATOMY: &str = "gotrace.anatomy";

impl Mapping {
    /// Hands a span on, after its logs where these are records of their own. `open` is what it was called while it was open, if it
    /// was.
    pub(crate) fn emit(
        &mut self,
        open: Option<Open>,
        mut form: Form,
        mut span: Box<OpenSpan>,
        mut anatomy: Option<Anatomy>,
        mut ending: Ending,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        self.pending_events = self.pending_events.saturating_sub(span.details.held());
        let said = span.details.get_mut().and_then(|details| details.notes.said.take());
        if let Some(begin) = said.map(|said| said.conclude(&mut form, &mut ending)) {
            if begin.has_code {
                span.place.code = None;
            }
            if let Some(time) = begin.time {
                (span.start, span.is_start_clamped) = (time, false);
                // It is of the time that was seen.
                anatomy = None;
            }
        }
        // Only now is it known when the span began.
        let holds_events = span.hold_events(ending.time);
        ending.is_clamped |= nanoseconds(ending.time, span.start) > MOST_DISAGREEMENT;
        ending.are_events_clamped = !holds_events;
        let is_clamped = span.is_start_clamped || ending.is_clamped || ending.are_events_clamped;
        span.parent = self.open.dropped.outside(span.parent);
        self.open.dropped.unlink(&mut span);
        self.unlink_uncertain(&mut span);
        let mut placed = span.placed(self.open.final_parent_context(&span.parent));
        placed.link = placed.link.filter(|link| !self.is_uncertain(link.span_id));
        let fate = self.fate(&span, placed.context);
        if let Some(span) = open {
            self.changes.push(|| Change::Over { span, fate });
        }
        if let Fate::Dropped = fate {
            self.counters.unsampled_spans += 1;
            return Ok(());
        }
        if let (Some(details), Some(logs)) = (span.details.get_mut(), self.log_sink(sink)) {
            self.hand_on_logs(&mut details.notes, placed.context, logs)?;
        }
        if let Fate::ExportedElsewhere(_) = fate {
            return self.suppress(&span, placed.context, anatomy, ending, sink);
        }
        let is_of_program = form.scope != Scope::Range;
        self.spare.finish(span, form, placed, anatomy, ending, sink)?;
        self.stack_counters.spans_of_program += u64::from(is_of_program);
        self.counters.spans += 1;
        self.counters.incomplete_spans += u64::from(ending.missing.is_some());
        self.counters.clamped_spans += u64::from(is_clamped);
        Ok(())
    }

    fn fate(&self, span: &OpenSpan, context: SpanContext) -> Fate {
        if !context.flags.is_sampled() && !self.options.unsampled {
            Fate::Dropped
        } else if span.identity.may_be_exported_elsewhere() && !self.options.written_contexts {
            Fate::ExportedElsewhere(context)
        } else {
            Fate::HandedOn(context)
        }
    }

    /// Takes away links to spans that may never go out: nobody could take them back.
    fn unlink_uncertain(&self, span: &mut OpenSpan) {
        if let Some(details) = span.details.get_mut().filter(|_| self.stacks.count > 0) {
            details.links.to.retain(|link| !self.is_uncertain(link.span_id));
        }
    }

    fn is_uncertain(&self, id: SpanId) -> bool {
        self.stacks.is_uncertain(id, |key| self.open.section(key)?.span.place.goroutine)
    }

    /// Who takes logs as records, if anyone does.
    pub(crate) fn log_sink<'s>(
        &self,
        sink: &'s mut Outlet<'_>,
    ) -> Option<&'s mut dyn LogSink<Error = Stopped>> {
        if self.options.log_records { sink.logs() } else { None }
    }

    /// Hands on, as records, what was logged in a span.
    fn hand_on_logs(
        &mut self,
        notes: &mut Notes,
        span: SpanContext,
        logs: &mut dyn LogSink<Error = Stopped>,
    ) -> Result<(), Stopped> {
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
            logs.take_log(LogRecord { span: Some(span), event_name, ..LogRecord::new(event.time, body) })?;
            self.counters.log_records += 1;
        }
        Ok(())
    }

    /// Keeps a span back that the program's SDK exports itself. Only what its goroutine did meanwhile is news.
    pub(crate) fn suppress(
        &mut self,
        span: &OpenSpan,
        context: SpanContext,
        anatomy: Option<Anatomy>,
        ending: Ending,
        sink: &mut Outlet<'_>,
    ) -> Result<(), Stopped> {
        self.counters.suppressed_spans += 1;
        let Some(anatomy) = anatomy else { return Ok(()) };
        let times = anatomy.attributes().map(|(key, seconds)| Attribute::new(key, seconds));
        if let Some(logs) = self.log_sink(sink) {
            let record = LogRecord::new(span.wall.unix_time(ending.time), Arc::clone(&span.name));
            logs.take_log(LogRecord {
                span: Some(context),
                event_name: ANATOMY.into(),
                attributes: times.collect(),
                ..record
            })?;
            self.counters.log_records += 1;
            return Ok(());
        }
        let Some(ancestor) = self.exported_ancestor(span) else {
            self.counters.suppressed_anatomies += 1;
            return Ok(());
        };
        let id = Attribute::new(attribute::SUPPRESSED_SPAN_ID, &*context.span_id.to_string());
        ancestor.details.make().notes.events.push(SpanEvent {
            time: ancestor.wall.unix_time(ending.time),
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
                held if held.identity.may_be_exported_elsewhere() => next = held.parent.span?,
                _ => break,
            }
        }
        let limits = &self.options.limits;
        let has_room = self.pending_events < limits.pending_events;
        self.open.span_mut(next).filter(|span| {
            has_room
                && !span.identity.may_be_exported_elsewhere()
                && span.details.event_count() < limits.events_per_span
        })
    }
}
