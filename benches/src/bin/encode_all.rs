//! Encodes spans one way and says how many bytes they make: for `valgrind --tool=callgrind`, which counts instructions
//! where the clock is noisy.
//!
//! `encode_all protobuf|json|sdk|none SPANS`; `none` only makes the spans, to be subtracted.

use std::env;

use trace_benches::{encode, spans::spans};
use trace_to_otel::{Resource, otlp::Encoding};

fn main() -> Result<(), String> {
    let usage = || "usage: encode_all protobuf|json|sdk|none SPANS".to_owned();
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [way, count] = &arguments[..] else { return Err(usage()) };
    let spans = spans(count.parse().map_err(|_| usage())?);
    let resource = Resource::new();
    let bytes = match &**way {
        "protobuf" => encode::direct(Encoding::Protobuf, &resource, &spans),
        "json" => encode::direct(Encoding::Json, &resource, &spans),
        "sdk" => encode::sdk(&resource, &spans),
        "none" => 0,
        _ => return Err(usage()),
    };
    println!("{} spans, {bytes} bytes", spans.len());
    // What the spans take to drop is not to be counted.
    std::mem::forget(spans);
    Ok(())
}
