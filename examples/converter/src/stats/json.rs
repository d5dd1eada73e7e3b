//! The statistics as JSON: `docs/stats.md` says what each key is.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use serde::Serialize;
use trace_to_otel::{
    Anatomy, Waiting,
    analysis::{
        Bucket, Cycle, Distribution, Extent, Frame, GoroutineGroup, SpanGroup, Timeline, Wait, Wakeup,
    },
    render::DisplayText,
};

use crate::recording::Recording;

pub(crate) fn write(value: &impl Serialize, output: &mut impl Write) -> io::Result<()> {
    write_visibly(&serde_json::to_string_pretty(value)?, output)?;
    writeln!(output)
}

/// Writes JSON so that no text in it can control a terminal: outside of texts it has nothing that could.
fn write_visibly(json: &str, output: &mut impl Write) -> io::Result<()> {
    for character in json.chars() {
        if character != '\n' && is_escaped(character) {
            write!(output, "\\u{:04x}", u32::from(character))?;
        } else {
            write!(output, "{character}")?;
        }
    }
    Ok(())
}

/// Whether a character is not shown as it is.
fn is_escaped(character: char) -> bool {
    let is_ordinary = character.is_alphanumeric() || matches!(character, ' '..='~');
    !is_ordinary && DisplayText(character.encode_utf8(&mut [0; 4])).to_string().starts_with('\\')
}

#[derive(Serialize)]
pub(super) struct Statistics<'a> {
    name: &'a str,
    go_versions: &'a [String],
    processes: u64,
    approximate_clock: bool,
    start_unix_nanoseconds: u64,
    duration_nanoseconds: u64,
    procs: u64,
    utilisation: Option<f64>,
    spans: Vec<Spans<'a>>,
    goroutines: Vec<Goroutines<'a>>,
    waits: Vec<WaitEntry<'a>>,
    other_waits_nanoseconds: u64,
    wakeups: Vec<WakeupEntry<'a>>,
    other_wakeups_count: u64,
    other_wakeups_nanoseconds: u64,
    scheduler: Scheduler,
    gc: Gc<'a>,
}

/// How long things took, in nanoseconds.
#[derive(Serialize)]
pub(crate) struct Durations {
    count: u64,
    total: u64,
    mean: u64,
    min: u64,
    p50: u64,
    p90: u64,
    p95: u64,
    p99: u64,
    max: u64,
}

#[derive(Serialize)]
struct Goroutines<'a> {
    function: &'a str,
    runtime: bool,
    count: u64,
    complete_count: u64,
    lifetime_nanoseconds: Durations,
    running_nanoseconds: Durations,
    runnable_nanoseconds: Durations,
    syscall_nanoseconds: Durations,
    gc_assist_nanoseconds: Durations,
    waiting_nanoseconds: BTreeMap<&'static str, Durations>,
}

#[derive(Serialize)]
struct Spans<'a> {
    scope: Option<&'a str>,
    kind: &'static str,
    name: &'a str,
    count: u64,
    per_second: f64,
    errors: u64,
    incomplete: u64,
    duration_nanoseconds: Durations,
    split_count: u64,
    split_nanoseconds: Split,
}

/// Where time went, in nanoseconds.
#[derive(Serialize)]
pub(crate) struct Split {
    running: u64,
    runnable: u64,
    syscall: u64,
    gc_assist: u64,
    waiting: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct WaitEntry<'a> {
    reason: &'a str,
    count: u64,
    nanoseconds: u64,
    frames: Vec<FrameEntry<'a>>,
}

#[derive(Serialize)]
struct FrameEntry<'a> {
    function: &'a str,
    file: &'a str,
    line: u64,
}

#[derive(Serialize)]
struct WakeupEntry<'a> {
    waiter: &'a str,
    waker: Option<&'a str>,
    reason: &'a str,
    count: u64,
    nanoseconds: u64,
    longest_nanoseconds: u64,
}

#[derive(Serialize)]
struct Scheduler {
    latency_nanoseconds: Durations,
    bucket_nanoseconds: u64,
    buckets: Vec<BucketEntry>,
}

#[derive(Serialize)]
struct BucketEntry {
    start_unix_nanoseconds: u64,
    running_nanoseconds: u64,
    capacity_nanoseconds: u64,
    utilisation: Option<f64>,
    latency_nanoseconds: Durations,
}

#[derive(Serialize)]
struct Gc<'a> {
    count: u64,
    marking_nanoseconds: Durations,
    assist_nanoseconds: Durations,
    assist_share: Option<f64>,
    pauses: Vec<Pauses<'a>>,
    heap_goal_bytes: Option<Range>,
    heap_objects_bytes: Option<Range>,
    cycles: Vec<CycleEntry>,
}

#[derive(Serialize)]
struct Pauses<'a> {
    reason: &'a str,
    duration_nanoseconds: Durations,
}

#[derive(Serialize)]
struct Range {
    min: u64,
    max: u64,
}

#[derive(Serialize)]
struct CycleEntry {
    start_unix_nanoseconds: u64,
    marking_nanoseconds: u64,
    pauses_nanoseconds: u64,
    assist_nanoseconds: u64,
    heap_goal_bytes: u64,
}

impl<'a> Statistics<'a> {
    pub(super) fn new(recording: &'a Recording) -> Self {
        let analysis = &recording.analysis;
        let duration = analysis.period.duration;
        let (other_wakeups_count, other_wakeups_nanoseconds) = analysis.other_wakeups;
        Self {
            name: &recording.name,
            go_versions: &recording.go_versions,
            processes: recording.processes,
            approximate_clock: recording.is_approximate,
            start_unix_nanoseconds: analysis.period.start.0,
            duration_nanoseconds: duration,
            procs: analysis.most_procs,
            utilisation: analysis.timeline.whole().utilisation(),
            spans: analysis.spans.iter().map(|group| Spans::new(group, duration)).collect(),
            goroutines: analysis.goroutines.iter().map(Goroutines::from).collect(),
            waits: analysis.waits.iter().map(WaitEntry::from).collect(),
            other_waits_nanoseconds: analysis.other_waits,
            wakeups: analysis.wakeups.iter().map(WakeupEntry::from).collect(),
            other_wakeups_count,
            other_wakeups_nanoseconds,
            scheduler: Scheduler::from(&analysis.timeline),
            gc: Gc::new(recording),
        }
    }
}

impl From<&Distribution> for Durations {
    fn from(durations: &Distribution) -> Self {
        let [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map(|share| durations.quantile(share));
        let (count, total, mean) = (durations.count(), durations.total(), durations.mean());
        Self { count, total, mean, min: durations.min(), p50, p90, p95, p99, max: durations.max() }
    }
}

/// What a wait is called in keys and columns.
pub(crate) fn waiting_key(reason: Waiting) -> &'static str {
    reason.key().rsplit('.').next().unwrap_or_default()
}

impl<'a> From<&'a GoroutineGroup> for Goroutines<'a> {
    fn from(group: &'a GoroutineGroup) -> Self {
        let waiting = |reason| (waiting_key(reason), Durations::from(group.waiting(reason)));
        Self {
            function: group.kind.name(),
            runtime: group.kind.is_of_runtime(),
            count: group.count(),
            complete_count: group.whole.count(),
            lifetime_nanoseconds: (&group.lifetime).into(),
            running_nanoseconds: group.running().into(),
            runnable_nanoseconds: group.runnable().into(),
            syscall_nanoseconds: group.syscall().into(),
            gc_assist_nanoseconds: group.gc_assist().into(),
            waiting_nanoseconds: Waiting::ALL.into_iter().map(waiting).collect(),
        }
    }
}

/// How many a second.
pub(crate) fn rate(count: u64, nanoseconds: u64) -> f64 {
    if nanoseconds == 0 { 0.0 } else { count as f64 * 1e9 / nanoseconds as f64 }
}

impl<'a> Spans<'a> {
    fn new(group: &'a SpanGroup, recorded: u64) -> Self {
        Self {
            scope: group.scope.as_ref().map(|scope| scope.name()),
            kind: group.kind.name(),
            name: &group.name,
            count: group.count(),
            per_second: rate(group.count(), recorded),
            errors: group.errors,
            incomplete: group.incomplete,
            duration_nanoseconds: (&group.durations).into(),
            split_count: group.split,
            split_nanoseconds: (&group.anatomy).into(),
        }
    }
}

impl From<&Anatomy> for Split {
    fn from(anatomy: &Anatomy) -> Self {
        let waiting = |reason: Waiting| (waiting_key(reason), anatomy.waiting_for[reason as usize]);
        Self {
            running: anatomy.running,
            runnable: anatomy.runnable,
            syscall: anatomy.syscall,
            gc_assist: anatomy.gc_assist,
            waiting: Waiting::ALL.into_iter().map(waiting).collect(),
        }
    }
}

impl<'a> From<&'a Wait> for WaitEntry<'a> {
    fn from(wait: &'a Wait) -> Self {
        let frame =
            |frame: &'a Frame| FrameEntry { function: &frame.function, file: &frame.file, line: frame.line };
        let frames = wait.frames.iter().map(frame).collect();
        Self { reason: &wait.reason, count: wait.count, nanoseconds: wait.nanoseconds, frames }
    }
}

impl<'a> From<&'a Wakeup> for WakeupEntry<'a> {
    fn from(wakeup: &'a Wakeup) -> Self {
        Self {
            waiter: wakeup.waiter.name(),
            waker: wakeup.waker.as_ref().map(|waker| waker.name()),
            reason: &wakeup.reason,
            count: wakeup.count,
            nanoseconds: wakeup.nanoseconds,
            longest_nanoseconds: wakeup.longest,
        }
    }
}

impl From<&Timeline> for Scheduler {
    fn from(timeline: &Timeline) -> Self {
        let bucket = |(start, bucket): (trace_to_otel::UnixTime, &Bucket)| BucketEntry {
            start_unix_nanoseconds: start.0,
            running_nanoseconds: bucket.running,
            capacity_nanoseconds: bucket.capacity,
            utilisation: bucket.utilisation(),
            latency_nanoseconds: (&bucket.latency).into(),
        };
        Self {
            latency_nanoseconds: (&timeline.whole().latency).into(),
            bucket_nanoseconds: timeline.width(),
            buckets: timeline.buckets().map(bucket).collect(),
        }
    }
}

impl<'a> Gc<'a> {
    fn new(recording: &'a Recording) -> Self {
        let collections = &recording.analysis.collections;
        let range = |extent: Extent| Range { min: extent.min, max: extent.max };
        let pauses = |(reason, durations): &'a (Box<str>, Distribution)| Pauses {
            reason,
            duration_nanoseconds: durations.into(),
        };
        Self {
            count: collections.count(),
            marking_nanoseconds: (&collections.marking).into(),
            assist_nanoseconds: (&collections.assists).into(),
            assist_share: recording.analysis.assist_share(),
            pauses: collections.pauses.iter().map(pauses).collect(),
            heap_goal_bytes: collections.heap_goal.map(range),
            heap_objects_bytes: collections.heap_objects.map(range),
            cycles: collections.cycles.iter().map(CycleEntry::from).collect(),
        }
    }
}

impl From<&Cycle> for CycleEntry {
    fn from(cycle: &Cycle) -> Self {
        Self {
            start_unix_nanoseconds: cycle.start.0,
            marking_nanoseconds: cycle.duration,
            pauses_nanoseconds: cycle.pauses,
            assist_nanoseconds: cycle.assists,
            heap_goal_bytes: cycle.heap_goal,
        }
    }
}
