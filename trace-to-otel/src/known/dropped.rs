//! Sections that were taken away as if they had never been, while others may know of them.

use std::collections::{HashMap, HashSet};

use go_trace_context::SpanId;

use crate::{
    identity::SpanContext,
    known::span::{LocalParent, Open, OpenSpan, SectionKey},
};

/// Sections that were taken away. Whoever has one for its parent, or a link to it, finds out when that matters: to look for
/// them each time that a section goes would take as long as much is open.
#[derive(Debug, Default)]
pub(crate) struct Dropped {
    /// What was around each of them.
    around: HashMap<SectionKey, LocalParent, foldhash::fast::RandomState>,
    ids: HashSet<SpanId, foldhash::fast::RandomState>,
}

impl Dropped {
    pub(crate) fn len(&self) -> usize {
        self.around.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.around.is_empty()
    }

    pub(crate) fn insert(&mut self, key: SectionKey, context: SpanContext, around: LocalParent) {
        let around = self.outside(around);
        self.around.insert(key, around);
        self.ids.insert(context.span_id);
    }

    /// A parent, or what is around it where it was taken away.
    pub(crate) fn outside(&self, mut parent: LocalParent) -> LocalParent {
        let mut earliest = None;
        while let Some(Open::Section(key)) = parent.span.filter(|_| !self.is_empty()) {
            // What is around a section began before it.
            let is_earlier = earliest.is_none_or(|earliest| key < earliest);
            let Some(&around) = self.around.get(&key).filter(|_| is_earlier) else { break };
            (parent, earliest) = (around, Some(key));
        }
        parent
    }

    /// Takes links to them away from a span.
    pub(crate) fn unlink(&self, span: &mut OpenSpan) {
        if let Some(details) = span.details.get_mut().filter(|_| !self.is_empty()) {
            details.links.to.retain(|link| !self.ids.contains(&link.span_id));
        }
    }
}

crate::saved::saved!(Dropped { around, ids });
