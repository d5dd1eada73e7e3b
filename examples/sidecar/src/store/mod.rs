//! What has to outlive this process: one file, in which each change happens whole or not at all.
//!
//! The store is redb: an embedded one, written in Rust, well kept, whose transactions survive a kill at any moment, and
//! whose memory is bounded. It holds small things only. What was taken in but not delivered stays in its own files.

mod record;

use core::ops::RangeInclusive;
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::record::{
    FileRecord, Origin, Outcome, ProcessRecord, Progress, Tail, Version, id_of, threads,
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
const FORMAT_VERSION: u32 = 1;
const PROGRESS: &str = "progress";

/// How much of its file redb may keep in memory, in bytes.
const CACHE: usize = 2 << 20;

/// A file that was whole and has not changed for this long, in seconds, will not grow.
const GROWS: u64 = 3600;

/// How long generations are remembered, in seconds: longer than any flight recorder's ring buffer reaches back.
const REMEMBERED: u64 = 86_400;

/// The store. After a failure, as when the disk is full, it is opened anew with the next call.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    database: Mutex<Option<Database>>,
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
}

impl Store {
    /// The name of its file.
    pub(crate) const FILE_NAME: &str = "state.redb";

    /// Opens the store in a directory, or begins one there.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(Self::FILE_NAME);
        let database = open(&path)?;
        Ok(Self { path, database: Mutex::new(Some(database)) })
    }

    /// Runs `act`, with the database opened anew where an earlier failure has closed it.
    fn with<T>(&self, act: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T> {
        let mut guard = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            *guard = Some(open(&self.path)?);
        }
        let Some(database) = &*guard else { bail!("{} is not open", self.path.display()) };
        act(database)
            .inspect_err(|_| *guard = None)
            .with_context(|| format!("the state in {}", self.path.display()))
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
        bytes.map(|bytes| decode(&bytes)).transpose()
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
        found.into_iter().map(|(id, bytes)| Ok((id, decode(&bytes)?))).collect()
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
            files.retain(|path, _| !is_gone(Path::new(path)))?;
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
        let Ok(record) = postcard::from_bytes::<FileRecord>(record.value()) else { continue };
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

fn open(path: &Path) -> Result<Database> {
    let opened = Database::builder().set_cache_size(CACHE).create(path);
    let database = match opened {
        Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
            bail!("{} is in use: does another trace-sidecar have this state_dir?", path.display())
        }
        opened => opened.with_context(|| path.display().to_string())?,
    };
    // What is open in a mapper has the names that the program gave it.
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(0o600)) {
        tracing::warn!(file = %path.display(), %error, "others may be able to read it");
    }
    prepare(&database).with_context(|| path.display().to_string())?;
    Ok(database)
}

/// Whether the file is one of this version. Opening it anew then needs no room on the disk.
fn is_prepared(database: &Database) -> Result<bool> {
    let transaction = database.begin_read()?;
    let Ok(meta) = transaction.open_table(META) else { return Ok(false) };
    let format = meta.get(FORMAT)?.map(|format| decode::<u32>(format.value())).transpose()?;
    Ok(format == Some(FORMAT_VERSION))
}

/// Makes the tables, and refuses a file of another version.
fn prepare(database: &Database) -> Result<()> {
    if is_prepared(database)? {
        return Ok(());
    }
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        let format = meta.get(FORMAT)?.map(|format| decode::<u32>(format.value())).transpose()?;
        match format {
            None => drop(meta.insert(FORMAT, &*encode(&FORMAT_VERSION))?),
            Some(FORMAT_VERSION) => {}
            Some(other) => bail!(
                "it is of version {other}, and this program reads {FORMAT_VERSION}: deliver what is open with the program that wrote it, then remove it"
            ),
        }
        transaction.open_table(FILES)?;
        transaction.open_table(PROCESSES)?;
        transaction.open_table(GENERATIONS)?;
    }
    transaction.commit()?;
    Ok(())
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Only a type that cannot be written down fails, and these can.
    postcard::to_allocvec(value).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(io::Error::other).context("a record of the state cannot be read")
}
