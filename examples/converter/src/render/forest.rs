//! The spans of a process with their children.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use go_trace_context::{SpanId, TraceId};
use trace_to_otel::{Link, Span, SpanEvent, UnixTime};

/// Spans that know their children.
pub(crate) struct Forest<'a> {
    spans: &'a [Span],
    places: HashMap<(TraceId, SpanId), usize>,
    /// By index of the parent.
    children: HashMap<usize, Vec<usize>>,
    /// Spans whose parent is not here.
    roots: Vec<usize>,
}

/// What hangs in the forest.
#[derive(Clone, Copy)]
pub(crate) enum Item<'a> {
    Span(usize),
    Event(&'a SpanEvent),
    Link(&'a Link),
}

/// Where an item hangs.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    pub(crate) depth: usize,
    /// Whether it is its parent's last.
    pub(crate) is_last: bool,
    /// Whether it has items of its own.
    pub(crate) is_inner: bool,
}

impl<'a> Forest<'a> {
    pub(crate) fn new(spans: &'a [Span]) -> Self {
        let mut places = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            places.entry((span.trace_id, span.span_id)).or_insert(index);
        }
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut roots = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            match span.parent.and_then(|parent| places.get(&(span.trace_id, parent.span_id))) {
                Some(&parent) if parent != index => children.entry(parent).or_default().push(index),
                _ => roots.push(index),
            }
        }
        roots.sort_by_key(|&root| spans[root].start);
        Self { spans, places, children, roots }
    }

    pub(crate) fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// Spans whose parent is not here, in the order of their starts.
    pub(crate) fn roots(&self) -> &[usize] {
        &self.roots
    }

    pub(crate) fn children(&self, index: usize) -> &[usize] {
        self.children.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The span that a link leads to, if it is here.
    pub(crate) fn target(&self, link: &Link) -> Option<usize> {
        self.places.get(&(link.trace_id, link.span_id)).copied()
    }

    /// Visits every item once, parents first, the children, events and links of a span in the order of their times.
    pub(crate) fn walk(&self, mut visit: impl FnMut(Item<'a>, Position) -> io::Result<()>) -> io::Result<()> {
        let mut seen = HashSet::new();
        // Contexts that the program made up may go round in a circle, to which no root leads.
        for root in self.roots.iter().copied().chain(0..self.spans.len()) {
            let mut stack = vec![(Item::Span(root), 0, true)];
            while let Some((item, depth, is_last)) = stack.pop() {
                let Item::Span(index) = item else {
                    visit(item, Position { depth, is_last, is_inner: false })?;
                    continue;
                };
                if !seen.insert(index) {
                    continue;
                }
                let items = self.items(index);
                visit(item, Position { depth, is_last, is_inner: !items.is_empty() })?;
                let last = items.len();
                let numbered = items.into_iter().enumerate().rev();
                stack.extend(numbered.map(|(i, item)| (item, depth + 1, i + 1 == last)));
            }
        }
        Ok(())
    }

    fn items(&self, index: usize) -> Vec<Item<'a>> {
        let span = &self.spans[index];
        let links = span.links.iter().map(Item::Link);
        let events = span.events.iter().map(Item::Event);
        let children = self.children(index).iter().copied().map(Item::Span);
        let mut items: Vec<_> = links.chain(events).chain(children).collect();
        items.sort_by_key(|item| match item {
            // Nobody knows when a link was made: they come first.
            Item::Link(_) => UnixTime(0),
            Item::Event(event) => event.time,
            Item::Span(index) => self.spans[*index].start,
        });
        items
    }
}
