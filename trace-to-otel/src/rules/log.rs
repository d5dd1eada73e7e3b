//! Logs, as events of the span that they were written in, or as records. Go: `runtime/trace.Log`.

use go_trace_context::LogCarrier;
use go_trace_format::{
    Event,
    event::{Log, TaskId},
};

use crate::{
    attribute,
    known::span::Annotated,
    log::LogRecord,
    mapping::{Mapping, NO_CATEGORY},
    sink::Sinks,
    span::{Attribute, SpanEvent},
};

pub(crate) fn log<S: Sinks + ?Sized>(
    mapping: &mut Mapping,
    event: &Event<'_>,
    log: Log<'_>,
    sink: &mut S,
) -> Result<(), S::Error> {
    let carrier = LogCarrier::from_category(log.category.as_bytes());
    if carrier.is_none() && !mapping.options.logs {
        return Ok(());
    }
    mapping.mention(event, log.task);
    let region = mapping.region_of(mapping.goroutine(event), log.task);
    let target = match region.and_then(|key| mapping.open.section_mut(key)) {
        Some(section) => Some(section.span.annotate()),
        None if log.task == TaskId::BACKGROUND => None,
        None => mapping.open.tasks.annotate(log.task),
    };
    let Some(Annotated { identity, wall, notes }) = target else {
        return unattached(mapping, event, log, sink);
    };
    match carrier.map(|carrier| carrier.read(log.message.as_bytes())) {
        Some(Ok(said)) => {
            let is_new = identity.learn(said);
            mapping.counters.repeated_contexts += u64::from(!is_new);
            mapping.open.has_changed_contexts |= is_new;
            return Ok(());
        }
        Some(Err(_)) => mapping.counters.invalid_contexts += 1,
        None => {}
    }
    let limits = &mapping.options.limits;
    if notes.events.len() >= limits.events_per_span || mapping.pending_events >= limits.pending_events {
        notes.dropped = notes.dropped.saturating_add(1);
        mapping.counters.dropped_events += 1;
        return Ok(());
    }
    mapping.pending_events += 1;
    let message = mapping.texts.message(log.category, log.message);
    notes.events.push(SpanEvent {
        time: wall.unix_time(event.raw_time()),
        name: mapping.texts.name_by_id(log.category_id.0, log.category, NO_CATEGORY),
        attributes: vec![Attribute::new(attribute::LOG_MESSAGE, message)],
    });
    Ok(())
}

fn unattached<S: Sinks + ?Sized>(
    mapping: &mut Mapping,
    event: &Event<'_>,
    log: Log<'_>,
    sink: &mut S,
) -> Result<(), S::Error> {
    let Some(logs) = mapping.log_sink(sink) else {
        mapping.counters.unattached_logs += 1;
        return Ok(());
    };
    let body = mapping.texts.message(log.category, log.message);
    let event_name = mapping.texts.name(log.category, "");
    let time = mapping.timeline.wall().unix_time(event.raw_time());
    logs.take_log(LogRecord { event_name, ..LogRecord::new(time, body) })?;
    mapping.counters.log_records += 1;
    Ok(())
}
