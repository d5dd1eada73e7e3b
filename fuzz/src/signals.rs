//! Profiles and metrics beside spans, and what holds of these whatever the trace is.

use std::collections::{BTreeMap, HashSet};

use go_trace_context::{SpanId, TraceId};
use go_trace_format::Reader;
use trace_to_otel::{
    LogRecord, Metric, MetricData, Number, Pipeline, PipelineOptions, Resource, Span, otlp,
    profiles::{Profile, ProfileKind, Profiles, ProfilesCollector, ProfilesOptions},
};

/// Salvages a trace, and asserts of its profiles and metrics that they name nothing but spans that have gone out, no more of them than
/// is wanted, that everything happened as often as without spans, and that nothing ends before it begins. One profile is written, too,
/// if any is: compressing it takes as long as all else.
pub fn check_signals(mut reader: Reader<'_>, options: ProfilesOptions, written: Option<ProfileKind>) {
    let max_spans = options.max_spans;
    let (mut all, mut alone) = (PipelineOptions::default(), ProfilesCollector::new(options.clone()));
    (all.metrics, all.exemplars, all.profiles) = (true, true, Some(options));
    let sinks = (Vec::<Span>::new(), Vec::<LogRecord>::new(), Vec::<Metric>::new());
    let mut pipeline = Pipeline::new(all, sinks);
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        let Ok(()) = pipeline.event(&event);
        alone.event(&event);
    }
    let Ok(()) = pipeline.finish();
    let profiles = pipeline.take_profiles().expect("they are wanted");
    let (spans, _, metrics) = pipeline.into_sink();
    let out = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
    check_profiles(&profiles, &alone.finish(), &out);
    assert!(profiles.spans().count() <= max_spans);
    written.into_iter().for_each(|kind| check_encodings(&profiles.profile(kind)));
    metrics.iter().for_each(|metric| check_metric(metric, &out));
}

type Ids = HashSet<(TraceId, SpanId)>;

fn check_profiles(profiles: &Profiles, alone: &Profiles, out: &Ids) {
    for kind in ProfileKind::ALL {
        let profile = profiles.profile(kind);
        // Not for as long: where clocks contradict each other, a span's begin splits time elsewhere than without it.
        assert_eq!(counts(&profile), counts(&alone.profile(kind)), "{kind}");
        let named = profile.samples().iter().filter_map(|sample| sample.span);
        // The program's own SDK exports those without a name.
        named.filter(|span| span.name.is_some()).for_each(|span| {
            assert!(out.contains(&(span.trace_id, span.span_id)), "{kind}: {span:?}");
        });
    }
}

/// A profile has the same sums however it is written.
fn check_encodings(profile: &Profile<'_>) {
    let merged = profile.without_spans();
    let sums = |profile: &Profile<'_>| (profile.count(), profile.nanoseconds());
    assert_eq!(sums(&merged), sums(profile));
    assert_eq!(folded(&merged), folded(profile));
    let encoded =
        otlp::encode_profiles(otlp::Encoding::Protobuf, &Resource::new(), std::slice::from_ref(profile));
    assert_eq!(encoded.is_none(), weight(profile) == 0);
    profile.write_pprof(std::io::sink()).expect("nothing refuses it");
}

/// How often, by reason. Parts of what goes on count as none.
fn counts<'p>(profile: &Profile<'p>) -> BTreeMap<&'p str, u64> {
    let mut counts = BTreeMap::new();
    for sample in profile.samples().iter().filter(|sample| sample.count > 0) {
        *counts.entry(sample.reason.unwrap_or_default()).or_default() += sample.count;
    }
    counts
}

/// What all stacks weigh together.
fn weight(profile: &Profile<'_>) -> u64 {
    if profile.kind().has_times() { profile.nanoseconds() } else { profile.count() }
}

/// The profile as folded stacks, whose weights are that of all together.
fn folded(profile: &Profile<'_>) -> String {
    let mut folded = Vec::new();
    profile.write_folded(&mut folded).expect("a Vec takes everything");
    let folded = String::from_utf8(folded).expect("a text");
    let weights = folded.lines().map(|line| line.rsplit_once(' ').expect("a stack and its weight").1);
    let weights = weights.map(|weight| weight.parse::<u64>().expect("a number"));
    assert_eq!(weights.fold(0, u64::saturating_add), weight(profile), "{}", profile.kind());
    folded
}

/// Nothing ends before it begins, what only grows has not become less, and what is named has gone out.
fn check_metric(metric: &Metric, out: &Ids) {
    match &metric.data {
        MetricData::Sum { is_monotonic, points, .. } => points.iter().for_each(|point| {
            let grows = match point.value {
                Number::Integer(value) => value >= 0,
                Number::Float(value) => value.is_finite() && value >= 0.0,
            };
            assert!(
                point.start <= Some(point.time) && (grows || !is_monotonic),
                "{}: {point:?}",
                metric.name
            );
        }),
        MetricData::Histogram { points, .. } => points.iter().for_each(|point| {
            assert!(point.start <= point.time, "{}: {point:?}", metric.name);
            let range = point.histogram.min()..=point.histogram.max();
            for exemplar in &point.exemplars {
                assert!((point.start..=point.time).contains(&exemplar.time), "{}: {point:?}", metric.name);
                assert!(range.contains(&Some(exemplar.value)), "{}: {point:?}", metric.name);
                assert!(out.contains(&(exemplar.trace_id, exemplar.span_id)), "{}: {point:?}", metric.name);
            }
        }),
        other => panic!("{other:?}"),
    }
}
