//! Goroutines: what they do from event to event, who creates and who wakes them, and what is left when they end.

use go_trace_format::{
    Event, EventKind, EventType, Time,
    event::{GoroutineId, StringId},
};

use crate::{
    anatomy::Doing,
    attribute,
    form::Ending,
    known::{changes::Change, goroutines::Nested, sections::What, span::Open},
    mapping::Mapping,
    rules::over,
    sink::{Outlet, Stopped},
    span::{Attribute, SpanEvent},
};

/// What a change of a goroutine's state is called.
const STATE_EVENT: &str = "goroutine.state";
/// No goroutine has this id.
const NOBODY: GoroutineId = GoroutineId(-1);

/// Whose state an event tells of, if it tells of nothing else that spans are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Whose {
    /// The goroutine's that it happened on; or nobody's.
    Own = 0,
    /// The goroutine's that it names first.
    Named = 1,
    /// It tells more than a state.
    More,
}

impl Whose {
    const OF: [Self; 256] = {
        use EventType as E;
        let mut whose = [Self::More; 256];
        let mut types = EventType::all();
        while let [event_type, rest @ ..] = types {
            whose[*event_type as usize] = match event_type {
                E::GoStart | E::GoUnblock | E::GoSwitch | E::GoSwitchDestroy => Self::Named,
                E::GoBlock | E::GoStop | E::GoSyscallBegin | E::GoSyscallEnd | E::GoSyscallEndBlocked => {
                    Self::Own
                }
                E::ProcStart | E::ProcStop | E::ProcSteal | E::HeapAlloc | E::HeapGoal => Self::Own,
                _ => Self::More,
            };
            types = rest;
        }
        whose
    };

    #[inline]
    pub(crate) fn of(event_type: EventType) -> Self {
        Self::OF[event_type as usize]
    }

    /// The goroutine, where the event tells of nothing but its state.
    ///
    /// Chosen by arithmetic and not by a branch that depends on the event: the processor could not foresee it, and this
    /// is asked of every event.
    #[inline]
    pub(crate) fn goroutine(self, event: &Event<'_>) -> GoroutineId {
        let own = event.goroutine().unwrap_or(NOBODY).0;
        let named = event.arguments().first().map_or(0, |&id| id as i64);
        let is_named = -i64::from(self as u8);
        GoroutineId(own ^ ((own ^ named) & is_named))
    }
}

/// What a goroutine does from an event of its state on; where it waits, the event tells for what.
///
/// A table, as the processor could not foresee the branches of a `match`.
const DOING_AFTER: [Option<Doing>; 256] = {
    use EventType as E;
    let mut after = [None; 256];
    after[E::GoStart as usize] = Some(Doing::Running);
    after[E::GoSyscallEnd as usize] = Some(Doing::Running);
    after[E::GoSyscallBegin as usize] = Some(Doing::Syscall);
    after[E::GoBlock as usize] = Some(Doing::Other);
    after[E::GoUnblock as usize] = Some(Doing::Runnable);
    after[E::GoStop as usize] = Some(Doing::Runnable);
    after[E::GoSwitch as usize] = Some(Doing::Runnable);
    after[E::GoSwitchDestroy as usize] = Some(Doing::Runnable);
    after[E::GoSyscallEndBlocked as usize] = Some(Doing::Runnable);
    after
};

/// A goroutine that may be known goes from one state to another.
#[inline(never)]
pub(crate) fn moves(mapping: &mut Mapping, event: &Event<'_>, id: GoroutineId) {
    let event_type = event.event_type();
    let Some(mut doing) = DOING_AFTER[event_type as usize] else { return };
    let Some(goroutine) = mapping.goroutines.get_mut(id) else { return };
    if event_type == EventType::GoBlock {
        doing = mapping.block_reasons.of(StringId(event.arguments()[0]), event.tables());
    }
    let former = goroutine.doing();
    let time = goroutine.goes_over_to(doing, event.raw_time());
    if event_type == EventType::GoUnblock || mapping.operations.may_be_over() || mapping.options.state_events
    {
        has_moved(mapping, event, id, time, former, doing);
    }
}

/// What there is to be done beyond counting.
#[inline(never)]
fn has_moved(
    mapping: &mut Mapping,
    event: &Event<'_>,
    id: GoroutineId,
    time: Time,
    former: Doing,
    doing: Doing,
) {
    let Some(innermost) = mapping.goroutines.innermost(id) else { return };
    if event.event_type() == EventType::GoUnblock {
        link_to_waker(mapping, innermost.span, event);
    }
    if let (Open::Section(key), Whose::Own) = (innermost.span, Whose::of(event.event_type())) {
        if mapping.operations.may_be_over() {
            over::see(mapping, key, event);
        }
    }
    note_state(mapping, id, time, former, doing, event);
}

/// Adds a change of state to the innermost span of a goroutine, if that is asked for.
#[inline]
fn note_state(mapping: &mut Mapping, id: GoroutineId, time: Time, from: Doing, to: Doing, event: &Event<'_>) {
    if mapping.options.state_events {
        if let Some(innermost) = mapping.goroutines.innermost(id) {
            add_state_event(mapping, innermost.span, time, from, to, event);
        }
    }
}

fn add_state_event(mapping: &mut Mapping, open: Open, time: Time, from: Doing, to: Doing, event: &Event<'_>) {
    let EventKind::Goroutine(transition) = event.kind() else { return };
    let mut attributes = vec![
        Attribute::new(attribute::STATE_FROM, from.state()),
        Attribute::new(attribute::STATE_TO, to.state()),
    ];
    if !transition.reason.is_empty() {
        let reason = mapping.texts.name(transition.reason, "");
        attributes.push(Attribute::new(attribute::STATE_REASON, reason));
    }
    let Some(span) = mapping.open.span_mut(open) else { return };
    let has_room = mapping.pending_events < mapping.options.limits.pending_events;
    let time = span.wall.unix_time(time);
    let notes = &mut span.details.make().notes;
    if notes.events.len() >= mapping.options.limits.events_per_span || !has_room {
        notes.dropped = notes.dropped.saturating_add(1);
        mapping.counters.dropped_events += 1;
        return;
    }
    mapping.pending_events += 1;
    notes.events.push(SpanEvent { time, name: STATE_EVENT.into(), attributes });
}

/// A generation says that a goroutine is there.
pub(crate) fn is_told_of(mapping: &mut Mapping, event: &Event<'_>) {
    if let Some(&id) = event.arguments().first() {
        mapping.goroutines.is_told_of(GoroutineId(id as i64));
    }
}

/// A generation says what a goroutine does. That is news only of one that was there before the trace, or where something
/// is missing between.
pub(crate) fn status(mapping: &mut Mapping, event: &Event<'_>) {
    let &[id, _, status, ..] = event.arguments() else { return };
    let id = GoroutineId(id as i64);
    let Some(goroutine) = mapping.goroutines.get_mut(id) else { return };
    // Go: `tracev2.GoStatus`. The reader keeps the state before in the upper half.
    let doing = match status & 0xffff_ffff {
        1 => Doing::Runnable,
        2 => Doing::Running,
        3 => Doing::Syscall,
        4 => Doing::Other,
        _ => return,
    };
    if doing.state() != goroutine.doing().state() {
        goroutine.goes_over_to(doing, event.raw_time());
    }
}

/// A goroutine is created. If that is inside of a span, its own spans have to do with it.
pub(crate) fn is_created(mapping: &mut Mapping, event: &Event<'_>) {
    let Some(creator) = event.goroutine() else { return };
    if mapping.operations.may_be_over() {
        if let Some(Nested { span: Open::Section(key), .. }) = mapping.goroutines.innermost(creator) {
            over::see(mapping, key, event);
        }
    }
    let innermost = mapping.goroutines.innermost(creator);
    let creation = innermost
        .map(|nested| mapping.open.nested_as_parent(nested))
        .filter(|around| around.context.is_some())
        .or_else(|| mapping.goroutines.creation(creator));
    let Some(creation) = creation else { return };
    let has_room = mapping.goroutines.create(GoroutineId(event.arguments()[0] as i64), creation);
    mapping.counters.unknown_creations += u64::from(!has_room);
}

/// A goroutine makes another one run on: if both are in spans, these have to do with each other.
fn link_to_waker(mapping: &mut Mapping, woken: Open, event: &Event<'_>) {
    let Some(waker) = event.goroutine().and_then(|id| mapping.goroutines.innermost(id)) else { return };
    if !mapping.options.wake_links || waker.span == woken {
        return;
    }
    let Some(context) = mapping.open.context_of(waker) else { return };
    let most = mapping.options.limits.links_per_span;
    if let Some(span) = mapping.open.span_mut(woken) {
        let is_dropped = span.details.make().links.add(context.into(), most);
        mapping.counters.dropped_links += u64::from(is_dropped);
    }
}

/// A goroutine begins or ends to assist the garbage collector.
#[inline]
pub(crate) fn assists(mapping: &mut Mapping, event: &Event<'_>) {
    if !matches!(event.event_type(), EventType::GcMarkAssistBegin | EventType::GcMarkAssistEnd) {
        return;
    }
    let Some(goroutine) = event.goroutine().and_then(|id| mapping.goroutines.get_mut(id)) else { return };
    let is_begin = event.event_type() == EventType::GcMarkAssistBegin;
    goroutine.assists(event.raw_time(), is_begin);
}

/// A goroutine has ended, and with it its operations. Its regions may end elsewhere, or not at all.
pub(crate) fn ends(mapping: &mut Mapping, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let Some(id) = event.goroutine() else { return Ok(()) };
    mapping.open.tasks.next.remove(&id);
    if mapping.operations.may_be_over() {
        over::give_up_all(mapping, id, None, sink)?;
    }
    let Some(mut goroutine) = mapping.goroutines.end(id) else {
        return Ok(());
    };
    let open = core::mem::take(&mut goroutine.open);
    let (time, totals) = goroutine.totals_at(event.raw_time());
    if !open.is_empty() {
        // What is open lives on without it, and another goroutine may get its id.
        mapping.changes.push(|| Change::Innermost { goroutine: id, time, span: None });
    }
    for nested in open.into_iter().rev() {
        let Open::Section(key) = nested.span else { continue };
        let Some(section) = mapping.open.section_mut(key) else { continue };
        section.span.abandon(time, totals);
        match section.what {
            What::Region => mapping.loosen(key, sink)?,
            // Go starts and ends an operation on one goroutine: a handler has panicked, its request is over.
            What::Operation(_) | What::Call(_) => mapping.end_unfinished(key, Ending::unseen(time), sink)?,
        }
    }
    Ok(())
}
