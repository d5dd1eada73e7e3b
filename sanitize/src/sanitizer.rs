//! All sanitizers in one value.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::edit::then;
use crate::{Dialect, DsnSanitizer, SensitiveKeys, SqlSanitizer, TextSanitizer, TokenPrefixes, UrlSanitizer};

/// What a text is, and so which rules sanitize it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextKind {
    /// SQL: rules S1–S15.
    Sql,
    /// A URL: rules U1–U8.
    Url,
    /// A connection string: rule U6.
    Dsn,
    /// Free text, such as a log message or a name: rule L1.
    Text,
}

/// When a custom rule runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Before the built-in rules, which see its result: it cannot make anything leak.
    Before,
    /// After the built-in rules: it sees only what they leave.
    After,
    /// Instead of the built-in rules: it sees the raw text and is alone responsible for what leaves.
    Instead,
}

/// A custom rule: a text in, a text out.
type Rule = Arc<dyn for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync>;

/// The sanitizers of all kinds of text with one set of options, to be held by what exports telemetry.
///
/// Texts may be `str` or bytes; results are valid UTF-8, with U+FFFD for bytes that are not, and borrowed where nothing had to
/// change. Cloning is cheap: clones share the rules, and changing one leaves the others as they are.
///
/// ```
/// use go_trace_sanitize::{Sanitizer, Stage, TextKind};
///
/// let sanitizer = Sanitizer::new().with_rule(TextKind::Text, Stage::Before, |text| text.replace("Jane Doe", "(name)").into());
/// assert_eq!(sanitizer.text("Jane Doe sent token=abc"), "(name) sent token=REDACTED");
/// assert_eq!(sanitizer.url(b"http://u:p@h/\xff?q"), "http://h/\u{fffd}");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sanitizer {
    rules: Arc<Rules>,
}

/// What the clones of a sanitizer share.
#[derive(Clone, Default)]
struct Rules {
    sql: SqlSanitizer,
    url: UrlSanitizer,
    dsn: DsnSanitizer,
    text: TextSanitizer,
    custom: Vec<(TextKind, Stage, Rule)>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let custom: Vec<_> = self.custom.iter().map(|(kind, stage, _)| (kind, stage)).collect();
        f.debug_struct("Rules")
            .field("sql", &self.sql)
            .field("url", &self.url)
            .field("dsn", &self.dsn)
            .field("text", &self.text)
            .field("custom", &custom)
            .finish()
    }
}

impl Sanitizer {
    /// The built-in rules with their default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the rules of this value; other clones keep theirs.
    fn map(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }

    /// Sets the options for SQL, the default dialect among them.
    #[must_use]
    pub fn with_sql(self, sql: SqlSanitizer) -> Self {
        self.map(|rules| rules.sql = sql)
    }

    /// Sets the options for URLs, also for those in connection strings and in free text.
    #[must_use]
    pub fn with_url(self, url: UrlSanitizer) -> Self {
        self.map(|rules| {
            rules.dsn = rules.dsn.clone().with_url(url.clone());
            rules.text = rules.text.clone().with_url(url.clone()).with_dsn(rules.dsn.clone());
            rules.url = url;
        })
    }

    /// Sets the keys whose values are secret, for URLs, connection strings and free text alike.
    #[must_use]
    pub fn with_keys(self, keys: SensitiveKeys) -> Self {
        self.map(|rules| {
            rules.url = rules.url.clone().with_keys(keys.clone());
            rules.dsn = rules.dsn.clone().with_keys(keys.clone());
            rules.text = rules.text.clone().with_keys(keys);
        })
    }

    /// Sets the prefixes by which secret tokens are known, in free text and in paths that are scrubbed.
    #[must_use]
    pub fn with_token_prefixes(self, prefixes: TokenPrefixes) -> Self {
        self.map(|rules| {
            rules.url = rules.url.clone().with_token_prefixes(prefixes.clone());
            rules.text = rules.text.clone().with_token_prefixes(prefixes);
        })
    }

    /// Adds a rule of the user's own for one kind of text. Rules of one stage run in the order in which they were added.
    #[must_use]
    pub fn with_rule<F>(self, kind: TextKind, stage: Stage, rule: F) -> Self
    where
        F: for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static,
    {
        self.map(|rules| rules.custom.push((kind, stage, Arc::new(rule))))
    }

    /// Sanitizes SQL of the default dialect.
    #[must_use]
    pub fn sql<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.sql_in(text, self.rules.sql.dialect())
    }

    /// Sanitizes SQL of a dialect.
    #[must_use]
    pub fn sql_in<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized), dialect: Dialect) -> Cow<'a, str> {
        let sql = self.rules.sql.clone().with_dialect(dialect);
        self.run(TextKind::Sql, text.as_ref(), |text| lossy(sql.sanitize_bytes(text)))
    }

    /// The summary of SQL of a dialect for `db.query.summary` (rule S15), made of what [`sql_in`](Self::sql_in) lets through.
    #[must_use]
    pub fn sql_summary(&self, text: &(impl AsRef<[u8]> + ?Sized), dialect: Dialect) -> String {
        self.rules.sql.clone().with_dialect(dialect).summary(&self.sql_in(text, dialect))
    }

    /// Sanitizes a URL.
    #[must_use]
    pub fn url<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.run(TextKind::Url, text.as_ref(), |text| self.rules.url.sanitize(text))
    }

    /// Sanitizes a connection string.
    #[must_use]
    pub fn dsn<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.run(TextKind::Dsn, text.as_ref(), |text| self.rules.dsn.sanitize(text))
    }

    /// Sanitizes free text.
    #[must_use]
    pub fn text<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.run(TextKind::Text, text.as_ref(), |text| self.rules.text.sanitize(text))
    }

    /// Sanitizes a free text that stands apart from its name, as [`TextSanitizer::sanitize_named`] does.
    #[must_use]
    pub fn named_text<'a>(
        &self,
        name: &(impl AsRef<[u8]> + ?Sized),
        text: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Cow<'a, str> {
        self.run(TextKind::Text, text.as_ref(), |text| self.rules.text.sanitize_named(name, text))
    }

    /// Runs the custom rules of a kind around the built-in ones.
    fn run<'a>(
        &self,
        kind: TextKind,
        text: &'a [u8],
        built_in: impl Fn(&[u8]) -> Cow<'_, str>,
    ) -> Cow<'a, str> {
        if self.rules.custom.iter().all(|(of, ..)| *of != kind) {
            return built_in(text);
        }
        let apply = |stage: Stage, text: Cow<'a, str>| {
            let rules = self.rules.custom.iter().filter(|(of, when, _)| *of == kind && *when == stage);
            rules.fold(text, |text, (.., rule)| then(text, |text| rule(text)))
        };
        let replaced = self.rules.custom.iter().any(|(of, when, _)| *of == kind && *when == Stage::Instead);
        let text = apply(Stage::Before, String::from_utf8_lossy(text));
        let text =
            if replaced { apply(Stage::Instead, text) } else { then(text, |text| built_in(text.as_bytes())) };
        apply(Stage::After, text)
    }
}

/// Text of bytes, with U+FFFD for those that are not UTF-8.
fn lossy(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => match String::from_utf8_lossy(&bytes) {
            Cow::Owned(text) => Cow::Owned(text),
            Cow::Borrowed(text) => Cow::Owned(text.to_owned()),
        },
    }
}
