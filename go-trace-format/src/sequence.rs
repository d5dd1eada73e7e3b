//! The events of generations, one after the other, in the order of the whole trace.
//!
//! Go: `Reader.ReadEvent`, steps 4 to 8.

use crate::{
    error::{Error, Violation},
    event::{Record, StackId, StringId},
    generation::{Generation, out_of_order},
    losses::{Loss, Losses},
    order::{Advance, EventCursor, Frontier, Loaded, Order, Step, hide_unknown},
    reader::Mode,
    spec::{ArgumentKind, Dialect, EventType, MAX_ARGUMENTS},
    tables::Time,
};

/// Merges the threads of one generation after the other.
#[derive(Debug)]
pub(crate) struct Sequencer {
    mode: Mode,
    order: Order,
    frontier: Frontier,
    next_sample: usize,
    last_time: Time,
    /// The event that was delivered last. It stays in one place: copies of it would cost more than its making.
    record: Record,
}

impl Sequencer {
    pub(crate) fn new(dialect: Dialect, mode: Mode) -> Self {
        Self {
            mode,
            order: Order::new(dialect == Dialect::Fork, mode == Mode::Salvage),
            frontier: Frontier::default(),
            next_sample: 0,
            last_time: Time(0),
            record: Record::EMPTY,
        }
    }

    /// The event that was delivered last.
    #[inline]
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    pub(crate) fn order(&mut self) -> &mut Order {
        &mut self.order
    }

    /// Begins with the events of a generation. Go: `Reader.installGen`.
    pub(crate) fn open(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<(), Error> {
        self.next_sample = 0;
        self.frontier.clear();
        for (thread, first) in generation.streams() {
            let mut cursor = EventCursor::new(self.order.thread(thread), Some(first));
            let mut loaded = cursor.load_first(generation);
            while loaded == Loaded::Malformed {
                self.give_up_batch(&mut cursor, generation, losses)?;
                loaded = cursor.load_first(generation);
            }
            if loaded == Loaded::Event {
                self.frontier.insert(cursor);
            }
        }
        Ok(())
    }

    /// A malformed event: the end in strict mode. In salvage mode the rest of its batch is left out.
    fn give_up_batch(
        &self,
        cursor: &mut EventCursor,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let error = cursor.fault(generation);
        if self.mode == Mode::Strict {
            return Err(error);
        }
        losses.add(Loss {
            error,
            generation: Some(generation.number()),
            thread: Some(self.order.thread_id(cursor.thread)),
            bytes: cursor.skip_batch() as u64,
        });
        Ok(())
    }

    /// Goes on to the next event of the generation that was opened; `false` at its end.
    #[inline]
    pub(crate) fn next(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<bool, Error> {
        let found = match self.order.queued() {
            Some(record) => {
                self.record = record;
                true
            }
            None => self.pick(generation, losses)?,
        };
        if found {
            self.finish(generation, losses)?;
        }
        Ok(found)
    }

    /// Checks what the event names and makes its time later than the last one's.
    #[inline]
    fn finish(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<(), Error> {
        if let Err(error) = validate_ids(&self.record, generation) {
            if self.mode == Mode::Strict {
                return Err(error);
            }
            let thread = Some(self.record.thread);
            losses.add(Loss { error, generation: Some(generation.number()), thread, bytes: 0 });
        }
        self.record.time = self.squash(self.record.time);
        Ok(())
    }

    /// Makes a sync event the last one delivered.
    pub(crate) fn sync(&mut self, raw_time: Time, arguments: [u64; MAX_ARGUMENTS], offset: u64) {
        let time = self.squash(raw_time);
        self.record = Record { time, raw_time, arguments, offset, ..Record::EMPTY };
    }

    /// The time of the next event of the whole trace. Go: the deferred function of `Reader.ReadEvent`.
    #[inline]
    fn squash(&mut self, time: Time) -> Time {
        self.last_time = if time <= self.last_time { Time(self.last_time.0.wrapping_add(1)) } else { time };
        self.last_time
    }

    pub(crate) fn last_time(&self) -> Time {
        self.last_time
    }

    #[inline]
    fn pick(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<bool, Error> {
        let first = self.frontier.first_time();
        if let Some(sample) = generation.sample(self.next_sample) {
            if first.is_none_or(|time| sample.time.0 < time) {
                self.next_sample += 1;
                self.record = Record {
                    event_type: EventType::CpuSample,
                    time: sample.time,
                    raw_time: sample.time,
                    thread: sample.thread,
                    proc: sample.proc,
                    goroutine: sample.goroutine,
                    arguments: [sample.stack, 0, 0, 0],
                    offset: generation.offset(sample.start),
                };
                return Ok(true);
            }
        }
        if first.is_none() {
            return Ok(false);
        }
        if !self.try_advance(0, generation, losses)? {
            self.pick_another(generation, losses)?;
        }
        Ok(true)
    }

    /// The head waits: the first other thread, in the order of time, whose event may happen.
    #[cold]
    fn pick_another(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<(), Error> {
        self.frontier.sort();
        for place in 1..self.frontier.len() {
            if self.try_advance(place, generation, losses)? {
                return Ok(());
            }
        }
        let cursor = self.frontier.cursor(0);
        let (event_type, position) = cursor.head();
        let thread = self.order.thread_id(cursor.thread);
        let error = Error::Stuck {
            offset: generation.offset(position),
            generation: generation.number(),
            thread,
            event_type,
        };
        match self.mode {
            Mode::Strict => Err(error),
            Mode::Salvage => self.force(0, error, generation, losses),
        }
    }

    /// Lets the event of a thread happen if it may now. Go: `tryAdvance` in `Reader.ReadEvent`.
    #[inline(always)]
    fn try_advance(
        &mut self,
        place: usize,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let cursor = self.frontier.cursor(place);
        let thread = cursor.thread as usize;
        let cursor = cursor.read(generation, &mut self.record);
        let mut step = Step { record: &mut self.record, thread, tables: &generation.tables, cursor };
        let outcome = self.order.advance(&mut step);
        let after = step.cursor.position();
        match outcome {
            Ok(Advance::Done) => {}
            Ok(Advance::Wait) => return Ok(false),
            Err(violation) => return self.violated(place, violation, generation, losses).map(|()| true),
        }
        if self.frontier.move_on(place, generation, after) == Loaded::Malformed {
            self.move_past(place, generation, losses)?;
        }
        if self.mode == Mode::Salvage {
            hide_unknown(&mut self.record);
        }
        Ok(true)
    }

    /// Goes on behind a malformed event.
    #[cold]
    fn move_past(
        &mut self,
        place: usize,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        loop {
            let mut cursor = self.frontier.cursor(place).clone();
            self.give_up_batch(&mut cursor, generation, losses)?;
            let end = cursor.batch_end();
            *self.frontier.cursor(place) = cursor;
            if self.frontier.move_on(place, generation, end) != Loaded::Malformed {
                return Ok(());
            }
        }
    }

    #[cold]
    fn violated(
        &mut self,
        place: usize,
        violation: Violation,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let cursor = self.frontier.cursor(place);
        let head = cursor.head();
        let error = out_of_order(generation, self.order.thread_id(cursor.thread), head, violation);
        match self.mode {
            Mode::Strict => Err(error),
            Mode::Salvage => self.force(place, error, generation, losses),
        }
    }

    /// Lets the event of a thread happen whatever is known: what is known is corrected.
    #[cold]
    fn force(
        &mut self,
        place: usize,
        error: Error,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let cursor = self.frontier.cursor(place);
        let thread = cursor.thread as usize;
        let cursor = cursor.read(generation, &mut self.record);
        losses.add(Loss {
            error,
            generation: Some(generation.number()),
            thread: Some(self.order.thread_id(thread as u32)),
            bytes: 0,
        });
        let mut step = Step { record: &mut self.record, thread, tables: &generation.tables, cursor };
        step.decode_all();
        let after = step.cursor.position();
        self.order.set_context(&mut step);
        self.order.reconcile(&step);
        step.cursor = cursor;
        // Where even that does not help, the event stands for itself.
        let _ = self.order.advance(&mut step);
        if self.frontier.move_on(place, generation, after) == Loaded::Malformed {
            self.move_past(place, generation, losses)?;
        }
        hide_unknown(&mut self.record);
        Ok(())
    }
}

/// Whether the strings and stacks that an event names exist. Go: `Event.validateTableIDs`.
#[inline(always)]
fn validate_ids(record: &Record, generation: &Generation<'_>) -> Result<(), Error> {
    let kinds = &TABLE_ARGUMENTS[record.event_type as usize];
    // Nearly always all ids up to some number exist, and then no table is asked and nothing branches.
    let tables = &generation.tables;
    let limits = [u64::MAX, tables.strings.complete(), tables.stacks.complete()];
    let within = |(kind, &id): (&TableArgument, &u64)| id <= limits[*kind as usize];
    if kinds.iter().zip(&record.arguments).map(within).fold(true, |all, one| all & one) {
        return Ok(());
    }
    look_ids_up(record, generation)
}

#[inline(never)]
fn look_ids_up(record: &Record, generation: &Generation<'_>) -> Result<(), Error> {
    let kinds = &TABLE_ARGUMENTS[record.event_type as usize];
    for (kind, &id) in kinds.iter().zip(&record.arguments) {
        let known = match kind {
            TableArgument::None => true,
            TableArgument::String => generation.tables.strings.get(StringId(id)).is_some(),
            TableArgument::Stack => generation.tables.stacks.get(StackId(id)).is_some(),
        };
        if !known {
            return Err(unknown_id(record, *kind, id));
        }
    }
    Ok(())
}

#[cold]
fn unknown_id(record: &Record, kind: TableArgument, id: u64) -> Error {
    let Record { offset, event_type, .. } = *record;
    match kind {
        TableArgument::Stack => Error::InvalidStack { offset, event_type, id },
        _ => Error::InvalidString { offset, event_type, id },
    }
}

/// Which table an argument is an id of.
#[derive(Clone, Copy)]
enum TableArgument {
    None = 0,
    String = 1,
    Stack = 2,
}

static TABLE_ARGUMENTS: [[TableArgument; MAX_ARGUMENTS]; 256] = {
    let mut table = [[TableArgument::None; MAX_ARGUMENTS]; 256];
    let mut i = 0;
    while i < EventType::all().len() {
        let spec = EventType::all()[i].spec();
        let mut argument = 1;
        // A CPU sample's stack is never checked, neither here nor in the reference.
        while spec.timed && argument < spec.arguments.len() {
            table[spec.event_type as usize][argument - 1] = match spec.arguments[argument].kind {
                ArgumentKind::String => TableArgument::String,
                ArgumentKind::Stack | ArgumentKind::OtherStack => TableArgument::Stack,
                ArgumentKind::TimeDelta | ArgumentKind::Value => TableArgument::None,
            };
            argument += 1;
        }
        i += 1;
    }
    table
};
