//! The recordings in `testdata`, and their spans.

#[cfg(feature = "profiles")]
pub(crate) mod handover;
#[cfg(feature = "profiles")]
pub(crate) mod pprof;
pub(crate) mod script;

use std::{
    fs,
    path::{Path, PathBuf},
};

use go_trace_format::{Error, Event, Loss, Reader};
#[cfg(feature = "profiles")]
use trace_to_otel::profiles::{Profiles, ProfilesCollector};
use trace_to_otel::{Counters, Mapper, MapperOptions, Span};

/// The releases that `testdata` has recordings of.
pub(crate) const RELEASES: [&str; 6] = ["go1.22", "go1.23", "go1.24", "go1.25", "go1.26", "go1.27"];

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name)
}

pub(crate) fn read(name: &str) -> Vec<u8> {
    fs::read(testdata(name)).unwrap_or_else(|error| panic!("testdata/{name}: {error}"))
}

/// Hands on the events of a trace, and gives the reader, which knows what was lost.
pub(crate) fn read_events(trace: &[u8], mut take: impl FnMut(&Event<'_>)) -> Reader<'_> {
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        take(&event);
    }
    reader
}

/// The profiles of a trace.
#[cfg(feature = "profiles")]
pub(crate) fn profiles_of(trace: &[u8]) -> Profiles {
    let mut collector = ProfilesCollector::default();
    read_events(trace, |event| collector.event(event));
    collector.finish()
}

/// The spans of a recording.
pub(crate) fn spans_of(name: &str, options: MapperOptions) -> (Vec<Span>, Counters) {
    spans_of_bytes(&read(name), options)
}

/// The spans of a trace, and what the mapper has counted.
pub(crate) fn spans_of_bytes(trace: &[u8], options: MapperOptions) -> (Vec<Span>, Counters) {
    let mut spans = Vec::new();
    let mut mapper = Mapper::with_options(options);
    feed(&mut mapper, trace, 0, &mut spans);
    let Ok(()) = mapper.finish(&mut spans);
    (spans, *mapper.counters())
}

/// Hands the mapper those generations of a trace that come after `last`; gives the number of the last one.
pub(crate) fn feed(mapper: &mut Mapper, trace: &[u8], mut last: u64, spans: &mut Vec<Span>) -> u64 {
    let first = last;
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        if event.generation() > first {
            let Ok(()) = mapper.event(&event, spans);
            last = last.max(event.generation());
        }
    }
    // A gap between generations is what some cases are about.
    let is_gap = |loss: &Loss| matches!(loss.error, Error::MissingGenerations { .. });
    assert!(reader.losses().iter().all(is_gap), "{}", reader.losses());
    last
}
