//! Times, clocks and frequencies that cannot be: salvaging tells them from those that can, and nothing else suffers for them.

use crate::support::{self, mutate::put_varint};
use go_trace_format::{
    Clock, Dialect, Error, EventType, Mode, Reader, ReaderOptions, Time, Version, WallTime,
    event::ThreadId,
    wire::{BatchKind, Batches},
    write::{SyncBatch, Writer},
};

/// What a time may be off by and still be possible, in nanoseconds.
const SLACK: i64 = 1 << 40;

/// Events of a trace by their places, with their times, and whether these are assumed.
#[derive(Debug, PartialEq)]
struct Read {
    events: Vec<(u64, EventType, Time, bool)>,
    /// What the first generation's clock says.
    clock: Option<(u64, Option<WallTime>)>,
    losses: Vec<Error>,
}

impl Read {
    fn bounds(&self) -> (Time, Time) {
        let times = || self.events.iter().map(|event| event.2);
        (times().min().expect("an event"), times().max().expect("an event"))
    }

    fn assumed(&self) -> usize {
        self.events.iter().filter(|event| event.3).count()
    }
}

fn read(trace: &[u8]) -> Read {
    let mut reader = Reader::from_slice(trace).expect("a header");
    let (mut events, mut clock) = (Vec::new(), None);
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        let said = event.tables().clock();
        clock.get_or_insert((said.frequency(), said.snapshot().map(|snapshot| snapshot.wall)));
        events.push((event.offset(), event.event_type(), event.raw_time(), event.is_time_assumed()));
    }
    Read { events, clock, losses: reader.losses().iter().map(|loss| loss.error.clone()).collect() }
}

/// Which number of a trace changes.
#[derive(Clone, Copy)]
enum Place {
    /// The time of the how many-th batch.
    BatchTime(usize),
    /// The time delta of an event in the midst of the how many-th batch of events.
    Delta(usize),
}

/// The trace with one number changed.
fn changed(trace: &[u8], place: Place, value: u64) -> Vec<u8> {
    let batches = Batches::new(trace).expect("a header");
    let (version, dialect) = (batches.version(), batches.dialect());
    let (mut all, mut of_events) = (0, 0);
    for batch in batches {
        let batch = batch.expect("a whole trace");
        let is_events = batch.kind(version, dialect) == BatchKind::Events;
        match place {
            Place::BatchTime(index) if index == all => {
                let head = usize::try_from(batch.offset).expect("a short trace");
                let mut out = trace[..=head].to_vec();
                if batch.experiment.0 != 0 {
                    out.push(batch.experiment.0);
                }
                let numbers = [batch.generation, batch.thread.0 as u64, value, batch.data.len() as u64];
                numbers.into_iter().for_each(|number| put_varint(&mut out, number));
                out.extend_from_slice(&trace[batch.data_offset as usize..]);
                return out;
            }
            Place::Delta(index) if is_events && index == of_events => {
                let events: Vec<_> = batch.events(dialect).map(|event| event.expect("an event")).collect();
                let event = &events[events.len() / 2];
                let mut body = batch.data[..(event.offset - batch.data_offset) as usize].to_vec();
                body.push(batch.data[body.len()]);
                let mut former = Vec::new();
                put_varint(&mut former, event.time_delta);
                let rest = body.len() + former.len();
                put_varint(&mut body, value);
                body.extend_from_slice(&batch.data[rest..]);
                let mut out = trace[..=batch.offset as usize].to_vec();
                let numbers = [batch.generation, batch.thread.0 as u64, batch.time, body.len() as u64];
                numbers.into_iter().for_each(|number| put_varint(&mut out, number));
                out.extend_from_slice(&body);
                out.extend_from_slice(&trace[batch.data_offset as usize + batch.data.len()..]);
                return out;
            }
            _ => {}
        }
        all += 1;
        of_events += usize::from(is_events);
    }
    panic!("no such batch");
}

/// Recordings with several threads, of every version and of the fork.
fn recordings() -> impl Iterator<Item = support::Recording> {
    let names = ["go1.22/tasks", "go1.23/regions", "go1.25/tasks", "go1.26/tasks", "fork/sql", "fork/http"];
    let recordings = support::testdata();
    names.into_iter().filter_map(move |name| recordings.iter().find(|one| one.name() == name).cloned())
}

/// Numbers that damage makes of others.
const ABSURD: [u64; 5] = [1, 1 << 45, 1 << 56, 1 << 63, u64::MAX];

#[test]
fn a_batch_of_another_time_stays_in_its_generation() {
    for recording in recordings() {
        let sound = read(&recording.bytes);
        let (first, last) = sound.bounds();
        let count = Batches::new(&recording.bytes).expect("a header").count();
        for (index, value) in (0..count.min(24)).flat_map(|index| ABSURD.map(|value| (index, value))) {
            let damaged = read(&changed(&recording.bytes, Place::BatchTime(index), value));
            let (earliest, latest) = damaged.bounds();
            let context = format!("{} batch {index} at {value}", recording.name());
            assert!(earliest >= Time(first.0 - SLACK) && latest <= Time(last.0 + SLACK), "{context}");
            assert_eq!(damaged.clock.map(|clock| clock.0), sound.clock.map(|clock| clock.0), "{context}");
            let is_told = |error: &Error| {
                matches!(error, Error::ImplausibleTime { .. } | Error::ImplausibleClock { .. })
            };
            let is_small = last.0 < SLACK && value == 1;
            assert!(is_small || damaged.losses.iter().any(is_told) || latest <= last, "{context}");
        }
    }
}

#[test]
fn the_time_of_one_event_does_not_spoil_the_others() {
    for recording in recordings() {
        let sound = read(&recording.bytes);
        let (first, last) = sound.bounds();
        for value in &ABSURD[1..] {
            let damaged = read(&changed(&recording.bytes, Place::Delta(1), *value));
            let (earliest, latest) = damaged.bounds();
            let context = format!("{} at {value}", recording.name());
            assert!(earliest >= first && latest <= last, "{context}: {earliest} to {latest}");
            assert_eq!(damaged.events.len(), sound.events.len(), "{context}");
            let is_told = |error: &&Error| matches!(error, Error::ImplausibleTime { .. });
            assert_eq!(damaged.losses.iter().filter(is_told).count(), 1, "{context}");
            assert!((1..sound.events.len()).contains(&damaged.assumed()), "{context}");
        }
    }
}

/// What two threads do, one of them after a pause, in nanoseconds of the trace clock.
fn trace_of(sync: SyncBatch, pause: u64) -> Vec<u8> {
    let mut trace =
        Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a version with this dialect");
    add_generation(&mut trace, 1, sync, 1 << 30, pause);
    trace.into_inner()
}

/// A generation in which two threads do something at `begin`, in clock units, and again after a pause.
fn add_generation(trace: &mut Writer<Vec<u8>>, number: u64, sync: SyncBatch, begin: u64, pause: u64) {
    let mut generation = trace.generation(number, sync).expect("a generation");
    for thread in [1, 2] {
        let number = thread as u64;
        let mut event = |time, event_type, arguments: &[u64]| {
            generation.event(ThreadId(thread), time, event_type, arguments).expect("a fitting event");
        };
        event(begin + 4 * number, EventType::ProcStatus, &[number, 1]);
        event(begin + 4 * number + 1, EventType::GoStatus, &[number, number, 2]);
        event(begin + pause + 4 * number + 2, EventType::HeapAlloc, &[1]);
    }
    generation.finish().expect("memory takes it all");
}

const WALL: WallTime = WallTime(1_790_000_000_000_000_000);

#[test]
fn a_long_pause_is_none_if_several_threads_tell_of_it() {
    let begin = 1 << 30;
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, begin).with_snapshot(begin, begin * 64, WALL);
    let day = 86_400 * Clock::USUAL_FREQUENCY;
    let read = read(&trace_of(sync, day));
    assert_eq!((&*read.losses, read.assumed()), (&[][..], 0));
    let (first, last) = read.bounds();
    assert!((last - first).as_secs() >= 86_400);
}

/// What becomes of a clock: its frequency and its wall time.
fn clock_of(sync: SyncBatch) -> (u64, Option<WallTime>) {
    let read = read(&trace_of(sync, 0));
    let is_clock = |error: &Error| matches!(error, Error::ImplausibleClock { generation: 1, .. });
    assert!(read.losses.is_empty() || read.losses.iter().all(is_clock), "{:?}", read.losses);
    read.clock.expect("an event")
}

#[test]
fn clocks_that_cannot_be_are_none() {
    const USUAL: u64 = Clock::USUAL_FREQUENCY;
    let begin = 1 << 30;
    let sync = |frequency, time, wall| {
        SyncBatch::new(frequency, begin).with_snapshot(time, begin * 64, WallTime(wall))
    };
    assert_eq!(clock_of(sync(USUAL, begin, WALL.0)), (USUAL, Some(WALL)));
    assert_eq!(clock_of(sync(USUAL, begin, -1)), (USUAL, None), "before 1970");
    assert_eq!(clock_of(sync(USUAL, begin, 1 << 64)), (USUAL, None), "after 2262");
    assert_eq!(clock_of(sync(USUAL, u64::MAX / 3, WALL.0)), (USUAL, None), "far from all events");
    for frequency in [1, 6, u64::MAX] {
        assert_eq!(clock_of(sync(frequency, begin, WALL.0)), (USUAL, Some(WALL)), "{frequency}");
    }
    // The monotonic clock tells that the frequency is the usual one.
    assert_eq!(clock_of(sync(USUAL / 2, begin, WALL.0)), (USUAL, Some(WALL)));
    // Without it, other frequencies are as good.
    let other = SyncBatch::new(USUAL / 2, begin).with_snapshot(begin, 7, WALL);
    assert_eq!(clock_of(other), (USUAL / 2, Some(WALL)));
}

/// The frequency of each generation's clock, and what is lost, of a trace whose generations say these frequencies.
fn frequencies(said: [Option<u64>; 3]) -> ([u64; 3], Vec<Error>) {
    let mut trace =
        Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a version with this dialect");
    for (number, frequency) in (1..).zip(said) {
        let begin = number << 30;
        let sync = SyncBatch::new(frequency.unwrap_or(1), begin).with_snapshot(begin, begin * 100, WALL);
        add_generation(&mut trace, number, sync, begin, 0);
    }
    let mut trace = trace.into_inner();
    let batches = Batches::new(&trace).expect("a header");
    let (version, dialect) = (batches.version(), batches.dialect());
    let unsaid = batches.map(|batch| batch.expect("a whole trace")).filter(|batch| {
        batch.kind(version, dialect) == BatchKind::Sync && said[batch.generation as usize - 1].is_none()
    });
    let unsaid: Vec<_> =
        unsaid.map(|batch| batch.offset as usize..batch.data_offset as usize + batch.data.len()).collect();
    unsaid.into_iter().rev().for_each(|batch| drop(trace.drain(batch)));
    let (mut found, mut reader) = ([0; 3], Reader::from_slice(&trace).expect("a header"));
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        if event.event_type() != EventType::Sync {
            found[event.generation() as usize - 1] = event.tables().clock().frequency();
        }
    }
    (found, reader.losses().iter().map(|loss| loss.error.clone()).collect())
}

#[test]
fn only_a_frequency_that_was_said_and_believed_is_inherited() {
    const OURS: u64 = 10_000_000;
    const USUAL: u64 = Clock::USUAL_FREQUENCY;
    let is_missing = |error: &Error| match *error {
        Error::MissingFrequency { generation, .. } => (generation, true),
        Error::ImplausibleClock { generation, .. } => (generation, false),
        ref other => panic!("{other}"),
    };
    for (said, expected, lost) in [
        ([Some(OURS); 3], [OURS; 3], None),
        ([None, Some(OURS), Some(OURS)], [USUAL, OURS, OURS], Some((1, true))),
        ([Some(6), Some(OURS), Some(OURS)], [USUAL, OURS, OURS], Some((1, false))),
        ([Some(OURS), None, Some(OURS)], [OURS; 3], Some((2, true))),
        ([Some(OURS), Some(6), Some(OURS)], [OURS; 3], Some((2, false))),
        ([Some(OURS), Some(OURS), Some(u64::MAX)], [OURS; 3], Some((3, false))),
        ([Some(USUAL), Some(OURS), Some(USUAL)], [USUAL; 3], Some((2, false))),
    ] {
        let (found, losses) = frequencies(said);
        assert_eq!(found, expected, "{said:?}");
        assert_eq!(losses.iter().map(is_missing).collect::<Vec<_>>(), Vec::from_iter(lost), "{said:?}");
    }
}

#[test]
fn strict_reading_believes_everything() {
    let begin = 1 << 30;
    let sync = SyncBatch::new(6, begin).with_snapshot(u64::MAX / 3, 1, WallTime(-1));
    let trace = trace_of(sync, 1 << 50);
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).expect("a header");
    let mut assumed = 0;
    while let Some(event) = reader.next_event().expect("the reference accepts it") {
        if event.event_type() == EventType::Sync {
            continue;
        }
        assert_eq!(event.tables().clock().frequency(), 6);
        assert_eq!(event.tables().clock().snapshot().map(|snapshot| snapshot.wall), Some(WallTime(-1)));
        assumed += usize::from(event.is_time_assumed());
    }
    assert_eq!((assumed, reader.losses().count()), (0, 0));
}
