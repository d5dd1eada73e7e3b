//! What goroutines do: which spans are open on them, and how their time splits meanwhile.
//!
//! Only goroutines that matter are known here: those that spans are open on. Any other one costs its events a look-up
//! that fails; of those created inside of a span, only that is remembered. Which goroutine is in which state is the
//! reader's to check; here it is believed.

use go_trace_format::{
    Event, EventKind, EventType,
    event::{GoroutineId, StringId},
};

use crate::{
    anatomy::{Anatomy, Doing, Totals, Waiting},
    attribute,
    identity::SpanContext,
    mapper::Mapper,
    near::{Near, Number},
    saved::{Input, Saved},
    span::{Attribute, SpanEvent, UnixTime},
    spans::Open,
};

/// How many goroutines that were created inside of spans are known, without spans of their own.
const MOST_CREATED: usize = 1 << 17;
/// What a change of a goroutine's state is called.
const STATE_EVENT: &str = "goroutine.state";
/// How many empty nests are kept to be used again.
const MOST_SPARE: usize = 256;
/// No goroutine has this id.
const NOBODY: GoroutineId = GoroutineId(-1);

/// The goroutines that matter.
#[derive(Debug, Default)]
pub(crate) struct Goroutines {
    /// Those that something is open on.
    known: Near<GoroutineId, Goroutine>,
    /// Nests that are empty again, so that a span costs no allocation for its own.
    spare: Vec<Vec<Nested>>,
    /// Those that were created inside of spans, whether something is open on them or not. Many live for long and do
    /// much, which is of no interest until a span begins on them.
    created: Near<GoroutineId, Creation>,
}

impl Number for GoroutineId {
    #[inline]
    fn number(self) -> u64 {
        self.0 as u64
    }
}

/// A goroutine that something is open on.
#[derive(Debug)]
pub(crate) struct Goroutine {
    doing: Doing,
    /// The latest moment that is in the totals. Threads' clocks may disagree a little: it never goes back.
    since: UnixTime,
    totals: Totals,
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
        Self { doing, since, totals: Totals::default(), assists_since: None, open, dropped: 0 }
    }

    /// Counts the time up to a moment, and gives that moment, or the latest one if that is later.
    fn advance(&mut self, time: UnixTime) -> UnixTime {
        let elapsed = time.0.saturating_sub(self.since.0);
        self.totals.add(self.doing, elapsed);
        self.since = self.since.max(time);
        self.since
    }

    /// A moment of the goroutine, and its totals then.
    pub(crate) fn totals_at(&mut self, time: UnixTime) -> (UnixTime, &Totals) {
        let time = self.advance(time);
        if let Some(since) = &mut self.assists_since {
            self.totals.add_gc_assist(time.0.saturating_sub(since.0));
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

impl Goroutines {
    /// False for nearly all on which nothing is open.
    #[inline]
    pub(crate) fn may_know(&self, id: GoroutineId) -> bool {
        self.known.may_have(id)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: GoroutineId) -> Option<&mut Goroutine> {
        self.known.get_mut(id)
    }

    #[inline]
    pub(crate) fn get(&self, id: GoroutineId) -> Option<&Goroutine> {
        self.known.get(id)
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
    #[inline]
    pub(crate) fn creation(&self, id: GoroutineId) -> Option<Creation> {
        self.created.get(id).copied()
    }

    /// Remembers the span that a goroutine was created in. Says whether there was room.
    fn create(&mut self, id: GoroutineId, creation: Creation) -> bool {
        if self.created.len() >= MOST_CREATED {
            return false;
        }
        self.created.insert(id, creation);
        true
    }

    /// The goroutine on which a span begins: it runs.
    #[inline]
    pub(crate) fn running(&mut self, id: GoroutineId, time: UnixTime) -> &mut Goroutine {
        let spare = &mut self.spare;
        let new = || Goroutine::new(Doing::Running, time, spare.pop().unwrap_or_default());
        self.known.get_or_insert_with(id, new)
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
        start: &Totals,
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
        self.created.remove(id);
        self.remove(id)
    }

    #[inline]
    fn remove(&mut self, id: GoroutineId) -> Option<Goroutine> {
        let mut goroutine = self.known.remove(id)?;
        if goroutine.open.is_empty() && self.spare.len() < MOST_SPARE {
            self.spare.push(core::mem::take(&mut goroutine.open));
        }
        Some(goroutine)
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
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

impl Mapper {
    /// A goroutine that may be known goes from one state to another.
    #[inline(never)]
    pub(crate) fn goroutine_moves(&mut self, event: &Event<'_>, id: GoroutineId) {
        let event_type = event.event_type();
        let Some(mut doing) = DOING_AFTER[event_type as usize] else { return };
        let Some(goroutine) = self.goroutines.get_mut(id) else { return };
        if event_type == EventType::GoBlock {
            doing = self.block_reasons.of(event);
        }
        let former = goroutine.doing;
        let time = goroutine.goes_over_to(doing, self.timeline.time(event));
        if event_type == EventType::GoUnblock || self.operations.has_handshakes() || self.options.state_events
        {
            self.goroutine_has_moved(event, id, time, former, doing);
        }
    }

    /// What there is to be done beyond counting.
    #[inline(never)]
    fn goroutine_has_moved(
        &mut self,
        event: &Event<'_>,
        id: GoroutineId,
        time: UnixTime,
        former: Doing,
        doing: Doing,
    ) {
        let Some(innermost) = self.goroutines.innermost(id) else { return };
        if event.event_type() == EventType::GoUnblock {
            self.link_to_waker(innermost.span, event);
        }
        if let (Open::Frame(key), Whose::Own) = (innermost.span, Whose::of(event.event_type())) {
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
            4 => Doing::Other,
            _ => return,
        };
        if doing.state() != goroutine.doing.state() {
            goroutine.goes_over_to(doing, self.timeline.time(event));
        }
    }

    /// A goroutine is created. If that is inside of a span, its own spans have to do with it.
    pub(crate) fn goroutine_is_created(&mut self, event: &Event<'_>) {
        let Some(creator) = event.goroutine() else { return };
        if self.operations.has_handshakes() {
            if let Some(Nested { span: Open::Frame(key), .. }) = self.goroutines.innermost(creator) {
                self.see_handshake(key, event);
            }
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
pub(crate) struct BlockReasons([Option<Doing>; 64]);

impl BlockReasons {
    /// None is known: strings of the next generation have ids of their own.
    pub(crate) const NONE: Self = Self([None; 64]);

    /// What a goroutine that blocks waits for.
    #[inline]
    fn of(&mut self, event: &Event<'_>) -> Doing {
        let id = event.arguments()[0];
        match self.0.get(id as usize) {
            Some(&Some(known)) => known,
            _ => self.read(event, id),
        }
    }

    #[cold]
    fn read(&mut self, event: &Event<'_>, id: u64) -> Doing {
        let reason = Waiting::from_reason(event.tables().string(StringId(id)).as_bytes()).into();
        if let Some(place) = self.0.get_mut(id as usize) {
            *place = Some(reason);
        }
        reason
    }
}

crate::saved::saved!(Goroutine { doing, since, totals, assists_since, open, dropped });
crate::saved::saved!(Nested { span, context });
crate::saved::saved!(Creation { span, context });

impl Saved for Goroutines {
    fn save(&self, out: &mut Vec<u8>) {
        self.known.save(out);
        self.created.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Some(Self { known: Saved::load(input)?, created: Saved::load(input)?, ..Self::default() })
    }
}
