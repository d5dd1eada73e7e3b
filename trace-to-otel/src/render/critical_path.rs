//! Critical paths: which spans a trace was waiting for, moment by moment.
//!
//! The path of a tree is found from its root's end backwards. At each moment it is in one span. From the end of a span
//! it goes back to its child that finished last, and stays in the span itself between the two; it follows the child
//! to its beginning in the same way; from there it goes on with that child of the span which finished last before,
//! and so on, until the span begins. So the stretches of a path follow on each other without gaps from the root's
//! start to its end, and each is a time during which nothing but its span kept the trace from being done.
//!
//! Children count only as far as they lie within their parent: what outlives it is cut at its end. A child that ended
//! while a later one of the path was running already was overtaken, and is not on the path. Of children that finished
//! at the same time the longest is taken. Links are no part of it: a path follows parents and children only.

use std::collections::HashMap;

use super::forest::Forest;
use crate::span::UnixTime;

/// A time that a critical path spends in a span itself, in none of its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stretch {
    /// The span's index in the [`Forest`].
    pub span: usize,
    /// When the path comes to the span.
    pub start: UnixTime,
    /// When it goes on.
    pub end: UnixTime,
}

impl Stretch {
    /// How long it is, in nanoseconds.
    #[must_use]
    pub fn duration(&self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }
}

/// A span that is being walked back through.
struct Walk {
    span: usize,
    start: UnixTime,
    /// How far back the path has come.
    now: UnixTime,
    /// Children not yet looked at, those that finished last at the end.
    children: Vec<Child>,
}

struct Child {
    span: usize,
    start: UnixTime,
    end: UnixTime,
}

/// The critical paths of all trees of a forest.
///
/// ```
/// use go_trace_context::{SpanId, TraceId};
/// use trace_to_otel::{Parent, Scope, Span, UnixTime};
/// use trace_to_otel::render::{CriticalPaths, Forest};
///
/// let trace = TraceId::from_u128(7).unwrap();
/// let span = |id, times| Span::new(trace, SpanId::from_u64(id).unwrap(), Scope::Region, "", times);
/// let order = span(1, (UnixTime(0), UnixTime(100)));
/// let mut query = span(2, (UnixTime(20), UnixTime(90)));
/// query.parent = Some(Parent::new(order.span_id, false));
///
/// let spans = [order, query];
/// let paths = CriticalPaths::of(&Forest::new(&spans));
/// assert_eq!((paths.time(0), paths.time(1)), (Some(30), Some(70)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CriticalPaths(HashMap<usize, Vec<Stretch>>);

impl CriticalPaths {
    /// Finds the paths of all trees that have more than one span: the path of a span alone says nothing.
    #[must_use]
    pub fn of(forest: &Forest<'_>) -> Self {
        let mut stretches: HashMap<_, Vec<_>> = HashMap::new();
        for &root in forest.roots().iter().filter(|&&root| !forest.children(root).is_empty()) {
            for stretch in critical_path(forest, root) {
                stretches.entry(stretch.span).or_default().push(stretch);
            }
        }
        Self(stretches)
    }

    /// The stretches of a path that are a span's own, in the order of time.
    #[must_use]
    pub fn stretches(&self, span: usize) -> &[Stretch] {
        self.0.get(&span).map_or(&[], Vec::as_slice)
    }

    /// For how long a path is in a span itself, in nanoseconds; none where it is never.
    #[must_use]
    pub fn time(&self, span: usize) -> Option<u64> {
        self.0.get(&span).map(|stretches| stretches.iter().map(Stretch::duration).sum())
    }
}

/// The critical path of the tree below the span `root`, in the order of time. It leads from the span's start to its end.
///
/// # Panics
///
/// Where the forest has no span of this index.
#[must_use]
pub fn critical_path(forest: &Forest<'_>, root: usize) -> Vec<Stretch> {
    let whole = forest.spans()[root];
    let mut path = Vec::new();
    // Not recursion: the depth is the program's choice.
    let mut stack = vec![Walk::new(forest, root, whole.start, whole.end)];
    while let Some(walk) = stack.last_mut() {
        match walk.children.pop() {
            Some(child) if child.end > walk.now => {}
            Some(child) => {
                path.extend(walk.stretch_back_to(child.end));
                walk.now = child.start;
                stack.push(Walk::new(forest, child.span, child.start, child.end));
            }
            None => {
                path.extend(walk.stretch_back_to(walk.start));
                stack.pop();
            }
        }
    }
    path.reverse();
    path
}

impl Walk {
    fn new(forest: &Forest<'_>, span: usize, start: UnixTime, end: UnixTime) -> Self {
        let within = |&child: &usize| {
            let whole = forest.spans()[child];
            let (start, end) = (whole.start.max(start), whole.end.min(end));
            (start < end).then_some(Child { span: child, start, end })
        };
        let mut children: Vec<_> = forest.children(span).iter().filter_map(within).collect();
        children.sort_by(|one, other| (one.end, other.start).cmp(&(other.end, one.start)));
        Self { span, start, now: end, children }
    }

    /// What the path spends in the span itself from `time` to where it has come.
    fn stretch_back_to(&self, time: UnixTime) -> Option<Stretch> {
        (time < self.now).then_some(Stretch { span: self.span, start: time, end: self.now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{render::samples::span, span::Span};

    /// The path of the first span: names of spans and the times that it spends in them.
    fn path(spans: &[Span]) -> Vec<(&str, u64, u64)> {
        let forest = Forest::new(spans);
        let path = critical_path(&forest, 0);
        let whole: u64 = path.iter().map(Stretch::duration).sum();
        assert_eq!(whole, spans[0].duration_nanos(), "no gap and no overlap: {path:?}");
        assert!(path.windows(2).all(|pair| pair[0].end == pair[1].start), "{path:?}");
        path.iter().map(|stretch| (&*spans[stretch.span].name, stretch.start.0, stretch.end.0)).collect()
    }

    #[test]
    fn a_span_alone_is_its_own_path() {
        assert_eq!(path(&[span("root", 1, 0, 5, 9)]), [("root", 5, 9)]);
        assert_eq!(path(&[span("instant", 1, 0, 5, 5)]), []);
    }

    #[test]
    fn one_child_after_the_other() {
        let spans = [span("root", 1, 0, 0, 100), span("a", 2, 1, 10, 40), span("b", 3, 1, 40, 90)];
        assert_eq!(path(&spans), [("root", 0, 10), ("a", 10, 40), ("b", 40, 90), ("root", 90, 100)]);
    }

    #[test]
    fn of_children_at_the_same_time_the_last_one_to_finish_counts() {
        let spans = [
            span("root", 1, 0, 0, 100),
            span("early", 2, 1, 0, 20),
            span("overtaken", 3, 1, 10, 50),
            span("late", 4, 1, 30, 80),
            span("as late, but shorter", 5, 1, 60, 80),
        ];
        assert_eq!(path(&spans), [("early", 0, 20), ("root", 20, 30), ("late", 30, 80), ("root", 80, 100)]);
    }

    #[test]
    fn grandchildren_are_followed() {
        let spans = [
            span("root", 1, 0, 0, 100),
            span("child", 2, 1, 10, 90),
            span("grandchild", 3, 2, 20, 60),
            span("another", 4, 2, 60, 90),
        ];
        let expected = [
            ("root", 0, 10),
            ("child", 10, 20),
            ("grandchild", 20, 60),
            ("another", 60, 90),
            ("root", 90, 100),
        ];
        assert_eq!(path(&spans), expected);
    }

    #[test]
    fn what_lies_outside_of_the_parent_is_cut() {
        let spans = [
            span("root", 1, 0, 100, 200),
            span("began before", 2, 1, 50, 120),
            span("outlives", 3, 1, 150, 900),
            span("its child", 4, 3, 160, 800),
            span("afterwards", 5, 1, 200, 300),
            span("long ago", 6, 1, 0, 10),
        ];
        let expected =
            [("began before", 100, 120), ("root", 120, 150), ("outlives", 150, 160), ("its child", 160, 200)];
        assert_eq!(path(&spans), expected);
    }

    #[test]
    fn only_spans_with_children_say_something() {
        let mut spans =
            vec![span("root", 1, 0, 0, 100), span("child", 2, 1, 10, 40), span("alone", 3, 0, 0, 9)];
        let times = |spans: &[Span]| {
            let forest = Forest::new(spans);
            let paths = CriticalPaths::of(&forest);
            (0..spans.len()).filter_map(|span| Some((span, paths.time(span)?))).collect::<Vec<_>>()
        };
        assert_eq!(times(&spans), [(0, 70), (1, 30)]);
        spans.remove(1);
        assert_eq!(times(&spans), []);
    }

    #[test]
    fn depth_is_no_matter() {
        let spans: Vec<_> = (1..=50_000).map(|id| span("deep", id, id - 1, id, 100_001 - id)).collect();
        assert_eq!(path(&spans).len(), 2 * 50_000 - 1);
    }
}
