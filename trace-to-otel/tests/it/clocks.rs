//! The wall clock is set while the program runs: it places what begins, and measures nothing.

use std::collections::BTreeMap;

use crate::common::{
    self,
    script::{Act, EPOCH, Script, UNIT, time, trace, trace_by_wall_clock},
};
use go_trace_format::{Dialect, EventType, HEADER_LENGTH, Reader, ReaderOptions};
use proptest::prelude::*;
use trace_to_otel::{Counters, Mapper, MapperOptions, Scope, Span, UnixTime, Value};

const SECOND: i64 = 1_000_000_000;

fn options() -> MapperOptions {
    let mut options = MapperOptions::default();
    options.state_events = true;
    options
}

/// The spans of snapshots, one after the other.
fn map(snapshots: &[Vec<u8>]) -> (Vec<Span>, Counters) {
    let (mut mapper, mut spans) = (Mapper::with_options(options()), Vec::new());
    let mut earlier: Option<Reader<'_>> = None;
    for snapshot in snapshots {
        let mut reader = Reader::from_slice(snapshot).expect("a trace");
        if let Some(earlier) = earlier.take() {
            reader = reader.follow(earlier);
        }
        mapper.read(&mut reader, &mut spans).expect("slices can be read");
        earlier = Some(reader);
    }
    let Ok(()) = mapper.finish(&mut spans);
    (spans, *mapper.counters())
}

/// The same by mappers and readers that know of the others nothing but what the mapper before has written down.
fn map_resumed(snapshots: &[Vec<u8>]) -> Vec<Span> {
    let (mut state, mut spans) = (Mapper::with_options(options()).save(), Vec::new());
    for snapshot in snapshots {
        let mut mapper = Mapper::load(options(), &state).expect("a state");
        let last = mapper.generation().unwrap_or(0);
        let reader = Reader::from_slice(snapshot).expect("a trace");
        let mut reader = reader.leaving_out(move |generation| generation.number() <= last);
        mapper.read(&mut reader, &mut spans).expect("slices can be read");
        state = mapper.save();
    }
    let mut mapper = Mapper::load(options(), &state).expect("a state");
    let Ok(()) = mapper.finish(&mut spans);
    spans
}

/// A snapshot of some generations of a trace, from one up to another.
fn snapshot(trace: &[u8], from: usize, to: usize) -> Vec<u8> {
    let generations = ReaderOptions::new().generations(trace).expect("a trace");
    let starts = generations.map(|generation| generation.expect("a generation").start() as usize);
    let starts: Vec<_> = starts.chain([trace.len()]).collect();
    [&trace[..HEADER_LENGTH], &trace[starts[from]..starts[to]]].concat()
}

/// What is known of a call that only stacks tell of, on the trace clock: in nanoseconds since generation 0.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Call {
    /// It has not begun before.
    earliest_start: i64,
    start: i64,
    end: i64,
}

/// How long a generation is.
const GENERATION: i64 = 1_000 * UNIT as i64;

/// The calls that are whole, by their ids. Each has to be placed by the wall clock of the generation in which it starts.
fn calls(spans: &[Span], forwards: &[i64]) -> Result<BTreeMap<String, Call>, TestCaseError> {
    let mut calls = BTreeMap::new();
    let is_call = |span: &&Span| span.attribute("gotrace.evidence").is_some();
    for span in spans.iter().filter(is_call).filter(|span| span.attribute("gotrace.incomplete").is_none()) {
        let is_placed_by = |&(generation, forward): &(i64, &i64)| {
            (span.start.0 as i64 - EPOCH as i64 - forward).div_euclid(GENERATION) == generation
        };
        let placed = (1..).zip(forwards).find(is_placed_by);
        let Some((_, forward)) = placed else {
            return Err(TestCaseError::fail(format!("by another wall clock: {span:#?}")));
        };
        let start = span.start.0 as i64 - EPOCH as i64 - forward;
        let width = match span.attribute("gotrace.start.uncertainty") {
            Some(Value::Float(seconds)) => (seconds * 1e9).round() as i64,
            _ => 0,
        };
        let end = start + span.duration_nanos() as i64;
        calls.insert(span.span_id.to_string(), Call { earliest_start: start - width, start, end });
    }
    Ok(calls)
}

/// Generations with logs inside and outside of a request, whose wall clocks are set forward by so much.
fn requests(generations: &[Vec<bool>], forwards: &[i64]) -> Vec<u8> {
    let acts: Vec<_> = generations
        .iter()
        .map(|logs| {
            move |script: &mut Script<'_>| {
                script.run(7);
                for &is_inside in logs {
                    let inside = ["net/http.(*Transport).roundTrip", "net/http.(*Client).do", "main.main"];
                    let stack = script.stack(if is_inside { &inside } else { &inside[2..] });
                    let text = script.string("text");
                    script.event(7, EventType::UserLog, &[0, text, text, stack]);
                }
            }
        })
        .collect();
    let acts = (1..).zip(forwards).zip(&acts);
    let generations: Vec<(u64, i64, Act<'_>)> =
        acts.map(|((number, &forward), act)| (number, forward, act as Act<'_>)).collect();
    trace_by_wall_clock(Dialect::Stock, &generations)
}

#[test]
fn a_call_is_placed_by_the_generation_in_which_it_starts() {
    let forwards = [0, 60 * SECOND, -60 * SECOND];
    let trace = requests(&[vec![false], vec![], vec![true, false]], &forwards);
    let (spans, _) = map(&[trace]);
    let calls = calls(&spans, &forwards).expect("one that is placed");
    let call = calls.values().next().expect("a call");
    // In the middle between the logs of generations 1 and 3, which is in one of which there is no log.
    assert_eq!((call.start / GENERATION, call.end / GENERATION), (2, 3), "{call:?}");
}

proptest! {
    #[test]
    fn a_call_has_the_same_times_wherever_its_snapshot_begins(
        generations in prop::collection::vec(prop::collection::vec(any::<bool>(), 0..4), 4),
        steps in prop::collection::vec(-50..50_i64, 4),
    ) {
        let forwards: Vec<i64> = steps.iter().map(|step| step * SECOND).collect();
        let trace = requests(&generations, &forwards);
        let whole = calls(&map(std::slice::from_ref(&trace)).0, &forwards)?;
        for cut in 1..generations.len() {
            let begin = (cut as i64 + 1) * GENERATION;
            for (id, call) in calls(&map(&[snapshot(&trace, cut, generations.len())]).0, &forwards)? {
                match whole.get(&id) {
                    Some(same) if same.earliest_start > begin => prop_assert_eq!(call, *same),
                    _ => {}
                }
            }
        }
    }
}

/// A task with a region that begin in generation 1 and end in generation 2, before which the wall clock is set.
fn across(forward: i64) -> Vec<u8> {
    let first = |script: &mut Script<'_>| {
        script.run(7);
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "region");
    };
    let second = |script: &mut Script<'_>| {
        script.run(7);
        script.log(7, 1, "category", "message");
        script.region_end(7, 1, "region");
        script.region_begin(7, 1, "later");
        script.region_end(7, 1, "later");
        script.task_end(7, 1);
    };
    trace_by_wall_clock(Dialect::Stock, &[(1, 0, &first), (2, forward, &second)])
}

#[test]
fn a_span_keeps_the_clock_of_its_begin() {
    for forward in [0, -3 * SECOND, -60 * SECOND, 60 * SECOND, -86_400 * SECOND, 49_999_999, -50_000_000] {
        let (spans, counters) = map(&[across(forward)]);
        let [region, later, task] = &spans[..] else { panic!("{forward}: {spans:#?}") };
        assert_eq!((counters.incomplete_spans, counters.spans), (0, 3), "{forward}");
        assert_eq!((task.start.0, task.end.0), (time(1, 4), time(2, 8)), "{forward}");
        assert_eq!((region.start.0, region.end.0), (time(1, 5), time(2, 5)), "{forward}");
        let set = |moment: u64| moment.wrapping_add_signed(forward);
        assert_eq!((later.start.0, later.end.0), (set(time(2, 6)), set(time(2, 7))), "{forward}");
        assert_eq!(region.events.iter().map(|event| event.time.0).collect::<Vec<_>>(), [time(2, 4)]);
        for span in &spans {
            let anatomy = span.anatomy.expect("its goroutine is known");
            assert_eq!(anatomy.running, span.end.0 - span.start.0, "{forward}: {}", span.name);
        }
        assert_eq!(counters.clock_steps, u64::from(forward.abs() >= 50_000_000), "{forward}");
    }
}

#[test]
fn a_steady_clock_is_that_of_the_first_generation() {
    let mut options = options();
    options.steady_clock = true;
    let (spans, counters) = common::spans_of_bytes(&across(-60 * SECOND), options);
    let times: Vec<_> = spans.iter().map(|span| (&*span.name, span.start.0, span.end.0)).collect();
    let expected = [
        ("region", time(1, 5), time(2, 5)),
        ("later", time(2, 6), time(2, 7)),
        ("task", time(1, 4), time(2, 8)),
    ];
    assert_eq!(times, expected);
    assert_eq!(counters.clock_steps, 1);
}

#[test]
fn what_has_no_begin_is_placed_by_the_clock_of_the_traces_begin() {
    let first = |script: &mut Script<'_>| {
        script.run(7);
        script.log(7, 1, "category", "early");
    };
    let second = |script: &mut Script<'_>| {
        script.run(7);
        script.log(7, 1, "category", "late");
        script.task_end(7, 1);
    };
    let (spans, _) =
        map(&[trace_by_wall_clock(Dialect::Stock, &[(1, 0, &first), (2, -3 * SECOND, &second)])]);
    let [task] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!((task.start.0, task.end.0), (time(1, 0), time(2, 5)));
    let events: Vec<_> = task.events.iter().map(|event| event.time.0).collect();
    assert_eq!(events, [time(1, 4), time(2, 4)]);
}

/// Two processes on machines whose trace clocks read the same, one trace behind the other.
#[test]
fn another_trace_is_another_process_whatever_its_number() {
    let act = |script: &mut Script<'_>| {
        script.run(7);
        script.task_begin(7, 1, 0, "task");
    };
    let other = |script: &mut Script<'_>| {
        script.run(8);
        script.region_begin(8, 1, "region");
        script.region_end(8, 1, "region");
    };
    let first = trace(Dialect::Stock, &[(1, &act)]);
    for number in [2, 3, 9] {
        let second = trace(Dialect::Stock, &[(number, &other)]);
        for snapshots in [vec![[&first[..], &second].concat()], vec![first.clone(), second]] {
            let (spans, _) = map(&snapshots);
            let [task, region] = &spans[..] else { panic!("{number}: {spans:#?}") };
            assert_ne!(task.trace_id, region.trace_id, "number {number}: of no task of the other process");
            assert_ne!(region.parent.map(|parent| parent.span_id), Some(task.span_id));
        }
    }
}

/// What Go does first of all when it starts to record.
fn start_recording(script: &mut Script<'_>) {
    script.run(7);
    let reason = script.string("start trace");
    script.event(7, EventType::StwBegin, &[reason, 0]);
    script.event(7, EventType::StwEnd, &[]);
}

/// One process is recorded twice, with nobody knows what between.
#[test]
fn a_recording_that_starts_goes_on_with_nothing() {
    let recording = |number: u64| {
        let act = move |script: &mut Script<'_>| {
            start_recording(script);
            script.task_begin(7, number, 0, &format!("task {number}"));
            script.event(7, EventType::GcBegin, &[number, 0]);
        };
        trace(Dialect::Stock, &[(number, &act)])
    };
    let recordings = [recording(1), recording(2)];
    for spans in [map(&recordings).0, map(&[recordings.concat()]).0, map_resumed(&recordings)] {
        let of = |name: &str| spans.iter().filter(|span| &*span.name == name).collect::<Vec<_>>();
        for (number, name) in [(1, "task 1"), (2, "task 2")] {
            let [task] = of(name)[..] else { panic!("{spans:#?}") };
            assert_eq!((task.start.0, task.end.0), (time(number, 6), time(number, 7)), "{name}");
        }
        let collections = of("GC concurrent mark phase");
        assert_eq!(collections.len(), 2, "none lasts over both: {collections:#?}");
    }
}

/// Of what an earlier recording told, one that starts knows nothing: neither does a mapper that was stopped between them.
#[test]
fn a_recording_that_starts_is_the_same_for_a_mapper_that_was_stopped() {
    let recording = |number: u64| {
        let act = move |script: &mut Script<'_>| {
            start_recording(script);
            if number == 1 {
                script.task_begin(7, 1, 0, "task");
                script.task_end(7, 1);
            }
            script.region_begin(7, 1, "child");
            script.region_end(7, 1, "child");
        };
        trace(Dialect::Stock, &[(number, &act)])
    };
    for later in [2, 4] {
        let recordings = [recording(1), recording(later)];
        let (spans, _) = map(&recordings);
        assert_eq!(spans.iter().filter(|span| span.scope != Scope::Range).count(), 3, "{spans:#?}");
        assert_eq!(map(&[recordings.concat()]).0, spans, "appended");
        assert_eq!(map_resumed(&recordings), spans, "resumed");
    }
}

/// What one task does: the generations in which it begins and ends, and those in which it logs.
#[derive(Clone, Debug)]
struct Work {
    begin: usize,
    end: usize,
    logs: Vec<usize>,
}

fn works(generations: usize) -> impl Strategy<Value = Vec<Work>> {
    let work = (0..generations, 0..generations, proptest::collection::vec(0..generations, 0..4));
    let work = work.prop_map(|(one, other, logs)| {
        let (begin, end) = (one.min(other), one.max(other));
        let logs = logs.into_iter().filter(|log| (begin..=end).contains(log)).collect();
        Work { begin, end, logs }
    });
    proptest::collection::vec(work, 1..5)
}

/// What happens in a generation: tasks on goroutines of their own, which wait now and then.
fn act(script: &mut Script<'_>, generation: usize, works: &[Work]) {
    for (thread, _) in (7..).zip(works) {
        script.run(thread);
    }
    for ((thread, task), work) in (7..).zip(1..).zip(works) {
        if work.begin == generation {
            script.task_begin(thread, task, 0, &format!("task {task}"));
            script.region_begin(thread, task, &format!("region {task}"));
        }
        for _ in work.logs.iter().filter(|log| **log == generation) {
            script.log(thread, task, "category", "message");
        }
        if work.end == generation {
            script.region_end(thread, task, &format!("region {task}"));
            script.task_end(thread, task);
        }
    }
}

fn written(works: &[Work], forward: &[i64]) -> Vec<u8> {
    let acts: Vec<_> = (0..forward.len())
        .map(|generation| move |script: &mut Script<'_>| act(script, generation, works))
        .collect();
    let generations: Vec<(u64, i64, Act<'_>)> =
        (1..).zip(forward).zip(&acts).map(|((number, forward), act)| (number, *forward, act as _)).collect();
    trace_by_wall_clock(Dialect::Stock, &generations)
}

/// What the trace clock tells of a span, and the wall clock cannot change.
fn measured(span: &Span) -> impl PartialEq + std::fmt::Debug + use<> {
    let since = |time: UnixTime| time.0.wrapping_sub(span.start.0);
    let events: Vec<_> = span.events.iter().map(|event| (event.name.clone(), since(event.time))).collect();
    (span.name.clone(), since(span.end), events, span.anatomy)
}

/// Generations with what their wall clocks say, the tasks in them, and where the trace is cut.
fn cases() -> impl Strategy<Value = (Vec<i64>, Vec<Work>, usize, usize)> {
    (2..6_usize).prop_flat_map(|count| {
        let forward = prop_oneof![-9 * SECOND..9 * SECOND, -1_000_000 * SECOND..1_000_000 * SECOND];
        (proptest::collection::vec(forward, count), works(count), 0..count, 0..count)
    })
}

proptest! {
    #[test]
    fn no_step_of_the_wall_clock_changes_what_was_measured((forward, works, ..) in cases()) {
        let (spans, counters) = map(&[written(&works, &forward)]);
        let (steady, _) = map(&[written(&works, &vec![0; forward.len()])]);
        let all = |spans: &[Span]| spans.iter().map(measured).collect::<Vec<_>>();
        prop_assert_eq!(all(&spans), all(&steady));
        prop_assert_eq!((counters.incomplete_spans, spans.len()), (0, 2 * works.len()));
        let steps = forward.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) >= 50_000_000).count();
        prop_assert_eq!(counters.clock_steps, steps as u64);
        for span in spans.iter().filter(|span| span.scope == Scope::Task) {
            let work = &works[span.name["task ".len()..].parse::<usize>().expect("a number") - 1];
            let began = span.start.0.wrapping_add_signed(-forward[work.begin]);
            let generation = EPOCH + (work.begin as u64 + 1) * 1_000 * UNIT;
            prop_assert!((generation..generation + 1_000 * UNIT).contains(&began), "{:?}", span);
        }
    }

    #[test]
    fn wherever_it_is_cut_a_span_is_the_same((forward, works, one, other) in cases()) {
        let whole = written(&works, &forward);
        let (spans, counters) = map(std::slice::from_ref(&whole));
        // They overlap, or follow directly.
        let (from, to) = (one.min(other), one.max(other).max(1));
        let cut = [snapshot(&whole, 0, to), snapshot(&whole, from, forward.len())];
        prop_assert_eq!(&map(&cut).0, &spans);
        prop_assert_eq!(&map(&[cut.concat()]).0, &spans, "appended");
        prop_assert_eq!(map(&cut).1, counters);
        prop_assert_eq!(&map_resumed(&cut), &spans, "resumed");
        // Of what begins later, the beginning of the trace tells nothing.
        let is_seen = |span: &&Span| span.attribute("gotrace.incomplete").is_none();
        let what = |span: &Span| (span.span_id, span.name.clone(), span.start, span.end, span.events.clone());
        for late in map(&cut[1..]).0.iter().filter(is_seen) {
            prop_assert!(spans.iter().any(|span| what(span) == what(late)), "{:?}", late);
        }
    }
}
