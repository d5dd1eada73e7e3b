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

/// The patterns added to them by default.
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
    names: Vec<Vec<u8>>,
    patterns: Vec<Pattern>,
}

/// One folded pattern and where a `*` opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    text: Vec<u8>,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    fn new(pattern: &str) -> Self {
        let core = pattern.strip_prefix('*').unwrap_or(pattern);
        let text = core.strip_suffix('*').unwrap_or(core);
        Self {
            text: folded(text.as_bytes()),
            open_start: pattern.starts_with('*'),
            open_end: core.ends_with('*'),
        }
    }

    fn matches(&self, key: &[u8]) -> bool {
        match (self.open_start, self.open_end) {
            (false, false) => key == self.text,
            (false, true) => key.starts_with(&self.text),
            (true, false) => key.ends_with(&self.text),
            (true, true) => memchr::memmem::find(key, &self.text).is_some(),
        }
    }
}

/// A key without what patterns do not regard.
fn folded(key: &[u8]) -> Vec<u8> {
    key.iter().filter(|byte| !b"_-. ".contains(byte)).map(u8::to_ascii_lowercase).collect()
}

impl Default for SensitiveKeys {
    /// OpenTelemetry's names and the recommended patterns: passwords, secrets, tokens, keys, sessions and the like.
    fn default() -> Self {
        RECOMMENDED.iter().fold(Self::opentelemetry(), |keys, pattern| keys.with_pattern(pattern))
    }
}

impl SensitiveKeys {
    /// No key at all, to build a list of one's own on.
    #[must_use]
    pub fn none() -> Self {
        Self { names: Vec::new(), patterns: Vec::new() }
    }

    /// The seven names of OpenTelemetry's convention for `url.full`, and nothing else.
    #[must_use]
    pub fn opentelemetry() -> Self {
        OPENTELEMETRY.iter().fold(Self::none(), |keys, name| keys.with_name(*name))
    }

    /// Adds a name that is matched exactly as written.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into().into_bytes());
        self
    }

    /// Adds a pattern that is matched loosely.
    #[must_use]
    pub fn with_pattern(mut self, pattern: &str) -> Self {
        self.patterns.push(Pattern::new(pattern));
        self
    }

    /// Whether the value of this key is secret. The key is taken as it is: percent-decode it first.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        if self.names.iter().any(|name| name == key) {
            return true;
        }
        let key = folded(key);
        self.patterns.iter().any(|pattern| pattern.matches(&key))
    }
}
