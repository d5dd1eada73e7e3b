//! A JSON object, member by member: as much of JSON as a log needs. RFC 8259.
//!
//! No panic, no recursion, and no memory but for texts with escapes, whatever the input.

use std::borrow::Cow;

/// The value of a member.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Member<'a> {
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// An object, as it stands there: its inside may be anything.
    Object(&'a str),
    /// A list, likewise.
    List(&'a str),
}

/// Hands over the members of an object in their order. None where the text is no object.
pub(super) fn members<'a>(
    text: &'a str,
    mut take: impl FnMut(Cow<'a, str>, Member<'a>) -> Option<()>,
) -> Option<()> {
    let mut rest = Rest(text);
    rest.blanks();
    rest.sign('{')?;
    rest.blanks();
    if rest.sign('}').is_none() {
        loop {
            let key = rest.string()?;
            rest.blanks();
            rest.sign(':')?;
            rest.blanks();
            let value = rest.value()?;
            take(key, value)?;
            rest.blanks();
            if rest.sign(',').is_none() {
                break;
            }
            rest.blanks();
        }
        rest.sign('}')?;
    }
    rest.blanks();
    rest.0.is_empty().then_some(())
}

/// The same object or list, with those characters escaped only that must be. None where a text in it is none.
pub(super) fn with_least_escapes(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(text.into());
    }
    let (mut rest, mut out) = (Rest(text), String::with_capacity(text.len()));
    while let Some(place) = rest.0.find('"') {
        out.push_str(rest.take(place)?);
        out.push('"');
        rest.string()?.chars().for_each(|character| match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..' ' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        });
        out.push('"');
    }
    out.push_str(rest.0);
    Some(out.into())
}

struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn blanks(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn sign(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.strip_prefix(sign)?;
        Some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a str> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn value(&mut self) -> Option<Member<'a>> {
        match self.0.as_bytes().first()? {
            b'"' => self.string().map(Member::Text),
            b'{' => self.nested().map(Member::Object),
            b'[' => self.nested().map(Member::List),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Option<Member<'a>> {
        let length = self.0.find([',', '}', ']', ' ', '\t', '\n', '\r']).unwrap_or(self.0.len());
        match self.take(length)? {
            "null" => Some(Member::Null),
            "true" => Some(Member::Boolean(true)),
            "false" => Some(Member::Boolean(false)),
            number => number_of(number),
        }
    }

    /// What is between brackets, with them. Only that they are balanced is looked at.
    fn nested(&mut self) -> Option<&'a str> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        for (place, byte) in self.0.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return self.take(place + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.sign('"')?;
        let end = self.0.find(['"', '\\'])?;
        let plain = self.take(end)?;
        if self.sign('"').is_some() {
            return Some(plain.into());
        }
        let mut text = plain.to_owned();
        while self.sign('"').is_none() {
            self.sign('\\')?;
            text.push(self.escaped()?);
            let end = self.0.find(['"', '\\'])?;
            text.push_str(self.take(end)?);
        }
        Some(text.into())
    }

    /// What stands for a character behind a backslash.
    fn escaped(&mut self) -> Option<char> {
        Some(match self.take(1)? {
            "b" => '\u{8}',
            "f" => '\u{c}',
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "u" => return self.unicode(),
            sign @ ("\"" | "\\" | "/") => sign.chars().next()?,
            _ => return None,
        })
    }

    /// A half of a pair that has no other half is no character.
    fn unicode(&mut self) -> Option<char> {
        let high = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let before = self.0;
        let low = self.sign('\\').and_then(|()| self.sign('u')).and_then(|()| self.hexadecimal());
        match low.filter(|low| (0xdc00..0xe000).contains(low)) {
            Some(low) => char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)),
            None => {
                self.0 = before;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        let digits = self.take(4)?;
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| are_digits)
    }
}

fn number_of(text: &str) -> Option<Member<'static>> {
    let begins_like_one = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let is_one = begins_like_one && text.ends_with(|last: char| last.is_ascii_digit());
    if let Some(number) = text.parse().ok().filter(|_| is_one) {
        return Some(Member::Integer(number));
    }
    let number = text.parse::<f64>().ok().filter(|number| is_one && number.is_finite())?;
    Some(Member::Float(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(String, Member<'_>)>> {
        let mut found = Vec::new();
        members(text, |key, value| {
            found.push((key.into_owned(), value));
            Some(())
        })?;
        Some(found)
    }

    fn value(text: &str) -> Option<Member<'static>> {
        let object = format!("{{\"key\":{text}}}");
        let found = read(&object)?;
        Some(match found.into_iter().next()?.1 {
            Member::Text(text) => Member::Text(text.into_owned().into()),
            Member::Integer(number) => Member::Integer(number),
            Member::Float(number) => Member::Float(number),
            Member::Boolean(yes) => Member::Boolean(yes),
            _ => Member::Null,
        })
    }

    #[test]
    fn members_come_in_their_order() {
        let found = read(" { \"a\" : 1 , \"b\":{\"c\":[\"}\\\"\"]},\"d\":[ {} ] } ").expect("an object");
        assert_eq!(
            found,
            [
                ("a".to_owned(), Member::Integer(1)),
                ("b".to_owned(), Member::Object("{\"c\":[\"}\\\"\"]}")),
                ("d".to_owned(), Member::List("[ {} ]")),
            ]
        );
        assert_eq!(read("{}"), Some(Vec::new()));
    }

    #[test]
    fn values() {
        let text = |text: &str| Some(Member::Text(text.to_owned().into()));
        assert_eq!(value(r#""""#), text(""));
        assert_eq!(value(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00x""#), text("\"\\/\u{8}\u{c}\n\r\té😀x"));
        assert_eq!(value(r#""\ud83dx\ude00""#), text("\u{fffd}x\u{fffd}"));
        assert_eq!(value("-7"), Some(Member::Integer(-7)));
        assert_eq!(value("9223372036854775808"), Some(Member::Float(9_223_372_036_854_775_808.0)));
        assert_eq!(value("1.5e3"), Some(Member::Float(1500.0)));
        assert_eq!(value("true"), Some(Member::Boolean(true)));
        assert_eq!(value("null"), Some(Member::Null));
    }

    #[test]
    fn escapes_that_are_needed_stay() {
        let least = |text: &'static str| with_least_escapes(text).map(Cow::into_owned);
        let same = Some(r#"{"a b":["\"\\",1,{}],"c":"\n\r\t\u0001é"}"#.to_owned());
        assert_eq!(least(r#"{"a b":["\"\\",1,{}],"c":"\n\r\t\u0001é"}"#), same);
        assert_eq!(least(r#"["\u0061\u0026\/\u0022\ud83d\ude00"]"#), Some(r#"["a&/\"😀"]"#.to_owned()));
        assert_eq!(least(r#"["\x"]"#), None);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for text in [
            "",
            "{",
            "}",
            "[]",
            "7",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1",
            "{\"a\":1}x",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":\"b}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":\"\\u+123\"}",
            "{\"a\":tru}",
            "{\"a\":NaN}",
            "{\"a\":inf}",
            "{\"a\":1e999}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":{}",
            "{\"a\":\"\\é\"}",
            "{\"a\":]}",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"{\"a\":".repeat(100_000)), None);
    }
}
