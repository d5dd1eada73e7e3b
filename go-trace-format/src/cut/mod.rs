//! Cutting the input into generations: `strict` as Go does it, `salvage` from damaged bytes, and `whole` where all of a trace is one.

mod dialect;
mod framing;
mod input;
mod salvage;
mod skip;
mod strict;
mod whole;

pub(crate) use framing::is_header;
pub(crate) use input::Input;

use std::io::Read;

use crate::{
    cut::{
        framing::Framing,
        salvage::{Found, Salvage},
        skip::Skip,
        strict::Strict,
        whole::Whole,
    },
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
    /// The dialect that was asked for.
    wanted: Option<Dialect>,
    /// The clock of the last generation that said its frequency believably, for one that does not.
    clock: Option<Clock>,
    /// Whether the source had nothing more for now while a generation was being gathered.
    partial: bool,
    /// Whether the last generation is the first one behind another header within the input.
    begins_trace: bool,
    /// The trace that is being passed over because its version is none that can be read.
    skip: Option<Skip>,
}

#[derive(Debug)]
enum Rules {
    Strict(Strict),
    Salvage(Box<Salvage>),
    Whole(Box<Whole>),
}

impl Rules {
    fn new(version: Version, mode: Mode) -> Self {
        match mode {
            _ if version.is_v1() => Self::Whole(Box::new(Whole::new(version, mode))),
            Mode::Strict => Self::Strict(Strict::default()),
            Mode::Salvage => Self::Salvage(Box::default()),
        }
    }

    fn mode(&self) -> Mode {
        match self {
            Self::Strict(_) => Mode::Strict,
            Self::Salvage(_) => Mode::Salvage,
            Self::Whole(whole) => whole.mode,
        }
    }
}

impl<'a> Cutter<'a> {
    /// Reads the header. `dialect` is told by the first batch where it is not given. A generation may have at most
    /// `limit` bytes.
    pub(crate) fn new(
        mut input: Input<'a>,
        mode: Mode,
        wanted: Option<Dialect>,
        limit: u64,
    ) -> Result<Self, Error> {
        let (version, dialect) = open(&mut input, mode, wanted)?;
        let framing = Framing { input, version, dialect, limit };
        Ok(Self {
            framing,
            rules: Rules::new(version, mode),
            wanted,
            clock: None,
            partial: false,
            begins_trace: false,
            skip: None,
        })
    }

    /// Goes back to an offset behind the last generation but one, as far as the bytes from there on are still there.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn rewind(&mut self, offset: u64) {
        self.framing.input.rewind(offset);
    }

    /// Lends a buffer for a copy of the next generation, so that more can be cut while that is read. From then on each gets one.
    pub(crate) fn lend_buffer(&mut self, buffer: Vec<u8>) {
        self.framing.input.lend_buffer(buffer);
    }

    /// Takes back what the last generation was lent.
    pub(crate) fn take_back(&mut self, generation: Generation<'a>) {
        self.framing.input.take_back(generation.into_buffer());
    }

    /// What is behind the last generation, which must have been given back where it has no copy.
    pub(crate) fn into_source(self) -> Box<dyn Read + Send + 'a> {
        self.framing.input.into_source()
    }

    /// The version of the trace that the last generation is of.
    pub(crate) fn version(&self) -> Version {
        self.framing.version
    }

    /// The dialect of the trace that the last generation is of.
    pub(crate) fn dialect(&self) -> Dialect {
        self.framing.dialect
    }

    /// How many bytes of the input have been taken in.
    pub(crate) fn offset(&self) -> u64 {
        self.framing.input.offset()
    }

    /// Whether the last generation is the first one of another trace than the one before it: of one that follows in the
    /// same input. The reference knows of none.
    pub(crate) fn begins_trace(&self) -> bool {
        self.begins_trace
    }

    /// Fills `generation` with the next one; `false` at the end of the input.
    ///
    /// After [`Error::Io`] the generation is left as it is, and the next call goes on with it.
    pub(crate) fn next(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
    ) -> Result<bool, Error> {
        let is_new = !self.partial;
        if is_new {
            self.begins_trace = false;
            self.restart(generation);
        }
        let filled = self.fill(generation, losses, is_new);
        // The source may have more later: then it goes on from here.
        self.partial = matches!(filled, Err(Error::Io { .. }));
        let filled = filled?;
        if filled {
            self.seal(generation, losses)?;
            if generation.says_its_frequency() {
                self.clock = Some(*generation.clock());
            }
        }
        Ok(filled)
    }

    /// Empties the generation for one that begins at the place.
    fn restart(&mut self, generation: &mut Generation<'a>) {
        let buffer = generation.restart(self.framing.input.offset());
        self.framing.input.take_back(buffer);
        generation.set_format(self.framing.version, self.framing.dialect);
    }

    fn fill(
        &mut self,
        generation: &mut Generation<'a>,
        losses: &mut Losses,
        mut is_new: bool,
    ) -> Result<bool, Error> {
        loop {
            if let Some(skip) = &mut self.skip {
                skip.go_on(&mut self.framing.input, losses)?;
                self.skip = None;
                self.restart(generation);
            }
            let found = match &mut self.rules {
                Rules::Strict(strict) => return strict.next(&mut self.framing, generation),
                Rules::Salvage(salvage) => salvage.next(&mut self.framing, generation, losses, is_new)?,
                Rules::Whole(whole) => whole.next(&mut self.framing, generation, losses)?,
            };
            match found {
                Found::Generation => return Ok(true),
                Found::End => return Ok(false),
                Found::Header => self.enter(generation)?,
            }
            is_new = true;
        }
    }

    /// Goes on to the trace whose header is at the place. Nothing of the one before it matters any more.
    fn enter(&mut self, generation: &mut Generation<'a>) -> Result<(), Error> {
        let input = &mut self.framing.input;
        let start = input.position();
        match open(input, Mode::Salvage, self.wanted) {
            Ok((version, dialect)) => (self.framing.version, self.framing.dialect) = (version, dialect),
            Err(error @ Error::Io { .. }) => {
                input.set_position(start);
                return Err(error);
            }
            Err(error) => self.skip = Some(Skip::new(error, input)),
        }
        self.rules = Rules::new(self.framing.version, Mode::Salvage);
        self.clock = None;
        self.begins_trace = true;
        self.restart(generation);
        Ok(())
    }

    fn seal(&mut self, generation: &mut Generation<'a>, losses: &mut Losses) -> Result<(), Error> {
        let mut first = None;
        let number = generation.number();
        let (mode, base, clock) = (self.rules.mode(), self.framing.input.base(), self.clock);
        let fault = |error| match mode {
            Mode::Strict => {
                first.get_or_insert(error);
            }
            Mode::Salvage => {
                losses.add(Loss { error, generation: Some(number), thread: None, bytes: 0 });
            }
        };
        let bytes = self.framing.input.lend(generation.end());
        let whole = match &mut self.rules {
            Rules::Whole(whole) => whole.take(),
            _ => None,
        };
        match whole {
            Some(trace) => generation.seal_v1(trace, bytes, base, mode, fault),
            None => generation.seal(bytes, base, clock.as_ref(), mode, fault),
        }
        first.map_or(Ok(()), Err)
    }
}

/// Reads the header at the place, and tells the dialect. Of one that cannot be read the place is left where it is.
fn open(input: &mut Input<'_>, mode: Mode, wanted: Option<Dialect>) -> Result<(Version, Dialect), Error> {
    input.grow_to(HEADER_LENGTH)?;
    let version = Version::parse(input.window())?;
    input.set_position(input.position() + HEADER_LENGTH);
    let dialect = match wanted {
        _ if version.is_v1() => Dialect::Stock,
        Some(dialect) => dialect,
        None => dialect::tell(version, mode, input)?,
    };
    Ok((version, dialect))
}
