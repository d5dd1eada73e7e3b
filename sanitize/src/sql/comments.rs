//! Comments: [rule S7](crate#the-rules), and where they are in doubt, [rule S9](crate#the-rules).

use core::ops::ControlFlow::{self, Continue};

use memchr::memchr;

use super::grammar::{Class, Dashes, Has, Hash};
use super::lexer::{Flow, Lexer};
use super::scan;
use super::unicode::Kind;
use crate::steps;

/// What may stand between words.
enum Gap {
    /// A blank up to a place.
    Blank(usize),
    MayBeComment,
    None,
}

/// What starts where a comment may start.
enum Comment {
    /// A comment up to a place.
    To(usize),
    /// A comment that MySQL executes, so code, behind a marker up to a place.
    Executable(usize),
    /// A comment that does not end.
    Open,
    /// None, or one that ends elsewhere, in some dialect, and something is open then: [rule S9](crate#the-rules).
    Doubtful,
}

impl Lexer<'_, '_> {
    /// Reads the comment that starts here, if one does.
    pub(super) fn comment(&mut self) -> ControlFlow<(), bool> {
        match self.comment_at(self.pos) {
            None => return Continue(false),
            Some(Comment::To(end)) => self.leave_comment_out(end),
            Some(Comment::Executable(code)) => {
                self.executable = true;
                self.operator(code - self.pos);
            }
            Some(Comment::Open) => self.stop_at(self.pos),
            Some(Comment::Doubtful) => return self.drop_rest(self.pos),
        }
        Continue(true)
    }

    pub(super) fn skip_blanks_and_comments(&mut self) -> Flow {
        loop {
            match self.gap_at(self.pos) {
                Gap::Blank(end) => self.pos = end,
                Gap::MayBeComment if self.comment()? => {}
                Gap::MayBeComment | Gap::None => return Continue(()),
            }
        }
    }

    /// The place of the next byte that is neither blank nor part of a comment. Reading gets there, too, unless a doubtful comment
    /// ends it first.
    pub(super) fn after_blanks_and_comments(&self, from: usize) -> Option<usize> {
        let mut place = from;
        while place < self.text().len() {
            place = match self.gap_at(place) {
                Gap::Blank(end) => end,
                Gap::MayBeComment => match self.comment_at(place) {
                    Some(Comment::To(end) | Comment::Executable(end)) => end,
                    Some(Comment::Open | Comment::Doubtful) => return None,
                    None => return Some(place),
                },
                Gap::None => return Some(place),
            };
            steps::count(1);
        }
        None
    }

    /// What stands at a place, if it may stand between words.
    fn gap_at(&self, place: usize) -> Gap {
        let Some(&byte) = self.text().get(place) else { return Gap::None };
        match self.class(byte) {
            Class::Blank => Gap::Blank(place + 1),
            Class::NonAscii => match Kind::at(self.text(), place) {
                (Kind::Blank, length) => Gap::Blank(place + length),
                _ => Gap::None,
            },
            Class::Slash | Class::Hash | Class::Sign => Gap::MayBeComment,
            _ => Gap::None,
        }
    }

    /// The comment that starts at a place, if one does.
    fn comment_at(&self, start: usize) -> Option<Comment> {
        let rest = &self.text()[start..];
        match (rest[0], rest.get(1)) {
            (b'/', Some(b'*')) => Some(self.block_comment_at(start)),
            (b'/', Some(b'/')) if self.grammar.slashes != Has::No => {
                Some(self.line_comment_at(start, self.grammar.slashes == Has::Unsure))
            }
            (b'-', Some(b'-')) => self.dashes_at(start),
            (b'#', _) if self.grammar.hash != Hash::Operator => {
                Some(self.line_comment_at(start, self.grammar.hash == Hash::Unsure))
            }
            _ => None,
        }
    }

    /// What `--` starts.
    fn dashes_at(&self, start: usize) -> Option<Comment> {
        let next = self.text().get(start + 2);
        let before_blank = next.is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control());
        match self.grammar.dashes {
            Dashes::Always => Some(self.line_comment_at(start, false)),
            Dashes::Unsure => Some(self.line_comment_at(start, !before_blank)),
            Dashes::BeforeBlank => before_blank.then(|| self.line_comment_at(start, false)),
        }
    }

    /// A comment up to the end of the line. One that is no comment in some dialect must leave nothing open.
    fn line_comment_at(&self, start: usize, unsure: bool) -> Comment {
        let end = scan::line_end(self.text(), start);
        let line = &self.text()[start..end];
        // A carriage return ends the line for some; the one before a line feed ends it for all.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let doubtful = if unsure { Some(0) } else { memchr(b'\r', line) };
        if doubtful.is_some_and(|from| !scan::is_closed(&line[from..])) || self.hides_end(start, end) {
            return Comment::Doubtful;
        }
        Comment::To(end)
    }

    fn block_comment_at(&self, start: usize) -> Comment {
        let text = self.text();
        let marker = text[start + 2..].starts_with(b"!") || text[start + 2..].starts_with(b"M!");
        if marker && self.grammar.executable_comments {
            return Comment::Executable(self.executable_code(start));
        }
        let found = scan::block_comment(text, start + 2, self.grammar.nested_comments == Has::Yes);
        let unsure = self.grammar.nested_comments == Has::Unsure;
        if unsure && found.has_inner {
            return Comment::Doubtful;
        }
        let Some(end) = found.end else { return Comment::Open };
        if self.hides_end(start, end) || unsure && marker && !scan::is_inert(&text[start + 2..end - 2]) {
            return Comment::Doubtful;
        }
        Comment::To(end)
    }

    /// Where the code of a comment that MySQL executes starts, behind the marker, which stays, and its version number.
    fn executable_code(&self, start: usize) -> usize {
        let marker = start + if self.text()[start + 2] == b'!' { 3 } else { 4 };
        let digits = self.text()[marker..].iter().take(7).take_while(|byte| byte.is_ascii_digit()).count();
        marker + if matches!(digits, 5 | 6) { digits } else { 0 }
    }

    /// Reads all minus signs of a row but the last, which may belong to a number. A comment right behind them is one that they
    /// would become the start of, were it left out.
    pub(super) fn minus_signs(&mut self) -> Flow {
        let rest = &self.text()[self.pos..];
        let signs = rest.iter().take_while(|&&byte| byte == b'-').count();
        match rest.get(signs) {
            Some(byte) if !byte.is_ascii_control() && !b" /#".contains(byte) => {
                self.operator(signs - 1);
                Continue(())
            }
            _ => self.drop_rest(self.pos),
        }
    }

    pub(super) fn end_executable_comment(&mut self) {
        self.executable = false;
        self.pos += 2;
    }

    /// Whether a quoted text or comment hides what would end an enclosing construct in another reading: `]` of a bracket that may
    /// be an identifier, or `*/` of a comment that is code.
    pub(super) fn hides_end(&self, start: usize, end: usize) -> bool {
        let piece = &self.text()[start..end];
        self.bracketed && memchr(b']', piece).is_some()
            || self.executable && memchr::memmem::find(piece, b"*/").is_some()
    }

    /// Leaves a comment out that ends at a place, with one blank instead where the tokens around it would become one.
    fn leave_comment_out(&mut self, end: usize) {
        let start = self.pos;
        self.pos = end;
        if self.options.keep_comments {
            return;
        }
        match (self.out.last(start), self.text().get(end)) {
            (Some(before), Some(&after)) if glue(before, after) => self.out.replace(start, end, b' '),
            (_, Some(_)) => self.out.remove(start, end),
            (_, None) => self.stop_at(start),
        }
    }
}

/// Whether two tokens would become one, were these bytes of theirs next to each other.
fn glue(before: u8, after: u8) -> bool {
    const OPERATORS: &[u8] = b"+-*/<>=!~^&|?:@#%";
    let in_word =
        |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_$?:@#%.'\"`[]{}\\".contains(&byte);
    in_word(before) && in_word(after) || OPERATORS.contains(&before) && OPERATORS.contains(&after)
}
