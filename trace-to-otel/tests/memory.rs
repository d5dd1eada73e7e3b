//! Peak memory, counted by the allocator: what is open costs a small multiple of the bytes that tell of it.

#[allow(dead_code, reason = "only a part of it is needed here")]
#[path = "it/common/mod.rs"]
mod common;

use std::sync::{Mutex, MutexGuard, PoisonError};

use common::script::{Script, trace};
use go_trace_format::{Dialect, Reader};
use peak_alloc::PeakAlloc;
use trace_to_otel::{Mapper, sink};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Taken by each test, so that nothing but what it does is counted.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many tasks are open at a time: so many that what any trace needs is a small part, and a power of two, as
/// are the limits of tables, so that what they have spare is the same as with the most that may be open (2¹⁸).
const TASKS: u64 = 1 << 16;

/// How many bytes of memory an open task may need at the peak, those of the reader counted.
const PER_TASK: usize = 360;
/// The same of tasks all of which are bound to their goroutines, so that it is known what these do meanwhile.
const PER_BOUND_TASK: usize = 500;
/// What is needed for any trace.
const BASE: usize = 1 << 18;

/// How much memory reading and mapping the trace needs at most.
fn peak(trace: &[u8]) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut reader = Reader::from_slice(trace).expect("a header");
    let mut ended = 0_u64;
    let mut count = sink::from_fn(|_| {
        ended += 1;
        Ok::<(), std::convert::Infallible>(())
    });
    let mut mapper = Mapper::new();
    mapper.read(&mut reader, &mut count).expect("slices can be read");
    let peak = ALLOCATOR.peak_usage() - before;
    let Ok(()) = mapper.finish(&mut count);
    assert_eq!(ended, TASKS);
    peak
}

#[track_caller]
fn check(name: &str, most: usize, act: impl Fn(&mut Script<'_>)) {
    let _alone = alone();
    let trace = trace(Dialect::Stock, &[(1, &act)]);
    let peak = peak(&trace);
    let (per_task, per_byte) = (peak / TASKS as usize, peak as f64 / trace.len() as f64);
    let figures = format!("{name}: {peak} bytes, {per_task} a task, {per_byte:.1} a byte of the trace");
    assert!(peak <= most * TASKS as usize + BASE, "{figures}");
}

#[test]
fn tasks_of_one_goroutine() {
    check("one goroutine", PER_TASK, |script| {
        script.run(7);
        (1..=TASKS).for_each(|task| script.task_begin(7, task, 0, "task"));
    });
}

/// As many of each goroutine as are bound to it.
#[test]
fn tasks_of_many_goroutines() {
    const EACH: u64 = 256;
    check("many goroutines", PER_BOUND_TASK, |script| {
        for thread in 1..=(TASKS / EACH) {
            script.run(thread as i64);
            (0..EACH).for_each(|task| script.task_begin(thread as i64, thread * EACH + task, 0, "task"));
        }
    });
}

#[test]
fn tasks_within_tasks() {
    check("within one another", PER_TASK, |script| {
        script.run(7);
        (1..=TASKS).for_each(|task| script.task_begin(7, task, task - 1, "task"));
    });
}

#[test]
fn tasks_far_apart() {
    check("far apart", PER_TASK, |script| {
        script.run(7);
        let ids = (1..=TASKS).map(|task| task.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        ids.for_each(|task| script.task_begin(7, task, 0, "task"));
    });
}
