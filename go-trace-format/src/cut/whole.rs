//! Gathering a trace of format v1, which is one generation.

use crate::{
    cut::{framing::Framing, salvage::Found},
    error::Error,
    generation::Generation,
    losses::{Loss, Losses},
    mode::Mode,
    spec::Version,
    v1::{GENERATION, Progress, Scan, TraceV1},
};

/// A trace that is read for the first time.
#[derive(Debug)]
pub(super) struct Whole {
    version: Version,
    pub(super) mode: Mode,
    scan: Option<Scan>,
    is_done: bool,
}

impl Whole {
    pub(super) fn new(version: Version, mode: Mode) -> Self {
        Self { version, mode, scan: None, is_done: false }
    }

    /// The trace as one generation. It may be called again where the source fails.
    pub(super) fn next<'a>(
        &mut self,
        framing: &mut Framing<'a>,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<Found, Error> {
        let found = |is_header| if is_header { Found::Header } else { Found::End };
        if self.is_done {
            return Ok(found(self.mode == Mode::Salvage && framing.is_before_header()));
        }
        let position = framing.input.position();
        let scan = self.scan.get_or_insert_with(|| Scan::new(self.version, self.mode, position));
        generation.set_number(GENERATION);
        let (mut is_all, base) = (false, framing.input.base());
        let is_header = loop {
            let bytes = framing.input.bytes_from(0);
            let progress = scan.go_on(bytes, base, is_all, &mut generation.tables, losses)?;
            framing.input.set_position(scan.position());
            framing.check_size(generation)?;
            match progress {
                Progress::Short => is_all = !framing.input.grow()?,
                Progress::End => break false,
                Progress::Header => break true,
            }
        };
        self.is_done = true;
        if scan.has_events() {
            return Ok(Found::Generation);
        }
        if scan.is_without_frequency() {
            let error = Error::MissingFrequency { offset: generation.start(), generation: GENERATION };
            if self.mode == Mode::Strict {
                return Err(error);
            }
            losses.add(Loss { error, generation: Some(GENERATION), thread: None, bytes: 0 });
        }
        Ok(found(is_header))
    }

    /// What the generation holds.
    pub(super) fn take(&mut self) -> Option<TraceV1> {
        self.scan.take().map(Scan::into_trace)
    }
}
