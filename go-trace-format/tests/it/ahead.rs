//! Reading ahead says what reading says, in the same order, and ends when the reader does.

use std::{
    io::{self, Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use go_trace_format::{Error, Event, EventKind, EventType, Losses, Mode, Reader, ReaderOptions, Selection};

use crate::{canned, support};

/// A source of pieces of odd sizes, which each third time has nothing for now.
struct Uneven {
    bytes: Cursor<Vec<u8>>,
    turn: usize,
}

impl Uneven {
    fn new(bytes: &[u8]) -> Self {
        Self { bytes: Cursor::new(bytes.to_vec()), turn: 0 }
    }
}

impl Read for Uneven {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const SIZES: [usize; 5] = [4096, 70_001, 13, 997, 300_000];
        self.turn += 1;
        // The header must be there before a reader is made, and what tells the dialect.
        if self.turn % 3 == 0 && self.bytes.position() > 1024 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let size = SIZES[self.turn % SIZES.len()].min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

/// So often a reader may say that it cannot go on, before it is believed.
const PATIENCE: usize = 10_000;

/// So long something is waited for that comes at once: who waits in vain fails.
const AT_LAST: Duration = Duration::from_secs(120);

/// What a reader says: events and errors as they come, how it stands where a generation begins, and what was lost. How often the
/// source has nothing for now is its own affair.
fn say<O>(mut reader: Reader<'_, O>) -> (Vec<String>, Losses) {
    let (mut said, mut refused, mut generation) = (Vec::new(), 0, None);
    loop {
        let next = reader.next_event().map(|event| {
            event.map(|event| {
                said.push(fingerprint(&event));
                event.generation()
            })
        });
        match next {
            Ok(Some(next)) if generation.replace(next) == Some(next) => continue,
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                let is_refused =
                    matches!(&error, Error::Io { error, .. } if error.kind() == io::ErrorKind::WouldBlock);
                if !is_refused {
                    said.push(format!("{error:?}"));
                }
                refused += 1;
                if !matches!(error, Error::Io { .. }) || refused == PATIENCE {
                    break;
                }
                continue;
            }
        }
        said.push(standing(&reader));
    }
    said.push(standing(&reader));
    (said, reader.losses().clone())
}

/// What an event says, ids of texts left out: in format v1 they say where among the bytes in memory a text is.
fn fingerprint<O>(event: &Event<'_, O>) -> String {
    let mut arguments = event.arguments().to_vec();
    if event.event_type() == EventType::UserLog {
        arguments.truncate(1);
    }
    let kind = match event.kind() {
        EventKind::Log(log) => format!("{} {}", log.category, log.message),
        kind => format!("{kind:?}"),
    };
    let wire = (event.offset(), event.raw_time(), event.goroutine(), event.is_time_assumed(), arguments);
    format!("{wire:?} {kind}")
}

fn standing<O>(reader: &Reader<'_, O>) -> String {
    let (generation, losses) = (reader.generation().start(), reader.losses().count());
    let format = (reader.version(), reader.dialect());
    format!("{format:?}, {} bytes, generation at {generation}, {losses} losses", reader.bytes_read())
}

/// Compares what is said of a trace, in each mode and of all events and some. Gives how many lines that were.
fn compare(name: &str, trace: &[u8]) -> usize {
    let mut lines = 0;
    for mode in [Mode::Strict, Mode::Salvage] {
        let options = ReaderOptions::new().mode(mode);
        let here = options.read(Uneven::new(trace)).map(say);
        let ahead = options.read_ahead(Uneven::new(trace)).map(say);
        if let (Ok((here, _)), Ok((ahead, _))) = (&here, &ahead) {
            let differs = here.iter().zip(ahead).find(|(here, ahead)| here != ahead);
            assert_eq!(differs, None, "{name}, {mode:?}");
            lines += here.len();
        }
        assert_eq!(here, ahead, "{name}, {mode:?}");
        let options = options.events(Selection::USER);
        let here = options.read(Uneven::new(trace)).map(say);
        assert_eq!(here, options.read_ahead(Uneven::new(trace)).map(say), "{name}, {mode:?}, selected");
    }
    lines
}

#[test]
fn recordings_say_the_same() {
    for recording in support::testdata().iter().chain(&support::v1_testdata()) {
        let lines = compare(&recording.name(), &recording.bytes);
        assert!(lines > 10, "{}: {lines} lines", recording.name());
    }
}

#[test]
fn canned_traces_say_the_same() {
    let lines: usize = canned::traces().map(|(name, trace)| compare(name, &trace)).sum();
    assert!(lines > 1000, "{lines} lines");
}

/// One recording of each kind, cut off, one behind the other, with damage and with what cannot be read between.
#[test]
fn several_traces_in_one_input_say_the_same() {
    let (recordings, v1) = (support::testdata(), support::v1_testdata());
    let mut input = Vec::new();
    for (index, recording) in recordings.iter().step_by(9).chain(v1.iter().step_by(11)).enumerate() {
        let bytes = &recording.bytes[..recording.bytes.len().min(200_000)];
        input.extend_from_slice(&bytes[..bytes.len() - index % 3 * (bytes.len() / 5)]);
        input.extend_from_slice(&b"go 1.99 trace\0\0\0and what is of it"[..index % 2 * 33]);
    }
    assert!(compare("several", &input) > 10_000);
}

#[test]
fn a_generation_too_large_is_said_in_its_place() {
    for recording in support::testdata() {
        let options = ReaderOptions::new().max_generation_bytes(recording.bytes.len() as u64 / 3);
        let here = options.read(Cursor::new(recording.bytes.clone())).map(say);
        let ahead = options.read_ahead(Cursor::new(recording.bytes.clone())).map(say);
        assert_eq!(here, ahead, "{}", recording.name());
    }
}

fn many_generations() -> Vec<u8> {
    let mut recordings = support::testdata();
    recordings.retain(|recording| recording.name() == "go1.27/gc-generations");
    recordings.remove(0).bytes
}

/// Reads until `generations` have begun, or to the end.
fn begin(reader: &mut Reader<'_>, generations: usize) {
    let (mut begun, mut last) = (0, None);
    while begun < generations {
        let Some(event) = reader.next_event().expect("a sound trace") else { return };
        begun += usize::from(last.replace(event.generation()) != Some(event.generation()));
    }
}

#[test]
fn the_source_comes_back_with_all_that_was_read_ahead() {
    let trace = many_generations();
    let mut rests = Vec::new();
    for generations in [0, 1, 2, 3, 4, usize::MAX] {
        let rest = |mut reader: Reader<'_>| {
            begin(&mut reader, generations);
            let mut rest = Vec::new();
            reader.into_source().read_to_end(&mut rest).expect("memory");
            rest
        };
        let options = ReaderOptions::new();
        let here = rest(options.read(Cursor::new(trace.clone())).expect("a header"));
        let ahead = rest(options.read_ahead(Cursor::new(trace.clone())).expect("a header"));
        assert!(here == ahead, "{generations}: {} and {} bytes", here.len(), ahead.len());
        rests.push(here.len());
    }
    assert!(rests.is_sorted_by(|one, next| one > next), "{rests:?}");
}

#[test]
fn a_reader_goes_on_from_one_that_has_read_ahead() {
    let trace = many_generations();
    let options = ReaderOptions::new();
    let following = |mut first: Reader<'static>, second: Reader<'static>| {
        begin(&mut first, usize::MAX);
        say(second.leaving_out(|generation| generation.number() == 2).follow(first))
    };
    let here = || options.read(Cursor::new(trace.clone())).expect("a header");
    let ahead = || options.read_ahead(Cursor::new(trace.clone())).expect("a header");
    assert_eq!(following(here(), here()), following(ahead(), ahead()));
}

/// A source that says when it is dropped, and panics where its bytes end, if it is to.
struct Watched {
    bytes: Cursor<Vec<u8>>,
    panics: bool,
    gone: Sender<()>,
}

impl Watched {
    fn new(bytes: Vec<u8>, panics: bool) -> (Self, Receiver<()>) {
        let (gone, is_gone) = channel();
        (Self { bytes: Cursor::new(bytes), panics, gone }, is_gone)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Whoever does not listen is not told.
        _ = self.gone.send(());
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        assert!(read > 0 || !self.panics, "the source panics");
        Ok(read)
    }
}

/// The thread owns the source, so that this is gone once that has ended.
#[test]
fn dropping_a_reader_midway_ends_its_thread() {
    for generations in 0..4 {
        let (source, is_gone) = Watched::new(many_generations(), false);
        let mut reader = ReaderOptions::new().read_ahead(source).expect("a header");
        begin(&mut reader, generations);
        assert!(is_gone.try_recv().is_err(), "{generations}: still to be read");
        drop(reader);
        assert_eq!(is_gone.recv_timeout(AT_LAST), Ok(()), "{generations}");
    }
}

/// A source that has something at once, and answers nothing behind that until it is told to.
struct Gated {
    bytes: Watched,
    at_once: usize,
    asked: Sender<()>,
    gate: Receiver<()>,
}

impl Read for Gated {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.at_once - self.bytes.bytes.position() as usize;
        if left == 0 {
            self.asked.send(()).expect("somebody who listens");
            self.gate.recv().expect("somebody who opens the gate");
            return Ok(0);
        }
        let size = left.min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

/// How much of a trace is before its second generation.
fn first_generation(trace: &[u8]) -> usize {
    let mut reader = Reader::from_slice(trace).expect("a header");
    begin(&mut reader, 1);
    reader.bytes_read() as usize
}

#[test]
fn dropping_a_reader_does_not_wait_for_its_source() {
    let trace = many_generations();
    let at_once = first_generation(&trace) + 100;
    let (bytes, is_gone) = Watched::new(trace, false);
    let ((asked, is_asked), (open, gate)) = (channel(), channel());
    let mut reader =
        ReaderOptions::new().read_ahead(Gated { bytes, at_once, asked, gate }).expect("a header");
    begin(&mut reader, 1);
    is_asked.recv_timeout(AT_LAST).expect("the next generation to be read ahead");
    let (dropped, is_dropped) = channel();
    std::thread::spawn(move || {
        drop(reader);
        dropped.send(()).expect("the test waits");
    });
    assert_eq!(is_dropped.recv_timeout(AT_LAST), Ok(()));
    assert!(is_gone.try_recv().is_err(), "the source is being read");
    open.send(()).expect("the source waits");
    assert_eq!(is_gone.recv_timeout(AT_LAST), Ok(()));
}

/// A source that grows, and says where it has nothing for now.
struct Growing {
    bytes: Cursor<Vec<u8>>,
    there: Arc<AtomicUsize>,
    refused: Sender<()>,
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = (self.there.load(SeqCst) - self.bytes.position() as usize).min(buffer.len());
        let is_whole = self.bytes.position() as usize == self.bytes.get_ref().len();
        if size == 0 && !is_whole {
            self.refused.send(()).expect("the test listens");
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.bytes.read(&mut buffer[..size])
    }
}

#[test]
fn what_has_come_since_it_was_read_ahead_is_not_refused() {
    let trace = many_generations();
    let there = Arc::new(AtomicUsize::new(first_generation(&trace) + 100));
    let (refused, is_refused) = channel();
    let source = Growing { bytes: Cursor::new(trace.clone()), there: Arc::clone(&there), refused };
    let mut reader = ReaderOptions::new().read_ahead(source).expect("a header");
    begin(&mut reader, 1);
    is_refused.recv_timeout(AT_LAST).expect("the next generation to be read ahead");
    there.store(trace.len(), SeqCst);
    begin(&mut reader, usize::MAX);
    assert_eq!(reader.bytes_read(), trace.len() as u64);
}

#[test]
fn a_source_that_panics_has_the_reader_panic() {
    let trace = many_generations();
    let (source, is_gone) = Watched::new(trace[..trace.len() * 3 / 4].to_vec(), true);
    let mut reader = ReaderOptions::new().read_ahead(source).expect("a header");
    let panic = catch_unwind(AssertUnwindSafe(|| begin(&mut reader, usize::MAX))).expect_err("a panic");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the source panics"));
    let again = catch_unwind(AssertUnwindSafe(|| reader.next_event().map(|_| ())));
    assert!(again.is_err(), "{again:?}");
    assert_eq!(is_gone.recv_timeout(AT_LAST), Ok(()));
}
