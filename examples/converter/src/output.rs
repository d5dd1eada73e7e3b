//! Where results go: a file or standard output.

use std::{
    fs::File,
    io::{self, IsTerminal, StdoutLock, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use crate::input::Progress;

/// A file that is written, or standard output.
pub(crate) enum Destination {
    File { file: File, name: String },
    Standard(StdoutLock<'static>),
}

impl Destination {
    /// Creates a file; `-` is standard output.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        if is_standard(path) {
            return Ok(Self::Standard(io::stdout().lock()));
        }
        let name = path.display().to_string();
        let file = File::create(path).with_context(|| name.clone())?;
        Ok(Self::File { file, name })
    }

    /// Sees to it that everything has been written: only now does a full disk tell.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::File { file, name } => file.sync_all().or_else(ignore_unsupported).context(name),
            Self::Standard(mut output) => Ok(output.flush()?),
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file.write(bytes),
            Self::Standard(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.flush(),
            Self::Standard(output) => output.flush(),
        }
    }
}

/// How progress may show beside what goes to `path`.
pub(crate) fn progress(path: &Path) -> Progress {
    if is_standard(path) { Progress::UnlessOutputIsTerminal } else { Progress::Shown }
}

/// Fails where an output is one of the inputs.
pub(crate) fn refuse_to_overwrite(path: &Path, inputs: &[PathBuf]) -> anyhow::Result<()> {
    if is_standard(path) {
        return Ok(());
    }
    // What does not exist yet is no input.
    let Ok(out) = path.canonicalize() else { return Ok(()) };
    match inputs.iter().any(|file| file.canonicalize().is_ok_and(|file| file == out)) {
        true => bail!("{} is an input: give --out another name", out.display()),
        false => Ok(()),
    }
}

/// Fails where bytes would go to a terminal.
pub(crate) fn refuse_terminal(path: &Path) -> anyhow::Result<()> {
    match is_standard(path) && io::stdout().is_terminal() {
        true => bail!("this is no text for a terminal: give --out a file's name, or redirect"),
        false => Ok(()),
    }
}

pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Pipes and devices have nothing to synchronise.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    }
}
