//! Lists of literals that become one: [rule S13](crate#the-rules).

use super::group::{Group, List};
use super::keyword::Keyword;
use super::lexer::{Lexer, Previous};
use super::output::Checkpoint;

impl Lexer<'_, '_> {
    pub(super) fn open_parenthesis(&mut self) {
        let after_in = self.previous == Previous::Word && self.keyword == Some(Keyword::In);
        self.pos += 1;
        self.previous = Previous::Operator;
        let depth = self.context.open();
        self.group = match self.group {
            _ if after_in && self.options.collapse_in_lists => {
                Group::InList(List::new(self.out.checkpoint(self.pos)))
            }
            Group::BeforeRows => Group::FirstRow(depth),
            Group::AfterRow(start) => Group::Row(List::new(start)),
            Group::FirstRow(depth) => Group::FirstRow(depth),
            _ => Group::None,
        };
    }

    pub(super) fn close_parenthesis(&mut self) {
        let depth = self.context.close();
        match self.group {
            Group::InList(list) if list.items > 0 => self.collapse_list(list.start),
            Group::Row(list) if list.items > 0 => return self.leave_row_out(list.start),
            _ => {}
        }
        self.pos += 1;
        self.previous = Previous::Operand;
        self.group = match self.group {
            Group::FirstRow(outside) if outside < depth => self.group,
            Group::FirstRow(_) => Group::AfterRow(self.out.checkpoint(self.pos)),
            _ => Group::None,
        };
    }

    /// Puts one `?` in the place of the list that ends here, unless that is all it has.
    fn collapse_list(&mut self, start: Checkpoint) {
        if self.out.length(self.pos) != self.out.length_at(start) + 1 {
            self.go_back(start);
            self.out.replace(start.at, self.pos, b'?');
            self.forget_doubt_since(start);
        }
    }

    fn leave_row_out(&mut self, start: Checkpoint) {
        self.pos += 1;
        self.previous = Previous::Operand;
        self.go_back(start);
        self.out.remove(start.at, self.pos);
        self.forget_doubt_since(start);
        self.group = Group::AfterRow(self.out.checkpoint(self.pos));
    }

    /// A doubtful string that was left out with its list can only be dropped with the whole list.
    fn forget_doubt_since(&mut self, start: Checkpoint) {
        if self.doubtful.is_some_and(|doubtful| doubtful.at > start.at) {
            self.doubtful = Some(start);
        }
    }
}
