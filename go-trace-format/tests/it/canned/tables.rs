//! Strings, stacks and CPU samples.
//!
//! Go: `internal/trace.addStrings`, `addStacks`, `addCPUSamples` and `validateTableIDs`.

use go_trace_format::{
    Clock, Dialect, EventType as E, Frame, Version,
    event::{GoroutineId, ProcId, StackId, ThreadId},
    write::{RawRecord, SyncBatch, Writer},
};

use crate::canned::{
    framing::Raw,
    script::{Case, accepted, proc, rejected},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = strings();
    cases.extend(stacks());
    cases.extend(samples());
    cases
}

/// A generation of goroutine 1 logging, and then these batches.
fn with(message: u64, stack: u64, tables: &[&[u8]]) -> Vec<u8> {
    let mut raw = Raw::new(Version::Go126);
    raw.sync(1);
    raw.batch(
        1,
        0,
        &[
            (E::ProcStatus, &[1, 0, proc::RUNNING]),
            (E::GoStatus, &[1, 1, 0, 2]),
            (E::UserLog, &[1, 0, 0, message, stack]),
            (E::HeapAlloc, &[1, 4096]),
        ],
    );
    for table in tables {
        raw.bytes(1, -1, table);
    }
    raw.end();
    raw.finish()
}

fn strings() -> Vec<Case> {
    vec![
        accepted("strings in two batches, with gaps between the ids", || {
            with(300, 0, &[&[4, 5, 1, 1, b'a'], &[4, 5, 0xac, 2, 2, b'b', b'c']])
        }),
        accepted("string with an id of 64 bits", || {
            let mut table = vec![4, 5];
            table.extend([0xff; 9]);
            table.extend([1, 1, b'x']);
            with(u64::MAX, 0, &[&table])
        }),
        accepted(
            "task whose name has an id of 64 bits, beside one that began in an earlier generation",
            || {
                const HIGH: u64 = 1 << 63;
                let mut high = vec![4, 5];
                high.extend([0x80; 9]);
                high.extend([1, 1, b'h']);
                let mut raw = Raw::new(Version::Go126);
                let running: [(E, &[u64]); 2] =
                    [(E::ProcStatus, &[1, 0, proc::RUNNING]), (E::GoStatus, &[1, 1, 0, 2])];
                raw.sync(1);
                raw.batch(1, 0, &[running[0], running[1], (E::UserTaskBegin, &[1, 7, 0, 1, 0])]);
                raw.bytes(1, -1, &[4, 5, 1, 1, b'o']);
                raw.end();
                raw.sync(2);
                let ends: [(E, &[u64]); 3] = [
                    (E::UserTaskBegin, &[1, 8, 0, HIGH, 0]),
                    (E::UserTaskEnd, &[1, 8, 0]),
                    (E::UserTaskEnd, &[1, 7, 0]),
                ];
                raw.batch(2, 0, &[running[0], running[1], ends[0], ends[1], ends[2]]);
                raw.bytes(2, -1, &high);
                raw.end();
                raw.finish()
            },
        ),
        accepted("string as long as may be", || {
            let mut table = vec![4, 5, 1, 0x80, 8];
            table.extend([b'x'; 1024]);
            with(1, 0, &[&table])
        }),
        rejected("string too long", "invalid string size", || {
            let mut table = vec![4, 5, 1, 0x81, 8];
            table.extend([b'x'; 1025]);
            with(1, 0, &[&table])
        }),
        rejected("string id 0", "", || with(0, 0, &[&[4, 5, 0, 1, b'a']])),
        rejected("string id twice", "", || with(0, 0, &[&[4, 5, 1, 1, b'a', 5, 1, 1, b'a']])),
        accepted("string is cut before its id", || with(0, 0, &[&[4, 5]])),
        accepted("string is cut before its length", || with(0, 0, &[&[4, 5, 1]])),
        rejected("string is cut inside its length", "", || with(0, 0, &[&[4, 5, 1, 0x80]])),
        rejected("string is cut", "", || with(0, 0, &[&[4, 5, 1, 3, b'a']])),
        rejected("stack among the strings", "expected string event", || with(0, 0, &[&[4, 3, 1, 0]])),
        rejected("string id of more than 64 bits", "", || {
            with(0, 0, &[&[4, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0]])
        }),
        rejected("event names a string that does not exist", "", || with(7, 0, &[])),
    ]
}

fn stacks() -> Vec<Case> {
    const NAMES: &[u8] = &[4, 5, 1, 1, b'f', 5, 2, 1, b'g'];
    vec![
        accepted("stacks of no, one and two frames", || {
            with(0, 3, &[NAMES, &[2, 3, 1, 0, 3, 2, 1, 10, 1, 2, 5, 3, 3, 2, 10, 1, 2, 5, 11, 2, 1, 0]])
        }),
        accepted("first frame of a program counter wins", || {
            with(0, 2, &[NAMES, &[2, 3, 1, 1, 10, 1, 2, 5, 3, 2, 1, 10, 2, 1, 6]])
        }),
        accepted("stack as deep as may be", || {
            let mut table = vec![2, 3, 1, 0x80, 1];
            table.extend(
                (0..128).flat_map(|pc| if pc < 127 { vec![pc, 1, 2, pc] } else { vec![pc, 2, 1, 0] }),
            );
            with(0, 1, &[NAMES, &table])
        }),
        rejected("stack too deep", "invalid stack size", || {
            let mut table = vec![2, 3, 1, 0x81, 1];
            table.extend([1; 4 * 129]);
            with(0, 1, &[NAMES, &table])
        }),
        rejected("stack id 0", "", || with(0, 0, &[NAMES, &[2, 3, 0, 0]])),
        rejected("stack id twice", "", || with(0, 0, &[NAMES, &[2, 3, 1, 0, 3, 1, 0]])),
        accepted("stack is cut before its id", || with(0, 0, &[NAMES, &[2, 3]])),
        accepted("stack is cut before its length", || with(0, 0, &[NAMES, &[2, 3, 1]])),
        rejected("stack is cut inside its id", "", || with(0, 0, &[NAMES, &[2, 3, 0x80]])),
        rejected("stack is cut", "", || with(0, 0, &[NAMES, &[2, 3, 1, 1, 10, 1]])),
        rejected("string among the stacks", "expected stack event", || with(0, 0, &[NAMES, &[2, 5, 1, 0]])),
        rejected("frame names a function that does not exist", "invalid func string", || {
            with(0, 0, &[NAMES, &[2, 3, 1, 1, 10, 9, 2, 5]])
        }),
        rejected("frame names a file that does not exist", "invalid file string", || {
            with(0, 0, &[NAMES, &[2, 3, 1, 1, 10, 1, 9, 5]])
        }),
        rejected("event names a stack that does not exist", "", || with(0, 7, &[])),
    ]
}

fn samples() -> Vec<Case> {
    vec![
        accepted("CPU samples with and without a proc and a goroutine", || {
            let mut trace = Writer::new(Vec::new(), Version::Go122, Dialect::Stock).unwrap();
            let mut generation = trace.generation(1, SyncBatch::new(Clock::USUAL_FREQUENCY, 100)).unwrap();
            let stack = generation.stack([Frame::new(1, b"main.burn", b"burn.go", 3)]).unwrap();
            let thread = ThreadId(4);
            generation.event(thread, 100, E::ProcStatus, &[0, proc::RUNNING]).unwrap();
            generation.event(thread, 200, E::HeapAlloc, &[1]).unwrap();
            generation.event(thread, 400, E::HeapAlloc, &[2]).unwrap();
            let (proc, goroutine) = (Some(ProcId(0)), Some(GoroutineId(9)));
            generation.cpu_sample(300, thread, proc, goroutine, stack).unwrap();
            generation.cpu_sample(50, thread, None, None, stack).unwrap();
            generation.cpu_sample(500, ThreadId(-1), proc, None, StackId(0)).unwrap();
            generation.finish().unwrap();
            trace.into_inner()
        }),
        accepted("CPU samples and nothing else", || {
            let mut raw = Raw::new(Version::Go126);
            raw.sync(1);
            raw.batch(1, -1, &[(E::CpuSamples, &[]), (E::CpuSample, &[200, 4, 0, 9, 0])]);
            raw.end();
            raw.finish()
        }),
        rejected("event among the CPU samples", "", || {
            let mut raw = Raw::new(Version::Go126);
            raw.sync(1);
            raw.batch(1, -1, &[(E::CpuSamples, &[]), (E::HeapAlloc, &[1, 1])]);
            raw.end();
            raw.finish()
        }),
        accepted("CPU sample is cut", || {
            let mut raw = Raw::new(Version::Go126);
            raw.sync(1);
            raw.bytes(1, -1, &[E::CpuSamples as u8, E::CpuSample as u8, 1, 2]);
            raw.end();
            raw.finish()
        }),
        accepted("tables before the events", || {
            let mut raw = Raw::new(Version::Go126);
            raw.bytes(1, -1, &[4, 5, 1, 1, b'a']);
            raw.sync(1);
            raw.batch(
                1,
                0,
                &[(E::ProcStatus, &[1, 0, 1]), (E::GoStatus, &[1, 1, 0, 2]), (E::GoLabel, &[1, 1])],
            );
            raw.end();
            raw.finish()
        }),
        accepted("tables opened and nothing in them", || {
            let mut raw = Raw::new(Version::Go126);
            raw.sync(1);
            for opening in [E::Strings, E::Stacks, E::CpuSamples] {
                raw.trace
                    .record(&RawRecord::Plain {
                        event_type: E::EventBatch,
                        arguments: &[1, u64::MAX, 100, 1],
                    })
                    .unwrap();
                raw.trace.record(&RawRecord::Plain { event_type: opening, arguments: &[] }).unwrap();
            }
            raw.end();
            raw.finish()
        }),
    ]
}
