//! What goroutines do: which spans are open on them, and how their time splits meanwhile.
//!
//! Only goroutines that matter are known here: those that spans are open on. Any other one costs its events a look-up
//! that fails; of those created inside of a span, only that is remembered. Which goroutine is in which state is the
//! reader's to check; here it is believed.

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
/// No goroutine has this id.
const NOBODY: GoroutineId = GoroutineId(-1);

/// The goroutines that matter.
#[derive(Debug)]
pub(crate) struct Goroutines {
    /// Those that something is open on.
    known: HashMap<GoroutineId, Goroutine, foldhash::fast::RandomState>,
    /// Which those may be.
    known_ids: Remainders,
    /// Nests that are empty again, so that a span costs no allocation for its own.
    spare: Vec<Vec<Nested>>,
    /// Those that were created inside of spans, whether something is open on them or not. Many live for long and do
    /// much, which is of no interest until a span begins on them.
    created: HashMap<GoroutineId, Creation, foldhash::fast::RandomState>,
    /// Which those may be.
    created_ids: Remainders,
}

/// How many of some goroutines have each remainder of their ids. Most events are of goroutines that nothing is known
/// of: they are told by this, which is small enough to stay near.
#[derive(Debug)]
struct Remainders(Box<[u32; REMAINDERS]>);

impl Remainders {
    #[inline]
    fn of(&self, id: GoroutineId) -> u32 {
        self.0[id.0 as usize % REMAINDERS]
    }

    #[inline]
    fn of_mut(&mut self, id: GoroutineId) -> &mut u32 {
        &mut self.0[id.0 as usize % REMAINDERS]
    }
}

impl FromIterator<GoroutineId> for Remainders {
    fn from_iter<I: IntoIterator<Item = GoroutineId>>(ids: I) -> Self {
        let mut remainders = Self(Box::new([0; REMAINDERS]));
        ids.into_iter().for_each(|id| *remainders.of_mut(id) += 1);
        remainders
    }
}

/// A goroutine that something is open on.
#[derive(Debug)]
pub(crate) struct Goroutine {
    doing: Doing,
    /// The latest moment that is in the totals. Threads' clocks may disagree a little: it never goes back.
    since: UnixTime,
    totals: Anatomy,
    assists_since: Option<UnixTime>,
    /// What is open on it, in the order in which it began.
    pub(crate) open: Vec<Nested>,
    /// How many more regions are open inside of these that a limit has kept out.
    pub(crate) dropped: u64,
}

/// A span that is open on a goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nested {
    pub(crate) span: Open,
    /// Its context when it began, so that it need not be looked for as long as none has changed.
    pub(crate) context: SpanContext,
}

/// The span that a goroutine was created in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Creation {
    pub(crate) span: Open,
    pub(crate) context: SpanContext,
}

impl Goroutine {
    fn new(doing: Doing, since: UnixTime, open: Vec<Nested>) -> Self {
        Self { doing, since, totals: Anatomy::default(), assists_since: None, open, dropped: 0 }
    }

    /// Counts the time up to a moment, and gives that moment, or the latest one if that is later.
    fn advance(&mut self, time: UnixTime) -> UnixTime {
        let elapsed = time.0.saturating_sub(self.since.0);
        self.totals.add(self.doing, elapsed);
        self.since = self.since.max(time);
        self.since
    }

    /// A moment of the goroutine, and its totals then.
    pub(crate) fn totals_at(&mut self, time: UnixTime) -> (UnixTime, &Anatomy) {
        let time = self.advance(time);
        if let Some(since) = &mut self.assists_since {
            self.totals.gc_assist = self.totals.gc_assist.saturating_add(time.0.saturating_sub(since.0));
            *since = time;
        }
        (time, &self.totals)
    }

    fn goes_over_to(&mut self, doing: Doing, time: UnixTime) -> UnixTime {
        let time = self.advance(time);
        self.doing = doing;
        time
    }

    /// Takes what is open no longer out of the nest. Says whether something still is.
    fn close(&mut self, closed: Open) -> bool {
        if let Some(index) = self.open.iter().rposition(|open| open.span == closed) {
            self.open.remove(index);
        }
        self.matters()
    }

    fn matters(&self) -> bool {
        !self.open.is_empty() || self.dropped > 0
    }
}

impl Default for Goroutines {
    fn default() -> Self {
        Self {
            known: HashMap::default(),
            known_ids: Remainders::from_iter([]),
            spare: Vec::new(),
            created: HashMap::default(),
            created_ids: Remainders::from_iter([]),
        }
    }
}

impl Goroutines {
    /// False for nearly all on which nothing is open.
    #[inline]
    pub(crate) fn may_know(&self, id: GoroutineId) -> bool {
        self.known_ids.of(id) > 0
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: GoroutineId) -> Option<&mut Goroutine> {
        if self.may_know(id) { self.known.get_mut(&id) } else { None }
    }

    #[inline]
    pub(crate) fn get(&self, id: GoroutineId) -> Option<&Goroutine> {
        if self.may_know(id) { self.known.get(&id) } else { None }
    }

    /// What is open innermost on a goroutine.
    #[inline]
    pub(crate) fn innermost(&self, id: GoroutineId) -> Option<Nested> {
        self.get(id)?.open.last().copied()
    }

    /// On how many something is open.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The span that a goroutine was created in.
    pub(crate) fn creation(&self, id: GoroutineId) -> Option<Creation> {
        if self.created_ids.of(id) > 0 { self.created.get(&id).copied() } else { None }
    }

    /// Remembers the span that a goroutine was created in. Says whether there was room.
    fn create(&mut self, id: GoroutineId, creation: Creation) -> bool {
        if self.created.len() >= MOST_CREATED {
            return false;
        }
        if self.created.insert(id, creation).is_none() {
            *self.created_ids.of_mut(id) += 1;
        }
        true
    }

    /// The goroutine on which a span begins: it runs.
    pub(crate) fn running(&mut self, id: GoroutineId, time: UnixTime) -> &mut Goroutine {
        self.known.entry(id).or_insert_with(|| {
            *self.known_ids.of_mut(id) += 1;
            Goroutine::new(Doing::Running, time, self.spare.pop().unwrap_or_default())
        })
    }

    /// Takes what is open no longer out of its goroutine's nest, and forgets the goroutine if that was all.
    pub(crate) fn close(&mut self, id: GoroutineId, closed: Open) {
        if self.get_mut(id).is_some_and(|goroutine| !goroutine.close(closed)) {
            self.remove(id);
        }
    }

    /// The same at some time, and gives the goroutine's moment and what it did since its totals were these.
    pub(crate) fn close_at(
        &mut self,
        id: GoroutineId,
        closed: Open,
        time: UnixTime,
        start: &Anatomy,
    ) -> Option<(UnixTime, Anatomy)> {
        let goroutine = self.get_mut(id)?;
        let (time, totals) = goroutine.totals_at(time);
        let meanwhile = totals.since(start);
        if !goroutine.close(closed) {
            self.remove(id);
        }
        Some((time, meanwhile))
    }

    /// Forgets a goroutine on which nothing is open any more.
    pub(crate) fn forget_if_idle(&mut self, id: GoroutineId) {
        if self.get(id).is_some_and(|goroutine| !goroutine.matters()) {
            self.remove(id);
        }
    }

    /// Forgets a goroutine that has ended, and gives what was open on it.
    pub(crate) fn end(&mut self, id: GoroutineId) -> Option<Goroutine> {
        if self.created_ids.of(id) > 0 && self.created.remove(&id).is_some() {
            *self.created_ids.of_mut(id) -= 1;
        }
        self.may_know(id).then(|| self.remove(id)).flatten()
    }

    fn remove(&mut self, id: GoroutineId) -> Option<Goroutine> {
        let mut goroutine = self.known.remove(&id)?;
        *self.known_ids.of_mut(id) -= 1;
        if goroutine.open.is_empty() && self.spare.len() < MOST_SPARE {
            self.spare.push(core::mem::take(&mut goroutine.open));
        }
        Some(goroutine)
    }

    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.known_ids = Remainders::from_iter([]);
        self.created.clear();
        self.created_ids = Remainders::from_iter([]);
    }
}

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
        let named = event.arguments()[0] as i64;
        let is_named = -i64::from(self as u8);
        GoroutineId(own ^ ((own ^ named) & is_named))
    }
}

impl Mapper {
    /// A goroutine that may be known goes from one state to another.
    #[inline(never)]
    pub(crate) fn goroutine_moves(&mut self, event: &Event<'_>, id: GoroutineId) {
        use EventType as E;
        let Some(goroutine) = self.goroutines.get_mut(id) else { return };
        let event_type = event.event_type();
        let doing = match event_type {
            E::GoStart | E::GoSyscallEnd => Doing::Running,
            E::GoSyscallBegin => Doing::Syscall,
            E::GoBlock => Doing::Waiting(self.block_reasons.of(event)),
            E::GoUnblock | E::GoStop | E::GoSwitch | E::GoSwitchDestroy | E::GoSyscallEndBlocked => {
                Doing::Runnable
            }
            _ => return,
        };
        let former = goroutine.doing;
        let time = goroutine.goes_over_to(doing, self.timeline.time(event));
        let Some(&innermost) = goroutine.open.last() else { return };
        if event_type == E::GoUnblock {
            self.link_to_waker(innermost.span, event);
        }
        if let (Open::Frame(key), Whose::Own) = (innermost.span, Whose::of(event_type)) {
            if self.operations.has_handshakes() {
                self.see_handshake(key, event);
            }
        }
        self.note_state(id, time, former, doing, event);
    }

    /// Adds a change of state to the innermost span of a goroutine, if that is asked for.
    #[inline]
    fn note_state(&mut self, id: GoroutineId, time: UnixTime, from: Doing, to: Doing, event: &Event<'_>) {
        if self.options.state_events {
            if let Some(innermost) = self.goroutines.innermost(id) {
                self.add_state_event(innermost.span, time, from, to, event);
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
    pub(crate) fn goroutine_is_created(&mut self, event: &Event<'_>) {
        let Some(creator) = event.goroutine() else { return };
        if let Some(Nested { span: Open::Frame(key), .. }) = self.goroutines.innermost(creator) {
            self.see_handshake(key, event);
        }
        let innermost = self.goroutines.innermost(creator);
        let creation = innermost
            .and_then(|nested| Some(Creation { span: nested.span, context: self.open.context_of(nested)? }))
            .or_else(|| self.goroutines.creation(creator));
        let Some(creation) = creation else { return };
        let has_room = self.goroutines.create(GoroutineId(event.arguments()[0] as i64), creation);
        self.counters.unknown_creations += u64::from(!has_room);
    }

    /// A goroutine makes another one run on: if both are in spans, these have to do with each other.
    fn link_to_waker(&mut self, woken: Open, event: &Event<'_>) {
        let Some(waker) = event.goroutine().and_then(|id| self.goroutines.innermost(id)) else { return };
        if !self.options.wake_links || waker.span == woken {
            return;
        }
        let Some(context) = self.open.context_of(waker) else { return };
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

/// What the reasons for blocking mean, by the ids of their texts.
///
/// The runtime has a few dozen of them, and names them before anything else in a generation: their ids are small.
#[derive(Debug)]
pub(crate) struct BlockReasons([Option<Waiting>; 64]);

impl BlockReasons {
    /// None is known: strings of the next generation have ids of their own.
    pub(crate) const NONE: Self = Self([None; 64]);

    /// What a goroutine that blocks waits for.
    fn of(&mut self, event: &Event<'_>) -> Waiting {
        let id = event.arguments()[0];
        let read = || Waiting::from_reason(event.tables().string(StringId(id)).as_bytes());
        match self.0.get_mut(id as usize) {
            Some(known) => *known.get_or_insert_with(read),
            None => read(),
        }
    }
}

crate::saved::saved!(Goroutine { doing, since, totals, assists_since, open, dropped });
crate::saved::saved!(Nested { span, context });
crate::saved::saved!(Creation { span, context });

impl crate::saved::Saved for Goroutines {
    fn save(&self, out: &mut Vec<u8>) {
        self.known.save(out);
        self.created.save(out);
    }

    fn load(input: &mut crate::saved::Input<'_>) -> Option<Self> {
        let mut loaded = Self {
            known: crate::saved::Saved::load(input)?,
            created: crate::saved::Saved::load(input)?,
            ..Self::default()
        };
        loaded.known_ids = loaded.known.keys().copied().collect();
        loaded.created_ids = loaded.created.keys().copied().collect();
        Some(loaded)
    }
}
