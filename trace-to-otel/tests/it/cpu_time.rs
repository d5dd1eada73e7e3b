//! `go.cpu.time`, checked against a slow reading of the same events, which asks at each moment where everything is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use go_trace_format::{
    Dialect, Event, EventKind, EventType, Reader,
    event::{GoroutineId, GoroutineState, Metric as Measured, ProcId, ProcState, RangeKind, Scope},
};
use opentelemetry_semantic_conventions::{attribute::GO_CPU_STATE, metric::GO_CPU_TIME};
use trace_to_otel::{Metric, MetricData, Number, NumberPoint, Value};

use crate::{
    common::{
        self,
        script::{Script, trace},
    },
    metrics,
};

/// The seconds of each state, of each generation.
fn collect(trace: &[u8]) -> Vec<BTreeMap<String, f64>> {
    metrics::collect(trace).iter().filter_map(|metrics| states(metrics)).collect()
}

fn states(metrics: &[Metric]) -> Option<BTreeMap<String, f64>> {
    let metric = metrics::find(metrics, GO_CPU_TIME)?;
    let MetricData::Sum { points, .. } = &metric.data else { panic!("{metric:?}") };
    let state = |point: &NumberPoint| match &point.attributes[..] {
        [attribute] if attribute.key == GO_CPU_STATE => match (&attribute.value, point.value) {
            (Value::Text(state), Number::Float(seconds)) => (state.to_string(), seconds),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    Some(points.iter().map(state).collect())
}

/// What an event says, as far as it matters here.
#[derive(Clone, Copy, Debug)]
enum Said {
    Limit(i64),
    Proc(ProcId, ProcState, ProcState),
    Runs(GoroutineId, bool),
    /// The goroutine ran when the generation began.
    Ran(GoroutineId),
    /// The goroutine assisted when the generation began.
    Assisted(GoroutineId),
    HasDuty(GoroutineId, &'static str),
    Assists(GoroutineId, bool),
    Stops(Option<GoroutineId>, bool),
    GoesOn,
}

fn said(event: &Event<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    match event.kind() {
        EventKind::Metric(Measured::Gomaxprocs(limit)) => said.push(Said::Limit(limit as i64)),
        EventKind::Proc(transition) => {
            said.push(Said::Proc(transition.proc.expect("known"), transition.from, transition.to));
        }
        EventKind::Goroutine(transition) => {
            let goroutine = transition.goroutine.expect("known");
            let is_status = matches!(event.event_type(), EventType::GoStatus | EventType::GoStatusStack);
            let tells_entry = is_status || transition.from == GoroutineState::NotExist;
            let stack = transition.stack.filter(|_| tells_entry);
            match stack.and_then(|stack| stack.frames().last()).map(|frame| frame.function) {
                Some(name) if name == "runtime.gcBgMarkWorker" => said.push(Said::HasDuty(goroutine, "gc")),
                Some(name) if name == "runtime.bgscavenge" => said.push(Said::HasDuty(goroutine, "scavenge")),
                _ => {}
            }
            match transition.to {
                GoroutineState::Running if is_status => said.push(Said::Ran(goroutine)),
                GoroutineState::Syscall if !is_status => {}
                to => said.push(Said::Runs(goroutine, to == GoroutineState::Running)),
            }
            if matches!(event.event_type(), EventType::GoSwitch | EventType::GoSwitchDestroy) {
                said.extend(event.goroutine().map(|goroutine| Said::Runs(goroutine, false)));
            }
        }
        EventKind::Label(label) if label.label.as_bytes().starts_with(b"GC (") => {
            said.push(Said::HasDuty(event.goroutine().expect("known"), "gc"));
        }
        EventKind::RangeBegin(range) | EventKind::RangeActive(range) | EventKind::RangeEnd(range) => {
            let ends = matches!(event.kind(), EventKind::RangeEnd(_));
            match (range.kind, range.scope) {
                (RangeKind::GcMarkAssist, Scope::Goroutine(Some(goroutine))) => {
                    said.push(match event.kind() {
                        EventKind::RangeActive(_) => Said::Assisted(goroutine),
                        _ => Said::Assists(goroutine, !ends),
                    });
                }
                (RangeKind::StopTheWorld(_), _) if ends => said.push(Said::GoesOn),
                (RangeKind::StopTheWorld(reason), _) => {
                    said.push(Said::Stops(event.goroutine(), reason.to_string_lossy().starts_with("GC ")));
                }
                _ => {}
            }
        }
        _ => {}
    }
    said
}

/// Where everything is at a moment.
#[derive(Default)]
struct Scene {
    limit: Option<i64>,
    duties: BTreeMap<GoroutineId, &'static str>,
    stopped: Option<(Option<GoroutineId>, bool)>,
    procs: BTreeMap<ProcId, bool>,
    running: BTreeSet<GoroutineId>,
    assists: BTreeSet<GoroutineId>,
}

impl Scene {
    fn say(&mut self, said: Said) {
        match said {
            Said::Limit(limit) => self.limit = Some(limit),
            Said::Proc(proc, _, to) => drop(self.procs.insert(proc, to == ProcState::Idle)),
            Said::Runs(goroutine, true) => drop(self.running.insert(goroutine)),
            Said::Runs(goroutine, false) => drop(self.running.remove(&goroutine)),
            Said::HasDuty(goroutine, duty) => drop(self.duties.insert(goroutine, duty)),
            Said::Assists(goroutine, true) => drop(self.assists.insert(goroutine)),
            Said::Assists(goroutine, false) => drop(self.assists.remove(&goroutine)),
            Said::Stops(goroutine, is_gc) => self.stopped = Some((goroutine, is_gc)),
            Said::GoesOn => self.stopped = None,
            Said::Ran(_) | Said::Assisted(_) => {}
        }
    }

    /// What the time up to the next moment goes to: total, idle, gc, scavenge.
    fn spend(&self, spent: &mut [i64; 4], time: i64) {
        let limit = self.limit.unwrap_or_default();
        let procs: Vec<_> = self.procs.iter().filter(|(proc, _)| proc.0 < limit).collect();
        let untold = limit - procs.len() as i64;
        let idle = untold + procs.iter().filter(|(_, idle)| **idle).count() as i64;
        spent[0] += limit * time;
        match self.stopped {
            None => spent[1] += idle * time,
            Some((_, true)) => spent[2] += idle * time,
            Some((_, false)) => {}
        }
        for goroutine in &self.running {
            let stops = matches!(self.stopped, Some((Some(who), true)) if who == *goroutine);
            match self.duties.get(goroutine) {
                Some(&"scavenge") => spent[3] += time,
                Some(_) => spent[2] += time,
                None if stops || self.assists.contains(goroutine) => spent[2] += time,
                None => {}
            }
        }
    }
}

/// The same by asking at each moment.
fn slowly(trace: &[u8]) -> Vec<[i64; 4]> {
    let mut generations = Vec::<Vec<(i64, Vec<Said>)>>::new();
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        match event.generation_begun() {
            Some(_) => generations.push(vec![(event.raw_time().0, Vec::new())]),
            None if event.event_type() == EventType::Sync => {}
            None => {
                generations.last_mut().expect("begun").push((event.raw_time().0, said(&event)));
            }
        }
    }
    let mut scene = Scene::default();
    let mut found = Vec::new();
    for events in generations {
        begin(&mut scene, &events);
        let mut spent = [0; 4];
        for pair in events.windows(2) {
            pair[0].1.iter().for_each(|&said| scene.say(said));
            scene.spend(&mut spent, pair[1].0 - pair[0].0);
        }
        events.last().expect("has a begin").1.iter().for_each(|&said| scene.say(said));
        if scene.limit.is_some() {
            found.push(spent);
        }
    }
    found
}

/// What the first mention of each proc and goroutine says, held when the generation began.
fn begin(scene: &mut Scene, events: &[(i64, Vec<Said>)]) {
    scene.procs.clear();
    scene.running.clear();
    scene.assists.clear();
    for said in events.iter().flat_map(|(_, said)| said) {
        match *said {
            Said::Limit(limit) => drop(scene.limit.get_or_insert(limit)),
            Said::Proc(proc, ProcState::Undetermined, state) | Said::Proc(proc, state, _) => {
                scene.procs.entry(proc).or_insert(state == ProcState::Idle);
            }
            Said::Ran(goroutine) => drop(scene.running.insert(goroutine)),
            Said::Assisted(goroutine) => drop(scene.assists.insert(goroutine)),
            _ => {}
        }
    }
}

#[test]
fn recordings_give_what_a_slow_reading_gives() {
    let mut sums = [0; 4];
    for folder in common::RELEASES.map(common::testdata) {
        for file in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()) {
            if file.extension().is_none_or(|extension| extension != "trace") {
                continue;
            }
            let trace = fs::read(&file).expect("a file");
            let (found, expected) = (collect(&trace), slowly(&trace));
            assert_eq!(found.len(), expected.len(), "{}", file.display());
            for (found, expected) in found.iter().zip(expected) {
                let [total, idle, gc, scavenge] = expected;
                for (state, expected) in [
                    ("idle", idle),
                    ("gc", gc),
                    ("scavenge", scavenge),
                    ("user", total - idle - gc - scavenge),
                ] {
                    let difference = (found[state] * 1e9 - expected as f64).abs();
                    assert!(
                        difference < 10.0,
                        "{}: {state} is {}, not {expected} of {total}",
                        file.display(),
                        found[state]
                    );
                }
                for (sum, part) in sums.iter_mut().zip(expected) {
                    *sum += part;
                }
            }
        }
    }
    let [total, idle, gc, scavenge] = sums;
    assert!(idle > 1_000_000 && gc > 1_000_000 && scavenge > 0 && total > idle + gc, "{sums:?}");
}

/// Of eight procs, one runs a goroutine of the collector from its sixth event to its seventh, and nothing is told of the others.
#[test]
fn a_made_trace_gives_what_it_says() {
    let act = |script: &mut Script<'_>| {
        script.run(7);
        script.event(7, EventType::ProcsChange, &[8, 0]);
        let entry = script.entry("runtime.gcBgMarkWorker");
        script.event(7, EventType::GoCreate, &[8, entry, 0]);
        script.event(7, EventType::GoStop, &[0, 0]);
        script.event(7, EventType::GoStart, &[8, 1]);
        script.event(7, EventType::GoStop, &[0, 0]);
    };
    let trace = trace(Dialect::Stock, &[(1, &act)]);
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    let mut times = Vec::new();
    let (mut start, mut stop) = (0, 0);
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let time = event.raw_time().0;
        match event.event_type() {
            EventType::GoStart => start = time,
            EventType::GoStop => stop = time,
            EventType::Sync if event.generation_begun().is_none() => continue,
            _ => {}
        }
        times.push(time);
    }
    let whole = times[times.len() - 1] - times[0];
    let [gc, idle, user] = [stop - start, 7 * whole, whole - (stop - start)].map(|time| time as f64 / 1e9);
    let expected = [("gc", gc), ("idle", idle), ("scavenge", 0.0), ("user", user)];
    assert!(gc > 0.0 && user > 0.0);
    assert_eq!(collect(&trace), [expected.map(|(state, time)| (state.to_owned(), time)).into()]);
}

/// Damage tells of procs that come and go, and that there are none.
#[test]
fn numbers_of_procs_that_cannot_be_are_survived() {
    let act = |script: &mut Script<'_>| {
        script.run(7);
        script.event(7, EventType::ProcStatus, &[6, 2]);
        for (limit, sequence) in [8, 0, 2, u64::MAX, 1, 0, 8].into_iter().zip(1..) {
            script.event(7, EventType::ProcsChange, &[limit, 0]);
            script.event(6, EventType::ProcStart, &[6, sequence]);
            script.event(6, EventType::ProcStop, &[]);
        }
    };
    let generations = collect(&trace(Dialect::Stock, &[(1, &act)]));
    assert!(
        generations.iter().flat_map(BTreeMap::values).all(|seconds| seconds.is_finite() && *seconds >= 0.0)
    );
    assert_eq!(generations.len(), 1);
}
