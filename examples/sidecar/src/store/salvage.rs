//! A store in which something cannot be read: what can be is kept.

use core::borrow::Borrow;
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use redb::{Database, Key, ReadableDatabase, ReadableTable, TableDefinition, Value, WriteTransaction};

use super::{CACHE, FILES, FORMAT, GENERATIONS, META, PROCESSES, open};
use crate::durable::with_ending;

/// A damaged tree may lead in circles: so many records are read of one at most.
const MOST: usize = 10_000_000;

/// Puts a damaged store aside, and begins another one with all that can be read of it. Tells what that costs.
pub(super) fn salvage(path: &Path) -> Result<Database> {
    let (aside, beside) = (aside(path), with_ending(path, ".fresh"));
    // What could not be finished, as on a full disk, is begun anew: until the end the damaged one stays what there is.
    if beside.symlink_metadata().is_ok() {
        fs::remove_file(&beside).with_context(|| format!("{} cannot be removed", beside.display()))?;
    }
    let fresh = open(&beside)?;
    let damaged = catch_unwind(|| Database::builder().set_cache_size(CACHE).open(path).ok()).ok().flatten();
    let kept = damaged.as_ref().map_or(Ok(0), |damaged| copy(damaged, &fresh));
    if let Some(damaged) = damaged {
        close(damaged);
    }
    drop(fresh);
    let kept = kept?;
    fs::rename(path, &aside).with_context(|| format!("{} cannot be put aside", path.display()))?;
    fs::rename(&beside, path).with_context(|| format!("{} cannot be put in its place", beside.display()))?;
    let fresh = open(path)?;
    tracing::error!(
        state = %path.display(), aside = %aside.display(), kept,
        "the state was damaged: what can be read of it is kept; of the rest, what lies there is delivered again, and spans that \
         were open are cut. Where there is a copy of the state, end this program and put it back; otherwise nothing is to be \
         done, and what was put aside may be removed"
    );
    Ok(fresh)
}

/// Lets go of a store that may be damaged: redb writes to it when it ends, and panics on what cannot be.
pub(super) fn close(database: Database) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
}

/// Where a damaged store goes.
pub(super) fn aside(path: &Path) -> PathBuf {
    with_ending(path, ".damaged")
}

fn copy(from: &Database, to: &Database) -> Result<u64> {
    let transaction = to.begin_write()?;
    let mut kept = 0;
    kept += copy_table(from, &transaction, META, |key| key != FORMAT)?;
    kept += copy_table(from, &transaction, FILES, |_| true)?;
    kept += copy_table(from, &transaction, PROCESSES, |_| true)?;
    kept += copy_table(from, &transaction, GENERATIONS, |_| true)?;
    transaction.commit()?;
    Ok(kept)
}

/// Copies what can be read from the front, and then what can be from the back.
fn copy_table<K: Key + 'static, V: Value + 'static>(
    from: &Database,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
    is_wanted: impl Fn(K::SelfType<'_>) -> bool,
) -> Result<u64> {
    let mut into = to.open_table(table)?;
    let mut kept = 0;
    for is_backwards in [false, true] {
        // Reading what is damaged may panic; writing what was read does not depend on that.
        let read = catch_unwind(AssertUnwindSafe(|| -> Result<(), redb::Error> {
            let table = from.begin_read()?.open_table(table)?;
            let mut entries = table.iter()?;
            for _ in 0..MOST {
                let entry = if is_backwards { entries.next_back() } else { entries.next() };
                let Some(entry) = entry else { break };
                let (key, value) = entry?;
                if is_wanted(key.value())
                    && into.insert(key.value().borrow(), value.value().borrow())?.is_none()
                {
                    kept += 1;
                }
            }
            Ok(())
        }));
        if matches!(read, Ok(Ok(()))) {
            break;
        }
    }
    Ok(kept)
}
