//! The one pass over a text: which byte starts which token.

use alloc::borrow::Cow;
use core::ops::ControlFlow::Continue;

use super::grammar::{Class, Dashes};
use super::lexer::{Flow, Lexer, Previous};
use super::statement::Context;
use super::unicode::Kind;
use crate::steps;

impl<'a> Lexer<'a, '_> {
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

    /// [Rule S14](crate#the-rules): remembers the last place up to which the output fits. Reading goes on, as what follows may make an earlier string
    /// doubtful.
    fn check_limit(&mut self) {
        // A list may still shrink; it is looked at again behind its end.
        if !self.group.may_collapse() && self.out.length(self.pos) <= self.options.max_output {
            self.fits = self.out.checkpoint(self.pos);
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
        self.is_adjacent() && !self.operand_follows()
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
