//! Which columns there are.

use super::{Column, ColumnKind, Table};

impl Table {
    /// All tables.
    pub const ALL: [Self; 5] = [Self::Spans, Self::Events, Self::Stacks, Self::Goroutines, Self::Gc];

    /// Its name, as files are called by it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Events => "events",
            Self::Stacks => "stacks",
            Self::Goroutines => "goroutines",
            Self::Gc => "gc",
        }
    }

    /// Its columns, in the order of a row's cells.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        match self {
            Self::Spans => &SPANS,
            Self::Events => &EVENTS,
            Self::Stacks => &STACKS,
            Self::Goroutines => &GOROUTINES,
            Self::Gc => &GC,
        }
    }

    /// The place of the column of this name.
    #[must_use]
    pub fn column(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }
}

/// A column that is never empty.
const fn full(name: &'static str, kind: ColumnKind, about: &'static str) -> Column {
    Column { name, kind, is_nullable: false, about }
}

/// A column whose cells may be empty.
const fn maybe(name: &'static str, kind: ColumnKind, about: &'static str) -> Column {
    Column { name, kind, is_nullable: true, about }
}

use ColumnKind::{Duration, Integer, Text, Time};

const FILE: Column = full("file", Text, "the file in which it ended");

const PROCESS: Column = full(
    "process",
    Integer,
    "the process, in the order in which they begin, from 1: numbers of goroutines and procs are of one process",
);

pub(super) const SPANS: [Column; 26] = [
    FILE,
    PROCESS,
    full("trace_id", Text, "32 hexadecimal digits"),
    full("span_id", Text, "16 hexadecimal digits"),
    maybe("parent_id", Text, "the span_id of the span that it is part of"),
    full("name", Text, "its name, sanitized"),
    full("kind", Text, "internal, server, client, producer or consumer"),
    full("scope", Text, "what it stands for, such as gotrace.http"),
    full("status", Text, "unset, ok or error"),
    full("start", Time, "when it began"),
    full("duration", Duration, "how long it took"),
    maybe("goroutine", Integer, "the goroutine that it began on"),
    maybe("function", Text, "the function that it began in"),
    maybe(
        "running",
        Duration,
        "how long its goroutine ran meanwhile; of a span that is not bound to one goroutine, this and the parts below are empty",
    ),
    maybe("runnable", Duration, "could have run, and waited for a processor"),
    maybe("syscall", Duration, "was in a system call"),
    maybe("gc_assist", Duration, "helped the garbage collector; contained in the others"),
    maybe("waiting_network", Duration, "waited for the network, or another file that the runtime polls"),
    maybe("waiting_sync", Duration, "waited for a mutex, a wait group or the like"),
    maybe("waiting_channel", Duration, "waited for a channel"),
    maybe("waiting_select", Duration, "waited for one of several channels"),
    maybe("waiting_sleep", Duration, "slept"),
    maybe("waiting_gc", Duration, "waited for the garbage collector"),
    maybe("waiting_other", Duration, "waited for something else"),
    full("incomplete", Text, "which ends were not recorded: start, end, both, or nothing"),
    full("attributes", Text, "all its attributes, as a JSON object"),
];

pub(super) const EVENTS: [Column; 12] = [
    FILE,
    PROCESS,
    full("goroutine", Integer, "the goroutine"),
    maybe("function", Text, "the function that it began with, as far as the trace had told by then"),
    full("state", Text, "running, runnable, syscall or waiting"),
    maybe("reason", Text, "why it came to be so, in the runtime's words, such as chan receive"),
    full("start", Time, "since when"),
    full("duration", Duration, "how long"),
    maybe("proc", Integer, "the proc that it ran on"),
    maybe("thread", Integer, "the thread that it ran on, or was in a system call on"),
    maybe("place", Text, "where in the source it went over to it: function file:line"),
    maybe("stack", Text, "the stack with which it went over to it, in stacks"),
];

pub(super) const STACKS: [Column; 5] = [
    full("stack", Text, "16 hexadecimal digits, the same for equal stacks of whatever process and file"),
    full("depth", Integer, "0 for the innermost place, and counted up"),
    full("function", Text, "the function"),
    full("source", Text, "the source file"),
    full("line", Integer, "the line in it; 0 where it is not known"),
];

pub(super) const GOROUTINES: [Column; 11] = [
    FILE,
    PROCESS,
    full("goroutine", Integer, "the goroutine; a process that is recorded anew may give numbers again"),
    maybe("function", Text, "the function that it began with"),
    full("start", Time, "since when something is known of it"),
    full("end", Time, "up to when: its end, or that of the recording"),
    full("running", Duration, "how long it ran"),
    full("runnable", Duration, "how long it could have run, and waited for a processor"),
    full("syscall", Duration, "how long it was in system calls"),
    full("waiting", Duration, "how long it waited"),
    full("stretches", Integer, "how many rows it has in events"),
];

pub(super) const GC: [Column; 9] = [
    FILE,
    PROCESS,
    full("name", Text, "what it was, such as GC concurrent mark phase"),
    full("start", Time, "when it began"),
    full("duration", Duration, "how long it took"),
    maybe("of", Text, "what it was of: global, proc, goroutine or thread"),
    maybe("goroutine", Integer, "the goroutine that it was on"),
    maybe("proc", Integer, "the proc that it was on"),
    full("incomplete", Text, "which ends were not recorded: start, end, both, or nothing"),
];
