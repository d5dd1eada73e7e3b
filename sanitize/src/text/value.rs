//! Where the value of a key in free text starts and ends.

use super::ends::{line_end, trim_blanks, word_before_blank, word_end};
use super::lines::{behind_properties, block, setting_end};
use super::plain::control_sequence;
use crate::edit::REDACTED;
use crate::keys::in_name;
use crate::steps;

/// Headers whose value is the rest of the line.
const HEADERS: [&str; 2] = ["authorization", "cookie"];
/// Words after which credentials follow.
const SCHEMES: [&str; 5] = ["bearer", "basic", "digest", "negotiate", "ntlm"];
/// What the value of a key that is named by another key's value is called, as in `name=PASSWORD value=x`.
const VALUE: &str = "value";
const PRIVATE_KEY: &str = "-----BEGIN";
const PRIVATE_KEY_END: &str = "-----END";
/// A word of lower-case letters as long as this is no prose.
const LONGEST_PROSE: usize = 20;
/// A word before the last one of a key is looked for so far.
const LONGEST_WORD: usize = 32;

/// A quoted text that nothing but a blank joins to its name is no longer than this.
const LONGEST_BESIDE: usize = 512;

/// How a value is joined to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    /// `key=value` and the like, or a flag and its argument.
    Sign,
    /// `Key:value`, as Go prints the fields of a struct.
    Field,
    /// `<key>value</key>`
    Element,
    /// `key "value"`
    Beside,
    /// The value is on the lines behind that of its key, as YAML has it. It ends here.
    Block(usize),
}

/// A key that a value follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Assignment<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    joint: Joint,
    value: usize,
}

impl<'a> Assignment<'a> {
    /// What the name at a place is assigned, if anything is.
    pub(super) fn of(text: &'a str, start: usize, end: usize) -> Option<Self> {
        let name = &text[start..end];
        let rest = &text[end..];
        let assignment =
            |joint, value: &str| Self { text, start, end, joint, value: text.len() - value.len() };
        if let Some(value) = element(text, start, rest) {
            return Some(assignment(Joint::Element, value));
        }
        if let Some(value) = after_name(rest) {
            let upper = name.starts_with(|first: char| first.is_ascii_uppercase());
            let field = upper && rest.strip_prefix(':') == Some(value);
            let joint = if field { Joint::Field } else { Joint::Sign };
            return Some(Self { start: whole_key(text, start, end), ..assignment(joint, value) });
        }
        let argument = trim_blanks(rest);
        let flag = name.starts_with('-') && argument.len() < rest.len() && !argument.starts_with('-');
        let value = if flag { Some(argument) } else { value_named_by(rest) };
        if let Some(value) = value {
            return Some(assignment(Joint::Sign, value));
        }
        if let Some(value) = element_named_by(&text[..start], rest) {
            return Some(assignment(Joint::Element, value));
        }
        let beside = argument.len() < rest.len() && argument.starts_with(['"', '\'']);
        beside.then(|| assignment(Joint::Beside, argument))
    }

    /// With the value on the next lines, where that of the key has none. `line` is the end of the line that was looked for last.
    pub(super) fn with_block(self, line: &mut usize) -> Self {
        let has_sign = matches!(self.joint, Joint::Sign | Joint::Field)
            && after_name(&self.text[self.end..])
                .is_some_and(|value| self.text.len() - value.len() == self.value);
        if !has_sign {
            return self;
        }
        match block(self.text, self.start, self.value, line) {
            Some((value, _)) if self.text[value..].starts_with(['"', '\'']) => Self { value, ..self },
            Some((value, end)) if self.text[..self.value].trim_end_matches([' ', '\t']).ends_with(':') => {
                Self { value, joint: Joint::Block(end), ..self }
            }
            _ => self,
        }
    }

    /// The text from the value on, if it is joined by a colon and a blank, as what is said of a thing is, or is on other lines.
    pub(super) fn said(&self) -> Option<&'a str> {
        let before = &self.text[self.end..self.value];
        let said = self.joint != Joint::Element && before.starts_with(':') && before.len() > 1;
        said.then(|| self.text[self.value..].trim_start_matches('"'))
    }

    /// Whether the value is a mapping with keys of its own.
    pub(super) fn is_mapping(&self) -> bool {
        let Joint::Block(end) = self.joint else { return false };
        let line = self.text[self.value..end].lines().find(|line| !line.starts_with('#')).unwrap_or_default();
        line.ends_with(':') || line.contains(": ")
    }

    /// Whether nothing but a blank joins the value to its name.
    pub(super) fn is_beside(&self) -> bool {
        self.joint == Joint::Beside
    }

    pub(super) fn key(&self) -> &'a str {
        &self.text[self.start..self.end]
    }

    /// The piece of the text that is the value: a quoted text without its quotes, a header's line, or a word. What looks like
    /// a value may be a key, and the value follow it.
    pub(super) fn range(&self) -> (usize, usize) {
        if let Joint::Block(end) = self.joint {
            return (self.value, end);
        }
        let (value, mut end) = self.first_range(self.value);
        while let Some(next) = after_name(&self.text[end..]) {
            end = self.first_range(self.text.len() - next.len()).1;
        }
        (value, end)
    }

    fn first_range(&self, value: usize) -> (usize, usize) {
        let rest = &self.text[value..];
        if self.joint == Joint::Element && self.text[..value].ends_with(DATA) {
            let length = rest.find("]]>").unwrap_or(rest.len());
            steps::count(length);
            return (value, value + length);
        }
        if self.joint == Joint::Element {
            return (value, value + rest.find('<').unwrap_or(rest.len()));
        }
        if let Some(quote) = ["\"\"\"", "\'\'\'"].iter().find(|quote| rest.starts_with(**quote)) {
            // TOML and Python.
            let length = rest[quote.len()..].find(quote);
            steps::count(length.unwrap_or(rest.len()));
            if let Some(length) = length.filter(|&length| length > 0) {
                return (value + quote.len(), value + quote.len() + length);
            }
        }
        let escapes = rest.len() - rest.trim_start_matches('\\').len();
        match rest.as_bytes().get(escapes) {
            Some(&quote @ (b'"' | b'\'' | b'`')) => {
                let open = value + escapes + 1;
                if self.joint == Joint::Beside {
                    return (open, open + quoted_beside(&self.text[open..], char::from(quote)));
                }
                match closing_quote(&self.text.as_bytes()[open..], quote, escapes) {
                    Some(length) => (open, open + length),
                    None => (value, self.text.len()),
                }
            }
            _ => (value, self.unquoted_end(value)),
        }
    }

    /// The end of a value without quotes.
    fn unquoted_end(&self, start: usize) -> usize {
        let value = &self.text[start..];
        match () {
            () if HEADERS.iter().any(|header| ends_with(self.key(), header)) => line_end(self.text, start),
            () if value.starts_with(PRIVATE_KEY) => private_key_end(self.text, start),
            () if value.starts_with('(') => self.behind_types(brackets_end(self.text, start)),
            () if value.starts_with(['[', '{']) => brackets_end(self.text, start),
            () if self.is_json_number(start) => start + json_number(value),
            () if self.joint == Joint::Field => field_end(self.text, start),
            () => self.scheme_end(start).unwrap_or_else(|| self.pair_end(start)),
        }
    }

    /// The end of a value behind its type and length in parentheses, as in `(string) (len=3) "abc"`.
    fn behind_types(&self, end: usize) -> usize {
        let mut end = end;
        loop {
            let rest = trim_blanks(&self.text[end..]);
            let next = self.text.len() - rest.len();
            match rest.bytes().next() {
                Some(b'(') => end = brackets_end(self.text, next),
                Some(b'"' | b'{') => return self.first_range(next).1,
                _ => return end,
            }
        }
    }

    /// The end of the credentials of a value such as `Bearer x`.
    fn scheme_end(&self, start: usize) -> Option<usize> {
        let scheme_end = start + word_before_blank(&self.text[start..]);
        is_scheme(&self.text[start..scheme_end]).then(|| credentials_range(self.text, scheme_end).1)
    }

    /// Whether a number or the like follows a key in double quotes, which nothing but JSON has.
    fn is_json_number(&self, start: usize) -> bool {
        let quoted = self.text[..start].trim_end_matches([' ', '\t']).ends_with("\":");
        quoted && json_number(&self.text[start..]) > 0
    }

    /// The end of a word. Where `;` stands before the key, pairs are separated by it, and values may have blanks.
    fn pair_end(&self, start: usize) -> usize {
        let property_end = behind_properties(self.text, start);
        if property_end > start {
            return self.first_range(property_end).1;
        }
        if let Some(end) = setting_end(self.text, self.start, start) {
            return end;
        }
        let word = value_end(self.text, start);
        if !self.text[..self.start].trim_end_matches(' ').ends_with(';') {
            return word;
        }
        let rest = &self.text[word..];
        let next = rest.find([';', '\n', '"', '\'', '`']).filter(|&next| rest[next..].starts_with(';'));
        steps::count(next.unwrap_or(0));
        next.map_or(word, |next| word_end(self.text, word + next))
    }
}

/// What follows a name and the sign that assigns to it.
fn after_name(rest: &str) -> Option<&str> {
    let closed = after_closing(rest);
    // The sign may stand on the next line where JSON is printed widely.
    let sign = if rest.starts_with('"') { closed.trim_start() } else { trim_blanks(closed) };
    let mut value = after_sign(sign)?.trim_start_matches([' ', '\t', '*']);
    // What colours a value is none of it.
    while let Some((length, _)) = control_sequence(value) {
        value = value[length..].trim_start_matches([' ', '\t']);
    }
    Some(value)
}

/// What follows the quotes and brackets that close behind a name: `"name"`, `a["name"]`, `name[0]`, `**name**`, `%22name%22`.
fn after_closing(rest: &str) -> &str {
    let quoted = rest.trim_start_matches('\\').strip_prefix(is_mark).or_else(|| rest.strip_prefix("%22"));
    let unquoted = quoted.unwrap_or(rest).trim_start_matches(['*', ']']);
    let index =
        unquoted.strip_prefix('[').map(|index| index.trim_start_matches(|byte: char| byte.is_ascii_digit()));
    index.and_then(|index| index.strip_prefix(']')).unwrap_or(unquoted)
}

/// What follows a sign that assigns or compares.
fn after_sign(text: &str) -> Option<&str> {
    const OTHERS: [&str; 7] = ["->", "＝", "：", "%3D", "%3d", "%3A", "%3a"];
    if let Some(value) = OTHERS.iter().find_map(|sign| text.strip_prefix(sign)) {
        return Some(value);
    }
    let plain = text.strip_prefix(['!', '+', '?', '~']).unwrap_or(text);
    let length = plain.bytes().take(3).take_while(|byte| matches!(byte, b'=' | b':')).count();
    let value = &plain[length..];
    // The names of a path, as in `auth::Session`.
    let path = plain[..length] == *"::" && value.starts_with(char::is_alphanumeric);
    (length > 0 && !path).then(|| value.strip_prefix('>').unwrap_or(value))
}

/// The content of an XML element, if the name at a place is that of one.
fn element<'a>(text: &str, start: usize, rest: &'a str) -> Option<&'a str> {
    let before = &text[..start];
    let tag =
        before.strip_suffix(':').map_or(before, |before| &before[..before.len() - last_word(before).len()]);
    if !tag.ends_with('<') || !rest.starts_with(['>', ' ', '\t']) {
        return None;
    }
    content_of(behind_tag(rest)?)
}

/// The content of the XML element that the name at a place is an attribute of, or which stands behind that of the name, as in
/// `<property name="token">x</property>` and `<name>token</name><value>x</value>`.
fn element_named_by<'a>(before: &str, rest: &'a str) -> Option<&'a str> {
    let in_element = before.ends_with('>') && rest.starts_with("</");
    if in_element {
        let next = behind_tag(&rest[1..])?.trim_start();
        return next.starts_with('<').then(|| content_of(behind_tag(&next[1..])?)).flatten();
    }
    let in_attribute = before.ends_with("=\"") || before.ends_with("='");
    if !in_attribute || !rest.starts_with(['"', '\'']) || !is_in_tag(before) {
        return None;
    }
    let content = behind_tag(rest)?;
    let inner = content.trim_start();
    let is_tag = inner.strip_prefix('<').is_some_and(|tag| tag.starts_with(char::is_alphabetic));
    content_of(if is_tag { behind_tag(&inner[1..])? } else { content })
}

/// Whether a text ends within a tag that has just begun.
fn is_in_tag(before: &str) -> bool {
    let sign = before.bytes().rev().take(LONGEST_WORD).find(|byte| matches!(byte, b'<' | b'>'));
    steps::count(LONGEST_WORD);
    sign == Some(b'<')
}

/// What follows the tag that ends behind a text.
fn behind_tag(rest: &str) -> Option<&str> {
    let close =
        rest.bytes().take(LONGEST_TAG).position(|byte| matches!(byte, b'<' | b'>')).unwrap_or(rest.len());
    steps::count(close.min(LONGEST_TAG));
    rest.get(close..)?.strip_prefix('>')
}

/// The content of an element, if a text starts with that. Without an end tag it is a placeholder, as in `login <token>`.
fn content_of(content: &str) -> Option<&str> {
    if let Some(data) = content.trim_start().strip_prefix(DATA) {
        return Some(data);
    }
    let end = content.find('<').unwrap_or(content.len());
    steps::count(end);
    content[end..].starts_with("</").then_some(content)
}

/// What is no markup in XML stands behind this.
const DATA: &str = "<![CDATA[";
/// No tag is looked at further.
const LONGEST_TAG: usize = 256;

/// The value in `name=KEY value=x` and `"name":"KEY","value":"x"`, after the key.
fn value_named_by(rest: &str) -> Option<&str> {
    let next = after_closing(rest).trim_start_matches([',', ';', ' ', '\t', '\\', '\r', '\n']);
    let next = next.strip_prefix(is_mark).unwrap_or(next);
    let word = next.get(..VALUE.len()).filter(|word| word.eq_ignore_ascii_case(VALUE))?;
    after_name(&next[word.len()..])
}

/// Where a name starts with the word before it, if only both tell what it is: `api key`, `pass phrase`, `session id`.
fn whole_key(text: &str, start: usize, end: usize) -> usize {
    let last = ["key", "phrase", "id"].iter().any(|word| text[start..end].eq_ignore_ascii_case(word));
    match text[..start].strip_suffix(' ') {
        Some(before) if last => before.len() - last_word(before).len(),
        _ => start,
    }
}

/// The word that a text ends with, unless it is a long one.
pub(super) fn last_word(text: &str) -> &str {
    let length: usize = text
        .chars()
        .rev()
        .take(LONGEST_WORD)
        .take_while(|&character| in_name(character))
        .map(char::len_utf8)
        .sum();
    &text[text.len() - length..]
}

/// The length of a short quoted text: nothing where its quote does not close on its line.
fn quoted_beside(text: &str, quote: char) -> usize {
    let end = text.bytes().take(LONGEST_BESIDE).position(|byte| char::from(byte) == quote || byte == b'\n');
    let end = match end {
        Some(end) if text[end..].starts_with(quote) => end,
        // The text was cut off.
        None if text.len() <= LONGEST_BESIDE => text.len(),
        _ => 0,
    };
    steps::count(end);
    text[..end].trim_end_matches('\\').len()
}

/// The length of a text up to its closing quote, before which as many backslashes stand as before the opening one.
fn closing_quote(text: &[u8], quote: u8, escapes: usize) -> Option<usize> {
    let mut place = 0;
    while let Some(found) = memchr::memchr(quote, &text[place..]) {
        let end = place + found;
        let backslashes = text[place..end].iter().rev().take_while(|byte| **byte == b'\\').count();
        let escaped = if escapes == 0 { backslashes % 2 == 1 } else { backslashes > escapes };
        place = end + 1;
        match text.get(place) {
            _ if escaped => {}
            // A doubled quote stands for itself.
            Some(&next) if next == quote && end > 0 => place += 1,
            // Text goes on behind the quote: it may not have been the closing one.
            Some(next) if next.is_ascii_alphanumeric() => {}
            _ => {
                steps::count(end);
                return Some(end - backslashes.min(escapes));
            }
        }
    }
    steps::count(text.len());
    None
}

/// The end of a value in brackets: of the word in which as many are closed as were opened. Brackets in quotes do not count.
fn brackets_end(text: &str, start: usize) -> usize {
    let mut open = 0_usize;
    let mut quoted = None;
    let mut before = 0;
    let end = text.bytes().skip(start).position(|byte| {
        match byte {
            b'"' if quoted == Some(before == b'\\') => quoted = None,
            b'"' if quoted.is_none() => quoted = Some(before == b'\\'),
            _ if quoted.is_some() => {}
            b'[' | b'{' | b'(' => open += 1,
            b']' | b'}' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        before = byte;
        open == 0 && quoted.is_none() && byte.is_ascii_whitespace()
    });
    steps::count(end.unwrap_or(text.len() - start));
    end.map_or(text.len(), |length| start + length)
}

/// The length of the number, `true`, `false` or `null` that a text starts with, if what may follow it in JSON does.
fn json_number(text: &str) -> usize {
    let length =
        text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
    let number = text.starts_with(|first: char| first.is_ascii_digit() || first == '-');
    let word = ["true", "false", "null", REDACTED].contains(&&text[..length]);
    if (number || word) && text[length..].starts_with([',', '}', ']']) { length } else { 0 }
}

/// The end of the value of a field, which may have blanks: before the next field, or at the end of the struct.
fn field_end(text: &str, start: usize) -> usize {
    let first = value_end(text, start);
    let mut end = first;
    while !text[start..end].ends_with(['}', ']']) {
        let rest = trim_blanks(&text[end..]);
        let word = text.len() - rest.len();
        let next = word_end(text, word);
        if next == word {
            return first;
        }
        if rest[..next - word].contains(':') {
            return end;
        }
        end = next;
    }
    end
}

/// The credentials that stand behind the name of an authentication scheme, unless that is plain prose.
pub(super) fn credentials_after(text: &str, scheme_end: usize) -> Option<(usize, usize)> {
    let (start, end) = credentials_range(text, scheme_end);
    let word = &text[start..start + word_before_blank(&text[start..])];
    let letters = word.trim_end_matches([',', '.', ';', ':', '!', '?', ')']);
    let prose = letters.len() < LONGEST_PROSE && letters.bytes().all(|byte| byte.is_ascii_lowercase());
    (start > scheme_end && !prose).then_some((start, end))
}

/// The word that stands behind the name of an authentication scheme, or the list of parameters that Digest has.
fn credentials_range(text: &str, scheme_end: usize) -> (usize, usize) {
    let rest = trim_blanks(&text[scheme_end..]);
    let start = text.len() - rest.len();
    let parameters = rest[..word_before_blank(rest)].contains("=\"");
    (start, if parameters { line_end(text, start) } else { value_end(text, start) })
}

/// Whether a word is the name of an authentication scheme.
pub(super) fn is_scheme(name: &str) -> bool {
    SCHEMES.iter().any(|scheme| name.eq_ignore_ascii_case(scheme))
}

/// The password of `user:password` behind the flag that curl and its like have for it. Two numbers are those of a user and a
/// group.
pub(super) fn password_of_user(text: &str, start: usize, name_end: usize) -> Option<(usize, usize)> {
    if !["-u", "-U", "--user", "--proxy-user", "--auth"].contains(&&text[start..name_end]) {
        return None;
    }
    let rest = &text[name_end..];
    let argument = rest.strip_prefix('=').unwrap_or(trim_blanks(rest));
    let quote = argument.chars().next().filter(|&first| matches!(first, '"' | '\''));
    let word = text.len() - argument.len() + quote.map_or(0, char::len_utf8);
    let end = match quote {
        Some(quote) => text[word..].find(quote).map_or(text.len(), |length| word + length),
        None => word_end(text, word),
    };
    steps::count(end - word);
    let (user, password) = text[word..end].split_once(':').filter(|_| argument.len() < rest.len())?;
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_none = password.is_empty() || password.starts_with("//") || number(user) && number(password);
    (!is_none).then_some((end - password.len(), end))
}

/// What private keys of other forms than PEM start with, and what their last line has.
const OTHER_PRIVATE_KEYS: [(&str, &str); 2] =
    [("---- BEGIN", "---- END"), ("PuTTY-User-Key-File", "Private-MAC")];

/// Whether a name, and what follows it, start a private key, in PEM form or in that of SSH2 or PuTTY.
pub(super) fn starts_private_key(name: &str, rest: &str) -> bool {
    name.ends_with(PRIVATE_KEY) && [" ", "+", "%20"].iter().any(|blank| rest.starts_with(blank))
        || name == "----" && rest.starts_with(" BEGIN")
        || name.starts_with("PuTTY-User-Key-File") && rest.starts_with(':')
}

/// The end of a private key.
pub(super) fn private_key_end(text: &str, start: usize) -> usize {
    let other = OTHER_PRIVATE_KEYS.iter().find(|(begin, _)| text[start..].starts_with(begin));
    let last = other.map_or(PRIVATE_KEY_END, |(_, last)| last);
    let end = text[start..].find(last).map_or(text.len(), |found| line_end(text, start + found));
    steps::count(end - start);
    end
}

/// The end of a value without quotes: of a word, and of the next one where the first only names it.
fn value_end(text: &str, start: usize) -> usize {
    let mut end = word_end(text, start);
    // A line may be joined to the next one by a backslash.
    let goes_on = |end: usize| {
        let word = &text[start..end];
        word.ends_with([':', '=']) || word.ends_with('\\') && text[end..].starts_with(['\r', '\n'])
    };
    while end < text.len() && goes_on(end) {
        let blanks = text[end..].len() - text[end..].trim_start().len();
        end = word_end(text, end + blanks);
    }
    end
}

/// The end of the name that starts at a place.
pub(super) fn name_end(text: &str, start: usize, end: usize) -> usize {
    text[start..end].find(|character| !in_name(character)).map_or(end, |length| start + length)
}

/// Whether a character separates segments besides blanks.
pub(super) fn is_mark(character: char) -> bool {
    matches!(character, '"' | '\'' | '`' | '<' | '>')
}

/// Whether a name ends with another, in any letter case.
fn ends_with(name: &str, end: &str) -> bool {
    name.len()
        .checked_sub(end.len())
        .and_then(|start| name.get(start..))
        .is_some_and(|last| last.eq_ignore_ascii_case(end))
}
