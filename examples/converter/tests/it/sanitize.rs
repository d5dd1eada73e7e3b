//! `sanitize`, as people call it.

use std::{
    io::{BufRead, BufReader, Write},
    process::Stdio,
};

use crate::common::{converter, errors, output_with, run};

#[test]
fn each_line_is_sanitized_by_the_rules_of_its_kind() {
    let cases: [(&[&str], &str, &str); 5] = [
        (&["sql"], "SELECT 'secret', 42 FROM t\nSELECT 1", "SELECT ?, ? FROM t\nSELECT ?"),
        (&["sql", "--dialect", "postgres"], "SELECT \"name\", $1\n", "SELECT \"name\", $1\n"),
        (&["url"], "https://u:secret@h/x?secret#secret\n/y?secret\n", "https://h/x\n/y\n"),
        (
            &["dsn"],
            "u:secret@tcp(h:3306)/d\nhost=h password=secret\n",
            "tcp(h:3306)/d\nhost=h password=REDACTED\n",
        ),
        (&["text"], "token=secret for https://u:secret@h/x\n", "token=REDACTED for https://h/x\n"),
    ];
    for (arguments, texts, expected) in cases {
        let arguments = [&["sanitize"], arguments].concat();
        assert_eq!(output_with(&arguments, texts.as_bytes()), expected, "{arguments:?}");
    }
}

#[test]
fn the_dialect_says_what_a_literal_is() {
    let query = b"SELECT \"x\" FROM t";
    for (dialect, expected) in [("mysql", "SELECT ? FROM t"), ("PostgreSQL", "SELECT \"x\" FROM t")] {
        assert_eq!(output_with(&["sanitize", "sql", "--dialect", dialect], query), expected);
    }
}

#[test]
fn texts_end_as_they_did() {
    let cases: [(&[&str], &str); 5] = [
        (&[], ""),
        (&[], "/a\n\n\r\n/b\r\n"),
        (&[], "/a\n/b"),
        (&["--null"], "/a\0\0/b\0"),
        (&["-0"], "/a\0/b"),
    ];
    for (arguments, texts) in cases {
        let arguments = [&["sanitize", "url"], arguments].concat();
        assert_eq!(output_with(&arguments, texts.as_bytes()), texts, "{arguments:?}");
    }
}

#[test]
fn texts_between_null_bytes_may_have_many_lines() {
    let texts = b"SELECT 'one\nsecret'\0SELECT 2";
    assert_eq!(output_with(&["sanitize", "sql", "-0"], texts), "SELECT ?\0SELECT ?");
}

#[test]
fn what_is_no_text_becomes_text() {
    assert_eq!(output_with(&["sanitize", "url"], b"/\xff?secret\n"), "/\u{fffd}\n");
}

#[test]
fn a_text_is_answered_before_the_next_is_asked() {
    let mut child = converter()
        .args(["sanitize", "url"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut input = child.stdin.take().expect("its standard input");
    let mut output = BufReader::new(child.stdout.take().expect("its standard output"));
    for number in 0..3 {
        // The next text has begun already.
        write!(input, "/{number}?secret\n/begun").expect("it reads");
        input.flush().expect("it reads");
        let mut answer = String::new();
        output.read_line(&mut answer).expect("it writes");
        let expected = if number == 0 { "/0\n".to_owned() } else { format!("/begun/{number}\n") };
        assert_eq!(answer, expected);
    }
    drop(input);
    assert!(child.wait().expect("its end").success());
}

#[test]
fn a_text_that_is_too_long_is_an_error_after_the_ones_before() {
    const MOST: usize = 16 << 20;
    let longest = ["/a?secret\n", &"b".repeat(MOST), "\n"].concat();
    assert_eq!(output_with(&["sanitize", "url"], longest.as_bytes()).len(), "/a\n".len() + MOST + 1);
    let longer = ["/a?secret\n", &"b".repeat(MOST + 1), "\n/c"].concat();
    let failed = run(&["sanitize", "url"], longer.as_bytes());
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(failed.stdout, b"/a\n");
    assert!(errors(&failed).contains("record 2 is longer than 16 MiB"), "{}", errors(&failed));
}

#[test]
fn wrong_kinds_and_dialects_are_refused() {
    let cases: [(&[&str], &str); 4] = [
        (&["sanitize"], "sql"),
        (&["sanitize", "secrets"], "secrets"),
        (&["sanitize", "sql", "--dialect", "gopher"], "postgres"),
        (&["sanitize", "url", "--dialect", "mysql"], "--dialect"),
    ];
    for (arguments, expected) in cases {
        let refused = run(arguments, b"");
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&refused).contains(expected), "{arguments:?}: {}", errors(&refused));
    }
}
