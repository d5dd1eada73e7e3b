//! What stacks tell beside the fork: nothing that it tells itself, and all of its requests where those are hidden.

use std::collections::HashSet;

use go_trace_context::SpanId;
use go_trace_format::{Category, Event};
use trace_to_otel::{MapperOptions, Scope, Span, SpanKind, Value};

use crate::fork_truth::recording::Recording;

pub(crate) fn check(recording: &Recording) {
    let told = recording.spans();
    let with_stacks = recording.spans_of(MapperOptions::default(), |_| true);
    let ids: HashSet<SpanId> = with_stacks.iter().map(|span| span.span_id).collect();
    let lost: Vec<_> = told.iter().filter(|span| is_of_fork(span) && !ids.contains(&span.span_id)).collect();
    assert!(lost.is_empty(), "{}: stacks took {lost:#?}", recording.name);
    for span in with_stacks.iter().filter(|span| is_by_stacks(span)) {
        let twin = told.iter().find(|told| is_of_fork(told) && is_twin(told, span));
        assert!(twin.is_none(), "{}: told twice: {span:#?} and {twin:#?}", recording.name);
    }
    let lost: Vec<_> = lost_names(&with_stacks).difference(&lost_names(&told)).copied().collect();
    assert!(lost.is_empty(), "{}: parents or links that did not go out: {lost:?}", recording.name);

    let is_shown =
        |category| !matches!(category, Category::Http | Category::Sql | Category::Tls | Category::Net);
    let hidden =
        recording.spans_of(MapperOptions::default(), |event| is_shown(event.event_type().spec().category));
    // Where the recording begins or ends within them, stacks need not show them.
    let is_whole = |span: &&Span| span.attribute("gotrace.incomplete").is_none();
    let has_scheduling = hidden.iter().any(is_by_stacks);
    let requests = told.iter().filter(|span| span.scope == Scope::Http && has_scheduling);
    for request in requests.filter(is_whole).filter(|span| has_left_stacks(span)) {
        let is_found = hidden.iter().any(|span| is_by_stacks(span) && is_twin(request, span));
        assert!(is_found, "{}: hidden, and not found: {request:#?}", recording.name);
    }
}

/// Where a filter has left scheduling out, stacks say nothing: nobody knows whose they are.
pub(crate) fn check_without_scheduling(recording: &Recording) {
    let is_shown = |event: &Event<'_>| event.event_type().spec().category != Category::Core;
    let mut silent = MapperOptions::default();
    silent.stack_operations = false;
    let told = recording.spans_of(silent, is_shown);
    assert!(!told.is_empty(), "{}", recording.name);
    assert_eq!(recording.spans_of(MapperOptions::default(), is_shown), told, "{}", recording.name);
}

/// Whether its goroutine did anything in it that an event tells: a request that is refused at once, such as one with a scheme that
/// nobody knows, only runs, and no stack of it is in the trace.
fn has_left_stacks(span: &Span) -> bool {
    span.kind == SpanKind::Server
        || span.anatomy.is_none_or(|anatomy| anatomy.running < span.duration_nanos())
}

/// Spans with those that they name as their parents or by links, where these did not go out.
fn lost_names(spans: &[Span]) -> HashSet<(SpanId, SpanId)> {
    let ids: HashSet<SpanId> = spans.iter().map(|span| span.span_id).collect();
    let named = spans.iter().flat_map(|span| {
        let others =
            span.parent.iter().map(|parent| parent.span_id).chain(span.links.iter().map(|link| link.span_id));
        others.map(|other| (span.span_id, other))
    });
    named.filter(|(_, id)| !ids.contains(id)).collect()
}

fn is_by_stacks(span: &Span) -> bool {
    span.attribute("gotrace.evidence") == Some(&Value::from("stacks"))
}

fn is_of_fork(span: &Span) -> bool {
    matches!(span.scope, Scope::Http | Scope::Sql | Scope::Tls | Scope::Net)
}

/// Whether two spans are the same operation: of one kind, on one goroutine, at the same time.
fn is_twin(told: &Span, span: &Span) -> bool {
    const GOROUTINE: &str = "gotrace.goroutine.id";
    let is_look_up = |span: &Span| span.scope == Scope::Net && span.name.starts_with("DNS");
    let kind = |span: &Span| (span.scope.clone(), span.kind == SpanKind::Server, is_look_up(span));
    kind(told) == kind(span)
        && told.attribute(GOROUTINE) == span.attribute(GOROUTINE)
        && told.start < span.end
        && span.start < told.end
}
