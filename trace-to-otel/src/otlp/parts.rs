//! What a request is made of.

/// A request of one resource, in parts.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    /// The resource, with what is before and after it.
    pub(super) before: &'a [u8],
    /// Scopes, each with at least one record.
    pub(super) sections: Vec<Section<'a>>,
    /// What comes after the last scope.
    pub(super) after: &'a [u8],
}

/// The records of a scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section<'a> {
    /// The scope, with what is before and after it.
    pub(super) before: &'a [u8],
    /// The records; in JSON with commas between them.
    pub(super) records: &'a [u8],
    /// What comes after the last record.
    pub(super) after: &'a [u8],
}

impl Section<'_> {
    pub(super) fn len(&self) -> usize {
        self.before.len() + self.records.len() + self.after.len()
    }

    pub(super) fn parts(&self) -> [&[u8]; 3] {
        [self.before, self.records, self.after]
    }
}
