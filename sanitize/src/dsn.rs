//! Connection strings: [rule U6](crate#the-rules).

use alloc::borrow::Cow;
use alloc::string::String;

use crate::edit::{Edit, REDACTED, settled, then};
use crate::keys::in_name;
use crate::rules::Rules;
use crate::steps;
use crate::url::{Url, is_special};

/// Removes the secrets of a connection string, with the default keys.
///
/// ```
/// assert_eq!(go_trace_sanitize::dsn("bob:hunter2@tcp(db:3306)/shop?timeout=1s"), "tcp(db:3306)/shop");
/// assert_eq!(go_trace_sanitize::dsn("host=db user=bob password='hun ter2'"), "host=db user=bob password=REDACTED");
/// ```
#[must_use]
pub fn dsn(text: &str) -> Cow<'_, str> {
    Dsn(Rules::DEFAULT).sanitize(text)
}

/// The sanitizer of connection strings, with the rules of one run.
///
/// It knows URLs, the form `user:password@net(address)/name` of Go's MySQL driver, pairs `key=value` separated by blanks or
/// semicolons or each in parentheses, and Oracle's `user/password@host`. What has no known form becomes `REDACTED`.
#[derive(Clone, Copy)]
pub(crate) struct Dsn<'r>(pub(crate) Rules<'r>);

impl Dsn<'_> {
    /// Sanitizes one connection string. The result is valid UTF-8, with U+FFFD for bytes that are not, and borrowed where
    /// nothing had to change.
    pub(crate) fn sanitize<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        settled(String::from_utf8_lossy(text.as_ref()), |text| {
            then(self.sanitize_text(text.trim()), |text| self.without_tokens(text))
        })
    }

    /// Replaces what is known as a token by its shape, wherever it stands.
    fn without_tokens<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edit = Edit::new(text);
        let mut place = 0;
        while let Some((start, end)) = self.0.tokens.find(text, place, text.len()) {
            edit.replace(start, end, REDACTED);
            place = end;
        }
        edit.finish()
    }

    fn sanitize_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        steps::count(text.len());
        if is_url(text) {
            return Url(self.0).sanitize(text);
        }
        if is_pairs(text) && !is_of_mysql_driver(text) {
            let clean = self.pairs(text);
            return if is_pairs(&clean) { clean } else { REDACTED.into() };
        }
        let address = address(text);
        if is_url(address) { Url(self.0).sanitize(address) } else { self.descriptor(address) }
    }

    /// Replaces the values of sensitive keys in pairs that stand each in parentheses, as in Oracle's connect descriptors.
    fn descriptor<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edit = Edit::new(text);
        let mut place = 0;
        while let Some(open) = text[place..].find('(').map(|found| place + found + 1) {
            steps::count(open - place);
            place = open;
            let key = text[open..].find(['=', '(', ')']).map_or(text.len(), |found| open + found);
            if text[key..].starts_with('=') && self.0.keys.contains(text[open..key].trim().as_bytes()) {
                let end = closing_parenthesis(text, key + 1);
                edit.replace(key + 1, end, REDACTED);
                place = end;
            }
        }
        edit.finish()
    }

    /// Replaces the values of sensitive keys in `key=value` pairs.
    fn pairs<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edit = Edit::new(text);
        let style = Style::of(text);
        let mut place = 0;
        let mut redacted = false;
        while let Some(pair) = Pair::next(text, place, style) {
            steps::count(pair.end - place);
            let value = &text[pair.value..pair.end];
            if pair.key.is_empty() {
                // Not a pair: perhaps the rest of a value.
                edit.replace(pair.start, pair.end, if redacted { "" } else { REDACTED });
            } else if self.is_secret(pair.key, value) {
                let is_key = self.0.keys.contains(pair.key.as_bytes());
                if style == Style::Mixed || !pair.closed || !is_key && !value.contains('@') {
                    edit.replace(pair.value, text.len(), REDACTED);
                    break;
                }
                edit.replace(pair.value, pair.end, REDACTED);
                redacted = true;
            } else {
                redacted = false;
            }
            place = pair.end;
        }
        edit.finish()
    }

    /// Whether a value is secret for its key, or holds credentials or further pairs with a sensitive key.
    fn is_secret(&self, key: &str, value: &str) -> bool {
        self.0.keys.contains(key.as_bytes()) || value.contains('@') || self.0.keys.value_in(value).is_some()
    }
}

/// Whether a connection string is a URL.
fn is_url(text: &str) -> bool {
    let scheme =
        text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    let known =
        is_special(text) || ["jdbc", "file"].iter().any(|known| text[..scheme].eq_ignore_ascii_case(known));
    match text[scheme..].strip_prefix(':') {
        Some(rest) => scheme > 0 && (known || rest.starts_with("//")),
        None => text.starts_with("//"),
    }
}

/// Whether a text starts with a key and `=`.
fn is_pairs(text: &str) -> bool {
    let key = text.find('=').map(|equals| &text[..equals]);
    key.is_some_and(|key| !key.contains(['@', '/', '(', '?', '\\']))
}

/// Whether a text has the form `user:password@net(address)/name` of Go's MySQL driver, with a `=` in the password.
fn is_of_mysql_driver(text: &str) -> bool {
    let user = &text[..text.find(['=', ':']).unwrap_or(0)];
    let network = text.rfind('@').map_or("", |at| text[at + 1..].trim_start_matches(in_name));
    text[user.len()..].starts_with(':')
        && user != "odbc"
        && network.starts_with('(')
        && network.contains(")/")
}

/// What separates the pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Blanks,
    Semicolons,
    /// Either: the end of a value is in doubt.
    Mixed,
}

impl Style {
    fn of(text: &str) -> Self {
        if !text.contains(';') {
            return Self::Blanks;
        }
        // With semicolons, keys may have blanks in them and values may have `=`, but a pair is not within a pair.
        let has_inner = |piece: &str| {
            piece.split_once('=').is_some_and(|(_, value)| {
                value.trim_end_matches('=').trim().contains('=') && value.trim().contains(' ')
            })
        };
        if text.split(';').any(has_inner) { Self::Mixed } else { Self::Semicolons }
    }

    fn separates(self, byte: u8) -> bool {
        match self {
            Self::Blanks => byte.is_ascii_whitespace(),
            Self::Semicolons => byte == b';',
            Self::Mixed => byte == b';' || byte.is_ascii_whitespace(),
        }
    }
}

/// One `key=value` pair, or what stands in the place of one.
struct Pair<'a> {
    start: usize,
    key: &'a str,
    value: usize,
    end: usize,
    /// Its quotes are closed, and how they are is not in doubt.
    closed: bool,
}

impl<'a> Pair<'a> {
    /// The next pair at or after a place.
    fn next(text: &'a str, from: usize, style: Style) -> Option<Self> {
        let bytes = text.as_bytes();
        let blank = |byte: &u8| byte.is_ascii_whitespace();
        let start = from + bytes[from..].iter().position(|byte| !blank(byte) && !style.separates(*byte))?;
        let word = start
            + bytes[start..]
                .iter()
                .position(|&byte| byte == b'=' || style.separates(byte))
                .unwrap_or(bytes.len() - start);
        // Blanks may stand around the `=`.
        let equals = word + bytes[word..].iter().take_while(|byte| blank(byte)).count();
        if bytes.get(equals) != Some(&b'=') {
            return Some(Self { start, key: "", value: start, end: word, closed: true });
        }
        let value = equals + 1 + bytes[equals + 1..].iter().take_while(|byte| blank(byte)).count();
        let value =
            if bytes.get(value).is_some_and(|&byte| style.separates(byte)) { equals + 1 } else { value };
        let (quoted, closed) = quoted_end(bytes, value);
        let rest = bytes[quoted..].iter().position(|&byte| style.separates(byte));
        let end = rest.map_or(bytes.len(), |rest| quoted + rest);
        Some(Self { start, key: text[start..word].trim(), value, end, closed })
    }
}

/// The end of the quoted text that starts at a place, or the place itself, and whether it is closed for sure.
fn quoted_end(bytes: &[u8], start: usize) -> (usize, bool) {
    let closing = match bytes.get(start) {
        Some(&quote @ (b'\'' | b'"')) => quote,
        Some(b'{') => b'}',
        _ => return (start, true),
    };
    let mut place = start + 1;
    while let Some(found) = memchr::memchr2(closing, b'\\', &bytes[place..]) {
        place += found + 1;
        match (bytes[place - 1], bytes.get(place)) {
            // Escaped for some, closed for others.
            (b'\\', Some(&next)) if next == closing => return (bytes.len(), false),
            (b'\\', Some(b'\\')) => place += 1,
            (b'\\', _) => {}
            (_, Some(&next)) if next == closing => place += 1,
            _ => return (place, true),
        }
    }
    (bytes.len(), false)
}

/// The place of the parenthesis that closes before a text does, or its end. Parentheses in double quotes do not count.
fn closing_parenthesis(text: &str, start: usize) -> usize {
    let mut open = 0_usize;
    let mut quoted = false;
    let end = text.bytes().skip(start).position(|byte| {
        match byte {
            b'"' => quoted = !quoted,
            b'(' if !quoted => open += 1,
            b')' if !quoted && open == 0 => return true,
            b')' if !quoted => open -= 1,
            _ => {}
        }
        false
    });
    steps::count(end.unwrap_or(text.len() - start));
    end.map_or(text.len(), |length| start + length)
}

/// Sanitizes what is neither a URL nor pairs: credentials before an address, or an address alone.
fn address(text: &str) -> &str {
    let name = text.rfind('/').unwrap_or(0);
    let at = match (text[..name].rfind('@'), text[name..].rfind('@')) {
        (before, None) => before,
        (_, Some(last)) if !text[name..name + last].contains('?') => Some(name + last),
        (Some(before), Some(_)) => Some(before),
        // user/pass?word@host
        (None, Some(_)) => return REDACTED,
    };
    let address = &text[at.map_or(0, |at| at + 1)..];
    let address = &address[..address.find(['?', '#']).unwrap_or(address.len())];
    let kept = kept_address(address, at.is_some());
    if kept.is_empty() && !text.is_empty() || is_pairs(kept) { REDACTED } else { kept }
}

/// As much of an address as cannot be taken for credentials: `net(address)/name`, `host:port/name`, `//host/name`, a path, a host.
fn kept_address(address: &str, after_credentials: bool) -> &str {
    let host = address.find(|character| !in_name(character)).unwrap_or(address.len());
    let rest = &address[host..];
    let port = rest
        .strip_prefix(':')
        .map(|port| port.bytes().take_while(u8::is_ascii_digit).count())
        .filter(|&digits| digits > 0);
    match rest.as_bytes().first() {
        _ if address == ":memory:" => address,
        Some(b'(') => address,
        Some(b'/') if matches!(&address[..host], "" | "." | "..") => address,
        Some(b'[') if host == 0 && rest.contains(']') => address,
        Some(b':') => match port {
            Some(digits)
                if digits <= 5
                    && matches!(rest.as_bytes().get(digits + 1), None | Some(b'/' | b' ' | b',')) =>
            {
                address
            }
            _ if after_credentials => &address[..host],
            _ => "",
        },
        None => address,
        Some(_) if after_credentials => &address[..host],
        Some(_) => "",
    }
}
