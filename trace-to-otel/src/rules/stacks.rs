//! Requests, calls and queries of which only the stacks of events tell. What a stack says is in `stacks`; here it meets
//! goroutines, spans, and what tells of the same things better.

use std::sync::Arc;

use go_trace_format::{
    Event, EventType,
    event::{GoroutineId, Operation, StackId, TaskId},
};

use crate::{
    form::Ending,
    identity::Identity,
    known::{
        sections::What,
        span::{LocalParent, Open, Place, SectionKey},
        stacks::OpenCall,
    },
    mapping::Mapping,
    sink::{Outlet, Stopped},
    span::SpanKind,
    stacks::{Bounds, Class, Kind, Moment, Progress, Said, Shown, Step},
};

/// What `db.system.name` says where nobody knows.
const UNKNOWN_DATABASE: &str = "other_sql";

/// Whether an event of a goroutine's state concerns this rule.
#[inline]
pub(crate) fn are_concerned(mapping: &mut Mapping, event: &Event<'_>) -> bool {
    mapping.options.stack_operations && mapping.stacks.concerns(event)
}

/// Whether stacks are asked: without scheduling nobody knows whose they are.
fn are_read(mapping: &Mapping) -> bool {
    mapping.options.stack_operations && mapping.has_scheduling
}

/// An event of a goroutine's state that concerns this rule.
#[inline(never)]
pub(crate) fn goroutine_moves(
    mapping: &mut Mapping,
    event: &Event<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let named = GoroutineId(event.arguments().first().copied().unwrap_or_default() as i64);
    match event.event_type() {
        EventType::GoStart | EventType::GoSwitch => starts(mapping, event, named, sink),
        EventType::GoSwitchDestroy => {
            ends(mapping, event, sink)?;
            starts(mapping, event, named, sink)
        }
        _ => see(mapping, event, sink),
    }
}

/// A goroutine goes on to run. If it was created to serve a request, that begins.
fn starts(
    mapping: &mut Mapping,
    event: &Event<'_>,
    goroutine: GoroutineId,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let now = event.raw_time();
    mapping.stacks.note(event);
    let change = |progress: &mut Progress, steps: &mut Vec<Step>| progress.starts(now, steps);
    follow(mapping, event, goroutine, None, change, sink)
}

/// A goroutine ends, and with it what it was in.
pub(crate) fn ends(mapping: &mut Mapping, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let Some(goroutine) = event.goroutine().filter(|&id| mapping.stacks.follows(id)) else { return Ok(()) };
    let moment = moment(mapping, event);
    let change = |progress: &mut Progress, steps: &mut Vec<Step>| progress.ends(moment, steps);
    follow(mapping, event, goroutine, None, change, sink)?;
    mapping.stacks.forget(goroutine);
    Ok(())
}

/// An event shows where its goroutine was.
pub(crate) fn see(mapping: &mut Mapping, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    // A sample need not be in the order of time.
    if !are_read(mapping) || event.event_type() == EventType::CpuSample {
        return Ok(());
    }
    let (Some(goroutine), Some(stack)) = (event.goroutine(), event.stack()) else { return Ok(()) };
    let class = match mapping.stacks.classes.of(stack) {
        Said::Cut => return Ok(()),
        Said::Nothing => None,
        Said::Something(class) => Some(class),
    };
    if class.is_some() || mapping.stacks.follows(goroutine) {
        let moment = moment(mapping, event);
        show(mapping, event, goroutine, class, moment, sink)?;
    }
    mapping.stacks.note(event);
    Ok(())
}

fn show(
    mapping: &mut Mapping,
    event: &Event<'_>,
    goroutine: GoroutineId,
    class: Option<Arc<Class>>,
    moment: Moment,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let _ = mapping.stacks.follow(goroutine);
    let shown = class.as_deref();
    let change = |progress: &mut Progress, steps: &mut Vec<Step>| match shown {
        Some(class) => progress.sees(class, moment, steps),
        None => progress.sees_nothing(moment, steps),
    };
    follow(mapping, event, goroutine, shown, change, sink)?;
    if mapping.stacks.get_mut(goroutine).is_some_and(|followed| followed.progress.is_idle()) {
        mapping.stacks.forget(goroutine);
    }
    Ok(())
}

/// A generation says where a goroutine is, or only that it is there.
pub(crate) fn status(mapping: &mut Mapping, event: &Event<'_>, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let &[id, .., stack] = event.arguments() else { return Ok(()) };
    let goroutine = GoroutineId(id as i64);
    if !are_read(mapping) || mapping.stacks.follows(goroutine) {
        return Ok(());
    }
    let stack = match event.event_type() {
        EventType::GoStatusStack => event.tables().stack(StackId(stack)),
        _ => None,
    };
    let Some(stack) = stack else {
        if mapping.timeline.is_in_first_generation() {
            mapping.stacks.expect(goroutine, Progress::unseen());
        }
        return Ok(());
    };
    let Said::Something(class) = mapping.stacks.classes.of(stack) else { return Ok(()) };
    mapping.stacks.expect(goroutine, Progress::unseen());
    let now = event.raw_time();
    let moment = Moment { last: mapping.timeline.beginning().0, now, is_own_doing: false, wakes: None };
    show(mapping, event, goroutine, Some(class), moment, sink)
}

/// A goroutine is created: perhaps to serve a request.
pub(crate) fn is_created(mapping: &mut Mapping, event: &Event<'_>) {
    let &[id, stack, ..] = event.arguments() else { return };
    let Some(stack) = event.tables().stack(StackId(stack)) else { return };
    if !mapping.options.stack_operations {
        return;
    }
    if let Some(handler) = mapping.stacks.classes.handler_started_by(stack) {
        mapping.stacks.expect(GoroutineId(id as i64), Progress::of_handler(handler));
    }
}

/// The fork tells of an operation that begins, or of the end of one that it has not seen begin: it alone does. Of those
/// that began before the recording it tells at their ends, if it tells of their kind at all.
pub(crate) fn is_told(mapping: &mut Mapping, event: &Event<'_>, operation: Operation) {
    let Some(kind) = Kind::of(operation).filter(|_| mapping.options.stack_operations) else { return };
    if !mapping.stacks.is_told_at_end(kind) {
        mapping.stacks.tell_at_end(kind);
        drop_earlier(mapping, kind);
    }
    let Some(goroutine) = mapping.goroutine(event) else { return };
    let Some(followed) = mapping.stacks.get_mut(goroutine) else { return };
    if kind == Kind::HttpServer && followed.progress.is_told_of_request() {
        followed.spans.push(None);
    }
    let spans = core::mem::take(&mut followed.spans);
    for &key in spans.iter().flatten() {
        if is_call(mapping, key, kind) {
            mapping.drop_section(key);
        }
    }
    if let Some(followed) = mapping.stacks.get_mut(goroutine) {
        followed.spans = spans;
    }
}

/// Takes those of a kind away that began before the recording.
fn drop_earlier(mapping: &mut Mapping, kind: Kind) {
    // What is around others first.
    for key in mapping.open.sections_from_latest().into_iter().rev() {
        if mapping.open.section(key).is_some_and(|section| match &section.what {
            What::Call(call) => call.kind == kind && call.was_there,
            _ => false,
        }) {
            mapping.drop_section(key);
        }
    }
}

fn is_call(mapping: &Mapping, key: SectionKey, kind: Kind) -> bool {
    let what = mapping.open.section(key).map(|section| &section.what);
    matches!(what, Some(What::Call(call)) if call.kind == kind)
}

/// A task begins. If it is the first thing in a request that its goroutine serves, or stands around one that it is about
/// to make, it tells of that request better than stacks do: then they are silent, and tell only which side it is.
pub(crate) fn task_stands_for(mapping: &mut Mapping, event: &Event<'_>) -> SpanKind {
    if !mapping.options.stack_operations {
        return SpanKind::Internal;
    }
    let Some(goroutine) = mapping.goroutine(event) else { return SpanKind::Internal };
    let innermost = mapping.goroutines.innermost(goroutine).map(|nested| nested.span);
    if let Some(followed) = mapping.stacks.get_mut(goroutine) {
        if let (true, &[Some(key)]) = (followed.progress.is_at_begin_of_request(), &followed.spans[..]) {
            if innermost == Some(Open::Section(key)) {
                mapping.drop_section(key);
                return SpanKind::Server;
            }
        }
    }
    let Some(stack) = event.stack() else { return SpanKind::Internal };
    match mapping.stacks.classes.of(stack) {
        Said::Something(class)
            if class.is_in_round_tripper
                && class.operations.iter().all(|found| found.kind != Kind::HttpClient) =>
        {
            SpanKind::Client
        }
        _ => SpanKind::Internal,
    }
}

/// The moment of an event, and the one before.
fn moment(mapping: &Mapping, event: &Event<'_>) -> Moment {
    use EventType as E;
    let now = event.raw_time();
    let last = mapping.stacks.latest(event).unwrap_or(mapping.timeline.beginning().0);
    let is_own_doing = matches!(
        event.event_type(),
        E::GoBlock | E::GoSyscallBegin | E::GoUnblock | E::GoCreate | E::GoCreateBlocked
    );
    let wakes = match (event.event_type(), event.arguments()) {
        (E::GoUnblock, &[woken, ..]) => Some(GoroutineId(woken as i64)),
        _ => None,
    };
    Moment { last: last.min(now), now, is_own_doing, wakes }
}

/// Changes what is known of a goroutine, if it is followed, and takes the steps that follow from it.
fn follow(
    mapping: &mut Mapping,
    event: &Event<'_>,
    goroutine: GoroutineId,
    class: Option<&Class>,
    change: impl FnOnce(&mut Progress, &mut Vec<Step>),
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let mut steps = core::mem::take(&mut mapping.stacks.steps);
    let taken = match mapping.stacks.get_mut(goroutine) {
        Some(followed) => {
            change(&mut followed.progress, &mut steps);
            steps.iter().try_for_each(|&step| take(mapping, event, goroutine, class, step, sink))
        }
        None => Ok(()),
    };
    steps.clear();
    mapping.stacks.steps = steps;
    taken
}

fn take(
    mapping: &mut Mapping,
    event: &Event<'_>,
    goroutine: GoroutineId,
    class: Option<&Class>,
    step: Step,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let shown = |found: usize| class.and_then(|class| class.operations.get(found)).map(|found| &found.shown);
    let span_at = |mapping: &mut Mapping, depth: usize| {
        mapping.stacks.get_mut(goroutine).and_then(|followed| *followed.spans.get(depth)?)
    };
    match step {
        Step::Open { kind, found, start, was_there } => {
            let span = begin(mapping, event, goroutine, kind, start, was_there);
            if let (Some(key), Some(shown)) = (span, found.and_then(shown)) {
                tell(mapping, key, shown);
            }
            if let Some(followed) = mapping.stacks.get_mut(goroutine) {
                followed.spans.push(span);
            }
        }
        Step::Settle { depth, latest } => {
            if let Some(call) = span_at(mapping, depth).and_then(|key| call_mut(mapping, key)) {
                call.settle(latest);
            }
        }
        Step::Show { depth, found } => {
            let shown = match found {
                Some(found) => shown(found),
                None => class.and_then(|class| class.unwound.as_ref()),
            };
            if let (Some(key), Some(shown)) = (span_at(mapping, depth), shown) {
                tell(mapping, key, shown);
            }
        }
        Step::Close { end } => {
            let span = mapping.stacks.get_mut(goroutine).and_then(|followed| followed.spans.pop()?);
            if let Some(key) = span {
                if let Some(call) = call_mut(mapping, key) {
                    call.end_width = Some(end.width());
                }
                let seen = Ending::seen(end.estimate, Some(goroutine));
                let ending = Ending { is_clamped: event.is_time_assumed(), ..seen };
                return mapping.end_section(key, ending, What::unfinished, sink);
            }
        }
    }
    Ok(())
}

fn call_mut(mapping: &mut Mapping, key: SectionKey) -> Option<&mut OpenCall> {
    match mapping.open.section_mut(key).map(|section| &mut section.what) {
        Some(What::Call(call)) => Some(call),
        _ => None,
    }
}

/// Takes what a stack tells of an operation.
fn tell(mapping: &mut Mapping, key: SectionKey, shown: &Shown) {
    let is_database_given = *mapping.options.db_system_name != *UNKNOWN_DATABASE;
    let Some(section) = mapping.open.section_mut(key) else { return };
    let What::Call(call) = &mut section.what else { return };
    call.show(shown, is_database_given);
    if shown.code.is_some() {
        section.span.place.code.clone_from(&shown.code);
    }
}

/// Opens the span of an operation, if it gets one.
fn begin(
    mapping: &mut Mapping,
    event: &Event<'_>,
    goroutine: GoroutineId,
    kind: Kind,
    start: Bounds,
    was_there: bool,
) -> Option<SectionKey> {
    let is_told_at_end = was_there && mapping.stacks.is_told_at_end(kind);
    if is_told_at_end || is_made_by_task(mapping, goroutine, kind) {
        return None;
    }
    let parent = parent_of(mapping, goroutine, kind);
    if is_within_its_like(mapping, goroutine, &parent, kind) {
        return None;
    }
    if mapping.stacks.count >= mapping.options.limits.open_operations {
        mapping.counters.dropped_spans += 1;
        return None;
    }
    let depth = mapping.stacks.get_mut(goroutine).map_or(0, |followed| followed.spans.len());
    let facts = mapping.facts(&kind.scope(), event, TaskId::BACKGROUND, !was_there).at_depth(depth);
    let identity: Identity = parent.child(&facts);
    let begin = match was_there {
        true if mapping.goroutines.may_be_older(goroutine) => mapping.timeline.beginning(),
        _ => (start.estimate, mapping.timeline.wall_at(start.estimate)),
    };
    let place = Place { goroutine: Some(goroutine), thread: event.thread(), code: None };
    let mut span = mapping.begin_span(identity, "".into(), begin, TaskId::BACKGROUND, place);
    span.is_start_clamped = event.is_time_assumed();
    mapping.keep_stack(&mut span, event);
    span.parent = parent;
    let database = Arc::clone(&mapping.options.db_system_name);
    let call = OpenCall::new(kind, was_there, start, database);
    let id = span.id();
    let key = mapping.begin_section(span, What::Call(Box::new(call)));
    mapping.stacks.opened(id, key);
    if was_there {
        // What the goroutine did before the trace nobody knows.
        if let Some(section) = mapping.open.section_mut(key) {
            section.span.meanwhile.forget();
        }
    }
    Some(key)
}

/// Whether a request is made for a task that stands for it.
fn is_made_by_task(mapping: &Mapping, goroutine: GoroutineId, kind: Kind) -> bool {
    let innermost = mapping.goroutines.innermost(goroutine).map(|nested| nested.span);
    let Some(open @ Open::Task(_)) = innermost.filter(|_| kind == Kind::HttpClient) else { return false };
    mapping.open.span(open).is_some_and(|task| task.kind == SpanKind::Client)
}

/// What is around it on its goroutine; else, but for servers, what that was created in.
fn parent_of(mapping: &Mapping, goroutine: GoroutineId, kind: Kind) -> LocalParent {
    match mapping.goroutines.innermost(goroutine) {
        Some(around) => mapping.open.nested_as_parent(around),
        None if kind.is_server() => LocalParent::default(),
        None => mapping.creation_as_parent(goroutine),
    }
}

/// Whether the next operation around it is of the same kind: then it is part of that. Of the fork's it need not be the
/// next one.
fn is_within_its_like(mapping: &Mapping, goroutine: GoroutineId, parent: &LocalParent, kind: Kind) -> bool {
    let tells_of_it = |open: Open| {
        let Open::Section(key) = open else { return false };
        let what = mapping.open.section(key).map(|section| &section.what);
        matches!(what, Some(What::Operation(told)) if Kind::of(told.operation) == Some(kind))
    };
    let open = mapping.goroutines.get(goroutine).map(|known| &known.open[..]).unwrap_or_default();
    let is_part =
        |around| matches!(around, Open::Section(key) if is_call(mapping, key, kind)) || tells_of_it(around);
    parent.span.is_some_and(is_part) || open.iter().any(|nested| tells_of_it(nested.span))
}
