//! What is known of the regions that are open, beside what the nests of goroutines hold.
//!
//! A region of which no goroutine's nest knows any more is *loose*: its goroutine has ended without ending it, or the
//! trace does not tell which goroutine it is on. A loose region may still end: elsewhere, found by task and name.

use std::collections::VecDeque;

use crate::known::span::SectionKey;

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
}

impl Regions {
    /// Takes note of a region that is over.
    pub(crate) fn closed(&mut self) {
        self.count -= 1;
    }

    /// Forgets what is loose, when all regions have ended.
    pub(crate) fn clear(&mut self) {
        self.loose.clear();
        self.has_uncounted = false;
    }
}

crate::saved::saved!(Regions { count, loose, has_uncounted });
