//! Statistics of a trace and its spans: what there was most of, and how long it took.
//!
//! [`AnalysisCollector`] takes events and spans, in one pass, and gives an [`Analysis`]; those of several recordings can be
//! [added up](Analysis::merge).
//!
//! | what | of |
//! |---|---|
//! | [`GoroutineGroup`] | goroutines by the function that they begin with: how many, and how long each ran, was runnable, in system calls, waited for each of [seven things](crate::Waiting), or assisted the garbage collector |
//! | [`Timeline`] | how busy the procs were, and how long goroutines waited for one, over time |
//! | [`Collections`] | garbage collections, pauses by reason, assists, the heap and its goal |
//! | [`Wait`] | the stacks on which goroutines waited longest |
//! | [`Wakeup`] | who waited for whom, for what, and how long |
//! | [`SpanGroup`] | spans by scope, kind and name: how many, how long, how many failed, and where their time went |
//!
//! What goroutines do is what [`profiles`](crate::profiles) have, to the nanosecond: one account is kept of both. By goroutine, all that
//! Go's tool shows on its pages of goroutines is the same but for the last moments: what a goroutine still does when the trace ends
//! counts up to the latest event of the trace, and times are those of the threads. Go: `GoroutineExecStats` in
//! `internal/trace/summary.go`.
//!
//! A [`Comparison`] holds two of them side by side: what got slower, by a test of ranks that takes chance into account.
//!
//! Durations are [distributions](Distribution) of bounded memory, whose quantiles are less or more 1 in 100. Groups are as many as
//! [`AnalysisOptions`] say; what there is beyond is one group more, so that sums hold.
//!
//! | module | does |
//! |---|---|
//! | `collector` | takes events and spans |
//! | `tally` | hears what the collector of profiles knows of goroutines, and adds it up |
//! | `distribution`, `timeline` | how long things took, and when |
//! | `comparison`, `rank_test` | two side by side |
//! | `goroutines`, `collections`, `waits`, `wakeups`, `spans` | what comes out |

mod collections;
mod collector;
mod comparison;
mod distribution;
mod goroutines;
mod rank_test;
mod spans;
mod tally;
mod timeline;
mod waits;
mod wakeups;

use core::{cmp::Reverse, hash::Hash};
use std::collections::HashMap;

pub use collections::{Collections, Cycle, Extent};
pub use collector::{AnalysisCollector, AnalysisOptions};
pub use comparison::{Comparison, ComparisonOptions, Difference, Verdict};
pub use distribution::Distribution;
pub use goroutines::{GoroutineGroup, GroupKind};
pub use spans::SpanGroup;
pub use timeline::{Bucket, Timeline};
pub use waits::{Frame, Wait};
pub use wakeups::Wakeup;

use crate::{
    anatomy::{Anatomy, Waiting},
    profiles::Period,
};

/// What recordings and their spans add up to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Analysis {
    /// When all of it was recorded: of several recordings the first begin, and how long they went on together.
    pub recorded: Period,
    /// The same as far as it [counts](AnalysisOptions::window).
    pub period: Period,
    /// In how many rows without a gap; a further process begins another. Those outside of the window are none.
    pub rows: u64,
    /// How many procs there were at most (`GOMAXPROCS`); 0 where the trace does not tell.
    pub most_procs: u64,
    /// Goroutines by the function that they begin with, those that ran longest first.
    pub goroutines: Vec<GoroutineGroup>,
    /// How busy the procs were over time, and how long goroutines waited for one.
    pub timeline: Timeline,
    /// What the garbage collector did, and when the world was stopped.
    pub collections: Collections,
    /// Where goroutines waited, but for the runtime's own, the longest first.
    pub waits: Vec<Wait>,
    /// How long they waited on further stacks, in nanoseconds.
    pub other_waits: u64,
    /// Who waited for whom, the longest first.
    pub wakeups: Vec<Wakeup>,
    /// How often there were too many pairs for another one, and how long was waited then, in nanoseconds.
    pub other_wakeups: (u64, u64),
    /// Spans by scope, kind and name, those that took longest together first.
    pub spans: Vec<SpanGroup>,
    /// How much is kept.
    options: AnalysisOptions,
}

impl Analysis {
    /// Adds what another one has, as if one collector had taken the events and spans of both. Where there is more than the
    /// [options](AnalysisOptions) of the first allow, the least joins the others.
    pub fn merge(&mut self, other: &Self) {
        merge_periods(&mut self.recorded, other.recorded);
        merge_periods(&mut self.period, other.period);
        self.rows = self.rows.saturating_add(other.rows);
        self.most_procs = self.most_procs.max(other.most_procs);
        merge_by(&mut self.goroutines, &other.goroutines, |group| group.kind.clone(), GoroutineGroup::merge);
        merge_by(&mut self.waits, &other.waits, Wait::key, Wait::merge);
        merge_by(&mut self.wakeups, &other.wakeups, Wakeup::key, Wakeup::merge);
        merge_by(&mut self.spans, &other.spans, SpanGroup::key, SpanGroup::merge);
        self.other_waits = self.other_waits.saturating_add(other.other_waits);
        let (count, nanoseconds) = other.other_wakeups;
        self.other_wakeups.0 = self.other_wakeups.0.saturating_add(count);
        self.other_wakeups.1 = self.other_wakeups.1.saturating_add(nanoseconds);
        self.timeline.merge(&other.timeline);
        self.collections.merge(&other.collections);
        self.sort();
        self.fold();
    }

    /// How long was recorded without a gap, in the mean, in nanoseconds; none where no events were taken. What takes a tenth of it is seen
    /// from begin to end nine times in ten, and more seldom what takes longer.
    #[must_use]
    pub fn mean_row(&self) -> Option<u64> {
        self.period.duration.checked_div(self.rows)
    }

    /// What goroutines did, all of them together.
    #[must_use]
    pub fn anatomy(&self) -> Anatomy {
        let mut all = Anatomy::default();
        self.goroutines.iter().for_each(|group| all.add(&group.anatomy()));
        all
    }

    /// Which share assists of the garbage collector are of the time of which they are part: that in which goroutines ran, could have run,
    /// or waited for the collector; from 0 to 1, and none where there is no such time.
    #[must_use]
    pub fn assist_share(&self) -> Option<f64> {
        let all = self.anatomy();
        let waited = all.waiting_for[Waiting::Gc as usize];
        let whole = all.running.saturating_add(all.runnable).saturating_add(waited);
        // Other waits within an assist are rare and short, but what damage has made of a trace may have some.
        (whole > 0).then(|| (self.collections.assists.total() as f64 / whole as f64).min(1.0))
    }

    /// The heaviest first, and by name what weighs the same.
    fn sort(&mut self) {
        self.collections.sort();
        self.goroutines.sort_by_cached_key(|group| {
            (Reverse((group.running().total(), group.lifetime.total())), group.kind.clone())
        });
        self.waits.sort_by_cached_key(|wait| (Reverse((wait.nanoseconds, wait.count)), wait.key()));
        self.wakeups.sort_by_cached_key(|wakeup| (Reverse((wakeup.nanoseconds, wakeup.count)), wakeup.key()));
        self.spans.sort_by_cached_key(|group| {
            (
                Reverse((group.durations.total(), group.count())),
                group.scope.clone(),
                group.kind as u8,
                group.name.clone(),
            )
        });
    }

    /// Makes one of the least, where there are too many.
    fn fold(&mut self) {
        let AnalysisOptions { max_goroutine_groups, max_span_groups, max_waits, .. } = self.options;
        // Those of which nothing is known are one group more.
        let mut others = GoroutineGroup::new(GroupKind::Others);
        for group in take_behind(&mut self.goroutines, max_goroutine_groups + 2) {
            others.merge(&group);
        }
        if others.count() > 0 {
            merge_by(&mut self.goroutines, &[others], |group| group.kind.clone(), GoroutineGroup::merge);
        }
        let mut others = SpanGroup::of_others();
        for group in take_behind(&mut self.spans, max_span_groups + 1) {
            others.merge(&group);
        }
        if others.count() > 0 {
            merge_by(&mut self.spans, &[others], SpanGroup::key, SpanGroup::merge);
        }
        for wait in take_behind(&mut self.waits, max_waits) {
            self.other_waits = self.other_waits.saturating_add(wait.nanoseconds);
        }
        for wakeup in take_behind(&mut self.wakeups, wakeups::Wakeups::MOST) {
            self.other_wakeups.0 = self.other_wakeups.0.saturating_add(wakeup.count);
            self.other_wakeups.1 = self.other_wakeups.1.saturating_add(wakeup.nanoseconds);
        }
    }
}

fn merge_periods(own: &mut Period, Period { start, duration }: Period) {
    if own.duration == 0 {
        own.start = start;
    } else if duration > 0 {
        own.start = own.start.min(start);
    }
    own.duration = own.duration.saturating_add(duration);
}

/// Takes what there is more than so many.
fn take_behind<T>(all: &mut Vec<T>, most: usize) -> Vec<T> {
    all.split_off(most.min(all.len()))
}

/// Adds each of some to the one that has the same key, if there is one.
fn merge_by<T: Clone, K: Eq + Hash>(
    own: &mut Vec<T>,
    others: &[T],
    key: impl Fn(&T) -> K,
    merge: impl Fn(&mut T, &T),
) {
    let mut places: HashMap<K, usize> =
        own.iter().enumerate().map(|(place, one)| (key(one), place)).collect();
    for other in others {
        match places.get(&key(other)) {
            Some(&place) => merge(&mut own[place], other),
            None => {
                places.insert(key(other), own.len());
                own.push(other.clone());
            }
        }
    }
}
