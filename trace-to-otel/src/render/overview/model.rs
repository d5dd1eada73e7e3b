//! What the script of the overview gets to know.

use serde::Serialize;

use crate::{
    analysis::{Analysis, Distribution, Extent, Frame, GoroutineGroup, SpanGroup, Wait, Wakeup},
    anatomy::Anatomy,
    render::{anatomy, kind_of, overview::Overview},
    span::{Scope, SpanKind},
};

/// How many rows a table has at most, the heaviest; how many more there are is told.
const MOST_ROWS: usize = 20;
/// How many columns the picture of a distribution has.
const COLUMNS: usize = 32;
/// Of how many of its values the picture is made.
const MOST_VALUES: usize = 512;

/// What stands on the page of a recording. Durations are nanoseconds.
#[derive(Serialize)]
pub(in crate::render) struct Tab<'a> {
    /// What program it is, and when it was recorded.
    about: &'a str,
    /// How long it was recorded.
    duration: u64,
    running: u64,
    goroutines: u64,
    busy: Busy,
    /// What was asked of the program, and what it asked others.
    requests: SpanTable<'a>,
    /// What it did by itself.
    tasks: SpanTable<'a>,
    groups: Table<Group<'a>>,
    /// The runtime's own goroutines, as one group.
    runtime: Option<Group<'a>>,
    waits: Table<WaitRow<'a>>,
    wakeups: Table<WakeupRow<'a>>,
    /// The scheduler, and the garbage collector.
    scheduler: Vec<DurationsRow>,
    collections: Vec<DurationsRow>,
    /// How many spans all that is of, but for those of the runtime: those that the page shows may have been chosen.
    spans: u64,
    /// From the least to the greatest, in bytes.
    heap: Option<(u64, u64)>,
    heap_goal: Option<(u64, u64)>,
    assist_share: Option<f64>,
}

/// How busy the procs were.
#[derive(Serialize)]
struct Busy {
    /// Which share of their time goroutines ran; none where the trace does not tell.
    share: Option<f64>,
    /// How long each part of the time is.
    width: u64,
    /// The same of each part, one after the other.
    parts: Vec<Option<f64>>,
}

/// The first rows, and how many there are.
#[derive(Serialize)]
struct Table<T> {
    rows: Vec<T>,
    count: usize,
}

#[derive(Serialize)]
struct SpanTable<'a> {
    #[serde(flatten)]
    table: Table<Spans<'a>>,
    /// From when to when the pictures of the distributions go, on a logarithmic scale.
    scale: (u64, u64),
}

#[derive(Serialize)]
struct Spans<'a> {
    /// None of those of which there are too many groups.
    scope: Option<&'a str>,
    kind: &'static str,
    name: &'a str,
    count: u64,
    errors: u64,
    incomplete: u64,
    /// p50, p95, p99, and the longest.
    durations: [u64; 4],
    /// How many there are of each length, from 0 to 100, where 100 is what there are most of.
    picture: Vec<u8>,
    /// Where the time of those went of which it is known; empty where it is of none.
    split: Vec<u64>,
}

#[derive(Serialize)]
struct Group<'a> {
    name: &'a str,
    count: u64,
    /// Running, runnable and in system calls, each altogether, and p50 and p99 of the goroutines.
    times: [[u64; 3]; 3],
    waiting: u64,
    split: [u64; anatomy::PARTS],
}

#[derive(Serialize)]
struct WaitRow<'a> {
    reason: &'a str,
    count: u64,
    nanoseconds: u64,
    /// Where, and where the program called that: function, file and line.
    places: Vec<(&'a str, &'a str, u64)>,
}

#[derive(Serialize)]
struct WakeupRow<'a> {
    waiter: &'a str,
    /// None where the network, a timer or the runtime by itself was it.
    waker: Option<&'a str>,
    reason: &'a str,
    count: u64,
    nanoseconds: u64,
}

#[derive(Serialize)]
struct DurationsRow {
    name: &'static str,
    count: u64,
    /// p50, p90, p99, the longest, and altogether.
    durations: [u64; 5],
}

impl<'a> Tab<'a> {
    pub(in crate::render) fn new(Overview { about, analysis }: Overview<'a>) -> Self {
        let (all, collections) = (analysis.anatomy(), &analysis.collections);
        let is_request = |group: &&SpanGroup| group.kind != SpanKind::Internal;
        let is_task = |group: &&SpanGroup| !is_request(group) && group.scope != Some(Scope::Range);
        let of_runtime = |group: &&GoroutineGroup| group.kind.is_of_runtime();
        let extent = |extent: Extent| (extent.min, extent.max);
        Self {
            about,
            duration: analysis.period.duration,
            running: all.running,
            goroutines: analysis.goroutines.iter().map(GoroutineGroup::count).sum(),
            busy: Busy::new(analysis),
            requests: SpanTable::new(analysis.spans.iter().filter(is_request)),
            tasks: SpanTable::new(analysis.spans.iter().filter(is_task)),
            groups: Table::new(analysis.goroutines.iter().filter(|group| !of_runtime(group)), Group::new),
            runtime: Group::of_runtime(analysis.goroutines.iter().filter(of_runtime)),
            waits: Table::new(analysis.waits.iter(), WaitRow::new),
            wakeups: Table::new(
                analysis.wakeups.iter().filter(|wakeup| !wakeup.waiter.is_of_runtime()),
                WakeupRow::new,
            ),
            scheduler: rows([("from runnable to running", &analysis.timeline.whole().latency)]),
            collections: rows([
                ("marking", &collections.marking),
                ("pauses for it", &collections.pauses_of(true)),
                ("assists", &collections.assists),
                ("other pauses", &collections.pauses_of(false)),
            ]),
            spans: analysis
                .spans
                .iter()
                .filter(|group| group.scope != Some(Scope::Range))
                .map(SpanGroup::count)
                .sum(),
            heap: collections.heap_objects.map(extent),
            heap_goal: collections.heap_goal.map(extent),
            assist_share: analysis.assist_share().filter(|&share| share > 0.0),
        }
    }
}

impl Busy {
    fn new(analysis: &Analysis) -> Self {
        let timeline = &analysis.timeline;
        let parts = timeline.buckets().map(|(_, bucket)| bucket.utilisation()).collect();
        Self { share: timeline.whole().utilisation(), width: timeline.width(), parts }
    }
}

impl<T> Table<T> {
    /// Makes no rows but those that it has.
    fn new<I>(all: impl Iterator<Item = I>, row: impl FnMut(I) -> T) -> Self {
        let mut count = 0;
        let mut all = all.inspect(|_| count += 1);
        let rows = all.by_ref().take(MOST_ROWS).map(row).collect();
        all.for_each(drop);
        Self { rows, count }
    }
}

impl<'a> SpanTable<'a> {
    fn new(groups: impl Iterator<Item = &'a SpanGroup>) -> Self {
        let groups: Vec<_> = groups.collect();
        let shown = || groups.iter().take(MOST_ROWS).map(|group| &group.durations);
        let least = shown().map(Distribution::min).min().unwrap_or(0);
        let greatest = shown().map(Distribution::max).max().unwrap_or(0);
        let scale = (least.max(1), greatest.max(1));
        Self { table: Table::new(groups.into_iter(), |group| Spans::new(group, scale)), scale }
    }
}

impl<'a> Spans<'a> {
    fn new(group: &'a SpanGroup, scale: (u64, u64)) -> Self {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| group.durations.quantile(share));
        Self {
            scope: group.scope.as_ref().map(Scope::name),
            kind: group.scope.as_ref().map_or("internal", |scope| kind_of(scope, group.kind)),
            name: &group.name,
            count: group.count(),
            errors: group.errors,
            incomplete: group.incomplete,
            durations: [p50, p95, p99, group.durations.max()],
            picture: picture(&group.durations, scale),
            split: if group.split == 0 { Vec::new() } else { anatomy::times(&group.anatomy).to_vec() },
        }
    }
}

/// How many values there are from one column to the next, on a logarithmic scale.
fn picture(durations: &Distribution, (least, greatest): (u64, u64)) -> Vec<u8> {
    let logarithm = |nanoseconds: u64| (nanoseconds.max(1) as f64).ln();
    let (begin, width) = (logarithm(least), logarithm(greatest) - logarithm(least));
    let column = |value| {
        let place = (logarithm(value) - begin) / width.max(f64::MIN_POSITIVE) * COLUMNS as f64;
        (place.max(0.0) as usize).min(COLUMNS - 1)
    };
    let mut counts = [0_usize; COLUMNS];
    for value in durations.values(MOST_VALUES) {
        counts[column(value)] += 1;
    }
    // Where the values stand for many, the extremes and the longest one in a hundred need not be among them.
    if durations.count() > MOST_VALUES as u64 {
        let tail = [0.0, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0];
        for place in tail.map(|share| column(durations.quantile(share))) {
            counts[place] = counts[place].max(1);
        }
    }
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    // What there is few of is seen, too.
    counts.iter().map(|count| (100 * count).div_ceil(most) as u8).collect()
}

impl<'a> Group<'a> {
    fn new(group: &'a GoroutineGroup) -> Self {
        let anatomy = group.anatomy();
        let times = [group.running(), group.runnable(), group.syscall()]
            .map(|activity| [activity.total(), activity.quantile(0.5), activity.quantile(0.99)]);
        Self {
            name: group.kind.name(),
            count: group.count(),
            times,
            waiting: anatomy.waiting(),
            split: anatomy::times(&anatomy),
        }
    }

    /// Those of the runtime, if there are any: of groups that differ so much no quantiles are told.
    fn of_runtime(groups: impl Iterator<Item = &'a GoroutineGroup>) -> Option<Self> {
        let (mut all, mut count) = (Anatomy::default(), 0);
        for group in groups {
            all.add(&group.anatomy());
            count += group.count();
        }
        let times = [all.running, all.runnable, all.syscall].map(|total| [total, 0, 0]);
        let (waiting, split) = (all.waiting(), anatomy::times(&all));
        (count > 0).then_some(Self { name: "the runtime's own", count, times, waiting, split })
    }
}

impl<'a> WaitRow<'a> {
    fn new(wait: &'a Wait) -> Self {
        let place = |frame: &'a Frame| (&*frame.function, &*frame.file, frame.line);
        Self {
            reason: &wait.reason,
            count: wait.count,
            nanoseconds: wait.nanoseconds,
            places: wait.place().into_iter().chain(wait.caller()).map(place).collect(),
        }
    }
}

impl<'a> WakeupRow<'a> {
    fn new(wakeup: &'a Wakeup) -> Self {
        Self {
            waiter: wakeup.waiter.name(),
            waker: wakeup.waker.as_ref().map(|waker| waker.name()),
            reason: &wakeup.reason,
            count: wakeup.count,
            nanoseconds: wakeup.nanoseconds,
        }
    }
}

/// A row of each that has values.
fn rows<const N: usize>(all: [(&'static str, &Distribution); N]) -> Vec<DurationsRow> {
    let row = |(name, durations): (&'static str, &Distribution)| {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|share| durations.quantile(share));
        let durations_of = [p50, p90, p99, durations.max(), durations.total()];
        DurationsRow { name, count: durations.count(), durations: durations_of }
    };
    all.into_iter().filter(|(_, durations)| durations.count() > 0).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(values: impl IntoIterator<Item = u64>) -> Distribution {
        let mut durations = Distribution::new();
        values.into_iter().for_each(|value| durations.add(value));
        durations
    }

    #[test]
    fn a_picture_has_what_there_is_few_of_too() {
        let many = distribution((0..1_000).map(|_| 1_000).chain([1_000_000]));
        let drawn = picture(&many, (1_000, 1_000_000));
        assert_eq!((drawn.len(), drawn[0], drawn[COLUMNS - 1]), (COLUMNS, 100, 1));
        assert!(drawn[1..COLUMNS - 1].iter().all(|&count| count == 0), "{drawn:?}");
        let one_of_many = distribution((0..100_000).map(|_| 1_000).chain([10, 1_000_000]));
        let drawn = picture(&one_of_many, (10, 1_000_000));
        assert_eq!((drawn[0], drawn[COLUMNS - 1]), (1, 1), "{drawn:?}");
    }

    #[test]
    fn pictures_of_nothing_and_of_one_length_are_drawn() {
        assert_eq!(picture(&Distribution::new(), (1, 1)), [0; COLUMNS]);
        let one = picture(&distribution([7, 7]), (7, 7));
        assert_eq!(one.iter().map(|&count| u32::from(count)).sum::<u32>(), 100, "{one:?}");
        let zero = picture(&distribution([0, 5]), (1, 5));
        assert_eq!((zero[0], zero[COLUMNS - 1]), (100, 100));
    }

    #[test]
    fn rows_that_are_too_many_are_counted() {
        let mut made = 0;
        let table = Table::new(0..50, |number| {
            made += 1;
            number
        });
        assert_eq!((table.rows.len(), table.count, made), (MOST_ROWS, 50, MOST_ROWS));
    }
}
