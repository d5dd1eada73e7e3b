//! What of a generation is copied, and what a reader has to be told first where that is not its beginning.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    error::Error,
    event::{Event, Record},
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
        let end = end.map(|end| Mark::before(end, walk));
        if begin == 0 {
            return Ok(Self { begin: None, end, opening: None });
        }
        let (mut again, mut seen) = (Sequencer::new(Mode::Strict), Seen::default());
        let mut walk = Walk::new(walk.generation, &mut again)?;
        let generation = walk.generation;
        walk.run_to(begin, |record| seen.take(record, generation))?;
        Ok(Self { begin: Some(Mark::before(begin, &walk)), end, opening: Opening::new(&mut walk, seen) })
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
        let stack = Event { tables: generation.tables(), record }.stack();
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
    goroutines: FastMap<u64, u64>,
    procs: FastMap<u64, u64>,
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
        let ahead = |standings: &[Standing]| {
            standings.iter().map(|standing| (standing.id as u64, standing.sequence)).collect()
        };
        Some(Self {
            time,
            teller: teller.unwrap_or(ThreadId(Record::NONE)),
            goroutines: ahead(&scene.goroutines),
            procs: ahead(&scene.procs),
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

    /// Has the numbers of an event that is in the slice count from the statuses. `held` is the proc of its thread.
    pub(super) fn renumber(
        &self,
        event_type: EventType,
        arguments: &mut [u64; MAX_ARGUMENTS],
        held: Option<&u64>,
    ) {
        use EventType as E;
        let (ahead, number) = match event_type {
            E::GoStart | E::GoUnblock | E::GoSwitch | E::GoSwitchDestroy => {
                (self.goroutines.get(&arguments[0]), &mut arguments[1])
            }
            E::ProcStart | E::ProcSteal => (self.procs.get(&arguments[0]), &mut arguments[1]),
            E::GoSyscallBegin => (held.and_then(|proc| self.procs.get(proc)), &mut arguments[0]),
            _ => return,
        };
        *number = number.wrapping_sub(ahead.copied().unwrap_or(0));
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
