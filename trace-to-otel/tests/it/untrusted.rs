//! Damaged recordings: whatever the bytes say, the mapper does not panic, and what it hands on makes sense.

use crate::common;
use go_trace_format::Reader;
use proptest::{collection::vec, prelude::*, sample::Index};
use trace_to_otel::{Mapper, Resource, Span, SpanSink, otlp::JsonLines};

pub(crate) const RECORDINGS: [&str; 11] = [
    "go1.22/generations.trace",
    "go1.23/tasks.trace",
    "go1.25/flight.1.trace",
    "go1.26/regions.trace",
    "go1.27/logs.trace",
    "go1.27/context.trace",
    "go1.27/http.trace",
    "fork/custom.trace",
    "fork/withspan.trace",
    "fork/sql.trace",
    "fork/net.trace",
];

#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Change(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        8 => (place(), any::<u8>()).prop_map(|(place, byte)| Damage::Change(place, byte)),
        2 => (place(), 1..300_usize).prop_map(|(place, length)| Damage::Remove(place, length)),
        2 => (place(), 1..5_000_usize).prop_map(|(place, length)| Damage::Repeat(place, length)),
        1 => place().prop_map(Damage::Cut),
    ]
}

/// Damages all but the header.
pub(crate) fn apply(trace: &mut Vec<u8>, damage: &Damage) {
    const HEADER: usize = 16;
    let length = trace.len() - HEADER;
    if length == 0 {
        return;
    }
    let from = |place: &Index| HEADER + place.index(length);
    match damage {
        Damage::Change(place, byte) => trace[from(place)] = *byte,
        Damage::Remove(place, count) => {
            let end = trace.len().min(from(place) + count);
            trace.drain(from(place)..end);
        }
        Damage::Repeat(place, count) => {
            let end = trace.len().min(from(place) + count);
            let again = trace[from(place)..end].to_vec();
            trace.splice(end..end, again);
        }
        Damage::Cut(place) => trace.truncate(from(place)),
    }
}

/// Maps the traces one after the other, as snapshots, and finishes.
fn map(traces: &[&[u8]]) -> (Vec<Span>, Mapper) {
    let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
    for trace in traces {
        let Ok(mut reader) = Reader::from_slice(trace) else { continue };
        while let Some(event) = reader.next_event().expect("slices can be read") {
            let Ok(()) = mapper.event(&event, &mut spans);
        }
    }
    let Ok(()) = mapper.finish(&mut spans);
    (spans, mapper)
}

proptest! {
    #[test]
    fn damaged_recordings(
        first in 0..RECORDINGS.len(),
        second in 0..RECORDINGS.len(),
        damages in vec(damage(), 1..12),
    ) {
        let (mut damaged, other) = (common::read(RECORDINGS[first]), common::read(RECORDINGS[second]));
        damages.iter().for_each(|damage| apply(&mut damaged, damage));
        let (spans, mapper) = map(&[&damaged, &other]);
        let counters = mapper.counters();
        prop_assert_eq!(counters.spans, spans.len() as u64);
        let incomplete = spans.iter().filter(|span| span.attribute("gotrace.incomplete").is_some()).count();
        prop_assert_eq!(counters.incomplete_spans, incomplete as u64);
        for span in &spans {
            prop_assert!(span.start <= span.end && !span.name.is_empty(), "{:?}", span);
        }
        prop_assert_eq!(&spans, &map(&[&damaged, &other]).0, "the same on every run");
        let mut lines = JsonLines::new(Vec::new(), Resource::new());
        for span in spans {
            lines.take(span)?;
        }
        for line in lines.finish()?.split_inclusive(|&byte| byte == b'\n') {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
        }
    }
}
