//! Free text: rule L1.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::edit::{Edit, REDACTED, settled};
use crate::token::token_end;
use crate::url::is_special;
use crate::{DsnSanitizer, SensitiveKeys, TokenPrefixes, UrlSanitizer, steps};

/// Removes the secrets of a free text, such as a log message or a name, with the default options of [`TextSanitizer`].
///
/// ```
/// assert_eq!(sanitize::text("GET https://bob:pw@api.test/x?sig=1 token=abc"), "GET https://api.test/x token=REDACTED");
/// ```
#[must_use]
pub fn text(text: &str) -> Cow<'_, str> {
    TextSanitizer::new().sanitize(text)
}

/// The sanitizer of free text.
///
/// URLs and connection strings within the text are sanitized by their own rules; the values of sensitive keys in `key=value`,
/// `key: value` and JSON are replaced, and so are tokens of well-known shapes, what follows `Bearer` and the like, and private keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextSanitizer {
    keys: SensitiveKeys,
    tokens: TokenPrefixes,
    url: UrlSanitizer,
    dsn: DsnSanitizer,
}

impl TextSanitizer {
    /// The sanitizer with the default keys and token prefixes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the keys of `key=value` pairs whose values are replaced.
    #[must_use]
    pub fn with_keys(mut self, keys: SensitiveKeys) -> Self {
        self.url = self.url.with_keys(keys.clone());
        self.dsn = self.dsn.with_keys(keys.clone());
        self.keys = keys;
        self
    }

    /// Sets the prefixes by which secret tokens are known.
    #[must_use]
    pub fn with_token_prefixes(mut self, prefixes: TokenPrefixes) -> Self {
        self.url = self.url.with_token_prefixes(prefixes.clone());
        self.tokens = prefixes;
        self
    }

    /// Sets how URLs within the text are sanitized.
    #[must_use]
    pub fn with_url(mut self, url: UrlSanitizer) -> Self {
        self.url = url;
        self
    }

    /// Sets how connection strings within the text are sanitized.
    #[must_use]
    pub fn with_dsn(mut self, dsn: DsnSanitizer) -> Self {
        self.dsn = dsn;
        self
    }

    /// Sanitizes one free text. The result is valid UTF-8, with U+FFFD for bytes that are not, and borrowed where nothing had to
    /// change.
    #[must_use]
    pub fn sanitize<'a>(&self, text: &'a (impl AsRef<[u8]> + ?Sized)) -> Cow<'a, str> {
        settled(String::from_utf8_lossy(text.as_ref()), |text| self.read(text))
    }

    fn read<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut scan = Scan::new(self, text);
        scan.run();
        scan.edit.finish()
    }
}

/// Headers whose value is the rest of the line.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Words after which credentials follow.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "negotiate"];
const PRIVATE_KEY: &str = "-----BEGIN";
const PRIVATE_KEY_END: &str = "-----END";

/// One pass over a text, segment by segment: what stands between blanks, quotes and angle brackets.
struct Scan<'a, 'r> {
    rules: &'r TextSanitizer,
    text: &'a str,
    edit: Edit<'a>,
    place: usize,
    /// The last word that was searched for an `@`.
    word: Word,
}

/// What is known of a word, a run without blanks.
#[derive(Clone, Copy, Default)]
struct Word {
    end: usize,
    last_at: Option<usize>,
}

impl<'a, 'r> Scan<'a, 'r> {
    fn new(rules: &'r TextSanitizer, text: &'a str) -> Self {
        Self { rules, text, edit: Edit::new(text), place: 0, word: Word::default() }
    }

    fn run(&mut self) {
        while let Some(character) = self.text[self.place..].chars().next() {
            steps::count(1);
            if character.is_whitespace() || is_mark(character) {
                self.place += character.len_utf8();
            } else {
                let end = self.segment_end(self.place);
                steps::count(end - self.place);
                self.segment(self.place, end);
            }
        }
    }

    /// The end of the segment that starts at a place.
    fn segment_end(&mut self, start: usize) -> usize {
        let text = &self.text[start..];
        let mut end = text.len();
        let mut before = ':';
        for (place, character) in text.char_indices() {
            if character.is_whitespace()
                || is_mark(character) && (opens(before) || closes(&text[place + 1..]))
            {
                end = place;
                break;
            }
            before = character;
        }
        if may_cut_credentials(&text[..end], before) { self.with_address(start + end) } else { start + end }
    }

    /// The end of the word, if there is an `@` in it behind an end.
    fn with_address(&mut self, end: usize) -> usize {
        if end >= self.word.end {
            let length = self.word_end(end) - end;
            self.word = Word {
                end: end + length,
                last_at: self.text[end..end + length].rfind('@').map(|at| end + at),
            };
        }
        if self.word.last_at.is_some_and(|at| at > end) { self.word.end } else { end }
    }

    /// Sanitizes one segment, and what its keys say of the text behind it.
    fn segment(&mut self, start: usize, end: usize) {
        let segment = &self.text[start..end];
        let url =
            segment.find("://").map(|slashes| (start + scheme_start(&segment[..slashes]), start + slashes));
        // A scheme that is a sensitive key has a value instead.
        let url =
            url.filter(|&(scheme, slashes)| !self.has_secret_key(scheme, slashes)).map(|(scheme, _)| scheme);
        let before_url = &segment[..url.map_or(segment.len(), |url| url - start)];
        if let Some((credentials, address)) = credentials(before_url) {
            if self.has_secret_key(start, start + address) {
                // The `@` may belong to the value of the key.
                return self.redact(start + credentials, self.word_end(end));
            }
            self.edit.remove(start + credentials, start + address);
            self.place = start + address;
        }
        self.names(url.unwrap_or(end));
        if let Some(url) = url.filter(|&url| self.place <= url) {
            let clean = self.rules.url.sanitize(&self.text[url..end]);
            // A path may go on where the writer thought that the URL had ended.
            let mut rest = Scan::new(self.rules, &clean);
            rest.names(clean.len());
            self.edit.replace(url, end, &rest.edit.finish());
        }
        self.place = self.place.max(end);
    }

    /// Whether a sensitive key and its value start within a piece of the text.
    fn has_secret_key(&self, start: usize, end: usize) -> bool {
        let mut place = start;
        while place < end {
            let name_end = self.name_end(place, end);
            let name = &self.text[place..name_end];
            if !name.is_empty()
                && self.value_after(name, name_end).is_some()
                && self.rules.keys.contains(name.as_bytes())
            {
                return true;
            }
            place = name_end + self.text[name_end..].chars().next().map_or(1, char::len_utf8);
        }
        false
    }

    /// Replaces the values of sensitive keys, and tokens, from the current place up to an end.
    fn names(&mut self, end: usize) {
        while self.place < end {
            let start = self.place;
            let name_end = self.name_end(start, end);
            let name = &self.text[start..name_end];
            if name.is_empty() {
                self.place += self.text[start..].chars().next().map_or(1, char::len_utf8);
            } else if name.ends_with(PRIVATE_KEY) && self.text[name_end..].starts_with(' ') {
                self.private_key(start);
            } else if let Some(token) = self.token_in(start, name_end, end) {
                self.redact(token, token + token_end(&self.text[token..end]));
            } else if let Some(value) =
                self.value_after(name, name_end).filter(|_| self.rules.keys.contains(name.as_bytes()))
            {
                let (value, mut value_end) = self.value_range(name, value);
                // What looks like a value may be a key, and the value follow it.
                while let Some(next) = self.value_after("", value_end) {
                    value_end = self.value_range("", next).1;
                }
                if value == value_end {
                    self.place = name_end;
                } else {
                    self.redact(value, value_end);
                }
            } else {
                self.place = name_end;
                if SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme)) {
                    self.credentials_after(name);
                }
            }
        }
    }

    /// Replaces a piece of the text and reads on behind it.
    fn redact(&mut self, start: usize, end: usize) {
        self.edit.replace(start, end, REDACTED);
        self.place = end;
    }

    /// Replaces a private key in PEM form.
    fn private_key(&mut self, start: usize) {
        self.redact(start, self.private_key_end(start));
    }

    fn private_key_end(&self, start: usize) -> usize {
        let last_line = self.text[start..].find(PRIVATE_KEY_END);
        let end = last_line.map_or(self.text.len(), |found| self.line_end(start + found));
        steps::count(end - start);
        end
    }

    /// Where a token starts in a name: at its begin, or behind a separator.
    fn token_in(&self, start: usize, name_end: usize, end: usize) -> Option<usize> {
        let name = &self.text[start..name_end];
        let behind = name.match_indices(['-', '_', '.']).map(|(place, _)| start + place + 1);
        core::iter::once(start).chain(behind).find(|&place| self.rules.tokens.start(&self.text[place..end]))
    }

    /// Replaces the word after Bearer, and after the like of it where that is not plain prose.
    fn credentials_after(&mut self, scheme: &str) {
        let rest = &self.text[self.place..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let end = self.value_end(self.place + blanks);
        let word = &self.text[self.place + blanks..end];
        let prose = word.len() < 12 && word.bytes().all(|byte| byte.is_ascii_lowercase());
        if blanks > 0 && !word.is_empty() && (scheme.eq_ignore_ascii_case("bearer") || !prose) {
            self.redact(self.place + blanks, end);
        }
    }

    fn word_end(&self, start: usize) -> usize {
        let end =
            self.text[start..].find(char::is_whitespace).map_or(self.text.len(), |length| start + length);
        steps::count(end - start);
        end
    }

    /// The end of a value without quotes, which may be of several words.
    fn unquoted_end(&self, name: &str, value: usize) -> usize {
        let text = &self.text[value..];
        match () {
            () if HEADERS.iter().any(|header| ends_with(name, header)) => self.line_end(value),
            () if text.starts_with(PRIVATE_KEY) => self.private_key_end(value),
            () if text.starts_with(['[', '{', '(']) => self.closing_end(value),
            () => self.value_end(value),
        }
    }

    /// The end of a value in brackets: of the word in which as many are closed as were opened.
    fn closing_end(&self, start: usize) -> usize {
        let mut open = 0_usize;
        for (place, byte) in self.text.bytes().enumerate().skip(start) {
            match byte {
                b'[' | b'{' | b'(' => open += 1,
                b']' | b'}' | b')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                steps::count(place - start);
                return self.value_end(place);
            }
        }
        self.text.len()
    }

    /// The end of a value without quotes: of a word, and of the next one where the first only names it.
    fn value_end(&self, start: usize) -> usize {
        let mut end = self.word_end(start);
        while self.text[start..end].ends_with([':', '=']) && end < self.text.len() {
            let blanks = self.text[end..].len() - self.text[end..].trim_start().len();
            end = self.word_end(end + blanks);
        }
        end
    }

    fn line_end(&self, start: usize) -> usize {
        self.text[start..].find(['\n', '\r']).map_or(self.text.len(), |length| start + length)
    }

    /// The end of the name that starts at a place.
    fn name_end(&self, start: usize, end: usize) -> usize {
        let outside = |character: char| !(character.is_alphanumeric() || "_-.".contains(character));
        self.text[start..end].find(outside).map_or(end, |length| start + length)
    }

    /// Where the value of a key starts, if `=` or `:` follow its name, or a blank the name of a flag.
    fn value_after(&self, name: &str, name_end: usize) -> Option<usize> {
        let rest = &self.text[name_end..];
        let unquoted = rest.strip_prefix("\\\"").or_else(|| rest.strip_prefix(is_mark)).unwrap_or(rest);
        let after_blanks = unquoted.trim_start_matches([' ', '\t']);
        let assigned = [":=", "=>", "=", ":"].iter().find_map(|sign| after_blanks.strip_prefix(sign));
        let flag = || (name.starts_with("--") && after_blanks.len() < rest.len()).then_some(after_blanks);
        let value = assigned.or_else(flag)?.trim_start_matches([' ', '\t']);
        Some(self.text.len() - value.len())
    }

    /// The piece that is the value which starts at a place: a quoted text without its quotes, a header's line, or a word.
    fn value_range(&self, name: &str, value: usize) -> (usize, usize) {
        let bytes = self.text.as_bytes();
        let escaped = bytes[value..].starts_with(b"\\\"");
        let open = value + usize::from(escaped);
        let Some(&quote @ (b'"' | b'\'' | b'`')) = bytes.get(open) else {
            return (value, self.unquoted_end(name, value));
        };
        let mut place = open + 1;
        while let Some(found) = memchr::memchr2(quote, b'\\', &bytes[place..]) {
            place += found;
            match bytes[place] {
                b'\\' if escaped && bytes.get(place + 1) == Some(&quote) => return (open + 1, place),
                b'\\' => place = (place + 2).min(bytes.len()),
                // Text goes on behind the quote: it may not have been the closing one.
                _ if bytes.get(place + 1).is_some_and(u8::is_ascii_alphanumeric) => place += 1,
                _ => return (open + 1, place),
            }
        }
        (value, self.text.len())
    }
}

/// Whether a name ends with another, in any letter case.
fn ends_with(name: &str, end: &str) -> bool {
    name.len()
        .checked_sub(end.len())
        .and_then(|start| name.get(start..))
        .is_some_and(|last| last.eq_ignore_ascii_case(end))
}

/// Whether a character separates segments besides blanks.
fn is_mark(character: char) -> bool {
    matches!(character, '"' | '\'' | '`' | '<' | '>')
}

/// Whether a segment that ends at a quote, with a character before it, may have the begin of credentials: a password may start
/// with a quote, as in `user:"word@host`.
fn may_cut_credentials(segment: &str, before: char) -> bool {
    match segment.find("://") {
        Some(slashes) => {
            let authority = &segment[slashes + 3..];
            authority.contains(':') && !authority.contains(['/', '\\', '?', '#'])
        }
        None => {
            let named =
                segment.rfind(':').is_some_and(|colon| segment[..colon].contains(char::is_alphanumeric));
            named
                && (opens(before)
                    || is_special(segment)
                    || segment.contains("//")
                    || segment.contains("\\\\"))
        }
    }
}

/// Whether a quote after this character is an opening one.
fn opens(before: char) -> bool {
    is_mark(before) || ":=,;([{\\".contains(before)
}

/// Whether a quote before this text is a closing one.
fn closes(after: &str) -> bool {
    after
        .chars()
        .next()
        .is_none_or(|after| after.is_whitespace() || is_mark(after) || ":,;)]}".contains(after))
}

/// Where the scheme starts that a text before `://` ends with.
fn scheme_start(before: &str) -> usize {
    let outside = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"+-.:".contains(byte));
    before.as_bytes().iter().rposition(outside).map_or(0, |found| found + 1)
}

/// Where credentials before an `@` start in a segment, and where the address after them starts.
fn credentials(segment: &str) -> Option<(usize, usize)> {
    let at = segment.rfind('@')?;
    let key = segment[..at]
        .find('=')
        .filter(|&equals| segment[..equals].bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    let start = key.map_or(0, |equals| equals + 1);
    let version = matches!(segment.as_bytes()[at + 1..], [b'v', b'0'..=b'9', ..]);
    // Go names the version of a module after an `@`.
    let secret = segment[start..at].contains(':') || segment[start..at].contains('/') && !version;
    secret.then_some((start, at + 1))
}
