//! Traces that are made here, the same ones on every machine: to count the instructions that reading them takes.

use go_trace_format::{
    Clock, Dialect, EventType as E, Frame, Version, WallTime,
    event::ThreadId,
    write::{GenerationWriter, SyncBatch, WriteError, Writer},
};

/// What a program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// Two goroutines on each of two procs that wake each other in turn, as over a channel.
    PingPong,
    /// Requests with a task, a region and a log each, on four procs of a service that has run for days.
    Service,
    /// Syscalls and wake-ups on 32 procs at once, so that hardly two events in a row are of the same one.
    Interleaved,
}

impl Work {
    /// Every one with its name.
    pub const ALL: [(&'static str, Self); 3] =
        [("ping-pong", Self::PingPong), ("service", Self::Service), ("interleaved", Self::Interleaved)];

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|&(known, _)| known == name).map(|(_, work)| work)
    }

    /// A trace of it, of at least so many events.
    ///
    /// # Errors
    ///
    /// None that comes up: a writer's.
    pub fn trace(self, events: usize) -> Result<Vec<u8>, WriteError> {
        let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock)?;
        let mut program = Program::new(self);
        for number in 1..=events.div_ceil(GENERATION) {
            program.generation(&mut writer, number as u64)?;
        }
        Ok(writer.into_inner())
    }

    const fn procs(self) -> usize {
        match self {
            Self::PingPong => 2,
            Self::Service => 4,
            Self::Interleaved => 32,
        }
    }

    /// How many goroutines each proc runs in turn.
    const fn goroutines(self) -> usize {
        match self {
            Self::PingPong => 2,
            Self::Service => 16,
            Self::Interleaved => 4,
        }
    }

    /// How many events a proc has, at most, before another one has some.
    const fn burst(self) -> u64 {
        match self {
            Self::PingPong | Self::Service => 24,
            Self::Interleaved => 1,
        }
    }

    /// What a goroutine does between two waits.
    const fn deeds(self) -> &'static [Deed] {
        match self {
            Self::PingPong => &[Deed::Wake, Deed::Wait],
            Self::Service => &[
                Deed::BeginTask,
                Deed::BeginRegion,
                Deed::EnterSyscall,
                Deed::LeaveSyscall,
                Deed::Log,
                Deed::EnterSyscall,
                Deed::LeaveSyscall,
                Deed::EndRegion,
                Deed::EndTask,
                Deed::Wake,
                Deed::Wait,
            ],
            Self::Interleaved => &[Deed::EnterSyscall, Deed::LeaveSyscall, Deed::Wake, Deed::Wait],
        }
    }
}

/// How many events a generation has, about.
const GENERATION: usize = 200_000;
/// Stacks and strings that events name in turn.
const TEXTS: u64 = 300;

#[derive(Clone, Copy)]
enum Deed {
    Wake,
    /// Waits, and lets the goroutine run that was woken.
    Wait,
    EnterSyscall,
    LeaveSyscall,
    BeginTask,
    BeginRegion,
    Log,
    EndRegion,
    EndTask,
}

struct Program {
    work: Work,
    time: u64,
    random: u64,
    tasks: u64,
    procs: Vec<Proc>,
}

struct Proc {
    number: u64,
    sequence: u64,
    goroutines: Vec<Goroutine>,
    /// Which of them runs.
    running: usize,
    /// Which of its deeds is next.
    deed: usize,
}

struct Goroutine {
    id: u64,
    sequence: u64,
    task: u64,
}

impl Goroutine {
    fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

impl Program {
    fn new(work: Work) -> Self {
        let first = if work == Work::Service { 3_000_000 } else { 10 };
        let ids = |proc: usize| (0..work.goroutines()).map(move |place| first + proc * 20 + place);
        let goroutine = |id| Goroutine { id: id as u64, sequence: 0, task: 0 };
        let proc = |number: usize| Proc {
            number: number as u64,
            sequence: 0,
            goroutines: ids(number).map(goroutine).collect(),
            running: 0,
            deed: 0,
        };
        Self { work, time: 1_000, random: 1, tasks: 0, procs: (0..work.procs()).map(proc).collect() }
    }

    fn generation(&mut self, writer: &mut Writer<Vec<u8>>, number: u64) -> Result<(), WriteError> {
        let nanoseconds = self.time * 64;
        let wall = WallTime(1_764_000_000_000_000_000 + i128::from(nanoseconds));
        let sync =
            SyncBatch::new(Clock::USUAL_FREQUENCY, self.time).with_snapshot(self.time, nanoseconds, wall);
        let mut generation = writer.generation(number, sync)?;
        for text in 1..=TEXTS {
            let function = format!("main.function{text}");
            generation.string(format!("text {text}").as_bytes())?;
            let frames =
                (0..4).map(|depth| Frame::new(text * 8 + depth, function.as_bytes(), b"main.go", text));
            generation.stack(frames)?;
        }
        for proc in &mut self.procs {
            proc.say(self.time, &mut generation)?;
        }
        let mut events = 0;
        while events < GENERATION {
            let random = self.draw();
            let proc = (random >> 32) as usize % self.procs.len();
            for _ in 0..=random % self.work.burst() {
                self.time += 1 + self.draw() % 3;
                events += self.procs[proc].act(self.work, self.time, &mut self.tasks, &mut generation)?;
            }
        }
        // The next generation says that of each proc one goroutine runs and all others wait.
        for proc in &mut self.procs {
            while !proc.is_between_waits(self.work) {
                self.time += 1;
                proc.act(self.work, self.time, &mut self.tasks, &mut generation)?;
            }
        }
        generation.finish()
    }

    /// The next of numbers that look random: xorshift.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

impl Proc {
    fn thread(&self) -> ThreadId {
        ThreadId(1_000 + self.number as i64)
    }

    /// What each generation says first: who runs what.
    fn say(&mut self, time: u64, out: &mut GenerationWriter<'_, Vec<u8>>) -> Result<(), WriteError> {
        const RUNNING_PROC: u64 = 1;
        const RUNNING: u64 = 2;
        const WAITING: u64 = 4;
        let thread = self.thread();
        out.event(thread, time, E::ProcStatus, &[self.number, RUNNING_PROC])?;
        self.sequence = 0;
        for (place, goroutine) in self.goroutines.iter_mut().enumerate() {
            goroutine.sequence = 0;
            let is_running = place == self.running;
            let (on, status) = if is_running { (thread.0 as u64, RUNNING) } else { (u64::MAX, WAITING) };
            out.event(thread, time, E::GoStatus, &[goroutine.id, on, status])?;
        }
        Ok(())
    }

    fn is_between_waits(&self, work: Work) -> bool {
        self.deed % work.deeds().len() == 0
    }

    /// Does the next deed. Gives how many events that makes.
    fn act(
        &mut self,
        work: Work,
        time: u64,
        tasks: &mut u64,
        out: &mut GenerationWriter<'_, Vec<u8>>,
    ) -> Result<usize, WriteError> {
        let deed = work.deeds()[self.deed % work.deeds().len()];
        self.deed += 1;
        let (thread, text) = (self.thread(), 1 + time % TEXTS);
        let next = (self.running + 1) % self.goroutines.len();
        let running = &mut self.goroutines[self.running];
        match deed {
            Deed::Wake => {
                let woken = &mut self.goroutines[next];
                out.event(thread, time, E::GoUnblock, &[woken.id, woken.next(), text])?;
            }
            Deed::Wait => {
                out.event(thread, time, E::GoBlock, &[text, text])?;
                self.running = next;
                let next = &mut self.goroutines[next];
                out.event(thread, time, E::GoStart, &[next.id, next.next()])?;
                return Ok(2);
            }
            Deed::EnterSyscall => {
                self.sequence += 1;
                out.event(thread, time, E::GoSyscallBegin, &[self.sequence, text])?;
            }
            Deed::LeaveSyscall => out.event(thread, time, E::GoSyscallEnd, &[])?,
            Deed::BeginTask => {
                *tasks += 1;
                running.task = *tasks;
                out.event(thread, time, E::UserTaskBegin, &[running.task, 0, 1, text])?;
            }
            Deed::BeginRegion => out.event(thread, time, E::UserRegionBegin, &[running.task, 2, text])?,
            Deed::Log => out.event(thread, time, E::UserLog, &[running.task, 3, text, text])?,
            Deed::EndRegion => out.event(thread, time, E::UserRegionEnd, &[running.task, 2, text])?,
            Deed::EndTask => out.event(thread, time, E::UserTaskEnd, &[running.task, text])?,
        }
        Ok(1)
    }
}
