//! What of a generation is copied, and what a reader has to be told first where that is not its beginning.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::{
    error::Error,
    event::{Event, Ordered, Record},
    generation::Generation,
    id::ThreadId,
    mode::Mode,
    order::{GOROUTINE_RUNNING, PROC_RUNNING, PROC_SYSCALL, Scene, Standing},
    sequence::Sequencer,
    spec::{EventType, MAX_ARGUMENTS},
    tables::Time,
    write::{
        sync::units,
        walk::{Mark, Walk},
    },
};

type FastMap<K, V> = HashMap<K, V, RandomState>;
type FastSet<T> = HashSet<T, RandomState>;

/// What a [`Window`](crate::write::Window) holds of a generation, for a [`Copier`](crate::write::Copier).
#[derive(Debug)]
pub struct Slice {
    /// `None` where it begins with the generation.
    begin: Option<Mark>,
    /// `None` where it ends with the generation.
    end: Option<Mark>,
    pub(super) opening: Option<Opening>,
}

impl Slice {
    /// From a step of a generation up to another. The `walk` has gone just beyond that.
    pub(super) fn new(walk: &Walk<'_>, begin: u64, end: Option<u64>) -> Result<Self, Error> {
        let end_mark = end.map(|end| Mark::before(end, walk));
        if begin == 0 {
            return Ok(Self { begin: None, end: end_mark, opening: None });
        }
        let (mut again, mut seen) = (Sequencer::new(Mode::Strict), Seen::default());
        let mut walk = Walk::new(walk.generation, &mut again)?;
        let generation = walk.generation;
        walk.run_to(begin, |record| seen.take(record, generation))?;
        let (begin, mut opening) = (Mark::before(begin, &walk), Opening::new(&mut walk, seen));
        if let Some(opening) = &mut opening {
            let mut restarted = FastSet::default();
            walk.run_to(end.unwrap_or(u64::MAX), |record| opening.look_ahead(record, &mut restarted))?;
        }
        Ok(Self { begin: Some(begin), end: end_mark, opening })
    }

    /// Whether an event of a thread's batch is in it.
    pub(super) fn holds(&self, thread: ThreadId, offset: u64) -> bool {
        let is_before = |mark: &Mark| mark.is_before(thread, offset);
        self.begin.as_ref().is_none_or(is_before) && !self.end.as_ref().is_some_and(is_before)
    }

    /// Whether a CPU sample is in it.
    pub(super) fn holds_sample(&self, offset: u64) -> bool {
        let is_before = |mark: &Mark| mark.is_before_sample(offset);
        self.begin.as_ref().is_none_or(is_before) && !self.end.as_ref().is_some_and(is_before)
    }
}

/// What statuses say only if somebody has looked.
#[derive(Debug, Default)]
struct Seen {
    /// Where each goroutine was last: the id of its stack.
    stacks: FastMap<i64, u64>,
    /// The value of `GOMAXPROCS` and the stack where it was set.
    procs: Option<[u64; 2]>,
}

impl Seen {
    fn take(&mut self, record: &Record, generation: &Generation<'_>) {
        let goroutine = match record.event_type {
            EventType::CpuSample => return,
            EventType::GoStatusStack => record.arguments[0] as i64,
            EventType::GoCreate | EventType::GoCreateBlocked => {
                self.stacks.insert(record.arguments[0] as i64, record.arguments[1]);
                record.goroutine
            }
            EventType::ProcsChange => {
                self.procs = Some([record.arguments[0], record.arguments[1]]);
                record.goroutine
            }
            _ => record.goroutine,
        };
        let stack = Event::<Ordered>::new(generation.tables(), record).stack();
        if let Some(stack) = stack.filter(|_| goroutine != Record::NONE) {
            self.stacks.insert(goroutine, stack.id().0);
        }
    }
}

/// The statuses that stand at the beginning, of everything that has been mentioned before.
#[derive(Debug)]
pub(super) struct Opening {
    /// When they are said, in clock units.
    pub(super) time: u64,
    /// The thread that tells of what is on none.
    teller: ThreadId,
    scene: Scene,
    seen: Seen,
    has_stacks: bool,
    /// By how much the numbers in the sequence of each goroutine and proc are too high.
    ahead: FastMap<Numbered, u64>,
    /// Where the events stand whose numbers are right, because they have begun to count anew behind the beginning.
    anew: FastSet<u64>,
}

/// What numbers its own events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Numbered {
    Goroutine(u64),
    Proc(u64),
}

impl Numbered {
    /// Whose number an event has, and in which argument. `held` is the proc of its thread.
    fn of(event_type: EventType, arguments: &[u64], held: Option<u64>) -> Option<(Self, usize)> {
        use EventType as E;
        match (event_type, arguments) {
            (E::GoStart | E::GoUnblock | E::GoSwitch | E::GoSwitchDestroy, &[id, ..]) => {
                Some((Self::Goroutine(id), 1))
            }
            (E::ProcStart | E::ProcSteal, &[id, ..]) => Some((Self::Proc(id), 1)),
            (E::GoSyscallBegin, _) => Some((Self::Proc(held?), 0)),
            _ => None,
        }
    }

    /// What counts from 0 again behind an event: ids are used anew, and statuses said again.
    fn restarted_by(event_type: EventType, arguments: &[u64]) -> Option<Self> {
        use EventType as E;
        match (event_type, arguments) {
            (
                E::GoCreate | E::GoCreateBlocked | E::GoCreateSyscall | E::GoStatus | E::GoStatusStack,
                &[id, ..],
            ) => Some(Self::Goroutine(id)),
            (E::ProcStatus, &[id, ..]) => Some(Self::Proc(id)),
            _ => None,
        }
    }
}

/// An event that nobody recorded.
type Said = (ThreadId, EventType, [u64; MAX_ARGUMENTS]);

impl Opening {
    /// `None` where the scheduling was left out, so that statuses say nothing of what comes later.
    fn new(walk: &mut Walk<'_>, seen: Seen) -> Option<Self> {
        let (generation, (begin, teller)) = (walk.generation, walk.next()?);
        let order = walk.sequencer.order();
        if order.is_unscheduled() {
            return None;
        }
        let scene = order.scene();
        // Readers give each event a nanosecond of its own: this is so early that those behind keep theirs.
        let clock = generation.clock();
        let said = 2 * (scene.procs.len() + scene.goroutines.len() + 1) as u64;
        let room = Time(begin.0.saturating_sub_unsigned(said));
        let time = units(clock, room).saturating_sub(1).max(generation.start_units());
        let ahead = |standing: &Standing, numbered: fn(u64) -> Numbered| {
            (numbered(standing.id as u64), standing.sequence)
        };
        let procs = scene.procs.iter().map(|proc| ahead(proc, Numbered::Proc));
        let goroutines = scene.goroutines.iter().map(|goroutine| ahead(goroutine, Numbered::Goroutine));
        Some(Self {
            time,
            teller: teller.unwrap_or(ThreadId(Record::NONE)),
            ahead: procs.chain(goroutines).collect(),
            anew: FastSet::default(),
            has_stacks: EventType::GoStatusStack.spec().since <= generation.version(),
            scene,
            seen,
        })
    }

    /// What is said: of each thread first which proc it holds.
    pub(super) fn events(&self) -> impl Iterator<Item = Said> {
        let collection =
            self.scene.collection.map(|number| (self.teller, EventType::GcActive, [number, 0, 0, 0]));
        let procs = self.scene.procs.iter().flat_map(|proc| self.proc(proc));
        let goroutines = self.scene.goroutines.iter().flat_map(|goroutine| self.goroutine(goroutine));
        procs.chain(goroutines).chain(collection).chain(self.procs_change())
    }

    fn proc(&self, proc: &Standing) -> impl Iterator<Item = Said> {
        let (thread, id) = (self.thread(proc, &[PROC_RUNNING, PROC_SYSCALL]), proc.id as u64);
        let status = (thread, EventType::ProcStatus, [id, proc.status, 0, 0]);
        let sweeps = proc.is_collecting.then_some((thread, EventType::GcSweepActive, [id, 0, 0, 0]));
        [status].into_iter().chain(sweeps)
    }

    fn goroutine(&self, goroutine: &Standing) -> impl Iterator<Item = Said> {
        let (thread, id) = (self.thread(goroutine, &[GOROUTINE_RUNNING]), goroutine.id as u64);
        let on = goroutine.thread.unwrap_or(Record::NONE) as u64;
        let status = match self.seen.stacks.get(&goroutine.id) {
            Some(&stack) if self.has_stacks => {
                (thread, EventType::GoStatusStack, [id, on, goroutine.status, stack])
            }
            _ => (thread, EventType::GoStatus, [id, on, goroutine.status, 0]),
        };
        let assists =
            goroutine.is_collecting.then_some((thread, EventType::GcMarkAssistActive, [id, 0, 0, 0]));
        [status].into_iter().chain(assists)
    }

    /// The thread that tells of it: its own. What is said to be on a thread and is on none is told by none.
    fn thread(&self, standing: &Standing, on_threads: &[u64]) -> ThreadId {
        match standing.thread {
            Some(thread) => ThreadId(thread),
            None if on_threads.contains(&standing.status) => ThreadId(Record::NONE),
            None => self.teller,
        }
    }

    /// The number of procs, which each generation says again, as only a goroutine can that runs.
    fn procs_change(&self) -> Option<Said> {
        let [value, stack] = self.seen.procs?;
        let holds = |thread| {
            self.scene.procs.iter().any(|proc| proc.thread == Some(thread) && proc.status == PROC_RUNNING)
        };
        let mut running =
            self.scene.goroutines.iter().filter(|goroutine| goroutine.status == GOROUTINE_RUNNING);
        let thread = running.find_map(|goroutine| goroutine.thread.filter(|&thread| holds(thread)))?;
        Some((ThreadId(thread), EventType::ProcsChange, [value, stack, 0, 0]))
    }

    /// The proc that each thread holds.
    pub(super) fn held(&self) -> FastMap<ThreadId, u64> {
        let held = self.scene.procs.iter().filter_map(|proc| Some((ThreadId(proc.thread?), proc.id as u64)));
        held.collect()
    }

    /// Takes note of the next record of the slice, in the order of all threads.
    fn look_ahead(&mut self, record: &Record, restarted: &mut FastSet<Numbered>) {
        if let Some(numbered) = Numbered::restarted_by(record.event_type, &record.arguments) {
            if self.ahead.contains_key(&numbered) {
                restarted.insert(numbered);
            }
        } else if !restarted.is_empty() {
            let numbered = Numbered::of(record.event_type, &record.arguments, Some(record.proc as u64));
            if numbered.is_some_and(|(numbered, _)| restarted.contains(&numbered)) {
                self.anew.insert(record.offset);
            }
        }
    }

    /// Has the number of an event that is in the slice count from the statuses. `held` is the proc of its thread.
    pub(super) fn renumber(
        &self,
        event_type: EventType,
        offset: u64,
        arguments: &mut [u64; MAX_ARGUMENTS],
        held: Option<u64>,
    ) {
        let Some((numbered, place)) = Numbered::of(event_type, arguments, held) else { return };
        if !self.anew.contains(&offset) {
            let ahead = self.ahead.get(&numbered).copied().unwrap_or(0);
            arguments[place] = arguments[place].wrapping_sub(ahead);
        }
    }
}

/// The proc that a thread holds once the event has happened on it, where the event says so.
pub(super) fn taken(event_type: EventType, arguments: &[u64]) -> Option<u64> {
    match (event_type, arguments) {
        (EventType::ProcStart, &[proc, ..])
        | (EventType::ProcStatus, &[proc, PROC_RUNNING | PROC_SYSCALL]) => Some(proc),
        _ => None,
    }
}
