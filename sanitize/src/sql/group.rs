//! The list of literals that is being read, as far as [rule S13](crate#the-rules) asks for it.

use super::output::Checkpoint;

/// The group of literals that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    None,
    /// Within `IN (`, of which so far only literals and `?` were seen.
    InList(List),
    /// After VALUES.
    BeforeRows,
    /// Within the first row, which is kept: the depth of parentheses outside it.
    FirstRow(usize),
    /// After a row that is kept, at this place.
    AfterRow(Checkpoint),
    /// Within a further row, of which so far only literals were seen.
    Row(List),
}

/// Where a list started, and how many literals it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) start: Checkpoint,
    pub(super) items: usize,
}

impl List {
    pub(super) const fn new(start: Checkpoint) -> Self {
        Self { start, items: 0 }
    }
}

impl Group {
    /// Whether what was read last may be left out again.
    pub(super) fn may_collapse(&self) -> bool {
        matches!(self, Self::InList(_) | Self::Row(_))
    }

    /// A literal or a `?` was read.
    #[inline]
    pub(super) fn item(&mut self) {
        match self {
            Self::None | Self::FirstRow(_) => {}
            Self::InList(list) | Self::Row(list) => list.items += 1,
            Self::BeforeRows | Self::AfterRow(_) => *self = Self::None,
        }
    }

    #[inline]
    pub(super) fn comma(&mut self) {
        if matches!(self, Self::BeforeRows) {
            *self = Self::None;
        }
    }

    /// A token was read that is no literal.
    #[inline]
    pub(super) fn other(&mut self) {
        if !matches!(self, Self::None | Self::FirstRow(_)) {
            *self = Self::None;
        }
    }

    /// NULL or DEFAULT was read, which a row may have.
    pub(super) fn null(&mut self) {
        if !matches!(self, Self::Row(_)) {
            self.other();
        }
    }
}
