//! Reading an input more than once.

use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::Path,
    time::SystemTime,
};

use anyhow::Context;

use super::{Input, Progress, progress::Watched};

/// An input that can be read from its beginning again and again. What a pipe gives is kept in a temporary file without
/// a name.
pub(crate) struct Rereadable {
    name: String,
    file: File,
    /// What is appended to it later is no part of it.
    length: u64,
    /// When the file was last modified. None of what a pipe gave.
    modified: Option<SystemTime>,
}

impl Rereadable {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path, progress: Progress) -> anyhow::Result<Self> {
        let is_standard = path.as_os_str() == "-";
        let name = if is_standard { "standard input".to_owned() } else { path.display().to_string() };
        let (file, metadata) = match is_standard {
            true => (kept(io::stdin().lock(), progress), super::redirected_file()),
            false => (file(path, progress), fs::metadata(path).ok().filter(fs::Metadata::is_file)),
        };
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        let length = |file: File| file.metadata().map(|metadata| (file, metadata.len()));
        let (file, length) = file.and_then(length).with_context(|| name.clone())?;
        Ok(Self { name, file, length, modified })
    }

    /// Its bytes, decompressed. Only one of these can be read at a time: they share the place in the file.
    pub(crate) fn input(&self, progress: Progress) -> anyhow::Result<Input> {
        self.rewound(progress).with_context(|| self.name.clone())
    }

    fn rewound(&self, progress: Progress) -> io::Result<Input> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Input::decompressed(
            &self.name,
            Watched::new(file.take(self.length), Some(self.length), progress),
            self.modified,
        )
    }
}

fn file(path: &Path, progress: Progress) -> io::Result<File> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(super::is_a_directory());
    }
    let file = File::open(path)?;
    if metadata.is_file() { Ok(file) } else { kept(file, progress) }
}

fn kept(source: impl Read, progress: Progress) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut Watched::new(source, None, progress), &mut file)?;
    Ok(file)
}
