//! A short way to say what happens in a trace.

use go_trace_format::{
    Clock, Dialect, EventType, Frame, Version, WallTime,
    event::ThreadId,
    write::{SyncBatch, Writer},
};

/// A canned trace: what it is called, what Go says to it, and how it is made.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) trace: fn() -> Vec<u8>,
}

/// What Go's reader says to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It reads the trace to its end, or takes a table that is cut between two numbers for the end.
    Accepted,
    /// It stops with an error that has these words in it.
    Rejected(&'static str),
}

pub(crate) fn accepted(name: &'static str, trace: fn() -> Vec<u8>) -> Case {
    Case { name, verdict: Verdict::Accepted, trace }
}

pub(crate) fn rejected(name: &'static str, words: &'static str, trace: fn() -> Vec<u8>) -> Case {
    Case { name, verdict: Verdict::Rejected(words), trace }
}

/// The statuses of goroutines on the wire. Go: `tracev2.GoStatus`.
pub(crate) mod goroutine {
    pub(crate) const RUNNABLE: u64 = 1;
    pub(crate) const RUNNING: u64 = 2;
    pub(crate) const SYSCALL: u64 = 3;
    pub(crate) const WAITING: u64 = 4;
}

/// The statuses of procs on the wire. Go: `tracev2.ProcStatus`.
pub(crate) mod proc {
    pub(crate) const RUNNING: u64 = 1;
    pub(crate) const IDLE: u64 = 2;
    pub(crate) const SYSCALL: u64 = 3;
    pub(crate) const SYSCALL_ABANDONED: u64 = 4;
}

/// No thread, as an argument.
pub(crate) const NONE: u64 = u64::MAX;

/// The wall clock of every script.
pub(crate) const WALL: WallTime = WallTime(1_764_000_000_123_456_789);

/// Generations of events on threads, each event one clock unit after the last unless its time is said.
pub(crate) struct Script {
    version: Version,
    texts: Vec<&'static str>,
    time: u64,
    generations: Vec<(u64, Vec<ScriptEvent>)>,
}

struct ScriptEvent {
    thread: i64,
    time: u64,
    event_type: EventType,
    arguments: Vec<u64>,
}

impl Script {
    /// A script of Go 1.26 that has come to its first generation.
    pub(crate) fn new() -> Self {
        Self::of(Version::Go126)
    }

    pub(crate) fn of(version: Version) -> Self {
        Self { version, texts: Vec::new(), time: 100, generations: vec![(1, Vec::new())] }
    }

    /// Goes on to the next generation.
    pub(crate) fn next_generation(&mut self) {
        let number = self.generations.len() as u64 + 1;
        self.generations.push((number, Vec::new()));
    }

    /// The id of a text, in all generations.
    pub(crate) fn text(&mut self, text: &'static str) -> u64 {
        let known = self.texts.iter().position(|&known| known == text);
        let index = known.unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        });
        index as u64 + 1
    }

    /// Lets an event happen on a thread.
    pub(crate) fn on(&mut self, thread: i64, event_type: EventType, arguments: &[u64]) {
        self.time += 1;
        self.at(self.time, thread, event_type, arguments);
    }

    /// Lets an event happen at a time, which may be before what has happened already.
    pub(crate) fn at(&mut self, time: u64, thread: i64, event_type: EventType, arguments: &[u64]) {
        let arguments = arguments.to_vec();
        let (_, events) = self.generations.last_mut().expect("there is always one");
        events.push(ScriptEvent { thread, time, event_type, arguments });
    }

    /// Has goroutine `g` run with proc `p` on thread `m` since before the generation.
    pub(crate) fn running(&mut self, m: i64, p: u64, g: u64) {
        self.on(m, EventType::ProcStatus, &[p, proc::RUNNING]);
        self.on(m, EventType::GoStatus, &[g, m as u64, goroutine::RUNNING]);
    }

    /// The trace. Every generation has the stack 1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut trace = Writer::new(Vec::new(), self.version, Dialect::Stock).unwrap();
        for (number, events) in &self.generations {
            let begin = events.first().map_or(self.time, |event| event.time);
            let mut sync = SyncBatch::new(Clock::USUAL_FREQUENCY, begin);
            if self.version.has_sync_batch() {
                sync = sync.with_snapshot(begin, begin * 64, WALL);
            }
            let mut generation = trace.generation(*number, sync).unwrap();
            for text in &self.texts {
                generation.string(text.as_bytes()).unwrap();
            }
            generation.stack([Frame::new(0x1000, b"main.main", b"main.go", 7)]).unwrap();
            for ScriptEvent { thread, time, event_type, arguments } in events {
                generation.event(ThreadId(*thread), *time, *event_type, arguments).unwrap();
            }
            generation.finish().unwrap();
        }
        trace.into_inner()
    }
}

/// The trace of a script of Go 1.26 in which `write` says what happens.
pub(crate) fn script(write: impl FnOnce(&mut Script)) -> Vec<u8> {
    let mut script = Script::new();
    write(&mut script);
    script.bytes()
}
