//! Traces of Go 1.5 to 1.21 as a small scheduler records them.

use go_trace_format::{Version, write::WriterV1};
use proptest::prelude::*;

/// What happens next, on which proc, and after how long.
pub(super) type Step = (u8, u8, u8);

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..4_u8, 0..16_u8, 1..200_u8), 0..200)
}

/// A version of the format.
pub(super) fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(Version::ALL.into_iter().filter(|version| version.is_v1()).collect::<Vec<_>>())
}

/// An event: number among all, time, name, own arguments and whether a log.
struct Recorded {
    sequence: u64,
    time: u64,
    name: &'static str,
    arguments: Vec<u64>,
    message: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Runnable,
    Running,
    Waiting,
    Syscall(u64),
}

struct Goroutine {
    sequence: u64,
    state: State,
    regions: Vec<u64>,
}

#[derive(Default)]
struct Proc {
    is_running: bool,
    goroutine: Option<usize>,
    events: Vec<Recorded>,
}

/// A recording under way.
pub(super) struct Scenario {
    version: Version,
    time: u64,
    sequence: u64,
    procs: Vec<Proc>,
    goroutines: Vec<Goroutine>,
    tasks: u64,
}

const STACK: u64 = 1;
const NAME: u64 = 1;
const START: u64 = 1_000_000;

impl Scenario {
    /// A whole trace.
    pub(super) fn record(version: Version, steps: &[Step]) -> Vec<u8> {
        let mut scenario = Self {
            version,
            time: START,
            sequence: 0,
            procs: (0..4).map(|_| Proc::default()).collect(),
            goroutines: Vec::new(),
            tasks: 0,
        };
        scenario.begin();
        for &(proc, what, after) in steps {
            scenario.time += u64::from(after);
            scenario.step(usize::from(proc), what);
        }
        scenario.write()
    }

    fn begin(&mut self) {
        for goroutine in 1..=4 {
            self.event(0, "GoCreate", &[goroutine, STACK], true);
            self.goroutines.push(Goroutine { sequence: 1, state: State::Runnable, regions: Vec::new() });
        }
        self.event(0, "GoWaiting", &[2], false);
        self.event(0, "GoInSyscall", &[3], false);
        for (index, state) in [(1, State::Waiting), (2, State::Syscall(self.time))] {
            (self.goroutines[index].sequence, self.goroutines[index].state) = (2, state);
        }
        self.event(0, "ProcStart", &[100], false);
        self.procs[0].is_running = true;
        self.start(0, 0);
        self.event(0, "Gomaxprocs", &[4], true);
    }

    fn is_numbered(&self) -> bool {
        self.version == Version::Go15
    }

    fn event(&mut self, proc: usize, name: &'static str, arguments: &[u64], has_stack: bool) {
        self.sequence += 1;
        self.time += 1;
        let mut arguments = arguments.to_vec();
        arguments.extend(has_stack.then_some(STACK));
        let (sequence, time) = (self.sequence, self.time);
        self.procs[proc].events.push(Recorded { sequence, time, name, arguments, message: None });
    }

    /// An event that carries the goroutine's number among its own, but up to Go 1.6.
    fn counted(&mut self, proc: usize, name: &'static str, goroutine: usize, has_stack: bool) {
        let sequence = self.goroutines[goroutine].sequence;
        self.goroutines[goroutine].sequence += 1;
        let arguments = [goroutine as u64 + 1, sequence];
        self.event(proc, name, if self.is_numbered() { &arguments[..1] } else { &arguments }, has_stack);
    }

    fn start(&mut self, proc: usize, goroutine: usize) {
        self.counted(proc, "GoStart", goroutine, false);
        self.goroutines[goroutine].state = State::Running;
        self.procs[proc].goroutine = Some(goroutine);
    }

    fn step(&mut self, proc: usize, what: u8) {
        let Some(goroutine) = self.procs[proc].goroutine else { return self.idle(proc, what) };
        let leave = |scenario: &mut Self, name, state| {
            scenario.event(proc, name, &[], true);
            scenario.goroutines[goroutine].state = state;
            scenario.procs[proc].goroutine = None;
        };
        match what {
            0 => leave(self, "GoBlockRecv", State::Waiting),
            1 => leave(self, "GoSched", State::Runnable),
            2 => leave(self, "GoBlockNet", State::Waiting),
            3 => {
                self.event(proc, "GoSysCall", &[], true);
                self.event(proc, "GoSysBlock", &[], false);
                self.goroutines[goroutine].state = State::Syscall(self.time);
                self.procs[proc].goroutine = None;
            }
            4 => self.event(proc, "GoSysCall", &[], true),
            5 => {
                self.event(proc, "GoCreate", &[self.goroutines.len() as u64 + 1, STACK], true);
                self.goroutines.push(Goroutine { sequence: 1, state: State::Runnable, regions: Vec::new() });
            }
            6..=8 => {
                if let Some(waiting) = self.goroutines.iter().position(|other| other.state == State::Waiting)
                {
                    self.counted(proc, "GoUnblock", waiting, true);
                    self.goroutines[waiting].state = State::Runnable;
                }
            }
            9 => self.event(proc, "HeapAlloc", &[self.time], false),
            10 if self.version >= Version::Go111 => {
                self.tasks += 1;
                self.event(proc, "UserTaskCreate", &[self.tasks, 0, NAME], true);
            }
            11 if self.version >= Version::Go111 && self.tasks > 0 => {
                self.event(proc, "UserTaskEnd", &[self.tasks], true);
                self.tasks -= 1;
            }
            12 if self.version >= Version::Go111 => {
                self.event(proc, "UserRegion", &[7, 0, NAME], true);
                self.goroutines[goroutine].regions.push(7);
            }
            13 if self.version >= Version::Go111 => {
                if let Some(task) = self.goroutines[goroutine].regions.pop() {
                    self.event(proc, "UserRegion", &[task, 1, NAME], true);
                }
            }
            14 if self.version >= Version::Go111 => {
                self.event(proc, "UserLog", &[0, NAME], true);
                let message = self.procs[proc].events.last_mut().map(|event| &mut event.message);
                message.into_iter().for_each(|message| *message = Some("a message"));
            }
            _ => {}
        }
    }

    /// What a proc does that runs no goroutine.
    fn idle(&mut self, proc: usize, what: u8) {
        if !self.procs[proc].is_running {
            self.event(proc, "ProcStart", &[100 + proc as u64], false);
            self.procs[proc].is_running = true;
            return;
        }
        let find = |wanted: fn(&State) -> bool| self.goroutines.iter().position(|other| wanted(&other.state));
        let returned = find(|state| matches!(state, State::Syscall(_)));
        let runnable = find(|state| *state == State::Runnable);
        match (what, runnable, returned) {
            (0, ..) => {
                self.event(proc, "ProcStop", &[], false);
                self.procs[proc].is_running = false;
            }
            (1..=7, _, Some(goroutine)) => self.exit(proc, goroutine, what),
            (_, Some(goroutine), _) => self.start(proc, goroutine),
            _ => {}
        }
    }

    /// A goroutine is back from a system call, some time after it blocked there.
    fn exit(&mut self, proc: usize, goroutine: usize, what: u8) {
        let State::Syscall(blocked) = self.goroutines[goroutine].state else { return };
        // It may not be known when.
        let happened = if what == 1 { 0 } else { blocked + (self.time - blocked) * u64::from(what) / 8 };
        // Up to Go 1.6 its number says where it belongs, which is here.
        let number = if self.is_numbered() { self.sequence + 1 } else { self.goroutines[goroutine].sequence };
        let happened = if self.is_numbered() { 0 } else { happened };
        self.event(proc, "GoSysExit", &[goroutine as u64 + 1, number, happened], false);
        self.goroutines[goroutine].sequence += 1;
        self.goroutines[goroutine].state = State::Runnable;
    }

    fn write(&self) -> Vec<u8> {
        let mut writer = WriterV1::new(self.version).expect("a version of the format");
        for (proc, index) in self.procs.iter().zip(0..) {
            // A batch holds few events, so that there are several.
            for batch in proc.events.chunks(7) {
                let (mut sequence, mut time) = (batch[0].sequence, batch[0].time);
                writer.batch(index, sequence, time);
                for event in batch {
                    let mut arguments = vec![event.sequence - sequence, event.time - time];
                    arguments.drain(..usize::from(!self.is_numbered()));
                    (sequence, time) = (event.sequence, event.time);
                    arguments.extend(&event.arguments);
                    match event.message {
                        Some(message) => {
                            writer.log(arguments.try_into().expect("a log's"), message.as_bytes());
                        }
                        None => writer.record(event.name, &arguments).expect("a record"),
                    }
                }
            }
        }
        self.write_tables(&mut writer);
        writer.into_inner()
    }

    fn write_tables(&self, writer: &mut WriterV1) {
        writer.batch(0, self.sequence, self.time);
        let symbols = if self.is_numbered() { &[][..] } else { &[2, 3, 17] };
        writer.record("Stack", &[&[STACK, 1, 0x40_0000], symbols].concat()).expect("a record");
        if !self.is_numbered() {
            writer.string(1, b"a name");
            writer.string(2, b"main.main");
            writer.string(3, b"main.go");
        }
        let unused = if self.is_numbered() { &[0][..] } else { &[] };
        writer.record("Frequency", &[&[1_000_000_000], unused].concat()).expect("a record");
    }
}
