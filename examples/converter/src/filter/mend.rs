//! Takes the damage out of a trace, so that its batches can be read one after the other.

use std::borrow::Cow;

use anyhow::bail;
use go_trace_format::{Dialect, Error, EventType, HEADER_LENGTH, Losses, ReaderOptions, wire::Batches};

/// The trace without the bytes in which the reader found no batch. Those are among the losses that it tells.
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
    let whole = without_damage(trace, dialect, losses)?;
    Ok(with_short_end(whole, dialect)?.into())
}

fn without_damage(trace: &[u8], dialect: Dialect, losses: &Losses) -> Result<Vec<u8>, Error> {
    let (header, mut place) = (&trace[..HEADER_LENGTH], HEADER_LENGTH);
    let mut mended = header.to_vec();
    for loss in losses.iter().filter(|loss| loss.bytes > 0) {
        let found = loss.error.offset().map_or(place, |offset| offset as usize).clamp(place, trace.len());
        // The error may lie within the head of the batch that cannot be read.
        let damage = place + whole_batches(header, &trace[place..found], dialect)?;
        mended.extend_from_slice(&trace[place..damage]);
        place = trace.len().min(damage + loss.bytes as usize);
    }
    mended.extend_from_slice(&trace[place..]);
    Ok(mended)
}

/// Where the trace is cut inside a batch, makes what there is of it a batch that ends there.
fn with_short_end(mut trace: Vec<u8>, dialect: Dialect) -> Result<Vec<u8>, Error> {
    let (header, rest) = trace.split_at(HEADER_LENGTH);
    let end = HEADER_LENGTH + whole_batches(header, rest, dialect)?;
    let cut = trace.split_off(end);
    let is_experimental = |&byte: &u8| dialect.event_type(byte) == Some(EventType::ExperimentalBatch);
    // The event's byte, the experiment's, generation, thread and time.
    let before = 1 + usize::from(cut.first().is_some_and(is_experimental));
    let size = (0..3).try_fold(before, |place, _| behind_varint(&cut, place));
    let Some((size, body)) = size.and_then(|size| Some((size, behind_varint(&cut, size)?))) else {
        return Ok(trace);
    };
    let body = &cut[body..];
    trace.extend_from_slice(&cut[..size]);
    // A number of at most 21 bits, as a varint of three bytes.
    let size = body.len() as u32;
    trace.extend([size as u8 | 0x80, (size >> 7) as u8 | 0x80, (size >> 14) as u8 & 0x7f]);
    trace.extend_from_slice(body);
    Ok(trace)
}

fn behind_varint(bytes: &[u8], place: usize) -> Option<usize> {
    let length = bytes.get(place..)?.iter().position(|&byte| byte < 0x80)?;
    Some(place + length + 1)
}

/// How many bytes the batches and ends of generations take that `bytes` begin with.
fn whole_batches(header: &[u8], bytes: &[u8], dialect: Dialect) -> Result<usize, Error> {
    let piece = [header, bytes].concat();
    let last = Batches::new(&piece)?.with_dialect(dialect).map_while(Result::ok).last();
    let end = last.map_or(HEADER_LENGTH, |batch| batch.data_offset as usize + batch.data.len());
    let is_end = |&byte: &u8| dialect.event_type(byte) == Some(EventType::EndOfGeneration);
    let ends = piece[end..].iter().copied().take_while(is_end).count();
    Ok(end + ends - HEADER_LENGTH)
}
