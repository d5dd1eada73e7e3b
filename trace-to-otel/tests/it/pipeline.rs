//! A pipeline is its parts, one after the other, and goes on where another one was saved.

use crate::common;
use go_trace_format::Reader;
use trace_to_otel::{
    AllSignals, Counters, LogRecord, LogSink, Mapper, Metric, MetricSink, MetricsCollector, Pipeline,
    PipelineOptions, PipelineState, Span, SpanSink, SpansAndLogs, UnixTime, Volume,
};

type Kept = (Vec<Span>, Vec<LogRecord>, Vec<Metric>);

pub(crate) const RECORDINGS: [&str; 7] = [
    "go1.22/generations.trace",
    "go1.25/flight-whole.trace",
    "go1.26/generations.trace",
    "go1.27/context.trace",
    "go1.27/http.trace",
    "fork/withspan.trace",
    "zero-code/go1.26-http1.trace",
];

fn options() -> PipelineOptions {
    let mut options = PipelineOptions::default();
    options.mapper.log_records = true;
    options.mapper.base_time = UnixTime(1_700_000_000_000_000_000);
    options.volume.minimum_duration = std::time::Duration::from_micros(50);
    options.metrics = true;
    options
}

/// The records of a trace, by a pipeline that another one follows before each generation for which `stops` says so.
fn by_pipeline(trace: &[u8], mut stops: impl FnMut(u64) -> bool) -> Kept {
    let mut pipeline = Pipeline::new(options(), Kept::default());
    let mut reader = Reader::from_slice(trace).expect("a trace");
    let mut count = 0;
    while let Some(event) = reader.next_event().expect("slices can be read") {
        if event.generation_begun().is_some() {
            count += 1;
            if stops(count) {
                let state = pipeline.save().expect("lists take everything");
                let mut next = Pipeline::new(options(), pipeline.into_sink());
                next.resume(&state).expect("what was saved");
                assert_eq!(next.counters().mapper, Counters::default(), "all that was counted, was");
                pipeline = next;
            }
            assert_eq!(pipeline.begins_process(&event), count == 1, "generation {count}");
        }
        let Ok(()) = pipeline.event(&event);
    }
    let Ok(()) = pipeline.finish();
    pipeline.into_sink()
}

/// Two lists in one, for sinks of both.
#[derive(Default)]
struct Both(Vec<Span>, Vec<LogRecord>);

impl SpanSink for Both {
    type Error = std::convert::Infallible;

    fn take(&mut self, span: Span) -> Result<(), Self::Error> {
        self.0.take(span)
    }
}

impl LogSink for Both {
    type Error = std::convert::Infallible;

    fn take_log(&mut self, log: LogRecord) -> Result<(), Self::Error> {
        self.1.take_log(log)
    }
}

fn by_hand(trace: &[u8]) -> Kept {
    let PipelineOptions { mapper, volume, .. } = options();
    let mut collector = MetricsCollector::new(mapper.base_time);
    let mut mapper = Mapper::with_options(mapper);
    let (mut volume, mut metrics) = (Volume::new(volume, Both::default()), Vec::new());
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut SpansAndLogs(&mut volume));
        metrics.extend(collector.event(&event).into_iter().flatten());
    }
    let Ok(()) = mapper.finish(&mut SpansAndLogs(&mut volume));
    let Ok(()) = volume.flush();
    metrics.extend(collector.finish().into_iter().flatten());
    let Both(spans, logs) = volume.into_sink();
    (spans, logs, metrics)
}

#[test]
fn it_is_its_parts() {
    let (mut logs, mut metrics) = (0, 0);
    for recording in RECORDINGS {
        let trace = common::read(recording);
        let made = by_pipeline(&trace, |_| false);
        assert!(!made.0.is_empty(), "{recording} has spans");
        (logs, metrics) = (logs + made.1.len(), metrics + made.2.len());
        assert_eq!(made, by_hand(&trace), "{recording}");
    }
    assert!(logs > 0 && metrics > 0, "{logs} logs, {metrics} metrics");
}

#[test]
fn one_that_goes_on_gives_what_one_that_was_never_stopped_does() {
    for recording in RECORDINGS {
        let trace = common::read(recording);
        let whole = by_pipeline(&trace, |_| false);
        assert_eq!(by_pipeline(&trace, |count| count > 1), whole, "{recording}");
    }
}

#[test]
fn what_a_sink_does_not_take_is_not_made() {
    let trace = common::read("go1.26/tasks.trace");
    let feed = |reader: &mut Reader<'_>, take: &mut dyn FnMut(&go_trace_format::Event<'_>)| {
        while let Some(event) = reader.next_event().expect("slices can be read") {
            take(&event);
        }
    };
    let mut spans = Pipeline::new(options(), Vec::<Span>::new());
    feed(&mut Reader::from_slice(&trace).expect("a trace"), &mut |event| {
        let Ok(()) = spans.event(event);
    });
    let mut both = Pipeline::new(options(), SpansAndLogs(Both::default()));
    feed(&mut Reader::from_slice(&trace).expect("a trace"), &mut |event| {
        let Ok(()) = both.event(event);
    });
    let (Ok(()), Ok(())) = (spans.finish(), both.finish());
    let SpansAndLogs(Both(with_logs, logs)) = both.sink();
    let events = |spans: &[Span]| spans.iter().map(|span| span.events.len()).sum::<usize>();
    assert!(!logs.is_empty(), "records");
    assert!(
        events(spans.sink()) > events(with_logs),
        "without who takes records, logs are events of their spans"
    );
    assert_eq!(spans.save().expect("a list").metrics, [0; 0], "nobody takes metrics: none are counted");
}

/// A sink that is full from the beginning.
struct Full;

impl SpanSink for Full {
    type Error = &'static str;

    fn take(&mut self, _: Span) -> Result<(), Self::Error> {
        Err("no span")
    }
}

impl LogSink for Full {
    type Error = &'static str;

    fn take_log(&mut self, _: LogRecord) -> Result<(), Self::Error> {
        Err("no log")
    }
}

impl MetricSink for Full {
    type Error = &'static str;

    fn take_metric(&mut self, _: Metric) -> Result<(), Self::Error> {
        Err("no metric")
    }
}

#[test]
fn what_keeps_the_sink_from_taking_something_is_told() {
    let trace = common::read("go1.26/tasks.trace");
    let told = |is_quiet: bool| {
        let mut options = options();
        options.mapper.log_records = !is_quiet;
        if is_quiet {
            options.volume.ratio = 0.0.try_into().expect("a ratio");
        }
        let mut pipeline = Pipeline::new(options, AllSignals(Full));
        let mut reader = Reader::from_slice(&trace).expect("a trace");
        let mut errors = Vec::new();
        while let Some(event) = reader.next_event().expect("slices can be read") {
            errors.extend(pipeline.event(&event).err());
        }
        errors.extend(pipeline.finish().err());
        errors
    };
    let loud = told(false);
    assert!(loud.contains(&"no span") && loud.contains(&"no log"), "{loud:?}");
    let quiet = told(true);
    assert!(!quiet.is_empty() && quiet.iter().all(|error| *error == "no metric"), "{quiet:?}");
}

#[test]
fn another_process_is_mapped_by_its_own_base_time() {
    let trace = common::read("go1.22/tasks.trace");
    let mut pipeline = Pipeline::new(options(), Vec::<Span>::new());
    let mut firsts = Vec::new();
    for base_time in [UnixTime(1_000_000_000), UnixTime(5_000_000_000)] {
        let Ok(()) = pipeline.begin(base_time);
        let before = pipeline.sink().len();
        assert_eq!(pipeline.counters().mapper, Counters::default(), "counted anew");
        let mut reader = Reader::from_slice(&trace).expect("a trace");
        while let Some(event) = reader.next_event().expect("slices can be read") {
            let Ok(()) = pipeline.event(&event);
        }
        let Ok(()) = pipeline.finish();
        firsts.push(pipeline.sink()[before..].iter().map(|span| span.start.0).min().expect("spans"));
    }
    assert_eq!(firsts[1] - firsts[0], 4_000_000_000);
    assert_eq!(pipeline.counters().volume.spans, pipeline.sink().len() as u64, "volume counts over both");
}

#[test]
fn of_a_damaged_state_the_rest_is_used() {
    let trace = common::read("go1.26/generations.trace");
    let mut pipeline = Pipeline::new(options(), Kept::default());
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = pipeline.event(&event);
    }
    let Ok(state) = pipeline.save();
    let resumed = |state: &PipelineState| {
        let mut pipeline = Pipeline::new(options(), Kept::default());
        let told = pipeline.resume(state);
        let Ok(saved) = pipeline.save();
        (told, saved)
    };
    let (told, again) = resumed(&state);
    assert_eq!(told, Ok(()));
    assert_eq!((&again.volume, &again.metrics), (&state.volume, &state.metrics));

    let mut damaged = state.clone();
    damaged.mapper.truncate(20);
    let (told, rest) = resumed(&damaged);
    let told = told.expect_err("it is cut");
    assert!(told.mapper.is_some() && told.volume.is_none() && told.metrics.is_none());
    assert!(told.to_string().starts_with("open spans are lost: "), "{told}");
    assert_eq!((&rest.volume, &rest.metrics), (&state.volume, &state.metrics), "the rest");

    (damaged.mapper, damaged.volume, damaged.metrics) = (state.mapper, vec![1], vec![2]);
    let (told, rest) = resumed(&damaged);
    let told = told.expect_err("they are nonsense");
    assert!(told.mapper.is_none() && told.volume.is_some() && told.metrics.is_some());
    let Ok(empty) = Pipeline::new(options(), Kept::default()).save();
    assert_eq!((&rest.volume, &rest.metrics), (&empty.volume, &empty.metrics), "they begin anew");
    assert_eq!(rest.mapper, again.mapper, "and the mapper goes on");
}

#[test]
fn losses_of_all_parts_are_told() {
    let mut options = PipelineOptions::default();
    options.volume.ratio = 0.0.try_into().expect("a ratio");
    options.mapper.limits.open_tasks = 1;
    let mut pipeline = Pipeline::new(options, Vec::<Span>::new());
    let trace = common::read("go1.26/tasks.trace");
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = pipeline.event(&event);
    }
    let Ok(()) = pipeline.finish();
    let losses: Vec<_> = pipeline.counters().losses().map(|(_, what)| what).collect();
    assert!(losses.iter().any(|what| what.contains("too many were open")), "{losses:?}");
    assert!(losses.contains(&"spans of traces that are not sampled"), "{losses:?}");
}
