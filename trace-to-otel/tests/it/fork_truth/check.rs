//! Every operation is its spans, and every span is an operation's or has a reason.

use std::collections::HashMap;

use trace_to_otel::Span;

use crate::fork_truth::{
    assignment::assign,
    exceptions::{self, Exception, Instead},
    ordinary,
    recording::Recording,
    relations, secrets,
    truth::{Operation, context},
    want::{Trace, Want},
};

/// A recording and what was found of it.
pub(crate) struct Found<'r> {
    pub(crate) recording: &'r Recording,
    pub(crate) spans: &'r [Span],
    /// The spans of each operation, in the order in which they are wanted.
    pub(crate) spans_of: Vec<Vec<usize>>,
    /// The operation of each span.
    pub(crate) owners: Vec<Option<usize>>,
}

type Exceptions = HashMap<usize, &'static Exception>;

/// Everything that is wrong with the spans of a recording.
pub(crate) fn problems(recording: &Recording) -> Vec<String> {
    let spans = recording.spans();
    let operations = &recording.truth.ops;
    let exceptions = exceptions::of(&recording.name, &recording.truth);
    let (found, mut problems) = find(recording, &spans, &exceptions);
    problems.extend(needless(&found, &exceptions));
    problems.extend(cut_short(&found, &exceptions));
    problems.extend(relations::problems(&found));
    problems.extend(relations::unaccounted(&found));
    for span in &spans {
        problems.extend(secrets::told_by(span, operations).into_iter().map(|told| format!("tells {told}")));
    }
    problems
}

/// The span of every operation, and what is missing.
fn find<'r>(
    recording: &'r Recording,
    spans: &'r [Span],
    exceptions: &Exceptions,
) -> (Found<'r>, Vec<String>) {
    let operations = &recording.truth.ops;
    let wants_of = |(index, operation)| {
        let wants = wants(operation, exceptions.get(&index).copied());
        wants.into_iter().map(move |want| (index, want))
    };
    let wants: Vec<(usize, Want)> = operations.iter().enumerate().flat_map(wants_of).collect();
    let fits = |want: &Want| (0..spans.len()).filter(|&index| want.is(&spans[index])).collect();
    let fits: Vec<Vec<usize>> = wants.iter().map(|(_, want)| fits(want)).collect();

    let mut problems = Vec::new();
    let (mut owners, mut spans_of) = (vec![None; spans.len()], vec![Vec::new(); operations.len()]);
    for ((index, want), span) in wants.iter().zip(assign(&fits, spans.len())) {
        match span {
            Some(span) => {
                owners[span] = Some(*index);
                spans_of[*index].push(span);
            }
            None => problems.push(missing(*index, &operations[*index], want, spans)),
        }
    }
    (Found { recording, spans, spans_of, owners }, problems)
}

/// What an operation is to become.
fn wants(operation: &Operation, exception: Option<&Exception>) -> Vec<Want> {
    let ordinary = ordinary::wants(operation);
    let Some(exception) = exception else {
        let is_known = !ordinary.is_empty() || operation.kind == "user_log";
        assert!(is_known, "what is to become of {operation:?}?");
        return ordinary;
    };
    let one = || ordinary[0].clone();
    match exception.instead {
        Instead::Nothing => Vec::new(),
        Instead::Unended => vec![one().unended()],
        Instead::Abandoned => vec![one().abandoned(operation)],
        Instead::Times(count) => vec![one(); count],
        Instead::AndUnended(count) => [vec![one()], vec![one().unended(); count]].concat(),
        Instead::OtherTrace => {
            let fold = operation.trace_id_fold().expect("the trace that is not taken");
            vec![Want { trace: Trace::Not(fold), ..one() }]
        }
        Instead::Redirect { status } => redirect(operation, one(), status),
        Instead::Server => vec![ordinary::answered_alone(operation)],
        Instead::VainLookUp => {
            let host = operation.name.rsplit_once(':').map_or("", |(host, _)| host);
            vec![ordinary::vain_look_up(operation, host)]
        }
    }
}

/// The request that was asked for, and the one that it led to.
fn redirect(operation: &Operation, want: Want, status: i64) -> Vec<Want> {
    let ids = |key| operation.text(key).and_then(context).expect("a context");
    let with_ids = |want: Want, (trace_id, span_id): (u128, u64)| Want {
        trace: Trace::Fold((trace_id >> 64) as u64 ^ trace_id as u64),
        span_id: Some(span_id),
        ..want
    };
    let target = operation.text("redirected_to").expect("where to");
    let second = ordinary::http_client_of(operation, target);
    let code = |want: &mut Want, status: i64| {
        want.attributes.retain(|attribute| !attribute.starts_with("http.response.status_code="));
        want.attributes.push(format!("http.response.status_code={status}"));
    };
    let mut first = with_ids(want, ids("first_traceparent"));
    code(&mut first, status);
    vec![first, with_ids(second, ids("last_traceparent"))]
}

fn missing(index: usize, operation: &Operation, want: &Want, spans: &[Span]) -> String {
    let candidates = spans.iter().filter(|span| span.scope == want.scope);
    let nearest = candidates
        .map(|span| (want.differences(span), span))
        .min_by_key(|(differences, span)| (differences.len(), span.start.0.abs_diff(*want.start.start())));
    let nearest =
        nearest.map_or(
            "nothing of its scope is there".to_owned(),
            |(differences, span)| match &*differences {
                [] => format!("the only one, {} {}, is another's", span.name, span.span_id),
                differences => {
                    format!("nearest is {} {}:\n    {}", span.name, span.span_id, differences.join("\n    "))
                }
            },
        );
    format!(
        "operation {index}, {} {:?}: no span {:?} {}: {nearest}",
        operation.kind, operation.name, want.scope, want.name
    )
}

/// Exceptions of operations that have become their ordinary spans after all.
fn needless(found: &Found<'_>, exceptions: &Exceptions) -> Vec<String> {
    let is_needless = |index: &usize| {
        let wants = ordinary::wants(&found.recording.truth.ops[*index]);
        wants.iter().any(|want| found.free().any(|span| want.is(span)))
    };
    let needless = exceptions.keys().filter(|index| is_needless(index));
    needless.map(|index| format!("operation {index}: the exception is needed no longer")).collect()
}

/// Spans without end that do not last to the end of the trace.
fn cut_short(found: &Found<'_>, exceptions: &Exceptions) -> Vec<String> {
    let last = found.spans.iter().map(|span| span.end).max();
    let unended = exceptions.iter().filter(|(_, exception)| exception.instead == Instead::Unended);
    let spans = unended.flat_map(|(index, _)| &found.spans_of[*index]).map(|&span| &found.spans[span]);
    let cut_short = spans.filter(|span| Some(span.end) != last);
    cut_short.map(|span| format!("does not last to the trace's end: {}", describe(span))).collect()
}

impl Found<'_> {
    /// The spans that are no operation's.
    pub(crate) fn free(&self) -> impl Iterator<Item = &Span> {
        self.spans.iter().zip(&self.owners).filter(|(_, owner)| owner.is_none()).map(|(span, _)| span)
    }
}

pub(crate) fn describe(span: &Span) -> String {
    let scope = &span.scope;
    format!("{scope:?} {:?} {} from {} to {}", span.name, span.span_id, span.start.0, span.end.0)
}
