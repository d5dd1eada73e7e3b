//! Bytes that are pushed at one end, and read at the other.

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The end where bytes are pushed. Its lock is never waited for: both ends belong to one session.
#[derive(Debug, Default)]
pub(super) struct Pipe(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    bytes: VecDeque<u8>,
    is_ended: bool,
}

impl Pipe {
    /// The end where they are read. It would block where there are none, until the pipe has ended.
    pub(super) fn source(&self) -> Source {
        Source(Arc::clone(&self.0))
    }

    pub(super) fn push(&self, bytes: &[u8]) {
        lock(&self.0).bytes.extend(bytes);
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        lock(&self.0).is_ended = true;
    }
}

/// The end where bytes are read.
#[derive(Debug)]
pub(super) struct Source(Arc<Mutex<Content>>);

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut content = lock(&self.0);
        if content.bytes.is_empty() && !content.is_ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        content.bytes.read(buffer)
    }
}

fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock().unwrap_or_else(PoisonError::into_inner)
}
