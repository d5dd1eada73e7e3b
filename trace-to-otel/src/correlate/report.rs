//! What was found, and what not.

use crate::correlate::offset::ClockOffset;

/// What a [`Correlator`](crate::Correlator) has found, and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CorrelationReport {
    /// Traces of HTTP spans with a stand-in id whose real id is known now.
    pub resolved_traces: u64,
    /// Those with several real ids that would fit: they keep their stand-in.
    pub ambiguous_traces: u64,
    /// Those whose real id nobody has seen.
    pub unresolved_traces: u64,
    /// Server spans that got a client span of another process as their parent.
    pub joined_servers: u64,
    /// Server spans with several client spans that could enclose them, or with more than 1,024 to look at.
    pub ambiguous_servers: u64,
    /// Server spans with no client span in another process.
    pub unmatched_servers: u64,
    /// Server spans whose client spans all were at other times, as the offset between the clocks tells.
    pub contradicted_servers: u64,
    /// Tasks and HTTP spans that a limit kept out.
    pub dropped_spans: u64,
    /// Traces whose ids there was no room for.
    pub forgotten_traces: u64,
    /// The offsets between the clocks of those processes that called each other, in the order of the processes.
    pub offsets: Vec<ClockOffset>,
}
