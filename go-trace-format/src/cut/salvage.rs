//! Gathering the batches of a generation from a damaged or cut trace.
//!
//! Where the reference gives up, this goes on: it finds the next batch behind damage, takes generations that
//! have no end, brings together batches that other generations' stand between, and says what it lost.

use std::collections::BTreeSet;

use crate::{
    cut::framing::{Framing, HEADER_START, Parsed, Peeked, PeekedKind, begins_item, is_header},
    error::{Damage, Error},
    generation::Generation,
    header::HEADER_LENGTH,
    losses::{Loss, Losses},
    spec::{EventType, MAX_BATCH_SIZE},
    wire::MAX_HEADER,
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

/// What is known while generations are gathered from a damaged trace.
#[derive(Debug, Default)]
pub(super) struct Salvage {
    /// Whether there was a generation.
    any: bool,
    /// The number of the last one.
    last_number: Option<u64>,
    /// How many batches of this one were found, and how many bytes passed over.
    found: usize,
    damage: u64,
    /// The last batch that was believed.
    anchor: Option<Anchor>,
    /// The last one that contradicted it.
    rival: Option<Anchor>,
    /// The search for the next batch that the source has interrupted.
    search: Option<Search>,
    /// Where batches stand that a damaged generation took out of turn.
    taken: BTreeSet<u64>,
}

/// A search for the next batch behind damage.
#[derive(Clone, Debug)]
struct Search {
    /// What was found where a batch should be.
    error: Error,
    /// Where that is.
    start: u64,
    /// The batch there, if it is only its end that is missing or its size that is wrong.
    cut: Option<Peeked>,
}

/// Generation and time, in clock units, of a batch that others are judged by.
#[derive(Clone, Copy, Debug)]
struct Anchor {
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

/// What was found.
pub(super) enum Found {
    /// A generation, or what there is of it.
    Generation,
    /// The header of another trace, at the place.
    Header,
    /// The end of the input.
    End,
}

/// What comes next.
enum Look {
    /// A batch, or the end of a generation.
    Item(Peeked),
    /// Damage, which was passed over.
    Damage,
    /// The first batch of the next generation, cut off by the end of the input.
    NextGeneration,
    /// The header of another trace.
    Header,
    /// The end of the input.
    End,
}

impl Salvage {
    /// What can be had of the next generation. Fails only where the source does, or the generation is too large.
    ///
    /// `is_new` says whether it is begun, or gone on with after such a failure.
    pub(super) fn next<'a>(
        &mut self,
        framing: &mut Framing<'a>,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
        is_new: bool,
    ) -> Result<Found, Error> {
        if is_new {
            (self.found, self.damage) = (0, 0);
        }
        let mut gathering = Gathering { state: self, framing, generation, losses };
        let found = gathering.gather()?;
        if matches!(found, Found::Generation) {
            gathering.note_gap();
            gathering.state.any = true;
        }
        Ok(found)
    }
}

/// The work on one generation.
struct Gathering<'g, 'a> {
    state: &'g mut Salvage,
    framing: &'g mut Framing<'a>,
    generation: &'g mut Generation<'a>,
    losses: &'g mut Losses,
}

impl Gathering<'_, '_> {
    fn gather(&mut self) -> Result<Found, Error> {
        loop {
            self.framing.check_size(self.generation)?;
            let is_whole = match self.look()? {
                Look::Item(peeked) => self.take_item(&peeked)?,
                Look::Damage => self.state.found > 0 && self.state.damage > MAX_DAMAGE,
                Look::NextGeneration => true,
                Look::Header => {
                    self.note_missing_end();
                    return Ok(if self.state.found > 0 { Found::Generation } else { Found::Header });
                }
                Look::End => {
                    self.note_rest();
                    self.note_missing_end();
                    return Ok(if self.state.found > 0 { Found::Generation } else { Found::End });
                }
            };
            if is_whole {
                return Ok(Found::Generation);
            }
        }
    }

    /// Looks at what comes next, and passes over damage.
    fn look(&mut self) -> Result<Look, Error> {
        // A search that the source interrupted goes on first.
        let peeked = match &self.state.search {
            Some(search) => Err(search.error.clone()),
            None => self.framing.peek(),
        };
        let error = match peeked {
            Ok(None) => return Ok(Look::End),
            Ok(Some(peeked)) => match self.fault_of(&peeked)? {
                None => return Ok(Look::Item(peeked)),
                Some(error) => error,
            },
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(_) if self.state.search.is_none() && self.framing.is_at_header()? => return Ok(Look::Header),
            Err(_) if self.state.search.is_none() && self.is_next_generation_cut() => {
                return Ok(Look::NextGeneration);
            }
            Err(error) => error,
        };
        self.search_on(error)?;
        Ok(Look::Damage)
    }

    /// What is wrong with what looks like a batch.
    fn fault_of(&mut self, peeked: &Peeked) -> Result<Option<Error>, Error> {
        let offset = self.framing.input.offset();
        if self.state.taken.contains(&offset) || self.framing.is_end(peeked) {
            return Ok(None);
        }
        // Whether anything begins behind it must not hang on how the bytes come. A generation that has ended is not kept
        // waiting for what may never come.
        self.framing.input.grow_to(peeked.length + 1)?;
        if !self.is_followed_by_end(peeked) {
            self.framing.input.grow_to(peeked.length + HEADER_LENGTH)?;
        }
        let is_near_next = self.is_followed_by_near(peeked);
        let may_fit = self.may_fit(peeked);
        if self.swallows_header(peeked, is_near_next && may_fit) {
            return Ok(Some(Error::DamagedBatch { offset }));
        }
        let fits = is_near_next || (may_fit && self.framing.is_followed(peeked));
        Ok((!fits && !self.framing.is_sound(peeked)).then_some(Error::DamagedBatch { offset }))
    }

    /// Whether the end of a generation is right behind a batch.
    fn is_followed_by_end(&self, peeked: &Peeked) -> bool {
        let after = self.framing.input.byte_at(peeked.position + peeked.length);
        self.framing.version.has_end_of_generation()
            && after.and_then(|byte| self.framing.dialect.event_type(byte))
                == Some(EventType::EndOfGeneration)
    }

    /// Whether what looks like the end of a batch that was cut off is the beginning of another trace.
    ///
    /// Texts may hold what looks like a header, too. But then all of the batch can be read, a batch that fits or an end is
    /// behind it, and the header is hardly the very last of it.
    fn swallows_header(&self, peeked: &Peeked, fits: bool) -> bool {
        let bytes = self.framing.input.bytes_from(peeked.position);
        let beyond = if self.is_followed_by_end(peeked) { 0 } else { HEADER_LENGTH - 1 };
        let bytes = &bytes[..bytes.len().min(peeked.length + beyond)];
        let last = peeked.length.saturating_sub(HEADER_LENGTH);
        let first = if fits { last } else { 0 };
        let Some(header) = bytes[first..].windows(HEADER_LENGTH).position(is_header) else { return false };
        let after = self.framing.input.byte_at(peeked.position + peeked.length);
        let is_end = |byte| self.framing.dialect.event_type(byte) == Some(EventType::EndOfGeneration);
        first + header >= last || !after.is_none_or(is_end) || !self.framing.is_sound(peeked)
    }

    /// Takes in a batch, or the end of a generation: whether the generation is whole then.
    fn take_item(&mut self, peeked: &Peeked) -> Result<bool, Error> {
        let offset = self.framing.input.offset();
        let found = peeked.generation();
        if self.state.taken.remove(&offset) {
            self.framing.consume(peeked);
            return Ok(false);
        }
        if self.framing.is_end(peeked) {
            self.framing.consume(peeked);
            if !self.framing.version.has_end_of_generation() {
                self.note(Error::InvalidGeneration { offset }, 0);
            } else if self.state.found == 0 {
                self.note(Error::MissingFrequency { offset, generation: 0 }, 0);
            }
            return Ok(self.state.found > 0);
        }
        if self.state.found > 0 && found != self.generation.number() {
            if !self.is_stray(peeked)? {
                self.take_stragglers();
                return Ok(true);
            }
            let number = self.generation.number();
            self.note(Error::GenerationsOutOfOrder { offset, generation: number, found }, 0);
        } else {
            if found == 0 {
                self.note(Error::InvalidGeneration { offset }, 0);
            }
            self.generation.set_number(found);
            self.set_anchor(peeked);
        }
        self.state.found += 1;
        self.take_readable(peeked);
        Ok(false)
    }

    /// Adds what can be read of a batch to the generation, and goes past it. A record that is cut in two is noted.
    fn take_readable(&mut self, peeked: &Peeked) {
        if let Err(Damage { error, bytes }) = self.framing.take(peeked, self.generation) {
            self.note(error, bytes);
        }
    }

    /// Remembers a batch to judge others by. One that contradicts the last believed is a rival, until another takes
    /// its side: either of them may be damaged.
    fn set_anchor(&mut self, peeked: &Peeked) {
        let PeekedKind::Batch { generation, time } = peeked.kind else { return };
        let (ahead, this) = (self.most_ahead(), Anchor { generation, time, is_confirmed: false });
        let agrees = |anchor: Option<Anchor>| anchor.is_some_and(|anchor| anchor.agrees_with(this, ahead));
        match self.state.anchor {
            None => self.state.anchor = Some(this),
            Some(_) if agrees(self.state.anchor) || agrees(self.state.rival) => {
                self.state.anchor = Some(Anchor { is_confirmed: true, ..this });
                self.state.rival = None;
            }
            Some(_) => self.state.rival = Some(this),
        }
    }

    /// Whether the batch at the place, whose end is missing, is the first of the generation after this one.
    fn is_next_generation_cut(&self) -> bool {
        let cut = self.framing.peek_head();
        let number = cut.map_or(0, |cut| cut.generation());
        self.state.found > 0 && number == self.generation.number().wrapping_add(1)
    }

    /// Takes what there is of a batch whose end is missing: `length` bytes of it.
    fn take_cut(&mut self, cut: Peeked, length: u64) {
        let here = self.framing.input.position();
        self.generation.set_number(cut.generation());
        self.state.found += 1;
        self.take_readable(&Peeked { length: length as usize, ..cut });
        self.framing.input.set_position(here);
    }

    /// Looks for the next batch behind damage, and takes what there is of one whose end is missing.
    fn search_on(&mut self, error: Error) -> Result<(), Error> {
        if self.state.search.is_none() {
            self.framing.input.grow_to(MAX_HEADER + MAX_BATCH_SIZE)?;
        }
        let search = self.state.search.take().unwrap_or_else(|| {
            // Of a batch whose size is wrong, or whose end is missing, what is there may still be read.
            let is_cut = error.is_truncated() || matches!(error, Error::DamagedBatch { .. });
            let cut = self.framing.peek_head().filter(|_| is_cut);
            let search = Search { error, start: self.framing.input.offset(), cut };
            self.framing.input.set_position(self.framing.input.position() + 1);
            search
        });
        if let Err(error) = self.resynchronize(search.start) {
            self.state.search = Some(search);
            return Err(error);
        }
        let passed = self.framing.input.offset() - search.start;
        let lost = match search.cut {
            Some(cut) if self.may_fit(&cut) && passed <= cut.length as u64 => {
                self.take_cut(cut, passed);
                0
            }
            _ => passed,
        };
        self.note(search.error, lost);
        self.state.damage += lost;
        if self.state.found == 0 {
            // Nothing is kept yet, so that what was passed over need not be, either.
            self.framing.input.take_back(Vec::new());
        }
        Ok(())
    }

    /// Says what is left where the input ends.
    fn note_rest(&mut self) {
        let rest = self.framing.input.window().len() as u64;
        if rest > 0 {
            self.note(Error::TruncatedBatch { offset: self.framing.input.offset() }, rest);
        }
    }

    /// Says what is missing where a trace ends.
    fn note_missing_end(&mut self) {
        let offset = self.framing.input.offset();
        let (number, has_end) = (self.generation.number(), self.framing.version.has_end_of_generation());
        if self.state.found > 0 && has_end {
            self.note(Error::IncompleteGeneration { offset, generation: number }, 0);
        } else if self.state.found == 0 && !self.state.any && !has_end {
            // Before Go 1.26 the reference takes a header alone for a trace that has lost its frequency.
            self.note(Error::MissingFrequency { offset, generation: number }, 0);
        }
    }

    /// Takes the generation's batches out of what follows, where another generation has begun. Says what is
    /// wrong where that is not how a generation ends.
    fn take_stragglers(&mut self) {
        let number = self.generation.number();
        let here = self.framing.input.offset();
        // Before Go 1.26 the next generation's first batch is the only sign of an end.
        let mut disorder = self.framing.version.has_end_of_generation();
        let mut ahead = here;
        let mut left = LOOK_AHEAD;
        while left > 0 {
            left -= 1;
            let Some(peeked) = self.framing.peek_at(ahead) else { break };
            let offset = ahead;
            ahead += peeked.length as u64;
            let PeekedKind::Batch { generation: found, .. } = peeked.kind else { continue };
            if offset == here {
                disorder |= found != number.wrapping_add(1);
            }
            if found == number && self.state.taken.insert(offset) {
                disorder = true;
                left = LOOK_AHEAD;
                self.take_readable(&peeked);
                self.framing.input.set_offset(here);
            }
        }
        if disorder {
            let found = match self.framing.peek() {
                Ok(Some(peeked)) => peeked.generation(),
                _ => 0,
            };
            let error = Error::GenerationsOutOfOrder { offset: here, generation: number, found };
            self.note(error, 0);
        }
    }

    /// Goes on to the next place where a batch or another trace begins, from the place behind `start`, where damage began.
    fn resynchronize(&mut self, start: u64) -> Result<(), Error> {
        /// What it takes to judge a place: a whole batch, and how the next one begins.
        const SIGHT: usize = MAX_HEADER + MAX_BATCH_SIZE + 1;
        // How many bytes of would-be batches may be looked through, so that all looking stays linear.
        let mut attention = MAX_DAMAGE;
        loop {
            self.framing.input.grow_to(SIGHT)?;
            let passed = self.framing.input.offset() - start;
            let is_over = self.framing.input.window().is_empty() || passed > MAX_DAMAGE;
            if is_over || self.framing.is_before_header() || self.is_plausible(&mut attention) {
                return Ok(());
            }
            let window = self.framing.input.window();
            let dialect = self.framing.dialect;
            let begins = |&byte: &u8| byte == HEADER_START || begins_item(dialect.event_type(byte));
            let next = window.iter().skip(1).position(begins);
            let skip = next.map_or(window.len(), |next| next + 1);
            self.framing.input.set_position(self.framing.input.position() + skip);
            attention = attention.saturating_add(ATTENTION_PER_BYTE * skip as u64);
        }
    }

    /// Whether what is at the place is a batch: it fits what was read so far, what follows it begins as something
    /// should, and all that is in it can be read. Anything less is also found inside batches.
    fn is_plausible(&self, attention: &mut u64) -> bool {
        let Parsed::Item(peeked) = self.framing.parse(self.framing.input.position()) else {
            return false;
        };
        // One byte is too little to tell an end by.
        if peeked.kind == PeekedKind::EndOfGeneration
            || !self.may_fit(&peeked)
            || !self.framing.is_followed(&peeked)
        {
            return false;
        }
        let Some(left) = attention.checked_sub(peeked.length as u64) else { return false };
        *attention = left;
        self.framing.is_sound(&peeked)
    }

    /// Whether behind a batch stands another that fits: then the first one's size is right, whatever else is not.
    fn is_followed_by_near(&mut self, peeked: &Peeked) -> bool {
        let after = self.framing.input.offset_of(peeked.position) + peeked.length as u64;
        self.framing.peek_at(after).is_some_and(|next| self.is_near(&next))
    }

    /// Whether nothing speaks against a batch: it fits, or nothing was believed yet that it could contradict.
    fn may_fit(&self, peeked: &Peeked) -> bool {
        peeked.generation() != 0 && (self.state.anchor.is_none() || self.is_near(peeked))
    }

    /// Whether a batch fits the last one that was believed, or its rival, by number and time.
    fn is_near(&self, peeked: &Peeked) -> bool {
        let PeekedKind::Batch { generation, time } = peeked.kind else { return false };
        let (ahead, this) = (self.most_ahead(), Anchor { generation, time, is_confirmed: false });
        self.state.anchor.into_iter().chain(self.state.rival).any(|anchor| anchor.admits(this, ahead))
    }

    /// How many generations on the next batch may be.
    fn most_ahead(&self) -> u64 {
        if self.state.found > 0 { 1 } else { SOON }
    }

    /// Whether a batch of another generation is alone with its number, and the number is none that may come here:
    /// then it is the number that is damaged, and not the order, and the batch is this generation's.
    ///
    /// What comes next is waited for, so that the same bytes give the same in whatever pieces they come.
    fn is_stray(&mut self, peeked: &Peeked) -> Result<bool, Error> {
        if self.is_near(peeked) {
            return Ok(false);
        }
        let after = self.framing.input.offset_of(peeked.position) + peeked.length as u64;
        let next = self.framing.wait_at(after)?;
        Ok(next.is_some_and(|next| next.generation() != peeked.generation()))
    }

    /// Says that generations are missing.
    fn note_gap(&mut self) {
        let found = self.generation.number();
        if let Some(after) = self.state.last_number.replace(found) {
            if found != after.wrapping_add(1) && found != after {
                self.note(Error::MissingGenerations { offset: self.generation.start(), after, found }, 0);
            }
        }
    }

    fn note(&mut self, error: Error, bytes: u64) {
        let number = self.generation.number();
        let generation = (number != 0).then_some(number);
        self.losses.add(Loss { error, generation, thread: None, bytes });
    }
}
