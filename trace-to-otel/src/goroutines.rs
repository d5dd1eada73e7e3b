//! What goroutines do: which spans are open on them, and how their time splits meanwhile.
//!
//! Only goroutines that matter are known here: those that spans are open on, and those created inside of a span. Any
//! other one costs its events a look-up that fails. Which goroutine is in which state is the reader's to check; here
//! it is believed.

use std::collections::HashMap;

use go_trace_format::{
    Event, EventKind, EventType,
    event::{GoroutineId, StringId},
};

use crate::{
    anatomy::{Anatomy, Doing, Waiting},
    attribute,
    identity::SpanContext,
    mapper::Mapper,
    span::{Attribute, SpanEvent, UnixTime},
    spans::Open,
};

/// How many goroutines that were created inside of spans are known, without spans of their own.
const MOST_CREATED: usize = 1 << 17;
/// What a change of a goroutine's state is called.
const STATE_EVENT: &str = "goroutine.state";
/// By how much ids are divided for their remainders: a power of 2.
const REMAINDERS: usize = 1 << 10;
/// How many empty nests are kept to be used again.
const MOST_SPARE: usize = 256;

/// The goroutines that matter.
#[derive(Debug)]
pub(crate) struct Goroutines {
    known: HashMap<GoroutineId, Goroutine, foldhash::fast::RandomState>,
    /// How many of them have each remainder of their ids. Most events are of goroutines that are not known: they are
    /// told by this, which is small enough to stay near.
    remainders: Box<[u32; REMAINDERS]>,
    /// Nests that are empty again, so that a span costs no allocation for its own.
    spare: Vec<Vec<Open>>,
}

/// A goroutine that matters.
#[derive(Debug)]
pub(crate) struct Goroutine {
    doing: Doing,
    /// The latest moment that is in the totals. Threads' clocks may disagree a little: it never goes back.
    since: UnixTime,
    totals: Anatomy,
    assists_since: Option<UnixTime>,
    /// What is open on it, in the order in which it began.
    pub(crate) open: Vec<Open>,
    /// How many more regions are open inside of these that a limit has kept out.
    pub(crate) dropped: u64,
    pub(crate) creation: Option<Creation>,
}

/// The span that a goroutine was created in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation {
    pub(crate) span: Open,
    pub(crate) context: SpanContext,
}

impl Goroutine {
    fn new(doing: Doing, since: UnixTime, open: Vec<Open>) -> Self {
        Self {
            doing,
            since,
            totals: Anatomy::default(),
            assists_since: None,
            open,
            dropped: 0,
            creation: None,
        }
    }

    /// Counts the time up to a moment, and gives that moment, or the latest one if that is later.
    fn advance(&mut self, time: UnixTime) -> UnixTime {
        let elapsed = time.0.saturating_sub(self.since.0);
        self.totals.add(self.doing, elapsed);
        self.since = self.since.max(time);
        self.since
    }

    /// A moment of the goroutine, and its totals then.
    pub(crate) fn totals_at(&mut self, time: UnixTime) -> (UnixTime, Anatomy) {
        let time = self.advance(time);
        if let Some(since) = &mut self.assists_since {
            self.totals.gc_assist = self.totals.gc_assist.saturating_add(time.0.saturating_sub(since.0));
            *since = time;
        }
        (time, self.totals)
    }

    fn goes_over_to(&mut self, doing: Doing, time: UnixTime) -> UnixTime {
        let time = self.advance(time);
        self.doing = doing;
        time
    }

    /// Takes what is open no longer out of the nest. Says whether the goroutine still matters.
    fn close(&mut self, closed: Open) -> bool {
        if let Some(index) = self.open.iter().rposition(|&open| open == closed) {
            self.open.remove(index);
        }
        self.matters()
    }

    fn matters(&self) -> bool {
        !self.open.is_empty() || self.dropped > 0 || self.creation.is_some()
    }
}

impl Default for Goroutines {
    fn default() -> Self {
        Self { known: HashMap::default(), remainders: Box::new([0; REMAINDERS]), spare: Vec::new() }
    }
}

/// The place of an id in [`Goroutines::remainders`].
fn remainder(id: GoroutineId) -> usize {
    id.0 as usize % REMAINDERS
}

impl Goroutines {
    #[inline]
    fn may_know(&self, id: GoroutineId) -> bool {
        self.remainders[remainder(id)] > 0
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: GoroutineId) -> Option<&mut Goroutine> {
        if self.may_know(id) { self.known.get_mut(&id) } else { None }
    }

    fn insert(&mut self, id: GoroutineId, goroutine: Goroutine) {
        if self.known.insert(id, goroutine).is_none() {
            self.remainders[remainder(id)] += 1;
        }
    }

    #[inline]
    pub(crate) fn get(&self, id: GoroutineId) -> Option<&Goroutine> {
        if self.may_know(id) { self.known.get(&id) } else { None }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The goroutine on which a span begins: it runs.
    pub(crate) fn running(&mut self, id: GoroutineId, time: UnixTime) -> &mut Goroutine {
        self.known.entry(id).or_insert_with(|| {
            self.remainders[remainder(id)] += 1;
            Goroutine::new(Doing::Running, time, self.spare.pop().unwrap_or_default())
        })
    }

    /// Takes what is open no longer out of its goroutine's nest, and forgets the goroutine if that was all.
    pub(crate) fn close(&mut self, id: GoroutineId, closed: Open) {
        if self.known.get_mut(&id).is_some_and(|goroutine| !goroutine.close(closed)) {
            self.remove(id);
        }
    }

    /// The same at some time, and gives the goroutine's moment and its totals then.
    pub(crate) fn close_at(
        &mut self,
        id: GoroutineId,
        closed: Open,
        time: UnixTime,
    ) -> Option<(UnixTime, Anatomy)> {
        let goroutine = self.get_mut(id)?;
        let moment = goroutine.totals_at(time);
        if !goroutine.close(closed) {
            self.remove(id);
        }
        Some(moment)
    }

    /// Forgets a goroutine on which nothing is open any more.
    pub(crate) fn forget_if_idle(&mut self, id: GoroutineId) {
        if self.known.get(&id).is_some_and(|goroutine| !goroutine.matters()) {
            self.remove(id);
        }
    }

    /// Forgets a goroutine, and gives what was open on it.
    pub(crate) fn remove(&mut self, id: GoroutineId) -> Option<Goroutine> {
        let mut goroutine = self.may_know(id).then(|| self.known.remove(&id)).flatten()?;
        self.remainders[remainder(id)] -= 1;
        if goroutine.open.is_empty() && self.spare.len() < MOST_SPARE {
            self.spare.push(core::mem::take(&mut goroutine.open));
        }
        Some(goroutine)
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.remainders.fill(0);
    }
}

impl Mapper {
    /// A goroutine goes from one state to another: the one that an event happened on.
    #[inline]
    pub(crate) fn goroutine_moves(&mut self, event: &Event<'_>, doing: impl FnOnce(&Event<'_>) -> Doing) {
        let Some(id) = event.goroutine() else { return };
        let Some(goroutine) = self.goroutines.get_mut(id) else { return };
        let (former, doing) = (goroutine.doing, doing(event));
        let time = goroutine.goes_over_to(doing, self.timeline.time(event));
        if let (Some(&Open::Frame(key)), true) = (goroutine.open.last(), self.operations.has_handshakes()) {
            self.see_handshake(key, event);
        }
        self.note_state(id, time, former, doing, event);
    }

    /// A goroutine goes from one state to another: the one that an event names.
    #[inline]
    pub(crate) fn goroutine_is_moved(&mut self, event: &Event<'_>, doing: Doing) {
        let id = GoroutineId(event.arguments()[0] as i64);
        let Some(goroutine) = self.goroutines.get_mut(id) else { return };
        let former = goroutine.doing;
        let time = goroutine.goes_over_to(doing, self.timeline.time(event));
        self.note_state(id, time, former, doing, event);
    }

    /// Adds a change of state to the innermost span of a goroutine, if that is asked for.
    #[inline]
    fn note_state(&mut self, id: GoroutineId, time: UnixTime, from: Doing, to: Doing, event: &Event<'_>) {
        if self.options.state_events {
            if let Some(&innermost) = self.goroutines.get(id).and_then(|goroutine| goroutine.open.last()) {
                self.add_state_event(innermost, time, from, to, event);
            }
        }
    }

    fn add_state_event(&mut self, open: Open, time: UnixTime, from: Doing, to: Doing, event: &Event<'_>) {
        let EventKind::Goroutine(transition) = event.kind() else { return };
        let mut attributes = vec![
            Attribute::new(attribute::STATE_FROM, from.state()),
            Attribute::new(attribute::STATE_TO, to.state()),
        ];
        if !transition.reason.is_empty() {
            let reason = self.texts.name(transition.reason, "");
            attributes.push(Attribute::new(attribute::STATE_REASON, reason));
        }
        let Some(span) = self.open.span_mut(open) else { return };
        let has_room = self.pending_events < self.options.limits.pending_events;
        if span.notes.events.len() >= self.options.limits.events_per_span || !has_room {
            span.notes.dropped = span.notes.dropped.saturating_add(1);
            self.counters.dropped_events += 1;
            return;
        }
        self.pending_events += 1;
        span.notes.events.push(SpanEvent { time, name: STATE_EVENT.into(), attributes });
    }

    /// A generation says what a goroutine does. That is news only where something is missing between.
    #[inline]
    pub(crate) fn goroutine_status(&mut self, event: &Event<'_>) {
        let [id, _, status, _] = *event.arguments();
        let Some(goroutine) = self.goroutines.get_mut(GoroutineId(id as i64)) else { return };
        // Go: `tracev2.GoStatus`. The reader keeps the state before in the upper half.
        let doing = match status & 0xffff_ffff {
            1 => Doing::Runnable,
            2 => Doing::Running,
            3 => Doing::Syscall,
            4 => Doing::Waiting(Waiting::Other),
            _ => return,
        };
        if doing.state() != goroutine.doing.state() {
            goroutine.goes_over_to(doing, self.timeline.time(event));
        }
    }

    /// A goroutine is created. If that is inside of a span, its own spans have to do with it.
    #[inline]
    pub(crate) fn goroutine_is_created(&mut self, event: &Event<'_>, doing: Doing) {
        let Some(creator) = event.goroutine() else { return };
        let Some(known) = self.goroutines.get(creator) else { return };
        if let Some(&Open::Frame(key)) = known.open.last() {
            self.see_handshake(key, event);
        }
        let Some(creator) = self.goroutines.get(creator) else { return };
        let (innermost, inherited) = (creator.open.last().copied(), creator.creation);
        let creation = innermost
            .and_then(|span| Some(Creation { span, context: self.open.context(span)? }))
            .or(inherited);
        if creation.is_none() {
            return;
        }
        if self.goroutines.len() >= MOST_CREATED {
            self.counters.unknown_creations += 1;
            return;
        }
        let time = self.timeline.time(event);
        let id = GoroutineId(event.arguments()[0] as i64);
        let created = Goroutine { creation, ..Goroutine::new(doing, time, Vec::new()) };
        self.goroutines.insert(id, created);
    }

    /// A goroutine makes another one run on: if both are in spans, these have to do with each other.
    #[inline]
    pub(crate) fn goroutine_wakes(&mut self, event: &Event<'_>) {
        self.goroutine_is_moved(event, Doing::Runnable);
        if !self.options.wake_links {
            return;
        }
        let innermost = |id| self.goroutines.get(id)?.open.last().copied();
        let Some(waker) = event.goroutine().and_then(innermost) else { return };
        let woken = GoroutineId(event.arguments()[0] as i64);
        if let Some(woken) = innermost(woken) {
            self.link_to_waker(woken, waker);
        }
    }

    fn link_to_waker(&mut self, woken: Open, waker: Open) {
        let Some(context) = self.open.context(waker).filter(|_| woken != waker) else { return };
        let most = self.options.limits.links_per_span;
        if let Some(span) = self.open.span_mut(woken) {
            let is_dropped = span.links.add(context.into(), most);
            self.counters.dropped_links += u64::from(is_dropped);
        }
    }

    /// A goroutine begins or ends to assist the garbage collector.
    #[inline]
    pub(crate) fn goroutine_assists(&mut self, event: &Event<'_>) {
        if !matches!(event.event_type(), EventType::GcMarkAssistBegin | EventType::GcMarkAssistEnd) {
            return;
        }
        let Some(goroutine) = event.goroutine().and_then(|id| self.goroutines.get_mut(id)) else { return };
        let (time, _) = goroutine.totals_at(self.timeline.time(event));
        goroutine.assists_since = (event.event_type() == EventType::GcMarkAssistBegin).then_some(time);
    }
}

/// What a goroutine that blocks waits for.
pub(crate) fn blocked(event: &Event<'_>) -> Doing {
    let reason = event.tables().string(StringId(event.arguments()[0]));
    Doing::Waiting(Waiting::from_reason(reason.as_bytes()))
}

crate::saved::saved!(Goroutine { doing, since, totals, assists_since, open, dropped, creation });
crate::saved::saved!(Creation { span, context });

impl crate::saved::Saved for Goroutines {
    fn save(&self, out: &mut Vec<u8>) {
        self.known.save(out);
    }

    fn load(input: &mut crate::saved::Input<'_>) -> Option<Self> {
        let known: HashMap<GoroutineId, Goroutine, foldhash::fast::RandomState> =
            crate::saved::Saved::load(input)?;
        let mut loaded = Self::default();
        known.into_iter().for_each(|(id, goroutine)| loaded.insert(id, goroutine));
        Some(loaded)
    }
}
