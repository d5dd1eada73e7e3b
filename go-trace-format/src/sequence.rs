//! The events of generations, one after the other, in the order of the whole trace.
//!
//! Go: `Reader.ReadEvent`, steps 4 to 8.

use crate::{
    cursor::WINDOW,
    error::Error,
    event::{Event, ReadyEvents, Record},
    generation::Generation,
    id::ThreadId,
    losses::{Loss, Losses},
    mode::Mode,
    order::{
        Advance, Attempt, EventCursor, EventHead, Frontier, IdLimits, Loaded, Order, Source, Step,
        hide_stand_ins, unknown_ids,
    },
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
    pub(crate) fn take<'s>(&'s mut self, generation: &'s Generation<'s>) -> Event<'s> {
        let record = &self.buffer[self.delivered];
        self.delivered += 1;
        Event { tables: &generation.tables, record }
    }

    /// All events that are ready, which must be of `generation`.
    #[inline]
    pub(crate) fn take_all<'s>(&'s mut self, generation: &'s Generation<'s>) -> ReadyEvents<'s> {
        let records = self.buffer[self.delivered..self.ready].iter();
        self.delivered = self.ready;
        ReadyEvents { tables: &generation.tables, records }
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
        self.is_scheduled |= !generation.is_unscheduled();
        self.order.open_generation(generation.number(), !self.is_scheduled);
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
                // Each event has to be rid of what was made up, or marked for it.
                (_, _) if self.order.has_stand_ins() || self.assumes_times => {
                    self.run_carefully(&source, losses)?;
                }
                (_, sample) => {
                    let sample = sample.map_or(i64::MAX, |sample| sample.time.0);
                    self.run_heads(sample, &source, losses)?;
                }
            }
        }
        Ok(())
    }

    /// Puts events in order, each time those of the first thread up to where another one becomes the first: until then
    /// nothing else has to be looked at. Ends before what is later than the next CPU `sample`, and where an event takes a
    /// closer look.
    fn run_heads(&mut self, sample: i64, source: &Source<'_>, losses: &mut Losses) -> Result<(), Error> {
        let Self { order, frontier, buffer, ready, last_time, times, .. } = self;
        let (earliest, latest) = (*times.range().start(), sample.min(*times.range().end()));
        let tables = &source.generation.tables;
        let limits = IdLimits::of(tables);
        let mut last = *last_time;
        let mut records = buffer[*ready..BUFFER].iter_mut();
        let (end, position, time) = 'heads: loop {
            let expected = earliest..=frontier.bound().min(latest);
            let cursor = frontier.cursor(0);
            let mut position = cursor.position();
            let Some(mut bytes) = cursor.bytes_within(source) else { break (RunEnd::Blind, position, 0) };
            let safe = cursor.safe_bytes(source);
            order.enter(cursor.thread as usize);
            let mut time = cursor.time_before(source, bytes);
            loop {
                let Some(head) = cursor.head(source, bytes, time) else {
                    break 'heads (RunEnd::Unsafe, position, time);
                };
                if !expected.contains(&head.time) {
                    if !(earliest..=latest).contains(&head.time) {
                        break 'heads (RunEnd::Later(head), position, time);
                    }
                    cursor.stand_at(position, head);
                    frontier.update(0);
                    break;
                }
                let Some(record) = records.next() else { break 'heads (RunEnd::Later(head), position, time) };
                record.raw_time = Time(head.time);
                record.offset = source.generation.offset(position);
                let window = head.window(bytes);
                let tried = order.advance::<true>(head.event_type, record, tables, &limits, window);
                let Some(Attempt { outcome: Ok(Advance::Done), length }) = tried else {
                    break 'heads (RunEnd::Hesitating(head, tried), position, time);
                };
                record.time = squash(&mut last, record.raw_time);
                (position, time) = (position + length, head.time);
                match safe.get(position..).and_then(<[u8]>::first_chunk) {
                    Some(next) => bytes = next,
                    None => break 'heads (RunEnd::Unsafe, position, time),
                }
            }
        };
        let made = BUFFER - *ready - records.len();
        *last_time = last;
        let cursor = frontier.cursor(0);
        match end {
            RunEnd::Blind => {
                *ready += made;
                match self.ready {
                    BUFFER => Ok(()),
                    _ => self.run_carefully(source, losses),
                }
            }
            RunEnd::Later(head) => {
                *ready += made;
                cursor.stand_at(position, head);
                if !times.contains(Time(head.time)) {
                    let (mut moved, former) = (*cursor, Time(time));
                    self.check_time(&mut moved, former, source, losses);
                    *self.frontier.cursor(0) = moved;
                }
                self.frontier.update(0);
                Ok(())
            }
            RunEnd::Hesitating(head, tried) => {
                // The last of the records is its.
                *ready += made - 1;
                cursor.stand_at(position, head);
                self.frontier.update(0);
                match tried {
                    Some(attempt) if self.conclude(0, attempt, source, losses)? => Ok(()),
                    Some(_) => self.run_another(source, losses),
                    None => self.run_carefully(source, losses),
                }
            }
            RunEnd::Unsafe => {
                // The reference does not give an event out behind which the batch is malformed.
                *ready += made - 1;
                cursor.pass(time);
                self.move_on(0, position, Time(time), source, losses)?;
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
        let attempt = self.attempt(place, source);
        self.conclude(place, attempt, source, losses)
    }

    #[cold]
    fn attempt(&mut self, place: usize, source: &Source<'_>) -> Attempt {
        let Self { order, frontier, buffer, ready, .. } = self;
        let cursor = frontier.cursor(place);
        let thread = cursor.thread as usize;
        let record = &mut buffer[*ready];
        order.enter(thread);
        cursor.describe(source.generation, record);
        record.is_time_assumed = cursor.is_time_assumed();
        let mut tail = [0; WINDOW];
        let window = cursor.window(cursor.bytes(source, &mut tail));
        let tables = &source.generation.tables;
        let tried =
            order.advance::<false>(cursor.event_type(), record, tables, &IdLimits::of(tables), window);
        tried.unwrap_or(Attempt { outcome: Ok(Advance::Wait), length: 0 })
    }

    /// What follows from an attempt: the thread moves on and the event is ready, or, with `false`, it waits.
    #[inline(never)]
    fn conclude(
        &mut self,
        place: usize,
        attempt: Attempt,
        source: &Source<'_>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        match attempt.outcome {
            Ok(Advance::Done | Advance::Several) => {}
            Ok(Advance::Wait) => return Ok(false),
            Err(violation) => {
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
        let position = self.frontier.cursor(place).position() + attempt.length;
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
        let mut attempt = self.attempt(place, source);
        if !matches!(attempt.outcome, Ok(Advance::Done | Advance::Several)) {
            // Where even that does not help, the event stands for itself.
            attempt.outcome = Ok(Advance::Done);
        }
        self.conclude(place, attempt, source, losses).map(|_| ())
    }
}

/// Why events can no longer be put in order in a run.
enum RunEnd {
    /// The next one is so near the end of the generation that its bytes have to be copied.
    Blind,
    /// The next one is later than a CPU sample, or its time is implausible, or there is no room for it.
    Later(EventHead),
    /// The next one does not simply happen; where it was not tried, because it names what may not be there.
    Hesitating(EventHead, Option<Attempt>),
    /// What is behind the last one may be malformed, or the end of the batch.
    Unsafe,
}

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
    for unknown in unknown_ids(record, &generation.tables) {
        let error = unknown.error(record);
        if mode == Mode::Strict {
            return Err(error);
        }
        let thread = Some(ThreadId(record.thread));
        losses.add(Loss { error, generation: Some(generation.number()), thread, bytes: 0 });
    }
    Ok(())
}
