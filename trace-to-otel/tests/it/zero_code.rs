//! What stacks tell of an unmodified program, against what that program wrote down (`examples/go-service`).

use std::collections::{BTreeMap, BTreeSet};

use crate::common;
use go_trace_format::{Reader, Version};
use serde::Deserialize;
use trace_to_otel::{MapperOptions, Scope, Span, SpanKind, Value};

#[derive(Deserialize)]
struct Truth {
    go_version: String,
    begin: u64,
    end: u64,
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    kind: String,
    name: String,
    goroutine: i64,
    start: u64,
    end: u64,
}

/// Within so much of each other, a span and an operation may be the same.
const NEARBY: u64 = 200_000;
/// A client's stream is in no function as long as it lasts.
const NEVER_TOLD: &str = "rpc_client_stream";
/// By how much a journal's times may be beside those of events, in nanoseconds.
const TOLERANCE: i64 = 5_000;

fn attribute<'s>(span: &'s Span, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
}

fn kind(span: &Span) -> &'static str {
    match (&span.scope, span.kind) {
        (Scope::Http, SpanKind::Server) => "http_server",
        (Scope::Http, _) => "http_client",
        (Scope::Sql, _) => "sql",
        (Scope::Database, _) => "redis",
        (Scope::Rpc, SpanKind::Server) => "rpc_server",
        (Scope::Rpc, _) => "rpc_client",
        _ => "other",
    }
}

fn is_of(span: &Span, operation: &Operation) -> bool {
    kind(span) == operation.kind
        && attribute(span, "gotrace.goroutine.id") == Some(&Value::from(operation.goroutine))
        && span.start.0 < operation.end + NEARBY
        && span.end.0 + NEARBY > operation.start
}

/// One end of an operation: how far the span's is behind the journal's, and how wide the stated bounds are.
#[derive(Clone, Copy, Debug)]
struct End {
    error: i64,
    width: i64,
}

impl End {
    fn is_within(self, offset: i64) -> bool {
        (self.error + offset).abs() <= self.width + TOLERANCE
    }
}

/// What was found of an operation.
struct Found<'t> {
    operation: &'t Operation,
    span: &'t Span,
    start: Option<End>,
    end: Option<End>,
}

impl<'t> Found<'t> {
    fn new(operation: &'t Operation, span: &'t Span) -> Self {
        let width = |key| match attribute(span, key) {
            Some(Value::Float(seconds)) => Some((seconds * 1e9) as i64),
            _ => None,
        };
        let end = |key, shown: u64, noted: u64| {
            width(key).map(|width| End { error: shown.wrapping_sub(noted) as i64, width })
        };
        Self {
            operation,
            span,
            start: end("gotrace.start.uncertainty", span.start.0, operation.start),
            end: end("gotrace.end.uncertainty", span.end.0, operation.end),
        }
    }

    /// How far it is beside its bounds, then how far it is beside.
    fn distance(&self) -> (i64, u64) {
        let beyond = |end: End| (end.error.abs() - end.width).max(0);
        let Operation { start, end, .. } = self.operation;
        (self.ends().map(beyond).sum(), self.span.start.0.abs_diff(*start) + self.span.end.0.abs_diff(*end))
    }

    fn ends(&self) -> impl Iterator<Item = End> {
        self.start.into_iter().chain(self.end)
    }
}

/// Before Go 1.25 a trace holds no clock: its times are put where most of those goroutines agree that have as many requests
/// in the trace as in the journal.
fn put_on_clock(spans: &mut [Span], truth: &Truth) {
    let goroutines: BTreeSet<i64> = truth.operations.iter().map(|operation| operation.goroutine).collect();
    let mut offsets = Vec::new();
    for goroutine in goroutines {
        let is_own = |span: &&Span| attribute(span, "gotrace.goroutine.id") == Some(&Value::from(goroutine));
        let mut shown: Vec<u64> = spans
            .iter()
            .filter(is_own)
            .filter(|span| kind(span) == "http_client")
            .map(|span| span.start.0)
            .collect();
        let noted = truth
            .operations
            .iter()
            .filter(|noted| noted.goroutine == goroutine && noted.kind == "http_client");
        let mut noted: Vec<u64> = noted.map(|noted| noted.start).collect();
        shown.sort_unstable();
        noted.sort_unstable();
        if shown.len() == noted.len() {
            offsets.extend(noted.iter().zip(shown).map(|(noted, shown)| noted.wrapping_sub(shown)));
        }
    }
    offsets.sort_unstable();
    let offset = offsets[offsets.len() / 2];
    for span in spans {
        span.start.0 = span.start.0.wrapping_add(offset);
        span.end.0 = span.end.0.wrapping_add(offset);
    }
}

/// What remains to be put right where a trace holds no clock: that by which most are within their bounds.
fn remaining_offset(found: &[Found<'_>]) -> i64 {
    let ends: Vec<End> = found.iter().flat_map(Found::ends).collect();
    let within = |offset: i64| ends.iter().filter(|end| end.is_within(offset)).count();
    let at_lower_bounds = ends.iter().map(|end| -end.error - end.width - TOLERANCE);
    at_lower_bounds.max_by_key(|&offset| within(offset)).unwrap_or_default()
}

/// How well operations of one kind are told.
#[derive(Debug, Default)]
struct OfKind {
    found: usize,
    missed: usize,
    invented: usize,
    ends: usize,
    outside: usize,
}

/// How well recordings are told.
#[derive(Default)]
struct Tally {
    kinds: BTreeMap<String, OfKind>,
    /// How far starts of requests without a body are beside the journal's, where a trace holds a clock.
    starts: Vec<u64>,
}

impl Tally {
    fn of_kind(&mut self, kind: &str) -> &mut OfKind {
        self.kinds.entry(kind.to_owned()).or_default()
    }

    /// Counts an operation. The recording's times are shifted by `offset` against the journal's.
    fn take(&mut self, name: &str, found: &Found<'_>, offset: i64, begin: u64) {
        let Operation { kind, name: path, goroutine, start, .. } = found.operation;
        let of_kind = self.of_kind(kind);
        of_kind.found += 1;
        for (which, end) in [("start", found.start), ("end", found.end)] {
            let Some(end) = end else { continue };
            of_kind.ends += 1;
            if !end.is_within(offset) {
                of_kind.outside += 1;
                let (error, width, at) = (end.error + offset, end.width, start - begin);
                eprintln!(
                    "{name}: {which} of {kind} {path} on {goroutine} at {at} is {error} beside, {width} stated"
                );
            }
        }
    }
}

fn check(name: &str, tally: &mut Tally) {
    let truth: Truth =
        serde_json::from_slice(&common::read(&format!("zero-code/{name}.truth.json"))).expect("a truth");
    let (mut spans, _) = common::spans_of(&format!("zero-code/{name}.trace"), MapperOptions::default());
    let has_no_clock =
        ["go1.22", "go1.23", "go1.24"].iter().any(|version| truth.go_version.starts_with(version));
    if has_no_clock {
        put_on_clock(&mut spans, &truth);
    }
    let evidence = Value::from("stacks");
    let told: Vec<&Span> =
        spans.iter().filter(|span| attribute(span, "gotrace.evidence") == Some(&evidence)).collect();
    let mut used = BTreeSet::new();
    let mut found: Vec<Found<'_>> = Vec::new();
    let is_told = |operation: &&Operation| operation.start >= truth.begin && operation.kind != NEVER_TOLD;
    for operation in truth.operations.iter().filter(is_told) {
        let fitting = (0..told.len()).filter(|index| !used.contains(index) && is_of(told[*index], operation));
        match fitting.min_by_key(|&index| Found::new(operation, told[index]).distance()) {
            Some(index) => {
                used.insert(index);
                found.push(Found::new(operation, told[index]));
            }
            None => {
                eprintln!("{name}: no span of {} {}", operation.kind, operation.name);
                tally.of_kind(&operation.kind).missed += 1;
            }
        }
    }
    let offset = if has_no_clock { remaining_offset(&found) } else { 0 };
    for found in &found {
        if found.operation.kind == "http_server" && found.operation.name == "/panic" {
            let code = attribute(found.span, "code.function.name");
            assert_eq!(code, Some(&"main.panics".into()), "{name}: a panic's stack tells whose it is");
        }
        tally.take(name, found, offset, truth.begin);
        if !has_no_clock && is_served_without_body(found.operation) {
            tally.starts.extend(found.start.map(|start| start.error.unsigned_abs()));
        }
    }
    // What has no operation began before the journal.
    for (_, span) in told.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        if span.start.0 > truth.begin && span.end.0 < truth.end && kind(span) != "other" {
            eprintln!("{name}: nobody has made {span:?}");
            tally.of_kind(kind(span)).invented += 1;
        }
    }
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id, span)).collect();
    for call in told.iter().filter(|span| ["sql", "redis", "rpc_client"].contains(&kind(span))) {
        let parent = call.parent.and_then(|parent| by_id.get(&parent.span_id)).expect("a parent");
        assert_eq!(kind(parent), "http_server", "{name}: that is asked for in requests");
    }
}

fn is_served_without_body(operation: &Operation) -> bool {
    operation.kind == "http_server" && !["/body", "/ignored"].contains(&&*operation.name)
}

/// Holds each release's recording under a load against its journal, which has so many operations of each kind. The journal is
/// beside the truth itself where its goroutine had to stop within it, so that the bounds of some ends are missed.
fn check_each(load: &str, least: &[(&str, usize)]) {
    let mut tally = Tally::default();
    for release in common::RELEASES {
        check(&format!("{release}-{load}"), &mut tally);
    }
    let Tally { kinds, starts } = &mut tally;
    println!("{load}: {kinds:#?}");
    for (kind, least) in least {
        assert!(kinds.get(*kind).is_some_and(|told| told.found >= *least), "{load}: too few of {kind}");
    }
    for (kind, told) in &*kinds {
        // Of two calls by gRPC from one line of which the first waited for its headers alone, and the second for its body alone,
        // the stacks are those of one call.
        let most_missed = if kind == "rpc_client" { told.found / 50 } else { 0 };
        assert!(told.missed <= most_missed, "{load}: {} of {kind} missed", told.missed);
        assert_eq!(told.invented, 0, "{load}: {kind}");
    }
    let (ends, outside) = (kinds.values().map(|told| told.ends), kinds.values().map(|told| told.outside));
    let (ends, outside) = (ends.sum::<usize>(), outside.sum::<usize>());
    assert!(1000 * outside <= 5 * ends, "{load}: {outside} of {ends} ends are outside of their bounds");
    starts.sort_unstable();
    let median = starts[starts.len() / 2];
    assert!(median <= 5_000, "{load}: half of the starts of servers are {median} ns beside or more");
}

const OF_SERVICE: &[(&str, usize)] = &[("http_server", 400), ("http_client", 400), ("sql", 140)];
const OF_LIBRARIES: &[(&str, usize)] = &[
    ("http_server", 170),
    ("http_client", 170),
    ("sql", 500),
    ("redis", 100),
    ("rpc_client", 55),
    ("rpc_server", 80),
];

#[test]
fn http1() {
    check_each("http1", OF_SERVICE);
}

#[test]
fn http1_over_tls() {
    check_each("tls", OF_SERVICE);
}

#[test]
fn http2() {
    check_each("http2", OF_SERVICE);
}

#[test]
fn libraries() {
    check_each("libraries", OF_LIBRARIES);
}

#[test]
fn libraries_with_more_clients_than_processors() {
    check_each("saturated", OF_LIBRARIES);
}

/// A trace holds no more of its Go's version than the header's: of none that is read may the truth be unknown.
#[test]
fn each_header_has_a_truth() {
    let versions: BTreeSet<Version> = common::RELEASES
        .iter()
        .map(|release| {
            let trace = common::read(&format!("zero-code/{release}-http1.trace"));
            Reader::from_slice(&trace).expect("a trace").version()
        })
        .collect();
    assert_eq!(versions, BTreeSet::from(Version::WITH_GENERATIONS));
}

#[test]
fn nothing_is_told_where_that_is_not_wanted() {
    let mut options = MapperOptions::default();
    options.stack_operations = false;
    let (spans, _) = common::spans_of("zero-code/go1.26-http1.trace", options);
    assert!(spans.iter().all(|span| attribute(span, "gotrace.evidence").is_none()));
}
