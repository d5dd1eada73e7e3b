//! One round of one variant: everything starts, the load goes on for a while, and what each part took of the machine in that time is
//! what its requests cost.

use std::{
    fs,
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use go_trace_format::{EventKind, Reader};
use trace_harness::cpu_time;

use super::{
    figures::{Round, quantile},
    receiver::{Arrived, Receiver},
    variant::{Build, Places, SERVICE, Service, Variant},
};
use crate::{
    cpus::Division,
    inputs::Inputs,
    load::{Load, Orders, now},
    machine::Times,
    sidecar::{Configuration, Sidecar},
};

/// How long what was recorded last may take to arrive.
const LIMIT: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

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
        let served = orders.0.iter().filter(|order| order.error.is_none()).count();
        let arrived = wait(&mut receiver, variant, served)?;
        observer.map_or(Ok(()), Sidecar::stop)?;
        (round.spans, round.sent_bytes) = (arrived.requests + arrived.work, receiver.bytes);

        let mut faults = Faults { failed: orders.failed(), missing: Vec::new() };
        let expected =
            if variant.exports() { Arrived { requests: served, work: served } } else { Arrived::default() };
        if arrived != expected {
            faults.missing.push(format!("{expected:?}, and there are {arrived:?}"));
        }
        if variant == Variant::Stream {
            let tasks = count_tasks(&places.stream)?;
            if tasks != 2 * served {
                faults.missing.push(format!("{} tasks in the trace, and there are {tasks}", 2 * served));
            }
        }
        Ok((round, faults, orders))
    }

    fn observe(&self, traces: &Path, directory: &Path, places: &Places) -> Result<Sidecar> {
        fs::create_dir_all(&places.snapshots)?;
        let configuration = Configuration::new(directory, &places.receiver)?.watch(traces, "delete");
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
        let (end, after) = (now(), Reading::of(ids)?);
        let memory = |memory: trace_harness::Memory| memory.most as f64;
        let service_memory = memory(service.process().memory()?);
        let observer_memory = observer.map(Sidecar::memory).transpose()?.map_or(0.0, memory);
        let orders = load.stop();

        let within = orders.0.iter().filter(|order| (begin..end).contains(&order.end()));
        let mut latencies: Vec<f64> =
            within.map(|order| (order.late + order.duration).as_secs_f64()).collect();
        latencies.sort_unstable_by(f64::total_cmp);
        let each = |time: Duration| time.as_secs_f64() / latencies.len().max(1) as f64;
        let taken = after.since(&before);
        let round = Round {
            requests: latencies.len(),
            failed: orders.failed().len(),
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
