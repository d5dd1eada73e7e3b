//! Names whose values are secret: [rules U2 and L3](crate#the-rules).

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

/// The patterns added to them by default, folded: English ones, and the words for a password in other languages.
const RECOMMENDED: &[Pattern] = &patterns([
    "*passwo*",
    "*passwd*",
    "passw",
    "*kennwort*",
    "*contraseña*",
    "*contrasena*",
    "*motdepasse*",
    "*wachtwoord*",
    "*пароль*",
    "*密码*",
    "*密碼*",
    "*パスワード*",
    "senha",
    "*passphrase*",
    "*passcode*",
    "*passkey*",
    "*pass",
    "*pwd*",
    "*pswd*",
    "pw",
    "*bindpw",
    "*rootpw",
    "*userpw",
    "*secret*",
    "*token*",
    "*apikey*",
    "*accesskey*",
    "*accountkey*",
    "*encryptionkey*",
    "*instrumentationkey*",
    "*masterkey*",
    "*privatekey*",
    "*privkey*",
    "*licensekey*",
    "*licencekey*",
    "*sshkey*",
    "*hmac*",
    "*mnemonic*",
    "*seedphrase*",
    "*recoverycode*",
    "*backupcode*",
    "*sharedkey*",
    "*signingkey*",
    "*subscriptionkey*",
    "*credential*",
    "cred",
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
    "*verificationcode",
    "*securitycode",
    "*unlockcode",
    "codeverifier",
    "devicecode",
    "pincode",
]);

/// Ordinary names that fit one of these patterns, folded.
const ORDINARY: &[Pattern] = &patterns([
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
    "secretary",
    "sessionstate",
    "tokencount",
    "tokenizer",
    "tokentype",
]);

/// Last words of a name that make its value secret: `app_datadog_key`, `connect.sid`, `temp_url_sig`.
const LAST_WORDS: &[&str] = &["key", "sid", "sig", "psk", "pw", "cvv", "cvc"];

/// Words before a last `key` that make it a name for something rather than a secret.
const KEYS_OF_DATA: &[&str] = &[
    "aggregation",
    "alias",
    "alternate",
    "any",
    "bind",
    "binding",
    "blob",
    "bucket",
    "cache",
    "candidate",
    "child",
    "cluster",
    "clustering",
    "column",
    "composite",
    "config",
    "context",
    "correlation",
    "dedup",
    "dict",
    "dist",
    "distribution",
    "document",
    "duplicate",
    "end",
    "entity",
    "entry",
    "event",
    "feature",
    "field",
    "first",
    "flag",
    "foreign",
    "group",
    "grouping",
    "has",
    "hash",
    "idempotency",
    "image",
    "index",
    "invalid",
    "item",
    "join",
    "json",
    "label",
    "last",
    "limit",
    "lock",
    "lookup",
    "map",
    "max",
    "message",
    "metric",
    "min",
    "missing",
    "natural",
    "new",
    "next",
    "object",
    "old",
    "order",
    "parent",
    "partition",
    "prefix",
    "prev",
    "previous",
    "primary",
    "project",
    "pub",
    "public",
    "range",
    "rank",
    "record",
    "redis",
    "resource",
    "routing",
    "row",
    "s3",
    "shard",
    "sort",
    "start",
    "state",
    "surrogate",
    "unique",
];

/// Last words that make a name tell something of a secret, and not the secret: `max_password_length`, `token_expires_in`.
const LAST_WORDS_OF_FACTS: &[&str] = &[
    "age",
    "alg",
    "algorithm",
    "arn",
    "at",
    "attempts",
    "bucket",
    "bytes",
    "changed",
    "count",
    "created",
    "dir",
    "domain",
    "duration",
    "enabled",
    "endpoint",
    "error",
    "errors",
    "exists",
    "expiration",
    "expires",
    "expiry",
    "failures",
    "field",
    "file",
    "format",
    "header",
    "in",
    "interval",
    "issuer",
    "kind",
    "latency",
    "len",
    "length",
    "lifetime",
    "limit",
    "max",
    "mechanism",
    "method",
    "min",
    "mode",
    "name",
    "on",
    "path",
    "policy",
    "prefix",
    "provider",
    "ref",
    "required",
    "retries",
    "secure",
    "size",
    "status",
    "strength",
    "time",
    "timeout",
    "ttl",
    "type",
    "uri",
    "url",
    "version",
];

/// The keys whose values are secret, in the query of a URL, a connection string or a log message: [rule U2](crate#the-rules).
///
/// A name is matched exactly as written. A pattern is matched without regard to ASCII case and to the characters `_`, `-`, `.` and
/// blank, so `apikey` also means `api_key`, `API-Key` and `apiKey`; a `*` at its begin or end stands for any characters.
///
/// By default a name is secret, too, whose last word is `key`, `sid`, `sig`, `psk`, `pw`, `cvv` or `cvc` (`app_datadog_key`,
/// `connect.sid`), but for keys of data (`sort_key`, `idempotency_key`), and none is whose last word tells a fact
/// (`max_password_length`, `token_expires_in`): [rule L3](crate#the-rules).
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
    built_in_patterns: &'static [Pattern],
    /// What fits a built-in pattern and is ordinary all the same.
    ordinary: &'static [Pattern],
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

/// A folded pattern, and which letters a key must have to fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pattern {
    text: &'static str,
    letters: u32,
}

const fn patterns<const COUNT: usize>(texts: [&'static str; COUNT]) -> [Pattern; COUNT] {
    let mut patterns = [Pattern { text: "", letters: 0 }; COUNT];
    let mut place = 0;
    while place < COUNT {
        patterns[place] = Pattern { text: texts[place], letters: letters(texts[place].as_bytes()) };
        place += 1;
    }
    patterns
}

/// A bit for each small letter that a text has.
const fn letters(text: &[u8]) -> u32 {
    let mut letters = 0;
    let mut place = 0;
    while place < text.len() {
        if text[place].is_ascii_lowercase() {
            letters |= 1 << (text[place] - b'a');
        }
        place += 1;
    }
    letters
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
        (Some(_), Some(_)) => holds(key, text),
    }
}

/// Whether a key has a piece in it: keys are so short that nothing is gained by setting up a search.
fn holds(key: &[u8], piece: &[u8]) -> bool {
    let Some(first) = piece.first() else { return true };
    (0..key.len()).any(|place| key[place] == *first && key[place..].starts_with(piece))
}

/// Whether patterns regard a byte of a key.
fn is_regarded(byte: u8) -> bool {
    !b"_-. ".contains(&byte)
}

impl Default for SensitiveKeys {
    /// OpenTelemetry's names and the recommended patterns: passwords, secrets, tokens, keys, sessions and the like.
    fn default() -> Self {
        Self::RECOMMENDED
    }
}

impl SensitiveKeys {
    pub(crate) const RECOMMENDED: Self = Self {
        built_in_names: &OPENTELEMETRY,
        built_in_patterns: RECOMMENDED,
        ordinary: ORDINARY,
        names: Vec::new(),
        patterns: Vec::new(),
    };

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
        if self.patterns.iter().any(|pattern| fits(pattern, &folded)) {
            return true;
        }
        if self.built_in_patterns.is_empty() {
            return false;
        }
        let letters = letters(&folded);
        let fits_any = |patterns: &[Pattern]| {
            patterns.iter().any(|pattern| pattern.letters & !letters == 0 && fits(pattern.text, &folded))
        };
        let last = LastWord::of(key);
        (last.is_secret() || fits_any(self.built_in_patterns)) && !last.is_fact() && !fits_any(self.ordinary)
    }

    /// Whether a value in free text is none that a built-in pattern means: the count of a plural, as in `total_tokens=512`, a `code`
    /// that is a plain word or number, as in `exit code: 1` and `code = Unavailable`, a line of a source, as in `auth.go:55`, a
    /// status of HTTP, as in `token: 401 Unauthorized`, a placeholder, or what passed in Go's tests.
    pub(crate) fn is_ordinary(&self, name: &[u8], value: &str) -> bool {
        let key = folded(name);
        let word = value.split_whitespace().next().unwrap_or_default();
        if is_placeholder(word) {
            return true;
        }
        let word = word.trim_end_matches(|last: char| last.is_ascii_punctuation());
        if word.is_empty() || self.patterns.iter().any(|pattern| fits(pattern, &key)) {
            return false;
        }
        let has = |kind: fn(&u8) -> bool| word.bytes().any(|byte| kind(&byte));
        // `pass` is none, and neither is `access`.
        let plural = key.ends_with(b"s") && !key.ends_with(b"ss") || holds(&key, b"tokens");
        let count = plural && word.len() <= LONGEST_COUNT && !has(|byte| !byte.is_ascii_digit());
        let random = has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && word.len() >= SHORTEST_CODE;
        let code = key == b"code" && word.len() <= LONGEST_CODE && !random;
        let source = SOURCES.iter().any(|source| name.ends_with(source));
        let status = word.len() == 3
            && (b'1'..=b'5').contains(&word.as_bytes()[0])
            && !has(|byte| !byte.is_ascii_digit());
        let line = source && word.starts_with(|first: char| first.is_ascii_digit());
        count
            || code
            || line
            || status && key.ends_with(b"token")
            || name == b"PASS" && word.starts_with("Test")
    }

    /// Whether the value of a sensitive key may be a password, of which nobody knows what it looks like.
    pub(crate) fn may_be_password(&self, key: &[u8]) -> bool {
        const PARTS: [&[u8]; 6] = [b"pass", b"pwd", b"pw", b"secret", b"phrase", b"key"];
        let folded = folded(key);
        PARTS.iter().any(|part| holds(&folded, part))
            || self.patterns.iter().any(|pattern| fits(pattern, &folded))
            || self.names.iter().any(|name| name.as_bytes() == key)
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

/// Whether a word stands for a value that is not told: `?`, `$1`, `%s`.
fn is_placeholder(word: &str) -> bool {
    let word = word.trim_end_matches([',', ';', ')', '.']);
    let number = word.strip_prefix('$').unwrap_or_default();
    matches!(word, "?" | "%s" | "%v" | "%q" | "NULL")
        || (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The last word of a name, in any letter case, and the one before it.
struct LastWord<'a> {
    word: &'a [u8],
    before: &'a [u8],
    /// The name has more than one word.
    joined: bool,
}

impl<'a> LastWord<'a> {
    fn of(name: &'a [u8]) -> Self {
        // A number may count several of one name.
        let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let (before, word) = split_last(&name[..name.len() - digits]);
        let joined = !before.is_empty() || name.starts_with(b"_");
        Self { word, before: split_last(before).1, joined }
    }

    fn is(&self, words: &[&str]) -> bool {
        words.iter().any(|known| self.word.eq_ignore_ascii_case(known.as_bytes()))
    }

    fn is_secret(&self) -> bool {
        // Alone, a key is one of a map, and OpenTelemetry has `sig` in small letters.
        let part = self.is(&["key", "sig"]);
        let of_data = KEYS_OF_DATA.iter().any(|known| self.before.eq_ignore_ascii_case(known.as_bytes()));
        self.is(LAST_WORDS) && (!part || self.joined && !of_data)
    }

    fn is_fact(&self) -> bool {
        self.joined && self.is(LAST_WORDS_OF_FACTS)
    }
}

/// A name without its last word, and the last word: behind a separator, or from a capital letter behind a small one on.
fn split_last(name: &[u8]) -> (&[u8], &[u8]) {
    let separated = |place: usize| matches!(name[place], b'_' | b'-' | b'.');
    let hump =
        |place: usize| name[place].is_ascii_uppercase() && place > 0 && name[place - 1].is_ascii_lowercase();
    let start = (0..name.len()).rev().take(LONGEST_LAST_WORD).find(|&place| separated(place) || hump(place));
    match start {
        Some(start) if separated(start) => (&name[..start], &name[start + 1..]),
        Some(start) => name.split_at(start),
        None => (&[], name),
    }
}

/// No word that is looked for is as long.
const LONGEST_LAST_WORD: usize = 24;

/// Whether a character belongs to the name of a key.
pub(crate) fn in_name(character: char) -> bool {
    character.is_alphanumeric() || "_-.".contains(character)
}

/// A key as patterns regard it.
fn folded(key: &[u8]) -> Vec<u8> {
    key.iter().filter(|&&byte| is_regarded(byte)).map(u8::to_ascii_lowercase).collect()
}
