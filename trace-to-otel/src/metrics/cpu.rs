//! What the processors' time went to: `go.cpu.time`, as Go's `runtime.cpuStats.accumulate` divides it.
//!
//! Of each proc, the time without a thread is idle, or the collector's while the world is stopped for it. What goroutines of the
//! collector run, and others that assist it, is the collector's. The rest is the program's: its own goroutines, and finding
//! out which runs next.

use std::collections::{HashMap, HashSet};

use go_trace_format::{
    Event, EventKind, Time,
    event::{GoroutineId, ProcState, Scope},
};
use opentelemetry_semantic_conventions::{attribute::GO_CPU_STATE, metric::GO_CPU_TIME};

use crate::{
    anatomy::seconds,
    clock::nanoseconds,
    metric::{Metric, MetricData, NumberPoint, Temporality},
    span::{Attribute, UnixTime},
};

/// What a goroutine runs for, where it is not the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    /// It marks in the background, assists with that, or has stopped the world for it.
    Collect,
    /// It gives memory back in the background.
    Scavenge,
}

/// Why the world is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    No,
    ForCollector,
    ForOther,
}

/// Procs from this number on are not looked at: only damage tells of so many.
const MOST_PROCS: usize = 1 << 16;

/// Procs are counted anew so many times a generation at most, when there are more or fewer of them.
const MOST_COUNTS: u32 = 256;

/// The processors' time of one generation. Every generation tells of all procs anew, and says where they were when it began
/// before anything else of each.
#[derive(Debug, Default)]
pub(super) struct CpuTime {
    begin: Time,
    /// Up to when everything is counted. Threads' clocks may disagree a little: it never goes back.
    counted: Time,
    /// How many procs there are: each whose number is below. 0 as long as nobody has told.
    limit: u64,
    counts: u32,
    /// Of each proc that was told of whether a thread has it.
    procs: Vec<Option<Held>>,
    /// How many there are of which something was told, and how many of these no thread has.
    told: u64,
    idle: u64,
    /// What a proc has spent that no thread had, since there are as many as there are.
    of_idle: Spent,
    /// Goroutines that assist the collector.
    assists: HashSet<i64, foldhash::fast::RandomState>,
    /// Goroutines that run for another than the program, and since when.
    running: HashMap<i64, (Duty, Time), foldhash::fast::RandomState>,
    spent: Spent,
}

/// Whether a thread has a proc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    Yes,
    No,
}

/// Time in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    total: u64,
    idle: u64,
    collector: u64,
    scavenger: u64,
}

impl CpuTime {
    pub(super) fn begin(&mut self, begin: Time, limit: Option<u64>) {
        *self = Self { begin, counted: begin, limit: limit.unwrap_or_default(), ..Self::default() };
    }

    /// `GOMAXPROCS` changes, or is told for the first time. It is never 0 but in damaged traces.
    pub(super) fn limit(&mut self, time: Time, limit: u64, stopped: Stopped) {
        if limit == 0 || limit == self.limit || self.counts == MOST_COUNTS {
            return;
        }
        self.count(time, stopped);
        let is_first = core::mem::replace(&mut self.limit, limit) == 0;
        let told = self.procs.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).flatten();
        (self.told, self.idle) =
            told.fold((0, 0), |(told, idle), held| (told + 1, idle + u64::from(*held == Held::No)));
        self.counts += 1;
        let of_idle = core::mem::take(&mut self.of_idle);
        if is_first {
            self.spent.total = limit.saturating_mul(nanoseconds(self.begin, self.counted));
            self.spent.add(limit.saturating_sub(self.told), of_idle);
            self.of_idle = of_idle;
        }
    }

    /// A proc gets a thread, or loses it, or is told of for the first time.
    pub(super) fn proc(&mut self, event: &Event<'_>, stopped: Stopped) {
        let EventKind::Proc(transition) = event.kind() else { return };
        let place = transition.proc.and_then(|proc| usize::try_from(proc.0).ok());
        let Some(place) = place.filter(|place| *place < MOST_PROCS) else { return };
        self.count(event.raw_time(), stopped);
        let held = |state| if state == ProcState::Idle { Held::No } else { Held::Yes };
        let (is_told, to) = (self.procs.get(place).is_some_and(Option::is_some), held(transition.to));
        if !is_told {
            // What is told first was so when the generation began.
            let from = transition.from;
            let first = if from == ProcState::Undetermined { to } else { held(from) };
            self.tell(place, first);
        }
        let before = self.procs[place].replace(to);
        if self.is_one(place) {
            self.idle = self.idle + u64::from(to == Held::No) - u64::from(before == Some(Held::No));
        }
    }

    /// A proc is told of for the first time. Until then it counts as one that no thread has, if it is known that there is one.
    fn tell(&mut self, place: usize, held: Held) {
        if place >= self.procs.len() {
            self.procs.resize(place + 1, None);
        }
        self.procs[place] = Some(held);
        if !self.is_one(place) {
            return;
        }
        self.told += 1;
        match (held, self.limit) {
            (Held::No, 0) => self.spent.add(1, self.of_idle),
            (Held::No, _) | (Held::Yes, 0) => {}
            (Held::Yes, _) => self.spent.take_back(self.of_idle),
        }
        self.idle += u64::from(held == Held::No);
    }

    /// Whether there is a proc of this number. As long as nobody has told how many there are, there are those that are told of.
    fn is_one(&self, place: usize) -> bool {
        self.limit == 0 || (place as u64) < self.limit
    }

    /// Counts what has been spent up to a time: before procs change, or the world begins to stop or goes on.
    pub(super) fn count(&mut self, time: Time, stopped: Stopped) {
        let passed = nanoseconds(self.counted, time);
        self.counted = self.counted.max(time);
        self.spent.total = self.spent.total.saturating_add(self.limit.saturating_mul(passed));
        let mut of_idle = Spent::default();
        of_idle.count_idle(passed, stopped);
        self.of_idle.add(1, of_idle);
        self.spent.add(self.idle.saturating_add(self.limit.saturating_sub(self.told)), of_idle);
    }

    /// A goroutine runs, for what it was made to do.
    #[inline]
    pub(super) fn start(&mut self, goroutine: i64, duty: Option<Duty>, time: Time) {
        let duty = duty.or_else(|| self.assists.contains(&goroutine).then_some(Duty::Collect));
        if let Some(duty) = duty {
            self.run(goroutine, duty, time);
        }
    }

    /// The same of one that has been running since the generation began.
    pub(super) fn is_running(&mut self, goroutine: i64, duty: Option<Duty>) {
        self.start(goroutine, duty, self.begin);
    }

    /// A goroutine that runs does so for another than the program from now on.
    pub(super) fn run(&mut self, goroutine: i64, duty: Duty, time: Time) {
        self.running.entry(goroutine).or_insert((duty, time));
    }

    /// A goroutine stops running, or goes on for the program.
    #[inline]
    pub(super) fn stop(&mut self, goroutine: Option<GoroutineId>, time: Time) {
        if self.running.is_empty() {
            return;
        }
        if let Some((duty, since)) = goroutine.and_then(|goroutine| self.running.remove(&goroutine.0)) {
            self.spent.count(duty, nanoseconds(since, time));
        }
    }

    /// A goroutine that runs has done what it did for the collector. If that was all, it runs for the program from now on.
    pub(super) fn is_done(&mut self, goroutine: GoroutineId, duty: Option<Duty>, time: Time) {
        if duty.is_none() && !self.assists.contains(&goroutine.0) {
            self.stop(Some(goroutine), time);
        }
    }

    /// A goroutine begins or ends to assist the collector, or was at it when the generation began.
    pub(super) fn assist(&mut self, event: &Event<'_>, duty: Option<Duty>) {
        let time = event.raw_time();
        let (range, since) = match event.kind() {
            EventKind::RangeBegin(range) => (range, Some(time)),
            EventKind::RangeActive(range) => (range, Some(self.begin)),
            EventKind::RangeEnd(range) => (range, None),
            _ => return,
        };
        let Scope::Goroutine(Some(goroutine)) = range.scope else { return };
        let Some(since) = since else {
            self.assists.remove(&goroutine.0);
            return self.is_done(goroutine, duty, time);
        };
        self.assists.insert(goroutine.0);
        if event.goroutine() == Some(goroutine) {
            self.run(goroutine.0, Duty::Collect, since);
        }
    }

    /// The metric of the generation that ends; none where it did not tell how many procs there are.
    pub(super) fn end(&mut self, end: Time, stopped: Stopped, times: (UnixTime, UnixTime)) -> Option<Metric> {
        self.count(end, stopped);
        for (duty, since) in core::mem::take(&mut self.running).into_values() {
            self.spent.count(duty, nanoseconds(since, end));
        }
        (self.limit > 0).then(|| self.spent.metric(times))
    }
}

impl Spent {
    /// What some procs have spent, each as much.
    fn add(&mut self, procs: u64, each: Self) {
        self.idle = self.idle.saturating_add(procs.saturating_mul(each.idle));
        self.count(Duty::Collect, procs.saturating_mul(each.collector));
    }

    fn count(&mut self, duty: Duty, nanoseconds: u64) {
        let spent = match duty {
            Duty::Collect => &mut self.collector,
            Duty::Scavenge => &mut self.scavenger,
        };
        *spent = spent.saturating_add(nanoseconds);
    }

    /// What a proc has not spent after all.
    fn take_back(&mut self, one: Self) {
        self.idle = self.idle.saturating_sub(one.idle);
        self.collector = self.collector.saturating_sub(one.collector);
    }

    fn count_idle(&mut self, nanoseconds: u64, stopped: Stopped) {
        match stopped {
            Stopped::No => self.idle = self.idle.saturating_add(nanoseconds),
            Stopped::ForCollector => self.count(Duty::Collect, nanoseconds),
            // Go counts it as the program's.
            Stopped::ForOther => {}
        }
    }

    fn metric(self, (start, end): (UnixTime, UnixTime)) -> Metric {
        let Self { total, idle, collector, scavenger } = self;
        let program = total.saturating_sub(idle).saturating_sub(collector).saturating_sub(scavenger);
        let states = [("gc", collector), ("idle", idle), ("scavenge", scavenger), ("user", program)];
        let points = states.map(|(state, nanoseconds)| {
            let point = NumberPoint::new(end, seconds(nanoseconds)).since(start);
            point.with(Attribute::new(GO_CPU_STATE, state))
        });
        let data =
            MetricData::Sum { temporality: Temporality::Delta, is_monotonic: true, points: points.into() };
        Metric::new(GO_CPU_TIME, "s", "Estimated CPU time spent by the Go runtime.", data)
    }
}
