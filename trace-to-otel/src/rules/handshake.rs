//! Handshakes: what the stacks of their goroutines tell of them.
//!
//! One that is repeated after it failed begins and never ends. That it is over shows in a stack without it, if it was on one
//! before: a handshake of another library than `crypto/tls` never is. It is then part of nothing that comes, but if its end
//! comes after all, that is its end.

use go_trace_format::{
    Event, EventType,
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
    sink::Sinks,
};

/// Looks at a section, which may be a handshake, by the stack of an event on its goroutine.
pub(crate) fn see(mapping: &mut Mapping, key: SectionKey, event: &Event<'_>) {
    let what = mapping.open.section_mut(key).map(|section| &mut section.what);
    let Some(What::Operation(operation)) = what else { return };
    if operation.operation != Operation::Tls {
        return;
    }
    let (Some(stack), Some(goroutine)) = (event.stack(), operation.goroutine) else { return };
    operation.see(Some(stack));
    if operation.was_on_stack && operations::handshakes_in(stack) == 0 {
        let time = event.raw_time();
        mapping.abandon(key, goroutine, time);
        mapping.operations.seems_over(goroutine, key);
    }
}

/// The same, of whatever is innermost on the goroutine that an event happened on.
pub(crate) fn see_innermost<S: Sinks + ?Sized>(
    mapping: &mut Mapping,
    event: &Event<'_>,
    sink: &mut S,
) -> Result<(), S::Error> {
    // The end tells by itself that it is over.
    if !mapping.operations.has_handshakes() || event.event_type() == EventType::TlsHandshakeEnd {
        return Ok(());
    }
    let innermost = mapping.goroutine(event).and_then(|id| mapping.innermost_section(id));
    if let Some(Nested { span: Open::Section(key), .. }) = innermost {
        see(mapping, key, event);
    }
    while let Some(key) = mapping.operations.first_over_too_many() {
        give_up(mapping, key, sink)?;
    }
    Ok(())
}

/// Gives up what seems to be over on a goroutine: there, no end can come any more.
pub(crate) fn give_up_all<S: Sinks + ?Sized>(
    mapping: &mut Mapping,
    goroutine: GoroutineId,
    sink: &mut S,
) -> Result<(), S::Error> {
    while let Some(key) = mapping.operations.over_on(goroutine) {
        give_up(mapping, key, sink)?;
    }
    Ok(())
}

fn give_up<S: Sinks + ?Sized>(mapping: &mut Mapping, key: SectionKey, sink: &mut S) -> Result<(), S::Error> {
    let latest = mapping.timeline.latest();
    mapping.end_unfinished(key, Ending::unseen(latest), sink)
}
