//! The passwords of command lines, which a short flag or the place tells, and of directives, which have no sign: [rule L1](crate#the-rules).

use super::ends::{trim_blanks, word_end};
use super::value::last_word;
use crate::credentials::{ends_login, is_oracle};
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
        &[
            "mysql",
            "mysqldump",
            "mysqladmin",
            "mysqlimport",
            "mariadb",
            "mariadb-dump",
            "mariadb-admin",
            "7z",
            "7za",
            "7zz",
            "rar",
            "unrar",
        ],
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
const SETTERS: [&str; 4] = ["ENV", "ARG", "setenv", "setx"];

/// The last program named before a place, looked for once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commands {
    searched: usize,
    last: Option<Named>,
}

/// A program that is named in a text.
#[derive(Clone, Copy, Debug)]
struct Named {
    command: &'static Command,
    /// Whether the command starts with it, so that nothing else has the flags behind it.
    starts: bool,
}

/// Programs whose `login` has a password behind `-p`.
const LOGINS_OF_PROGRAMS: [&str; 11] =
    ["docker", "podman", "nerdctl", "buildah", "skopeo", "registry", "acr", "oc", "auth", "oras", "cf"];
/// The first words of long flags with one dash that look like `p` and a password of small letters.
const LONG_FLAGS: [&str; 25] = [
    "port",
    "path",
    "parallel",
    "parents",
    "partition",
    "preserve",
    "print",
    "profile",
    "protocol",
    "pid",
    "plugin",
    "prefix",
    "progress",
    "proxy",
    "prompt",
    "pager",
    "pool",
    "project",
    "public",
    "publish",
    "purge",
    "ping",
    "period",
    "peer",
    "persist",
];

impl Commands {
    fn before(&mut self, text: &str, place: usize) -> Option<Named> {
        let mut start = self.searched.min(place);
        steps::count(place - start);
        self.searched = place;
        if let Some(end) = text[start..place].rfind(['\n', ';', '|', '&']) {
            self.last = None;
            start += end + 1;
        }
        let separates = |character: char| character.is_whitespace() || "\"'`[,/\\=(".contains(character);
        for piece in text[start..place].split_inclusive(separates) {
            let word = piece.trim_end_matches(separates);
            if let Some(command) = Command::of(word, &text[..start]) {
                self.last = Some(Named { command, starts: starts_command(&text[..start]) });
            }
            start += piece.len();
        }
        self.last
    }

    /// The password behind the flag at a place, of the program before it.
    pub(super) fn password(&mut self, text: &str, start: usize, name_end: usize) -> Option<(usize, usize)> {
        let flag = text[start..name_end].strip_prefix('-')?;
        let first = flag.chars().next().filter(char::is_ascii_alphabetic)?;
        let Named { command, starts } = self.before(text, start)?;
        if command.has_long_flag(flag) {
            return None;
        }
        let is_last = |flag: &str| flag.chars().next_back().is_some_and(|last| command.flags.contains(&last));
        let quoted = text[start + 2..].starts_with(['"', '\'']);
        let value = if (flag.len() > 1 || quoted && command.argument == Argument::Joined)
            && command.flags.contains(&first)
        {
            start + 2 + usize::from(quoted)
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
            Argument::Behind(sign) => {
                let (user, password) = word.split_once(sign)?;
                // The value of a flag with a name of its own, the port of a host, and a group.
                let is_port = is_port(password) && (!starts || command.flags == ['a'] || is_number(user));
                (!user.contains('=') && !is_port).then_some(password)?
            }
            // Ports, where another program has the flag.
            _ if !starts && word.split(':').all(is_port) => return None,
            _ => word,
        };
        let end = value + word.len();
        (!password.is_empty() && !word.starts_with('-')).then_some((end - password.len(), end))
    }
}

impl Command {
    /// The program that a word behind a text names.
    fn of(word: &str, before: &str) -> Option<&'static Self> {
        let name = match word.len().checked_sub(4).and_then(|end| word.split_at_checked(end)) {
            Some((name, end)) if end.eq_ignore_ascii_case(".exe") => name,
            _ => word,
        };
        let is_name = |known: &&str| name.eq_ignore_ascii_case(known);
        let command = COMMANDS.iter().find(|command| command.names.iter().any(is_name))?;
        let is_login = name.eq_ignore_ascii_case("login");
        (!is_login || LOGINS_OF_PROGRAMS.contains(&last_word(trim_end(before)))).then_some(command)
    }

    /// Whether a flag is a word with one dash, as the flags of Go's and Java's programs are, and no short flag with its value.
    fn has_long_flag(&self, flag: &str) -> bool {
        let is_word = flag.len() > 3 && flag.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        is_word
            && match self.argument {
                Argument::Behind(_) => false,
                // A short flag and its password may be written as one.
                _ if self.flags != ['a'] && flag.starts_with(self.flags) => LONG_FLAGS.iter().any(|known| {
                    flag.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                }),
                _ => true,
            }
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a number may be that of a port.
fn is_port(text: &str) -> bool {
    is_number(text) && text.len() <= "65535".len()
}

/// So many flags may stand in one word, as in `-fsSLu`.
const LONGEST_CLUSTER: usize = 6;

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
        let may_log_in =
            is(&LOGINS) || starts_line(&text[..start]) && ends_login(word, &text.as_bytes()[value_end..]);
        let slash = word.find('/').filter(|_| may_log_in && is_oracle(word))?;
        return Some((value + slash + 1, value_end));
    }
    (name != "password" || is_behind_login(&text[..start])).then_some((value, value_end))
}

/// Whether a text ends with a word that sets the variable whose name comes next.
pub(super) fn sets(before: &str) -> bool {
    let before = before.strip_suffix(' ').unwrap_or_default();
    let word = SETTERS.iter().find(|word| before.ends_with(**word));
    word.is_some_and(|word| {
        let before = &before[..before.len() - word.len()];
        starts_line(before) || before.strip_suffix(": ").is_some_and(is_step)
    })
}

/// Whether a text ends with the number of a step, as in `STEP 3/5`, which Docker tells before what the step does.
fn is_step(text: &str) -> bool {
    let number = text.trim_end().rsplit(' ').next().and_then(|number| number.split_once('/'));
    number.is_some_and(|(step, steps)| is_number(step) && is_number(steps))
}

/// Whether nothing but blanks stands before a place in its line or its command.
fn starts_line(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with(['\n', ';', '|', '&'])
}

/// Whether a program at the end of a text starts a command: of a line, of a quoted text, or behind `sudo` and the like.
fn starts_command(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t', '"', '\'', '[', '(', '`']);
    starts_line(before) || ["sudo", "exec"].contains(&last_word(before))
}

/// Whether a text ends with `login` and the name of a user, or the like, as `.netrc` has it.
fn is_behind_login(before: &str) -> bool {
    let user = trim_end(before);
    let login = trim_end(&user[..user.len() - last_word(user).len()]);
    login.len() < user.len() && ["login", "account", "machine"].contains(&last_word(login))
}

fn trim_end(text: &str) -> &str {
    text.trim_end_matches([' ', '\t', '\n'])
}
