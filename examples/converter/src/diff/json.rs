//! The differences as JSON: `docs/stats.md` says what each key is.

use serde::Serialize;
use trace_to_otel::{
    Anatomy,
    analysis::{Comparison, Difference, Distribution, GoroutineGroup, SpanGroup, Verdict},
};

use crate::{
    recording::Recording,
    stats::{Durations, Split, rate},
};

#[derive(Serialize)]
pub(super) struct Differences<'a> {
    before: About<'a>,
    after: About<'a>,
    different: bool,
    spans: Vec<Entry<'a>>,
    goroutines: Vec<Entry<'a>>,
    scheduler: Compared,
}

#[derive(Serialize)]
struct About<'a> {
    name: &'a str,
    go_versions: &'a [String],
    start_unix_nanoseconds: u64,
    duration_nanoseconds: u64,
    procs: u64,
    utilisation: Option<f64>,
}

/// What one difference is of.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(flatten)]
    compared: Compared,
}

#[derive(Serialize)]
struct Compared {
    verdict: &'static str,
    superiority: Option<f64>,
    p_value: Option<f64>,
    before: Option<Side>,
    after: Option<Side>,
}

#[derive(Serialize)]
struct Side {
    count: u64,
    per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<u64>,
    /// Of those that were recorded from begin to end.
    duration_nanoseconds: Durations,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean_split_nanoseconds: Option<Split>,
}

impl<'a> Differences<'a> {
    pub(super) fn new(recordings: [&'a Recording; 2], comparison: &Comparison<'a>) -> Self {
        let [before, after] = recordings.map(About::new);
        let recorded = recordings.map(|recording| recording.analysis.period.duration);
        Self {
            before,
            after,
            different: comparison.is_different(),
            spans: comparison.spans.iter().map(|span| Entry::of_span(span, recorded)).collect(),
            goroutines: comparison.goroutines.iter().map(|group| Entry::of_group(group, recorded)).collect(),
            scheduler: Compared::new(&comparison.scheduler, recorded, |latency, recorded| {
                Side::new(latency.count(), latency, None, None, recorded)
            }),
        }
    }
}

impl<'a> About<'a> {
    fn new(recording: &'a Recording) -> Self {
        let analysis = &recording.analysis;
        Self {
            name: &recording.name,
            go_versions: &recording.go_versions,
            start_unix_nanoseconds: analysis.period.start.0,
            duration_nanoseconds: analysis.period.duration,
            procs: analysis.most_procs,
            utilisation: analysis.timeline.whole().utilisation(),
        }
    }
}

/// What a verdict is called.
fn verdict_key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Slower => "slower",
        Verdict::Faster => "faster",
        Verdict::New => "new",
        Verdict::Gone => "gone",
        Verdict::TooLong => "too-long",
        Verdict::NotTold => "not-told",
        Verdict::TooFew => "too-few",
        _ => "same",
    }
}

impl<'a> Entry<'a> {
    fn of_span(span: &Difference<&'a SpanGroup>, recorded: [u64; 2]) -> Self {
        let group = span.before.or(span.after);
        let side = |group: &&SpanGroup, recorded| {
            let split = (&group.anatomy.mean(group.split)).into();
            Side::new(group.count(), &group.whole, Some(group.errors), Some(split), recorded)
        };
        Self {
            scope: group.and_then(|group| group.scope.as_ref()).map(|scope| scope.name()),
            kind: group.map(|group| group.kind.name()),
            name: group.map(|group| &*group.name),
            function: None,
            compared: Compared::new(span, recorded, side),
        }
    }

    fn of_group(difference: &Difference<&'a GoroutineGroup>, recorded: [u64; 2]) -> Self {
        let group = difference.before.or(difference.after);
        let side = |group: &&GoroutineGroup, recorded| {
            let mean: Anatomy = group.whole_anatomy.mean(group.whole.count());
            Side::new(group.count(), &group.whole, None, Some((&mean).into()), recorded)
        };
        Self {
            scope: None,
            kind: None,
            name: None,
            function: group.map(|group| group.kind.name()),
            compared: Compared::new(difference, recorded, side),
        }
    }
}

impl Compared {
    fn new<T>(difference: &Difference<T>, [before, after]: [u64; 2], side: impl Fn(&T, u64) -> Side) -> Self {
        Self {
            verdict: verdict_key(difference.verdict),
            superiority: difference.superiority,
            p_value: difference.p_value,
            before: difference.before.as_ref().map(|own| side(own, before)),
            after: difference.after.as_ref().map(|own| side(own, after)),
        }
    }
}

impl Side {
    fn new(
        count: u64,
        durations: &Distribution,
        errors: Option<u64>,
        mean_split_nanoseconds: Option<Split>,
        recorded: u64,
    ) -> Self {
        let duration_nanoseconds = durations.into();
        Self {
            count,
            per_second: rate(count, recorded),
            errors,
            duration_nanoseconds,
            mean_split_nanoseconds,
        }
    }
}
