//! Stacks by what is in them, so that one is the same in every generation.

use std::collections::HashMap;

#[cfg(feature = "analysis")]
use go_trace_format::spec::MAX_FRAMES_PER_STACK;
use go_trace_format::{Frame, Tables, event::StackId};
use indexmap::IndexSet;

type Hasher = foldhash::fast::RandomState;

/// A stack by its place in the [`StackTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StackNumber(pub(super) u32);

impl StackNumber {
    /// No stack is known.
    pub(super) const NONE: Self = Self(0);
    /// One of those that a limit has kept out.
    pub(super) const OTHER: Self = Self(1);
}

/// A frame whose texts are in the table: their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FrameRecord {
    pub(super) pc: u64,
    pub(super) function: u32,
    pub(super) file: u32,
    pub(super) line: u64,
}

/// Stacks, their frames and the texts of these, each once.
#[derive(Debug)]
pub(crate) struct StackTable {
    texts: IndexSet<Box<str>, Hasher>,
    text_bytes: usize,
    frames: IndexSet<FrameRecord, Hasher>,
    /// The frames of each, innermost first. The first two are [`StackNumber::NONE`] and [`StackNumber::OTHER`].
    stacks: IndexSet<Box<[u32]>, Hasher>,
    most_stacks: usize,
    left_out: u64,
    known: Known,
    /// The frames of the stack that is looked for.
    wanted: Vec<u32>,
}

/// What the generation under way calls by which number.
#[derive(Debug, Default)]
struct Known {
    /// Stacks by their ids, which the runtime counts up; 0 for those that are not known yet, else one more than the place.
    stacks: Vec<u32>,
    /// Those whose ids are too large for that.
    other_stacks: HashMap<u64, StackNumber, Hasher>,
    frames: HashMap<u64, u32, Hasher>,
}

/// Ids below this one are looked up in a row.
const MOST_IN_ROW: usize = 1 << 16;
/// How many frames there may be, whatever the number of stacks.
const MOST_FRAMES: usize = 1 << 19;
/// How many bytes the names of functions and files may have together.
const MOST_TEXT_BYTES: usize = 16 << 20;
/// What a text costs beside its bytes.
const PER_TEXT: usize = 64;

impl Known {
    fn clear(&mut self) {
        self.stacks.clear();
        forget(&mut self.other_stacks);
        forget(&mut self.frames);
    }

    #[inline]
    fn stack(&self, id: u64) -> Option<StackNumber> {
        match usize::try_from(id).ok().and_then(|index| self.stacks.get(index)) {
            Some(&place) => place.checked_sub(1).map(StackNumber),
            None => self.other_stacks.get(&id).copied(),
        }
    }

    fn remember(&mut self, id: u64, number: StackNumber) {
        let Some(index) = usize::try_from(id).ok().filter(|&index| index < MOST_IN_ROW) else {
            self.other_stacks.insert(id, number);
            return;
        };
        if index >= self.stacks.len() {
            self.stacks.resize(index + 1, 0);
        }
        self.stacks[index] = number.0 + 1;
    }
}

/// Clearing costs what there is room for: a map that was large is made anew.
fn forget<V>(map: &mut HashMap<u64, V, Hasher>) {
    if map.len() < map.capacity() / 8 {
        *map = HashMap::default();
    } else {
        map.clear();
    }
}

impl StackTable {
    pub(super) fn new(most_stacks: usize) -> Self {
        let mut table = Self {
            texts: IndexSet::default(),
            text_bytes: 0,
            frames: IndexSet::default(),
            stacks: IndexSet::default(),
            most_stacks,
            left_out: 0,
            known: Known::default(),
            wanted: Vec::new(),
        };
        table.stacks.insert(Box::default());
        // A frame that there cannot be keeps its place.
        table.stacks.insert(Box::new([u32::MAX]));
        table
    }

    /// Stacks of the next generation have ids of their own.
    pub(super) fn begin_generation(&mut self) {
        self.known.clear();
    }

    /// The number of a stack of the generation under way.
    #[inline]
    pub(super) fn number(&mut self, id: StackId, tables: &Tables<'_>) -> StackNumber {
        match self.known.stack(id.0) {
            _ if id.0 == 0 => StackNumber::NONE,
            Some(number) => number,
            None => self.find_out(id, tables),
        }
    }

    #[cold]
    #[inline(never)]
    fn find_out(&mut self, id: StackId, tables: &Tables<'_>) -> StackNumber {
        let number = self.intern(id, tables);
        self.known.remember(id.0, number);
        number
    }

    fn intern(&mut self, id: StackId, tables: &Tables<'_>) -> StackNumber {
        let Some(stack) = tables.stack(id) else { return StackNumber::NONE };
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        for frame in stack.frames() {
            match self.frame(&frame) {
                Some(frame) => wanted.push(frame),
                None => {
                    self.left_out += 1;
                    self.wanted = wanted;
                    return StackNumber::OTHER;
                }
            }
        }
        // Go takes a stack that ends with nothing for one without that: it compares the first 128 program counters, of which
        // those that are not there are 0. Go: `pcsForStack` in `cmd/trace/pprof.go`.
        while wanted.last().is_some_and(|&last| self.is_nothing(last)) {
            wanted.pop();
        }
        let place = match self.stacks.get_index_of(&wanted[..]) {
            Some(known) => known,
            // The two that are always there are none of them.
            None if self.stacks.len() - 2 < self.most_stacks => {
                self.stacks.insert_full(wanted.as_slice().into()).0
            }
            None => {
                self.left_out += 1;
                StackNumber::OTHER.0 as usize
            }
        };
        self.wanted = wanted;
        StackNumber(place as u32)
    }

    fn is_nothing(&self, frame: u32) -> bool {
        self.record(frame).is_some_and(|frame| frame.pc == 0 && self.text_of(frame.function).is_empty())
    }

    /// The place of a frame; none where there is no room for another one.
    fn frame(&mut self, frame: &Frame<'_>) -> Option<u32> {
        if let Some(&known) = self.known.frames.get(&frame.pc) {
            return Some(known);
        }
        if self.frames.len() >= MOST_FRAMES {
            return None;
        }
        let record = FrameRecord {
            pc: frame.pc,
            function: self.text(&frame.function.to_string_lossy())?,
            file: self.text(&frame.file.to_string_lossy())?,
            line: frame.line,
        };
        let place = self.frames.insert_full(record).0 as u32;
        self.known.frames.insert(frame.pc, place);
        Some(place)
    }

    fn text(&mut self, text: &str) -> Option<u32> {
        if let Some(known) = self.texts.get_index_of(text) {
            return Some(known as u32);
        }
        let bytes = self.text_bytes + text.len() + PER_TEXT;
        if bytes > MOST_TEXT_BYTES {
            return None;
        }
        self.text_bytes = bytes;
        Some(self.texts.insert_full(text.into()).0 as u32)
    }

    /// How often a stack of a generation was one too many.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The places of a stack's frames, innermost first.
    pub(super) fn frames_of(&self, number: StackNumber) -> &[u32] {
        match number {
            StackNumber::OTHER => &[],
            StackNumber(place) => self.stacks.get_index(place as usize).map_or(&[], |frames| frames),
        }
    }

    /// The place of the name of the function that is outermost in a stack: the one that its goroutine begins with, unless the
    /// stack is cut.
    #[cfg(feature = "analysis")]
    pub(crate) fn entry_function(&self, number: StackNumber) -> Option<u32> {
        let frames = self.frames_of(number);
        let outermost = frames.last().filter(|_| frames.len() < MAX_FRAMES_PER_STACK)?;
        self.record(*outermost).map(|frame| frame.function)
    }

    pub(super) fn record(&self, place: u32) -> Option<&FrameRecord> {
        self.frames.get_index(place as usize)
    }

    pub(crate) fn text_of(&self, place: u32) -> &str {
        self.texts.get_index(place as usize).map_or("", |text| text)
    }
}
