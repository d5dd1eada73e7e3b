//! Several traces in one input, one behind the other: appended snapshots, files put together, damage between them.

use std::{io::Cursor, time::Duration};

use crate::support;
use go_trace_format::{
    Continuity, Dialect, Error, Event, EventKind, Generation, HEADER_LENGTH, Mode, Reader, ReaderOptions,
    Version,
    event::{GoroutineId, ThreadId},
    spec::EventType,
    write::{SyncBatch, Writer},
};

/// Everything of an event that hangs on neither the place in the input nor what was read before it.
fn fingerprint(event: &Event<'_>) -> String {
    let arguments = event.kind();
    format!(
        "{} {:?} {:?} {arguments:?} {:?}",
        event.raw_time(),
        event.thread(),
        event.goroutine(),
        event.stack()
    )
}

/// What a reader gives, sync events left out, and how many generations follow on none.
fn read(mut reader: Reader<'_>) -> (Vec<String>, usize) {
    let (mut events, mut begun) = (Vec::new(), 0);
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        match event.kind() {
            EventKind::Sync(sync) => {
                begun +=
                    usize::from(sync.generation.is_some_and(|begun| begun.continuity != Continuity::Next));
            }
            _ => events.push(fingerprint(&event)),
        }
    }
    (events, begun)
}

fn read_whole(trace: &[u8]) -> (Vec<String>, usize) {
    let from_slice = read(Reader::from_slice(trace).expect("a header"));
    let from_pieces = read(Reader::new(support::Pieces::new(trace)).expect("a header"));
    assert_eq!(from_slice, from_pieces, "however the bytes come");
    from_slice
}

fn losses(trace: &[u8]) -> String {
    let mut reader = Reader::from_slice(trace).expect("a header");
    while reader.next_event().expect("salvage never fails").is_some() {}
    reader.losses().iter().map(|loss| format!("{loss}\n")).collect()
}

/// One recording each of every version and of the fork.
fn different() -> Vec<support::Recording> {
    let recordings = support::testdata();
    [
        "go1.22/tasks",
        "go1.23/regions",
        "go1.25/tasks",
        "fork/sql",
        "go1.26/tasks",
        "fork/tls",
        "go1.27/channels",
    ]
    .iter()
    .filter_map(|name| recordings.iter().find(|recording| recording.name() == *name))
    .cloned()
    .collect()
}

#[test]
fn traces_of_all_versions_and_dialects_are_read_each_by_its_own() {
    let recordings = different();
    assert!(recordings.len() >= 5, "recordings of several versions, of the fork among them");
    let together: Vec<u8> = recordings.iter().flat_map(|recording| recording.bytes.clone()).collect();
    let (events, begun) = read_whole(&together);
    let each: Vec<_> = recordings.iter().map(|recording| read_whole(&recording.bytes)).collect();
    assert_eq!(events, each.iter().flat_map(|(events, _)| events.clone()).collect::<Vec<_>>());
    assert_eq!(begun, each.iter().map(|(_, begun)| begun).sum::<usize>());
    assert_eq!(losses(&together), "");
    let mut reader = Reader::from_slice(&together).expect("a header");
    let mut formats = Vec::new();
    while reader.next_event().expect("salvage never fails").is_some() {
        formats.push((reader.version(), reader.dialect()));
    }
    formats.dedup();
    assert!(
        formats.contains(&(Version::Go126, Dialect::Fork))
            && formats.contains(&(Version::Go122, Dialect::Stock))
    );
}

#[test]
fn generations_know_the_format_of_their_trace() {
    let recordings = different();
    let together: Vec<u8> = recordings.iter().flat_map(|recording| recording.bytes.clone()).collect();
    let generations = ReaderOptions::new().generations(&together).expect("a header");
    let formats: Vec<_> = generations
        .map(|generation| generation.expect("salvage never fails"))
        .map(|generation| (generation.version(), generation.dialect()))
        .collect();
    for recording in &recordings {
        let alone = Reader::from_slice(&recording.bytes).expect("a header");
        assert!(formats.contains(&(alone.version(), alone.dialect())), "{}", recording.name());
    }
}

#[test]
fn the_same_trace_twice_goes_out_once() {
    for recording in different() {
        let twice = [&recording.bytes[..], &recording.bytes].concat();
        assert_eq!(read_whole(&twice), read_whole(&recording.bytes), "{}", recording.name());
        assert_eq!(losses(&twice), "", "{}", recording.name());
    }
}

#[test]
fn appended_snapshots_are_as_one_after_another() {
    let recordings = support::testdata();
    for version in ["go1.25", "go1.26", "go1.27"] {
        let prefix = format!("{version}/flight-whole.");
        let mut snapshots: Vec<_> =
            recordings.iter().filter(|found| found.name().starts_with(&prefix)).collect();
        snapshots.sort_by_key(|snapshot| snapshot.name());
        assert!(snapshots.len() > 1, "{version}");
        let appended: Vec<u8> = snapshots.iter().flat_map(|snapshot| snapshot.bytes.clone()).collect();
        let mut followed = Vec::new();
        let mut earlier: Option<Reader<'_>> = None;
        for snapshot in &snapshots {
            let mut reader = Reader::from_slice(&snapshot.bytes).expect("a header");
            if let Some(earlier) = earlier.take() {
                reader = reader.follow(earlier);
            }
            while let Some(event) = reader.next_event().expect("salvage never fails") {
                if !matches!(event.kind(), EventKind::Sync(_)) {
                    followed.push(fingerprint(&event));
                }
            }
            earlier = Some(reader);
        }
        assert_eq!(read_whole(&appended).0, followed, "{version}");
        assert_eq!(losses(&appended), "", "{version}");
    }
}

#[test]
fn a_header_ends_damage_and_what_is_cut_off() {
    let recordings = different();
    for pair in recordings.windows(2) {
        let (first, second) = (&pair[0], &pair[1]);
        let (length, expected) = (first.bytes.len(), read_whole(&second.bytes).0);
        for cut in (HEADER_LENGTH..length).step_by(length / 12).chain(length - 20..length) {
            let together = [&first.bytes[..cut], &second.bytes].concat();
            let (events, _) = read(Reader::from_slice(&together).expect("a header"));
            let name = format!("{} of {cut} bytes, {}", first.name(), second.name());
            assert!(events.ends_with(&expected), "{name}");
        }
    }
}

#[test]
fn strict_mode_fails_at_the_second_header_as_go_does() {
    for recording in different() {
        let twice = [&recording.bytes[..], &recording.bytes].concat();
        let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&twice).expect("a header");
        let error = loop {
            match reader.next_event() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{}: the second trace is no part of the first", recording.name()),
                Err(error) => break error,
            }
        };
        let offset = recording.bytes.len() as u64;
        assert_eq!(error, Error::ExpectedBatch { offset, byte: b'g' }, "{}", recording.name());
    }
}

#[test]
fn a_trace_of_an_unknown_version_is_passed_over_and_said() {
    let recordings = different();
    let (first, last) = (&recordings[0].bytes, &recordings[1].bytes);
    for header in [b"go 1.28 trace\0\0\0", b"go 1.99 trace\0\0\0"] {
        let unknown = [&header[..], b"\x01\x01go 1.2 and whatever else it may hold"].concat();
        let together = [&first[..], &unknown, last].concat();
        let expected = [read_whole(first).0, read_whole(last).0].concat();
        assert_eq!(read_whole(&together).0, expected);
        let said = losses(&together);
        assert!(said.contains(&format!("{} bytes left out", unknown.len())), "{said}");
        assert!(said.contains("go 1.28") || said.contains("go 1.99"), "{said}");
        let at_end = [&first[..], &unknown].concat();
        assert_eq!(read_whole(&at_end), read_whole(first));
        assert!(losses(&at_end).contains(&format!("{} bytes left out", unknown.len())));
    }
}

/// A trace of one generation, whose wall clock shows `wall` seconds when its trace clock shows `start` nanoseconds.
fn generation(number: u64, thread: i64, start: u64, wall: i128) -> Vec<u8> {
    let mut trace = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let wall = go_trace_format::WallTime(wall * 1_000_000_000);
    let sync = SyncBatch::new(1_000_000_000, start).with_snapshot(start, start, wall);
    let mut written = trace.generation(number, sync).expect("a number");
    let (thread, none) = (ThreadId(thread), u64::MAX);
    for (event_type, arguments) in [
        (EventType::ProcStatus, &[0, 1][..]),
        (EventType::GoStatus, &[GoroutineId(1).0 as u64, thread.0 as u64, 2]),
        (EventType::GoStatus, &[GoroutineId(2).0 as u64, none, 4]),
    ] {
        written.event(thread, start, event_type, arguments).expect("a valid event");
    }
    written.finish().expect("memory takes it");
    trace.into_inner()
}

/// Whether the second generation goes on where the first ends, in one trace and in two that are put together.
fn continues(first: &[u8], second: &[u8]) -> (bool, bool) {
    let in_one = [first, &second[HEADER_LENGTH..]].concat();
    let in_two = [first, second].concat();
    let continues = |trace: &[u8]| read_whole(trace).1 == 1;
    (continues(&in_one), continues(&in_two))
}

#[test]
fn one_process_is_one_however_its_wall_clock_jumps() {
    const SECOND: u64 = 1_000_000_000;
    let first = generation(7, 40, 50 * SECOND, 1_764_000_000);
    for jump in [-86_400, -60, -3, 0, 1, 60, 86_400] {
        let second = generation(8, 40, 51 * SECOND, 1_764_000_001 + jump);
        assert_eq!(continues(&first, &second), (true, true), "by {jump} s");
    }
    let on_another_machine = generation(8, 41, 51 * SECOND, 1_764_500_000);
    assert_eq!(continues(&first, &on_another_machine), (true, false), "no thread in common");
    let earlier = generation(8, 40, 20 * SECOND, 1_763_999_970);
    assert_eq!(continues(&first, &earlier), (false, false), "its trace clock does not go on");
    let missing = generation(9, 40, 52 * SECOND, 1_764_000_002);
    assert_eq!(continues(&first, &missing), (false, false), "something is missing between");
}

/// Every generation of a trace, and how it stands to the one before.
fn continuities(trace: &[u8]) -> Vec<Continuity> {
    continuities_of(Reader::from_slice(trace).expect("a header"))
}

fn continuities_of(mut reader: Reader<'_>) -> Vec<Continuity> {
    let mut found = Vec::new();
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        if let EventKind::Sync(sync) = event.kind() {
            found.extend(sync.generation.map(|begun| begun.continuity));
        }
    }
    found
}

#[test]
fn a_recording_that_starts_goes_on_with_nothing() {
    for recording in different() {
        let alone = continuities(&recording.bytes);
        assert_eq!(alone[0], Continuity::Start, "{}", recording.name());
        assert!(alone[1..].iter().all(|found| *found == Continuity::Next), "{}", recording.name());
        let generations = ReaderOptions::new().generations(&recording.bytes).expect("a header");
        let starts: Vec<_> =
            generations.map(|found| found.expect("a generation").starts_recording()).collect();
        assert!(starts[0] && !starts[1..].contains(&true), "{}", recording.name());
    }
    // A snapshot begins anywhere in its recording.
    const SECOND: u64 = 1_000_000_000;
    let [first, second, third] = [(8, 51), (9, 52), (11, 54)]
        .map(|(number, start)| generation(number, 40, start * SECOND, 1_764_000_000));
    let together = [&first[..], &second, &third].concat();
    assert_eq!(continuities(&together), [Continuity::Begin, Continuity::Next, Continuity::Gap]);
    let one_trace = [&first[..], &second[HEADER_LENGTH..], &third[HEADER_LENGTH..]].concat();
    assert_eq!(continuities(&one_trace), [Continuity::Begin, Continuity::Next, Continuity::Gap]);
    // Other threads, an earlier generation, a clock of another machine: nothing tells that it is the same process.
    for (number, thread, wall) in [(11, 41, 1_764_000_000), (7, 40, 1_764_000_000), (11, 40, 1_764_100_000)] {
        let other = generation(number, thread, 54 * SECOND, wall);
        let together = [&first[..], &second, &other].concat();
        assert_eq!(continuities(&together), [Continuity::Begin, Continuity::Next, Continuity::Begin]);
    }
}

#[test]
fn a_trace_whose_beginning_is_left_out_is_of_a_process_of_its_own() {
    const SECOND: u64 = 1_000_000_000;
    let of_one = generation(7, 40, 50 * SECOND, 1_764_000_000);
    let [known, admitted, later] = [(7, 10), (8, 11), (9, 12)]
        .map(|(number, start)| generation(number, 90, start * SECOND, 1_764_500_000 + i128::from(start)));
    let of_other = [&known[..], &admitted[HEADER_LENGTH..], &later[HEADER_LENGTH..]].concat();
    let together = [&of_one[..], &of_other].concat();
    let without = |trace, left_out: u64| {
        let is_other =
            |generation: &Generation<'_>| generation.threads().any(|thread| thread == ThreadId(90));
        let reader = Reader::from_slice(trace).expect("a header");
        reader.leaving_out(move |generation| generation.number() == left_out && is_other(generation))
    };
    assert_eq!(
        continuities_of(without(&together, 7)),
        [Continuity::Begin, Continuity::Begin, Continuity::Next]
    );
    assert_eq!(
        continuities_of(without(&together, 8)),
        [Continuity::Begin, Continuity::Begin, Continuity::Gap]
    );
    assert_eq!(continuities_of(without(&of_other, 7)), [Continuity::Begin, Continuity::Next]);
    assert_eq!(continuities_of(without(&of_other, 8)), [Continuity::Begin, Continuity::Gap]);
    // Its clock is that of another machine: nothing of the first process's times holds.
    assert_times_are_its_own(without(&together, 7));
}

/// Times are moved only as far as it takes to tell events of one time apart.
fn assert_times_are_its_own(mut reader: Reader<'_>) {
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        assert!(event.time() - event.raw_time() < Duration::from_nanos(10), "{event:?}");
    }
}

#[test]
fn a_reader_that_follows_one_of_another_process_has_times_of_its_own() {
    const SECOND: u64 = 1_000_000_000;
    let of_one = generation(7, 40, 50 * SECOND, 1_764_000_000);
    let of_other = generation(8, 90, 10 * SECOND, 1_764_500_000);
    let mut earlier = Reader::from_slice(&of_one).expect("a header");
    while earlier.next_event().expect("salvage never fails").is_some() {}
    assert_times_are_its_own(Reader::from_slice(&of_other).expect("a header").follow(earlier));
}

#[test]
fn generations_over_the_limit_are_an_error() {
    for recording in different() {
        for mode in [Mode::Strict, Mode::Salvage] {
            let options = ReaderOptions::new().mode(mode).max_generation_bytes(1_000);
            let mut reader = options.read(Cursor::new(&recording.bytes)).expect("a header");
            let error = loop {
                match reader.next_event() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{}: it is larger", recording.name()),
                    Err(error) => break error,
                }
            };
            assert!(
                matches!(error, Error::GenerationTooLarge { limit: 1_000, .. }),
                "{}, {mode:?}: {error}",
                recording.name()
            );
            let whole = options.max_generation_bytes(recording.bytes.len() as u64);
            let mut reader = whole.read(Cursor::new(&recording.bytes)).expect("a header");
            while reader.next_event().expect("it is not larger").is_some() {}
        }
    }
}
