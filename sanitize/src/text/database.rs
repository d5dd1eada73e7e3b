//! The values of rows and parameters that databases quote in their errors: [rule L6](crate#the-rules).

use crate::steps;

/// One way to quote a value.
struct Quotation {
    /// The word that it starts with, in small letters.
    word: &'static str,
    /// What follows the word up to the value. A `*` stands for anything on the line that is not too long; before a quote, a
    /// backslash may stand.
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

/// What PostgreSQL and its kin, MySQL, SQL Server, Oracle, SQLite, DuckDB, MongoDB, ClickHouse, Cassandra, Snowflake, BigQuery, Spanner,
/// Trino, Spark, Elasticsearch, Neo4j, Vertica, Firebird and Redis say, and Go's `strconv`, `time` and `database/sql`.
const QUOTATIONS: [Quotation; 50] = [
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
    quotation("parameters", ": $*= '", &[], Some(b'\'')),
    quotation("context", ": * line *: \"", &[], Some(b'"')),
    quotation("duration", " \"", &[], Some(b'"')),
    quotation("column", " values (", &[") already exists"], Some(b')')),
    quotation("failing", " row contains (", &[], Some(b')')),
    quotation("row", " [", &[ROW], None),
    quotation("duplicate", " entry '", &["' for key"], Some(b'\'')),
    quotation("duplicate", " entry \"", &["\" for key"], Some(b'"')),
    quotation("duplicate", " key value is (", &[], Some(b')')),
    quotation("duplicate", " key value (*)=(", &[") violates"], Some(b')')),
    quotation("duplicate", " key \"", &["\" violates"], None),
    quotation("dup", " key: {", &[], Some(b'}')),
    quotation("incorrect", " * value: '", &["' for ", "' in "], Some(b'\'')),
    quotation("incorrect", SYNTAX, &[], Some(b'\'')),
    quotation("truncated", " value: '", &[], Some(b'\'')),
    quotation(
        "value",
        " '",
        &[
            "' to data type",
            "' is out of range",
            "' for column",
            "' is not recognized",
            "' is not a valid",
            "' of the type",
        ],
        None,
    ),
    quotation("value", " \"", &["\" is out of range", "\" to data type"], None),
    quotation("date", " '", &["' is not recognized"], None),
    quotation("timestamp", " '", &["' is not recognized"], None),
    quotation("preview", " of field's value: '", &[], Some(b'\'')),
    quotation("label", " * property * = '", &[], Some(b'\'')),
    quotation("invalid", " input syntax for *: \"", &[], Some(b'"')),
    quotation("invalid", " input value for *: \"", &[], Some(b'"')),
    quotation("invalid", " date: '", &[], Some(b'\'')),
    quotation("invalid", " timestamp: '", &[], Some(b'\'')),
    quotation("invalid", " STRING constant (", &[") for "], Some(b')')),
    quotation("range", ": \"", &[], Some(b'"')),
    quotation("literal", ": \"", &[], Some(b'"')),
    quotation("literal", " \"", &["\" to type"], None),
    quotation("near", " '", &["' at line"], None),
    quotation("near", " \"", &["\": syntax error", "\": syntax"], None),
    quotation("or", " near \"", &[], Some(b'"')),
    quotation("string", " '", &["' as ", "' is too long"], None),
    quotation("convert", " string '", &["' to "], None),
    quotation("cast", " '", &["' to ", "' as "], None),
    quotation("parse", " \"", &["\" as type "], None),
    quotation("containing", " '", &["' to a number"], None),
    quotation("coerce", " '", &["' to "], None),
    quotation("number", " '", &["' in $convert"], None),
    quotation("beginning", " with: '", &[], Some(b'\'')),
    quotation("duplicate", " key values: '", &[], Some(b'\'')),
    quotation("problematic", " key value is (", &[], Some(b')')),
    quotation("key", " [", &["]. It conflicts with row"], None),
    quotation("conflicts", " with row [", &[], Some(b']')),
    quotation("parsing", " \"", &["\": invalid syntax", "\": value out of range"], None),
    quotation("parsing", " time \"", &["\" as ", "\": "], None),
    quotation("cannot", " parse \"", &["\" as \"", "\" as \\\""], None),
    quotation("extra", " text: \"", &[], Some(b'"')),
    quotation("converting", " driver.Value type * (\"", &["\") to a "], None),
];

/// What follows the row of which Spanner says that it already exists.
const ROW: &str = "] in table";
/// Where SQL Server says at what it stopped to read.
const SYNTAX: &str = " syntax near '";
/// The farthest that a `*` reaches.
const LONGEST_GAP: usize = 160;

/// Up to where each kind of quotation is known to have no end, and none of the first piece behind a `*`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Searched([(usize, usize); QUOTATIONS.len()]);

impl Default for Searched {
    fn default() -> Self {
        Self([(0, 0); QUOTATIONS.len()])
    }
}

impl Searched {
    /// The value that an error quotes behind a word of the text.
    pub(super) fn value(&mut self, text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
        let word = &text[start..end];
        let rows = QUOTATIONS.iter().zip(&mut self.0).filter(|(row, _)| word.eq_ignore_ascii_case(row.word));
        rows.filter_map(|(row, searched)| row.find(text, end, searched)).next()
    }
}

impl Quotation {
    fn find(&self, text: &str, from: usize, searched: &mut (usize, usize)) -> Option<(usize, usize)> {
        let value = follows(text.as_bytes(), from, self.then, &mut searched.1)?;
        if self.last.is_none() && value < searched.0 {
            return None;
        }
        let end = match self.end(&text.as_bytes()[value..]) {
            Ok(length) => value + length,
            Err(line) => {
                searched.0 = value + line;
                let rest = &text.as_bytes()[value..value + line];
                value + memchr::memrchr(self.last?, rest).unwrap_or(line)
            }
        };
        let escapes = text[value..end].bytes().rev().take_while(|&byte| byte == b'\\').count();
        // A word of the statement, and none of its values.
        let is_keyword =
            self.then == SYNTAX && text[value..end].bytes().all(|byte| byte.is_ascii_uppercase());
        let is_kept = is_keyword || self.ends == [ROW] && !says_exists(&text.as_bytes()[end..]);
        (end - escapes > value && !is_kept).then_some((value, end - escapes))
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

/// Whether a text says that a row is in a table already, behind its value.
fn says_exists(text: &[u8]) -> bool {
    let Some(table) = text.strip_prefix(ROW.as_bytes()).and_then(|rest| rest.strip_prefix(b" ")) else {
        return false;
    };
    let name = table.iter().take(LONGEST_GAP).take_while(|byte| !byte.is_ascii_whitespace()).count();
    steps::count(name);
    table[name..].starts_with(b" already exists")
}

/// The place behind a pattern, if a text has it at a place.
fn follows(text: &[u8], from: usize, pattern: &str, searched: &mut usize) -> Option<usize> {
    let mut place = from;
    let mut pieces = pattern.split('*');
    place = literally(text, place, pieces.next()?)?;
    for (number, piece) in pieces.enumerate() {
        // A column may have quotes about its name, and an index parentheses about its columns.
        let window = &text[place..text.len().min(place + LONGEST_GAP)];
        let end = place + memchr::memchr(b'\n', window).unwrap_or(window.len());
        let start = if number == 0 { place.max(*searched).min(end) } else { place };
        let found = (start..end).find(|&start| literally(text, start, piece).is_some());
        steps::count(found.unwrap_or(end) - start);
        if found.is_none() && number == 0 {
            *searched = end;
        }
        place = literally(text, found?, piece)?;
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
