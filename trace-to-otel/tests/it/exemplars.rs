//! Exemplars: durations that metrics count, and the spans that they were measured in.

use std::{collections::HashSet, time::Duration};

use crate::{
    common::{
        self,
        script::{Script, UNIT, trace},
    },
    pipeline::RECORDINGS,
    untrusted,
};
use go_trace_format::{Dialect, EventType};
use opentelemetry_semantic_conventions::metric as names;
use proptest::{collection::vec, prelude::*};
use trace_to_otel::{
    Collapse, Exemplar, HistogramPoint, LogRecord, Metric, MetricData, Pipeline, PipelineOptions, Span,
    UnixTime,
};

fn options() -> PipelineOptions {
    let mut options = PipelineOptions::default();
    // On one line, whatever generations a span goes over.
    options.mapper.steady_clock = true;
    (options.metrics, options.exemplars) = (true, true);
    options
}

fn collect(trace: &[u8], options: PipelineOptions) -> (Vec<Span>, Vec<Metric>) {
    let sinks = (Vec::<Span>::new(), Vec::<LogRecord>::new(), Vec::<Metric>::new());
    let mut pipeline = Pipeline::new(options, sinks);
    common::read_events(trace, |event| {
        let Ok(()) = pipeline.event(event);
    });
    let Ok(()) = pipeline.finish();
    let (spans, _, metrics) = pipeline.into_sink();
    (spans, metrics)
}

fn points(metrics: &[Metric]) -> impl Iterator<Item = (&str, &HistogramPoint)> {
    metrics.iter().flat_map(|metric| {
        let points = match &metric.data {
            MetricData::Histogram { points, .. } => &points[..],
            _ => &[],
        };
        points.iter().map(|point| (&*metric.name, point))
    })
}

/// The bucket of a value.
fn bucket(point: &HistogramPoint, value: f64) -> usize {
    point.histogram.bounds().iter().filter(|&&bound| bound < value).count()
}

/// Each is a value of its point, the only one of its bucket, and of a span that has gone out; gives how many there are.
fn check(spans: &[Span], metrics: &[Metric]) -> usize {
    let out: HashSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
    let mut count = 0;
    for (name, point) in points(metrics) {
        let (histogram, mut buckets) = (&point.histogram, HashSet::new());
        for exemplar in &point.exemplars {
            let &Exemplar { time, value, trace_id, span_id, .. } = exemplar;
            let place = bucket(point, value);
            assert!(histogram.counts()[place] > 0 && buckets.insert(place), "{name} {point:?}");
            assert!(Some(value) <= histogram.max() && Some(value) >= histogram.min(), "{name} {point:?}");
            assert!((point.start..=point.time).contains(&time), "{name} {point:?}");
            assert!(out.contains(&(trace_id, span_id)), "{name} {point:?}");
            count += 1;
        }
    }
    count
}

/// Whether some span of these ids was open when a duration ended.
fn is_within(spans: &[Span], exemplar: &Exemplar) -> bool {
    let mut named =
        spans.iter().filter(|span| (span.trace_id, span.span_id) == (exemplar.trace_id, exemplar.span_id));
    named.any(|span| (span.start..=span.end).contains(&exemplar.time))
}

#[test]
fn exemplars_name_spans_that_have_gone_out() {
    let mut count = 0;
    for name in RECORDINGS {
        let trace = common::read(name);
        let (spans, metrics) = collect(&trace, options());
        count += check(&spans, &metrics);
        // Without them, all else is the same.
        let mut none = options();
        none.exemplars = false;
        let (same_spans, mut without) = collect(&trace, none);
        assert!(same_spans == spans && points(&without).all(|(_, point)| point.exemplars.is_empty()));
        let exemplars = points(&metrics).map(|(_, point)| point.exemplars.clone());
        let histograms = without.iter_mut().filter_map(|metric| match &mut metric.data {
            MetricData::Histogram { points, .. } => Some(points),
            _ => None,
        });
        histograms.flatten().zip(exemplars).for_each(|(point, exemplars)| point.exemplars = exemplars);
        assert!(without == metrics, "{name}");
    }
    assert!(count > 30, "{count}");
}

#[test]
fn they_were_measured_while_their_span_was_open() {
    // The clocks of generations may disagree a little: these have one.
    for name in ["go1.27/http.trace", "go1.27/context.trace", "zero-code/go1.26-http1.trace"] {
        let (spans, metrics) = collect(&common::read(name), options());
        let exemplars: Vec<_> = points(&metrics).flat_map(|(_, point)| &point.exemplars).collect();
        assert!(!exemplars.is_empty(), "{name}");
        for exemplar in exemplars {
            assert!(is_within(&spans, exemplar), "{name}: {exemplar:?}");
        }
    }
}

#[test]
fn spans_that_stay_behind_lend_nothing() {
    let mut few = options();
    few.volume.ratio = 0.3.try_into().expect("a share");
    let (mut count, mut whole) = (0, 0);
    for name in RECORDINGS {
        let trace = common::read(name);
        let (spans, metrics) = collect(&trace, few.clone());
        count += check(&spans, &metrics);
        let (spans, metrics) = collect(&trace, options());
        whole += check(&spans, &metrics);
    }
    assert!(count > 0 && count < whole, "{count} of {whole}");
}

/// Goroutine 7 is woken `times` moments before it runs again.
fn wait(script: &mut Script<'_>, sequence: u64, times: u64) {
    let (reason, stack) = (script.string("sync"), script.stack(&["main.wait", "main.main"]));
    script.event(7, EventType::GoBlock, &[reason, stack]);
    script.event(8, EventType::GoUnblock, &[7, sequence, stack]);
    for _ in 1..times {
        script.log(8, 0, "", "meanwhile");
    }
    script.start(7, 7, sequence + 1);
}

/// Two regions, of which the inner one has the longer waits; and one that is open when the generation ends.
fn nested(script: &mut Script<'_>) {
    script.run(7);
    script.run(8);
    wait(script, 1, 1);
    script.region_begin(7, 0, "outer");
    wait(script, 3, 2);
    script.region_begin(7, 0, "inner");
    wait(script, 5, 40);
    wait(script, 7, 39);
    script.region_end(7, 0, "inner");
    script.region_end(7, 0, "outer");
    script.region_begin(7, 0, "open");
    wait(script, 9, 500);
}

fn last(script: &mut Script<'_>) {
    script.run(7);
    script.run(8);
    script.region_end(7, 0, "open");
}

#[test]
fn of_each_bucket_the_longest_of_a_span_is_told() {
    let trace = trace(Dialect::Stock, &[(1, &nested), (2, &last)]);
    let (spans, metrics) = collect(&trace, options());
    check(&spans, &metrics);
    // Nobody was in a span for the first wait, and the last one's was open when the metrics were told.
    assert_eq!(told(&spans, &metrics), [(2, "outer"), (40, "inner")]);
}

/// How long what is told of scheduling took, in units of the clock, and the spans.
fn told<'s>(spans: &'s [Span], metrics: &[Metric]) -> Vec<(u64, &'s str)> {
    let of_scheduling = points(metrics).filter(|(name, _)| *name == names::GO_SCHEDULE_DURATION);
    let exemplars = of_scheduling.flat_map(|(_, point)| &point.exemplars);
    let name = |exemplar: &Exemplar| {
        let span = spans.iter().find(|span| span.span_id == exemplar.span_id).expect("it has gone out");
        ((exemplar.value * 1e9 / UNIT as f64).round() as u64, &*span.name)
    };
    exemplars.map(name).collect()
}

#[test]
fn a_span_lends_to_each_bucket() {
    let act: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        script.region_begin(7, 0, "one");
        wait(script, 1, 2);
        wait(script, 3, 40);
        wait(script, 5, 1);
        script.region_end(7, 0, "one");
    };
    let (spans, metrics) = collect(&trace(Dialect::Stock, &[(1, &act)]), options());
    assert_eq!(check(&spans, &metrics), 2);
    assert_eq!(told(&spans, &metrics), [(2, "one"), (40, "one")]);
}

#[test]
fn the_span_of_a_goroutine_that_has_ended_lends_nothing_to_the_next_one_of_its_id() {
    let act: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        script.task_begin(7, 1, 0, "task");
        wait(script, 1, 1);
        script.event(7, EventType::GoDestroy, &[]);
        script.create(8, 7);
        script.start(7, 7, 1);
        // The task is open, but the goroutine is another one.
        wait(script, 2, 40);
        script.task_end(8, 1);
        wait(script, 4, 500);
    };
    let (spans, metrics) = collect(&trace(Dialect::Stock, &[(1, &act)]), options());
    assert_eq!(told(&spans, &metrics), [(1, "task")]);
}

#[test]
fn spans_that_stay_behind_leave_room_for_later_ones() {
    const MOST: u64 = 1 << 14;
    let act: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        for number in 0..MOST + 1000 {
            let is_late = number > MOST;
            script.region_begin(7, 0, if is_late { "late" } else { "early" });
            wait(script, 2 * number + 1, if is_late { 40 } else { 1 });
            script.region_end(7, 0, if is_late { "late" } else { "early" });
        }
    };
    let trace = trace(Dialect::Stock, &[(1, &act)]);
    for collapse in [None, Some(Collapse::shorter_than(Duration::from_secs(1)))] {
        let mut few = options();
        few.volume.ratio = 0.05.try_into().expect("a share");
        few.volume.collapse = collapse;
        let (spans, metrics) = collect(&trace, few);
        check(&spans, &metrics);
        assert!(told(&spans, &metrics).contains(&(40, "late")), "{collapse:?}");
    }
}

#[test]
fn what_is_held_back_lends_before_a_pipeline_is_saved() {
    let act: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        script.region_begin(7, 0, "held");
        wait(script, 1, 3);
        script.region_end(7, 0, "held");
    };
    let trace = trace(Dialect::Stock, &[(1, &act), (2, &act)]);
    let mut held = options();
    held.volume.collapse = Some(Collapse::shorter_than(Duration::from_secs(1)));
    let sinks = || (Vec::<Span>::new(), Vec::<LogRecord>::new(), Vec::<Metric>::new());
    let convert = |are_saved: bool| {
        let mut pipeline = Pipeline::new(held.clone(), sinks());
        common::read_events(&trace, |event| {
            if event.generation_begun().is_some() {
                let Ok(()) = pipeline.flush();
                if are_saved {
                    let Ok(state) = pipeline.save();
                    let kept = std::mem::replace(&mut pipeline, Pipeline::new(held.clone(), sinks()));
                    *pipeline.sink_mut() = kept.into_sink();
                    pipeline.resume(&state).expect("a state");
                }
            }
            let Ok(()) = pipeline.event(event);
        });
        let Ok(()) = pipeline.finish();
        pipeline.into_sink()
    };
    let (spans, _, metrics) = convert(false);
    assert_eq!(check(&spans, &metrics), 2);
    assert!(convert(true) == (spans, Vec::new(), metrics));
}

#[test]
#[cfg(feature = "profiles")]
fn taking_profiles_changes_no_metrics() {
    let mut both = options();
    both.profiles = Some(trace_to_otel::profiles::ProfilesOptions::default());
    for name in ["go1.27/http.trace", "go1.27/context.trace"] {
        let trace = common::read(name);
        let sinks = (Vec::<Span>::new(), Vec::<LogRecord>::new(), Vec::<Metric>::new());
        let mut pipeline = Pipeline::new(both.clone(), sinks);
        common::read_events(&trace, |event| {
            let Ok(()) = pipeline.event(event);
            pipeline.take_profiles().expect("profiles");
        });
        let Ok(()) = pipeline.finish();
        let (spans, _, metrics) = pipeline.into_sink();
        assert!(check(&spans, &metrics) > 0, "{name}");
        assert!(collect(&trace, both.clone()) == (spans, metrics), "{name}");
    }
}

#[test]
fn what_was_open_before_a_pipeline_was_saved_is_known_behind_it() {
    let before: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        script.region_begin(7, 0, "over both");
    };
    let behind: fn(&mut Script<'_>) = |script| {
        script.run(7);
        script.run(8);
        wait(script, 1, 3);
        script.region_end(7, 0, "over both");
    };
    let trace = trace(Dialect::Stock, &[(1, &before), (2, &behind)]);
    let sinks = || (Vec::<Span>::new(), Vec::<LogRecord>::new(), Vec::<Metric>::new());
    let mut pipeline = Pipeline::new(options(), sinks());
    let mut generations = 0;
    common::read_events(&trace, |event| {
        if event.generation_begun().is_some() {
            generations += 1;
            if generations == 2 {
                let Ok(state) = pipeline.save();
                let kept = std::mem::replace(&mut pipeline, Pipeline::new(options(), sinks())).into_sink();
                assert!(kept.0.is_empty(), "it is open");
                pipeline.resume(&state).expect("a state");
            }
        }
        let Ok(()) = pipeline.event(event);
    });
    let Ok(()) = pipeline.finish();
    let (spans, _, metrics) = pipeline.into_sink();
    assert_eq!(check(&spans, &metrics), 1);
    assert!(spans[0].start > UnixTime(0));
}

proptest! {
    #[test]
    fn whatever_the_trace_they_are_values_of_spans_that_have_gone_out(
        place in 0..untrusted::RECORDINGS.len(),
        damages in vec(untrusted::damage(), 1..12),
    ) {
        let mut trace = common::read(untrusted::RECORDINGS[place]);
        damages.iter().for_each(|damage| untrusted::apply(&mut trace, damage));
        let (spans, metrics) = collect(&trace, options());
        check(&spans, &metrics);
    }
}
