//! Where the pass over a text is, and what the token before that place says.

use core::ops::ControlFlow::{self, Break};

use super::grammar::{Class, Classes, Grammar};
use super::group::Group;
use super::keyword::{Keyword, precedes_operand};
use super::options::SqlOptions;
use super::output::{Checkpoint, Output};
use super::statement::Context;
use super::unicode::Kind;
use crate::keys::SensitiveKeys;
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

/// What is read, what was read of it, and what is kept. The arms of the pass that `pass` chooses among are in the files above this
/// one: words, passwords, literals, comments and lists.
pub(super) struct Lexer<'a, 'r> {
    pub(super) out: Output<'a>,
    pub(super) pos: usize,
    /// Where the first token is.
    pub(super) start: Option<usize>,
    pub(super) grammar: &'static Grammar,
    pub(super) classes: &'static Classes,
    pub(super) options: SqlOptions,
    /// The names of settings whose values are secret.
    pub(super) keys: &'r SensitiveKeys,
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
    /// The first string that would end elsewhere under the other backslash rule ([rule S9](crate#the-rules)).
    pub(super) doubtful: Option<Checkpoint>,
    /// The end of the last string with escapes in a dialect that has none in others, until the next string.
    pub(super) escapes_end: Option<usize>,
    /// The last place up to which the output fits its limit.
    pub(super) fits: Checkpoint,
}

impl<'a, 'r> Lexer<'a, 'r> {
    pub(super) fn new(text: &'a [u8], options: SqlOptions, keys: &'r SensitiveKeys) -> Self {
        let out = Output::new(text);
        let fits = out.checkpoint(0);
        let mut lexer = Self {
            out,
            pos: 0,
            start: None,
            grammar: options.dialect.grammar(),
            classes: options.dialect.classes(),
            options,
            keys,
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
        };
        lexer.start = lexer.after_blanks_and_comments(0);
        lexer
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

    /// Replaces everything from a checkpoint on by one `?`: [rules S8 and S9](crate#the-rules).
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

    /// Whether no blank stands between what is kept before the current place and this place.
    pub(super) fn is_adjacent(&self) -> bool {
        self.out.last(self.pos).is_some_and(|byte| self.class(byte) != Class::Blank)
    }

    /// Whether a sign here belongs to the number after it: [rule S3](crate#the-rules).
    pub(super) fn operand_follows(&self) -> bool {
        match self.previous {
            Previous::Operator => true,
            Previous::Word => precedes_operand(self.word),
            _ => false,
        }
    }
}
