//! Free text: [rules L1–L6 and U9](crate#the-rules).

mod commands;
mod database;
mod ends;
mod lines;
mod phrase;
mod plain;
mod prose;
mod scan;
mod statement;
mod value;

use alloc::borrow::Cow;
use alloc::string::String;
use core::ops::Range;

use crate::edit::{Edit, REDACTED, settled, then};
use crate::rules::Rules;
use plain::Plain;

/// Removes the secrets of a free text, such as a log message or a name, with the default rules.
///
/// URLs, connection strings and SQL within the text are sanitized by their own rules. The values of sensitive keys are replaced in
/// `key=value`, `key: value`, JSON, YAML, Go's `%v` of maps and structs, flags, headers and XML; so are tokens of well-known shapes,
/// what follows `Bearer` and the like, private keys, and the values that databases quote in their errors. Prose is left alone: a
/// secret that no sign, place or shape tells, as in "the password is swordfish", stays. So do counts (`total_tokens=512`), a `code` that is a
/// plain word or number (`exit code: 1`), and what is said of a thing with the name of a secret (`jwt: token is expired`).
///
/// ```
/// assert_eq!(go_trace_sanitize::text("GET https://bob:pw@api.test/x?sig=1 token=abc"), "GET https://api.test/x token=REDACTED");
/// assert_eq!(go_trace_sanitize::text("SELECT a FROM t WHERE b = 'secret' failed"), "SELECT a FROM t WHERE b = ? failed");
/// ```
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    Text(Rules::DEFAULT).sanitize(text)
}

/// The sanitizer of free text, with the rules of one run.
#[derive(Clone, Copy)]
pub(crate) struct Text<'r>(pub(crate) Rules<'r>);

/// What finds the changes of a text.
type Reading = for<'t, 'r> fn(Rules<'r>, &'t str) -> Edit<'t>;
/// What is read, in this order.
const READINGS: [Reading; 2] = [phrase::values, scan::secrets];

impl Text<'_> {
    /// Sanitizes one free text. The result is valid UTF-8, with U+FFFD for bytes that are not, and borrowed where nothing had to
    /// change.
    pub(crate) fn sanitize<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        settled(String::from_utf8_lossy(text.as_ref()), |text| self.read(text))
    }

    /// Sanitizes a free text that stands apart from its name.
    pub(crate) fn sanitize_named<'a>(
        &self,
        name: &[u8],
        text: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Cow<'a, str> {
        let clean = self.sanitize(text);
        let is_secret = self.0.keys.contains(name) && !self.0.keys.is_ordinary(name, &clean);
        if is_secret && !clean.is_empty() { REDACTED.into() } else { clean }
    }

    fn read<'a>(&self, text: &'a str) -> Cow<'a, str> {
        // What is escaped may belong to a value, and is read as what it stands for only where it belongs to none.
        let clean = then(phrase::values(self.0, text).finish(), |text| self.as_it_stands(text));
        READINGS.iter().fold(clean, |clean, edit| then(clean, |text| self.behind_escapes(text, *edit)))
    }

    /// A text without the secrets that it has as it stands. Each is left out to where it ends behind the escapes, which may be its
    /// quotes.
    fn as_it_stands<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let stands = scan::secrets(self.0, text);
        if stands.replaced().next().is_none() {
            return stands.finish();
        }
        let Some(plain) = Plain::of(text) else { return stands.finish() };
        let says = scan::secrets(self.0, plain.text());
        let place = |piece: Range<usize>| plain.start(piece.start)..plain.end(piece.end);
        let mut said = says.replaced().map(|(piece, _)| place(piece)).peekable();
        let mut clean = Edit::new(text);
        let mut done = 0;
        for (piece, by) in stands.replaced() {
            let mut end = piece.end;
            while let Some(other) = said.next_if(|other| other.start < piece.end) {
                end = end.max(other.end);
            }
            if end > done {
                clean.replace(piece.start, end, if piece.start < done { "" } else { by });
                done = end;
            }
        }
        clean.finish()
    }

    /// A text with the changes that are made to what it says behind its escapes. Escapes that hide nothing stay.
    fn behind_escapes<'t>(&self, text: &'t str, edit: Reading) -> Cow<'t, str> {
        let Some(plain) = Plain::of(text) else { return Cow::Borrowed(text) };
        let mut escaped = Edit::new(text);
        for (piece, by) in edit(self.0, plain.text()).replaced() {
            escaped.replace(plain.start(piece.start), plain.end(piece.end), by);
        }
        escaped.finish()
    }
}
