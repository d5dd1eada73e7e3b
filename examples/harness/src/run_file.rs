//! Which processes a run has started: a line for each, `ID START NAME`, so that they can be ended when the run itself was
//! interrupted. An id alone would not do, since the system gives it to somebody else some day; id and start together
//! are one process's own.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::{part::signal, stat::Stat};

static RUN_FILE: OnceLock<PathBuf> = OnceLock::new();

/// Writes down from now on in `file` what is started; once in a program.
pub fn write_to(file: PathBuf) {
    // A second one would make two runs of one program.
    let _ = RUN_FILE.set(file);
}

/// Writes down a process that runs, if anybody wants to know.
///
/// # Errors
///
/// Where the file cannot be written.
pub fn add(id: u32, name: &str) -> Result<()> {
    let Some(file) = RUN_FILE.get() else { return Ok(()) };
    // A process that has ended already needs no line.
    let Some(start) = start_of(id) else { return Ok(()) };
    let mut lines = File::options().create(true).append(true).open(file)?;
    writeln!(lines, "{id} {start} {name}").with_context(|| file.display().to_string())
}

/// Ends the processes of a run file that still run, and tells which.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn end_all(file: &Path) -> Result<Vec<String>> {
    let lines = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut ended = Vec::new();
    for line in lines.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(id), Some(start), Some(name)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Ok(id) = id.parse::<u32>() else { continue };
        if start_of(id).is_some_and(|now| now == start) && signal(id, Signal::KILL).is_ok() {
            ended.push(format!("{name} ({id})"));
        }
    }
    Ok(ended)
}

/// When a process began, in the system's own unit; Linux only.
fn start_of(id: u32) -> Option<String> {
    Some(Stat::of(id)?.start()?.to_owned())
}
