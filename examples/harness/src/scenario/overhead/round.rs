//! One round of one variant: everything starts, the load goes on for a while, and what each part took of the machine in that time is
//! what its requests cost.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use go_trace_format::{EventKind, Reader};
use trace_harness::cpu_time;

use super::{
    figures::{Round, quantile},
    receiver::{Arrived, Receiver},
    variant::{Build, Places, REMEMBERED, SERVICE, Service, Variant},
};
use crate::{
    cpus::Division,
    inputs::Inputs,
    load::{Load, Orders, now},
    machine::Times,
    sidecar::{Configuration, Sidecar},
};

/// How long what was recorded last may take to arrive.
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// So many requests make a figure: where there are fewer in the time that is measured, it goes on, though not for longer than [`LIMIT`].
const LEAST: usize = 20;

/// What all rounds share.
pub(super) struct Laboratory<'l> {
    pub(super) division: &'l Division,
    pub(super) inputs: &'l Inputs,
    pub(super) sidecar: &'l Path,
}

/// What went wrong in a round, if anything did.
#[derive(Default)]
pub(super) struct Faults {
    pub(super) failed: Vec<String>,
    pub(super) missing: Vec<String>,
}

impl Laboratory<'_> {
    pub(super) fn run(
        &self,
        variant: Variant,
        build: &Build,
        directory: &Path,
    ) -> Result<(Round, Faults, Orders)> {
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        let mut receiver = Receiver::start()?;
        let traces = directory.join("traces");
        let places = Places {
            snapshots: traces.join(SERVICE).join("a"),
            last: directory.join("last"),
            stream: directory.join("all.trace"),
            receiver: receiver.url(),
        };
        let observer = (variant == Variant::Snapshots).then(|| self.observe(&traces, directory, &places));
        let observer = observer.transpose()?;
        let interval = self.inputs.interval;
        let log = directory.join("service.log");
        let start = || Service::start(variant, build, &places, interval, log);
        let service = self.division.start_service(start)?;

        let (mut round, orders) = self.measure(&service, observer.as_ref())?;
        service.stop()?;
        let stopped = now();
        let answered = orders.0.iter().filter(|order| order.error.is_none());
        let served = answered.clone().count();
        let arrived = wait(&mut receiver, variant, served)?;
        observer.map_or(Ok(()), Sidecar::stop)?;
        (round.spans, round.sent_bytes) = (arrived.requests + arrived.work, receiver.bytes);

        let missing = match variant {
            Variant::Snapshots | Variant::Direct | Variant::Sdk => missing_spans(arrived, served),
            Variant::Stream => missing_tasks(count_tasks(&places.stream)?, served..=served),
            Variant::Recorder => {
                let remembered = stopped.saturating_sub((REMEMBERED * interval).as_nanos() as u64);
                let least = answered.filter(|order| order.begin >= remembered).count();
                missing_tasks(count_tasks(&only_trace(&places.last)?)?, least..=served)
            }
            Variant::Nothing => None,
        };
        let faults = Faults { failed: orders.failed(), missing: missing.into_iter().collect() };
        Ok((round, faults, orders))
    }

    fn observe(&self, traces: &Path, directory: &Path, places: &Places) -> Result<Sidecar> {
        fs::create_dir_all(&places.snapshots)?;
        let mut configuration = Configuration::new(directory, &places.receiver)?.watch(traces, "delete");
        // As by default: the others send no garbage collections either.
        configuration.ranges = false;
        let mut sidecar = Sidecar::start(self.sidecar, directory, &configuration)?;
        sidecar.wait_until_ready()?;
        Ok(sidecar)
    }

    fn measure(&self, service: &Service, observer: Option<&Sidecar>) -> Result<(Round, Orders)> {
        let (url, query) = (service.url.clone(), self.inputs.work.query());
        let load = Load::of(self.inputs.pace, move |number| format!("{url}/work/{number}?{query}"));
        thread::sleep(self.inputs.warm_up);
        let ids = (service.process().id(), observer.map(Sidecar::id));
        let (begin, before) = (now(), Reading::of(ids)?);
        thread::sleep(self.inputs.duration);
        let more = Instant::now();
        while load.answered_since(begin) < LEAST && more.elapsed() < LIMIT {
            thread::sleep(LOOK);
        }
        let (end, after) = (now(), Reading::of(ids)?);
        let memory = |memory: trace_harness::Memory| memory.most as f64;
        let service_memory = memory(service.process().memory()?);
        let observer_memory = observer.map(Sidecar::memory).transpose()?.map_or(0.0, memory);
        let orders = load.stop();

        // By when they were due: one that is answered after the end was slow, and counts.
        let due = orders.0.iter().filter(|order| (begin..end).contains(&order.due()));
        let (answered, failed): (Vec<_>, Vec<_>) = due.partition(|order| order.error.is_none());
        let mut latencies: Vec<f64> =
            answered.iter().map(|order| (order.late + order.duration).as_secs_f64()).collect();
        latencies.sort_unstable_by(f64::total_cmp);
        let each = |time: Duration| time.as_secs_f64() / latencies.len().max(1) as f64;
        let taken = after.since(&before);
        let round = Round {
            requests: latencies.len(),
            failed: failed.len(),
            p50: quantile(&latencies, 0.5),
            p95: quantile(&latencies, 0.95),
            p99: quantile(&latencies, 0.99),
            service_cpu: each(taken.service),
            observer_cpu: each(taken.observer),
            service_memory,
            observer_memory,
            foreign_cpu: taken.foreign_share(),
            ..Round::default()
        };
        Ok((round, orders))
    }
}

/// CPU times until a moment, or between two.
struct Reading {
    service: Duration,
    observer: Duration,
    harness: Duration,
    machine: Times,
}

impl Reading {
    fn of((service, observer): (u32, Option<u32>)) -> Result<Self> {
        let of = |id| cpu_time(id).with_context(|| format!("process {id} has no CPU time"));
        Ok(Self {
            service: of(service)?,
            observer: observer.map_or(Ok(Duration::ZERO), of)?,
            harness: of(process::id())?,
            machine: Times::now(),
        })
    }

    fn since(&self, before: &Self) -> Self {
        Self {
            service: self.service.saturating_sub(before.service),
            observer: self.observer.saturating_sub(before.observer),
            harness: self.harness.saturating_sub(before.harness),
            machine: self.machine.since(before.machine),
        }
    }

    /// Of all CPUs that there are.
    fn foreign_share(&self) -> f64 {
        let known = self.service + self.observer + self.harness;
        let foreign = self.machine.busy.saturating_sub(known);
        foreign.as_secs_f64() / self.machine.all.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Waits until the spans of all that was served have arrived.
fn wait(receiver: &mut Receiver, variant: Variant, served: usize) -> Result<Arrived> {
    let begin = Instant::now();
    loop {
        let arrived = receiver.look()?;
        let is_whole = !variant.exports() || arrived.requests.min(arrived.work) >= served;
        if is_whole || begin.elapsed() > LIMIT {
            return Ok(arrived);
        }
        thread::sleep(LOOK);
    }
}

/// What is wrong with what a receiver got: each request that was served is one span, and its work another.
fn missing_spans(arrived: Arrived, served: usize) -> Option<String> {
    let expected = Arrived { requests: served, work: served };
    (arrived != expected).then(|| format!("{expected:?}, and there are {arrived:?}"))
}

/// What is wrong with what a trace holds: two tasks of each request, of at least so many and at most so many requests.
fn missing_tasks(tasks: usize, requests: RangeInclusive<usize>) -> Option<String> {
    let (least, most) = (2 * requests.start(), 2 * requests.end());
    let found = format!("{least} to {most} tasks in the trace, and there are {tasks}");
    (!(least..=most).contains(&tasks)).then_some(found)
}

/// The trace in a folder that has one.
fn only_trace(folder: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let files: Vec<_> = files.map(|file| Ok(file?.path())).collect::<Result<_>>()?;
    let mut traces = files.into_iter().filter(|file| file.extension().is_some_and(|name| name == "trace"));
    let trace = traces.next().with_context(|| format!("no trace is in {}", folder.display()))?;
    ensure!(traces.next().is_none(), "more than one trace is in {}", folder.display());
    Ok(trace)
}

/// How many tasks began in a trace, each of which is a span.
fn count_tasks(file: &PathBuf) -> Result<usize> {
    let file = fs::File::open(file).with_context(|| file.display().to_string())?;
    let mut reader = Reader::new(file)?;
    let mut tasks = 0;
    while let Some(event) = reader.next_event()? {
        tasks += usize::from(matches!(event.kind(), EventKind::TaskBegin(_)));
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_span_of_each_request_and_of_its_work_has_to_arrive() {
        let arrived = |requests, work| Arrived { requests, work };
        assert_eq!(missing_spans(arrived(7, 7), 7), None);
        for wrong in [arrived(6, 7), arrived(7, 6), arrived(8, 8), Arrived::default()] {
            assert!(missing_spans(wrong, 7).is_some(), "{wrong:?}");
        }
    }

    #[test]
    fn a_trace_has_to_hold_what_is_remembered_and_no_more_than_there_was() {
        for (tasks, is_right) in [(0, false), (9, false), (10, true), (14, true), (15, false)] {
            assert_eq!(missing_tasks(tasks, 5..=7).is_none(), is_right, "{tasks}");
        }
        let missing = missing_tasks(0, 7..=7);
        assert_eq!(missing.as_deref(), Some("14 to 14 tasks in the trace, and there are 0"));
    }

    #[test]
    fn the_last_snapshot_is_the_only_trace() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("a.json"), "").unwrap();
        only_trace(folder.path()).unwrap_err();
        let trace = folder.path().join("a.trace");
        fs::write(&trace, "").unwrap();
        assert_eq!(only_trace(folder.path()).unwrap(), trace);
        fs::write(folder.path().join("b.trace"), "").unwrap();
        only_trace(folder.path()).unwrap_err();
    }
}
