//! The words that matter to the sanitizer.

use crate::words::Words;

/// A word with a meaning to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// TRUE and FALSE: [rule S2](crate#the-rules).
    Boolean,
    In,
    Values,
    Select,
    Delete,
    Insert,
    From,
    /// INTO, UPDATE, JOIN and TABLE: a table follows ([rule S6](crate#the-rules)).
    Target,
    Is,
    Not,
    Distinct,
    By,
    With,
    Identified,
    Password,
    Copy,
    Stdin,
    Format,
    /// NULL and DEFAULT: may stand in a row of VALUES.
    Null,
    /// CREATE and ALTER: may start a statement wherever they stand, as behind IF.
    Create,
    /// EXEC and EXECUTE: likewise.
    Execute,
    /// THEN, BEGIN, EXPLAIN and the like: another statement may follow.
    Block,
}

/// The keywords by length.
static KEYWORDS: Words<Keyword, 12> = Words::new(&[
    (b"in", Keyword::In),
    (b"by", Keyword::By),
    (b"is", Keyword::Is),
    (b"do", Keyword::Block),
    (b"not", Keyword::Not),
    (b"true", Keyword::Boolean),
    (b"null", Keyword::Null),
    (b"from", Keyword::From),
    (b"into", Keyword::Target),
    (b"join", Keyword::Target),
    (b"with", Keyword::With),
    (b"copy", Keyword::Copy),
    (b"exec", Keyword::Execute),
    (b"then", Keyword::Block),
    (b"else", Keyword::Block),
    (b"loop", Keyword::Block),
    (b"false", Keyword::Boolean),
    (b"table", Keyword::Target),
    (b"stdin", Keyword::Stdin),
    (b"begin", Keyword::Block),
    (b"alter", Keyword::Create),
    (b"values", Keyword::Values),
    (b"select", Keyword::Select),
    (b"delete", Keyword::Delete),
    (b"insert", Keyword::Insert),
    (b"update", Keyword::Target),
    (b"format", Keyword::Format),
    (b"create", Keyword::Create),
    (b"default", Keyword::Null),
    (b"execute", Keyword::Execute),
    (b"explain", Keyword::Block),
    (b"analyze", Keyword::Block),
    (b"distinct", Keyword::Distinct),
    (b"password", Keyword::Password),
    (b"identified", Keyword::Identified),
]);

impl Keyword {
    #[inline]
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        KEYWORDS.meaning(word)
    }
}

/// Words after which a sign belongs to the number that follows ([rule S3](crate#the-rules)): only those that are reserved nearly everywhere, so
/// that no column has their name.
const BEFORE_OPERANDS: [&[u8]; 46] = [
    b"all",
    b"and",
    b"any",
    b"as",
    b"between",
    b"by",
    b"call",
    b"case",
    b"check",
    b"default",
    b"distinct",
    b"div",
    b"else",
    b"elseif",
    b"elsif",
    b"escape",
    b"except",
    b"fetch",
    b"from",
    b"having",
    b"if",
    b"ilike",
    b"in",
    b"increment",
    b"intersect",
    b"interval",
    b"into",
    b"is",
    b"like",
    b"limit",
    b"mod",
    b"not",
    b"offset",
    b"on",
    b"or",
    b"regexp",
    b"return",
    b"returning",
    b"rlike",
    b"select",
    b"set",
    b"some",
    b"then",
    b"top",
    b"union",
    b"values",
];
const MORE_BEFORE_OPERANDS: [&[u8]; 7] = [b"when", b"where", b"while", b"with", b"xor", b"using", b"exists"];

/// Whether an operand follows this word.
pub(super) fn precedes_operand(word: &[u8]) -> bool {
    is_among(word, &BEFORE_OPERANDS) || is_among(word, &MORE_BEFORE_OPERANDS)
}

/// The statements in which PASSWORD names a secret ([rule S10](crate#the-rules)), but for those that name others as well.
const SECRET_STATEMENTS: [&[u8]; 7] =
    [b"validate", b"check", b"export", b"import", b"recover", b"backup", b"restore"];

/// Whether a statement that starts with this word may hold a password without quotes.
pub(super) fn starts_secret_statement(word: &[u8]) -> bool {
    is_among(word, &SECRET_STATEMENTS)
}

/// What CREATE and ALTER make that has columns or code, in which PASSWORD is an ordinary name ([rule S10](crate#the-rules)).
const HOLDERS_OF_NAMES: [&[u8]; 12] = [
    b"table",
    b"index",
    b"view",
    b"procedure",
    b"proc",
    b"function",
    b"trigger",
    b"type",
    b"package",
    b"sequence",
    b"domain",
    b"aggregate",
];

/// Whether an object of this kind has names of its own.
pub(super) fn holds_names(word: &[u8]) -> bool {
    is_among(word, &HOLDERS_OF_NAMES)
}

/// Whether an object of this kind has a password or a secret.
pub(super) fn has_password(word: &[u8]) -> bool {
    is_among(
        word,
        &[b"user", b"login", b"role", b"credential", b"secret", b"server", b"subscription", b"application"],
    )
}

/// The words between CREATE or ALTER and the kind of the object.
const MODIFIERS: [&[u8]; 22] = [
    b"or",
    b"replace",
    b"alter",
    b"unique",
    b"global",
    b"local",
    b"persistent",
    b"private",
    b"temp",
    b"temporary",
    b"unlogged",
    b"volatile",
    b"transient",
    b"materialized",
    b"recursive",
    b"external",
    b"foreign",
    b"force",
    b"bitmap",
    b"fulltext",
    b"spatial",
    b"column",
];

/// Whether the kind of the object is still to come after this word of a CREATE or ALTER statement.
pub(super) fn is_modifier(word: &[u8]) -> bool {
    is_among(word, &MODIFIERS)
}

/// Whether a secret follows this word of a CONNECT or ATTACH statement.
pub(super) fn names_login_secret(word: &[u8]) -> bool {
    is_among(word, &[b"using", b"new", b"confirm", b"key"])
}

/// Whether a secret follows this word behind IDENTIFIED WITH and the name of a way to authenticate.
pub(super) fn names_authentication(word: &[u8]) -> bool {
    is_among(word, &[b"as", b"using"])
}

/// Whether a secret follows this word of a PRAGMA statement.
pub(super) fn names_pragma_secret(word: &[u8]) -> bool {
    is_among(word, &[b"key", b"rekey", b"hexkey", b"hexrekey", b"textkey", b"textrekey"])
}

/// Whether the name of what is set is still to come after this word of a SET statement.
pub(super) fn is_scope(word: &[u8]) -> bool {
    is_among(word, &[b"session", b"local", b"global", b"persist"])
}

/// What EXECUTE does other than to call a procedure with arguments, in which words without quotes are strings.
const NO_PROCEDURES: [&[u8]; 8] =
    [b"as", b"on", b"immediate", b"function", b"procedure", b"block", b"at", b"using"];

/// Whether no procedure is called where this word follows EXECUTE.
pub(super) fn is_no_procedure(word: &[u8]) -> bool {
    is_among(word, &NO_PROCEDURES)
}

/// Whether a word among the arguments of a procedure is none of them.
pub(super) fn is_no_argument(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 12] = [
        b"output",
        b"out",
        b"readonly",
        b"with",
        b"recompile",
        b"result",
        b"sets",
        b"using",
        b"into",
        b"as",
        b"at",
        b"go",
    ];
    is_among(word, &WORDS)
}

/// The settings whose values are names of the schema or of the standard, or words of a closed list.
const OPEN_SETTINGS: [&[u8]; 28] = [
    b"search_path",
    b"schema",
    b"current_schema",
    b"database",
    b"catalog",
    b"keyspace",
    b"warehouse",
    b"role",
    b"names",
    b"charset",
    b"client_encoding",
    b"character_set_client",
    b"character_set_connection",
    b"character_set_database",
    b"character_set_results",
    b"collation_connection",
    b"collation_database",
    b"timezone",
    b"time_zone",
    b"datestyle",
    b"intervalstyle",
    b"dateformat",
    b"language",
    b"sql_mode",
    b"transaction_isolation",
    b"tx_isolation",
    b"default_transaction_isolation",
    b"session_replication_role",
];
/// Values that every program has.
const OPEN_VALUES: [&[u8]; 12] = [
    b"on", b"off", b"yes", b"no", b"default", b"none", b"null", b"auto", b"all", b"local", b"minimal",
    b"full",
];

/// Whether a word may leave as the value of a setting.
pub(super) fn is_open_setting(name: &[u8], value: &[u8]) -> bool {
    is_among(name, &OPEN_SETTINGS) || is_among(value, &OPEN_VALUES)
}

/// Whether a statement that starts with this word reads or changes rows, so that its names are those of columns.
pub(super) fn is_query(word: &[u8]) -> bool {
    is_among(
        word,
        &[
            b"merge",
            b"replace",
            b"upsert",
            b"with",
            b"values",
            b"table",
            b"call",
            b"declare",
            b"lock",
            b"truncate",
            b"analyze",
            b"drop",
        ],
    )
}

/// Whether a word of a statement that is no query names a secret, with or without a sign behind it.
pub(super) fn names_stored_secret(word: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [
        b"secret_access_key",
        b"access_key_id",
        b"session_token",
        b"master_symmetric_key",
        b"encryption_key",
        b"secret_key",
    ];
    is_among(word, &WORDS)
}

/// Whether a word is the name of a procedure of SQL Server itself, which may be called without EXECUTE;
/// but for those whose arguments are names.
pub(super) fn is_system_procedure(word: &[u8]) -> bool {
    const ABOUT_NAMES: [&[u8]; 8] =
        [b"help", b"who", b"rename", b"spaceused", b"lock", b"depends", b"columns", b"tables"];
    let of_server =
        word.len() > 3 && (word[..3].eq_ignore_ascii_case(b"sp_") || word[..3].eq_ignore_ascii_case(b"xp_"));
    let is_about =
        |known: &[u8]| word[3..].get(..known.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(known));
    of_server && !ABOUT_NAMES.iter().any(|known| is_about(known))
}

/// What SET has behind it in SQL that neither is a setting nor, as in Redis, a key with its value.
const NO_SETTINGS: [&[u8]; 24] = [
    b"authorization",
    b"characteristics",
    b"connection",
    b"descriptor",
    b"filter",
    b"offsets",
    b"path",
    b"result",
    b"transaction",
    b"constraints",
    b"constraint",
    b"identity_insert",
    b"statistics",
    b"time",
    b"character",
    b"current",
    b"default",
    b"deadlock_priority",
    b"isolation",
    b"integrity",
    b"variable",
    b"tags",
    b"encryption",
    b"password",
];

/// Whether no value follows this word behind SET.
pub(super) fn is_no_setting(word: &[u8]) -> bool {
    is_among(word, &NO_SETTINGS)
}

/// The commands of Redis that write values, behind the name of their key.
const WRITES_OF_REDIS: [&[u8]; 28] = [
    b"setex",
    b"psetex",
    b"setnx",
    b"getset",
    b"append",
    b"setrange",
    b"mset",
    b"msetnx",
    b"hset",
    b"hmset",
    b"hsetnx",
    b"lpush",
    b"lpushx",
    b"rpush",
    b"rpushx",
    b"lset",
    b"linsert",
    b"lrem",
    b"sadd",
    b"srem",
    b"smove",
    b"zadd",
    b"xadd",
    b"pfadd",
    b"geoadd",
    b"publish",
    b"eval",
    b"restore",
];

/// Whether a text that starts with this word is a command of Redis that writes a value.
pub(super) fn writes_to_redis(word: &[u8]) -> bool {
    is_among(word, &WRITES_OF_REDIS)
}

/// Whether a text that starts with this word is a command of Redis which may hold a password further on.
pub(super) fn starts_redis_command(word: &[u8]) -> bool {
    is_among(word, &[b"hello", b"acl", b"config", b"migrate", b"sentinel"])
}

fn is_among(word: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}
