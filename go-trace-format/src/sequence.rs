//! The events of generations, one after the other, in the order of the whole trace.
//!
//! Go: `Reader.ReadEvent`, steps 4 to 8.

use crate::{
    error::{Error, Violation},
    event::{Record, StackId, StringId},
    generation::{Generation, out_of_order},
    losses::{Loss, Losses},
    order::{Advance, EventCursor, Frontier, Order, Step, hide_unknown},
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
}

impl Sequencer {
    pub(crate) fn new(dialect: Dialect, mode: Mode) -> Self {
        Self {
            mode,
            order: Order::new(dialect == Dialect::Fork, mode == Mode::Salvage),
            frontier: Frontier::default(),
            next_sample: 0,
            last_time: Time(0),
        }
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
            let loaded = cursor.load_first(generation);
            if self.survive(loaded, &mut cursor, generation, losses)? {
                self.frontier.insert(cursor);
            }
        }
        Ok(())
    }

    /// Passes on whether a cursor was loaded. In salvage mode, gives up batches until one is.
    fn survive(
        &self,
        loaded: Result<bool, Error>,
        cursor: &mut EventCursor,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let mut loaded = loaded;
        while let (Mode::Salvage, Err(error)) = (self.mode, loaded) {
            losses.add(Loss {
                error,
                generation: Some(generation.number()),
                thread: Some(self.order.thread_id(cursor.thread)),
                bytes: cursor.skip_batch() as u64,
            });
            loaded = cursor.load_first(generation);
        }
        loaded
    }

    /// The next event of the generation that was opened, or `None` at its end.
    #[inline]
    pub(crate) fn next(
        &mut self,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<Option<Record>, Error> {
        let record = match self.order.queued() {
            Some(record) => record,
            None => match self.pick(generation, losses)? {
                Some(record) => record,
                None => return Ok(None),
            },
        };
        self.finish(record, generation, losses).map(Some)
    }

    /// Checks what the event names and makes its time later than the last one's.
    #[inline]
    pub(crate) fn finish(
        &mut self,
        mut record: Record,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<Record, Error> {
        if let Err(error) = validate_ids(&record, generation) {
            if self.mode == Mode::Strict {
                return Err(error);
            }
            let thread = Some(record.thread);
            losses.add(Loss { error, generation: Some(generation.number()), thread, bytes: 0 });
        }
        record.time = self.squash(record.time);
        Ok(record)
    }

    /// The time of the next event of the whole trace. Go: the deferred function of `Reader.ReadEvent`.
    #[inline]
    pub(crate) fn squash(&mut self, time: Time) -> Time {
        self.last_time = if time <= self.last_time { Time(self.last_time.0.wrapping_add(1)) } else { time };
        self.last_time
    }

    pub(crate) fn last_time(&self) -> Time {
        self.last_time
    }

    #[inline]
    fn pick(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<Option<Record>, Error> {
        let first = self.frontier.first_time();
        if let Some(sample) = generation.sample(self.next_sample) {
            if first.is_none_or(|time| sample.time.0 < time) {
                self.next_sample += 1;
                return Ok(Some(Record {
                    event_type: EventType::CpuSample,
                    time: sample.time,
                    raw_time: sample.time,
                    thread: sample.thread,
                    proc: sample.proc,
                    goroutine: sample.goroutine,
                    arguments: [sample.stack, 0, 0, 0],
                    offset: generation.offset(sample.start),
                }));
            }
        }
        if first.is_none() {
            return Ok(None);
        }
        if let Some(record) = self.try_advance(0, generation, losses)? {
            return Ok(Some(record));
        }
        self.pick_another(generation, losses).map(Some)
    }

    /// The head waits: the first other thread, in the order of time, whose event may happen.
    #[cold]
    fn pick_another(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<Record, Error> {
        self.frontier.sort();
        for place in 1..self.frontier.len() {
            if let Some(record) = self.try_advance(place, generation, losses)? {
                return Ok(record);
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
    #[inline]
    fn try_advance(
        &mut self,
        place: usize,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<Option<Record>, Error> {
        let cursor = self.frontier.cursor(place);
        let thread = cursor.thread as usize;
        let (mut record, after) = cursor.record(generation);
        let mut step = Step { record: &mut record, thread, tables: &generation.tables };
        match self.order.advance(&mut step) {
            Ok(Advance::Done) => {}
            Ok(Advance::Wait) => return Ok(None),
            Err(violation) => return self.violated(place, violation, generation, losses).map(Some),
        }
        self.move_on(place, after, generation, losses)?;
        if self.mode == Mode::Salvage {
            hide_unknown(&mut record);
        }
        Ok(Some(record))
    }

    #[inline]
    fn move_on(
        &mut self,
        place: usize,
        after: usize,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        match self.frontier.move_on(place, generation, after) {
            Err(error) if self.mode == Mode::Salvage => self.move_past(place, error, generation, losses),
            other => other,
        }
    }

    /// Gives up the rest of a batch, and goes on with the next.
    #[cold]
    fn move_past(
        &mut self,
        place: usize,
        error: Error,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let cursor = self.frontier.cursor(place);
        losses.add(Loss {
            error,
            generation: Some(generation.number()),
            thread: Some(self.order.thread_id(cursor.thread)),
            bytes: cursor.skip_batch() as u64,
        });
        let end = cursor.batch_end();
        self.move_on(place, end, generation, losses)
    }

    #[cold]
    fn violated(
        &mut self,
        place: usize,
        violation: Violation,
        generation: &Generation<'_>,
        losses: &mut Losses,
    ) -> Result<Record, Error> {
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
    ) -> Result<Record, Error> {
        let cursor = self.frontier.cursor(place);
        let thread = cursor.thread as usize;
        let (mut record, after) = cursor.record(generation);
        losses.add(Loss {
            error,
            generation: Some(generation.number()),
            thread: Some(self.order.thread_id(thread as u32)),
            bytes: 0,
        });
        let mut step = Step { record: &mut record, thread, tables: &generation.tables };
        self.order.set_context(&mut step);
        self.order.reconcile(&step);
        // Where even that does not help, the event stands for itself.
        let _ = self.order.advance(&mut step);
        self.move_on(place, after, generation, losses)?;
        hide_unknown(&mut record);
        Ok(record)
    }
}

/// Whether the strings and stacks that an event names exist. Go: `Event.validateTableIDs`.
#[inline]
fn validate_ids(record: &Record, generation: &Generation<'_>) -> Result<(), Error> {
    let kinds = &TABLE_ARGUMENTS[record.event_type as usize];
    for (kind, &id) in kinds.iter().zip(&record.arguments) {
        let known = match kind {
            TableArgument::None => continue,
            TableArgument::String => generation.tables.strings.contains(StringId(id)),
            TableArgument::Stack => generation.tables.stacks.contains(StackId(id)),
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
    None,
    String,
    Stack,
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
