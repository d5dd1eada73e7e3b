//! What is known of the regions that are open, beside what the nests of goroutines hold.
//!
//! A region of which no goroutine's nest knows any more is *loose*: its goroutine has ended without ending it, or the
//! trace does not tell which goroutine it is on. A loose region may still end: elsewhere, found by task and name.

use std::{collections::VecDeque, sync::Arc};

use go_trace_format::event::{GoroutineId, TaskId};

use crate::{
    known::span::SectionKey,
    saved::{Input, Saved},
};

/// How many regions may be loose: an end looks through them.
pub(crate) const MOST_LOOSE: usize = 1024;

/// What is known of the regions that are open, beside what the nests of goroutines hold.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    /// How many are open.
    pub(crate) count: usize,
    /// In the order in which they got loose.
    pub(crate) loose: VecDeque<SectionKey>,
    /// Whether begins went by that not even a nest counts.
    pub(crate) has_uncounted: bool,
    latest: LatestEnds,
}

/// How many goroutines are remembered with the region that has ended on them last.
const MOST_LATEST: usize = 256;

/// The region that has ended last on a goroutine, for some of them: whoever ends a region twice does so soon.
#[derive(Debug, Default)]
struct LatestEnds(Vec<Option<LatestEnd>>);

#[derive(Debug)]
struct LatestEnd {
    goroutine: GoroutineId,
    task: TaskId,
    name: Arc<str>,
}

impl LatestEnds {
    fn place(goroutine: GoroutineId) -> usize {
        goroutine.0 as usize % MOST_LATEST
    }

    #[inline]
    fn note(&mut self, goroutine: GoroutineId, task: TaskId, name: &Arc<str>) {
        if self.0.is_empty() {
            self.0.resize_with(MOST_LATEST, || None);
        }
        match &mut self.0[Self::place(goroutine)] {
            Some(latest) if Arc::ptr_eq(&latest.name, name) => {
                latest.goroutine = goroutine;
                latest.task = task;
            }
            place => *place = Some(LatestEnd { goroutine, task, name: Arc::clone(name) }),
        }
    }

    fn is(&self, goroutine: GoroutineId, task: TaskId, name: &str) -> bool {
        self.0
            .get(Self::place(goroutine))
            .and_then(Option::as_ref)
            .is_some_and(|latest| (latest.goroutine, latest.task, &*latest.name) == (goroutine, task, name))
    }
}

impl Regions {
    /// Takes note of a region that is over.
    pub(crate) fn closed(&mut self) {
        self.count -= 1;
    }

    /// Takes note of the region that has ended last on a goroutine.
    #[inline]
    pub(crate) fn has_ended(&mut self, goroutine: GoroutineId, task: TaskId, name: &Arc<str>) {
        self.latest.note(goroutine, task, name);
    }

    /// Whether that was the last region to end on the goroutine, as far as is remembered.
    pub(crate) fn ended_last(&self, goroutine: GoroutineId, task: TaskId, name: &str) -> bool {
        self.latest.is(goroutine, task, name)
    }

    /// Forgets what is loose, and what ended last, when all regions have ended.
    pub(crate) fn clear(&mut self) {
        self.latest = LatestEnds::default();
        self.loose.clear();
        self.has_uncounted = false;
    }
}

crate::saved::saved!(Regions { count, loose, has_uncounted, latest });
crate::saved::saved!(LatestEnd { goroutine, task, name });

/// As the list of those that there are.
impl Saved for LatestEnds {
    fn save(&self, out: &mut Vec<u8>) {
        self.0.iter().flatten().count().save(out);
        self.0.iter().flatten().for_each(|latest| latest.save(out));
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let mut loaded = Self::default();
        for LatestEnd { goroutine, task, name } in input.elements::<_, Vec<LatestEnd>>()? {
            loaded.note(goroutine, task, &name);
        }
        Some(loaded)
    }
}
