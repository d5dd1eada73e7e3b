//! Traces that no recording has.

use go_trace_format::{
    Clock, Dialect, EventType, Frame, Version, WallTime,
    event::ThreadId,
    write::{GenerationWriter, SyncBatch, Writer},
};

/// The wall time at which the trace clock reads 0.
const EPOCH: u64 = 1_790_000_000_000_000_000;

/// Nanoseconds of a unit of the trace clock.
const UNIT: u64 = 64;

/// How many units a generation lasts at most.
const LENGTH: u64 = 1_000_000;

/// What one thread does, and the goroutine on it.
pub(crate) struct Script<'w> {
    generation: GenerationWriter<'w, Vec<u8>>,
    thread: i64,
    time: u64,
}

/// A trace of a process of one thread, `start` units after the clock's beginning: the generations of these numbers, with
/// what happens in each.
pub(crate) fn trace(
    thread: i64,
    start: u64,
    numbers: impl IntoIterator<Item = u64>,
    act: impl Fn(u64, &mut Script<'_>),
) -> Vec<u8> {
    trace_by_wall_clock(thread, start, 0, numbers, act)
}

/// The same, where the wall clock has been set forward by so many nanoseconds.
pub(crate) fn trace_by_wall_clock(
    thread: i64,
    start: u64,
    forward: i64,
    numbers: impl IntoIterator<Item = u64>,
    act: impl Fn(u64, &mut Script<'_>),
) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).unwrap();
    for number in numbers {
        let begin = start + number * LENGTH;
        let wall = WallTime(i128::from(EPOCH + begin * UNIT) + i128::from(forward));
        let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, begin).with_snapshot(begin, begin * UNIT, wall);
        let generation = writer.generation(number, sync).unwrap();
        let mut script = Script { generation, thread, time: begin };
        script.event(EventType::ProcStatus, &[1, 1]);
        script.event(EventType::GoStatus, &[1, thread.unsigned_abs(), 2]);
        act(number, &mut script);
        script.generation.finish().unwrap();
    }
    writer.into_inner()
}

impl Script<'_> {
    fn event(&mut self, event_type: EventType, arguments: &[u64]) {
        self.time += 1;
        self.generation.event(ThreadId(self.thread), self.time, event_type, arguments).unwrap();
    }

    pub(crate) fn begin(&mut self, task: u64, name: &str) {
        let name = self.generation.string(name.as_bytes()).unwrap().0;
        let stack = self.generation.stack([Frame::new(1, b"main.main", b"main.go", 1)]).unwrap();
        self.event(EventType::UserTaskBegin, &[task, 0, name, stack.0]);
    }

    pub(crate) fn end(&mut self, task: u64) {
        self.event(EventType::UserTaskEnd, &[task, 0]);
    }
}
