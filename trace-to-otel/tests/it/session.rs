//! Traces in pieces.

use std::fs;

use crate::common;
use go_trace_format::{HEADER_LENGTH, Mode, Reader, ReaderOptions};
use proptest::prelude::*;
use trace_to_otel::{
    LogRecord, Mapper, Metric, MetricsCollector, Resource, Session, SessionError, SessionOptions, Span,
    otlp::{Batch, Encoder, Encoding, Record, Signal},
};

fn options() -> SessionOptions {
    let mut options = SessionOptions::new(Encoding::Protobuf, Resource::new());
    options.mapper.log_records = true;
    options.metrics = true;
    options
}

/// Which of several signals has a batch first does not matter.
fn by_signal(mut batches: Vec<Batch>) -> Vec<Batch> {
    batches.sort_by_key(|batch| match batch.signal() {
        Signal::Traces => 0,
        Signal::Logs => 1,
        _ => 2,
    });
    batches
}

/// Feeds traces in pieces of these sizes, again and again.
fn in_pieces(options: &SessionOptions, traces: &[&[u8]], sizes: &[usize]) -> Vec<Batch> {
    let mut session = Session::new(options.clone());
    let mut batches = Vec::new();
    let mut sizes = sizes.iter().cycle();
    for trace in traces {
        let mut rest = *trace;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(rest.len().min(*sizes.next().expect("sizes")));
            session.feed(piece).expect("a trace");
            batches.extend(std::iter::from_fn(|| session.next_batch()));
            rest = behind;
        }
        session.end_trace().expect("a trace");
    }
    session.finish().expect("no trace is left");
    batches.extend(std::iter::from_fn(|| session.next_batch()));
    by_signal(batches)
}

fn encode<T: Record>(encoding: Encoding, resource: &Resource, records: &[T]) -> Vec<Batch> {
    let mut encoder = Encoder::new(encoding, resource);
    let mut batches: Vec<_> =
        records.iter().filter_map(|record| encoder.add(record).expect("small records")).collect();
    batches.extend(encoder.finish());
    batches
}

/// The same by hand, from a slice.
fn by_hand(options: &SessionOptions, trace: &[u8]) -> Vec<Batch> {
    let mut mapper = Mapper::with_options(options.mapper.clone());
    let mut reader = options.reader.read_slice(trace).expect("a trace");
    let mut collector = MetricsCollector::new(options.mapper.base_time);
    let mut resource = None;
    let (mut sinks, mut metrics) = ((Vec::<Span>::new(), Vec::<LogRecord>::new()), Vec::<Metric>::new());
    while let Some(event) = reader.next_event().expect("a slice") {
        if event.generation_begun().is_some() {
            resource.get_or_insert_with(|| options.resource.clone().with_told_by(event.tables()));
        }
        let Ok(()) = mapper.event(&event, &mut sinks);
        metrics.extend(collector.event(&event).into_iter().flatten());
    }
    let Ok(()) = mapper.finish(&mut sinks);
    metrics.extend(collector.finish().into_iter().flatten());
    let resource = resource.unwrap_or_else(|| options.resource.clone());
    let mut batches = encode(options.encoding, &resource, &sinks.0);
    batches.extend(encode(options.encoding, &resource, &sinks.1));
    batches.extend(encode(options.encoding, &resource, &metrics));
    batches
}

/// Every recording.
fn recordings() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![common::testdata("")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("testdata") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "trace") {
                found.push((path.display().to_string(), fs::read(&path).expect("a recording")));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the recordings are there: {}", found.len());
    found
}

#[test]
fn any_pieces_give_what_the_whole_gives() {
    for (name, trace) in recordings() {
        let Ok(_) = Reader::from_slice(&trace) else { continue };
        let options = options();
        let whole = by_hand(&options, &trace);
        for sizes in [&[usize::MAX][..], &[65_536], &[1, 15, 4_096, 100_000], &[997]] {
            let pieces = in_pieces(&options, &[&trace], sizes);
            assert!(pieces == whole, "{name} in pieces of {sizes:?}: {} and {}", pieces.len(), whole.len());
        }
    }
}

#[test]
fn a_byte_at_a_time_gives_what_the_whole_gives() {
    for name in ["go1.22/tasks.trace", "go1.27/http.trace"] {
        let trace = common::read(name);
        assert!(in_pieces(&options(), &[&trace], &[1]) == by_hand(&options(), &trace), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_sizes_give_what_the_whole_gives(sizes in proptest::collection::vec(1_usize..70_000, 1..8)) {
        let trace = common::read("go1.27/http.trace");
        prop_assert!(in_pieces(&options(), &[&trace], &sizes) == by_hand(&options(), &trace));
    }

    #[test]
    fn damaged_bytes_give_the_same_in_any_pieces(
        at in any::<prop::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 1..40),
        sizes in proptest::collection::vec(1_usize..70_000, 1..8),
    ) {
        let mut trace = common::read("go1.26/tasks.trace");
        let at = 16 + at.index(trace.len() - 16 - bytes.len());
        trace[at..at + bytes.len()].copy_from_slice(&bytes);
        let whole = in_pieces(&options(), &[&trace], &[usize::MAX]);
        prop_assert!(in_pieces(&options(), &[&trace], &sizes) == whole);
    }
}

/// Where the generations of a trace begin, and where the last one ends.
fn starts(trace: &[u8]) -> Vec<usize> {
    let generations = ReaderOptions::new().generations(trace).expect("a trace");
    let starts = generations.map(|generation| generation.expect("a generation").start());
    starts.chain([trace.len() as u64]).map(|start| usize::try_from(start).expect("small")).collect()
}

#[test]
fn overlapping_snapshots_give_each_span_once() {
    for release in common::RELEASES {
        let trace = common::read(&format!("{release}/generations.trace"));
        let starts = starts(&trace);
        let count = starts.len() - 1;
        assert!(count >= 2, "{release} has several generations");
        let snapshot =
            |from: usize, to: usize| [&trace[..HEADER_LENGTH], &trace[starts[from]..starts[to]]].concat();
        let cut = [snapshot(0, 1), snapshot(0, count - 1), snapshot(count - 2, count), snapshot(0, count)];
        let cut: Vec<_> = cut.iter().map(Vec::as_slice).collect();
        let whole = by_hand(&options(), &trace);
        assert!(!whole.is_empty(), "{release} has spans");
        for sizes in [&[usize::MAX][..], &[4_099]] {
            assert!(in_pieces(&options(), &cut, sizes) == whole, "{release} in pieces of {sizes:?}");
        }
    }
}

#[test]
fn traces_of_two_processes_are_apart() {
    let [one, other] = ["go1.26/tasks.trace", "go1.27/http.trace"].map(common::read);
    let both = in_pieces(&options(), &[&one, &other], &[10_000]);
    let apart = [by_hand(&options(), &one), by_hand(&options(), &other)].concat();
    assert!(both == by_signal(apart));
}

#[test]
fn what_is_no_trace_is_refused_until_the_next() {
    let trace = common::read("go1.26/tasks.trace");
    let mut session = Session::new(options());
    let nonsense = vec![b'x'; 4_096];
    assert!(matches!(session.feed(&nonsense), Err(SessionError::Trace(_))));
    assert!(matches!(session.feed(&nonsense), Err(SessionError::Trace(_))));
    assert_eq!(session.lost_bytes(), 8_192);
    session.end_trace().expect("it has been said");
    session.feed(b"go 1.").expect("more may come");
    assert!(matches!(session.end_trace(), Err(SessionError::Trace(_))));
    session.feed(&trace).expect("a trace");
    session.finish().expect("a trace");
    let batches: Vec<_> = std::iter::from_fn(|| session.next_batch()).collect();
    assert!(in_pieces(&options(), &[&trace], &[usize::MAX]).iter().all(|batch| batches.contains(batch)));
    assert!(session.counters().mapper.spans > 0);
}

#[test]
fn a_strict_session_keeps_what_came_before_the_breach() {
    let mut trace = common::read("go1.26/generations.trace");
    let second = starts(&trace)[1];
    trace[second + 1..second + 5].fill(0xff);
    let mut options = options();
    options.reader = ReaderOptions::new().mode(Mode::Strict);
    for size in [1_000, usize::MAX] {
        let mut session = Session::new(options.clone());
        let refused =
            trace.chunks(size.min(trace.len())).filter(|piece| session.feed(piece).is_err()).count();
        assert!(refused > 0, "the breach is told");
        session.finish().expect("it has been told");
        assert!(session.counters().mapper.spans > 0, "of the first generation");
    }
}

#[test]
fn a_generation_too_large_ends_its_trace_at_the_same_byte() {
    let trace = common::read("go1.26/generations.trace");
    let mut options = options();
    options.max_generation_bytes = 4_000;
    let run = |size: usize| {
        let mut session = Session::new(options.clone());
        let errors: Vec<_> = trace
            .chunks(size)
            .filter_map(|piece| session.feed(piece).err())
            .map(|error| error.to_string())
            .collect();
        assert!(errors[0].contains("larger than 4000 bytes"), "{errors:?}");
        session.finish().expect("it has been told");
        (std::iter::from_fn(|| session.next_batch()).collect::<Vec<_>>(), session.lost_bytes() > 0)
    };
    let whole = run(trace.len());
    assert!([1, 999, 5_000].into_iter().all(|size| run(size) == whole));
}
