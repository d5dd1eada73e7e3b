//! A small model of Go's scheduler: what can happen, and what the runtime records of it.
//!
//! Go: `runtime/trace*.go` for what is recorded when; `internal/trace/order.go` for what a reader demands.

use std::collections::BTreeMap;

use super::{Action, Entry, PROCS, Recorded, STACKS, Step, TEXTS, THREADS, thread_id};
use go_trace_format::{Dialect, EventType as E, Version, spec::MAX_ARGUMENTS};

/// What happens in a scenario, as it is recorded: a list that opens with a generation.
pub(super) fn run(version: Version, dialect: Dialect, steps: &[Step]) -> Vec<Entry> {
    let mut model = Model::new(version, dialect);
    for step in steps {
        model.time += u64::from(step.elapsed);
        model.step(usize::from(step.thread) % THREADS, step.action, usize::from(step.choice));
    }
    model.say_all();
    model.entries
}

struct Model {
    version: Version,
    dialect: Dialect,
    time: u64,
    generation: u64,
    entries: Vec<Entry>,
    procs: [Proc; PROCS],
    threads: [Thread; THREADS],
    goroutines: BTreeMap<u64, Goroutine>,
    next_goroutine: u64,
    tasks: u64,
    collector: Collector,
}

/// Who holds a proc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    Nobody,
    Running(usize),
    Syscall(usize),
    /// A thread that is not known any more.
    Abandoned,
}

#[derive(Clone, Copy, Debug)]
struct Proc {
    holder: Holder,
    sequence: u64,
    said_in: u64,
    sweeps: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Thread {
    proc: Option<usize>,
    goroutine: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Runnable,
    Running(usize),
    Syscall(usize),
    Waiting,
}

#[derive(Clone, Debug)]
struct Goroutine {
    state: State,
    sequence: u64,
    said_in: u64,
    assists: bool,
    stopped_the_world: bool,
    regions: Vec<(u64, u64)>,
}

impl Goroutine {
    fn new(state: State, said_in: u64) -> Self {
        let (sequence, assists, stopped_the_world) = (0, false, false);
        Self { state, sequence, said_in, assists, stopped_the_world, regions: Vec::new() }
    }
}

#[derive(Clone, Copy, Debug)]
struct Collector {
    sequence: u64,
    /// `None` until the trace has said anything of it.
    running: Option<bool>,
    /// The generation that has said so last.
    said_in: u64,
}

/// The goroutines that the trace begins with.
const FIRST_GOROUTINES: u64 = 5;

impl Model {
    fn new(version: Version, dialect: Dialect) -> Self {
        let time = 1_000_000;
        let first = |id| if id % 2 == 0 { State::Waiting } else { State::Runnable };
        Self {
            version,
            dialect,
            time,
            generation: 1,
            entries: vec![Entry::Generation { time }],
            procs: [Proc { holder: Holder::Nobody, sequence: 0, said_in: 0, sweeps: false }; PROCS],
            threads: [Thread::default(); THREADS],
            goroutines: (1..=FIRST_GOROUTINES).map(|id| (id, Goroutine::new(first(id), 0))).collect(),
            next_goroutine: FIRST_GOROUTINES + 1,
            tasks: 0,
            collector: Collector { sequence: 0, running: None, said_in: 0 },
        }
    }

    fn step(&mut self, thread: usize, action: Action, choice: usize) {
        use Action as A;
        self.say_thread(thread);
        match action {
            A::NextGeneration => self.next_generation(),
            A::StartProc | A::StopProc | A::StealProc | A::Sweep => self.proc_step(thread, action, choice),
            A::StartGoroutine | A::CreateGoroutine | A::CreateBlockedGoroutine | A::UnblockGoroutine => {
                self.ready_step(thread, action, choice);
            }
            A::StopGoroutine | A::BlockGoroutine | A::DestroyGoroutine => {
                self.stop_goroutine(thread, action, choice);
            }
            A::SwitchGoroutine | A::SwitchAndDestroyGoroutine => self.switch(thread, action, choice),
            A::BeginSyscall | A::EndSyscall | A::BeginCallback | A::EndCallback => {
                self.syscall_step(thread, action, choice);
            }
            A::StopTheWorld | A::Assist => self.goroutine_range(thread, action, choice),
            A::Collect | A::SayCollection => self.collector_step(thread, action, choice),
            A::BeginTask | A::EndTask | A::BeginRegion | A::EndRegion | A::Log | A::Label => {
                self.annotate(thread, action, choice);
            }
            A::Metric | A::ChangeProcs | A::Allocate | A::Experiment | A::Sample => {
                self.measure(thread, action, choice);
            }
            A::BeginOperation | A::EndOperation => self.operation(thread, action, choice),
        }
    }

    fn record(&mut self, thread: usize, event_type: E, arguments: &[u64]) {
        // No two events at one time: which of two threads' comes first would be left to chance.
        self.time += 1;
        let mut all = [0; MAX_ARGUMENTS];
        all[..arguments.len()].copy_from_slice(arguments);
        self.entries.push(Entry::Event(Recorded { thread, time: self.time, event_type, arguments: all }));
    }

    /// Each generation begins anew; what nobody mentioned in the last one is said at its end.
    fn next_generation(&mut self) {
        self.say_all();
        self.time += 1;
        self.generation += 1;
        self.entries.push(Entry::Generation { time: self.time });
    }

    fn say_all(&mut self) {
        for thread in 0..THREADS {
            self.say_thread(thread);
        }
        let ids: Vec<u64> = self.goroutines.keys().copied().collect();
        for id in ids {
            self.say_goroutine(0, id);
        }
    }

    /// Says what a thread holds, where the generation does not know yet.
    fn say_thread(&mut self, thread: usize) {
        let Thread { proc, goroutine } = self.threads[thread];
        if let Some(proc) = proc {
            self.say_proc(thread, proc);
        }
        if let Some(goroutine) = goroutine {
            self.say_goroutine(thread, goroutine);
        }
    }

    fn say_proc(&mut self, thread: usize, proc: usize) {
        let generation = self.generation;
        let state = &mut self.procs[proc];
        if state.said_in == generation {
            return;
        }
        (state.said_in, state.sequence) = (generation, 0);
        let (holder, sweeps) = (state.holder, state.sweeps);
        let status = match holder {
            Holder::Running(_) => 1,
            Holder::Nobody => 2,
            Holder::Syscall(holder) if holder == thread => 3,
            Holder::Syscall(_) | Holder::Abandoned => 4,
        };
        self.record(thread, E::ProcStatus, &[proc as u64, status]);
        if sweeps {
            self.record(thread, E::GcSweepActive, &[proc as u64]);
        }
    }

    fn say_goroutine(&mut self, thread: usize, id: u64) {
        let generation = self.generation;
        let Some(goroutine) = self.goroutines.get_mut(&id).filter(|known| known.said_in != generation) else {
            return;
        };
        (goroutine.said_in, goroutine.sequence) = (generation, 0);
        let (state, assists) = (goroutine.state, goroutine.assists);
        let (on, status) = match state {
            State::Runnable => (u64::MAX, 1),
            State::Running(on) => (thread_id(on).0 as u64, 2),
            State::Syscall(on) => (thread_id(on).0 as u64, 3),
            State::Waiting => (u64::MAX, 4),
        };
        if self.version >= Version::Go123 && id % 2 == 0 {
            self.record(thread, E::GoStatusStack, &[id, on, status, id % (STACKS + 1)]);
        } else {
            self.record(thread, E::GoStatus, &[id, on, status]);
        }
        if assists {
            self.record(thread, E::GcMarkAssistActive, &[id]);
        }
    }

    /// The goroutine that a thread runs outside of syscalls, which implies a proc.
    fn running(&self, thread: usize) -> Option<u64> {
        let id = self.threads[thread].goroutine?;
        (self.goroutines.get(&id)?.state == State::Running(thread)).then_some(id)
    }

    fn in_syscall(&self, thread: usize) -> Option<u64> {
        let id = self.threads[thread].goroutine?;
        (self.goroutines.get(&id)?.state == State::Syscall(thread)).then_some(id)
    }

    /// One of the goroutines in a state, and its next sequence number.
    fn pick(&mut self, thread: usize, state: State, choice: usize) -> Option<(u64, u64)> {
        let ids: Vec<u64> =
            self.goroutines.iter().filter(|(_, known)| known.state == state).map(|(&id, _)| id).collect();
        let id = *ids.get(choice % ids.len().max(1))?;
        self.say_goroutine(thread, id);
        let goroutine = self.goroutines.get_mut(&id)?;
        goroutine.sequence += 1;
        Some((id, goroutine.sequence))
    }

    fn set_state(&mut self, id: u64, state: State) {
        if let Some(goroutine) = self.goroutines.get_mut(&id) {
            goroutine.state = state;
        }
    }

    fn next_proc_sequence(&mut self, proc: usize) -> u64 {
        self.procs[proc].sequence += 1;
        self.procs[proc].sequence
    }

    fn proc_step(&mut self, thread: usize, action: Action, choice: usize) {
        let proc = choice % PROCS;
        match (action, self.threads[thread].proc) {
            (Action::StartProc, None) if self.procs[proc].holder == Holder::Nobody => {
                self.say_proc(thread, proc);
                let sequence = self.next_proc_sequence(proc);
                self.record(thread, E::ProcStart, &[proc as u64, sequence]);
                self.procs[proc].holder = Holder::Running(thread);
                self.threads[thread].proc = Some(proc);
            }
            (Action::StopProc, Some(proc)) if self.running(thread).is_none() => {
                self.record(thread, E::ProcStop, &[]);
                self.procs[proc].holder = Holder::Nobody;
                self.threads[thread].proc = None;
            }
            (Action::StealProc, _) => self.steal(thread, proc),
            (Action::Sweep, Some(proc)) => {
                let sweeps = &mut self.procs[proc].sweeps;
                *sweeps = !*sweeps;
                if *sweeps {
                    self.record(thread, E::GcSweepBegin, &[stack(choice)]);
                } else {
                    self.record(thread, E::GcSweepEnd, &[8_192, choice as u64]);
                }
            }
            _ => {}
        }
    }

    fn steal(&mut self, thread: usize, proc: usize) {
        let from = match self.procs[proc].holder {
            Holder::Syscall(from) => {
                self.threads[from].proc = None;
                from
            }
            Holder::Abandoned => thread,
            Holder::Nobody | Holder::Running(_) => return,
        };
        self.say_proc(thread, proc);
        let sequence = self.next_proc_sequence(proc);
        self.record(thread, E::ProcSteal, &[proc as u64, sequence, thread_id(from).0 as u64]);
        self.procs[proc].holder = Holder::Nobody;
    }

    /// Steps that make goroutines runnable or run them.
    fn ready_step(&mut self, thread: usize, action: Action, choice: usize) {
        let Thread { proc, goroutine } = self.threads[thread];
        match action {
            Action::StartGoroutine if proc.is_some() && goroutine.is_none() => {
                if let Some((id, sequence)) = self.pick(thread, State::Runnable, choice) {
                    self.record(thread, E::GoStart, &[id, sequence]);
                    self.set_state(id, State::Running(thread));
                    self.threads[thread].goroutine = Some(id);
                }
            }
            Action::UnblockGoroutine => {
                if let Some((id, sequence)) = self.pick(thread, State::Waiting, choice) {
                    self.record(thread, E::GoUnblock, &[id, sequence, stack(choice)]);
                    self.set_state(id, State::Runnable);
                }
            }
            Action::CreateGoroutine if proc.is_some() && self.in_syscall(thread).is_none() => {
                let id = self.create(State::Runnable);
                self.record(thread, E::GoCreate, &[id, 1, stack(choice)]);
            }
            Action::CreateBlockedGoroutine
                if self.running(thread).is_some() && self.version >= Version::Go123 =>
            {
                let id = self.create(State::Waiting);
                self.record(thread, E::GoCreateBlocked, &[id, 2, stack(choice)]);
            }
            _ => {}
        }
    }

    fn create(&mut self, state: State) -> u64 {
        let id = self.next_goroutine;
        self.next_goroutine += 1;
        self.goroutines.insert(id, Goroutine::new(state, self.generation));
        id
    }

    fn stop_goroutine(&mut self, thread: usize, action: Action, choice: usize) {
        let Some(id) = self.running(thread) else { return };
        self.threads[thread].goroutine = None;
        match action {
            Action::DestroyGoroutine => {
                self.record(thread, E::GoDestroy, &[]);
                self.goroutines.remove(&id);
            }
            Action::BlockGoroutine => {
                self.record(thread, E::GoBlock, &[text(choice), stack(choice)]);
                self.set_state(id, State::Waiting);
            }
            _ => {
                self.record(thread, E::GoStop, &[text(choice), stack(choice)]);
                self.set_state(id, State::Runnable);
            }
        }
    }

    fn switch(&mut self, thread: usize, action: Action, choice: usize) {
        let Some(id) = self.running(thread).filter(|_| self.version >= Version::Go123) else { return };
        let Some((next, sequence)) = self.pick(thread, State::Waiting, choice) else { return };
        if action == Action::SwitchAndDestroyGoroutine {
            self.record(thread, E::GoSwitchDestroy, &[next, sequence]);
            self.goroutines.remove(&id);
        } else {
            self.record(thread, E::GoSwitch, &[next, sequence]);
            self.set_state(id, State::Waiting);
        }
        self.set_state(next, State::Running(thread));
        self.threads[thread].goroutine = Some(next);
    }

    fn syscall_step(&mut self, thread: usize, action: Action, choice: usize) {
        let Thread { proc, goroutine } = self.threads[thread];
        match action {
            Action::BeginSyscall => {
                if let (Some(id), Some(proc)) = (self.running(thread), proc) {
                    let sequence = self.next_proc_sequence(proc);
                    self.record(thread, E::GoSyscallBegin, &[sequence, stack(choice)]);
                    self.set_state(id, State::Syscall(thread));
                    self.procs[proc].holder = Holder::Syscall(thread);
                }
            }
            Action::EndSyscall => {
                if let Some(id) = self.in_syscall(thread) {
                    self.end_syscall(thread, id);
                }
            }
            Action::BeginCallback if proc.is_none() && goroutine.is_none() => {
                let id = self.create(State::Syscall(thread));
                self.record(thread, E::GoCreateSyscall, &[id]);
                self.threads[thread].goroutine = Some(id);
            }
            Action::EndCallback => {
                if let Some(id) = self.in_syscall(thread).filter(|_| !self.has_new_proc(thread)) {
                    self.record(thread, E::GoDestroySyscall, &[]);
                    self.goroutines.remove(&id);
                    if let Some(proc) = proc {
                        self.procs[proc].holder = Holder::Abandoned;
                    }
                    self.threads[thread] = Thread::default();
                }
            }
            _ => {}
        }
    }

    /// Whether a thread in a syscall has lost its proc and taken another.
    fn has_new_proc(&self, thread: usize) -> bool {
        self.threads[thread].proc.is_some_and(|proc| self.procs[proc].holder == Holder::Running(thread))
    }

    fn end_syscall(&mut self, thread: usize, id: u64) {
        match self.threads[thread].proc {
            Some(proc) if !self.has_new_proc(thread) => {
                self.record(thread, E::GoSyscallEnd, &[]);
                self.set_state(id, State::Running(thread));
                self.procs[proc].holder = Holder::Running(thread);
            }
            _ => {
                self.record(thread, E::GoSyscallEndBlocked, &[]);
                self.set_state(id, State::Runnable);
                self.threads[thread].goroutine = None;
            }
        }
    }

    fn goroutine_range(&mut self, thread: usize, action: Action, choice: usize) {
        let Some(id) = self.running(thread) else { return };
        let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
        if action == Action::Assist {
            goroutine.assists = !goroutine.assists;
            if goroutine.assists {
                self.record(thread, E::GcMarkAssistBegin, &[stack(choice)]);
            } else {
                self.record(thread, E::GcMarkAssistEnd, &[]);
            }
        } else {
            goroutine.stopped_the_world = !goroutine.stopped_the_world;
            if goroutine.stopped_the_world {
                self.record(thread, E::StwBegin, &[text(choice), stack(choice)]);
            } else {
                self.record(thread, E::StwEnd, &[]);
            }
        }
    }

    fn collector_step(&mut self, thread: usize, action: Action, choice: usize) {
        let Collector { sequence, running, said_in } = self.collector;
        // A generation says so when it begins. Only the first can begin within a collection that nobody saw begin.
        let can_say = running.unwrap_or(self.generation == 1) && said_in < self.generation;
        let (event_type, running) = match action {
            Action::SayCollection if can_say => (E::GcActive, true),
            Action::Collect if running == Some(true) => (E::GcEnd, false),
            Action::Collect => (E::GcBegin, true),
            _ => return,
        };
        if self.running(thread).is_none() {
            return;
        }
        self.collector =
            Collector { sequence: sequence + 1, running: Some(running), said_in: self.generation };
        let arguments = [sequence + 1, stack(choice)];
        self.record(thread, event_type, &arguments[..event_type.spec().arguments.len() - 1]);
    }

    fn annotate(&mut self, thread: usize, action: Action, choice: usize) {
        let Some(id) = self.running(thread) else { return };
        let Some(goroutine) = self.goroutines.get_mut(&id) else { return };
        let some_task = choice as u64 % (self.tasks + 2);
        match action {
            Action::BeginTask => {
                self.tasks += 1;
                let parent = some_task.min(self.tasks - 1);
                self.record(thread, E::UserTaskBegin, &[self.tasks, parent, text(choice), stack(choice)]);
            }
            Action::EndTask => self.record(thread, E::UserTaskEnd, &[some_task, stack(choice)]),
            Action::BeginRegion => {
                goroutine.regions.push((some_task, text(choice)));
                self.record(thread, E::UserRegionBegin, &[some_task, text(choice), stack(choice)]);
            }
            Action::EndRegion => {
                let (task, name) = goroutine.regions.pop().unwrap_or((some_task, text(choice)));
                self.record(thread, E::UserRegionEnd, &[task, name, stack(choice)]);
            }
            Action::Log => {
                self.record(thread, E::UserLog, &[some_task, text(choice), text(choice / 16), stack(choice)]);
            }
            _ => self.record(thread, E::GoLabel, &[text(choice)]),
        }
    }

    fn measure(&mut self, thread: usize, action: Action, choice: usize) {
        let Thread { proc, goroutine } = self.threads[thread];
        let value = choice as u64;
        match action {
            Action::Metric if proc.is_some() => {
                let event_type = if choice % 2 == 0 { E::HeapAlloc } else { E::HeapGoal };
                self.record(thread, event_type, &[value << 20]);
            }
            Action::ChangeProcs if self.running(thread).is_some() => {
                self.record(thread, E::ProcsChange, &[value, stack(choice)]);
            }
            Action::Allocate if self.version >= Version::Go123 => {
                let event_type = ALLOCATIONS[choice % ALLOCATIONS.len()];
                let arguments = [value, 1, 2];
                self.record(thread, event_type, &arguments[..event_type.spec().arguments.len() - 1]);
            }
            Action::Experiment if self.version >= Version::Go123 => {
                self.entries.push(Entry::Experiment { time: self.time, thread, size: choice as u8 });
            }
            Action::Sample => {
                let (time, stack) = (self.time, stack(choice));
                self.entries.push(Entry::Sample { time, thread, proc, goroutine, stack });
            }
            _ => {}
        }
    }

    fn operation(&mut self, thread: usize, action: Action, choice: usize) {
        if self.dialect != Dialect::Fork || self.running(thread).is_none() {
            return;
        }
        let table = if action == Action::BeginOperation { OPERATION_STARTS } else { OPERATION_ENDS };
        let event_type = table[choice % table.len()];
        let (span, value) = (choice as u64 / 8, choice as u64);
        let arguments = match event_type.spec().arguments.len() - 1 {
            4 if action == Action::BeginOperation => [value, span, text(choice), stack(choice)],
            4 => [span, value, value % 8, stack(choice)],
            _ => [span, value, stack(choice), 0],
        };
        self.record(thread, event_type, &arguments[..event_type.spec().arguments.len() - 1]);
    }
}

fn text(choice: usize) -> u64 {
    (choice % TEXTS.len()) as u64
}

fn stack(choice: usize) -> u64 {
    choice as u64 % (STACKS + 1)
}

const ALLOCATIONS: [E; 9] = [
    E::Span,
    E::SpanAlloc,
    E::SpanFree,
    E::HeapObject,
    E::HeapObjectAlloc,
    E::HeapObjectFree,
    E::GoroutineStack,
    E::GoroutineStackAlloc,
    E::GoroutineStackFree,
];

const OPERATION_STARTS: &[E] = &[
    E::HttpServerRequestStart,
    E::HttpClientRequestStart,
    E::SqlQueryStart,
    E::TlsHandshakeStart,
    E::DnsLookupStart,
    E::ConnectStart,
];

const OPERATION_ENDS: &[E] = &[
    E::HttpServerRequestEnd,
    E::HttpClientRequestEnd,
    E::HttpClientError,
    E::SqlQueryEnd,
    E::TlsHandshakeEnd,
    E::DnsLookupEnd,
    E::ConnectEnd,
];
