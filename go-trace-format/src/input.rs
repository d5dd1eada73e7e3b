//! Where the bytes come from: a slice, or anything that can be read.

use std::{borrow::Cow, fmt, io::Read};

use crate::{
    error::{Error, Parse, Problem},
    spec::{Dialect, MAX_BATCH_SIZE},
    wire::{Batch, Item, MAX_HEADER, batch_of, item, item_error},
};

/// How much is asked of a reader at once.
const CHUNK: usize = 256 << 10;

/// The bytes of a trace with a place in them.
///
/// Of a slice all bytes are there at once and are never copied. What is read from a reader is kept from the
/// beginning of the current generation on, in a buffer that is used again for the next.
pub(crate) struct Input<'a> {
    /// The bytes that are there. Of a reader, `filled` says how many of them mean anything.
    bytes: Cow<'a, [u8]>,
    filled: usize,
    /// Where the first of `bytes` stands in the trace.
    base: u64,
    position: usize,
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
            base: 0,
            position: 0,
            reader: None,
            failed: None,
        }
    }

    pub(crate) fn from_reader(reader: Box<dyn Read + Send + 'a>) -> Self {
        Self {
            bytes: Cow::Owned(Vec::new()),
            filled: 0,
            base: 0,
            position: 0,
            reader: Some(reader),
            failed: None,
        }
    }

    /// Where the place is in the trace.
    pub(crate) fn offset(&self) -> u64 {
        self.offset_of(self.position)
    }

    pub(crate) fn offset_of(&self, position: usize) -> u64 {
        self.base + position as u64
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Where the first of the bytes stands in the trace.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    pub(crate) fn set_position(&mut self, position: usize) {
        self.position = position.min(self.filled);
    }

    pub(crate) fn set_offset(&mut self, offset: u64) {
        self.set_position((offset - self.base) as usize);
    }

    /// The bytes that are there after the place.
    pub(crate) fn window(&self) -> &[u8] {
        &self.bytes[self.position..self.filled]
    }

    /// The byte at a position, if it is there.
    pub(crate) fn byte_at(&self, position: usize) -> Option<u8> {
        self.bytes[..self.filled].get(position).copied()
    }

    /// Gets more bytes; `false` where there are none.
    pub(crate) fn grow(&mut self) -> Result<bool, Error> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let offset = self.base + self.filled as u64;
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
                Err(error) => return Err(Error::Io { offset, kind: error.kind() }),
            }
        }
    }

    /// Gets more bytes until `wanted` are there after the place, or there are no more.
    pub(crate) fn grow_to(&mut self, wanted: usize) -> Result<(), Error> {
        while self.window().len() < wanted && self.grow()? {}
        Ok(())
    }

    /// The batch or end of a generation at the place, which is left where it is, and its length.
    ///
    /// `None` at the end of the input; also where it ends between the two bytes that open an experimental
    /// batch, as in the reference.
    pub(crate) fn peek(&mut self, dialect: Dialect) -> Result<Option<Peeked>, Error> {
        loop {
            match self.parse(self.position, dialect) {
                Parsed::Item(peeked) => return Ok(Some(peeked)),
                Parsed::Short(error) if !self.grow()? => {
                    return if self.window().len() <= self.opening_length(dialect) {
                        Ok(None)
                    } else {
                        Err(error)
                    };
                }
                Parsed::Short(_) => {}
                Parsed::Broken(error) => return Err(error),
            }
        }
    }

    /// What is at an offset behind the place, as far as it is whole and sound.
    pub(crate) fn peek_at(&mut self, offset: u64, dialect: Dialect) -> Option<Peeked> {
        loop {
            match self.parse((offset - self.base) as usize, dialect) {
                Parsed::Item(peeked) => return Some(peeked),
                Parsed::Broken(_) => return None,
                Parsed::Short(_) => match self.grow() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    // What lies ahead is not waited for: it is said where it is needed.
                    Err(error) => {
                        self.failed = Some(error);
                        return None;
                    }
                },
            }
        }
    }

    /// How many bytes at the end of the input count as none.
    fn opening_length(&self, dialect: Dialect) -> usize {
        let first = self.window().first().and_then(|&byte| dialect.event_type(byte));
        usize::from(first == Some(crate::EventType::ExperimentalBatch))
    }

    /// Parses what is at a position, among the bytes that are there.
    pub(crate) fn parse(&self, position: usize, dialect: Dialect) -> Parsed {
        let window = self.bytes[..self.filled].get(position..).unwrap_or_default();
        let offset = self.offset_of(position);
        match item(window, offset, dialect) {
            Ok((rest, item)) => {
                let length = window.len() - rest.len();
                let kind = match item {
                    Item::EndOfGeneration => PeekedKind::EndOfGeneration,
                    Item::Batch(batch) => PeekedKind::of(&batch),
                };
                Parsed::Item(Peeked { position, length, kind })
            }
            Err(nom::Err::Error(parse) | nom::Err::Failure(parse)) => {
                let error = item_error(offset, window, parse);
                if matches!(parse.problem, Problem::Short | Problem::End) {
                    Parsed::Short(error)
                } else {
                    Parsed::Broken(error)
                }
            }
            Err(nom::Err::Incomplete(_)) => {
                Parsed::Short(item_error(offset, window, Parse::new(window, Problem::Short)))
            }
        }
    }

    /// The batch that was parsed at a position, and where its body begins.
    pub(crate) fn batch(&self, peeked: &Peeked, dialect: Dialect) -> Option<(Batch<'_>, usize)> {
        let bytes = &self.bytes[peeked.position..peeked.position + peeked.length];
        let batch = batch_of(bytes, self.offset_of(peeked.position), dialect)?;
        Some((batch, (batch.data_offset - self.base) as usize))
    }

    /// The batch at the place, of which nothing but its head is sure: no more than a batch may be.
    pub(crate) fn peek_head(&self, dialect: Dialect) -> Option<Peeked> {
        let length = self.window().len().min(MAX_HEADER + MAX_BATCH_SIZE);
        let batch = batch_of(&self.window()[..length], self.offset(), dialect)?;
        Some(Peeked { position: self.position, length, kind: PeekedKind::of(&batch) })
    }

    /// Goes past what was peeked.
    pub(crate) fn consume(&mut self, peeked: &Peeked) {
        self.position = peeked.position + peeked.length;
    }

    /// Hands out the bytes, for a generation to keep. Of a reader they are gone until
    /// [`take_back`](Self::take_back).
    pub(crate) fn lend(&mut self) -> Cow<'a, [u8]> {
        match &mut self.bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes),
            Cow::Owned(buffer) => Cow::Owned(std::mem::take(buffer)),
        }
    }

    /// Takes the buffer back. Drops what is before the place once that is more than what is after it, so that
    /// moving the rest costs no more than reading did.
    pub(crate) fn take_back(&mut self, buffer: Vec<u8>) {
        let Cow::Owned(own) = &mut self.bytes else { return };
        if own.is_empty() {
            *own = buffer;
        }
        if self.position >= self.filled - self.position {
            own.copy_within(self.position..self.filled, 0);
            self.filled -= self.position;
            self.base += self.position as u64;
            self.position = 0;
        }
    }
}

/// Something between the header and the end, and where it stands among the bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peeked {
    pub(crate) position: usize,
    pub(crate) length: usize,
    pub(crate) kind: PeekedKind,
}

impl Peeked {
    /// The generation of a batch; 0 for the end of one.
    pub(crate) fn generation(&self) -> u64 {
        match self.kind {
            PeekedKind::Batch { generation, .. } => generation,
            PeekedKind::EndOfGeneration => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeekedKind {
    /// Its generation, and its time in clock units.
    Batch {
        generation: u64,
        time: u64,
    },
    EndOfGeneration,
}

impl PeekedKind {
    fn of(batch: &Batch<'_>) -> Self {
        Self::Batch { generation: batch.generation, time: batch.time }
    }
}

/// What is at a position.
pub(crate) enum Parsed {
    Item(Peeked),
    /// Too few bytes are there; the error is for where there are no more.
    Short(Error),
    Broken(Error),
}
