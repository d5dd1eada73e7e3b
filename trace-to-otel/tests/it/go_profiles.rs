//! The four profiles that Go's tool makes of a trace too: equal to the nanosecond, for every recording of a stock Go.
//!
//! And, Go or not, equal to what a slow reading of Go's rules gives, which can make Go's one mistake or not.
#![cfg(feature = "profiles")]

#[path = "../../../go-trace-format/tests/it/support/oracle.rs"]
mod oracle;

use std::{
    collections::{BTreeMap, HashMap},
    env, fs,
    path::PathBuf,
};

use crate::common::{
    self,
    pprof::{self, Frame},
    profiles_of, read_events,
};
use go_trace_format::{
    Event, EventKind, Reader,
    event::{GoroutineId, GoroutineState as State},
};
use oracle::Oracle;
use trace_to_otel::profiles::{ProfileKind, Profiles};

/// What Go's tool calls them.
const KINDS: [(ProfileKind, &str); 4] = [
    (ProfileKind::Network, "net"),
    (ProfileKind::Block, "sync"),
    (ProfileKind::Syscall, "syscall"),
    (ProfileKind::Scheduler, "sched"),
];

/// Count and nanoseconds by stack.
type Totals = BTreeMap<Vec<Frame>, (u64, u64)>;

fn add(totals: &mut Totals, mut stack: Vec<Frame>, count: u64, nanoseconds: u64) {
    // Go cannot tell frames without a program counter at the end of a stack from none.
    while stack
        .last()
        .is_some_and(|(pc, function, ..)| *pc == 0 && (function.is_empty() || function == "[no stack]"))
    {
        stack.pop();
    }
    let total = totals.entry(stack).or_default();
    *total = (total.0 + count, total.1 + nanoseconds);
}

fn ours(profiles: &Profiles, kind: ProfileKind) -> Totals {
    let mut totals = Totals::new();
    for sample in profiles.profile(kind).samples() {
        let frames = sample
            .stack
            .frames()
            .map(|frame| (frame.pc, frame.function.to_owned(), frame.file.to_owned(), frame.line as i64));
        add(&mut totals, frames.collect(), sample.count, sample.nanoseconds);
    }
    totals
}

/// Of a profile in pprof's format.
fn read(profile: &[u8]) -> Totals {
    let mut totals = Totals::new();
    for sample in pprof::Profile::read(profile).spelled_out() {
        add(&mut totals, sample.frames, sample.values[0] as u64, sample.values[1] as u64);
    }
    totals
}

/// Go's rules, one after the other, as `cmd/trace/pprof.go` and `internal/trace/summary.go` have them.
#[derive(Default)]
struct Slow {
    /// When the goroutines of each id first ran, and when they ended; 0 for never.
    lives: HashMap<GoroutineId, Vec<(i64, i64)>>,
    tracked: HashMap<(GoroutineId, usize), (i64, Vec<Frame>)>,
    intervals: Vec<Interval>,
    end: i64,
}

/// A goroutine was in the state that a profile is of.
struct Interval {
    /// Which of [`KINDS`].
    kind: usize,
    goroutine: GoroutineId,
    /// The how many-th of that id it is.
    life: usize,
    since: i64,
    until: i64,
    stack: Vec<Frame>,
}

impl Slow {
    fn of(trace: &[u8]) -> Self {
        let mut slow = Self::default();
        let reader = read_events(trace, |event| slow.event(event));
        assert!(reader.losses().is_empty(), "{}", reader.losses());
        slow
    }

    fn event(&mut self, event: &Event<'_>) {
        let time = event.time().0;
        self.end = time;
        let EventKind::Goroutine(transition) = event.kind() else { return };
        let Some(id) = transition.goroutine else { return };
        let lives = self.lives.entry(id).or_default();
        if matches!(transition.from, State::Undetermined | State::NotExist) {
            lives.push((0, 0));
        }
        let life = lives.len() - 1;
        match (transition.to, &mut lives[life]) {
            (State::Running, (begin @ 0, _)) => *begin = time,
            (State::NotExist, (_, end)) => *end = time,
            _ => {}
        }
        let reason = transition.reason.to_string_lossy();
        let counted = [
            transition.to == State::Waiting && reason == "network",
            transition.to == State::Waiting
                && ["chan", "sync", "select"].iter().any(|part| reason.contains(part)),
            transition.to == State::Syscall,
            transition.to == State::Runnable,
        ];
        let states = [State::Waiting, State::Waiting, State::Syscall, State::Runnable];
        for (kind, (counts, state)) in counted.into_iter().zip(states).enumerate() {
            if transition.to == state {
                if counts {
                    let stack = || event.stack().map(frames).unwrap_or_default();
                    self.tracked.entry((id, kind)).or_insert_with(|| (time, stack()));
                }
            } else if let Some((since, stack)) = self.tracked.remove(&(id, kind)) {
                self.intervals.push(Interval { kind, goroutine: id, life, since, until: time, stack });
            }
        }
    }

    /// The totals of a profile. Go knows of several goroutines of one id only when the last of them ran and ended.
    fn totals(&self, kind: usize, only_the_last_counts: bool) -> Totals {
        let mut totals = Totals::new();
        for interval in self.intervals.iter().filter(|interval| interval.kind == kind) {
            let lives = &self.lives[&interval.goroutine];
            let life = if only_the_last_counts { lives.len() - 1 } else { interval.life };
            let (begin, end) = lives[life];
            let end = if end == 0 { self.end } else { end };
            let overlap = interval.until.min(end) - interval.since.max(begin);
            if overlap > 0 {
                add(&mut totals, interval.stack.clone(), 1, overlap as u64);
            }
        }
        totals
    }

    fn has_ids_again(&self) -> bool {
        self.lives.values().any(|lives| lives.len() > 1)
    }
}

fn frames(stack: go_trace_format::Stack<'_>) -> Vec<Frame> {
    let frame = |frame: go_trace_format::Frame<'_>| {
        (frame.pc, frame.function.to_string(), frame.file.to_string(), frame.line as i64)
    };
    stack.frames().map(frame).collect()
}

/// The recordings of stock Go: those of `testdata`, and of the folder that `MORE_TRACES` names.
fn recordings() -> Vec<PathBuf> {
    let mut folders: Vec<_> = common::RELEASES.map(common::testdata).into();
    folders.extend(env::var_os("MORE_TRACES").map(PathBuf::from));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let files = files.map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "trace")).collect();
    // Other releases have another format.
    files.retain(|file| Reader::from_slice(&fs::read(file).expect("a file")).is_ok());
    files.sort();
    assert!(files.len() > 100, "{}", files.len());
    files
}

/// Says where two profiles differ.
fn difference(one: &Totals, other: &Totals) -> Vec<String> {
    let all = one.keys().chain(other.keys().filter(|stack| !one.contains_key(*stack)));
    let different = all.filter(|stack| one.get(*stack) != other.get(*stack));
    different.map(|stack| format!("{:?} {:?} {stack:?}", one.get(stack), other.get(stack))).collect()
}

#[test]
fn totals_by_stack_are_those_of_go_s_rules() {
    let (mut with_ids_again, mut lost) = (0, 0);
    for file in recordings() {
        let trace = fs::read(&file).expect("a file");
        let (profiles, slow) = (profiles_of(&trace), Slow::of(&trace));
        with_ids_again += usize::from(slow.has_ids_again());
        for (place, (kind, _)) in KINDS.into_iter().enumerate() {
            let (ours, expected) = (ours(&profiles, kind), slow.totals(place, false));
            assert_eq!(difference(&ours, &expected), [""; 0], "{} {kind}", file.display());
            lost += usize::from(expected != slow.totals(place, true));
        }
    }
    // Threads of C that call Go, in one recording of each release.
    assert!(with_ids_again >= 6 && lost >= 6, "{with_ids_again} {lost}");
}

#[test]
fn totals_by_stack_are_those_of_go_s_own_tool() {
    let Some(oracle) = Oracle::find("profiles") else { return };
    let (mut stacks, mut mistaken) = (0, 0);
    for file in recordings() {
        let trace = fs::read(&file).expect("a file");
        let (profiles, slow) = (profiles_of(&trace), Slow::of(&trace));
        for (place, (kind, name)) in KINDS.into_iter().enumerate() {
            let theirs = oracle.profile(name, &trace);
            let theirs = read(&theirs.unwrap_or_else(|error| panic!("{} {name}: {error}", file.display())));
            stacks += theirs.len();
            let mut written = Vec::new();
            profiles.profile(kind).write_pprof(&mut written).expect("memory takes it");
            let ours = read(&written);
            if ours != theirs {
                // Go's mistake, and nothing but that.
                mistaken += 1;
                assert!(slow.has_ids_again(), "{} {name}: {:#?}", file.display(), difference(&ours, &theirs));
                let expected = slow.totals(place, true);
                assert_eq!(difference(&theirs, &expected), [""; 0], "{} {name}", file.display());
            }
        }
    }
    println!("Go is in error in {mistaken} profiles");
    assert!(stacks > 1000, "{stacks}");
}
