//! The parts of a scenario, started and connected: sidecar → proxy → Collector → its file and Jaeger.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use trace_harness::{Collector, Jaeger, Place};

use crate::{
    app::{Apps, SECRETS, Way},
    archive::Archive,
    journal::Journal,
    load::Orders,
    proxy::Proxy,
    query::Query,
    report::Report,
    sidecar::{Configuration, Sidecar},
    spans::Spans,
    truth,
};

/// How often something that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// More than all that is open and under way needs.
const MOST_MEMORY: u64 = 256 << 20;

/// The built programs.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) collector: PathBuf,
    pub(crate) jaeger: PathBuf,
    pub(crate) sidecar: PathBuf,
    pub(crate) app: PathBuf,
    /// `examples/go-service`.
    pub(crate) service: PathBuf,
}

pub(crate) struct Stage {
    pub(crate) programs: Programs,
    /// For all that the scenario writes.
    pub(crate) directory: PathBuf,
    pub(crate) proxy: Proxy,
    /// Whether the sidecar has begun to count anew.
    pub(crate) is_restarted: bool,
    jaeger: Jaeger,
    place: Place,
    collector: Option<Collector>,
    begin: SystemTime,
    deadline: Instant,
}

impl Stage {
    pub(crate) fn new(programs: &Programs, directory: &Path, limit: Duration) -> Result<Self> {
        fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
        let (begin, deadline) = (SystemTime::now(), Instant::now() + limit);
        let jaeger = Jaeger::start(&programs.jaeger, directory)?;
        let place = Place::find(directory)?.forwarding_to(jaeger.otlp());
        let collector = Some(Collector::start_at(&programs.collector, place.clone())?);
        let proxy = Proxy::start(place.http())?;
        let (programs, directory) = (programs.clone(), directory.to_owned());
        Ok(Self {
            programs,
            directory,
            proxy,
            is_restarted: false,
            jaeger,
            place,
            collector,
            begin,
            deadline,
        })
    }

    /// Whether something happens in time.
    pub(crate) fn wait(&self, limit: Duration, mut happens: impl FnMut() -> bool) -> bool {
        let limit = (Instant::now() + limit).min(self.deadline);
        loop {
            if happens() {
                return true;
            }
            if Instant::now() >= limit {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) -> Result<()> {
        ensure!(Instant::now() + time < self.deadline, "the time of the scenario is over");
        thread::sleep(time);
        Ok(())
    }

    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    pub(crate) fn configuration(&self) -> Result<Configuration> {
        Configuration::new(&self.directory, &self.proxy.url())
    }

    /// Where the services' folders are.
    pub(crate) fn traces(&self) -> PathBuf {
        self.directory.join("traces")
    }

    /// Both services write into folders, and to the archive.
    pub(crate) fn folders(&self, archive: &Archive) -> Result<Apps> {
        Apps::start(&self.programs.app, &self.directory, |service| {
            Way::Folder(self.traces().join(service).join("a"), archive.url(service))
        })
    }

    pub(crate) fn sidecar(&self, configuration: &Configuration) -> Result<Sidecar> {
        let mut sidecar = self.start_sidecar(configuration)?;
        sidecar.wait_until_ready()?;
        Ok(sidecar)
    }

    pub(crate) fn start_sidecar(&self, configuration: &Configuration) -> Result<Sidecar> {
        Sidecar::start(&self.programs.sidecar, &self.directory, configuration)
    }

    pub(crate) fn stop_collector(&mut self) -> Result<()> {
        self.collector.take().map_or(Ok(()), Collector::stop)
    }

    /// On the same ports as before.
    pub(crate) fn start_collector(&mut self) -> Result<()> {
        self.collector = Some(Collector::start_at(&self.programs.collector, self.place.clone())?);
        Ok(())
    }

    pub(crate) fn query(&self) -> Query {
        Query::new(self.jaeger.query())
    }

    /// Since the scenario began, in nanoseconds since 1970.
    pub(crate) fn period(&self) -> (u64, u64) {
        let time = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        (time(self.begin), time(SystemTime::now()))
    }

    /// Waits until all that the services did has passed the proxy, and tells how long that took.
    pub(crate) fn wait_for(&self, report: &mut Report, journals: &[Journal], limit: Duration) {
        let begin = Instant::now();
        let keys: Vec<_> =
            journals.iter().flat_map(|journal| &journal.spans).map(|entry| entry.key()).collect();
        let regions = journals.iter().map(|journal| journal.regions.len()).sum::<usize>();
        let all_there = self.wait(limit, || {
            let seen = self.proxy.seen();
            keys.iter().all(|key| seen.spans.contains(key))
                && seen.regions.values().map(|regions| regions.len()).sum::<usize>() >= regions
        });
        let seconds = begin.elapsed().as_secs_f64();
        report.check("all has been delivered", all_there, format_args!("after {seconds:.1} s"));
    }

    /// What every scenario with a sidecar ends with: the services end, everything arrives, the sidecar ends, and what the receivers
    /// have is what the services did.
    pub(crate) fn finish(
        &mut self,
        report: &mut Report,
        apps: impl IntoIterator<Item = Apps>,
        sidecar: Sidecar,
        orders: &Orders,
    ) -> Result<(Vec<Journal>, Spans)> {
        report.requests(orders);
        report.all("orders were answered", orders.0.len(), &orders.failed());
        let journals = apps.into_iter().map(Apps::stop).collect::<Result<Vec<_>>>()?.concat();
        self.wait_for(report, &journals, Duration::from_secs(60));
        self.end_sidecar(report, sidecar);
        report_lags(report, &self.proxy);
        let spans = self.receive(report)?;
        truth::check(report, &journals, orders, &spans);
        Ok((journals, spans))
    }

    /// What scenarios without one end with: the services end, which they do when they have sent everything, and what the receivers
    /// have is what the services did.
    pub(crate) fn finish_direct(
        &mut self,
        report: &mut Report,
        apps: Apps,
        orders: &Orders,
    ) -> Result<Spans> {
        report.requests(orders);
        report.all("orders were answered", orders.0.len(), &orders.failed());
        let journals = apps.stop()?;
        self.report_traffic(report);
        let spans = self.receive(report)?;
        truth::check(report, &journals, orders, &spans);
        Ok(spans)
    }

    /// What came, and how long it took.
    pub(crate) fn report_traffic(&self, report: &mut Report) {
        report_traffic(report, &self.proxy);
        report_lags(report, &self.proxy);
    }

    /// Ends the sidecar, which has no reason to fail.
    pub(crate) fn end_sidecar(&self, report: &mut Report, mut sidecar: Sidecar) {
        self.check_metrics(report, &sidecar);
        if let Ok(memory) = sidecar.memory() {
            let found = format!("{} KiB, at most {} KiB", memory.now >> 10, memory.most >> 10);
            report.check("memory of the sidecar", memory.most < MOST_MEMORY, found);
        }
        let ended = sidecar.has_ended();
        report.check("the sidecar still runs", ended.is_none(), ended.unwrap_or_else(|| "yes".to_owned()));
        let begin = Instant::now();
        let outcome = sidecar.stop();
        let seconds = begin.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => report.check("the sidecar drains and ends", true, format_args!("in {seconds:.1} s")),
            Err(error) => report.check("the sidecar drains and ends", false, format_args!("{error:#}")),
        }
        report.figure("its state on disk", format_args!("{} bytes", size(&self.directory.join("state"))));
        report_traffic(report, &self.proxy);
    }

    /// The sidecar itself counts what it has delivered.
    fn check_metrics(&self, report: &mut Report, sidecar: &Sidecar) {
        let delivered = || self.proxy.seen().spans.len() as u64;
        let counted = || sidecar.metric("trace_sidecar_spans_total");
        if !self.is_restarted {
            // It counts a moment after the answer.
            let mut last = (0, None);
            self.wait(Duration::from_secs(5), || {
                last = (delivered(), counted().ok());
                last.1 == Some(last.0)
            });
            report.equal("spans that it has counted", Some(last.0), last.1);
        }
        for metric in
            ["trace_sidecar_lost_bytes_total", "trace_sidecar_rejected_records_total", "trace_sidecar_alarms"]
        {
            report.equal(metric, Some(0), sidecar.metric(metric).ok());
        }
        // For who looks for what went wrong.
        if let Ok(metrics) = sidecar.metrics() {
            fs::write(self.directory.join("metrics.txt"), metrics).unwrap_or_default();
        }
    }

    /// What the Collector has, compared with what Jaeger has. The Collector ends.
    pub(crate) fn receive(&mut self, report: &mut Report) -> Result<Spans> {
        self.stop_collector()?;
        let spans = Spans::read(&self.place.file("traces"), &SECRETS)?;
        report.figure(
            "spans at the Collector",
            format_args!("{}, {} came again", spans.all.len(), spans.repeated),
        );
        let query = self.query();
        let mut jaeger = Spans::default();
        let services = query.services()?;
        let period = spans.all.values().map(|span| span.start);
        let (first, last) = (period.clone().min(), period.max());
        // The first begins after the time that is asked for.
        let period = first.zip(last).map_or_else(|| self.period(), |(first, last)| (first - 1, last + 1));
        for service in &services {
            let of_service = query.spans(service, period, &SECRETS)?;
            jaeger.all.extend(of_service.all);
            jaeger.leaks.extend(of_service.leaks);
        }
        truth::compare(report, &spans, &jaeger);
        Ok(spans)
    }
}

/// Of all files of a folder, in bytes.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size_of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        metadata => metadata.map_or(0, |metadata| metadata.len()),
    };
    entries.filter_map(Result::ok).map(size_of).sum()
}

fn report_traffic(report: &mut Report, proxy: &Proxy) {
    let seen = proxy.seen();
    report.none("requests that nobody understands", &seen.unknown);
    report.figure("requests by status", format_args!("{:?}, {} bytes", seen.statuses(), seen.bytes));
}

/// How long it takes; the services wait up to a second for their next snapshot.
fn report_lags(report: &mut Report, proxy: &Proxy) {
    let seen = proxy.seen();
    let mut lags = seen.lags.clone();
    lags.sort_unstable();
    if let (Some(median), Some(most)) = (lags.get(lags.len() / 2), lags.last()) {
        let high = lags[lags.len() * 99 / 100];
        report.figure(
            "from a span's end to its acknowledgement",
            format_args!("median {median:.1?}, 99 % within {high:.1?}, at most {most:.1?}"),
        );
    }
}
