//! What has to outlive this process: one file, in which each change happens whole or not at all.
//!
//! The store is redb: an embedded one, written in Rust, well kept, whose transactions survive a kill at any moment, and
//! whose memory is bounded. It holds small things only. What was taken in but not delivered stays in its own files.

mod encoding;
mod record;
mod salvage;

use core::ops::RangeInclusive;
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, anyhow, bail};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::de::DeserializeOwned;

use self::encoding::{decode, encode};

pub(crate) use self::{
    encoding::{name_of, path_of},
    record::{FileRecord, Origin, Outcome, ProcessRecord, Progress, Tail, Version, id_of, threads},
};

const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Files by their paths.
const FILES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("files");
/// Processes by their origins' ids and numbers.
const PROCESSES: TableDefinition<'_, (u128, u64), &[u8]> = TableDefinition::new("processes");
/// When generations were delivered, in seconds since 1970, and the numbers of their processes, by the ids of their origins and
/// their own.
const GENERATIONS: TableDefinition<'_, (u128, u128), (u64, u64)> = TableDefinition::new("generations");

const FORMAT: &str = "format";
const FORMAT_VERSION: u32 = 3;
const PROGRESS: &str = "progress";

/// How much of its file redb may keep in memory, in bytes.
const CACHE: usize = 2 << 20;

/// A file that was whole and has not changed for this long, in seconds, will not grow.
const GROWS: u64 = 3600;

/// How long generations are remembered, in seconds: longer than any flight recorder's ring buffer reaches back.
const REMEMBERED: u64 = 86_400;

/// How long a store may be in use by another program that is about to end, as one that was killed.
const IN_USE: Duration = Duration::from_secs(5);

/// The store. After a failure, as when the disk is full, it is opened anew with the next call. What is damaged is left out,
/// and told.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    opened: Mutex<Opened>,
}

#[derive(Debug)]
enum Opened {
    Database(Database),
    /// A failure has closed it.
    Closed,
    /// Something in it cannot be read.
    Damaged,
}

/// A process among those of its origin.
pub(crate) type ProcessId = (u128, u64);

/// Everything that changes when deliveries are done with: all of it happens, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    pub(crate) files: BTreeMap<String, FileRecord>,
    /// Paths that are no more.
    pub(crate) forgotten: Vec<String>,
    /// `None` for those that are done with.
    pub(crate) processes: BTreeMap<ProcessId, Option<ProcessRecord>>,
    /// With the numbers of their processes.
    pub(crate) generations: HashMap<(u128, u128), u64>,
}

impl Commit {
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
            && self.forgotten.is_empty()
            && self.processes.is_empty()
            && self.generations.is_empty()
    }

    /// Adds what comes after it.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.files.extend(later.files);
        self.forgotten.extend(later.forgotten);
        self.processes.extend(later.processes);
        self.generations.extend(later.generations);
    }
}

impl Store {
    /// The name of its file.
    pub(crate) const FILE_NAME: &str = "state.redb";

    /// Opens the store in a directory, or begins one there.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(Self::FILE_NAME);
        // Of what was delivered, an empty one knows nothing.
        if path.metadata().is_ok_and(|there| there.len() == 0) {
            tracing::error!(
                file = %path.display(),
                "the state is empty: all that lies there is delivered again, though it may have been before; where there is a \
                 copy of the state, end this program and put it back"
            );
        }
        let mut database = match open(&path) {
            Ok(database) => Some(database),
            Err(error) if is_damage(&error) => {
                tracing::error!(file = %path.display(), "the state cannot be opened: {error:#}");
                None
            }
            Err(error) => return Err(error),
        };
        let is_whole = database.as_mut().is_some_and(|database| {
            catch_unwind(AssertUnwindSafe(|| database.check_integrity())).is_ok_and(|checked| checked.is_ok())
        });
        let opened = match database {
            Some(database) if is_whole => Opened::Database(database),
            database => {
                if let Some(database) = database {
                    salvage::close(database);
                }
                Opened::Database(salvage::salvage(&path)?)
            }
        };
        Ok(Self { path, opened: Mutex::new(opened) })
    }

    /// Runs `act`, with the database opened anew where an earlier failure has closed it.
    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        match &*opened {
            Opened::Database(_) => {}
            Opened::Closed => *opened = Opened::Database(open(&self.path)?),
            Opened::Damaged => *opened = Opened::Database(salvage::salvage(&self.path)?),
        }
        let Opened::Database(database) = &*opened else { bail!("{} is not open", self.path.display()) };
        // A damaged page may be one on which redb panics.
        let outcome = catch_unwind(AssertUnwindSafe(|| act(database)));
        let (after, error) = match outcome {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error @ redb::Error::Corrupted(_))) => (Opened::Damaged, anyhow::Error::from(error)),
            Ok(Err(error)) => (Opened::Closed, error.into()),
            Err(_) => (Opened::Damaged, anyhow!("it is damaged")),
        };
        if let Opened::Database(failed) = core::mem::replace(&mut *opened, after) {
            salvage::close(failed);
        }
        Err(error.context(format!("the state in {}", self.path.display())))
    }

    fn get<T: DeserializeOwned>(
        &self,
        table: TableDefinition<'_, &str, &[u8]>,
        key: &str,
    ) -> Result<Option<T>> {
        let bytes = self.with(|database| {
            let table = database.begin_read()?.open_table(table)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let decoded = decode(&bytes);
        if decoded.is_none() {
            tracing::error!(
                state = %self.path.display(), of = key,
                "what was remembered of it is damaged, and forgotten: what was delivered of it is delivered again"
            );
            self.write(|transaction| {
                transaction.open_table(table)?.remove(key)?;
                Ok(())
            })?;
        }
        Ok(decoded)
    }

    pub(crate) fn file(&self, path: &str) -> Result<Option<FileRecord>> {
        self.get(FILES, path)
    }

    /// The processes whose ids are in a range.
    pub(crate) fn processes_in(
        &self,
        range: RangeInclusive<ProcessId>,
    ) -> Result<Vec<(ProcessId, ProcessRecord)>> {
        let found = self.with(|database| {
            let table = database.begin_read()?.open_table(PROCESSES)?;
            let entries = table.range(range)?.map(|entry| {
                let (key, value) = entry?;
                Ok((key.value(), value.value().to_vec()))
            });
            entries.collect::<Result<Vec<_>, redb::Error>>()
        })?;
        let (whole, damaged): (Vec<_>, Vec<_>) =
            found.into_iter().map(|(id, bytes)| (id, decode(&bytes))).partition(|(_, found)| found.is_some());
        if !damaged.is_empty() {
            tracing::error!(
                state = %self.path.display(), processes = damaged.len(),
                "what was open in them is damaged, and lost: spans that began in earlier traces are cut"
            );
            self.write(|transaction| {
                let mut processes = transaction.open_table(PROCESSES)?;
                damaged.iter().try_for_each(|(id, _)| processes.remove(id).map(drop))?;
                Ok(())
            })?;
        }
        Ok(whole.into_iter().filter_map(|(id, record)| Some((id, record?))).collect())
    }

    /// The number of the process of which a generation was delivered; none where it was not.
    pub(crate) fn deliverer(&self, origin: u128, generation: u128) -> Result<Option<u64>> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(GENERATIONS)?;
            Ok(table.get((origin, generation))?.map(|delivered| delivered.value().1))
        })
    }

    /// How much of the file under way was accepted before this process began.
    pub(crate) fn progress(&self) -> Result<Option<Progress>> {
        self.get(META, PROGRESS)
    }

    /// Up to when there are recordings of a program that is asked for them.
    pub(crate) fn covered(&self, url: &str) -> Result<Option<SystemTime>> {
        let nanoseconds: Option<u64> = self.get(META, &covered_key(url))?;
        Ok(nanoseconds.map(|since| UNIX_EPOCH + Duration::from_nanos(since)))
    }

    pub(crate) fn set_covered(&self, url: &str, until: SystemTime) -> Result<()> {
        let since = until.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.write(|transaction| {
            transaction.open_table(META)?.insert(&*covered_key(url), &*encode(&since))?;
            Ok(())
        })
    }

    pub(crate) fn set_progress(&self, progress: &Progress) -> Result<()> {
        self.write(|transaction| {
            transaction.open_table(META)?.insert(PROGRESS, &*encode(progress))?;
            Ok(())
        })
    }

    /// Does all that `commit` says, and forgets the progress under way: it is durable when this returns.
    pub(crate) fn commit(&self, commit: &Commit, now: u64) -> Result<()> {
        self.write(|transaction| {
            let mut files = transaction.open_table(FILES)?;
            for path in &commit.forgotten {
                files.remove(&**path)?;
            }
            for (path, record) in &commit.files {
                files.insert(&**path, &*encode(record))?;
            }
            let mut processes = transaction.open_table(PROCESSES)?;
            for (id, record) in &commit.processes {
                match record {
                    Some(record) => processes.insert(id, &*encode(record))?,
                    None => processes.remove(id)?,
                };
            }
            let mut generations = transaction.open_table(GENERATIONS)?;
            for (generation, process) in &commit.generations {
                generations.insert(generation, (now, *process))?;
            }
            transaction.open_table(META)?.remove(PROGRESS)?;
            Ok(())
        })
    }

    /// Forgets files that are gone and generations that nobody will send again.
    pub(crate) fn prune(&self, now: u64) -> Result<()> {
        self.write(|transaction| {
            let mut files = transaction.open_table(FILES)?;
            files.retain(|name, _| !is_gone(&path_of(name)))?;
            let outlived = outlived_tails(&files, now)?;
            for (path, record) in outlived {
                files.insert(&*path, &*encode(&record))?;
            }
            let is_recent = |delivered| now.saturating_sub(delivered) < REMEMBERED;
            transaction.open_table(GENERATIONS)?.retain(|_, (delivered, _)| is_recent(delivered))?;
            Ok(())
        })
    }

    fn write(&self, act: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>) -> Result<()> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            act(&transaction)?;
            transaction.commit()?;
            Ok(())
        })
    }
}

/// Whether a file is no more. Of one whose folder is not there either, that is not known: it may be mounted later.
fn is_gone(path: &Path) -> bool {
    !path.exists() && path.parent().is_some_and(Path::exists)
}

/// Files that have not grown for so long that they will not, without what their growing would need.
fn outlived_tails(
    files: &redb::Table<'_, &str, &[u8]>,
    now: u64,
) -> Result<Vec<(String, FileRecord)>, redb::Error> {
    let mut outlived = Vec::new();
    for entry in files.iter()? {
        let (path, record) = entry?;
        let Some(record) = decode::<FileRecord>(record.value()) else { continue };
        let modified = u64::try_from(record.version.modified).unwrap_or(0) / 1_000_000_000;
        if record.tail.is_some() && modified.saturating_add(GROWS) < now {
            outlived.push((path.value().to_owned(), FileRecord { tail: None, ..record }));
        }
    }
    Ok(outlived)
}

fn covered_key(url: &str) -> String {
    format!("covered {url}")
}

/// Opens a database. One that was killed just now may still have it.
fn open(path: &Path) -> Result<Database> {
    let begin = Instant::now();
    let database = loop {
        // On damaged bytes redb may panic.
        let opened = catch_unwind(|| Database::builder().set_cache_size(CACHE).create(path));
        match opened {
            Ok(Err(redb::DatabaseError::DatabaseAlreadyOpen)) if begin.elapsed() < IN_USE => {
                thread::sleep(Duration::from_millis(50));
            }
            Ok(Err(redb::DatabaseError::DatabaseAlreadyOpen)) => bail!(
                "{} is in use: does another trace-sidecar have this state_dir? Give each its own",
                path.display()
            ),
            Ok(opened) => break opened.with_context(|| path.display().to_string())?,
            Err(_) => return Err(Damage.into()),
        }
    };
    // What is open in a mapper has the names that the program gave it.
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(0o600)) {
        tracing::warn!(file = %path.display(), %error, "others may be able to read it");
    }
    let prepared =
        catch_unwind(AssertUnwindSafe(|| prepare(&database))).unwrap_or_else(|_| Err(Damage.into()));
    match prepared {
        Ok(()) => Ok(database),
        Err(error) => {
            salvage::close(database);
            Err(error.context(path.display().to_string()))
        }
    }
}

/// The file is none that can be read.
#[derive(Debug)]
struct Damage;

impl core::fmt::Display for Damage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("it is damaged")
    }
}

impl core::error::Error for Damage {}

/// Whether a store cannot be opened for what is in it, and not for the disk or for somebody else.
fn is_damage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let storage = match cause.downcast_ref() {
            Some(redb::DatabaseError::Storage(storage)) => Some(storage),
            Some(redb::DatabaseError::UpgradeRequired(_)) => return true,
            _ => match cause.downcast_ref() {
                Some(redb::TableError::Storage(storage)) => Some(storage),
                // The tables are always the same.
                Some(_) => return true,
                None => cause.downcast_ref::<redb::StorageError>(),
            },
        };
        let is_no_database = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        };
        match storage {
            Some(redb::StorageError::Corrupted(_)) => true,
            Some(redb::StorageError::Io(error)) => is_no_database(error),
            _ => {
                cause.is::<Damage>()
                    || cause.downcast_ref::<redb::Error>().is_some_and(|error| match error {
                        redb::Error::Corrupted(_)
                        | redb::Error::TableTypeMismatch { .. }
                        | redb::Error::TableIsMultimap(_)
                        | redb::Error::TableIsNotMultimap(_)
                        | redb::Error::TypeDefinitionChanged { .. } => true,
                        redb::Error::Io(error) => is_no_database(error),
                        _ => false,
                    })
            }
        }
    })
}

/// Whether the file is one of this version. Opening it anew then needs no room on the disk.
fn is_prepared(database: &Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    let Ok(meta) = transaction.open_table(META) else { return Ok(false) };
    Ok(meta.get(FORMAT)?.and_then(|format| decode(format.value())) == Some(FORMAT_VERSION))
}

/// Makes the tables, and refuses a file of another version.
fn prepare(database: &Database) -> Result<()> {
    if is_prepared(database).map_err(anyhow::Error::from)? {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let format = meta.get(FORMAT)?.map(|format| decode::<u32>(format.value()));
        match format {
            None => drop(meta.insert(FORMAT, &*encode(&FORMAT_VERSION))?),
            Some(Some(FORMAT_VERSION)) => {}
            Some(Some(other)) => bail!(
                "it is of version {other}, and this program reads {FORMAT_VERSION}: deliver what is open with the program that wrote it, then remove it"
            ),
            Some(None) => return Err(Damage.into()),
        }
        transaction.open_table(FILES)?;
        transaction.open_table(PROCESSES)?;
        transaction.open_table(GENERATIONS)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64) -> FileRecord {
        let version = Version { inode: number, length: 10, modified: 0, head: 0 };
        FileRecord { version, last: number, tail: None, outcome: Outcome::Delivered }
    }

    fn filled(folder: &Path, files: u64) -> PathBuf {
        let store = Store::open(folder).unwrap();
        let files = (0..files).map(|number| (format!("/traces/{number}.trace"), record(number)));
        let commit = Commit { files: files.collect(), ..Commit::default() };
        store.commit(&commit, 1).unwrap();
        folder.join(Store::FILE_NAME)
    }

    /// Whatever byte is another one: the store opens, what it tells is what was written down, and what it does not tell is
    /// little.
    #[test]
    fn a_changed_byte_costs_what_it_concerns() {
        const FILES: u64 = 200;
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path(), FILES);
        let bytes = fs::read(&path).unwrap();
        let used: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
        for at in used.iter().step_by(used.len() / 40) {
            let mut damaged = bytes.clone();
            damaged[*at] ^= 0x10;
            fs::write(&path, damaged).unwrap();
            let store = Store::open(folder.path()).unwrap();
            for number in 0..FILES {
                let found = store.file(&format!("/traces/{number}.trace")).unwrap();
                assert!(found.is_none_or(|found| found == record(number)), "byte {at}");
            }
            store
                .commit(
                    &Commit { files: BTreeMap::from([("x".to_owned(), record(7))]), ..Commit::default() },
                    2,
                )
                .unwrap();
            assert_eq!(store.file("x").unwrap(), Some(record(7)));
        }
    }

    #[test]
    fn what_is_no_store_is_put_aside() {
        for bytes in [&b"x"[..], &[0; 100_000], b"not a database at all, but a text of some length"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(Store::FILE_NAME);
            fs::write(&path, bytes).unwrap();
            let store = Store::open(folder.path()).unwrap();
            assert_eq!(store.file("a").unwrap(), None);
            drop(store);
            assert_eq!(fs::read(salvage::aside(&path)).unwrap(), bytes);
        }
    }

    #[test]
    fn a_store_without_its_end_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = filled(folder.path(), 100);
        let length = fs::metadata(&path).unwrap().len();
        for cut in [length - 1, length / 2, 4096, 64] {
            let bytes = fs::read(filled(folder.path(), 100)).unwrap();
            fs::write(&path, &bytes[..usize::try_from(cut).unwrap().min(bytes.len())]).unwrap();
            Store::open(folder.path()).unwrap();
            fs::remove_file(&path).unwrap();
        }
    }
}
