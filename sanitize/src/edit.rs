//! A text of which pieces are replaced, borrowed as long as none is.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// What stands in the place of a secret in URLs, connection strings and free text, as OpenTelemetry's conventions have it.
pub(crate) const REDACTED: &str = "REDACTED";

/// The changes of one text, made from its begin to its end.
#[derive(Debug)]
pub(crate) struct Edit<'a> {
    text: &'a str,
    changed: String,
    /// Where the text starts that is not copied yet.
    pending: usize,
    /// The pieces that were replaced, and where in the changed text stands what replaces them.
    replaced: Vec<(Range<usize>, Range<usize>)>,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, changed: String::new(), pending: 0, replaced: Vec::new() }
    }

    /// Puts another text in the place of a piece. What lies before the end of an earlier piece is left alone.
    pub(crate) fn replace(&mut self, start: usize, end: usize, by: &str) {
        let start = start.max(self.pending);
        if end < start || &self.text[start..end] == by {
            return;
        }
        self.changed.push_str(&self.text[self.pending..start]);
        let by_start = self.changed.len();
        self.changed.push_str(by);
        self.replaced.push((start..end, by_start..self.changed.len()));
        self.pending = end;
    }

    pub(crate) fn remove(&mut self, start: usize, end: usize) {
        self.replace(start, end, "");
    }

    /// The pieces that were replaced, each with what stands in its place.
    pub(crate) fn replaced(&self) -> impl Iterator<Item = (Range<usize>, &str)> {
        self.replaced.iter().map(|(piece, by)| (piece.clone(), &self.changed[by.clone()]))
    }

    pub(crate) fn finish(mut self) -> Cow<'a, str> {
        if self.changed.is_empty() {
            return Cow::Borrowed(&self.text[self.pending..]);
        }
        self.changed.push_str(&self.text[self.pending..]);
        Cow::Owned(self.changed)
    }
}

/// Applies a change to a text that may be owned already, and keeps what nothing changes as it is.
pub(crate) fn then<'a>(text: Cow<'a, str>, change: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => change(text),
        Cow::Owned(text) => match change(&text) {
            Cow::Borrowed(same) if core::ptr::eq(same, text.as_str()) => Cow::Owned(text),
            changed => Cow::Owned(changed.into_owned()),
        },
    }
}

/// How often a text is read until nothing changes, as the neighbours of what was left out may read differently.
const READINGS: usize = 6;

/// Reads a text until nothing changes, so that a second pass changes nothing either. What changes still is dropped as a whole.
pub(crate) fn settled<'a>(text: Cow<'a, str>, read: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    let mut text = text;
    for _ in 0..READINGS {
        let changed = match read(&text) {
            // A piece of the text that is as long as the text is the text.
            Cow::Borrowed(same) if same.len() == text.len() => return text,
            // One rule may write over what another has written.
            Cow::Owned(same) if same == *text => return text,
            changed => changed.into_owned(),
        };
        text = Cow::Owned(changed);
    }
    REDACTED.into()
}

/// Text of bytes that nearly always are valid UTF-8 already.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
