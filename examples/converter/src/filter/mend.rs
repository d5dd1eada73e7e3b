//! Takes the damage out of a trace, so that its batches can be read one after the other.

use std::borrow::Cow;

use go_trace_format::{Dialect, EventType, HEADER_LENGTH, ReaderOptions, spec::MAX_BATCH_SIZE};

/// So many batches in a row are no accident.
const ENOUGH: usize = 3;

/// The trace, where it is damaged without what is no batch, and with the end of each batch where the next begins.
pub(super) fn mended(trace: &[u8], dialect: Dialect) -> anyhow::Result<Cow<'_, [u8]>> {
    let mut generations = ReaderOptions::new().dialect(dialect).generations(trace)?;
    generations.by_ref().try_for_each(|generation| generation.map(drop))?;
    let losses = generations.losses();
    if losses.is_empty() {
        return Ok(trace.into());
    }
    Ok(without_damage(trace, dialect).into())
}

fn without_damage(trace: &[u8], dialect: Dialect) -> Vec<u8> {
    let (mut mended, mut place) = (trace[..HEADER_LENGTH].to_vec(), HEADER_LENGTH);
    let mut generation = 0;
    while place < trace.len() {
        let rest = &trace[place..];
        let head = Head::of(rest, dialect);
        let whole = Items::new(rest, dialect).next().filter(|&length| begins(&rest[length..], dialect));
        let length = whole.unwrap_or_else(|| {
            let after = head.as_ref().map_or(1, |head| head.body);
            let goes_on = |&place: &usize| goes_on(&rest[place..], generation, dialect);
            (after..rest.len()).find(goes_on).unwrap_or(rest.len())
        });
        match &head {
            Some(head) if whole.is_none() => push_shortened(&mut mended, &rest[..length], head),
            _ if whole.is_some() => mended.extend_from_slice(&rest[..length]),
            _ => {}
        }
        generation = head.filter(|_| whole.is_some()).map_or(generation, |head| head.generation);
        place += length;
    }
    mended
}

/// Whether something begins here, or nothing is left.
fn begins(bytes: &[u8], dialect: Dialect) -> bool {
    use EventType as E;
    let begins = |event_type| matches!(event_type, E::EventBatch | E::ExperimentalBatch | E::EndOfGeneration);
    bytes.first().is_none_or(|&byte| dialect.event_type(byte).is_some_and(begins))
}

/// Whether batches of the generation, or of the next, follow on each other, or up to the end.
fn goes_on(bytes: &[u8], generation: u64, dialect: Dialect) -> bool {
    let is_near = |head: &Head| head.generation.wrapping_sub(generation) <= 1 || generation == 0;
    let opens = |head: &Head| bytes.get(head.body).is_some_and(|&byte| dialect.event_type(byte).is_some());
    if !Head::of(bytes, dialect).is_some_and(|head| is_near(&head) && opens(&head)) {
        return false;
    }
    let (mut count, mut length) = (0, 0);
    for item in Items::new(bytes, dialect).take(ENOUGH) {
        (count, length) = (count + 1, length + item);
    }
    count == ENOUGH || count > 0 && length == bytes.len()
}

/// Makes what there is of a batch one that ends there.
fn push_shortened(mended: &mut Vec<u8>, cut: &[u8], head: &Head) {
    let body = &cut[head.body..][..MAX_BATCH_SIZE.min(cut.len() - head.body)];
    mended.extend_from_slice(&cut[..head.size_at]);
    // A number of at most 21 bits, as a varint of three bytes.
    let size = body.len() as u32;
    mended.extend([size as u8 | 0x80, (size >> 7) as u8 | 0x80, (size >> 14) as u8 & 0x7f]);
    mended.extend_from_slice(body);
}

/// The lengths of the batches and ends of generations that bytes begin with.
struct Items<'t> {
    rest: &'t [u8],
    dialect: Dialect,
}

impl<'t> Items<'t> {
    fn new(rest: &'t [u8], dialect: Dialect) -> Self {
        Self { rest, dialect }
    }
}

impl Iterator for Items<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let length = match self.dialect.event_type(*self.rest.first()?)? {
            EventType::EndOfGeneration => 1,
            _ => {
                let head = Head::of(self.rest, self.dialect)?;
                usize::try_from(head.size).ok().filter(|&size| size <= MAX_BATCH_SIZE)? + head.body
            }
        };
        self.rest = self.rest.get(length..)?;
        Some(length)
    }
}

/// The head of a batch.
struct Head {
    generation: u64,
    /// Where its size stands, and what that is.
    size_at: usize,
    size: u64,
    /// Where its body begins.
    body: usize,
}

impl Head {
    fn of(bytes: &[u8], dialect: Dialect) -> Option<Self> {
        let generation_at = match dialect.event_type(*bytes.first()?)? {
            EventType::EventBatch => 1,
            // The experiment comes first.
            EventType::ExperimentalBatch => 2,
            _ => return None,
        };
        let (generation, thread_at) = varint(bytes, generation_at)?;
        let (_, time_at) = varint(bytes, thread_at)?;
        let (_, size_at) = varint(bytes, time_at)?;
        let (size, body) = varint(bytes, size_at)?;
        Some(Self { generation, size_at, size, body })
    }
}

/// The number at a place, and the place behind it.
fn varint(bytes: &[u8], place: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, &byte) in bytes.get(place..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, place + index + 1));
        }
    }
    None
}
