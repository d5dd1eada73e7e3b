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
        // Names in it are from the query.
        Self { place, column, width, what: on_one_line(&what.into()), text: text.to_owned() }
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
                writeln!(f, "  {}", on_one_line(text))?;
                // Widths of the formatter's own end at 65,535.
                write!(f, "  {}{} {what}", " ".repeat(*column), "^".repeat((*width).max(1)))
            }
        }
        Pointing(self)
    }
}

/// A text with blanks for what moves the cursor: a character is one column then, whatever it is.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at character {} of the query)", self.what, self.column + 1)
    }
}

impl core::error::Error for QueryError {}
