//! Which spans time is counted for, by number, and what they are called once they have gone out.

use std::collections::HashMap;

use go_trace_context::{SpanId, TraceId};

use crate::known::{
    changes::{Fate, SpanOut},
    span::Open,
};

/// A span by its place in the [`SpanTable`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SpanNumber(pub(super) u32);

impl SpanNumber {
    /// No span.
    pub(super) const NONE: Self = Self(0);

    fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

/// The spans, in the order in which they became innermost on a goroutine.
///
/// A span is called by a number while it is open. Only when it goes out is it certain that it does, and by which ids: the time of one
/// that never does belongs to the span around it.
#[derive(Debug)]
pub(super) struct SpanTable {
    spans: Vec<Entry>,
    most: usize,
    left_out: u64,
    open: HashMap<Open, SpanNumber, foldhash::fast::RandomState>,
    /// Those that are over and have not gone out, by the ids that they would go out by.
    over: HashMap<(TraceId, SpanId), SpanNumber, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Entry {
    /// What was around it on its goroutine: a lower number.
    around: SpanNumber,
    out: Option<SpanOut>,
}

impl SpanTable {
    pub(super) fn new(most: usize) -> Self {
        Self { spans: Vec::new(), most, left_out: 0, open: HashMap::default(), over: HashMap::default() }
    }

    /// The number of a span that is innermost on a goroutine; that of what is around it where it is one too many.
    pub(super) fn number(&mut self, open: Open, around: SpanNumber) -> SpanNumber {
        if let Some(&known) = self.open.get(&open) {
            return known;
        }
        if self.spans.len() >= self.most {
            self.left_out += 1;
            return around;
        }
        self.spans.push(Entry { around, out: None });
        let number = SpanNumber(self.spans.len() as u32);
        self.open.insert(open, number);
        number
    }

    /// A span is over.
    pub(super) fn end(&mut self, open: Open, fate: Fate) {
        let Some(number) = self.open.remove(&open) else { return };
        match fate {
            Fate::HandedOn(context) => drop(self.over.insert((context.trace_id, context.span_id), number)),
            Fate::ExportedElsewhere(context) => self.set_out(
                number,
                SpanOut { trace_id: context.trace_id, span_id: context.span_id, name: None, parent: None },
            ),
            Fate::Dropped => {}
        }
    }

    /// A span has gone out.
    pub(super) fn go_out(&mut self, span: SpanOut) {
        if let Some(number) = self.over.remove(&(span.trace_id, span.span_id)) {
            self.set_out(number, span);
        }
    }

    fn set_out(&mut self, number: SpanNumber, span: SpanOut) {
        if let Some(entry) = number.index().and_then(|index| self.spans.get_mut(index)) {
            entry.out = Some(span);
        }
    }

    fn entry(&self, number: SpanNumber) -> Option<&Entry> {
        self.spans.get(number.index()?)
    }

    /// The span that has gone out.
    pub(super) fn out(&self, number: SpanNumber) -> Option<&SpanOut> {
        self.entry(number)?.out.as_ref()
    }

    /// All that have gone out.
    pub(super) fn outs(&self) -> impl Iterator<Item = &SpanOut> {
        self.spans.iter().filter_map(|entry| entry.out.as_ref())
    }

    pub(super) fn outs_mut(&mut self) -> impl Iterator<Item = &mut SpanOut> {
        self.spans.iter_mut().filter_map(|entry| entry.out.as_mut())
    }

    /// Whose time that of a span is: its own, or, if it has not gone out, that of the next one around it that has.
    pub(super) fn owner(&self, mut number: SpanNumber) -> SpanNumber {
        while let Some(Entry { around, out: None }) = self.entry(number) {
            number = *around;
        }
        number
    }

    /// How often a span was one too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Which spans are such, or are within one on their goroutine or below one: by number, from 1.
    pub(super) fn within(&self, mut is_one: impl FnMut(&SpanOut) -> bool) -> Within {
        let outs = self.spans.iter().enumerate();
        let outs = outs.filter_map(|(index, entry)| Some((entry.out.as_ref()?.span_id, index)));
        let by_id: HashMap<SpanId, usize, foldhash::fast::RandomState> = outs.collect();
        let mut within = Vec::with_capacity(self.spans.len());
        // What is around a span, or above it, began before it.
        for entry in &self.spans {
            let is_in =
                |index: Option<usize>| index.and_then(|index| within.get(index)).copied() == Some(true);
            let parent = entry.out.as_ref().and_then(|out| out.parent);
            let is_within = entry.out.as_ref().is_some_and(&mut is_one)
                || is_in(entry.around.index())
                || is_in(parent.and_then(|parent| by_id.get(&parent).copied()));
            within.push(is_within);
        }
        Within(within)
    }
}

/// Some of the spans.
#[derive(Debug)]
pub(super) struct Within(Vec<bool>);

impl Within {
    pub(super) fn has(&self, number: SpanNumber) -> bool {
        number.index().and_then(|index| self.0.get(index)).copied() == Some(true)
    }
}
