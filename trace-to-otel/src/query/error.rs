//! What is wrong with a query, and where.

use core::{fmt, ops::Range};

/// Why a text is no query.
///
/// Its [`Display`](fmt::Display) is what is wrong and at which character, counted from 1; [`pointing`](Self::pointing) shows the place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueryError {
    place: Range<usize>,
    /// The same in characters.
    column: usize,
    width: usize,
    what: String,
    text: String,
}

impl QueryError {
    pub(super) fn new(text: &str, place: Range<usize>, what: impl Into<String>) -> Self {
        let characters = |range: Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
        let (column, width) = (characters(0..place.start), characters(place.clone()));
        Self { place, column, width, what: what.into(), text: text.to_owned() }
    }

    /// Where in the query, in bytes. It is empty where something is missing.
    #[must_use]
    pub fn place(&self) -> Range<usize> {
        self.place.clone()
    }

    /// The query, and below it a mark at the place with what is wrong. Both lines are indented by two spaces and have no end.
    pub fn pointing(&self) -> impl fmt::Display + '_ {
        struct Pointing<'a>(&'a QueryError);
        impl fmt::Display for Pointing<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let QueryError { column, width, what, text, .. } = self.0;
                // A character is one column then, whatever it is.
                let shown: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
                writeln!(f, "  {shown}")?;
                write!(f, "  {:column$}{} {what}", "", "^".repeat((*width).max(1)))
            }
        }
        Pointing(self)
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {} of the query)", self.what, self.column + 1)
    }
}

impl core::error::Error for QueryError {}
