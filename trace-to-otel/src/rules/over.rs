//! Operations that are over though their end was not seen: what the stacks of their goroutines tell of them.
//!
//! A handshake that is repeated after it failed begins and never ends, and so does a request whose transport panics. That it is
//! over shows in a stack without it, if it was on one before: what other libraries than Go's own do never is. It is then part
//! of nothing that comes, but if its end comes after all, that is its end.

use go_trace_format::{
    Event, EventType, Time,
    event::{GoroutineId, Operation},
};

use crate::{
    form::Ending,
    known::{
        goroutines::Nested,
        sections::What,
        span::{Open, SectionKey},
    },
    mapping::Mapping,
    operations,
    sink::{Outlet, Stopped},
};

/// Looks at a section, which may be an operation that stacks show, by the stack of an event on its goroutine.
pub(crate) fn see(mapping: &mut Mapping, key: SectionKey, event: &Event<'_>) {
    let what = mapping.open.section_mut(key).map(|section| &mut section.what);
    let Some(What::Operation(operation)) = what else { return };
    if !operations::is_on_stack(operation.operation) {
        return;
    }
    let (Some(stack), Some(goroutine)) = (event.stack(), operation.goroutine) else { return };
    operation.see(Some(stack));
    if operation.was_on_stack && operations::calls_in(operation.operation, stack) == 0 {
        seems_over(mapping, key, goroutine, event.raw_time());
    }
}

/// Takes an operation for over: nothing that comes is part of it.
pub(crate) fn seems_over(mapping: &mut Mapping, key: SectionKey, goroutine: GoroutineId, time: Time) {
    mapping.abandon(key, goroutine, time);
    mapping.operations.seems_over(goroutine, key);
}

/// A server's request has ended: what was called in it and is open still on its goroutine is over, too.
pub(crate) fn seem_over_within(mapping: &mut Mapping, goroutine: GoroutineId, key: SectionKey, time: Time) {
    let Some(known) = mapping.goroutines.get(goroutine) else { return };
    let mut inner = known.open.iter().rev().map(|nested| nested.span).collect::<Vec<_>>();
    match inner.iter().position(|&open| open == Open::Section(key)) {
        Some(place) => inner.truncate(place),
        None => return,
    }
    for open in inner {
        let Open::Section(key) = open else { continue };
        if mapping.open.is_operation(key) {
            seems_over(mapping, key, goroutine, time);
        }
    }
}

/// Looks at whatever is innermost on the goroutine that an event happened on.
pub(crate) fn see_innermost(
    mapping: &mut Mapping,
    event: &Event<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    use EventType as E;
    if !mapping.operations.may_be_over() {
        return Ok(());
    }
    // The end tells by itself that it is over.
    let is_end =
        matches!(event.event_type(), E::TlsHandshakeEnd | E::HttpClientRequestEnd | E::HttpClientError);
    let innermost = mapping.goroutine(event).and_then(|id| mapping.innermost_section(id));
    if let Some(Nested { span: Open::Section(key), .. }) = innermost.filter(|_| !is_end) {
        see(mapping, key, event);
    }
    while let Some(key) = mapping.operations.first_over_too_many() {
        give_up(mapping, key, sink)?;
    }
    Ok(())
}

/// Gives up the operations of one kind, or of all, that seem to be over on a goroutine: there, no end can come any more.
pub(crate) fn give_up_all(
    mapping: &mut Mapping,
    goroutine: GoroutineId,
    only: Option<Operation>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let is_one = |key: &SectionKey| match mapping.open.section(*key).map(|section| &section.what) {
        Some(What::Operation(operation)) => only.is_none_or(|only| operation.operation == only),
        _ => false,
    };
    let over: Vec<SectionKey> = mapping.operations.over_on(goroutine).filter(is_one).collect();
    over.into_iter().try_for_each(|key| give_up(mapping, key, sink))
}

fn give_up(mapping: &mut Mapping, key: SectionKey, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let latest = mapping.timeline.latest();
    mapping.end_unfinished(key, Ending::unseen(latest), sink)
}
