//! Scenarios, which are made from any bytes: what the model of the scheduler records is a valid trace, and where it
//! is damaged, Go's reader and ours agree on how.

use std::collections::HashSet;

use arbitrary::{Arbitrary, Unstructured};
use go_trace_format::{
    Dialect, EventType, Mode, ReaderOptions, Version,
    wire::{BatchKind, Batches},
};
use proptest::prelude::*;
use trace_scenario::{Action, Scenario, Step};

use crate::{
    support::{oracle::Oracle, strict},
    write::FORMATS,
};

fn scenario(bytes: &[u8], (version, dialect): (Version, Dialect)) -> Scenario {
    let mut scenario = Scenario::arbitrary(&mut Unstructured::new(bytes)).expect("any bytes will do");
    (scenario.version, scenario.dialect) = (version, dialect);
    scenario
}

fn bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 32..length)
}

proptest! {
    #[test]
    fn what_could_have_happened_is_read(bytes in bytes(6_000), format in prop::sample::select(&FORMATS)) {
        let mut scenario = scenario(&bytes, format);
        scenario.faults.clear();
        let trace = scenario.encode().unwrap();
        let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).unwrap();
        prop_assert_eq!((reader.version(), reader.dialect()), format);
        let mut generations = 0;
        while let Some(event) = reader.next_event().map_err(|error| TestCaseError::fail(error.to_string()))? {
            generations += usize::from(event.event_type() == EventType::Sync);
        }
        let begun = scenario.steps.iter().filter(|step| step.action == Action::NextGeneration).count() + 1;
        prop_assert_eq!(generations, begun + 1);
    }

    #[test]
    fn scenarios_with_faults_can_be_written(bytes in bytes(1_000), format in prop::sample::select(&FORMATS)) {
        let scenario = scenario(&bytes, format);
        let trace = scenario.encode().unwrap();
        prop_assert!(trace.starts_with(&format.0.header()));
    }
}

/// A scenario's bytes from a number: any that look random will do, and are the same every time.
fn pseudorandom(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn go_reads_scenarios_as_we_do() {
    let Some(oracle) = Oracle::find("scenarios") else { return };
    let mut rejected = 0;
    let mut failures = Vec::new();
    for seed in 0..240 {
        let format = FORMATS[seed as usize % 4];
        let mut scenario = scenario(&pseudorandom(seed, 100 + 30 * seed as usize), format);
        if seed % 4 == 0 {
            scenario.faults.clear();
        }
        let trace = scenario.encode().unwrap();
        let (dump, error) = strict::read(&trace);
        let reading = oracle.read(&trace);
        rejected += usize::from(error.is_some());
        if error.is_some() != reading.error.is_some() {
            failures.push(format!("scenario {seed}: we say {error:?}, Go says {:?}", reading.error));
        } else if dump != reading.dump {
            failures.push(format!("scenario {seed}, {error:?}: the dumps differ"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!((20..200).contains(&rejected), "{rejected} of 240 scenarios were rejected");
}

#[test]
fn steps_happen_as_they_can() {
    let steps = [
        // Nothing to stop, and no goroutine to begin a task.
        (0, Action::StopProc),
        (0, Action::BeginTask),
        (0, Action::StartProc),
        (0, Action::StartGoroutine),
        (0, Action::BeginTask),
        // Proc 0 is taken.
        (1, Action::StartProc),
        (0, Action::BeginSyscall),
        (1, Action::StealProc),
        (0, Action::EndSyscall),
        (1, Action::NextGeneration),
    ];
    let steps = steps.map(|(thread, action)| Step::new(thread, 10, action, 0)).into();
    let trace = Scenario::new(Version::Go126, Dialect::Stock, steps).encode().unwrap();
    let (dump, error) = strict::read(&trace);
    assert_eq!(error, None);
    let said: Vec<_> = dump
        .lines()
        .filter(|line| line.starts_with("M=") && !line.contains("Undetermined->") && !line.contains("Sync"))
        .map(|line| {
            line.split(' ').filter(|word| !word.starts_with("Time=")).take(6).collect::<Vec<_>>().join(" ")
        })
        .take(6)
        .collect();
    assert_eq!(
        said,
        [
            "M=1000 P=-1 G=-1 StateTransition ProcID=0 Idle->Running",
            "M=1000 P=0 G=-1 StateTransition GoID=1 Runnable->Running",
            "M=1000 P=0 G=1 TaskBegin ID=1 Parent=18446744073709551615",
            "M=1000 P=0 G=1 StateTransition GoID=1 Running->Syscall",
            "M=1001 P=-1 G=-1 StateTransition ProcID=0 Running->Idle",
            "M=1000 P=-1 G=1 StateTransition GoID=1 Syscall->Runnable",
        ],
        "{dump}"
    );
    assert!(
        dump.contains("Sync") && dump.contains("N=2") && dump.contains("GoID=1 Runnable->Runnable"),
        "{dump}"
    );
}

#[test]
fn scenarios_say_every_event() {
    let mut said = HashSet::new();
    for seed in 0..60 {
        let trace = scenario(&pseudorandom(seed, 8_000), FORMATS[4]).encode().unwrap();
        let batches = Batches::new(&trace).unwrap();
        let dialect = batches.dialect();
        for batch in batches.map(Result::unwrap) {
            if batch.kind(Version::Go126, dialect) == BatchKind::Events {
                said.extend(batch.events(dialect).map(|event| event.unwrap().event_type));
            }
        }
    }
    let unsaid: Vec<_> = EventType::all()
        .iter()
        .filter(|&&event_type| event_type.spec().timed && event_type != EventType::ClockSnapshot)
        .filter(|&event_type| !said.contains(event_type))
        .collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}
