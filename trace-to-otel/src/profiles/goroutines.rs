//! What each goroutine does, and since when: in our account of it, and in that of Go's tool.

use std::collections::HashMap;

use go_trace_format::{Time, event::GoroutineId};

use crate::{
    near::Near,
    profiles::{
        ledger::{Account, Interval, Key, Ledger},
        reasons::Reason,
        spans::SpanNumber,
        stacks::StackNumber,
    },
};

/// The goroutines that live.
#[derive(Debug, Default)]
pub(super) struct Goroutines {
    live: Near<GoroutineId, Goroutine>,
    /// The spans that are innermost on those of which the trace has not told yet.
    entered: HashMap<GoroutineId, SpanNumber, foldhash::fast::RandomState>,
    /// The generation under way, counted from 0.
    generation: u32,
}

/// A goroutine that lives.
#[derive(Debug)]
struct Goroutine {
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
}

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    Running,
    /// Why it stopped running.
    Runnable(Reason),
    /// What for.
    Waiting(Reason),
    InSyscall,
}

impl Doing {
    fn is_like(self, other: Self) -> bool {
        core::mem::discriminant(&self) == core::mem::discriminant(&other)
    }

    /// What its time is counted as.
    fn account(self) -> (Account, Reason) {
        match self {
            Self::Running => (Account::Running, Reason::NONE),
            Self::Runnable(_) => (Account::Runnable, Reason::RUNNABLE),
            Self::Waiting(reason) => (Account::Waiting, reason),
            Self::InSyscall => (Account::InSyscall, Reason::SYSCALL),
        }
    }
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

/// A goroutine goes over to something else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) doing: Doing,
    /// Where it stops, if it does that itself.
    pub(super) stops: Option<StackNumber>,
    /// What Go's tool counts this as, and by which stack: that of the event, which may be another goroutine's.
    pub(super) watched: Option<(Account, Reason, StackNumber)>,
    /// When, as its thread says.
    pub(super) raw_time: Time,
    /// When, in the order of the trace.
    pub(super) time: Time,
}

impl Goroutine {
    fn new(step: Step, entry: StackNumber, generation: u32) -> Self {
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
        };
        goroutine.watch(step);
        goroutine
    }

    /// Counts what it has done up to a time. `stack` is where it is then, if the trace tells.
    fn settle(&mut self, time: Time, stack: Option<StackNumber>, ledger: &mut Ledger) {
        let (key, interval) = self.pass(time, stack.unwrap_or(self.entry));
        ledger.add(key, interval);
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
    fn enter(&mut self, span: SpanNumber, time: Time, stack: Option<StackNumber>, ledger: &mut Ledger) {
        let (key, interval) = self.pass(time, stack.unwrap_or(self.stack));
        ledger.add_part(key, interval);
        if let Some(begun) = &mut self.assist {
            ledger.add_part(Key::of_assist(begun.stack, self.span), begun.until(time));
            begun.since = begun.since.max(time);
        }
        self.span = span;
    }

    #[inline]
    fn step(&mut self, step: Step, ledger: &mut Ledger) {
        self.settle(step.raw_time, step.stops, ledger);
        if self.doing == Doing::Running {
            self.stack = step.stops.unwrap_or(self.entry);
        }
        self.doing = step.doing;
        self.unwatch(step.time, Some(step.doing), ledger);
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

    /// No more is known of it from a time on, though it may live on.
    fn break_off(&mut self, time: Time, ledger: &mut Ledger) {
        // Where it was when it last stopped is as near as the trace tells.
        self.settle(time, Some(self.stack), ledger);
        self.end(ledger);
        if let Some(begun) = self.assist.take() {
            ledger.add(Key::of_assist(begun.stack, self.span), begun.until(time));
        }
    }

    /// No more comes of it.
    fn end(&mut self, ledger: &mut Ledger) {
        if let FirstRun::ToCome(Some((key, interval))) = self.first_run {
            ledger.add(key, interval);
        }
    }
}

impl Goroutines {
    /// A goroutine comes to be; or another one of that id, of which the end was lost.
    pub(super) fn create(&mut self, id: GoroutineId, entry: StackNumber, step: Step) {
        self.live.insert(id, Goroutine::new(step, entry, self.generation));
    }

    /// A goroutine that there was before is known as of now.
    fn begin(&mut self, id: GoroutineId, step: Step) {
        let mut goroutine = Goroutine::new(step, StackNumber::NONE, self.generation);
        goroutine.span = self.entered.remove(&id).unwrap_or_default();
        self.live.insert(id, goroutine);
    }

    /// A generation tells of a goroutine.
    pub(super) fn tell(&mut self, id: GoroutineId, step: Step, ledger: &mut Ledger) {
        let Some(known) = self.live.get_mut(id) else {
            return self.begin(id, step);
        };
        known.generation = self.generation;
        if !known.doing.is_like(step.doing) {
            // In damaged traces only.
            known.step(step, ledger);
        } else if let (StackNumber::NONE, Some(stack)) = (known.stack, step.stops) {
            known.stack = stack;
        }
    }

    /// It goes over to something else. One that is not known is as of now.
    #[inline]
    pub(super) fn step(&mut self, id: GoroutineId, step: Step, ledger: &mut Ledger) {
        match self.live.get_mut(id) {
            Some(goroutine) => {
                goroutine.generation = self.generation;
                goroutine.step(step, ledger);
            }
            None => self.begin(id, step),
        }
    }

    /// It ends.
    pub(super) fn end(&mut self, id: GoroutineId, raw_time: Time, time: Time, ledger: &mut Ledger) {
        let Some(mut goroutine) = self.live.remove(id) else { return };
        goroutine.settle(raw_time, None, ledger);
        goroutine.unwatch(time, None, ledger);
        goroutine.end(ledger);
    }

    /// It begins to assist the garbage collector, or was at it when the generation began.
    pub(super) fn assist(&mut self, id: GoroutineId, begun: Stretch) {
        if let Some(goroutine) = self.live.get_mut(id) {
            goroutine.assist.get_or_insert(begun);
        }
    }

    /// It has assisted up to a time.
    pub(super) fn end_assist(&mut self, id: GoroutineId, time: Time, ledger: &mut Ledger) {
        let Some(goroutine) = self.live.get_mut(id) else { return };
        if let Some(begun) = goroutine.assist.take() {
            ledger.add(Key::of_assist(begun.stack, goroutine.span), begun.until(time));
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
        ledger: &mut Ledger,
    ) {
        match self.live.get_mut(id) {
            Some(goroutine) => goroutine.enter(span, time, stack, ledger),
            None if span == SpanNumber::NONE => drop(self.entered.remove(&id)),
            None => drop(self.entered.insert(id, span)),
        }
    }

    /// Every generation tells of all goroutines that live. Those that one does not tell of have ended, where the trace is
    /// damaged: nobody knows when, but that they still lived when it began.
    pub(super) fn end_generation(&mut self, begin: Time, ledger: &mut Ledger) {
        let generation = self.generation;
        let gone = self.live.iter().filter(|(_, known)| known.generation != generation);
        let gone: Vec<_> = gone.map(|(id, _)| id).collect();
        for id in gone {
            if let Some(mut goroutine) = self.live.remove(id) {
                goroutine.break_off(begin, ledger);
            }
        }
        self.live.shrink();
        self.generation = generation.wrapping_add(1);
    }

    /// The trace ends, or goes on behind a gap: counts what each does up to its latest moment, and forgets them.
    pub(super) fn end_all(&mut self, latest: Time, ledger: &mut Ledger) {
        for goroutine in self.live.values_mut() {
            goroutine.break_off(latest, ledger);
        }
        *self = Self::default();
    }
}
