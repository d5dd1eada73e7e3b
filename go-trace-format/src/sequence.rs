//! The events of generations, one after the other, in the order of the whole trace.
//!
//! Go: `Reader.ReadEvent`, steps 4 to 8.

use crate::{
    cursor::{WINDOW, distance},
    error::Error,
    event::{Event, ReadyEvents, Record},
    generation::Generation,
    id::ThreadId,
    losses::{Loss, Losses},
    mode::Mode,
    order::{
        EventCursor, EventHead, Frontier, Hesitation, IdLimits, Loaded, Order, Outcome, Source, Step,
        hide_stand_ins, unknown_ids,
    },
    selection::Selection,
    spec::{EventType, MAX_ARGUMENTS},
    tables::{CpuSample, Time},
    times::Times,
    v1,
};

/// How many events are put in order at once. Enough to keep the state of the merge in registers for a while,
/// and few enough for the first-level cache.
const BUFFER: usize = 256;

/// How many events may follow from one.
const FOLLOWERS: usize = 2;

/// Merges the threads of one generation after the other.
#[derive(Debug)]
pub(crate) struct Sequencer {
    mode: Mode,
    order: Order,
    frontier: Frontier,
    next_sample: usize,
    last_time: Time,
    /// Which times the generation may say.
    times: Times,
    /// Whether all its batches have been asked for that.
    has_asked: bool,
    /// Whether an event of the generation has got another time than it says.
    assumes_times: bool,
    /// Whether any generation so far had scheduling in it.
    is_scheduled: bool,
    /// Events in order. They stay where they are made: to move one costs more than to make it.
    buffer: Box<[Record]>,
    /// How many of them are ready.
    ready: usize,
    /// How many of them have been delivered.
    delivered: usize,
    /// What comes after them, if it is an error.
    failed: Option<Error>,
    /// How many attempts may be made at finding a thread whose event may happen, where the first one's may not.
    attempts: u64,
    /// Who puts the events in order where they are of format v1.
    v1: Option<Box<v1::Sequence>>,
}

/// How many attempts there are to begin with, and how many each event adds. A trace of fewer threads than the
/// latter never runs out.
const ATTEMPTS: u64 = 1 << 20;
const ATTEMPTS_PER_EVENT: u64 = 64;

impl Sequencer {
    /// How many events a [refill](Self::refill) makes ready at most, those not counted that follow from others.
    #[cfg(feature = "write")]
    pub(crate) const MOST_AT_ONCE: u64 = BUFFER as u64;

    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            order: Order::new(mode == Mode::Salvage),
            frontier: Frontier::default(),
            next_sample: 0,
            last_time: Time(0),
            times: Times::ANY,
            has_asked: false,
            assumes_times: false,
            is_scheduled: false,
            buffer: vec![Record::EMPTY; BUFFER + FOLLOWERS].into(),
            ready: 0,
            delivered: 0,
            failed: None,
            attempts: ATTEMPTS,
            v1: None,
        }
    }

    /// Whether an event is ready to be [taken](Self::take).
    #[inline(always)]
    pub(crate) fn is_ready(&self) -> bool {
        self.delivered < self.ready
    }

    /// The next event, which must be ready, and of `generation`.
    #[inline(always)]
    pub(crate) fn take<'s, O>(&'s mut self, generation: &'s Generation<'s>) -> Event<'s, O> {
        let record = &self.buffer[self.delivered];
        self.delivered += 1;
        Event::new(&generation.tables, record)
    }

    /// All events that are ready, which must be of `generation`.
    #[inline]
    pub(crate) fn take_all<'s, O>(&'s mut self, generation: &'s Generation<'s>) -> ReadyEvents<'s, O> {
        let records = self.buffer[self.delivered..self.ready].iter();
        self.delivered = self.ready;
        ReadyEvents::new(&generation.tables, records)
    }

    /// The events that were made ready last.
    #[cfg(feature = "write")]
    pub(crate) fn ready(&self) -> &[Record] {
        &self.buffer[..self.ready]
    }

    pub(crate) fn order(&mut self) -> &mut Order {
        &mut self.order
    }

    /// Forgets who ran where, because something is missing. The times go on.
    pub(crate) fn forget_order(&mut self) {
        self.order = Order::new(self.mode == Mode::Salvage);
    }

    /// Begins anew: what comes next is of another process.
    pub(crate) fn begin_process(&mut self) {
        self.forget_order();
        self.last_time = Time(0);
        self.is_scheduled = false;
    }

    pub(crate) fn last_time(&self) -> Time {
        self.last_time
    }

    /// Begins with the events of a generation. Go: `Reader.installGen`.
    pub(crate) fn open(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<(), Error> {
        self.v1 = None;
        if let Some(trace) = generation.v1() {
            self.v1 = Some(Box::new(v1::Sequence::new(trace, generation, self.mode)));
            self.begin_v1();
            return Ok(());
        }
        let source = Source::new(generation);
        self.next_sample = 0;
        self.frontier.clear();
        self.times = if self.mode == Mode::Salvage { generation.times() } else { Times::ANY };
        self.has_asked = self.mode == Mode::Strict;
        if core::mem::take(&mut self.assumes_times) {
            self.buffer.iter_mut().for_each(|record| record.is_time_assumed = false);
        }
        let is_scheduled = self.is_scheduled_in(generation);
        self.order.open_generation(generation.number(), !is_scheduled);
        for (thread, first) in generation.streams() {
            let mut cursor = EventCursor::new(self.order.thread(thread), Some(first));
            let mut loaded = cursor.load_next_batch(&source);
            while loaded == Loaded::Malformed {
                give_up_batch(&mut cursor, &self.order, self.mode, &source, losses)?;
                loaded = cursor.load_next_batch(&source);
            }
            if loaded == Loaded::Event {
                self.check_time(&mut cursor, generation.start_time(), &source, losses);
                self.frontier.insert(cursor);
            }
        }
        Ok(())
    }

    /// Whether scheduling is told in a generation that comes next, or was in one before.
    pub(crate) fn is_scheduled_in(&mut self, generation: &Generation<'_>) -> bool {
        self.is_scheduled = self.is_scheduled || !generation.is_unscheduled();
        self.is_scheduled
    }

    /// Times of format v1 count from the first event, with what is said of the beginning just before it.
    pub(crate) fn begin_v1(&mut self) {
        self.last_time = Time(-2);
    }

    /// Makes a sync event ready.
    pub(crate) fn sync(&mut self, raw_time: Time, arguments: [u64; MAX_ARGUMENTS], offset: u64) {
        let time = squash(&mut self.last_time, raw_time);
        self.buffer[0] = Record { time, raw_time, arguments, offset, ..Record::EMPTY };
        (self.ready, self.delivered) = (1, 0);
    }

    /// Makes events of the generation that was opened ready; `false` at its end.
    #[inline(never)]
    pub(crate) fn refill(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<bool, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.empty();
        if let Err(error) = self.fill(generation, losses) {
            self.failed = Some(error.clone());
            // What was in order before the error is delivered before it.
            if self.ready == 0 {
                return Err(error);
            }
        }
        Ok(self.ready > 0)
    }

    /// Makes ready what `write` has written of records that it is lent: as many as it says, which are events in their order.
    pub(crate) fn make_ready(&mut self, write: impl FnOnce(&mut Order, &mut [Record]) -> usize) -> bool {
        self.empty();
        self.ready = write(&mut self.order, &mut self.buffer[..BUFFER]);
        self.ready > 0
    }

    /// Forgets those of the events that are ready which are not of a selection. Says whether any is left.
    pub(crate) fn select(&mut self, selection: Selection) -> bool {
        let mut kept = 0;
        for index in self.delivered..self.ready {
            if selection.contains(self.buffer[index].event_type) {
                let record = self.buffer[index];
                self.buffer[kept] = Record { time: record.raw_time, ..record };
                kept += 1;
            }
        }
        (self.ready, self.delivered) = (kept, 0);
        kept > 0
    }

    /// All events of a generation were no later than that.
    pub(crate) fn pass_time(&mut self, time: Time) {
        self.last_time = self.last_time.max(time);
    }

    /// Forgets the events that are ready, and lets what they have earned be spent.
    fn empty(&mut self) {
        self.attempts = self.attempts.saturating_add(self.ready as u64 * ATTEMPTS_PER_EVENT);
        (self.ready, self.delivered) = (0, 0);
    }

    /// Makes the next event of the trace ready with what follows from it, and no other, so that what is known is as it was right
    /// behind it; `false` at the end of the generation, which must not be of format v1.
    #[cfg(feature = "write")]
    pub(crate) fn step(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<bool, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.empty();
        let sample = self.plausible_sample(generation, losses);
        match (self.frontier.first_time(), sample) {
            (None, None) => return Ok(false),
            (first, Some(sample)) if first.is_none_or(|first| sample.time.0 < first) => {
                self.put_sample(sample, generation);
            }
            _ => self.run_carefully(&Source::new(generation), losses)?,
        }
        Ok(true)
    }

    /// Each thread that has events left in the generation, with where in its bytes the next one begins, and when that is.
    #[cfg(feature = "write")]
    pub(crate) fn ahead(&self) -> impl Iterator<Item = (ThreadId, usize, Time)> {
        let cursors = self.frontier.cursors();
        cursors.map(|cursor| (self.order.thread_id(cursor.thread), cursor.position(), Time(cursor.time())))
    }

    /// How many CPU samples of the generation have been put in order.
    #[cfg(feature = "write")]
    pub(crate) fn samples_taken(&self) -> usize {
        self.next_sample
    }

    /// Makes a CPU sample ready.
    fn put_sample(&mut self, sample: &CpuSample, generation: &Generation<'_>) {
        self.buffer[self.ready] = Record {
            event_type: EventType::CpuSample,
            time: squash(&mut self.last_time, sample.time),
            raw_time: sample.time,
            thread: sample.thread,
            proc: sample.proc,
            goroutine: sample.goroutine,
            arguments: [sample.stack, 0, 0, 0],
            is_name_inherited: false,
            is_time_assumed: false,
            offset: generation.offset(sample.start),
        };
        self.ready += 1;
        self.next_sample += 1;
    }

    /// Puts events in order until the buffer is full or the generation ends.
    fn fill(&mut self, generation: &Generation<'_>, losses: &mut Losses) -> Result<(), Error> {
        if let (Some(v1), Some(trace)) = (&mut self.v1, generation.v1()) {
            let (made, filled) =
                v1.fill(trace, generation, &mut self.buffer[..BUFFER], &mut self.last_time, losses);
            self.ready = made;
            return filled;
        }
        let source = Source::new(generation);
        while self.ready < BUFFER {
            let sample = self.plausible_sample(generation, losses);
            match (self.frontier.first_time(), sample) {
                (None, None) => return Ok(()),
                (first, Some(sample)) if first.is_none_or(|first| sample.time.0 < first) => {
                    self.put_sample(sample, generation);
                }
                (first, _) if self.needs_care(first) => self.run_carefully(&source, losses)?,
                (_, sample) => {
                    let sample = sample.map_or(i64::MAX, |sample| sample.time.0);
                    self.run_heads(sample, &source, losses)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the first event, which happened at `first`, cannot be put in order in a run: each event has to be rid of what was made
    /// up, or marked for it; or its time may stand for none, as the reference has it, or be followed by one that does.
    #[inline]
    fn needs_care(&self, first: Option<i64>) -> bool {
        self.order.has_stand_ins() || self.assumes_times || first.is_some_and(|first| first < EARLIEST)
    }

    /// Puts events in order, each time those of the first thread up to where another one becomes the first: until then
    /// nothing else has to be looked at. Ends before what is later than the next CPU `sample`, and where an event takes a
    /// closer look.
    fn run_heads(&mut self, sample: i64, source: &Source<'_>, losses: &mut Losses) -> Result<(), Error> {
        let Self { order, frontier, buffer, ready, last_time, times, .. } = self;
        let latest = sample.min(*times.range().end());
        let tables = &source.generation.tables;
        let (limits, base) = (IdLimits::of(tables), source.generation.offset(0));
        let mut last = *last_time;
        let mut records = buffer[*ready..BUFFER].iter_mut();
        let end = 'heads: loop {
            let bound = frontier.bound().min(latest);
            let cursor = frontier.cursor(0);
            let mut head = cursor.head();
            if head.time > bound {
                break RunEnd::Later(head);
            }
            let safe = cursor.safe_bytes(source);
            order.enter(cursor.thread as usize);
            loop {
                let Some(window) = safe.get(head.arguments..).and_then(<[u8]>::first_chunk) else {
                    break 'heads RunEnd::Blind(head);
                };
                let Some(record) = records.next() else { break 'heads RunEnd::Later(head) };
                let time = Time(head.time);
                (record.raw_time, record.offset) = (time, base + head.position as u64);
                let behind = match order.advance(head.event_type, record, tables, &limits, window) {
                    Ok(behind) => behind,
                    Err(hesitation) => break 'heads RunEnd::Hesitating(hesitation),
                };
                record.time = squash(&mut last, time);
                let Some(next) = EventCursor::next_head(source, behind, time.0) else {
                    break 'heads RunEnd::Malformed(distance(source.bytes, behind));
                };
                head = next;
                // Within a batch a time that is not later than all before it has overflowed, and is negative.
                if head.time as u64 > bound as u64 {
                    if head.time < 0 || head.time > latest {
                        break 'heads RunEnd::Later(head);
                    }
                    cursor.stand_at(head);
                    frontier.update_first(head.time);
                    break;
                }
            }
        };
        let made = BUFFER - *ready - records.len();
        *last_time = last;
        *ready += made;
        self.end_run(end, source, losses)
    }

    /// Goes on from where a run has ended, behind the last record that is ready, or at it where that has not simply happened.
    fn end_run(&mut self, end: RunEnd, source: &Source<'_>, losses: &mut Losses) -> Result<(), Error> {
        let Self { frontier, buffer, ready, times, .. } = self;
        let mut cursor = *frontier.cursor(0);
        match end {
            RunEnd::Blind(head) | RunEnd::Later(head) => {
                cursor.stand_at(head);
                if !times.contains(Time(head.time)) {
                    let former = buffer[*ready - 1].raw_time;
                    self.check_time(&mut cursor, former, source, losses);
                }
            }
            RunEnd::Hesitating(_) | RunEnd::Malformed(_) => {
                *ready -= 1;
                let Record { offset, raw_time, .. } = buffer[*ready];
                cursor.stand_again(source, (offset - source.generation.offset(0)) as usize, raw_time.0);
            }
        }
        *self.frontier.cursor(0) = cursor;
        self.frontier.update(0);
        match end {
            RunEnd::Blind(_) if self.ready < BUFFER => self.run_carefully(source, losses),
            RunEnd::Blind(_) | RunEnd::Later(_) => Ok(()),
            RunEnd::Hesitating(Hesitation::Untried) => self.run_carefully(source, losses),
            RunEnd::Hesitating(tried) => match self.conclude(0, Err(tried), source, losses)? {
                true => Ok(()),
                false => self.run_another(source, losses),
            },
            RunEnd::Malformed(position) => {
                // The reference does not give an event out behind which the batch is malformed.
                self.move_on(0, position, Time(cursor.time()), source, losses)?;
                self.ready += 1;
                Ok(())
            }
        }
    }

    /// Lets the next event of the first thread happen, or else that of another.
    fn run_carefully(&mut self, source: &Source<'_>, losses: &mut Losses) -> Result<(), Error> {
        match self.try_one(0, source, losses)? {
            true => Ok(()),
            false => self.run_another(source, losses),
        }
    }

    /// The head waits: the first other thread, in the order of time, whose event may happen. Go:
    /// `Reader.ReadEvent`, where `tryAdvance` of the head gives `false`.
    #[cold]
    fn run_another(&mut self, source: &Source<'_>, losses: &mut Losses) -> Result<(), Error> {
        let affordable = self.spend(self.frontier.len());
        if affordable {
            self.frontier.sort();
            for place in 1..self.frontier.len() {
                if self.try_one(place, source, losses)? {
                    return Ok(());
                }
            }
        }
        let cursor = self.frontier.cursor(0);
        let (offset, generation) = (source.generation.offset(cursor.position()), source.generation.number());
        let (thread, event_type) = (self.order.thread_id(cursor.thread), cursor.event_type());
        let error = match affordable {
            true => Error::Stuck { offset, generation, thread, event_type },
            false => Error::Tangled { offset, generation, thread, event_type },
        };
        self.force(0, error, source, losses)
    }

    /// Gives the next event of a thread the time of the one before it, `former`, where what it says cannot be.
    #[cold]
    fn check_time(
        &mut self,
        cursor: &mut EventCursor,
        former: Time,
        source: &Source<'_>,
        losses: &mut Losses,
    ) {
        if self.is_plausible(Time(cursor.time()), source.generation) {
            return;
        }
        let (generation, offset) = (source.generation.number(), source.generation.offset(cursor.position()));
        let error = Error::ImplausibleTime { offset, generation };
        let thread = Some(self.order.thread_id(cursor.thread));
        losses.add(Loss { error, generation: Some(generation), thread, bytes: 0 });
        cursor.assume_time(former);
        self.assumes_times = true;
    }

    /// Whether a time can be. Of one that seems not to, all batches are asked, once.
    #[inline]
    fn is_plausible(&mut self, time: Time, generation: &Generation<'_>) -> bool {
        self.times.contains(time) || self.is_borne_out(time, generation)
    }

    #[cold]
    fn is_borne_out(&mut self, time: Time, generation: &Generation<'_>) -> bool {
        if core::mem::replace(&mut self.has_asked, true) {
            return false;
        }
        self.times = generation.borne_out_times();
        self.times.contains(time)
    }

    /// The next CPU sample whose time can be. Others are left out.
    fn plausible_sample<'g>(
        &mut self,
        generation: &'g Generation<'_>,
        losses: &mut Losses,
    ) -> Option<&'g CpuSample> {
        loop {
            let sample = generation.sample(self.next_sample)?;
            if self.is_plausible(sample.time, generation) {
                return Some(sample);
            }
            let (number, offset) = (generation.number(), generation.offset(sample.start));
            let error = Error::ImplausibleTime { offset, generation: number };
            let thread = (sample.thread != Record::NONE).then_some(ThreadId(sample.thread));
            losses.add(Loss { error, generation: Some(number), thread, bytes: 0 });
            self.next_sample += 1;
        }
    }

    /// Whether that many attempts may be made. What is earned by each run keeps the time linear.
    fn spend(&mut self, attempts: usize) -> bool {
        let left = self.attempts.checked_sub(attempts as u64);
        self.attempts = left.unwrap_or(self.attempts);
        left.is_some()
    }

    /// Lets the next event of a thread happen if it may. Go: `tryAdvance` in `Reader.ReadEvent`.
    fn try_one(&mut self, place: usize, source: &Source<'_>, losses: &mut Losses) -> Result<bool, Error> {
        let outcome = self.attempt(place, source);
        self.conclude(place, outcome, source, losses)
    }

    #[cold]
    fn attempt(&mut self, place: usize, source: &Source<'_>) -> Outcome {
        let Self { order, frontier, buffer, ready, .. } = self;
        let cursor = frontier.cursor(place);
        let thread = cursor.thread as usize;
        let record = &mut buffer[*ready];
        order.enter(thread);
        cursor.describe(source.generation, record);
        record.is_time_assumed = cursor.is_time_assumed();
        let mut tail = [0; WINDOW];
        let window = cursor.window(source, &mut tail);
        let tables = &source.generation.tables;
        order.advance(cursor.event_type(), record, tables, &IdLimits::NONE, window).map(|_| ())
    }

    /// What follows from an attempt: the thread moves on and the event is ready, or, with `false`, it waits.
    #[inline(never)]
    fn conclude(
        &mut self,
        place: usize,
        outcome: Outcome,
        source: &Source<'_>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        match outcome {
            Ok(()) | Err(Hesitation::Leads) => {}
            Err(Hesitation::Waits | Hesitation::Untried) => return Ok(false),
            Err(Hesitation::Breaks(violation)) => {
                let cursor = self.frontier.cursor(place);
                let error = Error::OutOfOrder {
                    offset: source.generation.offset(cursor.position()),
                    generation: source.generation.number(),
                    thread: self.order.thread_id(cursor.thread),
                    event_type: cursor.event_type(),
                    violation,
                };
                return self.force(place, error, source, losses).map(|()| true);
            }
        }
        let position = self.frontier.cursor(place).end(source);
        self.move_on(place, position, self.buffer[self.ready].raw_time, source, losses)?;
        let Self { order, buffer, ready, last_time, mode, .. } = self;
        loop {
            let record = &mut buffer[*ready];
            look_ids_up(record, source.generation, *mode, losses)?;
            if order.has_stand_ins() {
                hide_stand_ins(record);
            }
            record.time = squash(last_time, record.raw_time);
            *ready += 1;
            match order.queued() {
                Some(follower) => buffer[*ready] = follower,
                None => return Ok(true),
            }
        }
    }

    /// A thread's event has happened, at `former`: its next one begins at `position`, or in another batch.
    fn move_on(
        &mut self,
        place: usize,
        position: usize,
        former: Time,
        source: &Source<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let Self { order, frontier, mode, .. } = self;
        let cursor = frontier.cursor(place);
        let mut loaded = cursor.load(source, position);
        while loaded == Loaded::Malformed {
            give_up_batch(cursor, order, *mode, source, losses)?;
            loaded = cursor.load_next_batch(source);
        }
        match loaded {
            Loaded::Event => {
                if !self.times.contains(Time(cursor.time())) {
                    let mut moved = *cursor;
                    self.check_time(&mut moved, former, source, losses);
                    *self.frontier.cursor(place) = moved;
                }
                self.frontier.update(place);
            }
            _ => frontier.remove(place),
        }
        Ok(())
    }

    /// In salvage mode, lets the next event of a thread happen whatever is known: what is known is corrected.
    #[cold]
    fn force(
        &mut self,
        place: usize,
        error: Error,
        source: &Source<'_>,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        if self.mode == Mode::Strict {
            return Err(error);
        }
        let Self { order, frontier, buffer, ready, .. } = self;
        let cursor = frontier.cursor(place);
        losses.add(Loss {
            error,
            generation: Some(source.generation.number()),
            thread: Some(order.thread_id(cursor.thread)),
            bytes: 0,
        });
        let record = &mut buffer[*ready];
        order.enter(cursor.thread as usize);
        cursor.describe(source.generation, record);
        record.event_type = cursor.event_type();
        record.arguments = cursor.arguments(source);
        order.set_context(record);
        order.reconcile(&Step { record, tables: &source.generation.tables });
        let outcome = match self.attempt(place, source) {
            Err(Hesitation::Leads) => Err(Hesitation::Leads),
            // Where even that does not help, the event stands for itself.
            _ => Ok(()),
        };
        self.conclude(place, outcome, source, losses).map(|_| ())
    }
}

/// Why events can no longer be put in order in a run.
enum RunEnd {
    /// The next one is so near the end of its batch that what is behind it may be malformed.
    Blind(EventHead),
    /// The next one is later than a CPU sample, or its time is implausible, or there is no room for it.
    Later(EventHead),
    /// The last one has not simply happened.
    Hesitating(Hesitation),
    /// What is behind the last one, at that position, is no event.
    Malformed(usize),
}

/// Events of runs are not earlier.
const EARLIEST: i64 = 1;

/// The time of the next event of the whole trace. Go: the deferred function of `Reader.ReadEvent`.
#[inline(always)]
pub(crate) fn squash(last: &mut Time, time: Time) -> Time {
    *last = if time <= *last { Time(last.0.wrapping_add(1)) } else { time };
    *last
}

/// A malformed event: the end in strict mode. In salvage mode the rest of its batch is left out.
#[cold]
fn give_up_batch(
    cursor: &mut EventCursor,
    order: &Order,
    mode: Mode,
    source: &Source<'_>,
    losses: &mut Losses,
) -> Result<(), Error> {
    let error = cursor.fault(source.generation);
    if mode == Mode::Strict {
        return Err(error);
    }
    losses.add(Loss {
        error,
        generation: Some(source.generation.number()),
        thread: Some(order.thread_id(cursor.thread)),
        bytes: cursor.skip_batch() as u64,
    });
    Ok(())
}

/// Checks whether the strings and stacks that an event names exist. Go: `Event.validateTableIDs`.
#[cold]
fn look_ids_up(
    record: &Record,
    generation: &Generation<'_>,
    mode: Mode,
    losses: &mut Losses,
) -> Result<(), Error> {
    if mode == Mode::Strict {
        let unknown = unknown_ids(record, &generation.tables).next();
        return unknown.map_or(Ok(()), |unknown| Err(unknown.error(record)));
    }
    note_unknown_ids(record, generation, losses);
    Ok(())
}

/// Says which strings and stacks an event names that do not exist.
pub(crate) fn note_unknown_ids(record: &Record, generation: &Generation<'_>, losses: &mut Losses) {
    for unknown in unknown_ids(record, &generation.tables) {
        let thread = Some(ThreadId(record.thread));
        let error = unknown.error(record);
        losses.add(Loss { error, generation: Some(generation.number()), thread, bytes: 0 });
    }
}
