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

    /// Goes on to the event that begins at `position`, or to the first of the next batch that has one. `false`
    /// at the end of the stream. Go: `batchCursor.nextEvent`.
    ///
    /// A malformed event is an error; the cursor then stands at it.
    #[inline]
    fn load(&mut self, generation: &Generation<'_>, position: usize) -> Result<bool, Error> {
        let mut position = position;
        while position == self.end {
            let Some(batch) = self.next_batch else { return Ok(false) };
            let batch = generation.batch(batch);
            self.next_batch = batch.next();
            position = batch.place.start();
            self.end = position + batch.place.length();
            self.safe_end = if batch.only_short_varints { self.end.saturating_sub(MAX_EVENT) } else { 0 };
            self.time = 0;
            if position != self.end {
                self.time = generation.clock().time(batch.time).0;
            }
        }
        self.event = position;
        let bytes = &generation.bytes()[..self.end];
        let mut cursor = Cursor::new(bytes, position);
        let byte = cursor.byte().unwrap_or_default();
        let Some(event_type) = timed_event(generation.dialect(), byte) else {
            return Err(Error::InvalidEvent { offset: generation.offset(position), byte });
        };
        let invalid = || Error::InvalidVarint { offset: generation.offset(position) };
        let delta = cursor.varint().ok_or_else(invalid)?;
        self.event_type = event_type;
        self.arguments = cursor.position();
        if position >= self.safe_end && decode_arguments(&mut cursor, argument_count(event_type)).is_none() {
            return Err(invalid());
        }
        self.time = self.time.wrapping_add(generation.clock().time(delta).0);
        Ok(true)
    }

    /// Loads the next batch's first event: at the beginning, and after a batch was given up.
    pub(crate) fn load_first(&mut self, generation: &Generation<'_>) -> Result<bool, Error> {
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

    /// The next event with its arguments, and where the event after it begins.
    #[inline]
    pub(crate) fn record(&self, generation: &Generation<'_>) -> (Record, usize) {
        let mut cursor = Cursor::new(&generation.bytes()[..self.end], self.arguments);
        // Well-formed: `load` checked it, or the batch has no room for anything else.
        let arguments = decode_arguments(&mut cursor, argument_count(self.event_type)).unwrap_or_default();
        let record = Record {
            event_type: self.event_type,
            time: Time(self.time),
            raw_time: Time(self.time),
            thread: Record::NONE,
            proc: Record::NONE,
            goroutine: Record::NONE,
            arguments,
            offset: generation.offset(self.event),
        };
        (record, cursor.position())
    }

    /// The next event, for an error's sake.
    pub(crate) fn head(&self) -> (EventType, usize) {
        (self.event_type, self.event)
    }
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
    #[inline]
    pub(crate) fn move_on(
        &mut self,
        place: usize,
        generation: &Generation<'_>,
        position: usize,
    ) -> Result<(), Error> {
        let cursor = &mut self.cursors[self.heap[place].cursor as usize];
        if cursor.load(generation, position)? {
            self.heap[place].time = cursor.time;
            // Most often the thread that was first stays first.
            if self.sift_up(place) == place {
                self.sift_down(place);
            }
        } else {
            self.remove(place);
        }
        Ok(())
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
