//! Where the bytes come from: a slice, or anything that can be read.

use std::{
    borrow::Cow,
    fmt,
    io::{self, Read},
};

use crate::error::Error;

/// How much is asked of a reader at once.
const CHUNK: usize = 256 << 10;

/// The bytes of a trace with a place in them.
///
/// Of a slice all bytes are there at once and are never copied. What is read from a reader is kept from the
/// beginning of the current generation on, in a buffer that is used again for the next: a generation has it until then, or a
/// copy of its own, where others are cut meanwhile.
pub(crate) struct Input<'a> {
    /// The bytes that are there. Of a reader, `filled` says how many of them mean anything.
    bytes: Cow<'a, [u8]>,
    filled: usize,
    /// How many of them are no longer needed. Positions count from behind these.
    begin: usize,
    /// Where the first of the others stands in the trace.
    base: u64,
    position: usize,
    /// The buffer for the copy that the next generation gets, where generations get one.
    copy: Option<Vec<u8>>,
    /// `None` for a slice, and at the end.
    reader: Option<Box<dyn Read + Send + 'a>>,
    /// How the reader failed when it was asked for more than is needed now.
    failed: Option<Error>,
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("filled", &self.filled)
            .field("offset", &self.offset())
            .finish_non_exhaustive()
    }
}

impl<'a> Input<'a> {
    pub(crate) fn from_slice(bytes: &'a [u8]) -> Self {
        Self {
            bytes: Cow::Borrowed(bytes),
            filled: bytes.len(),
            begin: 0,
            base: 0,
            position: 0,
            copy: None,
            reader: None,
            failed: None,
        }
    }

    pub(crate) fn from_reader(reader: Box<dyn Read + Send + 'a>) -> Self {
        Self {
            bytes: Cow::Owned(Vec::new()),
            filled: 0,
            begin: 0,
            base: 0,
            position: 0,
            copy: None,
            reader: Some(reader),
            failed: None,
        }
    }

    /// Lends a buffer for a copy of the next generation, so that more can be cut while that is read. From then on each gets one.
    pub(super) fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.copy = Some(buffer);
    }

    /// Goes back to an offset, as far as the bytes from there on are still there.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn rewind(&mut self, offset: u64) {
        let dropped = self.base.saturating_sub(offset).min(self.begin as u64);
        self.begin -= dropped as usize;
        self.base -= dropped;
        self.set_position(offset.saturating_sub(self.base) as usize);
    }

    /// What is behind the place: bytes that are there, and the source that has the others.
    pub(super) fn into_source(self) -> Box<dyn Read + Send + 'a> {
        let source = self.reader.unwrap_or_else(|| Box::new(io::empty()));
        match self.bytes {
            Cow::Borrowed(bytes) => Box::new(&bytes[self.position..self.filled]),
            Cow::Owned(mut bytes) => {
                bytes.truncate(self.filled);
                bytes.drain(..(self.begin + self.position).min(self.filled));
                Box::new(io::Cursor::new(bytes).chain(source))
            }
        }
    }

    /// Where the place is in the trace.
    pub(super) fn offset(&self) -> u64 {
        self.offset_of(self.position)
    }

    pub(super) fn offset_of(&self, position: usize) -> u64 {
        self.base + position as u64
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Where the first of the bytes stands in the trace.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    pub(super) fn set_position(&mut self, position: usize) {
        self.position = position.min(self.filled - self.begin);
    }

    pub(super) fn set_offset(&mut self, offset: u64) {
        self.set_position(self.position_of(offset));
    }

    /// The bytes that are there, and needed.
    fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..self.filled]
    }

    /// The bytes that are there from a position on.
    pub(super) fn bytes_from(&self, position: usize) -> &[u8] {
        self.bytes().get(position..).unwrap_or_default()
    }

    /// The bytes of a part, which must be there.
    pub(super) fn part(&self, position: usize, length: usize) -> &[u8] {
        &self.bytes()[position..position + length]
    }

    /// Where an offset, which must not be before the bytes that are there, is among them.
    pub(super) fn position_of(&self, offset: u64) -> usize {
        (offset - self.base) as usize
    }

    /// Gets more bytes for a look ahead; `false` where there are none, and an error where the source has nothing for now. That it
    /// failed is said where the bytes are needed.
    pub(super) fn wait_ahead(&mut self) -> Result<bool, Error> {
        self.grow().or_else(|error| match &error {
            Error::Io { error: cause, .. } if cause.kind() == std::io::ErrorKind::WouldBlock => Err(error),
            _ => {
                self.fail_later(error);
                Ok(false)
            }
        })
    }

    /// Says what the source has said once more bytes are needed: what lies ahead was not waited for.
    pub(super) fn fail_later(&mut self, error: Error) {
        self.failed = Some(error);
    }

    /// The bytes that are there after the place.
    pub(super) fn window(&self) -> &[u8] {
        &self.bytes()[self.position..]
    }

    /// The byte at a position, if it is there.
    pub(super) fn byte_at(&self, position: usize) -> Option<u8> {
        self.bytes().get(position).copied()
    }

    /// Gets more bytes; `false` where there are none.
    pub(super) fn grow(&mut self) -> Result<bool, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let offset = self.offset_of(self.filled - self.begin);
        let Some(reader) = &mut self.reader else { return Ok(false) };
        let buffer = self.bytes.to_mut();
        if buffer.len() < self.filled + CHUNK {
            buffer.resize(self.filled + CHUNK, 0);
        }
        loop {
            match reader.read(&mut buffer[self.filled..self.filled + CHUNK]) {
                Ok(0) => {
                    self.reader = None;
                    return Ok(false);
                }
                Ok(read) => {
                    self.filled += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io { offset, error: error.into() }),
            }
        }
    }

    /// Gets more bytes until `wanted` are there after the place, or there are no more.
    pub(super) fn grow_to(&mut self, wanted: usize) -> Result<(), Error> {
        while self.window().len() < wanted && self.grow()? {}
        Ok(())
    }

    /// Hands out the bytes, for a generation to keep that ends at `end` or at the place. Of a reader they are gone until
    /// [`take_back`](Self::take_back), where the generation gets no copy.
    pub(super) fn lend(&mut self, end: usize) -> Cow<'a, [u8]> {
        match (&mut self.bytes, &mut self.copy) {
            (Cow::Borrowed(bytes), _) => Cow::Borrowed(bytes),
            (Cow::Owned(buffer), None) => Cow::Owned(std::mem::take(buffer)),
            (Cow::Owned(buffer), Some(copy)) => {
                let mut copy = std::mem::take(copy);
                copy.clear();
                copy.extend_from_slice(&buffer[self.begin..self.begin + end.max(self.position)]);
                Cow::Owned(copy)
            }
        }
    }

    /// Takes the buffer of a generation back, for the next one. Drops what is before the place once that is more than what is
    /// after it, so that moving the rest costs no more than reading did.
    pub(super) fn take_back(&mut self, buffer: Vec<u8>) {
        let Cow::Owned(own) = &mut self.bytes else { return };
        if self.copy.is_some() {
            // A copy begins with its generation, whatever else is in the buffer.
            self.begin += self.position;
            self.base += self.position as u64;
            self.position = 0;
        } else if own.is_empty() {
            *own = buffer;
        }
        let passed = self.begin + self.position;
        if passed >= self.filled - passed {
            own.copy_within(passed..self.filled, 0);
            self.filled -= passed;
            self.base += self.position as u64;
            (self.begin, self.position) = (0, 0);
        }
    }
}
