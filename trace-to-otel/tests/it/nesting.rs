//! Ends that do not nest: regions that cross, end twice, or end on another goroutine than they began on.

use crate::common::script::{Script, time, trace};
use go_trace_format::{Dialect, EventType, Reader};
use proptest::prelude::*;
use trace_to_otel::{Counters, Mapper, Span};

/// The spans of a trace, which Go's reader would refuse: it wants regions to nest.
fn map(trace: &[u8]) -> (Vec<Span>, Counters) {
    let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    let Ok(()) = mapper.finish(&mut spans);
    (spans, *mapper.counters())
}

fn one(act: impl Fn(&mut Script<'_>)) -> (Vec<Span>, Counters) {
    map(&trace(Dialect::Stock, &[(1, &act)]))
}

/// Name, begin and end of each span that is whole, by the number of the event.
fn whole(spans: &[Span]) -> Vec<(String, u64, u64)> {
    let number = |moment: u64| (moment - time(1, 0)) / (time(1, 1) - time(1, 0));
    let whole = spans.iter().filter(|span| span.attribute("gotrace.incomplete").is_none());
    whole.map(|span| (span.name.to_string(), number(span.start.0), number(span.end.0))).collect()
}

/// Goroutine 20 is created and runs, on the thread of goroutine 7, which waits. Five events.
fn in_created(script: &mut Script<'_>) {
    script.run(7);
    script.create(7, 20);
    script.create(7, 21);
    script.block(7, "chan receive");
    script.start(7, 20, 1);
}

/// Goroutine 21 runs in place of goroutine 20.
fn go_on_in_other(script: &mut Script<'_>) {
    script.block(7, "chan receive");
    script.start(7, 21, 1);
}

const THREADS: [i64; 3] = [7, 8, 9];
/// How many events it takes until all run.
const BEFORE: usize = 3 * THREADS.len();

proptest! {
    #[test]
    fn any_interleaving_pairs_up(
        order in (1..24_usize).prop_flat_map(|count| {
            Just((0..count).chain(0..count).collect::<Vec<_>>()).prop_shuffle()
        }),
        tasks in 0..4_u64,
    ) {
        let task = |region: usize| region as u64 % (tasks + 1);
        let act = |script: &mut Script<'_>| {
            THREADS.iter().for_each(|&thread| script.run(thread));
            for (place, &region) in order.iter().enumerate() {
                let thread = THREADS[region % THREADS.len()];
                let name = format!("region {region}");
                match order[..place].contains(&region) {
                    false => script.region_begin(thread, task(region), &name),
                    true => script.region_end(thread, task(region), &name),
                }
            }
        };
        let (spans, counters) = one(act);
        let mut wanted = Vec::new();
        for region in 0..order.len() / 2 {
            let mut places = order.iter().enumerate().filter(|&(_, &of)| of == region).map(|(place, _)| place);
            let mut next = || (BEFORE + 1 + places.next().expect("twice")) as u64;
            wanted.push((format!("region {region}"), next(), next()));
        }
        let mut seen = whole(&spans);
        seen.sort();
        wanted.sort();
        prop_assert_eq!(seen, wanted);
        prop_assert_eq!((counters.incomplete_spans, counters.surplus_region_ends), (0, 0));
        for span in &spans {
            let anatomy = span.anatomy.expect("each began and ended on its goroutine");
            prop_assert_eq!(anatomy.running, span.duration_nanos());
        }
    }
}

#[test]
fn the_latest_of_several_ends_first() {
    let (spans, counters) = one(|script| {
        script.run(7);
        script.region_begin(7, 0, "twin");
        script.region_begin(7, 0, "other");
        script.region_begin(7, 0, "twin");
        script.region_end(7, 0, "twin");
        script.region_end(7, 0, "twin");
        script.region_end(7, 0, "other");
    });
    let name = |name: &str| name.to_owned();
    assert_eq!(whole(&spans), [(name("twin"), 6, 7), (name("twin"), 4, 8), (name("other"), 5, 9)]);
    assert_eq!((counters.incomplete_spans, counters.surplus_region_ends), (0, 0));
}

#[test]
fn an_end_too_many_makes_no_span() {
    let (spans, counters) = one(|script| {
        in_created(script);
        script.region_begin(7, 0, "once");
        script.region_end(7, 0, "once");
        script.region_end(7, 0, "once");
        script.region_end(7, 0, "never");
    });
    assert_eq!(whole(&spans), [("once".to_owned(), 8, 9)]);
    assert_eq!((spans.len(), counters.surplus_region_ends), (1, 2));
    assert!(counters.losses().any(|(count, _)| count == 2));
}

#[test]
fn an_end_too_many_takes_no_other_goroutines_region() {
    let (spans, counters) = one(|script| {
        in_created(script);
        script.region_begin(7, 0, "work");
        go_on_in_other(script);
        script.region_begin(7, 0, "work");
        script.region_end(7, 0, "work");
        script.region_end(7, 0, "work");
        script.block(7, "chan receive");
        script.event(7, EventType::GoUnblock, &[20, 2, 0]);
    });
    assert_eq!(whole(&spans), [("work".to_owned(), 11, 12)]);
    assert_eq!((counters.incomplete_spans, counters.surplus_region_ends), (1, 1));
}

#[test]
fn an_end_too_many_of_a_goroutine_older_than_the_trace() {
    let (spans, counters) = one(|script| {
        script.run(7);
        script.region_begin(7, 0, "once");
        script.region_end(7, 0, "once");
        script.region_end(7, 0, "once");
    });
    assert_eq!((whole(&spans).len(), spans.len(), counters.surplus_region_ends), (1, 1, 1));
}

#[test]
fn an_end_may_be_of_before_the_trace() {
    let (spans, counters) = one(|script| {
        script.run(7);
        script.region_end(7, 0, "older");
        // Of a task that the trace holds from its begin, no region can be older.
        script.task_begin(7, 1, 0, "task");
        script.region_end(7, 1, "newer");
        script.task_end(7, 1);
    });
    let told: Vec<_> = spans.iter().map(|span| (&*span.name, span.attribute("gotrace.incomplete"))).collect();
    assert_eq!(told, [("older", Some(&"start".into())), ("task", None)]);
    assert_eq!(counters.surplus_region_ends, 1);
}

#[test]
fn a_goroutine_of_a_later_generation_is_not_older() {
    let first = |script: &mut Script<'_>| {
        in_created(script);
    };
    let second = |script: &mut Script<'_>| {
        script.event(7, EventType::ProcStatus, &[7, 1]);
        script.event(7, EventType::GoStatus, &[20, 7, 2]);
        script.region_end(7, 0, "never");
    };
    let (spans, counters) = map(&trace(Dialect::Stock, &[(1, &first), (2, &second)]));
    assert_eq!((spans.len(), counters.surplus_region_ends), (0, 1));
}

#[test]
fn a_region_may_end_on_another_goroutine() {
    let (spans, counters) = one(|script| {
        in_created(script);
        script.region_begin(7, 0, "handed on");
        script.region_begin(7, 0, "inside");
        go_on_in_other(script);
        script.region_end(7, 0, "handed on");
    });
    assert_eq!(whole(&spans), [("handed on".to_owned(), 8, 12)]);
    assert_eq!((counters.incomplete_spans, counters.surplus_region_ends), (1, 0));
    assert_eq!(spans[0].anatomy, None, "no goroutine has done all of it");
}
