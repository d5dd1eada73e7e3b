//! The regions and operations that are open.

use std::collections::VecDeque;

use crate::{
    near::Near,
    saved::{Input, Saved},
    spans::open::{Frame, FrameKey},
};

/// By key, and in the order in which they began.
///
/// Looked up several times for each span, put in order hardly ever: a tree would be slower at the former.
#[derive(Debug, Default)]
pub(super) struct Frames {
    by_key: Near<FrameKey, Frame>,
    /// The oldest first, with some that have ended.
    order: VecDeque<FrameKey>,
}

impl Frames {
    /// Adds one that began after all others.
    pub(super) fn insert(&mut self, key: FrameKey, frame: Frame) -> &mut Frame {
        self.order.push_back(key);
        self.by_key.insert(key, frame)
    }

    pub(super) fn remove(&mut self, key: FrameKey) -> Option<Frame> {
        const FEW: usize = 64;
        let frame = self.by_key.remove(key)?;
        if self.order.back() == Some(&key) {
            self.order.pop_back();
        } else if self.order.len() > 2 * self.by_key.len() + FEW {
            self.order.retain(|&key| self.by_key.has(key));
        }
        Some(frame)
    }

    #[inline]
    pub(super) fn get(&self, key: FrameKey) -> Option<&Frame> {
        self.by_key.get(key)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: FrameKey) -> Option<&mut Frame> {
        self.by_key.get_mut(key)
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// The oldest that are open. Those before them that have ended are looked at no second time.
    pub(super) fn oldest(&mut self, most: usize) -> Vec<FrameKey> {
        self.by_key.first_of(&mut self.order, most)
    }

    /// All of them, the latest first.
    pub(super) fn latest_first(&self) -> Vec<FrameKey> {
        self.order.iter().rev().copied().filter(|&key| self.by_key.has(key)).collect()
    }

    /// All of them, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &Frame> {
        self.by_key.values()
    }
}

impl Saved for Frames {
    fn save(&self, out: &mut Vec<u8>) {
        self.by_key.save(out);
    }

    fn load(input: &mut Input<'_>) -> Option<Self> {
        let by_key: Near<FrameKey, Frame> = Saved::load(input)?;
        let mut order: Vec<FrameKey> = by_key.iter().map(|(key, _)| key).collect();
        order.sort_unstable();
        Some(Self { by_key, order: order.into() })
    }
}
