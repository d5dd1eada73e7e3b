//! Nothing begins before its goroutine, ends before its begin, or lies outside of its trace, whatever is damaged or ends too often.

use std::collections::BTreeMap;

use crate::common::script::{Script, time, trace};
use go_trace_context::SpanId;
use go_trace_format::{
    Dialect, EventKind, EventType as E, Mode, Reader, ReaderOptions,
    wire::{BatchKind, Batches},
};
use proptest::{prelude::*, sample::Index};
use trace_to_otel::{Counters, Mapper, Span};

/// What comes of a trace, and what its events say.
struct Mapped {
    spans: Vec<Span>,
    counters: Counters,
    is_approximate: bool,
    /// The first and the last moment on the trace clock.
    moments: (i64, i64),
    /// By how much wall clocks are ahead of the trace clock, the least and the most.
    ahead: (i128, i128),
}

fn map(mut reader: Reader<'_>) -> Mapped {
    let (mut mapper, mut spans) = (Mapper::new(), Vec::new());
    let (mut moments, mut ahead) = ((i64::MAX, i64::MIN), (i128::MAX, i128::MIN));
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut spans);
        if !matches!(event.kind(), EventKind::Sync(sync) if sync.generation.is_none()) {
            let moment = event.raw_time().0;
            moments = (moments.0.min(moment), moments.1.max(moment));
            let by = i128::from(mapper.unix_time(&event).0) - i128::from(moment);
            ahead = (ahead.0.min(by), ahead.1.max(by));
        }
    }
    let is_approximate = mapper.is_approximate();
    let Ok(()) = mapper.finish(&mut spans);
    Mapped { spans, counters: *mapper.counters(), is_approximate, moments, ahead }
}

fn salvage(trace: &[u8]) -> Mapped {
    map(Reader::from_slice(trace).expect("a header"))
}

/// What every span holds to.
fn check(mapped: &Mapped) -> Result<(), TestCaseError> {
    let Mapped { moments: (first, last), ahead: (least, most), .. } = *mapped;
    for span in &mapped.spans {
        let (start, end) = (i128::from(span.start.0), i128::from(span.end.0));
        prop_assert!(start <= end, "{span:?}");
        prop_assert!(end <= i64::MAX.into(), "{span:?}");
        prop_assert!(end - start <= i128::from(last) - i128::from(first), "{span:?}");
        let window = i128::from(first) + least..=i128::from(last) + most;
        prop_assert!(window.contains(&start) && window.contains(&end), "{span:?}");
        prop_assert!(span.events.iter().all(|event| window.contains(&event.time.0.into())), "{span:?}");
    }
    Ok(())
}

/// Two goroutines with every kind of span, over three generations.
fn ordinary() -> Vec<u8> {
    let first = |script: &mut Script<'_>| {
        script.run(7);
        script.run(8);
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "region");
        script.log(7, 1, "category", "message");
        script.operation(8, E::HttpServerRequestStart, (0xf, 0x1), "/");
        script.operation(8, E::SqlQueryStart, (0xf, 0x1), "SELECT 1");
        script.event(8, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]);
        script.event(8, E::StwBegin, &[0, 0]);
        script.event(8, E::StwEnd, &[]);
    };
    let second = |script: &mut Script<'_>| {
        script.run(7);
        script.run(8);
        script.region_end(7, 1, "region");
        script.event(8, E::HttpServerRequestEnd, &[1, 200, 0]);
        script.region_begin(8, 0, "other");
    };
    let third = |script: &mut Script<'_>| {
        script.run(7);
        script.run(8);
        script.region_end(8, 0, "other");
        script.task_end(7, 1);
    };
    trace(Dialect::Fork, &[(1, &first), (2, &second), (3, &third)])
}

/// Where the times, clocks and frequencies of a trace stand.
fn places_of_times(trace: &[u8]) -> Vec<usize> {
    let batches = Batches::new(trace).expect("a header");
    let (version, dialect) = (batches.version(), batches.dialect());
    let mut places = Vec::new();
    for batch in batches {
        let batch = batch.expect("a whole trace");
        let (offset, body) = (batch.offset as usize, batch.data_offset as usize);
        // Generation and thread take a byte each, but for no thread, which takes ten.
        places.extend(offset + 3..body - 1);
        match batch.kind(version, dialect) {
            BatchKind::Sync => places.extend(body + 2..body + batch.data.len()),
            BatchKind::Events => {
                let events = batch.events(dialect).map(|event| event.expect("an event").offset as usize);
                places.extend(events.map(|event| event + 1));
            }
            _ => {}
        }
    }
    places
}

/// What is put in a byte's place: another one, or a number of some length.
fn replacement() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        (0..=9_usize, 0..0x80_u8).prop_map(|(length, last)| {
            let mut number = vec![0xff; length];
            number.push(last);
            number
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_times_stay_in_the_trace(at: Index, new in replacement()) {
        let mut trace = ordinary();
        let places = places_of_times(&trace);
        let place = *at.get(&places);
        trace.splice(place..=place, new);
        let mapped = salvage(&trace);
        check(&mapped)?;
        // No time is farther from the others than a generation's silence may be, twenty minutes.
        let (first, last) = mapped.moments;
        prop_assert!(last.abs_diff(first) < 3 * 1_200_000_000_000, "{first} to {last}");
        let clock_can_be = |span: &Span| span.start.0 > 1_000_000_000_000_000_000;
        prop_assert!(mapped.is_approximate || mapped.spans.iter().all(clock_can_be));
    }
}

#[test]
fn strict_reading_believes_clocks_and_the_mapper_does_not() {
    let mut trace = ordinary();
    let sync = Batches::new(&trace).expect("a header").next().expect("a batch").expect("a whole batch");
    // The frequency, the time of the snapshot, then the monotonic clock: the last byte of the wall clock's seconds.
    let seconds = sync.data.windows(5).position(|bytes| bytes[4] == 0x06).expect("ten digits of seconds");
    let place = sync.data_offset as usize + seconds + 4;
    trace[place] = 0x7f;
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header");
    assert!(reader.next_event().expect("the reference accepts it").is_some());
    let mapped = map(ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header"));
    assert!(mapped.is_approximate);
    check(&mapped).expect("spans that can be");
}

/// The marks of spans whose times are assumed.
fn clamped(spans: &[Span]) -> BTreeMap<String, String> {
    let marks = spans.iter().filter_map(|span| {
        let mark = span.attribute("gotrace.clamped")?;
        Some((span.name.to_string(), mark.to_string()))
    });
    marks.collect()
}

#[test]
fn a_time_that_cannot_be_is_marked_and_counted() {
    let mut trace = trace(
        Dialect::Stock,
        &[(1, &|script: &mut Script<'_>| {
            script.run(7);
            script.region_begin(7, 0, "before");
            script.region_end(7, 0, "before");
            script.region_begin(7, 0, "across");
            script.region_end(7, 0, "across");
            script.region_begin(7, 0, "after");
            script.region_end(7, 0, "after");
        })],
    );
    let mut batches = Batches::new(&trace).expect("a header");
    let dialect = batches.dialect();
    let batch = batches.find_map(|batch| batch.ok().filter(|batch| batch.thread.0 == 7)).expect("events");
    let events: Vec<_> = batch.events(dialect).map(|event| event.expect("an event")).collect();
    let ends = events.iter().filter(|event| event.event_type == E::UserRegionEnd);
    let place = ends.map(|event| event.offset as usize + 1).nth(1).expect("the end of the second region");
    // Longer by nine bytes, and so is the batch.
    let size = batch.data_offset as usize - 1;
    trace.splice(place..=place, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    trace[size] += 9;
    let mapped = salvage(&trace);
    check(&mapped).expect("spans that can be");
    let text = |text: &str| text.to_owned();
    let wanted = [(text("across"), text("end")), (text("after"), text("both"))];
    assert_eq!(clamped(&mapped.spans), wanted.into());
    assert_eq!(mapped.counters.clamped_spans, 2);
}

#[test]
fn nothing_happens_outside_of_its_span() {
    // A region begins on a thread whose clock is ahead, and its goroutine goes on by another one's clock.
    let regions = |ahead: i64| {
        let trace = trace(
            Dialect::Stock,
            &[(1, &|script: &mut Script<'_>| {
                script.run(7);
                script.run(8);
                script.block(8, "sleep");
                script.set_clock(ahead);
                script.region_begin(7, 0, "across");
                let reason = script.string("preempted");
                script.event(7, E::GoStop, &[reason, 0]);
                script.set_clock(-ahead);
                script.start(8, 7, 1);
                script.log(8, 0, "category", "message");
                script.set_clock(ahead);
                script.region_end(8, 0, "across");
            })],
        );
        let mapped = salvage(&trace);
        check(&mapped).expect("spans that can be");
        let region = mapped.spans.iter().find(|span| &*span.name == "across").expect("the region").clone();
        assert_eq!(region.events.len(), 1);
        assert!((region.start..=region.end).contains(&region.events[0].time), "{region:?}");
        (region.attribute("gotrace.clamped").map(ToString::to_string), mapped.counters.clamped_spans)
    };
    assert_eq!(regions(0), (None, 0));
    assert_eq!(regions(1_000), (None, 0), "threads' clocks disagree by a little");
    assert_eq!(regions(1_000_000), (Some("events".to_owned()), 1));
}

/// What ends too often on a goroutine that the trace has seen created.
const ENDS: [fn(&mut Script<'_>); 11] = [
    |script| script.task_end(7, 90),
    |script| script.region_end(7, 0, "region"),
    |script| script.region_end(7, 1, "region"),
    |script| script.event(7, E::HttpServerRequestEnd, &[1, 200, 0]),
    |script| script.event(7, E::HttpClientRequestEnd, &[1, 200, 0, 0]),
    |script| script.event(7, E::HttpClientError, &[1, 2, 0, 0]),
    |script| script.event(7, E::SqlQueryEnd, &[1, u64::MAX, 0, 0]),
    |script| script.event(7, E::TlsHandshakeEnd, &[1, 0x304, 0x1301, 0]),
    |script| script.event(7, E::DnsLookupEnd, &[1, 1, 0]),
    |script| script.event(7, E::ConnectEnd, &[1, 0, 0]),
    |script| script.event(7, E::GcMarkAssistEnd, &[]),
];

proptest! {
    #[test]
    fn surplus_ends_make_no_spans(ends in prop::collection::vec(0..ENDS.len(), 1..24)) {
        let mapped = salvage(&trace(
            Dialect::Fork,
            &[(1, &|script: &mut Script<'_>| {
                script.run(7);
                script.task_begin(7, 1, 0, "task");
                script.create(7, 20);
                script.block(7, "chan receive");
                script.start(7, 20, 1);
                ends.iter().for_each(|&end| ENDS[end](script));
            })],
        ));
        check(&mapped)?;
        let names: Vec<&str> = mapped.spans.iter().map(|span| &*span.name).collect();
        prop_assert_eq!(names, ["task"]);
        let Counters {
            surplus_region_ends, surplus_operation_ends, surplus_range_ends, repeated_task_ends, ..
        } = mapped.counters;
        let counted = surplus_region_ends + surplus_operation_ends + surplus_range_ends + repeated_task_ends;
        prop_assert_eq!(counted, ends.len() as u64);
    }
}

/// The spans of the fork's trace of a goroutine: name, parent's name, and the numbers of the events of begin and end.
fn of_fork(act: impl Fn(&mut Script<'_>)) -> Vec<(String, Option<String>, u64, u64, bool)> {
    let mapped = salvage(&trace(
        Dialect::Fork,
        &[(1, &|script: &mut Script<'_>| {
            script.run(7);
            act(script);
        })],
    ));
    let spans = &mapped.spans;
    let number = |moment: u64| (moment - time(1, 0)) / (time(1, 1) - time(1, 0));
    let name_of = |id| spans.iter().find(|span| span.span_id == id).map(|span| span.name.to_string());
    let one = |span: &Span| {
        let parent = span.parent.and_then(|parent| name_of(parent.span_id));
        let is_whole = span.attribute("gotrace.incomplete").is_none();
        (span.name.to_string(), parent, number(span.start.0), number(span.end.0), is_whole)
    };
    let mut described: Vec<_> = spans.iter().map(one).collect();
    described.sort_by_key(|span| span.2);
    described
}

const IN_REQUEST: [&str; 3] = ["net/http.(*Transport).roundTrip", "net/http.(*Client).do", "main.main"];

/// A request begins, and then a region on a stack that is outside of it, of which the arguments are given.
fn begin_request_and_region_outside(script: &mut Script<'_>) -> [u64; 3] {
    let (url, inside, outside) =
        (script.string("http://h.test/"), script.stack(&IN_REQUEST), script.stack(&["main.main"]));
    script.event(7, E::HttpClientRequestStart, &[0xf, 0x1, url, inside]);
    let region = [0, script.string("later"), outside];
    script.event(7, E::UserRegionBegin, &region);
    region
}

#[test]
fn a_request_that_never_ends_is_over_when_its_stack_is() {
    let spans = of_fork(|script| {
        let region = begin_request_and_region_outside(script);
        script.event(7, E::UserRegionEnd, &region);
    });
    let text = |text: &str| text.to_owned();
    assert_eq!(spans, [(text("HTTP"), None, 4, 5, false), (text("later"), None, 5, 6, true)]);
}

#[test]
fn a_request_that_never_ends_is_over_with_the_next() {
    for stack in [&[] as &[&str], &IN_REQUEST] {
        let spans = of_fork(|script| {
            let (url, stack) = (script.string("http://h.test/"), script.stack(stack));
            script.event(7, E::HttpClientRequestStart, &[0xf, 0x1, url, stack]);
            script.event(7, E::HttpClientRequestStart, &[0xe, 0x2, url, stack]);
            script.event(7, E::HttpClientRequestEnd, &[2, 200, 0, 0]);
            script.region_begin(7, 0, "later");
            script.region_end(7, 0, "later");
        });
        let text = |text: &str| text.to_owned();
        let wanted = [
            (text("HTTP"), None, 4, 5, false),
            (text("HTTP"), None, 5, 6, true),
            (text("later"), None, 7, 8, true),
        ];
        assert_eq!(spans, wanted, "{stack:?}");
    }
}

#[test]
fn a_request_that_never_ends_is_over_with_the_one_that_is_served() {
    let spans = of_fork(|script| {
        script.operation(7, E::HttpServerRequestStart, (0xf, 0x1), "/");
        script.operation(7, E::HttpClientRequestStart, (0xe, 0x2), "http://h.test/");
        script.event(7, E::HttpServerRequestEnd, &[1, 200, 0]);
        script.region_begin(7, 0, "later");
        script.region_end(7, 0, "later");
    });
    let ends: Vec<_> = spans.iter().map(|span| (span.2, span.3, span.4)).collect();
    assert_eq!(ends, [(4, 6, true), (5, 6, false), (7, 8, true)]);
    assert_eq!(spans[2].1, None);
}

#[test]
fn an_end_that_comes_after_all_is_the_end() {
    let spans = of_fork(|script| {
        let region = begin_request_and_region_outside(script);
        script.event(7, E::HttpClientRequestEnd, &[1, 200, 0, 0]);
        script.event(7, E::UserRegionEnd, &region);
    });
    let text = |text: &str| text.to_owned();
    assert_eq!(spans, [(text("HTTP"), None, 4, 6, true), (text("later"), None, 5, 7, true)]);
}

/// A call that only its stack tells of, as the fork tells of it later: a region in it, a goroutine created in it, and a
/// collection meanwhile.
fn taken_away(told_by: E) -> Vec<Span> {
    let mapped = salvage(&trace(
        Dialect::Fork,
        &[(1, &|script: &mut Script<'_>| {
            script.run(7);
            script.region_begin(7, 0, "outer");
            let inside = script.stack(&IN_REQUEST);
            script.event(7, E::GoCreate, &[20, 0, inside]);
            let name = script.string("inner");
            script.event(7, E::UserRegionBegin, &[0, name, inside]);
            script.event(7, E::GcBegin, &[1, 0]);
            match told_by {
                E::HttpClientRequestStart => {
                    let url = script.string("http://h.test/");
                    script.event(7, told_by, &[0xf, 0x1, url, inside]);
                }
                _ => script.event(7, told_by, &[1, 200, 0, 0]),
            }
            script.event(7, E::GcEnd, &[2]);
            script.block(7, "chan receive");
            script.start(7, 20, 1);
            script.region_begin(7, 0, "created");
            script.region_end(7, 0, "created");
        })],
    ));
    mapped.spans
}

#[test]
fn what_is_inside_of_a_call_that_is_taken_away_is_inside_of_what_was_around_it() {
    for told_by in [E::HttpClientRequestStart, E::HttpClientRequestEnd] {
        let spans = taken_away(told_by);
        assert!(spans.iter().all(|span| span.attribute("gotrace.evidence").is_none()), "{spans:#?}");
        let id_of = |name: &str| spans.iter().find(|span| &*span.name == name).expect("a span").span_id;
        for inside in ["inner", "created"] {
            let span = spans.iter().find(|span| &*span.name == inside).expect("a region");
            assert_eq!(span.parent.map(|parent| parent.span_id), Some(id_of("outer")), "{inside}");
        }
        let went_out = |id| spans.iter().any(|span| span.span_id == id);
        assert!(named(&spans).all(went_out), "{told_by:?}: {spans:#?}");
    }
}

/// Goroutine 7 is in a request that only its stack tells of. A collection has come and gone, and goroutine 8, which it woke, is done
/// with its region, when something tells of the request better; then so does `tell`.
fn taken_away_too_late(dialect: Dialect, stack: &[&str], tell: impl Fn(&mut Script<'_>, u64)) -> Vec<Span> {
    let mapped = salvage(&trace(
        dialect,
        &[(1, &|script: &mut Script<'_>| {
            let stack = script.stack(stack);
            script.run(8);
            script.region_begin(8, 0, "woken");
            script.block(8, "sync");
            script.event(7, E::ProcStatus, &[7, 1]);
            script.event(7, E::GoStatusStack, &[7, 7, 2, stack]);
            script.event(7, E::HeapAlloc, &[1 << 20]);
            script.event(7, E::GcBegin, &[1, 0]);
            script.event(7, E::GoUnblock, &[8, 1, 0]);
            script.event(7, E::GcEnd, &[2]);
            script.start(8, 8, 2);
            script.region_end(8, 0, "woken");
            tell(script, stack);
        })],
    ));
    mapped.spans
}

/// What spans name as their parents or by links.
fn named(spans: &[Span]) -> impl Iterator<Item = SpanId> {
    spans.iter().flat_map(|span| {
        span.parent.iter().map(|parent| parent.span_id).chain(span.links.iter().map(|link| link.span_id))
    })
}

#[test]
fn no_link_leads_to_a_call_that_is_taken_away_later() {
    let told_by_fork = |script: &mut Script<'_>, _| script.event(7, E::HttpClientRequestEnd, &[1, 200, 0, 0]);
    let spans = taken_away_too_late(Dialect::Fork, &IN_REQUEST, told_by_fork);
    assert!(spans.iter().all(|span| span.attribute("gotrace.evidence").is_none()), "{spans:#?}");
    assert!(named(&spans).all(|id| spans.iter().any(|span| span.span_id == id)), "{spans:#?}");
    // Nothing tells of it but its stack: the collection and who was woken have to do with it.
    let spans = taken_away_too_late(Dialect::Stock, &IN_REQUEST, |_, _| {});
    let call = spans.iter().find(|span| span.attribute("gotrace.evidence").is_some()).expect("a call");
    assert_eq!(named(&spans).filter(|id| *id == call.span_id).count(), 2, "{spans:#?}");
}

/// Each call that is taken away costs what happens at it, and not what else is open.
#[test]
fn as_many_calls_as_can_be_are_taken_away_at_once() {
    const CALLS: u64 = 40_000;
    let handler = ["main.handle", "net/http.serverHandler.ServeHTTP", "net/http.(*conn).serve"];
    let of_calls = |is_told: bool| {
        salvage(&trace(
            Dialect::Fork,
            &[(1, &|script: &mut Script<'_>| {
                let stack = script.stack(&handler);
                script.run(7);
                for goroutine in 0..CALLS {
                    script.event(7, E::GoStatusStack, &[1_000 + goroutine, u64::MAX, 4, stack]);
                }
                if is_told {
                    script.event(7, E::HttpServerRequestEnd, &[1, 200, 0]);
                }
            })],
        ))
    };
    assert_eq!(of_calls(false).counters.spans, CALLS);
    assert_eq!(of_calls(true).counters.spans, 1, "the one that the fork tells of");
}
