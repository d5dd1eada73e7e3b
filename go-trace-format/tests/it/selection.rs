//! Some events of a trace only: the same as a reader of all gives, but for what takes all.

use std::collections::HashMap;

use arbitrary::{Arbitrary, Unstructured};
use go_trace_format::{Event, EventType, Losses, Mode, Reader, ReaderOptions, Selection};
use proptest::prelude::*;
use trace_scenario::Scenario;

use crate::{
    canned::{
        self,
        script::{Script, goroutine, proc, script},
    },
    support::{self, Pieces, mutate},
};

const USER_AND_OPERATIONS: Selection = Selection::USER.union(Selection::OPERATIONS);
const EVERYTHING: Selection = USER_AND_OPERATIONS.union(Selection::RANGES);

/// An event, and all that it says but for time and proc.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    raw_time: i64,
    offset: u64,
    thread: Option<i64>,
    goroutine: Option<i64>,
    is_time_assumed: bool,
    says: String,
}

impl Told {
    fn of<O>(event: &Event<'_, O>) -> Self {
        let (stack, wall) = (event.stack_id(), event.wall_time());
        Self {
            raw_time: event.raw_time().0,
            offset: event.offset(),
            thread: event.thread().map(|thread| thread.0),
            goroutine: event.goroutine().map(|goroutine| goroutine.0),
            is_time_assumed: event.is_time_assumed(),
            says: format!("{} {:?} {stack:?} {wall:?}", event.event_type(), event.kind()),
        }
    }
}

/// The generations of a trace, each with what its sync event says and its events.
type Generations = Vec<(String, Vec<Told>)>;

/// What a reader gives of a selection, and what it says is lost.
fn read<O>(mut reader: Reader<'_, O>, selection: Selection) -> (Generations, Losses) {
    let mut generations = Generations::new();
    while let Some(event) = reader.next_event().expect("no error") {
        if event.event_type() == EventType::Sync {
            generations.push((format!("{:?}", event.kind()), Vec::new()));
        } else if selection.contains(event.event_type()) {
            let (_, events) = generations.last_mut().expect("a sync event is the first");
            events.push(Told::of(&event));
        }
    }
    (generations, reader.losses().clone())
}

/// The same generations, the events of each in the order of their times and places.
fn by_time(mut generations: Generations) -> Generations {
    generations.iter_mut().for_each(|(_, events)| events.sort());
    generations
}

/// The places of the events of each goroutine in each generation, in their order.
fn by_goroutine(generations: &Generations) -> HashMap<(usize, Option<i64>), Vec<u64>> {
    let mut places: HashMap<_, Vec<u64>> = HashMap::new();
    for (number, (_, events)) in generations.iter().enumerate() {
        for event in events {
            places.entry((number, event.goroutine)).or_default().push(event.offset);
        }
    }
    places
}

fn all(trace: &[u8]) -> Reader<'_> {
    ReaderOptions::new().read_slice(trace).expect("a header")
}

#[test]
fn recordings_give_the_same_events_as_all_of_their_events_hold() {
    let mut selected = 0;
    for recording in support::testdata().iter().chain(&support::v1_testdata()) {
        for selection in [Selection::USER, Selection::OPERATIONS, USER_AND_OPERATIONS, EVERYTHING] {
            let (expected, losses) = read(all(&recording.bytes), selection);
            let options = ReaderOptions::new().events(selection);
            let readers = [
                options.read_slice(&recording.bytes),
                options.read(Pieces::new(&recording.bytes)),
                options.mode(Mode::Strict).read_slice(&recording.bytes),
            ];
            for reader in readers {
                let (found, found_losses) = read(reader.expect("a header"), selection);
                let name = recording.name();
                assert_eq!(by_goroutine(&found), by_goroutine(&expected), "{name}");
                assert!(by_time(found) == by_time(expected.clone()), "{name}");
                assert_eq!(found_losses, losses, "{name}");
            }
            selected += expected.iter().map(|(_, events)| events.len()).sum::<usize>();
        }
    }
    assert!(selected > 10_000, "only {selected} events were selected");
}

/// Compares what a selection gives of a trace with what the whole holds. Where events contradict each other, who ran where hangs on
/// which of them is believed first: then only which events there are is the same.
fn compare(trace: &[u8], selection: Selection) -> Result<bool, TestCaseError> {
    let options = ReaderOptions::new().events(selection);
    let Ok(reader) = options.read_slice(trace) else { return Ok(false) };
    let (expected, losses) = read(all(trace), selection);
    let (found, found_losses) = read(reader, selection);
    let (in_pieces, losses_in_pieces) = read(options.read(Pieces::new(trace)).expect("a header"), selection);
    prop_assert_eq!((&found, &found_losses), (&in_pieces, &losses_in_pieces));
    if losses.contradictions() > 0 {
        prop_assert_eq!(places(&found), places(&expected), "{}\n{}", losses, found_losses);
        return Ok(false);
    }
    prop_assert_eq!(by_goroutine(&found), by_goroutine(&expected));
    prop_assert_eq!(by_time(found), by_time(expected), "{}\n{}", losses, found_losses);
    prop_assert_eq!(found_losses.bytes(), losses.bytes());
    Ok(losses.is_empty())
}

/// Which events there are of each generation, and when.
fn places(generations: &Generations) -> Vec<Vec<(i64, u64, Option<i64>)>> {
    let mut places = Vec::new();
    for (_, events) in generations {
        let mut of_generation: Vec<_> =
            events.iter().map(|event| (event.raw_time, event.offset, event.thread)).collect();
        of_generation.sort_unstable();
        places.push(of_generation);
    }
    places
}

#[test]
fn edges_of_the_format_give_the_same_events() {
    let mut sound = 0;
    for (name, trace) in canned::traces() {
        for selection in [USER_AND_OPERATIONS, EVERYTHING] {
            match compare(&trace, selection) {
                Ok(is_sound) => sound += usize::from(is_sound),
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
    assert!(sound > 50, "only {sound} traces without losses");
}

proptest! {
    #[test]
    fn damaged_recordings_give_the_same_events(damage in mutate::damage(&support::testdata())) {
        compare(&damage.apply(&support::testdata()), USER_AND_OPERATIONS)?;
    }

    #[test]
    fn scenarios_give_the_same_events(bytes in prop::collection::vec(any::<u8>(), 32..6_000)) {
        let mut scenario = Scenario::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes will do");
        compare(&scenario.encode().unwrap(), USER_AND_OPERATIONS)?;
        scenario.faults.clear();
        prop_assert!(compare(&scenario.encode().unwrap(), USER_AND_OPERATIONS)?, "it is sound");
    }
}

/// A trace in which goroutine 1 runs on thread 0, whose clock is ahead of thread 1's by 100 units.
fn with_clocks_apart(write: impl FnOnce(&mut Script)) -> Vec<u8> {
    script(|s| {
        s.at(150, 1, EventType::ProcStatus, &[1, proc::RUNNING]);
        s.at(250, 0, EventType::ProcStatus, &[0, proc::RUNNING]);
        s.at(251, 0, EventType::GoStatus, &[1, 0, goroutine::RUNNING]);
        write(s);
    })
}

/// The types of the selected events, in their order.
fn types(trace: &[u8]) -> Vec<EventType> {
    let mut reader = ReaderOptions::new().events(Selection::USER).read_slice(trace).expect("a header");
    let mut types = Vec::new();
    while let Some(event) = reader.next_event().expect("salvaging never fails") {
        types.push(event.event_type());
    }
    assert!(reader.losses().is_empty(), "{}", reader.losses());
    types.retain(|&event_type| event_type != EventType::Sync);
    types
}

#[test]
fn a_region_ends_behind_its_beginning_whatever_the_clocks_of_its_threads_say() {
    let trace = with_clocks_apart(|s| {
        let (name, reason) = (s.text("region"), s.text("preempted"));
        s.at(260, 0, EventType::UserRegionBegin, &[0, name, 1]);
        s.at(270, 0, EventType::GoStop, &[reason, 1]);
        s.at(190, 1, EventType::GoStart, &[1, 1]);
        s.at(200, 1, EventType::UserRegionEnd, &[0, name, 1]);
    });
    assert_eq!(types(&trace), [EventType::UserRegionBegin, EventType::UserRegionEnd]);
}

#[test]
fn a_task_begins_before_all_that_is_of_it_whatever_the_clocks_of_its_threads_say() {
    let trace = with_clocks_apart(|s| {
        let name = s.text("task");
        s.at(260, 0, EventType::UserTaskBegin, &[7, 0, name, 1]);
        s.at(270, 0, EventType::GoCreate, &[2, 1, 1]);
        s.at(190, 1, EventType::GoStart, &[2, 1]);
        s.at(200, 1, EventType::UserLog, &[7, name, name, 1]);
        s.at(201, 1, EventType::UserTaskEnd, &[7, 1]);
    });
    assert_eq!(types(&trace), [EventType::UserTaskBegin, EventType::UserLog, EventType::UserTaskEnd]);
}

#[test]
fn events_of_threads_that_have_nothing_to_do_with_each_other_are_in_the_order_of_their_times() {
    let trace = with_clocks_apart(|s| {
        let name = s.text("region");
        s.at(190, 1, EventType::GoStatus, &[2, 1, goroutine::RUNNING]);
        s.at(260, 0, EventType::UserRegionBegin, &[0, name, 1]);
        s.at(255, 1, EventType::UserLog, &[0, name, name, 1]);
        s.at(265, 1, EventType::GoLabel, &[name]);
    });
    assert_eq!(types(&trace), [EventType::UserLog, EventType::UserRegionBegin, EventType::GoLabel]);
}

/// What a generation costs hangs on the threads that it speaks of, not on all that run something.
#[test]
fn what_a_thread_runs_is_known_after_many_generations_that_say_nothing_of_it() {
    const THREADS: u64 = 10_000;
    let trace = script(|s| {
        let (name, reason) = (s.text("label"), s.text("preempted"));
        (0..THREADS).for_each(|number| s.running(number as i64, number, number + 1));
        for number in 0..THREADS {
            s.next_generation();
            s.on(number as i64, EventType::GoLabel, &[name]);
            if number % 2 == 0 {
                s.on(number as i64, EventType::GoStop, &[reason, 1]);
            }
        }
        for number in (1..THREADS).step_by(2) {
            s.next_generation();
            s.on(number as i64, EventType::GoLabel, &[name]);
        }
    });
    let options = ReaderOptions::new().events(Selection::USER);
    let (found, losses) = read(options.read_slice(&trace).expect("a header"), Selection::USER);
    assert!(losses.is_empty(), "{losses}");
    let labels: Vec<_> = found.iter().flat_map(|(_, events)| events).collect();
    assert_eq!(labels.len() as u64, THREADS + THREADS / 2);
    for label in labels {
        assert_eq!(label.goroutine, label.thread.map(|thread| thread + 1));
    }
}

#[test]
fn what_a_thread_runs_is_known_in_a_generation_that_is_put_in_order() {
    let trace = script(|s| {
        let (name, reason) = (s.text("task"), s.text("sync"));
        s.running(0, 0, 1);
        s.next_generation();
        // As nothing is of a task before that begins, all events of the generation are put in order.
        s.on(0, EventType::UserLog, &[7, name, name, 1]);
        s.on(0, EventType::UserTaskBegin, &[7, 0, name, 1]);
        s.on(0, EventType::GoBlock, &[reason, 1]);
    });
    assert!(compare(&trace, Selection::USER).expect("the same events"));
    let options = ReaderOptions::new().events(Selection::USER);
    let (found, _) = read(options.read_slice(&trace).expect("a header"), Selection::USER);
    let goroutines = found[1].1.iter().map(|event| event.goroutine);
    assert_eq!(goroutines.collect::<Vec<_>>(), [Some(1), Some(1)]);
}

#[test]
fn the_end_of_a_task_says_its_name_over_generations_and_snapshots() {
    let mut named = 0;
    for recording in support::testdata() {
        let options = ReaderOptions::new().events(Selection::USER);
        let mut whole = read(all(&recording.bytes), Selection::USER).0;
        // The same trace twice: the second gives nothing that is new, and begins no generation.
        let mut reader = options.read_slice(&recording.bytes).expect("a header");
        while reader.next_event().expect("salvaging never fails").is_some() {}
        let again =
            read(options.read_slice(&recording.bytes).expect("a header").follow(reader), Selection::USER).0;
        assert!(again.iter().all(|(_, events)| events.is_empty()), "{}", recording.name());
        whole.retain(|(_, events)| events.iter().any(|event| event.says.contains("name_id: None")));
        named += whole.len();
    }
    assert!(named > 0, "no task ends in a later generation than it began in");
}
