//! The shapes of well-known secret tokens.

use alloc::string::String;
use alloc::vec::Vec;

/// The prefixes by which a secret token is known wherever it stands, such as `ghp_` or `AKIA`.
///
/// ```
/// use go_trace_sanitize::{TextSanitizer, TokenPrefixes};
///
/// let text = TextSanitizer::new().with_token_prefixes(TokenPrefixes::default().with_prefix("acme_"));
/// assert_eq!(text.sanitize("got acme_0123 and ghp_abcdef"), "got REDACTED and REDACTED");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPrefixes {
    built_in: &'static [(&'static str, usize)],
    prefixes: Vec<String>,
}

/// A prefix alone is a word; a token goes on for at least so many bytes.
const SHORTEST: usize = 4;

/// The default prefixes, each with the least number of bytes that follow: more where words start with the prefix too.
/// `eyJ` starts the JSON object of a JWT.
const DEFAULT: [(&str, usize); 51] = [
    ("ghp_", SHORTEST),
    ("gho_", SHORTEST),
    ("ghu_", SHORTEST),
    ("ghs_", SHORTEST),
    ("ghr_", SHORTEST),
    ("github_pat_", SHORTEST),
    ("glpat-", SHORTEST),
    ("gldt-", SHORTEST),
    ("glrt-", SHORTEST),
    ("glsa_", SHORTEST),
    ("xoxa-", SHORTEST),
    ("xoxb-", SHORTEST),
    ("xoxc-", SHORTEST),
    ("xoxd-", SHORTEST),
    ("xoxe-", SHORTEST),
    ("xoxp-", SHORTEST),
    ("xoxr-", SHORTEST),
    ("xoxs-", SHORTEST),
    ("xapp-", SHORTEST),
    ("sk_live_", SHORTEST),
    ("sk_test_", SHORTEST),
    ("rk_live_", SHORTEST),
    ("rk_test_", SHORTEST),
    ("pk_live_", SHORTEST),
    ("whsec_", SHORTEST),
    ("sq0atp-", SHORTEST),
    ("sq0csp-", SHORTEST),
    ("GOCSPX-", SHORTEST),
    ("dckr_pat_", SHORTEST),
    ("dop_v1_", SHORTEST),
    ("shpat_", SHORTEST),
    ("shpss_", SHORTEST),
    ("sntrys_", SHORTEST),
    ("sntryu_", SHORTEST),
    ("tskey-", SHORTEST),
    ("lin_api_", SHORTEST),
    ("hvs.", SHORTEST),
    ("hvb.", SHORTEST),
    ("ATATT3", SHORTEST),
    ("AGE-SECRET-KEY-1", SHORTEST),
    ("eyJ", 12),
    ("AKIA", 16),
    ("ASIA", 16),
    ("sk-", 16),
    ("SG.", 16),
    ("pypi-", 16),
    ("ya29.", 16),
    ("AIza", 30),
    ("dapi", 30),
    ("hf_", 30),
    ("npm_", 30),
];

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
        let own = self.prefixes.iter().map(|prefix| (prefix.as_str(), SHORTEST));
        self.built_in
            .iter()
            .copied()
            .chain(own)
            .any(|(prefix, shortest)| text.starts_with(prefix) && token_end(text) >= prefix.len() + shortest)
    }
}

/// The length of the run of bytes that a token may have.
pub(crate) fn token_end(text: &str) -> usize {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~+/=".contains(&byte);
    text.bytes().take_while(|&byte| in_token(byte)).count()
}
