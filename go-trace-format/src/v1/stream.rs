//! The events of one proc, one after the other. Go: `tracev1.parser.loadBatch` and `parseEvent`.

use crate::{
    order::slots::NO_SLOT,
    tables::Place,
    v1::{
        raw::{RawRecord, read},
        spec::Kind,
        trace::{Exit, ProcBatches, TraceV1},
    },
};

/// The most arguments of its own that an event has, its stack not counted.
const OWN_ARGUMENTS: usize = 3;

/// The goroutine of what no goroutine does.
pub(super) const NO_GOROUTINE: u64 = 0;

/// An event of a proc.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventV1 {
    pub(super) kind: Kind,
    /// Where it stands in the order of all events: its time, or up to Go 1.6 its number.
    pub(super) key: i64,
    /// In ticks.
    pub(super) time: i64,
    /// The goroutine that it happened on.
    pub(super) goroutine: u64,
    pub(super) arguments: [u64; OWN_ARGUMENTS],
    pub(super) stack: u32,
    /// A log's message.
    pub(super) text: Place,
    /// Where it begins in the generation's bytes.
    pub(super) start: usize,
}

impl EventV1 {
    const NONE: Self = Self {
        kind: Kind::Batch,
        key: 0,
        time: 0,
        goroutine: NO_GOROUTINE,
        arguments: [0; OWN_ARGUMENTS],
        stack: 0,
        text: Place::NONE,
        start: 0,
    };

    pub(super) fn of_exit(exit: &Exit) -> Self {
        let Exit { key, time, goroutine, start, .. } = *exit;
        Self { kind: Kind::GoSysExit, key, time, goroutine, start, ..Self::NONE }
    }
}

/// A proc: its events, and what is known of it as they happen.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) proc: i32,
    /// Its next event.
    pub(super) head: EventV1,
    cursor: Cursor,
    /// Whether its next event waits for one of another proc, and how many have.
    pub(super) is_waiting: bool,
    pub(super) waits: u64,
    pub(super) state: ProcV1,
}

/// What the events so far tell of a proc.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ProcV1 {
    pub(super) thread: Option<i64>,
    /// Whether it was mentioned.
    pub(super) is_known: bool,
    pub(super) is_running: bool,
    pub(super) is_sweeping: bool,
    pub(super) goroutine: u64,
}

/// A place in a proc's batches.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    batch: u32,
    position: usize,
    end: usize,
    sequence: i64,
    time: i64,
    goroutine: u64,
    /// Where that goroutine was found last.
    slot: u32,
}

impl Stream {
    pub(super) fn new(batches: &ProcBatches, trace: &TraceV1) -> Self {
        let first = trace.batches[batches.first as usize];
        let cursor = Cursor {
            batch: batches.first,
            position: first.start,
            end: first.end,
            sequence: 0,
            time: 0,
            goroutine: NO_GOROUTINE,
            slot: NO_SLOT,
        };
        let state = ProcV1::default();
        Self { proc: batches.proc, head: EventV1::NONE, cursor, is_waiting: false, waits: 0, state }
    }

    /// Goes on to the next event; `false` at the end.
    #[inline]
    pub(super) fn advance(&mut self, trace: &TraceV1, bytes: &[u8]) -> bool {
        self.cursor.next(trace, bytes, &mut self.head)
    }

    /// Where the goroutine that it runs was found last.
    pub(super) fn slot(&mut self) -> &mut u32 {
        &mut self.cursor.slot
    }

    /// When the system call that its goroutine has just begun blocks; `None` where it does not.
    ///
    /// The goroutine's next event says so. It stands in the same proc's stream, since no other one can run the goroutine before.
    pub(super) fn blocks_at(&self, goroutine: u64, trace: &TraceV1, bytes: &[u8]) -> Option<i64> {
        let (mut cursor, mut next) = (self.cursor, EventV1::NONE);
        while cursor.next(trace, bytes, &mut next) {
            if next.goroutine == goroutine {
                return (next.kind == Kind::GoSysBlock).then_some(next.time);
            }
            if cursor.goroutine != goroutine {
                return None;
            }
        }
        None
    }
}

impl Cursor {
    #[inline(always)]
    fn next(&mut self, trace: &TraceV1, bytes: &[u8], event: &mut EventV1) -> bool {
        loop {
            while self.position >= self.end {
                let Some(next) = trace.batches[self.batch as usize].next() else { return false };
                let batch = &trace.batches[next as usize];
                (self.batch, self.position, self.end) = (next, batch.start, batch.end);
            }
            let start = self.position;
            // The first reading has checked it.
            let Ok(record) = read(bytes, start, &trace.layout) else {
                self.position = self.end;
                continue;
            };
            self.position = record.end;
            if record.kind == Kind::Batch {
                self.sequence = record.arguments[1] as i64;
                self.time = record.arguments[trace.layout.leading] as i64;
            } else if record.kind.is_timed() && record.kind != Kind::CpuSample {
                self.describe(&record, start, trace, event);
                return true;
            }
        }
    }

    #[inline(always)]
    fn describe(&mut self, record: &RawRecord, start: usize, trace: &TraceV1, event: &mut EventV1) {
        use Kind as K;
        let (kind, layout) = (record.kind, &trace.layout);
        let leading = layout.leading;
        self.sequence = self.sequence.wrapping_add(record.arguments[0] as i64);
        self.time = self.time.wrapping_add(record.arguments[leading - 1] as i64);
        event.kind = kind;
        event.time = self.time;
        event.key = if leading == 1 { self.time } else { self.sequence };
        event.start = start;
        event.text = record.place;
        event.goroutine = self.goroutine;
        let last = layout.arguments(kind) - 1;
        event.stack = if kind.has_stack() { record.arguments[last] as u32 } else { 0 };
        let own = last + usize::from(!kind.has_stack()) - leading;
        for (i, argument) in event.arguments.iter_mut().enumerate() {
            *argument = if i < own { record.arguments[leading + i] } else { 0 };
        }
        match kind {
            K::GoStart | K::GoStartLocal | K::GoStartLabel => {
                self.goroutine = event.arguments[0];
                event.goroutine = self.goroutine;
            }
            K::GoSysBlock | K::GoEnd => self.goroutine = NO_GOROUTINE,
            K::GoSysExit | K::GoWaiting | K::GoInSyscall => event.goroutine = event.arguments[0],
            _ if kind.stops_goroutine() => self.goroutine = NO_GOROUTINE,
            _ => {}
        }
    }
}
