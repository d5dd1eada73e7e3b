//! What was made, and what was lost.

use crate::stacks::Kind;

/// What a [`Mapper`](crate::Mapper) has made, and what it could not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Spans that went out.
    pub spans: u64,
    /// Those of them that lack their start or their end.
    pub incomplete_spans: u64,
    /// Those of them that were recorded with a time that cannot be: another one stands in for it.
    pub clamped_spans: u64,
    /// Those of them whose start and end were taken for a pair though others would have fitted as well.
    pub assumed_pairs: u64,
    /// Those of them that went out early, because of a limit on open spans.
    pub evicted_spans: u64,
    /// Spans that a limit has kept out.
    pub dropped_spans: u64,
    /// Spans held back because their own context says that they are not sampled.
    pub unsampled_spans: u64,
    /// Log records that went out.
    pub log_records: u64,
    /// Spans held back because the program wrote down their contexts, as an SDK does that exports them itself.
    pub suppressed_spans: u64,
    /// Those of them whose latency anatomy found no span to go out with.
    pub suppressed_anatomies: u64,
    /// Events that a limit has kept out of their spans.
    pub dropped_events: u64,
    /// Logs in no region and of no task that was open.
    pub unattached_logs: u64,
    /// Logs that should carry a span's context, or say something of a span, but do not: they went out as ordinary ones.
    pub invalid_contexts: u64,
    /// Contexts that came for a span that had another one already.
    pub repeated_contexts: u64,
    /// Ends of tasks that had ended before, or that the trace has not seen begin though it should. Go allows it.
    pub repeated_task_ends: u64,
    /// Ends of regions that have ended before, or that nothing had begun: the trace holds all of the goroutine's or the
    /// task's life. Go allows it.
    pub surplus_region_ends: u64,
    /// Ends of operations that nothing had begun: the trace holds all of the goroutine's life.
    pub surplus_operation_ends: u64,
    /// Ends of ranges that nothing had begun.
    pub surplus_range_ends: u64,
    /// Ends of operations that went out before, when they seemed to be lost.
    pub late_ends: u64,
    /// Links that a limit has kept out of their spans.
    pub dropped_links: u64,
    /// Goroutines created inside of spans, of which that is not remembered, because of a limit.
    pub unknown_creations: u64,
    /// How often the wall clock was set while the trace clock went on, by 50 ms or more: spans from before and from after have
    /// times of different clocks.
    pub clock_steps: u64,
}

/// Operations that have ended and of which nothing but the stacks of events told, by their kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackCounters {
    /// HTTP requests that were served.
    pub requests: u64,
    /// Those of them whose handler is not known.
    pub unnamed_requests: u64,
    /// Those of them that began before the recording.
    pub earlier_requests: u64,
    /// HTTP requests that were made.
    pub outgoing_requests: u64,
    /// Queries of relational databases.
    pub queries: u64,
    /// What other databases were asked.
    pub database_calls: u64,
    /// Remote calls that were answered.
    pub served_calls: u64,
    /// Remote calls that were made.
    pub calls: u64,
    /// Messages, or batches of them, that were handed to a broker or waited for.
    pub messages: u64,
    /// TLS handshakes.
    pub handshakes: u64,
    /// Look-ups of names.
    pub look_ups: u64,
    /// Connections that were opened.
    pub connects: u64,
    /// Calls of functions that the user has named.
    pub functions: u64,
    /// Spans of what the program did, told by whatever: all that went out but the ranges of the runtime.
    pub spans_of_program: u64,
}

impl StackCounters {
    /// One more has ended.
    pub(crate) fn count(&mut self, kind: Kind, was_there: bool, is_named: bool) {
        let count = match kind {
            Kind::HttpServer => {
                self.unnamed_requests += u64::from(!is_named);
                self.earlier_requests += u64::from(was_there);
                &mut self.requests
            }
            Kind::HttpClient => &mut self.outgoing_requests,
            Kind::Sql => &mut self.queries,
            Kind::Redis | Kind::Mongo => &mut self.database_calls,
            Kind::RpcServer => &mut self.served_calls,
            Kind::RpcClient => &mut self.calls,
            Kind::KafkaSend | Kind::KafkaReceive => &mut self.messages,
            Kind::Tls => &mut self.handshakes,
            Kind::Dns => &mut self.look_ups,
            Kind::Connect => &mut self.connects,
            Kind::Function => &mut self.functions,
        };
        *count += 1;
    }

    /// What was found, by its name in the number that it has, each with how often: nothing that is 0.
    pub fn found(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.requests, ["request", "requests"]),
            (self.outgoing_requests, ["outgoing request", "outgoing requests"]),
            (self.queries, ["query", "queries"]),
            (self.database_calls, ["database call", "database calls"]),
            (self.served_calls, ["served call", "served calls"]),
            (self.calls, ["remote call", "remote calls"]),
            (self.messages, ["message", "messages"]),
            (self.handshakes, ["handshake", "handshakes"]),
            (self.look_ups, ["look-up", "look-ups"]),
            (self.connects, ["connect", "connects"]),
            (self.functions, ["call of a named function", "calls of named functions"]),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
        .map(|(count, [one, more])| (count, if count == 1 { one } else { more }))
    }
}

impl Counters {
    /// What did not become of the trace what it might have, in words, each with how often: nothing that is 0.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.dropped_spans, "spans dropped: too many were open"),
            (self.evicted_spans, "spans ended early: too many were open"),
            (self.dropped_events, "span events dropped: their spans had too many"),
            (self.unsampled_spans, "spans held back: their context says not sampled"),
            (self.suppressed_anatomies, "latency anatomies of spans that the program exports itself"),
            (self.clamped_spans, "spans with a time that cannot be: another stands in for it"),
            (self.assumed_pairs, "regions whose begin and end may belong to others"),
            (self.unattached_logs, "logs outside of any open task or region"),
            (self.invalid_contexts, "logs with a malformed context, or saying of a span"),
            (self.repeated_contexts, "contexts for spans that had another already"),
            (self.surplus_region_ends, "ends of regions that had no begin"),
            (self.surplus_operation_ends, "ends of operations that had no begin"),
            (self.surplus_range_ends, "ends of ranges that had no begin"),
            (self.late_ends, "ends of operations that had been given up"),
            (self.dropped_links, "links dropped: their spans had too many"),
            (self.unknown_creations, "goroutines whose creating span was forgotten: there were too many"),
        ]
        .into_iter()
        .filter(|&(count, _)| count > 0)
    }
}

crate::saved::saved!(Counters {
    spans,
    incomplete_spans,
    clamped_spans,
    assumed_pairs,
    evicted_spans,
    dropped_spans,
    unsampled_spans,
    log_records,
    suppressed_spans,
    suppressed_anatomies,
    dropped_events,
    unattached_logs,
    invalid_contexts,
    repeated_contexts,
    repeated_task_ends,
    surplus_region_ends,
    surplus_operation_ends,
    surplus_range_ends,
    late_ends,
    dropped_links,
    unknown_creations,
    clock_steps,
});
crate::saved::saved!(StackCounters {
    requests,
    unnamed_requests,
    earlier_requests,
    outgoing_requests,
    queries,
    database_calls,
    served_calls,
    calls,
    messages,
    handshakes,
    look_ups,
    connects,
    functions,
    spans_of_program
});
