//! What each goroutine does, and since when: in our account of it, and in that of Go's tool.

use std::collections::HashMap;

use go_trace_format::{Time, event::GoroutineId};

use crate::{
    near::Near,
    profiles::{
        account::Account,
        doing::Doing,
        ledger::{Interval, Key, Ledger},
        listener::{self, Books, Listener},
        reasons::{Reason, Reasons},
        spans::SpanNumber,
        stacks::StackNumber,
    },
};

/// The goroutines that live.
#[derive(Debug)]
pub(super) struct Goroutines<L: Listener> {
    live: Near<GoroutineId, Goroutine<L>>,
    /// The spans that are innermost on those of which the trace has not told yet.
    entered: HashMap<GoroutineId, SpanNumber, foldhash::fast::RandomState>,
    /// The generation under way, counted from 0.
    generation: u32,
}

/// A goroutine that lives.
#[derive(Debug)]
struct Goroutine<L: Listener> {
    doing: Doing,
    /// The latest moment that is counted. Threads' clocks may disagree a little: it never goes back.
    since: Time,
    /// Where it was when it last stopped; before that, the function that it begins with.
    stack: StackNumber,
    /// The function that it begins with, as far as the trace tells.
    entry: StackNumber,
    assist: Option<Stretch>,
    /// The span that is innermost on it.
    span: SpanNumber,
    watched: Option<Watched>,
    first_run: FirstRun,
    /// The generation that last said that it lives.
    generation: u32,
    kept: L::Kept,
}

/// What began at a time, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) since: Time,
    pub(super) stack: StackNumber,
}

impl Stretch {
    /// Up to a time.
    pub(super) fn until(self, until: Time) -> Interval {
        Interval { since: self.since, until }
    }
}

/// What Go's tool waits for the end of. Go: `tracking` in `makeComputePprofFunc` of `cmd/trace/pprof.go`.
#[derive(Clone, Copy, Debug)]
struct Watched {
    doing: Doing,
    key: Key,
    since: Time,
}

/// Whether a goroutine has run yet.
///
/// Go's tool counts only what is after that; but everything where it never runs, as the beginning is then 0. Go:
/// `GoroutineSummary.StartTime` of `internal/trace/summary.go`, from which on `pprofMatchingGoroutines` of
/// `cmd/trace/pprof.go` counts.
#[derive(Clone, Copy, Debug)]
enum FirstRun {
    /// No, and this counts if it never does.
    ToCome(Option<(Key, Interval)>),
    Past,
}

/// Whether somebody else has made a goroutine able to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    No,
    /// None where it was the runtime by itself: the network poller, a timer.
    By(Option<GoroutineId>),
}

/// A goroutine goes over to something else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) doing: Doing,
    /// Where it stops, if it does that itself.
    pub(super) stops: Option<StackNumber>,
    /// What Go's tool counts this as, and by which stack: that of the event, which may be another goroutine's.
    pub(super) watched: Option<(Account, Reason, StackNumber)>,
    /// Who has made it able to run, if that was somebody else.
    pub(super) woken: Woken,
    /// When, as its thread says.
    pub(super) raw_time: Time,
    /// When, in the order of the trace.
    pub(super) time: Time,
}

impl<L: Listener> Goroutine<L> {
    fn new(step: Step, entry: StackNumber, generation: u32, kept: L::Kept) -> Self {
        let mut goroutine = Self {
            doing: step.doing,
            since: step.raw_time,
            stack: step.stops.unwrap_or(entry),
            entry,
            assist: None,
            span: SpanNumber::NONE,
            watched: None,
            first_run: FirstRun::ToCome(None),
            generation,
            kept,
        };
        goroutine.watch(step);
        goroutine
    }

    /// Counts what it has done up to a time. `stack` is where it is then, if the trace tells.
    #[inline]
    fn settle(&mut self, time: Time, stack: Option<StackNumber>, books: &mut Books<L>) -> listener::Stretch {
        let stretch = self.stretch(time, &books.reasons);
        let (key, interval) = self.pass(time, stack.unwrap_or(self.entry));
        books.ledger.add(key, interval);
        books.pass(&mut self.kept, &stretch);
        stretch
    }

    /// What it has done up to a time.
    #[inline]
    fn stretch(&self, time: Time, reasons: &Reasons) -> listener::Stretch {
        let (_, reason) = self.doing.account();
        let interval = Interval { since: self.since, until: time };
        let origin = if self.entry == StackNumber::NONE { self.stack } else { self.entry };
        listener::Stretch { doing: self.doing.in_anatomy(reasons), reason, interval, origin }
    }

    /// Goes over to a time, and gives what it has done up to then. `stack` is where it is, if it runs.
    #[inline]
    fn pass(&mut self, time: Time, stack: StackNumber) -> (Key, Interval) {
        let stack = if self.doing == Doing::Running { stack } else { self.stack };
        let (account, reason) = self.doing.account();
        let interval = Interval { since: self.since, until: time };
        self.since = self.since.max(time);
        (Key { account, reason, stack, span: self.span }, interval)
    }

    /// Another span is innermost from a time on. It does the same before and after.
    fn enter(&mut self, span: SpanNumber, time: Time, stack: Option<StackNumber>, books: &mut Books<L>) {
        let stretch = self.stretch(time, &books.reasons);
        let (key, interval) = self.pass(time, stack.unwrap_or(self.stack));
        books.ledger.add_part(key, interval);
        books.pass(&mut self.kept, &stretch);
        if let Some(begun) = &mut self.assist {
            books.assist_part(&mut self.kept, Key::of_assist(begun.stack, self.span), begun.until(time));
            begun.since = begun.since.max(time);
        }
        self.span = span;
    }

    #[inline]
    fn step(&mut self, step: Step, waker: Option<Option<L::Group>>, books: &mut Books<L>) {
        let stretch = self.settle(step.raw_time, step.stops, books);
        if self.doing == Doing::Running {
            self.stack = step.stops.unwrap_or(self.entry);
        }
        books.step(&mut self.kept, &stretch, step.doing, waker);
        self.doing = step.doing;
        self.unwatch(step.time, Some(step.doing), &mut books.ledger);
        self.watch(step);
    }

    /// What Go's tool counts: from the first event that says so to the first that says something else.
    fn watch(&mut self, step: Step) {
        if step.doing == Doing::Running {
            self.first_run = FirstRun::Past;
        }
        if let (None, Some((account, reason, stack))) = (&self.watched, step.watched) {
            let key = Key { account, reason, stack, span: self.span };
            self.watched = Some(Watched { doing: step.doing, key, since: step.time });
        }
    }

    fn unwatch(&mut self, time: Time, next: Option<Doing>, ledger: &mut Ledger) {
        let is_over = |watched: &mut Watched| next.is_none_or(|next| !next.is_like(watched.doing));
        let Some(over) = self.watched.take_if(is_over) else { return };
        let interval = Interval { since: over.since, until: time };
        match &mut self.first_run {
            // Go: `overlapping > 0` in `makeComputePprofFunc`.
            _ if interval.nanoseconds() == 0 => {}
            FirstRun::Past => ledger.add(over.key, interval),
            FirstRun::ToCome(before) => *before = Some((over.key, interval)),
        }
    }

    /// Counts what it has done up to a time, behind which no more is known of it, though it may live on.
    fn break_off(mut self, time: Time, books: &mut Books<L>) {
        // Where it was when it last stopped is as near as the trace tells.
        self.settle(time, Some(self.stack), books);
        if let Some(begun) = self.assist.take() {
            books.assist(&mut self.kept, Key::of_assist(begun.stack, self.span), begun.until(time));
        }
        self.end(None, books);
    }

    /// No more comes of it. It has ended at a time, if the trace tells.
    fn end(self, ended: Option<Time>, books: &mut Books<L>) {
        if let FirstRun::ToCome(Some((key, interval))) = self.first_run {
            books.ledger.add(key, interval);
        }
        books.ends(self.kept, ended);
    }
}

impl<L: Listener> Default for Goroutines<L> {
    fn default() -> Self {
        Self { live: Near::default(), entered: HashMap::default(), generation: 0 }
    }
}

impl<L: Listener> Goroutines<L> {
    /// A goroutine comes to be; or another one of that id, of which the end was lost.
    pub(super) fn create(&mut self, id: GoroutineId, entry: StackNumber, step: Step, books: &mut Books<L>) {
        if let Some(mut lost) = self.live.remove(id) {
            lost.settle(step.raw_time, None, books);
            lost.end(None, books);
        }
        let kept = books.begins(Some(step.raw_time));
        self.live.insert(id, Goroutine::new(step, entry, self.generation, kept));
    }

    /// A goroutine that there was before is known as of now.
    fn begin(&mut self, id: GoroutineId, step: Step, books: &mut Books<L>) {
        let kept = books.begins(None);
        let mut goroutine = Goroutine::new(step, StackNumber::NONE, self.generation, kept);
        goroutine.span = self.entered.remove(&id).unwrap_or_default();
        self.live.insert(id, goroutine);
    }

    /// A generation tells of a goroutine.
    pub(super) fn tell(&mut self, id: GoroutineId, step: Step, books: &mut Books<L>) {
        let Some(known) = self.live.get_mut(id) else {
            return self.begin(id, step, books);
        };
        known.generation = self.generation;
        if !known.doing.is_like(step.doing) {
            // In damaged traces only.
            known.step(step, None, books);
        } else if let (StackNumber::NONE, Some(stack)) = (known.stack, step.stops) {
            known.stack = stack;
        }
    }

    /// It goes over to something else. One that is not known is as of now.
    #[inline]
    pub(super) fn step(&mut self, id: GoroutineId, step: Step, books: &mut Books<L>) {
        let waker = match step.woken {
            Woken::No => None,
            Woken::By(waker) => Some(self.group(waker, &books.listener)),
        };
        match self.live.get_mut(id) {
            Some(goroutine) => {
                goroutine.generation = self.generation;
                goroutine.step(step, waker, books);
            }
            None => self.begin(id, step, books),
        }
    }

    /// What the listener calls one goroutine and its like.
    #[inline]
    fn group(&self, id: Option<GoroutineId>, listener: &L) -> Option<L::Group> {
        let id = id.filter(|_| L::LISTENS)?;
        self.live.get(id).map(|goroutine| listener.group(&goroutine.kept))
    }

    /// It ends.
    pub(super) fn end(&mut self, id: GoroutineId, raw_time: Time, time: Time, books: &mut Books<L>) {
        let Some(mut goroutine) = self.live.remove(id) else { return };
        goroutine.settle(raw_time, None, books);
        goroutine.unwatch(time, None, &mut books.ledger);
        goroutine.end(Some(raw_time), books);
    }

    /// It begins to assist the garbage collector, or was at it when the generation began.
    pub(super) fn assist(&mut self, id: GoroutineId, begun: Stretch) {
        if let Some(goroutine) = self.live.get_mut(id) {
            goroutine.assist.get_or_insert(begun);
        }
    }

    /// It has assisted up to a time.
    pub(super) fn end_assist(&mut self, id: GoroutineId, time: Time, books: &mut Books<L>) {
        let Some(goroutine) = self.live.get_mut(id) else { return };
        if let Some(begun) = goroutine.assist.take() {
            let key = Key::of_assist(begun.stack, goroutine.span);
            books.assist(&mut goroutine.kept, key, begun.until(time));
        }
    }

    /// The span that is innermost on it.
    pub(super) fn span(&self, id: GoroutineId) -> SpanNumber {
        match self.live.get(id) {
            Some(goroutine) => goroutine.span,
            None => self.entered.get(&id).copied().unwrap_or_default(),
        }
    }

    /// Another span is innermost on it from a time on. `stack` is where it is then, if the trace tells.
    pub(super) fn enter(
        &mut self,
        id: GoroutineId,
        span: SpanNumber,
        time: Time,
        stack: Option<StackNumber>,
        books: &mut Books<L>,
    ) {
        match self.live.get_mut(id) {
            Some(goroutine) => goroutine.enter(span, time, stack, books),
            None if span == SpanNumber::NONE => drop(self.entered.remove(&id)),
            None => drop(self.entered.insert(id, span)),
        }
    }

    /// Every generation tells of all goroutines that live. Those that one does not tell of have ended, where the trace is
    /// damaged: nobody knows when, but that they still lived when it began.
    pub(super) fn end_generation(&mut self, begin: Time, books: &mut Books<L>) {
        let generation = self.generation;
        let gone = self.live.iter().filter(|(_, known)| known.generation != generation);
        let gone: Vec<_> = gone.map(|(id, _)| id).collect();
        for id in gone {
            if let Some(goroutine) = self.live.remove(id) {
                goroutine.break_off(begin, books);
            }
        }
        self.live.shrink();
        self.generation = generation.wrapping_add(1);
    }

    /// The trace ends, or goes on behind a gap: counts what each does up to its latest moment, and forgets them.
    pub(super) fn end_all(&mut self, latest: Time, books: &mut Books<L>) {
        for goroutine in core::mem::take(self).live.into_values() {
            goroutine.break_off(latest, books);
        }
    }
}
