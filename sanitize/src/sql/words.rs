//! What the words of a statement say of what follows them: [rules S6 and S11](crate#the-rules), and where [rule S10](crate#the-rules) begins.

use core::ops::ControlFlow::Continue;

use memchr::memchr3;

use super::group::Group;
use super::keyword::{
    Keyword, has_password, is_no_procedure, is_system_procedure, names_authentication, names_login_secret,
    names_pragma_secret, names_stored_secret, precedes_operand, writes_to_redis,
};
use super::lexer::{Flow, Lexer, Previous};
use super::statement::{Statement, statement_after};

impl Lexer<'_, '_> {
    /// Takes note of a bare word that was read, and reads what it announces. `after` is what stands before it.
    pub(super) fn note_word(&mut self, keyword: Option<Keyword>, after: Previous, after_word: bool) -> Flow {
        let context = &mut self.context;
        let before = if after_word { context.trail } else { [None; 3] };
        context.trail = [keyword, before[0], before[1]];
        if matches!(context.statement, Statement::Start | Statement::Create | Statement::Set | Statement::If)
        {
            let was = context.statement;
            context.statement = statement_after(was, self.word, keyword);
            if was == Statement::Create && self.word.eq_ignore_ascii_case(b"secret") {
                return self.stored_secret();
            }
            if was == Statement::Start && self.context.statement == Statement::Command {
                return self.note_command();
            }
        }
        let statement = self.context.statement;
        match keyword {
            Some(Keyword::Block) => self.context.statement = Statement::Start,
            Some(Keyword::Create) if statement != Statement::Definition || self.account_follows() => {
                self.context.statement = Statement::Create;
            }
            Some(Keyword::Execute) => self.context.statement = Statement::Execute,
            Some(Keyword::Select | Keyword::Delete) => self.context.selects |= 1,
            Some(Keyword::From) => {
                self.context.from_table = self.context.selects & 1 != 0 && !self.context.compares();
            }
            Some(Keyword::Values) if self.options.collapse_values_rows => self.group = Group::BeforeRows,
            Some(Keyword::Identified) => self.context.identified = true,
            Some(Keyword::By)
                if before[0] == Some(Keyword::Identified)
                    || self.context.identified
                        && matches!(statement, Statement::Secret | Statement::Create) =>
            {
                return self.secret();
            }
            Some(Keyword::Password) if matches!(statement, Statement::Secret | Statement::Connect) => {
                return self.secret();
            }
            Some(Keyword::Password) if statement == Statement::Command && self.is_assigned() => {
                return self.secret();
            }
            Some(Keyword::Stdin) if statement == Statement::Copy && before[0] == Some(Keyword::From) => {
                self.inline_data();
            }
            Some(Keyword::Format) if statement == Statement::Insert && self.grammar.inline_formats => {
                return self.format();
            }
            // In queries, names are those of columns.
            None if statement != Statement::Other => {
                return self.note_name(statement, after, before[0] == Some(Keyword::Execute));
            }
            _ => {}
        }
        Continue(())
    }

    /// Takes note of the first word of what is no statement of standard SQL.
    #[cold]
    fn note_command(&mut self) -> Flow {
        if self.grammar.bare_arguments && is_system_procedure(self.word) {
            self.context.statement = Statement::Arguments;
        } else if self.starts_text() {
            if writes_to_redis(self.word) {
                return self.written_to_redis();
            }
            if self.starts_redis_password() {
                return self.drop_rest_of_command();
            }
        }
        Continue(())
    }

    /// Whether what CREATE or ALTER is about next is no part of a table, but has a password of its own.
    #[cold]
    fn account_follows(&self) -> bool {
        let Some(start) = self.after_blanks_and_comments(self.pos) else { return false };
        has_password(&self.text()[start..self.word_end(start)])
    }

    /// Whether `=` follows the last word.
    #[cold]
    fn is_assigned(&self) -> bool {
        self.after_blanks_and_comments(self.pos).is_some_and(|next| self.text()[next] == b'=')
    }

    /// Takes note of a bare word that is no keyword.
    fn note_name(&mut self, statement: Statement, after: Previous, after_execute: bool) -> Flow {
        match statement {
            Statement::Connect if names_login_secret(self.word) => self.secret(),
            Statement::Secret if self.word.eq_ignore_ascii_case(b"secret") => self.secret(),
            Statement::Secret if self.word.eq_ignore_ascii_case(b"set") => self.settings(),
            Statement::Secret if self.context.identified && names_authentication(self.word) => self.secret(),
            Statement::Secret | Statement::Connect | Statement::Copy | Statement::Command
                if names_stored_secret(self.word) || self.is_assigned() && self.keys.contains(self.word) =>
            {
                self.secret()
            }
            Statement::Pragma if names_pragma_secret(self.word) => self.secret(),
            Statement::Set => self.settings(),
            Statement::Redis => self.redis_argument(),
            Statement::Execute if is_no_procedure(self.word) => {
                self.context.statement = Statement::Other;
                Continue(())
            }
            Statement::Execute => {
                self.context.statement = Statement::Arguments;
                if after_execute || after == Previous::Operator { Continue(()) } else { self.argument() }
            }
            Statement::Arguments => self.argument(),
            _ => Continue(()),
        }
    }

    /// Takes note of a word next to a dot, where that matters.
    #[inline]
    pub(super) fn note_qualified(&mut self, start: usize, after: Previous) -> Flow {
        match self.context.statement {
            Statement::Pragma | Statement::Execute | Statement::Arguments => self.qualified(start, after),
            _ => Continue(()),
        }
    }

    #[cold]
    fn qualified(&mut self, start: usize, after: Previous) -> Flow {
        let word = &self.text()[start..self.pos];
        match self.context.statement {
            Statement::Pragma if names_pragma_secret(word) && self.text().get(self.pos) != Some(&b'.') => {
                self.secret()
            }
            // The last part of the name of a procedure.
            Statement::Execute if after == Previous::Dot || self.text()[..start].ends_with(b".") => {
                if self.after_blanks_and_comments(self.pos).is_none_or(|next| self.text()[next] != b'.') {
                    self.context.statement = Statement::Arguments;
                }
                Continue(())
            }
            Statement::Arguments if after != Previous::Dot && !self.text()[..start].ends_with(b".") => {
                self.word = word;
                self.argument()
            }
            _ => Continue(()),
        }
    }

    /// [Rule S6](crate#the-rules): whether a double-quoted text right here is the name of a table.
    pub(super) fn table_follows(&self) -> bool {
        self.previous == Previous::Word
            && match self.keyword {
                Some(Keyword::Target) => true,
                Some(Keyword::From) => self.context.from_table,
                _ => false,
            }
    }

    /// [Rule S11](crate#the-rules): data follows the end of the statement or of the line.
    fn inline_data(&mut self) {
        if let Some(length) = memchr3(b';', b'\n', b'\r', &self.text()[self.pos..]) {
            let end = self.pos + length;
            self.stop_at(end + usize::from(self.text()[end] == b';'));
        }
    }

    /// [Rule S11](crate#the-rules): data follows the name of the format.
    fn format(&mut self) -> Flow {
        self.skip_blanks_and_comments()?;
        let end = self.word_end(self.pos);
        let name = &self.text()[self.pos..end];
        if end > self.pos && (name.eq_ignore_ascii_case(b"values") || !precedes_operand(name)) {
            self.stop_at(end);
        }
        Continue(())
    }
}
