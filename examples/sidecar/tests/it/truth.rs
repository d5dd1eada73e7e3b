//! What the library makes of the same bytes in one go.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use go_trace_format::{Reader, TraceFrames};
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;
use trace_to_otel::{
    Mapper, MapperOptions, Resource, UnixTime,
    otlp::{Encoder, Encoding},
};

/// Traces without a clock begin when their file was written; the tests write all of them at this second.
pub(crate) const WRITTEN: u64 = 1_764_000_000;

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

pub(crate) fn read(name: &str) -> Vec<u8> {
    fs::read(testdata(name)).unwrap_or_else(|error| panic!("testdata/{name}: {error}"))
}

/// The snapshots of one process, in order.
pub(crate) fn snapshots(name: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| read(&format!("{name}.{number}.trace"))).collect()
}

/// The traces that a stream holds.
pub(crate) fn frames(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = TraceFrames::new(stream);
    core::iter::from_fn(|| frames.next_frame().expect("a stream").map(<[u8]>::to_vec)).collect()
}

/// The spans of traces that one process has recorded, each generation once: those that end within, in their order, and
/// those that stay open.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) ended: Vec<Span>,
    pub(crate) open: Vec<Span>,
}

impl Truth {
    pub(crate) fn of(trace: &[u8]) -> Self {
        Self::of_snapshots(&[trace])
    }

    pub(crate) fn of_snapshots(traces: &[impl AsRef<[u8]>]) -> Self {
        let mut options = MapperOptions::default();
        options.base_time = UnixTime(WRITTEN * 1_000_000_000);
        let (mut mapper, mut spans) = (Mapper::with_options(options), Vec::new());
        let mut known = HashSet::new();
        for trace in traces {
            let mut own = HashSet::new();
            let mut reader = Reader::from_slice(trace.as_ref()).expect("a trace");
            while let Some(event) = reader.next_event().expect("slices can be read") {
                if !known.contains(&event.generation()) {
                    own.insert(event.generation());
                    let Ok(()) = mapper.event(&event, &mut spans);
                }
            }
            known.extend(own);
        }
        let ended = encoded(&spans);
        spans.clear();
        let Ok(()) = mapper.finish(&mut spans);
        Self { ended, open: encoded(&spans) }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Span> {
        self.ended.iter().chain(&self.open).cloned().collect()
    }
}

fn encoded(spans: &[trace_to_otel::Span]) -> Vec<Span> {
    let mut found = Vec::new();
    for span in spans {
        // One by one: a request sorts its spans by scope.
        let mut encoder = Encoder::new(Encoding::Protobuf, &Resource::new());
        encoder.add(span).expect("a span of usual size");
        let batch = encoder.finish().expect("a span");
        let request = ExportTraceServiceRequest::decode(batch.bytes()).expect("a request");
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        found.extend(scopes.flat_map(|scope| scope.spans));
    }
    found
}

/// Every span of `truth` was seen, and no other, however often: all its copies are the same, byte by byte.
#[track_caller]
pub(crate) fn assert_same(seen: &[Span], truth: &[Span], of: &str) {
    let seen = by_id(seen, of);
    let truth = by_id(truth, of);
    for (id, (span, _)) in &truth {
        let (found, _) = seen.get(id).unwrap_or_else(|| panic!("{of}: missing {span:#?}"));
        assert_eq!(found, span, "{of}");
    }
    for (id, (span, _)) in &seen {
        assert!(truth.contains_key(id), "{of}: too much {span:#?}");
    }
}

/// Likewise, and none of them came twice.
#[track_caller]
pub(crate) fn assert_once(seen: &[Span], truth: &[Span], of: &str) {
    assert_same(seen, truth, of);
    if let Some((span, count)) = by_id(seen, of).values().find(|(_, count)| *count > 1) {
        panic!("{of}: {count} times {span:#?}");
    }
}

type ById = BTreeMap<(Vec<u8>, Vec<u8>), (Span, usize)>;

#[track_caller]
fn by_id(spans: &[Span], of: &str) -> ById {
    let mut found = ById::new();
    for span in spans {
        let id = (span.trace_id.clone(), span.span_id.clone());
        let (known, count) = found.entry(id).or_insert_with(|| (span.clone(), 0));
        *count += 1;
        assert_eq!(known.encode_to_vec(), span.encode_to_vec(), "{of}: two copies of a span differ");
    }
    found
}
