//! What the library makes of the same bytes in one go.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use go_trace_format::{Reader, TraceStream};
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
    let mut frames = TraceStream::new(stream);
    core::iter::from_fn(|| frames.next_trace().expect("a stream").map(<[u8]>::to_vec)).collect()
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
        // As the program does unless it is told otherwise.
        options.ranges = false;
        options.base_time = UnixTime(WRITTEN * 1_000_000_000);
        let (mut mapper, mut spans) = (Mapper::with_options(options.clone()), Vec::new());
        let mut known = HashSet::new();
        for trace in traces {
            // Another reader goes on where the one before has ended: a mapper takes that from nobody but itself.
            mapper = Mapper::load(options.clone(), &mapper.save()).expect("what was saved");
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
    let (mut found, resource) = (Vec::new(), Resource::empty());
    for span in spans {
        // One by one: a request sorts its spans by scope.
        let mut encoder = Encoder::new(Encoding::Protobuf, &resource);
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
    let (seen, truth) = (Counted::new(seen), Counted::new(truth));
    let (missing, excess) = (truth.without(&seen), seen.without(&truth));
    assert!(missing.is_empty() && excess.is_empty(), "{of}: missing {missing:#?}, too much {excess:#?}");
}

/// Every span of `truth` was seen, and besides them earlier copies at most, of a generation of which the end was missing.
#[track_caller]
pub(crate) fn assert_all(seen: &[Span], truth: &[Span], of: &str) {
    let missing = Counted::new(truth);
    let missing = missing.without(&Counted::new(seen)).join(", ");
    assert!(missing.is_empty(), "{of}: missing {missing}");
    let ids: HashSet<_> = truth.iter().map(|span| &span.span_id).collect();
    for span in seen {
        assert!(ids.contains(&span.span_id), "{of}: too much {span:#?}");
    }
}

/// As by [`assert_same`], and none of them came twice.
#[track_caller]
pub(crate) fn assert_once(seen: &[Span], truth: &[Span], of: &str) {
    assert_same(seen, truth, of);
    let (seen, truth) = (Counted::new(seen), Counted::new(truth));
    for (bytes, (name, count)) in &seen.0 {
        assert_eq!(*count, truth.0[bytes].1, "{of}: how often {name} came");
    }
}

/// Spans by all that they are, each with a name for who reads, and how many there are.
struct Counted(BTreeMap<Vec<u8>, (String, usize)>);

impl Counted {
    fn new(spans: &[Span]) -> Self {
        let mut found = BTreeMap::new();
        for span in spans {
            let name = || {
                let id: String = span.span_id.iter().map(|byte| format!("{byte:02x}")).collect();
                format!(
                    "{id} {:?} from {} to {}",
                    span.name, span.start_time_unix_nano, span.end_time_unix_nano
                )
            };
            found.entry(span.encode_to_vec()).or_insert_with(|| (name(), 0)).1 += 1;
        }
        Self(found)
    }

    fn without(&self, other: &Self) -> Vec<&str> {
        let missing = self.0.iter().filter(|(bytes, _)| !other.0.contains_key(*bytes));
        missing.map(|(_, (name, _))| &**name).collect()
    }
}
