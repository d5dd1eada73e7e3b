//! Traces that no recording has, made event by event.

use go_trace_format::{
    Clock, Dialect, EventType, Frame, Version, WallTime,
    event::ThreadId,
    write::{GenerationWriter, SyncBatch, Writer},
};

/// The wall time at which the trace clock reads 0.
pub(crate) const EPOCH: u64 = 1_790_000_000_000_000_000;
/// Nanoseconds of a unit of the trace clock.
pub(crate) const UNIT: u64 = 64;

/// What goroutines on their threads do, an event per clock unit.
pub(crate) struct Script<'w> {
    generation: GenerationWriter<'w, Vec<u8>>,
    time: u64,
}

/// What happens in a generation.
pub(crate) type Act<'a> = &'a dyn Fn(&mut Script<'_>);

/// A trace of some generations, each with its number and what happens in it.
pub(crate) fn trace(dialect: Dialect, generations: &[(u64, Act<'_>)]) -> Vec<u8> {
    let steady: Vec<_> = generations.iter().map(|&(number, act)| (number, 0, act)).collect();
    trace_by_wall_clock(dialect, &steady)
}

/// The same, where the wall clock of each generation is set forward by so many nanoseconds.
pub(crate) fn trace_by_wall_clock(dialect: Dialect, generations: &[(u64, i64, Act<'_>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Version::Go126, dialect).expect("a version with this dialect");
    for (number, forward, act) in generations {
        let begin = number * 1_000;
        let wall = WallTime(i128::from(EPOCH + begin * UNIT) + i128::from(*forward));
        let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, begin).with_snapshot(begin, begin * UNIT, wall);
        let mut script =
            Script { generation: writer.generation(*number, sync).expect("a generation"), time: begin };
        act(&mut script);
        script.generation.finish().expect("memory takes it all");
    }
    writer.into_inner()
}

/// The wall time of the `index`-th event of a generation, from 1.
pub(crate) fn time(generation: u64, index: u64) -> u64 {
    EPOCH + (generation * 1_000 + index) * UNIT
}

impl Script<'_> {
    pub(crate) fn event(&mut self, thread: i64, event_type: EventType, arguments: &[u64]) {
        self.time += 1;
        self.generation.event(ThreadId(thread), self.time, event_type, arguments).expect("a fitting event");
    }

    /// Sets the clock forward or back by so many units.
    pub(crate) fn set_clock(&mut self, units: i64) {
        self.time = self.time.wrapping_add_signed(units);
    }

    /// A proc and a goroutine of the thread's own number run on it, and the scheduler is heard of.
    pub(crate) fn run(&mut self, thread: i64) {
        let number = thread as u64;
        self.event(thread, EventType::ProcStatus, &[number, 1]);
        self.event(thread, EventType::GoStatus, &[number, number, 2]);
        self.event(thread, EventType::HeapAlloc, &[1 << 20]);
    }

    pub(crate) fn task_begin(&mut self, thread: i64, id: u64, parent: u64, name: &str) {
        let name = self.string(name);
        let frame = Frame::new(0x1000, b"main.main", b"example.com/main.go", 12);
        let stack = self.generation.stack([frame]).expect("a stack");
        self.event(thread, EventType::UserTaskBegin, &[id, parent, name, stack.0]);
    }

    pub(crate) fn task_end(&mut self, thread: i64, id: u64) {
        self.event(thread, EventType::UserTaskEnd, &[id, 0]);
    }

    pub(crate) fn region_begin(&mut self, thread: i64, task: u64, name: &str) {
        let name = self.string(name);
        self.event(thread, EventType::UserRegionBegin, &[task, name, 0]);
    }

    pub(crate) fn region_end(&mut self, thread: i64, task: u64, name: &str) {
        let name = self.string(name);
        self.event(thread, EventType::UserRegionEnd, &[task, name, 0]);
    }

    pub(crate) fn log(&mut self, thread: i64, task: u64, category: &str, message: &str) {
        let (category, message) = (self.string(category), self.string(message));
        self.event(thread, EventType::UserLog, &[task, category, message, 0]);
    }

    /// An operation of the fork begins: the thread, its event, the fold of its trace, its span id and its text.
    pub(crate) fn operation(
        &mut self,
        thread: i64,
        event: EventType,
        wire: (u64, u64),
        text: &(impl AsRef<[u8]> + ?Sized),
    ) {
        let text = self.string(text);
        self.event(thread, event, &[wire.0, wire.1, text, 0]);
    }

    /// A goroutine of the thread creates another one.
    pub(crate) fn create(&mut self, thread: i64, goroutine: u64) {
        self.event(thread, EventType::GoCreate, &[goroutine, 0, 0]);
    }

    /// A goroutine starts to run on a thread whose goroutine has gone.
    pub(crate) fn start(&mut self, thread: i64, goroutine: u64, sequence: u64) {
        self.event(thread, EventType::GoStart, &[goroutine, sequence]);
    }

    /// The goroutine of the thread waits.
    pub(crate) fn block(&mut self, thread: i64, reason: &str) {
        let reason = self.string(reason);
        self.event(thread, EventType::GoBlock, &[reason, 0]);
    }

    /// A stack of one function, such as a goroutine begins with.
    pub(crate) fn entry(&mut self, function: &str) -> u64 {
        self.stack(&[function])
    }

    /// A stack of functions, the innermost first.
    pub(crate) fn stack(&mut self, functions: &[&str]) -> u64 {
        let frames = functions.iter().map(|function| {
            // FNV-1a: no two functions have the same.
            let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            let pc = function.bytes().fold(0x2000, mix);
            Frame::new(pc, function.as_bytes(), b"example.com/main.go", 1)
        });
        self.generation.stack(frames).expect("a stack").0
    }

    pub(crate) fn string(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) -> u64 {
        self.generation.string(text.as_ref()).expect("a short string").0
    }
}
