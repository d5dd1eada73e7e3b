//! The sidecar pulls recordings from a service that says nothing of what it does: its requests, calls and queries are read off
//! the stacks in its traces, and are what it has written down.

use std::{
    collections::{BTreeMap, HashMap},
    panic, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use super::Scale;
use crate::{
    client::Client,
    report::Report,
    service::{Operation, Service},
    spans::{Key, Span, Spans},
    stage::Stage,
};

const SECONDS: u64 = 2;
const EVERY: u64 = 3;
/// How many people make requests at the same time: more than the service has processors.
const PEOPLE: usize = 4;
/// What each of them asks for.
const PATHS: [&str; 6] = ["/hello", "/query", "/call", "/sleep", "/proxy", "/stream"];
/// By how much the trace's clock and the journal's may be apart, in nanoseconds.
const SLACK: u64 = 2_000_000;

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let service = Service::start(&stage.programs.service, &stage.directory)?;
    let mut configuration = stage.configuration()?;
    configuration.tables.push(format!(
        "[[pull]]\nurl = \"{}/debug/pprof/trace\"\nseconds = {SECONDS}\nevery = \"{EVERY}s\"\n\
         service = \"unmodified\"\ninstance = \"a\"\n",
        service.url
    ));
    let sidecar = stage.sidecar(&configuration)?;

    let (mut rounds, mut last) = (Vec::new(), 0);
    for _ in 0..scale.number(3, 20) {
        let round = record_round(stage, &service, last)?;
        last = round.recording;
        rounds.push(round);
    }
    // The sidecar takes a recording in before it asks for the next one.
    let taken = stage.wait(Duration::from_secs(60), || service.recording().is_ok_and(|now| now > last + 1));
    report.check("the last recording has been taken in", taken, last);
    stage.end_sidecar(report, sidecar);
    let operations = service.stop()?;
    let spans = stage.receive(report)?;
    report.figure("rounds", format_args!("{} in {last} recordings", rounds.len()));
    Comparison::new(&operations, &spans).report(report, &rounds);
    Ok(())
}

/// Requests that were made and answered within one recording, in nanoseconds since 1970.
struct Round {
    recording: u64,
    begin: u64,
    end: u64,
}

impl Round {
    fn has(&self, operation: &Operation) -> bool {
        self.begin <= operation.start && operation.end <= self.end
    }
}

/// Makes requests until all of a round have been within one recording after another one: the service itself says which one
/// is under way.
fn record_round(stage: &Stage, service: &Service, earlier: u64) -> Result<Round> {
    let mut found = None;
    let attempt = || {
        let recording = service.recording()?;
        let begin = now();
        if recording <= earlier {
            return Ok(None);
        }
        request(&service.url)?;
        let round = Round { recording, begin, end: now() };
        anyhow::Ok((service.recording()? == recording).then_some(round))
    };
    let mut failed = Ok(());
    stage.wait(Duration::from_secs(60), || match attempt() {
        Ok(round) => {
            found = round;
            found.is_some()
        }
        Err(error) => {
            failed = Err(error);
            true
        }
    });
    failed?;
    found.context("no recording has lasted as long as a round of requests")
}

/// Everybody asks for everything.
fn request(url: &str) -> Result<()> {
    thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE)
            .map(|_| {
                scope.spawn(|| {
                    let client = Client::new();
                    PATHS.iter().try_for_each(|path| {
                        let (status, _) = client.get(&format!("{url}{path}"))?;
                        ensure!(status == 200, "{path}: {status}");
                        Ok(())
                    })
                })
            })
            .collect();
        people
            .into_iter()
            .try_for_each(|person| person.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos() as u64
}

/// What the service did, and the spans of that.
struct Comparison<'a> {
    operations: &'a [Operation],
    /// The span of each operation that has one.
    found: BTreeMap<usize, &'a Span>,
    /// Spans of nothing that the service did.
    invented: Vec<String>,
}

impl<'a> Comparison<'a> {
    fn new(operations: &'a [Operation], spans: &'a Spans) -> Self {
        let spans: Vec<&Span> = spans.all.values().filter(|span| kind(span).is_some()).collect();
        let mut of_goroutine: HashMap<(i64, &str), Vec<usize>> = HashMap::new();
        for (index, operation) in operations.iter().enumerate() {
            of_goroutine.entry((operation.goroutine, &operation.kind)).or_default().push(index);
        }
        let mut pairs = Vec::new();
        for &span in &spans {
            let alike = kind(span).and_then(|kind| of_goroutine.get(&(span.goroutine, kind)));
            for &index in alike.into_iter().flatten() {
                let Operation { start, end, .. } = operations[index];
                if span.start < end + SLACK && start < span.end + SLACK {
                    pairs.push((span.start.abs_diff(start) + span.end.abs_diff(end), index, span));
                }
            }
        }
        // The nearest first; each is paired once.
        pairs.sort_unstable_by_key(|&(distance, index, span)| (distance, index, span.key));
        let (mut found, mut operation_of) = (BTreeMap::new(), HashMap::<Key, usize>::new());
        for (_, index, span) in pairs {
            if !found.contains_key(&index) && !operation_of.contains_key(&span.key) {
                found.insert(index, span);
                operation_of.insert(span.key, index);
            }
        }
        let invented = spans.iter().filter(|span| !operation_of.contains_key(&span.key));
        let invented = invented.map(|span| format!("{span:?}")).collect();
        Self { operations, found, invented }
    }

    fn report(&self, report: &mut Report, rounds: &[Round]) {
        let expected = |kind: &str| {
            let of_kind = self.operations.iter().enumerate().filter(move |(_, known)| known.kind == kind);
            let expected = of_kind.filter(|(_, operation)| rounds.iter().any(|round| round.has(operation)));
            expected.collect::<Vec<_>>()
        };
        for kind in ["http_server", "http_client", "sql"] {
            let expected = expected(kind);
            let wrong: Vec<_> =
                expected.iter().filter_map(|&(index, operation)| self.wrong(index, operation)).collect();
            report.all(&format!("{kind}, within a recording"), expected.len(), &wrong);
        }
        let requests = rounds.len() * PEOPLE * PATHS.len();
        let served = expected("http_server");
        let made = served.iter().filter(|(_, operation)| PATHS.contains(&&*operation.name)).count();
        report.check("requests of the rounds", made >= requests, format_args!("{made} of {requests}"));
        report.none("spans of nothing", &self.invented);
    }

    /// What is wrong with the span of an operation that lies within a recording.
    fn wrong(&self, index: usize, operation: &Operation) -> Option<String> {
        let Some(span) = self.found.get(&index) else { return Some(format!("no span of {operation:?}")) };
        if span.is_incomplete {
            return Some(format!("incomplete: {span:?} of {operation:?}"));
        }
        if operation.kind == "http_server" {
            return (span.parent != 0).then(|| format!("it has a parent: {span:?}"));
        }
        let around = self.operations.iter().position(|around| {
            around.kind == "http_server"
                && around.goroutine == operation.goroutine
                && around.start <= operation.start
                && operation.end <= around.end
        });
        let server = around.and_then(|around| self.found.get(&around));
        let is_under = server.is_some_and(|server| server.key.span == span.parent);
        (!is_under).then(|| format!("not under {server:?}: {span:?}"))
    }
}

/// As the journal calls it.
fn kind(span: &Span) -> Option<&'static str> {
    match (&*span.scope, span.kind) {
        ("gotrace.http", SpanKind::Server) => Some("http_server"),
        ("gotrace.http", SpanKind::Client) => Some("http_client"),
        ("gotrace.sql", _) => Some("sql"),
        _ => None,
    }
}
