//! Traces on their way in.

use std::{
    fs,
    io::{self, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tempfile::NamedTempFile;
use twox_hash::XxHash3_128;

use super::{
    Spool,
    place::{file_name, folder_of},
    room::{Full, Whole, age_of},
};
use crate::{durable, inbox::Arrival, source::version_of, store::Origin};

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

/// How often it is looked for room.
const LOOK: Duration = Duration::from_millis(200);

impl Spool {
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
        let file = NamedTempFile::new_in(self.incoming()).inspect_err(|error| {
            self.fail(error, bytes);
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
        let mut is_told = false;
        loop {
            match act() {
                Err(error) if Full::is_reason_of(&error) => {
                    if !core::mem::replace(&mut is_told, true) {
                        tracing::debug!("{error}: what comes waits");
                    }
                }
                Err(error) if is_about_room(&error) => {}
                outcome => return outcome,
            }
            thread::sleep(LOOK);
        }
    }

    /// Where the next trace of an origin goes.
    fn place(&self, origin: &Origin, hash: u128) -> PathBuf {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.whole().join(folder_of(origin)).join(file_name(since, number, hash))
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
        if let Err(error) = self.file.write_all(bytes) {
            self.spool.fail(&error, self.reserved);
            self.file.as_file().set_len(self.written)?;
            self.file.seek(SeekFrom::Start(self.written))?;
            return Err(error);
        }
        self.hash.write(bytes);
        self.written = after;
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// The trace is whole: when this returns, no crash can lose it. It may be called again where it fails.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        let outcome = self.settle();
        match &outcome {
            Ok(()) => self.spool.recover(),
            Err(error) => self.spool.fail(error, self.written),
        }
        outcome
    }

    fn settle(&mut self) -> io::Result<()> {
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

/// Whether it goes better when somebody has made room.
fn is_about_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
