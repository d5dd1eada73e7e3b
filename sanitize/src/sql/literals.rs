//! Literals, quoted names and placeholders: [rules S2 to S6, S8 and S9](crate#the-rules).

use core::ops::ControlFlow::{self, Continue};

use memchr::memchr2;

use super::grammar::{Bracket, Class, Dollar, DoubleQuotes, Has};
use super::keyword::{Keyword, precedes_operand};
use super::lexer::{Flow, Lexer, Previous};
use super::scan;
use super::unicode::{Kind, Quotes};
use crate::steps;

/// A placeholder's number has at most so many digits ([rule S5](crate#the-rules)).
const PLACEHOLDER_DIGITS: usize = 5;

/// Where a quoted text ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    At(usize),
    /// There, but elsewhere under the other backslash rule.
    Doubtful(usize),
    /// The text ends first: [rule S8](crate#the-rules).
    Missing,
    /// Elsewhere in another dialect: [rule S9](crate#the-rules).
    Ambiguous,
}

/// A string that starts with the letters of a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrefixedString {
    quote: usize,
    backslash: Has,
    q_quoted: bool,
    /// Single quotes, which no dialect uses for identifiers.
    pub(super) single: bool,
}

impl Lexer<'_, '_> {
    pub(super) fn word(&mut self) -> Flow {
        let text = self.text();
        let start = self.pos;
        let mut end = self.word_end(start);
        if self.grammar.dashed_names && self.table_follows() {
            end = self.dashed_end(end);
        }
        let next = text.get(end).copied().unwrap_or(b' ');
        if matches!(next, b'\'' | b'"' | b'&') {
            if let Some(string) = self.string_after_word(start, end) {
                return self.prefixed_string(start, string);
            }
        }
        if next == b'-' && is_uuid(&text[start..]) {
            self.number(start, start);
            return Continue(());
        }
        if self.grammar.durations && is_duration(&text[start..end]) {
            self.literal(start, end);
            return Continue(());
        }
        let before = if start == 0 { b' ' } else { text[start - 1] };
        let after = self.previous;
        let bare = after != Previous::Dot && !matches!(before, b'.' | b'@') && next != b'.';
        let keyword = if bare { Keyword::of(&text[start..end]) } else { None };
        if keyword == Some(Keyword::Boolean) {
            self.literal(start, end);
            return Continue(());
        }
        if keyword == Some(Keyword::Null) {
            self.group.null();
        } else {
            self.group.other();
        }
        let after_word = after == Previous::Word && !self.word.is_empty();
        self.pos = end;
        self.previous = Previous::Word;
        self.word = if bare { &text[start..end] } else { &[] };
        self.keyword = keyword.filter(|_| before != b':');
        if bare && before != b':' {
            return self.note_word(keyword, after, after_word);
        }
        self.note_qualified(start, after)
    }

    /// The end of a name with dashes in it, as the projects of BigQuery have.
    fn dashed_end(&self, word_end: usize) -> usize {
        let mut end = word_end;
        while self.text().get(end) == Some(&b'-') {
            let next = self.word_end(end + 1);
            if next == end + 1 {
                break;
            }
            end = next;
        }
        end
    }

    /// A word ends before `$$` where that starts a string whatever stands before it.
    #[inline]
    pub(super) fn breaks_word(&self, place: usize) -> bool {
        matches!(self.grammar.dollar, Dollar::Pairs | Dollar::Unsure)
            && self.text()[place..].starts_with(b"$$")
    }

    /// The string that starts with a word, such as `N'…'`, `_utf8'…'` or `U&'…'`.
    pub(super) fn string_after_word(&self, start: usize, end: usize) -> Option<PrefixedString> {
        let text = self.text();
        let word = &text[start..end];
        let ampersand = text.get(end) == Some(&b'&') && word.eq_ignore_ascii_case(b"u");
        let quote = end + usize::from(ampersand);
        let single = text.get(quote) == Some(&b'\'');
        if !single
            && (text.get(quote) != Some(&b'"') || self.grammar.double_quotes == DoubleQuotes::Identifier)
        {
            return None;
        }
        let string = |backslash, q_quoted| Some(PrefixedString { quote, backslash, q_quoted, single });
        if single
            && self.grammar.q_quotes != Has::No
            && (word.eq_ignore_ascii_case(b"q") || word.eq_ignore_ascii_case(b"nq"))
        {
            return string(self.grammar.backslash, true);
        }
        let known =
            self.grammar.prefixes.iter().find(|(prefix, _)| text[start..quote].eq_ignore_ascii_case(prefix));
        match known {
            Some(&(_, backslash)) => string(backslash, false),
            None if self.grammar.charsets && word.first() == Some(&b'_') => {
                string(self.grammar.backslash, false)
            }
            None => None,
        }
    }

    pub(super) fn single_quote(&mut self) -> Flow {
        let backslash = match self.escapes_end.take() {
            Some(end) if self.continues_string(end) => Has::Unsure,
            _ => self.grammar.backslash,
        };
        self.string(self.pos, self.pos, backslash)
    }

    /// Whether a quote here goes on with the string that ends at a place, as PostgreSQL has it: on another line, with the escapes
    /// of that string.
    fn continues_string(&self, end: usize) -> bool {
        let gap = &self.text()[end..self.pos];
        let blanks = gap.iter().take_while(|byte| self.class(**byte) == Class::Blank).count();
        steps::count(blanks);
        matches!(gap[blanks..], [] | [b'-', b'-', ..])
    }

    fn prefixed_string(&mut self, start: usize, string: PrefixedString) -> Flow {
        if !string.q_quoted {
            self.string(start, string.quote, string.backslash)?;
            if string.backslash == Has::Yes && self.grammar.backslash != Has::Yes {
                self.escapes_end = Some(self.pos);
            }
            return Continue(());
        }
        let q_end = scan::q_quoted(self.text(), string.quote + 1);
        let end = match (self.grammar.q_quotes, q_end) {
            (Has::Yes, Some(end)) => End::At(end),
            (Has::Yes, None) => End::Missing,
            (_, q_end) => match (self.string_end(string.quote, string.backslash), q_end) {
                (End::At(end), Some(q_end)) if end == q_end => End::At(end),
                _ => End::Ambiguous,
            },
        };
        self.end_string(start, end)
    }

    /// Replaces the string whose opening quote is at a place, and with it what stands before it from `start` on.
    pub(super) fn string(&mut self, start: usize, quote: usize, backslash: Has) -> Flow {
        let end = self.string_end(quote, backslash);
        self.end_string(start, end)
    }

    #[inline]
    fn end_string(&mut self, start: usize, end: End) -> Flow {
        let end = self.checked_end(start, end)?;
        self.literal(start, end);
        Continue(())
    }

    /// The end of a quoted text, if it is to be read on behind it.
    #[inline]
    fn checked_end(&mut self, start: usize, end: End) -> ControlFlow<(), usize> {
        match end {
            End::At(end) => {
                if (self.bracketed || self.executable) && self.hides_end(start, end) {
                    return self.drop_rest(start);
                }
                Continue(end)
            }
            End::Doubtful(end) => {
                if self.doubtful.is_none() {
                    self.doubtful = Some(self.out.checkpoint(start));
                }
                self.checked_end(start, End::At(end))
            }
            End::Missing => {
                let from = self.doubtful.unwrap_or(self.out.checkpoint(start));
                self.drop_from(from)
            }
            End::Ambiguous => self.drop_rest(start),
        }
    }

    /// Where the text ends whose opening quote is at a place.
    #[inline]
    fn string_end(&self, quote: usize, backslash: Has) -> End {
        let text = self.text();
        let byte = text[quote];
        let tripled =
            self.grammar.triple_quotes != Has::No && byte != b'`' && text[quote..].starts_with(&[byte; 3]);
        if tripled && self.grammar.triple_quotes == Has::Yes {
            return scan::triple_quoted(text, quote + 3, byte).map_or(End::Missing, End::At);
        }
        let found = scan::quoted(text, quote + 1, byte, backslash);
        let Some(end) = found.end else { return End::Missing };
        // Where backticks quote nothing, a quote between them starts a string.
        let in_doubt = byte == b'`' && self.grammar.identifier_backslash == Has::Unsure;
        if in_doubt && memchr2(b'\'', b'"', &text[quote..end]).is_some() {
            return End::Ambiguous;
        }
        if found.doubtful {
            return if backslash == Has::Unsure || self.is_glued(end) {
                End::Ambiguous
            } else {
                End::Doubtful(end)
            };
        }
        if tripled && scan::triple_quoted(text, quote + 3, byte) != Some(end) {
            End::Ambiguous
        } else {
            End::At(end)
        }
    }

    pub(super) fn double_quote(&mut self) -> Flow {
        match self.grammar.double_quotes {
            DoubleQuotes::Identifier => self.identifier(b'"'),
            DoubleQuotes::String => self.string(self.pos, self.pos, self.grammar.backslash),
            DoubleQuotes::ByPlace => {
                let start = self.pos;
                let end = self.string_end(start, self.grammar.backslash);
                let end = self.checked_end(start, end)?;
                if self.previous == Previous::Dot || self.table_follows() || self.dot_and_name_follow(end) {
                    self.keep_identifier(end);
                } else {
                    self.literal(start, end);
                }
                Continue(())
            }
        }
    }

    /// Keeps a quoted identifier.
    pub(super) fn identifier(&mut self, quote: u8) -> Flow {
        debug_assert_eq!(self.text()[self.pos], quote);
        let end = self.string_end(self.pos, self.grammar.identifier_backslash);
        let end = self.checked_end(self.pos, end)?;
        self.keep_identifier(end);
        Continue(())
    }

    fn keep_identifier(&mut self, end: usize) {
        self.group.other();
        self.pos = end;
        self.previous = Previous::Identifier;
    }

    /// [Rule S6](crate#the-rules): whether a dot joins what ends here to another identifier.
    fn dot_and_name_follow(&self, end: usize) -> bool {
        let text = self.text();
        let Some(name) = self
            .after_blanks_and_comments(end)
            .filter(|&dot| text[dot] == b'.')
            .and_then(|dot| self.after_blanks_and_comments(dot + 1))
        else {
            return false;
        };
        match self.class(text[name]) {
            Class::NonAscii if Kind::at(text, name).0 != Kind::Letter => false,
            Class::Word | Class::NonAscii => {
                let end = self.word_end(name);
                end > name && !matches!(text.get(end), Some(b'\'' | b'"' | b'&')) && !is_uuid(&text[name..])
            }
            Class::DoubleQuote => self.reads_on(name, self.grammar.backslash),
            Class::Backtick => self.reads_on(name, self.grammar.identifier_backslash),
            Class::OpenBracket => self.bracket_end(name).is_some(),
            _ => false,
        }
    }

    /// Whether a quoted identifier starts at a place that will not end the reading.
    fn reads_on(&self, quote: usize, backslash: Has) -> bool {
        matches!(self.string_end(quote, backslash), End::At(end) if !self.hides_end(quote, end))
    }

    /// The end of an identifier in brackets, where brackets hold identifiers.
    fn bracket_end(&self, start: usize) -> Option<usize> {
        match self.grammar.bracket {
            Bracket::Identifier => scan::tagged(self.text(), start + 1, b"]"),
            Bracket::IdentifierDoubled => scan::quoted(self.text(), start + 1, b']', Has::No).end,
            Bracket::Array | Bracket::Unsure => None,
        }
    }

    pub(super) fn open_bracket(&mut self) -> Flow {
        if matches!(self.grammar.bracket, Bracket::Array | Bracket::Unsure) {
            self.brackets += 1;
            self.bracketed = self.grammar.bracket == Bracket::Unsure;
            self.operator(1);
            return Continue(());
        }
        match self.bracket_end(self.pos) {
            Some(end) => self.keep_identifier(end),
            None => return self.drop_rest(self.pos),
        }
        Continue(())
    }

    pub(super) fn dollar(&mut self) -> Flow {
        let (text, start) = (self.text(), self.pos);
        if self.starts_number(start) || text.get(start + 1).is_some_and(u8::is_ascii_digit) {
            match self.placeholder_number_end(start + 1).filter(|_| !self.grammar.money) {
                Some(end) => self.operand(end - start),
                None => self.number(start, start + 1),
            }
            return Continue(());
        }
        let Some(body) = self.dollar_tag_end(start) else { return self.word() };
        let Some(end) = scan::tagged(text, body, &text[start..body]) else {
            return self.end_string(start, End::Missing);
        };
        let closed =
            self.grammar.dollar != Dollar::Unsure || scan::is_inert(&text[body..end - (body - start)]);
        self.end_string(start, if closed { End::At(end) } else { End::Ambiguous })
    }

    /// The end of `$$` or `$tag$`.
    fn dollar_tag_end(&self, start: usize) -> Option<usize> {
        let text = self.text();
        let tag = match self.grammar.dollar {
            Dollar::Word => return None,
            Dollar::Pairs => 0,
            Dollar::Tags | Dollar::Unsure => {
                let in_tag =
                    |&byte: &u8| matches!(self.class(byte), Class::Word | Class::Digit | Class::NonAscii);
                text[start + 1..].iter().take_while(|&byte| in_tag(byte)).count()
            }
        };
        steps::count(tag);
        let end = start + 1 + tag;
        (text.get(end) == Some(&b'$')).then_some(end + 1)
    }

    pub(super) fn typographic_quote(&mut self) -> Flow {
        let end = Quotes::end(self.text(), self.pos).map_or(End::Missing, End::At);
        self.end_string(self.pos, end)
    }

    pub(super) fn question_mark(&mut self) {
        let start = self.pos;
        if !self.text().get(start + 1).is_some_and(u8::is_ascii_digit) {
            self.group.item();
            self.pos += 1;
            self.previous = Previous::Operand;
            return;
        }
        match self.placeholder_number_end(start + 1) {
            Some(end) => self.operand(end - start),
            None => self.number(start, start + 1),
        }
    }

    /// The end of the number of a placeholder: [rule S5](crate#the-rules).
    pub(super) fn placeholder_number_end(&self, start: usize) -> Option<usize> {
        let text = self.text();
        let digits = text[start..]
            .iter()
            .take(PLACEHOLDER_DIGITS + 1)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let end = start + digits;
        let goes_on = match text.get(end) {
            Some(b'.') => text.get(end + 1).is_some_and(u8::is_ascii_digit),
            Some(_) => self.word_end(end) > end,
            None => false,
        };
        (digits <= PLACEHOLDER_DIGITS && !goes_on).then_some(end)
    }

    pub(super) fn colon(&mut self) {
        let (text, start) = (self.text(), self.pos);
        match text.get(start + 1) {
            Some(b':') => return self.operator(2),
            Some(byte) if byte.is_ascii_digit() => {}
            _ => return self.operator(1),
        }
        let in_slice = self.brackets > 0
            || match self.previous {
                Previous::Operand | Previous::Identifier => true,
                Previous::Word => self.is_adjacent() && !precedes_operand(self.word),
                Previous::Operator | Previous::Dot => false,
            };
        if in_slice {
            self.operator(1);
            return self.number(start + 1, start + 1);
        }
        match self.placeholder_number_end(start + 1) {
            Some(end) => self.operand(end - start),
            None => self.number(start, start + 1),
        }
    }

    /// Reads what starts with a digit: a number, or an identifier after a dot.
    #[inline]
    pub(super) fn digits(&mut self) {
        if self.previous == Previous::Dot && self.grammar.digit_identifiers {
            let end = self.word_end(self.pos);
            let named =
                self.text()[self.pos..end].iter().any(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
            if named && !is_uuid(&self.text()[self.pos..]) {
                return self.keep_identifier(end);
            }
        }
        self.number(self.pos, self.pos);
    }

    /// Replaces a number, and with it what stands before it from `start` on.
    #[inline]
    pub(super) fn number(&mut self, start: usize, number: usize) {
        let end = self.number_end(number);
        self.literal(start, end);
    }

    /// Whether a number or an amount of money starts at a place.
    pub(super) fn starts_number(&self, place: usize) -> bool {
        let text = self.text();
        let digit = |place: usize| text.get(place).is_some_and(u8::is_ascii_digit);
        match text.get(place) {
            Some(b'0'..=b'9') => true,
            Some(b'.') => digit(place + 1),
            Some(b'$') if self.grammar.money => {
                digit(place + 1) || text.get(place + 1) == Some(&b'.') && digit(place + 2)
            }
            Some(0x80..) => Kind::at(text, place).0 == Kind::Digit,
            _ => false,
        }
    }

    /// The end of a run that starts with a digit: all letters and digits, dots and the sign of an exponent ([rule S2](crate#the-rules)).
    #[inline]
    pub(super) fn number_end(&self, start: usize) -> usize {
        let text = self.text();
        if text.get(start + 8) == Some(&b'-') && is_uuid(&text[start..]) {
            return self.word_end(start + UUID.len());
        }
        let mut end = start;
        let mut decimal = true;
        while let Some(&byte) = text.get(end) {
            end += match byte {
                b'0'..=b'9' | b'_' => 1,
                b'.' if text.get(end + 1) != Some(&b'.') => 1,
                b'e' | b'E' if decimal && exponent_sign(&text[end + 1..]) => 2,
                _ => match self.class(byte) {
                    class if class.continues_word() => {
                        decimal = false;
                        1
                    }
                    Class::NonAscii => match Kind::at(text, end) {
                        (Kind::Letter | Kind::Digit, length) => length,
                        _ => break,
                    },
                    _ => break,
                },
            };
        }
        steps::count(end - start);
        end
    }
}

/// Whether the sign of an exponent and a digit follow.
fn exponent_sign(text: &[u8]) -> bool {
    matches!(text, [b'+' | b'-', b'0'..=b'9', ..])
}

/// The form of a UUID: `x` is a hexadecimal digit.
const UUID: [u8; 36] = *b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// Whether a text starts with a UUID.
pub(super) fn is_uuid(text: &[u8]) -> bool {
    let fits =
        |(&byte, &form): (&u8, &u8)| if form == b'-' { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() >= UUID.len() && text.iter().zip(&UUID).all(fits)
}

/// Whether a word is a duration as Cassandra writes it bare, such as `P1Y2M` or `PT30S`.
fn is_duration(word: &[u8]) -> bool {
    matches!(word, [b'P' | b'p', rest @ ..]
        if rest.iter().any(u8::is_ascii_digit) && rest.iter().all(|byte| byte.is_ascii_digit() || b"ymwdthsYMWDTHS".contains(byte)))
}
