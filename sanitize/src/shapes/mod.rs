//! The shapes of well-known secret tokens: [rule L2](crate#the-rules).

mod table;

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::steps;
use table::TABLE;

/// The characters that a token is made of behind its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alphabet {
    /// `0`–`9`
    Digits,
    /// Digits, `a`–`f` and `A`–`F`
    Hexadecimal,
    /// Digits and ASCII letters
    Alphanumeric,
    /// Digits, ASCII letters, `-`, `_` and the padding `=`: base64 for URLs (RFC 4648)
    Base64Url,
    /// Digits, ASCII letters, `+`, `/` and the padding `=`: base64 (RFC 4648)
    Base64,
    /// Digits, ASCII letters, `-`, `.`, `_` and `~`: what URLs never escape (RFC 3986)
    Unreserved,
    /// Digits, ASCII letters, `-`, `.`, `_`, `~`, `+`, `/` and `=`: a bearer token (RFC 6750)
    Token,
    /// Digits, ASCII letters, `-`, `.`, `_`, `+`, `/`, `\` and `=`: a JWT, as it is found with base64 of either kind
    Jose,
    /// Every byte that is neither a blank nor a control character
    Visible,
}

impl Alphabet {
    /// Whether a byte is one of the alphabet's.
    #[must_use]
    pub const fn contains(self, byte: u8) -> bool {
        match self {
            Self::Digits => byte.is_ascii_digit(),
            Self::Hexadecimal => byte.is_ascii_hexdigit(),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'='),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::Unreserved => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'),
            Self::Token => Self::Unreserved.contains(byte) || matches!(byte, b'+' | b'/' | b'='),
            Self::Jose => byte != b'~' && Self::Token.contains(byte) || byte == b'\\',
            Self::Visible => byte > b' ' && byte != 0x7f,
        }
    }
}

/// What more than its alphabet and length tells a token from a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Any,
    /// No lower-case letter.
    Upper,
    /// Two of digits, lower-case and upper-case letters.
    Mixed,
    /// Two each of digits, lower-case and upper-case letters.
    Random,
    /// Of exactly the length, with two digits or signs and a letter.
    Exact,
    /// A dot behind so many bytes.
    DotAt(usize),
    /// Three parts, of which the first two start with `ey`.
    Jwt,
    /// Three parts, of which the first is a number in base64, and the second has six bytes.
    Discord,
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row<'a> {
    mark: &'a str,
    alphabet: Alphabet,
    /// How many bytes a whole token has behind the mark.
    length: usize,
    /// How many of them it takes to know one that was cut off.
    least: usize,
    source: &'a str,
    /// What stands before the mark, and how many bytes it has at least and at most.
    lead: Option<(Alphabet, usize, usize)>,
    form: Form,
}

impl<'a> Row<'a> {
    const fn new(mark: &'a str, alphabet: Alphabet, length: usize, least: usize, source: &'a str) -> Self {
        Self { mark, alphabet, length, least, source, lead: None, form: Form::Any }
    }

    const fn with_lead(mut self, alphabet: Alphabet, least: usize, most: usize) -> Self {
        self.lead = Some((alphabet, least, most));
        self
    }

    const fn with_form(mut self, form: Form) -> Self {
        self.form = form;
        self
    }

    /// The token whose mark starts at a place, if one does. No more bytes are looked at than it takes to know it.
    fn find(&self, within: Within<'_>, mark: usize) -> Option<(usize, usize)> {
        let text = within.text;
        if !text[mark..].starts_with(self.mark.as_bytes()) {
            return None;
        }
        let start = match self.lead {
            None => within.starts_word(mark).then_some(mark)?,
            Some((alphabet, least, most)) => {
                let before = text[within.from..mark].iter().rev();
                // Padding stands at the end of a token; before one, it is a sign.
                let in_lead = |&&byte: &&u8| within.has(alphabet, byte, self.mark) && byte != b'=';
                let length = before.take(most + 1).take_while(in_lead).count();
                steps::count(length);
                let start = mark - length;
                let length = length - usize::from(length > 0 && within.escapes(start));
                (least..=most).contains(&length).then_some(mark - length)?
            }
        };
        let body = &text[mark + self.mark.len()..];
        let fits =
            body.iter().take(self.least).take_while(|&&byte| within.has(self.alphabet, byte, self.mark));
        let fits = fits.count();
        steps::count(fits);
        if fits < self.least || !self.has_form(within, start, body) {
            return None;
        }
        let run =
            body.iter().skip(fits).take_while(|&&byte| within.has(self.alphabet, byte, self.mark)).count();
        Some((start, within.end(mark + self.mark.len() + fits + run)))
    }

    /// Whether the bytes behind the mark, of which there are enough, have the form of a token.
    fn has_form(&self, within: Within<'_>, start: usize, body: &[u8]) -> bool {
        let known = &body[..self.least];
        let count = |kind: fn(&u8) -> bool| known.iter().filter(|byte| kind(byte)).count();
        let (digits, lower, upper) =
            (count(u8::is_ascii_digit), count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase));
        let dot_at = |place: usize| body.get(place) == Some(&b'.');
        match self.form {
            Form::Any => true,
            Form::Upper => lower == 0,
            Form::Mixed => [digits, lower, upper].iter().filter(|&&count| count > 0).count() > 1,
            Form::Random => digits.min(lower).min(upper) > 1,
            Form::Exact => {
                let goes_on = body.get(self.least).is_some_and(|&byte| {
                    within.has(self.alphabet, byte, "") && !b"\"',;:)]}\\".contains(&byte)
                });
                !goes_on && known.len() - lower - upper > 1 && lower + upper > 0 && digits > 0
            }
            Form::DotAt(place) => dot_at(place),
            Form::Jwt => {
                let first = known.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                let rest = body[first..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                steps::count(rest);
                first + rest >= SHORTEST_JWT_PART && body[first + rest..].starts_with(b".ey")
            }
            Form::Discord => {
                let number = matches!(within.text[start], b'M'..=b'O');
                number && dot_at(6) && digits.min(lower).min(upper) > 1
            }
        }
    }
}

/// The least length of the first part of a JWT behind `ey`.
const SHORTEST_JWT_PART: usize = 15;

/// The piece of a text in which tokens are looked for.
#[derive(Clone, Copy, Debug)]
struct Within<'t> {
    text: &'t [u8],
    from: usize,
    /// Marks start before this place; a token may end behind it.
    to: usize,
    /// Slashes separate what are no tokens but segments.
    is_path: bool,
}

impl Within<'_> {
    fn has(&self, alphabet: Alphabet, byte: u8, mark: &str) -> bool {
        alphabet.contains(byte) && !(self.is_path && byte == b'/' && !mark.ends_with('/'))
    }

    /// Whether a letter stands for a blank behind a backslash.
    fn escapes(&self, letter: usize) -> bool {
        matches!(self.text[..=letter], [.., b'\\', b'n' | b't' | b'r'])
    }

    /// Whether no word goes on at a place. An escaped character before it, as `%2F` and `\n`, belongs to none.
    fn starts_word(&self, place: usize) -> bool {
        match &self.text[..place] {
            [] => true,
            [..] if self.escapes(place - 1) => true,
            [.., b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
            [.., before] => !before.is_ascii_alphanumeric(),
        }
    }

    /// Whether a mark of the table may start at a place: within a word, few do.
    #[inline]
    fn may_mark(&self, place: usize) -> bool {
        let in_word = place > 0
            && self.text[place - 1].is_ascii_alphanumeric()
            && self.text[place].is_ascii_alphanumeric();
        !in_word
            || INDEX.inside[usize::from(self.text[place])]
            || self.text[place.saturating_sub(3)..place - 1].iter().any(|byte| matches!(byte, b'\\' | b'%'))
    }

    /// The end of a token whose known bytes end at a place: what is joined to them belongs to it.
    fn end(&self, known: usize) -> usize {
        let mut end = known;
        while let Some(&byte) = self.text.get(end) {
            let joins = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'_' | b'=' | b'+' | b'~')
                || byte == b'.' && self.text.get(end + 1).is_some_and(u8::is_ascii_alphanumeric);
            if !joins {
                break;
            }
            end += 1;
        }
        steps::count(end - known);
        // A dot at the end is the sentence's.
        end - self.text[..end].iter().rev().take_while(|&&byte| byte == b'.').count()
    }
}

/// A row of no length, for what no row fills.
const NO_ROW: u16 = u16::MAX;

/// The rows of the table by the first byte of their marks, and which three bytes marks start with.
struct Index {
    first: [u16; 256],
    next: [u16; TABLE.len()],
    starts: Starts,
    /// The first bytes of the marks that may stand within a word.
    inside: [bool; 256],
}

static INDEX: Index = {
    let mut index = Index {
        first: [NO_ROW; 256],
        next: [NO_ROW; TABLE.len()],
        starts: Starts::new(),
        inside: [false; 256],
    };
    let mut row = TABLE.len();
    while row > 0 {
        row -= 1;
        let mark = TABLE[row].mark.as_bytes();
        index.next[row] = index.first[mark[0] as usize];
        index.first[mark[0] as usize] = row as u16;
        index.starts = index.starts.with(mark);
        if TABLE[row].lead.is_some() {
            index.inside[mark[0] as usize] = true;
        }
    }
    index
};

/// Which three bytes marks start with: a bit for each hash of three bytes.
struct Starts([u64; Self::BITS / 64]);

impl Starts {
    const BITS: usize = 1 << 13;

    const fn new() -> Self {
        Self([0; Self::BITS / 64])
    }

    const fn hash(first: u8, second: u8, third: u8) -> usize {
        let (first, second, third) = (first as usize, second as usize, third as usize);
        ((first << 5) ^ (second << 3) ^ (second << 9) ^ (third * 37)) % Self::BITS
    }

    /// With a mark, of which what it lacks of three bytes may be any.
    const fn with(mut self, mark: &[u8]) -> Self {
        let (seconds, thirds) = (if mark.len() > 1 { 1 } else { 256 }, if mark.len() > 2 { 1 } else { 256 });
        let mut second = 0;
        while second < seconds {
            let mut third = 0;
            while third < thirds {
                let hash = Self::hash(
                    mark[0],
                    if seconds == 1 { mark[1] } else { second as u8 },
                    if thirds == 1 { mark[2] } else { third as u8 },
                );
                self.0[hash / 64] |= 1 << (hash % 64);
                third += 1;
            }
            second += 1;
        }
        self
    }

    #[inline]
    fn has(&self, text: &[u8], place: usize) -> bool {
        let byte = |offset: usize| text.get(place + offset).copied().unwrap_or_default();
        let hash = Self::hash(byte(0), byte(1), byte(2));
        self.0[hash / 64] >> (hash % 64) & 1 != 0
    }
}

/// The shape of one kind of secret token: a mark that no word has, such as `ghp_`, and what goes on behind it.
///
/// ```
/// use go_trace_sanitize::{Alphabet, Sanitizer, TokenShape, TokenShapes};
///
/// // acme_ and 24 hexadecimal digits, and 8 letters and digits before the name of a region.
/// let shapes = TokenShapes::default()
///     .with_shape(TokenShape::new("acme_", Alphabet::Hexadecimal, 24))
///     .with_shape(TokenShape::new("-eu1", Alphabet::Digits, 0).with_lead(Alphabet::Alphanumeric, 8..=8));
/// let sanitizer = Sanitizer::new().with_token_shapes(shapes);
/// assert_eq!(sanitizer.text("sent acme_0123456789abcdef01234567 and q7Wx2Zp9-eu1"), "sent REDACTED and REDACTED");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenShape {
    mark: Cow<'static, str>,
    alphabet: Alphabet,
    length: usize,
    least: usize,
    source: Cow<'static, str>,
    lead: Option<(Alphabet, usize, usize)>,
    form: Form,
}

impl TokenShape {
    /// The tokens that start with a mark, behind which at least so many bytes of an alphabet follow.
    #[must_use]
    pub fn new(mark: impl Into<Cow<'static, str>>, alphabet: Alphabet, length: usize) -> Self {
        Self {
            mark: mark.into(),
            alphabet,
            length,
            least: length,
            source: Cow::Borrowed(""),
            lead: None,
            form: Form::Any,
        }
    }

    /// Sets how many bytes behind the mark are enough to know a token that was cut off.
    #[must_use]
    pub fn with_least(mut self, least: usize) -> Self {
        self.least = least.min(self.length);
        self
    }

    /// Sets what stands before the mark, which is then the middle or the end of a token.
    #[must_use]
    pub fn with_lead(mut self, alphabet: Alphabet, length: RangeInclusive<usize>) -> Self {
        self.lead = Some((alphabet, *length.start(), *length.end()));
        self
    }

    /// Sets where the shape is told.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Cow<'static, str>>) -> Self {
        self.source = source.into();
        self
    }

    /// What no word has, and tokens of this shape do.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }

    /// What follows the mark.
    #[must_use]
    pub const fn alphabet(&self) -> Alphabet {
        self.alphabet
    }

    /// How many bytes a whole token has behind the mark.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.length
    }

    /// What stands before the mark, and how many bytes that has; `None` where the mark comes first.
    #[must_use]
    pub fn lead(&self) -> Option<(Alphabet, RangeInclusive<usize>)> {
        self.lead.map(|(alphabet, least, most)| (alphabet, least..=most))
    }

    /// Where the shape is told: the address of a document of the service, or of a public scanner of secrets.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    fn row(&self) -> Row<'_> {
        Row {
            mark: &self.mark,
            alphabet: self.alphabet,
            length: self.length,
            least: self.least,
            source: &self.source,
            lead: self.lead,
            form: self.form,
        }
    }
}

impl From<&Row<'static>> for TokenShape {
    fn from(row: &Row<'static>) -> Self {
        let &Row { mark, alphabet, length, least, source, lead, form } = row;
        Self { mark: mark.into(), alphabet, length, least, source: source.into(), lead, form }
    }
}

/// The shapes by which a secret token is known wherever it stands, such as `ghp_…` and `AKIA…` ([rule L2](crate#the-rules)).
///
/// ```
/// use go_trace_sanitize::{Sanitizer, TokenShapes};
///
/// let sanitizer = Sanitizer::new().with_token_shapes(TokenShapes::default().with_prefix("acme_"));
/// assert_eq!(sanitizer.text("got acme_0123 and ghp_abcdef"), "got REDACTED and REDACTED");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenShapes {
    /// The rows of the table, and runs that look random.
    well_known: bool,
    own: Vec<TokenShape>,
}

impl Default for TokenShapes {
    /// The shapes of the tokens of well-known services, and long runs of letters and digits that look random.
    fn default() -> Self {
        Self::WELL_KNOWN
    }
}

impl TokenShapes {
    pub(crate) const WELL_KNOWN: Self = Self { well_known: true, own: Vec::new() };
    /// How many bytes follow a prefix of the user's own.
    const SHORTEST: usize = 4;

    /// No shape at all, to build a list of one's own on.
    #[must_use]
    pub const fn none() -> Self {
        Self { well_known: false, own: Vec::new() }
    }

    /// Adds a shape.
    #[must_use]
    pub fn with_shape(mut self, shape: TokenShape) -> Self {
        // Nothing tells a token without a mark.
        if !shape.mark.is_empty() {
            self.own.push(shape);
        }
        self
    }

    /// Adds a prefix that no word has. A token has at least four more bytes.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<Cow<'static, str>>) -> Self {
        self.with_shape(TokenShape::new(prefix, Alphabet::Token, Self::SHORTEST))
    }

    /// All shapes: those of well-known services first, then those that were added.
    pub fn iter(&self) -> impl Iterator<Item = TokenShape> + '_ {
        let well_known = if self.well_known { TABLE } else { &[] };
        well_known.iter().map(TokenShape::from).chain(self.own.iter().cloned())
    }

    /// The first token in a piece of a text.
    pub(crate) fn find(&self, text: &str, from: usize, to: usize) -> Option<(usize, usize)> {
        self.first(Within { text: text.as_bytes(), from, to, is_path: false })
    }

    /// The first token in a path, from a place on. Its slashes separate segments.
    pub(crate) fn find_in_path(&self, path: &str, from: usize) -> Option<(usize, usize)> {
        self.first(Within { text: path.as_bytes(), from, to: path.len(), is_path: true })
    }

    fn first(&self, within: Within<'_>) -> Option<(usize, usize)> {
        let marked = self.first_marked(within);
        let before = Within { to: marked.map_or(within.to, |(start, _)| start), ..within };
        let random = if self.well_known { random_run(before) } else { None };
        steps::count(marked.map_or(within.to.saturating_sub(within.from), |(_, end)| end - within.from));
        random.or(marked)
    }

    fn first_marked(&self, within: Within<'_>) -> Option<(usize, usize)> {
        (within.from..within.to).find_map(|place| {
            let known = self.well_known && within.may_mark(place) && INDEX.starts.has(within.text, place);
            if known || !self.own.is_empty() { self.at(within, place, known) } else { None }
        })
    }

    /// The token whose mark starts at a place.
    fn at(&self, within: Within<'_>, place: usize, known: bool) -> Option<(usize, usize)> {
        let own = self.own.iter().find_map(|shape| shape.row().find(within, place));
        if own.is_some() || !known {
            return own;
        }
        let mut row = INDEX.first[usize::from(within.text[place])];
        while row != NO_ROW {
            let found = TABLE[usize::from(row)].find(within, place);
            // A token before this place was looked at already.
            if let Some((start, end)) = found.filter(|found| found.1 > place) {
                return Some((start, end));
            }
            row = INDEX.next[usize::from(row)];
        }
        None
    }
}

/// Names as long as this have fewer capital letters, small ones and numbers than the other.
const SHORTEST_RUN: usize = 36;
const FEWEST: usize = 3;

/// The first run of letters, digits and the signs of base64 in a piece of a text that is long and looks random.
fn random_run(within: Within<'_>) -> Option<(usize, usize)> {
    let in_run = |&&byte: &&u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'=') || byte == b'/' && !within.is_path
    };
    let mut place = within.from;
    // A run has one of each so many bytes.
    while let Some(probe) = within.text[..within.to].get(place + SHORTEST_RUN - 1) {
        if !in_run(&probe) {
            place += SHORTEST_RUN;
            continue;
        }
        let before = within.text[place..place + SHORTEST_RUN].iter().rev().take_while(in_run).count();
        let start = place + SHORTEST_RUN - before;
        let end = start + within.text[start..].iter().take_while(in_run).count();
        if end - start >= SHORTEST_RUN && is_random(&within.text[start..end]) {
            return Some((start, end));
        }
        place = end.max(place + 1);
    }
    None
}

/// Whether digits and letters, and capital letters, follow one another as they do by chance.
fn is_random(run: &[u8]) -> bool {
    let count = |kind: fn(&u8) -> bool| run.iter().filter(|byte| kind(byte)).count();
    let pairs = || run.iter().zip(&run[1..]);
    let beside_digit = pairs().filter(|(one, other)| one.is_ascii_digit() != other.is_ascii_digit()).count();
    let capitals =
        pairs().filter(|(one, other)| one.is_ascii_uppercase() && other.is_ascii_uppercase()).count();
    let fewest = count(u8::is_ascii_uppercase).min(count(u8::is_ascii_lowercase));
    fewest >= FEWEST && beside_digit >= 2 * FEWEST && (beside_digit + capitals) * 5 >= run.len()
}
