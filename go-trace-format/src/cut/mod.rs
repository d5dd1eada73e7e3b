//! Cutting the input into generations: `strict` as Go does it, `salvage` from damaged bytes.

mod dialect;
mod framing;
mod input;
mod salvage;
mod strict;

pub(crate) use input::Input;

use crate::{
    cut::{framing::Framing, salvage::Salvage, strict::Strict},
    error::Error,
    generation::Generation,
    header::HEADER_LENGTH,
    losses::{Loss, Losses},
    mode::Mode,
    spec::{Dialect, Version},
    tables::Clock,
};

/// Cuts the input into generations.
#[derive(Debug)]
pub(crate) struct Cutter<'a> {
    framing: Framing<'a>,
    rules: Rules,
    /// The clock of the last generation, for one that has lost its own.
    clock: Clock,
    /// Whether the source had nothing more for now while a generation was being gathered.
    partial: bool,
}

#[derive(Debug)]
enum Rules {
    Strict(Strict),
    Salvage(Box<Salvage>),
}

impl<'a> Cutter<'a> {
    /// Reads the header. `dialect` is told by the first batch where it is not given.
    pub(crate) fn new(mut input: Input<'a>, mode: Mode, dialect: Option<Dialect>) -> Result<Self, Error> {
        input.grow_to(HEADER_LENGTH)?;
        let version = Version::parse(input.window())?;
        input.set_position(HEADER_LENGTH);
        let dialect = match dialect {
            Some(dialect) => dialect,
            None => dialect::tell(version, mode, &mut input)?,
        };
        let rules = match mode {
            Mode::Strict => Rules::Strict(Strict::default()),
            Mode::Salvage => Rules::Salvage(Box::default()),
        };
        let framing = Framing { input, version, dialect };
        Ok(Self { framing, rules, clock: Clock::default(), partial: false })
    }

    pub(crate) fn version(&self) -> Version {
        self.framing.version
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.framing.dialect
    }

    /// How many bytes of the trace have been taken in.
    pub(crate) fn offset(&self) -> u64 {
        self.framing.input.offset()
    }

    /// Fills `generation` with the next one; `false` at the end of the trace.
    ///
    /// After [`Error::Io`] the generation is left as it is, and the next call goes on with it.
    pub(crate) fn next(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        if !self.partial {
            let buffer = generation.restart(self.framing.input.offset());
            self.framing.input.take_back(buffer);
            generation.set_dialect(self.framing.dialect);
        }
        let filled = match &mut self.rules {
            Rules::Strict(strict) => strict.next(&mut self.framing, generation),
            Rules::Salvage(salvage) => salvage.next(&mut self.framing, generation, losses, !self.partial),
        };
        // The source may have more later: then it goes on from here.
        self.partial = matches!(filled, Err(Error::Io { .. }));
        let filled = filled?;
        if filled {
            self.seal(generation, losses)?;
            self.clock = *generation.clock();
        }
        Ok(filled)
    }

    fn seal(&mut self, generation: &mut Generation<'a>, losses: &mut Losses) -> Result<(), Error> {
        let mut first = None;
        let number = generation.number();
        let (rules, base, clock) = (&self.rules, self.framing.input.base(), self.clock);
        generation.seal(self.framing.input.lend(), base, &clock, |error| match rules {
            Rules::Strict(_) => first = first.or(Some(error)),
            Rules::Salvage(_) => {
                losses.add(Loss { error, generation: Some(number), thread: None, bytes: 0 });
            }
        });
        first.map_or(Ok(()), Err)
    }
}
