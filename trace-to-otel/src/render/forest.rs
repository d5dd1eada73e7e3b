//! Spans with their children.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use crate::span::{Link, Span, SpanEvent, UnixTime};
use go_trace_context::{SpanId, TraceId};

/// Spans of one or several processes as trees, by the ids that they give each other.
///
/// ```
/// use go_trace_context::{SpanId, TraceId};
/// use trace_to_otel::{Parent, Scope, Span, UnixTime};
/// use trace_to_otel::render::{Forest, Item};
///
/// let trace = TraceId::from_u128(7).unwrap();
/// let span = |id, name| Span::new(trace, SpanId::from_u64(id).unwrap(), Scope::Region, name, Default::default());
/// let (mut query, order) = (span(2, "query"), span(1, "order"));
/// query.parent = Some(Parent::new(order.span_id, false));
///
/// let spans = [query, order];
/// let forest = Forest::new(&spans);
/// assert_eq!((forest.roots(), forest.children(1)), (&[1][..], &[0][..]));
///
/// let mut shown = Vec::new();
/// forest.walk(|item, position| {
///     if let Item::Span(index) = item {
///         shown.push((position.depth, &*forest.spans()[index].name));
///     }
///     Ok::<_, std::convert::Infallible>(())
/// })?;
/// assert_eq!(shown, [(0, "order"), (1, "query")]);
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Clone, Debug)]
pub struct Forest<'a> {
    spans: Vec<&'a Span>,
    places: HashMap<(TraceId, SpanId), usize>,
    parents: Vec<Option<usize>>,
    /// By index of the parent.
    children: HashMap<usize, Vec<usize>>,
    /// Spans whose parent is not here.
    roots: Vec<usize>,
}

/// What hangs in a forest.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A span, by its index.
    Span(usize),
    /// An event of the span above.
    Event(&'a SpanEvent),
    /// A link of the span above.
    Link(&'a Link),
}

/// Where an item hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Position {
    /// How many spans are above it.
    pub depth: usize,
    /// Whether it is its parent's last.
    pub is_last: bool,
    /// Whether it has items of its own.
    pub is_inner: bool,
}

impl<'a> Forest<'a> {
    /// The forest of these spans. Of several with the same ids the first one is the parent.
    pub fn new(spans: impl IntoIterator<Item = &'a Span>) -> Self {
        let spans: Vec<_> = spans.into_iter().collect();
        let mut places = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            places.entry((span.trace_id, span.span_id)).or_insert(index);
        }
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut roots = Vec::new();
        let mut parents = Vec::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            let parent = span.parent.and_then(|parent| places.get(&(span.trace_id, parent.span_id)).copied());
            let parent = parent.filter(|&parent| parent != index);
            match parent {
                Some(parent) => children.entry(parent).or_default().push(index),
                None => roots.push(index),
            }
            parents.push(parent);
        }
        roots.sort_by_key(|&root| spans[root].start);
        Self { spans, places, parents, children, roots }
    }

    /// The same with the roots that took longest first.
    #[must_use]
    pub fn slowest_first(mut self) -> Self {
        self.roots.sort_by_key(|&root| Reverse(self.spans[root].duration_nanos()));
        self
    }

    /// The spans, in the order in which they were given: an index is a place in this.
    #[must_use]
    pub fn spans(&self) -> &[&'a Span] {
        &self.spans
    }

    /// Spans whose parent is not here, in the order of their starts, or [the slowest first](Self::slowest_first).
    #[must_use]
    pub fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// The parent of a span, if it is here.
    #[must_use]
    pub fn parent(&self, index: usize) -> Option<usize> {
        self.parents.get(index).copied().flatten()
    }

    /// The children of a span, in the order in which they were given.
    #[must_use]
    pub fn children(&self, index: usize) -> &[usize] {
        self.children.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The span that a link leads to, if it is here.
    #[must_use]
    pub fn target(&self, link: &Link) -> Option<usize> {
        self.places.get(&(link.trace_id, link.span_id)).copied()
    }

    /// Visits every item once, parents first, the children, events and links of a span in the order of their times.
    ///
    /// # Errors
    ///
    /// The first one that `visit` gives, which ends the walk.
    pub fn walk<E>(&self, mut visit: impl FnMut(Item<'a>, Position) -> Result<(), E>) -> Result<(), E> {
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
        let span = self.spans[index];
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
