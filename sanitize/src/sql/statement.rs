//! The kind of the statement that is being read, and what its words say so far: [rules S6, S10 and S11](crate#the-rules).

use super::keyword::{
    Keyword, holds_names, is_modifier, is_query, is_scope, starts_redis_command, starts_secret_statement,
};

/// The kind of the statement that is being read, as far as a rule asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Statement {
    /// Its first word is still to come.
    #[default]
    Start,
    /// CREATE or ALTER, of which the kind of object is still to come.
    Create,
    /// CREATE and ALTER of what has columns or code, in which PASSWORD is an ordinary name.
    Definition,
    /// PASSWORD names a secret in it.
    Secret,
    /// CONNECT and ATTACH: `name/password`, USING and KEY name secrets too.
    Connect,
    /// SET, of which the name of what is set is still to come.
    Set,
    Pragma,
    /// IF, of which another statement may follow the condition without a sign.
    If,
    /// EXECUTE, of which the name of the procedure is still to come.
    Execute,
    /// The arguments of EXECUTE.
    Arguments,
    /// A command of Redis that may hold a password.
    Redis,
    Copy,
    Insert,
    /// A statement that is no query, such as OPEN, CHANGE, START and UNLOAD: a sensitive name and `=` stand before a secret.
    Command,
    Other,
}

/// What is known of the statement so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    pub(super) statement: Statement,
    /// IDENTIFIED was read.
    pub(super) identified: bool,
    depth: usize,
    /// One bit for each of the innermost 64 levels of parentheses: SELECT or DELETE was read there. Levels further out are
    /// forgotten, and with them that a table follows, which masks more.
    pub(super) selects: u64,
    /// The meaning of the last three words, as long as only blanks and comments stand between them.
    pub(super) trail: [Option<Keyword>; 3],
    /// The last word is a FROM after which a table follows.
    pub(super) from_table: bool,
}

impl Context {
    /// Enters a parenthesis and gives the depth outside it.
    pub(super) fn open(&mut self) -> usize {
        self.selects <<= 1;
        self.depth += 1;
        self.depth - 1
    }

    /// Leaves a parenthesis and gives the depth outside it.
    pub(super) fn close(&mut self) -> usize {
        self.selects >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.depth
    }

    /// Whether the last words compare, as in `IS NOT DISTINCT FROM`.
    pub(super) fn compares(&self) -> bool {
        use Keyword::{Distinct, From, Is, Not};
        matches!(self.trail, [Some(From), Some(Distinct), Some(Is | Not)])
    }
}

/// The kind of a statement after one more of its words.
pub(super) fn statement_after(statement: Statement, word: &[u8], keyword: Option<Keyword>) -> Statement {
    match statement {
        Statement::Create => match () {
            () if is_modifier(word) => Statement::Create,
            () if holds_names(word) => Statement::Definition,
            () => Statement::Secret,
        },
        Statement::Set if is_scope(word) => Statement::Set,
        Statement::Set => Statement::Secret,
        Statement::If => match statement_of(word, keyword) {
            Statement::Other | Statement::Command => Statement::If,
            inner => inner,
        },
        _ => statement_of(word, keyword),
    }
}

/// The kind of a statement that starts with a word.
fn statement_of(word: &[u8], keyword: Option<Keyword>) -> Statement {
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    match keyword {
        Some(Keyword::Copy) => Statement::Copy,
        Some(Keyword::Insert) => Statement::Insert,
        Some(Keyword::Create) => Statement::Create,
        Some(Keyword::Execute) => Statement::Execute,
        Some(_) => Statement::Other,
        None if is_connect(word) || is("attach") => Statement::Connect,
        None if is("set") => Statement::Set,
        None if is("pragma") => Statement::Pragma,
        None if is("if") => Statement::If,
        None if starts_secret_statement(word) => Statement::Secret,
        None if starts_redis_command(word) => Statement::Redis,
        None if is_query(word) => Statement::Other,
        None => Statement::Command,
    }
}

/// Whether a word starts a CONNECT statement, also as SQL*Plus abbreviates it.
pub(super) fn is_connect(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"connect") || word.eq_ignore_ascii_case(b"conn")
}
