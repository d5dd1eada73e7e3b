//! The shapes of well-known secret tokens.

use alloc::string::String;
use alloc::vec::Vec;

/// The prefixes by which a secret token is known wherever it stands, such as `ghp_` or `AKIA`.
///
/// ```
/// use sanitize::{TextSanitizer, TokenPrefixes};
///
/// let text = TextSanitizer::new().with_token_prefixes(TokenPrefixes::default().with_prefix("acme_"));
/// assert_eq!(text.sanitize("got acme_0123 and ghp_abcdef"), "got REDACTED and REDACTED");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPrefixes {
    built_in: &'static [&'static str],
    prefixes: Vec<String>,
}

/// The default prefixes. `eyJ` starts the JSON object of a JWT.
const DEFAULT: [&str; 40] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glrt-",
    "xoxa-",
    "xoxb-",
    "xoxe-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "xapp-",
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "pk_live_",
    "whsec_",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "GOCSPX-",
    "SG.",
    "npm_",
    "pypi-",
    "dop_v1_",
    "shpat_",
    "shpss_",
    "hf_",
    "dapi",
    "hvs.",
    "hvb.",
    "lin_api_",
    "eyJ",
];

/// A prefix alone is a word; a token goes on for at least so many bytes.
const SHORTEST: usize = 4;

impl Default for TokenPrefixes {
    /// The prefixes of the tokens of well-known services.
    fn default() -> Self {
        Self { built_in: &DEFAULT, prefixes: Vec::new() }
    }
}

impl TokenPrefixes {
    /// No prefix at all, to build a list of one's own on.
    #[must_use]
    pub const fn none() -> Self {
        Self { built_in: &[], prefixes: Vec::new() }
    }

    /// Adds a prefix. A token has at least four more bytes.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.push(prefix.into());
        self
    }

    /// Whether a text starts with a token.
    pub(crate) fn start(&self, text: &str) -> bool {
        let own = self.prefixes.iter().map(String::as_str);
        let found = self.built_in.iter().copied().chain(own).find(|prefix| text.starts_with(prefix));
        found.is_some_and(|prefix| token_end(text) >= prefix.len() + SHORTEST)
    }
}

/// The length of the run of bytes that a token may have.
pub(crate) fn token_end(text: &str) -> usize {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~+/=".contains(&byte);
    text.bytes().take_while(|&byte| in_token(byte)).count()
}
