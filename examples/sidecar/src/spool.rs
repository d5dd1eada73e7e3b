//! What was taken in and is not delivered yet, where no service keeps it: one file a trace.
//!
//! A trace is written aside, synced, and then moved to its place, so that what lies there is whole, after a crash too. Its
//! path tells its origin. How much may lie here is bounded.

use core::{error::Error, fmt};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;
use walkdir::{DirEntry, WalkDir};

use crate::{
    config::{Spool as Settings, WhenFull},
    durable,
    inbox::{Arrival, Inbox},
    premises::create_private,
    quarantine::Quarantine,
    source::{Afterwards, begin_of, version_of},
    store::{Origin, Version},
    telemetry::{Concern, Loss, Telemetry},
};

/// The spool's folder. Its parts may be shared among threads.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    settings: Mutex<Settings>,
    inbox: Arc<Inbox>,
    quarantine: Arc<Quarantine>,
    telemetry: Telemetry,
    /// Names are made and unmade while it is held, so that it and the folder agree.
    room: Mutex<Room>,
    next: AtomicU64,
}

/// What takes room.
#[derive(Debug, Default)]
struct Room {
    /// How many bytes lie here or are on their way.
    used: u64,
    /// What lies here, the oldest first.
    whole: BTreeMap<Age, Whole>,
    /// How many traces are on their way.
    incoming: usize,
}

/// The name of a file, which begins with its time, and its path.
type Age = (OsString, PathBuf);

fn age_of(path: &Path) -> Age {
    (path.file_name().unwrap_or_default().to_owned(), path.to_owned())
}

#[derive(Clone, Copy, Debug)]
struct Whole {
    bytes: u64,
    /// Whether it may be taken. Until then nobody else knows of it.
    is_offered: bool,
}

/// A trace on its way in. Dropped, it never was there.
pub(crate) struct Incoming {
    spool: Arc<Spool>,
    origin: Origin,
    file: NamedTempFile,
    hash: XxHash3_128,
    written: u64,
    /// How many bytes of the room are set aside for it; none once it lies in its place.
    reserved: u64,
    /// What is to be offered when it is durable.
    placed: Option<Arrival>,
}

/// There is no room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full {
    /// Whether there may be in a moment, since others are on their way in that can be given up once they are whole.
    pub(crate) is_passing: bool,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the spool is full")
    }
}

impl Error for Full {}

impl Full {
    /// Whether this is why something could not be taken in.
    pub(crate) fn is_reason_of(error: &io::Error) -> bool {
        Self::of(error).is_some()
    }

    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref().copied()
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
    /// Opens the spool in a folder, and offers what lies there. What does not belong there is put aside.
    pub(crate) fn open(
        folder: PathBuf,
        settings: Settings,
        inbox: Arc<Inbox>,
        quarantine: Arc<Quarantine>,
        telemetry: Telemetry,
    ) -> Result<Self> {
        let spool = Self {
            folder,
            settings: Mutex::new(settings),
            inbox,
            quarantine,
            telemetry,
            room: Mutex::default(),
            next: AtomicU64::new(0),
        };
        for folder in [spool.folder.clone(), spool.incoming(), spool.whole()] {
            if folder.symlink_metadata().is_ok_and(|there| !there.is_dir()) {
                spool.put_aside(&folder, "it is in the place of a folder of the spool");
            }
            create_private(&folder)?;
        }
        spool.empty_incoming();
        spool.take_stock();
        Ok(spool)
    }

    fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    fn whole(&self) -> PathBuf {
        self.folder.join("whole")
    }

    /// What a crash has left half written, nobody was told to be taken.
    fn empty_incoming(&self) {
        for entry in WalkDir::new(self.incoming()).min_depth(1).max_depth(1).into_iter().flatten() {
            if entry.file_type().is_dir() || fs::remove_file(entry.path()).is_err() {
                self.put_aside(entry.path(), "it lies where the spool writes, and cannot be removed");
            }
        }
    }

    fn take_stock(&self) {
        let mut entries = WalkDir::new(self.whole()).min_depth(1).into_iter();
        while let Some(entry) = entries.next() {
            let (path, outcome) = match &entry {
                Ok(entry) => (Some(entry.path()), self.find(entry)),
                Err(error) => (error.path(), Err(format!("it cannot be read: {error}"))),
            };
            let (Some(path), Err(reason)) = (path, outcome) else { continue };
            self.put_aside(path, &reason);
            if entry.as_ref().is_ok_and(|entry| entry.file_type().is_dir()) {
                entries.skip_current_dir();
            }
        }
        self.tell();
    }

    /// Something lies in the spool: offers it, or says why that cannot be.
    fn find(&self, entry: &DirEntry) -> Result<(), String> {
        let kind = entry.file_type();
        if kind.is_dir() {
            let is_of_origin = entry.file_name().to_string_lossy().contains('=');
            return if is_of_origin { Ok(()) } else { Err("it is no folder of the spool's".to_owned()) };
        }
        if !kind.is_file() {
            return Err("it is no file".to_owned());
        }
        let path = entry.path();
        let version = version_of(path).map_err(|error| format!("it cannot be read: {error}"))?;
        let arrival = self.arrival(path.to_owned(), path, version);
        let mut room = self.room();
        room.used += version.length;
        room.whole.insert(age_of(path), Whole { bytes: version.length, is_offered: true });
        self.inbox.offer(arrival);
        Ok(())
    }

    /// Something is in the way. Where it cannot even be put aside, it stays there, and everything else goes on.
    fn put_aside(&self, path: &Path, reason: &str) {
        if let Err(error) = self.quarantine.put_file(path, reason, true) {
            tracing::error!(file = %path.display(), %error, "it cannot be put aside: {reason}");
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
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
        settings.when_full == WhenFull::Block && self.room().used >= settings.max_bytes.as_u64()
    }

    /// Begins to take a trace of `origin` in, which has so many bytes at least: where they are known, there is room for all
    /// of them or for none.
    pub(crate) fn begin(self: &Arc<Self>, origin: Origin, bytes: u64) -> io::Result<Incoming> {
        if self.is_full() {
            return Err(Full { is_passing: false }.into());
        }
        self.check_length(bytes)?;
        // Whoever finds no room, has to find out of whom it waits.
        {
            let mut room = self.room();
            self.reserve(&mut room, bytes)?;
            room.incoming += 1;
        }
        let file = NamedTempFile::new_in(self.incoming()).inspect_err(|_| {
            let mut room = self.room();
            room.used -= bytes;
            room.incoming -= 1;
        })?;
        Ok(Incoming {
            spool: Arc::clone(self),
            origin,
            file,
            hash: XxHash3_128::new(),
            written: 0,
            reserved: bytes,
            placed: None,
        })
    }

    fn check_length(&self, bytes: u64) -> io::Result<()> {
        let most = self.settings().max_bytes;
        if bytes > most.as_u64() {
            let message = format!("it is larger than [spool] max_bytes = {most}");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(())
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

    fn reserve(&self, room: &mut Room, bytes: u64) -> Result<(), Full> {
        let Settings { max_bytes, when_full } = self.settings();
        let most = max_bytes.as_u64();
        while room.used.saturating_add(bytes) > most {
            if when_full == WhenFull::Block {
                return Err(Full { is_passing: false });
            }
            if !self.drop_oldest(room) {
                return Err(Full { is_passing: room.incoming > 0 });
            }
        }
        room.used += bytes;
        Ok(())
    }

    /// Makes room. Whether there was something to give up: what is being delivered is not, nor what is on its way in.
    fn drop_oldest(&self, room: &mut Room) -> bool {
        let oldest = room.whole.iter().find_map(|(age, whole)| {
            let withdrawn = self.inbox.withdraw(&age.1);
            (withdrawn.is_some() || !whole.is_offered).then(|| (age.clone(), *whole, withdrawn))
        });
        let Some((age, Whole { bytes, .. }, withdrawn)) = oldest else { return false };
        let path = &age.1;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::error!(file = %path.display(), %error, "the spool is full, and the oldest trace cannot be removed");
                withdrawn.into_iter().for_each(|arrival| self.inbox.offer(arrival));
                return false;
            }
            _ => {}
        }
        tracing::warn!(file = %path.display(), bytes, "the spool is full: the oldest trace is given up");
        self.telemetry.lost(Loss::SpoolFull, bytes);
        self.unmake(room, &age);
        true
    }

    /// A file is no longer here. Its folders go with the last trace of its origin; they are made again with the next.
    fn unmake(&self, room: &mut Room, age: &Age) {
        let Some(Whole { bytes, .. }) = room.whole.remove(age) else { return };
        room.used -= bytes;
        let whole = self.whole();
        for folder in age.1.ancestors().skip(1).take_while(|&folder| folder != whole) {
            let _ = fs::remove_dir(folder);
        }
    }

    /// A trace is delivered: it goes.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        let mut room = self.room();
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.unmake(&mut room, &age_of(path)),
        }
        drop(room);
        self.tell();
        Ok(())
    }

    /// A trace has gone elsewhere.
    pub(crate) fn forget(&self, path: &Path) {
        self.unmake(&mut self.room(), &age_of(path));
        self.tell();
    }

    /// A trace that was promised to be delivered is not here any more.
    pub(crate) fn miss(&self, path: &Path) {
        let bytes = self.room().whole.get(&age_of(path)).map_or(0, |whole| whole.bytes);
        tracing::error!(file = %path.display(), bytes, "it has vanished from the spool: its spans are lost");
        self.telemetry.lost(Loss::Vanished, bytes);
        self.forget(path);
    }

    fn tell(&self) {
        let used = self.room().used;
        self.telemetry.spool(used, self.settings().max_bytes.as_u64());
    }

    /// What waits when a file lies at `path`; until then it lies `here`.
    fn arrival(&self, path: PathBuf, here: &Path, version: Version) -> Arrival {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(self.whole()).ok());
        let origin = folder.map(origin_of).unwrap_or_default();
        let begin = begin_of(here, version.modified);
        let since = modified(&version);
        Arrival { path, version, origin, is_whole: true, begin, since, afterwards: Afterwards::Unspool }
    }

    /// Where the next trace of an origin goes. Names sort by time, and tell what the content has to be.
    fn place(&self, origin: &Origin, hash: u128) -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{since:020}-{number:06}-{hash:032x}.{ENDING}");
        self.whole().join(folder_of(origin)).join(name)
    }
}

/// Whether a file of the spool is what was taken in. Names of earlier versions do not tell: those are believed.
pub(crate) fn is_intact(path: &Path) -> io::Result<bool> {
    const PIECE: usize = 256 << 10;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let Some(expected) = name.split('-').nth(2).and_then(|hash| u128::from_str_radix(hash, 16).ok()) else {
        return Ok(true);
    };
    let (mut file, mut hash, mut piece) = (File::open(path)?, XxHash3_128::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hash.finish_128() == expected),
            Ok(read) => hash.write(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Incoming {
    /// Takes more bytes of the trace: all of them, or none where it fails.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let after = self.written + bytes.len() as u64;
        self.spool.check_length(after)?;
        if after > self.reserved {
            self.spool.reserve(&mut self.spool.room(), after - self.reserved)?;
            self.reserved = after;
        }
        let written = self.file.write_all(bytes);
        if written.is_ok() {
            self.hash.write(bytes);
            self.written = after;
            return Ok(());
        }
        self.file.as_file().set_len(self.written)?;
        self.file.seek(SeekFrom::Start(self.written))?;
        written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// The trace is whole: when this returns, no crash can lose it. It may be called again where it fails.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let arrival = match self.placed.take() {
            Some(arrival) => arrival,
            None => self.place()?,
        };
        let place = arrival.path.clone();
        let mut folders = place.ancestors().skip(1).take_while(|&above| above != self.spool.folder);
        let synced = folders.try_for_each(durable::sync_folder);
        let mut room = self.spool.room();
        // It may have been given up for others already.
        if let Some(whole) = room.whole.get_mut(&age_of(&place)) {
            if let Err(error) = synced {
                self.placed = Some(arrival);
                return Err(error);
            }
            whole.is_offered = true;
            self.spool.inbox.offer(arrival);
        }
        drop(room);
        self.spool.tell();
        Ok(())
    }

    /// Moves the trace to its place.
    fn place(&mut self) -> io::Result<Arrival> {
        self.file.as_file().sync_all()?;
        let version = version_of(self.file.path())?;
        let place = self.spool.place(&self.origin, self.hash.finish_128());
        let arrival = self.spool.arrival(place, self.file.path(), version);
        let mut room = self.spool.room();
        if let Some(folder) = arrival.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::rename(self.file.path(), &arrival.path)?;
        // From now on it counts as long as it lies there.
        room.used -= core::mem::take(&mut self.reserved);
        room.used += self.written;
        room.whole.insert(age_of(&arrival.path), Whole { bytes: self.written, is_offered: false });
        Ok(arrival)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut room = self.spool.room();
        room.used -= self.reserved;
        room.incoming -= 1;
        drop(room);
        self.spool.tell();
    }
}

fn modified(version: &Version) -> SystemTime {
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
    use std::{os::unix::fs::symlink, path::Component, sync::Barrier};

    use super::*;

    fn origin(pairs: &[(&str, &str)]) -> Origin {
        Origin::new(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())))
    }

    fn spool(folder: &Path, max_bytes: u64, when_full: WhenFull) -> (Arc<Spool>, Arc<Inbox>) {
        let (inbox, telemetry) = (Arc::new(Inbox::default()), Telemetry::default());
        let settings = Settings { max_bytes: bytesize::ByteSize(max_bytes), when_full };
        let quarantine =
            Quarantine::open(folder.join("quarantine"), u64::MAX, telemetry.clone()).map(Arc::new).unwrap();
        let spool =
            Spool::open(folder.join("spool"), settings, Arc::clone(&inbox), quarantine, telemetry).unwrap();
        (Arc::new(spool), inbox)
    }

    fn take_in(spool: &Arc<Spool>, bytes: &[u8]) -> io::Result<()> {
        let mut incoming = spool.begin(origin(&[("service.name", "a")]), 0)?;
        incoming.write(bytes)?;
        incoming.finish()
    }

    fn bytes_below(folder: &Path) -> u64 {
        let files = WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
        files.map(|file| file.metadata().unwrap().len()).sum()
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
            drop(spool.begin(Origin::default(), 50).unwrap());
            assert_eq!((inbox.waiting(), spool.room().used), ((1, 3), 3));
        }
        let (spool, inbox) = spool(folder.path(), 100, WhenFull::Block);
        let arrival = inbox.take(Duration::ZERO).unwrap();
        assert_eq!(arrival.origin, origin(&[("service.name", "a")]));
        assert!(is_intact(&arrival.path).unwrap());
        spool.remove(&arrival.path).unwrap();
        assert_eq!(spool.room().used, 0);
    }

    #[test]
    fn a_full_spool_blocks_or_gives_up_the_oldest() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, inbox) = spool(folder.path(), 10, WhenFull::Block);
        take_in(&spool, b"123456").unwrap();
        assert!(Full::is_reason_of(&take_in(&spool, b"78901").unwrap_err()));
        assert_eq!((spool.room().used, inbox.waiting().0), (6, 1));
        drop(spool);
        let (spool, inbox) = self::spool(folder.path(), 10, WhenFull::DropOldest);
        take_in(&spool, b"78901").unwrap();
        assert_eq!((spool.room().used, inbox.waiting()), (5, (1, 5)));
        // What is being delivered stays.
        assert!(inbox.take(Duration::ZERO).is_some());
        assert!(Full::is_reason_of(&take_in(&spool, b"123456").unwrap_err()));
    }

    /// However many come at once: the limit holds, and each of them is there or counted as given up, never both.
    #[test]
    fn giving_up_is_exact_among_many() {
        const THREADS: u64 = 50;
        const EACH: u64 = 4;
        const LENGTH: usize = 1000;
        let folder = tempfile::tempdir().unwrap();
        let (spool, inbox) = spool(folder.path(), 30 * LENGTH as u64, WhenFull::DropOldest);
        let barrier = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    barrier.wait();
                    for _ in 0..EACH {
                        let mut incoming = spool
                            .patiently(|| spool.begin(origin(&[("service.name", "a")]), LENGTH as u64))
                            .unwrap();
                        incoming.write(&[7; LENGTH]).unwrap();
                        incoming.finish().unwrap();
                        assert!(spool.room().used <= 30 * LENGTH as u64);
                    }
                });
            }
        });
        let (files, bytes) = inbox.waiting();
        let used = spool.room().used;
        assert_eq!((bytes, bytes_below(&spool.whole())), (used, used));
        let lost = spool.telemetry.lost_count(Loss::SpoolFull);
        assert_eq!(lost, (THREADS * EACH - files as u64, (THREADS * EACH * LENGTH as u64) - bytes));
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, inbox) = spool(folder.path(), 1000, WhenFull::Block);
        take_in(&spool, b"some bytes of a trace").unwrap();
        let path = inbox.take(Duration::ZERO).unwrap().path;
        let mut bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 4;
            fs::write(&path, &bytes).unwrap();
            assert!(!is_intact(&path).unwrap());
            bytes[at] ^= 4;
        }
        fs::write(&path, &bytes[1..]).unwrap();
        assert!(!is_intact(&path).unwrap());
    }

    /// Whatever lies there, the spool opens, and what is well is offered.
    #[test]
    fn what_does_not_belong_there_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let place = {
            let (spool, inbox) = spool(folder.path(), 1000, WhenFull::Block);
            take_in(&spool, b"well").unwrap();
            inbox.take(Duration::ZERO).unwrap().path
        };
        let (origin, spooled) = (place.parent().unwrap(), folder.path().join("spool"));
        fs::create_dir(origin.join("1-folder.trace")).unwrap();
        fs::write(origin.join("1-folder.trace/inside"), b"kept").unwrap();
        symlink("/nowhere", origin.join("2-link.trace")).unwrap();
        symlink(origin, origin.join("3-circle=x")).unwrap();
        fs::create_dir(spooled.join("incoming/folder")).unwrap();
        let (spool, inbox) = spool(folder.path(), 1000, WhenFull::Block);
        assert_eq!(inbox.waiting(), (1, 4));
        assert_eq!(inbox.take(Duration::ZERO).unwrap().path, place);
        assert_eq!(spool.room().used, 4);
        let aside: Vec<_> = WalkDir::new(folder.path().join("quarantine")).into_iter().flatten().collect();
        let names: Vec<_> = aside.iter().map(|entry| entry.file_name().to_string_lossy()).collect();
        for name in ["1-folder.trace", "2-link.trace", "3-circle=x", "folder", "inside"] {
            assert!(names.iter().any(|known| known.ends_with(name)), "{name}: {names:?}");
        }
        let reasons = names.iter().filter(|name| name.ends_with(".reason")).count();
        assert_eq!(reasons, 4, "{names:?}");
        // A file in the place of a folder, too.
        drop(spool);
        fs::remove_dir_all(&spooled).unwrap();
        fs::write(&spooled, b"").unwrap();
        let (spool, _) = self::spool(folder.path(), 1000, WhenFull::Block);
        take_in(&spool, b"well").unwrap();
    }
}
