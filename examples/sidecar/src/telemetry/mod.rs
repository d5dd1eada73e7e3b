//! What may be known of this program from outside: metrics, health, logs, a line on the terminal.

mod log;
mod serve;
mod services;
mod status;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use trace_to_otel::Scope;

use self::services::Services;
pub(crate) use self::{
    log::{filter_of, start_logging},
    serve::serve,
    status::StatusLine,
};

/// Counts what happens. Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: Metrics,
    /// What keeps spans from being delivered.
    alarms: Mutex<BTreeMap<Concern, Alarm>>,
    /// When the worker last went on, in milliseconds since the start.
    pulse: AtomicU64,
    start: Instant,
}

/// What an alarm is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concern {
    /// The receiver.
    Receiver,
    /// The receiver, which wants nothing of what it is sent.
    Refusal,
    /// The receiver, which has no place for profiles.
    Profiles,
    /// The state, on its disk.
    State,
    /// What is taken in, on its disk.
    Spool,
    /// What is put aside, on its disk.
    Quarantine,
    /// A program that is asked for its traces, by its URL.
    Pull(String),
}

/// Why something was lost that had been taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It was given up for what came later.
    SpoolFull,
    /// Somebody has removed it.
    Vanished,
    /// It had been put aside, and was given up for what came later.
    QuarantineFull,
}

impl Loss {
    /// What is counted, each by itself and by its bytes.
    const fn reasons(self) -> [&'static str; 2] {
        match self {
            Self::SpoolFull => [
                "traces given up because the spool was full",
                "bytes of traces given up because the spool was full",
            ],
            Self::Vanished => [
                "traces that have vanished from the spool",
                "bytes of traces that have vanished from the spool",
            ],
            Self::QuarantineFull => [
                "what was put aside and given up because the quarantine was full",
                "bytes of what was put aside and given up because the quarantine was full",
            ],
        }
    }
}

/// Something that a person may have to look at.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) since: Instant,
    pub(crate) message: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Service {
    service: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    service: String,
    kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Url {
    url: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pulled {
    url: String,
    outcome: &'static str,
}

#[derive(Debug)]
struct Metrics {
    /// The services that have numbers of their own.
    services: Mutex<Services>,
    files: Family<Service, Counter>,
    bytes: Family<Service, Counter>,
    generations: Family<Service, Counter>,
    repeated_generations: Family<Service, Counter>,
    spans: Family<Kind, Counter>,
    log_records: Family<Service, Counter>,
    metric_records: Family<Service, Counter>,
    profile_samples: Family<Service, Counter>,
    unexplained: Family<Service, Counter<f64, AtomicU64>>,
    refused: Counter,
    dropped: Family<Reason, Counter>,
    lost_bytes: Family<Service, Counter>,
    clock_steps: Family<Service, Counter>,
    quarantined: Family<Reason, Counter>,
    quarantine_bytes: Gauge,
    unreadable: Counter,
    batches: Counter,
    unacknowledged: Counter,
    retries: Family<Reason, Counter>,
    rejected: Counter,
    waiting_files: Gauge,
    waiting_bytes: Gauge,
    spool_bytes: Gauge,
    spool_limit: Gauge,
    alarms: Gauge,
    pushes: Family<Status, Counter>,
    refused_connections: Family<Reason, Counter>,
    pulls: Family<Pulled, Counter>,
    overdue: Gauge,
    oldest: Gauge<f64, AtomicU64>,
    last_delivery: Gauge<f64, AtomicU64>,
    gaps: Family<Url, Counter<f64, AtomicU64>>,
    lag: Histogram,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            metrics: Metrics::default(),
            alarms: Mutex::default(),
            pulse: AtomicU64::new(0),
            start: Instant::now(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        const LAGS: [f64; 13] =
            [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];
        Self {
            services: Mutex::default(),
            files: Family::default(),
            bytes: Family::default(),
            generations: Family::default(),
            repeated_generations: Family::default(),
            spans: Family::default(),
            log_records: Family::default(),
            metric_records: Family::default(),
            profile_samples: Family::default(),
            unexplained: Family::default(),
            refused: Counter::default(),
            dropped: Family::default(),
            lost_bytes: Family::default(),
            clock_steps: Family::default(),
            quarantined: Family::default(),
            quarantine_bytes: Gauge::default(),
            unreadable: Counter::default(),
            batches: Counter::default(),
            unacknowledged: Counter::default(),
            retries: Family::default(),
            rejected: Counter::default(),
            waiting_files: Gauge::default(),
            waiting_bytes: Gauge::default(),
            spool_bytes: Gauge::default(),
            spool_limit: Gauge::default(),
            alarms: Gauge::default(),
            pushes: Family::default(),
            refused_connections: Family::default(),
            pulls: Family::default(),
            overdue: Gauge::default(),
            oldest: Gauge::default(),
            last_delivery: Gauge::default(),
            gaps: Family::default(),
            lag: Histogram::new(LAGS),
        }
    }
}

impl Metrics {
    fn register(&self, registry: &mut Registry) {
        registry.register("files", "Files of which all was delivered", self.files.clone());
        registry.register("trace_bytes", "Bytes of traces delivered", self.bytes.clone());
        registry.register("generations", "Generations delivered", self.generations.clone());
        let repeated = self.repeated_generations.clone();
        registry.register("repeated_generations", "Generations that an earlier file had held too", repeated);
        registry.register("spans", "Spans delivered", self.spans.clone());
        registry.register("log_records", "Log records delivered", self.log_records.clone());
        registry.register("metric_records", "Metrics delivered", self.metric_records.clone());
        let samples = self.profile_samples.clone();
        registry.register("profile_samples", "Samples of profiles delivered", samples);
        registry.register_with_unit(
            "unexplained_off_cpu",
            "Time off the CPU in profiles whose reason no file tells, or an earlier one",
            Unit::Seconds,
            self.unexplained.clone(),
        );
        registry.register(
            "refused_records",
            "Records put aside because the receiver does not want them",
            self.refused.clone(),
        );
        registry.register("dropped", "What was left out, and why", self.dropped.clone());
        registry.register(
            "lost_bytes",
            "Bytes of damaged traces that could not be read",
            self.lost_bytes.clone(),
        );
        registry.register(
            "clock_steps",
            "How often a wall clock was set while its trace clock went on",
            self.clock_steps.clone(),
        );
        registry.register("quarantined", "Files and batches put aside", self.quarantined.clone());
        registry.register("quarantine_bytes", "Bytes that are put aside", self.quarantine_bytes.clone());
        registry.register("unreadable_files", "Files that could not be opened", self.unreadable.clone());
        registry.register("batches", "Requests that the receiver has accepted", self.batches.clone());
        let unacknowledged = self.unacknowledged.clone();
        registry.register(
            "unacknowledged_batches",
            "Those that it did not accept in OTLP's own words",
            unacknowledged,
        );
        registry.register("retries", "Requests sent again, by what went wrong", self.retries.clone());
        registry.register("rejected_records", "Records that the receiver threw away", self.rejected.clone());
        registry.register("waiting_files", "Files that wait for being taken", self.waiting_files.clone());
        registry.register("waiting_bytes", "Their bytes", self.waiting_bytes.clone());
        registry.register("spool_bytes", "Bytes taken in and not delivered yet", self.spool_bytes.clone());
        registry.register("spool_limit_bytes", "How many there may be", self.spool_limit.clone());
        registry.register("alarms", "What a person may have to look at", self.alarms.clone());
        registry.register("pushes", "Requests to the push endpoint, by the answer", self.pushes.clone());
        registry.register(
            "refused_connections",
            "Connections that were not taken or cut off, since there are too many",
            self.refused_connections.clone(),
        );
        registry.register("pulls", "Recordings that were asked for, by what came of it", self.pulls.clone());
        registry.register(
            "overdue_processes",
            "Processes whose open spans are on their way out",
            self.overdue.clone(),
        );
        registry.register_with_unit(
            "oldest_undelivered",
            "How long the oldest of what waits or is under way has been there",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register_with_unit(
            "last_delivery_timestamp",
            "When the receiver last accepted something, since 1970; 0 for never",
            Unit::Seconds,
            self.last_delivery.clone(),
        );
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which program this is", build);
        registry.register_with_unit(
            "gap",
            "Time between the recordings that were pulled",
            Unit::Seconds,
            self.gaps.clone(),
        );
        registry.register_with_unit(
            "lag",
            "Time from a file being whole to its spans being accepted",
            Unit::Seconds,
            self.lag.clone(),
        );
    }
}

/// What became of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) service: String,
    pub(crate) bytes: u64,
    pub(crate) generations: u64,
    pub(crate) repeated_generations: u64,
    /// By the names of their scopes.
    pub(crate) spans: BTreeMap<Scope, u64>,
    pub(crate) log_records: u64,
    pub(crate) metrics: u64,
    pub(crate) profile_samples: u64,
    /// Time off the CPU of which the file does not tell why, as it began before, in nanoseconds.
    pub(crate) unexplained: u64,
    /// Records that the receiver does not want.
    pub(crate) refused: u64,
    pub(crate) dropped: BTreeMap<&'static str, u64>,
    pub(crate) lost_bytes: u64,
    /// How often the wall clock was set.
    pub(crate) clock_steps: u64,
}

impl Tally {
    pub(crate) fn span_count(&self) -> u64 {
        self.spans.values().sum()
    }
}

impl Telemetry {
    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// A file was delivered, `lag` after it was there.
    pub(crate) fn delivered(&self, tally: &Tally, is_whole: bool, lag: Duration) {
        let metrics = self.metrics();
        if is_whole {
            metrics.files.get_or_create(&Service { service: self.label(&tally.service) }).inc();
            metrics.lag.observe(lag.as_secs_f64());
        }
        self.let_out(tally);
    }

    /// Spans went out of a process.
    pub(crate) fn let_out(&self, tally: &Tally) {
        let metrics = self.metrics();
        let service = Service { service: self.label(&tally.service) };
        metrics.bytes.get_or_create(&service).inc_by(tally.bytes);
        metrics.generations.get_or_create(&service).inc_by(tally.generations);
        metrics.repeated_generations.get_or_create(&service).inc_by(tally.repeated_generations);
        metrics.log_records.get_or_create(&service).inc_by(tally.log_records);
        metrics.metric_records.get_or_create(&service).inc_by(tally.metrics);
        metrics.profile_samples.get_or_create(&service).inc_by(tally.profile_samples);
        metrics.unexplained.get_or_create(&service).inc_by(tally.unexplained as f64 / 1e9);
        metrics.refused.inc_by(tally.refused);
        metrics.lost_bytes.get_or_create(&service).inc_by(tally.lost_bytes);
        metrics.clock_steps.get_or_create(&service).inc_by(tally.clock_steps);
        for (scope, &count) in &tally.spans {
            let kind = scope.name().to_owned();
            metrics.spans.get_or_create(&Kind { service: service.service.clone(), kind }).inc_by(count);
        }
        for (&reason, &count) in &tally.dropped {
            metrics.dropped.get_or_create(&Reason { reason: reason.to_owned() }).inc_by(count);
        }
    }

    pub(crate) fn unreadable_file(&self) {
        self.metrics().unreadable.inc();
    }

    /// Something was put aside: a file, or a batch.
    pub(crate) fn quarantined(&self, what: &str) {
        self.metrics().quarantined.get_or_create(&Reason { reason: what.to_owned() }).inc();
    }

    /// The name by which a service is counted. What has been silent for long is forgotten, all its numbers with it.
    fn label(&self, service: &str) -> String {
        let metrics = self.metrics();
        let mut services = metrics.services.lock().unwrap_or_else(PoisonError::into_inner);
        let (label, forgotten) = services.label(service, Instant::now());
        for service in forgotten {
            for kind in Scope::ALL.map(|scope| scope.name().to_owned()) {
                metrics.spans.remove(&Kind { service: service.clone(), kind });
            }
            let service = Service { service };
            metrics.unexplained.remove(&service);
            for family in [
                &metrics.files,
                &metrics.bytes,
                &metrics.generations,
                &metrics.repeated_generations,
                &metrics.log_records,
                &metrics.metric_records,
                &metrics.profile_samples,
                &metrics.lost_bytes,
                &metrics.clock_steps,
            ] {
                family.remove(&service);
            }
        }
        label
    }

    /// How many services have numbers of their own at most.
    pub(crate) fn keep_services(&self, most: usize) {
        self.metrics().services.lock().unwrap_or_else(PoisonError::into_inner).limit(most);
    }

    /// Something of so many bytes was lost.
    pub(crate) fn lost(&self, loss: Loss, bytes: u64) {
        for (reason, count) in loss.reasons().into_iter().zip([1, bytes]) {
            self.metrics().dropped.get_or_create(&Reason { reason: reason.to_owned() }).inc_by(count);
        }
    }

    /// How much was lost so far, and how many bytes.
    #[cfg(test)]
    pub(crate) fn lost_count(&self, loss: Loss) -> (u64, u64) {
        let count =
            |reason: &str| self.metrics().dropped.get_or_create(&Reason { reason: reason.to_owned() }).get();
        let [count_of, bytes_of] = loss.reasons();
        (count(count_of), count(bytes_of))
    }

    /// How many bytes are put aside.
    pub(crate) fn quarantine(&self, bytes: u64) {
        self.metrics().quarantine_bytes.set(signed(bytes));
    }

    /// Somebody was not let in, or cut off.
    pub(crate) fn refused_connection(&self, reason: &str) {
        self.metrics().refused_connections.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    /// A program was asked for a recording.
    pub(crate) fn pulled(&self, url: &str, outcome: &'static str) {
        self.metrics().pulls.get_or_create(&Pulled { url: url.to_owned(), outcome }).inc();
    }

    /// So many processes wait for their open spans to go out.
    pub(crate) fn overdue(&self, processes: usize) {
        self.metrics().overdue.set(signed(processes as u64));
    }

    /// Since when the oldest of what is not delivered has been there.
    pub(crate) fn oldest(&self, since: Option<SystemTime>) {
        let age = since.and_then(|since| SystemTime::now().duration_since(since).ok()).unwrap_or_default();
        self.metrics().oldest.set(age.as_secs_f64());
    }

    pub(crate) fn spool(&self, used: u64, most: u64) {
        self.metrics().spool_bytes.set(signed(used));
        self.metrics().spool_limit.set(signed(most));
    }

    pub(crate) fn waiting(&self, (files, bytes): (usize, u64)) {
        self.metrics().waiting_files.set(signed(files as u64));
        self.metrics().waiting_bytes.set(signed(bytes));
    }

    pub(crate) fn pushed(&self, status: u16) {
        self.metrics().pushes.get_or_create(&Status { status }).inc();
    }

    /// Nothing was recorded between two pulls.
    pub(crate) fn gap(&self, url: &str, gap: Duration) {
        self.metrics().gaps.get_or_create(&Url { url: url.to_owned() }).inc_by(gap.as_secs_f64());
    }

    /// The receiver has taken a batch, in OTLP's own words or by no more than a status of HTTP.
    pub(crate) fn accepted(&self, rejected: u64, is_acknowledged: bool) {
        self.metrics().batches.inc();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.metrics().last_delivery.set(now.as_secs_f64());
        if !is_acknowledged && self.metrics().unacknowledged.inc() == 0 {
            tracing::warn!(
                "the receiver answers without OTLP's own words: look whether anything has arrived"
            );
        }
        self.metrics().rejected.inc_by(rejected);
    }

    /// A batch will be sent again.
    pub(crate) fn retries(&self, reason: &str) {
        self.metrics().retries.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    fn alarms(&self) -> MutexGuard<'_, BTreeMap<Concern, Alarm>> {
        self.0.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something is wrong. It is logged where it is new, or another one.
    pub(crate) fn raise(&self, concern: Concern, message: &str) {
        let mut alarms = self.alarms();
        let is_known = alarms.get(&concern).is_some_and(|alarm| alarm.message == message);
        if !is_known {
            tracing::error!(alarm = ?concern, "{message}");
            let since = alarms.get(&concern).map_or_else(Instant::now, |alarm| alarm.since);
            alarms.insert(concern, Alarm { since, message: message.to_owned() });
        }
        self.metrics().alarms.set(signed(alarms.len() as u64));
    }

    /// It is well again.
    pub(crate) fn clear(&self, concern: Concern) {
        let mut alarms = self.alarms();
        if let Some(alarm) = alarms.remove(&concern) {
            let seconds = alarm.since.elapsed().as_secs();
            tracing::info!(alarm = ?concern, seconds, "all is well again");
        }
        self.metrics().alarms.set(signed(alarms.len() as u64));
    }

    /// Whether something is wrong.
    pub(crate) fn is_raised(&self, concern: Concern) -> bool {
        self.alarms().contains_key(&concern)
    }

    /// What is wrong now.
    pub(crate) fn alarm(&self) -> Option<Alarm> {
        self.alarms().values().next().cloned()
    }

    /// The worker goes on.
    pub(crate) fn beat(&self) {
        let now = self.0.start.elapsed().as_millis();
        self.0.pulse.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long ago it did.
    pub(crate) fn since_beat(&self) -> Duration {
        self.0.start.elapsed().saturating_sub(Duration::from_millis(self.0.pulse.load(Ordering::Relaxed)))
    }

    /// The numbers of the status line.
    fn summary(&self) -> Summary {
        let metrics = self.metrics();
        Summary {
            waiting_files: metrics.waiting_files.get(),
            spool_bytes: u64::try_from(metrics.spool_bytes.get()).unwrap_or(0),
            batches: metrics.batches.get(),
        }
    }
}

struct Summary {
    waiting_files: i64,
    spool_bytes: u64,
    batches: u64,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
