//! SQL text: rules S1–S15.

mod collapse;
mod comments;
mod context;
mod dialect;
mod grammar;
mod keyword;
mod lexer;
mod literals;
mod output;
mod scan;
mod summary;
mod unicode;

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use lexer::Lexer;

pub use dialect::{Dialect, ParseDialectError};

/// Replaces every literal of an SQL text by `?` and removes its comments, with the default options of [`SqlSanitizer`].
///
/// Any text is accepted, valid or not, whole or cut off. The work is linear in its length, and the result is never longer. What
/// cannot be told for sure is dropped: an unterminated string, or a string whose end depends on a dialect that is not known, becomes
/// `?` together with everything after it (rules S8 and S9).
///
/// ```
/// use go_trace_sanitize::{Dialect, sql};
///
/// assert_eq!(sql("SELECT a FROM t WHERE b = E'it\\'s' AND c > -1.5e3", Dialect::Postgres), "SELECT a FROM t WHERE b = ? AND c > ?");
/// assert_eq!(sql("SELECT \"a\" FROM `t` # why", Dialect::MySql), "SELECT ? FROM `t` ");
/// assert_eq!(sql("ALTER USER bob IDENTIFIED BY hunter2", Dialect::Oracle), "ALTER USER bob IDENTIFIED BY ?");
/// assert_eq!(sql("SELECT 'cut off in the mid", Dialect::Generic), "SELECT ?");
/// ```
#[must_use]
pub fn sql(text: &str, dialect: Dialect) -> Cow<'_, str> {
    SqlSanitizer::new(dialect).sanitize(text)
}

/// [`sql`] for bytes that need not be UTF-8: bytes that are not are ordinary characters.
///
/// ```
/// use go_trace_sanitize::{Dialect, sql_bytes};
///
/// assert_eq!(&*sql_bytes(b"SELECT '\xff' FROM t\xfe", Dialect::Generic), b"SELECT ? FROM t\xfe");
/// ```
#[must_use]
pub fn sql_bytes(text: &[u8], dialect: Dialect) -> Cow<'_, [u8]> {
    SqlSanitizer::new(dialect).sanitize_bytes(text)
}

/// The summary of an SQL text for OpenTelemetry's attribute `db.query.summary` (rule S15): its operations and their targets, in
/// order and as written, in at most 255 characters.
///
/// ```
/// use go_trace_sanitize::{Dialect, sql_summary};
///
/// assert_eq!(sql_summary("INSERT INTO sales.orders SELECT * FROM cart WHERE id = 7", Dialect::Generic), "INSERT sales.orders SELECT cart");
/// ```
#[must_use]
pub fn sql_summary(text: &str, dialect: Dialect) -> String {
    SqlSanitizer::new(dialect).summary(text)
}

/// How often a text is cut at most; what still reads differently then is dropped as a whole.
const CUTS: usize = 4;

/// The SQL sanitizer with its options. Building one costs nothing; it holds no state.
///
/// ```
/// use go_trace_sanitize::{Dialect, SqlSanitizer};
///
/// let sanitizer = SqlSanitizer::new(Dialect::Postgres).collapse_in_lists(false).max_output(30);
/// assert_eq!(sanitizer.sanitize("SELECT a FROM t WHERE b IN (1, 2, 3)"), "SELECT a FROM t WHERE b IN (?,");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlSanitizer {
    dialect: Dialect,
    collapse_in_lists: bool,
    collapse_values_rows: bool,
    keep_comments: bool,
    max_output: usize,
}

impl Default for SqlSanitizer {
    fn default() -> Self {
        Self::new(Dialect::Generic)
    }
}

impl SqlSanitizer {
    /// The sanitizer of a dialect: IN lists collapse, VALUES rows do not, comments are removed, the output has no limit.
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

    /// The dialect.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Sets the dialect and keeps the options.
    #[must_use]
    pub const fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Whether `IN (1, 2, 3)` becomes `IN (?)` rather than `IN (?, ?, ?)` (rule S13). On by default.
    #[must_use]
    pub const fn collapse_in_lists(mut self, on: bool) -> Self {
        self.collapse_in_lists = on;
        self
    }

    /// Whether of the rows of `VALUES (?, ?), (?, ?)` only the first is kept (rule S13). Off by default.
    #[must_use]
    pub const fn collapse_values_rows(mut self, on: bool) -> Self {
        self.collapse_values_rows = on;
        self
    }

    /// Whether comments stay, as they are: their text is not looked at, so whatever it holds leaves. Off by default: comments carry
    /// values, tags and personal data (rule S7).
    #[must_use]
    pub const fn keep_comments(mut self, on: bool) -> Self {
        self.keep_comments = on;
        self
    }

    /// The largest number of bytes of an output; what is longer is cut at the end of a token (rule S14). No limit by default.
    #[must_use]
    pub const fn max_output(mut self, bytes: usize) -> Self {
        self.max_output = bytes;
        self
    }

    /// Sanitizes one SQL text. Borrowed where nothing had to change.
    #[must_use]
    pub fn sanitize<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.sanitize_bytes(text.as_bytes()) {
            // Tokens of valid text are valid text: nothing is replaced by U+FFFD here.
            Cow::Borrowed(kept) => String::from_utf8_lossy(kept),
            Cow::Owned(changed) => Cow::Owned(into_text(changed)),
        }
    }

    /// Sanitizes the bytes of one SQL text. Borrowed where nothing had to change.
    #[must_use]
    pub fn sanitize_bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        match Lexer::new(text, self.clone()).run() {
            (clean, false) => clean,
            (cut, true) => self.settled(cut),
        }
    }

    /// A text that was cut, cut further where its end reads differently than it did with what followed, as `--` does in MySQL.
    fn settled<'a>(&self, cut: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let mut cut = cut;
        for _ in 0..CUTS {
            let same = {
                let (again, _) = Lexer::new(&cut, self.clone()).run();
                again.iter().zip(&*cut).take_while(|(one, other)| one == other).count()
            };
            if same == cut.len() {
                return cut;
            }
            match &mut cut {
                Cow::Borrowed(text) => *text = &text[..same],
                Cow::Owned(text) => text.truncate(same),
            }
        }
        Cow::Borrowed(&[])
    }

    /// The operations and targets of an SQL text, in order and as written, in at most 255 characters (rule S15).
    #[must_use]
    pub fn summary(&self, text: &str) -> String {
        let whole = self.clone().keep_comments(false).max_output(usize::MAX);
        summary::summary(&whole.sanitize(text), self.dialect)
    }
}

/// Text of bytes that nearly always are valid UTF-8 already.
pub(crate) fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
