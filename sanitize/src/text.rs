//! Free text: rule L1.

use alloc::borrow::Cow;
use alloc::string::String;

use crate::edit::{Edit, REDACTED, then};
use crate::token::token_end;
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
        then(String::from_utf8_lossy(text.as_ref()), |text| self.sanitize_text(text))
    }

    fn sanitize_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut scan = Scan { rules: self, text, edit: Edit::new(text), place: 0 };
        scan.run();
        scan.edit.finish()
    }
}

/// Headers whose value is the rest of the line.
const HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "set-cookie"];
/// Words after which credentials follow.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "negotiate"];
const PRIVATE_KEY: &str = "-----BEGIN ";
const PRIVATE_KEY_END: &str = "-----END ";

/// One pass over a text, segment by segment: what stands between blanks, quotes and angle brackets.
struct Scan<'a, 'r> {
    rules: &'r TextSanitizer,
    text: &'a str,
    edit: Edit<'a>,
    place: usize,
}

impl Scan<'_, '_> {
    fn run(&mut self) {
        while let Some(character) = self.text[self.place..].chars().next() {
            if character.is_whitespace() || is_mark(character) {
                self.place += character.len_utf8();
            } else {
                let end = self.segment_end(self.place);
                steps::count(end - self.place);
                self.segment(self.place, end);
            }
        }
    }

    /// The end of the segment that starts at a place. A quote between two letters does not end it: a password may have one.
    fn segment_end(&self, start: usize) -> usize {
        let mut before = 'a';
        for (offset, character) in self.text[start..].char_indices() {
            let after = || {
                self.text[start + offset + 1..].chars().next().is_none_or(|after| !after.is_alphanumeric())
            };
            if character.is_whitespace() || is_mark(character) && (!before.is_alphanumeric() || after()) {
                return start + offset;
            }
            before = character;
        }
        self.text.len()
    }

    /// Sanitizes one segment, and what its keys say of the text behind it.
    fn segment(&mut self, start: usize, end: usize) {
        let segment = &self.text[start..end];
        if self.text[start..].starts_with(PRIVATE_KEY) {
            return self.private_key(start);
        }
        let url = segment.find("://").map(|slashes| start + scheme_start(&segment[..slashes]));
        if url.is_none() {
            if let Some((credentials, address)) = credentials(segment) {
                self.edit.remove(start + credentials, start + address);
                self.place = start + address;
            }
        }
        self.names(url.unwrap_or(end));
        if let Some(url) = url.filter(|&url| self.place <= url) {
            let clean = self.rules.url.sanitize(&self.text[url..end]);
            // A path may go on where the writer thought that the URL had ended.
            let mut rest = Scan { rules: self.rules, text: &clean, edit: Edit::new(&clean), place: 0 };
            rest.names(clean.len());
            self.edit.replace(url, end, &rest.edit.finish());
        }
        self.place = self.place.max(end);
    }

    /// Replaces the values of sensitive keys, and tokens, from the current place up to an end.
    fn names(&mut self, end: usize) {
        while self.place < end {
            let start = self.place;
            let name_end = self.name_end(start, end);
            let name = &self.text[start..name_end];
            if name.is_empty() {
                self.place += self.text[start..].chars().next().map_or(1, char::len_utf8);
            } else if self.rules.tokens.start(&self.text[start..end]) {
                self.redact(start, start + token_end(&self.text[start..end]));
            } else if let Some(value) =
                self.value_after(name, name_end).filter(|_| self.rules.keys.contains(name.as_bytes()))
            {
                let (value, value_end) = self.value_range(name, value);
                self.redact(value, value_end);
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
        let end = self.text[start..]
            .find(PRIVATE_KEY_END)
            .map_or(self.text.len(), |found| self.line_end(start + found));
        steps::count(end - start);
        self.redact(start, end);
    }

    /// Replaces the word after Bearer, and after the like of it where that is not plain prose.
    fn credentials_after(&mut self, scheme: &str) {
        let rest = &self.text[self.place..];
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let end = self.word_end(self.place + blanks);
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
            let header = HEADERS.iter().any(|header| name.eq_ignore_ascii_case(header));
            return (value, if header { self.line_end(value) } else { self.word_end(value) });
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

/// Whether a character separates segments besides blanks.
fn is_mark(character: char) -> bool {
    matches!(character, '"' | '\'' | '`' | '<' | '>')
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
