//! Traces that arrive in pieces: sources that still grow, the fork's stream, overlapping snapshots, and
//! generations read one by one.

use std::{collections::BTreeSet, io};

use crate::support;
use go_trace_format::{
    Continuity, Error, Event, EventKind, Mode, Reader, ReaderOptions, TraceStream,
    event::{GoroutineState, SyncPoint},
    wire::Batches,
};

/// Everything of an event that does not depend on the events before it.
fn fingerprint(event: &Event<'_>) -> (u64, String) {
    let kind = format!("{:?}", event.kind());
    (event.generation(), format!("{} {:?} {:?} {kind}", event.raw_time(), event.thread(), event.stack()))
}

fn is_sync(event: &Event<'_>) -> bool {
    matches!(event.kind(), EventKind::Sync(_))
}

fn fingerprints(reader: &mut Reader<'_>) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    while let Some(event) = reader.next_event().expect("a sound trace") {
        if !is_sync(&event) {
            found.push(fingerprint(&event));
        }
    }
    found
}

/// A source that has one byte more at each second call, and nothing in between.
struct Trickle<'a> {
    bytes: &'a [u8],
    dry: bool,
}

impl io::Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.dry = !self.dry;
        if self.dry {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let length = self.bytes.len().min(buffer.len()).min(997);
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes = &self.bytes[length..];
        Ok(length)
    }
}

#[test]
fn a_source_that_still_grows_gives_the_same_events() {
    for recording in support::testdata() {
        for mode in [Mode::Strict, Mode::Salvage] {
            let options = ReaderOptions::new().mode(mode);
            let mut whole = options.read_slice(&recording.bytes).expect("a header");
            // The header must be there before a reader is made.
            let (head, rest) = recording.bytes.split_at(512.min(recording.bytes.len()));
            let source = io::Read::chain(head, Trickle { bytes: rest, dry: false });
            let mut growing = options.read(source).expect("a header");
            let mut waits = 0;
            loop {
                let next = match growing.next_event() {
                    Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::WouldBlock => {
                        waits += 1;
                        continue;
                    }
                    other => other.expect("a sound trace"),
                };
                let expected = whole.next_event().expect("a sound trace");
                assert_eq!(
                    next.map(|event| (event.time(), fingerprint(&event))),
                    expected.map(|event| (event.time(), fingerprint(&event))),
                    "{}, {mode:?}",
                    recording.name()
                );
                if next.is_none() {
                    break;
                }
            }
            assert!(waits > 0 || recording.bytes.len() <= 512, "{}", recording.name());
            assert_eq!(growing.losses(), whole.losses(), "{}", recording.name());
        }
    }
}

/// A source that has nothing more for now, and perhaps never will.
struct Silence;

impl io::Read for Silence {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[test]
fn a_generation_that_has_ended_waits_for_nothing() {
    let mut ended = 0;
    for recording in support::testdata() {
        let whole = ReaderOptions::new().read_slice(&recording.bytes).expect("a header");
        if !whole.version().has_end_of_generation() {
            continue;
        }
        let expected = fingerprints(&mut { whole });
        let mut reader =
            ReaderOptions::new().read(io::Read::chain(&recording.bytes[..], Silence)).expect("a header");
        let mut found = Vec::new();
        let last = loop {
            match reader.next_event() {
                Ok(Some(event)) if is_sync(&event) => {}
                Ok(Some(event)) => found.push(fingerprint(&event)),
                other => break other.map(|event| event.is_some()),
            }
        };
        let is_waiting =
            matches!(&last, Err(Error::Io { error, .. }) if error.kind() == io::ErrorKind::WouldBlock);
        assert!(is_waiting, "{}: {last:?}", recording.name());
        assert!(found == expected, "{}: {} of {} events", recording.name(), found.len(), expected.len());
        ended += 1;
    }
    assert!(ended > 20, "{ended} recordings tell where generations end");
}

#[test]
fn generations_alone_hold_the_events_of_the_whole() {
    for recording in support::testdata() {
        let options = ReaderOptions::new();
        let whole = fingerprints(&mut options.read_slice(&recording.bytes).expect("a header"));
        let mut alone = Vec::new();
        for generation in options.generations(&recording.bytes).expect("a header") {
            let generation = generation.expect("a sound trace");
            let mut events = generation.events(Mode::Salvage);
            while let Some(event) = events.next_event().expect("salvage never fails") {
                alone.push(fingerprint(&event));
            }
        }
        assert_eq!(alone.len(), whole.len(), "{}", recording.name());
        // A generation alone cannot know what was before it: where statuses come from, and the names of tasks
        // that began earlier.
        let differ = alone.iter().zip(&whole).filter(|(alone, whole)| alone != whole);
        for (alone, whole) in differ {
            assert!(
                ["Proc(", "Goroutine(", "TaskEnd("].iter().any(|kind| whole.1.contains(kind)),
                "{}: {alone:?} is not {whole:?}",
                recording.name()
            );
        }
    }
}

/// The snapshots of one flight recorder, in their order, and the trace of the whole time beside them.
fn flights() -> Vec<(Vec<support::Recording>, support::Recording)> {
    let recordings = support::testdata();
    let mut flights = Vec::new();
    for whole in recordings.iter().filter(|recording| recording.name().ends_with("/flight-whole")) {
        let mut snapshots: Vec<_> = recordings
            .iter()
            .filter(|recording| recording.name().starts_with(&format!("{}.", whole.name())))
            .cloned()
            .collect();
        snapshots.sort_by_key(support::Recording::name);
        flights.push((snapshots, whole.clone()));
    }
    assert!(flights.len() >= 3, "flight recordings of Go 1.25 to 1.27");
    flights
}

#[test]
fn snapshots_deliver_each_generation_once() {
    for (snapshots, whole) in flights() {
        assert!(snapshots.len() > 1, "{}", whole.name());
        let mut delivered = Vec::new();
        let mut generations = Vec::new();
        let mut earlier: Option<Reader<'_>> = None;
        for snapshot in &snapshots {
            let mut reader =
                ReaderOptions::new().mode(Mode::Strict).read_slice(&snapshot.bytes).expect("a header");
            if let Some(earlier) = earlier.take() {
                reader = reader.follow(earlier);
            }
            while let Some(event) = reader.next_event().expect("a sound trace") {
                match event.kind() {
                    EventKind::Sync(sync) => generations.extend(sync.generation.map(|begun| begun.number)),
                    _ => delivered.push(fingerprint(&event)),
                }
            }
            earlier = Some(reader);
        }
        let unique: BTreeSet<_> = generations.iter().collect();
        assert_eq!(unique.len(), generations.len(), "{}: {generations:?}", whole.name());

        let mut expected = fingerprints(&mut Reader::from_slice(&whole.bytes).expect("a header"));
        expected.retain(|event| unique.contains(&event.0));
        assert_eq!(delivered.len(), expected.len(), "{}", whole.name());
        // The first generation of the first snapshot is not the first of the whole.
        let undetermined = format!("from: {:?}", GoroutineState::Undetermined);
        for (ours, theirs) in delivered.iter().zip(&expected) {
            let begins = ours.1.contains(&undetermined) || ours.1.contains("TaskEnd(");
            assert!(ours == theirs || begins, "{}: {ours:?} is not {theirs:?}", whole.name());
        }
    }
}

#[test]
fn tasks_go_on_over_snapshots() {
    for (snapshots, whole) in flights() {
        let mut ends = Vec::new();
        let mut earlier: Option<Reader<'_>> = None;
        for snapshot in &snapshots {
            let mut reader = Reader::from_slice(&snapshot.bytes).expect("a header");
            if let Some(earlier) = earlier.take() {
                reader = reader.follow(earlier);
            }
            while let Some(event) = reader.next_event().expect("a sound trace") {
                if let EventKind::TaskEnd(task) = event.kind() {
                    ends.push((task.id, task.name.to_string()));
                }
            }
            earlier = Some(reader);
        }
        let named = ends.iter().filter(|end| !end.1.is_empty()).count();
        assert!(named > 0, "{}: {ends:?}", whole.name());
    }
}

#[test]
fn a_stream_is_taken_apart() {
    let stream =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/fork/stream.bin")).expect("there");
    let mut traces = TraceStream::new(support::Pieces::new(&stream));
    let mut sizes = Vec::new();
    let mut generations = Vec::new();
    let mut earlier: Option<Reader<'static>> = None;
    while let Some(trace) = traces.next_trace().expect("a sound stream") {
        sizes.push(trace.len());
        let mut reader = Reader::new(io::Cursor::new(trace.to_vec())).expect("a header");
        if let Some(earlier) = earlier.take() {
            reader = reader.follow(earlier);
        }
        while let Some(event) = reader.next_event().expect("a sound trace") {
            if let EventKind::Sync(sync) = event.kind() {
                generations.extend(sync.generation.map(|begun| begun.number));
            }
        }
        assert!(reader.losses().is_empty(), "{}", reader.losses());
        earlier = Some(reader);
    }
    assert_eq!(sizes.iter().map(|size| size + 8).sum::<usize>(), stream.len());
    assert!(sizes.len() > 1, "{sizes:?}");
    let unique: BTreeSet<_> = generations.iter().collect();
    assert_eq!(unique.len(), generations.len(), "{generations:?}");
}

#[test]
fn a_stream_that_lies_is_refused() {
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend(b"go 1.26 trace\0\0\0");
    let error = TraceStream::new(&huge[..]).next_trace().expect_err("too large");
    assert_eq!(error, Error::TraceTooLarge { offset: 0, size: u64::MAX });

    let mut cut = 100_u64.to_le_bytes().to_vec();
    cut.extend(b"go 1.26 trace\0\0\0");
    let mut traces = TraceStream::new(&cut[..]);
    assert_eq!(traces.next_trace().expect_err("cut"), Error::TruncatedTrace { offset: 0 });
    assert_eq!(traces.truncated(), b"go 1.26 trace\0\0\0");

    assert_eq!(
        TraceStream::new(&cut[..3]).next_trace().expect_err("cut"),
        Error::TruncatedTrace { offset: 0 }
    );
    assert_eq!(TraceStream::new(&[][..]).next_trace(), Ok(None));
}

/// Whether the first generation of a trace continues the last one of another.
fn continues(earlier: &[u8], later: &[u8]) -> bool {
    let mut first = Reader::from_slice(earlier).expect("a header");
    while first.next_event().expect("events").is_some() {}
    let mut second = Reader::from_slice(later).expect("a header").follow(first);
    while let Some(event) = second.next_event().expect("events") {
        if let EventKind::Sync(SyncPoint { generation: Some(begun), .. }) = event.kind() {
            return begun.continuity == Continuity::Next;
        }
    }
    panic!("a trace without generation");
}

/// Programs that run at the same time on one machine have clocks that agree and, now and then, numbers that follow on
/// each other.
#[test]
fn programs_side_by_side_do_not_continue_each_other() {
    let numbers = |bytes: &[u8]| {
        let batches = Batches::new(bytes).expect("a header").filter_map(Result::ok);
        let numbers: BTreeSet<_> =
            batches.map(|batch| batch.generation).filter(|&number| number > 0).collect();
        (numbers.first().copied(), numbers.last().copied())
    };
    let recordings: Vec<_> = support::testdata()
        .into_iter()
        .filter(|recording| recording.bytes.starts_with(b"go 1.26") && !recording.name().contains("flight"))
        .map(|recording| (numbers(&recording.bytes), recording))
        .collect();
    let mut pairs = 0;
    for ((_, last), earlier) in &recordings {
        for ((first, _), later) in &recordings {
            if last.zip(*first).is_some_and(|(last, first)| last + 1 == first)
                && earlier.name() != later.name()
            {
                assert!(!continues(&earlier.bytes, &later.bytes), "{} and {}", earlier.name(), later.name());
                pairs += 1;
            }
        }
    }
    assert!(pairs > 10, "only {pairs} pairs whose numbers follow on each other");
    for (snapshots, _) in flights() {
        assert!(continues(&snapshots[0].bytes, &snapshots[1].bytes), "{}", snapshots[0].name());
    }
}

/// What is left is read as a trace that begins there.
#[test]
fn generations_that_are_known_are_left_out() {
    let mut left_out = 0;
    for recording in support::testdata() {
        let generations = ReaderOptions::new().generations(&recording.bytes).expect("a header");
        let begins: Vec<_> = generations
            .map(|generation| generation.expect("salvaging never fails"))
            .map(|generation| (generation.number(), generation.start() as usize))
            .collect();
        let (header, _) = recording.bytes.split_at(go_trace_format::HEADER_LENGTH);
        for &(first, start) in begins.iter().skip(1) {
            let mut asked = Vec::new();
            let mut reader =
                Reader::from_slice(&recording.bytes).expect("a header").leaving_out(|generation| {
                    asked.push(generation.number());
                    generation.number() < first
                });
            let found = fingerprints(&mut reader);
            drop(reader);
            assert_eq!(asked, begins.iter().map(|&(number, _)| number).collect::<Vec<_>>());
            let cut = [header, &recording.bytes[start..]].concat();
            let mut cut = Reader::from_slice(&cut).expect("a header");
            assert_eq!(found, fingerprints(&mut cut), "{}", recording.name());
            left_out += 1;
        }
    }
    assert!(left_out > 20, "only {left_out} generations were left out");
}
