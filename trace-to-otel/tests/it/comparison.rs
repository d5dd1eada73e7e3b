//! Recordings side by side: chance is no difference, and what got slower is found.
#![cfg(feature = "analysis")]

use std::num::{NonZeroU64, NonZeroU128};

use crate::common::{
    self, read_events,
    script::{Act, Script, UNIT, trace},
};
use go_trace_format::Dialect;
use trace_to_otel::{
    Attribute, Scope, Span, UnixTime,
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

fn span(name: &str, times: (u64, u64)) -> Span {
    let (trace_id, span_id) = (NonZeroU128::MIN.into(), NonZeroU64::MIN.into());
    Span::new(trace_id, span_id, Scope::Http, name, (UnixTime(times.0), UnixTime(times.1)))
}

fn collect(durations: impl IntoIterator<Item = (String, u64)>) -> Analysis {
    let mut collector = AnalysisCollector::default();
    for (name, duration) in durations {
        collector.span(&span(&name, (0, duration)));
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

/// How long a generation of a made trace is.
const GENERATION: u64 = 1_000 * UNIT;

/// So many generations of a program that begins a request about every five units, each as long as drawn: what of them was recorded.
fn recorded(generations: u64, seed: u64, draw: impl Fn(&mut Chance) -> u64) -> Analysis {
    let mut collector = AnalysisCollector::default();
    let run = |script: &mut Script<'_>| script.run(7);
    let acts: Vec<_> = (1..=generations + 1).map(|number| (number, &run as Act<'_>)).collect();
    read_events(&trace(Dialect::Stock, &acts), |event| collector.event(event));
    let (begin, end) = (20 * GENERATION, (20 + generations) * GENERATION);
    let (mut chance, mut time) = (Chance(seed), 0);
    while time < end {
        time += (10.0 * UNIT as f64 * chance.next()) as u64;
        let until = time + draw(&mut chance);
        if time >= end || until <= begin {
            continue;
        }
        let mut seen = span("GET /", (time.max(begin), until.min(end)));
        if time < begin || until > end {
            seen.attributes.push(Attribute::new("gotrace.incomplete", "end"));
        }
        collector.span(&seen);
    }
    collector.finish()
}

/// As long as the decay of an atom takes.
fn exponential(chance: &mut Chance, mean: u64) -> u64 {
    (-(1.0 - chance.next()).ln() * mean as f64) as u64
}

#[test]
fn the_length_of_a_recording_is_no_difference() {
    // The longest, in the mean, are twice the shorter recording.
    for tenths in [0, 1, 2, 5, 10, 20] {
        let draw = |chance: &mut Chance| exponential(chance, tenths * GENERATION / 5 + 100);
        for seed in 0..4 {
            let (short, long) = (recorded(2, seed, draw), recorded(20, seed + 1_000, draw));
            for comparison in [compare(&short, &long), compare(&long, &short)] {
                assert!(!comparison.is_different(), "{tenths} {seed}: {comparison:#?}");
                let expected = if tenths == 0 { Verdict::Same } else { Verdict::TooLong };
                assert_eq!(comparison.spans[0].verdict, expected, "{tenths} {seed}: {comparison:#?}");
            }
        }
    }
}

#[test]
fn what_is_short_is_compared_between_recordings_of_any_length() {
    let draw = |times: u64| move |chance: &mut Chance| exponential(chance, times * 1_000);
    let (short, long) = (recorded(2, 1, draw(1)), recorded(20, 2, draw(3)));
    assert_eq!(compare(&short, &long).spans[0].verdict, Verdict::Slower);
    assert_eq!(compare(&long, &short).spans[0].verdict, Verdict::Faster);
}

#[test]
fn what_hangs_to_the_end_is_not_left_out_silently() {
    let quick = |chance: &mut Chance| exponential(chance, 1_000);
    let hangs =
        |chance: &mut Chance| if chance.next() < 0.3 { u64::MAX / 4 } else { exponential(chance, 500) };
    let (before, after) = (recorded(5, 1, quick), recorded(5, 2, hangs));
    assert_eq!(compare(&before, &after).spans[0].verdict, Verdict::TooLong);
}

#[test]
fn a_recording_does_not_differ_from_itself() {
    for name in ["go1.27/http.trace", "go1.26/gc.trace", "go1.27/generations.trace"] {
        let mut collector = AnalysisCollector::default();
        read_events(&common::read(name), |event| collector.event(event));
        let analysis = collector.finish();
        let comparison = compare(&analysis, &analysis);
        assert!(!comparison.is_different(), "{name}: {comparison:#?}");
        let only = |verdict| matches!(verdict, Verdict::Same | Verdict::TooLong | Verdict::TooFew);
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

/// Beyond the limit of names which ones are told apart is chance.
#[test]
fn what_is_not_told_apart_is_not_compared() {
    let spans = |names: std::ops::Range<u64>, duration: u64| {
        names.flat_map(move |name| (0..9).map(move |index| (format!("GET /{name}"), duration + index)))
    };
    let before = collect(spans(0..1_000, 1_000).chain(spans(1_000..1_100, 1_000)));
    let after =
        collect(spans(1_000..1_100, 1_000).chain(spans(0..999, 1_000)).chain(spans(2_000..2_100, 90_000)));
    let comparison = compare(&before, &after);
    assert!(!comparison.is_different(), "{comparison:#?}");
    let count = |verdict| comparison.spans.iter().filter(|span| span.verdict == verdict).count();
    assert_eq!((count(Verdict::New), count(Verdict::Gone), count(Verdict::TooFew)), (0, 0, 0));
    assert_eq!(verdict(&comparison, "[others]"), Verdict::NotTold);
    assert_eq!(verdict(&comparison, "GET /1000"), Verdict::Same);
    assert_eq!(verdict(&comparison, "GET /1099"), Verdict::NotTold, "it is among the others before");
    // What the side has that has no others is not there in the other one, if that has none.
    let few = collect(spans(5_000..5_001, 1_000));
    assert_eq!(verdict(&compare(&few, &before), "GET /5000"), Verdict::NotTold);
    assert_eq!(verdict(&compare(&few, &before), "GET /7"), Verdict::New);
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
