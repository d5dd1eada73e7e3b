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

/// The processors' time of one generation. Every generation tells of all procs anew, and says where they were when it began
/// before anything else of each.
#[derive(Debug, Default)]
pub(super) struct CpuTime {
    begin: Time,
    /// The last moment at which the world began to stop or went on, or there were more or fewer procs.
    settled: Time,
    /// What a proc has spent up to there that has had no thread since there are as many procs as there are.
    of_idle: Spent,
    /// Since when there are as many procs as there are: each whose number is below the limit.
    limit_since: Time,
    limit: u64,
    /// Of each proc that was told of, since when it has no thread.
    procs: HashMap<i64, Option<Time>, foldhash::fast::RandomState>,
    /// Goroutines that assist the collector.
    assists: HashSet<i64, foldhash::fast::RandomState>,
    /// Goroutines that run for another than the program, and since when.
    running: Vec<(i64, Duty, Time)>,
    spent: Spent,
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
        let limit = limit.unwrap_or_default();
        *self = Self { begin, settled: begin, limit_since: begin, limit, ..Self::default() };
    }

    /// `GOMAXPROCS` changes, or is told for the first time.
    pub(super) fn limit(&mut self, time: Time, limit: u64, stopped: Stopped) {
        if self.limit != limit && self.limit > 0 {
            self.settle(time, stopped);
            self.settle_limit(time);
        }
        self.limit = limit;
    }

    /// A proc gets a thread, or loses it, or is told of for the first time.
    pub(super) fn proc(&mut self, event: &Event<'_>, stopped: Stopped) {
        let EventKind::Proc(transition) = event.kind() else { return };
        let Some(proc) = transition.proc else { return };
        let time = event.raw_time();
        // What is told first was so when the generation began.
        let was_idle = match transition.from {
            ProcState::Undetermined => transition.to == ProcState::Idle,
            from => from == ProcState::Idle,
        };
        let idle_since = self.procs.entry(proc.0).or_insert_with(|| {
            if was_idle && is_below(self.limit, proc.0) {
                self.spent.add(1, self.of_idle);
            }
            was_idle.then_some(self.settled)
        });
        if transition.to == ProcState::Idle {
            *idle_since = idle_since.or(Some(time));
        } else if let Some(since) = idle_since.take().filter(|_| is_below(self.limit, proc.0)) {
            self.spent.count_idle(since, time, stopped);
        }
    }

    /// Counts what has been idle so far. The world begins to stop or goes on, or there are more or fewer procs from now on.
    pub(super) fn settle(&mut self, time: Time, stopped: Stopped) {
        self.of_idle.count_idle(core::mem::replace(&mut self.settled, time), time, stopped);
        for (&proc, idle_since) in &mut self.procs {
            if let Some(since) = idle_since {
                let since = core::mem::replace(since, time);
                if is_below(self.limit, proc) {
                    self.spent.count_idle(since, time, stopped);
                }
            }
        }
    }

    /// Counts all time since there are as many procs as there are, and that of those that nothing was told of, which did nothing.
    fn settle_limit(&mut self, time: Time) {
        let told = self.procs.keys().filter(|proc| is_below(self.limit, **proc)).count() as u64;
        self.spent.add(self.limit.saturating_sub(told), core::mem::take(&mut self.of_idle));
        let since = core::mem::replace(&mut self.limit_since, time);
        let all = self.limit.saturating_mul(nanoseconds(since, time));
        self.spent.total = self.spent.total.saturating_add(all);
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
        if !self.running.iter().any(|&(id, ..)| id == goroutine) {
            self.running.push((goroutine, duty, time));
        }
    }

    /// A goroutine stops running, or goes on for the program.
    #[inline]
    pub(super) fn stop(&mut self, goroutine: Option<GoroutineId>, time: Time) {
        if self.running.is_empty() {
            return;
        }
        let place = self.running.iter().position(|&(id, ..)| Some(id) == goroutine.map(|id| id.0));
        if let Some((_, duty, since)) = place.map(|place| self.running.swap_remove(place)) {
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
        let (EventKind::RangeBegin(range) | EventKind::RangeActive(range) | EventKind::RangeEnd(range)) =
            event.kind()
        else {
            return;
        };
        let Scope::Goroutine(Some(goroutine)) = range.scope else { return };
        match event.kind() {
            EventKind::RangeEnd(_) => {
                self.assists.remove(&goroutine.0);
                self.is_done(goroutine, duty, time);
            }
            EventKind::RangeBegin(_) => {
                self.assists.insert(goroutine.0);
                self.run(goroutine.0, Duty::Collect, time);
            }
            _ => {
                self.assists.insert(goroutine.0);
                if event.goroutine() == Some(goroutine) {
                    self.run(goroutine.0, Duty::Collect, self.begin);
                }
            }
        }
    }

    /// The metric of the generation that ends; none where it did not tell how many procs there are.
    pub(super) fn end(&mut self, end: Time, stopped: Stopped, times: (UnixTime, UnixTime)) -> Option<Metric> {
        self.settle(end, stopped);
        self.settle_limit(end);
        for (_, duty, since) in core::mem::take(&mut self.running) {
            self.spent.count(duty, nanoseconds(since, end));
        }
        (self.limit > 0).then(|| self.spent.metric(times))
    }
}

/// Whether there is a proc of this number. As long as nobody has told how many there are, there are those that are told of.
fn is_below(limit: u64, proc: i64) -> bool {
    limit == 0 || u64::try_from(proc).is_ok_and(|proc| proc < limit)
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

    fn count_idle(&mut self, since: Time, time: Time, stopped: Stopped) {
        let nanoseconds = nanoseconds(since, time);
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
