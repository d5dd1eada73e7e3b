//! The merge of the threads' streams: which thread's event is next.
//!
//! Go: `internal/trace/batchcursor.go`. Where times are equal the order is what the reference's binary heap
//! makes of it, so the heap here must make the same moves.

use crate::{
    cursor::Cursor,
    error::Error,
    event::Record,
    generation::Generation,
    spec::{EventType, MAX_ARGUMENTS},
    tables::Time,
    wire::{argument_count, decode_arguments, timed_event},
};

/// The most bytes that one event may take: its number, and five varints.
const MAX_EVENT: usize = 1 + (1 + MAX_ARGUMENTS) * crate::cursor::MAX_VARINT;

/// A thread's place in its stream: its next event, and what follows.
#[derive(Clone, Debug)]
pub(crate) struct EventCursor {
    /// Index of the thread in the order's list.
    pub(crate) thread: u32,
    /// The next event.
    event_type: EventType,
    /// The next event's time; in the heap, too.
    time: i64,
    /// Where the next event begins in the generation's bytes.
    event: usize,
    /// Where its arguments begin.
    arguments: usize,
    /// Where the current batch ends.
    end: usize,
    /// Events that begin before here cannot be malformed: their varints are short and end within the batch.
    safe_end: usize,
    /// The next batch of the thread.
    next_batch: Option<u32>,
}

impl EventCursor {
    /// A cursor before the first event of a thread; [`load`](Self::load) it before anything else.
    pub(crate) fn new(thread: u32, first_batch: Option<u32>) -> Self {
        Self {
            thread,
            event_type: EventType::Sync,
            time: 0,
            event: 0,
            arguments: 0,
            end: 0,
            safe_end: 0,
            next_batch: first_batch,
        }
    }

    /// Goes on to the event that begins at `position`, or to the first of the next batch that has one.
    ///
    /// Go: `batchCursor.nextEvent`.
    #[inline(always)]
    fn load(&mut self, generation: &Generation<'_>, position: usize) -> Loaded {
        let mut position = position;
        if position == self.end {
            match self.next_batch(generation) {
                Some(start) => position = start,
                None => return Loaded::End,
            }
        }
        self.event = position;
        let mut cursor = Cursor::new(&generation.bytes()[..self.end], position);
        let event_type = cursor.byte().and_then(|byte| timed_event(generation.dialect(), byte));
        let (Some(event_type), Some(delta)) = (event_type, cursor.varint()) else { return Loaded::Malformed };
        self.event_type = event_type;
        self.arguments = cursor.position();
        if position >= self.safe_end && decode_arguments(&mut cursor, argument_count(event_type)).is_none() {
            return Loaded::Malformed;
        }
        self.time = self.time.wrapping_add(generation.clock().time(delta).0);
        Loaded::Event
    }

    /// Where the first event of the next batch that has one begins.
    #[inline(never)]
    fn next_batch(&mut self, generation: &Generation<'_>) -> Option<usize> {
        loop {
            let batch = generation.batch(self.next_batch?);
            self.next_batch = batch.next();
            let start = batch.place.start();
            self.end = start + batch.place.length();
            self.safe_end = if batch.only_short_varints { self.end.saturating_sub(MAX_EVENT) } else { 0 };
            if start != self.end {
                self.time = generation.clock().time(batch.time).0;
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
    pub(crate) fn load_first(&mut self, generation: &Generation<'_>) -> Loaded {
        self.load(generation, self.end)
    }

    /// Where the current batch ends.
    pub(crate) fn batch_end(&self) -> usize {
        self.end
    }

    /// Gives up the rest of the current batch: how many bytes it is.
    pub(crate) fn skip_batch(&mut self) -> usize {
        self.end - std::mem::replace(&mut self.event, self.end)
    }

    /// Writes the next event into `record`, but for its arguments and context: where its arguments stand.
    #[inline(always)]
    pub(crate) fn read<'g>(&self, generation: &'g Generation<'_>, record: &mut Record) -> Cursor<'g> {
        record.event_type = self.event_type;
        record.time = Time(self.time);
        record.raw_time = Time(self.time);
        record.offset = generation.offset(self.event);
        Cursor::new(&generation.bytes()[..self.end], self.arguments)
    }

    /// The next event, for an error's sake.
    pub(crate) fn head(&self) -> (EventType, usize) {
        (self.event_type, self.event)
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
#[derive(Debug, Default)]
pub(crate) struct Frontier {
    heap: Vec<Entry>,
    cursors: Vec<EventCursor>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    time: i64,
    cursor: u32,
}

impl Frontier {
    pub(crate) fn clear(&mut self) {
        self.heap.clear();
        self.cursors.clear();
    }


    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The time of the earliest event.
    #[inline]
    pub(crate) fn first_time(&self) -> Option<i64> {
        self.heap.first().map(|entry| entry.time)
    }

    /// The cursor at a place of the heap; place 0 has the earliest event.
    #[inline]
    pub(crate) fn cursor(&mut self, place: usize) -> &mut EventCursor {
        &mut self.cursors[self.heap[place].cursor as usize]
    }

    /// Puts in a thread whose cursor has been loaded. Go: `heapInsert`.
    pub(crate) fn insert(&mut self, cursor: EventCursor) {
        self.heap.push(Entry { time: cursor.time, cursor: self.cursors.len() as u32 });
        self.cursors.push(cursor);
        self.sift_up(self.heap.len() - 1);
    }

    /// Moves the thread at a place of the heap on to the event that begins at `position`.
    ///
    /// Go: the second half of `tryAdvance` in `Reader.ReadEvent`.
    #[inline(always)]
    pub(crate) fn move_on(&mut self, place: usize, generation: &Generation<'_>, position: usize) -> Loaded {
        let cursor = &mut self.cursors[self.heap[place].cursor as usize];
        let loaded = cursor.load(generation, position);
        match loaded {
            Loaded::Event => {
                self.heap[place].time = cursor.time;
                if self.sift_up(place) == place {
                    self.sift_down(place);
                }
            }
            Loaded::End => self.remove(place),
            Loaded::Malformed => {}
        }
        loaded
    }

    /// Sorts the heap by time; it stays a heap. Go: `Reader.ReadEvent`, where the head cannot advance.
    pub(crate) fn sort(&mut self) {
        self.heap.sort_by_key(|entry| entry.time);
    }

    /// Go: `heapRemove`.
    fn remove(&mut self, place: usize) {
        let mut place = place;
        while place > 0 {
            self.heap.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        self.heap.swap_remove(0);
        self.sift_down(0);
    }

    /// Go: `heapSiftUp`.
    #[inline]
    fn sift_up(&mut self, place: usize) -> usize {
        let mut place = place;
        while place > 0 && self.heap[(place - 1) / 2].time > self.heap[place].time {
            self.heap.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        place
    }

    /// Go: `heapSiftDown` and `min3`.
    #[inline]
    fn sift_down(&mut self, place: usize) {
        let heap = &mut self.heap[..];
        let Some(&moving) = heap.get(place) else { return };
        let mut place = place;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let mut least = (moving.time, place);
            for child in [left, right] {
                if let Some(entry) = heap.get(child) {
                    if entry.time < least.0 {
                        least = (entry.time, child);
                    }
                }
            }
            if least.1 == place {
                break;
            }
            heap[place] = heap[least.1];
            place = least.1;
        }
        heap[place] = moving;
    }
}
