//! How spans hang together: parents, links, anatomy, and reasons for spans that are no operation's.

use std::collections::HashSet;

use trace_to_otel::{Scope, Span, SpanKind};

use crate::fork_truth::{
    check::{Found, describe},
    truth::Operation,
    want::wire_id,
};

/// Spans that the truth does not tell of, though the program made them: recording, scope, name, how many.
const UNTOLD: [(&str, Scope, &str, usize); 3] = [
    ("custom.trace", Scope::Task, "checkout/mail", 3),
    ("withspan.trace", Scope::Task, "checkout/mail", 1),
    ("withspan.trace", Scope::Region, "spanned region", 1),
];
/// Logs that the truth does not tell of: recording, how many.
const UNTOLD_LOGS: [(&str, usize); 1] = [("withspan.trace", 1)];

impl Found<'_> {
    fn operations(&self) -> &[Operation] {
        &self.recording.truth.ops
    }

    /// The only span of an operation of one.
    fn span_of(&self, index: usize) -> Option<&Span> {
        self.spans_of[index].first().map(|&span| &self.spans[span])
    }

    fn with_id(&self, span: &Span, id: go_trace_context::SpanId) -> Option<&Span> {
        self.spans.iter().find(|other| other.span_id == id && other.trace_id == span.trace_id)
    }

    fn parent(&self, span: &Span) -> Option<&Span> {
        self.with_id(span, span.parent?.span_id)
    }

    /// Whether `ancestor` is a span's parent, or the parent of that, and so on.
    fn is_below(&self, span: &Span, ancestor: &Span) -> bool {
        core::iter::successors(self.parent(span), |span| self.parent(span)).any(|other| other == ancestor)
    }

    /// The operations of a kind that took place around another one.
    fn around<'s>(&'s self, index: usize, kind: &'s str) -> impl Iterator<Item = usize> + 's {
        let inner = &self.operations()[index];
        let operations = self.operations().iter().enumerate();
        let is_around = move |&(other, outer): &(usize, &Operation)| {
            other != index && outer.kind == kind && inner.is_within(outer)
        };
        operations.filter(is_around).map(|(index, _)| index)
    }
}

/// Everything that is wrong with how the spans of operations hang together.
pub(crate) fn problems(found: &Found<'_>) -> Vec<String> {
    let mut problems: Vec<_> = found.spans.iter().flat_map(|span| soundness(found, span)).collect();
    let mut ids = HashSet::new();
    let repeated = found.spans.iter().filter(|span| !ids.insert((span.trace_id, span.span_id)));
    problems.extend(repeated.map(|span| format!("the id of {} is another's too", describe(span))));
    for index in 0..found.operations().len() {
        for &span in &found.spans_of[index] {
            let span = &found.spans[span];
            if let Err(problem) = place(found, index, span) {
                problems.push(format!("operation {index}: {}: {problem}", describe(span)));
            }
        }
    }
    problems.extend(logs(found));
    problems
}

/// What holds of every span.
fn soundness(found: &Found<'_>, span: &Span) -> Vec<String> {
    let mut problems = Vec::new();
    if span.start > span.end {
        problems.push("ends before it starts".to_owned());
    }
    if span.parent.is_some() {
        match found.parent(span) {
            None => problems.push("its parent is not there".to_owned()),
            Some(parent) if parent.start > span.start => problems.push("begins before its parent".to_owned()),
            Some(_) => {}
        }
    }
    let is_there = |id, trace| found.spans.iter().any(|other| (other.span_id, other.trace_id) == (id, trace));
    if span.links.iter().any(|link| !is_there(link.span_id, link.trace_id)) {
        problems.push("is linked to what is not there".to_owned());
    }
    match span.anatomy {
        Some(anatomy) => {
            let sum = anatomy.running + anatomy.runnable + anatomy.syscall + anatomy.waiting();
            if sum != span.duration_nanos() {
                problems.push(format!("its anatomy sums to {sum}, not {}", span.duration_nanos()));
            }
        }
        // All of these recordings' operations are begun and ended on one goroutine.
        None if found.recording.truth.has_scheduling()
            && !matches!(span.scope, Scope::Range | Scope::Task)
            && span.attribute("gotrace.incomplete").is_none() =>
        {
            problems.push("has no anatomy".to_owned());
        }
        None => {}
    }
    problems.into_iter().map(|problem| format!("{} {problem}", describe(span))).collect()
}

/// Whether a span is in the place that its operation had.
fn place(found: &Found<'_>, index: usize, span: &Span) -> Result<(), String> {
    let operation = &found.operations()[index];
    match (&*operation.kind, &span.scope) {
        ("http_client", _) => {
            is_root(span)?;
            match task_around(found, index) {
                Some(task) => is_linked_below(found, span, task),
                None => Ok(()),
            }
        }
        ("http_server", _) => is_child(span, client_of(found, operation)),
        ("http_raw_client" | "tls_server_handshake", _) => is_root(span),
        ("resolver_dial", _) => {
            let look_up = found.around(index, "dial").next().and_then(|dial| found.span_of(dial));
            is_child(span, look_up)
        }
        ("user_task" | "user_region", _) | (_, Scope::Sql | Scope::Net | Scope::Tls) => {
            let handler = found.around(index, "http_server").next().and_then(|server| found.span_of(server));
            match (handler.filter(|_| span.scope == Scope::Sql), task_around(found, index)) {
                (Some(handler), _) => is_child(span, Some(handler)),
                (None, Some(task)) if found.is_below(span, task) => Ok(()),
                (None, Some(task)) => Err(format!("is not below {}", describe(task))),
                (None, None) => is_root(span),
            }
        }
        _ => Ok(()),
    }
}

/// The innermost task that the program was in.
fn task_around<'f>(found: &'f Found<'_>, index: usize) -> Option<&'f Span> {
    let tasks = found.around(index, "user_task").filter_map(|task| found.span_of(task));
    tasks.max_by_key(|task| task.start)
}

/// The request of this very process that a server answers.
fn client_of<'f>(found: &'f Found<'_>, server: &Operation) -> Option<&'f Span> {
    let id = wire_id(server.hexadecimal("parent_span_in")?);
    found
        .spans
        .iter()
        .find(|span| span.kind == SpanKind::Client && span.scope == Scope::Http && span.span_id == id)
}

fn is_root(span: &Span) -> Result<(), String> {
    is_child(span, None)
}

fn is_child(span: &Span, parent: Option<&Span>) -> Result<(), String> {
    let found = span.parent.map(|parent| (parent.span_id, parent.is_remote));
    let wanted = parent.map(|parent| (parent.span_id, false));
    if found != wanted {
        return Err(format!("its parent is {found:?}, not {wanted:?}"));
    }
    match parent {
        Some(parent) if parent.trace_id != span.trace_id => {
            Err("is in another trace than its parent".to_owned())
        }
        _ => Ok(()),
    }
}

fn is_linked_below(found: &Found<'_>, span: &Span, ancestor: &Span) -> Result<(), String> {
    let linked = span.links.iter().filter_map(|link| {
        found.spans.iter().find(|other| (other.span_id, other.trace_id) == (link.span_id, link.trace_id))
    });
    let is_below = linked.into_iter().any(|other| other == ancestor || found.is_below(other, ancestor));
    if is_below { Ok(()) } else { Err(format!("is not linked to anything in {}", describe(ancestor))) }
}

/// Every log is one event of the innermost region or task of its operation.
fn logs(found: &Found<'_>) -> Vec<String> {
    let mut problems = Vec::new();
    let mut count = 0;
    for (index, log) in found.operations().iter().enumerate().filter(|(_, log)| log.kind == "user_log") {
        let around = ["user_region", "user_task"].map(|kind| found.around(index, kind).next());
        let Some(span) = around.into_iter().flatten().next().and_then(|around| found.span_of(around)) else {
            problems.push(format!("operation {index}: {log:?} is in nothing"));
            continue;
        };
        let name = if log.name.is_empty() { "(no category)" } else { &*log.name };
        let is_it = |event: &&trace_to_otel::SpanEvent| {
            let message = event.attributes.iter().find(|attribute| attribute.key == "gotrace.log.message");
            let message = message.map(|attribute| attribute.value.to_string());
            *event.name == *name
                && (log.start..=log.end).contains(&event.time.0)
                && log.text("message").is_none_or(|told| message.as_deref() == Some(told))
        };
        match span.events.iter().filter(is_it).count() {
            1 => count += 1,
            other => problems
                .push(format!("operation {index}: {log:?} is there {other} times in {}", describe(span))),
        }
    }
    let untold = UNTOLD_LOGS.iter().find(|(recording, _)| *recording == found.recording.name);
    let wanted = count + untold.map_or(0, |(_, count)| *count);
    let all: usize = found.spans.iter().map(|span| span.events.len()).sum();
    if all != wanted {
        problems.push(format!("{all} events, not {wanted}"));
    }
    problems
}

/// Spans that are no operation's, and have no reason of their own.
pub(crate) fn unaccounted(found: &Found<'_>) -> Vec<String> {
    let made_by_nobody = found.free().filter(|span| reason(found, span).is_none());
    let mut problems: Vec<_> =
        made_by_nobody.map(|span| format!("nobody has made {}: {span:?}", describe(span))).collect();
    for (_, scope, name, count) in UNTOLD.iter().filter(|(recording, ..)| *recording == found.recording.name)
    {
        let is_it = |span: &&Span| span.scope == *scope && *span.name == **name;
        let there = found.spans.iter().filter(is_it).count();
        if there != *count {
            problems.push(format!("{name:?} is there {there} times, not {count}"));
        }
    }
    problems
}

/// Why there is a span that no operation of the truth tells of.
fn reason(found: &Found<'_>, span: &Span) -> Option<&'static str> {
    let is_untold = |(recording, scope, name, _): &&(&str, Scope, &str, usize)| {
        *recording == found.recording.name && *scope == span.scope && **name == *span.name
    };
    if UNTOLD.iter().any(|untold| is_untold(&untold)) {
        return Some("the truth does not list it");
    }
    let during = |kind: &str| {
        let operations =
            found.operations().iter().enumerate().filter(|(_, operation)| operation.kind == kind);
        let around =
            operations.filter(|(_, operation)| (operation.start..operation.end).contains(&span.start.0));
        around.filter_map(|(index, _)| found.span_of(index)).collect::<Vec<_>>()
    };
    let is_within_client = during("http_client").into_iter().any(|client| found.is_below(span, client));
    match span.scope {
        Scope::Range if span.name.starts_with("GC ") || span.name.starts_with("stop-the-world (") => {
            Some("the runtime's own")
        }
        Scope::Net | Scope::Tls if is_within_client => Some("a client makes its connection"),
        Scope::Tls if &*span.name == "TLS server handshake" && !during("http_client").is_empty() => {
            Some("net/http's server takes a connection")
        }
        Scope::Net if span.name.starts_with("socket connect 127.0.0.1:") => {
            let handshakes = ["tls_client_handshake_repeat", "tls_client_implicit_handshake"];
            let is_of = |kind: &&str| !during(kind).is_empty();
            handshakes
                .iter()
                .any(is_of)
                .then_some("the connection of a handshake that the program makes itself")
        }
        _ => None,
    }
}
