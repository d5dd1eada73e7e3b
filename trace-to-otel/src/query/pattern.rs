//! Texts that are compared with others.

use core::{fmt, str::FromStr};

/// What a text has to be: a whole one, in which a `*` stands for any text, or behind a `~` one that it has in it.
///
/// ```
/// use trace_to_otel::query::Pattern;
///
/// let pattern = |text: &str| text.parse::<Pattern>().unwrap();
/// assert!(pattern("GET *").matches("GET /orders") && !pattern("GET *").matches("HEAD /orders"));
/// assert!(pattern("~orders").matches("GET /orders") && !pattern("orders").matches("GET /orders"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// The whole of it.
    Whole(Box<str>),
    /// A part of it.
    Part(Box<str>),
}

impl Pattern {
    /// The whole text, in which a `*` stands for any text.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self(Kind::Whole(text.into()))
    }

    /// Any text with this one in it.
    #[must_use]
    pub fn part(text: &str) -> Self {
        Self(Kind::Part(text.into()))
    }

    /// Whether a text is such a one.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Whole(pattern) => is_like(text, pattern),
            Kind::Part(part) => text.contains(&**part),
        }
    }

    /// Whether a part is enough.
    pub(super) fn is_part(&self) -> bool {
        matches!(self.0, Kind::Part(_))
    }

    /// What the text has to be, or to have in it.
    pub(super) fn text(&self) -> &str {
        match &self.0 {
            Kind::Whole(text) | Kind::Part(text) => text,
        }
    }
}

/// A whole text; behind a `~` a part.
impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match text.strip_prefix('~') {
            Some("") => Err(PatternError),
            Some(part) => Ok(Self::part(part)),
            None => Ok(Self::whole(text)),
        }
    }
}

/// As it is read.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_part() { "~" } else { "" })?;
        f.write_str(self.text())
    }
}

/// Nothing stands behind the `~` of a [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatternError;

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text has to stand behind the ~")
    }
}

impl core::error::Error for PatternError {}

/// Whether a text is a pattern, with a text in the place of each `*`: the first part at its begin, the last one at its end, each
/// other one as early as it can be, as that leaves most to those behind it.
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((first, others)) = pattern.split_once('*') else { return text == pattern };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let (between, last) =
        others.rsplit_once('*').map_or((None, others), |(between, last)| (Some(between), last));
    for part in between.into_iter().flat_map(|between| between.split('*')) {
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.ends_with(last)
}
