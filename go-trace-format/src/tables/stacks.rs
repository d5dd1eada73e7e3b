//! The stack table. Go: `internal/trace.addStacks` and `validateStackStrings`.

use core::{
    fmt,
    hash::{Hash, Hasher},
};
use std::collections::{HashMap, hash_map::Entry};

use nom::{IResult, Parser, sequence::preceded};

use crate::{
    cursor::Cursor,
    error::{Parse, Problem, Unread},
    id::{StackId, StringId},
    spec::{EventType, MAX_FRAMES_PER_STACK},
    tables::{Place, Strings, Tables, Text, for_each_record, id_table::IdTable, opens},
    wire::varint,
};

/// A call stack, innermost frame first.
#[derive(Clone, Copy)]
pub struct Stack<'t> {
    tables: &'t Tables<'t>,
    id: StackId,
    place: Place,
}

impl<'t> Stack<'t> {
    pub(crate) fn new(tables: &'t Tables<'t>, id: StackId, place: Place) -> Self {
        Self { tables, id, place }
    }

    /// The stack's id, unique within its generation.
    #[must_use]
    pub fn id(&self) -> StackId {
        self.id
    }

    /// The frames, innermost first.
    #[must_use]
    pub fn frames(&self) -> Frames<'t> {
        let cursor = Cursor::new(&self.tables.bytes, self.place.start());
        Frames { tables: self.tables, cursor, left: self.place.length() }
    }
}

impl fmt::Debug for Stack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.frames()).finish()
    }
}

/// By frames, so that stacks of different generations can be compared.
impl PartialEq for Stack<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.frames().eq(other.frames())
    }
}

impl Eq for Stack<'_> {}

impl Hash for Stack<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.place.length());
        self.frames().for_each(|frame| frame.hash(state));
    }
}

impl fmt::Display for Stack<'_> {
    /// As Go prints it: two lines a frame, innermost first. Go: `trace.Stack.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frames().try_for_each(|frame| writeln!(f, "{frame}"))
    }
}

impl<'t> IntoIterator for Stack<'t> {
    type Item = Frame<'t>;
    type IntoIter = Frames<'t>;

    fn into_iter(self) -> Frames<'t> {
        self.frames()
    }
}

/// One frame of a stack. Go: `trace.StackFrame`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Frame<'t> {
    /// The program counter. It tells functions of one process apart, across its generations.
    pub pc: u64,
    /// The function with its package path.
    pub function: Text<'t>,
    /// The source file.
    pub file: Text<'t>,
    /// The line in the file, from 1; 0 where it is not known.
    pub line: u64,
}

impl fmt::Display for Frame<'_> {
    /// As Go prints it, on two lines, the second of which has no end. Go: `trace.Stack.String`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} @ {:#x}\n\t{}:{}", self.function, self.pc, self.file, self.line)
    }
}

/// The frames of a stack.
#[derive(Clone, Debug)]
pub struct Frames<'t> {
    tables: &'t Tables<'t>,
    cursor: Cursor<'t>,
    left: usize,
}

impl<'t> Iterator for Frames<'t> {
    type Item = Frame<'t>;

    fn next(&mut self) -> Option<Frame<'t>> {
        self.left = self.left.checked_sub(1)?;
        let pc = self.cursor.varint()?;
        if !self.tables.version.has_symbols() {
            return Some(Frame { pc, function: Text::new(None), file: Text::new(None), line: 0 });
        }
        for _ in 0..3 {
            self.cursor.varint()?;
        }
        // Go looks frames up by their program counter, and the first one to be defined wins.
        let frame = self.tables.stacks.frames.get(&pc)?;
        Some(Frame {
            pc,
            function: self.tables.string(StringId(frame.function)),
            file: self.tables.string(StringId(frame.file)),
            line: frame.line,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Frames<'_> {}

/// The stacks of a generation, as places in its bytes, and its frames by program counter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stacks {
    stacks: IdTable,
    frames: HashMap<u64, FrameRecord, foldhash::fast::RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct FrameRecord {
    function: u64,
    file: u64,
    line: u64,
}

/// The head of a stacks batch's record: id and number of frames.
fn head(input: &[u8]) -> IResult<&[u8], (u64, usize), Parse> {
    preceded(opens(EventType::Stack), (varint, frame_count)).parse(input)
}

fn frame_count(input: &[u8]) -> IResult<&[u8], usize, Parse> {
    let (rest, count) = varint(input)?;
    match usize::try_from(count) {
        Ok(few) if few <= MAX_FRAMES_PER_STACK => Ok((rest, few)),
        _ => Err(nom::Err::Error(Parse::new(input, Problem::Length(count)))),
    }
}

fn frame(input: &[u8]) -> IResult<&[u8], (u64, FrameRecord), Parse> {
    match (varint, varint, varint, varint).parse(input) {
        Ok((rest, (pc, function, file, line))) => Ok((rest, (pc, FrameRecord { function, file, line }))),
        // Within frames the reference notices an end.
        Err(nom::Err::Error(parse)) if parse.problem == Problem::End => {
            Err(nom::Err::Error(Parse { problem: Problem::Short, ..parse }))
        }
        Err(error) => Err(error),
    }
}

impl Stacks {
    /// Takes in the stacks of a batch, whose body stands at `start` in the generation's bytes.
    pub(crate) fn add(&mut self, data: &[u8], start: usize) -> Result<(), Unread> {
        let Self { stacks, frames } = self;
        for_each_record(
            data,
            |input| {
                let (mut rest, (id, count)) = head(input)?;
                let place = Place::new(start + data.len() - rest.len(), count);
                for _ in 0..count {
                    let (after, (pc, record)) = frame(rest)?;
                    if let Entry::Vacant(vacant) = frames.entry(pc) {
                        vacant.insert(record);
                    }
                    rest = after;
                }
                Ok((rest, (id, place)))
            },
            |_, (id, place)| {
                stacks.insert(id, place);
            },
        )
    }

    /// Takes in a stack of format v1, whose frames stand at a place in `bytes`. No id and no frames are no stack.
    pub(crate) fn insert(&mut self, id: u64, place: Place, bytes: &[u8], has_symbols: bool) {
        if id == 0 || place.length() == 0 {
            return;
        }
        self.stacks.insert(id, place);
        let mut cursor = Cursor::new(bytes, place.start());
        let mut number = || cursor.varint().unwrap_or_default();
        for _ in 0..if has_symbols { place.length() } else { 0 } {
            let (pc, record) = (number(), FrameRecord { function: number(), file: number(), line: number() });
            self.frames.entry(pc).or_insert(record);
        }
    }

    /// As [`seal`](Self::seal), but of an id that is taken twice the last stays, as in format v1.
    pub(crate) fn seal_last(&mut self) {
        self.stacks.reverse();
        self.stacks.seal(|_, _| {});
    }

    pub(crate) fn seal(&mut self, mut duplicate: impl FnMut(u64, usize)) {
        self.stacks.seal(|id, place| duplicate(id, place.start()));
    }

    /// A frame whose function or file the generation does not hold: its program counter and the string's id.
    pub(crate) fn frame_without_string(&self, strings: &Strings) -> Option<(u64, u64)> {
        self.frames
            .iter()
            .flat_map(|(&pc, frame)| [(pc, frame.function), (pc, frame.file)])
            .filter(|&(_, id)| strings.get(StringId(id)).is_none())
            .min()
    }

    /// Every id up to here is in the table.
    #[inline]
    pub(crate) fn complete(&self) -> u64 {
        self.stacks.complete()
    }

    #[inline]
    pub(crate) fn get(&self, id: StackId) -> Option<Place> {
        if id.0 == 0 { Some(Place::new(0, 0)) } else { self.stacks.get(id.0) }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (StackId, Place)> {
        self.stacks.iter().map(|(id, place)| (StackId(id), place))
    }

    pub(crate) fn clear(&mut self) {
        self.stacks.clear();
        // Emptying a map costs what it could hold: one that has outgrown its use is dropped.
        if self.frames.len() < self.frames.capacity() / 8 {
            self.frames = HashMap::default();
        } else {
            self.frames.clear();
        }
    }
}
