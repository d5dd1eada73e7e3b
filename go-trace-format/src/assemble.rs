//! Gathering the batches of a generation, as the reference does it.
//!
//! Go: `readGeneration` (Go 1.26 and later) and `readGenerationWithSpill` (before).

use std::collections::BTreeSet;

use crate::{
    error::Error,
    generation::Generation,
    header::Version,
    input::{Input, Peeked, PeekedKind},
    losses::{Loss, Losses},
    reader::{Mode, ReaderOptions},
    salvage::{Anchor, Search},
    spec::Dialect,
    tables::{Clock, Place},
    wire::{BatchKind, Detected, detect},
};

/// Cuts the input into generations.
#[derive(Debug)]
pub(crate) struct Assembler<'a> {
    pub(super) input: Input<'a>,
    pub(super) version: Version,
    pub(super) dialect: Dialect,
    mode: Mode,
    /// The clock of the last generation, for one that has lost its own.
    pub(super) clock: Clock,
    /// An error behind a generation that was still good.
    pending: Option<Error>,
    /// Whether there was a generation.
    pub(super) any: bool,
    /// Whether the source had nothing more for now while a generation was being gathered.
    partial: bool,
    /// How many batches of the generation that is being salvaged were found, and how many bytes passed over.
    pub(super) found: usize,
    pub(super) damage: u64,
    /// The number of the last generation.
    last_number: Option<u64>,
    /// The last batch that was believed while salvaging.
    pub(super) anchor: Option<Anchor>,
    /// The last one that contradicted it.
    pub(super) rival: Option<Anchor>,
    /// The search for the next batch that the source has interrupted.
    pub(super) search: Option<Search>,
    /// Where batches stand that a damaged generation took out of turn.
    pub(super) taken: BTreeSet<u64>,
}

impl<'a> Assembler<'a> {
    /// Reads the header. `dialect` is told by the first batch where it is not given.
    pub(crate) fn new(mut input: Input<'a>, mode: Mode, dialect: Option<Dialect>) -> Result<Self, Error> {
        input.grow_to(crate::HEADER_LENGTH)?;
        let version = Version::parse(input.window())?;
        input.set_position(crate::HEADER_LENGTH);
        let dialect = match dialect {
            Some(dialect) => dialect,
            None => loop {
                match detect(version, input.window()) {
                    Detected::Dialect(dialect) => break dialect,
                    Detected::TooShort if input.grow()? => {}
                    _ if mode == Mode::Salvage => break guess(version, &mut input)?,
                    _ => break Dialect::Stock,
                }
            },
        };
        let clock = Clock::default();
        Ok(Self {
            input,
            version,
            dialect,
            mode,
            clock,
            pending: None,
            any: false,
            partial: false,
            found: 0,
            damage: 0,
            last_number: None,
            anchor: None,
            rival: None,
            search: None,
            taken: BTreeSet::new(),
        })
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many bytes of the trace have been taken in.
    pub(crate) fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// Fills `generation` with the next one; `false` at the end of the trace.
    ///
    /// After [`Error::Io`] the generation is left as it is, and the next call goes on with it.
    pub(crate) fn next(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        if !self.partial {
            let buffer = generation.restart(self.input.offset());
            self.input.take_back(buffer);
            generation.set_dialect(self.dialect);
            (self.found, self.damage) = (0, 0);
        }
        let filled = match self.mode {
            Mode::Salvage => self.salvage(generation, losses),
            Mode::Strict if self.version.has_end_of_generation() => self.read_to_end(generation),
            Mode::Strict => self.read_to_next(generation),
        };
        // Go: a bare `io.EOF` from within a table passes for the end of the trace.
        let filled = match filled {
            Err(Error::UnfinishedRecord { .. }) if self.mode == Mode::Strict => Ok(false),
            other => other,
        };
        // The source may have more later: then it goes on from here.
        self.partial = matches!(filled, Err(Error::Io { .. }));
        let filled = filled?;
        if filled {
            self.note_gap(generation, losses);
            self.any = true;
            self.seal(generation, losses)?;
            self.clock = *generation.clock();
        }
        Ok(filled)
    }

    /// Says, when salvaging, that generations are missing.
    fn note_gap(&mut self, generation: &Generation<'a>, losses: &mut Losses) {
        let found = generation.number();
        if let (Mode::Salvage, Some(after)) = (self.mode, self.last_number.replace(found)) {
            if found != after.wrapping_add(1) && found != after {
                let error = Error::MissingGenerations { offset: generation.start(), after, found };
                losses.add(Loss { error, generation: Some(found), thread: None, bytes: 0 });
            }
        }
    }

    fn seal(&mut self, generation: &mut Generation<'a>, losses: &mut Losses) -> Result<(), Error> {
        let mut first = None;
        let number = generation.number();
        let (mode, base, clock) = (self.mode, self.input.base(), self.clock);
        generation.seal(self.input.lend(), base, &clock, |error| match mode {
            Mode::Strict => first = first.or(Some(error)),
            Mode::Salvage => {
                losses.add(Loss { error, generation: Some(number), thread: None, bytes: 0 });
            }
        });
        first.map_or(Ok(()), Err)
    }

    /// Adds the batch that was peeked to the generation, and goes past it.
    pub(super) fn take(&mut self, peeked: &Peeked, generation: &mut Generation<'a>) -> Result<(), Error> {
        let added = match self.input.batch(peeked, self.dialect) {
            Some((batch, position)) => {
                generation.add_whole(Place::new(peeked.position, peeked.length));
                generation.add(&batch, position)
            }
            None => Ok(()),
        };
        self.input.consume(peeked);
        added
    }

    pub(super) fn is_end(&self, peeked: &Peeked) -> bool {
        match peeked.kind {
            PeekedKind::EndOfGeneration => true,
            PeekedKind::Batch { .. } => self.input.batch(peeked, self.dialect).is_some_and(|(batch, _)| {
                batch.kind(self.version, self.dialect) == BatchKind::EndOfGeneration
            }),
        }
    }

    /// A generation up to the byte that ends it. Go: `readGeneration`.
    fn read_to_end(&mut self, generation: &mut Generation<'a>) -> Result<bool, Error> {
        loop {
            let offset = self.input.offset();
            let Some(peeked) = self.input.peek(self.dialect)? else {
                // The reference takes tables alone for nothing at all.
                return match generation.has_events() {
                    true => Err(Error::IncompleteGeneration { offset, generation: generation.number() }),
                    false => Ok(false),
                };
            };
            let number = peeked.generation();
            if generation.number() == 0 {
                generation.set_number(number);
            }
            if self.is_end(&peeked) {
                self.input.consume(&peeked);
                return Ok(true);
            }
            if number == 0 {
                return Err(Error::InvalidGeneration { offset });
            }
            let current = generation.number();
            if number != current {
                return Err(Error::GenerationsOutOfOrder { offset, generation: current, found: number });
            }
            self.take(&peeked, generation)?;
        }
    }

    /// A generation up to the first batch of the next. Go: `readGenerationWithSpill`.
    fn read_to_next(&mut self, generation: &mut Generation<'a>) -> Result<bool, Error> {
        if let Some(error) = self.pending {
            return Err(error);
        }
        loop {
            let offset = self.input.offset();
            let peeked = match self.input.peek(self.dialect) {
                Ok(Some(peeked)) => peeked,
                // A trace without a single generation is one that has lost its frequency.
                Ok(None) => return Ok(generation.number() != 0 || !self.any),
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(error) if generation.number() != 0 => {
                    // It may be the next generation that is broken.
                    self.pending = Some(error);
                    return Ok(true);
                }
                Err(error) => return Err(error),
            };
            let current = generation.number();
            match peeked.kind {
                PeekedKind::EndOfGeneration | PeekedKind::Batch { generation: 0, .. } => {
                    return Err(Error::InvalidGeneration { offset });
                }
                PeekedKind::Batch { generation: found, .. } if current == 0 => generation.set_number(found),
                PeekedKind::Batch { generation: found, .. } if found == current.wrapping_add(1) => {
                    return Ok(true);
                }
                PeekedKind::Batch { generation: found, .. } if found != current => {
                    return Err(Error::GenerationsOutOfOrder { offset, generation: current, found });
                }
                PeekedKind::Batch { .. } => {}
            }
            self.take(&peeked, generation)?;
        }
    }
}

/// Tells the dialect of a trace whose beginning is damaged: it is the one in which more of it can be read.
fn guess(version: Version, input: &mut Input<'_>) -> Result<Dialect, Error> {
    /// How much is looked at.
    const SAMPLE: usize = 256 << 10;
    input.grow_to(SAMPLE)?;
    let window = input.window();
    let mut sample = version.header().to_vec();
    sample.extend_from_slice(&window[..window.len().min(SAMPLE)]);
    let readable = |dialect: Dialect| {
        let mut reader = ReaderOptions::new().dialect(dialect).read_slice(&sample)?;
        let mut events = 0_usize;
        while reader.next_event()?.is_some() {
            events += 1;
        }
        Ok(events)
    };
    Ok(if readable(Dialect::Fork)? > readable(Dialect::Stock)? { Dialect::Fork } else { Dialect::Stock })
}
