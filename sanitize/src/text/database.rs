//! The values of rows and parameters that databases quote in their errors: rule L6.

use crate::steps;

/// One way to quote a value.
struct Quotation {
    /// The word that it starts with, in small letters.
    word: &'static str,
    /// What follows the word up to the value. A `*` stands for what has no quotes; before a quote, a backslash may stand.
    then: &'static str,
    /// What follows the value, of which the first one found ends it.
    ends: &'static [&'static str],
    /// Where none of these follows on the line: the last of this byte ends the value; none where it is no quotation then.
    last: Option<u8>,
}

const fn quotation(
    word: &'static str,
    then: &'static str,
    ends: &'static [&'static str],
    last: Option<u8>,
) -> Quotation {
    Quotation { word, then, ends, last }
}

/// What PostgreSQL and its kin, MySQL, SQL Server, SQLite, MongoDB and ClickHouse say.
const QUOTATIONS: [Quotation; 18] = [
    quotation(
        "key",
        " (*)=(",
        &[
            ") already exists",
            ") is not present",
            ") is still referenced",
            ") conflicts with",
            ") is duplicated",
        ],
        Some(b')'),
    ),
    quotation("failing", " row contains (", &[], Some(b')')),
    quotation("duplicate", " entry '", &["' for key"], Some(b'\'')),
    quotation("duplicate", " entry \"", &["\" for key"], Some(b'"')),
    quotation("duplicate", " key value is (", &[], Some(b')')),
    quotation("dup", " key: {", &[], Some(b'}')),
    quotation("incorrect", " * value: '", &["' for ", "' in "], Some(b'\'')),
    quotation("truncated", " value: '", &[], Some(b'\'')),
    quotation("value", " '", &["' to data type", "' is out of range", "' for column"], None),
    quotation("value", " \"", &["\" is out of range", "\" to data type"], None),
    quotation("invalid", " input syntax for *: \"", &[], Some(b'"')),
    quotation("invalid", " input value for *: \"", &[], Some(b'"')),
    quotation("range", ": \"", &[], Some(b'"')),
    quotation("literal", ": \"", &[], Some(b'"')),
    quotation("near", " '", &["' at line"], None),
    quotation("near", " \"", &["\": syntax error", "\": syntax"], None),
    quotation("or", " near \"", &[], Some(b'"')),
    quotation("string", " '", &["' as "], None),
];

/// The farthest that a `*` reaches.
const LONGEST_GAP: usize = 128;

/// Up to where each kind of quotation is known to have no end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Searched([usize; QUOTATIONS.len()]);

impl Searched {
    /// The value that an error quotes behind a word of the text.
    pub(super) fn value(&mut self, text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
        let word = &text[start..end];
        let rows = QUOTATIONS.iter().zip(&mut self.0).filter(|(row, _)| word.eq_ignore_ascii_case(row.word));
        rows.filter_map(|(row, searched)| row.find(text, end, searched)).next()
    }
}

impl Quotation {
    fn find(&self, text: &str, from: usize, searched: &mut usize) -> Option<(usize, usize)> {
        let value = follows(text.as_bytes(), from, self.then)?;
        if self.last.is_none() && value < *searched {
            return None;
        }
        let end = match self.end(&text.as_bytes()[value..]) {
            Ok(length) => value + length,
            Err(line) => {
                *searched = value + line;
                let rest = &text.as_bytes()[value..value + line];
                value + memchr::memrchr(self.last?, rest).unwrap_or(line)
            }
        };
        let escapes = text[value..end].bytes().rev().take_while(|&byte| byte == b'\\').count();
        (end - escapes > value).then_some((value, end - escapes))
    }

    /// The length of the value that a text starts with, or of the line where nothing ends it.
    fn end(&self, text: &[u8]) -> Result<usize, usize> {
        let closing = self.ends.first().map_or(b'\n', |end| end.as_bytes()[0]);
        let mut place = 0;
        while let Some(found) = memchr::memchr2(closing, b'\n', &text[place..]) {
            place += found;
            if self.ends.iter().any(|end| text[place..].starts_with(end.as_bytes())) {
                steps::count(place);
                return Ok(place);
            }
            if text[place] == b'\n' {
                steps::count(place);
                return Err(place);
            }
            place += 1;
        }
        steps::count(text.len());
        Err(text.len())
    }
}

/// The place behind a pattern, if a text has it at a place.
fn follows(text: &[u8], from: usize, pattern: &str) -> Option<usize> {
    let mut place = from;
    let mut pieces = pattern.split('*');
    place = literally(text, place, pieces.next()?)?;
    for piece in pieces {
        let first = piece.as_bytes()[0];
        let gap = text[place..]
            .iter()
            .take(LONGEST_GAP)
            .position(|&byte| byte == first || b"'\"\n(".contains(&byte))?;
        steps::count(gap);
        place = literally(text, place + gap, piece)?;
    }
    Some(place)
}

fn literally(text: &[u8], from: usize, piece: &str) -> Option<usize> {
    let mut place = from;
    for expected in piece.bytes() {
        if matches!(expected, b'"' | b'\'') {
            place += text[place..].iter().take(LONGEST_GAP).take_while(|&&byte| byte == b'\\').count();
        }
        if !text.get(place)?.eq_ignore_ascii_case(&expected) {
            return None;
        }
        place += 1;
    }
    Some(place)
}
