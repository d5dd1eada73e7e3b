//! A mapper that is saved and loaded goes on as if it had never been stopped.

use crate::common::{
    self,
    script::{Act, Script, trace},
};
use go_trace_format::{Dialect, EventType, Reader};
use proptest::prelude::*;
use trace_to_otel::{Mapper, MapperOptions, Span};

const RECORDINGS: [&str; 12] = [
    "go1.22/generations.trace",
    "go1.25/flight-whole.trace",
    "go1.26/generations.trace",
    "go1.27/flight-whole.trace",
    "go1.27/http.trace",
    "go1.27/context.trace",
    "fork/tls.trace",
    "fork/withspan.trace",
    "fork/net.trace",
    "zero-code/go1.26-http1.trace",
    "zero-code/go1.26-tls.trace",
    "zero-code/go1.26-http2.trace",
];

fn options() -> MapperOptions {
    let mut options = MapperOptions::default();
    (options.unsampled, options.state_events, options.stacks) = (true, true, true);
    options
}

/// Maps a trace; the mapper is saved and loaded before each event for which `stops` says so.
fn map(trace: &[u8], mut stops: impl FnMut(u64, u64) -> bool) -> (Vec<Span>, Mapper) {
    let (mut mapper, mut spans) = (Mapper::with_options(options()), Vec::new());
    let mut reader = Reader::from_slice(trace).expect("a trace");
    let (mut number, mut generation) = (0, 0);
    while let Some(event) = reader.next_event().expect("slices can be read") {
        if stops(number, event.generation().saturating_sub(generation)) {
            let saved = mapper.save();
            mapper = Mapper::load(options(), &saved).expect("what was saved");
            assert_eq!(mapper.save(), saved, "the same state gives the same bytes");
        }
        (number, generation) = (number + 1, event.generation());
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    let Ok(()) = mapper.finish(&mut spans);
    (spans, mapper)
}

#[test]
fn stopped_between_generations() {
    let mut generations = 0;
    for recording in RECORDINGS {
        let trace = common::read(recording);
        let (whole, mapper) = map(&trace, |_, _| false);
        let stops = |_, later: u64| {
            generations += later.min(1);
            later > 0
        };
        let (stopped, other) = map(&trace, stops);
        assert_eq!(stopped, whole, "{recording}");
        assert_eq!(other.counters(), mapper.counters(), "{recording}");
    }
    assert!(generations > 12, "only {generations} generations");
}

/// Another process reads the next snapshot, and its reader knows nothing of the one before.
#[test]
fn stopped_between_snapshots() {
    let first = |script: &mut Script<'_>| {
        script.run(7);
        script.region_begin(7, 0, "across");
    };
    let second = |script: &mut Script<'_>| {
        script.run(7);
        script.region_end(7, 0, "across");
    };
    for (number, spans, incomplete) in [(2, 1, 0), (3, 2, 2)] {
        let (mut mapper, mut found) = (Mapper::new(), Vec::new());
        for trace in [trace(Dialect::Stock, &[(1, &first)]), trace(Dialect::Stock, &[(number, &second)])] {
            mapper = Mapper::load(MapperOptions::default(), &mapper.save()).expect("what was saved");
            let mut reader = Reader::from_slice(&trace).expect("a trace");
            while let Some(event) = reader.next_event().expect("slices can be read") {
                let Ok(()) = mapper.event(&event, &mut found);
            }
        }
        assert_eq!(mapper.generation(), Some(number));
        let Ok(()) = mapper.finish(&mut found);
        assert_eq!((found.len(), mapper.counters().incomplete_spans), (spans, incomplete), "{found:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn stopped_anywhere(recording in 0..RECORDINGS.len(), every in 100..5_000_u64, first in 0..5_000_u64) {
        let trace = common::read(RECORDINGS[recording]);
        let stopped = map(&trace, |number, _| number >= first && (number - first) % every == 0).0;
        prop_assert_eq!(stopped, map(&trace, |_, _| false).0);
    }

    /// Whatever the bytes say, loading does not panic, nor does what goes on with them.
    #[test]
    fn damaged_states(place in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut state = open_state();
        let place = place.index(state.len());
        match cut {
            true => state.truncate(place),
            false => state[place] = byte,
        }
        if let Ok(mut mapper) = Mapper::load(options(), &state) {
            let mut spans = Vec::new();
            let trace = common::read("go1.27/tasks.trace");
            let mut reader = Reader::from_slice(&trace).expect("a trace");
            while let Some(event) = reader.next_event().expect("slices can be read") {
                let Ok(()) = mapper.event(&event, &mut spans);
            }
            let Ok(()) = mapper.finish(&mut spans);
        }
    }
}

/// How many generations a process has of which some are missing.
const GENERATIONS: u64 = 8;

/// A generation of a process that leaves regions and tasks open to the next ones.
fn goes_on(number: u64, script: &mut Script<'_>) {
    script.run(7);
    if number % 3 == 0 {
        script.region_end(7, 0, "across");
        script.region_begin(7, 0, "across");
    }
    script.log(7, number.saturating_sub(2), "category", "message");
    script.task_end(7, number.saturating_sub(3));
    script.task_begin(7, number, number.saturating_sub(1), "task");
    script.region_begin(7, number, "in task");
    script.region_end(7, number.saturating_sub(1), "in task");
    script.event(7, EventType::GcBegin, &[number, 0]);
}

proptest! {
    /// Some generations are in a snapshot with the one before, others in one of their own, others in none.
    #[test]
    fn stopped_with_generations_missing(kept in prop::collection::vec(0..3_u8, GENERATIONS as usize)) {
        let mut snapshots: Vec<Vec<u64>> = Vec::new();
        for (number, kept) in (1..).zip(kept) {
            match (kept, snapshots.last_mut()) {
                (0, _) => {}
                (1, Some(last)) => last.push(number),
                _ => snapshots.push(vec![number]),
            }
        }
        let acts: Vec<_> =
            (0..=GENERATIONS).map(|number| move |script: &mut Script<'_>| goes_on(number, script)).collect();
        let trace_of = |numbers: &Vec<u64>| {
            let generations: Vec<(u64, Act<'_>)> =
                numbers.iter().map(|&number| (number, &acts[number as usize] as Act<'_>)).collect();
            trace(Dialect::Stock, &generations)
        };
        let traces: Vec<Vec<u8>> = snapshots.iter().map(trace_of).collect();
        let (mut live, mut of_live) = (Mapper::new(), Vec::new());
        let (mut resumed, mut of_resumed) = (Mapper::new(), Vec::new());
        let mut earlier: Option<Reader<'_>> = None;
        for trace in &traces {
            let mut reader = Reader::from_slice(trace).expect("a trace");
            if let Some(earlier) = earlier.take() {
                reader = reader.follow(earlier);
            }
            live.read(&mut reader, &mut of_live).expect("slices can be read");
            earlier = Some(reader);
            resumed = Mapper::load(MapperOptions::default(), &resumed.save()).expect("what was saved");
            resumed.read(&mut Reader::from_slice(trace).expect("a trace"), &mut of_resumed).expect("slices can be read");
        }
        prop_assert_eq!(resumed.save(), live.save());
        let (Ok(()), Ok(())) = (live.finish(&mut of_live), resumed.finish(&mut of_resumed));
        prop_assert_eq!(of_resumed, of_live);
    }
}

/// The state of a mapper with one of everything open.
fn open_state() -> Vec<u8> {
    let act = |script: &mut Script<'_>| {
        [7, 8].into_iter().for_each(|thread| script.run(thread));
        script.task_begin(7, 1, 0, "task");
        script.region_begin(7, 1, "region");
        script.log(7, 1, "category", "message");
        script.create(7, 20);
        script.operation(7, EventType::HttpClientRequestStart, (0xf01d, 0xc1), "http://host/");
        script.operation(8, EventType::HttpServerRequestStart, (0xf01d, 0x5e), "/");
        script.operation(8, EventType::SqlQueryStart, (1, 2), "SELECT a FROM t");
        script.event(8, EventType::GcBegin, &[1, 0]);
    };
    let trace = trace(Dialect::Fork, &[(1, &act)]);
    let (mut mapper, mut spans) = (Mapper::with_options(options()), Vec::new());
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = mapper.event(&event, &mut spans);
    }
    mapper.save()
}

#[test]
fn what_is_no_state_is_told() {
    let state = open_state();
    assert!(Mapper::load(options(), &state).is_ok());
    for (bytes, offset) in [(&b""[..], 0), (&b"something else"[..], 8), (&state[..100], 100)] {
        let error = Mapper::load(options(), bytes).expect_err("no state");
        assert!(error.offset <= offset, "{error}");
        assert!(error.to_string().contains("not a saved state"), "{error}");
    }
    let longer = [&state[..], &[0]].concat();
    assert_eq!(Mapper::load(options(), &longer).expect_err("too long").offset, state.len());
}

/// Whatever a state says to be over, and of what it knows nothing.
#[test]
fn what_seems_over_and_is_not_there_is_forgotten() {
    const GOROUTINE: u64 = 0x0765_4321;
    let thread = GOROUTINE as i64;
    let stack = ["net/http.(*Transport).roundTrip", "net/http.(*Client).do", "main.main"];
    let over = trace(
        Dialect::Fork,
        &[(1, &|script: &mut Script<'_>| {
            let (inside, outside) = (script.stack(&stack), script.stack(&stack[2..]));
            let (url, name) = (script.string("http://h.test/"), script.string("later"));
            script.run(thread);
            script.event(thread, EventType::HttpClientRequestStart, &[0xf, 0x1, url, inside]);
            script.event(thread, EventType::UserRegionBegin, &[0, name, outside]);
        })],
    );
    let go_on = |mapper: &mut Mapper| {
        let mut spans = Vec::new();
        let mut reader = Reader::from_slice(&over).expect("a trace");
        while let Some(event) = reader.next_event().expect("slices can be read") {
            let Ok(()) = mapper.event(&event, &mut spans);
        }
        spans
    };
    let mut mapper = Mapper::with_options(options());
    go_on(&mut mapper);
    let state = mapper.save();
    let list = |keys: &[u64]| {
        let entries = keys.iter().flat_map(|&key| [GOROUTINE, key]);
        let numbers = core::iter::once(keys.len() as u64).chain(entries);
        numbers.flat_map(u64::to_le_bytes).collect::<Vec<u8>>()
    };
    // The first was of its stack alone, until the fork told of it.
    let one = list(&[2]);
    let place = state.windows(one.len()).rposition(|bytes| bytes == one).expect("the one that seems over");
    let many: Vec<u64> = (1_000..2_000).chain([2, 3]).collect();
    let damaged = [&state[..place], &list(&many), &state[place + one.len()..]].concat();
    let mut mapper = Mapper::load(options(), &damaged).expect("a state");
    assert_eq!(go_on(&mut mapper).len(), 2, "the request and the region");
}
