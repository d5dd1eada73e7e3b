//! Format v1, of Go 1.5 to 1.21.

mod scenario;

use std::fs;

use go_trace_format::{
    Dumper, Error, EventKind, EventType, FaultV1, Mode, Reader, ReaderOptions, Version, Violation,
    event::GoroutineState,
    wire::Batches,
    write::{WriteError, Writer, WriterV1},
};
use proptest::prelude::*;

use crate::support::{
    self, Pieces,
    dump::{exact, print, sort_events_of_one_time, sort_samples_of_one_time, split},
    oracle::Oracle,
};
use scenario::{Scenario, steps, version};

fn strict(trace: &[u8]) -> Reader<'_> {
    ReaderOptions::new().mode(Mode::Strict).read_slice(trace).expect("a header")
}

/// The dump of all events, and the error that ended them.
fn dump(mut reader: Reader<'_>) -> (String, Option<Error>) {
    let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
    let error = loop {
        match reader.next_event() {
            Ok(Some(event)) => dumper.write(&event).expect("a Vec takes everything"),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    (exact(&dumper.into_inner()), error)
}

/// Go's own recordings of Go 1.11 to 1.21, read in place from an installed Go.
#[test]
fn recordings_of_go_are_read_as_go_reads_them() {
    let Some(oracle) = Oracle::find("Go's own recordings of format v1") else { return };
    let folder = oracle.goroot().join("src/internal/trace/internal/tracev1/testdata");
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("Go's source").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "only {} recordings", paths.len());
    for path in paths {
        let trace = fs::read(&path).expect("a recording");
        let (mut ours, error) = print(strict(&trace));
        assert_eq!(error, None, "{}", path.display());
        let reading = oracle.read(&trace);
        assert_eq!(reading.error, None, "{}", path.display());
        let mut theirs = split(&exact(reading.dump.as_bytes()));
        sort_samples_of_one_time(&mut ours, &mut theirs);
        sort_events_of_one_time(&mut ours, &mut theirs);
        assert_eq!(ours.len(), theirs.len(), "{}", path.display());
        for (i, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(&ours.text, theirs, "{}: event {i}", path.display());
        }
    }
}

/// Salvaging gives what strict reading does of a whole recording. Of one that is cut anywhere it gives all up to there, and says so.
#[test]
fn recordings_are_salvaged_as_far_as_they_go() {
    for recording in support::v1_testdata() {
        let whole = dump(strict(&recording.bytes));
        assert_eq!(whole.1, None, "{}", recording.name());
        let mut reader = Reader::from_slice(&recording.bytes).expect("a header");
        let mut events = 0;
        while reader.next_event().expect("salvaging never fails").is_some() {
            events += 1;
        }
        assert!(reader.losses().is_empty(), "{}: {}", recording.name(), reader.losses());
        assert_eq!(
            dump(Reader::from_slice(&recording.bytes).expect("a header")),
            whole,
            "{}",
            recording.name()
        );
        // What is behind the middle are tables, mostly.
        for part in [2, 3, 4] {
            let cut = &recording.bytes[..recording.bytes.len() * (part - 1) / part];
            let mut reader = Reader::from_slice(cut).expect("a header");
            let mut read = 0;
            while reader.next_event().expect("salvaging never fails").is_some() {
                read += 1;
            }
            assert!(
                !reader.losses().is_empty() && read > 2 && read <= events + 2,
                "{}: {read}",
                recording.name()
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_a_scheduler_does_is_read_in_both_modes(version in version(), steps in steps()) {
        let trace = Scenario::record(version, &steps);
        let (text, error) = dump(strict(&trace));
        prop_assert_eq!(error, None);
        let mut salvaging = Reader::from_slice(&trace).expect("a header");
        while salvaging.next_event().expect("salvaging never fails").is_some() {}
        prop_assert!(salvaging.losses().is_empty(), "{:?}", salvaging.losses());
        prop_assert_eq!(&text, &dump(Reader::from_slice(&trace).expect("a header")).0);
        prop_assert_eq!(&text, &dump(Reader::new(Pieces::new(&trace)).expect("a header")).0);
        // Without scheduling there would be nothing of which to be sure.
        prop_assert!(text.contains("GoID=1 Undetermined->Running"));
    }

    #[test]
    fn damage_costs_no_more_than_itself(
        version in version(),
        steps in steps(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=u8::MAX), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut trace = Scenario::record(version, &steps);
        for (at, mask) in flips {
            let at = 16 + at.index(trace.len() - 16);
            trace[at] ^= mask;
        }
        if let Some(cut) = cut {
            trace.truncate(16 + cut.index(trace.len() - 15));
        }
        let (strictly, error) = dump(strict(&trace));
        let mut reader = Reader::from_slice(&trace).expect("a header");
        let (mut count, mut last) = (0, i64::MIN);
        while let Some(event) = reader.next_event().expect("salvaging never fails") {
            prop_assert!(event.time().0 > last || matches!(event.kind(), EventKind::Sync(_)));
            last = event.time().0;
            count += 1;
        }
        prop_assert!(count <= 2 * trace.len());
        prop_assert!(error.is_none() || !reader.losses().is_empty(), "{:?}", error);
        let salvaged = dump(Reader::from_slice(&trace).expect("a header"));
        // Strictly, a time is believed however far it is.
        prop_assert!(error.is_some() || !reader.losses().is_empty() || salvaged.0 == strictly);
        prop_assert_eq!(salvaged, dump(Reader::new(Pieces::new(&trace)).expect("a header")));
    }
}

/// Two procs: goroutine 2 is woken on one and runs on the other, at the same time by a clock that is too coarse.
fn woken(unblock: u64, start: u64) -> Vec<u8> {
    let mut trace = WriterV1::new(Version::Go111).expect("of the format");
    trace.batch(1, 0, 100);
    trace.record("ProcStart", &[0, 8]).unwrap();
    trace.record("GoStart", &[start, 2, 3]).unwrap();
    trace.batch(0, 0, 10);
    trace.record("GoCreate", &[0, 1, 0, 0]).unwrap();
    trace.record("GoCreate", &[0, 2, 0, 0]).unwrap();
    trace.record("GoWaiting", &[1, 2]).unwrap();
    trace.record("ProcStart", &[1, 7]).unwrap();
    trace.record("GoStart", &[1, 1, 1]).unwrap();
    trace.record("Gomaxprocs", &[1, 2, 0]).unwrap();
    trace.record("GoUnblock", &[unblock, 2, 2, 0]).unwrap();
    trace.record("Frequency", &[1_000_000_000]).unwrap();
    trace.into_inner()
}

#[test]
fn an_event_waits_for_what_it_follows_from() {
    // Both at 120.
    let (text, error) = dump(strict(&woken(106, 20)));
    assert_eq!(error, None);
    let woken_at = text.find("GoID=2 Waiting->Runnable").expect("it is woken");
    let started_at = text.find("GoID=2 Runnable->Running").expect("it runs");
    assert!(woken_at < started_at, "{text}");
}

#[test]
fn a_clock_that_contradicts_what_follows_from_what_is_told() {
    // It runs at 120, and is woken at 140.
    let trace = woken(126, 20);
    let (_, error) = dump(strict(&trace));
    let violation = Violation::TimeOrder;
    assert!(
        matches!(error, Some(Error::OutOfOrderV1 { violation: found, .. }) if found == violation),
        "{error:?}"
    );
    let mut reader = Reader::from_slice(&trace).expect("a header");
    let mut states = Vec::new();
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        if let EventKind::Goroutine(transition) = event.kind() {
            states.extend((transition.goroutine.map(|id| id.0) == Some(2)).then_some(transition.to));
        }
    }
    assert_eq!(states, [GoroutineState::Waiting, GoroutineState::Runnable, GoroutineState::Running]);
    assert_eq!(reader.losses().contradictions(), 1);
}

/// By a clock that stands still, one proc wakes and another one runs the same goroutine over and over: each of its starts waits,
/// all at the same place.
#[test]
fn waiting_at_one_time_again_and_again_costs_no_more_than_once() {
    const TIMES: u64 = 200_000;
    let mut trace = WriterV1::new(Version::Go111).expect("of the format");
    trace.batch(1, 0, 10);
    trace.record("ProcStart", &[0, 8]).unwrap();
    for time in 0..TIMES {
        trace.record("GoStart", &[0, 2, 3 + 2 * time]).unwrap();
        trace.record("GoBlock", &[0, 0]).unwrap();
    }
    trace.batch(0, 0, 10);
    trace.record("GoCreate", &[0, 1, 0, 0]).unwrap();
    trace.record("GoCreate", &[0, 2, 0, 0]).unwrap();
    trace.record("GoWaiting", &[0, 2]).unwrap();
    trace.record("ProcStart", &[0, 7]).unwrap();
    trace.record("GoStart", &[0, 1, 1]).unwrap();
    trace.record("Gomaxprocs", &[0, 2, 0]).unwrap();
    for time in 0..TIMES {
        trace.record("GoUnblock", &[0, 2, 2 + 2 * time, 0]).unwrap();
    }
    trace.record("Frequency", &[1_000_000_000]).unwrap();
    let mut reader = strict(trace.as_bytes());
    let mut runs = 0;
    while let Some(event) = reader.next_event().expect("a sound trace") {
        if let EventKind::Goroutine(transition) = event.kind() {
            let is_second = transition.goroutine.map(|id| id.0) == Some(2);
            runs += u64::from(is_second && transition.to == GoroutineState::Running);
        }
    }
    assert_eq!(runs, TIMES);
}

#[test]
fn strict_reading_ends_before_what_contradicts() {
    let sound = woken(106, 20);
    let mut trace = WriterV1::new(Version::Go111).expect("of the format");
    trace.batch(0, 0, 200);
    trace.record("GCDone", &[0]).unwrap();
    let wrong = [&sound[..], &trace.as_bytes()[16..]].concat();
    let ((before, none), (text, error)) = (dump(strict(&sound)), dump(strict(&wrong)));
    assert_eq!(none, None);
    assert!(matches!(error, Some(Error::OutOfOrderV1 { event: "GCDone", .. })), "{error:?}");
    // But for the sync event at the end.
    assert!(before.starts_with(&text), "{text}");
    assert!(!text.contains("GC concurrent mark phase"), "{text}");
}

/// The times of goroutine 1, and what was lost.
fn times_of_first(trace: &[u8]) -> (Vec<i64>, Vec<Error>) {
    let mut reader = Reader::from_slice(trace).expect("a header");
    let mut times = Vec::new();
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        times.extend((event.goroutine().map(|id| id.0) == Some(1)).then(|| event.time().0));
    }
    (times, reader.losses().iter().map(|loss| loss.error.clone()).collect())
}

#[test]
fn one_wrong_time_moves_no_other() {
    let far = 1 << 60;
    let record = |add: &dyn Fn(&mut WriterV1)| {
        let mut trace = WriterV1::new(Version::Go121).expect("of the format");
        trace.batch(0, 0, far + 10);
        trace.record("GoCreate", &[0, 1, 0, 0]).unwrap();
        trace.record("ProcStart", &[1, 7]).unwrap();
        trace.record("GoStart", &[1, 1, 1]).unwrap();
        trace.record("Gomaxprocs", &[1, 2, 0]).unwrap();
        trace.record("HeapAlloc", &[20, 5]).unwrap();
        add(&mut trace);
        trace.batch(0, 0, far + 100);
        trace.record("HeapAlloc", &[0, 6]).unwrap();
        trace.record("Frequency", &[1_000_000_000]).unwrap();
        trace.into_inner()
    };
    let (sound, none) = times_of_first(&record(&|_| ()));
    assert_eq!((sound.len(), none), (3, vec![]));

    let sample = record(&|trace| trace.record("CPUSample", &[0, 1, 0, 1, 0]).unwrap());
    let (times, lost) = times_of_first(&sample);
    assert_eq!(times, sound);
    assert!(
        matches!(lost[..], [Error::RecordV1 { fault: FaultV1::ImplausibleTime { time: 1 }, .. }]),
        "{lost:?}"
    );

    // A batch whose time is wrong, and which is damaged too, is all that is lost.
    for time in [1, 1 << 40, far << 1] {
        let batch = record(&|trace| {
            trace.batch(1, 0, time);
            trace.record("HeapAlloc", &[0, 7]).unwrap();
            trace.record("GoEnd", &[0, 0, 0]).unwrap();
        });
        let (times, lost) = times_of_first(&batch);
        assert_eq!(times, sound, "{time}: {lost:?}");
        let is_told = |lost: &Error| matches!(lost, Error::RecordV1 { fault: FaultV1::ImplausibleTime { time: found }, .. } if *found == time as i64);
        assert!(lost.iter().any(is_told), "{time}: {lost:?}");
    }
}

#[test]
fn a_wrong_time_within_a_batch_ends_what_is_believed_of_it() {
    let record = |delta: u64, next: u64| {
        let mut trace = WriterV1::new(Version::Go121).expect("of the format");
        trace.batch(0, 0, 10);
        trace.record("GoCreate", &[0, 1, 0, 0]).unwrap();
        trace.record("ProcStart", &[1, 7]).unwrap();
        trace.record("GoStart", &[1, 1, 1]).unwrap();
        trace.record("HeapAlloc", &[delta, 5]).unwrap();
        trace.record("HeapAlloc", &[1, 6]).unwrap();
        trace.batch(0, 0, next);
        trace.record("HeapAlloc", &[0, 7]).unwrap();
        trace.record("Frequency", &[1_000_000_000]).unwrap();
        trace.into_inner()
    };
    let (sound, none) = times_of_first(&record(20, 100));
    assert_eq!((sound.len(), none), (4, vec![]));
    // Forwards, backwards, and farther than any clock has gone.
    for delta in [1_u64 << 44, (1_u64 << 31).wrapping_neg(), 1 << 62] {
        let (times, lost) = times_of_first(&record(delta, 100));
        assert_eq!(times, [sound[0], sound[3]], "{delta}: {lost:?}");
        assert_eq!(lost.len(), 1, "{delta}: {lost:?}");
        assert!(
            matches!(
                lost[0],
                Error::RecordV1 { fault: FaultV1::ImplausibleTime { .. } | FaultV1::Backwards { .. }, .. }
            ),
            "{lost:?}"
        );
    }
    let (times, lost) = times_of_first(&record(1 << 41, 1 << 42));
    assert_eq!((times.len(), lost), (4, vec![]), "minutes of silence are believed");
    // Clocks of processors differ: nothing is left out, but the times contradict each other.
    let trace = record(5_u64.wrapping_neg(), 100);
    assert_eq!(times_of_first(&trace).0.len(), 4);
    let mut reader = Reader::from_slice(&trace).expect("a header");
    while reader.next_event().expect("salvaging never fails").is_some() {}
    assert_eq!((reader.losses().bytes(), reader.losses().contradictions()), (0, 1), "{}", reader.losses());
}

/// Each batch ends in a time that is alone over those of all before it, with a return from a system call behind it.
#[test]
fn rests_of_batches_are_left_out_with_the_returns_from_system_calls_in_them_and_no_others() {
    const TIMES: u64 = 20_000;
    let record = |has_rests: bool| {
        let mut trace = WriterV1::new(Version::Go121).expect("of the format");
        trace.batch(0, 0, 10);
        trace.record("GoCreate", &[0, 1, 0, 0]).unwrap();
        trace.record("GoInSyscall", &[0, 1]).unwrap();
        for number in 0..TIMES {
            trace.record("GoSysExit", &[1, 1, 1 + number, 5 + number]).unwrap();
        }
        for number in 1..=TIMES {
            trace.batch((number % 8) as i32, 0, 10);
            trace.record("HeapAlloc", &[1, 6]).unwrap();
            if has_rests {
                trace.record("HeapAlloc", &[number << 43, 7]).unwrap();
                trace.record("GoSysExit", &[1, 1, 2 + TIMES, 9]).unwrap();
            }
        }
        trace.record("Frequency", &[1_000_000_000]).unwrap();
        trace.into_inner()
    };
    let returns = |trace: &[u8]| {
        let mut reader = Reader::from_slice(trace).expect("a header");
        let mut returns = 0;
        while let Some(event) = reader.next_event().expect("salvaging never fails") {
            returns += usize::from(event.event_type() == EventType::GoSyscallEndBlocked);
        }
        returns
    };
    let (without, with) = (record(false), record(true));
    assert!(returns(&without) > 0);
    assert_eq!(returns(&with), returns(&without));
}

#[test]
fn before_go_1_7_frames_have_addresses_only() {
    let trace = Scenario::record(Version::Go15, &[(0, 0, 1)]);
    let mut reader = strict(&trace);
    let mut frames = 0;
    while let Some(event) = reader.next_event().expect("a sound trace") {
        for frame in event.stack().iter().flat_map(go_trace_format::Stack::frames) {
            assert_eq!((frame.pc, frame.line), (0x40_0000, 0));
            assert!(frame.function.is_lost() && frame.file.is_lost());
            frames += 1;
        }
    }
    assert!(frames > 0);
}

#[test]
fn errors_say_where() {
    let sound = woken(106, 20);
    let with = |tail: &[u8]| [&sound[..], tail].concat();
    let end = sound.len() as u64;
    for (trace, fault) in [
        (with(&[50]), FaultV1::UnknownEvent { byte: 50 }),
        (with(&[0]), FaultV1::UnknownEvent { byte: 0 }),
        // A CPU sample, which Go 1.11 does not have.
        (with(&[49 | 3 << 6, 0]), FaultV1::UnknownEvent { byte: 0xf1 }),
        (with(&[15 | 1 << 6, 0, 0]), FaultV1::WrongArguments { event: "GoEnd" }),
        (with(&[15, 0x80]), FaultV1::Cut),
        (with(&[[15].as_slice(), &[0x80; 12]].concat()), FaultV1::Overlong),
        (with(&[21 | 3 << 6, 0xff, 0x7f]), FaultV1::TooLong { length: 16_383 }),
        (with(&[37, 0, 1, b'a']), FaultV1::EmptyString),
        (with(&[2, 0]), FaultV1::InvalidFrequency),
        (with(&[1 | 1 << 6, 0x80, 0x80, 0x80, 0x80, 0x10, 0]), FaultV1::InvalidProc { proc: 1 << 32 }),
    ] {
        let (_, error) = dump(strict(&trace));
        assert_eq!(error, Some(Error::RecordV1 { offset: end, fault }));
        let mut reader = Reader::from_slice(&trace).expect("a header");
        while reader.next_event().expect("salvaging never fails").is_some() {}
        assert!(!reader.losses().is_empty());
    }
    let no_batch = [&Version::Go111.header()[..], &[15, 0]].concat();
    let expected = Error::RecordV1 { offset: 16, fault: FaultV1::NoBatch };
    assert_eq!(dump(strict(&no_batch)).1, Some(expected));
    let empty = Version::Go111.header();
    assert!(matches!(dump(strict(&empty)).1, Some(Error::MissingFrequency { .. })));
}

#[test]
fn several_traces_in_one_input_are_read_one_after_the_other() {
    let (old, older) = (woken(106, 20), Scenario::record(Version::Go15, &[(0, 0, 1), (1, 3, 9)]));
    let newer = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tasks.trace")).expect("a recording");
    let together = [&old[..], &newer, &older, &old].concat();
    let mut reader = Reader::from_slice(&together).expect("a header");
    let mut versions = Vec::new();
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        if event.generation_begun().is_some_and(|begun| begun.is_first_of_trace) {
            versions.push(event.tables().version());
        }
    }
    // The last one is a repetition of the first.
    let new = Version::parse(&newer).expect("a header");
    assert_eq!(versions, [Version::Go111, new, Version::Go15]);
    assert!(reader.losses().is_empty(), "{:?}", reader.losses());
}

#[test]
fn what_needs_generations_refuses() {
    let trace = woken(106, 20);
    assert_eq!(Batches::new(&trace).err(), Some(Error::FormatV1 { minor: 11 }));
    let written = Writer::new(Vec::new(), Version::Go121, go_trace_format::Dialect::Stock);
    assert!(matches!(written, Err(WriteError::NoGenerations { version: Version::Go121 })));
    assert!(WriterV1::new(Version::Go122).is_none());
    let generation = ReaderOptions::new().generations(&trace).expect("a header").next();
    let generation = generation.expect("one generation").expect("salvaging never fails");
    assert_eq!(generation.batches().count(), 0);
    let mut events = generation.events(Mode::Strict);
    let mut count = 0;
    while events.next_event().expect("a sound trace").is_some() {
        count += 1;
    }
    assert_eq!(count, 6);
}
