//! A query's words.

use core::ops::Range;

use super::{Order, QueryError};

/// A word, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) place: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Word(String),
    Quoted(String),
    Operator(Operator),
    Open,
    Close,
}

/// An operator as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `~`.
    Has,
    /// `!~`.
    HasNot,
    Order(Order),
}

impl Operator {
    /// All of them, those first that others begin with.
    const ALL: [(&str, Self); 8] = [
        ("!=", Self::Order(Order::NotEqual)),
        ("!~", Self::HasNot),
        ("<=", Self::Order(Order::LessOrEqual)),
        (">=", Self::Order(Order::GreaterOrEqual)),
        ("=", Self::Order(Order::Equal)),
        ("~", Self::Has),
        ("<", Self::Order(Order::Less)),
        (">", Self::Order(Order::Greater)),
    ];

    fn at(text: &str) -> Option<(&'static str, Self)> {
        Self::ALL.into_iter().find(|(written, _)| text.starts_with(written))
    }
}

/// What stands behind an operator and looks like more of it.
const FOREIGN_OPERATOR: &str = "there is no such operator: = compares, with * for any text, and ~ finds a part; a value that begins so stands in quotes";

/// Takes the words of a query one by one.
pub(super) struct Lexer<'a> {
    text: &'a str,
    place: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, place: 0 }
    }

    /// Where the text ends.
    pub(super) fn end(&self) -> Range<usize> {
        self.text.len()..self.text.len()
    }

    pub(super) fn error(&self, place: Range<usize>, what: impl Into<String>) -> QueryError {
        QueryError::new(self.text, place, what)
    }

    /// The next word; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, QueryError> {
        let begin = self.skip_spaces();
        let rest = &self.text[begin..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if let Some((written, operator)) = Operator::at(rest) {
            return Ok(Some(self.token(begin, written.len(), TokenKind::Operator(operator))));
        }
        match first {
            '(' => Ok(Some(self.token(begin, 1, TokenKind::Open))),
            ')' => Ok(Some(self.token(begin, 1, TokenKind::Close))),
            '"' | '\'' => self.quoted(begin, first).map(Some),
            '!' => Err(self.error(begin..begin + 1, "a ! stands before = or ~ only; write not")),
            _ => {
                let is_end = |c: char| c.is_whitespace() || "()=~<>\"'!".contains(c);
                let length = rest.find(is_end).unwrap_or(rest.len());
                Ok(Some(self.token(begin, length, TokenKind::Word(rest[..length].to_owned()))))
            }
        }
    }

    /// The value behind an operator: a word may have operators in it there, but not begin with one, as `=~` and `==` of other
    /// languages would.
    pub(super) fn value(&mut self) -> Result<Option<Token>, QueryError> {
        let begin = self.skip_spaces();
        let rest = &self.text[begin..];
        match rest.chars().next() {
            None | Some('(' | ')') => Ok(None),
            Some(quote @ ('"' | '\'')) => self.quoted(begin, quote).map(Some),
            Some('=' | '~' | '<' | '>' | '!') => {
                let length = rest.chars().take_while(|&c| "=~<>!".contains(c)).count();
                Err(self.error(begin..begin + length, FOREIGN_OPERATOR))
            }
            Some(_) => {
                let length = rest.find(|c: char| c.is_whitespace() || "()".contains(c)).unwrap_or(rest.len());
                if rest[length..].starts_with('(') {
                    let place = begin + length..begin + length + 1;
                    return Err(self.error(place, "a value with parentheses stands in quotes"));
                }
                Ok(Some(self.token(begin, length, TokenKind::Word(rest[..length].to_owned()))))
            }
        }
    }

    fn skip_spaces(&mut self) -> usize {
        let rest = &self.text[self.place..];
        self.place = self.text.len() - rest.trim_start().len();
        self.place
    }

    fn token(&mut self, begin: usize, length: usize, kind: TokenKind) -> Token {
        self.place = begin + length;
        Token { kind, place: begin..self.place }
    }

    fn quoted(&mut self, begin: usize, quote: char) -> Result<Token, QueryError> {
        let mut text = String::new();
        let mut characters = self.text[begin..].char_indices().skip(1);
        while let Some((place, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped @ ('\\' | '"' | '\''))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                end if end == quote => return Ok(self.token(begin, place + 1, TokenKind::Quoted(text))),
                other => text.push(other),
            }
        }
        Err(self.error(begin..self.text.len(), "this quotation does not end"))
    }
}
