//! Raw events: one record of a thread's event stream, its arguments not yet understood.
//!
//! Go: `internal/trace.readTimedBaseEvent`.

use crate::{
    cursor::{BEHIND, Cursor, HEAD, MAX_VARINT, WINDOW, behind, distance, varint, well_formed_from},
    error::Error,
    spec::{Dialect, EventType, MAX_ARGUMENTS},
};

/// One event as it stands in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawEvent {
    /// Where its first byte stands in the trace.
    pub offset: u64,
    /// Which event.
    pub event_type: EventType,
    /// Clock units since the event before it, or since the batch's time.
    pub time_delta: u64,
    arguments: [u64; MAX_ARGUMENTS],
}

impl RawEvent {
    /// The arguments after the time delta, in the order of the event's [`spec`](EventType::spec), and zeros
    /// behind them.
    #[inline]
    #[must_use]
    pub fn padded_arguments(&self) -> &[u64; MAX_ARGUMENTS] {
        &self.arguments
    }

    /// The arguments after the time delta, in the order of the event's [`spec`](EventType::spec).
    #[inline]
    #[must_use]
    pub fn arguments(&self) -> &[u64] {
        &self.arguments[..argument_count(self.event_type)]
    }
}

/// The events of one batch. After an error it ends.
#[derive(Clone, Debug)]
pub struct RawEvents<'a> {
    data: &'a [u8],
    position: usize,
    /// Events that begin before here cannot be malformed, except by their number.
    safe_end: usize,
    /// Behind here that is so; before, `safe_end` is 0.
    safe_start: usize,
    offset: u64,
    events: &'static EventTable,
}

impl<'a> RawEvents<'a> {
    pub(crate) fn new(data: &'a [u8], offset: u64, dialect: Dialect) -> Self {
        let safe_start = well_formed_from(data);
        Self { data, position: 0, safe_end: 0, safe_start, offset, events: timed_events_of(dialect) }
    }

    /// The next event where it may be malformed, or near the end of the batch.
    #[inline(never)]
    fn read_carefully(&mut self) -> Result<RawEvent, Error> {
        let offset = self.offset + self.position as u64;
        if self.position >= self.safe_start {
            self.safe_end = self.data.len().saturating_sub(HEAD + WINDOW);
        }
        let mut cursor = Cursor::new(self.data, self.position);
        let byte = cursor.byte().unwrap_or_default();
        let event_type = self.events[byte as usize].ok_or(Error::InvalidEvent { offset, byte })?;
        let invalid = || Error::InvalidVarint { offset };
        let time_delta = cursor.varint().ok_or_else(invalid)?;
        let arguments = decode_arguments(&mut cursor, argument_count(event_type)).ok_or_else(invalid)?;
        self.position = cursor.position();
        Ok(RawEvent { offset, event_type, time_delta, arguments })
    }
}

impl Iterator for RawEvents<'_> {
    type Item = Result<RawEvent, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.position < self.safe_end {
            if let Some(bytes) =
                self.data.get(self.position..).and_then(<[u8]>::first_chunk::<{ HEAD + WINDOW }>)
            {
                if let Some(event_type) = self.events[bytes[0] as usize] {
                    let offset = self.offset + self.position as u64;
                    let (time_delta, rest) =
                        varint(behind::<{ HEAD + WINDOW }, { HEAD + WINDOW - 1 }>(bytes, 1));
                    let (arguments, rest) = window_arguments(rest, argument_count(event_type));
                    self.position += distance(bytes, rest);
                    return Some(Ok(RawEvent { offset, event_type, time_delta, arguments }));
                }
            }
        }
        if self.position >= self.data.len() {
            return None;
        }
        let event = self.read_carefully();
        if event.is_err() {
            (self.position, self.safe_end) = (self.data.len(), 0);
        }
        Some(event)
    }
}

/// Reads `count` arguments of a well-formed event; the places after them stay 0. Gives what is left, too.
///
/// No loop: a branch of its own for each argument of each count is predicted better.
#[inline(always)]
pub(crate) fn window_arguments(bytes: &[u8; WINDOW], count: usize) -> ([u64; MAX_ARGUMENTS], &[u8; BEHIND]) {
    const AFTER_ONE: usize = WINDOW - MAX_VARINT;
    const AFTER_TWO: usize = AFTER_ONE - MAX_VARINT;
    const AFTER_THREE: usize = AFTER_TWO - MAX_VARINT;
    if count == 0 {
        return ([0; MAX_ARGUMENTS], behind(bytes, 0));
    }
    let (first, rest) = varint::<WINDOW, AFTER_ONE>(bytes);
    if count == 1 {
        return ([first, 0, 0, 0], behind(rest, 0));
    }
    let (second, rest) = varint::<AFTER_ONE, AFTER_TWO>(rest);
    if count == 2 {
        return ([first, second, 0, 0], behind(rest, 0));
    }
    let (third, rest) = varint::<AFTER_TWO, AFTER_THREE>(rest);
    if count == 3 {
        return ([first, second, third, 0], behind(rest, 0));
    }
    let (fourth, rest) = varint(rest);
    ([first, second, third, fourth], rest)
}

/// Reads `count` arguments; the places after them stay 0.
#[inline(always)]
pub(crate) fn decode_arguments(cursor: &mut Cursor<'_>, count: usize) -> Option<[u64; MAX_ARGUMENTS]> {
    let mut arguments = [0; MAX_ARGUMENTS];
    for argument in arguments.iter_mut().take(count) {
        *argument = cursor.varint()?;
    }
    Some(arguments)
}

/// How many arguments a timed event has, its time delta not counted.
#[inline(always)]
pub(crate) const fn argument_count(event_type: EventType) -> usize {
    ARGUMENT_COUNT[event_type as usize] as usize
}

/// The timed event that each byte of an event stream stands for.
pub(crate) type EventTable = [Option<EventType>; 256];

/// The timed events of a dialect.
#[inline(always)]
pub(crate) fn timed_events_of(dialect: Dialect) -> &'static EventTable {
    match dialect {
        Dialect::Stock => &STOCK_EVENTS,
        Dialect::Fork => &FORK_EVENTS,
    }
}

/// The timed event that a byte of an event stream stands for.
pub(crate) fn timed_event(dialect: Dialect, byte: u8) -> Option<EventType> {
    timed_events_of(dialect)[byte as usize]
}

static STOCK_EVENTS: EventTable = timed_events(Dialect::Stock);
static FORK_EVENTS: EventTable = timed_events(Dialect::Fork);

const fn timed_events(dialect: Dialect) -> EventTable {
    let mut events = [None; 256];
    let mut byte = 0;
    while byte < events.len() {
        if let Some(event_type) = dialect.event_type(byte as u8) {
            if event_type.spec().timed {
                events[byte] = Some(event_type);
            }
        }
        byte += 1;
    }
    events
}

static ARGUMENT_COUNT: [u8; 256] = {
    let mut counts = [0; 256];
    let mut i = 0;
    while i < EventType::all().len() {
        let event_type = EventType::all()[i];
        if event_type.spec().timed {
            counts[event_type as usize] = event_type.spec().arguments.len() as u8 - 1;
        }
        i += 1;
    }
    counts
};
