//! Reading real recordings, at each level of `go-trace-format`. Every argument of every event is decoded.
#![allow(missing_docs)] // `criterion_group!` makes a public function without any

use std::{
    env,
    fs::{self, File},
    hint::black_box,
    path::Path,
    process,
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use go_trace_format::{
    Error, Generation, Losses, Mode, Reader, ReaderOptions,
    wire::{BatchKind, Batches},
};
use trace_benches::made::Work;

/// An HTTP service; many short generations; the fork's events.
const RECORDINGS: [&str; 3] = ["go1.27/http.trace", "go1.27/gc-generations.trace", "fork/net.trace"];

fn read(criterion: &mut Criterion) {
    for name in RECORDINGS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name);
        let trace = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut group = criterion.benchmark_group("read");
        group.throughput(Throughput::Bytes(trace.len() as u64));
        group.bench_with_input(BenchmarkId::new("raw", name), &trace, |bencher, trace| {
            bencher.iter(|| raw(trace).expect("a good trace"));
        });
        for (id, mode) in [("ordered, strict", Mode::Strict), ("ordered, salvaging", Mode::Salvage)] {
            group.bench_with_input(BenchmarkId::new(id, name), &trace, |bencher, trace| {
                bencher.iter(|| ordered(trace, mode).expect("a good trace"));
            });
        }
        group.finish();
    }
}

/// One thread and two, of a file of many generations.
fn threads(criterion: &mut Criterion) {
    let trace = Work::Service.trace(2_000_000).expect("a writer's");
    let path = env::temp_dir().join(format!("trace-benches-{}.trace", process::id()));
    fs::write(&path, &trace).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let open = || File::open(&path).expect("it was written");
    let options = ReaderOptions::new();
    let mut group = criterion.benchmark_group("threads");
    group.throughput(Throughput::Bytes(trace.len() as u64));
    group.bench_function("ordered", |bencher| {
        bencher.iter(|| all(options.read(open()).expect("a header")).expect("a good trace"));
    });
    group.bench_function("ordered, read ahead", |bencher| {
        bencher.iter(|| all(options.read_ahead(open()).expect("a header")).expect("a good trace"));
    });
    for count in [1, 2] {
        group.bench_with_input(BenchmarkId::new("each generation", count), &count, |bencher, &count| {
            bencher.iter(|| {
                let mut losses = Losses::default();
                let read = options.for_each_generation(open(), count, &mut losses, alone, Ok::<_, Error>);
                read.expect("a good trace");
            });
        });
    }
    group.finish();
    fs::remove_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn alone(generation: &Generation<'_>) {
    let mut events = generation.events(Mode::Salvage);
    while let Some(event) = events.next_event().expect("salvage never fails") {
        black_box((event.time(), event.arguments()));
    }
}

fn raw(trace: &[u8]) -> Result<(), Error> {
    let batches = Batches::new(trace)?;
    let (version, dialect) = (batches.version(), batches.dialect());
    for batch in batches {
        let batch = batch?;
        if batch.kind(version, dialect) == BatchKind::Events {
            for event in batch.events(dialect) {
                black_box(event?);
            }
        }
    }
    Ok(())
}

fn ordered(trace: &[u8], mode: Mode) -> Result<(), Error> {
    all(ReaderOptions::new().mode(mode).read_slice(trace)?)
}

fn all(mut reader: Reader<'_>) -> Result<(), Error> {
    while let Some(event) = reader.next_event()? {
        black_box((event.time(), event.arguments()));
    }
    Ok(())
}

criterion_group!(benches, read, threads);
criterion_main!(benches);
