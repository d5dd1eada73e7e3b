//! Where quoted text and comments end. Every function looks at each byte once, from `from` to the end it finds.

use memchr::{memchr, memchr2, memmem, memrchr};

use super::grammar::Has;
use crate::steps;

/// Where a quoted text ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted {
    /// The place after the closing quote, or none where the text ends first ([rule S8](crate#the-rules)).
    pub(super) end: Option<usize>,
    /// It would end elsewhere under the other backslash rule ([rule S9](crate#the-rules)).
    pub(super) doubtful: bool,
}

/// The end of a text quoted by one byte, which stands for itself when doubled. `from` is the place after the opening quote.
///
/// An odd run of backslashes before a run of quotes makes exactly one of the two backslash rules close there, so looking at
/// the byte before each quote tells whether they differ.
#[inline]
pub(super) fn quoted(text: &[u8], from: usize, quote: u8, backslash: Has) -> Quoted {
    let mut doubtful = false;
    let mut place = from;
    while let Some(found) = find_either(text, place, quote, b'\\') {
        place = found + 1;
        let next = text.get(place) == Some(&quote);
        if text[found] == quote {
            if !next {
                steps::count(place - from);
                return Quoted { end: Some(place), doubtful };
            }
            place += 1;
        } else if next {
            doubtful = true;
            place += usize::from(backslash == Has::Yes);
        } else if text.get(place) == Some(&b'\\') {
            place += 1;
        }
    }
    steps::count(text.len() - from);
    Quoted { end: None, doubtful }
}

/// The first of two bytes. Most strings are short: eight bytes at a time need no call and no setup.
#[inline]
fn find_either(text: &[u8], from: usize, one: u8, other: u8) -> Option<usize> {
    const WORDS: usize = 4;
    let mut place = from;
    for _ in 0..WORDS {
        let Some(word) = text.get(place..).and_then(|rest| rest.first_chunk::<8>()) else { break };
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ splat(one)) | zero_bytes(word ^ splat(other));
        if found != 0 {
            return Some(place + (found.trailing_zeros() / 8) as usize);
        }
        place += 8;
    }
    memchr2(one, other, text.get(place..)?).map(|found| place + found)
}

const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The high bit of each byte that is zero; bytes above the lowest zero byte may be set wrongly.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(splat(1)) & !word & splat(0x80)
}

/// The end of a text between triple quotes. `from` is the place after the opening ones.
pub(super) fn triple_quoted(text: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut place = from;
    let mut end = None;
    while let Some(found) = memchr2(quote, b'\\', &text[place..]) {
        place += found + 1;
        if text[place - 1] == b'\\' {
            place = (place + 1).min(text.len());
        } else if text[place..].starts_with(&[quote, quote]) {
            end = Some(place + 2);
            break;
        }
    }
    steps::count(end.unwrap_or(text.len()) - from);
    end
}

/// The end of a text that the first occurrence of a tag closes.
pub(super) fn tagged(text: &[u8], from: usize, tag: &[u8]) -> Option<usize> {
    let end = memmem::find(&text[from..], tag).map(|found| from + found + tag.len());
    steps::count(end.unwrap_or(text.len()) - from);
    end
}

/// The end of a q-quoted text, such as `q'[it's]'`. `from` is the place of the delimiter, which may be of several bytes.
pub(super) fn q_quoted(text: &[u8], from: usize) -> Option<usize> {
    let delimiter = match text.get(from)? {
        b'[' => b"]",
        b'(' => b")",
        b'{' => b"}",
        b'<' => b">",
        0x80.. => &text[from..from + super::unicode::char_at(text, from).map_or(1, char::len_utf8)],
        _ => &text[from..=from],
    };
    let mut place = from + delimiter.len();
    let end = loop {
        let Some(found) = memchr(b'\'', &text[place..]) else { break None };
        let quote = place + found;
        place = quote + 1;
        if text[from + delimiter.len()..quote].ends_with(delimiter) {
            break Some(place);
        }
    };
    steps::count(end.unwrap_or(text.len()) - from);
    end
}

/// Where a block comment ends, and whether another one starts in it.
pub(super) struct BlockComment {
    pub(super) end: Option<usize>,
    pub(super) has_inner: bool,
}

/// The end of a block comment. `from` is the place after `/*`.
pub(super) fn block_comment(text: &[u8], from: usize, nests: bool) -> BlockComment {
    let mut depth = 1_usize;
    let mut has_inner = false;
    let mut place = from;
    let mut end = None;
    while let Some(found) = memchr2(b'*', b'/', &text[place..]) {
        place += found + 1;
        match (text[place - 1], text.get(place)) {
            (b'*', Some(b'/')) => {
                place += 1;
                depth -= 1;
                if depth == 0 {
                    end = Some(place);
                    break;
                }
            }
            (b'/', Some(b'*')) => {
                place += 1;
                has_inner = true;
                depth += usize::from(nests);
            }
            _ => {}
        }
    }
    steps::count(end.unwrap_or(text.len()) - from);
    BlockComment { end, has_inner }
}

/// The end of a line, the place of its `\n` or the end of the text.
pub(super) fn line_end(text: &[u8], from: usize) -> usize {
    let end = memchr(b'\n', &text[from..]).map_or(text.len(), |found| from + found);
    steps::count(end - from);
    end
}

/// Whether a piece of text leaves nothing open, whichever dialect reads it as SQL: each quote is closed without the help of a
/// backslash, and no block comment or dollar quote starts.
pub(super) fn is_closed(text: &[u8]) -> bool {
    steps::count(text.len());
    let mut open = None;
    for (place, &byte) in text.iter().enumerate() {
        match (byte, open) {
            (b'\'' | b'"' | b'`', None) => open = Some(byte),
            (_, Some(quote)) if byte == quote => open = None,
            (b'\\', _) if text.get(place + 1).is_some_and(|next| b"'\"`".contains(next)) => return false,
            (b'$', None) if text.get(place + 1).is_some_and(|&next| may_start_tag(next)) => return false,
            (b'/', None) if text.get(place + 1) == Some(&b'*') => return false,
            _ => {}
        }
    }
    open.is_none()
}

/// Whether a piece of text leaves nothing open behind it, not even a comment up to the end of the line.
pub(super) fn is_inert(text: &[u8]) -> bool {
    let last_line = memrchr(b'\n', text).map_or(text, |end| &text[end + 1..]);
    let in_comment = |pair: &[u8]| matches!(pair, b"--" | b"//") || pair.contains(&b'#');
    is_closed(text) && !last_line.windows(2).any(in_comment) && !last_line.ends_with(b"#")
}

/// Whether a `$` before this byte may start a dollar quote.
fn may_start_tag(next: u8) -> bool {
    next.is_ascii_alphabetic() || !next.is_ascii() || matches!(next, b'_' | b'$')
}
