//! Whether a word in a free text starts a statement of SQL, or a part of one that has literals, rather than a sentence: [rule L5](crate#the-rules).
//!
//! What is asked for is what no sentence has: `INSERT` with INTO, a name and VALUES, `UPDATE` with a name, SET, a name and `=`, and so
//! on. A sentence that is taken for a statement loses its numbers and what it has in quotes, and nothing else.

use super::ends::bare_word_end;
use super::prose::is_prose;
use crate::credentials::ends_login;
use crate::steps;

/// The first word of a statement, or of a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Select,
    /// INSERT, REPLACE, MERGE and UPSERT
    Insert,
    Update,
    Delete,
    With,
    /// CREATE and ALTER
    Create,
    /// EXECUTE and CALL
    Execute,
    Set,
    Copy,
    Pragma,
    /// ATTACH and CONNECT
    Attach,
    /// A command of Redis that has a password or a value.
    Redis,
    Values,
    /// WHERE and HAVING
    Where,
    Identified,
}

impl Verb {
    /// The end of a statement that starts and ends at these places at the latest: a command of Redis is a line.
    pub(super) fn within(self, text: &[u8], start: usize, end: usize) -> usize {
        if self == Self::Redis { start + line_end(&text[start..end]) } else { end }
    }
}

/// Names are looked at no further than this.
const LONGEST_NAME: usize = 128;
/// What stands before the quote of a literal of some encoding.
const PREFIXES: &[&str] = &["n", "e", "x", "b", "u&", "q", "nq", "r", "br", "rb"];
/// What stands before a literal of some type.
const TYPES: &[&str] = &[
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "datetime",
    "interval",
    "numeric",
    "bignumeric",
    "decimal",
    "json",
];
/// Words between that are looked over for the one that tells.
const MOST_WORDS: usize = 3;

/// What tells that a line is a sentence is no farther.
const LONGEST_SENTENCE: usize = 48;
/// Host, port, key, database and timeout.
const FEWEST_OF_MIGRATE: usize = 5;
/// A shorter word behind AUTH is what is said of it.
const SHORTEST_PASSWORD: usize = 4;

fn line_end(text: &[u8]) -> usize {
    let end = memchr::memchr2(b'\n', b'\r', text).unwrap_or(text.len());
    steps::count(end);
    end
}

/// The arguments of a command of Redis.
fn arguments(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest[..line_end(rest)].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Whether a command of Redis has so many arguments, and they are no sentence.
fn has_arguments(rest: &[u8], fewest: usize) -> bool {
    arguments(rest).take(fewest).count() == fewest && !is_sentence(rest)
}

fn is_sentence(rest: &[u8]) -> bool {
    is_prose(begin_of_line(rest), false)
}

/// As much of a line as tells what it is.
fn begin_of_line(rest: &[u8]) -> &str {
    let near = &rest[..rest.len().min(LONGEST_SENTENCE)];
    let line = &near[..line_end(near)];
    let valid = core::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), str::len);
    core::str::from_utf8(&line[..valid]).unwrap_or_default()
}

/// Whether an argument is neither a plain word nor a number or a length of time: it has quotes, signs within, or letters of both
/// cases or digits and letters mixed.
fn is_no_word(word: &[u8]) -> bool {
    let bare = word.trim_ascii_end();
    let bare =
        bare.strip_suffix(b",").or(bare.strip_suffix(b".")).or(bare.strip_suffix(b":")).unwrap_or(bare);
    let letters = bare.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let digits = bare.iter().filter(|byte| byte.is_ascii_digit()).count();
    let number = bare.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let has_unit = number > 0 && bare.len() - number <= 2;
    let humps = bare.iter().skip(1).any(u8::is_ascii_uppercase) && bare.iter().any(u8::is_ascii_lowercase);
    !has_unit && (letters + digits < bare.len() || letters.min(digits) > 0 || humps)
}

/// Where the next FROM is, looked for once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Froms {
    /// Up to here, no FROM is at or behind `from` but the one at `next`.
    looked: usize,
    next: Option<usize>,
}

impl Froms {
    fn has_one_behind(&mut self, text: &[u8], place: usize) -> bool {
        if self.next.is_some_and(|next| next >= place) {
            return true;
        }
        let mut from = place.max(self.looked);
        self.next = None;
        while let Some(found) = memchr::memchr2(b'f', b'F', &text[from..]) {
            let start = from + found;
            from = start + 1;
            let is_word = start > 0
                && !text[start - 1].is_ascii_alphanumeric()
                && bare_word_end(text, start) == start + 4;
            if is_word && text[start..start + 4].eq_ignore_ascii_case(b"from") {
                self.next = Some(start);
                break;
            }
        }
        if self.next.is_none() {
            from = text.len();
        }
        steps::count(from - place.max(self.looked).min(from));
        self.looked = from;
        self.next.is_some()
    }
}

impl Verb {
    /// Whether a statement starts with this word, which stands between two places of a text.
    pub(super) fn starts_statement(self, text: &[u8], start: usize, end: usize, froms: &mut Froms) -> bool {
        let upper = text[start..end].iter().all(u8::is_ascii_uppercase);
        let mut words = Words { text, place: end };
        let starts = match self {
            Self::Select => words.select(upper) && (upper || froms.has_one_behind(text, end)),
            Self::Insert => words.insert(),
            Self::Update => words.update(),
            Self::Delete => words.delete(),
            Self::With => words.with(),
            Self::Create => words.create(upper),
            Self::Execute => words.execute(upper),
            Self::Set => upper && words.set(),
            Self::Attach => upper && words.attach(),
            Self::Redis => words.redis(&text[start..end], start == 0, upper),
            Self::Copy => words.copy(),
            Self::Pragma => words.name() && (upper || words.sign("=") || words.sign("(")),
            Self::Values => words.sign("(") && words.literal(upper),
            Self::Where => words.condition(upper),
            Self::Identified => words.word(&["by"]),
        };
        steps::count(words.place.saturating_sub(end));
        starts
    }
}

/// The tokens behind a place.
#[derive(Clone, Copy)]
struct Words<'t> {
    text: &'t [u8],
    place: usize,
}

impl Words<'_> {
    /// Moves on over blanks, and over those that are escaped.
    fn skip_blanks(&mut self) {
        loop {
            match &self.text[self.place..] {
                [b'\\', b'n' | b't' | b'r', ..] => self.place += 2,
                [byte, ..] if byte.is_ascii_whitespace() => self.place += 1,
                _ => return,
            }
        }
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.text.get(self.place).copied()
    }

    /// Moves on over a sign, if it comes next.
    fn sign(&mut self, sign: &str) -> bool {
        self.skip_blanks();
        let comes = self.text[self.place..].starts_with(sign.as_bytes());
        self.place += if comes { sign.len() } else { 0 };
        comes
    }

    /// Moves on over one of these words, if it comes next.
    fn word(&mut self, words: &[&str]) -> bool {
        self.skip_blanks();
        let rest = &self.text[self.place..];
        let length =
            rest.iter().take(LONGEST_NAME).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
        let word = &rest[..length.count()];
        let comes = words.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
        self.place += if comes { word.len() } else { 0 };
        comes
    }

    /// Moves on over any word.
    fn any_word(&mut self) -> bool {
        self.skip_blanks();
        let start = self.place;
        let starts = self
            .text
            .get(start)
            .is_some_and(|byte| byte.is_ascii_alphabetic() || b"_#@".contains(byte) || !byte.is_ascii());
        if starts {
            self.place = bare_word_end(self.text, start + 1);
        }
        starts
    }

    /// Moves on over a name, which may have several parts and quotes.
    fn name(&mut self) -> bool {
        loop {
            self.skip_blanks();
            while self.text.get(self.place) == Some(&b'\\') {
                self.place += 1;
            }
            let closing = match self.text.get(self.place) {
                Some(&quote @ (b'"' | b'`')) => quote,
                Some(b'[') => b']',
                _ => {
                    if !self.any_word() {
                        return false;
                    }
                    if self.text.get(self.place) != Some(&b'.') {
                        return true;
                    }
                    self.place += 1;
                    continue;
                }
            };
            let rest = &self.text[self.place + 1..];
            let Some(length) = rest.iter().take(LONGEST_NAME).position(|&byte| byte == closing) else {
                return false;
            };
            self.place += length + 2;
            if self.text.get(self.place) != Some(&b'.') {
                return true;
            }
            self.place += 1;
        }
    }

    /// Whether a literal comes next: in quotes, or a number where the statement is told by capital letters.
    fn literal(&mut self, with_numbers: bool) -> bool {
        match self.peek() {
            Some(b'\'' | b'"' | b'$') => true,
            Some(b'\\') => matches!(self.text.get(self.place + 1), Some(b'\'' | b'"' | b'\\')),
            Some(b'0'..=b'9' | b'-' | b'?' | b'(') => with_numbers,
            Some(_) => {
                let mut after = *self;
                after.any_word() && after.text.get(after.place) == Some(&b'\'')
            }
            None => false,
        }
    }

    fn select(&mut self, upper: bool) -> bool {
        if self.word(&["distinct", "all", "top", "sql_calc_found_rows", "straight_join"]) {
            return true;
        }
        if self.prefixed_literal() {
            return true;
        }
        match self.peek() {
            Some(
                b'*'
                | b'\''
                | b'"'
                | b'`'
                | b'('
                | b'['
                | b'@'
                | b'$'
                | b'?'
                | b'0'..=b'9'
                | b'\\'
                | b':'
                | b'-',
            ) => {
                return true;
            }
            _ if !self.name() => return false,
            _ => {}
        }
        if self.is_followed() {
            return true;
        }
        // An alias.
        self.any_word() && (self.word(&["from"]) || self.sign(",")) || upper && self.word(&["as"])
    }

    /// Whether a literal comes that has its type or its encoding before it: `N'x'`, `DATE '2026-01-31'`.
    fn prefixed_literal(&mut self) -> bool {
        self.skip_blanks();
        let rest = &self.text[self.place..];
        let letters = rest
            .iter()
            .take(LONGEST_NAME)
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"_&".contains(byte));
        let (prefix, behind) = rest.split_at(letters.count());
        let is = |known: &[&str]| known.iter().any(|known| prefix.eq_ignore_ascii_case(known.as_bytes()));
        match behind.first() {
            Some(b'\'') => is(PREFIXES) || prefix.starts_with(b"_"),
            Some(b' ' | b'\t') => {
                is(TYPES)
                    && behind.iter().take(LONGEST_NAME).find(|byte| !byte.is_ascii_whitespace())
                        == Some(&b'\'')
            }
            _ => false,
        }
    }

    /// Whether what follows the first name of a list of columns goes on with it.
    fn is_followed(&mut self) -> bool {
        let signs = [",", "(", "*", "=", "||", "::", "+", "->", "/"];
        signs.iter().any(|sign| self.sign(sign)) || self.word(&["from", "as", "into", "case"])
    }

    fn insert(&mut self) -> bool {
        if self.word(&["or"]) && !self.any_word() {
            return false;
        }
        self.word(&["ignore", "low_priority", "high_priority", "delayed"]);
        let into = self.word(&["into", "overwrite"]);
        self.word(&["table"]);
        if !self.name() {
            return false;
        }
        let goes_on = [
            "values",
            "value",
            "select",
            "set",
            "default",
            "overriding",
            "using",
            "partition",
            "exec",
            "with",
        ];
        if into {
            let mut aliased = *self;
            return self.sign("(")
                || self.word(&goes_on)
                || aliased.word(&["as"]) && aliased.any_word()
                || aliased.any_word() && aliased.word(&goes_on);
        }
        self.word(&["values", "value"])
            || self.sign("(") && self.columns() && self.word(&["values", "value", "select"])
    }

    /// Moves on behind the parenthesis that closes a list of columns.
    fn columns(&mut self) -> bool {
        let rest = &self.text[self.place..];
        let length = rest.iter().take(LONGEST_NAME).position(|byte| b"()".contains(byte));
        self.place += length.map_or(0, |length| length + 1);
        length.is_some() && self.text[self.place - 1] == b')'
    }

    fn update(&mut self) -> bool {
        if self.word(&["or"]) && !self.any_word() {
            return false;
        }
        self.word(&["only", "ignore", "low_priority"]);
        if !self.name() {
            return false;
        }
        for _ in 0..MOST_WORDS {
            if self.word(&["set"]) {
                return self.name() && (self.sign("=") || self.sign("(") || self.sign("["));
            }
            self.sign(",");
            if !self.name() {
                return false;
            }
        }
        false
    }

    fn delete(&mut self) -> bool {
        self.word(&["ignore", "low_priority", "quick"]);
        if !self.word(&["from"]) {
            return false;
        }
        self.word(&["only"]);
        const NEXT: [&str; 9] =
            ["where", "using", "returning", "limit", "order", "join", "inner", "left", "partition"];
        self.name() && (self.word(&NEXT) || { self.word(&["as"]) | self.any_word() } && self.word(&NEXT))
    }

    fn with(&mut self) -> bool {
        self.word(&["recursive"]);
        if !self.name() || self.sign("(") && !self.columns() || !self.word(&["as"]) {
            return false;
        }
        self.word(&["not"]);
        self.word(&["materialized"]);
        self.sign("(")
    }

    fn create(&mut self, upper: bool) -> bool {
        self.word(&["or"]);
        self.word(&["replace"]);
        self.word(&[
            "temp",
            "temporary",
            "persistent",
            "unique",
            "materialized",
            "external",
            "global",
            "database",
        ]);
        let account = ["user", "role", "login", "secret", "credential", "server", "subscription", "group"];
        if self.word(&account) {
            return upper
                || (0..2 * MOST_WORDS).any(|_| {
                    self.word(&["identified", "password", "with"]) || {
                        self.place += usize::from(self.peek().is_some());
                        self.place = bare_word_end(self.text, self.place);
                        false
                    }
                });
        }
        if upper && self.word(&["system", "session", "current"]) {
            return self.word(&["set", "user"]);
        }
        const OBJECTS: [&str; 18] = [
            "dictionary",
            "stage",
            "catalog",
            "connection",
            "named",
            "keyspace",
            "table",
            "view",
            "index",
            "function",
            "procedure",
            "trigger",
            "type",
            "domain",
            "schema",
            "policy",
            "event",
            "sequence",
        ];
        upper
            && (self.word(&OBJECTS)
                || self.name() && (self.word(&["integration"]) || self.word(&["set"]) && self.name()))
    }

    fn execute(&mut self, upper: bool) -> bool {
        self.skip_blanks();
        let procedure = self.place;
        if !self.name() {
            return false;
        }
        let name = self.text[procedure..self.place].rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        if name.starts_with(b"sp_") || name.starts_with(b"xp_") {
            return true;
        }
        let next = self.peek();
        if upper {
            return matches!(next, Some(b'\'' | b'"' | b'@' | b'(' | b'0'..=b'9'))
                || self.literal(false)
                || self.any_word();
        }
        matches!(next, Some(b'@'))
            || self.sign("(") && self.literal(false)
            || next == Some(b'\'')
            || self.literal(false)
    }

    fn set(&mut self) -> bool {
        if self.word(&["password", "encryption"]) {
            return true;
        }
        self.word(&["local", "session", "global", "persist"]);
        while self.sign("@") {}
        self.name()
            && (self.sign("=")
                || self.sign(":=")
                || self.word(&["to"])
                || self.text.get(self.place) == Some(&b':'))
    }

    fn attach(&mut self) -> bool {
        self.word(&["database", "to"]);
        let named = self.literal(false) && self.skip_literal() || self.name();
        named
            && (self.word(&["as", "user", "password", "identified"])
                || self.text.get(self.place) == Some(&b'/') && self.ends_login())
    }

    /// Whether a login of Oracle goes on with the `/` here.
    fn ends_login(&self) -> bool {
        let rest = &self.text[self.place..];
        let length = rest.iter().take(LONGEST_NAME).take_while(|byte| !byte.is_ascii_whitespace()).count();
        steps::count(length);
        let (word, behind) = rest.split_at(length);
        ends_login(core::str::from_utf8(word).unwrap_or_default(), behind)
    }

    /// Moves on behind a literal in single quotes.
    fn skip_literal(&mut self) -> bool {
        let Some(rest) = self.text[self.place..].strip_prefix(b"'") else { return false };
        let length = rest.iter().take(LONGEST_NAME).position(|&byte| byte == b'\'');
        self.place += length.map_or(0, |length| length + 2);
        length.is_some()
    }

    /// Whether arguments follow a command of Redis as no sentence has them.
    fn redis(&mut self, command: &[u8], starts_text: bool, upper: bool) -> bool {
        let is = |known: &[u8]| command.eq_ignore_ascii_case(known);
        let line = &self.text[self.place..];
        if is(b"acl") {
            return self.word(&["setuser"]);
        }
        if is(b"config") || is(b"sentinel") {
            return upper && self.word(&["set"]) && !is_sentence(&self.text[self.place..]);
        }
        if is(b"hello") {
            return matches!(self.peek(), Some(b'2' | b'3')) && {
                self.place += 1;
                self.word(&["auth"])
            };
        }
        if is(b"migrate") {
            return upper && starts_text && has_arguments(line, FEWEST_OF_MIGRATE);
        }
        if is(b"auth") {
            return upper && starts_text && self.password_alone();
        }
        let fewest = match command.len() {
            _ if is(b"setex") || is(b"psetex") || is(b"hset") || is(b"hmset") || is(b"zadd") => 3,
            _ if is(b"hsetnx") || is(b"setrange") => 3,
            _ if is(b"xadd") => 4,
            _ => 2,
        };
        let has_value = || arguments(line).skip(1).any(is_no_word);
        starts_text && upper && has_arguments(line, fewest) && has_value()
    }

    /// Whether no more than two words follow, of which the last one is none of a language.
    fn password_alone(&mut self) -> bool {
        let rest = &self.text[self.place..];
        let mut words = arguments(rest);
        let (first, second) = (words.next(), words.next());
        let last = second.or(first);
        rest.starts_with(b" ")
            && words.next().is_none()
            && last.is_some_and(|word| word.len() >= SHORTEST_PASSWORD && is_no_word(word))
    }

    fn copy(&mut self) -> bool {
        self.name()
            && (!self.sign("(") || self.columns())
            && self.word(&["from"])
            && (self.word(&["stdin"]) || self.literal(false))
    }

    fn condition(&mut self, upper: bool) -> bool {
        self.word(&["not"]);
        while self.sign("(") {}
        if !self.name() {
            return false;
        }
        self.word(&["not"]);
        let compares = ["=", "<>", "!=", "<=", ">=", "<", ">", "~"].iter().any(|sign| self.sign(sign))
            || self.word(&["like", "ilike", "in", "between", "similar", "rlike", "regexp", "is"]);
        compares && {
            self.word(&["any", "all"]);
            while self.sign("(") {}
            self.literal(upper)
        }
    }
}
