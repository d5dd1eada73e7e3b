//! Logs, as events of the span that they were written in, or as records, or as what is said of that span. Go: `runtime/trace.Log`.

use std::sync::Arc;

use go_trace_context::{LogCarrier, LogContext};
use go_trace_format::{
    Event,
    event::{Log, Operation, TaskId},
};

use crate::{
    attribute,
    identity::Learned,
    known::{
        open::OpenSpans,
        span::{Annotated, SectionKey},
    },
    log::LogRecord,
    mapping::{Mapping, NO_CATEGORY},
    rules::stacks,
    said::{Of, Saying},
    sink::{Outlet, Stopped},
    span::{Attribute, SpanEvent},
    text::Texts,
};

pub(crate) fn log(
    mapping: &mut Mapping,
    event: &Event<'_>,
    log: Log<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let category = log.category.as_bytes();
    let refused = match Of::category(category).map(|of| say(mapping, event, log, of)) {
        Some(Ok(())) => return Ok(()),
        Some(Err(refused)) => Some(refused),
        None => None,
    };
    match refused {
        Some(Refused::Malformed) => mapping.counters.invalid_contexts += 1,
        Some(Refused::NoSpan) => mapping.counters.unattached_logs += 1,
        None => {}
    }
    let carrier = LogCarrier::from_category(category);
    if carrier.is_none() && !mapping.options.logs {
        return Ok(());
    }
    mapping.mention(event, log.task);
    let region = mapping.region_of(mapping.goroutine(event), log.task);
    let Some(Annotated { identity, wall, notes }) = target(&mut mapping.open, region, log.task) else {
        return unattached(mapping, event, log, refused, sink);
    };
    match carrier.map(|carrier| carrier.read(log.message.as_bytes())) {
        Some(Ok(said)) => {
            let learned = identity.learn(said);
            note_learned(mapping, learned);
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
    let message = message_of(&mut mapping.texts, log, refused);
    notes.events.push(SpanEvent {
        time: wall.unix_time(event.raw_time()),
        name: mapping.texts.name_by_id(log.category_id.0, log.category, NO_CATEGORY),
        attributes: vec![Attribute::new(attribute::LOG_MESSAGE, message)],
    });
    Ok(())
}

/// Why what a log says of a span is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Malformed,
    /// The span that it is about is not open, or was not let in.
    NoSpan,
}

/// What an ordinary log says. What would have been said of a span has rules of its own, by its keys, which its text as a whole
/// would pass by: that never goes out.
fn message_of(texts: &mut Texts, log: Log<'_>, refused: Option<Refused>) -> Arc<str> {
    match refused {
        None => texts.message(log.category, log.message),
        Some(Refused::Malformed) => texts.fixed("(malformed)"),
        Some(Refused::NoSpan) => texts.fixed("(of no open span)"),
    }
}

/// The region, if it is given; else the task.
fn target(open: &mut OpenSpans, region: Option<SectionKey>, task: TaskId) -> Option<Annotated<'_>> {
    match region {
        Some(key) if open.section(key).is_some() => {
            open.section_mut(key).map(|section| section.span.annotate())
        }
        _ if task == TaskId::BACKGROUND => None,
        _ => open.tasks.annotate(task),
    }
}

fn note_learned(mapping: &mut Mapping, learned: Learned) {
    mapping.counters.repeated_contexts += u64::from(learned == Learned::Contradicted);
    mapping.open.has_changed_contexts |= learned == Learned::New;
}

/// Takes what a log says of a span.
fn say(mapping: &mut Mapping, event: &Event<'_>, log: Log<'_>, of: Of) -> Result<(), Refused> {
    let limits = &mapping.options.limits;
    let (most, pending) = (limits.attributes_per_span, limits.pending_events);
    let saying = Saying::read(log.message.as_bytes(), event.raw_time(), most, &mut mapping.texts);
    let saying = saying.ok_or(Refused::Malformed)?;
    let region = match of {
        Of::Next => {
            let goroutine = mapping.goroutine(event).ok_or(Refused::NoSpan)?;
            let next = saying.into_next().ok_or(Refused::Malformed)?;
            return mapping.open.tasks.expect(goroutine, next).then_some(()).ok_or(Refused::NoSpan);
        }
        Of::Task => {
            mapping.mention(event, log.task);
            None
        }
        Of::Region => Some(innermost_region(mapping, event, log.task).ok_or(Refused::NoSpan)?),
    };
    let Saying { own, parent, mut said, query } = saying;
    if region.is_some() && said.is_of_database() {
        stacks::is_told(mapping, event, Operation::Sql);
    }
    let room = pending.saturating_sub(mapping.pending_events);
    let has_context_around = said.within.is_some();
    let Some(Annotated { identity, notes, .. }) = target(&mut mapping.open, region, log.task) else {
        return Err(Refused::NoSpan);
    };
    if own.is_some() {
        identity.is_told_to_us();
    }
    let contexts = [own.map(LogContext::Own), parent.map(LogContext::RemoteParent)];
    let learned = contexts.map(|context| context.map(|context| identity.learn(context)));
    let known = notes.said.get_or_insert_default();
    if let Some(query) = query {
        said.add_query(&query, known, &mapping.options.db_system_name, &mut mapping.texts);
    }
    let room = room.min(most.saturating_sub(known.attributes.len()));
    mapping.pending_events += known.hear(said, room);
    learned.into_iter().flatten().for_each(|learned| note_learned(mapping, learned));
    mapping.open.has_changed_contexts |= has_context_around;
    Ok(())
}

/// The innermost region of the goroutine that is in the task. None where a limit has kept it out: the one around it is another.
fn innermost_region(mapping: &Mapping, event: &Event<'_>, task: TaskId) -> Option<SectionKey> {
    let goroutine = mapping.goroutine(event)?;
    let is_kept_out = mapping.goroutines.get(goroutine).is_some_and(|nest| nest.dropped > 0);
    mapping.region_of(Some(goroutine), task).filter(|_| !is_kept_out)
}

fn unattached(
    mapping: &mut Mapping,
    event: &Event<'_>,
    log: Log<'_>,
    refused: Option<Refused>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let Some(logs) = mapping.log_sink(sink) else {
        mapping.counters.unattached_logs += u64::from(refused != Some(Refused::NoSpan));
        return Ok(());
    };
    let body = message_of(&mut mapping.texts, log, refused);
    let event_name = mapping.texts.name(log.category, "");
    let time = mapping.timeline.wall().unix_time(event.raw_time());
    logs.take_log(LogRecord { event_name, ..LogRecord::new(time, body) })?;
    mapping.counters.log_records += 1;
    Ok(())
}
