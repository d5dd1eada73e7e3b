//! Events and spans in, an analysis out.

use go_trace_format::{Event, EventType};

use crate::{
    analysis::{Analysis, Wait, Wakeup, spans::SpanGroups, tally::Tally, wakeups::Waited},
    moment::TimeWindow,
    profiles::{Collector, ProfilesOptions},
    span::{Span, UnixTime},
};

/// How an [`AnalysisCollector`] collects.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnalysisOptions {
    /// The wall time of the first event of a trace that holds no clock snapshots: see
    /// [`MapperOptions::base_time`](crate::MapperOptions::base_time).
    pub base_time: UnixTime,
    /// Nothing outside of it counts, as if no more had been recorded; what is under way at one of its ends counts from or up to there.
    /// A goroutine that begins before it or ends behind it is not [whole](crate::analysis::GoroutineGroup::whole), and a wait that
    /// does is waited for as long as it is in it. Spans of which a part is in it count with all of their duration, and are
    /// [whole](crate::analysis::SpanGroup::whole) if they lie in it.
    pub window: TimeWindow,
    /// How many functions that goroutines begin with are told apart: 512 unless set. All goroutines of further ones are one group.
    pub max_goroutine_groups: usize,
    /// How many names of spans are told apart: 1,024 unless set. All spans of further ones are one group.
    pub max_span_groups: usize,
    /// How many stacks on which goroutines waited are kept, the heaviest: 256 unless set. The time of the others is summed up.
    pub max_waits: usize,
}

impl Default for AnalysisOptions {
    fn default() -> Self {
        Self {
            base_time: UnixTime(0),
            window: TimeWindow::default(),
            max_goroutine_groups: 512,
            max_span_groups: 1_024,
            max_waits: 256,
        }
    }
}

/// Adds up what a trace and its spans tell: see [the module](crate::analysis).
///
/// Takes the events of a [`Reader`](go_trace_format::Reader), all of them and in order, and spans in any. A trace behind a gap or of
/// another process adds to the same. Memory is bounded by the goroutines that live at once, by what one generation holds and by
/// [`AnalysisOptions`]; nothing is allocated for an event or a span of a group that is known.
///
/// ```
/// use trace_to_otel::{Mapper, Span, analysis::AnalysisCollector};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut reader = go_trace_format::Reader::from_slice(trace)?;
/// let (mut mapper, mut spans) = (Mapper::new(), Vec::<Span>::new());
/// let mut collector = AnalysisCollector::default();
/// while let Some(event) = reader.next_event()? {
///     mapper.event(&event, &mut spans)?;
///     collector.event(&event);
///     spans.drain(..).for_each(|span| collector.span(&span));
/// }
/// mapper.finish(&mut spans)?;
/// spans.iter().for_each(|span| collector.span(span));
/// let analysis = collector.finish();
/// let busiest = &analysis.goroutines[0];
/// assert!(busiest.running().total() <= busiest.lifetime.total());
/// assert!(analysis.spans.iter().all(|group| group.durations.quantile(0.5) <= group.durations.max()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AnalysisCollector {
    options: AnalysisOptions,
    collector: Collector<Tally>,
    spans: SpanGroups,
}

impl Default for AnalysisCollector {
    fn default() -> Self {
        Self::new(AnalysisOptions::default())
    }
}

impl AnalysisCollector {
    /// A collector with options.
    #[must_use]
    pub fn new(options: AnalysisOptions) -> Self {
        let AnalysisOptions { base_time, window, .. } = options;
        let profiles = ProfilesOptions { base_time, window, ..ProfilesOptions::default() };
        Self {
            collector: Collector::new(profiles, Tally::new(options.max_goroutine_groups)),
            spans: SpanGroups::new(options.max_span_groups),
            options,
        }
    }

    /// Takes the next event.
    #[inline]
    pub fn event(&mut self, event: &Event<'_>) {
        use EventType as E;
        self.collector.event(event);
        if let E::ProcsChange | E::HeapGoal | E::HeapAlloc | E::GcBegin | E::GcEnd = event.event_type() {
            self.note(event);
        }
    }

    fn note(&mut self, event: &Event<'_>) {
        use EventType as E;
        let first = event.arguments().first().copied().unwrap_or_default();
        let tally = self.collector.listener_mut();
        if event.event_type() == E::ProcsChange {
            // What holds when the window begins was told before it.
            return tally.set_procs(first, event.raw_time());
        }
        let Some(time) = tally.counted(event.raw_time()) else {
            if event.event_type() == E::HeapGoal && tally.is_before(event.raw_time()) {
                tally.collecting.earlier_heap_goal(first);
            }
            return;
        };
        match event.event_type() {
            E::HeapGoal => tally.collecting.heap_goal(first),
            E::HeapAlloc => tally.collecting.heap_objects(first),
            E::GcBegin => tally.collecting.begin(time),
            E::GcEnd => tally.collecting.end(time),
            _ => {}
        }
    }

    /// Takes a span, behind the events that it was made of.
    pub fn span(&mut self, span: &Span) {
        let window = self.options.window;
        let begin = self.collector.begin().unwrap_or_default();
        if window.holds(begin, span.start, span.end) {
            let is_within = [span.start, span.end].iter().all(|&time| window.holds(begin, time, time));
            self.spans.add(span, is_within);
        }
    }

    /// Goes over to a process whose traces begin at this time where they hold no clock.
    pub fn begin_process(&mut self, base_time: UnixTime) {
        self.collector.begin_process(base_time);
    }

    /// What was collected. What is still under way counts up to the latest event.
    #[must_use]
    pub fn finish(self) -> Analysis {
        let (profiles, mut tally) = self.collector.finish();
        let (waits, other_waits) = Wait::heaviest(&profiles, self.options.max_waits);
        let (edges, other_wakeups) = std::mem::take(&mut tally.wakeups).into_parts();
        let wakeups = edges.map(|((waiter, waker, reason), waited)| Wakeup {
            waiter: tally.kind(waiter),
            waker: waker.map(|waker| tally.kind(waker)),
            reason: profiles.reason(reason).into(),
            count: waited.count,
            nanoseconds: waited.nanoseconds,
            longest: waited.longest,
        });
        let Waited { count, nanoseconds, .. } = other_wakeups;
        let mut analysis = Analysis {
            recorded: profiles.recorded(),
            period: profiles.period(),
            rows: tally.rows(),
            most_procs: tally.most_procs(),
            waits,
            other_waits,
            wakeups: wakeups.collect(),
            other_wakeups: (count, nanoseconds),
            timeline: std::mem::take(&mut tally.timeline),
            collections: std::mem::take(&mut tally.collecting).collections,
            goroutines: tally.into_groups(),
            spans: self.spans.finish(),
            options: self.options,
        };
        analysis.sort();
        analysis
    }
}
