//! Free text: rule L1.

mod scan;
mod value;

use alloc::borrow::Cow;
use alloc::string::String;

use crate::edit::{REDACTED, settled};
use crate::{DsnSanitizer, SensitiveKeys, TokenPrefixes, UrlSanitizer};
use scan::Scan;

/// Removes the secrets of a free text, such as a log message or a name, with the default options of [`TextSanitizer`].
///
/// ```
/// assert_eq!(go_trace_sanitize::text("GET https://bob:pw@api.test/x?sig=1 token=abc"), "GET https://api.test/x token=REDACTED");
/// ```
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    TextSanitizer::new().sanitize(text)
}

/// The sanitizer of free text.
///
/// URLs and connection strings within the text are sanitized by their own rules. The values of sensitive keys are replaced in
/// `key=value`, `key: value`, JSON, Go's `%v` of maps and structs, flags, headers and XML; so are tokens of well-known shapes, what
/// follows `Bearer` and the like, and private keys. Prose is left alone: a secret that no sign or shape tells, as in "the password is
/// swordfish", stays. So do counts (`total_tokens=512`) and a `code` that is a plain word or number (`exit code: 1`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextSanitizer {
    keys: SensitiveKeys,
    tokens: TokenPrefixes,
    url: UrlSanitizer,
    dsn: DsnSanitizer,
}

impl TextSanitizer {
    /// The sanitizer with the default keys and token prefixes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the keys of `key=value` pairs whose values are replaced.
    #[must_use]
    pub fn with_keys(mut self, keys: SensitiveKeys) -> Self {
        self.url = self.url.with_keys(keys.clone());
        self.dsn = self.dsn.with_keys(keys.clone());
        self.keys = keys;
        self
    }

    /// Sets the prefixes by which secret tokens are known.
    #[must_use]
    pub fn with_token_prefixes(mut self, prefixes: TokenPrefixes) -> Self {
        self.url = self.url.with_token_prefixes(prefixes.clone());
        self.tokens = prefixes;
        self
    }

    /// Sets how URLs within the text are sanitized.
    #[must_use]
    pub fn with_url(mut self, url: UrlSanitizer) -> Self {
        self.url = url;
        self
    }

    /// Sets how connection strings within the text are sanitized.
    #[must_use]
    pub fn with_dsn(mut self, dsn: DsnSanitizer) -> Self {
        self.dsn = dsn;
        self
    }

    /// Sanitizes one free text. The result is valid UTF-8, with U+FFFD for bytes that are not, and borrowed where nothing had to
    /// change.
    #[must_use]
    pub fn sanitize<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        settled(String::from_utf8_lossy(text.as_ref()), |text| self.read(text))
    }

    /// Sanitizes a free text that stands apart from its name, such as the message of a log and the log's category, the value of a
    /// label and its key: the text of a sensitive name is a secret as a whole.
    ///
    /// ```
    /// let sanitizer = go_trace_sanitize::TextSanitizer::new();
    /// assert_eq!(sanitizer.sanitize_named("password", "correct horse"), "REDACTED");
    /// assert_eq!(sanitizer.sanitize_named("order", "correct horse"), "correct horse");
    /// ```
    #[must_use]
    pub fn sanitize_named<'a>(
        &self,
        name: &(impl AsRef<[u8]> + ?Sized),
        text: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Cow<'a, str> {
        let clean = self.sanitize(text);
        let name = name.as_ref();
        let is_secret = self.keys.contains(name) && !self.keys.is_ordinary(name, &clean);
        if is_secret && !clean.is_empty() { REDACTED.into() } else { clean }
    }

    fn read<'a>(&self, text: &'a str) -> Cow<'a, str> {
        Scan::new(self, text).run()
    }
}
