//! The one pass over a text: which byte starts which token, and what the token before it says.

use alloc::borrow::Cow;
use core::ops::ControlFlow::{self, Break, Continue};

use super::SqlSanitizer;
use super::collapse::Group;
use super::context::Context;
use super::grammar::{Class, Classes, Dashes, Grammar};
use super::keyword::{Keyword, precedes_operand};
use super::output::{Checkpoint, Output};
use super::unicode::Kind;
use crate::steps;

/// Whether to read on. A break leaves the output as it is to be.
pub(super) type Flow = ControlFlow<()>;

/// What the token before the current place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Previous {
    /// The begin, an operator, a comma, an opening parenthesis: an operand follows.
    Operator,
    /// A literal, a placeholder, a closing parenthesis or bracket.
    Operand,
    /// A quoted identifier.
    Identifier,
    /// The word that `Lexer::word_start` and `Lexer::word_end` give.
    Word,
    /// A dot that follows an identifier.
    Dot,
}

pub(super) struct Lexer<'a> {
    pub(super) out: Output<'a>,
    pub(super) pos: usize,
    pub(super) grammar: &'static Grammar,
    pub(super) classes: &'static Classes,
    pub(super) options: SqlSanitizer,
    pub(super) previous: Previous,
    /// The last bare word: not next to a dot, not a variable.
    pub(super) word: &'a [u8],
    /// What the last word means.
    pub(super) keyword: Option<Keyword>,
    pub(super) context: Context,
    pub(super) group: Group,
    /// How many `[` are open.
    pub(super) brackets: usize,
    /// An identifier in brackets may be open, where brackets are in doubt.
    pub(super) bracketed: bool,
    /// Whether the place is within `/*! … */`.
    pub(super) executable: bool,
    /// The first string that would end elsewhere under the other backslash rule (rule S9).
    pub(super) doubtful: Option<Checkpoint>,
    /// The end of the last string with escapes in a dialect that has none in others, until the next string.
    pub(super) escapes_end: Option<usize>,
    /// The last place up to which the output fits its limit.
    fits: Checkpoint,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8], options: SqlSanitizer) -> Self {
        let out = Output::new(text);
        let fits = out.checkpoint(0);
        Self {
            out,
            pos: 0,
            grammar: options.dialect().grammar(),
            classes: options.dialect().classes(),
            options,
            previous: Previous::Operator,
            word: &[],
            keyword: None,
            context: Context::default(),
            group: Group::None,
            brackets: 0,
            bracketed: false,
            executable: false,
            doubtful: None,
            escapes_end: None,
            fits,
        }
    }

    /// The sanitized text, and whether it was cut at the limit.
    pub(super) fn run(mut self) -> (Cow<'a, [u8]>, bool) {
        let _ = self.read();
        let end = self.out.text().len();
        let too_long = self.out.length(end) > self.options.max_output;
        if too_long {
            self.out.go_back(self.fits);
            self.out.stop_at(self.fits.at);
        }
        (self.out.finish(), too_long)
    }

    /// Reads token by token. Each arm moves on by at least one byte.
    fn read(&mut self) -> Flow {
        while let Some(&byte) = self.text().get(self.pos) {
            if self.options.max_output != usize::MAX {
                self.check_limit();
            }
            self.token(byte)?;
        }
        Continue(())
    }

    /// Reads the token that starts here with a byte.
    #[inline(always)]
    fn token(&mut self, byte: u8) -> Flow {
        steps::count(1);
        match self.class(byte) {
            Class::Blank => self.pos += 1,
            Class::Word => self.word()?,
            Class::Comma => self.comma(),
            Class::Digit => self.digits(),
            Class::SingleQuote => self.single_quote()?,
            Class::DoubleQuote => self.double_quote()?,
            Class::Dot => self.dot(),
            Class::Open => self.open_parenthesis(),
            Class::Close => self.close_parenthesis(),
            Class::Operator => self.operator(1),
            Class::Question => self.question_mark(),
            Class::Sign => self.sign()?,
            Class::Dollar => self.dollar()?,
            Class::Colon => self.colon(),
            Class::Semicolon => self.semicolon(),
            Class::NonAscii => self.beyond_ascii()?,
            Class::Backtick => self.identifier(b'`')?,
            Class::OpenBracket => self.open_bracket()?,
            Class::CloseBracket => self.close_bracket(),
            Class::CloseBrace => self.operand(1),
            Class::Star if self.executable && self.next_is(b'/') => self.end_executable_comment(),
            Class::Star => self.operator(1),
            Class::Slash | Class::Hash => {
                if !self.comment()? {
                    self.slash()?;
                }
            }
        }
        Continue(())
    }

    /// Reads one token: a copy of the code, so that the one in the loop stays in place there.
    #[cold]
    pub(super) fn single_token(&mut self, byte: u8) -> Flow {
        self.token(byte)
    }

    #[inline]
    pub(super) fn text(&self) -> &'a [u8] {
        self.out.text()
    }

    #[inline]
    pub(super) fn class(&self, byte: u8) -> Class {
        self.classes[usize::from(byte)]
    }

    /// Whether a byte follows the one at the current place.
    pub(super) fn next_is(&self, byte: u8) -> bool {
        self.text().get(self.pos + 1) == Some(&byte)
    }

    /// Rule S14: remembers the last place up to which the output fits. Reading goes on, as what follows may make an earlier string
    /// doubtful.
    fn check_limit(&mut self) {
        // A list may still shrink; it is looked at again behind its end.
        if !self.group.may_collapse() && self.out.length(self.pos) <= self.options.max_output {
            self.fits = self.out.checkpoint(self.pos);
        }
    }

    /// Replaces a literal.
    #[inline]
    pub(super) fn literal(&mut self, start: usize, end: usize) {
        self.out.replace(start, end, b'?');
        self.group.item();
        self.pos = end;
        self.previous = Previous::Operand;
    }

    /// Keeps an operand as it is.
    pub(super) fn operand(&mut self, length: usize) {
        self.group.other();
        self.pos += length;
        self.previous = Previous::Operand;
    }

    #[inline]
    pub(super) fn operator(&mut self, length: usize) {
        self.group.other();
        self.pos += length;
        self.previous = Previous::Operator;
    }

    /// Forgets what was read since a checkpoint.
    pub(super) fn go_back(&mut self, to: Checkpoint) {
        self.out.go_back(to);
        if self.fits.at > to.at {
            self.fits = to;
        }
    }

    /// Leaves out everything from a place on.
    pub(super) fn stop_at(&mut self, end: usize) {
        self.out.stop_at(end);
        self.pos = self.pos.min(end);
    }

    /// Replaces everything from a checkpoint on by one `?`: rules S8 and S9.
    pub(super) fn drop_from<T>(&mut self, from: Checkpoint) -> ControlFlow<(), T> {
        self.go_back(from);
        self.out.replace(from.at, self.text().len(), b'?');
        Break(())
    }

    /// Replaces everything from a place on by one `?`.
    pub(super) fn drop_rest<T>(&mut self, start: usize) -> ControlFlow<(), T> {
        self.drop_from(self.out.checkpoint(start))
    }

    /// The end of the word that starts at a place.
    #[inline]
    pub(super) fn word_end(&self, start: usize) -> usize {
        let text = self.text();
        let mut end = start;
        loop {
            end += text[end..].iter().take_while(|&&byte| self.class(byte).is_plain_word()).count();
            match text.get(end).map(|&byte| self.class(byte)) {
                Some(Class::Dollar) if !self.breaks_word(end) => end += 1,
                Some(Class::NonAscii) => match Kind::at(text, end) {
                    (Kind::Letter | Kind::Digit, length) => end += length,
                    _ => break,
                },
                _ => break,
            }
        }
        steps::count(end - start);
        end
    }

    /// Whether a byte at a place is part of a word, a digit or a quote, which would be glued to what stands before it.
    pub(super) fn is_glued(&self, place: usize) -> bool {
        self.text().get(place).is_some_and(|&byte| match self.class(byte) {
            Class::SingleQuote | Class::DoubleQuote | Class::Backtick | Class::NonAscii => true,
            class => class.continues_word(),
        })
    }

    /// Whether a sign here belongs to the number after it: rule S3.
    pub(super) fn operand_follows(&self) -> bool {
        match self.previous {
            Previous::Operator => true,
            Previous::Word => precedes_operand(self.word),
            _ => false,
        }
    }

    fn comma(&mut self) {
        self.group.comma();
        self.pos += 1;
        self.previous = Previous::Operator;
    }

    fn semicolon(&mut self) {
        self.operator(1);
        self.context = Context::default();
    }

    fn dot(&mut self) {
        if self.text().get(self.pos + 1).is_some_and(u8::is_ascii_digit) && !self.joins_words() {
            return self.number(self.pos, self.pos);
        }
        if self.previous == Previous::Operand && self.next_is(b'.') {
            return self.operator(2);
        }
        self.group.other();
        self.pos += 1;
        self.previous = match self.previous {
            Previous::Word | Previous::Identifier | Previous::Dot => Previous::Dot,
            Previous::Operator | Previous::Operand => Previous::Operator,
        };
    }

    /// Whether the dot here stands right behind an operand.
    fn joins_words(&self) -> bool {
        let adjacent = self.pos > 0 && self.class(self.text()[self.pos - 1]) != Class::Blank;
        adjacent && !self.operand_follows()
    }

    fn sign(&mut self) -> Flow {
        if self.comment()? {
            return Continue(());
        }
        if self.grammar.dashes == Dashes::BeforeBlank && self.text()[self.pos..].starts_with(b"--") {
            return self.minus_signs();
        }
        let number = self.pos + 1;
        if self.operand_follows() && self.starts_number(number) {
            self.number(self.pos, number);
        } else {
            self.operator(1);
        }
        Continue(())
    }

    fn beyond_ascii(&mut self) -> Flow {
        match Kind::at(self.text(), self.pos) {
            (Kind::Blank, length) => self.pos += length,
            (Kind::Letter, _) => return self.word(),
            (Kind::Digit, _) => self.digits(),
            (Kind::Quote, _) => return self.typographic_quote(),
            (Kind::Symbol, length) => self.operator(length),
        }
        Continue(())
    }

    fn close_bracket(&mut self) {
        self.brackets = self.brackets.saturating_sub(1);
        self.operand(1);
        // `]]` may stand for a `]` within an identifier, which then goes on.
        if self.bracketed && self.text().get(self.pos) == Some(&b']') {
            self.brackets = self.brackets.saturating_sub(1);
            self.operand(1);
        } else {
            self.bracketed = false;
        }
    }
}
