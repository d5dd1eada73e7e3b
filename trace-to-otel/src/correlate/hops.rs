//! Spans whose parent is known to be in another process: nothing is to be joined there, but the pairs tell of the clocks.

use std::collections::HashMap;

use go_trace_context::{FoldIndex, SpanId, TraceId};

use crate::{
    attribute,
    correlate::{
        offset::{Bounds, PairsOfProcesses},
        process::ProcessIndex,
    },
    span::{Scope, Span},
};

/// The spans that may be on one side of such a pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Hops(Vec<End>);

/// What matters of a span.
#[derive(Clone, Copy, Debug)]
struct End {
    process: ProcessIndex,
    trace_id: TraceId,
    span_id: SpanId,
    /// In another process.
    parent: Option<SpanId>,
    times: (u64, u64),
}

impl Hops {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a span may be on one side: those that programs open for requests are tasks, and both ends have to be known.
    pub(super) fn concern(span: &Span) -> bool {
        matches!(span.scope, Scope::Task | Scope::Http) && span.attribute(attribute::INCOMPLETE).is_none()
    }

    pub(super) fn push(&mut self, process: ProcessIndex, span: &Span) {
        self.0.push(End {
            process,
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent: span.parent.filter(|parent| parent.is_remote).map(|parent| parent.span_id),
            times: (span.start.0, span.end.0),
        });
    }

    /// What each pair says. What goes on without whoever asked, such as a job that is queued, is mostly at times that
    /// contradict each other, and then says nothing.
    pub(super) fn add_to(&self, pairs: &mut PairsOfProcesses, folds: &FoldIndex) {
        let mut parents = HashMap::<_, _, foldhash::fast::RandomState>::default();
        for end in self.0.iter().filter_map(|end| Some((folds.replace(end.trace_id), end.parent?))) {
            parents.insert(end, None);
        }
        for end in &self.0 {
            if let Some(place) = parents.get_mut(&(folds.replace(end.trace_id), end.span_id)) {
                place.get_or_insert(end);
            }
        }
        for child in &self.0 {
            let Some(parent) = child.parent else { continue };
            let parent = parents.get(&(folds.replace(child.trace_id), parent)).copied().flatten();
            if let Some(parent) = parent.filter(|parent| parent.process != child.process) {
                pairs.add(parent.process, child.process, Bounds::of(parent.times, child.times));
            }
        }
    }
}
