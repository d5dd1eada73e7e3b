//! Traces that a program could have made, out of any bytes: the input of fuzz targets and property tests.
//!
//! A [`Scenario`] is a list of things that threads try to do. A small model of Go's scheduler lets happen what can
//! happen and says it as the runtime would, so that every reader must accept the trace; [`Fault`]s then make a few
//! things wrong, so that readers may agree on rejecting it too.

mod fault;
mod model;

pub use fault::Fault;

use arbitrary::{Arbitrary, Result, Unstructured};

use go_trace_format::{
    Clock, Dialect, EventType, Frame, Version, WallTime,
    event::{GoroutineId, ProcId, StackId, ThreadId},
    spec::{Experiment, MAX_ARGUMENTS, MAX_STRING_SIZE},
    write::{GenerationWriter, SyncBatch, WriteError, Writer},
};

/// A program's run, to be written as a trace.
///
/// ```
/// use arbitrary::{Arbitrary, Unstructured};
/// use go_trace_format::{Mode, ReaderOptions};
/// use trace_scenario::Scenario;
///
/// let bytes: Vec<u8> = (0..=255).cycle().take(2_000).collect();
/// let mut scenario = Scenario::arbitrary(&mut Unstructured::new(&bytes))?;
/// scenario.faults.clear();
/// let trace = scenario.encode()?;
/// let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace)?;
/// while reader.next_event()?.is_some() {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// The version of the trace.
    pub version: Version,
    /// The dialect of the trace. Only Go 1.26's can be the fork's; in others it is stock.
    pub dialect: Dialect,
    /// How many nanoseconds a unit of the clock has.
    pub clock: ClockUnit,
    /// What happens, in this order.
    pub steps: Vec<Step>,
    /// What is wrong with the recording of it.
    pub faults: Vec<Fault>,
}

/// The length of a clock unit. All are whole nanoseconds: with others, times that are rounded, as readers round
/// them, may contradict the order of what happened.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockUnit {
    /// 64 ns, as in most recordings.
    Usual,
    /// 1 ns.
    Nanosecond,
    /// 1 µs.
    Microsecond,
}

impl ClockUnit {
    const fn frequency(self) -> u64 {
        match self {
            Self::Usual => Clock::USUAL_FREQUENCY,
            Self::Nanosecond => 1_000_000_000,
            Self::Microsecond => 1_000_000,
        }
    }
}

/// Something that a thread tries to do.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Which thread; there are a few.
    pub thread: u8,
    /// Clock units since the step before.
    pub elapsed: u8,
    /// What.
    pub action: Action,
    /// Which of the procs, goroutines, names, tasks or stacks that it could be about.
    pub choice: u8,
}

impl Step {
    /// A thread tries to do something.
    #[must_use]
    pub const fn new(thread: u8, elapsed: u8, action: Action, choice: u8) -> Self {
        Self { thread, elapsed, action, choice }
    }
}

/// What a thread may try to do. Where it cannot, nothing happens.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// The tracer goes on to the next generation.
    NextGeneration,
    /// It takes an idle proc.
    StartProc,
    /// It gives its proc back.
    StopProc,
    /// It takes the proc of a thread in a syscall away.
    StealProc,
    /// It runs a runnable goroutine.
    StartGoroutine,
    /// Its goroutine creates another.
    CreateGoroutine,
    /// Its goroutine creates another that waits.
    CreateBlockedGoroutine,
    /// Its goroutine yields.
    StopGoroutine,
    /// Its goroutine blocks.
    BlockGoroutine,
    /// A goroutine that waits becomes runnable.
    UnblockGoroutine,
    /// Its goroutine ends.
    DestroyGoroutine,
    /// Its goroutine hands the thread to one that waits.
    SwitchGoroutine,
    /// The same, and it ends.
    SwitchAndDestroyGoroutine,
    /// Its goroutine enters a syscall.
    BeginSyscall,
    /// Its goroutine leaves its syscall.
    EndSyscall,
    /// C calls Go on it.
    BeginCallback,
    /// Go returns to C on it.
    EndCallback,
    /// Its goroutine stops the world, or lets it go on.
    StopTheWorld,
    /// Its proc begins to sweep, or has swept.
    Sweep,
    /// Its goroutine begins to assist the collector, or has assisted.
    Assist,
    /// A collection begins or ends.
    Collect,
    /// A collection that is under way is said again.
    SayCollection,
    /// A task begins.
    BeginTask,
    /// A task ends.
    EndTask,
    /// A region begins.
    BeginRegion,
    /// A region ends.
    EndRegion,
    /// A log message.
    Log,
    /// A label.
    Label,
    /// The heap is measured.
    Metric,
    /// `GOMAXPROCS` changes.
    ChangeProcs,
    /// Memory is allocated or freed (experiment).
    Allocate,
    /// A batch of an experiment.
    Experiment,
    /// The thread is sampled.
    Sample,
    /// A network or database operation begins (fork).
    BeginOperation,
    /// A network or database operation ends (fork).
    EndOperation,
}

/// More steps than this are left out: a scenario is as large as its bytes, and its trace some times larger.
const MAX_STEPS: usize = 20_000;

impl<'a> Arbitrary<'a> for Scenario {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut scenario = Self {
            version: *u.choose(&Version::WITH_GENERATIONS)?,
            dialect: *u.choose(&[Dialect::Stock, Dialect::Fork])?,
            clock: u.arbitrary()?,
            steps: Vec::new(),
            faults: Vec::new(),
        };
        for _ in 0..u.int_in_range(0..=3)? {
            scenario.faults.push(u.arbitrary()?);
        }
        // The rest are steps: the list would else end after two of them, in the mean.
        while !u.is_empty() && scenario.steps.len() < MAX_STEPS {
            scenario.steps.push(u.arbitrary()?);
        }
        Ok(scenario)
    }
}

/// Something to be written, in the order in which it happened.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Generation { time: u64 },
    Event(Recorded),
    Sample { time: u64, thread: usize, proc: Option<usize>, goroutine: Option<u64>, stack: u64 },
    Experiment { time: u64, thread: usize, size: u8 },
}

#[derive(Clone, Copy, Debug)]
struct Recorded {
    thread: usize,
    time: u64,
    event_type: EventType,
    arguments: [u64; MAX_ARGUMENTS],
}

/// The texts of every scenario. Their ids are their places, in all generations: a range's reason is known by its
/// string's id, across generations too.
const TEXTS: &[&[u8]] = &[
    b"",
    b"checkout",
    b"chan receive",
    b"GC sweep termination",
    b"say \"hi\"\n\0\\",
    b"\xff\xfe no UTF-8 \xc3",
    "\u{1f600} \u{7f}".as_bytes(),
    b"https://user:secret@example.com/?token=1",
    &[b'x'; MAX_STRING_SIZE],
];

/// How many stacks there are, with ids from 1; each has as many frames as its id says.
const STACKS: u64 = 5;

const PROCS: usize = 4;
const THREADS: usize = 6;

impl Scenario {
    /// A scenario with the usual clock, in which nothing goes wrong.
    #[must_use]
    pub const fn new(version: Version, dialect: Dialect, steps: Vec<Step>) -> Self {
        Self { version, dialect, clock: ClockUnit::Usual, steps, faults: Vec::new() }
    }

    /// Writes the trace.
    ///
    /// # Errors
    ///
    /// None that the writer can give is expected: one is a bug here.
    pub fn encode(&self) -> std::result::Result<Vec<u8>, WriteError> {
        let dialect = if self.version == Version::Go126 { self.dialect } else { Dialect::Stock };
        let mut entries = model::run(self.version, dialect, &self.steps);
        for fault in &self.faults {
            fault.apply(&mut entries);
        }
        let mut trace = Writer::new(Vec::new(), self.version, dialect)?;
        let is_boundary = |entry: &Entry| matches!(entry, Entry::Generation { .. });
        for (number, chunk) in entries.chunk_by(|_, next| !is_boundary(next)).enumerate() {
            self.generation(&mut trace, number as u64 + 1, chunk)?;
        }
        Ok(trace.into_inner())
    }

    fn generation(
        &self,
        trace: &mut Writer<Vec<u8>>,
        number: u64,
        entries: &[Entry],
    ) -> std::result::Result<(), WriteError> {
        let begin = entries.first().map_or(0, Entry::time);
        let mut sync = SyncBatch::new(self.clock.frequency(), begin);
        if self.version.has_sync_batch() {
            sync = sync.with_snapshot(begin, begin, WallTime(1_764_000_000_000_000_000 + i128::from(begin)));
        }
        let mut generation = trace.generation(number, sync)?;
        for text in TEXTS {
            generation.string(text)?;
        }
        for id in 1..=STACKS {
            let frame = |pc| Frame::new(pc, b"main.work", b"/src/main.go", pc + 10);
            generation.stack((1..=id).map(|depth| frame(id * 100 + depth)))?;
        }
        let mut last_times = [0; THREADS];
        for entry in entries {
            entry.write(&mut generation, &mut last_times)?;
        }
        generation.finish()
    }
}

impl Entry {
    fn time(&self) -> u64 {
        match *self {
            Self::Generation { time } | Self::Sample { time, .. } | Self::Experiment { time, .. } => time,
            Self::Event(Recorded { time, .. }) => time,
        }
    }

    fn write(
        &self,
        generation: &mut GenerationWriter<'_, Vec<u8>>,
        last_times: &mut [u64; THREADS],
    ) -> std::result::Result<(), WriteError> {
        match *self {
            Self::Generation { .. } => Ok(()),
            Self::Event(Recorded { thread, time, event_type, arguments }) => {
                let last = &mut last_times[thread];
                *last = time.max(*last);
                let count = event_type.spec().arguments.len() - 1;
                generation.event(thread_id(thread), *last, event_type, &arguments[..count])
            }
            Self::Sample { time, thread, proc, goroutine, stack } => generation.cpu_sample(
                time,
                thread_id(thread),
                proc.map(|proc| ProcId(proc as i64)),
                goroutine.map(|goroutine| GoroutineId(goroutine as i64)),
                StackId(stack),
            ),
            Self::Experiment { time, thread, size } => {
                let body = vec![size; size.into()];
                generation.experimental_batch(Experiment::ALLOC_FREE, thread_id(thread), time, &body)
            }
        }
    }
}

fn thread_id(thread: usize) -> ThreadId {
    ThreadId(thread as i64 + 1_000)
}
