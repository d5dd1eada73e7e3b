//! Causal order: who runs where, and which event may come next.
//!
//! Every thread writes its own stream; the streams are merged by time, and an event may go ahead only where the
//! state that the events before it built up allows it. Go: `internal/trace/order.go`, whose rules these are:
//! strict mode must accept and reject exactly what it does.

mod annotations;
mod goroutines;
mod ids;
mod merge;
mod names;
mod procs;
mod ranges;
mod reconcile;
#[cfg(feature = "write")]
mod scene;
pub(crate) mod slots;

use ids::are_ids_known;
pub(crate) use ids::{IdLimits, unknown_ids};
pub(crate) use merge::{EventCursor, EventHead, Frontier, Loaded, Source};
pub(crate) use reconcile::hide_stand_ins;
#[cfg(feature = "write")]
pub(crate) use scene::{GOROUTINE_RUNNING, PROC_RUNNING, PROC_SYSCALL, Scene, Standing};

use smallvec::SmallVec;

use crate::{
    cursor::{BEHIND, WINDOW},
    error::Violation,
    event::Record,
    id::ThreadId,
    spec::EventType,
    tables::Tables,
    wire::{argument_count, window_arguments},
};
use annotations::{GoroutineNotes, NotesIndex, Tasks};
use names::Names;
use ranges::{Gc, RangeStart};
use slots::{NO_SLOT, Slots};

/// Whether an event has simply happened, with nothing that follows from it but the thread's next one.
pub(crate) type Outcome = Result<(), Hesitation>;

/// Why it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hesitation {
    /// It was not tried.
    Untried,
    /// It waits for an event of another thread.
    Waits,
    /// It has happened, and others follow from it: see [`Order::queued`].
    Leads,
    /// It breaks a rule.
    Breaks(Violation),
}

impl From<Violation> for Hesitation {
    #[inline(always)]
    fn from(violation: Violation) -> Self {
        Self::Breaks(violation)
    }
}

/// A goroutine's or proc's place in the sequence of its own events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    generation: u64,
    /// The number of its next event in the generation.
    next: u64,
    /// As on the wire.
    status: u8,
}

impl Progress {
    #[inline]
    fn new(generation: u64, status: u64) -> Self {
        Self { generation, next: 1, status: status as u8 }
    }

    #[inline]
    fn status(self) -> u64 {
        self.status.into()
    }

    #[inline]
    fn set_status(&mut self, status: u64) {
        self.status = status as u8;
    }

    /// The number of its last event in the generation.
    #[cfg(feature = "write")]
    fn sequence(self) -> u64 {
        self.next.wrapping_sub(1)
    }

    /// Whether the resource has `status` and `sequence` is its next number.
    #[inline]
    fn allows(&self, generation: u64, sequence: u64, status: u64) -> bool {
        self.precedes(generation, sequence) && self.status() == status
    }

    /// Whether `sequence` is the next number, whatever the status.
    #[inline]
    fn precedes(&self, generation: u64, sequence: u64) -> bool {
        self.generation == generation && self.next == sequence
    }

    /// Goes one number on, and to `status`.
    #[inline]
    fn step(&mut self, status: u64) {
        self.next = self.next.wrapping_add(1);
        self.set_status(status);
    }

    /// Begins to count anew.
    #[inline]
    fn restart(&mut self, generation: u64) {
        (self.generation, self.next) = (generation, 1);
    }
}

/// What is known of a goroutine. Its regions and ranges are rare and live in [`GoroutineNotes`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goroutine {
    progress: Progress,
    /// Where its notes are, if it has any.
    notes: Option<NotesIndex>,
}

/// What is known of a proc.
#[derive(Clone, Debug)]
pub(crate) struct Proc {
    progress: Progress,
    ranges: SmallVec<[RangeStart; 1]>,
    /// The thread that took it last, to look at first.
    holder: u32,
}

/// What is known of a thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread {
    id: i64,
    proc: i64,
    goroutine: i64,
    proc_slot: u32,
    goroutine_slot: u32,
    /// Whether an event of it was tried, or a goroutine's status named it.
    known: bool,
}

impl Thread {
    fn new(id: i64) -> Self {
        Self {
            id,
            proc: Record::NONE,
            goroutine: Record::NONE,
            proc_slot: NO_SLOT,
            goroutine_slot: NO_SLOT,
            known: false,
        }
    }

    /// Takes a goroutine to run. What has no thread runs nothing.
    #[inline(always)]
    fn run(&mut self, id: i64, slot: u32) {
        if self.id != Record::NONE {
            self.run_on_thread(id, slot);
        }
    }

    /// The same of what is known to be a thread.
    #[inline(always)]
    fn run_on_thread(&mut self, id: i64, slot: u32) {
        (self.goroutine, self.goroutine_slot) = (id, slot);
    }

    /// Takes a proc to hold. What has no thread holds none.
    #[inline(always)]
    fn hold(&mut self, id: i64, slot: u32) {
        if self.id != Record::NONE {
            (self.proc, self.proc_slot) = (id, slot);
        }
    }
}

/// An event on its way through the rules.
pub(crate) struct Step<'e> {
    /// The event; its context is set by [`Order::advance`], and its arguments may be rewritten.
    pub(crate) record: &'e mut Record,
    /// The tables of its generation.
    pub(crate) tables: &'e Tables<'e>,
}

impl Step<'_> {
    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        self.record.arguments[index]
    }
}

/// So few threads are kept whatever they do.
const FEW_THREADS: usize = 256;

/// What an event's thread must hold, none of it or either.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Absent,
    Either,
    Present,
}

/// The state of the scheduler as the events so far tell it.
#[derive(Debug)]
pub(crate) struct Order {
    goroutines: Slots<Goroutine>,
    procs: Slots<Proc>,
    /// Every thread but the current one, whose place here is stale: see [`at`](Self::at).
    threads: Vec<Thread>,
    /// The thread whose events are being tried, out of the list and at hand.
    current: Thread,
    /// Its index.
    current_index: usize,
    /// How many threads were left when idle ones were dropped last.
    threads_kept: usize,
    thread_index: std::collections::HashMap<i64, u32, foldhash::fast::RandomState>,
    notes: GoroutineNotes,
    tasks: Tasks,
    names: Names,
    gc: Gc,
    /// The generation under way, and the first one of the trace; 0 before there is one.
    generation: u64,
    initial_generation: u64,
    /// Events that follow from the last one, last first.
    queue: SmallVec<[Record; 2]>,
    /// The trace has so far said nothing of who runs where but in statuses, because the fork's filter left it
    /// out: then an annotation needs no context, and a status holds for the next event only.
    unscheduled: bool,
    /// Whether procs or goroutines were made up: see [`hide_stand_ins`].
    stand_ins: bool,
    /// A name that is lost is no reason to reject its event.
    salvage: bool,
}

impl Order {
    pub(crate) fn new(salvage: bool) -> Self {
        Self {
            goroutines: Slots::default(),
            procs: Slots::default(),
            threads: Vec::new(),
            current: Thread::new(Record::NONE),
            current_index: usize::MAX,
            threads_kept: 0,
            thread_index: Default::default(),
            notes: GoroutineNotes::default(),
            tasks: Tasks::default(),
            names: Names::default(),
            gc: Gc::default(),
            generation: 0,
            initial_generation: 0,
            queue: SmallVec::new(),
            unscheduled: false,
            stand_ins: false,
            salvage,
        }
    }

    /// The names that the next generation's events may speak of though it does not hold them.
    pub(crate) fn names(&self) -> names::Snapshot {
        self.names.snapshot()
    }

    /// Begins with a generation. Go: the first lines of `ordering.Advance`.
    pub(crate) fn open_generation(&mut self, generation: u64, unscheduled: bool) {
        self.generation = generation;
        if self.initial_generation == 0 {
            self.initial_generation = generation;
        }
        if self.unscheduled || unscheduled {
            // Nothing that was known before can be relied on.
            self.forget_scheduling();
            self.initial_generation = generation;
        }
        self.unscheduled = unscheduled;
    }

    /// Forgets all but tasks and names: the next generation is read as if the trace began with it.
    pub(crate) fn forget_scheduling(&mut self) {
        self.goroutines = Slots::default();
        self.procs = Slots::default();
        self.forget_threads();
        self.notes = GoroutineNotes::default();
        self.gc = Gc::default();
        self.initial_generation = 0;
    }

    /// Takes over which goroutine each thread runs, where nothing else is known: a thread need not say again in a generation what it
    /// has run since before.
    pub(crate) fn assume_running(&mut self, running: impl Iterator<Item = (i64, i64)>) {
        for (thread, goroutine) in running {
            let index = self.thread(thread) as usize;
            self.at_mut(index).run(goroutine, NO_SLOT);
        }
    }

    /// Each thread that runs a goroutine, with that.
    pub(crate) fn running(&self) -> impl Iterator<Item = (i64, i64)> {
        let threads = (0..self.threads.len()).map(|index| self.at(index));
        threads
            .map(|thread| (thread.id, thread.goroutine))
            .filter(|&(_, goroutine)| goroutine != Record::NONE)
    }

    /// The goroutine that a thread runs, if it does.
    pub(crate) fn running_on(&self, thread: i64) -> Option<i64> {
        let &index = self.thread_index.get(&thread)?;
        Some(self.at(index as usize).goroutine).filter(|&goroutine| goroutine != Record::NONE)
    }

    fn forget_threads(&mut self) {
        self.threads.clear();
        self.thread_index = Default::default();
        (self.current, self.current_index) = (Thread::new(Record::NONE), usize::MAX);
    }

    /// Drops threads that hold and run nothing once they are most of those that are known. Only when salvaging: the
    /// reference tells a thread that it has met from one that it has not.
    fn forget_idle_threads(&mut self) {
        if !self.salvage || self.threads.len() < self.threads_kept * 2 + FEW_THREADS {
            return;
        }
        if let Some(place) = self.threads.get_mut(self.current_index) {
            *place = self.current;
        }
        let busy = |thread: &Thread| thread.proc != Record::NONE || thread.goroutine != Record::NONE;
        let kept: Vec<Thread> = self.threads.drain(..).filter(busy).collect();
        self.forget_threads();
        for thread in kept {
            let index = self.thread(thread.id) as usize;
            self.threads[index] = thread;
        }
        self.threads_kept = self.threads.len();
    }

    /// The current thread may have gone on to another goroutine unseen.
    #[inline(always)]
    fn lose_sight(&mut self) {
        if self.unscheduled {
            self.leave_goroutine();
            self.release_proc();
        }
    }

    /// Makes a thread the current one, whose events are about to be tried. From now on others may name it.
    #[inline]
    pub(crate) fn enter(&mut self, index: usize) {
        if self.current_index != index {
            if let Some(place) = self.threads.get_mut(self.current_index) {
                *place = self.current;
            }
            self.current = self.threads[index];
            self.current_index = index;
        }
        self.current.known = self.current.id != Record::NONE;
    }

    /// A thread by its index.
    fn at(&self, index: usize) -> &Thread {
        if index == self.current_index { &self.current } else { &self.threads[index] }
    }

    fn at_mut(&mut self, index: usize) -> &mut Thread {
        if index == self.current_index { &mut self.current } else { &mut self.threads[index] }
    }

    /// Takes along what outlives a generation's string table. To be called before the table goes.
    pub(crate) fn close_generation(&mut self, tables: &Tables<'_>) {
        self.tasks.inherit(&mut self.names, tables);
        self.notes.inherit(&mut self.names, tables);
        let Self { tasks, notes, names, .. } = self;
        names.forget_unused(|| tasks.names_mut().chain(notes.names_mut()).collect());
        self.forget_stand_ins();
        self.forget_idle_threads();
    }

    /// The index of a thread, given to [`enter`](Self::enter).
    pub(crate) fn thread(&mut self, id: i64) -> u32 {
        let threads = &mut self.threads;
        *self.thread_index.entry(id).or_insert_with(|| {
            threads.push(Thread::new(id));
            threads.len() as u32 - 1
        })
    }

    /// The id of a thread by its index.
    pub(crate) fn thread_id(&self, index: u32) -> ThreadId {
        ThreadId(self.threads[index as usize].id)
    }

    /// The next event that follows from the last one.
    #[inline]
    pub(crate) fn queued(&mut self) -> Option<Record> {
        self.queue.pop()
    }

    /// Tries an event of the current thread whose arguments begin the window, and decodes them on the way. Gives what is
    /// behind them where it has happened, and nothing follows from it but the next event.
    ///
    /// It is not tried where it names what is beyond the limits and not in the tables. Go: `ordering.Advance`.
    #[inline(always)]
    pub(crate) fn advance<'w>(
        &mut self,
        event_type: EventType,
        record: &mut Record,
        tables: &Tables<'_>,
        limits: &IdLimits,
        window: &'w [u8; WINDOW],
    ) -> Result<&'w [u8; BEHIND], Hesitation> {
        use EventType as E;
        record.event_type = event_type;
        self.set_context(record);
        /// Decodes the arguments of an event and applies its rule. Each arm knows how many arguments there are
        /// and which of them are ids, and has a step of its own, which stays in registers.
        macro_rules! rules {
            ($($($event:ident)|+ => $rule:ident,)*) => {
                match event_type {
                    $($(E::$event => {
                        let (arguments, behind) = window_arguments(window, argument_count(E::$event));
                        record.arguments = arguments;
                        if !limits.hold(E::$event, &record.arguments) && !are_ids_known(record, tables) {
                            return Err(Hesitation::Untried);
                        }
                        self.$rule(&mut Step { record, tables }).map(|()| behind)
                    })+)*
                    other => {
                        let (arguments, behind) = window_arguments(window, argument_count(other));
                        record.arguments = arguments;
                        if !limits.hold(other, &record.arguments) && !are_ids_known(record, tables) {
                            return Err(Hesitation::Untried);
                        }
                        // The fork's additions say nothing of who runs where.
                        let added = other.to_wire(crate::spec::Dialect::Stock).is_none();
                        self.lose_sight();
                        if added { Ok(behind) } else { Err(Hesitation::Breaks(Violation::NotOrdered)) }
                    }
                }
            };
        }
        rules! {
            GoStart => go_start,
            GoStop => go_stop,
            GoBlock => go_block,
            GoDestroy => go_destroy,
            GoUnblock => go_unblock,
            GoSyscallBegin => go_syscall_begin,
            GoSyscallEnd => go_syscall_end,
            GoSyscallEndBlocked => go_syscall_end_blocked,
            GoCreate | GoCreateBlocked => go_create,
            GoCreateSyscall => go_create_syscall,
            GoDestroySyscall => go_destroy_syscall,
            GoStatus | GoStatusStack => go_status,
            GoSwitch | GoSwitchDestroy => go_switch,
            ProcStart => proc_start,
            ProcStop => proc_stop,
            ProcSteal => proc_steal,
            ProcStatus => proc_status,
            HeapAlloc | HeapGoal => heap_metric,
            StwBegin | GcMarkAssistBegin => goroutine_range_begin,
            StwEnd | GcMarkAssistEnd => goroutine_range_end,
            GcMarkAssistActive => goroutine_range_active,
            GcSweepBegin => sweep_begin,
            GcSweepActive => sweep_active,
            GcSweepEnd => sweep_end,
            GcActive => gc_active,
            GcBegin => gc_begin,
            GcEnd => gc_end,
            ProcsChange | GoLabel | UserLog => annotation,
            UserTaskBegin => task_begin,
            UserTaskEnd => task_end,
            UserRegionBegin => region_begin,
            UserRegionEnd => region_end,
            Span | SpanAlloc | SpanFree => alloc_free,
            HeapObject | HeapObjectAlloc | HeapObjectFree => alloc_free,
            GoroutineStack | GoroutineStackAlloc | GoroutineStackFree => alloc_free,
        }
    }

    /// Gives the event the thread that it is of, with what that thread holds and runs.
    #[inline(always)]
    pub(crate) fn set_context(&self, record: &mut Record) {
        let thread = &self.current;
        record.thread = thread.id;
        record.proc = thread.proc;
        record.goroutine = thread.goroutine;
    }

    /// As [`require_user_code`], for what the fork may record without its scheduling.
    #[inline]
    fn require_annotated_code(&self, step: &Step<'_>) -> Result<(), Violation> {
        if self.unscheduled { Ok(()) } else { require_user_code(step) }
    }

    #[inline]
    fn is_initial(&self, step: &Step<'_>) -> bool {
        step.tables.generation == self.initial_generation
    }

    /// The goroutine that the current thread runs, and its slot.
    #[inline(always)]
    fn current_goroutine(&mut self) -> Option<(u32, &mut Goroutine)> {
        self.goroutines.find_mut(self.current.goroutine, self.current.goroutine_slot)
    }

    /// The proc that the current thread holds, and its slot.
    #[inline(always)]
    fn held_proc(&mut self) -> Option<(u32, &mut Proc)> {
        self.procs.find_mut(self.current.proc, self.current.proc_slot)
    }

    /// The current thread runs a goroutine.
    #[inline(always)]
    fn run_goroutine(&mut self, id: i64, slot: u32) {
        self.current.run(id, slot);
    }

    /// The current thread runs no goroutine any more.
    #[inline(always)]
    fn leave_goroutine(&mut self) {
        self.current.run_on_thread(Record::NONE, NO_SLOT);
    }

    /// The current thread holds a proc.
    #[inline(always)]
    fn hold_proc(&mut self, id: i64, slot: u32) {
        self.current.hold(id, slot);
        self.procs.get_mut(slot).holder = self.current_index as u32;
    }

    /// The current thread holds no proc any more.
    #[inline(always)]
    fn release_proc(&mut self) {
        (self.current.proc, self.current.proc_slot) = (Record::NONE, NO_SLOT);
    }
}

/// Go: `validateCtx`; every rule here needs a thread.
#[inline(always)]
fn require(step: &Step<'_>, proc: Need, goroutine: Need) -> Result<(), Violation> {
    let record = &*step.record;
    let is_met = |need, id| match need {
        Need::Absent => id == Record::NONE,
        Need::Either => true,
        Need::Present => id != Record::NONE,
    };
    // Who holds or runs something is a thread.
    let tells_of_thread = proc == Need::Present || goroutine == Need::Present;
    let has_thread = tells_of_thread || record.thread != Record::NONE;
    if has_thread && is_met(proc, record.proc) && is_met(goroutine, record.goroutine) {
        return Ok(());
    }
    Err(unmet(record, proc, goroutine))
}

/// The first of the needs of an event that is not met.
#[cold]
fn unmet(record: &Record, proc: Need, goroutine: Need) -> Violation {
    if record.thread == Record::NONE {
        return Violation::NeedsThread;
    }
    match (proc, record.proc == Record::NONE) {
        (Need::Present, true) => return Violation::NeedsProc,
        (Need::Absent, false) => return Violation::NeedsNoProc,
        _ => {}
    }
    match goroutine {
        Need::Absent => Violation::NeedsNoGoroutine,
        _ => Violation::NeedsGoroutine,
    }
}

/// The context of user code: thread, proc and goroutine. Go: `userGoReqs`.
#[inline(always)]
fn require_user_code(step: &Step<'_>) -> Result<(), Violation> {
    require(step, Need::Present, Need::Present)
}
