//! What nobody wants: kept aside with the reason, for a person to look at, within bounds.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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
    /// Held while something is put or given up.
    kept: Mutex<Kept>,
    telemetry: Telemetry,
}

/// What lies here.
#[derive(Debug)]
struct Kept {
    /// How many bytes may.
    most: u64,
    /// By name, the first first.
    sizes: BTreeMap<OsString, u64>,
    used: u64,
    looked: Instant,
}

/// How long what lies here is believed to, before it is looked again whether somebody has taken it away.
const BELIEVED: Duration = Duration::from_secs(60);

/// The same where something is to be given up.
const GLANCE: Duration = Duration::from_secs(1);

impl Kept {
    fn look(folder: &Path, most: u64) -> Self {
        let entries = WalkDir::new(folder).min_depth(1).max_depth(1).into_iter().flatten();
        let sizes: BTreeMap<_, _> =
            entries.map(|entry| (entry.file_name().to_owned(), size_of(entry.path()))).collect();
        Self { most, used: sizes.values().sum(), sizes, looked: Instant::now() }
    }

    /// Takes note of what has come to a place.
    fn add(&mut self, place: &Path) {
        let bytes = size_of(place);
        if let Some(name) = place.file_name().filter(|_| place.symlink_metadata().is_ok()) {
            self.used += bytes;
            self.used -= self.sizes.insert(name.to_owned(), bytes).unwrap_or(0);
        }
    }
}

impl Quarantine {
    pub(crate) fn open(folder: PathBuf, most: u64, telemetry: Telemetry) -> Result<Self> {
        create_private(&folder)?;
        let kept = Kept::look(&folder, most);
        telemetry.quarantine(kept.used);
        Ok(Self { folder, kept: Mutex::new(kept), telemetry })
    }

    /// Goes on with another limit.
    pub(crate) fn limit(&self, most: u64) {
        self.kept().most = most;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.keep_within_bounds(&place);
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
        self.keep_within_bounds(&place);
        Ok(())
    }

    /// A place that is free. What is put aside again after a crash may lie here twice.
    fn place(&self, name: &str) -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        self.folder.join(format!("{since:020}-{name}"))
    }

    /// Something has come to a place. What was put aside first, goes first.
    fn keep_within_bounds(&self, place: &Path) {
        let mut kept = self.kept();
        if kept.looked.elapsed() >= BELIEVED {
            *kept = Kept::look(&self.folder, kept.most);
        } else {
            kept.add(place);
            kept.add(&reason_of(place));
        }
        // Nothing is given up for what somebody has taken away.
        if kept.used > kept.most && kept.looked.elapsed() >= GLANCE {
            *kept = Kept::look(&self.folder, kept.most);
        }
        let mut stays = Vec::new();
        while kept.used > kept.most {
            let Some((name, bytes)) = kept.sizes.pop_first() else { break };
            let path = self.folder.join(&name);
            match remove(&path) {
                Ok(()) => kept.used -= bytes,
                // Somebody else has taken it away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    kept.used -= bytes;
                    continue;
                }
                Err(error) => {
                    tracing::error!(file = %path.display(), %error, "the quarantine is full, and this cannot be removed");
                    stays.push((name, bytes));
                    continue;
                }
            }
            // The reason takes hardly any room, and says nothing without what it is about.
            if path.extension().is_none_or(|ending| ending != "reason") {
                tracing::error!(file = %path.display(), bytes, "the quarantine is full: this is given up");
                self.telemetry.lost(Loss::QuarantineFull, bytes);
            }
        }
        kept.sizes.extend(stays);
        self.telemetry.quarantine(kept.used);
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
