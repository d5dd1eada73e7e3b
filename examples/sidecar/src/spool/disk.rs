//! Whether the disk takes anything: the alarm that it does not, and the end of it.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};
use tokio::{sync::Notify, task::spawn_blocking, time::sleep};

use super::Spool;
use crate::{durable::cause_of, telemetry::Concern};

/// How often it is tried whether something can be written again.
const PACE: Duration = Duration::from_secs(2);

/// What is written where the file system cannot set room aside.
const LITTLE: &[u8] = &[0; 64 << 10];

/// What could not be written.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// How many bytes the largest trace has that found no place; 0 while all is well.
    bytes: AtomicU64,
    changed: Notify,
}

impl Spool {
    /// A trace of so many bytes could not be written.
    pub(super) fn fail(&self, error: &io::Error, bytes: u64) {
        self.telemetry.raise(Concern::Spool, &format!("nothing can be taken in: {}", cause_of(error)));
        self.trouble.bytes.fetch_max(bytes.max(1), Ordering::Relaxed);
        self.trouble.changed.notify_one();
    }

    /// One could be.
    pub(super) fn recover(&self) {
        self.trouble.bytes.store(0, Ordering::Relaxed);
        self.telemetry.clear(Concern::Spool);
    }

    /// As long as something could not be written, tries whether it can be now: nobody may send anything for long.
    pub(crate) async fn watch_disk(self: Arc<Self>) {
        loop {
            while self.trouble.bytes.load(Ordering::Relaxed) == 0 {
                self.trouble.changed.notified().await;
            }
            sleep(PACE).await;
            let spool = Arc::clone(&self);
            if let Ok(Ok(())) = spawn_blocking(move || spool.try_disk()).await {
                self.recover();
            }
        }
    }

    /// Sets as much room aside as was missing, and gives it up again.
    fn try_disk(&self) -> io::Result<()> {
        let mut file = tempfile::tempfile_in(self.incoming())?;
        let set_aside = fallocate(&file, FallocateFlags::empty(), 0, self.trouble.missing());
        has_room(set_aside, || file.write_all(LITTLE))?;
        file.sync_all()
    }
}

impl Trouble {
    /// For how many bytes there has to be room.
    fn missing(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed).max(1)
    }
}

/// Whether there is room, by what the file system said to its being set aside; where it cannot do that, whether something can
/// be written.
fn has_room(set_aside: Result<(), Errno>, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match set_aside {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => write(),
        outcome => Ok(outcome?),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::tests, *};
    use crate::config::WhenFull;

    /// A folder that is not there stands for a disk that is full, which takes more than a user's rights.
    #[tokio::test(start_paused = true)]
    async fn the_alarm_ends_when_something_can_be_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = tests::spool(folder.path(), 1000, WhenFull::Block);
        tokio::spawn(Arc::clone(&spool).watch_disk());
        let is_told = || spool.telemetry.alarm().is_some();
        for _ in 0..2 {
            fs::remove_dir(spool.incoming()).unwrap();
            assert!(tests::take_in(&spool, b"lost").is_err() && is_told());
            sleep(PACE * 10).await;
            assert!(is_told());
            fs::create_dir(spool.incoming()).unwrap();
            sleep(PACE * 2).await;
            assert!(!is_told());
        }
        tests::take_in(&spool, b"kept").unwrap();
    }

    #[test]
    fn what_was_too_large_for_the_disk_is_tried_in_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let (spool, _) = tests::spool(folder.path(), u64::MAX, WhenFull::Block);
        for (bytes, missing) in [(5000, 5000), (1, 5000), (7000, 7000), (0, 7000)] {
            spool.fail(&io::ErrorKind::StorageFull.into(), bytes);
            assert_eq!(spool.trouble.missing(), missing);
        }
        spool.recover();
        spool.fail(&io::ErrorKind::StorageFull.into(), 0);
        assert_eq!(spool.trouble.missing(), 1);
        spool.try_disk().unwrap();
    }

    #[test]
    fn what_the_file_system_cannot_set_aside_is_tried_by_writing() {
        let full = || Err(io::ErrorKind::StorageFull.into());
        assert!(has_room(Ok(()), full).is_ok());
        for error in [Errno::NOSPC, Errno::FBIG, Errno::IO] {
            assert!(has_room(Err(error), || Ok(())).is_err(), "{error}");
        }
        for error in [Errno::OPNOTSUPP, Errno::NOSYS] {
            assert!(
                has_room(Err(error), || Ok(())).is_ok() && has_room(Err(error), full).is_err(),
                "{error}"
            );
        }
    }
}
