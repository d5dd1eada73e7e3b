//! The summary of a query for `db.query.summary`: [rule S15](crate#the-rules).

use alloc::string::String;

use super::Dialect;
use super::grammar::{Class, Classes, Has};
use super::scan;
use super::unicode::Kind;
use crate::steps;

/// The longest summary, in characters.
const LONGEST: usize = 255;

/// Words that start a statement, and so are operations there.
const OPERATIONS: [&str; 27] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "REPLACE",
    "UPSERT",
    "CREATE",
    "ALTER",
    "DROP",
    "TRUNCATE",
    "CALL",
    "EXEC",
    "EXECUTE",
    "COPY",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT",
    "GRANT",
    "REVOKE",
    "SET",
    "SHOW",
    "USE",
    "ANALYZE",
    "VACUUM",
];
/// Those that are operations also within a statement.
const INNER_OPERATIONS: usize = 4;
/// Operations whose object is named by the word after them.
const OF_OBJECTS: [&str; 4] = ["CREATE", "ALTER", "DROP", "TRUNCATE"];
const OBJECTS: [&str; 12] = [
    "TABLE",
    "INDEX",
    "VIEW",
    "DATABASE",
    "SCHEMA",
    "PROCEDURE",
    "FUNCTION",
    "TRIGGER",
    "SEQUENCE",
    "USER",
    "ROLE",
    "TYPE",
];
/// Words before the name of an object or a table.
const FILLERS: [&str; 14] = [
    "IF",
    "NOT",
    "EXISTS",
    "ONLY",
    "OR",
    "REPLACE",
    "UNIQUE",
    "TEMP",
    "TEMPORARY",
    "MATERIALIZED",
    "GLOBAL",
    "LATERAL",
    "IGNORE",
    "CONCURRENTLY",
];
/// Words before UPDATE that make it a part of another operation.
const BEFORE_UPDATE: [&str; 4] = ["FOR", "ON", "KEY", "DO"];

/// What the next name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Nothing,
    /// The kind of an object.
    Object,
    /// A target.
    Target,
    /// The alias of a target, or a comma and a further target.
    Another,
}

/// The summary of a text that is sanitized already, and so has no literals and no comments.
pub(super) fn summary(text: &str, dialect: Dialect) -> String {
    let mut summary = Summary {
        out: String::new(),
        characters: 0,
        full: false,
        expect: Expect::Nothing,
        at_start: true,
        before: "",
        selects: 0,
        depth_of_list: 0,
        depth: 0,
    };
    let mut tokens = Tokens { text, place: 0, classes: dialect.classes(), brackets_close: true };
    while let Some(token) = tokens.next().filter(|_| !summary.full) {
        summary.token(token);
    }
    summary.out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// A name with its dots, as written.
    Name(&'a str),
    Comma,
    Open,
    Close,
    Semicolon,
    Other,
}

struct Summary<'a> {
    out: String,
    characters: usize,
    full: bool,
    expect: Expect,
    at_start: bool,
    /// The last name.
    before: &'a str,
    /// One bit for each level of parentheses: SELECT or DELETE was read there.
    selects: u64,
    depth: usize,
    /// The depth at which a list of targets stands.
    depth_of_list: usize,
}

impl<'a> Summary<'a> {
    fn token(&mut self, token: Token<'a>) {
        match token {
            Token::Name(name) => {
                self.name(name);
                self.before = name;
                self.at_start = false;
            }
            Token::Comma if self.expect == Expect::Another && self.depth == self.depth_of_list => {
                self.expect = Expect::Target;
            }
            Token::Open => {
                self.depth += 1;
                self.selects <<= 1;
                self.expect = Expect::Nothing;
            }
            Token::Close => {
                self.depth = self.depth.saturating_sub(1);
                self.selects >>= 1;
            }
            Token::Semicolon => {
                self.at_start = true;
                self.expect = Expect::Nothing;
                self.selects = 0;
            }
            Token::Comma | Token::Other => self.expect = Expect::Nothing,
        }
    }

    fn name(&mut self, name: &str) {
        let operation = OPERATIONS.iter().position(|operation| name.eq_ignore_ascii_case(operation));
        let part = name.eq_ignore_ascii_case("UPDATE") && is_among(self.before, &BEFORE_UPDATE);
        if operation.is_some_and(|index| self.at_start || index < INNER_OPERATIONS) && !part {
            return self.operation(name);
        }
        match self.expect {
            Expect::Object | Expect::Target if is_among(name, &FILLERS) => {}
            Expect::Object => {
                self.push(name);
                self.expect = if is_among(name, &OBJECTS) { Expect::Target } else { Expect::Nothing };
            }
            // The list of columns starts, not a table.
            Expect::Target if is_among(name, &["VALUES", "SET", "SELECT"]) => self.expect = Expect::Nothing,
            Expect::Target if name.eq_ignore_ascii_case("TABLE") => {}
            Expect::Target if name.eq_ignore_ascii_case("INTO") || name.eq_ignore_ascii_case("FROM") => {}
            Expect::Target => {
                self.push(name);
                self.expect = Expect::Another;
                self.depth_of_list = self.depth;
            }
            Expect::Nothing | Expect::Another => self.keyword(name),
        }
    }

    fn operation(&mut self, name: &str) {
        self.push(name);
        if is_among(name, &["SELECT", "DELETE"]) {
            self.selects |= 1;
        }
        self.expect = match () {
            () if is_among(name, &OF_OBJECTS) => Expect::Object,
            () if is_among(
                name,
                &["UPDATE", "CALL", "EXEC", "EXECUTE", "COPY", "REPLACE", "MERGE", "INSERT"],
            ) =>
            {
                Expect::Target
            }
            () => Expect::Nothing,
        };
    }

    fn keyword(&mut self, name: &str) {
        let from = name.eq_ignore_ascii_case("FROM")
            && self.selects & 1 != 0
            && !self.before.eq_ignore_ascii_case("DISTINCT");
        if from || is_among(name, &["JOIN", "INTO"]) {
            self.expect = Expect::Target;
        } else if is_among(
            name,
            &["WHERE", "SET", "ON", "USING", "GROUP", "ORDER", "LIMIT", "HAVING", "VALUES"],
        ) {
            self.expect = Expect::Nothing;
        }
    }

    /// Adds a token, or ends the summary before it.
    fn push(&mut self, token: &str) {
        let length = token.chars().count() + usize::from(!self.out.is_empty());
        self.full = self.characters + length > LONGEST;
        if self.full {
            return;
        }
        if !self.out.is_empty() {
            self.out.push(' ');
        }
        self.out.push_str(token);
        self.characters += length;
    }
}

fn is_among(name: &str, words: &[&str]) -> bool {
    words.iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// The tokens of a sanitized text.
struct Tokens<'a> {
    text: &'a str,
    place: usize,
    classes: &'static Classes,
    /// No `[` without a `]` was found yet.
    brackets_close: bool,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.text.as_bytes();
        loop {
            let byte = *bytes.get(self.place)?;
            steps::count(1);
            let class = self.classes[usize::from(byte)];
            let end = self.name_end(self.place);
            if end > self.place {
                let start = self.place;
                self.place = end;
                while bytes.get(self.place) == Some(&b'.') {
                    let end = self.name_end(self.place + 1);
                    if end == self.place + 1 && bytes.get(end) != Some(&b'.') {
                        break;
                    }
                    self.place = end;
                }
                return Some(Token::Name(&self.text[start..self.place]));
            }
            self.place += if class == Class::NonAscii { Kind::at(bytes, self.place).1 } else { 1 };
            return Some(match class {
                Class::Blank => continue,
                Class::Comma => Token::Comma,
                Class::Open => Token::Open,
                Class::Close => Token::Close,
                Class::Semicolon => Token::Semicolon,
                _ => Token::Other,
            });
        }
    }
}

impl Tokens<'_> {
    /// The end of the word or the quoted identifier that starts at a place, or the place itself.
    fn name_end(&mut self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let Some(&byte) = bytes.get(start) else { return start };
        let closing = match self.classes[usize::from(byte)] {
            Class::DoubleQuote | Class::Backtick => byte,
            Class::OpenBracket if self.brackets_close => b']',
            _ => return self.word_end(start),
        };
        let end = scan::quoted(bytes, start + 1, closing, Has::No).end;
        self.brackets_close &= end.is_some() || closing != b']';
        end.unwrap_or(start)
    }

    fn word_end(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = start;
        while let Some(&byte) = bytes.get(end) {
            match self.classes[usize::from(byte)] {
                class if class.continues_word() => end += 1,
                Class::NonAscii => match Kind::at(bytes, end) {
                    (Kind::Letter | Kind::Digit, length) => end += length,
                    _ => break,
                },
                _ => break,
            }
        }
        steps::count(end - start);
        end
    }
}
