//! What was taken in and is not delivered yet, where no service keeps it: one file a trace.
//!
//! A trace is written aside, synced, and then moved to its place, so that what lies there is whole, after a crash too. Its
//! path tells its origin. How much may lie here is bounded.

use core::{error::Error, fmt};
use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tempfile::NamedTempFile;
use walkdir::WalkDir;

use crate::{
    config::{Spool as Settings, WhenFull},
    inbox::{Arrival, Inbox},
    premises::create_private,
    source::{Afterwards, begin_of, version_of},
    store::Origin,
    telemetry::{Concern, Telemetry},
};

/// The spool's folder. Its parts may be shared among threads.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    settings: Mutex<Settings>,
    inbox: Arc<Inbox>,
    telemetry: Telemetry,
    /// How many bytes lie here or are on their way.
    used: Mutex<u64>,
    next: AtomicU64,
}

/// A trace on its way in. Dropped, it never was there.
#[derive(Debug)]
pub(crate) struct Incoming {
    spool: Arc<Spool>,
    origin: Origin,
    file: NamedTempFile,
    reserved: u64,
    /// Where it lies when it is whole.
    placed: Option<PathBuf>,
}

/// There is no room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the spool is full")
    }
}

impl Error for Full {}

impl Full {
    /// Whether this is why something could not be taken in.
    pub(crate) fn is_reason_of(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|error| error.is::<Self>())
    }
}

impl From<Full> for io::Error {
    fn from(full: Full) -> Self {
        Self::other(full)
    }
}

/// How often it is looked for room.
const LOOK: Duration = Duration::from_millis(200);

/// What stays as it is in the name of a folder, which is never a value alone.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// How long the name of a folder may be, in bytes; file systems allow 255.
const LONGEST_NAME: usize = 250;

const ENDING: &str = "trace";

impl Spool {
    /// Opens the spool in a folder, and offers what lies there.
    pub(crate) fn open(
        folder: PathBuf,
        settings: Settings,
        inbox: Arc<Inbox>,
        telemetry: Telemetry,
    ) -> Result<Self> {
        create_private(&folder.join("incoming"))?;
        create_private(&folder.join("whole"))?;
        let spool = Self {
            folder,
            settings: Mutex::new(settings),
            inbox,
            telemetry,
            used: Mutex::new(0),
            next: AtomicU64::new(0),
        };
        // What a crash has left half written, nobody was told to be taken.
        for entry in fs::read_dir(spool.folder.join("incoming"))? {
            fs::remove_file(entry?.path())?;
        }
        spool.take_stock()?;
        Ok(spool)
    }

    fn take_stock(&self) -> Result<()> {
        for entry in WalkDir::new(self.folder.join("whole")) {
            let entry = entry?;
            if entry.file_type().is_file() {
                *self.used() += entry.metadata()?.len();
                self.offer(entry.path()).with_context(|| entry.path().display().to_string())?;
            }
        }
        self.tell();
        Ok(())
    }

    fn used(&self) -> MutexGuard<'_, u64> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on with other settings.
    pub(crate) fn configure(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.tell();
    }

    /// Whether nothing more can be taken now.
    pub(crate) fn is_full(&self) -> bool {
        let settings = self.settings();
        settings.when_full == WhenFull::Block && *self.used() >= settings.max_bytes.as_u64()
    }

    /// Begins to take a trace of `origin` in.
    pub(crate) fn begin(self: &Arc<Self>, origin: Origin) -> io::Result<Incoming> {
        if self.is_full() {
            return Err(Full.into());
        }
        let file = NamedTempFile::new_in(self.folder.join("incoming"))?;
        Ok(Incoming { spool: Arc::clone(self), origin, file, reserved: 0, placed: None })
    }

    /// Does what needs room, as soon as there is some in the spool and on the disk: for sources that can wait.
    pub(crate) fn patiently<T>(&self, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        loop {
            match act() {
                Err(error) if Full::is_reason_of(&error) => {}
                Err(error) if is_about_room(&error) => {
                    self.telemetry.raise(Concern::Spool, &format!("nothing can be taken in: {error}"));
                }
                outcome => {
                    self.telemetry.clear(Concern::Spool);
                    return outcome;
                }
            }
            thread::sleep(LOOK);
        }
    }

    fn reserve(&self, bytes: u64) -> Result<(), Full> {
        let Settings { max_bytes, when_full } = self.settings();
        let most = max_bytes.as_u64();
        loop {
            let mut used = self.used();
            if used.saturating_add(bytes) <= most {
                *used += bytes;
                return Ok(());
            }
            drop(used);
            if when_full == WhenFull::Block || !self.drop_oldest() {
                return Err(Full);
            }
        }
    }

    /// Makes room. Whether there was something to give up.
    fn drop_oldest(&self) -> bool {
        let files = WalkDir::new(self.folder.join("whole")).into_iter().filter_map(Result::ok);
        let files = files.filter(|entry| entry.file_type().is_file() && !self.inbox.has_taken(entry.path()));
        let Some(oldest) = files.min_by_key(|entry| entry.file_name().to_owned()) else { return false };
        // It may be taken this very moment: what waits no longer is left to who has taken it.
        if !self.inbox.withdraw(oldest.path()) && self.inbox.knows(oldest.path()) {
            return true;
        }
        let bytes = oldest.metadata().map_or(0, |metadata| metadata.len());
        tracing::warn!(file = %oldest.path().display(), bytes, "the spool is full: the oldest trace is given up");
        self.telemetry.dropped_from_spool(bytes);
        self.remove(oldest.path()).is_ok()
    }

    /// A trace is delivered, or given up.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        let bytes = match fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        fs::remove_file(path)?;
        self.release(bytes);
        // Its folders go with the last trace of its origin; they are made again with the next.
        let whole = self.folder.join("whole");
        for folder in path.ancestors().skip(1).take_while(|&folder| folder != whole) {
            let _ = fs::remove_dir(folder);
        }
        Ok(())
    }

    /// So many bytes are no longer here.
    pub(crate) fn release(&self, bytes: u64) {
        {
            let mut used = self.used();
            *used = used.saturating_sub(bytes);
        }
        self.tell();
    }

    fn tell(&self) {
        self.telemetry.spool(*self.used(), self.settings().max_bytes.as_u64());
    }

    fn offer(&self, path: &Path) -> io::Result<()> {
        let version = version_of(path)?;
        let folder = path.parent().and_then(|folder| folder.strip_prefix(self.folder.join("whole")).ok());
        let origin = folder.map(origin_of).unwrap_or_default();
        let begin = begin_of(path, version.modified);
        let since = modified(&version);
        let (path, afterwards) = (path.to_owned(), Afterwards::Unspool);
        self.inbox.offer(Arrival { path, version, origin, is_whole: true, begin, since, afterwards });
        Ok(())
    }

    /// Where the next trace of an origin goes. Names sort by time.
    fn place(&self, origin: &Origin) -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{since:020}-{number:06}.{ENDING}");
        self.folder.join("whole").join(folder_of(origin)).join(name)
    }
}

impl Incoming {
    /// Takes more bytes of the trace: all of them, or none where it fails.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        let most = self.spool.settings().max_bytes;
        if self.reserved + length > most.as_u64() {
            let message = format!("it is larger than [spool] max_bytes = {most}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.spool.reserve(length)?;
        let written = self.file.write_all(bytes);
        if written.is_ok() {
            self.reserved += length;
            return Ok(());
        }
        self.spool.release(length);
        self.file.as_file().set_len(self.reserved)?;
        self.file.seek(SeekFrom::Start(self.reserved))?;
        written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reserved == 0
    }

    /// The trace is whole: when this returns, no crash can lose it. It may be called again where it fails.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let place = match &self.placed {
            Some(place) => place.clone(),
            None => self.place()?,
        };
        for folder in place.ancestors().skip(1).take_while(|&above| above != self.spool.folder) {
            File::open(folder)?.sync_all()?;
        }
        self.spool.tell();
        self.spool.offer(&place)
    }

    /// Moves the trace to its place. Its folders may go at any moment, with the last trace in them.
    fn place(&mut self) -> io::Result<PathBuf> {
        const ATTEMPTS: u32 = 4;
        self.file.as_file().sync_all()?;
        let place = self.spool.place(&self.origin);
        let folder = place.parent().unwrap_or(&self.spool.folder);
        for _ in 1..ATTEMPTS {
            let moved = fs::create_dir_all(folder).and_then(|()| fs::rename(self.file.path(), &place));
            match moved {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    // From now on it counts as long as it lies there.
                    self.reserved = 0;
                    self.placed = Some(place.clone());
                    return Ok(place);
                }
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.reserved > 0 {
            self.spool.release(self.reserved);
        }
    }
}

fn modified(version: &crate::store::Version) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(version.modified).unwrap_or(0))
}

/// Whether it goes better when somebody has made room.
fn is_about_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// An attribute as a folder's name.
fn name_of(key: &str, value: &str) -> String {
    format!("{}={}", utf8_percent_encode(key, PLAIN), utf8_percent_encode(value, PLAIN))
}

/// Whether traces of an origin can lie here: whether its attributes can be names of folders.
pub(crate) fn has_room_for(origin: &Origin) -> bool {
    origin.attributes().iter().all(|(key, value)| name_of(key, value).len() <= LONGEST_NAME)
}

/// The folder of an origin: one inside the other for each of its attributes.
fn folder_of(origin: &Origin) -> PathBuf {
    origin.attributes().iter().map(|(key, value)| name_of(key, value)).collect()
}

/// The other way round.
fn origin_of(folder: &Path) -> Origin {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let names = folder.components().map(|component| component.as_os_str().to_string_lossy());
    let pairs =
        names.filter_map(|name| name.split_once('=').map(|(key, value)| (decode(key), decode(value))));
    Origin::new(pairs)
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use super::*;

    fn origin(pairs: &[(&str, &str)]) -> Origin {
        Origin::new(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())))
    }

    fn spool(folder: &Path, max_bytes: u64, when_full: WhenFull) -> (Arc<Spool>, Arc<Inbox>) {
        let inbox = Arc::new(Inbox::default());
        let settings = Settings { max_bytes: bytesize::ByteSize(max_bytes), when_full };
        let spool =
            Spool::open(folder.to_owned(), settings, Arc::clone(&inbox), Telemetry::default()).unwrap();
        (Arc::new(spool), inbox)
    }

    fn take_in(spool: &Arc<Spool>, bytes: &[u8]) -> io::Result<()> {
        let mut incoming = spool.begin(origin(&[("service.name", "a")]))?;
        incoming.write(bytes)?;
        incoming.finish()
    }

    #[test]
    fn folders_tell_origins() {
        for pairs in
            [&[][..], &[("service.name", "a/../b,c=d")], &[("k8s.pod.name", "x"), ("service.name", "%2f ..")]]
        {
            let origin = origin(pairs);
            let folder = folder_of(&origin);
            assert!(folder.components().all(|component| matches!(component, Component::Normal(_))));
            assert_eq!(folder.components().count(), pairs.len());
            assert_eq!(origin_of(&folder), origin);
        }
    }

    #[test]
    fn what_is_spooled_is_offered_and_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        {
            let (spool, inbox) = spool(folder.path(), 100, WhenFull::Block);
            take_in(&spool, b"one").unwrap();
            drop(spool.begin(Origin::default()).unwrap());
            assert_eq!(inbox.waiting(), (1, 3));
        }
        let (spool, inbox) = spool(folder.path(), 100, WhenFull::Block);
        let arrival = inbox.take(std::time::Duration::ZERO).unwrap();
        assert_eq!(arrival.origin, origin(&[("service.name", "a")]));
        spool.remove(&arrival.path).unwrap();
        assert_eq!(*spool.used(), 0);
    }

    #[test]
    fn a_full_spool_blocks_or_gives_up_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, inbox) = spool(folder.path(), 10, WhenFull::Block);
        take_in(&spool, b"123456").unwrap();
        assert!(Full::is_reason_of(&take_in(&spool, b"78901").unwrap_err()));
        assert_eq!((*spool.used(), inbox.waiting().0), (6, 1));
        drop(spool);
        let (spool, inbox) = self::spool(folder.path(), 10, WhenFull::DropOldest);
        take_in(&spool, b"78901").unwrap();
        assert_eq!((*spool.used(), inbox.waiting()), (5, (1, 5)));
        // What is being delivered stays.
        assert!(inbox.take(std::time::Duration::ZERO).is_some());
        assert!(Full::is_reason_of(&take_in(&spool, b"123456").unwrap_err()));
    }
}
