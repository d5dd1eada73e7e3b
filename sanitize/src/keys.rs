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
const RECOMMENDED: [&str; 37] = [
    "*password*",
    "*passwd*",
    "*passphrase*",
    "*passcode*",
    "*passkey*",
    "*pass",
    "*pwd*",
    "pw",
    "*secret*",
    "*token*",
    "*apikey*",
    "*accesskey*",
    "*accountkey*",
    "*encryptionkey*",
    "*instrumentationkey*",
    "*masterkey*",
    "*privatekey*",
    "*sharedkey*",
    "*signingkey*",
    "*subscriptionkey*",
    "*credential*",
    "creds",
    "*signature*",
    "*assertion*",
    "*saml*",
    "*cookie*",
    "*session*",
    "*sessid*",
    "*csrf*",
    "*xsrf*",
    "*jwt*",
    "bearer*",
    "*otp",
    "*oauth*",
    "*authorization*",
    "auth*",
    "code",
];

/// Ordinary names that fit one of these patterns, folded.
const ORDINARY: [&str; 21] = [
    "author",
    "authors",
    "authorid",
    "authorname",
    "authoremail",
    "authority",
    "authorities",
    "authorized",
    "authenticated",
    "authmechanism",
    "authmethod",
    "authmode",
    "authsource",
    "authtype",
    "*bypass",
    "*compass",
    "*keyname",
    "sessionstate",
    "tokencount",
    "tokenizer",
    "tokentype",
];

/// The keys whose values are secret, in the query of a URL, a connection string or a log message: rule U2.
///
/// A name is matched exactly as written. A pattern is matched without regard to ASCII case and to the characters `_`, `-`, `.` and
/// blank, so `apikey` also means `api_key`, `API-Key` and `apiKey`; a `*` at its begin or end stands for any characters.
///
/// ```
/// use go_trace_sanitize::SensitiveKeys;
///
/// let keys = SensitiveKeys::default().with_pattern("tenant*");
/// assert!(keys.contains(b"tenant_id") && keys.contains(b"Client-Secret") && !keys.contains(b"page"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SensitiveKeys {
    built_in_names: &'static [&'static str],
    built_in_patterns: &'static [&'static str],
    /// What fits a built-in pattern and is ordinary all the same.
    ordinary: &'static [&'static str],
    names: Vec<String>,
    /// Folded, but for a `*` at either end.
    patterns: Vec<String>,
}

/// How the names of sources end, which a line's number follows.
const SOURCES: [&[u8]; 8] = [b".go", b".rs", b".s", b".py", b".js", b".ts", b".java", b".c"];
/// The most digits of a count.
const LONGEST_COUNT: usize = 9;
/// The least length of a `code` of letters and digits that is a secret, and the greatest of any that is none.
const SHORTEST_CODE: usize = 16;
const LONGEST_CODE: usize = 40;

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
        Self { built_in_patterns: &RECOMMENDED, ordinary: &ORDINARY, ..Self::opentelemetry() }
    }
}

impl SensitiveKeys {
    /// No key at all, to build a list of one's own on.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            built_in_names: &[],
            built_in_patterns: &[],
            ordinary: &[],
            names: Vec::new(),
            patterns: Vec::new(),
        }
    }

    /// The seven names of OpenTelemetry's convention for `url.full`, and nothing else.
    #[must_use]
    pub const fn opentelemetry() -> Self {
        let mut keys = Self::none();
        keys.built_in_names = &OPENTELEMETRY;
        keys
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
        let folded = folded(key);
        let fits_any = |patterns: &[&str]| patterns.iter().any(|pattern| fits(pattern, &folded));
        self.patterns.iter().any(|pattern| fits(pattern, &folded))
            || fits_any(self.built_in_patterns) && !fits_any(self.ordinary)
    }

    /// Whether a value in free text is none that a built-in pattern means: the count of a plural, as in `total_tokens=512`, a `code`
    /// that is a plain word or number, as in `exit code: 1` and `code = Unavailable`, a line of a source, as in `auth.go:55`, or
    /// what passed in Go's tests.
    pub(crate) fn is_ordinary(&self, name: &[u8], value: &str) -> bool {
        let key = folded(name);
        let word = value.split_whitespace().next().unwrap_or_default();
        let word = word.trim_end_matches(|last: char| last.is_ascii_punctuation());
        if word.is_empty() || self.patterns.iter().any(|pattern| fits(pattern, &key)) {
            return false;
        }
        let has = |kind: fn(&u8) -> bool| word.bytes().any(|byte| kind(&byte));
        let plural = key.ends_with(b"s") || memchr::memmem::find(&key, b"tokens").is_some();
        let count = plural && word.len() <= LONGEST_COUNT && !has(|byte| !byte.is_ascii_digit());
        let random = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && word.len() >= SHORTEST_CODE;
        let code = key == b"code" && word.len() <= LONGEST_CODE && !random;
        let source = SOURCES.iter().any(|source| name.ends_with(source));
        let line = source && word.starts_with(|first: char| first.is_ascii_digit());
        count || code || line || name == b"PASS" && word.starts_with("Test")
    }

    /// Where the value of the first sensitive `key=value` starts in a text.
    pub(crate) fn value_in(&self, text: &str) -> Option<usize> {
        let mut start = 0;
        for (equals, _) in text.match_indices('=') {
            let before = text[start..equals].trim_end_matches(|character| !in_name(character));
            let name = before
                .rfind(|character| !in_name(character))
                .map_or(before, |end| before[end..].trim_start_matches(|character| !in_name(character)));
            if self.contains(name.as_bytes()) {
                return Some(equals + 1);
            }
            start = equals + 1;
        }
        None
    }
}

/// Whether a character belongs to the name of a key.
pub(crate) fn in_name(character: char) -> bool {
    character.is_alphanumeric() || "_-.".contains(character)
}

/// A key as patterns regard it.
fn folded(key: &[u8]) -> Vec<u8> {
    key.iter().filter(|&&byte| is_regarded(byte)).map(u8::to_ascii_lowercase).collect()
}
