//! What several processes say of the same traces, put together ([mapping rules](crate#mapping-rules): Identity
//! and Time).
//!
//! Mapping one process never looks at another, so that its spans are the same whatever else there is. This is the step
//! that does, on purpose and on request.

mod calls;
mod hops;
mod offset;
mod process;
mod report;

pub use offset::{ClockOffset, OffsetEstimate};
pub use process::ProcessIndex;
pub use report::CorrelationReport;

use std::collections::{BTreeMap, HashMap};

use go_trace_context::{FoldIndex, SpanId, TraceId};

#[cfg(feature = "profiles")]
use crate::profiles::Profiles;
use crate::{
    correlate::{
        calls::{Call, Matches},
        hops::Hops,
        process::ServerKey,
    },
    span::{Parent, Scope, Span, SpanKind, UnixTime},
};

/// Reads the spans of several processes, to find out what they have to do with each other. The first of two passes:
/// [`observe`](Self::observe) every span, [`finish`](Self::finish), then [`apply`](Correlation::apply) to every span.
///
/// - A stand-in trace id, made of the 64 bits that the fork records ([`go_trace_context::Fold::stand_in`]), gives way to the
///   real id where exactly one with that fold was seen.
/// - An HTTP server span without a parent gets the client span of another process as its remote parent, if its trace
///   has exactly one such span that could enclose it.
/// - The offset between two processes' clocks is estimated from these pairs, as far as both spans are complete and the
///   client's has an `http.response.status_code`: one that gave up does not tell when the server was done; and from tasks and
///   requests that have a parent in another process already, because the program wrote their contexts down.
///
/// The result is a function of the processes and their spans, in the order in which they were observed.
///
/// Memory is bounded: 64 bytes or so for each HTTP span and as many for each task, up to a [limit](Self::with_limit) of each, and the ids of the last
/// [`FoldIndex::DEFAULT_LIMIT`] traces. What does not fit is counted.
///
/// ```
/// use go_trace_context::{Fold, SpanId, TraceId};
/// use trace_to_otel::{Attribute, Correlator, Scope, Span, SpanKind, UnixTime};
///
/// let real = TraceId::from_u128(0x0af7651916cd43dd8448eb211c80319c).unwrap();
/// let stand_in = Fold::of(real).unwrap().stand_in();
/// let span = |id, name, times| Span::new(stand_in, SpanId::from_u64(id).unwrap(), Scope::Http, name, times);
///
/// let mut client = span(1, "GET", (UnixTime(1000), UnixTime(1900)));
/// client.kind = SpanKind::Client;
/// client.attributes.push(Attribute::new("http.response.status_code", 200));
/// let mut server = span(2, "GET", (UnixTime(5300), UnixTime(5900)));
/// server.kind = SpanKind::Server;
///
/// let mut correlator = Correlator::new();
/// let (shop, store) = (correlator.add_process(), correlator.add_process());
/// correlator.observe(shop, &client);
/// correlator.observe(store, &server);
/// correlator.observe_trace(real);
/// let mut correlation = correlator.finish();
///
/// let offset = correlation.report().offsets[0].estimate.unwrap();
/// assert_eq!((offset.nanoseconds, offset.error), (-4150, 150));
/// correlation.align(store, shop);
/// correlation.apply(store, &mut server);
/// assert_eq!(server.trace_id, real);
/// assert_eq!(server.parent.unwrap().span_id, client.span_id);
/// assert_eq!(server.start, UnixTime(1150));
/// ```
#[derive(Clone, Debug)]
pub struct Correlator {
    folds: FoldIndex,
    calls: Vec<Call>,
    hops: Hops,
    limit: usize,
    processes: u32,
    dropped_spans: u64,
}

impl Default for Correlator {
    fn default() -> Self {
        Self::new()
    }
}

impl Correlator {
    /// How many HTTP spans are looked at unless told otherwise.
    pub const DEFAULT_LIMIT: usize = 1 << 20;

    /// A correlator that has seen nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(Self::DEFAULT_LIMIT)
    }

    /// The same, that looks at no more HTTP spans than this.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            folds: FoldIndex::new(),
            calls: Vec::new(),
            hops: Hops::default(),
            limit,
            processes: 0,
            dropped_spans: 0,
        }
    }

    /// One more process. Its clock is its own.
    pub fn add_process(&mut self) -> ProcessIndex {
        let index = ProcessIndex(self.processes);
        self.processes += 1;
        index
    }

    /// Takes note of a span of a process.
    pub fn observe(&mut self, process: ProcessIndex, span: &Span) {
        self.observe_trace(span.trace_id);
        for link in &span.links {
            self.observe_trace(link.trace_id);
        }
        if Hops::concern(span) {
            match self.hops.len() < self.limit {
                true => self.hops.push(process, span),
                // Requests are counted below.
                false => self.dropped_spans += u64::from(span.scope == Scope::Task),
            }
        }
        let is_client = match (&span.scope, span.kind) {
            (Scope::Http, SpanKind::Client) => true,
            (Scope::Http, SpanKind::Server) => false,
            _ => return,
        };
        if self.calls.len() == self.limit {
            self.dropped_spans += 1;
            return;
        }
        self.calls.push(Call::new(process, is_client, span));
    }

    /// Takes note of the real id of a trace, such as a log or another tracer's span says it.
    pub fn observe_trace(&mut self, trace_id: TraceId) {
        self.folds.insert(trace_id);
    }

    /// Puts together what was seen.
    #[must_use]
    pub fn finish(self) -> Correlation {
        let Matches { parents, mut report } = calls::match_calls(self.calls, &self.hops, &self.folds);
        report.dropped_spans = self.dropped_spans;
        report.forgotten_traces = self.folds.evicted();
        Correlation { folds: self.folds, parents, shifts: BTreeMap::new(), report }
    }
}

/// What a [`Correlator`] has found out. The second of two passes.
#[derive(Clone, Debug)]
pub struct Correlation {
    folds: FoldIndex,
    parents: HashMap<ServerKey, SpanId, foldhash::fast::RandomState>,
    shifts: BTreeMap<ProcessIndex, i64>,
    report: CorrelationReport,
}

impl Correlation {
    /// What was found, and what was not.
    #[must_use]
    pub fn report(&self) -> &CorrelationReport {
        &self.report
    }

    /// From now on moves the times of a process to the clock of another, by the [estimate](OffsetEstimate) of the offset
    /// between both; gives the nanoseconds that are added. `None`, and no time is moved, where there is no estimate.
    ///
    /// A resource whose times are moved ought to say so: add `gotrace.clock.offset` with what this gives.
    pub fn align(&mut self, process: ProcessIndex, reference: ProcessIndex) -> Option<i64> {
        let nanoseconds = self.report.offsets.iter().find_map(|offset| offset.between(process, reference))?;
        self.shifts.insert(process, nanoseconds);
        Some(nanoseconds)
    }

    /// Changes a span of a process: ids, parent and, where it is [aligned](Self::align), times. Once for each span.
    pub fn apply(&self, process: ProcessIndex, span: &mut Span) {
        if let Some(&parent) = self.parents.get(&(process, span.trace_id, span.span_id)) {
            span.parent.get_or_insert(Parent::new(parent, true));
        }
        span.trace_id = self.folds.replace(span.trace_id);
        for link in &mut span.links {
            link.trace_id = self.folds.replace(link.trace_id);
        }
        if let Some(&shift) = self.shifts.get(&process) {
            let times = [&mut span.start, &mut span.end];
            let of_events = span.events.iter_mut().map(|event| &mut event.time);
            times.into_iter().chain(of_events).for_each(|time| {
                *time = UnixTime(time.0.saturating_add_signed(shift));
            });
        }
    }
}

/// Changes profiles as the spans that they name.
#[cfg(feature = "profiles")]
impl Correlation {
    /// Changes the profiles of a process: the ids of the traces that the spans of their samples are of and, where it is
    /// [aligned](Self::align), when they were recorded. Once for all profiles of the process.
    pub fn apply_to_profiles(&self, process: ProcessIndex, profiles: &mut Profiles) {
        let shift = self.shifts.get(&process).copied().unwrap_or_default();
        profiles.correlate(|trace_id| self.folds.replace(trace_id), shift);
    }
}

/// Correlates the spans of some processes, each with all of its spans, in place. Times stay as they are.
pub fn correlate(processes: &mut [Vec<Span>]) -> CorrelationReport {
    let mut correlator = Correlator::new();
    let indices: Vec<_> = processes.iter().map(|_| correlator.add_process()).collect();
    for (&index, spans) in indices.iter().zip(&*processes) {
        spans.iter().for_each(|span| correlator.observe(index, span));
    }
    let correlation = correlator.finish();
    for (&index, spans) in indices.iter().zip(processes) {
        spans.iter_mut().for_each(|span| correlation.apply(index, span));
    }
    correlation.report
}
