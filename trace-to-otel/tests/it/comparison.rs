//! Recordings side by side: chance is no difference, and what got slower is found.
#![cfg(feature = "analysis")]

use std::num::{NonZeroU64, NonZeroU128};

use crate::common::{self, read_events};
use trace_to_otel::{
    Scope, Span, UnixTime,
    analysis::{Analysis, AnalysisCollector, Comparison, ComparisonOptions, Verdict},
};

/// Numbers that look like chance, the same each time.
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Durations as those of requests are: a few much longer than most.
    fn duration(&mut self, typical: f64) -> u64 {
        let near_normal = (0..6).map(|_| self.next()).sum::<f64>() - 3.0;
        (typical * near_normal.exp()) as u64
    }
}

fn collect(durations: impl IntoIterator<Item = (String, u64)>) -> Analysis {
    let mut collector = AnalysisCollector::default();
    for (name, duration) in durations {
        let (trace_id, span_id) = (NonZeroU128::MIN.into(), NonZeroU64::MIN.into());
        let times = (UnixTime(0), UnixTime(duration));
        collector.span(&Span::new(trace_id, span_id, Scope::Http, name, times));
    }
    collector.finish()
}

/// Spans of so many names, so many of each, of typically 1 ms.
fn requests(seed: u64, names: usize, count: usize, typical: impl Fn(usize) -> f64) -> Analysis {
    let mut chance = Chance(seed);
    let mut all = Vec::new();
    for _ in 0..count {
        for name in 0..names {
            all.push((format!("GET /{name}"), chance.duration(typical(name))));
        }
    }
    collect(all)
}

fn compare<'a>(before: &'a Analysis, after: &'a Analysis) -> Comparison<'a> {
    Comparison::of(before, after, ComparisonOptions::default())
}

fn verdict(comparison: &Comparison<'_>, name: &str) -> Verdict {
    let is_it = |group: &trace_to_otel::analysis::SpanGroup| &*group.name == name;
    let found = comparison.spans.iter().find(|span| span.before.or(span.after).is_some_and(is_it));
    found.map(|span| span.verdict).unwrap_or_else(|| panic!("{name}: {comparison:#?}"))
}

#[test]
fn a_recording_does_not_differ_from_itself() {
    for name in ["go1.27/http.trace", "go1.26/gc.trace", "go1.27/generations.trace"] {
        let mut collector = AnalysisCollector::default();
        read_events(&common::read(name), |event| collector.event(event));
        let analysis = collector.finish();
        let comparison = compare(&analysis, &analysis);
        assert!(!comparison.is_different(), "{name}: {comparison:#?}");
        let only = |verdict| matches!(verdict, Verdict::Same | Verdict::TooFew);
        assert!(comparison.goroutines.iter().all(|group| only(group.verdict)), "{name}");
    }
}

#[test]
fn chance_is_no_difference() {
    for seed in 0..8 {
        let (before, after) = (requests(seed, 100, 30, |_| 1e6), requests(seed + 1_000, 100, 30, |_| 1e6));
        assert!(!compare(&before, &after).is_different(), "{seed}");
        let (before, after) = (requests(seed, 1, 20_000, |_| 1e6), requests(seed + 1_000, 1, 500, |_| 1e6));
        assert!(!compare(&before, &after).is_different(), "one is much longer: {seed}");
    }
}

/// A program is slower now and then, for a while: requests that follow on each other are alike.
#[test]
fn halves_of_one_recording_do_not_differ() {
    for seed in 0..8 {
        let mut chance = Chance(seed);
        let mut load = 1.0;
        let mut all = Vec::new();
        for index in 0..4_000 {
            if index % 50 == 0 {
                load = 0.7 + 0.6 * chance.next();
            }
            all.push(("GET /".to_owned(), chance.duration(1e6 * load)));
        }
        let second = all.split_off(2_000);
        let (before, after) = (collect(all), collect(second));
        assert!(!compare(&before, &after).is_different(), "{seed}: {:#?}", compare(&before, &after));
    }
}

#[test]
fn what_got_slower_or_faster_is_found() {
    let factor = |name| match name {
        3 => 2.0,
        4 => 0.5,
        _ => 1.0,
    };
    for seed in 0..8 {
        let before = requests(seed, 20, 200, |_| 1e6);
        let after = requests(seed + 1_000, 20, 300, |name| 1e6 * factor(name));
        let comparison = compare(&before, &after);
        let verdicts: Vec<_> = comparison.spans.iter().map(|span| span.verdict).collect();
        assert_eq!(verdicts[..3], [Verdict::Slower, Verdict::Faster, Verdict::Same], "{comparison:#?}");
        assert!(verdicts[3..].iter().all(|verdict| *verdict == Verdict::Same));
        assert_eq!(verdict(&comparison, "GET /3"), Verdict::Slower);
        assert_eq!(verdict(&comparison, "GET /4"), Verdict::Faster);
        let found = &comparison.spans[0];
        assert!(
            found.superiority.is_some_and(|share| share > 0.7) && found.p_value.is_some_and(|p| p < 1e-6)
        );
    }
}

#[test]
fn a_difference_that_is_too_small_to_matter_is_none() {
    // Certain, as there are many, but of 3 in 100.
    let (before, after) = (requests(1, 1, 20_000, |_| 1e6), requests(2, 1, 20_000, |_| 1.03e6));
    assert!(!compare(&before, &after).is_different());
    let ten = |typical: u64| collect((0..10).map(|index| ("GET /".to_owned(), typical + index)));
    let comparison = compare(&before, &after);
    assert!(comparison.spans[0].p_value.is_some());
    // Ten are enough where all of one are slower.
    assert_eq!(compare(&ten(1_000_000), &ten(1_500_000)).spans[0].verdict, Verdict::Slower);
    assert_eq!(compare(&ten(1_000_000), &ten(1_050_000)).spans[0].verdict, Verdict::Same);
}

#[test]
fn what_is_new_or_gone_or_rare_is_told_as_such() {
    let spans = |name: &str, count: u64| {
        (0..count).map(move |index| (name.to_owned(), 1_000 + index)).collect::<Vec<_>>()
    };
    let before = collect([spans("gone", 9), spans("rare", 3), spans("both", 9)].concat());
    let after = collect([spans("new", 9), spans("rare", 900), spans("both", 9)].concat());
    let comparison = compare(&before, &after);
    let verdicts: Vec<_> = comparison.spans.iter().map(|span| span.verdict).collect();
    assert_eq!(verdicts, [Verdict::New, Verdict::Gone, Verdict::Same, Verdict::TooFew]);
    for (name, expected) in [("gone", Verdict::Gone), ("new", Verdict::New), ("rare", Verdict::TooFew)] {
        assert_eq!(verdict(&comparison, name), expected);
    }
    assert!(!comparison.is_different());
}
