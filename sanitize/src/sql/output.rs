//! The text that is kept: borrowed as long as nothing had to change ([rule S14](crate#the-rules)).

use alloc::borrow::Cow;
use alloc::vec::Vec;

/// The output of one text. What lies between the last change and the place being read is not copied until the next change.
#[derive(Debug)]
pub(super) struct Output<'a> {
    /// The input, up to where reading stops.
    text: &'a [u8],
    /// What is kept of the input before `pending`.
    owned: Vec<u8>,
    /// Where the input starts that is kept as it is, and not yet copied.
    pending: usize,
}

/// A place to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpoint {
    owned: usize,
    pending: usize,
    /// The place in the input.
    pub(super) at: usize,
}

/// Runs up to this long are copied as one block of this length, which is faster than a copy of variable length.
const BLOCK: usize = 16;

/// What is reserved at first for a long text.
const FIRST_RESERVE: usize = 1 << 14;

impl<'a> Output<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, owned: Vec::new(), pending: 0 }
    }

    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Copies what is pending before a place.
    #[inline]
    fn copy_to(&mut self, end: usize) {
        if self.owned.capacity() == 0 {
            // No change makes a text longer, and those of a long text make it much shorter.
            self.owned.reserve_exact(self.text.len().min(FIRST_RESERVE) + BLOCK);
        }
        match self.text.get(self.pending..self.pending + BLOCK) {
            Some(block) if end - self.pending <= BLOCK => {
                let length = self.owned.len() + (end - self.pending);
                self.owned.extend_from_slice(block);
                self.owned.truncate(length);
            }
            _ => self.owned.extend_from_slice(&self.text[self.pending..end]),
        }
    }

    /// Puts one byte in the place of a piece of the input.
    #[inline]
    pub(super) fn replace(&mut self, start: usize, end: usize, by: u8) {
        self.copy_to(start);
        self.owned.push(by);
        self.pending = end;
    }

    /// Leaves a piece of the input out.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        if start > self.pending {
            self.copy_to(start);
        }
        self.pending = end;
    }

    /// Leaves out everything from a place on, which becomes the end of the input.
    pub(super) fn stop_at(&mut self, end: usize) {
        self.text = &self.text[..end];
    }

    /// The last byte of what is kept before a place.
    pub(super) fn last(&self, place: usize) -> Option<u8> {
        if place > self.pending { Some(self.text[place - 1]) } else { self.owned.last().copied() }
    }

    /// The length of what is kept before a place.
    pub(super) fn length(&self, place: usize) -> usize {
        self.owned.len() + (place - self.pending)
    }

    /// The length of what is kept before a checkpoint.
    pub(super) fn length_at(&self, checkpoint: Checkpoint) -> usize {
        checkpoint.owned + (checkpoint.at - checkpoint.pending)
    }

    #[inline]
    pub(super) fn checkpoint(&self, at: usize) -> Checkpoint {
        Checkpoint { owned: self.owned.len(), pending: self.pending, at }
    }

    /// Forgets every change since a checkpoint.
    pub(super) fn go_back(&mut self, to: Checkpoint) {
        self.owned.truncate(to.owned);
        self.pending = to.pending;
    }

    pub(super) fn finish(mut self) -> Cow<'a, [u8]> {
        if self.owned.is_empty() {
            return Cow::Borrowed(&self.text[self.pending..]);
        }
        self.owned.extend_from_slice(&self.text[self.pending..]);
        Cow::Owned(self.owned)
    }
}
