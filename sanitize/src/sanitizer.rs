//! All sanitizers in one value.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::dsn::Dsn;
use crate::edit::then;
use crate::keys::SensitiveKeys;
use crate::options::UrlOptions;
use crate::rules::Rules;
use crate::shapes::TokenShapes;
use crate::sql::{self, Dialect, SqlOptions};
use crate::text::Text;
use crate::url::Url;

/// What a text is, and so which rules sanitize it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TextKind {
    /// SQL: [rules S1–S15](crate#the-rules).
    Sql,
    /// A URL: [rules U1–U9](crate#the-rules).
    Url,
    /// A connection string: [rule U6](crate#the-rules).
    Dsn,
    /// Free text, such as a log message or a name: [rules L1–L6](crate#the-rules).
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
    shared: Arc<Shared>,
}

/// What the clones of a sanitizer share. Keys and shapes are here once: whatever the order in which options are set, each kind of
/// text is read by the same ones.
#[derive(Clone, Default)]
struct Shared {
    sql: SqlOptions,
    url: UrlOptions,
    keys: SensitiveKeys,
    tokens: TokenShapes,
    custom: Vec<(TextKind, Stage, Rule)>,
}

impl Shared {
    fn rules(&self) -> Rules<'_> {
        Rules { keys: &self.keys, tokens: &self.tokens, url: self.url, sql: self.sql }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let custom: Vec<_> = self.custom.iter().map(|(kind, stage, _)| (kind, stage)).collect();
        f.debug_struct("Sanitizer")
            .field("sql", &self.sql)
            .field("url", &self.url)
            .field("keys", &self.keys)
            .field("tokens", &self.tokens)
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

    /// Changes what is shared by this value; other clones keep theirs.
    fn map(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }

    /// Sets the options for SQL, the default dialect among them. SQL in free text is read by them, too, without a limit.
    #[must_use]
    pub fn with_sql(self, sql: SqlOptions) -> Self {
        self.map(|shared| shared.sql = sql)
    }

    /// Sets the options for URLs, also for those in connection strings and in free text.
    #[must_use]
    pub fn with_url(self, url: UrlOptions) -> Self {
        self.map(|shared| shared.url = url)
    }

    /// Sets the keys whose values are secret, for every kind of text: in SQL, the names of settings.
    #[must_use]
    pub fn with_keys(self, keys: SensitiveKeys) -> Self {
        self.map(|shared| shared.keys = keys)
    }

    /// Sets the shapes by which secret tokens are known, in free text, in the paths of URLs and in the values of their queries.
    #[must_use]
    pub fn with_token_shapes(self, shapes: TokenShapes) -> Self {
        self.map(|shared| shared.tokens = shapes)
    }

    /// Adds a rule of the user's own for one kind of text. Rules of one stage run in the order in which they were added.
    #[must_use]
    pub fn with_rule<F>(self, kind: TextKind, stage: Stage, rule: F) -> Self
    where
        F: for<'a> Fn(&'a str) -> Cow<'a, str> + Send + Sync + 'static,
    {
        self.map(|shared| shared.custom.push((kind, stage, Arc::new(rule))))
    }

    /// Sanitizes SQL of the default dialect.
    #[must_use]
    pub fn sql<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.sql_in(text, self.shared.sql.dialect)
    }

    /// Sanitizes SQL of a dialect.
    #[must_use]
    pub fn sql_in<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized), dialect: Dialect) -> Cow<'a, str> {
        let options = SqlOptions { dialect, ..self.shared.sql };
        self.run(TextKind::Sql, text.as_ref(), |text| lossy(sql::sanitize(text, options, &self.shared.keys)))
    }

    /// The summary of SQL of a dialect for `db.query.summary` ([rule S15](crate#the-rules)), made of what [`sql_in`](Self::sql_in) lets through.
    #[must_use]
    pub fn sql_summary(&self, text: &(impl AsRef<[u8]> + ?Sized), dialect: Dialect) -> String {
        let options = SqlOptions { dialect, ..self.shared.sql };
        sql::summary_of(&self.sql_in(text, dialect), options, &self.shared.keys)
    }

    /// Sanitizes a URL.
    #[must_use]
    pub fn url<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.run(TextKind::Url, text.as_ref(), |text| Url(self.shared.rules()).sanitize(text))
    }

    /// Sanitizes a connection string.
    #[must_use]
    pub fn dsn<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.run(TextKind::Dsn, text.as_ref(), |text| Dsn(self.shared.rules()).sanitize(text))
    }

    /// Sanitizes free text.
    #[must_use]
    pub fn text<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        self.run(TextKind::Text, text.as_ref(), |text| Text(self.shared.rules()).sanitize(text))
    }

    /// Sanitizes a free text that stands apart from its name, such as the message of a log and the log's category, the value of a
    /// label and its key: the text of a sensitive name is a secret as a whole.
    ///
    /// ```
    /// let sanitizer = go_trace_sanitize::Sanitizer::new();
    /// assert_eq!(sanitizer.named_text("password", "correct horse"), "REDACTED");
    /// assert_eq!(sanitizer.named_text("order", "correct horse"), "correct horse");
    /// ```
    #[must_use]
    pub fn named_text<'a>(
        &self,
        name: &(impl AsRef<[u8]> + ?Sized),
        text: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Cow<'a, str> {
        self.run(TextKind::Text, text.as_ref(), |text| {
            Text(self.shared.rules()).sanitize_named(name.as_ref(), text)
        })
    }

    /// Runs the custom rules of a kind around the built-in ones.
    fn run<'a>(
        &self,
        kind: TextKind,
        text: &'a [u8],
        built_in: impl Fn(&[u8]) -> Cow<'_, str>,
    ) -> Cow<'a, str> {
        if self.shared.custom.iter().all(|(of, ..)| *of != kind) {
            return built_in(text);
        }
        let apply = |stage: Stage, text: Cow<'a, str>| {
            let rules = self.shared.custom.iter().filter(|(of, when, _)| *of == kind && *when == stage);
            rules.fold(text, |text, (.., rule)| then(text, |text| rule(text)))
        };
        let replaced = self.shared.custom.iter().any(|(of, when, _)| *of == kind && *when == Stage::Instead);
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
