//! What nobody wants: kept aside with the reason, for a person to look at.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use tempfile::NamedTempFile;
use trace_to_otel::otlp::{Batch, Encoding};

use crate::{premises::create_private, telemetry::Telemetry};

/// A folder of files, each with a `.reason` beside it.
#[derive(Debug)]
pub(crate) struct Quarantine {
    folder: PathBuf,
    telemetry: Telemetry,
}

impl Quarantine {
    pub(crate) fn open(folder: PathBuf, telemetry: Telemetry) -> Result<Self> {
        create_private(&folder)?;
        Ok(Self { folder, telemetry })
    }

    /// Puts a file aside: moves it here where `moves`, else it stays where it is and only the reason is written down.
    pub(crate) fn put_file(&self, path: &Path, reason: &str, moves: bool) -> io::Result<()> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let place = self.place(&name);
        self.write(&reason_of(&place), format!("{}: {reason}\n", path.display()).as_bytes())?;
        if moves {
            move_file(path, &place)?;
        }
        tracing::error!(file = %path.display(), aside = %self.folder.display(), "put aside: {reason}");
        self.telemetry.quarantined("files");
        Ok(())
    }

    /// Puts a request aside that the receiver does not take.
    pub(crate) fn put_batch(&self, batch: &Batch, reason: &str) -> io::Result<()> {
        let ending = match batch.encoding() {
            Encoding::Json => "json",
            _ => "otlp",
        };
        let place = self.place(&format!("{}.{ending}", batch.signal().name()));
        self.write(&place, batch.bytes())?;
        self.write(&reason_of(&place), format!("{reason}\n").as_bytes())?;
        tracing::error!(records = batch.records(), aside = %place.display(), "put aside: {reason}");
        self.telemetry.quarantined("batches");
        Ok(())
    }

    /// A place that is free. What is put aside again after a crash may lie here twice.
    fn place(&self, name: &str) -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.folder.join(format!("{since:020}-{name}"))
    }

    fn write(&self, place: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(place)?;
        File::open(&self.folder)?.sync_all()
    }
}

fn reason_of(place: &Path) -> PathBuf {
    with_ending(place, ".reason")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Moves a file, to another file system too. It is never missing in both places. What lies there already stays: the file
/// gets another name then.
pub(crate) fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut free = to.to_owned();
    let mut number = 1;
    while free.exists() {
        free = with_ending(to, &format!(".{number}"));
        number += 1;
    }
    let to = &*free;
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let folder = to.parent().unwrap_or(Path::new("."));
            let mut copy = NamedTempFile::new_in(folder)?;
            io::copy(&mut File::open(from)?, &mut copy)?;
            copy.as_file().sync_all()?;
            copy.persist(to)?;
            File::open(folder)?.sync_all()?;
            fs::remove_file(from)
        }
        outcome => outcome,
    }
}
