//! Ranges: what the runtime does for a while. Each is a trace of its own, linked to the spans that it overlapped.

use std::sync::Arc;

use go_trace_format::{
    Event, EventKind,
    event::{self, GoroutineId, RangeKind, TaskId},
};

use crate::{
    form::{Ending, Form, Missing},
    identity::Identity,
    known::{
        ranges::{Key, Kind, OpenRange, Owner},
        span::{Links, OpenSpan},
    },
    mapping::Mapping,
    sink::{Outlet, Stopped},
    span::{Link, Scope},
};

fn key_of(event: &Event<'_>, range: &event::Range<'_>) -> Option<Key> {
    let kind = match range.kind {
        RangeKind::StopTheWorld(_) => Kind::StopTheWorld,
        RangeKind::GcMark => Kind::GcMark,
        RangeKind::GcSweep => Kind::GcSweep,
        RangeKind::GcMarkAssist => Kind::GcMarkAssist,
        _ => return None,
    };
    let owner = match range.scope {
        event::Scope::Process => Owner::Process,
        event::Scope::Proc(Some(id)) => Owner::Proc(id),
        event::Scope::Goroutine(Some(id)) => Owner::Goroutine(id),
        _ => Owner::Thread(event.thread()?),
    };
    Some(Key { kind, owner })
}

/// A range begins or ends, or was under way when a generation began.
pub(crate) fn range(
    mapping: &mut Mapping,
    event: &Event<'_>,
    kind: EventKind<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let (range, is_begin, is_end) = match kind {
        EventKind::RangeBegin(range) => (range, true, false),
        EventKind::RangeActive(range) => (range, false, false),
        EventKind::RangeEnd(range) => (range, false, true),
        _ => return Ok(()),
    };
    let Some(key) = key_of(event, &range) else { return Ok(()) };
    if !mapping.ranges.open.contains_key(&key) {
        if is_end && !may_have_begun_before(mapping, key) {
            mapping.counters.surplus_range_ends += 1;
            return Ok(());
        }
        begin(mapping, event, key, range.kind, !is_begin);
    }
    if is_end { end(mapping, event, key, sink) } else { Ok(()) }
}

/// Whether a range may have begun before the trace. Each generation tells which are under way.
fn may_have_begun_before(mapping: &Mapping, key: Key) -> bool {
    let may_be_older = match key.owner {
        Owner::Goroutine(id) => mapping.goroutines.may_be_older(id),
        _ => true,
    };
    mapping.timeline.is_in_first_generation() && may_be_older
}

fn begin(mapping: &mut Mapping, event: &Event<'_>, key: Key, kind: RangeKind<'_>, lacks_start: bool) {
    if mapping.ranges.open.len() >= mapping.options.limits.open_ranges {
        mapping.counters.dropped_spans += 1;
        return;
    }
    let identity = Identity::new(&mapping.facts(&Scope::Range, event, TaskId::BACKGROUND, !lacks_start));
    let name = name_of(mapping, kind);
    let mut span = match lacks_start && may_have_begun_before(mapping, key) {
        true => mapping.unstarted_span(identity, name, TaskId::BACKGROUND),
        false => mapping.open_span(identity, name, event, TaskId::BACKGROUND),
    };
    span.place.goroutine = match key.owner {
        Owner::Goroutine(id) => Some(id),
        _ => None,
    };
    let links = overlapped(mapping, key, event.goroutine());
    if !links.is_empty() {
        span.details.make().links = links;
    }
    mapping.ranges.open.insert(key, OpenRange { span, lacks_start });
}

fn end(mapping: &mut Mapping, event: &Event<'_>, key: Key, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let Some(OpenRange { span, lacks_start }) = mapping.ranges.open.remove(&key) else { return Ok(()) };
    let ending = Ending::by(event, None);
    let ending = if lacks_start { ending.without_start() } else { ending };
    finish(mapping, key, span, ending, sink)
}

/// Ends every range.
pub(crate) fn end_all(mapping: &mut Mapping, ending: Ending, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    for (key, OpenRange { span, lacks_start }) in core::mem::take(&mut mapping.ranges.open) {
        let missing = if lacks_start { Missing::Both } else { Missing::End };
        finish(mapping, key, span, Ending { missing: Some(missing), ..ending }, sink)?;
    }
    Ok(())
}

fn finish(
    mapping: &mut Mapping,
    key: Key,
    span: Box<OpenSpan>,
    ending: Ending,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let form = Form { attributes: key.attributes(), ..Form::plain(Scope::Range) };
    mapping.emit(None, form, span, None, ending, sink)
}

/// Links to the spans that are open when a range begins: all of them, tasks first, or those of its goroutine.
fn overlapped(mapping: &mut Mapping, key: Key, goroutine: Option<GoroutineId>) -> Links {
    let mut links = Links::default();
    let most = mapping.options.limits.links_per_span;
    if !key.kind.is_wide() {
        let innermost = goroutine.and_then(|id| mapping.goroutines.innermost(id));
        let context = innermost.and_then(|nested| mapping.open.context_of(nested));
        links.to.extend(context.map(Link::from));
        return links;
    }
    let oldest = mapping.open.oldest(most);
    links.to.extend(oldest.into_iter().filter_map(|open| mapping.open.context(open)).map(Link::from));
    links.dropped = u32::try_from(mapping.open.len() - links.to.len()).unwrap_or(u32::MAX);
    mapping.counters.dropped_links += u64::from(links.dropped);
    links
}

fn name_of(mapping: &mut Mapping, kind: RangeKind<'_>) -> Arc<str> {
    match kind {
        // The reason is part of the trace's text.
        RangeKind::StopTheWorld(reason) => {
            format!("stop-the-world ({})", mapping.texts.name(reason, "unspecified")).into()
        }
        RangeKind::GcMark => mapping.texts.fixed("GC concurrent mark phase"),
        RangeKind::GcSweep => mapping.texts.fixed("GC incremental sweep"),
        RangeKind::GcMarkAssist => mapping.texts.fixed("GC mark assist"),
        other => other.to_string().into(),
    }
}
