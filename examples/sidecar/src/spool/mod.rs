//! What was taken in and is not delivered yet, where no service keeps it: one file a trace.
//!
//! A trace is written aside, synced, and then moved to its place, so that what lies there is whole, after a crash too. Its
//! path tells its origin. How much may lie here is bounded.

mod disk;
mod incoming;
mod place;
mod room;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use walkdir::{DirEntry, WalkDir};

use self::{
    disk::Trouble,
    place::origin_of,
    room::{Room, Whole, age_of},
};
pub(crate) use self::{
    incoming::Incoming,
    place::{has_room_for, is_intact},
    room::Full,
};
use crate::{
    config::Spool as Settings,
    inbox::{Arrival, Inbox},
    premises::create_private,
    quarantine::Quarantine,
    source::{Afterwards, begin_of, version_of},
    store::Version,
    telemetry::{Loss, Telemetry},
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
    trouble: Trouble,
    next: AtomicU64,
}

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
            trouble: Trouble::default(),
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
}

fn modified(version: &Version) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(version.modified).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, sync::Barrier, thread};

    use super::*;
    use crate::{config::WhenFull, store::Origin};

    fn origin(pairs: &[(&str, &str)]) -> Origin {
        Origin::new(pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())))
    }

    pub(super) fn spool(folder: &Path, max_bytes: u64, when_full: WhenFull) -> (Arc<Spool>, Arc<Inbox>) {
        let (inbox, telemetry) = (Arc::new(Inbox::default()), Telemetry::default());
        let settings = Settings { max_bytes: bytesize::ByteSize(max_bytes), when_full };
        let quarantine =
            Quarantine::open(folder.join("quarantine"), u64::MAX, telemetry.clone()).map(Arc::new).unwrap();
        let spool =
            Spool::open(folder.join("spool"), settings, Arc::clone(&inbox), quarantine, telemetry).unwrap();
        (Arc::new(spool), inbox)
    }

    pub(super) fn take_in(spool: &Arc<Spool>, bytes: &[u8]) -> io::Result<()> {
        let mut incoming = spool.begin(origin(&[("service.name", "a")]), 0)?;
        incoming.write(bytes)?;
        incoming.finish()
    }

    fn bytes_below(folder: &Path) -> u64 {
        let files = WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
        files.map(|file| file.metadata().unwrap().len()).sum()
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
