//! Characters beyond ASCII: [rule S12](crate#the-rules).

/// What a character beyond ASCII is to SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A blank or an invisible character: separates tokens.
    Blank,
    /// Part of a word.
    Letter,
    /// A digit of any script, or another numeral.
    Digit,
    /// A typographic quote.
    Quote,
    /// Anything else, bytes that are no UTF-8 among it: stands alone, so that a digit after it is a number.
    Symbol,
}

impl Kind {
    /// The kind and the length in bytes of the character at a place.
    pub(super) fn at(text: &[u8], place: usize) -> (Self, usize) {
        let Some(character) = char_at(text, place) else { return (Self::Symbol, 1) };
        (Self::of(character), character.len_utf8())
    }

    fn of(character: char) -> Self {
        match character {
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => {
                Self::Blank
            }
            '\u{2060}'..='\u{206f}' | '\u{feff}' => Self::Blank,
            _ if character.is_whitespace() => Self::Blank,
            _ if Quotes::opened_by(character).is_some() => Self::Quote,
            _ if character.is_numeric() => Self::Digit,
            _ if character.is_alphabetic() => Self::Letter,
            _ => Self::Symbol,
        }
    }
}

/// The character at a place, unless the bytes there are no UTF-8.
pub(super) fn char_at(text: &[u8], place: usize) -> Option<char> {
    let length = match text.get(place)? {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    core::str::from_utf8(text.get(place..place + length)?).ok()?.chars().next()
}

/// The characters that close a typographic quote, and those that make the end doubtful instead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quotes {
    closing: &'static str,
    family: &'static str,
}

impl Quotes {
    fn opened_by(character: char) -> Option<Self> {
        const SINGLE: &str = "‘’‚‛";
        const DOUBLE: &str = "“”„‟";
        const GUILLEMETS: &str = "«»‹›";
        Some(match character {
            '‘' | '‛' | '’' => Self { closing: "’", family: SINGLE },
            '‚' => Self { closing: "‘’", family: SINGLE },
            '“' | '‟' | '”' => Self { closing: "”", family: DOUBLE },
            '„' => Self { closing: "“”", family: DOUBLE },
            '«' => Self { closing: "»", family: GUILLEMETS },
            '»' => Self { closing: "«", family: GUILLEMETS },
            '‹' => Self { closing: "›", family: GUILLEMETS },
            '›' => Self { closing: "‹", family: GUILLEMETS },
            '´' => Self { closing: "´", family: "´" },
            '′' => Self { closing: "′", family: "′" },
            '″' => Self { closing: "″", family: "″" },
            '\u{ff07}' => Self { closing: "\u{ff07}", family: "\u{ff07}" },
            '\u{ff02}' => Self { closing: "\u{ff02}", family: "\u{ff02}" },
            _ => return None,
        })
    }

    /// The place after the closing quote of a text that starts with an opening one. None where the end is doubtful: the text
    /// ends first, or another opening quote, an ASCII quote or a comment comes first.
    pub(super) fn end(text: &[u8], start: usize) -> Option<usize> {
        let opening = char_at(text, start)?;
        let quotes = Self::opened_by(opening)?;
        let mut place = start + opening.len_utf8();
        loop {
            let (character, length) = match *text.get(place)? {
                b'\'' | b'"' | b'`' | b'\\' | b'#' | b'$' => return None,
                b'-' | b'/' if matches!(text.get(place + 1), Some(b'-' | b'/' | b'*')) => return None,
                0..0x80 => (None, 1),
                _ => char_at(text, place).map_or((None, 1), |found| (Some(found), found.len_utf8())),
            };
            crate::steps::count(length);
            place += length;
            match character {
                Some(character) if quotes.closing.contains(character) => return Some(place),
                Some(character) if quotes.family.contains(character) => return None,
                _ => {}
            }
        }
    }
}
