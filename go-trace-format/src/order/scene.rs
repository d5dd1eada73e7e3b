//! What is known at one moment, to be said at the beginning of a trace that begins there.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::{
    event::Record,
    order::{
        Order, Progress, goroutines, procs,
        ranges::{RangeStart, Ranges},
    },
    spec::EventType,
};

// As on the wire.
pub(crate) const PROC_RUNNING: u64 = procs::RUNNING;
pub(crate) const PROC_SYSCALL: u64 = procs::SYSCALL;
pub(crate) const GOROUTINE_RUNNING: u64 = goroutines::RUNNING;

/// Who runs where at one moment.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) procs: Vec<Standing>,
    pub(crate) goroutines: Vec<Standing>,
    /// The sequence number of the garbage collection that is under way.
    pub(crate) collection: Option<u64>,
}

/// How it stands with a proc or a goroutine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) id: i64,
    /// As on the wire.
    pub(crate) status: u64,
    /// The number of its last event in the generation.
    pub(crate) sequence: u64,
    /// The thread that holds or runs it.
    pub(crate) thread: Option<i64>,
    /// Whether the proc sweeps, or the goroutine assists the garbage collector.
    pub(crate) is_collecting: bool,
}

impl Standing {
    fn new(id: i64, progress: Progress, thread: Option<i64>, is_collecting: bool) -> Self {
        Self { id, status: progress.status(), sequence: progress.sequence(), thread, is_collecting }
    }
}

impl Order {
    /// What is known now of the generation under way, which must be the first: of that, nothing is older.
    pub(crate) fn scene(&self) -> Scene {
        let threads = || (0..self.threads.len()).map(|index| self.at(index));
        let holders = by_id(threads().map(|thread| (thread.proc, thread.id)));
        let runners = by_id(threads().map(|thread| (thread.goroutine, thread.id)));
        let has = |ranges: &Ranges, start| ranges.contains(&RangeStart::of(start));
        let procs = self.procs.iter().map(|(id, proc)| {
            let sweeps = has(&proc.ranges, EventType::GcSweepBegin);
            Standing::new(id, proc.progress, holders.get(&id).copied(), sweeps)
        });
        let goroutines = self.goroutines.iter().map(|(id, goroutine)| {
            let ranges = goroutine.notes.map(|notes| self.notes.ranges(notes));
            let assists = ranges.is_some_and(|ranges| has(ranges, EventType::GcMarkAssistBegin));
            Standing::new(id, goroutine.progress, runners.get(&id).copied(), assists)
        });
        Scene { procs: procs.collect(), goroutines: goroutines.collect(), collection: self.gc.running() }
    }

    /// Whether statuses say nothing for longer than the next event, because the scheduling is left out.
    pub(crate) fn is_unscheduled(&self) -> bool {
        self.unscheduled
    }
}

/// Threads by what they hold or run.
fn by_id(threads: impl Iterator<Item = (i64, i64)>) -> HashMap<i64, i64, RandomState> {
    threads.filter(|&(id, _)| id != Record::NONE).collect()
}
