//! What the words of a statement say of what follows them: rules S6, S10 and S11.

use core::ops::ControlFlow::Continue;

use memchr::{memchr, memchr3};

use super::grammar::{Class, DoubleQuotes, Has};
use super::keyword::{
    Keyword, holds_names, is_modifier, is_scope, names_login_secret, names_pragma_secret, precedes_operand,
    starts_secret_statement,
};
use super::lexer::{Flow, Lexer, Previous};
use super::scan;
use super::unicode::Kind;
use crate::{SensitiveKeys, steps};

/// The kind of the statement that is being read, as far as a rule asks for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Statement {
    /// Its first word is still to come.
    #[default]
    Start,
    /// CREATE or ALTER, of which the kind of object is still to come.
    Create,
    /// PASSWORD names a secret in it.
    Secret,
    /// CONNECT and ATTACH: `name/password`, USING and KEY name secrets too.
    Connect,
    /// SET, of which the name of what is set is still to come.
    Set,
    Pragma,
    Copy,
    Insert,
    Other,
}

/// What is known of the statement so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context {
    statement: Statement,
    /// IDENTIFIED was read.
    identified: bool,
    depth: usize,
    /// One bit for each of the innermost 64 levels of parentheses: SELECT or DELETE was read there. Levels further out are
    /// forgotten, and with them that a table follows, which masks more.
    selects: u64,
    /// The meaning of the last three words, as long as only blanks and comments stand between them.
    trail: [Option<Keyword>; 3],
    /// The last word is a FROM after which a table follows.
    from_table: bool,
}

impl Context {
    /// Enters a parenthesis and gives the depth outside it.
    pub(super) fn open(&mut self) -> usize {
        self.selects <<= 1;
        self.depth += 1;
        self.depth - 1
    }

    /// Leaves a parenthesis and gives the depth outside it.
    pub(super) fn close(&mut self) -> usize {
        self.selects >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.depth
    }

    /// Whether the last words compare, as in `IS NOT DISTINCT FROM`.
    fn compares(&self) -> bool {
        use Keyword::{Distinct, From, Is, Not};
        matches!(self.trail, [Some(From), Some(Distinct), Some(Is | Not)])
    }
}

impl Lexer<'_> {
    /// Takes note of a bare word that was read, and reads what it announces.
    pub(super) fn note_word(&mut self, keyword: Option<Keyword>, after_word: bool) -> Flow {
        let context = &mut self.context;
        let before = if after_word { context.trail } else { [None; 3] };
        context.trail = [keyword, before[0], before[1]];
        if matches!(context.statement, Statement::Start | Statement::Create | Statement::Set) {
            context.statement = statement_after(context.statement, self.word, keyword);
        }
        let statement = context.statement;
        match keyword {
            Some(Keyword::Block) => context.statement = Statement::Start,
            Some(Keyword::Select | Keyword::Delete) => context.selects |= 1,
            Some(Keyword::From) => context.from_table = context.selects & 1 != 0 && !context.compares(),
            Some(Keyword::Values) if self.options.collapse_values_rows => {
                self.group = super::collapse::Group::BeforeRows;
            }
            Some(Keyword::Identified) => context.identified = true,
            Some(Keyword::By)
                if before[0] == Some(Keyword::Identified)
                    || context.identified && matches!(statement, Statement::Secret | Statement::Create) =>
            {
                return self.secret();
            }
            Some(Keyword::Password) if matches!(statement, Statement::Secret | Statement::Connect) => {
                return self.secret();
            }
            Some(Keyword::Stdin) if statement == Statement::Copy && before[0] == Some(Keyword::From) => {
                self.inline_data();
            }
            Some(Keyword::Format) if statement == Statement::Insert && self.grammar.inline_formats => {
                return self.format();
            }
            None if statement == Statement::Connect && names_login_secret(self.word) => return self.secret(),
            None if statement == Statement::Pragma && names_pragma_secret(self.word) => return self.secret(),
            None if statement == Statement::Set => return self.setting(),
            _ => {}
        }
        Continue(())
    }

    /// Rule S6: whether a double-quoted text right here is the name of a table.
    pub(super) fn table_follows(&self) -> bool {
        self.previous == Previous::Word
            && match self.keyword {
                Some(Keyword::Target) => true,
                Some(Keyword::From) => self.context.from_table,
                _ => false,
            }
    }

    /// Rule S10: the value after PASSWORD or IDENTIFIED BY. A quoted string or a placeholder is left to be read as ever.
    fn secret(&mut self) -> Flow {
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

    /// Rule S10: the value of a setting with a name of several parts that is sensitive, such as Spark's
    /// `SET spark.hadoop.fs.s3a.secret.key=…`, which has no quotes.
    fn setting(&mut self) -> Flow {
        self.skip_blanks_and_comments()?;
        let rest = &self.text()[self.pos..];
        let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
        let name = &rest[..rest.iter().take_while(in_name).count()];
        steps::count(name.len());
        if !name.contains(&b'.') || !SensitiveKeys::default().contains(name) {
            return Continue(());
        }
        self.operand(name.len());
        self.secret()
    }

    /// Rule S10: what follows the `/` behind the name of a user.
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

    /// The end of a placeholder (rule S5) that starts here.
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

    /// Rule S11: data follows the end of the statement or of the line.
    fn inline_data(&mut self) {
        if let Some(length) = memchr3(b';', b'\n', b'\r', &self.text()[self.pos..]) {
            let end = self.pos + length;
            self.stop_at(end + usize::from(self.text()[end] == b';'));
        }
    }

    /// Rule S11: data follows the name of the format.
    fn format(&mut self) -> Flow {
        self.skip_blanks_and_comments()?;
        let end = self.word_end(self.pos);
        let name = &self.text()[self.pos..end];
        if end > self.pos && (name.eq_ignore_ascii_case(b"values") || !precedes_operand(name)) {
            self.stop_at(end);
        }
        Continue(())
    }

    fn skip_blanks_and_comments(&mut self) -> Flow {
        while let Some(&byte) = self.text().get(self.pos) {
            match self.class(byte) {
                Class::Blank => self.pos += 1,
                Class::NonAscii => match Kind::at(self.text(), self.pos) {
                    (Kind::Blank, length) => self.pos += length,
                    _ => break,
                },
                Class::Slash | Class::Hash | Class::Sign => {
                    if !self.comment()? {
                        break;
                    }
                }
                _ => break,
            }
        }
        Continue(())
    }
}

/// The kind of a statement after one more of its words.
fn statement_after(statement: Statement, word: &[u8], keyword: Option<Keyword>) -> Statement {
    if statement == Statement::Create {
        return match () {
            () if is_modifier(word) => Statement::Create,
            () if holds_names(word) => Statement::Other,
            () => Statement::Secret,
        };
    }
    if statement == Statement::Set {
        return if is_scope(word) { Statement::Set } else { Statement::Secret };
    }
    let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    match keyword {
        Some(Keyword::Copy) => Statement::Copy,
        Some(Keyword::Insert) => Statement::Insert,
        _ if is("create") || is("alter") => Statement::Create,
        _ if is_connect(word) || is("attach") => Statement::Connect,
        _ if is("set") => Statement::Set,
        _ if is("pragma") => Statement::Pragma,
        _ if starts_secret_statement(word) => Statement::Secret,
        _ => Statement::Other,
    }
}

/// Whether a word starts a CONNECT statement, also as SQL*Plus abbreviates it.
fn is_connect(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"connect") || word.eq_ignore_ascii_case(b"conn")
}
