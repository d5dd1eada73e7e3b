//! The batches among the bytes of the input. Go: `internal/trace.readBatch`.

use crate::{
    cut::input::Input,
    error::{Damage, Error, Parse, Problem},
    generation::Generation,
    header::HEADER_LENGTH,
    spec::{Dialect, EventType, MAX_BATCH_SIZE, Version},
    tables::Place,
    wire::{Batch, BatchKind, Item, MAX_HEADER, batch_of, item, item_error},
};

/// The input, read as batches of one version and dialect.
#[derive(Debug)]
pub(super) struct Framing<'a> {
    pub(super) input: Input<'a>,
    pub(super) version: Version,
    pub(super) dialect: Dialect,
    /// How many bytes a generation may have.
    pub(super) limit: u64,
}

impl<'a> Framing<'a> {
    /// The batch or end of a generation at the place, which is left where it is, and its length.
    ///
    /// `None` at the end of the input; also where it ends between the two bytes that open an experimental
    /// batch, as in the reference.
    pub(super) fn peek(&mut self) -> Result<Option<Peeked>, Error> {
        loop {
            match self.parse(self.input.position()) {
                Parsed::Item(peeked) => return Ok(Some(peeked)),
                Parsed::Short(error) if !self.input.grow()? => {
                    return if self.input.window().len() <= self.opening_length() {
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
    pub(super) fn peek_at(&mut self, offset: u64) -> Option<Peeked> {
        self.wait_at(offset).unwrap_or_else(|error| {
            self.input.fail_later(error);
            None
        })
    }

    /// The same, waiting for it: a source that has nothing more for now is an error.
    pub(super) fn wait_at(&mut self, offset: u64) -> Result<Option<Peeked>, Error> {
        loop {
            match self.parse(self.input.position_of(offset)) {
                Parsed::Item(peeked) => return Ok(Some(peeked)),
                Parsed::Broken(_) => return Ok(None),
                Parsed::Short(_) if self.input.wait_ahead()? => {}
                Parsed::Short(_) => return Ok(None),
            }
        }
    }

    /// How many bytes at the end of the input count as none.
    fn opening_length(&self) -> usize {
        let first = self.input.window().first().and_then(|&byte| self.dialect.event_type(byte));
        usize::from(first == Some(EventType::ExperimentalBatch))
    }

    /// Parses what is at a position, among the bytes that are there.
    pub(super) fn parse(&self, position: usize) -> Parsed {
        let window = self.input.bytes_from(position);
        let offset = self.input.offset_of(position);
        match item(window, offset, self.dialect) {
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
    pub(super) fn batch(&self, peeked: &Peeked) -> Option<(Batch<'_>, usize)> {
        let bytes = self.input.part(peeked.position, peeked.length);
        let batch = batch_of(bytes, self.input.offset_of(peeked.position), self.dialect)?;
        Some((batch, self.input.position_of(batch.data_offset)))
    }

    /// The batch at the place, of which nothing but its head is sure: no more than a batch may be.
    pub(super) fn peek_head(&self) -> Option<Peeked> {
        let length = self.input.window().len().min(MAX_HEADER + MAX_BATCH_SIZE);
        let batch = batch_of(&self.input.window()[..length], self.input.offset(), self.dialect)?;
        Some(Peeked { position: self.input.position(), length, kind: PeekedKind::of(&batch) })
    }

    /// Goes past what was peeked.
    pub(super) fn consume(&mut self, peeked: &Peeked) {
        self.input.set_position(peeked.position + peeked.length);
    }

    /// Whether the header of another trace is at the place.
    pub(super) fn is_at_header(&mut self) -> Result<bool, Error> {
        if self.input.window().first() == Some(&HEADER_START) {
            self.input.grow_to(HEADER_LENGTH)?;
        }
        Ok(self.is_before_header())
    }

    /// The same, among the bytes that are there.
    pub(super) fn is_before_header(&self) -> bool {
        is_header(self.input.window())
    }

    /// Fails where the generation has become larger than may be.
    pub(super) fn check_size(&self, generation: &Generation<'_>) -> Result<(), Error> {
        let (offset, limit) = (self.input.offset(), self.limit);
        match offset - generation.start() > limit {
            true => Err(Error::GenerationTooLarge { offset, generation: generation.number(), limit }),
            false => Ok(()),
        }
    }

    /// Adds the batch that was peeked to the generation, and goes past it.
    pub(super) fn take(&mut self, peeked: &Peeked, generation: &mut Generation<'a>) -> Result<(), Damage> {
        let added = match self.batch(peeked) {
            Some((batch, position)) => {
                generation.add_whole(Place::new(peeked.position, peeked.length));
                generation.add(&batch, position)
            }
            None => Ok(()),
        };
        self.consume(peeked);
        added
    }

    /// Whether it is the end of a generation.
    pub(super) fn is_end(&self, peeked: &Peeked) -> bool {
        match peeked.kind {
            PeekedKind::EndOfGeneration => true,
            PeekedKind::Batch { .. } => self.batch(peeked).is_some_and(|(batch, _)| {
                batch.kind(self.version, self.dialect) == BatchKind::EndOfGeneration
            }),
        }
    }

    /// Whether something begins behind a batch, or nothing is there.
    pub(super) fn is_followed(&self, peeked: &Peeked) -> bool {
        let after = self.input.byte_at(peeked.position + peeked.length);
        after.is_none_or(|byte| begins_item(self.dialect.event_type(byte)))
    }

    /// Whether all that is in a batch can be read.
    pub(super) fn is_sound(&self, peeked: &Peeked) -> bool {
        let Some((batch, _)) = self.batch(peeked) else { return false };
        match batch.kind(self.version, self.dialect) {
            BatchKind::Events => {
                !batch.data.is_empty() && batch.events(self.dialect).all(|event| event.is_ok())
            }
            BatchKind::Experimental(experiment) => experiment.name().is_some(),
            _ => Generation::new(self.version, self.dialect).add(&batch, 0).is_ok(),
        }
    }
}

/// The first byte of every header. It opens no batch, in either dialect.
pub(super) const HEADER_START: u8 = b'g';

/// Whether the bytes begin with the header of a trace, of whatever version.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.first() == Some(&HEADER_START) && !matches!(Version::parse(bytes), Err(Error::NotATrace))
}

/// Whether the event opens a batch or ends a generation.
pub(super) fn begins_item(event_type: Option<EventType>) -> bool {
    use EventType as E;
    matches!(event_type, Some(E::EventBatch | E::ExperimentalBatch | E::EndOfGeneration))
}

/// Something between the header and the end, and where it stands among the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peeked {
    pub(super) position: usize,
    pub(super) length: usize,
    pub(super) kind: PeekedKind,
}

impl Peeked {
    /// The generation of a batch; 0 for the end of one.
    pub(super) fn generation(&self) -> u64 {
        match self.kind {
            PeekedKind::Batch { generation, .. } => generation,
            PeekedKind::EndOfGeneration => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeekedKind {
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
pub(super) enum Parsed {
    Item(Peeked),
    /// Too few bytes are there; the error is for where there are no more.
    Short(Error),
    Broken(Error),
}
