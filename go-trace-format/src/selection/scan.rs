//! The scan of a generation, thread by thread, for the events of a selection.
//!
//! What a thread runs is known by its own events, but for who has been in a system call since before the generation
//! began: that may be said by another thread. So nothing is put in order here.

use crate::{
    cursor::{Cursor, WINDOW},
    event::{GoroutineState, Record},
    generation::{BatchPlace, Generation},
    selection::{Selection, causality::Session},
    spec::{Dialect, EventType, MAX_ARGUMENTS},
    tables::Clock,
    times::Times,
    wire::{argument_count, decode_arguments, timed_event},
};

/// An event of the selection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// When the thread recorded it.
    pub(super) time: i64,
    /// What its thread ran.
    pub(super) session: Session,
    /// Where it begins in the generation's bytes.
    pub(super) position: u32,
    /// Which of the threads it is of, in their order.
    pub(super) thread: u32,
}

/// A goroutine that has been in a system call since before the generation began, by another thread's word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleeper {
    pub(super) thread: i64,
    pub(super) goroutine: i64,
}

/// What the scan of one thread comes to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanned {
    pub(super) thread: i64,
    /// What it runs at its end; `None` where it has said nothing of that.
    pub(super) last: Option<Session>,
    /// Of its events, the first ones so many were found before it said so.
    pub(super) before: usize,
    /// Where its events begin among those found.
    pub(super) first: usize,
}

/// No event begins here: a batch's head does.
const NOWHERE: usize = 0;

/// What is to be done at each number on the wire: the count of arguments, and flags.
type Classes = [u8; 256];

const ARGUMENTS: u8 = 7;
/// Tells what its thread runs from there on.
const TELLS_GOROUTINE: u8 = 8;
/// To be looked at: it is of the selection, may tell what a thread runs, or is none at all.
const LOOK: u8 = 16;

fn classes(dialect: Dialect, selection: Selection) -> Classes {
    core::array::from_fn(|byte| match timed_event(dialect, byte as u8) {
        None => LOOK,
        Some(event_type) => {
            let is_status = matches!(event_type, EventType::GoStatus | EventType::GoStatusStack);
            let look = if is_status || selection.contains(event_type) { LOOK } else { 0 };
            let tells = if tells_goroutine(event_type) { TELLS_GOROUTINE } else { 0 };
            argument_count(event_type) as u8 | tells | look
        }
    })
}

/// Whether its thread runs another goroutine or none behind it, whatever it ran before. Statuses are not among them.
fn tells_goroutine(event_type: EventType) -> bool {
    use EventType as E;
    let starts = matches!(event_type, E::GoStart | E::GoSwitch | E::GoSwitchDestroy | E::GoCreateSyscall);
    let ends = matches!(
        event_type,
        E::GoStop | E::GoBlock | E::GoDestroy | E::GoDestroySyscall | E::GoSyscallEndBlocked
    );
    starts || ends
}

/// Scans one generation.
pub(super) struct Scan<'g> {
    generation: &'g Generation<'g>,
    bytes: &'g [u8],
    clock: Clock,
    times: Times,
    classes: Classes,
    pub(super) found: Vec<Found>,
    pub(super) sleepers: Vec<Sleeper>,
    pub(super) threads: Vec<Scanned>,
    /// The time of the latest event.
    pub(super) latest: i64,
}

impl<'g> Scan<'g> {
    /// Takes the list of an earlier one, so that only one of them is in memory.
    pub(super) fn new(generation: &'g Generation<'g>, selection: Selection, mut found: Vec<Found>) -> Self {
        found.clear();
        Self {
            generation,
            bytes: generation.bytes(),
            clock: *generation.clock(),
            times: generation.times(),
            classes: classes(generation.dialect(), selection),
            found,
            sleepers: Vec::new(),
            threads: Vec::new(),
            latest: 0,
        }
    }

    /// Scans all threads. `None` where something is malformed, or says a time or a status that cannot be, and of more than 4 GiB.
    pub(super) fn run(&mut self) -> Option<()> {
        u32::try_from(self.bytes.len()).ok()?;
        for (thread, first) in self.generation.streams() {
            let mut lane = Lane::new(thread);
            let first_found = self.found.len();
            let mut next = Some(first);
            while let Some(index) = next {
                let batch = self.generation.batch(index);
                self.batch(batch, &mut lane)?;
                next = batch.next();
            }
            let last = match lane.told_at {
                NOWHERE => None,
                told_at => Some(self.session(told_at)?),
            };
            self.threads.push(Scanned { thread, last, before: lane.before, first: first_found });
        }
        Some(())
    }

    fn batch(&mut self, batch: &BatchPlace, lane: &mut Lane) -> Option<()> {
        let (start, end) = (batch.place.start(), batch.place.start() + batch.place.length());
        let possible = self.times.range();
        let mut time = self.clock.time(batch.time).0;
        if start == end {
            return Some(());
        }
        if batch.well_formed_from != 0 || !possible.contains(&time) {
            return None;
        }
        // Else its events cannot be put in the order of their times without losing theirs.
        if time < lane.time {
            return None;
        }
        let (clock, latest) = (self.clock, *possible.end() as u64);
        let bytes = self.bytes.get(..end)?;
        let mut position = start;
        let mut told_at = lane.told_at;
        while let Some(ahead) = bytes.get(position..).and_then(<[u8]>::first_chunk::<WINDOW>) {
            let class = self.classes[usize::from(ahead[0])];
            let (delta, length) = extent(ahead, class & ARGUMENTS);
            time = time.wrapping_add(clock.time(delta).0);
            // One that has gone below zero is later than any.
            if time as u64 > latest {
                return None;
            }
            told_at = if class & TELLS_GOROUTINE != 0 { position } else { told_at };
            if class & LOOK != 0 {
                lane.told_at = told_at;
                self.look(position, time, lane)?;
                told_at = lane.told_at;
            }
            position += length;
        }
        lane.told_at = told_at;
        self.tail(position, time, end, lane)
    }

    /// The last events of a batch, any of which its end may cut off.
    fn tail(&mut self, from: usize, mut time: i64, end: usize, lane: &mut Lane) -> Option<()> {
        let mut cursor = Cursor::new(&self.bytes[..end], from);
        while cursor.position() != end {
            let position = cursor.position();
            let class = self.classes[cursor.byte()? as usize];
            time = time.wrapping_add(self.clock.time(cursor.varint()?).0);
            if !self.times.range().contains(&time) {
                return None;
            }
            decode_arguments(&mut cursor, usize::from(class & ARGUMENTS))?;
            if class & TELLS_GOROUTINE != 0 {
                lane.told_at = position;
            }
            if class & LOOK != 0 {
                self.look(position, time, lane)?;
            }
        }
        lane.time = time;
        self.latest = self.latest.max(time);
        Some(())
    }

    /// Looks at an event, which need not be one. `None` where it is none, or a status that cannot be.
    #[inline(never)]
    fn look(&mut self, position: usize, time: i64, lane: &mut Lane) -> Option<()> {
        let event_type = timed_event(self.generation.dialect(), self.bytes[position])?;
        if !matches!(event_type, EventType::GoStatus | EventType::GoStatusStack) {
            if lane.told_at != lane.session_told_at {
                (lane.session, lane.session_told_at) = (self.session(lane.told_at)?, lane.told_at);
            }
            lane.before += usize::from(lane.told_at == NOWHERE);
            let thread = self.threads.len() as u32;
            self.found.push(Found { time, position: position as u32, thread, session: lane.session });
            return Some(());
        }
        let (_, [goroutine, thread, status, _]) = event_at(self.generation, position)?;
        let (goroutine, thread) = (goroutine as i64, thread as i64);
        // The reference's status has 8 bits.
        match GoroutineState::from_status(status & 0xff)? {
            GoroutineState::Running => lane.told_at = position,
            GoroutineState::Syscall if thread == lane.thread => lane.told_at = position,
            GoroutineState::Syscall if thread == Record::NONE => return None,
            GoroutineState::Syscall => self.sleepers.push(Sleeper { thread, goroutine }),
            _ => {}
        }
        Some(())
    }

    /// What a thread runs behind the event that begins at `told_at`.
    fn session(&self, told_at: usize) -> Option<Session> {
        use EventType as E;
        if told_at == NOWHERE {
            return Some(Session::NONE);
        }
        let (event_type, [goroutine, sequence, ..]) = event_at(self.generation, told_at)?;
        let goroutine = goroutine as i64;
        Some(match event_type {
            E::GoStart | E::GoSwitch | E::GoSwitchDestroy => Session { goroutine, sequence },
            E::GoStatus | E::GoStatusStack => Session::since_beginning(goroutine),
            E::GoCreateSyscall => Session { goroutine, sequence: Session::ANEW },
            _ => Session::NONE,
        })
    }
}

/// The time delta of the event that begins the window and has `count` arguments, and how many bytes it takes.
#[inline(always)]
fn extent(ahead: &[u8; WINDOW], count: u8) -> (u64, usize) {
    let [_, first, second, ..] = *ahead;
    let (delta, head) = match () {
        () if first < 0x80 => (u64::from(first), 2),
        () if second < 0x80 => (u64::from(first & 0x7f) | u64::from(second) << 7, 3),
        () => return long_extent(ahead, count),
    };
    // The last bytes of varints are those without the high bit. Where their lengths differ from event to event, a branch for each
    // is mispredicted more often than not.
    let word = if head == 2 { word_at::<2>(ahead) } else { word_at::<3>(ahead) };
    let mut ends = !word & 0x8080_8080_8080_8080;
    let without_first = |ends: u64| ends & ends.wrapping_sub(1);
    match count {
        0 => return (delta, head),
        1 => {}
        2 => ends = without_first(ends),
        3 => ends = without_first(without_first(ends)),
        _ => ends = without_first(without_first(without_first(ends))),
    }
    if ends == 0 {
        return long_extent(ahead, count);
    }
    (delta, head + 1 + ends.trailing_zeros() as usize / 8)
}

#[inline(always)]
fn word_at<const AT: usize>(ahead: &[u8; WINDOW]) -> u64 {
    ahead[AT..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The same for events of any length.
#[inline(never)]
fn long_extent(ahead: &[u8; WINDOW], count: u8) -> (u64, usize) {
    let mut cursor = Cursor::new(ahead, 1);
    let delta = cursor.varint().unwrap_or_default();
    (0..count).for_each(|_| _ = cursor.varint());
    (delta, cursor.position())
}

/// The event at a place of a generation's bytes, with its arguments. It must be well-formed.
#[inline]
pub(super) fn event_at(
    generation: &Generation<'_>,
    position: usize,
) -> Option<(EventType, [u64; MAX_ARGUMENTS])> {
    let bytes = generation.bytes().get(position..)?;
    let event_type = timed_event(generation.dialect(), *bytes.first()?)?;
    let mut cursor = Cursor::new(bytes, 1);
    cursor.varint()?;
    Some((event_type, decode_arguments(&mut cursor, argument_count(event_type))?))
}

/// The thread that is scanned.
struct Lane {
    thread: i64,
    /// The time of its last event.
    time: i64,
    /// The last event that tells what it runs.
    told_at: usize,
    /// What it ran at the last event that was found.
    session: Session,
    /// The event that told that.
    session_told_at: usize,
    /// How many events of the selection came before it told.
    before: usize,
}

impl Lane {
    fn new(thread: i64) -> Self {
        let session = Session::NONE;
        Self { thread, time: i64::MIN, told_at: NOWHERE, session, session_told_at: NOWHERE, before: 0 }
    }
}
