//! Ends a source that somebody else reads from.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Tells a source to give nothing more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn set(&self, stops: bool) {
        self.0.store(stops, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// A source that listens: from then on it has nothing for now.
    pub(crate) fn source<'a>(&self, source: impl Read + Send + 'a) -> Box<dyn Read + Send + 'a> {
        Box::new(Listening { source, stop: self.clone() })
    }
}

struct Listening<R> {
    source: R,
    stop: Stop,
}

impl<R: Read> Read for Listening<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_set() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.source.read(buffer)
    }
}
