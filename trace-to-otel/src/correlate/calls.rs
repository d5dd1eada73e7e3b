//! Which client span a server span answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use go_trace_context::{Fold, FoldIndex, Resolution, SpanId, TraceId};
use opentelemetry_semantic_conventions::attribute::HTTP_RESPONSE_STATUS_CODE;

use crate::{
    attribute,
    correlate::{
        hops::Hops,
        offset::{Bounds, PairsOfProcesses},
        process::{ProcessIndex, ServerKey},
        report::CorrelationReport,
    },
    span::Span,
};

/// How many clients each server of a trace is compared with: above it nobody can tell, and time would not be bounded.
const MOST_CLIENTS: usize = 1024;

/// What matters of an HTTP span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    trace_id: TraceId,
    span_id: SpanId,
    start: u64,
    end: u64,
    process: ProcessIndex,
    is_client: bool,
    has_parent: bool,
    /// Whether the trace holds both its ends.
    is_complete: bool,
    /// Whether a client got an answer: one that gave up may have ended long before the server did, or began.
    is_answered: bool,
}

impl Call {
    pub(super) fn new(process: ProcessIndex, is_client: bool, span: &Span) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            start: span.start.0,
            end: span.end.0,
            process,
            is_client,
            has_parent: span.parent.is_some(),
            is_complete: span.attribute(attribute::INCOMPLETE).is_none(),
            is_answered: span.attribute(HTTP_RESPONSE_STATUS_CODE).is_some(),
        }
    }

    fn key(&self) -> ServerKey {
        (self.process, self.trace_id, self.span_id)
    }

    /// What the server's clock may lack to the client's, if this is the client.
    fn bounds(&self, server: &Self) -> Bounds {
        Bounds::of((self.start, self.end), (server.start, server.end))
    }

    /// Whether it may have been under way when the server began, where the clocks' offset is within `known`.
    fn could_enclose(&self, server: &Self, known: Option<Bounds>) -> bool {
        let start = i128::from(server.start);
        known.is_none_or(|known| {
            i128::from(self.start) <= start + known.high
                && (start + known.low <= i128::from(self.end) || !self.is_answered)
        })
    }
}

pub(super) struct Matches {
    pub(super) parents: HashMap<ServerKey, SpanId, foldhash::fast::RandomState>,
    pub(super) report: CorrelationReport,
}

pub(super) fn match_calls(calls: Vec<Call>, hops: &Hops, folds: &FoldIndex) -> Matches {
    let mut report = CorrelationReport::default();
    count_traces(&calls, folds, &mut report);
    let traces = by_trace(calls, folds);
    let mut pairs = pairs_of_calls(&traces);
    hops.add_to(&mut pairs, folds);
    report.offsets = pairs.offsets();
    let mut parents = HashMap::default();
    for trace in traces.values() {
        for server in trace.open_servers() {
            let known = |client: &Call| {
                report.offsets.iter().find_map(|offset| offset.bounds(server.process, client.process))
            };
            let candidates = trace.clients_for(server).take(MOST_CLIENTS + 1).count();
            let clients = trace.clients_for(server).take(candidates);
            let mut possible = clients.filter(|client| client.could_enclose(server, known(client)));
            match (possible.next(), possible.next()) {
                _ if candidates == 0 => report.unmatched_servers += 1,
                _ if candidates > MOST_CLIENTS => report.ambiguous_servers += 1,
                (Some(client), None) => {
                    report.joined_servers += 1;
                    parents.insert(server.key(), client.span_id);
                }
                (Some(_), Some(_)) => report.ambiguous_servers += 1,
                (None, _) => report.contradicted_servers += 1,
            }
        }
    }
    Matches { parents, report }
}

fn count_traces(calls: &[Call], folds: &FoldIndex, report: &mut CorrelationReport) {
    let stand_ins: BTreeSet<_> =
        calls.iter().map(|call| call.trace_id).filter(|&id| Fold::is_stand_in(id)).collect();
    for fold in stand_ins.into_iter().filter_map(Fold::of) {
        match folds.resolve(fold) {
            Resolution::Known(_) => report.resolved_traces += 1,
            Resolution::Ambiguous(_) => report.ambiguous_traces += 1,
            _ => report.unresolved_traces += 1,
        }
    }
}

#[derive(Debug, Default)]
struct Trace {
    clients: Vec<Call>,
    servers: Vec<Call>,
}

impl Trace {
    fn open_servers(&self) -> impl Iterator<Item = &Call> {
        self.servers.iter().filter(|server| !server.has_parent)
    }

    fn clients_for(&self, server: &Call) -> impl Iterator<Item = &Call> {
        self.clients.iter().filter(|client| client.process != server.process)
    }
}

/// The calls of each trace; what a stand-in and a real id name is one trace.
fn by_trace(calls: Vec<Call>, folds: &FoldIndex) -> BTreeMap<TraceId, Trace> {
    let mut traces: BTreeMap<_, Trace> = BTreeMap::new();
    for call in calls {
        let trace = traces.entry(folds.replace(call.trace_id)).or_default();
        if call.is_client { trace.clients.push(call) } else { trace.servers.push(call) }
    }
    traces
}

/// Those servers that only one client can have called, whatever the clocks say.
fn pairs_of_calls(traces: &BTreeMap<TraceId, Trace>) -> PairsOfProcesses {
    let mut pairs = PairsOfProcesses::default();
    for trace in traces.values() {
        for server in trace.open_servers().filter(|server| server.is_complete) {
            let mut clients = trace.clients_for(server);
            let (Some(client), None) = (clients.next(), clients.next()) else { continue };
            if !(client.is_complete && client.is_answered) {
                continue;
            }
            pairs.add(client.process, server.process, client.bounds(server));
        }
    }
    pairs
}
