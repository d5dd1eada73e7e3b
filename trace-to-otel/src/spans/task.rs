//! Tasks. Go: `runtime/trace.NewTask` and `Task.End`.

use std::collections::{BTreeMap, HashMap, VecDeque};

use go_trace_format::{
    Event,
    event::{Task, TaskId},
};

use crate::{
    identity::{Identity, SpanContext},
    mapper::Mapper,
    span::{Scope, SpanSink},
    spans::{Ending, Missing, Notes, OpenSpan},
};

/// How far up a task's ancestors are asked for their contexts. Above that, what they said when the task began is
/// taken to be true still.
const MOST_ANCESTORS: usize = 64;

/// The tasks that are open, and what later events may want to know of others.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    /// By id, which the runtime counts up: the oldest first.
    open: BTreeMap<TaskId, OpenTask>,
    others: HashMap<TaskId, Other, foldhash::fast::RandomState>,
    /// The ids of `others` in the order in which they got there.
    order: VecDeque<TaskId>,
    /// Whether some span was told its context after it began: what was true then need not be true now.
    pub(super) has_changed_contexts: bool,
}

#[derive(Debug)]
struct OpenTask {
    parent: Option<TaskId>,
    span: OpenSpan,
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
    pub(crate) fn context(&self, task: TaskId) -> Option<SpanContext> {
        self.context_within(task, MOST_ANCESTORS)
    }

    fn context_within(&self, task: TaskId, ancestors: usize) -> Option<SpanContext> {
        if let Some(open) = self.open.get(&task) {
            return Some(open.span.placed(self.parent_context(open, ancestors)).context);
        }
        match self.others.get(&task)? {
            Other::Ended(context) => Some(*context),
            Other::Mentioned(mentioned) => Some(mentioned.identity.place(None).context),
        }
    }

    /// The parent's context as it is now; none where it is what it was when the task began.
    fn parent_context(&self, task: &OpenTask, ancestors: usize) -> Option<SpanContext> {
        if !self.has_changed_contexts {
            return None;
        }
        self.context_within(task.parent?, ancestors.checked_sub(1)?)
    }

    fn knows(&self, task: TaskId) -> bool {
        self.open.contains_key(&task) || self.others.contains_key(&task)
    }

    /// Where logs of the task go. None for a task that has ended.
    pub(super) fn annotate(&mut self, task: TaskId) -> Option<(&mut Identity, &mut Notes)> {
        if let Some(open) = self.open.get_mut(&task) {
            return Some((&mut open.span.identity, &mut open.span.notes));
        }
        match self.others.get_mut(&task)? {
            Other::Ended(_) => None,
            Other::Mentioned(mentioned) => Some((&mut mentioned.identity, &mut mentioned.notes)),
        }
    }

    /// Takes the oldest open task out.
    fn pop_oldest(&mut self) -> Option<(OpenSpan, Option<SpanContext>)> {
        let (_, task) = self.open.pop_first()?;
        let parent = self.parent_context(&task, MOST_ANCESTORS);
        Some((task.span, parent))
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
        let (identity, notes) = match self.tasks.take_mentioned(task.id) {
            Some(mentioned) => (mentioned.identity, mentioned.notes),
            None => (Identity::new(&self.facts(Scope::Task, event, task.id, true)), Notes::default()),
        };
        let name = self.texts.name(task.name, "(unnamed task)");
        let mut span = self.open_span(identity, name, event, task.id);
        span.notes = notes;
        span.parent_at_begin = parent.and_then(|parent| self.tasks.context(parent));
        self.tasks.open.insert(task.id, OpenTask { parent, span });
        Ok(())
    }

    pub(crate) fn task_end<S: SpanSink>(
        &mut self,
        event: &Event<'_>,
        task: Task<'_>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let end = self.timeline.time(event);
        self.finish_abandoned_regions(task.id, sink)?;
        if let Some(open) = self.tasks.open.remove(&task.id) {
            let parent = self.tasks.parent_context(&open, MOST_ANCESTORS);
            return self.finish_task(open.span, parent, Ending::seen(end), sink);
        }
        let (identity, notes) = match self.tasks.take_mentioned(task.id) {
            Some(mentioned) => (mentioned.identity, mentioned.notes),
            None if self.tasks.knows(task.id) => {
                self.counters.repeated_task_ends += 1;
                return Ok(());
            }
            None => (Identity::new(&self.facts(Scope::Task, event, task.id, false)), Notes::default()),
        };
        let name = self.texts.name(task.name, "(unknown task)");
        let mut span = self.unstarted_span(identity, name, task.id);
        span.notes = notes;
        let ending = Ending { missing: Some(Missing::Start), ..Ending::seen(end) };
        self.finish_task(span, None, ending, sink)
    }

    /// Ends every task, the oldest first.
    pub(crate) fn finish_tasks<S: SpanSink>(&mut self, ending: Ending, sink: &mut S) -> Result<(), S::Error> {
        while let Some((span, parent)) = self.tasks.pop_oldest() {
            self.finish_task(span, parent, ending, sink)?;
        }
        Ok(())
    }

    /// Forgets the tasks that have ended, and those of which nothing but the id is known.
    pub(crate) fn forget_tasks(&mut self) {
        while let Some(id) = self.tasks.order.pop_front() {
            self.forget_task(id);
        }
    }

    /// Keeps the context of a task that nobody has seen begin, so that all its children get the same parent.
    pub(crate) fn mention(&mut self, event: &Event<'_>, task: TaskId) {
        if task == TaskId::BACKGROUND || self.tasks.knows(task) {
            return;
        }
        let identity = Identity::new(&self.facts(Scope::Task, event, task, true));
        let mentioned = Mentioned { identity, notes: Notes::default() };
        self.remember(task, Other::Mentioned(Box::new(mentioned)));
    }

    fn finish_task<S: SpanSink>(
        &mut self,
        span: OpenSpan,
        parent: Option<SpanContext>,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.remember(span.task, Other::Ended(span.placed(parent).context));
        self.emit(Scope::Task, span, parent, ending, sink)
    }

    /// Ends a task that begins a second time, and the oldest one where there are too many.
    fn make_room_for_task<S: SpanSink>(&mut self, task: TaskId, sink: &mut S) -> Result<(), S::Error> {
        let ending = Ending::unseen(self.timeline.latest());
        if let Some(former) = self.tasks.open.remove(&task) {
            let parent = self.tasks.parent_context(&former, MOST_ANCESTORS);
            self.finish_task(former.span, parent, ending, sink)?;
        }
        while self.tasks.open.len() >= self.options.limits.open_tasks.max(1) {
            let Some((span, parent)) = self.tasks.pop_oldest() else { break };
            self.counters.evicted_spans += 1;
            self.finish_task(span, parent, ending, sink)?;
        }
        Ok(())
    }

    fn remember(&mut self, task: TaskId, other: Other) {
        if self.tasks.others.insert(task, other).is_none() {
            self.tasks.order.push_back(task);
        }
        while self.tasks.order.len() > self.options.limits.remembered_tasks {
            let Some(oldest) = self.tasks.order.pop_front() else { break };
            self.forget_task(oldest);
        }
    }

    fn forget_task(&mut self, task: TaskId) {
        if let Some(Other::Mentioned(mentioned)) = self.tasks.others.remove(&task) {
            // Nothing of it was seen but its id: no span goes out that could carry its logs.
            self.pending_events -= mentioned.notes.events.len();
            self.counters.unattached_logs +=
                mentioned.notes.events.len() as u64 + u64::from(mentioned.notes.dropped);
        }
    }
}
