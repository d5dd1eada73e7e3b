//! What a text says where letters and signs are escaped, or stand between what colours them on a terminal: [rule L1](crate#the-rules).

use alloc::string::String;
use alloc::vec::Vec;

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
/// sequences of terminals.
pub(super) struct Plain {
    text: String,
    /// By what was unescaped first. What was escaped by one may be another's escape.
    places: Vec<Places>,
}

impl Plain {
    /// What a text says; none if nothing is escaped.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut plain: Option<Self> = None;
        for (sign, read) in KINDS {
            let text = plain.as_ref().map_or(text, |plain| &plain.text);
            if let Some((unescaped, found)) = without(text, sign, read) {
                let mut places = plain.map_or_else(Vec::new, |plain| plain.places);
                places.push(found);
                plain = Some(Self { text: unescaped, places });
            }
        }
        plain
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where in the escaped text the character is that starts at a place.
    pub(super) fn start(&self, place: usize) -> usize {
        self.places.iter().rev().fold(place, |place, places| places.start(place))
    }

    /// Where in the escaped text the character ends that ends at a place.
    pub(super) fn end(&self, place: usize) -> usize {
        self.places.iter().rev().fold(place, |place, places| places.end(place))
    }
}

/// An escape: its length, and the character that it stands for, if it stands for any.
type Escape = (usize, Option<char>);
/// What reads the escape that a text starts with.
type Unescape = fn(&str) -> Option<Escape>;
/// What is unescaped, by the sign that it starts with.
const KINDS: [(char, Unescape); 3] = [('\\', in_string), ('&', in_markup), (ESCAPE, control_sequence)];

/// Where the pieces of an unescaped text, each as long as it was, start in it and in the escaped one; and whether each is a
/// character that was escaped.
struct Places(Vec<(usize, usize, bool)>);

impl Places {
    /// The last piece that starts before the place behind this one.
    fn piece(&self, behind: usize) -> usize {
        self.0.partition_point(|&(start, ..)| start < behind).saturating_sub(1)
    }

    fn start(&self, place: usize) -> usize {
        let (start, escaped, _) = self.0[self.piece(place + 1)];
        escaped + (place - start)
    }

    fn end(&self, place: usize) -> usize {
        let piece = self.piece(place);
        match (self.0[piece], self.0.get(piece + 1)) {
            ((_, _, true), Some(&(_, behind, _))) if place > 0 => behind,
            ((start, escaped, _), _) => escaped + (place - start),
        }
    }
}

/// A text with what `read` gives in the place of what it finds at a sign; none if it finds nothing.
fn without(text: &str, sign: char, read: Unescape) -> Option<(String, Places)> {
    let mut plain = String::new();
    let mut places = Vec::new();
    let mut copied = 0;
    let mut place = 0;
    while let Some(found) = text[place..].find(sign) {
        place += found;
        if let Some((length, character)) = read(&text[place..]) {
            if copied < place {
                places.push((plain.len(), copied, false));
            }
            plain.push_str(&text[copied..place]);
            if let Some(character) = character {
                places.push((plain.len(), place, true));
                plain.push(character);
            }
            place += length;
            copied = place;
        } else {
            // A backslash may escape itself.
            let twice = sign == '\\' && text[place + 1..].starts_with(sign);
            place += sign.len_utf8() * if twice { 2 } else { 1 };
        }
    }
    if copied == 0 {
        return None;
    }
    places.push((plain.len(), copied, false));
    plain.push_str(&text[copied..]);
    Some((plain, Places(places)))
}

/// What an escape in a string stands for: `\u0061`, `\x61`, and `\033[` and `\e[`, which shells have for control sequences.
fn in_string(text: &str) -> Option<Escape> {
    if let Some(escape) = ["\\033", "\\e"].iter().find(|escape| text.starts_with(**escape)) {
        return text[escape.len()..].starts_with('[').then_some((escape.len(), Some(ESCAPE)));
    }
    let digits = text.strip_prefix("\\u00").or_else(|| text.strip_prefix("\\x"))?;
    let length = text.len() - digits.len() + 2;
    let byte = u8::from_str_radix(digits.get(..2)?, 16).ok()?;
    let has_meaning =
        byte.is_ascii_alphanumeric() || b"_-.:=/@&<>'\"".contains(&byte) || char::from(byte) == ESCAPE;
    has_meaning.then_some((length, Some(char::from(byte))))
}

/// What a reference in markup stands for: `&quot;`, `&#61;`, `&#x3D;`.
fn in_markup(text: &str) -> Option<Escape> {
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

/// A control sequence of a terminal (ECMA-48, 5.4), such as the one that makes what follows red, which stands for nothing, as does
/// the choice of a set of characters (ECMA-35) that ends colours.
pub(super) fn control_sequence(text: &str) -> Option<Escape> {
    if text.starts_with("\u{1b}(B") {
        return Some((3, None));
    }
    let parameters = text.strip_prefix("\u{1b}[")?;
    let length = parameters.bytes().take_while(|byte| (b' '..=b'?').contains(byte)).count();
    let last = parameters.as_bytes().get(length)?;
    (b'@'..=b'~').contains(last).then_some((text.len() - parameters.len() + length + 1, None))
}
