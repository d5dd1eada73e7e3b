//! Generations of a trace that is in memory, and the events of one on its own.

use crate::{
    cut::Cutter,
    error::Error,
    event::{Event, ReadyEvents},
    generation::Generation,
    losses::Losses,
    mode::Mode,
    sequence::Sequencer,
    spec::{Dialect, Version},
};

/// The generations of a trace that is in memory, in the order of the file. After an error it ends.
///
/// Made by [`ReaderOptions::generations`](crate::ReaderOptions::generations). Each can be kept, and read on
/// another thread:
///
/// ```
/// use go_trace_format::{Mode, ReaderOptions};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let trace: &[u8] = b"go 1.26 trace\0\0\0";
/// for generation in ReaderOptions::new().generations(trace)? {
///     let generation = generation?;
///     let mut events = generation.events(Mode::Salvage);
///     while let Some(event) = events.next_event()? {
///         println!("{} {event:?}", generation.number());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Generations<'a> {
    cutter: Cutter<'a>,
    losses: Losses,
    done: bool,
}

impl<'a> Generations<'a> {
    pub(crate) fn new(cutter: Cutter<'a>) -> Self {
        Self { cutter, losses: Losses::default(), done: false }
    }

    /// The version in the header.
    #[must_use]
    pub fn version(&self) -> Version {
        self.cutter.version()
    }

    /// The dialect that the trace is read in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.cutter.dialect()
    }

    /// What was lost so far, events not counted: those have [an account of their own](Events::losses).
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }
}

impl<'a> Iterator for Generations<'a> {
    type Item = Result<Generation<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let mut generation = Generation::new(self.cutter.version(), self.cutter.dialect());
        let next = match self.cutter.next(&mut generation, &mut self.losses) {
            Ok(true) => Some(Ok(generation)),
            Ok(false) => None,
            Err(error) => Some(Err(error)),
        };
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Generation<'_> {
    /// Its events in causal order, as if the trace began with it.
    ///
    /// No sync event is among them. In [`Mode::Strict`] the first event that the rules reject ends them with
    /// an error; in [`Mode::Salvage`] there is none, and what is lost is left out.
    #[must_use]
    pub fn events(&self, mode: Mode) -> Events<'_> {
        let mut sequencer = Sequencer::new(mode);
        let mut losses = Losses::default();
        let failed = sequencer.open(self, &mut losses).err();
        Events { generation: self, sequencer, losses, failed }
    }
}

/// The events of one generation in causal order. See [`Generation::events`].
#[derive(Debug)]
pub struct Events<'g> {
    generation: &'g Generation<'g>,
    sequencer: Sequencer,
    losses: Losses,
    failed: Option<Error>,
}

impl Events<'_> {
    /// What was lost so far.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// The next event, or `None` at the end of the generation.
    ///
    /// # Errors
    ///
    /// As [`Reader::next_event`](crate::Reader::next_event).
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, Error> {
        Ok(self.make_ready()?.then(|| self.sequencer.take(self.generation)))
    }

    /// The next events, one at least, or `None` at the end of the generation: what [`next_event`](Self::next_event) would
    /// give one by one, faster.
    ///
    /// # Errors
    ///
    /// As [`Reader::next_events`](crate::Reader::next_events).
    #[inline]
    pub fn next_events(&mut self) -> Result<Option<ReadyEvents<'_>>, Error> {
        Ok(self.make_ready()?.then(|| self.sequencer.take_all(self.generation)))
    }

    #[inline]
    fn make_ready(&mut self) -> Result<bool, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.sequencer.is_ready() {
            return Ok(true);
        }
        let refilled = self.sequencer.refill(self.generation, &mut self.losses);
        self.failed = refilled.as_ref().err().cloned();
        refilled
    }
}
