//! The spans that are open, whatever they are, and what they are to each other.

use std::collections::BTreeMap;

use go_trace_format::event::{GoroutineId, TaskId};

use crate::{
    anatomy::{Anatomy, Totals},
    goroutines::{Creation, Goroutines, Nested},
    identity::{Facts, Identity, Placed, SpanContext},
    mapper::Mapper,
    near::Number,
    span::{Link, SpanSink, UnixTime},
    spans::{
        Ending, Form, Missing, OpenSpan, Tasks, frames::Frames, operation::OpenOperation, region::DEEPEST,
    },
};

/// An open region or operation: the how many-th of all. The key of one that has ended is never another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FrameKey(u64);

impl Number for FrameKey {
    #[inline]
    fn number(self) -> u64 {
        self.0
    }
}

/// A span that is open, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Task(TaskId),
    Frame(FrameKey),
}

/// A region or an operation that is open: what the nests of goroutines are made of.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) span: Box<OpenSpan>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Region,
    Operation(Box<OpenOperation>),
}

/// The local parent of a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LocalParent {
    /// None where there is none, or where it is over and will tell nothing new.
    pub(crate) span: Option<Open>,
    /// Its context as far as it was known last.
    pub(crate) context: Option<SpanContext>,
    /// Whether it had ended when its child began: then it is linked only.
    pub(crate) is_over: bool,
}

/// How far up the ancestors of a span are asked for their contexts. Above that, what they said when their child began
/// is taken to be true still.
pub(crate) const MOST_ANCESTORS: usize = 64;

/// How many regions and operations that have ended are remembered with their contexts.
const MOST_RENAMED: usize = 1 << 14;

/// All that is open.
#[derive(Debug, Default)]
pub(crate) struct OpenSpans {
    frames: Frames,
    pub(crate) tasks: Tasks,
    last_key: FrameKey,
    /// Those that have ended, and were told their contexts while they had children.
    renamed: BTreeMap<FrameKey, SpanContext>,
    /// Whether some span was told its context after it began: what was true then need not be true now.
    pub(crate) has_changed_contexts: bool,
}

impl OpenSpans {
    fn insert(&mut self, span: Box<OpenSpan>, what: What) -> (FrameKey, &mut Frame) {
        let key = FrameKey(self.last_key.0.wrapping_add(1));
        self.last_key = key;
        (key, self.frames.insert(key, Frame { span, what }))
    }

    pub(crate) fn frame(&self, key: FrameKey) -> Option<&Frame> {
        self.frames.get(key)
    }

    pub(crate) fn frame_mut(&mut self, key: FrameKey) -> Option<&mut Frame> {
        self.frames.get_mut(key)
    }

    /// The span itself, as long as it is open.
    pub(crate) fn span(&self, open: Open) -> Option<&OpenSpan> {
        match open {
            Open::Task(id) => self.tasks.span(id),
            Open::Frame(key) => self.frames.get(key).map(|frame| &*frame.span),
        }
    }

    /// The same, to be changed.
    pub(crate) fn span_mut(&mut self, open: Open) -> Option<&mut OpenSpan> {
        match open {
            Open::Task(id) => self.tasks.span_mut(id),
            Open::Frame(key) => self.frames.get_mut(key).map(|frame| &mut *frame.span),
        }
    }

    /// The oldest of the open tasks, and then of the open regions and operations.
    pub(crate) fn oldest(&mut self, most: usize) -> Vec<Open> {
        let mut oldest: Vec<Open> = self.tasks.oldest(most).into_iter().map(Open::Task).collect();
        let frames = self.frames.oldest(most - oldest.len());
        oldest.extend(frames.into_iter().map(Open::Frame));
        oldest
    }

    /// How many spans are open.
    pub(crate) fn len(&self) -> usize {
        self.frames.len() + self.tasks.len()
    }

    pub(crate) fn is_open(&self, open: Open) -> bool {
        match open {
            Open::Task(id) => self.tasks.span(id).is_some(),
            Open::Frame(key) => self.frames.get(key).is_some(),
        }
    }

    /// The context of a span as it is now; none where it is not known any more.
    pub(crate) fn context(&self, open: Open) -> Option<SpanContext> {
        self.context_within(open, MOST_ANCESTORS)
    }

    /// The same of a span that is open on a goroutine.
    #[inline]
    pub(crate) fn context_of(&self, nested: Nested) -> Option<SpanContext> {
        if self.has_changed_contexts { self.context(nested.span) } else { Some(nested.context) }
    }

    fn context_within(&self, open: Open, ancestors: usize) -> Option<SpanContext> {
        let span = match open {
            Open::Frame(key) => match self.frames.get(key) {
                Some(frame) => &frame.span,
                None => return self.renamed.get(&key).copied(),
            },
            Open::Task(id) => match self.tasks.span(id) {
                Some(span) => span,
                None => return self.tasks.context_of_other(id),
            },
        };
        Some(span.placed(self.parent_context(&span.parent, ancestors)).context)
    }

    /// The context of a local parent as it is now, or as it was last.
    fn parent_context(&self, parent: &LocalParent, ancestors: usize) -> Option<SpanContext> {
        if !self.has_changed_contexts {
            return parent.context;
        }
        let now = parent
            .span
            .zip(ancestors.checked_sub(1))
            .and_then(|(span, left)| self.context_within(span, left));
        now.or(parent.context)
    }

    /// The local parent's context when a span ends.
    pub(crate) fn final_parent_context(&self, parent: &LocalParent) -> Option<SpanContext> {
        self.parent_context(parent, MOST_ANCESTORS)
    }

    /// What a span that begins now is told of its parent.
    pub(crate) fn as_parent(&self, span: Open) -> LocalParent {
        LocalParent { span: Some(span), context: self.context(span), is_over: false }
    }

    /// The same of a parent that is open on a goroutine.
    pub(crate) fn nested_as_parent(&self, nested: Nested) -> LocalParent {
        LocalParent { span: Some(nested.span), context: self.context_of(nested), is_over: false }
    }

    /// Whether something is part of a task, itself or by one of its ancestors.
    pub(crate) fn is_within(&self, mut open: Open, task: TaskId) -> bool {
        for _ in 0..MOST_ANCESTORS {
            if open == Open::Task(task) {
                return true;
            }
            let Some(span) = self.span(open) else { return false };
            match span.parent.span {
                _ if span.task == task => return true,
                Some(parent) => open = parent,
                None => return false,
            }
        }
        false
    }

    fn remove(&mut self, key: FrameKey) -> Option<Frame> {
        let frame = self.frames.remove(key)?;
        if self.has_changed_contexts {
            self.remember_if_renamed(key, &frame.span);
        }
        Some(frame)
    }

    /// What a span was called in the end is kept where its children may have been told something else.
    fn remember_if_renamed(&mut self, key: FrameKey, span: &OpenSpan) {
        let context = span.placed(self.final_parent_context(&span.parent)).context;
        if context == span.placed(span.parent.context).context && !span.identity.is_written_down() {
            return;
        }
        self.renamed.insert(key, context);
        if self.renamed.len() > MOST_RENAMED {
            self.renamed.pop_first();
        }
    }

    /// The regions and operations that are open, the latest first.
    fn frames_from_latest(&self) -> Vec<FrameKey> {
        self.frames.latest_first()
    }

    /// The operations that are open.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &OpenOperation> {
        self.frames.values().filter_map(|frame| match &frame.what {
            What::Operation(operation) => Some(&**operation),
            What::Region => None,
        })
    }

    /// How many regions and operations are open.
    pub(crate) fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// How many events all spans hold.
    pub(crate) fn pending_events(&self) -> usize {
        let events = self.frames.values().map(|frame| frame.span.notes.events.len()).sum::<usize>();
        events + self.tasks.pending_events()
    }
}

/// What is known of a goroutine's time within a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Meanwhile {
    /// The span is not bound to a goroutine.
    #[default]
    Unknown,
    /// The goroutine's totals when the span began.
    From(Totals),
    /// The goroutine has ended, and the span has not.
    All(Anatomy),
}

impl LocalParent {
    /// The identity of its child.
    pub(crate) fn child(&self, facts: &Facts) -> Identity {
        match self.context.filter(|_| !self.is_over) {
            Some(parent) => Identity::of_child(facts, parent),
            None => Identity::new(facts),
        }
    }
}

impl OpenSpan {
    /// Takes note that the span was over at some time, with these totals of its goroutine, although it has not ended.
    pub(crate) fn abandon(&mut self, time: UnixTime, totals: &Totals) {
        self.abandoned = Some(time);
        if let Meanwhile::From(start) = self.meanwhile {
            self.meanwhile = Meanwhile::All(totals.since(&start));
        }
    }

    /// The span's place, by what its local parent is called.
    pub(crate) fn placed(&self, parent: Option<SpanContext>) -> Placed {
        if !self.parent.is_over {
            return self.identity.place(parent);
        }
        let placed = self.identity.place(None);
        Placed { link: placed.link.or(parent.map(Link::from)), ..placed }
    }
}

impl Goroutines {
    /// Puts a span onto its goroutine, if that is known, so that what the goroutine does meanwhile is counted.
    pub(super) fn bind(&mut self, span: &mut OpenSpan, open: Open) {
        let Some(id) = span.place.goroutine else { return };
        let goroutine = self.running(id, span.start);
        if goroutine.open.len() < DEEPEST {
            let (start, totals) = goroutine.totals_at(span.start);
            span.start = start;
            span.meanwhile = Meanwhile::From(*totals);
            goroutine.open.push(Nested { span: open, context: span.placed(span.parent.context).context });
        }
    }
}

impl Mapper {
    /// Takes a span from its goroutine. Gives what that did meanwhile, if the span has not ended elsewhere.
    pub(crate) fn unbind(&mut self, span: &OpenSpan, open: Open, ending: &mut Ending) -> Option<Anatomy> {
        let is_cut = ending.missing == Some(Missing::End);
        if let Meanwhile::All(anatomy) = span.meanwhile {
            return Some(anatomy).filter(|_| is_cut);
        }
        let Meanwhile::From(start) = &span.meanwhile else { return None };
        let id = span.place.goroutine?;
        if !is_cut && ending.goroutine != Some(id) {
            self.goroutines.close(id, open);
            return None;
        }
        let (end, meanwhile) = self.goroutines.close_at(id, open, ending.time, start)?;
        ending.time = end;
        Some(meanwhile)
    }

    /// Opens a region or an operation.
    pub(crate) fn begin_frame(&mut self, span: Box<OpenSpan>, what: What) -> FrameKey {
        self.note_overlap(&span);
        // Its key has to be known before it can be put onto its goroutine.
        let (key, frame) = self.open.insert(span, what);
        self.goroutines.bind(&mut frame.span, Open::Frame(key));
        key
    }

    /// The region or operation that is open innermost on a goroutine.
    pub(crate) fn innermost_frame(&self, goroutine: GoroutineId) -> Option<Nested> {
        let open = &self.goroutines.get(goroutine)?.open;
        open.iter().copied().rfind(|nested| matches!(nested.span, Open::Frame(_)))
    }

    /// The region or operation that a goroutine was created in: as a parent as long as it is open, then as a link.
    pub(crate) fn creation_as_parent(&self, goroutine: GoroutineId) -> LocalParent {
        match self.goroutines.creation(goroutine) {
            Some(Creation { span, context }) if self.open.is_open(span) => LocalParent {
                span: Some(span),
                context: self.open.context(span).or(Some(context)),
                is_over: false,
            },
            Some(Creation { context, .. }) => {
                LocalParent { span: None, context: Some(context), is_over: true }
            }
            None => LocalParent::default(),
        }
    }

    /// A frame turns out to have been over at some time, without its end having been seen.
    pub(crate) fn abandon(&mut self, key: FrameKey, goroutine: GoroutineId, time: UnixTime) {
        let (Some(frame), Some(known)) = (self.open.frame_mut(key), self.goroutines.get_mut(goroutine))
        else {
            return;
        };
        let (time, totals) = known.totals_at(time);
        frame.span.abandon(time, totals);
        self.goroutines.close(goroutine, Open::Frame(key));
    }

    /// Ends a frame, and hands it on in the form that it has.
    pub(crate) fn end_frame<S: SpanSink>(
        &mut self,
        key: FrameKey,
        mut ending: Ending,
        form: impl FnOnce(&What) -> Option<Form>,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(frame) = self.open.remove(key) else { return Ok(()) };
        let anatomy = self.unbind(&frame.span, Open::Frame(key), &mut ending);
        match &frame.what {
            What::Region => self.regions.closed(),
            What::Operation(operation) => self.operations.closed(key, operation),
        }
        match form(&frame.what) {
            Some(form) => self.emit(form, frame.span, anatomy, ending, sink),
            None => Ok(()),
        }
    }

    /// Ends a frame of which the end is not known.
    pub(crate) fn end_unfinished<S: SpanSink>(
        &mut self,
        key: FrameKey,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.remember_unfinished(key);
        // What its goroutine has not ended was over with the goroutine at the latest.
        let abandoned = self.open.frame(key).and_then(|frame| frame.span.abandoned);
        let ending = Ending { time: abandoned.unwrap_or(ending.time), ..ending };
        self.end_frame(key, ending, What::unfinished, sink)
    }

    /// Ends every frame, those inside of others first.
    pub(crate) fn end_all_frames<S: SpanSink>(
        &mut self,
        ending: Ending,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        for key in self.open.frames_from_latest() {
            self.end_unfinished(key, ending, sink)?;
        }
        self.regions.clear();
        Ok(())
    }
}

crate::saved::saved!(FrameKey { 0 });
crate::saved::saved_enum!(Open { 0 => Task(id), 1 => Frame(key) });
crate::saved::saved!(Frame { span, what });
crate::saved::saved_enum!(What { 0 => Region, 1 => Operation(operation) });
crate::saved::saved!(LocalParent { span, context, is_over });
crate::saved::saved_enum!(Meanwhile { 0 => Unknown, 1 => From(totals), 2 => All(anatomy) });
crate::saved::saved!(OpenSpans { frames, tasks, last_key, renamed, has_changed_contexts });
