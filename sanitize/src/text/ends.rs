//! Where words and lines of a free text end.

use crate::steps;

/// The end of what starts at a place and has no blanks in it.
pub(super) fn word_end(text: &str, start: usize) -> usize {
    let end = start + word_before_blank(&text[start..]);
    steps::count(end - start);
    end
}

/// How long the beginning of a text without blanks is.
pub(super) fn word_before_blank(text: &str) -> usize {
    text.find(char::is_whitespace).unwrap_or(text.len())
}

/// The end of the line that a place is in.
pub(super) fn line_end(text: &str, start: usize) -> usize {
    let end = text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length);
    steps::count(end - start);
    end
}

/// A text without the blanks that it begins with on its line.
pub(super) fn trim_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The end of the word of letters, digits and `_` that starts at a place.
pub(super) fn bare_word_end(text: &[u8], start: usize) -> usize {
    let in_word = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'_' || !byte.is_ascii();
    start + text[start..].iter().take_while(in_word).count()
}
