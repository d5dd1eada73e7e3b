//! Mapping generations on several threads gives what reading them one by one does, in their order.

use std::{
    cell::RefCell,
    collections::HashSet,
    io::{self, Cursor, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Barrier, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use go_trace_format::{Error, Generation, Losses, Mode, Reader, ReaderOptions};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use crate::support::{self, Pieces, Recording, mutate::damage};

/// What a generation says on its own.
fn say(generation: &Generation<'_>, mode: Mode) -> (Vec<String>, Losses) {
    let mut said = vec![format!("{} at {}", generation.number(), generation.start())];
    let mut events = generation.events(mode);
    loop {
        match events.next_event() {
            Ok(Some(event)) => {
                said.push(format!("{} {:?} {:?}", event.offset(), event.time(), event.thread()));
            }
            Ok(None) => break,
            Err(error) => {
                said.push(format!("{error:?}"));
                break;
            }
        }
    }
    (said, events.losses().clone())
}

/// What generations say, what was lost between them, and how it ended.
type Said = (Vec<(Vec<String>, Losses)>, Losses, Result<(), Error>);

fn one_by_one(trace: &[u8], options: ReaderOptions, mode: Mode) -> Result<Said, Error> {
    let mut generations = options.mode(mode).generations(trace)?;
    let mut said = Vec::new();
    let error = generations
        .by_ref()
        .find_map(|generation| generation.map(|generation| said.push(say(&generation, mode))).err());
    Ok((said, generations.losses().clone(), error.map_or(Ok(()), Err)))
}

fn at_once(trace: &[u8], options: ReaderOptions, mode: Mode, threads: usize) -> Said {
    let (mut said, mut losses) = (Vec::new(), Losses::default());
    let ended = options.mode(mode).for_each_generation(
        Pieces::new(trace),
        threads,
        &mut losses,
        |generation| say(generation, mode),
        |generation| {
            said.push(generation);
            Ok(())
        },
    );
    (said, losses, ended)
}

fn compare(trace: &[u8], options: ReaderOptions) -> Result<usize, TestCaseError> {
    let mut generations = 0;
    for mode in [Mode::Strict, Mode::Salvage] {
        let expected = one_by_one(trace, options, mode);
        let expected = expected.unwrap_or_else(|error| (Vec::new(), Losses::default(), Err(error)));
        for threads in [0, 1, 2, 3] {
            let found = at_once(trace, options, mode, threads);
            if found != expected {
                let differs = found.0.iter().zip(&expected.0).find(|(found, expected)| found != expected);
                let rest = (&found.1, &expected.1, &found.2, &expected.2, found.0.len(), expected.0.len());
                return Err(TestCaseError::fail(format!("{mode:?}, {threads}: {differs:?}, {rest:?}")));
            }
        }
        generations += expected.0.len();
    }
    Ok(generations)
}

#[test]
fn recordings_give_the_same_with_any_number_of_threads() {
    let mut generations = 0;
    // Some of the generations are larger than that: what stands before the error is reduced.
    for options in [ReaderOptions::new(), ReaderOptions::new().max_generation_bytes(50_000)] {
        for recording in support::testdata().iter().chain(&support::v1_testdata()) {
            let compared = compare(&recording.bytes, options);
            generations += compared.unwrap_or_else(|error| panic!("{}: {error}", recording.name()));
        }
    }
    assert!(generations > 400, "{generations} generations");
}

/// Small recordings, several of them with more than one generation.
fn small_recordings() -> Vec<Recording> {
    let mut recordings = support::testdata();
    recordings.retain(|recording| recording.bytes.len() < 16 << 10);
    recordings
}

#[test]
fn damaged_recordings_give_the_same_with_any_number_of_threads() {
    let recordings = small_recordings();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let result = runner.run(&damage(&recordings), |damage| {
        compare(&damage.apply(&recordings), ReaderOptions::new()).map(|_| ())
    });
    if let Err(TestError::Fail(reason, damage)) = &result {
        let file = std::env::temp_dir().join("each.trace");
        panic!("{}: {reason}", damage.report(&recordings, &file));
    }
    result.expect("every case to be tried");
}

fn many_generations() -> Vec<u8> {
    let mut recordings = support::testdata();
    recordings.retain(|recording| recording.name() == "go1.27/gc-generations");
    recordings.remove(0).bytes
}

fn nothing(_: &Generation<'_>) {}

#[test]
fn generations_are_mapped_at_the_same_time() {
    // The first two wait for each other.
    let (met, begun) = (Barrier::new(2), AtomicUsize::new(0));
    let meet = |_: &Generation<'_>| {
        if begun.fetch_add(1, SeqCst) < 2 {
            met.wait();
        }
        thread::current().id()
    };
    let mut threads = Vec::new();
    let options = ReaderOptions::new();
    let keep = |thread| {
        threads.push(thread);
        Ok::<_, Error>(())
    };
    let (trace, losses) = (many_generations(), &mut Losses::default());
    options.for_each_generation(&trace[..], 2, losses, meet, keep).expect("a sound trace");
    assert_ne!(threads[0], threads[1]);
}

#[test]
fn there_are_never_more_generations_than_threads() {
    for threads in 1..4 {
        let (alive, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let map = |_: &Generation<'_>| {
            most.fetch_max(alive.fetch_add(1, SeqCst) + 1, SeqCst);
        };
        let reduce = |()| {
            alive.fetch_sub(1, SeqCst);
            Ok::<_, Error>(())
        };
        let options = ReaderOptions::new();
        let (trace, losses) = (many_generations(), &mut Losses::default());
        options.for_each_generation(&trace[..], threads, losses, map, reduce).expect("a sound trace");
        assert!((1..=threads).contains(&most.load(SeqCst)), "{most:?} of {threads}");
    }
}

/// Each has something to do.
#[test]
fn no_more_threads_are_started_than_there_are_generations() {
    let trace = many_generations();
    let mut generations = 0;
    let ids = Mutex::new(HashSet::new());
    let map = |_: &Generation<'_>| {
        ids.lock().expect("no panic").insert(thread::current().id());
    };
    let count = |()| {
        generations += 1;
        Ok::<_, Error>(())
    };
    let (options, losses) = (ReaderOptions::new(), &mut Losses::default());
    options.for_each_generation(&trace[..], usize::MAX, losses, map, count).expect("a sound trace");
    let threads = ids.into_inner().expect("no panic").len();
    assert!((1..=generations).contains(&threads), "{threads} for {generations} generations");
}

#[derive(Debug, PartialEq)]
enum Failure {
    Trace(Error),
    Enough,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Trace(error)
    }
}

#[test]
fn nothing_is_reduced_behind_an_error() {
    for threads in 1..4 {
        let mut reduced = 0;
        let reduce = |()| {
            reduced += 1;
            if reduced == 2 { Err(Failure::Enough) } else { Ok(()) }
        };
        let options = ReaderOptions::new();
        let (trace, losses) = (many_generations(), &mut Losses::default());
        let ended = options.for_each_generation(&trace[..], threads, losses, nothing, reduce);
        assert_eq!((ended, reduced), (Err(Failure::Enough), 2), "{threads}");
    }
}

/// Wherever a panic comes from, it is the caller's, and nobody waits for what never comes.
#[test]
fn a_panic_on_any_thread_is_the_callers() {
    struct Panics<'a>(Cursor<&'a [u8]>);

    impl Read for Panics<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(buffer)?;
            assert!(read > 0, "the source panics");
            Ok(read)
        }
    }

    let trace = many_generations();
    let options = ReaderOptions::new();
    let fine = |()| Ok::<_, Error>(());
    let message = |panic: Result<_, Box<dyn std::any::Any + Send>>| {
        let panic: Box<_> = panic.map(|_: Result<(), Error>| ()).expect_err("a panic");
        *panic.downcast_ref::<&str>().expect("a text")
    };
    for threads in 1..4 {
        let panics = |generation: &Generation<'_>| assert!(generation.number() < 3, "mapping panics");
        let mapping = AssertUnwindSafe(|| {
            options.for_each_generation(&trace[..], threads, &mut Losses::default(), panics, fine)
        });
        assert_eq!(message(catch_unwind(mapping)), "mapping panics");
        let reduce = |()| -> Result<(), Error> { panic!("reducing panics") };
        let reducing = AssertUnwindSafe(|| {
            options.for_each_generation(&trace[..], threads, &mut Losses::default(), nothing, reduce)
        });
        assert_eq!(message(catch_unwind(reducing)), "reducing panics");
        let source = Panics(Cursor::new(&trace[..]));
        let reading = AssertUnwindSafe(|| {
            options.for_each_generation(source, threads, &mut Losses::default(), nothing, fine)
        });
        assert_eq!(message(catch_unwind(reading)), "the source panics");
    }
}

/// So long something is waited for that comes at once: who waits in vain fails.
const AT_LAST: Duration = Duration::from_secs(120);

/// A source that says once when its bytes are all given, and from then on is read for ever.
struct Endless<'a> {
    bytes: &'a [u8],
    at_end: Option<Sender<()>>,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() {
            if let Some(at_end) = self.at_end.take() {
                at_end.send(()).expect("the test listens");
            }
            thread::yield_now();
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.bytes.read(buffer)
    }
}

/// Where the first generation fails while another thread reads, that ends with the next call of the source.
#[test]
fn a_failure_waits_for_no_other_generation() {
    for panics in [false, true] {
        let (said, is_said) = channel();
        thread::spawn(move || {
            let trace = many_generations();
            let mut reader = Reader::from_slice(&trace).expect("a header");
            reader.next_event().expect("a sound trace");
            let bytes = &trace[..reader.bytes_read() as usize + 100];
            let (at_end, is_at_end) = channel();
            let is_at_end = Mutex::new(is_at_end);
            let fail = || {
                let waits = is_at_end.lock().expect("only one").recv_timeout(AT_LAST);
                waits.expect("the source to be read meanwhile");
            };
            let map = |_: &Generation<'_>| {
                if panics {
                    fail();
                    panic!("mapping panics");
                }
            };
            let reduce = |()| {
                fail();
                Err(Failure::Enough)
            };
            let (source, losses) = (Endless { bytes, at_end: Some(at_end) }, &mut Losses::default());
            let each = || ReaderOptions::new().for_each_generation(source, 2, losses, map, reduce);
            said.send(catch_unwind(AssertUnwindSafe(each)).ok()).expect("the test waits");
        });
        let ended = is_said.recv_timeout(AT_LAST).expect("an end");
        assert_eq!(ended, (!panics).then_some(Err(Failure::Enough)));
    }
}

/// Says when its thread has ended.
struct Ending(Sender<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send(()).expect("the test listens");
    }
}

thread_local! {
    static ENDING: RefCell<Option<Ending>> = const { RefCell::new(None) };
}

/// The second generation panics, and its thread ends, while the first one is being mapped.
#[test]
fn what_stands_before_a_panic_is_reduced() {
    let trace = many_generations();
    let (ended, has_ended) = channel();
    let has_ended = Mutex::new(has_ended);
    let map = |generation: &Generation<'_>| {
        if generation.number() == 1 {
            let waits = has_ended.lock().expect("only one").recv_timeout(AT_LAST);
            return waits.expect("the second to end meanwhile");
        }
        ENDING.set(Some(Ending(ended.clone())));
        panic!("mapping panics");
    };
    let mut reduced = 0;
    let reduce = |()| {
        reduced += 1;
        Ok::<_, Error>(())
    };
    let losses = &mut Losses::default();
    let each = || ReaderOptions::new().for_each_generation(&trace[..], 2, losses, map, reduce);
    catch_unwind(AssertUnwindSafe(each)).expect_err("a panic");
    assert_eq!(reduced, 1);
}
