//! Spans as the mapper makes them of real recordings.

use std::{fs, path::Path};

use go_trace_format::{Mode, ReaderOptions};
use trace_to_otel::{Mapper, Span};

/// An HTTP service's tasks, regions and logs, and the runtime's ranges; the fork's requests, connections, queries and
/// handshakes.
const RECORDINGS: [&str; 5] =
    ["go1.27/http.trace", "go1.27/regions.trace", "fork/net.trace", "fork/sql.trace", "fork/tls.trace"];

/// The spans of `testdata`'s recordings, the same ones every time: few enough to stay near the processor, as those do
/// that a mapper has just made.
///
/// # Panics
///
/// Where a recording is missing or broken.
#[must_use]
pub fn recorded() -> Vec<Span> {
    RECORDINGS.into_iter().flat_map(spans_of).collect()
}

fn spans_of(name: &str) -> Vec<Span> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name);
    let trace = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header");
    let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
    while let Some(event) = reader.next_event().expect("a good trace") {
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    let Ok(()) = mapper.finish(&mut spans);
    spans
}
