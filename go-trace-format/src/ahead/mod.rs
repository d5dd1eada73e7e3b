//! Reading ahead: the generation behind the one that is being read is cut on a thread of its own.
//!
//! Getting the bytes of a generation is half of the work and more where they come from a file, and more still where they are
//! decompressed: that, finding the batches and reading the tables needs nothing of the generations before. To put its events in
//! order needs all that is known where the one before it ends, so that this stays with the reader.
//!
//! Parity holds by construction: the cutter is the same one, and whatever it says of a generation (that there is one, what was
//! lost, how it failed, where its source stands) waits until the reader has come as far. It is asked for one generation at a time:
//!
//! ```text
//! reader   ask ─► wait ─► ask ─► order events of 1 ─► wait ─► ask ─► order events of 2 …
//! thread      cut 1 ────┘    cut 2 ─────────────────┘     cut 3 …
//! ```
//!
//! So two generations are there at most, and what the cutter's input holds: it copies each out of it. Where its source fails it is
//! asked again only when the reader is.
//!
//! What was tried and is not here: to put the next generation in order meanwhile, by what its statuses say, and to hold that
//! against what is known when its turn has come. Its events have to wait until then, and a record is some 16 times as large as
//! the event is in the trace. Who reads several generations at once gives each a consumer of its own, as
//! [`ReaderOptions::for_each_generation`](crate::ReaderOptions::for_each_generation) does.

#[cfg(not(target_family = "wasm"))]
mod thread;

use std::io::Read;

use crate::{
    cut::Cutter,
    error::Error,
    generation::Generation,
    losses::Losses,
    spec::{Dialect, Version},
    stop::Stop,
};
#[cfg(not(target_family = "wasm"))]
use thread::Ahead;

/// Where a reader's generations come from.
#[derive(Debug)]
pub(crate) enum Feed<'a> {
    /// Each is cut when it is asked for.
    Here(Box<Cutter<'a>>),
    /// Each is cut while the one before it is read.
    #[cfg(not(target_family = "wasm"))]
    Ahead(Ahead),
}

impl Feed<'static> {
    /// Of a cutter whose source listens to `stop`; here where no thread can be had.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn ahead(cutter: Box<Cutter<'static>>, stop: Stop) -> Self {
        Ahead::start(cutter, stop).map_or_else(Self::Here, Self::Ahead)
    }

    /// WebAssembly has no threads, and programs of it nothing of what they would take.
    #[cfg(target_family = "wasm")]
    pub(crate) fn ahead(cutter: Box<Cutter<'static>>, _: Stop) -> Self {
        Self::Here(cutter)
    }
}

impl<'a> Feed<'a> {
    /// Fills `generation` with the next one; `false` at the end of the input. See [`Cutter::next`].
    pub(crate) fn next(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        match self {
            Self::Here(cutter) => cutter.next(generation, losses),
            #[cfg(not(target_family = "wasm"))]
            Self::Ahead(ahead) => ahead.next(generation, losses),
        }
    }

    pub(crate) fn version(&self) -> Version {
        match self {
            Self::Here(cutter) => cutter.version(),
            #[cfg(not(target_family = "wasm"))]
            Self::Ahead(ahead) => ahead.standing().version,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Here(cutter) => cutter.dialect(),
            #[cfg(not(target_family = "wasm"))]
            Self::Ahead(ahead) => ahead.standing().dialect,
        }
    }

    /// How many bytes of the input have been taken in, not counting those that were read ahead.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Here(cutter) => cutter.offset(),
            #[cfg(not(target_family = "wasm"))]
            Self::Ahead(ahead) => ahead.standing().offset,
        }
    }

    /// See [`Cutter::begins_trace`].
    pub(crate) fn begins_trace(&self) -> bool {
        match self {
            Self::Here(cutter) => cutter.begins_trace(),
            #[cfg(not(target_family = "wasm"))]
            Self::Ahead(ahead) => ahead.standing().begins_trace,
        }
    }

    /// What is behind the last generation.
    pub(crate) fn into_source(self, generation: Generation<'a>) -> Box<dyn Read + Send + 'a> {
        match self {
            Self::Here(mut cutter) => {
                cutter.take_back(generation);
                cutter.into_source()
            }
            #[cfg(not(target_family = "wasm"))]
            Self::Ahead(ahead) => ahead.into_source(),
        }
    }
}
