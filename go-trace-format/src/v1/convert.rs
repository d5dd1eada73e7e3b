//! What an event of format v1 is in the newer format. Go: `traceV1Converter.convertEvent`.

use std::collections::{HashSet, VecDeque};

use foldhash::fast::RandomState;

use crate::{
    event::Record,
    id::TaskId,
    losses::{Loss, Losses},
    order::{IdLimits, unknown_ids},
    sequence::squash,
    spec::{EventType as E, MAX_ARGUMENTS, Version},
    tables::{Tables, Time},
    v1::{
        rules::Meaning,
        scan::GENERATION,
        spec::Kind as K,
        stream::{EventV1, NO_GOROUTINE, Stream},
        texts::{Reason, inline, stop},
        trace::{Exit, Sample},
    },
};

/// The procs that the reference gives events which happen on behalf of none. Go: `tracev1.TimerP` and its neighbours.
const TIMER_PROC: i64 = 1_000_001;
const NETWORK_PROC: i64 = 1_000_002;
const SYSCALL_PROC: i64 = 1_000_003;
const COLLECTOR_PROC: i64 = 1_000_004;

/// The statuses of the newer format. Go: `tracev2.GoStatus` and `tracev2.ProcStatus`.
const RUNNABLE: u64 = 1;
const RUNNING: u64 = 2;
const SYSCALL: u64 = 3;
const WAITING: u64 = 4;
const PROC_RUNNING: u64 = 1;
const PROC_IDLE: u64 = 2;

/// No thread, in an argument.
const NO_THREAD: u64 = u64::MAX;

/// Makes records of events.
#[derive(Debug)]
pub(super) struct Converter {
    version: Version,
    /// The first moment, in ticks, and how many nanoseconds a tick has.
    start: i64,
    unit: f64,
    /// Whether the events so far tell who was there when the recording began.
    is_beginning: bool,
    /// The goroutines that were there of which nothing else was said yet, in the order of being mentioned.
    mentioned: Vec<u64>,
    unexplained: HashSet<u64, RandomState>,
    /// Why the world was stopped last.
    stop: u64,
}

/// Where records go.
pub(super) struct Output<'o> {
    pub(super) records: &'o mut [Record],
    pub(super) made: usize,
    pub(super) last: &'o mut Time,
    /// Those for which there is no room.
    pub(super) beyond: &'o mut VecDeque<Record>,
    pub(super) tables: &'o Tables<'o>,
    pub(super) limits: IdLimits,
    /// Whether it is said where a record names a string or a stack that is lost. The reference does not look.
    pub(super) is_checked: bool,
    pub(super) losses: &'o mut Losses,
}

impl Output<'_> {
    /// Takes a record, whose time becomes later than that of the one before.
    #[inline]
    pub(super) fn add(&mut self, mut record: Record) {
        record.time = squash(self.last, record.raw_time);
        if self.is_checked && !self.limits.hold(record.event_type, &record.arguments) {
            self.look_ids_up(&record);
        }
        match self.records.get_mut(self.made) {
            Some(place) => {
                *place = record;
                self.made += 1;
            }
            None => self.beyond.push_back(record),
        }
    }

    #[inline(never)]
    fn look_ids_up(&mut self, record: &Record) {
        for unknown in unknown_ids(record, self.tables) {
            let error = unknown.error(record);
            self.losses.add(Loss { error, generation: Some(GENERATION), thread: None, bytes: 0 });
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.made == self.records.len()
    }
}

/// What is known of an event besides what it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context {
    pub(super) meaning: Meaning,
    /// Whether the system call that it begins blocks.
    pub(super) blocks: bool,
    /// Whether its goroutine only wakes those whose time has come.
    pub(super) is_timer: bool,
    /// Where the first of the generation's bytes stands in the trace.
    pub(super) base: u64,
}

impl Converter {
    pub(super) fn new(version: Version, start: i64, frequency: u64) -> Self {
        Self {
            version,
            start,
            unit: 1e9 / frequency as f64,
            is_beginning: true,
            mentioned: Vec::new(),
            unexplained: HashSet::default(),
            stop: 0,
        }
    }

    /// Whether wakeups in vain are told: of Go 1.11 and later the reference has no event for one.
    pub(super) fn knows_futile_wakeups(&self) -> bool {
        self.version < Version::Go111
    }

    /// The time of so many ticks, as the reference rounds it.
    #[inline]
    fn time(&self, ticks: i64) -> Time {
        // Go's conversions of floats that do not fit, on amd64: `CVTTSD2SQ` gives the lowest integer.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        let nanoseconds = ticks.wrapping_sub(self.start) as f64 * self.unit;
        Time(if (-LIMIT..LIMIT).contains(&nanoseconds) { nanoseconds as i64 } else { i64::MIN })
    }

    pub(super) fn sample(&self, sample: &Sample, base: u64) -> Record {
        let (proc, goroutine) = (i64::from(sample.proc), sample.goroutine);
        Record {
            event_type: E::CpuSample,
            raw_time: self.time(sample.time),
            proc,
            goroutine: goroutine_of(goroutine),
            arguments: [sample.stack.into(), NO_THREAD, proc as u64, goroutine],
            offset: base + sample.start as u64,
            ..Record::EMPTY
        }
    }

    pub(super) fn exit(&self, exit: &Exit, base: u64) -> Record {
        Record {
            event_type: E::GoSyscallEndBlocked,
            raw_time: self.time(exit.time),
            proc: SYSCALL_PROC,
            goroutine: goroutine_of(exit.goroutine),
            offset: base + exit.start as u64,
            ..Record::EMPTY
        }
    }

    /// Makes the records of an event.
    #[inline]
    pub(super) fn convert(
        &mut self,
        event: &EventV1,
        stream: &mut Stream,
        context: Context,
        output: &mut Output<'_>,
    ) {
        let Context { meaning, blocks, is_timer, base } = context;
        if event.kind == K::ProcStart {
            stream.state.thread = Some(event.arguments[0] as i64);
        }
        let Some((event_type, arguments)) = self.translate(event, stream, meaning, base, output) else {
            return;
        };
        let mut record = Record {
            event_type,
            raw_time: self.time(event.time),
            thread: stream.state.thread.filter(|_| stream.proc != -1).unwrap_or(Record::NONE),
            proc: stream.proc.into(),
            goroutine: goroutine_of(event.goroutine),
            arguments,
            offset: base + event.start as u64,
            ..Record::EMPTY
        };
        match event.kind {
            K::GoUnblock | K::GoUnblockLocal if meaning.is_from_network => {
                leave_proc(&mut record, NETWORK_PROC);
            }
            K::GoUnblock | K::GoUnblockLocal if is_timer => leave_proc(&mut record, TIMER_PROC),
            K::GoSysExit | K::GoSysExitLocal => leave_proc(&mut record, SYSCALL_PROC),
            K::GcStart => leave_proc(&mut record, COLLECTOR_PROC),
            K::ProcStop => stream.state.thread = None,
            // The reference has thread 0 here for a proc that it knows no thread of.
            K::GoStartLabel | K::GoSysCall if !blocks => record.thread = stream.state.thread.unwrap_or(0),
            _ => {}
        }
        output.add(record);
        match event.kind {
            K::GoSysCall if !blocks => output.add(Record {
                event_type: E::GoSyscallEnd,
                raw_time: Time(record.raw_time.0.wrapping_add(1)),
                arguments: [0; MAX_ARGUMENTS],
                ..record
            }),
            K::GoStartLabel => {
                let arguments = [event.arguments[2], 0, 0, 0];
                output.add(Record { event_type: E::GoLabel, arguments, ..record });
            }
            _ => {}
        }
    }

    /// The type and the arguments of an event; `None` where it is none in the newer format.
    #[inline(always)]
    fn translate(
        &mut self,
        event: &EventV1,
        stream: &mut Stream,
        meaning: Meaning,
        base: u64,
        output: &mut Output<'_>,
    ) -> Option<(E, [u64; MAX_ARGUMENTS])> {
        let [first, second, third] = event.arguments;
        let stack = u64::from(event.stack);
        let block = |reason: Reason| (E::GoBlock, [reason.id(), stack, 0, 0]);
        Some(match event.kind {
            K::HeapAlloc => (E::HeapAlloc, [first, 0, 0, 0]),
            K::HeapGoal => (E::HeapGoal, [first, 0, 0, 0]),
            K::GoStart | K::GoStartLocal if self.is_beginning => {
                self.unexplained.remove(&first);
                (E::GoStatus, [first, NO_THREAD, RUNNING, 0])
            }
            K::GoStart | K::GoStartLocal | K::GoStartLabel => (E::GoStart, [first, second, 0, 0]),
            K::GoUnblock | K::GoUnblockLocal => (E::GoUnblock, [first, second, stack, 0]),
            K::GoCreate if self.is_beginning => {
                if self.unexplained.insert(first) {
                    self.mentioned.push(first);
                }
                return None;
            }
            K::GoCreate => (E::GoCreate, [first, second, stack, 0]),
            K::GoEnd => (E::GoDestroy, [0; MAX_ARGUMENTS]),
            K::GoSysCall => (E::GoSyscallBegin, [0, stack, 0, 0]),
            K::GoSysExit | K::GoSysExitLocal => (E::GoSyscallEndBlocked, [0; MAX_ARGUMENTS]),
            // Its system call has said so.
            K::GoSysBlock => return None,
            K::GoSched => (E::GoStop, [Reason::Gosched.id(), stack, 0, 0]),
            K::GoPreempt => (E::GoStop, [Reason::Preempted.id(), stack, 0, 0]),
            K::GoStop => block(Reason::Forever),
            K::GoSleep => block(Reason::Sleep),
            K::GoBlock => block(Reason::Unknown),
            K::GoBlockSend => block(Reason::ChanSend),
            K::GoBlockRecv => block(Reason::ChanReceive),
            K::GoBlockSelect => block(Reason::Select),
            K::GoBlockSync => block(Reason::Sync),
            K::GoBlockCond => block(Reason::Cond),
            K::GoBlockNet => block(Reason::Network),
            K::GoBlockGc => block(Reason::MarkAssist),
            K::GcStart => (E::GcBegin, [first, stack, 0, 0]),
            K::GcDone => (E::GcEnd, [0; MAX_ARGUMENTS]),
            K::StwStart => {
                self.stop = stop(self.version, first);
                (E::StwBegin, [self.stop, 0, 0, 0])
            }
            K::StwDone => (E::StwEnd, [self.stop, 0, 0, 0]),
            K::SweepStart => (E::GcSweepBegin, [stack, 0, 0, 0]),
            K::SweepDone => (E::GcSweepEnd, [first, second, 0, 0]),
            K::MarkAssistStart => (E::GcMarkAssistBegin, [stack, 0, 0, 0]),
            K::MarkAssistDone => (E::GcMarkAssistEnd, [0; MAX_ARGUMENTS]),
            K::UserRegion if second == 0 => (E::UserRegionBegin, [first, third, stack, 0]),
            K::UserRegion => (E::UserRegionEnd, [first, third, stack, 0]),
            K::UserLog => (E::UserLog, [first, second, inline(event.text), stack]),
            K::UserTaskCreate => {
                let parent = if second == TaskId::BACKGROUND.0 { TaskId::NONE.0 } else { second };
                (E::UserTaskBegin, [first, parent, third, stack])
            }
            K::UserTaskEnd => {
                let (parent, name) =
                    meaning.ended.map_or((TaskId::NONE.0, 0), |task| (task.parent, task.name));
                (E::UserTaskEnd, [first, stack, parent, name])
            }
            K::ProcStart | K::ProcStop => self.proc(event.kind, stream),
            K::GoWaiting => self.status(first, WAITING),
            K::GoInSyscall => self.status(first, SYSCALL),
            K::Gomaxprocs if self.is_beginning => {
                self.end_beginning(event, base, output);
                return None;
            }
            K::Gomaxprocs => (E::ProcsChange, [first, stack, 0, 0]),
            // It says that a goroutine was woken in vain, which its next events say too.
            K::FutileWakeup => return None,
            K::Batch | K::Frequency | K::Stack | K::TimerGoroutine | K::String | K::CpuSample => return None,
        })
    }

    fn proc(&self, kind: K, stream: &mut Stream) -> (E, [u64; MAX_ARGUMENTS]) {
        let proc = i64::from(stream.proc) as u64;
        let is_known = core::mem::replace(&mut stream.state.is_known, true);
        match (kind, is_known) {
            (K::ProcStart, true) => (E::ProcStart, [proc, 0, 0, 0]),
            (K::ProcStart, false) => (E::ProcStatus, [proc, PROC_RUNNING, 0, 0]),
            (_, true) => (E::ProcStop, [proc, 0, 0, 0]),
            (_, false) => (E::ProcStatus, [proc, PROC_IDLE, 0, 0]),
        }
    }

    fn status(&mut self, goroutine: u64, status: u64) -> (E, [u64; MAX_ARGUMENTS]) {
        self.unexplained.remove(&goroutine);
        (E::GoStatus, [goroutine, NO_THREAD, status, 0])
    }

    /// The first `GOMAXPROCS` ends what is said of who was there. Goroutines that were there of which nothing else was said could run:
    /// they come in the order in which they were mentioned, where the reference has the luck of a map's order.
    fn end_beginning(&mut self, event: &EventV1, base: u64, output: &mut Output<'_>) {
        self.is_beginning = false;
        let unexplained = core::mem::take(&mut self.unexplained);
        for goroutine in core::mem::take(&mut self.mentioned) {
            if unexplained.contains(&goroutine) {
                output.add(Record {
                    event_type: E::GoStatus,
                    raw_time: self.time(event.time),
                    arguments: [goroutine, NO_THREAD, RUNNABLE, 0],
                    offset: base + event.start as u64,
                    ..Record::EMPTY
                });
            }
        }
    }
}

/// The event happens on behalf of no proc that there is.
fn leave_proc(record: &mut Record, proc: i64) {
    (record.proc, record.thread) = (proc, Record::NONE);
}

fn goroutine_of(goroutine: u64) -> i64 {
    if goroutine == NO_GOROUTINE { Record::NONE } else { goroutine as i64 }
}
