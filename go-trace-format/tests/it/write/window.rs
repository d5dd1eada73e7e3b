//! Windows cut out of traces: Go's reader takes them, and what is in them is what the whole has there.

use std::{collections::HashMap, ops::Range};

use arbitrary::{Arbitrary, Unstructured};
use go_trace_format::{
    Error, Event, EventKind, EventType, EventType as E, Mode, ReaderOptions, Time, Version,
    event::{GoroutineTransition, ProcTransition},
    write::{Copier, Window, WriteError, Writer},
};
use proptest::prelude::*;
use trace_scenario::Scenario;

use crate::{
    canned::script::{NONE, Script, goroutine, proc},
    support::{self, oracle::Oracle, strict},
    write::FORMATS,
};

/// The window, and how many generations it holds something of.
fn cut(trace: &[u8], times: Range<Time>) -> Result<(Vec<u8>, usize), WriteError> {
    let generations = ReaderOptions::new().generations(trace).unwrap();
    let mut writer = Writer::new(Vec::new(), generations.version(), generations.dialect())?;
    let mut window = Window::new(times);
    let mut count = 0;
    for generation in generations.map(Result::unwrap) {
        if let Some(slice) = window.slice(&generation)? {
            Copier::new(&generation, |_| true, |text| text.text.into())
                .within(&slice)
                .copy_to(&mut writer)?;
            count += 1;
        }
    }
    Ok((writer.into_inner(), count))
}

/// What an event says, whatever was known before it.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    is_sample: bool,
    thread: Option<i64>,
    raw_time: Time,
    text: String,
}

impl Said {
    fn of(event: &Event<'_>) -> Self {
        let said = match event.kind() {
            EventKind::Goroutine(GoroutineTransition { goroutine, to, .. }) if is_status(event) => {
                format!("{goroutine:?} {to}")
            }
            EventKind::Proc(ProcTransition { proc, to, .. }) if is_status(event) => format!("{proc:?} {to}"),
            // Its reason is that of a beginning, which in scenarios may be in another generation.
            EventKind::RangeEnd(range) => format!("{:?} {:?}", range.scope, range.sweep),
            EventKind::TaskEnd(task) => format!("{:?}", task.id),
            kind => {
                format!("{:?} {:?} {}", event.proc(), event.goroutine(), without_ids(&format!("{kind:?}")))
            }
        };
        Self {
            is_sample: event.event_type() == EventType::CpuSample,
            // A status may speak of another thread, if that is known.
            thread: event.thread().filter(|_| !is_status(event)).map(|thread| thread.0),
            raw_time: event.raw_time(),
            text: format!("{:?} {said} {:?}", event.event_type(), event.stack()),
        }
    }
}

/// Strings have other ids in a window.
fn without_ids(text: &str) -> String {
    text.split("StringId(").map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect()
}

fn is_status(event: &Event<'_>) -> bool {
    matches!(event.event_type(), EventType::GoStatus | EventType::GoStatusStack | EventType::ProcStatus)
}

/// Whether an event may stand at the beginning of a window without having been recorded there.
fn may_be_said_first(event: &Said) -> bool {
    let kinds = [
        "GoStatus ",
        "GoStatusStack ",
        "ProcStatus ",
        "GcActive ",
        "GcSweepActive ",
        "GcMarkAssistActive ",
        "ProcsChange ",
    ];
    kinds.iter().any(|kind| event.text.starts_with(kind))
}

/// Threads disagree on the order of what happens at one time.
fn by_thread(events: &mut [Said]) {
    events.sort_by(|one, other| {
        (one.is_sample, one.thread, one.raw_time).cmp(&(other.is_sample, other.thread, other.raw_time))
    });
}

/// An event of a whole trace.
struct Placed {
    generation: u64,
    time: Time,
    /// How often the world is stopped before it.
    stopped: usize,
    said: Said,
}

/// What a trace says from a generation on, and why that ends where it is not the end.
fn read(trace: &[u8], first: u64) -> (Vec<Placed>, Option<Error>) {
    let reader = ReaderOptions::new().mode(Mode::Strict).read_slice(trace).unwrap();
    let mut reader = reader.leaving_out(|generation| generation.number() < first);
    let mut stops: HashMap<_, usize> = HashMap::new();
    let (mut placed, mut last, mut generation) = (Vec::<Placed>::new(), None, 0);
    loop {
        let event = match reader.next_event() {
            Ok(Some(event)) => event,
            Ok(None) => return (placed, None),
            Err(error) => return (placed, Some(error)),
        };
        if event.event_type() == EventType::Sync {
            generation = event.tables().generation();
            continue;
        }
        let mut stopped = stops.values().sum();
        match event.event_type() {
            EventType::StwBegin => *stops.entry(event.goroutine()).or_default() += 1,
            EventType::StwEnd => *stops.entry(event.goroutine()).or_default() -= 1,
            EventType::GoDestroy | EventType::GoDestroySyscall => drop(stops.remove(&event.goroutine())),
            _ => {}
        }
        let mut time = event.time();
        // What follows from an event belongs to it.
        if last.replace(event.offset()) == Some(event.offset()) {
            let before = placed.last().unwrap();
            (time, stopped) = (before.time, before.stopped);
        }
        placed.push(Placed { generation, time, stopped, said: Said::of(&event) });
    }
}

/// What is expected of a window; `None` where that is an error.
fn expected(trace: &[u8], all: &[Placed], times: &Range<Time>) -> Option<Vec<Said>> {
    let is_within = |placed: &Placed| placed.time >= times.start;
    let Some(first) = all.iter().find(|placed| is_within(placed)) else { return Some(Vec::new()) };
    let (events, error) = read(trace, first.generation);
    let end = events.iter().position(|placed| placed.time >= times.end);
    if end.is_none() && error.is_some() {
        return None;
    }
    let end = end.unwrap_or(events.len());
    let mut begin = events.iter().position(is_within).unwrap();
    if begin == end {
        return Some(Vec::new());
    }
    while events[begin].stopped > 0 && events[begin].generation == first.generation && begin > 0 {
        begin -= 1;
    }
    Some(events[begin..end].iter().map(|placed| placed.said.clone()).collect())
}

/// Cuts, and compares with the whole. Gives the window, where there is anything in it.
fn check(trace: &[u8], all: &[Placed], times: Range<Time>) -> Result<Option<Vec<u8>>, TestCaseError> {
    let fail = |error: String| TestCaseError::fail(format!("{times:?}: {error}"));
    let expected = expected(trace, all, &times);
    let cut = cut(trace, times.clone());
    let Some(mut expected) = expected else {
        prop_assert!(matches!(cut, Err(WriteError::Read(_))), "{:?}", times);
        return Ok(None);
    };
    let (window, count) = cut.map_err(|error| fail(error.to_string()))?;
    prop_assert_eq!(count == 0, expected.is_empty(), "{:?}", times);
    if count == 0 {
        return Ok(None);
    }
    let (said, error) = read(&window, 0);
    prop_assert_eq!(error, None, "{:?}", times);
    let mut said: Vec<_> = said.into_iter().map(|placed| placed.said).collect();
    prop_assert!(said.len() >= expected.len(), "{:?}: {} of {}", times, said.len(), expected.len());
    let mut behind = said.split_off(said.len() - expected.len());
    if let Some(other) = said.iter().find(|first| !may_be_said_first(first)) {
        return Err(fail(format!("{other:?} at the beginning")));
    }
    by_thread(&mut behind);
    by_thread(&mut expected);
    for (found, expected) in behind.iter().zip(&expected) {
        prop_assert_eq!(found, expected, "{:?}", times);
    }
    Ok(Some(window))
}

/// A window between two of a trace's events.
fn between(all: &[Placed], [from, to]: [usize; 2]) -> Range<Time> {
    let (from, to) = (all[from % all.len()].time, all[to % all.len()].time);
    from.min(to)..from.max(to)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn windows_of_scenarios_hold_what_the_whole_does(
        bytes in prop::collection::vec(any::<u8>(), 200..6_000),
        format in prop::sample::select(&FORMATS),
        places in any::<[usize; 2]>(),
    ) {
        let mut scenario = Scenario::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes will do");
        (scenario.version, scenario.dialect) = format;
        scenario.faults.clear();
        let trace = scenario.encode().unwrap();
        let (all, error) = read(&trace, 0);
        prop_assert_eq!(error, None);
        prop_assume!(!all.is_empty());
        check(&trace, &all, between(&all, places))?;
    }
}

#[test]
fn windows_of_recordings_hold_what_the_whole_does() {
    let oracle = Oracle::find("windows of recordings");
    for (number, recording) in support::testdata().into_iter().enumerate() {
        let (name, trace) = (recording.name(), recording.bytes);
        let (all, error) = read(&trace, 0);
        // Windows are cut out of what is sound.
        let Some(count) = error.is_none().then_some(all.len()).filter(|&count| count > 0) else { continue };
        // Pieces of a tenth, one of them looked at by Go.
        for tenth in (0..9).filter(|tenth| (tenth + number) % 3 == 0) {
            let times = between(&all, [count * tenth / 9, (count * (tenth + 1) / 9).min(count - 1)]);
            let window = check(&trace, &all, times).unwrap_or_else(|error| panic!("{name}: {error}"));
            let is_stock = recording.path.with_extension("dump.gz").exists();
            if let (Some(oracle), Some(window), true) = (&oracle, window, is_stock && number % 6 == tenth % 6)
            {
                let reading = oracle.read(&window);
                assert_eq!(reading.error, None, "{name}");
                assert!(reading.dump == strict::read(&window).0, "{name}");
            }
        }
    }
}

/// Cuts a script at each of its times, and has Go's reader look too where there is one.
fn check_everywhere(script: &Script) {
    let (trace, oracle) = (script.bytes(), Oracle::find("windows of scripts"));
    let (all, error) = read(&trace, 0);
    assert_eq!(error, None);
    for from in 0..all.len() {
        let times = all[from].time..Time(i64::MAX);
        let window = check(&trace, &all, times).unwrap_or_else(|error| panic!("{error}"));
        if let (Some(oracle), Some(window)) = (&oracle, window) {
            assert_eq!(oracle.read(&window).error, None, "from event {from}");
        }
    }
}

#[test]
fn goroutines_whose_ids_are_used_anew_count_anew() {
    let mut script = Script::new();
    script.on(7, E::ProcStatus, &[0, proc::IDLE]);
    for callback in 0..3 {
        script.on(7, E::GoCreateSyscall, &[5]);
        script.on(7, E::ProcStart, &[0, 3 * callback + 1]);
        script.on(7, E::GoSyscallEndBlocked, &[]);
        script.on(7, E::GoStart, &[5, 1]);
        script.on(7, E::GoStop, &[0, 0]);
        script.on(7, E::GoStart, &[5, 2]);
        script.on(7, E::GoSyscallBegin, &[3 * callback + 2, 0]);
        script.on(7, E::GoDestroySyscall, &[]);
        script.on(8, E::ProcSteal, &[0, 3 * callback + 3, 7]);
    }
    check_everywhere(&script);

    let mut script = Script::new();
    script.running(0, 0, 1);
    for create in [E::GoCreate, E::GoCreateBlocked, E::GoCreate] {
        script.on(0, create, &[2, 0, 0]);
        if create == E::GoCreateBlocked {
            script.on(0, E::GoUnblock, &[2, 1, 0]);
        }
        let first = 1 + u64::from(create == E::GoCreateBlocked);
        script.on(0, E::GoBlock, &[0, 0]);
        script.on(0, E::GoStart, &[2, first]);
        script.on(0, E::GoStop, &[0, 0]);
        script.on(0, E::GoStart, &[2, first + 1]);
        script.on(0, E::GoDestroy, &[]);
        script.on(0, E::GoStatus, &[1, NONE, goroutine::WAITING]);
        script.on(0, E::GoUnblock, &[1, 1, 0]);
        script.on(0, E::GoStart, &[1, 2]);
    }
    check_everywhere(&script);
}

#[test]
fn what_is_said_again_counts_anew() {
    let mut script = Script::new();
    script.running(0, 0, 1);
    for _ in 0..2 {
        script.on(0, E::GoSyscallBegin, &[1, 0]);
        script.on(0, E::GoSyscallEnd, &[]);
        script.on(0, E::GoSyscallBegin, &[2, 0]);
        script.on(0, E::GoSyscallEnd, &[]);
        script.on(0, E::GoStop, &[0, 0]);
        script.on(0, E::GoStart, &[1, 1]);
        script.on(0, E::ProcStatus, &[0, proc::RUNNING]);
        script.on(0, E::GoStatus, &[1, 0, goroutine::RUNNING]);
    }
    check_everywhere(&script);
}

#[test]
fn generations_in_which_nothing_happens_stay_between_others() {
    let oracle = Oracle::find("windows with empty generations");
    for version in [Version::Go122, Version::Go125, Version::Go126] {
        let mut script = Script::of(version);
        script.running(0, 0, 1);
        script.on(0, E::HeapAlloc, &[1]);
        script.next_generation();
        script.next_generation();
        script.running(0, 0, 1);
        script.on(0, E::HeapAlloc, &[2]);
        let trace = script.bytes();
        let (all, error) = read(&trace, 0);
        assert_eq!(error, None, "{version}");
        for from in [0, 1, 2] {
            let times = all[from].time..Time(i64::MAX);
            let (window, count) = cut(&trace, times.clone()).unwrap();
            assert_eq!(count, 3, "{version}");
            check(&trace, &all, times).unwrap_or_else(|error| panic!("{version}: {error}"));
            let generations = ReaderOptions::new().generations(&window).unwrap();
            let numbers: Vec<_> = generations.map(|generation| generation.unwrap().number()).collect();
            assert_eq!(numbers, [1, 2, 3], "{version}");
            if let Some(oracle) = &oracle {
                assert_eq!(oracle.read(&window).error, None, "{version}");
            }
        }
    }
}

#[test]
fn traces_without_generations_are_refused() {
    let recording = &support::v1_testdata()[0];
    let generation = ReaderOptions::new().generations(&recording.bytes).unwrap().next().unwrap().unwrap();
    let error = Window::new(Time(0)..Time(1)).slice(&generation).unwrap_err();
    assert!(matches!(error, WriteError::NoGenerations { .. }), "{error}");
}
