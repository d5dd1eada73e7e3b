//! Tasks. Go: `runtime/trace.NewTask` and `Task.End`.

use std::collections::{BTreeMap, HashMap, VecDeque};

use go_trace_format::{
    Event,
    event::{GoroutineId, Task, TaskId},
};

use crate::{
    identity::{Identity, SpanContext},
    mapper::Mapper,
    span::{Scope, SpanSink},
    spans::{Ending, Form, LocalParent, Notes, Open, OpenSpan, open_tasks::OpenTasks},
};

/// The tasks that are open, and what later events may want to know of others.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    open: OpenTasks,
    /// Those that began before the trace did.
    mentioned: BTreeMap<TaskId, Mentioned>,
    ended: EndedTasks,
}

/// The contexts of tasks that have ended.
///
/// There may be many. Those that end at about the same time have ids near each other: in blocks, they are near each
/// other in memory too, where single ones would all be far from any cache.
#[derive(Debug, Default)]
struct EndedTasks {
    /// By the id's quotient and remainder.
    blocks: HashMap<u64, Box<[Option<SpanContext>; BLOCK]>, foldhash::fast::RandomState>,
    /// The blocks in the order in which they got there.
    order: VecDeque<u64>,
}

/// How many ids a block is for.
const BLOCK: usize = 64;

impl EndedTasks {
    fn place(task: TaskId) -> (u64, usize) {
        (task.0 / BLOCK as u64, task.0 as usize % BLOCK)
    }

    fn get(&self, task: TaskId) -> Option<SpanContext> {
        let (block, index) = Self::place(task);
        self.blocks.get(&block)?[index]
    }

    /// Remembers one more, and forgets the oldest block where there are too many.
    fn insert(&mut self, task: TaskId, context: SpanContext, most: usize) {
        let (block, index) = Self::place(task);
        let contexts = self.blocks.entry(block).or_insert_with(|| {
            self.order.push_back(block);
            Box::new([None; BLOCK])
        });
        contexts[index] = Some(context);
        if self.order.len() > most.div_ceil(BLOCK).max(1) {
            self.order.pop_front().and_then(|oldest| self.blocks.remove(&oldest));
        }
    }
}

/// A task of which only its id was seen.
#[derive(Debug)]
struct Mentioned {
    identity: Identity,
    notes: Notes,
}

impl Tasks {
    /// The span of an open task.
    pub(super) fn span(&self, task: TaskId) -> Option<&OpenSpan> {
        self.open.get(task)
    }

    pub(super) fn span_mut(&mut self, task: TaskId) -> Option<&mut OpenSpan> {
        self.open.get_mut(task)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// The ids of the oldest open tasks.
    pub(super) fn oldest(&mut self, most: usize) -> Vec<TaskId> {
        self.open.oldest(most)
    }

    /// The context of a task that has ended, or that nobody has seen begin.
    pub(super) fn context_of_other(&self, task: TaskId) -> Option<SpanContext> {
        match self.mentioned.get(&task) {
            Some(mentioned) => Some(mentioned.identity.place(None).context),
            None => self.ended.get(task),
        }
    }

    /// How many events of tasks there are.
    pub(super) fn pending_events(&self) -> usize {
        let mentioned = self.mentioned.values().map(|mentioned| &mentioned.notes);
        self.open.values().map(|span| &span.notes).chain(mentioned).map(|notes| notes.events.len()).sum()
    }

    fn knows(&self, task: TaskId) -> bool {
        self.open.has(task) || self.mentioned.contains_key(&task) || self.ended.get(task).is_some()
    }

    /// Where logs of the task go. None for a task that has ended.
    pub(super) fn annotate(&mut self, task: TaskId) -> Option<(&mut Identity, &mut Notes)> {
        if let Some(span) = self.open.get_mut(task) {
            return Some((&mut span.identity, &mut span.notes));
        }
        self.mentioned.get_mut(&task).map(|mentioned| (&mut mentioned.identity, &mut mentioned.notes))
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
        let parent = self.parent_of_task(parent, self.goroutine(event));
        let mentioned = self.open.tasks.mentioned.remove(&task.id);
        let identity = match &mentioned {
            Some(mentioned) => mentioned.identity,
            None => parent.child(&self.facts(Scope::Task, event, task.id, true)),
        };
        let name = self.texts.name_by_id(event.arguments()[2], task.name, "(unnamed task)");
        let mut span = self.open_span(identity, name, event, task.id);
        if let Some(Mentioned { notes, .. }) = mentioned {
            span.notes = notes;
        }
        span.parent = parent;
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
        let (identity, notes) = match self.open.tasks.mentioned.remove(&task.id) {
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
        self.remember_ended(task.id, span.identity.place(None).context);
        self.emit(Form::plain(Scope::Task), span, None, end.without_start(), sink)
    }

    /// Ends every task, the oldest first.
    pub(crate) fn finish_tasks<S: SpanSink>(&mut self, ending: Ending, sink: &mut S) -> Result<(), S::Error> {
        while let Some(&oldest) = self.open.tasks.oldest(1).first() {
            self.finish_task(oldest, ending, sink)?;
        }
        Ok(())
    }

    /// Forgets the tasks that have ended, and those of which nothing but the id is known.
    pub(crate) fn forget_tasks(&mut self) {
        self.open.tasks.ended = EndedTasks::default();
        self.forget_mentioned(0);
    }

    /// Keeps the context of a task that nobody has seen begin, so that all its children get the same parent.
    pub(crate) fn mention(&mut self, event: &Event<'_>, task: TaskId) {
        if task == TaskId::BACKGROUND || self.open.tasks.knows(task) {
            return;
        }
        let identity = Identity::new(&self.facts(Scope::Task, event, task, true));
        self.open.tasks.mentioned.insert(task, Mentioned { identity, notes: Notes::default() });
        self.forget_mentioned(self.options.limits.remembered_tasks);
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
            Some(around) => self.open.nested_as_parent(around),
            None => self.creation_as_parent(goroutine),
        }
    }

    fn finish_task<S: SpanSink>(
        &mut self,
        id: TaskId,
        mut ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(span) = self.open.tasks.open.remove(id) else { return Ok(()) };
        let anatomy = self.unbind(&span, Open::Task(id), &mut ending);
        let parent = self.open.final_parent_context(&span.parent);
        self.remember_ended(id, span.placed(parent).context);
        self.emit(Form::plain(Scope::Task), span, anatomy, ending, sink)
    }

    /// Ends a task that begins a second time, and the oldest one where there are too many.
    fn make_room_for_task<S: SpanSink>(&mut self, task: TaskId, sink: &mut S) -> Result<(), S::Error> {
        let ending = Ending::unseen(self.timeline.latest());
        self.finish_task(task, ending, sink)?;
        while self.open.tasks.open.len() >= self.options.limits.open_tasks.max(1) {
            let Some(&oldest) = self.open.tasks.oldest(1).first() else { break };
            self.counters.evicted_spans += 1;
            self.finish_task(oldest, ending, sink)?;
        }
        Ok(())
    }

    fn remember_ended(&mut self, task: TaskId, context: SpanContext) {
        self.open.tasks.ended.insert(task, context, self.options.limits.remembered_tasks);
    }

    /// Forgets the oldest tasks of which only the id was seen, but for so many: no span goes out that could carry
    /// their logs.
    fn forget_mentioned(&mut self, most: usize) {
        while self.open.tasks.mentioned.len() > most {
            let Some((_, Mentioned { notes, .. })) = self.open.tasks.mentioned.pop_first() else { break };
            self.pending_events -= notes.events.len();
            self.counters.unattached_logs += notes.events.len() as u64 + u64::from(notes.dropped);
        }
    }
}

crate::saved::saved!(Tasks { open, mentioned, ended });
crate::saved::saved!(EndedTasks { blocks, order });
crate::saved::saved!(Mentioned { identity, notes });
