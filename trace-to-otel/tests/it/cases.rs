//! What no recording in `testdata` has: the fork's filters, gaps, limits, contexts that change.

use crate::common::{
    self,
    script::{Script, time, trace},
};
use go_trace_format::{
    Clock, Dialect, EventType, Version, WallTime,
    event::ThreadId,
    write::{Body, RawRecord, SyncBatch, Writer},
};
use trace_to_otel::{Counters, MapperOptions, Span, Value};

fn spans(trace: &[u8]) -> (Vec<Span>, Counters) {
    common::spans_of_bytes(trace, MapperOptions::default())
}

fn with_options(trace: &[u8], change: impl FnOnce(&mut MapperOptions)) -> (Vec<Span>, Counters) {
    let mut options = MapperOptions::default();
    change(&mut options);
    common::spans_of_bytes(trace, options)
}

/// A trace of one generation in which all threads run their goroutines.
fn one(threads: &[i64], act: impl Fn(&mut Script<'_>)) -> Vec<u8> {
    let act = |script: &mut Script<'_>| {
        threads.iter().for_each(|&thread| script.run(thread));
        act(script);
    };
    trace(Dialect::Stock, &[(1, &act)])
}

fn find<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| *span.name == *name);
    let span = found.next().unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"));
    assert!(found.next().is_none(), "several spans {name:?} in {spans:#?}");
    span
}

fn integer(span: &Span, key: &str) -> Option<i64> {
    match span.attribute(key) {
        Some(Value::Integer(number)) => Some(*number),
        Some(other) => panic!("{key} is {other:?}"),
        None => None,
    }
}

#[test]
fn attributes_of_a_task_and_its_region() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "region");
        script.region_end(7, 1, "region");
        script.task_end(7, 1);
    });
    let (spans, counters) = spans(&trace);
    assert_eq!((spans.len(), counters.spans, counters.incomplete_spans), (2, 2, 0));
    let (region, task) = (&spans[0], &spans[1]);
    assert_eq!((&*task.name, task.start.0, task.end.0), ("task", time(1, 4), time(1, 7)));
    assert_eq!((&*region.name, region.start.0, region.end.0), ("region", time(1, 5), time(1, 6)));
    assert_eq!(region.parent.map(|parent| (parent.span_id, parent.is_remote)), Some((task.span_id, false)));
    assert_eq!((region.trace_id, task.parent), (task.trace_id, None));
    let keys: Vec<_> = task.attributes.iter().map(|attribute| &*attribute.key).collect();
    assert_eq!(
        keys,
        [
            "code.function.name",
            "code.file.path",
            "code.line.number",
            "gotrace.task.id",
            "gotrace.goroutine.id",
            "gotrace.thread.id"
        ]
    );
    assert_eq!(task.attribute("code.function.name"), Some(&"main.main".into()));
    assert_eq!(task.attribute("code.file.path"), Some(&"example.com/main.go".into()));
    assert_eq!(integer(task, "code.line.number"), Some(12));
    assert_eq!(integer(region, "gotrace.task.id"), Some(1));
    assert_eq!(integer(region, "gotrace.goroutine.id"), Some(7));
    assert_eq!(integer(region, "gotrace.thread.id"), Some(7));
}

#[test]
fn without_scheduling_regions_are_found_by_task_and_name() {
    let act = |script: &mut Script<'_>| {
        // True at the begin of the generation; who runs there later, nobody says.
        script.event(7, EventType::ProcStatus, &[0, 1]);
        script.event(7, EventType::GoStatus, &[70, 7, 2]);
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "moved");
        script.log(8, 1, "category", "message");
        script.region_end(8, 1, "moved");
        script.task_end(8, 1);
    };
    let (spans, counters) = spans(&trace(Dialect::Fork, &[(1, &act)]));
    assert_eq!((counters.spans, counters.incomplete_spans, counters.assumed_pairs), (2, 0, 0));
    let (moved, task) = (find(&spans, "moved"), find(&spans, "task"));
    assert_eq!((moved.start.0, moved.end.0), (time(1, 4), time(1, 6)));
    assert_eq!(moved.parent.map(|parent| parent.span_id), Some(task.span_id));
    assert_eq!(
        (integer(moved, "gotrace.goroutine.id"), integer(moved, "gotrace.thread.id")),
        (None, Some(7))
    );
    assert_eq!(task.events.len(), 1, "the log is the task's: the region may be another goroutine's");
}

#[test]
fn without_scheduling_like_regions_are_paired_with_reserve() {
    let act = |script: &mut Script<'_>| {
        script.region_begin(7, 0, "twin");
        script.region_begin(8, 0, "twin");
        script.region_end(7, 0, "twin");
        script.region_end(8, 0, "twin");
    };
    let (spans, counters) = spans(&trace(Dialect::Fork, &[(1, &act)]));
    let times: Vec<_> = spans.iter().map(|span| (span.start.0, span.end.0)).collect();
    assert_eq!(
        times,
        [(time(1, 1), time(1, 3)), (time(1, 2), time(1, 4))],
        "those of one thread go together"
    );
    assert_eq!(counters.assumed_pairs, 1);
    assert_eq!(spans[0].attribute("gotrace.pairing"), Some(&"assumed".into()));
    assert_eq!(spans[1].attribute("gotrace.pairing"), None, "no other was left");
}

#[test]
fn a_gap_ends_what_is_open() {
    let before = |script: &mut Script<'_>| {
        script.run(7);
        script.task_begin(7, 1, 0, "across the gap");
        script.region_begin(7, 1, "region across the gap");
        script.log(7, 1, "last", "seen");
    };
    let after = |script: &mut Script<'_>| {
        script.run(7);
        script.task_end(7, 1);
        script.task_begin(7, 2, 1, "child");
        script.task_end(7, 2);
    };
    let (spans, counters) = spans(&trace(Dialect::Stock, &[(1, &before), (3, &after)]));
    assert_eq!((counters.spans, counters.incomplete_spans, counters.repeated_task_ends), (3, 2, 1));
    for name in ["across the gap", "region across the gap"] {
        let span = find(&spans, name);
        assert_eq!(span.attribute("gotrace.incomplete"), Some(&"end".into()));
        assert_eq!(span.end.0, time(1, 6), "the last that was seen before the gap");
    }
    let (parent, child) = (find(&spans, "across the gap"), find(&spans, "child"));
    assert_eq!(child.parent.map(|parent| parent.span_id), Some(parent.span_id));
}

const OWN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const REMOTE: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-00";

#[test]
fn a_context_reaches_children_that_began_before_it() {
    let trace = one(&[7, 8], |script| {
        script.task_begin(7, 1, 0, "parent");
        script.task_begin(7, 2, 1, "child");
        script.task_begin(7, 3, 2, "grandchild");
        script.region_begin(8, 3, "region");
        script.log(7, 1, "traceparent.parent", REMOTE);
        script.log(7, 1, "traceparent", OWN);
        script.region_end(8, 3, "region");
        // The parent ends first, and is gone when the others look for it.
        script.task_end(7, 1);
        script.task_end(7, 3);
        script.task_end(7, 2);
    });
    let (spans, counters) = spans(&trace);
    assert_eq!(counters.spans, 4);
    let parent = find(&spans, "parent");
    assert_eq!(parent.span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(
        parent.parent.map(|parent| (parent.span_id.to_string(), parent.is_remote)),
        Some(("00f067aa0ba902b7".to_owned(), true))
    );
    assert!(parent.events.is_empty(), "contexts are no events");
    for (child, of) in [("child", "parent"), ("grandchild", "child"), ("region", "grandchild")] {
        let (child, of) = (find(&spans, child), find(&spans, of));
        assert_eq!(child.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(child.parent.map(|parent| parent.span_id), Some(of.span_id));
    }
}

#[test]
fn a_context_of_another_trace_is_linked_to_its_local_parent() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "outer");
        script.task_begin(7, 2, 1, "inner");
        script.log(7, 2, "traceparent", OWN);
        script.log(7, 2, "traceparent", REMOTE);
        script.task_end(7, 2);
        script.task_end(7, 1);
    });
    let (spans, counters) = spans(&trace);
    let (outer, inner) = (find(&spans, "outer"), find(&spans, "inner"));
    assert_eq!((inner.span_id.to_string().as_str(), inner.parent), ("b7ad6b7169203331", None));
    assert_eq!((inner.links[0].trace_id, inner.links[0].span_id), (outer.trace_id, outer.span_id));
    assert_eq!(counters.repeated_contexts, 1, "the first one counts");
}

/// A goroutine goes on with what was begun inside of a region that has ended, and had been told its context late.
#[test]
fn a_context_outlives_its_region() {
    let trace = one(&[7], |script| {
        script.region_begin(7, 0, "outer");
        script.task_begin(7, 1, 0, "within");
        script.log(7, 0, "traceparent", OWN);
        script.region_end(7, 0, "outer");
        script.task_end(7, 1);
    });
    let (spans, counters) = spans(&trace);
    let (outer, within) = (find(&spans, "outer"), find(&spans, "within"));
    assert_eq!((counters.spans, outer.span_id.to_string().as_str()), (2, "b7ad6b7169203331"));
    assert_eq!(within.parent.map(|parent| parent.span_id), Some(outer.span_id));
    assert_eq!(within.trace_id, outer.trace_id);
}

#[test]
fn what_is_not_sampled_is_held_back_unless_asked_for() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "not sampled");
        script.log(7, 1, "traceparent", UNSAMPLED);
        script.region_begin(7, 1, "nor is this");
        script.region_end(7, 1, "nor is this");
        script.task_end(7, 1);
    });
    let (none, counters) = spans(&trace);
    assert_eq!((none, counters.unsampled_spans, counters.spans), (Vec::new(), 2, 0));
    let (both, counters) = with_options(&trace, |options| options.unsampled = true);
    assert_eq!((both.len(), counters.unsampled_spans), (2, 0));
}

#[test]
fn logs_can_be_switched_off_but_for_contexts() {
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, "task");
        script.log(7, 1, "category", "message");
        script.log(7, 1, "traceparent", OWN);
        script.log(7, 9, "of a task", "that is never seen");
        script.task_end(7, 1);
    });
    let (with, counters) = spans(&trace);
    assert_eq!((with[0].events.len(), counters.unattached_logs), (1, 1));
    let (without, counters) = with_options(&trace, |options| options.logs = false);
    assert_eq!((without[0].events.len(), counters.unattached_logs), (0, 0));
    assert_eq!(without[0].span_id.to_string(), "b7ad6b7169203331");
}

#[test]
fn nothing_secret_leaves() {
    let secret = "to https://user:hunter2@example.com/?token=hunter2 with password=hunter2";
    let trace = one(&[7], |script| {
        script.task_begin(7, 1, 0, secret);
        script.region_begin(7, 1, secret);
        script.log(7, 1, secret, secret);
        script.log(7, 1, "password", "hunter2");
        script.region_end(7, 1, secret);
        script.task_end(7, 1);
    });
    let (spans, _) = spans(&trace);
    assert_eq!((spans.len(), spans[0].events.len()), (2, 2));
    let everything = format!("{spans:?}");
    assert!(everything.contains("example.com") && !everything.contains("hunter2"), "{everything}");
}

#[test]
fn too_many_open_tasks_end_the_oldest() {
    let trace = one(&[7], |script| {
        for id in 1..=3 {
            script.task_begin(7, id, 0, &format!("task {id}"));
        }
        for id in 1..=3 {
            script.task_end(7, id);
        }
    });
    let (spans, counters) = with_options(&trace, |options| options.limits.open_tasks = 2);
    assert_eq!((counters.spans, counters.evicted_spans, counters.repeated_task_ends), (3, 1, 1));
    let evicted = find(&spans, "task 1");
    assert_eq!(evicted.attribute("gotrace.incomplete"), Some(&"end".into()));
    assert_eq!(find(&spans, "task 2").attribute("gotrace.incomplete"), None);
}

#[test]
fn regions_and_events_above_the_limits_are_counted() {
    let trace = one(&[7], |script| {
        for depth in 0..300 {
            script.region_begin(7, 0, &format!("depth {depth}"));
        }
        script.log(7, 0, "one", "");
        script.log(7, 0, "two", "");
        for depth in (0..300).rev() {
            script.region_end(7, 0, &format!("depth {depth}"));
        }
    });
    let (spans, counters) = with_options(&trace, |options| options.limits.events_per_span = 1);
    assert_eq!((counters.spans, counters.dropped_spans, counters.incomplete_spans), (256, 44, 0));
    let innermost = find(&spans, "depth 255");
    assert_eq!((innermost.events.len(), innermost.dropped_events, counters.dropped_events), (1, 1, 1));
    let losses: Vec<_> = counters.losses().map(|(count, _)| count).collect();
    assert_eq!(losses, [44, 1]);
}

#[test]
fn lost_texts_have_a_stand_in() {
    let (version, dialect) = (Version::Go126, Dialect::Stock);
    let mut body = Body::new(version, dialect);
    let plain = |event_type, arguments: &'static [u64]| RawRecord::Plain { event_type, arguments };
    for record in [
        plain(EventType::ProcStatus, &[1, 0, 1]),
        plain(EventType::GoStatus, &[1, 1, 7, 2]),
        plain(EventType::UserTaskBegin, &[1, 1, 0, 99, 0]),
        plain(EventType::UserLog, &[1, 1, 98, 97, 0]),
        plain(EventType::UserTaskEnd, &[1, 1, 0]),
    ] {
        body.push(&record).expect("a record");
    }
    let mut writer = Writer::new(Vec::new(), version, dialect).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1_000).with_snapshot(1_000, 64_000, WallTime(1 << 60));
    writer.generation(1, sync).expect("a generation").finish().expect("memory takes it");
    let mut trace = writer.into_inner();
    // Before the byte that ends the generation.
    let end = trace.pop().expect("an end");
    let mut batch = Writer::new(Vec::new(), version, dialect).expect("a header");
    batch.batch(1, ThreadId(7), 1_000, body.as_bytes()).expect("memory takes it");
    trace.extend(&batch.into_inner()[16..]);
    trace.push(end);

    let mut reader = go_trace_format::Reader::from_slice(&trace).expect("a trace");
    let (mut mapper, mut spans) = (trace_to_otel::Mapper::new(), Vec::new());
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    let Ok(()) = mapper.finish(&mut spans);
    assert_eq!(reader.losses().unresolved(), 3);
    let task = find(&spans, "(name lost)");
    assert_eq!(&*task.events[0].name, "(name lost)");
    assert_eq!(task.events[0].attributes[0].value, "(message lost)".into());
}
