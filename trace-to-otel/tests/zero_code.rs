//! What stacks tell of an unmodified program, against what that program wrote down (`examples/go-service`).

mod common;

use std::collections::{BTreeMap, BTreeSet};

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

/// By how much a journal's times may be beside those of events.
const TOLERANCE: u64 = 200_000;

fn attribute<'s>(span: &'s Span, key: &str) -> Option<&'s Value> {
    span.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
}

fn kind(span: &Span) -> &'static str {
    match (&span.scope, span.kind) {
        (Scope::Http, SpanKind::Server) => "http_server",
        (Scope::Http, _) => "http_client",
        (Scope::Sql, _) => "sql",
        _ => "other",
    }
}

fn is_of(span: &Span, operation: &Operation) -> bool {
    kind(span) == operation.kind
        && attribute(span, "gotrace.goroutine.id") == Some(&Value::from(operation.goroutine))
        && span.start.0 < operation.end + TOLERANCE
        && span.end.0 + TOLERANCE > operation.start
}

/// How far a span is beside an operation.
fn distance(span: &Span, operation: &Operation) -> u64 {
    span.start.0.abs_diff(operation.start) + span.end.0.abs_diff(operation.end)
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

fn check(name: &str) {
    let truth: Truth =
        serde_json::from_slice(&common::read(&format!("zero-code/{name}.truth.json"))).expect("a truth");
    let (mut spans, _) = common::spans_of(&format!("zero-code/{name}.trace"), MapperOptions::default());
    if ["go1.22", "go1.23", "go1.24"].iter().any(|version| truth.go_version.starts_with(version)) {
        put_on_clock(&mut spans, &truth);
    }
    let evidence = Value::from("stacks");
    let found: Vec<&Span> =
        spans.iter().filter(|span| attribute(span, "gotrace.evidence") == Some(&evidence)).collect();
    let mut used = BTreeSet::new();
    let mut starts: Vec<u64> = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for operation in truth.operations.iter().filter(|operation| operation.start >= truth.begin) {
        let fitting =
            (0..found.len()).filter(|index| !used.contains(index) && is_of(found[*index], operation));
        let best = fitting.min_by_key(|&index| distance(found[index], operation));
        let index =
            best.unwrap_or_else(|| panic!("{name}: no span of {} {}", operation.kind, operation.name));
        used.insert(index);
        *counts.entry(kind(found[index])).or_default() += 1;
        if operation.kind == "http_server" {
            starts.push(found[index].start.0.abs_diff(operation.start));
        }
    }
    assert!(counts["http_server"] > 60 && counts["http_client"] > 60 && counts["sql"] > 20, "{counts:?}");
    starts.sort_unstable();
    assert!(
        starts[starts.len() / 2] <= 20_000,
        "{name}: server starts are {} ns beside",
        starts[starts.len() / 2]
    );

    // What has no operation began before the journal, or is a request that a client has made again.
    for (index, span) in found.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        let is_within = span.start.0 > truth.begin && span.end.0 < truth.end;
        let is_part = truth.operations.iter().any(|operation| is_of(span, operation));
        assert!(!is_within || is_part || kind(span) == "other", "{name}: nobody has made {index}: {span:?}");
    }
    let parents: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id, span)).collect();
    let queries = found.iter().filter(|span| span.scope == Scope::Sql);
    for query in queries {
        let parent = query.parent.and_then(|parent| parents.get(&parent.span_id)).expect("a parent");
        assert_eq!(kind(parent), "http_server", "queries are made in requests");
    }
}

#[test]
fn http1() {
    common::RELEASES.iter().for_each(|release| check(&format!("{release}-http1")));
}

#[test]
fn http1_over_tls() {
    common::RELEASES.iter().for_each(|release| check(&format!("{release}-tls")));
}

#[test]
fn http2() {
    common::RELEASES.iter().for_each(|release| check(&format!("{release}-http2")));
}

#[test]
fn nothing_is_told_where_that_is_not_wanted() {
    let mut options = MapperOptions::default();
    options.stack_operations = false;
    let (spans, _) = common::spans_of("zero-code/go1.26-http1.trace", options);
    assert!(spans.iter().all(|span| attribute(span, "gotrace.evidence").is_none()));
}
