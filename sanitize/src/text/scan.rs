//! One pass over a free text.

use core::ops::Range;

use super::commands::{Commands, password_beside, sets};
use super::ends::{trim_blanks, word_end};
use super::prose::is_prose;
use super::value::{
    Assignment, credentials_after, is_mark, is_scheme, name_end, password_of_user, private_key_end,
    starts_private_key,
};
use crate::credentials::{is_oracle, is_version};
use crate::edit::{Edit, REDACTED};
use crate::keys::in_name;
use crate::places::Tokens;
use crate::rules::Rules;
use crate::steps;
use crate::url::{Url, has_port, is_special};

/// What a text is without the secrets that signs, places and shapes tell.
pub(super) fn secrets<'a>(rules: Rules<'_>, text: &'a str) -> Edit<'a> {
    Scan::new(rules, text).run()
}

/// One pass over a text, segment by segment: what stands between blanks, quotes and angle brackets.
struct Scan<'a, 'r> {
    rules: Rules<'r>,
    text: &'a str,
    edit: Edit<'a>,
    place: usize,
    /// The last word that was searched for an `@`.
    word: Word,
    commands: Commands,
    /// The end of the line that was looked for last.
    line: usize,
    /// The last text between braces in which a JSON Web Key was looked for, and whether it is one.
    web_key: (Range<usize>, bool),
}

/// What is secret of a JSON Web Key.
const PARTS_OF_KEYS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// What is known of a word, a run without blanks.
#[derive(Clone, Copy, Default)]
struct Word {
    end: usize,
    last_at: Option<usize>,
}

impl<'a, 'r> Scan<'a, 'r> {
    fn new(rules: Rules<'r>, text: &'a str) -> Self {
        let (word, commands) = (Word::default(), Commands::default());
        Self { rules, text, edit: Edit::new(text), place: 0, word, commands, line: 0, web_key: (0..0, false) }
    }

    fn run(mut self) -> Edit<'a> {
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
        self.edit
    }

    /// The end of the segment that starts at a place.
    fn segment_end(&mut self, start: usize) -> usize {
        let text = &self.text[start..];
        let mut end = text.len();
        let mut before = ':';
        let mut url = Part::None;
        for (place, character) in text.char_indices() {
            let ends =
                is_mark(character) && (closes(&text[place + 1..]) || opens(before) && url != Part::Query);
            if character.is_whitespace() || ends {
                end = place;
                break;
            }
            url = url.after(character, &text[place..]);
            before = character;
        }
        if text[end..].starts_with(char::is_whitespace) {
            return self.with_rest_of_password(start, start + end);
        }
        if may_cut_credentials(&text[..end], before) { self.with_address(start + end) } else { start + end }
    }

    /// The end of the word, if there is an `@` in it behind an end.
    fn with_address(&mut self, end: usize) -> usize {
        if end >= self.word.end {
            let length = word_end(self.text, end) - end;
            self.word = Word {
                end: end + length,
                last_at: self.text[end..end + length].rfind('@').map(|at| end + at),
            };
        }
        if self.word.last_at.is_some_and(|at| at > end) { self.word.end } else { end }
    }

    /// The end of a URL whose password has a blank in it, at which the segment would end: of the quoted text, or of the next word.
    fn with_rest_of_password(&self, start: usize, end: usize) -> usize {
        let (before, segment) = (&self.text[..start], &self.text[start..end]);
        let Some((_, authority)) = segment.split_once("://") else { return end };
        let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
        if port.is_empty() || authority.contains(['/', '\\', '?', '#', '@']) || has_port(authority) {
            return end;
        }
        let blanks = self.text[end..].len() - self.text[end..].trim_start_matches(' ').len();
        let word = word_end(self.text, end + blanks);
        let rest_end = match before.chars().next_back() {
            Some(quote @ ('"' | '\'' | '`')) => {
                let closing = self.text[end..].find([quote, '\n']);
                closing.map_or(word, |closing| end + closing)
            }
            _ => word,
        };
        steps::count(rest_end - end);
        if self.text[end..rest_end].contains('@') { rest_end } else { end }
    }

    /// Sanitizes one segment, and what its keys say of the text behind it.
    fn segment(&mut self, start: usize, end: usize) {
        let segment = &self.text[start..end];
        let url =
            segment.find("://").map(|slashes| (start + scheme_start(&segment[..slashes]), start + slashes));
        // A scheme that is a sensitive key has a value instead.
        let url = url.filter(|&(scheme, slashes)| {
            let name = segment[..scheme - start].trim_end_matches(in_name);
            !self.has_secret_key(start + name.len(), slashes)
        });
        let url = url.map(|(scheme, _)| scheme);
        let before_url = &segment[..url.map_or(segment.len(), |url| url - start)];
        if let Some((credentials, address)) = credentials(before_url) {
            if self.has_secret_key(start, start + address) {
                // The `@` may belong to the value of the key.
                return self.redact(start + credentials, word_end(self.text, end));
            }
            self.edit.remove(start + credentials, start + address);
            self.place = start + address;
        }
        self.escaped(url.unwrap_or(end));
        self.behind_names(url.unwrap_or(end));
        self.names(url.unwrap_or(end));
        if let Some(url) = url.filter(|&url| self.place <= url) {
            let clean = Url(self.rules).sanitize(&self.text[url..end]);
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
            let name_end = name_end(self.text, place, end);
            if name_end > place {
                let assignment = Assignment::of(self.text, place, name_end);
                if assignment.is_some_and(|assignment| self.rules.keys.contains(assignment.key().as_bytes()))
                {
                    return true;
                }
            }
            place = name_end + self.text[name_end..].chars().next().map_or(1, char::len_utf8);
        }
        false
    }

    /// Replaces the pieces of a path that hide a secret behind escapes.
    fn escaped(&mut self, end: usize) {
        let mut place = self.place;
        while let Some(percent) = self.text[place..end].find('%').map(|found| place + found) {
            let slash = |piece: &str| piece.find('/').unwrap_or(piece.len());
            let start = self.text[place..percent].rfind('/').map_or(place, |found| place + found + 1);
            let piece_end = percent + slash(&self.text[percent..end]);
            steps::count(piece_end - place);
            if Url(self.rules).hides_credentials(&self.text[start..piece_end]) {
                self.names(start);
                if self.place <= start {
                    self.redact(start, piece_end);
                }
            }
            place = piece_end;
        }
    }

    /// Replaces the tokens of a path that the names before them tell.
    fn behind_names(&mut self, end: usize) {
        let path = self.place;
        // A value may go on behind the end of the segment.
        let Some(first) = self.text.get(path..end).and_then(|path| path.find('/')) else { return };
        for (start, token_end) in Tokens::of(self.rules.keys, &self.text[path..end]) {
            if start <= first {
                continue;
            }
            self.names(path + start);
            if self.place <= path + start {
                self.redact(path + start, path + token_end);
            }
        }
    }

    /// Replaces the values of sensitive keys, and tokens, from the current place up to an end.
    fn names(&mut self, end: usize) {
        let mut token = self.token(end);
        while self.place < end {
            let start = self.place;
            if token.is_some_and(|(token, _)| token < start) {
                token = self.token(end);
            }
            let name_end = name_end(self.text, start, end);
            let name = &self.text[start..name_end];
            if starts_private_key(name, &self.text[name_end..]) {
                self.redact(start, private_key_end(self.text, start));
            } else if let Some((token, token_end)) =
                token.filter(|(token, _)| *token < name_end.max(start + 1))
            {
                self.redact(token, token_end);
            } else if name.is_empty() {
                self.place += self.text[start..].chars().next().map_or(1, char::len_utf8);
            } else if let Some((value, value_end)) = self.value_of(start, name_end) {
                match name.starts_with('-') {
                    true => self.redact_behind(value, value_end),
                    false => self.redact(value, value_end),
                }
            } else {
                self.place = name_end;
                if is_scheme(name) {
                    if let Some((value, value_end)) = credentials_after(self.text, name_end) {
                        self.redact(value, value_end);
                    }
                }
            }
        }
    }

    /// The secret that belongs to a name. Behind a short flag a password may begin with what looks like a key.
    fn value_of(&mut self, start: usize, name_end: usize) -> Option<(usize, usize)> {
        let flag = self.text[start..].strip_prefix('-');
        if flag.is_some_and(|flag| !flag.starts_with('-')) {
            return self.password_of_command(start, name_end).or_else(|| self.secret_of(start, name_end));
        }
        self.secret_of(start, name_end).or_else(|| self.password_of_command(start, name_end))
    }

    /// The password that no key tells, but the program or the directive of which it is an argument.
    fn password_of_command(&mut self, start: usize, name_end: usize) -> Option<(usize, usize)> {
        if self.text[start..].starts_with('-') {
            return password_of_user(self.text, start, name_end)
                .or_else(|| self.commands.password(self.text, start, name_end));
        }
        if !self.text[name_end..].starts_with([' ', '\t']) {
            return None;
        }
        password_beside(self.text, start, name_end).or_else(|| {
            let is_variable =
                sets(&self.text[..start]) && self.rules.keys.contains(&self.text.as_bytes()[start..name_end]);
            let value = self.text.len() - trim_blanks(&self.text[name_end..]).len();
            (is_variable && value > name_end).then(|| (value, word_end(self.text, value)))
        })
    }

    /// The next token that starts before an end.
    fn token(&self, end: usize) -> Option<(usize, usize)> {
        self.rules.tokens.find(self.text, self.place, end)
    }

    /// The value that a sensitive name has.
    fn secret_of(&mut self, start: usize, name_end: usize) -> Option<(usize, usize)> {
        let assignment = Assignment::of(self.text, start, name_end)?;
        let (key, keys) = (assignment.key(), self.rules.keys);
        if !keys.contains(key.as_bytes()) && !self.is_part_of_key(key, start) {
            return None;
        }
        let assignment = assignment.with_block(&mut self.line);
        let may_be_password = keys.may_be_password(key.as_bytes());
        if assignment.said().is_some_and(|said| is_prose(said, may_be_password)) {
            return None;
        }
        let (value, end) = assignment.range();
        let text = &self.text[value..end];
        let ordinary = text.is_empty()
            || keys.is_ordinary(key.as_bytes(), text)
            || assignment.is_mapping() && !may_be_password
            || assignment.is_beside() && !is_quoted_secret(self.text, start, key, (value, end));
        (!ordinary).then_some((value, end))
    }

    /// Whether a name is that of a secret in a JSON Web Key (RFC 7518, section 6), which `kty` within the same braces tells.
    fn is_part_of_key(&mut self, name: &str, place: usize) -> bool {
        if !PARTS_OF_KEYS.contains(&name) {
            return false;
        }
        if !self.web_key.0.contains(&place) {
            let braces = ['{', '}'];
            let start = self.text[..place].rfind(braces).unwrap_or(0);
            let end = self.text[place..].find(braces).map_or(self.text.len(), |length| place + length);
            steps::count(end - start);
            let inner = &self.text[start..end];
            let is_key = inner.starts_with('{') && memchr::memmem::find(inner.as_bytes(), b"kty").is_some();
            self.web_key = (start..end, is_key);
        }
        self.web_key.1
    }

    /// Replaces a value, and the tokens before it, as the name of a user may be one: `-u token:password`.
    fn redact_behind(&mut self, value: usize, end: usize) {
        const SHORTEST: usize = 16;
        while value.saturating_sub(self.place) >= SHORTEST {
            let Some((token, token_end)) = self.token(value) else { break };
            self.redact(token, token_end);
        }
        // A token may reach into the value.
        if self.place < end {
            self.redact(value.max(self.place), end);
        }
    }

    /// Replaces a piece of the text and reads on behind it.
    fn redact(&mut self, start: usize, end: usize) {
        self.edit.replace(start, end, REDACTED);
        self.place = end;
    }
}

/// What is said of a thing behind its name.
const OF_NAMES: [&str; 5] = [" not found", " already exists", " is too", " mismatch", " failed"];

/// Whether the quoted text beside a sensitive name is its value, and not what a parser met, as in `unexpected token "x"`, or the name
/// that a thing goes by, as in `secret "db-creds" not found`.
fn is_quoted_secret(text: &str, start: usize, key: &str, (value, end): (usize, usize)) -> bool {
    const SHORTEST_TOKEN: usize = 16;
    let (value, behind) = (&text[value..end], &text[end..]);
    const LONGEST_WORD: usize = 8;
    let before = text[..start].trim_end();
    let met = ["unexpected", "illegal", "unknown", "invalid", "bad", "expected"]
        .iter()
        .any(|word| before.ends_with(word));
    let has = |kind: fn(&u8) -> bool| value.bytes().any(|byte| kind(&byte));
    let random = has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    let in_key = |word: &str| key.to_ascii_lowercase().trim_end_matches('s').ends_with(word);
    if value.contains([',', '{', '}']) || before.ends_with("unexpected") {
        return false;
    }
    let mixed = random && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let long =
        random && value.len() >= SHORTEST_TOKEN && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let behind = behind.trim_start_matches(['\\', '"', '\'']);
    let is_told_of = OF_NAMES.iter().any(|said| behind.starts_with(said));
    if is_told_of
        && !mixed
        && !long
        && !["password", "passwd", "pwd", "pass", "passphrase"].iter().any(|word| in_key(word))
    {
        return false;
    }
    if met && in_key("token") || in_key("token") && !random {
        return random && value.len() > LONGEST_WORD && has(u8::is_ascii_lowercase) && !value.contains(' ');
    }
    let in_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    !(in_key("secret") && value.contains('-') && value.bytes().all(in_name))
}

/// How much of a URL a segment has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    Start,
    /// A query or a fragment, in which quotes are no marks.
    Query,
}

impl Part {
    /// With one more character, which a text starts with.
    fn after(self, character: char, text: &str) -> Self {
        match (self, character) {
            (Self::None, ':') if text.starts_with("://") => Self::Start,
            (Self::Start, '?' | '#') => Self::Query,
            _ => self,
        }
    }
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
    let (before, address) = (&segment[start..at], &segment[at + 1..]);
    let secret = match before.split_once(':') {
        Some((scheme, user)) => !is_mail(scheme, user) && !address.starts_with("sha256:"),
        None => is_oracle(before) && !is_version(address),
    };
    secret.then_some((start, at + 1))
}

/// Whether an `@` behind these belongs to an address of mail or the like.
fn is_mail(scheme: &str, user: &str) -> bool {
    ["mailto", "sip", "sips", "xmpp", "acct"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !user.contains(':')
}
