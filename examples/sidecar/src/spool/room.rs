//! How much may lie in the spool, and what is given up for what comes later.

use core::{error::Error, fmt};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use super::Spool;
use crate::{
    config::{Spool as Settings, WhenFull},
    telemetry::Loss,
};

/// What takes room.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// How many bytes lie here or are on their way.
    pub(super) used: u64,
    /// What lies here, the oldest first.
    pub(super) whole: BTreeMap<Age, Whole>,
    /// How many traces are on their way.
    pub(super) incoming: usize,
}

/// The name of a file, which begins with its time, and its path.
pub(super) type Age = (OsString, PathBuf);

pub(super) fn age_of(path: &Path) -> Age {
    (path.file_name().unwrap_or_default().to_owned(), path.to_owned())
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    pub(super) bytes: u64,
    /// Whether it may be taken. Until then nobody else knows of it.
    pub(super) is_offered: bool,
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

impl Spool {
    /// Whether nothing more can be taken now.
    pub(crate) fn is_full(&self) -> bool {
        let settings = self.settings();
        settings.when_full == WhenFull::Block && self.room().used >= settings.max_bytes.as_u64()
    }

    pub(super) fn reserve(&self, room: &mut Room, bytes: u64) -> Result<(), Full> {
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
    pub(super) fn unmake(&self, room: &mut Room, age: &Age) {
        let Some(Whole { bytes, .. }) = room.whole.remove(age) else { return };
        room.used -= bytes;
        let whole = self.whole();
        for folder in age.1.ancestors().skip(1).take_while(|&folder| folder != whole) {
            let _ = fs::remove_dir(folder);
        }
    }
}
