//! Encodes the spans of `testdata`'s recordings again and again, and says how many bytes they make: for `valgrind
//! --tool=callgrind`, which counts instructions where the clock is noisy, and for `perf`.
//!
//! `encode_all protobuf|json|sdk|none TIMES`; `none` only makes the spans, to be subtracted.

use std::env;

use trace_benches::{encode, spans};
use trace_to_otel::{
    Resource, Span,
    otlp::{Encoder, Encoding},
};

fn main() -> Result<(), String> {
    let usage = || "usage: encode_all protobuf|json|sdk|none TIMES".to_owned();
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [way, times] = &arguments[..] else { return Err(usage()) };
    let times: usize = times.parse().map_err(|_| usage())?;
    let spans = spans::recorded();
    let bytes = match &**way {
        "protobuf" => direct(Encoding::Protobuf, &spans, times),
        "json" => direct(Encoding::Json, &spans, times),
        "sdk" => (0..times).map(|_| encode::sdk(&Resource::new(), &spans)).sum(),
        "none" => 0,
        _ => return Err(usage()),
    };
    println!("{} spans, {bytes} bytes", times * spans.len());
    Ok(())
}

fn direct(encoding: Encoding, spans: &[Span], times: usize) -> usize {
    let mut encoder = Encoder::new(encoding, &Resource::new());
    let full: usize = (0..times).map(|_| encode::direct(&mut encoder, spans)).sum();
    full + encoder.finish().map_or(0, |batch| batch.bytes().len())
}
