//! Logs, as events of the span that they were written in. Go: `runtime/trace.Log`.

use go_trace_format::{
    Event,
    event::{Log, TaskId},
};
use trace_context::LogCarrier;

use crate::{
    attribute,
    mapper::Mapper,
    span::{Attribute, SpanEvent},
};

impl Mapper {
    pub(crate) fn log(&mut self, event: &Event<'_>, log: Log<'_>) {
        let carrier = LogCarrier::from_category(log.category.as_bytes());
        if carrier.is_none() && !self.options.logs {
            return;
        }
        self.mention(event, log.task);
        let region = self.region_of(self.goroutine(event), log.task);
        let target = match region.and_then(|key| self.open.frame_mut(key)) {
            Some(frame) => Some((&mut frame.span.identity, &mut frame.span.notes)),
            None if log.task == TaskId::BACKGROUND => None,
            None => self.open.tasks.annotate(log.task),
        };
        let Some((identity, notes)) = target else {
            self.counters.unattached_logs += 1;
            return;
        };
        match carrier.map(|carrier| carrier.read(log.message.as_bytes())) {
            Some(Ok(said)) => {
                let is_new = identity.learn(said);
                self.counters.repeated_contexts += u64::from(!is_new);
                self.open.has_changed_contexts |= is_new;
                return;
            }
            Some(Err(_)) => self.counters.invalid_contexts += 1,
            None => {}
        }
        let limits = &self.options.limits;
        if notes.events.len() >= limits.events_per_span || self.pending_events >= limits.pending_events {
            notes.dropped = notes.dropped.saturating_add(1);
            self.counters.dropped_events += 1;
            return;
        }
        self.pending_events += 1;
        notes.events.push(SpanEvent {
            time: self.timeline.time(event),
            name: self.texts.name(log.category, "(no category)"),
            attributes: vec![Attribute::new(
                attribute::LOG_MESSAGE,
                self.texts.message(log.category, log.message),
            )],
        });
    }
}
