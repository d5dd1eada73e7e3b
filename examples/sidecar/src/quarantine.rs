//! What nobody wants: kept aside with the reason, for a person to look at, within bounds.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use trace_to_otel::otlp::{Batch, Encoding};
use walkdir::WalkDir;

use crate::{
    durable::{self, move_file, with_ending},
    premises::create_private,
    telemetry::{Loss, Telemetry},
};

/// A folder of files, each with a `.reason` beside it.
#[derive(Debug)]
pub(crate) struct Quarantine {
    folder: PathBuf,
    /// How many bytes may lie here. Held while something is put or given up.
    most: Mutex<u64>,
    telemetry: Telemetry,
}

impl Quarantine {
    pub(crate) fn open(folder: PathBuf, most: u64, telemetry: Telemetry) -> Result<Self> {
        create_private(&folder)?;
        telemetry.quarantine(size_of(&folder));
        Ok(Self { folder, most: Mutex::new(most), telemetry })
    }

    /// Goes on with another limit.
    pub(crate) fn limit(&self, most: u64) {
        *self.most.lock().unwrap_or_else(PoisonError::into_inner) = most;
    }

    /// Puts a file or a folder aside: moves it here where `moves`, else it stays where it is and only the reason is written
    /// down.
    pub(crate) fn put_file(&self, path: &Path, reason: &str, moves: bool) -> io::Result<()> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let place = self.place(&name);
        durable::write(&reason_of(&place), format!("{}: {reason}\n", path.display()).as_bytes())?;
        if moves {
            move_file(path, &place)?;
        }
        tracing::error!(file = %path.display(), aside = %self.folder.display(), "put aside: {reason}");
        self.telemetry.quarantined("files");
        self.keep_within_bounds();
        Ok(())
    }

    /// Puts a request aside that the receiver does not take.
    pub(crate) fn put_batch(&self, batch: &Batch, reason: &str) -> io::Result<()> {
        let ending = match batch.encoding() {
            Encoding::Json => "json",
            _ => "otlp",
        };
        let place = self.place(&format!("{}.{ending}", batch.signal().name()));
        durable::write(&place, batch.bytes())?;
        durable::write(&reason_of(&place), format!("{reason}\n").as_bytes())?;
        tracing::error!(records = batch.records(), aside = %place.display(), "put aside: {reason}");
        self.telemetry.quarantined("batches");
        self.keep_within_bounds();
        Ok(())
    }

    /// A place that is free. What is put aside again after a crash may lie here twice.
    fn place(&self, name: &str) -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.folder.join(format!("{since:020}-{name}"))
    }

    /// What was put aside first, goes first.
    fn keep_within_bounds(&self) {
        let most = self.most.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = WalkDir::new(&self.folder).min_depth(1).max_depth(1).sort_by_file_name();
        let entries: Vec<_> =
            entries.into_iter().flatten().map(|entry| (size_of(entry.path()), entry.into_path())).collect();
        let mut used: u64 = entries.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, path) in entries {
            if used <= *most {
                break;
            }
            match remove(&path) {
                Ok(()) => used -= bytes,
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "the quarantine is full, and this cannot be removed");
                    continue;
                }
            }
            // The reason takes hardly any room, and says nothing without what it is about.
            if path.extension().is_none_or(|ending| ending != "reason") {
                tracing::error!(file = %path.display(), bytes, "the quarantine is full: this is given up");
                self.telemetry.lost(Loss::QuarantineFull, bytes);
            }
        }
        self.telemetry.quarantine(used);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// How many bytes a file has, or all files below a folder.
fn size_of(path: &Path) -> u64 {
    let files = WalkDir::new(path).into_iter().flatten().filter_map(|entry| entry.metadata().ok());
    files.filter(|metadata| !metadata.is_dir()).map(|metadata| metadata.len()).sum()
}

fn reason_of(place: &Path) -> PathBuf {
    with_ending(place, ".reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_aside_first_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::default();
        let quarantine = Quarantine::open(folder.path().join("q"), 5_000, telemetry.clone()).unwrap();
        for number in 0..8 {
            let file = folder.path().join(format!("{number}.trace"));
            fs::write(&file, [number; 1_000]).unwrap();
            quarantine.put_file(&file, "it is no trace", true).unwrap();
            assert!(size_of(&quarantine.folder) <= 5_000);
        }
        let left: Vec<_> = WalkDir::new(&quarantine.folder).min_depth(1).into_iter().flatten().collect();
        let has = |name: &str| left.iter().any(|entry| entry.file_name().to_string_lossy().ends_with(name));
        assert!(has("-7.trace") && has("-7.trace.reason") && !has("-0.trace") && !has("-0.trace.reason"));
        let kept =
            left.iter().filter(|entry| entry.file_name().to_string_lossy().ends_with(".trace")).count();
        assert_eq!(telemetry.lost_count(Loss::QuarantineFull), (8 - kept as u64, (8 - kept as u64) * 1_000));
    }
}
