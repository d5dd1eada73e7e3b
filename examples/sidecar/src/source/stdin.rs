//! Standard input: a trace, or a stream of them.

use std::{
    io::{self, Read},
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use go_trace_format::{Content, Decompressed, Error, TraceStream};

use super::spool_trace;
use crate::{spool::Spool, store::Origin};

/// Takes in what comes, to its end. A trace of a stream may have `most` bytes.
pub(crate) fn standard_input(spool: &Arc<Spool>, most: u64) {
    match take_in(spool, most) {
        Ok(count) => tracing::info!(traces = count, "standard input is taken in"),
        Err(error) => tracing::error!("standard input: {error:#}"),
    }
}

fn take_in(spool: &Arc<Spool>, most: u64) -> Result<u64> {
    let mut bytes = Decompressed::new(io::stdin())?;
    let origin = Origin::default();
    match bytes.content() {
        Content::Empty => Ok(0),
        Content::Stream => {
            let mut traces = TraceStream::new(bytes).limit(most);
            let mut count = 0;
            loop {
                match traces.next_trace() {
                    Ok(None) => return Ok(count),
                    Ok(Some(trace)) => spool_trace(spool, &origin, trace)?,
                    Err(Error::TruncatedTrace { .. }) => {
                        tracing::warn!("the stream breaks off within a trace: its beginning is taken");
                        let beginning = traces.truncated();
                        if !beginning.is_empty() {
                            spool_trace(spool, &origin, beginning)?;
                        }
                        return Ok(count);
                    }
                    Err(error) => return Err(error.into()),
                }
                count += 1;
            }
        }
        _ => one(spool, &origin, &mut bytes).map(|()| 1),
    }
}

fn one(spool: &Arc<Spool>, origin: &Origin, bytes: &mut Decompressed) -> Result<()> {
    const PIECE: usize = 256 << 10;
    let mut incoming = spool.patiently(|| spool.begin(origin.clone(), 0))?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = bytes.read(&mut piece).context("it cannot be read")?;
        if read == 0 {
            break;
        }
        spool.patiently(|| incoming.write(&piece[..read]))?;
    }
    ensure!(!incoming.is_empty(), "it is empty");
    Ok(spool.patiently(|| incoming.finish())?)
}
