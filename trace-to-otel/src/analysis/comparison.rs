//! Two recordings side by side.

use core::{cmp::Reverse, hash::Hash};
use std::collections::HashMap;

use crate::analysis::{
    Analysis, Distribution, GoroutineGroup, GroupKind, SpanGroup,
    rank_test::{RankTest, adjusted},
};

/// When two distributions count as different.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ComparisonOptions {
    /// With fewer values on either side nothing is said: 8 unless set.
    pub min_count: u64,
    /// How likely any of all differences is to be found by chance alone, where there is none: 0.01 unless set.
    pub significance: f64,
    /// By which share the median or the ninth decile has to differ: 0.1 unless set.
    pub min_change: f64,
    /// In which share of all pairs of a value of each side that of the slower one has to be greater: 0.65 unless set.
    ///
    /// What a program does in two minutes is never quite the same: with many values, a test would find any difference. This
    /// is how large it has to be.
    pub min_superiority: f64,
}

impl Default for ComparisonOptions {
    fn default() -> Self {
        Self { min_count: 8, significance: 0.01, min_change: 0.1, min_superiority: 0.65 }
    }
}

/// What got slower or faster between two recordings, by request and by goroutine.
///
/// Durations are compared of what was recorded from begin to end, by the test of Mann and Whitney on up to 1,000 values of each side that
/// stand for all; the limit of all tests together is kept by Holm's procedure. Only what is
/// [large enough](ComparisonOptions::min_superiority) too is a difference.
///
/// Recordings may be of different length, but a short one sees only the short ones of what takes long: of what takes a share `s` of a recording it
/// has `1 - s` from begin to end. So nothing is said of things of which on either side more than one in ten, whole or not, took longer
/// than a tenth of the [mean row](Analysis::mean_row) of the shorter recording: they are [too long](Verdict::TooLong). Of what is left, the
/// lengths alone shift the superiority by less than 0.15. Where an analysis has spans and no events its length is not known,
/// and nothing is too long.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Comparison<'a> {
    /// Spans by scope, kind and name.
    pub spans: Vec<Difference<&'a SpanGroup>>,
    /// Goroutines by the function that they begin with: how long those lived that began and ended.
    pub goroutines: Vec<Difference<&'a GoroutineGroup>>,
    /// How long goroutines waited from being able to run to running.
    pub scheduler: Difference<Distribution>,
}

/// The same thing in two recordings.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Difference<T> {
    /// In the first; none if it was not there.
    pub before: Option<T>,
    /// In the second; none if it was not there.
    pub after: Option<T>,
    /// What became of it.
    pub verdict: Verdict,
    /// In which share of all pairs the second is slower, where half of equal ones count; none where nothing was compared.
    pub superiority: Option<f64>,
    /// How likely it is to be so far from one half by chance alone, with all comparisons taken into account; likewise.
    pub p_value: Option<f64>,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It got slower.
    Slower,
    /// It got faster.
    Faster,
    /// It is there only in the second.
    New,
    /// It is there only in the first.
    Gone,
    /// Neither is known: what there is may be chance, or is too small.
    Same,
    /// It takes too long for recordings of such length to say.
    TooLong,
    /// It is no one thing, or may be among what a recording does not tell apart.
    NotTold,
    /// There is too little of it to say.
    TooFew,
}

/// How many values stand for all.
const MOST_VALUES: usize = 1_000;
/// Which part of the shorter recording things may take to be compared, one in ten of them left aside.
const LONGEST_PART: u64 = 10;

impl<'a> Comparison<'a> {
    /// Compares.
    #[must_use]
    pub fn of(before: &'a Analysis, after: &'a Analysis, options: ComparisonOptions) -> Self {
        let is_mixed = |group: &SpanGroup| group.scope.is_none();
        let mut spans =
            paired([&before.spans, &after.spans].map(Vec::as_slice), SpanGroup::key, is_mixed, is_mixed);
        let is_mixed = |group: &GoroutineGroup| !matches!(group.kind, GroupKind::Function(_));
        let is_of_others = |group: &GoroutineGroup| group.kind == GroupKind::Others;
        let sides = [&before.goroutines, &after.goroutines].map(Vec::as_slice);
        let mut goroutines = paired(sides, |group| group.kind.clone(), is_mixed, is_of_others);
        let latency = |analysis: &Analysis| Some(analysis.timeline.whole().latency);
        let mut scheduler = Difference::new(latency(before), latency(after));
        let longest = [before, after].into_iter().filter_map(Analysis::mean_row).min();
        let longest = longest.map_or(u64::MAX, |row| row / LONGEST_PART);
        let mut tests: Vec<(Test, &mut dyn Judged)> = Vec::new();
        for span in &mut spans {
            let test = span.test(longest, options, |group| [&group.durations, &group.whole]);
            tests.extend(test.map(|test| (test, span as _)));
        }
        for group in &mut goroutines {
            let test = group.test(longest, options, |group| [&group.lifetime, &group.whole]);
            tests.extend(test.map(|test| (test, group as _)));
        }
        let test = scheduler.test(longest, options, |latency| [latency; 2]);
        tests.extend(test.map(|test| (test, &mut scheduler as _)));
        let p_values = adjusted(&tests.iter().map(|(test, _)| test.found.p_value).collect::<Vec<_>>());
        for ((test, judged), p_value) in tests.into_iter().zip(p_values) {
            judged.judge(&test, p_value, options);
        }
        spans.sort_by_cached_key(|span| {
            let total = |group: Option<&SpanGroup>| group.map_or(0, |group| group.durations.total());
            (span.verdict, Reverse(total(span.before).max(total(span.after))))
        });
        goroutines.sort_by_cached_key(|group| {
            let total = |group: Option<&GoroutineGroup>| group.map_or(0, |group| group.lifetime.total());
            (group.verdict, Reverse(total(group.before).max(total(group.after))))
        });
        Self { spans, goroutines, scheduler }
    }

    /// Whether something got slower or faster.
    #[must_use]
    pub fn is_different(&self) -> bool {
        let verdicts = self.spans.iter().map(|span| span.verdict);
        let verdicts = verdicts.chain(self.goroutines.iter().map(|group| group.verdict));
        verdicts
            .chain([self.scheduler.verdict])
            .any(|verdict| matches!(verdict, Verdict::Slower | Verdict::Faster))
    }
}

/// What two recordings have, each beside its like. Nothing is said of mixtures; nor of what one side lacks, where that has others.
fn paired<'a, T, K: Eq + Hash>(
    [before, after]: [&'a [T]; 2],
    key: impl Fn(&T) -> K,
    is_mixed: impl Fn(&T) -> bool,
    is_of_others: impl Fn(&T) -> bool,
) -> Vec<Difference<&'a T>> {
    let mut afters: HashMap<K, &T> = after.iter().map(|one| (key(one), one)).collect();
    let mut pairs: Vec<_> =
        before.iter().map(|one| Difference::new(Some(one), afters.remove(&key(one)))).collect();
    let is_new = |one: &&'a T| afters.contains_key(&key(one));
    pairs.extend(after.iter().filter(is_new).map(|one| Difference::new(None, Some(one))));
    let [had_others, has_others] = [before, after].map(|side| side.iter().any(&is_of_others));
    for pair in &mut pairs {
        let may_be_there = match pair.verdict {
            Verdict::Gone => has_others,
            Verdict::New => had_others,
            _ => false,
        };
        if may_be_there || pair.before.or(pair.after).is_some_and(&is_mixed) {
            pair.verdict = Verdict::NotTold;
        }
    }
    pairs
}

impl<T> Difference<T> {
    fn new(before: Option<T>, after: Option<T>) -> Self {
        let verdict = match (&before, &after) {
            (Some(_), None) => Verdict::Gone,
            (None, Some(_)) => Verdict::New,
            _ => Verdict::TooFew,
        };
        Self { before, after, verdict, superiority: None, p_value: None }
    }

    /// What compares both sides, by their durations: all, and those from begin to end. None where there is too little, or what takes longer
    /// than `longest`; which of them it is becomes the verdict.
    fn test(
        &mut self,
        longest: u64,
        options: ComparisonOptions,
        durations: impl Fn(&T) -> [&Distribution; 2],
    ) -> Option<Test> {
        if self.verdict != Verdict::TooFew {
            return None;
        }
        let sides = [durations(self.before.as_ref()?), durations(self.after.as_ref()?)];
        let least = options.min_count.max(1);
        let has_few = |of: fn([&Distribution; 2]) -> u64| sides.into_iter().any(|side| of(side) < least);
        if has_few(|[all, _]| all.count()) {
            return None;
        }
        if sides.as_flattened().iter().any(|durations| durations.quantile(0.9) > longest) {
            self.verdict = Verdict::TooLong;
            return None;
        }
        let [[_, before], [_, after]] = sides;
        (!has_few(|[_, whole]| whole.count())).then(|| Test::of(before, after))
    }
}

/// Two distributions that are compared.
struct Test {
    found: RankTest,
    /// By which share the median and the ninth decile have grown, at most and at least.
    changes: [f64; 2],
}

impl Test {
    fn of(before: &Distribution, after: &Distribution) -> Self {
        let found = RankTest::of(&before.values(MOST_VALUES), &after.values(MOST_VALUES));
        let changes = [0.5, 0.9].map(|share| {
            let [before, after] = [before, after].map(|durations| durations.quantile(share).max(1) as f64);
            after / before
        });
        Self { found, changes }
    }

    fn verdict(&self, p_value: f64, options: ComparisonOptions) -> Verdict {
        let ComparisonOptions { significance, min_change, min_superiority, .. } = options;
        let superiority = self.found.superiority;
        let [median, decile] = self.changes;
        if p_value >= significance {
            Verdict::Same
        } else if superiority >= min_superiority && median.max(decile) >= 1.0 + min_change {
            Verdict::Slower
        } else if superiority <= 1.0 - min_superiority && median.min(decile) <= 1.0 / (1.0 + min_change) {
            Verdict::Faster
        } else {
            Verdict::Same
        }
    }
}

/// A difference of whatever.
trait Judged {
    fn judge(&mut self, test: &Test, p_value: f64, options: ComparisonOptions);
}

impl<T> Judged for Difference<T> {
    fn judge(&mut self, test: &Test, p_value: f64, options: ComparisonOptions) {
        self.verdict = test.verdict(p_value, options);
        (self.superiority, self.p_value) = (Some(test.found.superiority), Some(p_value));
    }
}
