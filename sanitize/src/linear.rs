//! [Rules S14 and U8](crate#the-rules): the work grows with the length of a text and no faster, whatever the text is.

extern crate std;

use std::format;
use std::string::String;

use crate::{
    dsn::dsn,
    options::{UrlMode, UrlOptions},
    sanitizer::Sanitizer,
    sql::{Dialect, SqlOptions, sql},
    steps,
    text::text,
};

/// Pieces that make a careless sanitizer look at the rest of the text again and again, each for nothing.
const PIECES: [&str; 58] = [
    "'",
    "''",
    "\"",
    "`",
    "[",
    "]",
    "[[",
    "(",
    ")",
    "((",
    "{",
    "/*",
    "/*/",
    "*/",
    "/*!",
    "--",
    "-- ",
    "#",
    "//",
    "\n--",
    "\n#",
    "$",
    "$$",
    "$a$",
    "$a$ $b$ ",
    "q'[",
    "q'",
    "'''",
    "\"\"\"",
    "\\",
    "\\'",
    "'\\' ",
    "1.",
    "1e+",
    "?1",
    ":1",
    "@",
    ".",
    "IN (1",
    "IN (",
    "VALUES (1),",
    "(1),",
    "a.",
    "\"a\".",
    "\"a\" .",
    "\"a\"  ",
    "IDENTIFIED BY ",
    "SET PASSWORD = ",
    "COPY t FROM STDIN ",
    "INSERT FORMAT ",
    "‘",
    "’",
    "550e8400-",
    "abcdef12-",
    "\u{200b}",
    "é",
    "http://",
    "a=",
];

/// What stands once before many pieces.
const STARTS: [&str; 9] = ["", "'", "SELECT ", "CREATE USER u ", "[", "/*! ", "x IN (", "$", "http://u:p"];

/// More pieces of URLs, connection strings and messages.
const LOCATIONS: [&str; 110] = [
    "@",
    ":",
    "/",
    "//",
    "://",
    "a@",
    "a:",
    "a@b:",
    "jdbc:",
    "u@jdbc:",
    "?",
    "&",
    ";",
    "a=b&",
    "token",
    "token ",
    "token=",
    "token: ",
    "token=\"",
    "Bearer ",
    "-----BEGIN ",
    "\"a\":",
    "eyJ",
    "u:\"",
    "<token",
    "<token ",
    "<a:token>",
    "\"token\":\"",
    "token=\\\\\"",
    ";token=a ",
    "Password:a ",
    "Password:a:",
    "-token ",
    "api key: ",
    "code=\"",
    "\"http://u:x ",
    "http://u:x ",
    "name=token value=",
    "token[",
    "token*",
    "Digest a=\"",
    "http://h/?a=\"",
    "SELECT ",
    "SELECT a, ",
    "select a from ",
    "\"SELECT a ",
    "UPDATE a SET ",
    "INSERT INTO a (",
    "DELETE FROM a WHERE ",
    "WHERE a = (",
    "WITH a AS ",
    "CREATE USER ",
    "VALUES (",
    "EXEC a ",
    "Key (a)=",
    "Key (",
    "Duplicate entry '",
    "near '",
    "incorrect a value: '",
    "invalid input syntax for ",
    "password:\n  ",
    "password:\n",
    "a:\n token: |\n ",
    "-u a:",
    "jwt: token ",
    "token: is ",
    "re_",
    "pk.",
    "s.a1",
    "ey0.ey",
    "1:A",
    "aB3",
    "aB3/",
    "%3A%40",
    "/%",
    "\\u0061",
    "\u{1b}[1m",
    "&quot;",
    "/reset/aB3aB3aB3/",
    "curl -u ",
    "mysql -p",
    "a=b\ntoken = c d\n",
    "token: # a\n b",
    "token: !a ",
    "token='''",
    "Token:(a) ",
    "<name>token</name>",
    "name=\"token\">",
    "property a",
    "context: a line ",
    "token=a\\\n",
    "tokens:\n- ",
    "token '",
    "a: # ",
    "a: &",
    "a: !",
    "token: # ",
    "token: &a: ",
    "\u{1b}(B",
    "\\033[",
    "&&quot;",
    "token: &a ",
    "\"d\":",
    "{\"d\":",
    "row [] in table ",
    "CONFIG SET a b1 ",
    "CONNECT a/b ",
    "mysql -p1:1 ",
    "label a property ",
    "token 'a' not ",
];

/// The work for a text of many pieces must not be more than this many times its length.
const PER_BYTE: usize = 12;
/// The same outside of SQL, where some bytes behind the mark of a token are looked at that is none.
const PER_BYTE_WITH_TOKENS: usize = 32;
const REPEATS: [usize; 2] = [50, 400];

fn check(name: &str, text: &str, work: impl FnOnce(&str)) {
    check_within(PER_BYTE, name, text, work);
}

fn check_within(per_byte: usize, name: &str, text: &str, work: impl FnOnce(&str)) {
    let steps = steps::counted(|| work(text));
    assert!(steps > 0 || text.is_empty(), "{name} counts nothing");
    assert!(steps <= per_byte * text.len() + 64, "{name}: {steps} steps for {} bytes", text.len());
}

fn repeated(start: &str, piece: &str) -> impl Iterator<Item = String> {
    REPEATS.map(|times| format!("{start}{}", piece.repeat(times))).into_iter()
}

#[test]
fn s14_work_is_linear() {
    for dialect in Dialect::ALL {
        let starts = if dialect == Dialect::Generic { &STARTS[..] } else { &STARTS[..2] };
        for (start, piece) in starts.iter().flat_map(|start| PIECES.iter().map(move |piece| (start, piece))) {
            for text in repeated(start, piece) {
                let name = format!("{dialect} {start}{piece}");
                check(&name, &text, |text| drop(sql(text, dialect)));
                let options =
                    SqlOptions { collapse_values_rows: true, max_output: 100, ..SqlOptions::new(dialect) };
                let sanitizer = Sanitizer::new().with_sql(options);
                check(&name, &text, |text| drop(sanitizer.sql(text)));
                check(&name, &text, |text| drop(crate::sql::sql_summary(text, dialect)));
            }
        }
    }
}

#[test]
fn s14_work_is_linear_where_pieces_alternate() {
    for (one, other) in PIECES.iter().flat_map(|one| PIECES.iter().map(move |other| (one, other))) {
        let pieces = format!("{one}{other}");
        for dialect in [Dialect::Generic, Dialect::MySql, Dialect::MsSql, Dialect::Postgres] {
            let text = pieces.repeat(600);
            check(&format!("{dialect} {pieces}"), &text, |text| drop(sql(text, dialect)));
        }
    }
}

#[test]
fn u8_work_is_linear() {
    let redact = Sanitizer::new().with_url(UrlOptions { mode: UrlMode::Redact, scrub_path: true });
    let pieces = || PIECES.iter().chain(&LOCATIONS);
    for (start, piece) in
        STARTS.iter().chain(&LOCATIONS).flat_map(|start| pieces().map(move |piece| (start, piece)))
    {
        for input in repeated(start, piece) {
            let name = format!("{start}{piece}");
            check_within(PER_BYTE_WITH_TOKENS, &format!("url {name}"), &input, |input| {
                drop(redact.url(input));
            });
            check_within(PER_BYTE_WITH_TOKENS, &format!("dsn {name}"), &input, |input| drop(dsn(input)));
            check_within(PER_BYTE_WITH_TOKENS, &format!("text {name}"), &input, |input| drop(text(input)));
        }
    }
}
