//! The tasks that are open.

use std::collections::{BTreeSet, VecDeque};

use go_trace_format::event::TaskId;

use crate::{
    known::span::OpenSpan,
    near::{Near, Number},
    saved::{Input, Saved},
};

impl Number for TaskId {
    #[inline]
    fn number(self) -> u64 {
        self.0
    }
}

/// By id, and in the order of their ids, which the runtime counts up: the oldest first.
///
/// Looked up several times for each span, put in order hardly ever: a tree would be slower at the former.
#[derive(Debug, Default)]
pub(crate) struct OpenTasks {
    by_id: Near<TaskId, Box<OpenSpan>>,
    /// Ascending, with some that have ended.
    order: VecDeque<TaskId>,
    /// Those that came after a task of a higher id.
    late: BTreeSet<TaskId>,
}

impl OpenTasks {
    pub(crate) fn insert(&mut self, id: TaskId, span: Box<OpenSpan>) {
        match self.order.back() {
            Some(&last) if last > id => {
                self.late.insert(id);
            }
            Some(&last) if last == id => {}
            _ => self.order.push_back(id),
        }
        self.by_id.insert(id, span);
    }

    pub(crate) fn remove(&mut self, id: TaskId) -> Option<Box<OpenSpan>> {
        const FEW: usize = 64;
        let span = self.by_id.remove(id)?;
        self.late.remove(&id);
        if self.order.back() == Some(&id) {
            self.order.pop_back();
        } else if self.order.len() > 2 * self.by_id.len() + FEW {
            self.order.retain(|&id| self.by_id.has(id));
        }
        Some(span)
    }

    #[inline]
    pub(crate) fn get(&self, id: TaskId) -> Option<&OpenSpan> {
        self.by_id.get(id).map(|span| &**span)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: TaskId) -> Option<&mut OpenSpan> {
        self.by_id.get_mut(id).map(|span| &mut **span)
    }

    #[inline]
    pub(crate) fn has(&self, id: TaskId) -> bool {
        self.by_id.has(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The oldest that are open. Those before them that have ended are looked at no second time.
    pub(crate) fn oldest(&mut self, most: usize) -> Vec<TaskId> {
        let mut oldest = self.by_id.first_of(&mut self.order, most);
        oldest.extend(self.late.iter().take(most));
        oldest.sort_unstable();
        // One that began twice may be in both.
        oldest.dedup();
        oldest.truncate(most);
        oldest
    }

    /// All of them, in no order.
    pub(crate) fn values(&self) -> impl Iterator<Item = &OpenSpan> {
        self.by_id.values().map(|span| &**span)
    }

    /// The same, to be changed.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut OpenSpan> {
        self.by_id.values_mut().map(|span| &mut **span)
    }
}

impl Saved for OpenTasks {
    fn save(&self, out: &mut Vec<u8>) {
        self.by_id.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let by_id: Near<TaskId, Box<OpenSpan>> = Saved::load(input)?;
        let mut order: Vec<TaskId> = by_id.iter().map(|(id, _)| id).collect();
        order.sort_unstable();
        Some(Self { by_id, order: order.into(), late: BTreeSet::new() })
    }
}
