//! The spans of several processes in one forest.

use super::{
    Process,
    forest::Forest,
    ranges::{RangeSummary, is_range},
};
use crate::span::Span;

/// What is shown of some processes.
pub(super) struct Joined<'a> {
    pub(super) processes: &'a [Process<'a>],
    /// Whether ranges are told one by one.
    pub(super) has_ranges: bool,
    pub(super) forest: Forest<'a>,
    /// By the index of the span, the place of its process.
    process_of: Vec<usize>,
    /// What is not in the forest.
    pub(super) folded: Option<RangeSummary>,
}

impl<'a> Joined<'a> {
    /// Ranges are told one by one, or summed up.
    pub(super) fn new(processes: &'a [Process<'a>], has_ranges: bool) -> Self {
        let mut spans: Vec<&'a Span> = Vec::new();
        let mut process_of = Vec::new();
        let mut folded = RangeSummary::default();
        for (place, process) in processes.iter().enumerate() {
            spans.extend(process.spans.iter().filter(|span| has_ranges || !is_range(span)));
            process_of.resize(spans.len(), place);
            if !has_ranges {
                folded = folded.and(RangeSummary::of(process.spans));
            }
        }
        let folded = (folded.ranges > 0).then_some(folded);
        Self { processes, has_ranges, forest: Forest::new(spans), process_of, folded }
    }

    pub(super) fn process(&self, span: usize) -> &'a Process<'a> {
        &self.processes[self.process_of[span]]
    }

    /// The process of a span, where it is not the one that whoever looks at `beside` has in mind.
    pub(super) fn other_process(&self, span: usize, beside: Option<usize>) -> Option<&'a Process<'a>> {
        let is_same = beside.is_some_and(|beside| self.process_of[beside] == self.process_of[span]);
        (self.processes.len() > 1 && !is_same).then(|| self.process(span))
    }
}
