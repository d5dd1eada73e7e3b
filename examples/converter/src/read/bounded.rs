//! Bytes of which only so many may come without a generation being complete: the reader keeps them in memory.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub(super) struct Bounded<R> {
    bytes: R,
    most: u64,
    meter: Meter,
}

/// How many bytes were read since what was read last was complete.
#[derive(Clone, Debug, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Everything that was read so far was complete.
    pub(super) fn note_complete(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

impl<R> Bounded<R> {
    pub(super) fn new(bytes: R, most: u64) -> Self {
        Self { bytes, most, meter: Meter::default() }
    }

    /// Where to tell what is complete.
    pub(super) fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = self.most.saturating_add(1).saturating_sub(self.meter.0.load(Ordering::Relaxed));
        if room == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // No more than is allowed, lest what follows on a small generation counts as its own.
        let length = usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.bytes.read(&mut buffer[..length])?;
        self.meter.0.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
