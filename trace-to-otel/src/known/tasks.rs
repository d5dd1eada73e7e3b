//! Tasks: those that are open, and what later events may want to know of others.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use go_trace_context::TraceParent;
use go_trace_format::{
    Time,
    event::{GoroutineId, TaskId},
};

use crate::{
    clock::WallOffset,
    identity::{Identity, SpanContext},
    known::{
        open_tasks::OpenTasks,
        span::{Annotated, Notes, OpenSpan},
    },
};

/// For how many goroutines it is remembered what was said of their next tasks, which begin at once.
const MOST_NEXT: usize = 1 << 12;

/// The tasks that are open, and what later events may want to know of others.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub(crate) open: OpenTasks,
    /// Those that began before the trace did.
    pub(crate) mentioned: BTreeMap<TaskId, Mentioned>,
    pub(crate) ended: EndedTasks,
    /// What was said of the tasks that begin next on their goroutines.
    pub(crate) next: BTreeMap<GoroutineId, (Arc<str>, TraceParent)>,
    /// The lowest id of those that have begun since the trace's beginning or the last gap: the runtime counts them up.
    first_begun: Option<TaskId>,
}

/// The contexts of tasks that have ended.
///
/// There may be many. Those that end at about the same time have ids near each other: in blocks, they are near each
/// other in memory too, where single ones would all be far from any cache.
#[derive(Debug, Default)]
pub(crate) struct EndedTasks {
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
    pub(crate) fn insert(&mut self, task: TaskId, context: SpanContext, most: usize) {
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
pub(crate) struct Mentioned {
    pub(crate) identity: Identity,
    /// When it was seen first.
    pub(crate) since: Time,
    /// Whether that is not what the trace says, as it cannot be.
    pub(crate) is_since_clamped: bool,
    /// The wall clock of that generation.
    pub(crate) wall: WallOffset,
    pub(crate) notes: Notes,
}

impl Mentioned {
    /// The span around it, as far as the program says that.
    pub(crate) fn within(&self) -> Option<SpanContext> {
        self.notes.said.as_ref()?.within
    }
}

impl Tasks {
    /// The span of an open task.
    pub(crate) fn span(&self, task: TaskId) -> Option<&OpenSpan> {
        self.open.get(task)
    }

    pub(crate) fn span_mut(&mut self, task: TaskId) -> Option<&mut OpenSpan> {
        self.open.get_mut(task)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The ids of the oldest open tasks.
    pub(crate) fn oldest(&mut self, most: usize) -> Vec<TaskId> {
        self.open.oldest(most)
    }

    /// The context of a task that has ended, or that nobody has seen begin.
    pub(crate) fn context_of_other(&self, task: TaskId) -> Option<SpanContext> {
        match self.mentioned.get(&task) {
            Some(mentioned) => Some(mentioned.identity.place(mentioned.within()).context),
            None => self.ended.get(task),
        }
    }

    /// How many events of tasks there are.
    pub(crate) fn pending_events(&self) -> usize {
        let mentioned = self.mentioned.values().map(|mentioned| mentioned.notes.held());
        self.open.values().map(|span| span.details.held()).chain(mentioned).sum()
    }

    pub(crate) fn knows(&self, task: TaskId) -> bool {
        self.open.has(task) || self.mentioned.contains_key(&task) || self.ended.get(task).is_some()
    }

    /// A task begins.
    pub(crate) fn begin(&mut self, task: TaskId, span: Box<OpenSpan>) {
        let first = self.first_begun.get_or_insert(task);
        *first = task.min(*first);
        self.open.insert(task, span);
    }

    /// The name and the context of the task that begins next on a goroutine are said. Says whether there is room for them.
    pub(crate) fn expect(&mut self, goroutine: GoroutineId, next: (Arc<str>, TraceParent)) -> bool {
        let has_room = self.next.len() < MOST_NEXT || self.next.contains_key(&goroutine);
        if has_room {
            self.next.insert(goroutine, next);
        }
        has_room
    }

    /// Whether a task cannot have begun before the trace.
    pub(crate) fn is_newer(&self, task: TaskId) -> bool {
        self.first_begun.is_some_and(|first| task >= first)
    }

    /// Something is missing before what comes, in which tasks may have begun.
    pub(crate) fn begin_anew(&mut self) {
        self.next.clear();
        self.first_begun = None;
    }

    /// Forgets the tasks that have ended.
    pub(crate) fn forget_ended(&mut self) {
        self.ended = EndedTasks::default();
    }

    /// Where logs of the task go. None for a task that has ended.
    pub(crate) fn annotate(&mut self, task: TaskId) -> Option<Annotated<'_>> {
        if let Some(span) = self.open.get_mut(task) {
            return Some(span.annotate());
        }
        let Mentioned { identity, wall, notes, .. } = self.mentioned.get_mut(&task)?;
        Some(Annotated { identity, wall: *wall, notes })
    }
}

crate::saved::saved!(Tasks { open, mentioned, ended, next, first_begun });
crate::saved::saved!(EndedTasks { blocks, order });
crate::saved::saved!(Mentioned { identity, since, is_since_clamped, wall, notes });
