//! Level 1: one record after the other. Go: `tracev1.parser.readRawEvent`.

use crate::{
    cursor::{Cursor, MAX_VARINT},
    tables::Place,
    v1::{
        fault::FaultV1,
        spec::{Kind, Layout, MOST_ARGUMENTS},
    },
};

/// In the two high bits of the first byte: the arguments have a length in bytes before them.
const HAS_LENGTH: u8 = 3;

/// The longest arguments of an event, in bytes, and the longest string. Go: `readRawEvent`.
const MOST_BYTES: u64 = 2048;
pub(crate) const LONGEST_STRING: u64 = 1_000_000;

/// The deepest stack, in frames. Go: `parseEvent`.
const DEEPEST_STACK: u64 = 1000;

/// A record as it is on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRecord {
    pub(crate) kind: Kind,
    /// Up to Go 1.6 its place among all events since the one before it comes first; then the time since that one.
    pub(crate) arguments: [u64; MOST_ARGUMENTS],
    /// The bytes of a string or a log's message, or the frames of a stack.
    pub(crate) place: Place,
    /// Where the next record begins.
    pub(crate) end: usize,
}

/// Reads the record at a position.
#[inline(always)]
pub(crate) fn read(bytes: &[u8], position: usize, layout: &Layout) -> Result<RawRecord, FaultV1> {
    let mut cursor = Cursor::new(bytes, position);
    let head = cursor.byte().ok_or(FaultV1::Cut)?;
    let kind = layout.kind(head).ok_or(FaultV1::UnknownEvent { byte: head })?;
    let form = head >> 6;
    if form == HAS_LENGTH || matches!(kind, Kind::String | Kind::Stack) {
        return read_long(bytes, cursor, kind, form, layout);
    }
    let count = usize::from(form) + layout.leading;
    if count != layout.arguments(kind) || kind == Kind::UserLog {
        return Err(FaultV1::WrongArguments { event: kind.name() });
    }
    let mut arguments = [0; MOST_ARGUMENTS];
    for argument in &mut arguments[..count] {
        *argument = varint(bytes, &mut cursor)?;
    }
    Ok(RawRecord { kind, arguments, place: Place::NONE, end: cursor.position() })
}

#[inline(always)]
fn varint(bytes: &[u8], cursor: &mut Cursor<'_>) -> Result<u64, FaultV1> {
    let start = cursor.position();
    cursor.varint().ok_or_else(|| varint_fault(bytes, start))
}

/// Why there is no number: it is cut off by the end, or it has too many bits.
#[cold]
fn varint_fault(bytes: &[u8], start: usize) -> FaultV1 {
    let rest = bytes.get(start..).unwrap_or_default();
    if rest.len() < MAX_VARINT && rest.iter().all(|byte| *byte >= 0x80) {
        FaultV1::Cut
    } else {
        FaultV1::Overlong
    }
}

/// A record that is a string or a stack, or says how long it is.
#[inline(never)]
fn read_long(
    bytes: &[u8],
    mut cursor: Cursor<'_>,
    kind: Kind,
    form: u8,
    layout: &Layout,
) -> Result<RawRecord, FaultV1> {
    let mut arguments = [0; MOST_ARGUMENTS];
    if kind == Kind::String {
        arguments[0] = varint(bytes, &mut cursor)?;
        let place = text(bytes, &mut cursor)?;
        return Ok(RawRecord { kind, arguments, place, end: place.start() + place.length() });
    }
    let wrong = FaultV1::WrongArguments { event: kind.name() };
    // Its length is no part of a batch's head, whatever the two bits say.
    if kind == Kind::Batch {
        return Err(wrong);
    }
    let (expected, end) = match form {
        HAS_LENGTH => {
            let length = varint(bytes, &mut cursor)?;
            if length > MOST_BYTES {
                return Err(FaultV1::TooLong { length });
            }
            let end = cursor.position() + length as usize;
            (None, Some(end).filter(|end| *end <= bytes.len()).ok_or(FaultV1::Cut)?)
        }
        _ => (Some(usize::from(form) + layout.leading), bytes.len()),
    };
    if kind == Kind::Stack {
        return read_stack(&bytes[..end], cursor, expected, layout);
    }
    // What its length leaves room for: a number that goes beyond it is wrong however much there is behind.
    let own = &bytes[..end];
    let mut cursor = Cursor::new(own, cursor.position());
    for argument in &mut arguments[..layout.arguments(kind)] {
        *argument = cursor.varint().ok_or(wrong)?;
    }
    if cursor.position() != end {
        return Err(wrong);
    }
    if kind != Kind::UserLog {
        return Ok(RawRecord { kind, arguments, place: Place::NONE, end });
    }
    let mut cursor = Cursor::new(bytes, end);
    let place = text(bytes, &mut cursor)?;
    Ok(RawRecord { kind, arguments, place, end: place.start() + place.length() })
}

/// A length, and so many bytes.
fn text(bytes: &[u8], cursor: &mut Cursor<'_>) -> Result<Place, FaultV1> {
    let length = varint(bytes, cursor)?;
    if length > LONGEST_STRING {
        return Err(FaultV1::TooLong { length });
    }
    let (start, length) = (cursor.position(), length as usize);
    if bytes.len() - start < length { Err(FaultV1::Cut) } else { Ok(Place::new(start, length)) }
}

/// Id, number of frames, and frames. `own` ends where they do, unless it is known how many numbers there are.
fn read_stack(
    own: &[u8],
    cursor: Cursor<'_>,
    count: Option<usize>,
    layout: &Layout,
) -> Result<RawRecord, FaultV1> {
    let kind = Kind::Stack;
    let wrong = FaultV1::WrongArguments { event: kind.name() };
    let mut cursor = Cursor::new(own, cursor.position());
    let mut number = || match count {
        // Numbers that have no length before them are cut off by the end of the input only.
        Some(_) => varint(own, &mut cursor).map(|value| (value, cursor.position())),
        None => cursor.varint().map(|value| (value, cursor.position())).ok_or(wrong),
    };
    let (id, _) = number()?;
    let (frames, start) = number()?;
    if frames > DEEPEST_STACK {
        return Err(FaultV1::TooLong { length: frames });
    }
    let numbers = frames as usize * layout.numbers_per_frame();
    if count.is_some_and(|count| count != 2 + numbers) {
        return Err(wrong);
    }
    let mut end = start;
    for _ in 0..numbers {
        (_, end) = number()?;
    }
    if count.is_none() && end != own.len() {
        return Err(wrong);
    }
    let place = Place::new(start, frames as usize);
    Ok(RawRecord { kind, arguments: [id, frames, 0, 0, 0], place, end })
}
