//! Names whose values are secret: rule U2.

use alloc::string::String;
use alloc::vec::Vec;

/// The query keys whose values OpenTelemetry's `url.full` asks to redact, matched exactly as written.
const OPENTELEMETRY: [&str; 7] = [
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

/// The patterns added to them by default, folded.
const RECOMMENDED: [&str; 22] = [
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*passcode*",
    "*pass",
    "*pwd*",
    "*secret*",
    "*token*",
    "*apikey*",
    "*accesskey*",
    "*privatekey*",
    "*credential*",
    "*signature*",
    "*assertion*",
    "*cookie*",
    "*session*",
    "*sessid*",
    "*jwt*",
    "*otp",
    "*oauth*",
    "auth*",
    "code",
];

/// The keys whose values are secret, in the query of a URL, a connection string or a log message: rule U2.
///
/// A name is matched exactly as written. A pattern is matched without regard to ASCII case and to the characters `_`, `-`, `.` and
/// blank, so `apikey` also means `api_key`, `API-Key` and `apiKey`; a `*` at its begin or end stands for any characters.
///
/// ```
/// use sanitize::SensitiveKeys;
///
/// let keys = SensitiveKeys::default().with_pattern("tenant*");
/// assert!(keys.contains(b"tenant_id") && keys.contains(b"Client-Secret") && !keys.contains(b"page"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensitiveKeys {
    built_in_names: &'static [&'static str],
    built_in_patterns: &'static [&'static str],
    names: Vec<String>,
    /// Folded, but for a `*` at either end.
    patterns: Vec<String>,
}

/// Whether a folded key fits a folded pattern.
fn fits(pattern: &str, key: &[u8]) -> bool {
    let begin = pattern.strip_prefix('*');
    let text = begin.unwrap_or(pattern);
    let end = text.strip_suffix('*');
    let text = end.unwrap_or(text).as_bytes();
    match (begin, end) {
        (None, None) => key == text,
        (None, Some(_)) => key.starts_with(text),
        (Some(_), None) => key.ends_with(text),
        (Some(_), Some(_)) => memchr::memmem::find(key, text).is_some(),
    }
}

/// Whether patterns regard a byte of a key.
fn is_regarded(byte: u8) -> bool {
    !b"_-. ".contains(&byte)
}

impl Default for SensitiveKeys {
    /// OpenTelemetry's names and the recommended patterns: passwords, secrets, tokens, keys, sessions and the like.
    fn default() -> Self {
        Self { built_in_patterns: &RECOMMENDED, ..Self::opentelemetry() }
    }
}

impl SensitiveKeys {
    /// No key at all, to build a list of one's own on.
    #[must_use]
    pub const fn none() -> Self {
        Self { built_in_names: &[], built_in_patterns: &[], names: Vec::new(), patterns: Vec::new() }
    }

    /// The seven names of OpenTelemetry's convention for `url.full`, and nothing else.
    #[must_use]
    pub const fn opentelemetry() -> Self {
        Self {
            built_in_names: &OPENTELEMETRY,
            built_in_patterns: &[],
            names: Vec::new(),
            patterns: Vec::new(),
        }
    }

    /// Adds a name that is matched exactly as written.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Adds a pattern that is matched loosely.
    #[must_use]
    pub fn with_pattern(mut self, pattern: &str) -> Self {
        let regarded = |character: &char| !character.is_ascii() || is_regarded(*character as u8);
        self.patterns
            .push(pattern.chars().filter(regarded).map(|character| character.to_ascii_lowercase()).collect());
        self
    }

    /// Whether the value of this key is secret. The key is taken as it is: percent-decode it first.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        let own = self.names.iter().map(String::as_str);
        if self.built_in_names.iter().copied().chain(own).any(|name| name.as_bytes() == key) {
            return true;
        }
        let folded: Vec<u8> = key
            .iter()
            .copied()
            .filter(|&byte| is_regarded(byte))
            .map(|byte| byte.to_ascii_lowercase())
            .collect();
        let own = self.patterns.iter().map(String::as_str);
        self.built_in_patterns.iter().copied().chain(own).any(|pattern| fits(pattern, &folded))
    }
}
