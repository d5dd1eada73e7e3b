//! Mapping real recordings to spans, and encoding these, beside reading alone.
#![allow(missing_docs)] // `criterion_group!` makes a public function without any

use std::{convert::Infallible, fs, hint::black_box, path::Path};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use go_trace_format::{Mode, Reader, ReaderOptions};
use trace_to_otel::{
    Mapper, Resource, Span, SpanSink,
    otlp::{Encoder, Encoding, RecordTooLarge},
};

/// An HTTP service with tasks and regions; many short generations; the fork's queries.
const RECORDINGS: [&str; 3] = ["go1.27/http.trace", "go1.27/gc-generations.trace", "fork/sql.trace"];

fn map(criterion: &mut Criterion) {
    for name in RECORDINGS {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name);
        let trace = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let open = || ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header");
        let mut group = criterion.benchmark_group("map");
        group.throughput(Throughput::Bytes(trace.len() as u64));
        group.bench_function(BenchmarkId::new("read only", name), |bencher| {
            bencher.iter(|| read(open()));
        });
        group.bench_function(BenchmarkId::new("spans", name), |bencher| {
            bencher.iter(|| spans(open(), &mut Discard));
        });
        for (id, encoding) in [("protobuf", Encoding::Protobuf), ("json", Encoding::Json)] {
            group.bench_function(BenchmarkId::new(id, name), |bencher| {
                bencher.iter(|| spans(open(), &mut Encoded(Encoder::new(encoding, &Resource::new()))));
            });
        }
        group.finish();
    }
}

fn read(mut reader: Reader<'_>) {
    while let Some(event) = reader.next_event().expect("a good trace") {
        black_box((event.time(), event.arguments()));
    }
}

fn spans<S: SpanSink<Error: std::fmt::Debug>>(mut reader: Reader<'_>, sink: &mut S) {
    let mut mapper = Mapper::new();
    while let Some(event) = reader.next_event().expect("a good trace") {
        mapper.event(&event, sink).expect("a sink that takes all");
    }
    mapper.finish(sink).expect("a sink that takes all");
}

struct Discard;

impl SpanSink for Discard {
    type Error = Infallible;

    fn take(&mut self, mut span: Span) -> Result<(), Infallible> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Infallible> {
        black_box(span);
        Ok(())
    }
}

struct Encoded(Encoder);

impl SpanSink for Encoded {
    type Error = RecordTooLarge;

    fn take(&mut self, mut span: Span) -> Result<(), RecordTooLarge> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), RecordTooLarge> {
        black_box(self.0.add(span)?);
        Ok(())
    }
}

criterion_group!(benches, map);
criterion_main!(benches);
