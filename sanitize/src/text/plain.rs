//! What a text says where letters and signs are escaped, or stand between what colours them on a terminal: rule L1.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::edit::then;

const ESCAPE: char = '\u{1b}';
/// The named references to characters that have a meaning to the rules.
const REFERENCES: [(&str, char); 8] = [
    ("&quot;", '"'),
    ("&apos;", '\''),
    ("&lt;", '<'),
    ("&gt;", '>'),
    ("&amp;", '&'),
    ("&equals;", '='),
    ("&colon;", ':'),
    ("&commat;", '@'),
];

/// A text in which what names, signs and quotes are made of is not escaped as JSON, JavaScript and HTML have it, without the control
/// sequences of terminals; none if nothing is escaped.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let plain = then(without(text, '\\', in_string), |text| without(text, '&', in_markup));
    match then(plain, |text| without(text, ESCAPE, control_sequence)) {
        Cow::Borrowed(_) => None,
        Cow::Owned(plain) => Some(plain),
    }
}

/// A text with what `read` gives in the place of what it finds at a sign: its length, and the character that it stands for.
fn without(text: &str, sign: char, read: impl Fn(&str) -> Option<(usize, Option<char>)>) -> Cow<'_, str> {
    let mut plain = String::new();
    let mut copied = 0;
    let mut place = 0;
    while let Some(found) = text[place..].find(sign) {
        place += found;
        if let Some((length, character)) = read(&text[place..]) {
            plain.push_str(&text[copied..place]);
            plain.extend(character);
            place += length;
            copied = place;
        } else {
            // A sign may escape itself.
            place += sign.len_utf8() * if text[place + sign.len_utf8()..].starts_with(sign) { 2 } else { 1 };
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    plain.push_str(&text[copied..]);
    Cow::Owned(plain)
}

/// What an escape in a string stands for: `\u0061`, `\x61`.
fn in_string(text: &str) -> Option<(usize, Option<char>)> {
    let digits = text.strip_prefix("\\u00").or_else(|| text.strip_prefix("\\x"))?;
    let length = text.len() - digits.len() + 2;
    let byte = u8::from_str_radix(digits.get(..2)?, 16).ok()?;
    let has_meaning =
        byte.is_ascii_alphanumeric() || b"_-.:=/@&<>'\"".contains(&byte) || char::from(byte) == ESCAPE;
    has_meaning.then_some((length, Some(char::from(byte))))
}

/// What a reference in markup stands for: `&quot;`, `&#61;`, `&#x3D;`.
fn in_markup(text: &str) -> Option<(usize, Option<char>)> {
    let Some(number) = text.strip_prefix("&#") else {
        let named = REFERENCES.iter().find(|(name, _)| text.starts_with(name));
        return named.map(|&(name, character)| (name.len(), Some(character)));
    };
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let end = digits.bytes().take(LONGEST_NUMBER + 1).position(|byte| byte == b';')?;
    let byte = u8::from_str_radix(&digits[..end], radix).ok().filter(u8::is_ascii_graphic)?;
    Some((text.len() - digits.len() + end + 1, Some(char::from(byte))))
}

/// The most digits of the number of an ASCII character, with zeros before it.
const LONGEST_NUMBER: usize = 4;

/// A control sequence of a terminal (ECMA-48, 5.4), such as the one that makes what follows red, which stands for nothing.
fn control_sequence(text: &str) -> Option<(usize, Option<char>)> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.bytes().take_while(|byte| (b' '..=b'?').contains(byte)).count();
    let last = parameters.as_bytes().get(length)?;
    (b'@'..=b'~').contains(last).then_some((text.len() - parameters.len() + length + 1, None))
}
