//! Peak memory, counted by the allocator: a small multiple of the largest generation's bytes, whatever they say.

#[allow(dead_code, reason = "only a part of it is needed here")]
#[path = "../it/support/mod.rs"]
mod support;

mod build;

use std::sync::{Mutex, MutexGuard, PoisonError};

use go_trace_format::{
    Clock, Dialect, Error, EventType, Mode, Reader, ReaderOptions, Selection, Version, WallTime,
    event::ThreadId,
    wire::{BatchKind, Batches},
    write::{SyncBatch, Writer},
};
use peak_alloc::PeakAlloc;

use build::{
    Builder, CPU_SAMPLE, CPU_SAMPLES, GO_LABEL, GO_STATUS, HEAP_ALLOC, PROC_STATUS, STACK, STACKS, STRING,
    STRINGS, STW_BEGIN, USER_REGION_BEGIN, USER_TASK_BEGIN,
};
use support::Pieces;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Taken by each test, so that nothing but what it does is counted.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many bytes of memory a byte of a generation may cost at worst: where each event is of a thread of its own.
const FACTOR: usize = 40;
/// The same for what programs record.
const USUAL_FACTOR: usize = 6;
/// What is needed for any trace: the buffer that is read into.
const BASE: usize = 1 << 20;

/// How much memory reading the trace needs at most.
fn peak<O>(options: ReaderOptions<O>, trace: &[u8], in_pieces: bool) -> usize {
    peak_of(|| if in_pieces { options.read(Pieces::new(trace)) } else { options.read_slice(trace) })
}

/// The same of a reader that is made so.
fn peak_of<'a, O>(open: impl FnOnce() -> Result<Reader<'a, O>, Error>) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut reader = open().expect("a header");
    while let Ok(Some(_)) = reader.next_event() {}
    ALLOCATOR.peak_usage() - before
}

/// The bytes of the largest generation.
fn largest_generation(trace: &[u8]) -> usize {
    let batches = Batches::new(trace).expect("a header");
    let (version, dialect) = (batches.version(), batches.dialect());
    let mut sizes = std::collections::HashMap::new();
    for batch in batches.map_while(Result::ok) {
        assert_ne!(batch.kind(version, dialect), BatchKind::EndOfGeneration);
        let header = (batch.data_offset - batch.offset) as usize;
        *sizes.entry(batch.generation).or_insert(0) += header + batch.data.len();
    }
    sizes.into_values().max().expect("a batch")
}

#[track_caller]
fn check(name: &str, trace: &[u8], factor: usize) {
    for mode in [Mode::Strict, Mode::Salvage] {
        check_with(ReaderOptions::new().mode(mode), &format!("{name}, {mode:?}"), trace, factor);
    }
}

#[track_caller]
fn check_with<O: Copy>(options: ReaderOptions<O>, name: &str, trace: &[u8], factor: usize) {
    let largest = largest_generation(trace);
    for in_pieces in [false, true] {
        let peak = peak(options, trace, in_pieces);
        assert!(
            peak <= factor * largest + BASE,
            "{name}: {peak} bytes for a generation of {largest}: {:.1} times",
            peak as f64 / largest as f64
        );
    }
}

#[test]
fn recordings() {
    let _alone = alone();
    for recording in support::testdata() {
        check(&recording.name(), &recording.bytes, USUAL_FACTOR);
    }
    for recording in support::beside_repository("stock").into_iter().flatten() {
        if Batches::new(&recording.bytes).is_ok() {
            check(&recording.name(), &recording.bytes, USUAL_FACTOR);
        }
    }
}

/// Two generations more than a reader has that reads no more than it must: the next one, and where it was copied from.
#[test]
fn reading_ahead() {
    let _alone = alone();
    let mut trace = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("memory");
    for number in 1..=6 {
        let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, number << 32);
        let sync = sync.with_snapshot(number << 32, number << 32, WallTime(1));
        let mut generation = trace.generation(number, sync).expect("memory");
        for event in 0..500_000 {
            let (time, thread) = ((number << 32) + event, ThreadId(1));
            generation.event(thread, time, EventType::HeapAlloc, &[event << 32]).expect("an event");
        }
        generation.finish().expect("memory");
    }
    let trace = trace.into_inner();
    let (largest, here) = (trace.len() / 6, peak(ReaderOptions::new(), &trace, true));
    assert!(largest > 2 * BASE, "{largest} bytes");
    let source = Pieces::new(trace);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let mut reader = ReaderOptions::new().read_ahead(source).expect("a header");
    let mut events = 0;
    while let Some(ready) = reader.next_events().expect("a sound trace") {
        events += ready.len();
    }
    assert_eq!(events, 6 * 500_000 + 7);
    let ahead = ALLOCATOR.peak_usage() - before;
    assert!(
        ahead <= here + 2 * largest + BASE,
        "{ahead} bytes, {here} otherwise, for a generation of {largest}"
    );
}

/// All of such a trace is one generation: there is nothing to be read ahead.
#[test]
fn reading_ahead_of_format_v1() {
    let _alone = alone();
    let recordings = support::v1_testdata();
    let largest = recordings.iter().max_by_key(|recording| recording.bytes.len()).expect("a recording");
    let source = Pieces::new(largest.bytes.clone());
    let (options, size) = (ReaderOptions::new(), largest.bytes.len());
    let here = peak(options, &largest.bytes, true);
    let ahead = peak_of(|| options.read_ahead(source));
    assert!(ahead < here + size / 4, "{ahead} bytes, {here} otherwise, of {size}");
}

const MANY: u64 = 200_000;

#[test]
fn a_thread_for_each_event() {
    let _alone = alone();
    let mut trace = Builder::new();
    for thread in 0..MANY {
        trace.records(thread, &[], [(PROC_STATUS, [1, thread, 2])]);
    }
    check("threads", &trace.finish(), FACTOR);
}

#[test]
fn empty_batches_of_many_threads() {
    let _alone = alone();
    let mut trace = Builder::new();
    for thread in 0..MANY {
        trace.batch(thread, 1, &[]);
    }
    check("empty batches", &trace.finish(), FACTOR);
}

#[test]
fn goroutines_far_apart() {
    let _alone = alone();
    let mut trace = Builder::new();
    let ids = (1..MANY).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    trace.records(0, &[], ids.map(|id| (GO_STATUS, [1, id, u64::MAX, 4])));
    check("far goroutines", &trace.finish(), FACTOR);
    let mut trace = Builder::new();
    trace.records(0, &[], (1..MANY).map(|i| (GO_STATUS, [1, i << 12, u64::MAX, 4])));
    check("goroutines 4096 apart", &trace.finish(), FACTOR);
}

#[test]
fn strings_of_no_length() {
    let _alone = alone();
    let mut trace = Builder::new();
    trace.records(u64::MAX, &[STRINGS], (1..MANY).map(|id| (STRING, [id, 0])));
    check("empty strings", &trace.finish(), FACTOR);
    let mut trace = Builder::new();
    trace.records(u64::MAX, &[STRINGS], (1..MANY).map(|id| (STRING, [id << 40, 0])));
    check("empty strings, ids far apart", &trace.finish(), FACTOR);
}

#[test]
fn stacks_of_no_frames() {
    let _alone = alone();
    let mut trace = Builder::new();
    trace.records(u64::MAX, &[STACKS], (1..MANY).map(|id| (STACK, [id, 0])));
    check("empty stacks", &trace.finish(), FACTOR);
}

#[test]
fn frames() {
    let _alone = alone();
    let mut trace = Builder::new();
    let frames =
        |id: u64| [id, 4, 4 * id, 0, 0, 0, 4 * id + 1, 0, 0, 0, 4 * id + 2, 0, 0, 0, 4 * id + 3, 0, 0, 0];
    trace.records(u64::MAX, &[STACKS], (1..MANY / 4).map(|id| (STACK, frames(id))));
    check("frames", &trace.finish(), FACTOR);
}

#[test]
fn samples() {
    let _alone = alone();
    let mut trace = Builder::new();
    trace.records(u64::MAX, &[CPU_SAMPLES], (1..MANY).map(|i| (CPU_SAMPLE, [MANY - i, 0, 0, 0, 0])));
    check("samples", &trace.finish(), FACTOR);
}

#[test]
fn experimental_batches() {
    let _alone = alone();
    let mut trace = Builder::new();
    for _ in 0..MANY {
        trace.bytes.extend([49, 1, 1, 0, 1, 0]);
    }
    check("experimental batches", &trace.finish(), FACTOR);
}

#[test]
fn regions_and_tasks_that_never_end() {
    let _alone = alone();
    for number in [USER_REGION_BEGIN, USER_TASK_BEGIN] {
        let mut trace = Builder::new();
        trace.running();
        match number {
            USER_TASK_BEGIN => trace.records(0, &[], (1..MANY).map(|i| (number, [1, i, 0, 0, 0]))),
            _ => trace.records(0, &[], (1..MANY).map(|i| (number, [1, i, 0, 0]))),
        }
        check(&format!("event {number}"), &trace.finish(), FACTOR);
    }
}

/// Only what is found in one generation is in memory at a time. There is one more than a list has room for before it grows.
#[test]
fn events_of_a_selection() {
    let _alone = alone();
    let mut trace = Builder::new();
    for generation in 0..3 {
        if generation > 0 {
            trace.next_generation();
        }
        // All at one time: else they would have to be put in order.
        trace.records(0, &[], [(PROC_STATUS, [0, 0, 1])]);
        trace.records(0, &[], [(GO_STATUS, [0, 1, 0, 2])]);
        trace.records(0, &[], (0..(1 << 17) + 1).map(|_| (GO_LABEL, [0, 1])));
        trace.records(u64::MAX, &[STRINGS], [(STRING, [1, 0])]);
    }
    check_with(ReaderOptions::new().events(Selection::USER), "labels", &trace.finish(), FACTOR);
}

#[test]
fn ranges_that_never_end() {
    let _alone = alone();
    let mut trace = Builder::new();
    trace.running();
    trace.records(0, &[], (1..20_000).map(|i| (STW_BEGIN, [1, i, 0])));
    trace.records(u64::MAX, &[STRINGS], (1..20_000).map(|id| (STRING, [id, 0])));
    check("ranges", &trace.finish(), FACTOR);
}

#[test]
fn generations_that_alternate() {
    let _alone = alone();
    let mut trace = Builder::new();
    trace.running();
    for i in 0..MANY / 4 {
        trace.set_generation(1 + i % 2);
        trace.records(0, &[], [(HEAP_ALLOC, [1, i])]);
    }
    check("alternate generations", &trace.finish(), FACTOR);
}

#[test]
fn damage_without_end() {
    let _alone = alone();
    let mut trace = Builder::new().finish();
    // Bytes that look like the beginning of a batch over and over.
    trace.extend([1, 1, 1, 1, 0xff, 0xff, 0x03].repeat(1 << 20));
    let peak = peak(ReaderOptions::new(), &trace, true);
    assert!(peak <= 4 * BASE, "{peak} bytes for a trace of {}", trace.len());
}

/// What is still open is kept, and no more than that.
#[test]
fn open_tasks_of_many_generations() {
    let _alone = alone();
    let mut trace = Builder::new();
    trace.running();
    for id in 0..2_000_u64 {
        trace.records(0, &[], [(USER_TASK_BEGIN, [1, id, 0, 1, 0])]);
        trace.records(u64::MAX, &[STRINGS], [(STRING, [1, 0])]);
        trace.next_generation();
        trace.running();
    }
    let trace = trace.finish();
    let peak = peak(ReaderOptions::new().mode(Mode::Strict), &trace, false);
    assert!(peak <= FACTOR * trace.len(), "{peak} bytes for a trace of {}", trace.len());
}

/// However much comes out of little, only a piece of it is in memory. What the decoder of Zstandard needs itself is not
/// counted here: tests/it/compressed.rs has its limit.
#[test]
#[cfg(feature = "gzip")]
fn compressed_zeros() {
    use std::io::{self, Cursor, Write};

    let _alone = alone();
    let zeros = vec![0; 1 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&zeros).expect("memory takes it");
    let gzip = gzip.finish().expect("memory takes it").repeat(64);
    let zstd = zstd::encode_all(&zeros[..], 3).expect("memory takes it").repeat(1024);
    for bomb in [gzip, zstd] {
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let mut bytes = go_trace_format::Decompressed::new(Cursor::new(bomb)).expect("zeros");
        let size = io::copy(&mut bytes, &mut io::sink()).expect("zeros");
        let peak = ALLOCATOR.peak_usage() - before;
        assert!(size >= 64 << 20 && bytes.damage().found().is_none(), "{size} bytes");
        assert!(peak < BASE, "{peak} bytes of memory for {size} bytes");
    }
}
