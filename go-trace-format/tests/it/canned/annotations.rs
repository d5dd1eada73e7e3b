//! What the program says itself: tasks, regions, logs and labels; and metrics and allocations.
//!
//! Go: `ordering.advanceUserTaskBegin` and its neighbours in `internal/trace/order.go`.

use go_trace_format::{EventType as E, Version};

use crate::canned::{
    framing::Raw,
    script::{Case, Script, accepted, proc, rejected, script},
};

/// A script in which goroutine 1 runs with proc 0 on thread 0.
fn running(write: impl FnOnce(&mut Script)) -> Vec<u8> {
    script(|s| {
        s.running(0, 0, 1);
        write(s);
    })
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = tasks();
    cases.extend(regions());
    cases.extend(the_rest());
    cases
}

fn tasks() -> Vec<Case> {
    vec![
        accepted("task with a child", || {
            running(|s| {
                let (parent, child) = (s.text("request"), s.text("query"));
                s.on(0, E::UserTaskBegin, &[1, 0, parent, 1]);
                s.on(0, E::UserTaskBegin, &[2, 1, child, 1]);
                s.on(0, E::UserTaskEnd, &[2, 1]);
                s.on(0, E::UserTaskEnd, &[1, 1]);
            })
        }),
        accepted("task's name is carried over generations", || {
            running(|s| {
                let name = s.text("checkout");
                s.on(0, E::UserTaskBegin, &[1, 0, name, 1]);
                s.next_generation();
                s.running(0, 0, 1);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::UserTaskEnd, &[1, 1]);
            })
        }),
        accepted("task ends that began before the trace", || running(|s| s.on(0, E::UserTaskEnd, &[44, 1]))),
        accepted("task ends on another thread, twice", || {
            script(|s| {
                let name = s.text("twice");
                s.running(0, 0, 1);
                s.running(1, 1, 2);
                s.on(0, E::UserTaskBegin, &[1, 0, name, 1]);
                s.on(1, E::UserTaskEnd, &[1, 1]);
                s.on(0, E::UserTaskEnd, &[1, 1]);
            })
        }),
        accepted("task's id is used again after its end", || {
            running(|s| {
                let (first, second) = (s.text("first"), s.text("second"));
                s.on(0, E::UserTaskBegin, &[1, 0, first, 1]);
                s.on(0, E::UserTaskEnd, &[1, 1]);
                s.on(0, E::UserTaskBegin, &[1, 9, second, 1]);
                s.on(0, E::UserTaskEnd, &[1, 1]);
            })
        }),
        rejected("task begins twice", "task ID conflict", || {
            running(|s| {
                s.on(0, E::UserTaskBegin, &[1, 0, 0, 1]);
                s.on(0, E::UserTaskBegin, &[1, 0, 0, 1]);
            })
        }),
        rejected("task begins without a goroutine", "expected a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::UserTaskBegin, &[1, 0, 0, 1]);
            })
        }),
    ]
}

fn regions() -> Vec<Case> {
    vec![
        accepted("regions nest, across generations", || {
            running(|s| {
                let (outer, inner) = (s.text("outer"), s.text("inner"));
                s.on(0, E::UserRegionBegin, &[0, outer, 1]);
                s.on(0, E::UserRegionBegin, &[3, inner, 1]);
                s.next_generation();
                s.running(0, 0, 1);
                s.on(0, E::UserRegionEnd, &[3, inner, 1]);
                s.on(0, E::UserRegionEnd, &[0, outer, 1]);
            })
        }),
        accepted("region ends that began before the trace", || {
            running(|s| {
                let name = s.text("before");
                s.on(0, E::UserRegionEnd, &[0, name, 1]);
            })
        }),
        accepted("region's name has another id in the next generation", || {
            let mut raw = Raw::new(Version::Go126);
            for (generation, id, event) in [(1, 4, E::UserRegionBegin), (2, 7, E::UserRegionEnd)] {
                raw.sync(generation);
                let region = (event, &[1, 0, u64::from(id), 0][..]);
                raw.batch(
                    generation,
                    0,
                    &[(E::ProcStatus, &[1, 0, 1]), (E::GoStatus, &[1, 1, 0, 2]), region],
                );
                raw.bytes(generation, -1, &[4, 5, id, 1, b'r']);
                raw.end();
            }
            raw.finish()
        }),
        accepted("region stays open when its goroutine ends", || {
            running(|s| {
                let name = s.text("open");
                s.on(0, E::UserRegionBegin, &[0, name, 1]);
                s.on(0, E::GoDestroy, &[]);
                s.on(0, E::GoCreate, &[1, 0, 0]);
                s.on(0, E::GoStart, &[1, 1]);
                s.on(0, E::UserRegionEnd, &[0, name, 1]);
            })
        }),
        rejected("outer region ends first", "misuse of region", || {
            running(|s| {
                let (outer, inner) = (s.text("outer"), s.text("inner"));
                s.on(0, E::UserRegionBegin, &[0, outer, 1]);
                s.on(0, E::UserRegionBegin, &[0, inner, 1]);
                s.on(0, E::UserRegionEnd, &[0, outer, 1]);
            })
        }),
        rejected("region ends in another task", "misuse of region", || {
            running(|s| {
                let name = s.text("name");
                s.on(0, E::UserRegionBegin, &[1, name, 1]);
                s.on(0, E::UserRegionEnd, &[2, name, 1]);
            })
        }),
        rejected("region begins without a goroutine", "expected a goroutine", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::UserRegionBegin, &[0, 0, 0]);
            })
        }),
        rejected("region begins in a goroutine without a status", "without known state", || {
            script(|s| {
                // The goroutine ends on another thread that says to run it too.
                s.running(0, 0, 1);
                s.on(1, E::ProcStatus, &[1, proc::RUNNING]);
                s.on(1, E::GoStatus, &[1, 1, 2]);
                s.on(0, E::GoDestroy, &[]);
                s.on(1, E::UserRegionBegin, &[0, 0, 0]);
            })
        }),
    ]
}

fn the_rest() -> Vec<Case> {
    vec![
        accepted("logs and labels hold any text", || {
            running(|s| {
                let quotes = s.text("say \"hi\"\n\t\\ \u{7f} \0 \u{1f600}");
                let key = s.text("key=value");
                s.on(0, E::UserLog, &[0, key, quotes, 1]);
                s.on(0, E::UserLog, &[7, 0, 0, 0]);
                s.on(0, E::GoLabel, &[quotes]);
            })
        }),
        accepted("metrics need a proc", || {
            script(|s| {
                s.on(0, E::ProcStatus, &[0, proc::RUNNING]);
                s.on(0, E::HeapAlloc, &[u64::MAX]);
                s.on(0, E::HeapGoal, &[4 << 20]);
                s.on(0, E::GoStatus, &[1, 0, 2]);
                s.on(0, E::ProcsChange, &[8, 1]);
            })
        }),
        accepted("allocations are experimental", || {
            running(|s| {
                s.on(0, E::Span, &[1, 2, 3]);
                s.on(0, E::SpanAlloc, &[2, 1, 9]);
                s.on(0, E::HeapObjectAlloc, &[100, 7]);
                s.on(0, E::HeapObject, &[101, 8]);
                s.on(0, E::HeapObjectFree, &[100]);
                s.on(0, E::GoroutineStackAlloc, &[5, 2]);
                s.on(9, E::GoroutineStackFree, &[5]);
                s.on(9, E::GoroutineStack, &[6, 3]);
                s.on(9, E::SpanFree, &[2]);
            })
        }),
        accepted("every version tells the same", || {
            let mut s = Script::of(Version::Go122);
            let name = s.text("task");
            s.running(0, 0, 1);
            s.on(0, E::UserTaskBegin, &[1, 0, name, 1]);
            s.next_generation();
            s.running(0, 0, 1);
            s.on(0, E::UserTaskEnd, &[1, 1]);
            s.bytes()
        }),
        rejected("metric without a proc", "expected a proc", || script(|s| s.on(0, E::HeapGoal, &[1]))),
        rejected("allocation without a thread", "expected a thread", || {
            script(|s| s.on(-1, E::SpanFree, &[1]))
        }),
        rejected("log without a proc", "expected a proc", || {
            script(|s| {
                s.on(0, E::GoStatus, &[1, 0, 2]);
                s.on(0, E::UserLog, &[0, 0, 0, 0]);
            })
        }),
    ]
}
