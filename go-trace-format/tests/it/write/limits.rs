//! What cannot be written is refused, with a reason, and leaves nothing behind.

use std::io;

use go_trace_format::{
    Clock, Dialect, EventType as E, Frame, Version,
    event::{StackId, ThreadId},
    spec::Experiment,
    wire::{BatchKind, Batches},
    write::{Body, GenerationWriter, RawRecord, SyncBatch, WriteError, Writer},
};

use crate::write::{FORMATS, sync};

const THREAD: ThreadId = ThreadId(1);

fn writer(version: Version, dialect: Dialect) -> Writer<Vec<u8>> {
    Writer::new(Vec::new(), version, dialect).unwrap()
}

/// What a generation of Go 1.26 refuses.
fn refused<T>(write: impl FnOnce(&mut GenerationWriter<'_, Vec<u8>>) -> Result<T, WriteError>) -> WriteError {
    let mut trace = writer(Version::Go126, Dialect::Stock);
    let mut generation = trace.generation(1, sync(Version::Go126, 10)).unwrap();
    write(&mut generation).err().expect("should be refused")
}

#[test]
fn texts_are_at_most_1024_bytes() {
    let error = refused(|generation| {
        generation.string(&[b'x'; 1024])?;
        generation.string(&[b'x'; 1025])
    });
    assert!(matches!(error, WriteError::StringTooLong { length: 1025 }), "{error}");
    let error = refused(|generation| generation.stack([Frame::new(1, &[b'x'; 1025], b"", 0)]));
    assert!(matches!(error, WriteError::StringTooLong { length: 1025 }), "{error}");
}

#[test]
fn stacks_are_at_most_128_frames() {
    let frames = |count| (0..count).map(|pc| Frame::new(pc, b"f", b"g", pc));
    let error = refused(|generation| {
        generation.stack(frames(128))?;
        generation.stack(frames(129))
    });
    assert!(matches!(error, WriteError::StackTooDeep), "{error}");
}

#[test]
fn program_counter_has_one_frame() {
    let error = refused(|generation| {
        generation.stack([Frame::new(7, b"f", b"g", 1)])?;
        generation.stack([Frame::new(7, b"f", b"g", 2)])
    });
    assert!(matches!(error, WriteError::ConflictingFrame { pc: 7 }), "{error}");
}

#[test]
fn ids_are_the_generations_own() {
    let error = refused(|generation| {
        let text = generation.string(b"label")?;
        generation.event(THREAD, 20, E::GoLabel, &[text.0])?;
        generation.event(THREAD, 20, E::GoLabel, &[text.0 + 1])
    });
    assert_eq!(
        error.to_string(),
        "GoLabel has label_string=2, which the generation does not hold: add the string or stack first"
    );
    let error = refused(|generation| generation.event(THREAD, 20, E::GoCreate, &[1, 1, 0]));
    assert!(matches!(error, WriteError::UnknownId { argument: "new_stack", id: 1, .. }), "{error}");
    let error = refused(|generation| generation.cpu_sample(20, THREAD, None, None, StackId(1)));
    assert!(matches!(error, WriteError::UnknownId { argument: "stack", id: 1, .. }), "{error}");
}

#[test]
fn time_does_not_go_back_on_a_thread() {
    let error = refused(|generation| {
        generation.event(THREAD, 20, E::ProcStop, &[])?;
        generation.event(ThreadId(2), 15, E::ProcStop, &[])?;
        generation.event(THREAD, 20, E::ProcStop, &[])?;
        generation.event(THREAD, 19, E::ProcStop, &[])
    });
    assert!(matches!(error, WriteError::TimeGoesBack { thread: THREAD, last: 20, time: 19 }), "{error}");
    let back = SyncBatch::new(1, 10).with_snapshot(9, 0, go_trace_format::WallTime(0));
    let error = writer(Version::Go126, Dialect::Stock).generation(1, back).unwrap_err();
    assert!(matches!(error, WriteError::TimeGoesBack { last: 10, time: 9, .. }), "{error}");
}

#[test]
fn only_events_are_events() {
    for event_type in [E::EventBatch, E::String, E::Frequency, E::ClockSnapshot, E::EndOfGeneration] {
        let arguments = vec![0; event_type.spec().arguments.len()];
        let error = refused(|generation| generation.event(THREAD, 20, event_type, &arguments));
        assert!(matches!(error, WriteError::NotAnEvent { .. }), "{error}");
    }
    let error = refused(|generation| generation.event(THREAD, 20, E::GoStart, &[1]));
    assert_eq!(error.to_string(), "GoStart has 2 arguments, not 1");
    for event_type in [E::String, E::Stack, E::ExperimentalBatch] {
        let arguments = vec![0; event_type.spec().arguments.len()];
        let error = Body::new(Version::Go126, Dialect::Stock)
            .push(&RawRecord::Plain { event_type, arguments: &arguments })
            .unwrap_err();
        assert!(matches!(error, WriteError::NotAnEvent { .. }), "{error}");
    }
}

#[test]
fn events_are_of_their_version_and_dialect() {
    for (version, dialect) in FORMATS {
        let mut trace = writer(version, dialect);
        let mut generation = trace.generation(1, sync(version, 10)).unwrap();
        for &event_type in E::all().iter().filter(|&&it| it.spec().timed && it != E::ClockSnapshot) {
            let arguments = vec![0; event_type.spec().arguments.len() - 1];
            let result = generation.event(THREAD, 20, event_type, &arguments);
            let is_known = event_type.spec().since <= version && event_type.to_wire(dialect).is_some();
            match result {
                Err(WriteError::UnknownEvent { .. }) => {
                    assert!(!is_known, "{event_type:?} in {version} {dialect}");
                }
                other => assert_eq!(other.is_ok(), is_known, "{event_type:?} in {version} {dialect}"),
            }
        }
    }
}

#[test]
fn dialect_and_experiments_are_of_their_version() {
    for (version, dialect) in [(Version::Go122, Dialect::Fork), (Version::Go125, Dialect::Fork)] {
        let error = Writer::new(Vec::new(), version, dialect).unwrap_err();
        assert!(matches!(error, WriteError::UnknownDialect { .. }), "{error}");
    }
    let mut trace = writer(Version::Go122, Dialect::Stock);
    let error = trace.experimental_batch(Experiment::ALLOC_FREE, 1, THREAD, 0, b"").unwrap_err();
    assert!(matches!(error, WriteError::UnknownEvent { event_type: E::ExperimentalBatch, .. }), "{error}");
    let error = trace.end_of_generation().unwrap_err();
    assert!(matches!(error, WriteError::UnknownEvent { event_type: E::EndOfGeneration, .. }), "{error}");
    assert_eq!(trace.into_inner(), Version::Go122.header());
}

#[test]
fn batches_are_at_most_64_kib() {
    let mut trace = writer(Version::Go126, Dialect::Stock);
    let error = trace.batch(1, THREAD, 0, &[0; 65_537]).unwrap_err();
    assert!(matches!(error, WriteError::BatchTooLarge { size: 65_537 }), "{error}");
    trace.batch(1, THREAD, 0, &[0; 65_536]).unwrap();

    let mut body = Body::new(Version::Go126, Dialect::Stock);
    let stop = RawRecord::Plain { event_type: E::ProcStop, arguments: &[0] };
    let pushed = (0..).find(|_| body.push(&stop).is_err()).unwrap();
    assert_eq!((pushed, body.as_bytes().len()), (32_768, 65_536));
}

#[test]
fn clock_is_what_the_version_wants() {
    let bare = SyncBatch::new(Clock::USUAL_FREQUENCY, 10);
    let error = writer(Version::Go125, Dialect::Stock).generation(1, bare).unwrap_err();
    assert!(matches!(error, WriteError::NoClockSnapshot { version: Version::Go125 }), "{error}");
    let error = writer(Version::Go123, Dialect::Stock).generation(1, sync(Version::Go125, 10)).unwrap_err();
    assert!(matches!(error, WriteError::UnknownEvent { event_type: E::ClockSnapshot, .. }), "{error}");
    let error = writer(Version::Go122, Dialect::Stock).generation(1, SyncBatch::new(0, 10)).unwrap_err();
    assert!(matches!(error, WriteError::NoFrequency), "{error}");
}

#[test]
fn generations_follow_each_other() {
    for (version, dialect) in FORMATS {
        let mut trace = writer(version, dialect);
        let error = trace.generation(0, sync(version, 10)).unwrap_err();
        assert!(matches!(error, WriteError::WrongGeneration { generation: 0, last: None }), "{error}");
        trace.generation(5, sync(version, 10)).unwrap().finish().unwrap();
        trace.generation(6, sync(version, 20)).unwrap().finish().unwrap();
        let gap = trace.generation(8, sync(version, 30)).map(|generation| generation.finish().unwrap());
        assert_eq!(gap.is_ok(), version == Version::Go126, "{version}");
    }
}

#[test]
fn failing_output_is_an_error() {
    #[derive(Debug)]
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = Writer::new(Full, Version::Go126, Dialect::Stock).unwrap_err();
    assert!(matches!(&error, WriteError::Io(error) if error.kind() == io::ErrorKind::StorageFull), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

/// What the batches of a trace hold, one after the other.
fn kinds(trace: &[u8]) -> Vec<BatchKind> {
    let batches = Batches::new(trace).unwrap();
    let (version, dialect) = (batches.version(), batches.dialect());
    let mut kinds: Vec<_> = batches.map(|batch| batch.unwrap().kind(version, dialect)).collect();
    kinds.dedup();
    kinds
}

#[test]
fn batches_stand_in_the_order_of_the_version() {
    for (version, dialect) in FORMATS {
        let mut trace = writer(version, dialect);
        let mut generation = trace.generation(1, sync(version, 10)).unwrap();
        let stack = generation.stack([Frame::new(1, b"f", b"g", 1)]).unwrap();
        generation.cpu_sample(15, THREAD, None, None, stack).unwrap();
        generation.event(THREAD, 20, E::ProcStatus, &[0, 1]).unwrap();
        generation.finish().unwrap();
        let bytes = trace.into_inner();
        let tables = [BatchKind::CpuSamples, BatchKind::Stacks, BatchKind::Strings];
        let events_and_sync = match version {
            Version::Go122 | Version::Go123 => [BatchKind::Events, BatchKind::Sync],
            _ => [BatchKind::Sync, BatchKind::Events],
        };
        assert_eq!(kinds(&bytes), [&events_and_sync[..], &tables].concat(), "{version} {dialect}");
        let end = E::EndOfGeneration.to_wire(dialect).filter(|_| version == Version::Go126);
        assert_eq!(bytes.last().copied() == end, end.is_some(), "{version} {dialect}");
    }
}
