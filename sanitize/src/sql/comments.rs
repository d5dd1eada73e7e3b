//! Comments: rule S7, and where they are in doubt, rule S9.

use core::ops::ControlFlow::{self, Continue};

use memchr::memchr;

use super::grammar::{Dashes, Has, Hash};
use super::lexer::{Flow, Lexer};
use super::scan;

impl Lexer<'_, '_> {
    /// Reads the comment that starts here, if one does.
    pub(super) fn comment(&mut self) -> ControlFlow<(), bool> {
        let rest = &self.text()[self.pos..];
        match (rest[0], rest.get(1)) {
            (b'/', Some(b'*')) => self.block_comment()?,
            (b'/', Some(b'/')) if self.grammar.slashes != Has::No => {
                self.line_comment(self.grammar.slashes == Has::Unsure)?;
            }
            (b'-', Some(b'-')) => return self.dashes(),
            (b'#', _) if self.grammar.hash != Hash::Operator => {
                self.line_comment(self.grammar.hash == Hash::Unsure)?;
            }
            _ => return Continue(false),
        }
        Continue(true)
    }

    /// Reads what `--` starts.
    fn dashes(&mut self) -> ControlFlow<(), bool> {
        let next = self.text().get(self.pos + 2);
        let before_blank = next.is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control());
        match self.grammar.dashes {
            Dashes::Always => self.line_comment(false)?,
            Dashes::Unsure => self.line_comment(!before_blank)?,
            Dashes::BeforeBlank if before_blank => self.line_comment(false)?,
            Dashes::BeforeBlank => return Continue(false),
        }
        Continue(true)
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

    /// Reads a comment up to the end of the line. One that is no comment in some dialect must leave nothing open.
    fn line_comment(&mut self, unsure: bool) -> Flow {
        let text = self.text();
        let end = scan::line_end(text, self.pos);
        let line = &text[self.pos..end];
        // A carriage return ends the line for some; the one before a line feed ends it for all.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let doubtful = if unsure { Some(0) } else { memchr(b'\r', line) };
        if doubtful.is_some_and(|from| !scan::is_closed(&line[from..])) || self.hides_end(self.pos, end) {
            return self.drop_rest(self.pos);
        }
        self.leave_comment_out(end);
        Continue(())
    }

    fn block_comment(&mut self) -> Flow {
        let text = self.text();
        let start = self.pos;
        let marker = text[start + 2..].starts_with(b"!") || text[start + 2..].starts_with(b"M!");
        if marker && self.grammar.executable_comments {
            self.start_executable_comment();
            return Continue(());
        }
        let found = scan::block_comment(text, start + 2, self.grammar.nested_comments == Has::Yes);
        let unsure = self.grammar.nested_comments == Has::Unsure;
        if unsure && found.has_inner {
            return self.drop_rest(start);
        }
        let Some(end) = found.end else {
            self.stop_at(start);
            return Continue(());
        };
        if self.hides_end(start, end) || unsure && marker && !scan::is_inert(&text[start + 2..end - 2]) {
            return self.drop_rest(start);
        }
        self.leave_comment_out(end);
        Continue(())
    }

    /// Keeps the marker of a comment that MySQL executes, its version number with it.
    fn start_executable_comment(&mut self) {
        let marker = self.pos + if self.text()[self.pos + 2] == b'!' { 3 } else { 4 };
        let digits = self.text()[marker..].iter().take(7).take_while(|byte| byte.is_ascii_digit()).count();
        self.executable = true;
        self.operator(marker - self.pos + if matches!(digits, 5 | 6) { digits } else { 0 });
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
