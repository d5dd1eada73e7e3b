//! Queries that the recorder has torn (`docs/fork-dialect.md` of the repository): it replaces literals itself, and takes
//! `'it\'` for a whole one and the rest of `'it\'s'` for none. What was within a string is then outside, and what was
//! outside is within, up to the end of the text. No sanitizer can tell from what is left what is a literal; but that
//! something is wrong shows where a `?` touches what it cannot stand beside.

use std::borrow::Cow;

/// The query as far as it is whole.
///
/// It ends with the `?` before which nothing was torn. A query that is whole but has such a place, as in `a=?AND b=?`,
/// is cut too.
pub(super) fn whole(query: &[u8]) -> Cow<'_, [u8]> {
    let mut whole: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut begin = 0;
    // Where the last `?` ends in `whole` together with what is still to be added to it.
    let mut latest = None;
    let marks = query.iter().enumerate().filter(|&(_, &byte)| byte == b'?').map(|(index, _)| index);
    for mark in marks {
        let (before, behind) = (&query[..mark], &query[mark + 1..]);
        if let Some(end) = latest.filter(|_| ends_in_string(before)) {
            add(&mut whole, &query[begin..end]);
            return whole;
        }
        latest = Some(mark + 1);
        let hexadecimal = rest_of_hexadecimal(behind);
        if hexadecimal > 0 {
            add(&mut whole, &query[begin..=mark]);
            begin = mark + 1 + hexadecimal;
            latest = Some(begin);
        } else if behind
            .first()
            .is_some_and(|&byte| is_of_word(byte) && !byte.is_ascii_digit() || byte == b'\\')
        {
            add(&mut whole, &query[begin..=mark]);
            return whole;
        }
    }
    add(&mut whole, &query[begin..]);
    whole
}

fn add<'q>(whole: &mut Cow<'q, [u8]>, part: &'q [u8]) {
    if whole.is_empty() {
        *whole = Cow::Borrowed(part);
    } else {
        whole.to_mut().extend_from_slice(part);
    }
}

/// Whether a text ends with what stands before a quote only if that ends a string.
fn ends_in_string(text: &[u8]) -> bool {
    let begin = text.iter().rposition(|&byte| !is_of_word(byte)).map_or(0, |index| index + 1);
    let word = &text[begin..];
    // Words that a string may follow: `N'…'`, `_utf8'…'`, `DATE'…'`.
    const TYPES: [&[u8]; 4] = [b"DATE", b"TIME", b"TIMESTAMP", b"INTERVAL"];
    let is_prefix = matches!(word, [letter] if b"BENRX".contains(&letter.to_ascii_uppercase()))
        || word.starts_with(b"_")
        || TYPES.iter().any(|known| word.eq_ignore_ascii_case(known));
    text.ends_with(b"\\") || !word.is_empty() && !is_prefix
}

/// How long what the recorder leaves of `0x1F` is behind its `?`.
fn rest_of_hexadecimal(text: &[u8]) -> usize {
    let Some(digits) = text.strip_prefix(b"x").or(text.strip_prefix(b"X")) else { return 0 };
    let count = digits.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let is_number = count > 0 && !digits.get(count).is_some_and(|&byte| is_of_word(byte));
    if is_number { 1 + count } else { 0 }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole_of(query: &str) -> String {
        String::from_utf8(whole(query.as_bytes()).into_owned()).expect("text")
    }

    #[test]
    fn what_is_torn_is_cut() {
        for (query, left) in [
            // 'it\'s secret', E'\'secret\'', 'a\' secret' and 'a\'secret, all of which the recorder ends too early.
            ("SELECT a FROM t WHERE b = ? AND c = ?s secret?", "SELECT a FROM t WHERE b = ? AND c = ?"),
            ("SET x = E?secret\\? , y = N?", "SET x = E?"),
            ("SELECT a FROM t WHERE b = ? secret?", "SELECT a FROM t WHERE b = ?"),
            ("SELECT a FROM t WHERE b = ?secret", "SELECT a FROM t WHERE b = ?"),
            ("SELECT a FROM t WHERE b = ?x1F AND c = ? secret\\?", "SELECT a FROM t WHERE b = ? AND c = ?"),
            ("SELECT a FROM t WHERE b = ?\\secret?", "SELECT a FROM t WHERE b = ?"),
            ("SELECT ?é", "SELECT ?"),
        ] {
            assert_eq!(whole_of(query), left, "{query}");
        }
    }

    #[test]
    fn numbers_with_letters_are_made_whole() {
        assert_eq!(whole_of("WHERE a = ?x1F AND b = ?XaB"), "WHERE a = ? AND b = ?");
    }

    #[test]
    fn what_is_whole_stays() {
        for query in [
            "",
            "SELECT 'a'",
            "INSERT INTO t VALUES (?, ?,?), (-?, $?)",
            "SELECT N?, E?, x?, _utf8?, DATE?, interval?",
            "SELECT a FROM t WHERE b LIKE?",
            "SELECT a ?? b, c ?| d, ?1, ? + ?::text",
        ] {
            assert_eq!(whole_of(query), query);
            assert!(matches!(whole(query.as_bytes()), Cow::Borrowed(_)), "{query}");
        }
    }
}
