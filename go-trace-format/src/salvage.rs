//! Gathering the batches of a generation from a damaged or cut trace.
//!
//! Where the reference gives up, this goes on: it finds the next batch behind damage, takes generations that
//! have no end, brings together batches that other generations' stand between, and says what it lost.

use crate::{
    assemble::Assembler,
    error::Error,
    generation::Generation,
    input::{Parsed, PeekedKind},
    losses::{Loss, Losses},
    spec::{EventType, MAX_BATCH_SIZE},
    wire::{MAX_HEADER, timed_event},
};

/// How many batches behind the first of another generation, and behind each straggler of this one, are looked
/// at for a straggler.
const LOOK_AHEAD: usize = 64;

/// How many bytes may be passed over before something is done with what there is: damage is never held in
/// memory for long.
const MAX_DAMAGE: u64 = 1 << 20;

impl<'a> Assembler<'a> {
    /// What can be had of the next generation; `false` at the end of the trace. Fails only where the source
    /// does.
    pub(super) fn salvage(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        loop {
            let batches = self.found;
            let peeked = match self.input.peek(self.dialect) {
                Ok(Some(peeked)) => peeked,
                Ok(None) => {
                    self.note_end(generation, batches, losses);
                    return Ok(batches > 0);
                }
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(error) => {
                    let lost = self.resynchronize(generation.number())?;
                    note(losses, error, generation, lost);
                    self.damage += lost;
                    if batches > 0 && self.damage > MAX_DAMAGE {
                        return Ok(true);
                    }
                    if batches == 0 {
                        // Nothing is kept yet, so that what was passed over need not be, either.
                        self.input.take_back(Vec::new());
                    }
                    continue;
                }
            };
            if self.taken.remove(&self.input.offset()) {
                self.input.consume(&peeked);
                continue;
            }
            let offset = self.input.offset();
            if self.is_end(&peeked) {
                self.input.consume(&peeked);
                if !self.version.has_end_of_generation() {
                    note(losses, Error::InvalidGeneration { offset }, generation, 0);
                } else if batches == 0 {
                    note(losses, Error::MissingFrequency { offset, generation: 0 }, generation, 0);
                }
                if batches > 0 {
                    return Ok(true);
                }
                continue;
            }
            let PeekedKind::Batch { generation: found } = peeked.kind else { continue };
            if batches > 0 && found != generation.number() {
                self.take_stragglers(generation, losses)?;
                return Ok(true);
            }
            if found == 0 {
                note(losses, Error::InvalidGeneration { offset }, generation, 0);
            }
            generation.set_number(found);
            self.found += 1;
            if let Err(error) = self.take(&peeked, generation) {
                note(losses, error, generation, 0);
            }
        }
    }

    fn note_end(&self, generation: &Generation<'_>, batches: usize, losses: &mut Losses) {
        let offset = self.input.offset();
        let rest = self.input.window().len() as u64;
        if rest > 0 {
            note(losses, Error::TruncatedBatch { offset }, generation, rest);
        }
        let (number, has_end) = (generation.number(), self.version.has_end_of_generation());
        if batches > 0 && has_end {
            note(losses, Error::IncompleteGeneration { offset, generation: number }, generation, 0);
        } else if batches == 0 && !self.any && !has_end {
            // Before Go 1.26 the reference takes a header alone for a trace that has lost its frequency.
            note(losses, Error::MissingFrequency { offset, generation: number }, generation, 0);
        }
    }

    /// Takes the generation's batches out of what follows, where another generation has begun. Says what is
    /// wrong where that is not how a generation ends.
    fn take_stragglers(&mut self, generation: &mut Generation<'a>, losses: &mut Losses) -> Result<(), Error> {
        let number = generation.number();
        let here = self.input.offset();
        // Before Go 1.26 the next generation's first batch is the only sign of an end.
        let mut disorder = self.version.has_end_of_generation();
        let mut ahead = here;
        let mut left = LOOK_AHEAD;
        while left > 0 {
            left -= 1;
            let Some(peeked) = self.input.peek_at(ahead, self.dialect)? else { break };
            let offset = ahead;
            ahead += peeked.length as u64;
            let PeekedKind::Batch { generation: found } = peeked.kind else { continue };
            if offset == here {
                disorder |= found != number.wrapping_add(1);
            }
            if found == number && self.taken.insert(offset) {
                disorder = true;
                left = LOOK_AHEAD;
                if let Err(error) = self.take(&peeked, generation) {
                    note(losses, error, generation, 0);
                }
                self.input.set_offset(here);
            }
        }
        if disorder {
            let found = match self.input.peek(self.dialect) {
                Ok(Some(peeked)) => peeked.generation(),
                _ => 0,
            };
            let error = Error::GenerationsOutOfOrder { offset: here, generation: number, found };
            note(losses, error, generation, 0);
        }
        Ok(())
    }

    /// Goes on to the next place where a batch may begin: how many bytes were passed over.
    fn resynchronize(&mut self, current: u64) -> Result<u64, Error> {
        /// What it takes to judge a place: a whole batch, and how the next one begins.
        const SIGHT: usize = MAX_HEADER + MAX_BATCH_SIZE + 1;
        let start = self.input.offset();
        self.input.set_position(self.input.position() + 1);
        loop {
            match self.input.grow_to(SIGHT) {
                // Nothing more for now: the rest is looked at with what comes.
                Err(Error::Io { .. }) => return Ok(self.input.offset() - start),
                other => other?,
            }
            let passed = self.input.offset() - start;
            if self.input.window().is_empty() || passed > MAX_DAMAGE || self.is_plausible(current) {
                return Ok(passed);
            }
            let window = self.input.window();
            let dialect = self.dialect;
            let next = window.iter().skip(1).position(|&byte| begins_item(dialect.event_type(byte)));
            let skip = next.map_or(window.len(), |next| next + 1);
            self.input.set_position(self.input.position() + skip);
        }
    }

    /// Whether what is at the place looks like a batch, and what follows it does.
    fn is_plausible(&self, current: u64) -> bool {
        let position = self.input.position();
        let Parsed::Item(peeked) = self.input.parse(position, self.dialect) else { return false };
        let Some((batch, _)) = self.input.batch(&peeked, self.dialect) else {
            // One byte is too little to tell an end by.
            return false;
        };
        let near = current == 0 || batch.generation.wrapping_sub(current) <= 1;
        let opens = batch.experiment.0 != 0
            || batch.data.first().is_some_and(|&byte| {
                timed_event(self.dialect, byte).is_some() || opens_table(self.dialect.event_type(byte))
            });
        let after = self.input.byte_at(position + peeked.length);
        let follows = after.is_none_or(|byte| begins_item(self.dialect.event_type(byte)));
        batch.generation != 0 && near && opens && follows
    }
}

fn begins_item(event_type: Option<EventType>) -> bool {
    use EventType as E;
    matches!(event_type, Some(E::EventBatch | E::ExperimentalBatch | E::EndOfGeneration))
}

fn opens_table(event_type: Option<EventType>) -> bool {
    use EventType as E;
    matches!(event_type, Some(E::Strings | E::Stacks | E::CpuSamples | E::Sync | E::Frequency))
}

fn note(losses: &mut Losses, error: Error, generation: &Generation<'_>, bytes: u64) {
    let number = generation.number();
    losses.add(Loss { error, generation: (number != 0).then_some(number), thread: None, bytes });
}
