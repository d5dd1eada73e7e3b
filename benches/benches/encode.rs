//! Spans to OTLP: directly in Protobuf and in JSON, and through OpenTelemetry's SDK, in one run.
//!
//! The spans are those that the mapper makes of `testdata`'s recordings. Criterion tells both how many of them and how
//! many bytes of Protobuf a second has.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trace_benches::{encode, spans};
use trace_to_otel::{
    Resource,
    otlp::{Encoder, Encoding},
};

fn encoders(criterion: &mut Criterion) {
    let resource = Resource::new().with("service.instance.id", "orders-7d9f").with("host.name", "web-1");
    let spans = spans::recorded();
    let mut group = criterion.benchmark_group("encode");
    for (name, encoding) in [("protobuf", Encoding::Protobuf), ("json", Encoding::Json)] {
        let bytes = encode::bytes(encoding, &resource, &spans);
        group.throughput(throughput(spans.len(), bytes));
        let mut encoder = Encoder::new(encoding, &resource);
        group.bench_function(name, |bencher| {
            bencher.iter(|| encode::direct(&mut encoder, black_box(&spans)));
        });
    }
    group.throughput(throughput(spans.len(), encode::sdk(&resource, &spans)));
    group.bench_function("sdk", |bencher| bencher.iter(|| encode::sdk(&resource, black_box(&spans))));
    group.finish();
}

fn throughput(spans: usize, bytes: usize) -> Throughput {
    Throughput::ElementsAndBytes { elements: spans as u64, bytes: bytes as u64 }
}

criterion_group!(benches, encoders);
criterion_main!(benches);
