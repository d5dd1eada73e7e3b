//! The options of the SQL sanitizer.

use super::Dialect;

/// How SQL is sanitized.
///
/// ```
/// use go_trace_sanitize::{Dialect, Sanitizer, SqlOptions};
///
/// let mut options = SqlOptions::new(Dialect::Postgres);
/// options.collapse_in_lists = false;
/// options.max_output = 30;
/// let sanitizer = Sanitizer::new().with_sql(options);
/// assert_eq!(sanitizer.sql("SELECT a FROM t WHERE b IN (1, 2, 3)"), "SELECT a FROM t WHERE b IN (?,");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlOptions {
    /// The dialect of texts that come without one.
    pub dialect: Dialect,
    /// Whether `IN (1, 2, 3)` becomes `IN (?)` rather than `IN (?, ?, ?)` ([rule S13](crate#the-rules)). On by default.
    pub collapse_in_lists: bool,
    /// Whether of the rows of `VALUES (?, ?), (?, ?)` only the first is kept ([rule S13](crate#the-rules)). Off by default.
    pub collapse_values_rows: bool,
    /// Whether comments stay, as they are: their text is not looked at, so whatever it holds leaves. Off by default: comments carry
    /// values, tags and personal data ([rule S7](crate#the-rules)).
    pub keep_comments: bool,
    /// The largest number of bytes of an output; what is longer is cut at the end of a token ([rule S14](crate#the-rules)). No limit by default.
    pub max_output: usize,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self::new(Dialect::Generic)
    }
}

impl SqlOptions {
    /// The options of a dialect: IN lists collapse, VALUES rows do not, comments are removed, the output has no limit.
    #[must_use]
    pub const fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            collapse_in_lists: true,
            collapse_values_rows: false,
            keep_comments: false,
            max_output: usize::MAX,
        }
    }
}
