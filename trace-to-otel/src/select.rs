//! Which spans are wanted: some by themselves, others by the traces that they are in.

use core::{cmp::Reverse, time::Duration};
use std::collections::{HashMap, HashSet, hash_map::Entry};

use go_trace_context::TraceId;

use crate::{
    moment::TimeWindow,
    query::Pattern,
    span::{Scope, Span, UnixTime},
};

/// What a [`Selection`] is of. By default of everything.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SelectionOptions {
    /// Spans of which no part is in it are left out.
    pub window: TimeWindow,
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
            window: TimeWindow::default(),
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
    /// More had to be held than [may be](SelectionOptions::max_spans): their traces were the least wanted then, of what was
    /// known, or one trace alone was too large.
    pub too_many: u64,
    /// Not spans, but traces that went out in part: others of their spans were too many.
    pub cut_traces: u64,
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
    /// How many traces were met so far.
    met: usize,
    forgotten: Forgotten,
    held: usize,
    counters: SelectionCounters,
}

/// A trace that may be wanted.
#[derive(Clone, Debug)]
struct Trace<K> {
    /// Its place among all, in the order in which they were met.
    number: usize,
    spans: Vec<(K, Span)>,
    /// How long the longest of its roots took, wanted or not, in nanoseconds; none as long as none has come, which is last.
    longest_root: Option<u64>,
    /// How long the longest of its wanted spans took.
    longest: u64,
    start: UnixTime,
    /// Whether spans of it had to be let go.
    is_cut: bool,
}

impl<K> Trace<K> {
    fn new(number: usize, is_cut: bool) -> Self {
        Self { number, spans: Vec::new(), longest_root: None, longest: 0, start: UnixTime(u64::MAX), is_cut }
    }

    /// Keeps so many spans, the longest ones as others are below them, and tells how many went.
    fn cut(&mut self, most: usize) -> usize {
        let excess = self.spans.len().saturating_sub(most);
        if excess > 0 {
            self.spans.select_nth_unstable_by_key(most, |(_, span)| Reverse(span.duration_nanos()));
            self.spans.truncate(most);
            self.is_cut = true;
        }
        excess
    }
}

/// What is known of whether a trace will go out: the smallest are kept the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Prospect {
    /// A root of it has come, and it is wanted as yet.
    Wanted,
    /// No root has come: it may be under way, and may become the slowest of all, above all where it was met early.
    Open(usize),
    Unwanted,
}

/// Traces that were let go, so that what comes later of them is not taken for the whole. The latest of them, as many as are bounded.
#[derive(Clone, Debug, Default)]
struct Forgotten {
    recent: HashSet<TraceId, foldhash::fast::RandomState>,
    earlier: HashSet<TraceId, foldhash::fast::RandomState>,
}

impl Forgotten {
    fn insert(&mut self, id: TraceId, most: usize) {
        if self.recent.len() >= most / 2 {
            self.earlier = core::mem::take(&mut self.recent);
        }
        self.recent.insert(id);
    }

    fn contains(&self, id: TraceId) -> bool {
        self.recent.contains(&id) || self.earlier.contains(&id)
    }
}

impl<K> Selection<K> {
    /// Of which nothing has been asked yet.
    #[must_use]
    pub fn new(options: SelectionOptions) -> Self {
        Self {
            options,
            begin: UnixTime(0),
            traces: HashMap::default(),
            met: 0,
            forgotten: Forgotten::default(),
            held: 0,
            counters: SelectionCounters::default(),
        }
    }

    /// The first event of the first trace was at this time, from which [`Moment::After`](crate::Moment::After) counts: to be told before its spans.
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
        traces.retain(|trace| {
            let is_slow = !self.options.is_fast(trace.longest_root.unwrap_or(0));
            self.counters.fast_traces += if is_slow { 0 } else { trace.spans.len() as u64 };
            is_slow && !trace.spans.is_empty()
        });
        traces.sort_by_key(|trace| self.options.rank(trace));
        let top = self.options.top.unwrap_or(traces.len()).min(traces.len());
        self.counters.behind_top += traces.drain(top..).map(|trace| trace.spans.len() as u64).sum::<u64>();
        self.counters.cut_traces += traces.iter().filter(|trace| trace.is_cut).count() as u64;
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
        let SelectionOptions { window, names, .. } = &self.options;
        if !window.holds(self.begin, span.start, span.end) {
            self.counters.other_times += 1;
            return false;
        }
        let has_name = names.is_empty() || names.iter().any(|name| name.matches(&span.name));
        self.counters.other_names += u64::from(!has_name);
        has_name
    }

    fn hold(&mut self, key: K, span: &mut Span, is_wanted: bool) {
        let is_root = span.parent.is_none_or(|parent| parent.is_remote);
        let trace = match self.traces.entry(span.trace_id) {
            Entry::Occupied(trace) => trace.into_mut(),
            Entry::Vacant(place) => {
                let is_cut = self.forgotten.contains(span.trace_id);
                if is_cut && !is_root {
                    self.counters.too_many += u64::from(is_wanted);
                    return;
                }
                self.held += 1;
                self.met += 1;
                place.insert(Trace::new(self.met, is_cut))
            }
        };
        let duration = span.duration_nanos();
        if is_root {
            trace.longest_root = trace.longest_root.max(Some(duration));
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
        let most = self.options.max_spans;
        let mut traces: Vec<_> = core::mem::take(&mut self.traces).into_iter().collect();
        // One trace does not drive out all others.
        let cut: usize = traces.iter_mut().map(|(_, trace)| trace.cut((most / 2).max(1))).sum();
        self.held -= cut;
        self.counters.too_many += cut as u64;
        let mut traces = self.options.by_prospects(traces);
        while self.held > most - most / 4 && traces.len() > 1 {
            let Some((id, trace)) = traces.pop() else { break };
            self.held -= trace.spans.len() + 1;
            self.counters.too_many += trace.spans.len() as u64;
            // Of one without spans nothing was lost yet.
            if trace.is_cut || !trace.spans.is_empty() {
                self.forgotten.insert(id, most);
            }
        }
        self.traces = traces.into_iter().collect();
    }
}

impl SelectionOptions {
    /// Traces with those first that will go out, as far as is known.
    fn by_prospects<K>(&self, mut traces: Vec<(TraceId, Trace<K>)>) -> Vec<(TraceId, Trace<K>)> {
        traces.sort_by_key(|(_, trace)| self.rank(trace));
        let finished = traces.iter().filter(|(_, trace)| trace.longest_root.is_some()).count();
        let mut places = match (self.top, self.order) {
            (Some(top), _) => top,
            // All are wanted, but the faster half less than what is under way.
            (None, Some(TraceOrder::Duration)) => finished.div_ceil(2),
            (None, _) => finished,
        };
        let prospect = |trace: &Trace<K>| match trace.longest_root {
            None => Prospect::Open(trace.number),
            Some(longest) if self.is_fast(longest) || places == 0 => Prospect::Unwanted,
            Some(_) => {
                places -= 1;
                Prospect::Wanted
            }
        };
        let prospects: Vec<_> = traces.iter().map(|(_, trace)| trace).map(prospect).collect();
        let mut together: Vec<_> = prospects.into_iter().zip(traces).collect();
        together.sort_by_key(|&(prospect, _)| prospect);
        together.into_iter().map(|(_, trace)| trace).collect()
    }

    fn is_fast(&self, longest_root: u64) -> bool {
        self.slower_than.is_some_and(|least| u128::from(longest_root) <= least.as_nanos())
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
    use crate::{
        moment::Moment,
        span::{Parent, SpanKind},
    };

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
            selected(|options| options.window = TimeWindow::new(milliseconds(41), milliseconds(15)));
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
        let slower_than = Some(Duration::from_millis(10));
        let mut selection = Selection::new(SelectionOptions { slower_than, ..SelectionOptions::default() });
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

    /// What goes out of these spans, as traces and their spans, with room for so many.
    fn held(
        max_spans: usize,
        change: impl FnOnce(&mut SelectionOptions),
        spans: Vec<Span>,
    ) -> (Vec<(u128, u64)>, SelectionCounters) {
        let mut options = SelectionOptions { max_spans, ..SelectionOptions::default() };
        change(&mut options);
        let mut selection = Selection::new(options);
        for mut span in spans {
            assert!(!selection.admits((), &mut span));
        }
        let ids = selection.finish().map(|((), span)| (span.trace_id.as_u128(), span.span_id.as_u64()));
        (ids.collect(), selection.counters())
    }

    /// A trace whose children of a millisecond end before many others begin and end, and its root behind them.
    fn under_way(others: u128) -> Vec<Span> {
        let children = (2..4).map(|id| span(1, id, 1, "query", (id, id + 1)));
        let others = (2..2 + others).map(|trace| span(trace, 1, 0, "GET", (10, 30)));
        children.chain(others).chain([span(1, 1, 0, "GET", (0, 100))]).collect()
    }

    #[test]
    fn what_is_under_way_is_not_let_go_before_what_is_known_to_be_faster() {
        let (slowest, counters) = held(12, |options| options.top = Some(1), under_way(100));
        assert_eq!((slowest, counters.cut_traces), (vec![(1, 1), (1, 2), (1, 3)], 0));
        assert_eq!(counters.too_many + counters.behind_top, 100);
        let slower = |options: &mut SelectionOptions| options.slower_than = Some(Duration::from_millis(50));
        let (slow, counters) = held(12, slower, under_way(100));
        assert_eq!((slow, counters.cut_traces), (vec![(1, 1), (1, 2), (1, 3)], 0));
        let (sorted, _) = held(12, |options| options.order = Some(TraceOrder::Duration), under_way(100));
        assert_eq!(sorted[..3], [(1, 1), (1, 2), (1, 3)]);
    }

    #[test]
    fn what_goes_out_in_part_is_told() {
        // All of them are under way, so that the latest has to go.
        let mut spans: Vec<_> = (1..=20).map(|trace| span(trace, 2, 1, "query", (1, 2))).collect();
        spans.extend((1..=20).map(|trace| span(trace, 3, 1, "query", (2, 3))));
        spans.push(span(20, 1, 0, "GET", (0, 100)));
        let slower = |options: &mut SelectionOptions| options.slower_than = Some(Duration::from_millis(50));
        let (slow, counters) = held(20, slower, spans);
        assert_eq!((slow, counters.cut_traces), (vec![(20, 1)], 1));
        assert_eq!(counters.too_many + counters.fast_traces, 40);
    }

    #[test]
    fn a_trace_larger_than_the_room_keeps_its_longest_spans_and_leaves_others_theirs() {
        let mut spans = vec![span(2, 2, 1, "query", (0, 150)), span(2, 1, 0, "GET", (0, 200))];
        spans.extend((2..1000).map(|id| span(1, id, 1, "step", (0, id))));
        spans.push(span(1, 1, 0, "job", (0, 1000)));
        let (slowest, counters) = held(40, |options| options.top = Some(2), spans);
        assert_eq!(slowest.iter().filter(|&&(trace, _)| trace == 2).count(), 2);
        let kept = slowest.len() - 2;
        assert!((20..=40).contains(&kept) && slowest.contains(&(1, 1)), "{slowest:?}");
        assert!(slowest.iter().all(|&(trace, id)| trace == 2 || id == 1 || id > 960), "{slowest:?}");
        assert_eq!((counters.cut_traces, counters.too_many), (1, 999 - kept as u64));
    }

    #[test]
    fn equal_traces_go_out_in_the_order_in_which_they_came() {
        let spans = || (1..=500).rev().map(|trace| span(trace, 1, 0, "GET", (0, 60))).collect();
        let slower = |options: &mut SelectionOptions| options.slower_than = Some(Duration::from_millis(50));
        let (slow, _) = held(100, slower, spans());
        assert!(slow.len() > 30 && slow.is_sorted_by(|(one, _), (other, _)| one > other), "{slow:?}");
    }
}
