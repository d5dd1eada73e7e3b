//! Operations of the flight-recorder fork: how their starts and ends find each other, and what all kinds have in
//! common. What each kind is called and says is in `operations`.
//!
//! A start and an end belong together if kind and span id on the wire are the same. That id repeats where operations
//! of one kind are made under one context: an end then belongs to the latest start of its own goroutine, or else to
//! the latest of all. Ends are lost now and then (`docs/fork-dialect.md`).

use std::sync::Arc;

use go_trace_context::{Fold, SpanId};
use go_trace_format::{
    Event,
    event::{GoroutineId, Operation, OperationEnd, OperationStart, Outcome, TaskId},
};

use crate::{
    form::{Ending, Form},
    identity::Identity,
    known::{
        goroutines::Nested,
        operations::OpenOperation,
        sections::What,
        span::{LocalParent, Open},
    },
    mapping::Mapping,
    operations,
    rules::{over, stacks},
    sink::{Outlet, Stopped},
    span::Scope,
};

fn scope_of(operation: Operation) -> Scope {
    match operation {
        Operation::HttpServer | Operation::HttpClient => Scope::Http,
        Operation::Sql => Scope::Sql,
        Operation::Tls => Scope::Tls,
        _ => Scope::Net,
    }
}

pub(crate) fn begin(
    mapping: &mut Mapping,
    event: &Event<'_>,
    start: OperationStart<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    make_room(mapping, sink)?;
    stacks::is_told(mapping, event, start.operation);
    let OperationStart { operation, trace_id_fold, span_id, .. } = start;
    let described = mapping.describer.begin(operation, start.text);
    let scope = scope_of(operation);
    let mut identity = Identity::new(&mapping.facts(&scope, event, TaskId::BACKGROUND, true));
    let wire_trace = Fold::from_u64(trace_id_fold).map(Fold::stand_in);
    if scope == Scope::Http {
        identity = identity.with_wire(wire_trace, SpanId::from_u64(span_id));
    } else if let Some(trace_id) = wire_trace {
        identity = identity.with_root_trace(trace_id);
    }
    let name = described.as_ref().map_or_else(|| "".into(), |described| Arc::clone(&described.name));
    let mut span = mapping.open_span(identity, name, event, TaskId::BACKGROUND);
    span.place.code = mapping.code.of_top_caller(event.stack());
    let goroutine = span.place.goroutine;
    if described.is_none() {
        span.place.goroutine = None;
    } else if let Some(goroutine) = goroutine {
        leave_lost_end_behind(mapping, event, goroutine, operation, sink)?;
    }
    span.parent = parent_of(mapping, goroutine, &start);
    let mut started = OpenOperation::new(operation, trace_id_fold, span_id, goroutine, described);
    started.see(event.stack());
    let key = mapping.begin_section(span, What::Operation(Box::new(started)));
    if let Some(What::Operation(started)) = mapping.open.section(key).map(|section| &section.what) {
        mapping.operations.add(key, started);
    }
    Ok(())
}

pub(crate) fn end(
    mapping: &mut Mapping,
    event: &Event<'_>,
    end: OperationEnd<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let goroutine = mapping.goroutine(event);
    let wire = (end.operation, end.span_id);
    let open = &mapping.open;
    let is_own = |key| match open.section(key).map(|section| &section.what) {
        Some(What::Operation(operation)) => goroutine.is_some() && operation.goroutine == goroutine,
        _ => false,
    };
    let ending = Ending::by(event, goroutine);
    let Some(key) = mapping.operations.find(wire, is_own) else {
        return end_without_start(mapping, event, end, ending, sink);
    };
    if end.operation == Operation::HttpServer {
        if let Some(goroutine) = goroutine {
            over::seem_over_within(mapping, goroutine, key, ending.time);
        }
    }
    let form = match mapping.open.section_mut(key).map(|section| &mut section.what) {
        Some(What::Operation(operation)) => {
            operation.see(event.stack());
            operation.form()
        }
        _ => None,
    };
    let form = form.map(|form| concluded(mapping, form, &end.outcome));
    mapping.end_section(key, ending, |_| form, sink)
}

/// The start was before the trace, or has been kept out of it.
fn end_without_start(
    mapping: &mut Mapping,
    event: &Event<'_>,
    end: OperationEnd<'_>,
    ending: Ending,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    if mapping.operations.is_late((end.operation, end.span_id)) {
        mapping.counters.late_ends += 1;
        return Ok(());
    }
    if ending.goroutine.is_some_and(|id| !mapping.goroutines.may_be_older(id)) {
        mapping.counters.surplus_operation_ends += 1;
        return Ok(());
    }
    let Some(described) = mapping.describer.unstarted(end.operation) else { return Ok(()) };
    let mut identity = Identity::new(&mapping.facts(&described.scope, event, TaskId::BACKGROUND, false));
    if described.scope == Scope::Http {
        identity = identity.with_wire(None, SpanId::from_u64(end.span_id));
    }
    let mut span = mapping.unstarted_span(identity, Arc::clone(&described.name), TaskId::BACKGROUND);
    span.place.goroutine = ending.goroutine;
    let mut ended = OpenOperation::new(end.operation, 0, end.span_id, ending.goroutine, Some(described));
    ended.see(event.stack());
    let Some(form) = ended.form() else { return Ok(()) };
    let form = concluded(mapping, form, &end.outcome);
    mapping.emit(None, form, span, None, ending.without_start(), sink)
}

fn concluded(mapping: &Mapping, mut form: Form, outcome: &Outcome<'_>) -> Form {
    form.status = mapping.describer.end(outcome, &mut form.attributes);
    form
}

/// HTTP servers are part of the request of the same process, if that is where it comes from. Others are part of
/// the request under whose context they were made, or of what is open on their goroutine. A client's request
/// is a trace of its own, in which what is open on the goroutine becomes a link.
fn parent_of(mapping: &Mapping, goroutine: Option<GoroutineId>, start: &OperationStart<'_>) -> LocalParent {
    let by_wire = match start.operation {
        Operation::HttpClient => None,
        Operation::HttpServer => mapping.operations.clients.get(&start.trace_id_fold),
        _ => mapping.operations.servers.get(&(start.trace_id_fold, start.span_id)),
    };
    if let Some(&key) = by_wire {
        return mapping.open.as_parent(Open::Section(key));
    }
    let Some(goroutine) = goroutine else { return LocalParent::default() };
    match mapping.goroutines.innermost(goroutine) {
        Some(around) => mapping.open.nested_as_parent(around),
        None if start.operation == Operation::HttpServer => LocalParent::default(),
        None => mapping.creation_as_parent(goroutine),
    }
}

/// Operations of one kind do not nest on a goroutine. Where one begins inside of another, the other's end was lost: it may still
/// come, but nothing more is part of it. Of handshakes and of requests that are made the stack tells whether they nest.
fn leave_lost_end_behind(
    mapping: &mut Mapping,
    event: &Event<'_>,
    goroutine: GoroutineId,
    operation: Operation,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    if operation == Operation::Tls {
        over::give_up_all(mapping, goroutine, Some(operation), sink)?;
    }
    let Some(Nested { span: Open::Section(key), .. }) = mapping.innermost_section(goroutine) else {
        return Ok(());
    };
    let was_on_stack = match mapping.open.section(key).map(|section| &section.what) {
        Some(What::Operation(open)) if open.operation == operation => open.was_on_stack,
        _ => return Ok(()),
    };
    let time = event.raw_time();
    let calls = event.stack().map(|stack| operations::calls_in(operation, stack));
    match calls {
        Some(2..) if was_on_stack => {}
        Some(_) if was_on_stack => {
            mapping.abandon(key, goroutine, time);
            mapping.end_unfinished(key, Ending::unseen(time), sink)?;
        }
        _ => over::seems_over(mapping, key, goroutine, time),
    }
    Ok(())
}

/// Ends the operation that began first, where there are too many.
fn make_room(mapping: &mut Mapping, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let most = mapping.options.limits.open_operations.max(1);
    while mapping.operations.count >= most {
        let Some(key) = mapping.operations.order.pop_front() else { break };
        if mapping.open.section(key).is_some() {
            mapping.counters.evicted_spans += 1;
            let latest = mapping.timeline.latest();
            mapping.end_unfinished(key, Ending::unseen(latest), sink)?;
        }
    }
    // Now and then, those that have ended are taken out.
    if mapping.operations.order.len() > 64 + 2 * mapping.operations.count {
        let open = &mapping.open;
        mapping.operations.order.retain(|&key| open.section(key).is_some());
    }
    Ok(())
}
