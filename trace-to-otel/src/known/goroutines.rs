//! What goroutines do: which spans are open on them, and how their time splits meanwhile.
//!
//! Only goroutines that matter are known here: those that spans are open on. Any other one costs its events a look-up
//! that fails; of those created inside of a span, only that is remembered. Which goroutine is in which state is the
//! reader's to check; here it is believed.

use std::collections::HashSet;

use go_trace_format::{
    Tables, Time,
    event::{GoroutineId, StringId},
};

use crate::{
    anatomy::{Anatomy, Doing, Totals, Waiting},
    clock::nanoseconds,
    identity::SpanContext,
    known::span::{LocalParent, Open, OpenSpan},
    near::{Near, Number},
    saved::{Input, Saved},
};

/// How much may be open on one goroutine: whoever looks through it stays fast.
pub(crate) const DEEPEST: usize = 256;
/// How many goroutines that were created inside of spans are known, without spans of their own.
const MOST_CREATED: usize = 1 << 17;
/// How many goroutines that were there before the trace are remembered.
const MOST_OLDER: usize = 1 << 17;
/// How many empty nests are kept to be used again.
const MOST_SPARE: usize = 256;

/// The goroutines that matter.
#[derive(Debug, Default)]
pub(crate) struct Goroutines {
    /// Those that something is open on.
    known: Near<GoroutineId, Goroutine>,
    /// Nests that are empty again, so that a span costs no allocation for its own.
    spare: Vec<Vec<Nested>>,
    /// Those that were created inside of spans, whether something is open on them or not. Many live for long and do
    /// much, which is of no interest until a span begins on them.
    created: Near<GoroutineId, LocalParent>,
    older: Older,
}

/// The goroutines that were there before the trace: what they end may have begun before it.
///
/// The first generation tells the state of each of them, and no goroutine's id is ever used again.
#[derive(Debug, Default)]
struct Older {
    ids: HashSet<GoroutineId, foldhash::fast::RandomState>,
    /// Whether the generation under way is the first one, which tells of them.
    is_first_generation: bool,
    /// Whether there are more than are remembered.
    has_more: bool,
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
    since: Time,
    totals: Totals,
    assists_since: Option<Time>,
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

impl Goroutine {
    fn new(doing: Doing, since: Time, open: Vec<Nested>) -> Self {
        Self { doing, since, totals: Totals::default(), assists_since: None, open, dropped: 0 }
    }

    /// Counts the time up to a moment, and gives that moment, or the latest one if that is later.
    fn advance(&mut self, time: Time) -> Time {
        self.totals.add(self.doing, nanoseconds(self.since, time));
        self.since = self.since.max(time);
        self.since
    }

    /// A moment of the goroutine, and its totals then.
    pub(crate) fn totals_at(&mut self, time: Time) -> (Time, &Totals) {
        let time = self.advance(time);
        if let Some(since) = &mut self.assists_since {
            self.totals.add_gc_assist(nanoseconds(*since, time));
            *since = time;
        }
        (time, &self.totals)
    }

    pub(crate) fn doing(&self) -> Doing {
        self.doing
    }

    /// Goes from one state to another. Gives the goroutine's moment.
    pub(crate) fn goes_over_to(&mut self, doing: Doing, time: Time) -> Time {
        let time = self.advance(time);
        self.doing = doing;
        time
    }

    /// Begins or ends to assist the garbage collector.
    pub(crate) fn assists(&mut self, time: Time, is_begin: bool) {
        let (time, _) = self.totals_at(time);
        self.assists_since = is_begin.then_some(time);
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

    /// What is open on goroutines, for each from the outermost to the innermost, and each goroutine's moment.
    pub(crate) fn nests(&self) -> impl Iterator<Item = (GoroutineId, Time, Open)> {
        let nests = self.known.iter();
        nests.flat_map(|(id, known)| known.open.iter().map(move |nested| (id, known.since, nested.span)))
    }

    /// On how many something is open.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The span that a goroutine was created in.
    #[inline]
    pub(crate) fn creation(&self, id: GoroutineId) -> Option<LocalParent> {
        self.created.get(id).copied()
    }

    /// Remembers the span that a goroutine was created in. Says whether there was room.
    pub(crate) fn create(&mut self, id: GoroutineId, creation: LocalParent) -> bool {
        if self.created.len() >= MOST_CREATED {
            return false;
        }
        self.created.insert(id, creation);
        true
    }

    /// How many goroutines are remembered that were created in spans.
    pub(crate) fn created_count(&self) -> usize {
        self.created.len()
    }

    /// Tells each of these another span that it was created in.
    pub(crate) fn recreate(&mut self, change: impl Fn(LocalParent) -> LocalParent) {
        self.created.values_mut().for_each(|creation| *creation = change(*creation));
    }

    /// Goes over to the next generation. The first one, or the first behind a gap, tells which goroutines were there before.
    pub(crate) fn begin_generation(&mut self, is_first: bool) {
        if is_first {
            self.older = Older::default();
        }
        self.older.is_first_generation = is_first;
    }

    /// A generation tells the state of a goroutine.
    pub(crate) fn is_told_of(&mut self, id: GoroutineId) {
        let older = &mut self.older;
        if !older.is_first_generation {
            return;
        }
        match older.ids.len() < MOST_OLDER {
            true => drop(older.ids.insert(id)),
            false => older.has_more = true,
        }
    }

    /// Whether a goroutine may have been there before the trace.
    pub(crate) fn may_be_older(&self, id: GoroutineId) -> bool {
        self.older.has_more || self.older.ids.contains(&id)
    }

    /// The goroutine on which a span begins: it runs.
    #[inline]
    pub(crate) fn running(&mut self, id: GoroutineId, time: Time) -> &mut Goroutine {
        let spare = &mut self.spare;
        let new = || Goroutine::new(Doing::Running, time, spare.pop().unwrap_or_default());
        self.known.get_or_insert_with(id, new)
    }

    /// Puts a span onto its goroutine, if that is known, so that what the goroutine does meanwhile is counted. Gives the goroutine
    /// on which the span is then innermost, from its start on.
    pub(crate) fn bind(&mut self, span: &mut OpenSpan, open: Open) -> Option<GoroutineId> {
        let id = span.place.goroutine?;
        let goroutine = self.running(id, span.start);
        if goroutine.open.len() >= DEEPEST {
            return None;
        }
        let (start, totals) = goroutine.totals_at(span.start);
        span.start = start;
        span.meanwhile.begin(totals);
        goroutine.open.push(Nested { span: open, context: span.placed(span.parent.context).context });
        Some(id)
    }

    /// Takes what is open no longer out of its goroutine's nest, and forgets the goroutine if that was all. Gives the goroutine's
    /// moment.
    pub(crate) fn close(&mut self, id: GoroutineId, closed: Open) -> Option<Time> {
        let goroutine = self.get_mut(id)?;
        let time = goroutine.since;
        if !goroutine.close(closed) {
            self.remove(id);
        }
        Some(time)
    }

    /// The same at some time, and gives the goroutine's moment and what it did since its totals were these.
    pub(crate) fn close_at(
        &mut self,
        id: GoroutineId,
        closed: Open,
        time: Time,
        start: &Totals,
    ) -> Option<(Time, Anatomy)> {
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
    pub(crate) fn of(&mut self, id: StringId, tables: &Tables<'_>) -> Doing {
        match self.0.get(id.0 as usize) {
            Some(&Some(known)) => known,
            _ => self.read(id, tables),
        }
    }

    #[cold]
    fn read(&mut self, id: StringId, tables: &Tables<'_>) -> Doing {
        let reason = Waiting::from_reason(tables.string(id).as_bytes()).into();
        if let Some(place) = self.0.get_mut(id.0 as usize) {
            *place = Some(reason);
        }
        reason
    }
}

crate::saved::saved!(Goroutine { doing, since, totals, assists_since, open, dropped });
crate::saved::saved!(Nested { span, context });

crate::saved::saved!(Older { ids, is_first_generation, has_more });

impl Saved for Goroutines {
    fn save(&self, out: &mut Vec<u8>) {
        self.known.save(out);
        self.created.save(out);
        self.older.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        Some(Self {
            known: Saved::load(input)?,
            created: Saved::load(input)?,
            older: Saved::load(input)?,
            ..Self::default()
        })
    }
}
