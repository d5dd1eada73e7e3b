//! Tasks. Go: `runtime/trace.NewTask` and `Task.End`.

use go_trace_context::{LogContext, TraceParent};
use go_trace_format::{
    Event,
    event::{GoroutineId, Task, TaskId},
};

use crate::{
    form::{Ending, Form},
    identity::{Learned, SpanContext},
    known::{
        span::{LocalParent, Open},
        tasks::Mentioned,
    },
    mapping::Mapping,
    rules::stacks,
    sink::{Outlet, Stopped},
    span::Scope,
};

pub(crate) fn begin(
    mapping: &mut Mapping,
    event: &Event<'_>,
    task: Task<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    make_room(mapping, task.id, sink)?;
    let parent = task.parent.filter(|&parent| parent != TaskId::BACKGROUND);
    if let Some(parent) = parent {
        mapping.mention(event, parent);
    }
    let kind = stacks::task_stands_for(mapping, event);
    let parent = parent_of(mapping, parent, mapping.goroutine(event));
    let mentioned = mapping.open.tasks.mentioned.remove(&task.id);
    let identity = match &mentioned {
        Some(mentioned) => mentioned.identity.clone(),
        None => parent.child(&mapping.facts(&Scope::Task, event, task.id, true)),
    };
    let name = mapping.texts.name_by_id(task.name_id.map_or(0, |id| id.0), task.name, "(unnamed task)");
    let mut span = mapping.open_span(identity, name, event, task.id);
    if let Some(Mentioned { wall, notes, .. }) = mentioned {
        span.take_over(notes, wall);
    }
    span.parent = parent;
    span.kind = kind;
    if let Some(own) = context_said_before(mapping, event, &span.name) {
        let is_new = span.identity.learn(LogContext::Own(own)) == Learned::New;
        mapping.open.has_changed_contexts |= is_new;
    }
    mapping.bind(&mut span, Open::Task(task.id));
    mapping.note_overlap(&span);
    mapping.open.tasks.begin(task.id, span);
    Ok(())
}

/// The context that the program has said the next task of the goroutine has, if this is it.
fn context_said_before(mapping: &mut Mapping, event: &Event<'_>, name: &str) -> Option<TraceParent> {
    if mapping.open.tasks.next.is_empty() {
        return None;
    }
    let goroutine = mapping.goroutine(event)?;
    let (expected, context) = mapping.open.tasks.next.remove(&goroutine)?;
    (*expected == *name).then_some(context)
}

pub(crate) fn end(
    mapping: &mut Mapping,
    event: &Event<'_>,
    task: Task<'_>,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let end = Ending::by(event, mapping.goroutine(event));
    mapping.finish_abandoned_regions(task.id, sink)?;
    if mapping.open.tasks.span(task.id).is_some() {
        return finish(mapping, task.id, end, sink);
    }
    let mentioned = match mapping.open.tasks.mentioned.remove(&task.id) {
        Some(mentioned) => mentioned,
        None if mapping.open.tasks.knows(task.id) || mapping.open.tasks.is_newer(task.id) => {
            mapping.counters.repeated_task_ends += 1;
            return Ok(());
        }
        None => mapping.mentioned(event, task.id, false),
    };
    let name = mapping.texts.name(task.name, "(unknown task)");
    let within = mentioned.within();
    let mut span = mapping.unstarted_span(mentioned.identity, name, task.id);
    span.parent = LocalParent { context: within, ..LocalParent::default() };
    if mapping.open.tasks.is_newer(task.id) {
        // Its begin is lost, and not before the trace.
        (span.start, span.wall) = (mentioned.since, mentioned.wall);
        span.is_start_clamped = mentioned.is_since_clamped;
    }
    span.take_over(mentioned.notes, mentioned.wall);
    remember_ended(mapping, task.id, span.identity.place(within).context);
    mapping.emit(None, Form::plain(Scope::Task), span, None, end.without_start(), sink)
}

/// Ends every task, the oldest first.
pub(crate) fn end_all(mapping: &mut Mapping, ending: Ending, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    while let Some(&oldest) = mapping.open.tasks.oldest(1).first() {
        finish(mapping, oldest, ending, sink)?;
    }
    Ok(())
}

/// The task that it names; else the section that it is made in; else the one that its goroutine was created in.
fn parent_of(mapping: &Mapping, named: Option<TaskId>, goroutine: Option<GoroutineId>) -> LocalParent {
    if let Some(named) = named {
        return mapping.task_as_parent(named);
    }
    let Some(goroutine) = goroutine else { return LocalParent::default() };
    match mapping.innermost_section(goroutine) {
        Some(around) => mapping.open.nested_as_parent(around),
        None => mapping.creation_as_parent(goroutine),
    }
}

fn finish(
    mapping: &mut Mapping,
    id: TaskId,
    mut ending: Ending,
    sink: &mut Outlet<'_>,
) -> Result<(), Stopped> {
    let Some(span) = mapping.open.tasks.open.remove(id) else { return Ok(()) };
    let anatomy = mapping.unbind(&span, Open::Task(id), &mut ending);
    let parent = mapping.open.final_parent_context(&span.parent);
    remember_ended(mapping, id, span.placed(parent).context);
    let form = Form { kind: span.kind, ..Form::plain(Scope::Task) };
    mapping.emit(Some(Open::Task(id)), form, span, anatomy, ending, sink)
}

/// Ends a task that begins a second time, and the oldest one where there are too many.
fn make_room(mapping: &mut Mapping, task: TaskId, sink: &mut Outlet<'_>) -> Result<(), Stopped> {
    let ending = Ending::unseen(mapping.timeline.latest());
    finish(mapping, task, ending, sink)?;
    while mapping.open.tasks.open.len() >= mapping.options.limits.open_tasks.max(1) {
        let Some(&oldest) = mapping.open.tasks.oldest(1).first() else { break };
        mapping.counters.evicted_spans += 1;
        finish(mapping, oldest, ending, sink)?;
    }
    Ok(())
}

fn remember_ended(mapping: &mut Mapping, task: TaskId, context: SpanContext) {
    mapping.open.tasks.ended.insert(task, context, mapping.options.limits.remembered_tasks);
}
