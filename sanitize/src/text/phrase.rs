//! The words in a free text after which values stand that no key tells: statements of SQL ([rule L5](crate#the-rules)) and what databases quote in
//! their errors ([rule L6](crate#the-rules)).

use alloc::string::String;

use super::database::Searched;
use super::ends::bare_word_end;
use super::statement::{Froms, Verb};
use crate::edit::{Edit, REDACTED};
use crate::rules::Rules;
use crate::sql::{self, SqlOptions};
use crate::steps;
use crate::words::Words;

/// What a text is without the literals of its statements and the values of its database errors.
pub(super) fn values<'a>(rules: Rules<'_>, text: &'a str) -> Edit<'a> {
    let mut edit = Edit::new(text);
    let mut quoted = Quoted::default();
    let mut froms = Froms::default();
    let mut searched = Searched::default();
    let bytes = text.as_bytes();
    let mut place = 0;
    while place < bytes.len() {
        if !bytes[place].is_ascii_alphanumeric() {
            quoted.after(bytes, place);
            place += 1;
            continue;
        }
        let end = bare_word_end(bytes, place);
        let word = &bytes[place..end];
        let next = match Opening::of(word) {
            Some(Opening::Statement(verb)) if verb.starts_statement(bytes, place, end, &mut froms) => {
                let statement_end = verb.within(bytes, place, quoted.end(bytes, end));
                statement(rules, &mut edit, &text[place..statement_end], place, quoted.open);
                statement_end
            }
            Some(Opening::Error) => match searched.value(text, place, end) {
                Some((value, value_end)) => {
                    edit.replace(value, value_end, REDACTED);
                    value_end
                }
                None => end,
            },
            _ => end,
        };
        steps::count(end - place);
        place = next;
    }
    edit
}

/// Sanitizes a statement. One in a quoted text has its quotes escaped.
fn statement(rules: Rules<'_>, edit: &mut Edit<'_>, text: &str, start: usize, is_quoted: bool) {
    let options = SqlOptions { max_output: usize::MAX, ..rules.sql };
    if is_quoted && text.contains('\\') {
        let plain = without_escapes(text);
        let clean = sql::sanitize_text(&plain, options, rules.keys);
        if clean != plain {
            edit.replace(start, start + text.len(), &with_escapes(&clean));
        }
    } else {
        edit.replace(start, start + text.len(), &sql::sanitize_text(text, options, rules.keys));
    }
}

/// A text as it was before it was put in double quotes.
fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                Some('r') => plain.push('\r'),
                Some(escaped @ ('"' | '\\' | '/' | '\'')) => plain.push(escaped),
                other => {
                    plain.push('\\');
                    plain.extend(other);
                }
            },
            _ => plain.push(character),
        }
    }
    plain
}

/// A text as it stands in double quotes.
fn with_escapes(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// Whether a place is in a text in double quotes.
#[derive(Clone, Copy, Debug, Default)]
struct Quoted {
    open: bool,
}

impl Quoted {
    /// Goes on by a byte that is in no word.
    fn after(&mut self, text: &[u8], place: usize) {
        if text[place] != b'"' || place > 0 && text[place - 1] == b'\\' {
            return;
        }
        let opens =
            place == 0 || text[place - 1].is_ascii_whitespace() || b":=([{,".contains(&text[place - 1]);
        if self.open {
            self.open = !closes(text, place);
        } else {
            self.open = opens;
        }
    }

    /// The end of a statement whose first word ends at a place: that of the quoted text that it is in, or of the whole text.
    fn end(&self, text: &[u8], from: usize) -> usize {
        if !self.open {
            return text.len();
        }
        let mut place = from;
        while let Some(found) = memchr::memchr2(b'"', b'\\', &text[place..]) {
            place += found;
            match text[place] {
                b'\\' => place += 1,
                _ if closes(text, place) => break,
                _ => {}
            }
            place = (place + 1).min(text.len());
        }
        let end = if text.get(place) == Some(&b'"') { place } else { text.len() };
        steps::count(end - from);
        end
    }
}

/// Whether what follows a double quote lets it be a closing one.
fn closes(text: &[u8], place: usize) -> bool {
    text.get(place + 1).is_none_or(|next| next.is_ascii_whitespace() || b",:;.)]}'`".contains(next))
}

/// What a word may be the first one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    Statement(Verb),
    Error,
}

/// The words, by length.
static WORDS: Words<Opening, 13> = Words::new(&[
    (b"or", Opening::Error),
    (b"key", Opening::Error),
    (b"dup", Opening::Error),
    (b"set", Opening::Statement(Verb::Set)),
    (b"row", Opening::Error),
    (b"acl", Opening::Statement(Verb::Redis)),
    (b"with", Opening::Statement(Verb::With)),
    (b"exec", Opening::Statement(Verb::Execute)),
    (b"call", Opening::Statement(Verb::Execute)),
    (b"copy", Opening::Statement(Verb::Copy)),
    (b"near", Opening::Error),
    (b"date", Opening::Error),
    (b"cast", Opening::Error),
    (b"auth", Opening::Statement(Verb::Redis)),
    (b"hset", Opening::Statement(Verb::Redis)),
    (b"sadd", Opening::Statement(Verb::Redis)),
    (b"zadd", Opening::Statement(Verb::Redis)),
    (b"xadd", Opening::Statement(Verb::Redis)),
    (b"mset", Opening::Statement(Verb::Redis)),
    (b"merge", Opening::Statement(Verb::Insert)),
    (b"alter", Opening::Statement(Verb::Create)),
    (b"where", Opening::Statement(Verb::Where)),
    (b"value", Opening::Error),
    (b"range", Opening::Error),
    (b"parse", Opening::Error),
    (b"label", Opening::Error),
    (b"extra", Opening::Error),
    (b"hello", Opening::Statement(Verb::Redis)),
    (b"setex", Opening::Statement(Verb::Redis)),
    (b"setnx", Opening::Statement(Verb::Redis)),
    (b"hmset", Opening::Statement(Verb::Redis)),
    (b"lpush", Opening::Statement(Verb::Redis)),
    (b"rpush", Opening::Statement(Verb::Redis)),
    (b"pfadd", Opening::Statement(Verb::Redis)),
    (b"select", Opening::Statement(Verb::Select)),
    (b"insert", Opening::Statement(Verb::Insert)),
    (b"update", Opening::Statement(Verb::Update)),
    (b"delete", Opening::Statement(Verb::Delete)),
    (b"upsert", Opening::Statement(Verb::Insert)),
    (b"create", Opening::Statement(Verb::Create)),
    (b"having", Opening::Statement(Verb::Where)),
    (b"values", Opening::Statement(Verb::Values)),
    (b"pragma", Opening::Statement(Verb::Pragma)),
    (b"string", Opening::Error),
    (b"column", Opening::Error),
    (b"number", Opening::Error),
    (b"coerce", Opening::Error),
    (b"cannot", Opening::Error),
    (b"config", Opening::Statement(Verb::Redis)),
    (b"psetex", Opening::Statement(Verb::Redis)),
    (b"getset", Opening::Statement(Verb::Redis)),
    (b"hsetnx", Opening::Statement(Verb::Redis)),
    (b"msetnx", Opening::Statement(Verb::Redis)),
    (b"attach", Opening::Statement(Verb::Attach)),
    (b"replace", Opening::Statement(Verb::Insert)),
    (b"execute", Opening::Statement(Verb::Execute)),
    (b"failing", Opening::Error),
    (b"invalid", Opening::Error),
    (b"literal", Opening::Error),
    (b"context", Opening::Error),
    (b"convert", Opening::Error),
    (b"preview", Opening::Error),
    (b"parsing", Opening::Error),
    (b"migrate", Opening::Statement(Verb::Redis)),
    (b"connect", Opening::Statement(Verb::Attach)),
    (b"sentinel", Opening::Statement(Verb::Redis)),
    (b"setrange", Opening::Statement(Verb::Redis)),
    (b"duration", Opening::Error),
    (b"duplicate", Opening::Error),
    (b"incorrect", Opening::Error),
    (b"truncated", Opening::Error),
    (b"timestamp", Opening::Error),
    (b"beginning", Opening::Error),
    (b"conflicts", Opening::Error),
    (b"identified", Opening::Statement(Verb::Identified)),
    (b"parameters", Opening::Error),
    (b"containing", Opening::Error),
    (b"converting", Opening::Error),
    (b"problematic", Opening::Error),
]);

impl Opening {
    #[inline]
    fn of(word: &[u8]) -> Option<Self> {
        WORDS.meaning(word)
    }
}
