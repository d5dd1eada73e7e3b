//! Tasks. Go: `runtime/trace.NewTask` and `Task.End`.

use std::collections::{BTreeMap, VecDeque};

use go_trace_format::{
    Event,
    event::{GoroutineId, Task, TaskId},
};

use crate::{
    identity::{Identity, SpanContext},
    mapper::Mapper,
    span::{Scope, SpanSink},
    spans::{Ending, Form, LocalParent, Notes, Open, OpenSpan},
};

/// The tasks that are open, and what later events may want to know of others.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// By id, which the runtime counts up: the oldest first.
    open: BTreeMap<TaskId, Box<OpenSpan>>,
    /// By id too: those next to come and to be forgotten are near each other, where most are far from any cache.
    others: BTreeMap<TaskId, Other>,
    /// The ids of `others` in the order in which they got there.
    order: VecDeque<TaskId>,
}

#[derive(Debug)]
enum Other {
    /// It has ended, and has been here.
    Ended(SpanContext),
    /// It began before the trace did: only its id was seen. Boxed, for this is rare.
    Mentioned(Box<Mentioned>),
}

#[derive(Debug)]
struct Mentioned {
    identity: Identity,
    notes: Notes,
}

impl Tasks {
    /// The span of an open task.
    pub(super) fn span(&self, task: TaskId) -> Option<&OpenSpan> {
        self.open.get(&task).map(|span| &**span)
    }

    pub(super) fn span_mut(&mut self, task: TaskId) -> Option<&mut OpenSpan> {
        self.open.get_mut(&task).map(|span| &mut **span)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The ids of the open tasks, the oldest first.
    pub(super) fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.open.keys().copied()
    }

    /// The context of a task that has ended, or that nobody has seen begin.
    pub(super) fn context_of_other(&self, task: TaskId) -> Option<SpanContext> {
        match self.others.get(&task)? {
            Other::Ended(context) => Some(*context),
            Other::Mentioned(mentioned) => Some(mentioned.identity.place(None).context),
        }
    }

    /// How many events of tasks there are.
    pub(super) fn pending_events(&self) -> usize {
        let others = self.others.values().filter_map(|other| match other {
            Other::Mentioned(mentioned) => Some(mentioned.notes.events.len()),
            Other::Ended(_) => None,
        });
        self.open.values().map(|span| span.notes.events.len()).chain(others).sum()
    }

    fn knows(&self, task: TaskId) -> bool {
        self.open.contains_key(&task) || self.others.contains_key(&task)
    }

    /// Where logs of the task go. None for a task that has ended.
    pub(super) fn annotate(&mut self, task: TaskId) -> Option<(&mut Identity, &mut Notes)> {
        if let Some(span) = self.open.get_mut(&task) {
            return Some((&mut span.identity, &mut span.notes));
        }
        match self.others.get_mut(&task)? {
            Other::Ended(_) => None,
            Other::Mentioned(mentioned) => Some((&mut mentioned.identity, &mut mentioned.notes)),
        }
    }

    fn take_mentioned(&mut self, task: TaskId) -> Option<Box<Mentioned>> {
        // Its place in the order stays; there it is skipped, or stands for the task's end.
        if matches!(self.others.get(&task), Some(Other::Mentioned(_))) {
            if let Some(Other::Mentioned(mentioned)) = self.others.remove(&task) {
                return Some(mentioned);
            }
        }
        None
    }
}

impl Mapper {
    pub(crate) fn task_begin<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        task: Task<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.make_room_for_task(task.id, sink)?;
        let parent = task.parent.filter(|&parent| parent != TaskId::BACKGROUND);
        if let Some(parent) = parent {
            self.mention(event, parent);
        }
        let (identity, notes) = match self.open.tasks.take_mentioned(task.id) {
            Some(mentioned) => (mentioned.identity, mentioned.notes),
            None => (Identity::new(&self.facts(Scope::Task, event, task.id, true)), Notes::default()),
        };
        let name = self.texts.name(task.name, "(unnamed task)");
        let mut span = self.open_span(identity, name, event, task.id);
        span.notes = notes;
        span.parent = self.parent_of_task(parent, span.place.goroutine);
        self.goroutines.bind(&mut span, Open::Task(task.id));
        self.note_overlap(&span);
        self.open.tasks.open.insert(task.id, span);
        Ok(())
    }

    pub(crate) fn task_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        task: Task<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let end = Ending::seen(self.timeline.time(event), self.goroutine(event));
        self.finish_abandoned_regions(task.id, sink)?;
        if self.open.tasks.span(task.id).is_some() {
            return self.finish_task(task.id, end, sink);
        }
        let (identity, notes) = match self.open.tasks.take_mentioned(task.id) {
            Some(mentioned) => (mentioned.identity, mentioned.notes),
            None if self.open.tasks.knows(task.id) => {
                self.counters.repeated_task_ends += 1;
                return Ok(());
            }
            None => (Identity::new(&self.facts(Scope::Task, event, task.id, false)), Notes::default()),
        };
        let name = self.texts.name(task.name, "(unknown task)");
        let mut span = self.unstarted_span(identity, name, task.id);
        span.notes = notes;
        self.remember(task.id, Other::Ended(span.identity.place(None).context));
        self.emit(Form::plain(Scope::Task), span, None, end.without_start(), sink)
    }

    /// Ends every task, the oldest first.
    pub(crate) fn finish_tasks<S: SpanSink>(&mut self, ending: Ending, sink: &mut S) -> Result<(), S::Error> {
        while let Some(&oldest) = self.open.tasks.open.keys().next() {
            self.finish_task(oldest, ending, sink)?;
        }
        Ok(())
    }

    /// Forgets the tasks that have ended, and those of which nothing but the id is known.
    pub(crate) fn forget_tasks(&mut self) {
        while let Some(id) = self.open.tasks.order.pop_front() {
            self.forget_task(id);
        }
    }

    /// Keeps the context of a task that nobody has seen begin, so that all its children get the same parent.
    pub(crate) fn mention(&mut self, event: &Event<'_>, task: TaskId) {
        if task == TaskId::BACKGROUND || self.open.tasks.knows(task) {
            return;
        }
        let identity = Identity::new(&self.facts(Scope::Task, event, task, true));
        let mentioned = Mentioned { identity, notes: Notes::default() };
        self.remember(task, Other::Mentioned(Box::new(mentioned)));
    }

    /// A task as a parent, if it is one.
    pub(super) fn task_as_parent(&self, task: TaskId) -> LocalParent {
        if task == TaskId::BACKGROUND {
            return LocalParent::default();
        }
        self.open.as_parent(Open::Task(task))
    }

    /// The task that it names; else the frame that it is made in; else the one that its goroutine was created in.
    fn parent_of_task(&self, named: Option<TaskId>, goroutine: Option<GoroutineId>) -> LocalParent {
        if let Some(named) = named {
            return self.task_as_parent(named);
        }
        let Some(goroutine) = goroutine else { return LocalParent::default() };
        match self.innermost_frame(goroutine) {
            Some(around) => self.open.as_parent(around),
            None => self.creation_as_parent(goroutine),
        }
    }

    fn finish_task<S: SpanSink>(
        &mut self,
        id: TaskId,
        mut ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(span) = self.open.tasks.open.remove(&id) else { return Ok(()) };
        let anatomy = self.unbind(&span, Open::Task(id), &mut ending);
        let parent = self.open.final_parent_context(&span.parent);
        self.remember(id, Other::Ended(span.placed(parent).context));
        self.emit(Form::plain(Scope::Task), span, anatomy, ending, sink)
    }

    /// Ends a task that begins a second time, and the oldest one where there are too many.
    fn make_room_for_task<S: SpanSink>(&mut self, task: TaskId, sink: &mut S) -> Result<(), S::Error> {
        let ending = Ending::unseen(self.timeline.latest());
        self.finish_task(task, ending, sink)?;
        while self.open.tasks.open.len() >= self.options.limits.open_tasks.max(1) {
            let Some(&oldest) = self.open.tasks.open.keys().next() else { break };
            self.counters.evicted_spans += 1;
            self.finish_task(oldest, ending, sink)?;
        }
        Ok(())
    }

    fn remember(&mut self, task: TaskId, other: Other) {
        if self.open.tasks.others.insert(task, other).is_none() {
            self.open.tasks.order.push_back(task);
        }
        while self.open.tasks.order.len() > self.options.limits.remembered_tasks {
            let Some(oldest) = self.open.tasks.order.pop_front() else { break };
            self.forget_task(oldest);
        }
    }

    fn forget_task(&mut self, task: TaskId) {
        if let Some(Other::Mentioned(mentioned)) = self.open.tasks.others.remove(&task) {
            // Nothing of it was seen but its id: no span goes out that could carry its logs.
            self.pending_events -= mentioned.notes.events.len();
            self.counters.unattached_logs +=
                mentioned.notes.events.len() as u64 + u64::from(mentioned.notes.dropped);
        }
    }
}

crate::saved::saved!(Tasks { open, others, order });
crate::saved::saved_enum!(Other { 0 => Ended(context), 1 => Mentioned(mentioned) });
crate::saved::saved!(Mentioned { identity, notes });
