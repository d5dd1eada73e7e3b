//! The public events: what happened, when, and on which thread, proc and goroutine.
//!
//! Go: `internal/trace/event.go`. An [`Event`] is small and borrows the generation it is of; [`Event::kind`]
//! makes the typed view of it.

mod experimental;
mod network;
mod ordered;
mod range;
mod state;
mod user;

use core::{fmt, marker::PhantomData};

pub use crate::id::{GoroutineId, ProcId, StackId, StringId, TaskId, ThreadId};
pub use experimental::{Experimental, ExperimentalArgument};
pub use network::{
    HttpErrorKind, NetErrorCode, Operation, OperationEnd, OperationStart, Outcome, SqlErrorCode, TlsVersion,
};
pub use ordered::{Ordered, Selected};
pub use range::{Range, RangeKind, Scope, Sweep};
pub(crate) use state::PROC_SYSCALL_ABANDONED;
pub use state::{GoroutineState, GoroutineTransition, ProcState, ProcTransition};
pub use user::{Label, Log, Region, Task};

use crate::{
    generation_key::GenerationKey,
    process::Continuity,
    spec::{ArgumentKind, Category, EventType, MAX_ARGUMENTS},
    tables::{ClockSnapshot, Stack, Tables, Text, Time, WallTime},
    wire::argument_count,
};

/// One event of a trace.
///
/// Two pointers, valid until the reader goes on. Copy what must live longer.
///
/// One of [some events](crate::ReaderOptions::events) is [`Selected`], and says less than one of all, which is
/// [`Ordered`].
#[derive(Clone, Copy)]
pub struct Event<'t, O = Ordered> {
    pub(crate) tables: &'t Tables<'t>,
    pub(crate) record: &'t Record,
    order: PhantomData<O>,
}

/// Events that follow on each other in one generation: what [`Reader::next_events`](crate::Reader::next_events) gives.
#[derive(Clone)]
pub struct ReadyEvents<'t, O = Ordered> {
    tables: &'t Tables<'t>,
    records: core::slice::Iter<'t, Record>,
    order: PhantomData<O>,
}

impl<'t, O> ReadyEvents<'t, O> {
    pub(crate) fn new(tables: &'t Tables<'t>, records: core::slice::Iter<'t, Record>) -> Self {
        Self { tables, records, order: PhantomData }
    }
}

impl<'t, O> Iterator for ReadyEvents<'t, O> {
    type Item = Event<'t, O>;

    #[inline]
    fn next(&mut self) -> Option<Event<'t, O>> {
        self.records.next().map(|record| Event::new(self.tables, record))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.records.size_hint()
    }
}

impl<O> ExactSizeIterator for ReadyEvents<'_, O> {}

impl<O> fmt::Debug for ReadyEvents<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = self.records.clone().map(|record| Event::<O>::new(self.tables, record));
        f.debug_list().entries(events).finish()
    }
}

/// What the ordering hands out: everything of an event but the tables.
///
/// Some arguments are rewritten on the way, as the reference does it: see the places that say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) event_type: EventType,
    pub(crate) time: Time,
    pub(crate) raw_time: Time,
    /// −1 for none, as in the trace; so are the next two.
    pub(crate) thread: i64,
    pub(crate) proc: i64,
    pub(crate) goroutine: i64,
    pub(crate) arguments: [u64; MAX_ARGUMENTS],
    /// Whether the name of a task that ends is one of the generation's inherited names, and not of its strings. Means
    /// nothing in any other event.
    pub(crate) is_name_inherited: bool,
    /// Whether the time of this event, or of one before it in its batch, is not what the trace says, as that cannot be.
    pub(crate) is_time_assumed: bool,
    /// Where the event begins in the trace.
    pub(crate) offset: u64,
}

impl Record {
    pub(crate) const NONE: i64 = -1;

    /// A record to be filled in.
    pub(crate) const EMPTY: Self = Self {
        event_type: EventType::Sync,
        time: Time(0),
        raw_time: Time(0),
        thread: Self::NONE,
        proc: Self::NONE,
        goroutine: Self::NONE,
        arguments: [0; MAX_ARGUMENTS],
        is_name_inherited: false,
        is_time_assumed: false,
        offset: 0,
    };
}

/// What an event says, typed. Go: `trace.EventKind` with the accessors of `trace.Event`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum EventKind<'t> {
    /// A generation begins, or the trace ends.
    Sync(SyncPoint),
    /// A measured value.
    Metric(Metric),
    /// A label was put on the running goroutine.
    Label(Label<'t>),
    /// A sample of the CPU profile: [`Event::stack`] is where the goroutine was.
    CpuSample,
    /// A range of time begins.
    RangeBegin(Range<'t>),
    /// A range of time was under way when the generation began.
    RangeActive(Range<'t>),
    /// A range of time ends.
    RangeEnd(Range<'t>),
    /// A user task begins.
    TaskBegin(Task<'t>),
    /// A user task ends.
    TaskEnd(Task<'t>),
    /// A user region begins on the goroutine.
    RegionBegin(Region<'t>),
    /// A user region ends on the goroutine.
    RegionEnd(Region<'t>),
    /// A user log message.
    Log(Log<'t>),
    /// A goroutine changes its state.
    Goroutine(GoroutineTransition<'t>),
    /// A proc changes its state.
    Proc(ProcTransition),
    /// An event of an experiment.
    Experimental(Experimental),
    /// A network or database operation begins (fork).
    OperationStart(OperationStart<'t>),
    /// A network or database operation ends (fork).
    OperationEnd(OperationEnd<'t>),
}

/// A synchronisation point: the beginning of a generation, or the end of the trace. Go: `trace.Sync`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SyncPoint {
    /// The how many-th of the trace, from 1.
    pub number: u64,
    /// The generation that begins; `None` at the end of the trace.
    pub generation: Option<GenerationBegin>,
}

/// A generation that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct GenerationBegin {
    /// Its [number](crate::Generation::number).
    pub number: u64,
    /// How it stands to the generation that was delivered before.
    pub continuity: Continuity,
    /// Whether it is the first that is delivered of its trace: a header stands before it.
    pub is_first_of_trace: bool,
    /// Its clock snapshot, from Go 1.25 on.
    pub clock_snapshot: Option<ClockSnapshot>,
}

/// A value that the runtime measured. Go: `trace.Metric`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Metric {
    /// `GOMAXPROCS`.
    Gomaxprocs(u64),
    /// Bytes in live heap objects.
    HeapObjects(u64),
    /// The heap size, in bytes, at which the next garbage collection should end.
    HeapGoal(u64),
}

impl Metric {
    /// The metric's name in Go's `runtime/metrics`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gomaxprocs(_) => "/sched/gomaxprocs:threads",
            Self::HeapObjects(_) => "/memory/classes/heap/objects:bytes",
            Self::HeapGoal(_) => "/gc/heap/goal:bytes",
        }
    }

    /// The value, in the unit that the name ends with.
    #[must_use]
    pub const fn value(self) -> u64 {
        match self {
            Self::Gomaxprocs(value) | Self::HeapObjects(value) | Self::HeapGoal(value) => value,
        }
    }
}

impl Event<'_> {
    /// The event's time as the reference gives it: strictly increasing over the whole trace.
    ///
    /// Where threads disagree or generations overlap it is later than the event was; see
    /// [`raw_time`](Self::raw_time). Where an input goes on with the trace of another process, times begin anew.
    #[inline]
    #[must_use]
    pub fn time(&self) -> Time {
        self.record.time
    }

    /// The proc that the thread held, before the event.
    #[inline]
    #[must_use]
    pub fn proc(&self) -> Option<ProcId> {
        self.held_proc()
    }
}

impl<'t, O> Event<'t, O> {
    #[inline(always)]
    pub(crate) fn new(tables: &'t Tables<'t>, record: &'t Record) -> Self {
        Self { tables, record, order: PhantomData }
    }

    #[inline]
    fn held_proc(&self) -> Option<ProcId> {
        (self.record.proc != Record::NONE).then_some(ProcId(self.record.proc))
    }

    /// Which event it is on the wire; [`EventType::Sync`] stands for the beginning of a generation and the end
    /// of the trace.
    #[inline]
    #[must_use]
    pub fn event_type(&self) -> EventType {
        self.record.event_type
    }

    /// The event's filter category.
    #[must_use]
    pub fn category(&self) -> Category {
        self.event_type().spec().category
    }

    /// The time at which the thread recorded the event. Not monotonic over threads: right for durations and
    /// spans.
    #[inline]
    #[must_use]
    pub fn raw_time(&self) -> Time {
        self.record.raw_time
    }

    /// Whether [`raw_time`](Self::raw_time) is not what the trace says, as that cannot be, or follows on such a time in its batch:
    /// the event happened at about that time, perhaps later. Only in [`Mode::Salvage`](crate::Mode::Salvage).
    #[inline]
    #[must_use]
    pub fn is_time_assumed(&self) -> bool {
        self.record.is_time_assumed
    }

    /// The wall time of [`raw_time`](Self::raw_time) by the generation's clock snapshot; `None` before Go 1.25.
    #[must_use]
    pub fn wall_time(&self) -> Option<WallTime> {
        self.tables.clock.wall_time(self.record.raw_time)
    }

    /// The thread that it happened on.
    #[inline]
    #[must_use]
    pub fn thread(&self) -> Option<ThreadId> {
        (self.record.thread != Record::NONE).then_some(ThreadId(self.record.thread))
    }

    /// The goroutine that the thread ran, before the event.
    #[inline]
    #[must_use]
    pub fn goroutine(&self) -> Option<GoroutineId> {
        (self.record.goroutine != Record::NONE).then_some(GoroutineId(self.record.goroutine))
    }

    /// The stack of the goroutine that the event happened on, if it has one.
    #[inline]
    #[must_use]
    pub fn stack(&self) -> Option<Stack<'t>> {
        self.tables.stack(self.stack_id()?)
    }

    /// The id of that stack in the tables of the event's generation, which need not have it.
    #[inline]
    #[must_use]
    pub fn stack_id(&self) -> Option<StackId> {
        match STACK_ARGUMENT[self.record.event_type as usize] {
            NO_STACK => None,
            argument => Some(StackId(self.record.arguments[argument as usize])).filter(|id| id.0 != 0),
        }
    }

    /// The tables of the event's generation.
    #[must_use]
    pub fn tables(&self) -> &'t Tables<'t> {
        self.tables
    }

    /// The number of the event's generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.tables.generation
    }

    /// What tells the event's generation from all others.
    #[must_use]
    pub fn generation_key(&self) -> GenerationKey {
        self.tables.generation_key()
    }

    /// The generation that the event begins, if it begins one: the same as a [sync event](EventKind::Sync) tells.
    #[inline]
    #[must_use]
    pub fn generation_begun(&self) -> Option<GenerationBegin> {
        if self.event_type() != EventType::Sync {
            return None;
        }
        match self.kind() {
            EventKind::Sync(sync) => sync.generation,
            _ => None,
        }
    }

    /// Where the event begins in the trace, in bytes. Events that the reader makes up have the place of the
    /// one they are made from.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.record.offset
    }

    /// The arguments in the order of the event's [`spec`](EventType::spec), without the time delta: for checksums and
    /// tests. What they mean is in [`kind`](Self::kind).
    ///
    /// Some are not as on the wire: where the reference keeps a former state in one, it is there too.
    #[inline]
    #[must_use]
    pub fn arguments(&self) -> &'t [u64] {
        &self.record.arguments[..argument_count(self.record.event_type)]
    }

    #[inline]
    fn stack_of(&self, argument: usize) -> Option<Stack<'t>> {
        self.tables.stack(StackId(self.record.arguments[argument]))
    }

    #[inline]
    fn text(&self, argument: usize) -> Text<'t> {
        self.tables.string(StringId(self.record.arguments[argument]))
    }

    /// What the event says, typed.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> EventKind<'t> {
        use EventType as E;
        let [first, ..] = self.record.arguments;
        match self.record.event_type {
            E::Sync => EventKind::Sync(self.sync()),
            E::ProcsChange => EventKind::Metric(Metric::Gomaxprocs(first)),
            E::HeapAlloc => EventKind::Metric(Metric::HeapObjects(first)),
            E::HeapGoal => EventKind::Metric(Metric::HeapGoal(first)),
            E::CpuSample => EventKind::CpuSample,
            E::GoLabel => EventKind::Label(Label::of(self)),
            E::StwBegin | E::GcBegin | E::GcSweepBegin | E::GcMarkAssistBegin => {
                EventKind::RangeBegin(Range::of(self))
            }
            E::GcActive | E::GcSweepActive | E::GcMarkAssistActive => EventKind::RangeActive(Range::of(self)),
            E::StwEnd | E::GcEnd | E::GcSweepEnd | E::GcMarkAssistEnd => EventKind::RangeEnd(Range::of(self)),
            E::UserTaskBegin => EventKind::TaskBegin(Task::of(self)),
            E::UserTaskEnd => EventKind::TaskEnd(Task::of(self)),
            E::UserRegionBegin => EventKind::RegionBegin(Region::of(self)),
            E::UserRegionEnd => EventKind::RegionEnd(Region::of(self)),
            E::UserLog => EventKind::Log(Log::of(self)),
            E::ProcStart | E::ProcStop | E::ProcSteal | E::ProcStatus => {
                EventKind::Proc(ProcTransition::of(self))
            }
            E::GoStart
            | E::GoBlock
            | E::GoStop
            | E::GoUnblock
            | E::GoSyscallBegin
            | E::GoSyscallEnd
            | E::GoSyscallEndBlocked
            | E::GoCreate
            | E::GoDestroy => EventKind::Goroutine(GoroutineTransition::of(self)),
            _ => self.rarer_kind(),
        }
    }

    #[inline(never)]
    fn rarer_kind(&self) -> EventKind<'t> {
        match network::kind(self) {
            Some(kind) => kind,
            None if self.record.event_type.spec().experiment.is_some() => {
                EventKind::Experimental(Experimental::of(self))
            }
            None => EventKind::Goroutine(GoroutineTransition::of(self)),
        }
    }

    fn sync(&self) -> SyncPoint {
        let [number, has_generation, continuity, is_first] = self.record.arguments;
        let generation = (has_generation != 0).then(|| GenerationBegin {
            number: self.tables.generation,
            continuity: Continuity::of_number(continuity),
            is_first_of_trace: is_first != 0,
            clock_snapshot: self.tables.clock.snapshot().copied(),
        });
        SyncPoint { number, generation }
    }
}

impl<O> fmt::Debug for Event<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("time", &self.record.time.0)
            .field("thread", &self.record.thread)
            .field("proc", &self.record.proc)
            .field("goroutine", &self.record.goroutine)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

const NO_STACK: u8 = u8::MAX;

/// Which argument, the time delta not counted, is the event's own stack.
static STACK_ARGUMENT: [u8; 256] = {
    let mut places = [NO_STACK; 256];
    let mut i = 0;
    while i < EventType::all().len() {
        let spec = EventType::all()[i].spec();
        let mut argument = 0;
        while argument < spec.arguments.len() {
            if matches!(spec.arguments[argument].kind, ArgumentKind::Stack) && spec.timed {
                places[spec.event_type as usize] = argument as u8 - 1;
            }
            argument += 1;
        }
        i += 1;
    }
    // A CPU sample's stack is kept in the first argument.
    places[EventType::CpuSample as usize] = 0;
    places
};
