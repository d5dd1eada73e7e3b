//! Gathering the batches of a generation from a damaged or cut trace.
//!
//! Where the reference gives up, this goes on: it finds the next batch behind damage, takes generations that
//! have no end, brings together batches that other generations' stand between, and says what it lost.

use crate::{
    assemble::Assembler,
    error::Error,
    generation::Generation,
    input::{Parsed, Peeked, PeekedKind},
    losses::{Loss, Losses},
    spec::{EventType, MAX_BATCH_SIZE},
    wire::{BatchKind, MAX_HEADER},
};

/// How many batches behind the first of another generation, and behind each straggler of this one, are looked
/// at for a straggler.
const LOOK_AHEAD: usize = 64;

/// How many bytes may be passed over before something is done with what there is: damage is never held in
/// memory for long.
const MAX_DAMAGE: u64 = 1 << 20;

/// How many bytes of would-be batches may be looked through for each byte passed over.
const ATTENTION_PER_BYTE: u64 = 16;

/// How much earlier than the last batch that was believed another may be, in clock units: over ten seconds, and ten
/// times what threads were seen to disagree by.
const EARLIER: u64 = 1 << 28;

/// How much later a batch may be: over ten minutes, where generations take a second.
const LATER: u64 = 1 << 34;

/// How many generations damage may swallow whole.
const SOON: u64 = 1 << 10;

/// A search for the next batch behind damage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    /// What was found where a batch should be.
    error: Error,
    /// Where that is.
    start: u64,
    /// The batch there, if it is only its end that is missing or its size that is wrong.
    cut: Option<Peeked>,
}

/// Generation and time, in clock units, of a batch that others are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anchor {
    generation: u64,
    time: u64,
    /// Whether another batch has agreed with it.
    is_confirmed: bool,
}

impl Anchor {
    /// Whether a batch may stand behind this one. One of a single batch's two numbers may be damaged.
    fn admits(self, other: Self, ahead: u64) -> bool {
        if self.is_confirmed {
            self.agrees_with(other, ahead)
        } else {
            self.agrees_in_generation(other, ahead) || self.agrees_in_time(other)
        }
    }

    /// Whether a batch is at most `ahead` generations later, and near in time.
    fn agrees_with(self, other: Self, ahead: u64) -> bool {
        self.agrees_in_generation(other, ahead) && self.agrees_in_time(other)
    }

    fn agrees_in_generation(self, other: Self, ahead: u64) -> bool {
        other.generation != 0 && other.generation.wrapping_sub(self.generation) <= ahead
    }

    fn agrees_in_time(self, other: Self) -> bool {
        (self.time.saturating_sub(EARLIER)..self.time.saturating_add(LATER)).contains(&other.time)
    }
}

/// What comes next.
enum Look {
    /// A batch, or the end of a generation.
    Item(Peeked),
    /// Damage, which was passed over.
    Damage,
    /// The first batch of the next generation, cut off by the end of the input.
    NextGeneration,
    /// The end of the input.
    End,
}

impl<'a> Assembler<'a> {
    /// What can be had of the next generation; `false` at the end of the trace. Fails only where the source
    /// does.
    pub(super) fn salvage(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        loop {
            let is_whole = match self.look(generation, losses)? {
                Look::Item(peeked) => self.take_item(&peeked, generation, losses)?,
                Look::Damage => self.found > 0 && self.damage > MAX_DAMAGE,
                Look::NextGeneration => true,
                Look::End => {
                    self.note_end(generation, losses);
                    return Ok(self.found > 0);
                }
            };
            if is_whole {
                return Ok(true);
            }
        }
    }

    /// Looks at what comes next, and passes over damage.
    fn look(&mut self, generation: &mut Generation<'a>, losses: &mut Losses) -> Result<Look, Error> {
        // A search that the source interrupted goes on first.
        let peeked = match self.search {
            Some(search) => Err(search.error),
            None => self.input.peek(self.dialect),
        };
        let error = match peeked {
            Ok(None) => return Ok(Look::End),
            Ok(Some(peeked)) => match self.fault_of(&peeked)? {
                None => return Ok(Look::Item(peeked)),
                Some(error) => error,
            },
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(_) if self.search.is_none() && self.is_next_generation_cut(generation) => {
                return Ok(Look::NextGeneration);
            }
            Err(error) => error,
        };
        self.search_on(error, generation, losses)?;
        Ok(Look::Damage)
    }

    /// What is wrong with what looks like a batch.
    fn fault_of(&mut self, peeked: &Peeked) -> Result<Option<Error>, Error> {
        let offset = self.input.offset();
        if self.taken.contains(&offset) || self.is_end(peeked) {
            return Ok(None);
        }
        // Whether anything begins behind it must not hang on how the bytes come.
        self.input.grow_to(peeked.length + 1)?;
        let fits = (self.may_fit(peeked) && self.is_followed(peeked)) || self.is_followed_by_near(peeked);
        Ok((!fits && !self.is_sound(peeked)).then_some(Error::DamagedBatch { offset }))
    }

    /// Takes in a batch, or the end of a generation: whether the generation is whole then.
    fn take_item(
        &mut self,
        peeked: &Peeked,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let offset = self.input.offset();
        let found = peeked.generation();
        if self.taken.remove(&offset) {
            self.input.consume(peeked);
            return Ok(false);
        }
        if self.is_end(peeked) {
            self.input.consume(peeked);
            if !self.version.has_end_of_generation() {
                note(losses, Error::InvalidGeneration { offset }, generation, 0);
            } else if self.found == 0 {
                note(losses, Error::MissingFrequency { offset, generation: 0 }, generation, 0);
            }
            return Ok(self.found > 0);
        }
        if self.found > 0 && found != generation.number() {
            if !self.is_stray(peeked) {
                self.take_stragglers(generation, losses);
                return Ok(true);
            }
            let number = generation.number();
            note(losses, Error::GenerationsOutOfOrder { offset, generation: number, found }, generation, 0);
        } else {
            if found == 0 {
                note(losses, Error::InvalidGeneration { offset }, generation, 0);
            }
            generation.set_number(found);
            self.set_anchor(peeked);
        }
        self.found += 1;
        self.take_readable(peeked, generation, losses);
        Ok(false)
    }

    /// Adds what can be read of a batch to the generation, and goes past it. A record that is cut in two is noted.
    fn take_readable(&mut self, peeked: &Peeked, generation: &mut Generation<'a>, losses: &mut Losses) {
        if let Err(error) = self.take(peeked, generation) {
            note(losses, error, generation, 0);
        }
    }

    /// Remembers a batch to judge others by. One that contradicts the last believed is a rival, until another takes
    /// its side: either of them may be damaged.
    fn set_anchor(&mut self, peeked: &Peeked) {
        let PeekedKind::Batch { generation, time } = peeked.kind else { return };
        let (ahead, this) = (self.most_ahead(), Anchor { generation, time, is_confirmed: false });
        let agrees = |anchor: Option<Anchor>| anchor.is_some_and(|anchor| anchor.agrees_with(this, ahead));
        match self.anchor {
            None => self.anchor = Some(this),
            Some(_) if agrees(self.anchor) || agrees(self.rival) => {
                self.anchor = Some(Anchor { is_confirmed: true, ..this });
                self.rival = None;
            }
            Some(_) => self.rival = Some(this),
        }
    }

    /// Whether the batch at the place, whose end is missing, is the first of the generation after this one.
    fn is_next_generation_cut(&self, generation: &Generation<'_>) -> bool {
        let cut = self.input.peek_head(self.dialect);
        let number = cut.map_or(0, |cut| cut.generation());
        self.found > 0 && number == generation.number().wrapping_add(1)
    }

    /// Takes what there is of a batch whose end is missing: `length` bytes of it.
    fn take_cut(&mut self, cut: Peeked, length: u64, generation: &mut Generation<'a>, losses: &mut Losses) {
        let here = self.input.position();
        generation.set_number(cut.generation());
        self.found += 1;
        self.take_readable(&Peeked { length: length as usize, ..cut }, generation, losses);
        self.input.set_position(here);
    }

    /// Looks for the next batch behind damage, and takes what there is of one whose end is missing.
    fn search_on(
        &mut self,
        error: Error,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        if self.search.is_none() {
            self.input.grow_to(MAX_HEADER + MAX_BATCH_SIZE)?;
        }
        let search = self.search.take().unwrap_or_else(|| {
            // Of a batch whose size is wrong, or whose end is missing, what is there may still be read.
            let is_cut = error.is_truncated() || matches!(error, Error::DamagedBatch { .. });
            let cut = self.input.peek_head(self.dialect).filter(|_| is_cut);
            let search = Search { error, start: self.input.offset(), cut };
            self.input.set_position(self.input.position() + 1);
            search
        });
        if let Err(error) = self.resynchronize(search.start) {
            self.search = Some(search);
            return Err(error);
        }
        let passed = self.input.offset() - search.start;
        let lost = match search.cut {
            Some(cut) if self.may_fit(&cut) && passed <= cut.length as u64 => {
                self.take_cut(cut, passed, generation, losses);
                0
            }
            _ => passed,
        };
        note(losses, search.error, generation, lost);
        self.damage += lost;
        if self.found == 0 {
            // Nothing is kept yet, so that what was passed over need not be, either.
            self.input.take_back(Vec::new());
        }
        Ok(())
    }

    fn note_end(&self, generation: &Generation<'_>, losses: &mut Losses) {
        let offset = self.input.offset();
        let rest = self.input.window().len() as u64;
        if rest > 0 {
            note(losses, Error::TruncatedBatch { offset }, generation, rest);
        }
        let (number, has_end) = (generation.number(), self.version.has_end_of_generation());
        if self.found > 0 && has_end {
            note(losses, Error::IncompleteGeneration { offset, generation: number }, generation, 0);
        } else if self.found == 0 && !self.any && !has_end {
            // Before Go 1.26 the reference takes a header alone for a trace that has lost its frequency.
            note(losses, Error::MissingFrequency { offset, generation: number }, generation, 0);
        }
    }

    /// Takes the generation's batches out of what follows, where another generation has begun. Says what is
    /// wrong where that is not how a generation ends.
    fn take_stragglers(&mut self, generation: &mut Generation<'a>, losses: &mut Losses) {
        let number = generation.number();
        let here = self.input.offset();
        // Before Go 1.26 the next generation's first batch is the only sign of an end.
        let mut disorder = self.version.has_end_of_generation();
        let mut ahead = here;
        let mut left = LOOK_AHEAD;
        while left > 0 {
            left -= 1;
            let Some(peeked) = self.input.peek_at(ahead, self.dialect) else { break };
            let offset = ahead;
            ahead += peeked.length as u64;
            let PeekedKind::Batch { generation: found, .. } = peeked.kind else { continue };
            if offset == here {
                disorder |= found != number.wrapping_add(1);
            }
            if found == number && self.taken.insert(offset) {
                disorder = true;
                left = LOOK_AHEAD;
                self.take_readable(&peeked, generation, losses);
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
    }

    /// Goes on to the next place where a batch begins, from the place behind `start`, where damage began.
    fn resynchronize(&mut self, start: u64) -> Result<(), Error> {
        /// What it takes to judge a place: a whole batch, and how the next one begins.
        const SIGHT: usize = MAX_HEADER + MAX_BATCH_SIZE + 1;
        // How many bytes of would-be batches may be looked through, so that all looking stays linear.
        let mut attention = MAX_DAMAGE;
        loop {
            self.input.grow_to(SIGHT)?;
            let passed = self.input.offset() - start;
            if self.input.window().is_empty() || passed > MAX_DAMAGE || self.is_plausible(&mut attention) {
                return Ok(());
            }
            let window = self.input.window();
            let dialect = self.dialect;
            let next = window.iter().skip(1).position(|&byte| begins_item(dialect.event_type(byte)));
            let skip = next.map_or(window.len(), |next| next + 1);
            self.input.set_position(self.input.position() + skip);
            attention = attention.saturating_add(ATTENTION_PER_BYTE * skip as u64);
        }
    }

    /// Whether what is at the place is a batch: it fits what was read so far, what follows it begins as something
    /// should, and all that is in it can be read. Anything less is also found inside batches.
    fn is_plausible(&self, attention: &mut u64) -> bool {
        let Parsed::Item(peeked) = self.input.parse(self.input.position(), self.dialect) else {
            return false;
        };
        // One byte is too little to tell an end by.
        if peeked.kind == PeekedKind::EndOfGeneration || !self.may_fit(&peeked) || !self.is_followed(&peeked)
        {
            return false;
        }
        let Some(left) = attention.checked_sub(peeked.length as u64) else { return false };
        *attention = left;
        self.is_sound(&peeked)
    }

    /// Whether something begins behind a batch, or nothing is there.
    fn is_followed(&self, peeked: &Peeked) -> bool {
        let after = self.input.byte_at(peeked.position + peeked.length);
        after.is_none_or(|byte| begins_item(self.dialect.event_type(byte)))
    }

    /// Whether behind a batch stands another that fits: then the first one's size is right, whatever else is not.
    fn is_followed_by_near(&mut self, peeked: &Peeked) -> bool {
        let after = self.input.offset_of(peeked.position) + peeked.length as u64;
        self.input.peek_at(after, self.dialect).is_some_and(|next| self.is_near(&next))
    }

    /// Whether all that is in a batch can be read.
    fn is_sound(&self, peeked: &Peeked) -> bool {
        let Some((batch, _)) = self.input.batch(peeked, self.dialect) else { return false };
        match batch.kind(self.version, self.dialect) {
            BatchKind::Events => {
                !batch.data.is_empty() && batch.events(self.dialect).all(|event| event.is_ok())
            }
            BatchKind::Experimental(experiment) => experiment.name().is_some(),
            _ => Generation::new(self.version, self.dialect).add(&batch, 0).is_ok(),
        }
    }

    /// Whether nothing speaks against a batch: it fits, or nothing was believed yet that it could contradict.
    fn may_fit(&self, peeked: &Peeked) -> bool {
        peeked.generation() != 0 && (self.anchor.is_none() || self.is_near(peeked))
    }

    /// Whether a batch fits the last one that was believed, or its rival, by number and time.
    fn is_near(&self, peeked: &Peeked) -> bool {
        let PeekedKind::Batch { generation, time } = peeked.kind else { return false };
        let (ahead, this) = (self.most_ahead(), Anchor { generation, time, is_confirmed: false });
        self.anchor.into_iter().chain(self.rival).any(|anchor| anchor.admits(this, ahead))
    }

    /// How many generations on the next batch may be.
    fn most_ahead(&self) -> u64 {
        if self.found > 0 { 1 } else { SOON }
    }

    /// Whether a batch of another generation is alone with its number, and the number is none that may come here:
    /// then it is the number that is damaged, and not the order, and the batch is this generation's.
    fn is_stray(&mut self, peeked: &Peeked) -> bool {
        if self.is_near(peeked) {
            return false;
        }
        let after = self.input.offset_of(peeked.position) + peeked.length as u64;
        let next = self.input.peek_at(after, self.dialect);
        next.is_some_and(|next| next.generation() != peeked.generation())
    }
}

fn begins_item(event_type: Option<EventType>) -> bool {
    use EventType as E;
    matches!(event_type, Some(E::EventBatch | E::ExperimentalBatch | E::EndOfGeneration))
}

fn note(losses: &mut Losses, error: Error, generation: &Generation<'_>, bytes: u64) {
    let number = generation.number();
    losses.add(Loss { error, generation: (number != 0).then_some(number), thread: None, bytes });
}
