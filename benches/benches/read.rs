//! Reading real recordings, at each level of `go-trace-format`. Every argument of every event is decoded.
#![allow(missing_docs)] // `criterion_group!` makes a public function without any

use std::{fs, hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use go_trace_format::{
    Mode, ReaderOptions,
    wire::{BatchKind, Batches},
};

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

fn raw(trace: &[u8]) -> Result<(), go_trace_format::Error> {
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

fn ordered(trace: &[u8], mode: Mode) -> Result<(), go_trace_format::Error> {
    let mut reader = ReaderOptions::new().mode(mode).read_slice(trace)?;
    while let Some(event) = reader.next_event()? {
        black_box((event.time(), event.arguments()));
    }
    Ok(())
}

criterion_group!(benches, read);
criterion_main!(benches);
