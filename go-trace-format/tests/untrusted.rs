//! What holds for any bytes: no panic, nothing lost in silence, and no more events than the bytes can hold.

mod support;

use go_trace_format::{
    Dumper, Error, EventKind, Losses, Mode, Reader, ReaderOptions,
    wire::{BatchKind, Batches},
};
use proptest::prelude::*;

use support::{
    Pieces, Recording,
    mutate::{Mutation, apply, damaged},
};

/// What reading came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    dump: Vec<u8>,
    /// Where in the dump each event begins.
    starts: Vec<usize>,
    /// Where in the dump the last generation begins.
    last_generation: usize,
    /// Events that threads wrote, and not made up by the reader or taken from a table.
    written: usize,
    error: Option<Error>,
    losses: Losses,
}

impl Outcome {
    fn event(&self, index: usize) -> String {
        let end = self.starts.get(index + 1).copied().unwrap_or(self.dump.len());
        String::from_utf8_lossy(&self.dump[self.starts[index]..end]).into_owned()
    }
}

fn read(reader: Result<Reader<'_>, Error>) -> Result<Outcome, Error> {
    let mut reader = reader?;
    let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
    let (mut starts, mut last_generation, mut written) = (Vec::new(), 0, 0);
    let error = loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                let start = dumper.output().len();
                starts.push(start);
                match event.kind() {
                    EventKind::Sync(sync) if sync.generation.is_some() => last_generation = start,
                    EventKind::Sync(_) | EventKind::CpuSample => {}
                    _ => written += 1,
                }
                dumper.write(&event).expect("a Vec takes everything");
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    // The end stays the end.
    match error {
        None => assert!(reader.next_event().expect("no error after the end").is_none()),
        Some(error) => assert_eq!(reader.next_event().err(), Some(error)),
    }
    let losses = reader.losses().clone();
    Ok(Outcome { dump: dumper.into_inner(), starts, last_generation, written, error, losses })
}

/// Compares outcomes; says where they part.
fn same(
    one: &Result<Outcome, Error>,
    other: &Result<Outcome, Error>,
    what: &str,
) -> Result<(), TestCaseError> {
    if let (Ok(one), Ok(other)) = (one, other) {
        for i in 0..one.starts.len().min(other.starts.len()) {
            prop_assert_eq!(one.event(i), other.event(i), "{}: event {}", what, i);
        }
        prop_assert_eq!(one.starts.len(), other.starts.len(), "{}: number of events", what);
        prop_assert_eq!(&one.losses, &other.losses, "{}", what);
    }
    prop_assert!(one == other, "{what}: {:?}, {:?}", one.as_ref().err(), other.as_ref().err());
    Ok(())
}

fn options(mode: Mode) -> ReaderOptions {
    ReaderOptions::new().mode(mode)
}

/// How many events the threads' batches hold, up to the first damage to the frames.
fn events_on_the_wire(trace: &[u8]) -> usize {
    let Ok(batches) = Batches::new(trace) else { return 0 };
    let (version, dialect) = (batches.version(), batches.dialect());
    batches
        .map_while(Result::ok)
        .filter(|batch| batch.generation != 0 && batch.kind(version, dialect) == BatchKind::Events)
        .map(|batch| batch.events(dialect).map_while(Result::ok).count())
        .sum()
}

fn check(trace: &[u8]) -> Result<(), TestCaseError> {
    let strict = read(options(Mode::Strict).read_slice(trace));
    let salvaged = read(options(Mode::Salvage).read_slice(trace));
    let in_pieces = |mode| read(options(mode).read(Pieces::new(trace)));
    same(&strict, &in_pieces(Mode::Strict), "strict, slice and pieces")?;
    // X
    let (strict, salvaged) = match (strict, salvaged) {
        (Ok(strict), Ok(salvaged)) => (strict, salvaged),
        (strict, salvaged) => {
            prop_assert_eq!(strict.err(), salvaged.err());
            return Ok(());
        }
    };
    prop_assert_eq!(salvaged.error, None);
    // An event takes two bytes and becomes three at most.
    prop_assert!(salvaged.starts.len() <= 3 * trace.len() / 2);
    let on_the_wire = events_on_the_wire(trace);
    prop_assert!(salvaged.written >= on_the_wire, "{} of {on_the_wire} events", salvaged.written);
    match strict.error {
        Some(error) => {
            if !matches!(error, Error::InvalidGeneration { .. }) { prop_assert!(!salvaged.losses.is_empty(), "lost in silence: {error}"); }
            // Of the generation that is damaged salvage may find more.
            let sure = strict.last_generation;
            prop_assert!(salvaged.dump.get(..sure) == strict.dump.get(..sure), "before the damage");
        }
        None => {
            let _ = salvaged.losses.iter().all(|l| matches!(l.error, Error::GenerationsOutOfOrder { .. })) || { prop_assert!(false, "{}", salvaged.losses.iter().next().unwrap()); true };
            let mut salvaged = salvaged; salvaged.losses = strict.losses.clone(); same(&Ok(strict), &Ok(salvaged), "strict and salvage")?;
        }
    }
    Ok(())
}

/// Recordings that are quick to read.
fn small_recordings() -> Vec<Recording> {
    let mut recordings = support::testdata();
    recordings.retain(|recording| recording.bytes.len() < 16 << 10);
    assert!(recordings.len() > 50, "only {} small recordings", recordings.len());
    recordings
}

#[test]
fn damaged_recordings() {
    let recordings = small_recordings();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&damaged(&recordings), |(recording, mutations): (usize, Vec<Mutation>)| {
        check(&apply(&recordings[recording].bytes, &mutations))
    });
    if let Err(proptest::test_runner::TestError::Fail(reason, (recording, mutations))) = &outcome {
        let file = std::env::temp_dir().join("untrusted.trace");
        std::fs::write(&file, apply(&recordings[*recording].bytes, mutations)).expect("the smallest case");
        panic!("{}: {} with {mutations:?}: {reason}", file.display(), recordings[*recording].name());
    }
    outcome.expect("every case to be tried");
}
