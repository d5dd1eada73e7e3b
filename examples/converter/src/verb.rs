//! Words that stand where a verb does and are none.

use std::{env, path::Path, process::ExitCode};

use clap::CommandFactory;

use crate::{cli::Cli, report};

/// A word that is neither a verb nor a file.
pub(crate) struct Mistyped {
    word: String,
    /// The verb that it resembles.
    likely: Option<String>,
}

/// How much of a verb a word has to have of it, from 0 to 1 (the similarity of Jaro).
const ALIKE: f64 = 0.7;

/// The first word of the command line, where it can only be meant as a verb and is none.
pub(crate) fn mistyped() -> Option<Mistyped> {
    let word = env::args_os().nth(1)?.into_string().ok()?;
    let is_word =
        word.starts_with(char::is_alphabetic) && word.chars().all(|c| c.is_alphanumeric() || c == '-');
    if !is_word || Path::new(&word).exists() {
        return None;
    }
    let verbs = verbs();
    let lower = word.to_lowercase();
    if word == "help" || verbs.contains(&word) {
        return None;
    }
    let alike = verbs.into_iter().map(|verb| (strsim::jaro(&lower, &verb), verb));
    let likely = alike
        .filter(|&(similarity, _)| similarity >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    Some(Mistyped { word, likely: likely.map(|(_, verb)| verb) })
}

fn verbs() -> Vec<String> {
    Cli::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect()
}

impl Mistyped {
    /// Tells it on standard error; gives the status of a wrong command line.
    pub(crate) fn told(&self) -> ExitCode {
        let word = &self.word;
        let hint = match &self.likely {
            Some(verb) => format!("did you mean {verb}?"),
            None => format!("the verbs are {}", verbs().join(", ")),
        };
        report::error(&anyhow::anyhow!("{word} is neither a verb nor a file; {hint}"));
        ExitCode::from(2)
    }
}
