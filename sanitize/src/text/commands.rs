//! The passwords of command lines, which a short flag or the place tells, and of directives, which have no sign: rule L1.

use super::value::{last_word, trim_blanks, word_end};
use crate::credentials::is_oracle;
use crate::steps;

/// What a flag's argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Argument {
    Password,
    /// A password in the flag's own word: a next word is none.
    Joined,
    /// What follows this character, behind the name of a user.
    Behind(char),
}

/// A program that takes a password behind a short flag.
#[derive(Debug)]
struct Command {
    names: &'static [&'static str],
    flags: &'static [char],
    argument: Argument,
}

const fn command(names: &'static [&'static str], flags: &'static [char], argument: Argument) -> Command {
    Command { names, flags, argument }
}

const COMMANDS: [Command; 10] = [
    command(&["curl"], &['u', 'U'], Argument::Behind(':')),
    command(&["http", "https", "xh", "xhs"], &['a'], Argument::Behind(':')),
    command(&["smbclient", "rpcclient", "net", "winexe"], &['U'], Argument::Behind('%')),
    command(&["lftp"], &['u'], Argument::Behind(',')),
    command(
        &["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mariadb", "mariadb-dump", "mariadb-admin"],
        &['p'],
        Argument::Joined,
    ),
    command(
        &["sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "cqlsh"],
        &['p'],
        Argument::Password,
    ),
    command(&["login", "psexec", "beeline", "rabbitmqadmin"], &['p'], Argument::Password),
    command(&["redis-cli", "valkey-cli"], &['a'], Argument::Password),
    command(&["sqlcmd", "bcp", "osql", "isql", "mosquitto_pub", "mosquitto_sub"], &['P'], Argument::Password),
    command(
        &["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldapwhoami", "vsql"],
        &['w'],
        Argument::Password,
    ),
];

/// Programs behind which Oracle's `user/password` stands, and words that have it behind them where they start a line.
const LOGINS: [&str; 4] = ["sqlplus", "sqlldr", "expdp", "impdp"];
const LOGINS_OF_LINES: [&str; 4] = ["exp", "imp", "connect", "conn"];
/// Directives of files of settings whose name is that of a secret and nothing else.
const DIRECTIVES: [&str; 7] =
    ["requirepass", "masterauth", "rootpw", "bindpw", "replicationpw", "auth-pass", "tls-key-file-pass"];
/// Words before the name of a variable that its value follows.
const SETTERS: [&str; 3] = ["ENV", "setenv", "setx"];

/// The last program named before a place, looked for once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commands {
    searched: usize,
    last: Option<&'static Command>,
}

impl Commands {
    fn before(&mut self, text: &str, place: usize) -> Option<&'static Command> {
        let mut piece = &text[self.searched.min(place)..place];
        steps::count(piece.len());
        self.searched = place;
        if let Some(end) = piece.rfind(['\n', ';', '|', '&']) {
            self.last = None;
            piece = &piece[end + 1..];
        }
        for word in piece.split(|character: char| character.is_whitespace() || "\"'`[,/".contains(character))
        {
            let known = COMMANDS.iter().find(|command| command.names.contains(&word));
            self.last = known.or(self.last);
        }
        self.last
    }

    /// The password behind the flag at a place, of the program before it.
    pub(super) fn password(&mut self, text: &str, start: usize, name_end: usize) -> Option<(usize, usize)> {
        let flag = text[start..name_end].strip_prefix('-')?;
        let first = flag.chars().next().filter(char::is_ascii_alphabetic)?;
        let command = self.before(text, start)?;
        let is_last = |flag: &str| flag.chars().next_back().is_some_and(|last| command.flags.contains(&last));
        let value = if flag.len() > 1 && command.flags.contains(&first) {
            start + 2
        } else if is_last(flag) && flag.len() <= LONGEST_CLUSTER && command.argument != Argument::Joined {
            let argument = text[name_end..].trim_start_matches([' ', '\t', '"', '\'', ',']);
            text.len() - argument.len()
        } else {
            return None;
        };
        let quote = text[..value].chars().next_back().filter(|&before| matches!(before, '"' | '\''));
        let end = match quote {
            Some(quote) => text[value..].find(quote).map_or(text.len(), |length| value + length),
            None => word_end(text, value),
        };
        steps::count(end - value);
        let word = text[value..end].trim_end_matches(['"', '\'', ']', ',']);
        let password = match command.argument {
            Argument::Behind(sign) => word.split_once(sign)?.1,
            _ => word,
        };
        let end = value + word.len();
        (!password.is_empty() && !word.starts_with('-')).then_some((end - password.len(), end))
    }
}

/// So many flags may stand in one word, as in `-su`.
const LONGEST_CLUSTER: usize = 4;

/// The password that follows the word at a place without a sign or a flag.
pub(super) fn password_beside(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let name = &text[start..end];
    let is = |words: &[&str]| words.iter().any(|known| name.eq_ignore_ascii_case(known));
    let (login, directive) = (is(&LOGINS) || is(&LOGINS_OF_LINES), is(&DIRECTIVES) || name == "password");
    if !(login || directive) {
        return None;
    }
    let value = text.len() - trim_blanks(&text[end..]).len();
    let value_end = word_end(text, value);
    if value == end || value_end == value {
        return None;
    }
    if login {
        let word = &text[value..value_end];
        let may_log_in = is(&LOGINS) || starts_line(&text[..start]);
        let slash = word.find('/').filter(|_| may_log_in && is_oracle(word))?;
        return Some((value + slash + 1, value_end));
    }
    (name != "password" || is_behind_login(&text[..start])).then_some((value, value_end))
}

/// Whether a text ends with a word that sets the variable whose name comes next.
pub(super) fn sets(before: &str) -> bool {
    let before = before.strip_suffix(' ').unwrap_or_default();
    let word = SETTERS.iter().find(|word| before.ends_with(**word));
    word.is_some_and(|word| starts_line(&before[..before.len() - word.len()]))
}

/// Whether nothing but blanks stands before a place in its line or its command.
fn starts_line(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\n', ';', '|', '&'])
}

/// Whether a text ends with `login` and the name of a user, as `.netrc` has it.
fn is_behind_login(before: &str) -> bool {
    let user = trim_end(before);
    let login = trim_end(&user[..user.len() - last_word(user).len()]);
    login.len() < user.len() && last_word(login) == "login"
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches([' ', '\t', '\n'])
}
