//! Metrics, checked against a slow reading of the same events, and against made traces whose figures are known.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
};

use crate::common::{
    self,
    script::{Act, EPOCH, Script, UNIT, time, trace},
};
use go_trace_format::{
    Continuity, Dialect, Event, EventKind, EventType, Reader,
    event::{GoroutineId, GoroutineState, Metric as Measured, RangeKind, SyncPoint},
};
use opentelemetry_semantic_conventions::metric as names;
use trace_to_otel::{Histogram, Metric, MetricData, MetricsCollector, Number, Temporality, UnixTime};

/// The metrics of each generation.
pub(crate) fn collect(trace: &[u8]) -> Vec<Vec<Metric>> {
    let mut collector = MetricsCollector::new(UnixTime(EPOCH));
    let mut generations = Vec::new();
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        generations.extend(collector.event(&event));
    }
    generations.extend(collector.finish());
    assert_eq!(collector.finish(), None);
    generations
}

pub(crate) fn find<'m>(metrics: &'m [Metric], name: &str) -> Option<&'m Metric> {
    metrics.iter().find(|metric| metric.name == name)
}

fn value(metrics: &[Metric], name: &str) -> Option<i64> {
    match &find(metrics, name)?.data {
        MetricData::Sum { points, .. } => match points[..] {
            [ref point] => match point.value {
                Number::Integer(value) => Some(value),
                Number::Float(_) => panic!("{name} is a float"),
            },
            _ => panic!("{name} has {} points", points.len()),
        },
        other => panic!("{name} is {other:?}"),
    }
}

fn histogram<'m>(metrics: &'m [Metric], name: &str) -> Option<&'m Histogram> {
    match &find(metrics, name)?.data {
        MetricData::Histogram { temporality: Temporality::Delta, points } => Some(&points[0].histogram),
        other => panic!("{name} is {other:?}"),
    }
}

/// Since when and until when the metrics count.
fn interval(metric: &Metric) -> (UnixTime, UnixTime) {
    match &metric.data {
        MetricData::Sum { points, .. } => (points[0].start.expect("sums have a start"), points[0].time),
        MetricData::Histogram { points, .. } => (points[0].start, points[0].time),
        other => panic!("{other:?}"),
    }
}

/// What the collector is to find, by the typed events alone.
#[derive(Default)]
struct Slow {
    states: BTreeMap<GoroutineId, (GoroutineState, Option<i64>)>,
    system: BTreeSet<GoroutineId>,
    seen: BTreeSet<GoroutineId>,
    waits: Vec<i64>,
    gc_pauses: Vec<i64>,
    other_pauses: Vec<i64>,
    stop: Option<(i64, bool)>,
    cycles: i64,
    limit: Option<i64>,
    generations: Vec<Figures>,
    is_under_way: bool,
}

#[derive(Debug, PartialEq)]
struct Figures {
    goroutines: i64,
    cycles: i64,
    limit: Option<i64>,
    waits: Vec<i64>,
    gc_pauses: Vec<i64>,
    other_pauses: Vec<i64>,
}

impl Slow {
    fn event(&mut self, event: &Event<'_>) {
        let time = event.raw_time().0;
        match event.kind() {
            EventKind::Sync(SyncPoint { generation: Some(begun), .. }) => {
                self.end_generation();
                if begun.continuity != Continuity::Next {
                    *self = Self { generations: std::mem::take(&mut self.generations), ..Self::default() };
                }
                self.is_under_way = true;
            }
            EventKind::Metric(Measured::Gomaxprocs(limit)) => self.limit = Some(limit as i64),
            EventKind::RangeBegin(range) => {
                if let RangeKind::StopTheWorld(reason) = range.kind {
                    let is_gc =
                        ["GC mark termination", "GC sweep termination"].contains(&&*reason.to_string_lossy());
                    self.stop = Some((time, is_gc));
                }
            }
            EventKind::RangeEnd(range) => match range.kind {
                RangeKind::StopTheWorld(_) => match self.stop.take() {
                    Some((begin, true)) => self.gc_pauses.push(time - begin),
                    Some((begin, false)) => self.other_pauses.push(time - begin),
                    None => {}
                },
                RangeKind::GcMark => self.cycles += 1,
                _ => {}
            },
            EventKind::Label(label) if label.label.as_bytes().starts_with(b"GC (") => {
                self.system.extend(event.goroutine());
            }
            EventKind::Goroutine(transition) => {
                let Some(id) = transition.goroutine else { return };
                let is_status = matches!(event.event_type(), EventType::GoStatus | EventType::GoStatusStack);
                if is_status || transition.from == GoroutineState::NotExist {
                    self.seen.insert(id);
                    let entry = transition.stack.and_then(|stack| stack.frames().last());
                    let entry = entry.map(|frame| frame.function.to_string_lossy().into_owned());
                    let is_of_runtime =
                        entry.is_some_and(|name| name.starts_with("runtime.") && !COUNTED.contains(&&*name));
                    if is_of_runtime {
                        self.system.insert(id);
                    }
                }
                let since = self.states.get(&id).and_then(|&(_, since)| since);
                match transition.to {
                    GoroutineState::NotExist => drop(self.states.remove(&id)),
                    GoroutineState::Runnable => {
                        let since = if is_status { since } else { Some(time) };
                        self.states.insert(id, (GoroutineState::Runnable, since));
                    }
                    to => {
                        if let (GoroutineState::Running, false, Some(since)) = (to, is_status, since) {
                            self.waits.push((time - since).max(0));
                        }
                        self.states.insert(id, (to, None));
                    }
                }
            }
            _ => {}
        }
    }

    fn end_generation(&mut self) {
        if !std::mem::take(&mut self.is_under_way) {
            return;
        }
        let seen = std::mem::take(&mut self.seen);
        self.states.retain(|id, _| seen.contains(id));
        self.generations.push(Figures {
            goroutines: self.states.keys().filter(|id| !self.system.contains(id)).count() as i64,
            cycles: std::mem::take(&mut self.cycles),
            limit: self.limit,
            waits: std::mem::take(&mut self.waits),
            gc_pauses: std::mem::take(&mut self.gc_pauses),
            other_pauses: std::mem::take(&mut self.other_pauses),
        });
    }
}

/// Goroutines of the runtime that run the program's own functions.
const COUNTED: [&str; 3] = ["runtime.main", "runtime.corostart", "runtime.handleAsyncEvent"];

fn figures(trace: &[u8]) -> Vec<Figures> {
    let mut slow = Slow::default();
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        slow.event(&event);
    }
    slow.end_generation();
    slow.generations
}

fn assert_holds(histogram: Option<&Histogram>, values: &[i64]) {
    let Some(histogram) = histogram else { return assert!(values.is_empty(), "{values:?}") };
    let mut counts = vec![0; histogram.bounds().len() + 1];
    for &value in values {
        counts[histogram.bounds().iter().filter(|&&bound| bound < value as f64 / 1e9).count()] += 1;
    }
    assert_eq!(histogram.counts(), counts);
    assert!((histogram.sum() * 1e9 - values.iter().sum::<i64>() as f64).abs() < 1.0);
    assert_eq!(histogram.max(), values.iter().max().map(|&value| value as f64 / 1e9));
}

#[test]
fn recordings_give_what_a_slow_reading_gives() {
    let (mut generations, mut waits, mut pauses, mut others) = (0, 0, 0, 0);
    let mut recordings: Vec<_> = common::RELEASES.map(common::testdata).into();
    recordings.push(common::testdata("fork"));
    for folder in recordings {
        for file in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()) {
            if file.extension().is_none_or(|extension| extension != "trace") {
                continue;
            }
            let trace = fs::read(&file).expect("a file");
            let (found, expected) = (collect(&trace), figures(&trace));
            assert_eq!(found.len(), expected.len(), "{}", file.display());
            for (metrics, figures) in found.iter().zip(&expected) {
                let is_scheduled = value(metrics, names::GO_MEMORY_GC_CYCLES).is_some();
                let counted = is_scheduled.then_some(figures.goroutines);
                assert_eq!(value(metrics, names::GO_GOROUTINE_COUNT), counted, "{}", file.display());
                assert_eq!(value(metrics, names::GO_MEMORY_GC_CYCLES).unwrap_or(0), figures.cycles);
                assert_eq!(value(metrics, names::GO_PROCESSOR_LIMIT), figures.limit);
                assert_holds(histogram(metrics, names::GO_SCHEDULE_DURATION), &figures.waits);
                assert_holds(histogram(metrics, names::GO_MEMORY_GC_PAUSE_DURATION), &figures.gc_pauses);
                assert_holds(histogram(metrics, "gotrace.pause.other.duration"), &figures.other_pauses);
                generations += 1;
                waits += figures.waits.len();
                pauses += figures.gc_pauses.len();
                others += figures.other_pauses.len();
            }
        }
    }
    assert!(
        generations > 100 && waits > 5000 && pauses > 50 && others > 20,
        "{generations} {waits} {pauses} {others}"
    );
}

#[test]
fn names_units_and_kinds_are_the_conventions() {
    let metrics: Vec<_> = collect(&common::read("go1.27/gc.trace")).into_iter().flatten().collect();
    let stop = collect(&common::read("go1.27/stw.trace")).into_iter().flatten();
    let found: BTreeSet<_> = metrics
        .into_iter()
        .chain(stop)
        .map(|metric| {
            let kind = match &metric.data {
                MetricData::Sum { is_monotonic: true, temporality: Temporality::Delta, .. } => "counter",
                MetricData::Sum { is_monotonic: false, temporality: Temporality::Cumulative, .. } => {
                    "updowncounter"
                }
                MetricData::Histogram { .. } => "histogram",
                other => panic!("{other:?}"),
            };
            assert!(!metric.description.is_empty());
            (metric.name.into_owned(), metric.unit.into_owned(), kind)
        })
        .collect();
    let expected = [
        (names::GO_GOROUTINE_COUNT, "{goroutine}", "updowncounter"),
        (names::GO_PROCESSOR_LIMIT, "{thread}", "updowncounter"),
        (names::GO_MEMORY_GC_GOAL, "By", "updowncounter"),
        (names::GO_CPU_TIME, "s", "counter"),
        (names::GO_MEMORY_GC_CYCLES, "{gc_cycle}", "counter"),
        (names::GO_MEMORY_GC_PAUSE_DURATION, "s", "histogram"),
        (names::GO_SCHEDULE_DURATION, "s", "histogram"),
        ("gotrace.memory.heap.objects", "By", "updowncounter"),
        ("gotrace.pause.other.duration", "s", "histogram"),
    ];
    let expected = expected.map(|(name, unit, kind)| (name.to_owned(), unit.to_owned(), kind));
    assert_eq!(found, BTreeSet::from(expected));
}

#[test]
fn intervals_follow_one_another() {
    let generations = collect(&common::read("go1.27/generations.trace"));
    assert!(generations.len() > 3);
    let mut last = UnixTime(0);
    let since = interval(find(&generations[0], names::GO_GOROUTINE_COUNT).expect("counted")).0;
    for metrics in &generations {
        let (start, end) = interval(find(metrics, names::GO_MEMORY_GC_CYCLES).expect("counted"));
        assert!(last <= start && start < end, "{last:?} {start:?} {end:?}");
        for metric in metrics {
            let is_delta = matches!(
                metric.data,
                MetricData::Histogram { .. } | MetricData::Sum { temporality: Temporality::Delta, .. }
            );
            assert_eq!(interval(metric), (if is_delta { start } else { since }, end), "{}", metric.name);
        }
        last = end;
    }
}

#[test]
fn what_comes_before_a_cut_stays_as_it_is() {
    let trace = common::read("go1.27/generations.trace");
    let whole = collect(&trace);
    let mut most = 0;
    for tenth in 1..10 {
        let cut = collect(&trace[..trace.len() / 10 * tenth]);
        // The last one lacks what was cut off.
        let complete = cut.len().saturating_sub(1);
        assert_eq!(cut[..complete], whole[..complete]);
        most = most.max(complete);
    }
    assert!(most > 1);
}

#[test]
fn recordings_without_the_scheduler_count_no_goroutines() {
    let metrics = collect(&common::read("fork/custom.trace"));
    let is_scheduled = |metrics: &Vec<Metric>| find(metrics, names::GO_GOROUTINE_COUNT).is_some();
    let has_core = {
        let trace = common::read("fork/custom.trace");
        let mut reader = Reader::from_slice(&trace).expect("a trace");
        let mut has_core = false;
        while let Some(event) = reader.next_event().expect("slices can be read") {
            has_core |= event.event_type() == EventType::ProcsChange;
        }
        has_core
    };
    assert_eq!(metrics.iter().any(is_scheduled), has_core);

    let trace = trace(
        Dialect::Fork,
        &[(1, &|script: &mut Script<'_>| {
            script.event(7, EventType::ProcStatus, &[7, 1]);
            script.event(7, EventType::GoStatus, &[7, 7, 2]);
        })],
    );
    assert_eq!(collect(&trace), [vec![]]);
}

/// Goroutine 7 makes 8 of its own and 9 of the runtime's, and leaves 8 waiting for a processor.
fn create(script: &mut Script<'_>) {
    script.run(7);
    script.event(7, EventType::ProcsChange, &[4, 0]);
    let entry = script.entry("main.main.func1");
    script.event(7, EventType::GoCreate, &[8, entry, 0]);
    let entry = script.entry("runtime.bgsweep");
    script.event(7, EventType::GoCreate, &[9, entry, 0]);
    script.event(7, EventType::HeapAlloc, &[4321]);
}

/// Goroutine 7 ends, and 8 gets its processor.
fn hand_over(script: &mut Script<'_>) {
    script.event(7, EventType::ProcStatus, &[7, 1]);
    script.event(7, EventType::GoStatus, &[7, 7, 2]);
    script.event(7, EventType::GoStatus, &[8, u64::MAX, 1]);
    script.event(7, EventType::GoStatus, &[9, u64::MAX, 1]);
    script.event(7, EventType::GoDestroy, &[]);
    script.event(7, EventType::GoStart, &[8, 1]);
}

#[test]
fn states_survive_generations() {
    let generations = collect(&trace(Dialect::Stock, &[(1, &create), (2, &hand_over)]));
    let counts: Vec<_> =
        generations.iter().map(|metrics| value(metrics, names::GO_GOROUTINE_COUNT)).collect();
    assert_eq!(counts, [Some(2), Some(1)]);
    assert_eq!(value(&generations[0], names::GO_PROCESSOR_LIMIT), Some(4));
    assert_eq!(value(&generations[1], names::GO_PROCESSOR_LIMIT), Some(4));
    assert_eq!(value(&generations[1], "gotrace.memory.heap.objects"), Some(4321));
    let waited = histogram(&generations[1], names::GO_SCHEDULE_DURATION).expect("8 has run");
    assert_eq!(waited.max(), Some((time(2, 6) - time(1, 5)) as f64 / 1e9));
    assert_eq!(waited.count(), 1);
    assert!(waited.bounds().contains(&(1024.0 / 1e9)));
    assert_eq!(UNIT, 64);
}

#[test]
fn nothing_survives_a_gap() {
    let later: Act<'_> = &|script| {
        script.event(7, EventType::ProcStatus, &[7, 1]);
        script.event(7, EventType::GoStatus, &[8, 7, 2]);
        script.event(7, EventType::GoStop, &[0, 0]);
        script.event(7, EventType::GoStart, &[8, 1]);
    };
    let generations = collect(&trace(Dialect::Stock, &[(1, &create), (5, later)]));
    assert_eq!(value(&generations[1], names::GO_GOROUTINE_COUNT), Some(1));
    assert_eq!(value(&generations[1], names::GO_PROCESSOR_LIMIT), None);
    let waits = find(&generations[1], names::GO_SCHEDULE_DURATION).expect("8 has run");
    assert_eq!(interval(waits), (UnixTime(time(5, 0)), UnixTime(time(5, 4))));
    let count = find(&generations[1], names::GO_GOROUTINE_COUNT).expect("counted");
    assert_eq!(interval(count).0, UnixTime(time(5, 0)));
}

/// The metrics of traces of one process, by a collector that is written down between them; no generation counts twice.
fn collect_one_by_one(traces: &[impl AsRef<[u8]>]) -> Vec<Vec<Metric>> {
    let (mut generations, mut known) = (Vec::new(), HashSet::new());
    let mut state = MetricsCollector::new(UnixTime(EPOCH)).save();
    for trace in traces {
        let mut collector = MetricsCollector::load(&state).expect("what was saved");
        let reader = Reader::from_slice(trace.as_ref()).expect("a trace");
        let mut reader = reader.leaving_out(|generation| !known.insert(generation.key()));
        while let Some(event) = reader.next_event().expect("slices can be read") {
            generations.extend(collector.event(&event));
        }
        generations.extend(collector.finish());
        state = collector.save();
    }
    generations
}

#[test]
fn several_traces_of_a_process_give_what_one_gives() {
    let acts: [(u64, Act<'_>); 2] = [(1, &create), (2, &hand_over)];
    let apart = acts.map(|act| trace(Dialect::Stock, &[act]));
    assert_eq!(collect_one_by_one(&apart), collect(&trace(Dialect::Stock, &acts)));
    // What does not follow on begins anew.
    let gap: [(u64, Act<'_>); 2] = [(1, &create), (5, &hand_over)];
    let apart = gap.map(|act| trace(Dialect::Stock, &[act]));
    assert_eq!(collect_one_by_one(&apart), apart.iter().flat_map(|trace| collect(trace)).collect::<Vec<_>>());
}

#[test]
fn overlapping_snapshots_give_what_a_reader_gives_that_follows() {
    for flight in ["go1.25/flight-whole", "go1.26/flight-whole", "go1.27/flight-whole"] {
        let snapshots: Vec<_> =
            (0..4).map(|number| common::read(&format!("{flight}.{number}.trace"))).collect();
        let mut collector = MetricsCollector::new(UnixTime(EPOCH));
        let (mut generations, mut earlier) = (Vec::new(), None::<Reader<'_>>);
        for snapshot in &snapshots {
            let reader = Reader::from_slice(snapshot).expect("a trace");
            let mut reader = match earlier {
                Some(earlier) => reader.follow(earlier),
                None => reader,
            };
            while let Some(event) = reader.next_event().expect("slices can be read") {
                generations.extend(collector.event(&event));
            }
            earlier = Some(reader);
        }
        generations.extend(collector.finish());
        assert!(generations.len() > 3);
        assert_eq!(collect_one_by_one(&snapshots), generations, "{flight}");
    }
}

#[test]
fn what_is_no_saved_state_is_refused() {
    let mut collector = MetricsCollector::new(UnixTime(EPOCH));
    let trace = common::read("go1.27/generations.trace");
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        collector.event(&event);
    }
    let state = collector.save();
    let load = MetricsCollector::load;
    assert_eq!(load(&state).expect("what was saved").save(), state);
    for length in 0..state.len() {
        assert!(load(&state[..length]).is_err(), "{length}");
    }
    assert!(load(&[&state[..], &[0]].concat()).is_err());
}

/// Traces without clock snapshots, one behind the other: each begins at the base time.
#[test]
fn a_trace_without_clock_begins_at_the_base_time_whatever_came_before() {
    const BASE: UnixTime = UnixTime(1_700_000_000_000_000_000);
    let clockless = ["go1.22/http.trace", "go1.24/http.trace"].map(common::read);
    let mut alone = Vec::new();
    let mut together = (MetricsCollector::new(BASE), Vec::new());
    for trace in &clockless {
        let mut fresh = MetricsCollector::new(BASE);
        for (collector, metrics) in [(&mut fresh, &mut alone), (&mut together.0, &mut together.1)] {
            let mut reader = Reader::from_slice(trace).expect("a trace");
            while let Some(event) = reader.next_event().expect("slices can be read") {
                metrics.extend(collector.event(&event));
            }
            metrics.extend(collector.finish());
        }
        together.0 = MetricsCollector::load(&together.0.save()).expect("what was saved");
    }
    assert!(!alone.is_empty());
    assert_eq!(together.1, alone);
}
