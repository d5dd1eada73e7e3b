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
    // In one piece: who reads meanwhile sees no half of a name, and two that add get two lines.
    lines.write_all(format!("{id} {start} {name}\n").as_bytes()).with_context(|| file.display().to_string())
}

/// A process of a run file that still runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running {
    /// Its process id.
    pub id: u32,
    /// When it began, in the system's own unit: an id is somebody else's some day.
    pub start: String,
    /// What it was called when it was started.
    pub name: String,
}

/// The processes of a run file that still run, in the order of their starts.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn running(file: &Path) -> Result<Vec<Running>> {
    let lines = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let parse = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let (id, start, name) = (words.next()?.parse().ok()?, words.next()?, words.next()?.to_owned());
        (start_of(id)? == start).then(|| Running { id, start: start.to_owned(), name })
    };
    Ok(lines.lines().filter_map(parse).collect())
}

/// Ends the processes of a run file that still run, and tells which.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn end_all(file: &Path) -> Result<Vec<String>> {
    let mut processes = running(file)?;
    processes.retain(|process| signal(process.id, Signal::KILL).is_ok());
    Ok(processes.into_iter().map(|Running { id, name, .. }| format!("{name} ({id})")).collect())
}

/// When a process began, in the system's own unit; Linux only.
fn start_of(id: u32) -> Option<String> {
    Some(Stat::of(id)?.start()?.to_owned())
}
