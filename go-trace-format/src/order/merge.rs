//! The merge of the threads' streams: which thread's event is next.
//!
//! Go: `internal/trace/batchcursor.go`. Where times are equal the order is what the reference's binary heap
//! makes of it, so the heap here must make the same moves.

use crate::{
    cursor::{BEHIND, Cursor, HEAD, WINDOW, behind, distance, varint},
    error::Error,
    event::Record,
    generation::Generation,
    spec::{EventType, MAX_ARGUMENTS},
    tables::{Clock, Time},
    wire::{EventTable, argument_count, decode_arguments, timed_event, timed_events_of, window_arguments},
};

/// A thread's place in its stream: its next event, and what follows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventCursor {
    /// Index of the thread in the order's list.
    pub(crate) thread: u32,
    /// The next event.
    event_type: EventType,
    /// How many bytes its number and time delta take.
    head_length: u8,
    /// Its time.
    time: i64,
    /// The time of the current batch.
    batch_time: i64,
    /// Where it begins in the generation's bytes.
    event: usize,
    /// Where the current batch ends.
    end: usize,
    /// Events of which a [`Window`] shows nothing behind here are well-formed, except perhaps for their number.
    safe_end: usize,
    /// Behind here that is so; before, `safe_end` is 0.
    safe_start: usize,
    /// The next batch of the thread.
    next_batch: Option<u32>,
    /// Whether a time of the current batch was [corrected](Self::assume_time).
    is_time_assumed: bool,
}

impl EventCursor {
    /// A cursor before the first event of a thread; [`load_next_batch`](Self::load_next_batch) it before anything else.
    pub(crate) fn new(thread: u32, first_batch: Option<u32>) -> Self {
        Self {
            thread,
            event_type: EventType::Sync,
            head_length: 0,
            time: 0,
            batch_time: 0,
            event: 0,
            end: 0,
            safe_end: 0,
            safe_start: 0,
            next_batch: first_batch,
            is_time_assumed: false,
        }
    }

    /// The time of the next event.
    #[inline(always)]
    pub(crate) fn time(&self) -> i64 {
        self.time
    }

    /// The generation's bytes up to where events of the current batch are known to be well-formed.
    #[inline(always)]
    pub(crate) fn safe_bytes<'g>(&self, source: &Source<'g>) -> &'g [u8] {
        &source.bytes[..self.safe_end]
    }

    /// The head of the event that begins with `bytes`, which are of the generation's, of the current batch and well-formed. `time`
    /// is that of the event before, and not 0.
    #[inline(always)]
    pub(crate) fn next_head(source: &Source<'_>, bytes: &[u8; BEHIND], time: i64) -> Option<EventHead> {
        let event_type = source.events[bytes[0] as usize]?;
        let (delta, arguments) = varint::<{ BEHIND - 1 }, { BEHIND - HEAD }>(behind(bytes, 1));
        let time = time.wrapping_add(source.clock.time(delta).0);
        let position = distance(source.bytes, bytes);
        Some(EventHead { event_type, time, position, arguments: distance(source.bytes, arguments) })
    }

    #[inline(always)]
    fn time_after(&self, time: i64, delta: u64, source: &Source<'_>) -> i64 {
        // The reference takes a time of 0 for none so far. Only times that overflow meet it in a batch's midst.
        let last = if time == 0 { self.batch_time } else { time };
        last.wrapping_add(source.clock.time(delta).0)
    }

    /// What stands at the beginning of the next event.
    #[inline(always)]
    pub(crate) fn head(&self) -> EventHead {
        let Self { event_type, time, event, head_length, .. } = *self;
        EventHead { event_type, time, position: event, arguments: event + head_length as usize }
    }

    /// The next event is that one.
    #[inline(always)]
    pub(crate) fn stand_at(&mut self, head: EventHead) {
        self.event = head.position;
        self.event_type = head.event_type;
        self.head_length = (head.arguments - head.position) as u8;
        self.time = head.time;
    }

    /// The next event is the one of the current batch that begins at `position`, which was read before and happened at `time`.
    #[cold]
    pub(crate) fn stand_again(&mut self, source: &Source<'_>, position: usize, time: i64) {
        let mut cursor = Cursor::new(source.bytes, position);
        let event_type = cursor.byte().and_then(|byte| source.events[byte as usize]);
        _ = cursor.varint();
        let event_type = event_type.unwrap_or(self.event_type);
        self.stand_at(EventHead { event_type, time, position, arguments: cursor.position() });
    }

    /// Goes on to the event that begins at `position`, or to the first of the next batch that has one.
    ///
    /// Go: `batchCursor.nextEvent`.
    #[inline(never)]
    pub(crate) fn load(&mut self, source: &Source<'_>, position: usize) -> Loaded {
        self.event = position;
        if position == self.end {
            match self.next_batch(source.generation) {
                Some(start) => self.event = start,
                None => return Loaded::End,
            }
        }
        if self.event >= self.safe_start {
            self.safe_end = self.end;
        }
        let mut cursor = Cursor::new(&source.bytes[..self.end], self.event);
        let event_type = cursor.byte().and_then(|byte| source.events[byte as usize]);
        let (Some(event_type), Some(delta)) = (event_type, cursor.varint()) else { return Loaded::Malformed };
        let arguments = cursor.position();
        match decode_arguments(&mut cursor, argument_count(event_type)) {
            Some(_) => {
                let time = self.time_after(self.time, delta, source);
                self.stand_at(EventHead { event_type, time, position: self.event, arguments });
                Loaded::Event
            }
            None => Loaded::Malformed,
        }
    }

    /// The bytes from the next event's arguments on; near the end of the generation, copied to `tail`.
    #[inline]
    pub(crate) fn window<'w>(&self, source: &Source<'w>, tail: &'w mut [u8; WINDOW]) -> &'w [u8; WINDOW] {
        let rest = &source.bytes[self.head().arguments..];
        match rest.first_chunk() {
            Some(bytes) => bytes,
            None => {
                tail[..rest.len()].copy_from_slice(rest);
                tail
            }
        }
    }

    /// Where the first event of the next batch that has one begins.
    #[inline(never)]
    fn next_batch(&mut self, generation: &Generation<'_>) -> Option<usize> {
        loop {
            let batch = generation.batch(self.next_batch?);
            self.next_batch = batch.next();
            let start = batch.place.start();
            self.end = start + batch.place.length();
            self.safe_start = start + batch.well_formed_from as usize;
            self.safe_end = 0;
            self.is_time_assumed = false;
            if start != self.end {
                self.batch_time = generation.clock().time(batch.time).0;
                self.time = self.batch_time;
                return Some(start);
            }
        }
    }

    /// What is wrong with the event that the cursor stands at, after it was found malformed.
    #[cold]
    pub(crate) fn fault(&self, generation: &Generation<'_>) -> Error {
        let offset = generation.offset(self.event);
        match generation.bytes().get(self.event) {
            Some(&byte) if timed_event(generation.dialect(), byte).is_none() => {
                Error::InvalidEvent { offset, byte }
            }
            _ => Error::InvalidVarint { offset },
        }
    }

    /// Loads the next batch's first event: at the beginning, and after a batch was given up.
    pub(crate) fn load_next_batch(&mut self, source: &Source<'_>) -> Loaded {
        self.load(source, self.end)
    }

    /// Gives up the rest of the current batch: how many bytes it is.
    pub(crate) fn skip_batch(&mut self) -> usize {
        self.end - std::mem::replace(&mut self.event, self.end)
    }

    /// The next event's arguments as on the wire.
    pub(crate) fn arguments(&self, source: &Source<'_>) -> [u64; MAX_ARGUMENTS] {
        window_arguments(self.window(source, &mut [0; WINDOW]), argument_count(self.event_type)).0
    }

    /// Where the event behind the next one begins.
    pub(crate) fn end(&self, source: &Source<'_>) -> usize {
        let mut cursor = Cursor::new(&source.bytes[..self.end], self.head().arguments);
        // It was read before.
        _ = decode_arguments(&mut cursor, argument_count(self.event_type));
        cursor.position()
    }

    /// Gives the next event another time than the trace says. Those behind it in its batch follow on that.
    #[cold]
    pub(crate) fn assume_time(&mut self, time: Time) {
        (self.time, self.batch_time, self.is_time_assumed) = (time.0, time.0, true);
    }

    /// Whether the time of the next event is such a one, or follows on one.
    #[inline]
    pub(crate) fn is_time_assumed(&self) -> bool {
        self.is_time_assumed
    }

    /// Where the next event begins.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.event
    }

    /// Writes time and place of the next event into `record`.
    #[inline(always)]
    pub(crate) fn describe(&self, generation: &Generation<'_>, record: &mut Record) {
        record.raw_time = Time(self.time);
        record.offset = generation.offset(self.event);
    }

    /// The next event's type.
    #[inline(always)]
    pub(crate) fn event_type(&self) -> EventType {
        self.event_type
    }
}

/// What stands at the beginning of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventHead {
    pub(crate) event_type: EventType,
    /// When it happened.
    pub(crate) time: i64,
    /// Where it begins in the generation's bytes, and where its arguments do.
    pub(crate) position: usize,
    pub(crate) arguments: usize,
}

/// What cursors read from, its parts at hand.
#[derive(Clone, Copy)]
pub(crate) struct Source<'g> {
    pub(crate) generation: &'g Generation<'g>,
    pub(crate) bytes: &'g [u8],
    pub(crate) events: &'static EventTable,
    pub(crate) clock: Clock,
}

impl<'g> Source<'g> {
    pub(crate) fn new(generation: &'g Generation<'g>) -> Self {
        let events = timed_events_of(generation.dialect());
        Self { generation, bytes: generation.bytes(), events, clock: *generation.clock() }
    }
}

/// What a cursor found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loaded {
    /// An event.
    Event,
    /// The end of the stream.
    End,
    /// Something that is no event: see [`EventCursor::fault`]. The cursor stands at it.
    Malformed,
}

/// The threads that have events left, as a binary heap by the time of their next one.
#[derive(Debug)]
pub(crate) struct Frontier {
    /// Counted from 1, so that the children of each place are an even place and the one behind it. Behind the last is one that is later
    /// than all, so that whoever has one child has two.
    heap: Vec<Entry>,
    cursors: Vec<EventCursor>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    time: i64,
    cursor: u32,
}

impl Entry {
    /// Nobody's.
    const NONE: Self = Self { time: i64::MAX, cursor: u32::MAX };
}

impl Default for Frontier {
    fn default() -> Self {
        Self { heap: vec![Entry::NONE; 2], cursors: Vec::new() }
    }
}

impl Frontier {
    pub(crate) fn clear(&mut self) {
        self.heap.truncate(1);
        self.heap.push(Entry::NONE);
        self.cursors.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len() - 2
    }

    /// The entries of all threads that have events left.
    fn entries(&self) -> &[Entry] {
        &self.heap[1..=self.len()]
    }

    /// The time of the earliest event.
    #[inline]
    pub(crate) fn first_time(&self) -> Option<i64> {
        self.entries().first().map(|entry| entry.time)
    }

    /// The cursor at a place of the heap, counted from 0; place 0 has the earliest event.
    #[inline]
    pub(crate) fn cursor(&mut self, place: usize) -> &mut EventCursor {
        &mut self.cursors[self.heap[place + 1].cursor as usize]
    }

    /// The cursors of all threads that have events left.
    #[cfg(feature = "write")]
    pub(crate) fn cursors(&self) -> impl Iterator<Item = &EventCursor> {
        self.entries().iter().map(|entry| &self.cursors[entry.cursor as usize])
    }

    /// Puts in a thread whose cursor has been loaded. Go: `heapInsert`.
    pub(crate) fn insert(&mut self, cursor: EventCursor) {
        let place = self.len() + 1;
        self.heap[place] = Entry { time: cursor.time, cursor: self.cursors.len() as u32 };
        self.heap.push(Entry::NONE);
        self.cursors.push(cursor);
        self.sift_up(place);
    }

    /// How late the first thread's events may be while it stays the first. Go: `min3`.
    #[inline]
    pub(crate) fn bound(&self) -> i64 {
        match self.heap[..] {
            [_, _, left, right, ..] => left.time.min(right.time),
            _ => i64::MAX,
        }
    }

    /// Puts the first thread where it belongs after its cursor has moved to `time`.
    #[inline]
    pub(crate) fn update_first(&mut self, time: i64) {
        self.sift_down(1, Entry { time, ..self.heap[1] });
    }

    /// Puts the thread at a place of the heap, counted from 0, where it belongs after its cursor has moved. Go: `heapUpdate`.
    #[inline]
    pub(crate) fn update(&mut self, place: usize) {
        let place = place + 1;
        self.heap[place].time = self.cursors[self.heap[place].cursor as usize].time;
        if self.sift_up(place) == place {
            self.sift_down(place, self.heap[place]);
        }
    }

    /// Sorts the heap by time; it stays a heap. Go: `Reader.ReadEvent`, where the head cannot advance.
    pub(crate) fn sort(&mut self) {
        let last = self.len();
        self.heap[1..=last].sort_by_key(|entry| entry.time);
    }

    /// Takes a thread out, whose place is counted from 0. Go: `heapRemove`.
    pub(crate) fn remove(&mut self, place: usize) {
        let mut place = place + 1;
        while place > 1 {
            self.heap.swap(place, place / 2);
            place /= 2;
        }
        let last = self.len();
        let moving = core::mem::replace(&mut self.heap[last], Entry::NONE);
        self.heap.truncate(last + 1);
        if last > 1 {
            self.sift_down(1, moving);
        }
    }

    /// Go: `heapSiftUp`.
    #[inline]
    fn sift_up(&mut self, place: usize) -> usize {
        let mut place = place;
        while place > 1 && self.heap[place / 2].time > self.heap[place].time {
            self.heap.swap(place, place / 2);
            place /= 2;
        }
        place
    }

    /// Puts an entry at a place or below it. Of two children of equal time the left one is the lesser.
    ///
    /// Go: `heapSiftDown` and `min3`.
    #[inline]
    fn sift_down(&mut self, place: usize, moving: Entry) {
        let heap = &mut self.heap[..];
        let mut place = place;
        loop {
            let (left, right) = (2 * place, (2 * place) | 1);
            if right >= heap.len() {
                break;
            }
            let least = left | usize::from(heap[right].time < heap[left].time);
            if heap[least].time >= moving.time {
                break;
            }
            heap[place] = heap[least];
            place = least;
        }
        heap[place] = moving;
    }
}
