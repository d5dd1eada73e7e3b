//! Sinks, and what stands before them.

use std::convert::Infallible;

use crate::common;
use go_trace_format::{Mode, Reader, ReaderOptions};
use trace_to_otel::{
    Counters, LogRecord, LogSink, Mapper, MapperOptions, Resource, Scope, Span, SpanSink, SpansAndLogs,
    UnixTime, Volume, VolumeOptions,
    otlp::{Batch, BatchSink, BatchSinkError, Encoder, Encoding},
    sink,
};

fn options() -> MapperOptions {
    let mut options = MapperOptions::default();
    options.log_records = true;
    options
}

fn run<S: trace_to_otel::Sinks + ?Sized>(name: &str, sink: &mut S) -> Result<Counters, S::Error> {
    let trace = common::read(name);
    let mut mapper = Mapper::with_options(options());
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    match mapper.read(&mut reader, sink) {
        Ok(()) => mapper.finish(sink)?,
        Err(trace_to_otel::ReadError::Sink(error)) => return Err(error),
        Err(_) => panic!("a slice can be read"),
    }
    Ok(*mapper.counters())
}

const LOGS: &str = "go1.26/logs.trace";

#[test]
fn logs_stay_events_where_nobody_takes_records() {
    let mut spans = Vec::new();
    let Ok(counters) = run(LOGS, &mut spans);
    let events: usize = spans.iter().map(|span| span.events.len()).sum();
    assert!(events > 0);
    assert_eq!((counters.log_records, counters.spans), (0, spans.len() as u64));

    let mut pair = (Vec::<Span>::new(), Vec::<LogRecord>::new());
    let Ok(counters) = run(LOGS, &mut pair);
    assert_eq!(pair.0.iter().map(|span| span.events.len()).sum::<usize>(), 0);
    assert_eq!((counters.log_records, counters.spans), (pair.1.len() as u64, pair.0.len() as u64));
    assert!(pair.1.len() >= events, "those on no span too");
}

/// A sink that is both.
#[derive(Default)]
struct Both(Vec<Span>, Vec<LogRecord>);

impl SpanSink for Both {
    type Error = Infallible;

    fn take(&mut self, span: Span) -> Result<(), Infallible> {
        self.0.take(span)
    }
}

impl LogSink for Both {
    type Error = Infallible;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Infallible> {
        self.1.take_log(log)
    }
}

#[test]
fn adaptors_hand_logs_on() {
    let mut pair = (Vec::<Span>::new(), Vec::<LogRecord>::new());
    let Ok(_) = run(LOGS, &mut pair);
    let mut both = Both::default();
    let behind = (&mut both).filter(|span| span.scope == Scope::Task).map(|span| span.attributes.clear());
    let mut volume = Volume::new(VolumeOptions::default(), behind);
    let Ok(_) = run(LOGS, &mut SpansAndLogs(&mut volume));
    let left_out = volume.into_sink().into_sink().left_out();
    assert_eq!(both.1, pair.1);
    assert_eq!(both.0.len() as u64 + left_out, pair.0.len() as u64);
    assert!(both.0.iter().all(|span| span.scope == Scope::Task && span.attributes.is_empty()));
}

#[test]
fn trait_objects_and_functions_are_sinks() {
    let mut spans = Vec::new();
    let Ok(_) = run(LOGS, &mut spans);
    let mut names = Vec::new();
    let mut from_fn = sink::from_fn(|span: &mut Span| {
        names.push(span.name.clone());
        Ok::<_, Infallible>(())
    });
    let object: &mut dyn SpanSink<Error = Infallible> = &mut from_fn;
    let Ok(_) = run(LOGS, object);
    assert!(names.iter().eq(spans.iter().map(|span| &span.name)));

    let mut bodies = 0;
    let logs: Box<dyn LogSink<Error = Infallible> + '_> = Box::new(sink::logs_from_fn(|_| {
        bodies += 1;
        Ok(())
    }));
    let mut sinks = (Vec::<Span>::new(), logs);
    let Ok(counters) = run(LOGS, &mut sinks);
    drop(sinks);
    assert_eq!(bodies, counters.log_records);
}

#[test]
fn counters_count_what_the_sink_took() {
    let mut left = 5;
    let mut sink = sink::from_fn(|_: &mut Span| {
        left -= 1;
        if left >= 0 { Ok(()) } else { Err("full") }
    });
    let trace = common::read("go1.27/http.trace");
    let mut mapper = Mapper::new();
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("a slice") {
        if mapper.event(&event, &mut sink).is_err() {
            break;
        }
    }
    assert_eq!(mapper.counters().spans, 5);
}

#[test]
fn a_batch_that_cannot_be_sent_waits() {
    let mut spans = Vec::new();
    let Ok(_) = run("go1.27/http.trace", &mut spans);
    let encoder = || Encoder::new(Encoding::Protobuf, &Resource::new()).with_max_bytes(2_000);
    let mut reference = encoder();
    let mut expected: Vec<Batch> =
        spans.iter().filter_map(|span| reference.add(span).expect("small spans")).collect();
    expected.extend(reference.finish());
    let (mut sent, mut call) = (Vec::new(), 0);
    let mut sink = BatchSink::new(encoder(), |batch: &Batch| {
        call += 1;
        if call % 3 == 0 {
            sent.push(batch.clone());
            return Ok(());
        }
        Err("away")
    });
    let mut failed = 0;
    for span in &spans {
        match sink.take(span.clone()) {
            Ok(()) => {}
            Err(BatchSinkError::Send("away")) => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failed > 0);
    // The last batch, which waits after each failure.
    assert!(sink.flush().is_err());
    let waiting = sink.waiting();
    assert!(waiting > 0);
    let rest = sink.into_batches();
    assert_eq!(rest.len(), waiting);
    sent.extend(rest);
    assert!(sent == expected, "each once, in order: {} and {}", sent.len(), expected.len());
}

#[test]
fn generations_read_on_their_own_have_the_times_of_the_whole() {
    for release in ["go1.25", "go1.26", "go1.27"] {
        let trace = common::read(&format!("{release}/generations.trace"));
        let (whole, _) = common::spans_of_bytes(&trace, MapperOptions::default());
        let (mut mapper, mut spans) = (Mapper::new(), Vec::<Span>::new());
        for generation in ReaderOptions::new().generations(&trace).expect("a trace") {
            let generation = generation.expect("a generation");
            let mut events = generation.events(Mode::Strict);
            while let Some(event) = events.next_event().expect("sound") {
                let Ok(()) = mapper.event(&event, &mut spans);
            }
        }
        let Ok(()) = mapper.finish(&mut spans);
        let from = |spans: &[Span]| spans.iter().map(|span| span.start).min().expect("spans");
        assert!(from(&spans) > UnixTime(1 << 60), "{release}: no time of 1970");
        for span in &spans {
            let same = whole.iter().find(|other| other.span_id == span.span_id).expect("a span of the whole");
            assert_eq!((span.start, span.end, &span.name), (same.start, same.end, &same.name), "{release}");
        }
        assert_eq!(spans.len(), whole.len(), "{release}");
    }
}
