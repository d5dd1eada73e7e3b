//! The spans that are open, whatever they are, and what they are to each other.

use std::collections::BTreeMap;

use go_trace_context::SpanId;
use go_trace_format::event::TaskId;

use crate::{
    identity::SpanContext,
    known::{
        dropped::Dropped,
        goroutines::{Goroutines, Nested},
        operations::OpenOperation,
        ranges::Ranges,
        sections::{Section, Sections, What},
        span::{LocalParent, Open, OpenSpan, SectionKey},
        tasks::Tasks,
    },
};

/// How far up the ancestors of a span are asked for their contexts. Above that, what they said when their child began
/// is taken to be true still.
pub(crate) const MOST_ANCESTORS: usize = 64;

/// How many regions and operations that have ended are remembered with their contexts.
const MOST_RENAMED: usize = 1 << 14;

/// All that is open.
#[derive(Debug, Default)]
pub(crate) struct OpenSpans {
    sections: Sections,
    pub(crate) tasks: Tasks,
    last_key: SectionKey,
    /// Those that have ended, and were told their contexts while they had children.
    renamed: BTreeMap<SectionKey, SpanContext>,
    pub(crate) dropped: Dropped,
    /// Whether some span was told its context after it began: what was true then need not be true now.
    pub(crate) has_changed_contexts: bool,
}

impl OpenSpans {
    pub(crate) fn insert(&mut self, span: Box<OpenSpan>, what: What) -> (SectionKey, &mut Section) {
        let key = self.last_key.next();
        self.last_key = key;
        (key, self.sections.insert(key, Section { span, what }))
    }

    pub(crate) fn section(&self, key: SectionKey) -> Option<&Section> {
        self.sections.get(key)
    }

    pub(crate) fn section_mut(&mut self, key: SectionKey) -> Option<&mut Section> {
        self.sections.get_mut(key)
    }

    /// The span itself, as long as it is open.
    pub(crate) fn span(&self, open: Open) -> Option<&OpenSpan> {
        match open {
            Open::Task(id) => self.tasks.span(id),
            Open::Section(key) => self.sections.get(key).map(|section| &*section.span),
        }
    }

    /// The same, to be changed.
    pub(crate) fn span_mut(&mut self, open: Open) -> Option<&mut OpenSpan> {
        match open {
            Open::Task(id) => self.tasks.span_mut(id),
            Open::Section(key) => self.sections.get_mut(key).map(|section| &mut *section.span),
        }
    }

    /// The oldest of the open tasks, and then of the open regions and operations.
    pub(crate) fn oldest(&mut self, most: usize) -> Vec<Open> {
        let mut oldest: Vec<Open> = self.tasks.oldest(most).into_iter().map(Open::Task).collect();
        let sections = self.sections.oldest(most - oldest.len());
        oldest.extend(sections.into_iter().map(Open::Section));
        oldest
    }

    /// How many spans are open.
    pub(crate) fn len(&self) -> usize {
        self.sections.len() + self.tasks.len()
    }

    pub(crate) fn is_open(&self, open: Open) -> bool {
        match open {
            Open::Task(id) => self.tasks.span(id).is_some(),
            Open::Section(key) => self.sections.get(key).is_some(),
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
            Open::Section(key) => match self.sections.get(key) {
                Some(section) => &section.span,
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
        let parent = self.dropped.outside(*parent);
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
            match self.dropped.outside(span.parent).span {
                _ if span.task == task => return true,
                Some(parent) => open = parent,
                None => return false,
            }
        }
        false
    }

    pub(crate) fn remove(&mut self, key: SectionKey) -> Option<Section> {
        let section = self.sections.remove(key)?;
        if self.has_changed_contexts {
            self.remember_if_renamed(key, &section.span);
        }
        Some(section)
    }

    /// What a span was called in the end is kept where its children may have been told something else.
    fn remember_if_renamed(&mut self, key: SectionKey, span: &OpenSpan) {
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
    pub(crate) fn sections_from_latest(&self) -> Vec<SectionKey> {
        self.sections.latest_first()
    }

    /// The same of those that are open of the `most` that began last.
    pub(crate) fn latest_sections(&self, most: usize) -> impl Iterator<Item = (SectionKey, &Section)> {
        self.sections.latest(most)
    }

    /// The operations that are open.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &OpenOperation> {
        self.sections.values().filter_map(|section| match &section.what {
            What::Operation(operation) => Some(&**operation),
            What::Region | What::Call(_) => None,
        })
    }

    pub(crate) fn is_operation(&self, key: SectionKey) -> bool {
        self.section(key).is_some_and(|section| matches!(section.what, What::Operation(_)))
    }

    /// How many regions are open.
    pub(crate) fn region_count(&self) -> usize {
        self.sections.values().filter(|section| matches!(section.what, What::Region)).count()
    }

    /// The operations that are open of which only stacks tell.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (SpanId, SectionKey)> {
        let calls = self.sections.iter().filter(|(_, section)| matches!(section.what, What::Call(_)));
        calls.map(|(key, section)| (section.span.id(), key))
    }

    /// Takes a section out as if it had never been.
    pub(crate) fn drop_section(&mut self, key: SectionKey) -> Option<Section> {
        let context = self.context(Open::Section(key))?;
        let section = self.sections.remove(key)?;
        self.dropped.insert(key, context, section.span.parent);
        Some(section)
    }

    /// Tells all that is open, and the goroutines that were created in it, of the sections that were taken away. Then nobody
    /// knows of these any more.
    pub(crate) fn settle_dropped(&mut self, ranges: &mut Ranges, goroutines: &mut Goroutines) {
        let dropped = core::mem::take(&mut self.dropped);
        let sections = self.sections.values_mut().map(|section| &mut *section.span);
        let ranges = ranges.open.values_mut().map(|range| &mut *range.span);
        for span in sections.chain(self.tasks.open.values_mut()).chain(ranges) {
            span.parent = dropped.outside(span.parent);
            dropped.unlink(span);
        }
        goroutines.recreate(|created| dropped.outside(created));
    }

    /// How many events all spans hold.
    pub(crate) fn pending_events(&self) -> usize {
        let events = self.sections.values().map(|section| section.span.details.held()).sum::<usize>();
        events + self.tasks.pending_events()
    }
}

crate::saved::saved!(OpenSpans { sections, tasks, last_key, renamed, dropped, has_changed_contexts });
