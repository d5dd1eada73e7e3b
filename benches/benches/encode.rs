//! Spans to OTLP: directly in Protobuf and in JSON, and through OpenTelemetry's SDK, in one run.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trace_benches::{encode, spans::spans};
use trace_to_otel::{Resource, otlp::Encoding};

fn encoders(criterion: &mut Criterion) {
    let resource = Resource::new().with("service.instance.id", "orders-7d9f").with("host.name", "web-1");
    let spans = spans(20_000);
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(spans.len() as u64));
    group.bench_function("protobuf", |bencher| {
        bencher.iter(|| encode::direct(Encoding::Protobuf, &resource, black_box(&spans)));
    });
    group.bench_function("json", |bencher| {
        bencher.iter(|| encode::direct(Encoding::Json, &resource, black_box(&spans)));
    });
    group.bench_function("sdk", |bencher| bencher.iter(|| encode::sdk(&resource, black_box(&spans))));
    group.finish();
}

criterion_group!(benches, encoders);
criterion_main!(benches);
