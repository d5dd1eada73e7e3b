//! Handshakes: what the stacks of their goroutines tell of them.

use go_trace_format::{Event, event::Operation};

use crate::{
    form::Ending,
    known::{
        goroutines::Nested,
        sections::What,
        span::{Open, SectionKey},
    },
    mapping::Mapping,
    operations,
    span::SpanSink,
};

/// A handshake tells by the stacks of its goroutine which side it is, and whether it is over: one that is repeated
/// after it failed begins and never ends.
pub(crate) fn see(mapping: &mut Mapping, key: SectionKey, event: &Event<'_>) {
    let what = mapping.open.section_mut(key).map(|section| &mut section.what);
    let Some(What::Operation(operation)) = what else { return };
    if operation.operation != Operation::Tls {
        return;
    }
    let (Some(stack), Some(goroutine)) = (event.stack(), operation.goroutine) else { return };
    operation.see_side(event.stack());
    if operations::handshakes_in(stack) == 0 {
        let time = mapping.timeline.time(event);
        mapping.abandon(key, goroutine, time);
        mapping.operations.over.push(key);
    }
}

/// The same, of whatever is innermost on the goroutine that an event happened on.
pub(crate) fn see_innermost<S: SpanSink>(
    mapping: &mut Mapping,
    event: &Event<'_>,
    sink: &mut S,
) -> Result<(), S::Error> {
    if !mapping.operations.has_handshakes() {
        return Ok(());
    }
    let innermost = mapping.goroutine(event).and_then(|id| mapping.innermost_section(id));
    if let Some(Nested { span: Open::Section(key), .. }) = innermost {
        see(mapping, key, event);
    }
    while let Some(key) = mapping.operations.over.pop() {
        let latest = mapping.timeline.latest();
        mapping.end_unfinished(key, Ending::unseen(latest), sink)?;
    }
    Ok(())
}
