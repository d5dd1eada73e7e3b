//! The shapes of well-known secret tokens.

use alloc::string::String;
use alloc::vec::Vec;

/// The prefixes by which a secret token is known wherever it stands, such as `ghp_` or `AKIA`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPrefixes {
    prefixes: Vec<String>,
}

/// The default prefixes.
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

impl Default for TokenPrefixes {
    /// The prefixes of the tokens of well-known services.
    fn default() -> Self {
        Self { prefixes: DEFAULT.iter().map(|&prefix| prefix.into()).collect() }
    }
}

impl TokenPrefixes {
    /// No prefix at all, to build a list of one's own on.
    #[must_use]
    pub fn none() -> Self {
        Self { prefixes: Vec::new() }
    }

    /// Adds a prefix.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefixes.push(prefix.into());
        self
    }
}
