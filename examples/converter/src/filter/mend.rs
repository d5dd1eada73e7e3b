//! Takes the damage out of a trace, so that its batches can be read one after the other.

use std::borrow::Cow;

use anyhow::bail;
use go_trace_format::{Dialect, Error, EventType, HEADER_LENGTH, Losses, ReaderOptions, wire::Batches};

/// The trace without the bytes in which the reader found no batch. Those are among the losses that it tells.
pub(super) fn mended(trace: &[u8], dialect: Dialect) -> anyhow::Result<Cow<'_, [u8]>> {
    let mut generations = ReaderOptions::new().dialect(dialect).generations(trace)?;
    generations.by_ref().try_for_each(|generation| generation.map(drop))?;
    let losses = generations.losses();
    if losses.bytes() == 0 {
        return Ok(trace.into());
    }
    if losses.count() > losses.iter().count() as u64 {
        bail!("it is damaged in {} places: too many to be filtered", losses.count());
    }
    Ok(without_damage(trace, dialect, losses)?.into())
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

/// How many bytes the batches and ends of generations take that `bytes` begin with.
fn whole_batches(header: &[u8], bytes: &[u8], dialect: Dialect) -> Result<usize, Error> {
    let piece = [header, bytes].concat();
    let last = Batches::new(&piece)?.with_dialect(dialect).map_while(Result::ok).last();
    let end = last.map_or(HEADER_LENGTH, |batch| batch.data_offset as usize + batch.data.len());
    let is_end = |&byte: &u8| dialect.event_type(byte) == Some(EventType::EndOfGeneration);
    let ends = piece[end..].iter().copied().take_while(is_end).count();
    Ok(end + ends - HEADER_LENGTH)
}
