//! Which spans are wanted: some by themselves, others by the traces that they are in.

use core::{cmp::Reverse, time::Duration};
use std::collections::HashMap;

use go_trace_context::TraceId;

use crate::{
    moment::Moment,
    query::Pattern,
    span::{Scope, Span, UnixTime},
};

/// What a [`Selection`] is of. By default of everything.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SelectionOptions {
    /// Spans that end before this moment are left out.
    pub from: Option<Moment>,
    /// Spans that start behind this moment are left out.
    pub to: Option<Moment>,
    /// Spans of all other names are left out, unless there is none.
    pub names: Vec<Pattern>,
    /// Spans of all other traces are left out, unless there is none.
    pub trace_ids: Vec<TraceId>,
    /// Traces of which no root, or first span in a process, took longer are left out as a whole.
    pub slower_than: Option<Duration>,
    /// In which order traces go out, as a whole.
    pub order: Option<TraceOrder>,
    /// How many traces go out: the first ones in the order, which is that of durations where none is set.
    pub top: Option<usize>,
    /// Whether garbage collections and the like that are part of nothing else count as traces to `slower_than`, `order` and `top`,
    /// instead of being left out by these.
    pub ranges: bool,
    /// How many spans are held at most, until it is known which traces go out.
    pub max_spans: usize,
}

impl Default for SelectionOptions {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            names: Vec::new(),
            trace_ids: Vec::new(),
            slower_than: None,
            order: None,
            top: None,
            ranges: false,
            max_spans: 1_000_000,
        }
    }
}

/// The order in which traces go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceOrder {
    /// By when the first of its spans starts.
    Start,
    /// By its longest span, the slowest first.
    Duration,
}

/// How many spans a [`Selection`] has left out, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectionCounters {
    /// They were at another time.
    pub other_times: u64,
    /// They had another name.
    pub other_names: u64,
    /// They were of another trace.
    pub other_traces: u64,
    /// Their traces were not slow enough.
    pub fast_traces: u64,
    /// Their traces were behind the first ones.
    pub behind_top: u64,
    /// They were ranges of the runtime that belong to no trace.
    pub ranges: u64,
    /// More had to be held than [may be](SelectionOptions::max_spans): their traces were the least wanted then, of what was known.
    pub too_many: u64,
}

impl SelectionCounters {
    /// What was left out as it was asked for, in words, each with how often: nothing that is 0.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.other_times, "spans at other times"),
            (self.other_names, "spans of other names"),
            (self.other_traces, "spans of other traces"),
            (self.fast_traces, "spans of traces that were not slower"),
            (self.behind_top, "spans of traces behind the first ones"),
            (self.ranges, "garbage collections and the like, which belong to no trace"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
    }
}

/// Chooses spans as they come, and traces once all are there. Each span may carry something, such as whose it is.
///
/// Memory is bounded by [`SelectionOptions::max_spans`].
///
/// ```
/// use std::time::Duration;
/// use trace_to_otel::{Selection, SelectionOptions, Span};
///
/// let mut options = SelectionOptions::default();
/// options.slower_than = Some(Duration::from_millis(50));
/// let mut selection = Selection::new(options);
/// # let spans: Vec<Span> = Vec::new();
/// for mut span in spans {
///     assert!(!selection.admits((), &mut span), "that is known only when all are there");
/// }
/// let slow: Vec<Span> = selection.finish().map(|((), span)| span).collect();
/// # assert!(slow.is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Selection<K> {
    options: SelectionOptions,
    /// When the first event of all was.
    begin: UnixTime,
    traces: HashMap<TraceId, Trace<K>, foldhash::fast::RandomState>,
    held: usize,
    counters: SelectionCounters,
}

/// A trace that may be wanted.
#[derive(Clone, Debug)]
struct Trace<K> {
    /// Its place among all, in the order in which they were met.
    number: usize,
    spans: Vec<(K, Span)>,
    /// How long the longest of its roots took, wanted or not, in nanoseconds.
    longest_root: u64,
    /// How long the longest of its wanted spans took.
    longest: u64,
    start: UnixTime,
}

impl<K> Selection<K> {
    /// Of which nothing has been asked yet.
    #[must_use]
    pub fn new(options: SelectionOptions) -> Self {
        Self {
            options,
            begin: UnixTime(0),
            traces: HashMap::default(),
            held: 0,
            counters: SelectionCounters::default(),
        }
    }

    /// The first event of the first trace was at this time, from which [`Moment::After`] counts: to be told before its spans.
    pub fn begin(&mut self, time: UnixTime) {
        self.begin = time;
    }

    /// Whether it is only known when all spans are there which of them go out.
    #[must_use]
    pub fn holds(&self) -> bool {
        let SelectionOptions { slower_than, order, top, .. } = &self.options;
        slower_than.is_some() || order.is_some() || top.is_some()
    }

    /// Whether a span is to go out at once. One that is not may have been taken out, to be held.
    pub fn admits(&mut self, key: K, span: &mut Span) -> bool {
        if !self.options.trace_ids.is_empty() && !self.options.trace_ids.contains(&span.trace_id) {
            self.counters.other_traces += 1;
            return false;
        }
        let holds = self.holds();
        if holds && !self.options.ranges && span.scope == Scope::Range && span.parent.is_none() {
            self.counters.ranges += 1;
            return false;
        }
        let is_wanted = self.is_wanted(span);
        if !holds {
            return is_wanted;
        }
        self.hold(key, span, is_wanted);
        false
    }

    /// The spans that were held and are wanted, those of each trace by their starts, one trace after the other.
    pub fn finish(&mut self) -> impl Iterator<Item = (K, Span)> + use<K> {
        self.held = 0;
        let mut traces: Vec<_> = core::mem::take(&mut self.traces).into_values().collect();
        let is_slow = |trace: &Trace<K>| {
            self.options.slower_than.is_none_or(|least| u128::from(trace.longest_root) > least.as_nanos())
        };
        traces.retain_mut(|trace| {
            let is_slow = is_slow(trace);
            self.counters.fast_traces += if is_slow { 0 } else { trace.spans.len() as u64 };
            is_slow && !trace.spans.is_empty()
        });
        self.options.sort(&mut traces);
        let top = self.options.top.unwrap_or(traces.len()).min(traces.len());
        self.counters.behind_top += traces.drain(top..).map(|trace| trace.spans.len() as u64).sum::<u64>();
        traces.into_iter().flat_map(|mut trace| {
            trace.spans.sort_by_key(|(_, span)| span.start);
            trace.spans
        })
    }

    /// What was left out so far.
    #[must_use]
    pub fn counters(&self) -> SelectionCounters {
        self.counters
    }

    /// Whether a span is wanted by itself, and counts it if it is not.
    fn is_wanted(&mut self, span: &Span) -> bool {
        let SelectionOptions { from, to, names, .. } = &self.options;
        let is_before = from.is_some_and(|from| span.end < from.unix_time(self.begin));
        let is_behind = to.is_some_and(|to| span.start > to.unix_time(self.begin));
        if is_before || is_behind {
            self.counters.other_times += 1;
            return false;
        }
        let has_name = names.is_empty() || names.iter().any(|name| name.matches(&span.name));
        self.counters.other_names += u64::from(!has_name);
        has_name
    }

    fn hold(&mut self, key: K, span: &mut Span, is_wanted: bool) {
        let number = self.traces.len();
        let trace = self.traces.entry(span.trace_id).or_insert_with(|| {
            self.held += 1;
            Trace { number, spans: Vec::new(), longest_root: 0, longest: 0, start: UnixTime(u64::MAX) }
        });
        let duration = span.duration_nanos();
        if span.parent.is_none_or(|parent| parent.is_remote) {
            trace.longest_root = trace.longest_root.max(duration);
        }
        if is_wanted {
            trace.longest = trace.longest.max(duration);
            trace.start = trace.start.min(span.start);
            trace.spans.push((key, core::mem::replace(span, Span::nothing())));
            self.held += 1;
        }
        // What a trace takes by itself counts as a span.
        if self.held > self.options.max_spans {
            self.forget();
        }
    }

    /// Lets the traces go that are least wanted, of what is known so far, until there is room for many more spans.
    #[cold]
    fn forget(&mut self) {
        let mut traces: Vec<_> = core::mem::take(&mut self.traces).into_iter().collect();
        let slow = self.options.slower_than.map_or(0, |least| least.as_nanos());
        traces.sort_by_key(|(_, trace)| {
            let is_fast = u128::from(trace.longest_root) <= slow;
            (is_fast, self.options.rank(trace))
        });
        let room = self.options.max_spans - self.options.max_spans / 4;
        while self.held > room {
            let Some((_, trace)) = traces.pop() else { break };
            self.held -= trace.spans.len() + 1;
            self.counters.too_many += trace.spans.len() as u64;
        }
        self.traces = traces.into_iter().collect();
    }
}

impl SelectionOptions {
    fn sort<K>(&self, traces: &mut [Trace<K>]) {
        traces.sort_by_key(|trace| self.rank(trace));
    }

    /// By which traces stand in their order: the smallest is the first.
    fn rank<K>(&self, trace: &Trace<K>) -> (Reverse<u64>, UnixTime, usize) {
        match (self.order, self.top) {
            (Some(TraceOrder::Start), _) => (Reverse(0), trace.start, trace.number),
            (Some(TraceOrder::Duration), _) | (None, Some(_)) => {
                (Reverse(trace.longest), trace.start, trace.number)
            }
            (None, None) => (Reverse(0), UnixTime(0), trace.number),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU64, NonZeroU128};

    use super::*;
    use crate::span::{Parent, SpanKind};

    /// A span of a trace from one millisecond to another, below another span unless that is 0.
    fn span(trace: u128, id: u64, parent: u64, name: &str, times: (u64, u64)) -> Span {
        let (trace, id) = (NonZeroU128::new(trace).expect("an id"), NonZeroU64::new(id).expect("an id"));
        let times = (UnixTime(times.0 * 1_000_000), UnixTime(times.1 * 1_000_000));
        let mut span = Span::new(trace.into(), id.into(), Scope::Task, name, times);
        span.parent = NonZeroU64::new(parent).map(|parent| Parent::new(parent.into(), false));
        span
    }

    /// Three traces: of 40 ms from 0 on, of 100 ms from 10 on, of 20 ms from 20 on; and a garbage collection.
    fn spans() -> Vec<Span> {
        let mut collection = span(9, 1, 0, "garbage collection", (0, 500));
        collection.scope = Scope::Range;
        vec![
            span(1, 2, 1, "query", (5, 15)),
            span(3, 1, 0, "GET /fast", (20, 40)),
            span(1, 1, 0, "GET /orders", (0, 40)),
            span(2, 2, 1, "query", (20, 100)),
            collection,
            span(2, 1, 0, "GET /orders", (10, 110)),
        ]
    }

    fn selected(change: impl FnOnce(&mut SelectionOptions)) -> (Vec<(u128, u64)>, SelectionCounters) {
        let mut options = SelectionOptions::default();
        change(&mut options);
        let mut selection = Selection::new(options);
        selection.begin(UnixTime(0));
        let mut chosen: Vec<Span> = Vec::new();
        for mut span in spans() {
            if selection.admits((), &mut span) {
                chosen.push(span);
            }
        }
        chosen.extend(selection.finish().map(|((), span)| span));
        let ids = chosen.iter().map(|span| (span.trace_id.as_u128(), span.span_id.as_u64()));
        (ids.collect(), selection.counters())
    }

    #[test]
    fn spans_are_chosen_by_themselves_as_they_come() {
        let (all, counters) = selected(|_| {});
        assert_eq!((all.len(), counters), (6, SelectionCounters::default()));
        let (named, counters) = selected(|options| options.names = vec![Pattern::whole("GET *")]);
        assert_eq!((named, counters.other_names), (vec![(3, 1), (1, 1), (2, 1)], 3));
        let milliseconds = |number| Some(Moment::After(Duration::from_millis(number)));
        let (seen, counters) =
            selected(|options| (options.from, options.to) = (milliseconds(41), milliseconds(15)));
        assert_eq!((seen, counters.other_times), (vec![(9, 1), (2, 1)], 4));
        let one = NonZeroU128::MIN.into();
        let (traced, counters) = selected(|options| options.trace_ids = vec![one]);
        assert_eq!((traced, counters.other_traces), (vec![(1, 2), (1, 1)], 4));
    }

    #[test]
    fn traces_are_chosen_as_a_whole() {
        let slower = |milliseconds| Some(Duration::from_millis(milliseconds));
        let (slow, counters) = selected(|options| options.slower_than = slower(40));
        assert_eq!((slow, counters.fast_traces, counters.ranges), (vec![(2, 1), (2, 2)], 3, 1));
        let (slow, _) = selected(|options| options.slower_than = slower(39));
        assert_eq!(slow, [(1, 1), (1, 2), (2, 1), (2, 2)]);
        let (slow, _) = selected(|options| (options.slower_than, options.ranges) = (slower(100), true));
        assert_eq!(slow, [(9, 1)]);
        // What makes a trace slow need not be wanted itself.
        let (queries, counters) = selected(|options| {
            (options.slower_than, options.names) = (slower(99), vec![Pattern::part("query")]);
        });
        assert_eq!((queries, counters.fast_traces, counters.other_names), (vec![(2, 2)], 1, 3));
    }

    #[test]
    fn a_first_span_in_a_process_makes_a_trace_slow_too() {
        let mut options = SelectionOptions::default();
        options.slower_than = Some(Duration::from_millis(10));
        let mut selection = Selection::new(options);
        let mut server = span(1, 2, 1, "GET", (0, 11));
        (server.kind, server.parent) =
            (SpanKind::Server, server.parent.map(|parent| Parent::new(parent.span_id, true)));
        assert!(
            !selection.admits(7, &mut server) && !selection.admits(7, &mut span(1, 3, 2, "query", (1, 2)))
        );
        let chosen: Vec<_> = selection.finish().map(|(key, span)| (key, span.name.to_string())).collect();
        assert_eq!(chosen, [(7, "GET".to_owned()), (7, "query".to_owned())]);
    }

    #[test]
    fn traces_are_put_in_order_and_the_first_are_taken() {
        let (slowest, counters) = selected(|options| options.top = Some(2));
        assert_eq!((slowest, counters.behind_top), (vec![(2, 1), (2, 2), (1, 1), (1, 2)], 1));
        let (first, counters) =
            selected(|options| (options.top, options.order) = (Some(1), Some(TraceOrder::Start)));
        assert_eq!((first, counters.behind_top), (vec![(1, 1), (1, 2)], 3));
        let (all, _) = selected(|options| options.order = Some(TraceOrder::Duration));
        assert_eq!(all, [(2, 1), (2, 2), (1, 1), (1, 2), (3, 1)]);
        let (none, counters) = selected(|options| options.top = Some(0));
        assert_eq!((none.len(), counters.behind_top), (0, 5));
    }

    #[test]
    fn what_is_held_is_bounded_and_what_is_let_go_is_counted() {
        let mut options = SelectionOptions::default();
        (options.top, options.max_spans) = (Some(3), 100);
        let mut selection = Selection::new(options);
        for number in 1..=1000 {
            let duration = if number % 300 == 0 { 1000 + number } else { number % 50 };
            let mut span = span(number.into(), 1, 0, "GET", (0, duration));
            assert!(!selection.admits((), &mut span));
            assert!(selection.held <= 101 && selection.traces.len() <= 51);
        }
        let durations = selection.finish().map(|((), span)| span.duration_nanos() / 1_000_000);
        assert_eq!(durations.collect::<Vec<_>>(), [1900, 1600, 1300]);
        let SelectionCounters { behind_top, too_many, .. } = selection.counters();
        assert!(too_many > 900 && behind_top + too_many == 997, "{behind_top} {too_many}");
    }
}
