//! The texts of a page's data, each once.

use std::borrow::Cow;

use indexmap::IndexSet;
use serde::{Serialize, Serializer};

/// Texts that everything else names by their places; written in a row.
#[derive(Debug, Default)]
pub(in crate::render) struct Texts<'a>(IndexSet<Cow<'a, str>, foldhash::fast::RandomState>);

impl<'a> Texts<'a> {
    /// The place of a text.
    pub(in crate::render) fn add(&mut self, text: impl Into<Cow<'a, str>>) -> usize {
        self.0.insert_full(text.into()).0
    }
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}
