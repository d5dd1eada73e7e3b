//! Spans of one kind and name: requests, queries, tasks, regions.

use std::{collections::HashMap, sync::Arc};

use crate::{
    analysis::Distribution,
    anatomy::Anatomy,
    attribute::INCOMPLETE,
    span::{Scope, Span, SpanKind},
};

/// The spans of one scope, kind and name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpanGroup {
    /// What in the trace they stand for; none for those of all further names, of which there are too many.
    pub scope: Option<Scope>,
    /// Which side of a call they are.
    pub kind: SpanKind,
    /// Their name.
    pub name: Arc<str>,
    /// How long they took.
    pub durations: Distribution,
    /// The same of those that were recorded, and lie in the [window](crate::analysis::AnalysisOptions::window), from begin to end.
    pub whole: Distribution,
    /// How many of them failed, as far as anybody knows.
    pub errors: u64,
    /// How many of them had begun before the recording or went on behind it, and so took longer than is counted.
    pub incomplete: u64,
    /// How many of them were on one goroutine from begin to end, so that it is known where their time went.
    pub split: u64,
    /// Where the time of these went, added up.
    pub anatomy: Anatomy,
}

impl SpanGroup {
    /// One for those of which there are too many.
    pub(super) fn of_others() -> Self {
        Self::new(None, SpanKind::Internal, "[others]".into())
    }

    fn new(scope: Option<Scope>, kind: SpanKind, name: Arc<str>) -> Self {
        Self {
            scope,
            kind,
            name,
            durations: Distribution::new(),
            whole: Distribution::new(),
            errors: 0,
            incomplete: 0,
            split: 0,
            anatomy: Anatomy::default(),
        }
    }

    /// How many spans.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.durations.count()
    }

    /// What all have in common.
    pub(super) fn key(&self) -> (Option<Scope>, SpanKind, Arc<str>) {
        (self.scope.clone(), self.kind, Arc::clone(&self.name))
    }

    fn add(&mut self, span: &Span, is_within: bool) {
        self.durations.add(span.duration_nanos());
        self.errors += u64::from(span.status.is_error());
        match span.attribute(INCOMPLETE) {
            Some(_) => self.incomplete += 1,
            None if is_within => self.whole.add(span.duration_nanos()),
            None => {}
        }
        if let Some(anatomy) = &span.anatomy {
            self.split += 1;
            self.anatomy.add(anatomy);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.durations.merge(&other.durations);
        self.whole.merge(&other.whole);
        self.errors = self.errors.saturating_add(other.errors);
        self.incomplete = self.incomplete.saturating_add(other.incomplete);
        self.split = self.split.saturating_add(other.split);
        self.anatomy.add(&other.anatomy);
    }
}

/// All of a recording, up to so many.
#[derive(Debug)]
pub(super) struct SpanGroups {
    by_key: HashMap<(Scope, SpanKind, Arc<str>), usize, foldhash::fast::RandomState>,
    groups: Vec<SpanGroup>,
    most: usize,
    others: Option<SpanGroup>,
}

impl SpanGroups {
    pub(super) fn new(most: usize) -> Self {
        Self { by_key: HashMap::default(), groups: Vec::new(), most, others: None }
    }

    /// Counts one more. `is_within` says whether it lies in the window.
    pub(super) fn add(&mut self, span: &Span, is_within: bool) {
        // Of copies that count references, so that nothing is allocated.
        let key = (span.scope.clone(), span.kind, Arc::clone(&span.name));
        let group = match self.by_key.get(&key) {
            Some(&place) => &mut self.groups[place],
            None if self.groups.len() < self.most => {
                self.groups.push(SpanGroup::new(Some(key.0.clone()), key.1, Arc::clone(&key.2)));
                let place = self.groups.len() - 1;
                self.by_key.insert(key, place);
                &mut self.groups[place]
            }
            None => self.others.get_or_insert_with(SpanGroup::of_others),
        };
        group.add(span, is_within);
    }

    pub(super) fn finish(self) -> Vec<SpanGroup> {
        self.groups.into_iter().chain(self.others).collect()
    }
}
