//! Takes the damage out of a trace, so that its batches can be read one after the other.

use std::borrow::Cow;

use anyhow::bail;
use go_trace_format::{Dialect, Error, EventType, HEADER_LENGTH, Loss, ReaderOptions, spec::MAX_BATCH_SIZE};

/// So many batches in a row are no accident.
const ENOUGH: usize = 16;

/// No head of a batch is longer: two bytes and four varints of ten.
const MAX_HEAD: usize = 42;

/// The trace without the bytes in which the reader found no batch, and with an end for each batch that it found cut.
/// Those are among the losses that it tells.
pub(super) fn mended(trace: &[u8], dialect: Dialect) -> anyhow::Result<Cow<'_, [u8]>> {
    let mut generations = ReaderOptions::new().dialect(dialect).generations(trace)?;
    generations.by_ref().try_for_each(|generation| generation.map(drop))?;
    let losses = generations.losses();
    if losses.is_empty() {
        return Ok(trace.into());
    }
    if losses.count() > losses.iter().count() as u64 {
        bail!("it is damaged in {} places: too many to be filtered", losses.count());
    }
    let is_damage = |loss: &&Loss| loss.bytes > 0 || matches!(loss.error, Error::TruncatedBatch { .. });
    let damage: Vec<_> = losses.iter().filter(is_damage).collect();
    Ok(without(trace, &damage, dialect).into())
}

fn without(trace: &[u8], damage: &[&Loss], dialect: Dialect) -> Vec<u8> {
    let offset = |loss: &Loss| loss.error.offset().map_or(trace.len(), |offset| offset as usize);
    let (mut mended, mut place) = (trace[..HEADER_LENGTH].to_vec(), HEADER_LENGTH);
    for (index, loss) in damage.iter().enumerate() {
        // The error may lie within the head of the batch that cannot be read.
        let found = offset(loss).clamp(place, trace.len());
        let start = place + Items::new(&trace[place..found], dialect).sum::<usize>();
        mended.extend_from_slice(&trace[place..start]);
        place = trace.len().min(start + loss.bytes as usize);
        if loss.bytes > 0 {
            continue;
        }
        let next = damage.get(index + 1).map(|next| offset(next));
        let cut = &trace[start..next.unwrap_or(trace.len()).clamp(start, trace.len())];
        let Some(head) = Head::of(cut, dialect) else { continue };
        // The error before the next damage may lie within the head of a batch, too.
        let slack = if next.is_some() { MAX_HEAD } else { 0 };
        let goes_on = |&place: &usize| goes_on(&cut[place..], &head, slack, dialect);
        let length = (head.body..cut.len()).find(goes_on).unwrap_or(cut.len());
        push_shortened(&mut mended, &cut[..length], &head);
        place = start + length;
    }
    mended.extend_from_slice(&trace[place..]);
    mended
}

/// Whether batches of the generation or the next follow on each other, for long or up to the end.
fn goes_on(bytes: &[u8], cut: &Head, slack: usize, dialect: Dialect) -> bool {
    let is_near = |head: &Head| head.generation.wrapping_sub(cut.generation) <= 1;
    let opens = |head: &Head| bytes.get(head.body).is_some_and(|&byte| dialect.event_type(byte).is_some());
    if !Head::of(bytes, dialect).is_some_and(|head| is_near(&head) && opens(&head)) {
        return false;
    }
    let (mut count, mut length) = (0, 0);
    for item in Items::new(bytes, dialect).take(ENOUGH) {
        (count, length) = (count + 1, length + item);
    }
    count == ENOUGH || count > 0 && length + slack >= bytes.len()
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
