//! What the dialects differ in, as one table, and the class of each byte that follows from it.

use super::Dialect;

/// Whether a dialect has a feature. Unsure, where the text may be of any dialect: what differs is dropped ([rule S9](crate#the-rules)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Has {
    No,
    Yes,
    Unsure,
}

/// What `"…"` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoubleQuotes {
    Identifier,
    String,
    /// Told by the place: [rule S6](crate#the-rules).
    ByPlace,
}

/// What `#` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Operator,
    WordCharacter,
    Comment,
    /// A comment in some dialect, and dropped as one, unless it would hide an unbalanced quote.
    Unsure,
}

/// When `--` starts a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dashes {
    Always,
    /// Only before a blank or the end: else two minus signs.
    BeforeBlank,
    Unsure,
}

/// What `$` before something other than a digit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dollar {
    /// Nothing: a character of words.
    Word,
    /// `$$…$$`
    Pairs,
    /// `$$…$$` and `$tag$…$tag$`
    Tags,
    /// As tags, but the body must have no quote that would be open in another dialect.
    Unsure,
}

/// What `[` starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bracket {
    /// A subscript or an array.
    Array,
    /// An identifier up to the next `]`.
    Identifier,
    /// An identifier in which `]]` stands for `]`.
    IdentifierDoubled,
    /// Any of them: read as an array in which no quote may hide a `]`.
    Unsure,
}

/// The letters that may stand before a string, in lower case, and whether backslashes escape in it.
type Prefix = (&'static [u8], Has);

/// What one dialect reads as what.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) double_quotes: DoubleQuotes,
    /// Whether a backslash escapes in strings.
    pub(super) backslash: Has,
    /// Whether a backslash escapes in quoted identifiers.
    pub(super) identifier_backslash: Has,
    pub(super) dashes: Dashes,
    pub(super) hash: Hash,
    pub(super) slashes: Has,
    pub(super) nested_comments: Has,
    /// `/*! … */` is code.
    pub(super) executable_comments: bool,
    pub(super) dollar: Dollar,
    /// `$5` is an amount of money, not a placeholder.
    pub(super) money: bool,
    pub(super) bracket: Bracket,
    pub(super) backticks: bool,
    pub(super) prefixes: &'static [Prefix],
    /// A word that starts with `_` before a string names its character set.
    pub(super) charsets: bool,
    pub(super) q_quotes: Has,
    pub(super) triple_quotes: Has,
    /// After a dot, a word may start with a digit.
    pub(super) digit_identifiers: bool,
    /// The name of a table may start with a word that has dashes in it.
    pub(super) dashed_names: bool,
    /// Bare `P1DT2H` is a literal.
    pub(super) durations: bool,
    /// Data may follow `INSERT … FORMAT name` ([rule S11](crate#the-rules)).
    pub(super) inline_formats: bool,
    /// Words without quotes among the arguments of EXECUTE are strings ([rule S10](crate#the-rules)).
    pub(super) bare_arguments: bool,
}

const STANDARD_PREFIXES: &[Prefix] = &[
    (b"n", Has::No),
    (b"x", Has::No),
    (b"b", Has::No),
    (b"u&", Has::No),
    (b"g", Has::No),
    (b"ux", Has::No),
    (b"gx", Has::No),
    (b"bx", Has::No),
];
const POSTGRES_PREFIXES: &[Prefix] =
    &[(b"e", Has::Yes), (b"n", Has::No), (b"x", Has::No), (b"b", Has::No), (b"u&", Has::No)];
const REDSHIFT_PREFIXES: &[Prefix] =
    &[(b"e", Has::Yes), (b"n", Has::Unsure), (b"x", Has::Unsure), (b"b", Has::Unsure), (b"u&", Has::Unsure)];
const ESCAPING_PREFIXES: &[Prefix] = &[(b"n", Has::Yes), (b"x", Has::Yes), (b"b", Has::Yes)];
/// In BigQuery's raw strings a backslash escapes nothing, and yet a quote after it does not close.
const BIGQUERY_PREFIXES: &[Prefix] =
    &[(b"r", Has::Yes), (b"b", Has::Yes), (b"rb", Has::Yes), (b"br", Has::Yes)];
const SPARK_PREFIXES: &[Prefix] = &[(b"r", Has::No), (b"x", Has::Yes), (b"b", Has::Yes), (b"n", Has::Yes)];
const PLAIN_PREFIXES: &[Prefix] = &[(b"n", Has::No), (b"x", Has::No)];
const GENERIC_PREFIXES: &[Prefix] = &[
    (b"e", Has::Unsure),
    (b"n", Has::Unsure),
    (b"x", Has::Unsure),
    (b"b", Has::Unsure),
    (b"u&", Has::Unsure),
    (b"g", Has::Unsure),
    (b"ux", Has::Unsure),
    (b"gx", Has::Unsure),
    (b"bx", Has::Unsure),
    (b"r", Has::Unsure),
    (b"rb", Has::Unsure),
    (b"br", Has::Unsure),
];

/// Standard SQL, of which each dialect says what it does differently.
const ANSI: Grammar = Grammar {
    double_quotes: DoubleQuotes::Identifier,
    backslash: Has::No,
    identifier_backslash: Has::No,
    dashes: Dashes::Always,
    hash: Hash::Operator,
    slashes: Has::No,
    nested_comments: Has::Yes,
    executable_comments: false,
    dollar: Dollar::Word,
    money: false,
    bracket: Bracket::Array,
    backticks: false,
    prefixes: STANDARD_PREFIXES,
    charsets: false,
    q_quotes: Has::No,
    triple_quotes: Has::No,
    digit_identifiers: false,
    dashed_names: false,
    durations: false,
    inline_formats: false,
    bare_arguments: false,
};

const GENERIC: Grammar = Grammar {
    double_quotes: DoubleQuotes::ByPlace,
    backslash: Has::Unsure,
    identifier_backslash: Has::Unsure,
    dashes: Dashes::Unsure,
    hash: Hash::Unsure,
    slashes: Has::Unsure,
    nested_comments: Has::Unsure,
    dollar: Dollar::Unsure,
    bracket: Bracket::Unsure,
    backticks: true,
    prefixes: GENERIC_PREFIXES,
    charsets: true,
    q_quotes: Has::Unsure,
    triple_quotes: Has::Unsure,
    inline_formats: true,
    bare_arguments: true,
    ..ANSI
};
const POSTGRES: Grammar = Grammar { dollar: Dollar::Tags, prefixes: POSTGRES_PREFIXES, ..ANSI };
const REDSHIFT: Grammar = Grammar { backslash: Has::Unsure, prefixes: REDSHIFT_PREFIXES, ..POSTGRES };
const MYSQL: Grammar = Grammar {
    double_quotes: DoubleQuotes::String,
    backslash: Has::Yes,
    dashes: Dashes::BeforeBlank,
    hash: Hash::Comment,
    nested_comments: Has::No,
    executable_comments: true,
    backticks: true,
    prefixes: ESCAPING_PREFIXES,
    charsets: true,
    digit_identifiers: true,
    ..ANSI
};
const MSSQL: Grammar = Grammar {
    double_quotes: DoubleQuotes::ByPlace,
    hash: Hash::WordCharacter,
    money: true,
    bracket: Bracket::IdentifierDoubled,
    prefixes: PLAIN_PREFIXES,
    bare_arguments: true,
    ..ANSI
};
const ORACLE: Grammar = Grammar {
    hash: Hash::WordCharacter,
    nested_comments: Has::No,
    prefixes: PLAIN_PREFIXES,
    q_quotes: Has::Yes,
    ..ANSI
};
const SQLITE: Grammar = Grammar {
    double_quotes: DoubleQuotes::ByPlace,
    nested_comments: Has::No,
    bracket: Bracket::Identifier,
    backticks: true,
    prefixes: PLAIN_PREFIXES,
    ..ANSI
};
const SNOWFLAKE: Grammar = Grammar {
    backslash: Has::Yes,
    slashes: Has::Yes,
    nested_comments: Has::No,
    dollar: Dollar::Pairs,
    prefixes: ESCAPING_PREFIXES,
    ..ANSI
};
const BIGQUERY: Grammar = Grammar {
    double_quotes: DoubleQuotes::String,
    backslash: Has::Yes,
    identifier_backslash: Has::Yes,
    hash: Hash::Comment,
    nested_comments: Has::No,
    backticks: true,
    prefixes: BIGQUERY_PREFIXES,
    triple_quotes: Has::Yes,
    digit_identifiers: true,
    dashed_names: true,
    ..ANSI
};
const SPARK: Grammar = Grammar {
    double_quotes: DoubleQuotes::String,
    backslash: Has::Yes,
    backticks: true,
    dollar: Dollar::Pairs,
    prefixes: SPARK_PREFIXES,
    digit_identifiers: true,
    ..ANSI
};
const HIVE: Grammar = Grammar { nested_comments: Has::No, dollar: Dollar::Word, ..SPARK };
const CLICKHOUSE: Grammar = Grammar {
    backslash: Has::Yes,
    identifier_backslash: Has::Yes,
    hash: Hash::Comment,
    dollar: Dollar::Tags,
    backticks: true,
    prefixes: ESCAPING_PREFIXES,
    inline_formats: true,
    ..ANSI
};
const CASSANDRA: Grammar = Grammar {
    slashes: Has::Yes,
    nested_comments: Has::No,
    dollar: Dollar::Pairs,
    prefixes: PLAIN_PREFIXES,
    durations: true,
    ..ANSI
};
const DB2: Grammar = Grammar { hash: Hash::WordCharacter, ..ANSI };
const SAP_HANA: Grammar = Grammar { hash: Hash::WordCharacter, nested_comments: Has::No, ..ANSI };
const TRINO: Grammar = Grammar { nested_comments: Has::No, dollar: Dollar::Pairs, ..ANSI };

impl Dialect {
    pub(super) const fn grammar(self) -> &'static Grammar {
        match self {
            Self::Generic => &GENERIC,
            Self::Ansi => &ANSI,
            Self::Postgres => &POSTGRES,
            Self::Redshift => &REDSHIFT,
            Self::MySql => &MYSQL,
            Self::MsSql => &MSSQL,
            Self::Oracle => &ORACLE,
            Self::Sqlite => &SQLITE,
            Self::Snowflake => &SNOWFLAKE,
            Self::BigQuery => &BIGQUERY,
            Self::Spark => &SPARK,
            Self::Hive => &HIVE,
            Self::ClickHouse => &CLICKHOUSE,
            Self::Cassandra => &CASSANDRA,
            Self::Db2 => &DB2,
            Self::SapHana => &SAP_HANA,
            Self::Trino => &TRINO,
        }
    }

    pub(super) fn classes(self) -> &'static Classes {
        &CLASSES[self as usize]
    }
}

/// What a byte starts. The first three also continue a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Class {
    Word,
    Digit,
    Dollar,
    NonAscii,
    Blank,
    Operator,
    Sign,
    Comma,
    Open,
    Close,
    Dot,
    Colon,
    Question,
    Semicolon,
    SingleQuote,
    DoubleQuote,
    Backtick,
    OpenBracket,
    CloseBracket,
    CloseBrace,
    Slash,
    Star,
    Hash,
}

impl Class {
    /// Whether a byte of this class continues a word wherever it stands.
    #[inline]
    pub(super) const fn is_plain_word(self) -> bool {
        (self as u8) <= Self::Digit as u8
    }

    /// Whether an ASCII byte of this class continues a word.
    pub(super) const fn continues_word(self) -> bool {
        (self as u8) <= Self::Dollar as u8
    }
}

pub(super) type Classes = [Class; 256];

static CLASSES: [Classes; Dialect::ALL.len()] = {
    let mut all = [[Class::Operator; 256]; Dialect::ALL.len()];
    let mut index = 0;
    while index < all.len() {
        all[index] = classes_of(Dialect::ALL[index].grammar());
        index += 1;
    }
    all
};

const fn classes_of(grammar: &Grammar) -> Classes {
    let mut classes = [Class::Operator; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Class::Word,
            b'0'..=b'9' => Class::Digit,
            b'$' => Class::Dollar,
            0x80.. => Class::NonAscii,
            b' ' | b'\t'..=b'\r' => Class::Blank,
            b'+' | b'-' => Class::Sign,
            b',' => Class::Comma,
            b'(' => Class::Open,
            b')' => Class::Close,
            b'.' => Class::Dot,
            b':' => Class::Colon,
            b'?' => Class::Question,
            b';' => Class::Semicolon,
            b'\'' => Class::SingleQuote,
            b'"' => Class::DoubleQuote,
            b'`' if grammar.backticks => Class::Backtick,
            b'[' => Class::OpenBracket,
            b']' => Class::CloseBracket,
            b'}' => Class::CloseBrace,
            b'/' => Class::Slash,
            b'*' if grammar.executable_comments => Class::Star,
            b'#' => match grammar.hash {
                Hash::Operator => Class::Operator,
                Hash::WordCharacter => Class::Word,
                Hash::Comment | Hash::Unsure => Class::Hash,
            },
            _ => Class::Operator,
        };
        byte += 1;
    }
    classes
}
