//! Where traces come from. Whatever comes is a file first: what is pushed, pulled or piped in goes through the spool.

mod pull;
mod push;
mod stdin;
mod watch;

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use go_trace_format::{Decompressed, ReaderOptions};
use twox_hash::XxHash3_64;

pub(crate) use self::{
    pull::pull,
    push::{PushState, push},
    stdin::standard_input,
    watch::{Eagerness, Watcher},
};
use crate::{
    spool::Spool,
    store::{Origin, Version},
};

/// What happens to a file once all of it is delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// Nothing.
    Keep,
    Delete,
    /// It goes to this path.
    Move(PathBuf),
    /// It was the spool's.
    Unspool,
}

/// How many bytes at the beginning of a file tell it from another one.
const HEAD: u64 = 4 << 10;

/// How many bytes at the beginning of a trace are looked at for when it was recorded.
const PEEK: u64 = 64 << 10;

/// Which content a file has.
pub(crate) fn version_of(path: &Path) -> io::Result<Version> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    Ok(version(&metadata, XxHash3_64::oneshot(&head)))
}

fn version(metadata: &fs::Metadata, head: u64) -> Version {
    let modified = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Version { inode: metadata.ino(), length: metadata.len(), modified, head }
}

/// When the recording in a file began, in nanoseconds since 1970: what its first clock snapshot says, or else when it was
/// last modified.
pub(crate) fn begin_of(path: &Path, modified: i64) -> i64 {
    first_clock(path).unwrap_or(modified)
}

fn first_clock(path: &Path) -> Option<i64> {
    let mut head = Vec::new();
    Decompressed::new(File::open(path).ok()?).ok()?.take(PEEK).read_to_end(&mut head).ok()?;
    let mut generations = ReaderOptions::new().generations(&head).ok()?;
    let generation = generations.next()?.ok()?;
    i64::try_from(generation.clock().snapshot()?.wall.0).ok()
}

/// Whose traces come through the network.
pub(crate) fn origin_of(service: Option<String>, instance: Option<String>) -> Origin {
    let named = |key: &str, value: Option<String>| value.map(|value| (key.to_owned(), value));
    Origin::new(
        [named("service.name", service), named("service.instance.id", instance)].into_iter().flatten(),
    )
}

/// Takes a whole trace in.
fn spool_trace(spool: &Arc<Spool>, origin: &Origin, trace: &[u8]) -> io::Result<()> {
    let mut incoming = spool.patiently(|| spool.begin(origin.clone(), trace.len() as u64))?;
    spool.patiently(|| incoming.write(trace))?;
    spool.patiently(|| incoming.finish())
}
