//! Ranges: stopping the world, sweeping, assisting the collector, and the collector's own sequence.
//!
//! Go: `ordering.advanceGCActive` and `rangeState` in `internal/trace/order.go`.

use go_trace_format::{EventType as E, Version};

use crate::canned::{
    framing::Raw,
    script::{Case, NONE, Script, accepted, goroutine::WAITING, proc, rejected, script},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = stopping_the_world();
    cases.extend(sweeping_and_assisting());
    cases.extend(collecting());
    cases
}

/// A script in which goroutine 1 runs with proc 0 on thread 0.
fn running(write: impl FnOnce(&mut Script)) -> Vec<u8> {
    script(|s| {
        s.running(0, 0, 1);
        write(s);
    })
}

fn stopping_the_world() -> Vec<Case> {
    vec![
        accepted("world stops twice, for different reasons at once", || {
            running(|s| {
                let (sweep, mark) = (s.text("GC sweep termination"), s.text("GC mark termination"));
                s.on(0, E::StwBegin, &[sweep, 1]);
                s.on(0, E::StwBegin, &[mark, 1]);
                s.on(0, E::StwEnd, &[]);
                s.on(0, E::StwEnd, &[]);
            })
        }),
        accepted("world goes on in the next generation", || {
            running(|s| {
                let reason = s.text("start trace");
                s.on(0, E::StwBegin, &[reason, 1]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::StwEnd, &[]);
            })
        }),
        accepted("reason is looked up in the generation in which the world goes on", || {
            let mut raw = Raw::new(Version::Go126);
            for (generation, event, text) in
                [(1, (E::StwBegin, &[1, 9, 0][..]), b'a'), (2, (E::StwEnd, &[1]), b'b')]
            {
                raw.sync(generation);
                raw.batch(generation, 0, &[(E::ProcStatus, &[1, 0, 1]), (E::GoStatus, &[1, 1, 0, 2]), event]);
                raw.bytes(generation, -1, &[4, 5, 9, 1, text]);
                raw.end();
            }
            raw.finish()
        }),
        rejected("world stops for a reason for which it has stopped", "already in-flight", || {
            running(|s| {
                let reason = s.text("GOMAXPROCS");
                s.on(0, E::StwBegin, &[reason, 1]);
                s.on(0, E::StwBegin, &[reason, 1]);
            })
        }),
        rejected("world goes on that had not stopped", "not in-flight", || {
            running(|s| s.on(0, E::StwEnd, &[]))
        }),
        rejected("world stops without a goroutine", "expected a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::StwBegin, &[0, 0]);
            })
        }),
    ]
}

fn sweeping_and_assisting() -> Vec<Case> {
    vec![
        accepted("proc sweeps without a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::GcSweepBegin, &[1]);
                s.on(0, E::GcSweepEnd, &[8192, 4096]);
            })
        }),
        accepted("proc was sweeping when the trace began", || {
            running(|s| {
                s.on(0, E::GcSweepActive, &[0]);
                s.on(0, E::GcSweepEnd, &[8192, 4096]);
            })
        }),
        accepted("proc sweeps into the next generation", || {
            running(|s| {
                s.on(0, E::GcSweepBegin, &[1]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::GcSweepActive, &[0]);
                s.on(0, E::GcSweepEnd, &[0, 0]);
            })
        }),
        rejected("proc that sweeps begins to sweep", "already in-flight", || {
            running(|s| {
                s.on(0, E::GcSweepBegin, &[1]);
                s.on(0, E::GcSweepBegin, &[1]);
            })
        }),
        rejected("proc that does not sweep has swept", "not in-flight", || {
            running(|s| s.on(0, E::GcSweepEnd, &[0, 0]))
        }),
        rejected("proc was sweeping twice when the trace began", "already in first gen", || {
            running(|s| {
                s.on(0, E::GcSweepActive, &[0]);
                s.on(0, E::GcSweepActive, &[0]);
            })
        }),
        rejected("proc sweeps in a later generation without having begun", "missing active range", || {
            running(|s| {
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::GcSweepActive, &[0]);
            })
        }),
        rejected("proc that does not exist sweeps", "unknown proc", || {
            running(|s| s.on(0, E::GcSweepActive, &[3]))
        }),
        rejected("sweep on a thread without a proc", "expected a proc", || {
            script(|s| s.on(0, E::GcSweepBegin, &[0]))
        }),
        accepted("goroutine assists across generations and threads", || {
            running(|s| {
                s.on(0, E::GcMarkAssistBegin, &[1]);
                s.on(0, E::GoStop, &[0, 0]);
                s.next_generation();
                s.on(1, E::ProcStatus, &[1, proc::RUNNING]);
                s.on(1, E::GoStatus, &[1, NONE, 1]);
                s.on(1, E::GcMarkAssistActive, &[1]);
                s.on(1, E::GoStart, &[1, 1]);
                s.on(1, E::GcMarkAssistEnd, &[]);
            })
        }),
        accepted("goroutine that waits was assisting when the trace began", || {
            script(|s| {
                s.on(0, E::GoStatus, &[4, NONE, WAITING]);
                s.on(0, E::GcMarkAssistActive, &[4]);
            })
        }),
        rejected("goroutine that does not exist was assisting", "uninitialized goroutine", || {
            running(|s| s.on(0, E::GcMarkAssistActive, &[9]))
        }),
        rejected("goroutine that does not assist has assisted", "not in-flight", || {
            running(|s| s.on(0, E::GcMarkAssistEnd, &[]))
        }),
    ]
}

fn collecting() -> Vec<Case> {
    vec![
        accepted("collections follow each other across threads", || {
            script(|s| {
                s.running(0, 0, 1);
                s.running(1, 1, 2);
                s.on(0, E::GcBegin, &[10, 1]);
                s.on(1, E::GcEnd, &[11]);
                s.on(1, E::GcBegin, &[12, 0]);
                s.on(0, E::GcEnd, &[13]);
            })
        }),
        accepted("collection's sequence wins over times", || {
            script(|s| {
                s.at(100, 0, E::ProcStatus, &[0, proc::RUNNING]);
                s.at(101, 0, E::GoStatus, &[1, 0, 2]);
                s.at(100, 1, E::ProcStatus, &[1, proc::RUNNING]);
                s.at(101, 1, E::GoStatus, &[2, 1, 2]);
                s.at(110, 0, E::GcBegin, &[5, 0]);
                s.at(130, 0, E::GcEnd, &[6]);
                s.at(120, 1, E::GcBegin, &[7, 0]);
            })
        }),
        accepted("collection was under way when the trace began", || {
            running(|s| {
                s.on(0, E::GcActive, &[7]);
                s.on(0, E::GcEnd, &[8]);
            })
        }),
        accepted("collection goes through generations", || {
            running(|s| {
                s.on(0, E::GcBegin, &[1, 1]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::GcActive, &[2]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::GcActive, &[3]);
                s.on(0, E::GcEnd, &[4]);
            })
        }),
        accepted("first collection needs no goroutine", || script(|s| s.on(0, E::GcBegin, &[1, 0]))),
        rejected("later collection needs a goroutine", "expected a proc", || {
            script(|s| {
                s.running(0, 0, 1);
                s.on(0, E::GcBegin, &[1, 0]);
                s.on(0, E::GcEnd, &[2]);
                s.on(9, E::GcBegin, &[3, 0]);
            })
        }),
        rejected("collection under way is not the first to be said", "isn't first GC event", || {
            running(|s| {
                s.on(0, E::GcBegin, &[1, 0]);
                s.on(0, E::GcActive, &[2]);
            })
        }),
        rejected("collection begins within a collection", "already in progress", || {
            running(|s| {
                s.on(0, E::GcBegin, &[1, 0]);
                s.on(0, E::GcBegin, &[2, 0]);
            })
        }),
        rejected("collection ends that nobody knows of", "undetermined state", || {
            running(|s| s.on(0, E::GcEnd, &[1]))
        }),
        rejected("collection ends twice", "not in progress", || {
            running(|s| {
                s.on(0, E::GcBegin, &[1, 0]);
                s.on(0, E::GcEnd, &[2]);
                s.on(0, E::GcEnd, &[3]);
            })
        }),
        rejected("collection skips a sequence number", "failed to advance", || {
            running(|s| {
                s.on(0, E::GcBegin, &[1, 0]);
                s.on(0, E::GcEnd, &[3]);
            })
        }),
        rejected("collection was over in a later generation", "not in progress", || {
            running(|s| {
                s.on(0, E::GcBegin, &[1, 0]);
                s.on(0, E::GcEnd, &[2]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::GcActive, &[3]);
            })
        }),
    ]
}
