//! URLs: [rules U1–U5, U7 to U9](crate#the-rules).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::credentials::{is_oracle, is_version, oracle_address};
use crate::edit::{Edit, REDACTED, into_text, settled};
use crate::options::UrlMode;
use crate::places;
use crate::rules::Rules;
use crate::steps;

/// Removes user information, parameters, query and fragment of a URL, with the default [`UrlOptions`](crate::UrlOptions).
///
/// ```
/// assert_eq!(go_trace_sanitize::url("https://bob:hunter2@example.com/cart;id=7?token=x#y"), "https://example.com/cart");
/// ```
#[must_use]
pub fn url(text: &str) -> Cow<'_, str> {
    Url(Rules::DEFAULT).sanitize(text)
}

/// What stands in the place of user information in [`UrlMode::Redact`].
const CREDENTIALS: &str = "REDACTED:REDACTED@";
/// The schemes whose authority needs no slashes before it ([rule U3](crate#the-rules)).
const SPECIAL: [&str; 5] = ["http", "https", "ws", "wss", "ftp"];
/// The schemes that another URL follows ([rule U5](crate#the-rules)).
const WRAPPERS: [&str; 4] = ["jdbc", "view-source", "feed", "blob"];
/// Schemes without authority in which an `@` separates no user information ([rule U5](crate#the-rules)).
const OPAQUE: [&str; 11] =
    ["mailto", "data", "javascript", "tel", "sip", "sips", "sms", "acct", "xmpp", "urn", "news"];

/// The sanitizer of URLs, with the rules of one run.
#[derive(Clone, Copy)]
pub(crate) struct Url<'r>(pub(crate) Rules<'r>);

impl Url<'_> {
    /// Sanitizes one URL. The result is valid UTF-8, with U+FFFD for bytes that are not, and borrowed where nothing had to change.
    pub(crate) fn sanitize<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        settled(readable(text.as_ref()), |text| self.sanitize_readable(trimmed(text)))
    }

    /// Sanitizes a URL that has nothing to be trimmed or ignored.
    fn sanitize_readable<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut edit = Edit::new(text);
        let mut start = 0;
        // Each turn moves on by a wrapping scheme, or by user information that a URL follows, which can be no second time.
        loop {
            steps::count(1);
            match Shape::of(&text[start..]) {
                Shape::Wrapped(length) => start += length,
                Shape::Opaque(length) => {
                    edit.replace(start + length, text.len(), REDACTED);
                    break;
                }
                Shape::Path(length) if starts_with_parameters(&text[start + length..]) => {
                    edit.replace(start + length, text.len(), REDACTED);
                    break;
                }
                Shape::Path(length) => {
                    self.path(&mut edit, text, start + length);
                    break;
                }
                Shape::Authority(length) => {
                    self.authority(&mut edit, text, start + length, is_special(&text[start..]));
                    break;
                }
                Shape::Bare
                    if self.0.url.mode == UrlMode::Redact && text[start..].starts_with(CREDENTIALS) =>
                {
                    start += CREDENTIALS.len();
                }
                Shape::Bare => match self.bare(&mut edit, text, start) {
                    Some(next) => start = next,
                    None => break,
                },
            }
        }
        edit.finish()
    }

    /// Sanitizes what has no scheme, or gives where the URL starts that follows its user information.
    fn bare(&self, edit: &mut Edit<'_>, text: &str, start: usize) -> Option<usize> {
        if let Some(address) = oracle_address(&text[start..]) {
            steps::count(address);
            edit.remove(start, start + address);
            return Some(start + address);
        }
        let (mut host, end) = host(text, start);
        // Blanks at its begin are trimmed in the end.
        host += text[host..end].bytes().take_while(|byte| *byte <= b' ').count();
        let parameters = text[host..end].find(';').map_or(end, |semicolon| host + semicolon);
        if split_port(&text[host..parameters]).0.is_empty() {
            host = end;
        }
        if Shape::of(&text[host..]) != Shape::Bare {
            edit.remove(start, host);
            return Some(host);
        }
        if text[..end].ends_with(':') && starts_with_parameters(&text[end..]) {
            edit.replace(start, text.len(), REDACTED);
        } else {
            self.authority(edit, text, start, false);
        }
        None
    }

    /// Sanitizes what follows the slashes before an authority: [rule U3](crate#the-rules).
    fn authority(&self, edit: &mut Edit<'_>, text: &str, start: usize, special: bool) {
        let (host, end) = host(text, start);
        steps::count(end - start);
        let credentials = &text[start..host];
        // The `@` may belong to a `;` parameter: jdbc:sqlserver://host;password=a@b.
        let in_parameter = !special && credentials.contains(';');
        // It may belong to the password, and so may all up to another one: http://user:p@ss/word@host.
        let in_password =
            credentials != CREDENTIALS && credentials.contains(':') && text[end..].contains('@');
        // Too many slashes may stand before it: amqp:///user:password@host.
        let is_empty =
            end == start && text[end..].rfind('@').is_some_and(|at| text[end..end + at].contains(':'));
        // Digits behind a colon may be the begin of a password as well, http://user:1#word@host; only paths of the web have an `@`.
        let rest = &text[end..];
        let in_path = special && rest.starts_with('/');
        let no_port = host == start && text[host..end].contains(':') && !in_path;
        if in_parameter || in_password || is_empty || no_port && rest.contains('@') {
            return edit.replace(start, text.len(), REDACTED);
        }
        if host == start && rest.starts_with('/') && has_password(&text[host..], special) {
            return edit.replace(start, text.len(), REDACTED);
        }
        if host > start {
            edit.replace(start, host, if self.0.url.mode == UrlMode::Redact { CREDENTIALS } else { "" });
        }
        let parameters = text[host..end].find(';').map_or(end, |semicolon| host + semicolon);
        let (name, valid_port) = split_port(&text[host..parameters]);
        if name.contains('=') {
            // Hosts with properties: jdbc:mysql://address=(host=h)(password=p).
            return edit.replace(host, text.len(), REDACTED);
        }
        if !valid_port {
            // May be the begin of a password, of which the `@` is cut off.
            return edit.remove(host + name.len(), text.len());
        }
        match places::of_service(name, &text[parameters..]) {
            Some(length) => edit.replace(parameters + length, text.len(), REDACTED),
            None => self.path(edit, text, parameters),
        }
    }

    /// Sanitizes path, query and fragment: [rules U1, U2 and U7](crate#the-rules).
    fn path(&self, edit: &mut Edit<'_>, text: &str, start: usize) {
        let end = text[start..].find(['?', '#']).map_or(text.len(), |found| start + found);
        steps::count(text.len() - start);
        self.segments(edit, text, start, end);
        match self.0.url.mode {
            UrlMode::Remove => edit.remove(end, text.len()),
            UrlMode::Redact => {
                let fragment = text[end..].find('#').map_or(text.len(), |found| end + found);
                self.pairs(edit, text, end, fragment);
                self.pairs(edit, text, fragment, text.len());
            }
        }
    }

    /// Sanitizes the segments of a path.
    fn segments(&self, edit: &mut Edit<'_>, text: &str, start: usize, end: usize) {
        let last_at = text[start..end].rfind('@').map_or(start, |at| start + at);
        let mut place = start;
        let mut token = self.0.tokens.find_in_path(&text[..end], start);
        let mut behind_name = places::Tokens::of(self.0.keys, &text[start..end]).peekable();
        for segment in text[start..end].split_inclusive(['/', '\\']) {
            let whole = segment.strip_suffix(['/', '\\']).unwrap_or(segment);
            let name = &whole[..whole.find(';').unwrap_or(whole.len())];
            let next = place + segment.len();
            let other_url = || {
                (next < last_at && holds_url(name, &text[next..=last_at])).then_some(slashes_end(text, next))
            };
            let secret = self.secret_in(name).map(|secret| place + secret).or_else(other_url);
            // What the segment has before its secret may be a token.
            while let Some((token_start, token_end)) = token.filter(|token| token.0 < next) {
                edit.replace(token_start, token_end, REDACTED);
                token = self.0.tokens.find_in_path(&text[..end], token_end.max(token_start + 1));
            }
            if let Some(secret) = secret {
                return edit.replace(secret, end, REDACTED);
            }
            if let Some((token, token_end)) = behind_name.next_if(|&(token, _)| start + token < next) {
                edit.replace(start + token, start + token_end, REDACTED);
            } else if name.contains('%') && self.hides_secret(name) {
                edit.replace(place, place + name.len(), REDACTED);
            }
            if self.0.url.scrub_path && self.is_value(name) {
                edit.replace(place, place + name.len(), REDACTED);
            }
            match self.0.url.mode {
                UrlMode::Remove => edit.remove(place + name.len(), place + whole.len()),
                UrlMode::Redact => self.pairs(edit, text, place + name.len(), place + whole.len()),
            }
            place = next;
        }
    }

    /// Where a secret starts in a segment of a path: the value of a sensitive key, or what follows a user's name.
    fn secret_in(&self, segment: &str) -> Option<usize> {
        let credentials = segment.find(':').filter(|&colon| segment[colon..].contains('@'));
        credentials.map(|colon| colon + 1).or_else(|| self.0.keys.value_in(segment))
    }

    /// Whether an escaped text has credentials or a token in it.
    pub(crate) fn hides_credentials(&self, escaped: &str) -> bool {
        self.has_credentials(escaped, &percent_decoded(escaped))
    }

    fn has_credentials(&self, escaped: &str, decoded: &str) -> bool {
        let credentials = decoded.find(':').is_some_and(|colon| decoded[colon..].contains('@'));
        decoded != escaped && (credentials || self.0.tokens.find(decoded, 0, decoded.len()).is_some())
    }

    /// The same, or the value of a sensitive key.
    fn hides_secret(&self, escaped: &str) -> bool {
        let decoded = percent_decoded(escaped);
        self.has_credentials(escaped, &decoded)
            || decoded != escaped && self.0.keys.value_in(&decoded).is_some()
    }

    /// Redacts the values of sensitive keys in the pairs of a query, a fragment or a path segment.
    fn pairs(&self, edit: &mut Edit<'_>, text: &str, start: usize, end: usize) {
        let mut place = start;
        let mut redacted = false;
        for piece in text[start..end].split_inclusive(['&', ';']) {
            let pair = piece.strip_suffix(['&', ';']).unwrap_or(piece);
            match pair.find('=') {
                Some(equals) if self.is_secret_pair(pair) => {
                    edit.replace(place + equals + 1, place + pair.len(), REDACTED);
                    redacted = true;
                }
                Some(_) => redacted = false,
                // May be the rest of a value that holds a separator.
                None if redacted => edit.remove(place, place + pair.len()),
                None => {}
            }
            place += piece.len();
        }
    }

    /// Whether any key in a pair is sensitive, also one in a URL or a JSON text that is the value, or the value is a token.
    fn is_secret_pair(&self, pair: &str) -> bool {
        let decoded = percent_decoded(pair);
        let mut names = decoded.split(['=', ':']);
        let Some(value) = names.next_back() else { return false };
        let is_secret = |name: &str| {
            let name = name.trim_end_matches(['"', '\'', ' ', '[', ']']);
            let last =
                name.rfind(|character| "?&;#/ {,\"'[".contains(character)).map_or(0, |found| found + 1);
            self.0.keys.contains(&name.as_bytes()[last..])
        };
        let credentials =
            value.contains('@') && (value.contains("//") || decoded.matches([':', '=']).count() > 1);
        credentials || self.0.tokens.find(&decoded, 0, decoded.len()).is_some() || names.any(is_secret)
    }

    /// Whether a segment of a path is a value rather than a name: [rule U7](crate#the-rules).
    fn is_value(&self, segment: &str) -> bool {
        let bytes = segment.as_bytes();
        let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
        let hexadecimal =
            bytes.len() >= 16 && bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
        let address = segment.contains('@') || segment.contains("%40");
        digits || hexadecimal || address
    }
}

/// What a URL is made of, as its first bytes tell; with how many of them are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A scheme that another URL follows.
    Wrapped(usize),
    /// A scheme that anything may follow.
    Opaque(usize),
    /// An authority follows.
    Authority(usize),
    /// A path follows.
    Path(usize),
    /// Starts with a host, user information or a name.
    Bare,
}

impl Shape {
    fn of(text: &str) -> Self {
        let scheme = scheme(text);
        let after = scheme.map_or(0, |scheme| scheme.len() + 1);
        let rest = &text[after..];
        let slashes = slashes_end(rest, 0);
        let is = |names: &[&str]| {
            scheme.is_some_and(|scheme| names.iter().any(|name| scheme.eq_ignore_ascii_case(name)))
        };
        if is(&SPECIAL) {
            return Self::Authority(after + slashes);
        }
        if is(&OPAQUE) {
            return Self::Opaque(after);
        }
        if slashes >= 2 {
            return Self::Authority(after + 2);
        }
        match scheme {
            None if slashes == 1 || text.starts_with(['?', '#']) => Self::Path(0),
            None => Self::Bare,
            Some(_) if is(&WRAPPERS) => Self::Wrapped(after),
            Some(_) if is(&["file"]) => Self::Path(after),
            Some(_) => {
                let authority = &text[..authority_end(text)];
                if authority.contains('@') || !authority.ends_with(':') && split_port(authority).1 {
                    Self::Bare
                } else {
                    Self::Opaque(after)
                }
            }
        }
    }
}

/// Whether a path goes on behind a segment, up to the last `@` in it, with the slashes and the user information of another URL.
fn holds_url(segment: &str, rest: &str) -> bool {
    let rest = rest.trim_start_matches(['/', '\\']);
    let before_at = rest.find([':', '@', '/', '\\']).and_then(|found| rest.as_bytes().get(found));
    segment.ends_with(':') && matches!(before_at, Some(b':' | b'@'))
}

/// Whether an authority is a user's name, and a password and an `@` follow in the path: `oracle://user/password@host`. On the web,
/// a path may have an `@` for other reasons.
fn has_password(text: &str, special: bool) -> bool {
    let user = &text[..authority_end(text)];
    let Some(at) = text.rfind('@').filter(|_| !user.contains(['.', ':', '[', ','])) else { return false };
    !is_version(&text[at + 1..]) && (!special && !text[..at].ends_with('/') || is_oracle(&text[..at]))
}

/// The place behind slashes.
fn slashes_end(text: &str, start: usize) -> usize {
    start + text[start..].bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count()
}

/// Whether a path starts with parameters, without which its slashes would announce an authority.
fn starts_with_parameters(path: &str) -> bool {
    path.trim_start_matches(['/', '\\']).starts_with(';')
}

/// The scheme of a URL, without its colon.
fn scheme(text: &str) -> Option<&str> {
    let length =
        text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    let starts = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    (starts && text.as_bytes().get(length) == Some(&b':')).then(|| &text[..length])
}

/// Whether a text starts with a scheme whose authority needs no slashes before it.
pub(crate) fn is_special(start: &str) -> bool {
    scheme(start).is_some_and(|scheme| SPECIAL.iter().any(|special| scheme.eq_ignore_ascii_case(special)))
}

/// Whether what follows the colons of an authority are ports.
pub(crate) fn has_port(authority: &str) -> bool {
    split_port(authority).1
}

/// The length of the authority that a text starts with.
fn authority_end(text: &str) -> usize {
    text.find(['/', '\\', '?', '#']).unwrap_or(text.len())
}

/// Where the hosts of an authority start and end: [rule U3](crate#the-rules).
fn host(text: &str, start: usize) -> (usize, usize) {
    let after_at = |from: usize, to: usize| text[from..to].rfind('@').map(|at| from + at + 1);
    let mut end = start + authority_end(&text[start..]);
    let mut host = after_at(start, end).unwrap_or(start);
    // A password with a slash, a question mark or a number sign ends the authority too early.
    let hosts = &text[host..end];
    let whole = scheme(hosts).is_some_and(|scheme| scheme.len() + 1 == hosts.len());
    let other_url = host > start && whole && text[end..].starts_with("//");
    let no_port = hosts.ends_with(':') && !other_url || hosts.contains(":,");
    if !split_port(hosts).1 || no_port || hosts.contains("%40") {
        if let Some(later) = after_at(end, text.len()) {
            host = later;
            end = host + authority_end(&text[host..]);
        }
    }
    // No client takes an escaped `@` for a part of a host.
    (host + text[host..end].rfind("%40").map_or(0, |at| at + 3), end)
}

/// The hosts of an authority without the port of the last one, and whether every port is a number.
fn split_port(hosts: &str) -> (&str, bool) {
    let mut name = hosts.len();
    let mut start = 0;
    let mut valid = true;
    for host in hosts.split(',') {
        let bracket = if host.starts_with('[') { host.find(']').unwrap_or(0) } else { 0 };
        if let Some(colon) = host[bracket..].find(':') {
            // Go's MySQL driver and JDBC write hosts in parentheses.
            let port = &host[bracket + colon + 1..];
            let port = if hosts.contains('(') { port.trim_end_matches(')') } else { port };
            if valid && !(port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit())) {
                valid = false;
                name = start + bracket + colon;
            }
        }
        start += host.len() + 1;
    }
    (&hosts[..name], valid)
}

/// A URL without what [rule U4](crate#the-rules) trims.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

/// Text of bytes as [rule U4](crate#the-rules) reads it: without control characters and blanks at its ends, and without tabs and line ends in it.
fn readable(bytes: &[u8]) -> Cow<'_, str> {
    let trimmed = |byte: &u8| *byte > b' ';
    let start = bytes.iter().position(trimmed).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(trimmed).map_or(start, |last| last + 1);
    let ignored = |character: char| matches!(character, '\t' | '\r' | '\n');
    match String::from_utf8_lossy(&bytes[start..end]) {
        text if text.contains(ignored) => {
            Cow::Owned(text.chars().filter(|&character| !ignored(character)).collect())
        }
        text => text,
    }
}

/// How often a text may be escaped, as URLs within URLs are.
const ESCAPES: usize = 4;

/// The text that another one stands for where `%` and two hexadecimal digits, and `+`, are escapes, however often it is escaped.
pub(crate) fn percent_decoded(text: &str) -> String {
    let mut decoded = text.as_bytes().to_vec();
    for _ in 0..ESCAPES {
        if memchr::memchr2(b'%', b'+', &decoded).is_none() {
            break;
        }
        decoded = decoded_once(&decoded);
    }
    into_text(decoded)
}

fn decoded_once(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while let Some(&byte) = bytes.get(place) {
        let escaped =
            (byte == b'%').then(|| digit(bytes.get(place + 1)).zip(digit(bytes.get(place + 2)))).flatten();
        place += if escaped.is_some() { 3 } else { 1 };
        decoded.push(match escaped {
            Some((high, low)) => (high * 16 + low) as u8,
            None if byte == b'+' => b' ',
            None => byte,
        });
    }
    decoded
}
