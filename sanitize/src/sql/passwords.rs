//! Secrets without quotes: [rule S10](crate#the-rules).

use core::ops::ControlFlow::Continue;

use memchr::{memchr, memmem};

use super::grammar::{Class, DoubleQuotes, Has};
use super::keyword::{Keyword, is_no_argument, is_no_setting, is_open_setting, is_scope};
use super::lexer::{Flow, Lexer, Previous};
use super::literals::is_uuid;
use super::scan;
use super::statement::{Statement, is_connect};
use super::unicode::Kind;
use crate::steps;

impl Lexer<'_, '_> {
    /// [Rule S10](crate#the-rules): the value after PASSWORD or IDENTIFIED BY. A quoted string or a placeholder is left to be read as ever.
    pub(super) fn secret(&mut self) -> Flow {
        loop {
            self.skip_blanks_and_comments()?;
            match self.text().get(self.pos) {
                Some(b'=') => self.operator(1),
                Some(b':') if self.next_is(b'=') => self.operator(2),
                Some(_) => {
                    let end = self.word_end(self.pos);
                    if !self.text()[self.pos..end].eq_ignore_ascii_case(b"values") {
                        break;
                    }
                    self.operator(end - self.pos);
                }
                None => return Continue(()),
            }
        }
        let start = self.out.checkpoint(self.pos);
        let byte = self.text()[self.pos];
        if self.starts_string(byte) {
            self.single_token(byte)?;
            if self.ends_value(self.pos) {
                return Continue(());
            }
            self.go_back(start);
        } else if b";,)".contains(&byte) {
            return Continue(());
        } else if let Some(end) = self.placeholder_end(self.pos).filter(|&end| self.ends_value(end)) {
            self.operand(end - self.pos);
            return Continue(());
        }
        self.drop_statement(start.at)
    }

    /// [Rule S10](crate#the-rules): the settings behind SET, in which a word without quotes is a string.
    pub(super) fn settings(&mut self) -> Flow {
        // SQL has names of two words behind SET elsewhere, as in ALTER.
        let mut may_be_redis = self.starts_text();
        loop {
            self.setting(may_be_redis)?;
            may_be_redis = false;
            self.skip_blanks_and_comments()?;
            if self.text().get(self.pos) != Some(&b',') {
                return Continue(());
            }
            self.operator(1);
        }
    }

    /// The value of one setting: all of it where the name is sensitive or of several parts, such as Spark's
    /// `SET spark.hadoop.fs.s3a.secret.key=…` and PostgreSQL's `SET app.user = …`, else a word.
    fn setting(&mut self, may_be_redis: bool) -> Flow {
        self.skip_blanks_and_comments()?;
        // A variable, as in `SET @@global.name = …`.
        self.pos += self.text()[self.pos..].iter().take_while(|byte| **byte == b'@').count();
        let rest = &self.text()[self.pos..];
        let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        let name = &rest[..rest.iter().take_while(in_name).count()];
        steps::count(name.len());
        let name = memmem::find(name, b"--").map_or(name, |comment| &name[..comment]);
        let is_row = |row: &[u8]| name.len() > row.len() && name[..row.len()].eq_ignore_ascii_case(row);
        let qualified = name.contains(&b'.') && !is_row(b"new.") && !is_row(b"old.");
        // A key of Redis has colons in it.
        let is_redis =
            matches!(rest[name.len()..], [b':', byte, ..] if byte != b'=' && !byte.is_ascii_whitespace());
        if is_redis {
            let in_key = |byte: &&u8| in_name(byte) || b":?*{}|@+,;".contains(byte);
            let key = rest.iter().take_while(in_key).count();
            steps::count(key);
            self.operand(key);
            // Hive has colons in names, too.
            return if rest.get(key) == Some(&b'=') { self.secret() } else { self.drop_rest_of_command() };
        }
        if name.is_empty() || is_scope(name) || name.eq_ignore_ascii_case(b"password") {
            return Continue(());
        }
        let secret = self.keys.contains(name);
        let Some((sign, value)) = self.value_of_setting(self.pos + name.len()) else {
            return if may_be_redis { self.written(name) } else { Continue(()) };
        };
        let word = &self.text()[value..self.word_end(value)];
        let starts = word.first().is_some_and(|first| !first.is_ascii_digit());
        let is_word = starts && self.ends_setting(value + word.len());
        if !(secret || qualified || is_word || self.is_one_token(value)) {
            return Continue(());
        }
        self.operand(name.len());
        self.skip_blanks_and_comments()?;
        self.operator(sign);
        if secret || qualified {
            return self.secret();
        }
        self.skip_blanks_and_comments()?;
        if !is_word {
            return self.single_token(self.text()[value]);
        }
        if is_open_setting(name, word) && Keyword::of(word) != Some(Keyword::Boolean) {
            self.operand(word.len());
        } else {
            self.literal(value, value + word.len());
        }
        Continue(())
    }

    /// Whether a value is a literal or a placeholder, behind which further settings may follow.
    fn is_one_token(&self, value: usize) -> bool {
        let byte = self.text()[value];
        match self.class(byte) {
            Class::Digit
            | Class::SingleQuote
            | Class::DoubleQuote
            | Class::Dollar
            | Class::Question
            | Class::Colon
            | Class::Dot
            | Class::Sign => true,
            Class::NonAscii => matches!(Kind::at(self.text(), value).0, Kind::Quote | Kind::Digit),
            Class::Word => {
                self.string_after_word(value, self.word_end(value)).is_some()
                    || is_uuid(&self.text()[value..])
            }
            _ => false,
        }
    }

    /// The value behind a name without a sign: one of Redis, unless SQL has such values there.
    fn written(&mut self, name: &[u8]) -> Flow {
        let Some(value) = self.after_blanks_and_comments(self.pos + name.len()) else {
            return Continue(());
        };
        let word = &self.text()[value..self.word_end(value)];
        if value == self.pos + name.len()
            || word.is_empty() && &self.text()[value..] != b"?"
            || is_no_setting(name)
            || is_open_setting(name, word)
        {
            return Continue(());
        }
        self.operand(name.len());
        self.skip_blanks_and_comments()?;
        self.drop_rest(self.pos)
    }

    /// How long the sign behind the name of a setting is, `=`, `:=` or TO, and where the value behind it starts.
    fn value_of_setting(&self, name_end: usize) -> Option<(usize, usize)> {
        let place = self.after_blanks_and_comments(name_end)?;
        let length = match &self.text()[place..] {
            [b'=', ..] => 1,
            [b':', b'=', ..] => 2,
            [b't' | b'T', b'o' | b'O', ..] if self.word_end(place) == place + 2 => 2,
            _ => return None,
        };
        Some((length, self.after_blanks_and_comments(place + length)?))
    }

    /// Whether a value ends at a place, and no operator goes on with it.
    fn ends_setting(&self, end: usize) -> bool {
        self.after_blanks_and_comments(end).is_none_or(|next| b",;".contains(&self.text()[next]))
    }

    /// [Rule S10](crate#the-rules): the last word, which is an argument of EXECUTE and so a string without quotes.
    pub(super) fn argument(&mut self) -> Flow {
        if !self.grammar.bare_arguments || is_no_argument(self.word) {
            return Continue(());
        }
        let start = self.pos - self.word.len();
        let rest = &self.text()[self.pos..];
        let length =
            rest.iter().take_while(|byte| !byte.is_ascii_whitespace() && !b",;'\"".contains(byte)).count();
        steps::count(length);
        // The name of an argument has a sign behind it.
        if !self.text()[..start].ends_with(b"@") {
            self.literal(start, self.pos + length);
        }
        Continue(())
    }

    /// [Rule S10](crate#the-rules): what is kept secret by CREATE SECRET, behind its name.
    pub(super) fn stored_secret(&mut self) -> Flow {
        loop {
            self.skip_blanks_and_comments()?;
            let end = self.word_end(self.pos);
            let word = &self.text()[self.pos..end];
            let is = |known: &[&str]| known.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes()));
            if word.is_empty() || is(&["as", "type", "with", "in"]) {
                break;
            }
            let goes_on = is(&["if", "not", "exists"]);
            self.operand(word.len());
            if !goes_on {
                self.skip_blanks_and_comments()?;
                break;
            }
        }
        match self.text().get(self.pos) {
            None | Some(b';') => Continue(()),
            Some(_) => self.drop_statement(self.pos),
        }
    }

    /// [Rule S10](crate#the-rules): whether the last word is AUTH, with which a command of Redis starts that tells a password.
    pub(super) fn starts_redis_password(&self) -> bool {
        self.word.eq_ignore_ascii_case(b"auth")
    }

    /// Whether the last word is the first one of the text.
    pub(super) fn starts_text(&self) -> bool {
        self.start == Some(self.pos - self.word.len())
    }

    /// [Rule S10](crate#the-rules): what a command of Redis writes, behind the name of the key.
    pub(super) fn written_to_redis(&mut self) -> Flow {
        self.skip_blanks_and_comments()?;
        if !self.word.eq_ignore_ascii_case(b"eval") {
            let rest = &self.text()[self.pos..];
            let key = rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
            steps::count(key);
            self.operand(key);
        }
        self.drop_rest_of_command()
    }

    /// [Rule S10](crate#the-rules): a further word of a command of Redis that may hold a password.
    pub(super) fn redis_argument(&mut self) -> Flow {
        let is = |known: &[u8]| self.word.eq_ignore_ascii_case(known);
        if is(b"auth") || is(b"auth2") {
            return self.drop_rest_of_command();
        }
        if is(b"set") || is(b"setuser") {
            self.skip_blanks_and_comments()?;
            let rest = &self.text()[self.pos..];
            let name = rest.iter().take_while(|byte| !byte.is_ascii_whitespace()).count();
            steps::count(name);
            self.operand(name);
            return self.drop_rest_of_command();
        }
        Continue(())
    }

    /// Replaces the rest of a command, if there is one. Redis has no comments: what looks like one is part of it.
    pub(super) fn drop_rest_of_command(&mut self) -> Flow {
        match self.text()[self.pos..].iter().position(|&byte| self.class(byte) != Class::Blank) {
            Some(blanks) => self.drop_rest(self.pos + blanks),
            None => Continue(()),
        }
    }

    /// [Rule S10](crate#the-rules): what follows the `/` behind the name of a user.
    pub(super) fn slash(&mut self) -> Flow {
        let user = match self.previous {
            Previous::Operator => false,
            Previous::Word => !is_connect(self.word),
            _ => true,
        };
        self.operator(1);
        if !user || self.context.statement != Statement::Connect {
            return Continue(());
        }
        self.skip_blanks_and_comments()?;
        match self.text().get(self.pos) {
            None | Some(b';') => Continue(()),
            Some(_) => self.drop_statement(self.pos),
        }
    }

    /// Whether a quoted string starts here, which is no password without quotes.
    fn starts_string(&self, byte: u8) -> bool {
        match self.class(byte) {
            Class::SingleQuote => true,
            Class::DoubleQuote => self.grammar.double_quotes == DoubleQuotes::String,
            Class::NonAscii => Kind::at(self.text(), self.pos).0 == Kind::Quote,
            Class::Word => {
                self.string_after_word(self.pos, self.word_end(self.pos)).is_some_and(|quoted| quoted.single)
            }
            _ => false,
        }
    }

    /// Whether nothing at a place belongs to the value before it.
    pub(super) fn ends_value(&self, place: usize) -> bool {
        self.text().get(place).is_none_or(|&byte| self.class(byte) == Class::Blank || b",;)".contains(&byte))
    }

    /// The end of a placeholder ([rule S5](crate#the-rules)) that starts here.
    fn placeholder_end(&self, start: usize) -> Option<usize> {
        let text = self.text();
        let word_after = |place: usize| {
            let starts = text.get(place).is_some_and(|&byte| self.class(byte) == Class::Word);
            starts.then(|| self.word_end(place))
        };
        match (text[start], text.get(start + 1)) {
            (b'?' | b'$' | b':', Some(b'0'..=b'9')) => self.placeholder_number_end(start + 1),
            (b'?', _) => Some(start + 1),
            (b':', Some(_)) => word_after(start + 1),
            (b'%', Some(b's')) => Some(start + 2),
            (b'%', Some(b'(')) => {
                word_after(start + 2).filter(|&end| text[end..].starts_with(b")s")).map(|end| end + 2)
            }
            (b'{', Some(_)) => {
                let colon = word_after(start + 1).filter(|&end| text.get(end) == Some(&b':'))?;
                word_after(colon + 1).filter(|&end| text.get(end) == Some(&b'}')).map(|end| end + 1)
            }
            _ => None,
        }
    }

    /// Replaces the rest of a statement by `?`. The next one is read only if nothing in this one could hide its start.
    pub(super) fn drop_statement(&mut self, start: usize) -> Flow {
        let text = self.text();
        let mut from = start;
        if text.get(start) == Some(&b'"') {
            match scan::quoted(text, start + 1, b'"', Has::Unsure) {
                scan::Quoted { end: Some(end), doubtful: false } => from = end,
                _ => return self.drop_rest(start),
            }
        }
        let Some(length) = memchr(b';', &text[from..]) else { return self.drop_rest(start) };
        steps::count(length);
        let end = from + length;
        if text[from..end].iter().any(|byte| !byte.is_ascii() || b"'\"`\\#$/-[".contains(byte)) {
            return self.drop_rest(start);
        }
        self.literal(start, end);
        Continue(())
    }
}
