//! What holds for any bytes: no panic, nothing lost in silence, and no more events than the bytes can hold.

use go_trace_format::{
    Clock, Dialect, Dumper, Error, EventKind, EventType, HEADER_LENGTH, Losses, Mode, Reader, ReaderOptions,
    Version,
    event::ThreadId,
    wire::{Batch, BatchKind, Batches, RawEvent},
    write::{SyncBatch, Writer},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};

use crate::{
    canned::script::{WALL, goroutine, proc},
    support::{self, Pieces, Recording, mutate::damage},
};

/// What reading came to.
#[derive(Debug, PartialEq)]
struct Outcome {
    dump: Vec<u8>,
    /// Where in the dump each event begins.
    starts: Vec<usize>,
    /// Where in the trace the events stand that threads wrote, in order.
    written: Vec<u64>,
    error: Option<Error>,
    losses: Losses,
    dialect: Dialect,
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
    let (mut starts, mut written) = (Vec::new(), Vec::new());
    let error = loop {
        match reader.next_event() {
            Ok(Some(event)) => {
                starts.push(dumper.output().len());
                if !matches!(event.kind(), EventKind::Sync(_) | EventKind::CpuSample) {
                    written.push(event.offset());
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
        Some(_) => assert_eq!(reader.next_event().err(), error),
    }
    written.sort_unstable();
    let (losses, dialect) = (reader.losses().clone(), reader.dialect());
    Ok(Outcome { dump: dumper.into_inner(), starts, written, error, losses, dialect })
}

/// Compares outcomes; says where they part.
fn same(
    one: &Result<Outcome, Error>,
    other: &Result<Outcome, Error>,
    what: &str,
) -> Result<(), TestCaseError> {
    if one == other {
        return Ok(());
    }
    if let (Ok(one), Ok(other)) = (one, other) {
        for i in 0..one.starts.len().min(other.starts.len()) {
            prop_assert_eq!(one.event(i), other.event(i), "{}: event {}", what, i);
        }
        prop_assert_eq!(one.starts.len(), other.starts.len(), "{}: number of events", what);
        prop_assert_eq!(&one.losses, &other.losses, "{}", what);
    }
    prop_assert!(false, "{what}: {:?}, {:?}", one.as_ref().err(), other.as_ref().err());
    Ok(())
}

fn options(mode: Mode) -> ReaderOptions {
    ReaderOptions::new().mode(mode)
}

/// The first event of the threads' batches, up to the first damage to the frames, that is not among those at `written`, which are
/// in order. Batches that cannot be read to their end are left out, those behind them that were said to be passed over, and those
/// that cover others which were given instead: damage may have made something look like a batch that is none.
fn lost_on_the_wire(trace: &[u8], written: &[u64], losses: &Losses) -> Option<u64> {
    let batches = Batches::new(trace).ok()?;
    let (version, dialect) = (batches.version(), batches.dialect());
    let is_lost = |event: &RawEvent| written.binary_search(&event.offset).is_err();
    let mut unreadable = Vec::new();
    batches.map_while(Result::ok).filter(|batch| batch.kind(version, dialect) == BatchKind::Events).find_map(
        |batch| {
            let Ok(events) = batch.events(dialect).collect::<Result<Vec<_>, _>>() else {
                unreadable.push(batch.offset);
                return None;
            };
            let lost = events.iter().find(|event| is_lost(event))?;
            let is_excused =
                is_passed_over(&batch, &unreadable, losses) || covers_others(trace, &batch, dialect, written);
            (!is_excused).then_some(lost.offset)
        },
    )
}

/// Whether it was said that the batch was passed over together with one before it that cannot be read.
fn is_passed_over(batch: &Batch<'_>, unreadable: &[u64], losses: &Losses) -> bool {
    let end = batch.data_offset + batch.data.len() as u64;
    losses.iter().any(|loss| match loss.error {
        Error::DamagedBatch { offset } => unreadable.contains(&offset) && end <= offset + loss.bytes,
        _ => false,
    })
}

/// Whether within the batch begin two others at least, one behind the other, of which the last goes on behind it and is one of
/// events that were given, all of them.
fn covers_others(trace: &[u8], batch: &Batch<'_>, dialect: Dialect, written: &[u64]) -> bool {
    let (start, end) = (batch.data_offset as usize, batch.data_offset as usize + batch.data.len());
    let may_begin = |place: &usize| {
        use EventType as E;
        let event_type = dialect.event_type(trace[*place]);
        matches!(event_type, Some(E::EventBatch | E::ExperimentalBatch | E::EndOfGeneration))
    };
    (start..end).filter(may_begin).any(|place| {
        let from_here = [&trace[..HEADER_LENGTH], &trace[place..]].concat();
        let moved = place - HEADER_LENGTH;
        let is_given = |other: &Batch<'_>| {
            let mut events = other.events(dialect).map_while(Result::ok).peekable();
            let mut is_written =
                |event: RawEvent| written.binary_search(&(event.offset + moved as u64)).is_ok();
            events.peek().is_some() && events.all(&mut is_written)
        };
        let end_of = |other: &Batch<'_>| moved + other.data_offset as usize + other.data.len();
        let Ok(others) = Batches::new(&from_here) else { return false };
        let mut others = others.with_dialect(dialect).map_while(Result::ok);
        others.next().is_some_and(|first| end_of(&first) < end)
            && others
                .find(|next| end_of(next) >= end)
                .is_some_and(|next| end_of(&next) > end && is_given(&next))
    })
}

fn check(trace: &[u8]) -> Result<(), TestCaseError> {
    let strict = read(options(Mode::Strict).read_slice(trace));
    let salvaged = read(options(Mode::Salvage).read_slice(trace));
    let in_pieces = |mode| read(options(mode).read(Pieces::new(trace)));
    same(&strict, &in_pieces(Mode::Strict), "strict, slice and pieces")?;
    same(&salvaged, &in_pieces(Mode::Salvage), "salvage, slice and pieces")?;
    let ahead = |mode| read(options(mode).read_ahead(Pieces::new(trace.to_vec())));
    same(&strict, &ahead(Mode::Strict), "strict, slice and ahead")?;
    same(&salvaged, &ahead(Mode::Salvage), "salvage, slice and ahead")?;
    let (strict, salvaged) = match (strict, salvaged) {
        (Ok(strict), Ok(salvaged)) => (strict, salvaged),
        (strict, salvaged) => {
            prop_assert_eq!(strict.err(), salvaged.err());
            return Ok(());
        }
    };
    prop_assert_eq!(&salvaged.error, &None);
    // An event takes two bytes and becomes three at most.
    prop_assert!(salvaged.starts.len() <= 3 * trace.len() / 2);
    let lost = lost_on_the_wire(trace, &salvaged.written, &salvaged.losses);
    prop_assert_eq!(lost, None, "an event that can be read");
    prop_assert!(salvaged.written.len() >= strict.written.len(), "less than strict reading gives");
    // Salvaging also tells the dialect by a sync batch that is out of its place.
    if strict.dialect != salvaged.dialect {
        return Ok(());
    }
    // Strict reading passes over tables after the last generation, as Go does; salvaging says so.
    match strict.error {
        Some(error) => prop_assert!(!salvaged.losses.is_empty(), "lost in silence: {error}"),
        None if salvaged.losses.is_empty() => same(&Ok(strict), &Ok(salvaged), "strict and salvage")?,
        None => {}
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
fn sound_recordings() {
    for recording in support::testdata() {
        check(&recording.bytes).unwrap_or_else(|error| panic!("{}: {error}", recording.name()));
        let salvaged = read(options(Mode::Salvage).read_slice(&recording.bytes)).expect("a header");
        assert!(salvaged.losses.is_empty(), "{}: {}", recording.name(), salvaged.losses);
    }
}

/// What is lost would be found: no sound batch is excused for what its bytes look like.
#[test]
fn a_batch_of_which_nothing_is_given_is_lost() {
    let mut batches = 0;
    for recording in small_recordings().iter().filter(|recording| recording.bytes.len() < 8 << 10) {
        let trace = &recording.bytes;
        let Outcome { written, losses, .. } = read(Reader::from_slice(trace)).expect("a header");
        assert_eq!(lost_on_the_wire(trace, &written, &losses), None, "{}", recording.name());
        let of_events = Batches::new(trace).expect("a header");
        let (version, dialect) = (of_events.version(), of_events.dialect());
        let is_of_events = |batch: &Batch<'_>| batch.kind(version, dialect) == BatchKind::Events;
        for batch in of_events.map(|batch| batch.expect("a sound trace")).filter(is_of_events) {
            let Some(first) = batch.events(dialect).next() else { continue };
            let first = first.expect("a sound trace").offset;
            let end = batch.data_offset + batch.data.len() as u64;
            let others: Vec<_> = written.iter().copied().filter(|at| !(first..end).contains(at)).collect();
            assert_eq!(lost_on_the_wire(trace, &others, &losses), Some(first), "{}", recording.name());
            batches += 1;
        }
    }
    assert!(batches > 100, "only {batches} batches");
}

/// Of a cut trace everything before the cut is read, but for what is in the batch that is cut.
#[test]
fn cut_recordings() {
    for recording in small_recordings() {
        for eighth in 1..8 {
            let cut = &recording.bytes[..recording.bytes.len() * eighth / 8];
            check(cut).unwrap_or_else(|error| panic!("{eighth}/8 of {}: {error}", recording.name()));
        }
    }
}

#[test]
fn damaged_recordings() {
    let recordings = small_recordings();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let result = runner.run(&damage(&recordings), |damage| check(&damage.apply(&recordings)));
    if let Err(TestError::Fail(reason, damage)) = &result {
        let file = std::env::temp_dir().join("untrusted.trace");
        panic!("{}: {reason}", damage.report(&recordings, &file));
    }
    result.expect("every case to be tried");
}

#[test]
fn what_one_event_becomes_finds_room_wherever_it_stands() {
    // As many events of one thread as are put in order at a time, give or take a few, then one of the other that becomes three,
    // right before the end of the file.
    for count in 230..300 {
        let mut trace = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("memory");
        let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 100).with_snapshot(100, 6_400, WALL);
        let mut generation = trace.generation(1, sync).expect("memory");
        let mut at = |time, thread, event_type, arguments: &[u64]| {
            generation.event(ThreadId(thread), time, event_type, arguments).expect("an event");
        };
        at(100, 1, EventType::ProcStatus, &[1, proc::RUNNING]);
        for number in 0..400 {
            at(200 + number, 1, EventType::HeapAlloc, &[number]);
        }
        at(101, 2, EventType::ProcStatus, &[2, proc::RUNNING]);
        at(102, 2, EventType::GoStatus, &[20, 2, goroutine::RUNNING]);
        at(103, 2, EventType::GoStatus, &[21, u64::MAX, goroutine::WAITING]);
        at(200 + count, 2, EventType::GoSwitch, &[21, 1]);
        generation.finish().expect("memory");
        let trace = trace.into_inner();
        let outcome = read(Reader::from_slice(&trace)).expect("a trace");
        assert_eq!(outcome.error, None, "{count}");
        // The switch is three of them, there are three more of that thread, and a sync event stands before and behind.
        assert_eq!(outcome.starts.len(), 1 + (1 + 400) + 3 + 3 + 1, "{count}");
    }
}
