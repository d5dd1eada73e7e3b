//! Ids are the same on every run, wherever a snapshot begins, and nobody else's.

use std::collections::{BTreeMap, HashSet};

use crate::common;
use trace_to_otel::{Mapper, MapperOptions, Resource, Span, UnixTime, otlp::JsonLines};

fn spans(name: &str) -> Vec<Span> {
    common::spans_of(name, MapperOptions::default()).0
}

fn lines(name: &str) -> Vec<u8> {
    let mut sink = JsonLines::new(Vec::new(), Resource::new());
    for span in spans(name) {
        trace_to_otel::SpanSink::take(&mut sink, span).expect("memory takes it");
    }
    sink.finish().expect("memory takes it")
}

#[test]
fn the_same_bytes_give_the_same_bytes() {
    for name in [
        "go1.22/tasks.trace",
        "go1.27/http.trace",
        "fork/custom.trace",
        "fork/tls.trace",
        "fork/withspan.trace",
    ] {
        let once = lines(name);
        assert!(!once.is_empty());
        assert_eq!(once, lines(name), "{name}");
    }
}

#[test]
fn no_two_spans_share_an_id() {
    let mut seen = HashSet::new();
    for release in common::RELEASES {
        for scenario in ["tasks", "regions", "logs", "generations", "http", "cpu", "cgo"] {
            for span in spans(&format!("{release}/{scenario}.trace")) {
                assert!(seen.insert(span.span_id), "{release}/{scenario}: {span:#?}");
            }
        }
    }
    assert!(seen.len() > 500);
}

#[test]
fn ids_do_not_depend_on_the_time_that_a_clockless_trace_is_set_at() {
    let with_base = |base| {
        let mut options = MapperOptions::default();
        options.base_time = UnixTime(base);
        common::spans_of("go1.22/tasks.trace", options).0
    };
    let (one, other) = (with_base(0), with_base(1_000_000_000_000_000_000));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!((one.trace_id, one.span_id), (other.trace_id, other.span_id));
        assert_eq!(one.duration(), other.duration());
        assert_eq!(other.start.0 - one.start.0, 1_000_000_000_000_000_000);
    }
}

/// What a span is, as far as it does not depend on what happened before a snapshot begins.
fn own(span: &Span) -> (u64, u64, Vec<trace_to_otel::SpanEvent>) {
    (span.start.0, span.end.0, span.events.clone())
}

/// The spans whose begin and end a snapshot holds are those of the whole trace.
#[test]
fn a_snapshot_read_alone_gives_its_spans_the_same_ids() {
    for release in ["go1.25", "go1.26", "go1.27"] {
        let whole = spans(&format!("{release}/flight-whole.trace"));
        let whole: BTreeMap<_, _> = whole.iter().map(|span| (span.span_id, span)).collect();
        let mut found = 0;
        for snapshot in 0..4 {
            for span in spans(&format!("{release}/flight-whole.{snapshot}.trace")) {
                if span.attribute("gotrace.incomplete").is_none() {
                    let same = whole.get(&span.span_id).unwrap_or_else(|| panic!("{release}: {span:#?}"));
                    assert_eq!(own(same), own(&span));
                    found += 1;
                }
            }
        }
        assert!(found >= 6, "{release}: the snapshots hold only {found} whole spans");
    }
}

/// Nothing of one process is mixed up with another, whose task ids are the same.
#[test]
fn a_mapper_is_as_new_for_another_process() {
    let trace = common::read("go1.27/tasks.trace");
    for finishes in [true, false] {
        let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
        for _ in 0..2 {
            common::feed(&mut mapper, &trace, 0, &mut spans);
            if finishes {
                let Ok(()) = mapper.finish(&mut spans);
            }
        }
        let Ok(()) = mapper.finish(&mut spans);
        let half = spans.len() / 2;
        assert_eq!(spans[..half], spans[half..]);
        assert_eq!(mapper.counters().spans, spans.len() as u64);
    }
}
