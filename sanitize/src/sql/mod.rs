//! SQL text: [rules S1–S15](crate#the-rules).

mod comments;
mod dialect;
mod grammar;
mod group;
mod keyword;
mod lexer;
mod lists;
mod literals;
mod options;
mod output;
mod pass;
mod passwords;
mod scan;
mod statement;
mod summary;
mod unicode;
mod words;

use alloc::borrow::Cow;
use alloc::string::String;

use crate::edit::into_text;
use crate::keys::SensitiveKeys;
use lexer::Lexer;

pub use dialect::{Dialect, ParseDialectError};
pub use options::SqlOptions;

/// Replaces every literal of an SQL text by `?` and removes its comments, with the default [`SqlOptions`].
///
/// Any text is accepted, valid or not, whole or cut off. The work is linear in its length, and the result is never longer. What
/// cannot be told for sure is dropped: an unterminated string, or a string whose end depends on a dialect that is not known, becomes
/// `?` together with everything after it ([rules S8 and S9](crate#the-rules)).
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
    sanitize_text(text, SqlOptions::new(dialect), &SensitiveKeys::RECOMMENDED)
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
    sanitize(text, SqlOptions::new(dialect), &SensitiveKeys::RECOMMENDED)
}

/// The summary of an SQL text for OpenTelemetry's attribute `db.query.summary` ([rule S15](crate#the-rules)): its operations and their targets, in
/// order and as written, in at most 255 characters.
///
/// ```
/// use go_trace_sanitize::{Dialect, sql_summary};
///
/// assert_eq!(sql_summary("INSERT INTO sales.orders SELECT * FROM cart WHERE id = 7", Dialect::Generic), "INSERT sales.orders SELECT cart");
/// ```
#[must_use]
pub fn sql_summary(text: &str, dialect: Dialect) -> String {
    summary_of(text, SqlOptions::new(dialect), &SensitiveKeys::RECOMMENDED)
}

/// How often a text is cut at most; what still reads differently then is dropped as a whole.
const CUTS: usize = 4;

/// Sanitizes the bytes of one SQL text. Borrowed where nothing had to change.
pub(crate) fn sanitize<'a>(text: &'a [u8], options: SqlOptions, keys: &SensitiveKeys) -> Cow<'a, [u8]> {
    match Lexer::new(text, options, keys).run() {
        (clean, false) => clean,
        (cut, true) => settled(cut, options, keys),
    }
}

/// The same of text.
pub(crate) fn sanitize_text<'a>(text: &'a str, options: SqlOptions, keys: &SensitiveKeys) -> Cow<'a, str> {
    match sanitize(text.as_bytes(), options, keys) {
        // Tokens of valid text are valid text: nothing is replaced by U+FFFD here.
        Cow::Borrowed(kept) => String::from_utf8_lossy(kept),
        Cow::Owned(changed) => Cow::Owned(into_text(changed)),
    }
}

/// A text that was cut, cut further where its end reads differently than it did with what followed, as `--` does in MySQL.
fn settled<'a>(cut: Cow<'a, [u8]>, options: SqlOptions, keys: &SensitiveKeys) -> Cow<'a, [u8]> {
    let mut cut = cut;
    for _ in 0..CUTS {
        let same = {
            let (again, _) = Lexer::new(&cut, options, keys).run();
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

/// The operations and targets of an SQL text, in order and as written, in at most 255 characters ([rule S15](crate#the-rules)).
pub(crate) fn summary_of(text: &str, options: SqlOptions, keys: &SensitiveKeys) -> String {
    let whole = SqlOptions { keep_comments: false, max_output: usize::MAX, ..options };
    summary::summary(&sanitize_text(text, whole, keys), options.dialect)
}
