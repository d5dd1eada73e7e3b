//! Gathering the batches of a generation, as the reference does it.
//!
//! Go: `readGeneration` (Go 1.26 and later) and `readGenerationWithSpill` (before).

use crate::{
    cut::framing::{Framing, PeekedKind},
    error::Error,
    generation::Generation,
};

/// What the reference remembers from one generation to the next.
#[derive(Debug, Default)]
pub(super) struct Strict {
    /// An error behind a generation that was still good.
    pending: Option<Error>,
    /// Whether there was a generation.
    any: bool,
}

impl Strict {
    /// The next generation; `false` at the end of the trace.
    pub(super) fn next<'a>(
        &mut self,
        framing: &mut Framing<'a>,
        generation: &mut Generation<'a>,
    ) -> Result<bool, Error> {
        let filled = match framing.version.has_end_of_generation() {
            true => read_to_end(framing, generation),
            false => self.read_to_next(framing, generation),
        };
        let filled = match filled {
            // Go: a bare `io.EOF` from within a table passes for the end of the trace.
            Err(Error::UnfinishedRecord { .. }) => false,
            other => other?,
        };
        self.any |= filled;
        Ok(filled)
    }

    /// A generation up to the first batch of the next. Go: `readGenerationWithSpill`.
    fn read_to_next<'a>(
        &mut self,
        framing: &mut Framing<'a>,
        generation: &mut Generation<'a>,
    ) -> Result<bool, Error> {
        if let Some(error) = &self.pending {
            return Err(error.clone());
        }
        loop {
            framing.check_size(generation)?;
            let offset = framing.input.offset();
            let peeked = match framing.peek() {
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
            framing.take(&peeked, generation)?;
        }
    }
}

/// A generation up to the byte that ends it. Go: `readGeneration`.
fn read_to_end<'a>(framing: &mut Framing<'a>, generation: &mut Generation<'a>) -> Result<bool, Error> {
    loop {
        framing.check_size(generation)?;
        let offset = framing.input.offset();
        let Some(peeked) = framing.peek()? else {
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
        if framing.is_end(&peeked) {
            framing.consume(&peeked);
            return Ok(true);
        }
        if number == 0 {
            return Err(Error::InvalidGeneration { offset });
        }
        let current = generation.number();
        if number != current {
            return Err(Error::GenerationsOutOfOrder { offset, generation: current, found: number });
        }
        framing.take(&peeked, generation)?;
    }
}
