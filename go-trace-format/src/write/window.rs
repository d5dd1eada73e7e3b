//! Which events of each generation a window of time holds.
//!
//! Threads disagree a little on the time, and what follows from what is not told by it. So a window is a stretch of the order in
//! which a reader gives the events: nothing in it follows from anything behind it.

use std::ops::Range;

use crate::{
    error::Error,
    event::Record,
    generation::Generation,
    mode::Mode,
    sequence::Sequencer,
    spec::EventType,
    tables::Time,
    write::{Slice, WriteError, walk::Walk},
};

/// A window of time, to be cut out of a trace generation by generation.
///
/// What is written of it is a trace that Go's tools open, and whose generations keep their numbers and clocks, so that what begins
/// in the window is known by the same facts as in the whole: its own times, goroutine and numbers, not what it belonged to before
/// the window. Where the window begins inside of a generation, statuses say first who ran where then; goroutines that the
/// generation first mentions behind the window are not in it.
///
/// Where a clock unit is no whole number of nanoseconds, as on Windows, readers round the time between each two events of a batch.
/// A copy has other batches, and its times differ from the whole's by up to a nanosecond per event of a batch.
///
/// All generations have to be of one process.
///
/// ```
/// use std::time::Duration;
///
/// use go_trace_format::{
///     ReaderOptions, Time,
///     write::{Copier, Window, Writer},
/// };
///
/// let trace = std::fs::read("examples/generations.trace")?;
/// let generations = ReaderOptions::new().generations(&trace)?;
/// let mut cut = Writer::new(Vec::new(), generations.version(), generations.dialect())?;
/// let mut window: Option<Window> = None;
/// for generation in generations {
///     let generation = generation?;
///     let window = window.get_or_insert_with(|| {
///         let begin = generation.start_time().0;
///         Window::new(Time(begin + 100_000_000)..Time(begin + 200_000_000))
///     });
///     if let Some(slice) = window.slice(&generation)? {
///         Copier::new(&generation, |_| true, |text| text.text.into()).within(&slice).copy_to(&mut cut)?;
///     }
///     if window.is_over() {
///         break;
///     }
/// }
/// assert!(cut.into_inner().len() < trace.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Window {
    times: Range<Time>,
    stage: Stage,
    /// What was read so far: before the window whatever it is, within it strictly and as if the trace began with it.
    sequencer: Sequencer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Before,
    Within,
    Behind,
}

impl Window {
    /// From the first event whose [time](crate::Event::time) is within `times` up to the first that is behind.
    ///
    /// Where the world is stopped at the beginning, the window begins with that: no status can say it.
    #[must_use]
    pub fn new(times: Range<Time>) -> Self {
        Self { times, stage: Stage::Before, sequencer: Sequencer::new(Mode::Salvage) }
    }

    /// Whether no later generation has anything of it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Behind
    }

    /// What the window holds of the next generation; `None` where that is nothing. All generations have to be shown to it, in
    /// their order.
    ///
    /// # Errors
    ///
    /// [`WriteError::Read`] where a generation breaks the rules within the window, or before it in the generation where it
    /// begins, in whatever [mode](Mode) it was read: what is copied could break them too. [`WriteError::NoGenerations`] for a
    /// trace of Go 1.5 to 1.21.
    pub fn slice(&mut self, generation: &Generation<'_>) -> Result<Option<Slice>, WriteError> {
        if generation.version().is_v1() {
            return Err(WriteError::NoGenerations { version: generation.version() });
        }
        let slice = match self.stage {
            Stage::Before => self.begin(generation),
            Stage::Within => self.go_on(generation),
            Stage::Behind => Ok(None),
        };
        slice.map_err(WriteError::Read)
    }

    fn begin(&mut self, generation: &Generation<'_>) -> Result<Option<Slice>, Error> {
        let found = find(&mut Walk::new(generation, &mut self.sequencer)?, &self.times)?;
        self.sequencer.order().close_generation(generation.tables());
        if found.is_none() {
            return Ok(None);
        }
        let mut alone = Sequencer::new(Mode::Strict);
        let mut walk = Walk::new(generation, &mut alone)?;
        let Some(stretch) = find(&mut walk, &self.times)? else { return Ok(None) };
        let slice =
            (!stretch.is_empty()).then(|| Slice::new(&walk, stretch.begin, stretch.end)).transpose()?;
        self.sequencer = alone;
        self.move_on(generation, stretch);
        Ok(slice)
    }

    fn go_on(&mut self, generation: &Generation<'_>) -> Result<Option<Slice>, Error> {
        let mut walk = Walk::new(generation, &mut self.sequencer)?;
        let found = find(&mut walk, &(Time(i64::MIN)..self.times.end))?;
        // Where nothing happens, it is still there: numbers of generations follow each other.
        let stretch = found.unwrap_or(Stretch { begin: 0, first: 0, end: None });
        let slice = (!stretch.is_empty()).then(|| Slice::new(&walk, 0, stretch.end)).transpose()?;
        self.move_on(generation, stretch);
        Ok(slice)
    }

    fn move_on(&mut self, generation: &Generation<'_>, stretch: Stretch) {
        self.sequencer.order().close_generation(generation.tables());
        self.stage = if stretch.end.is_some() { Stage::Behind } else { Stage::Within };
    }
}

/// A stretch of a generation's order, in steps.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// The first.
    begin: u64,
    /// The first that is within the times.
    first: u64,
    /// The first behind it; `None` where it goes on to the end of the generation.
    end: Option<u64>,
}

impl Stretch {
    fn is_empty(self) -> bool {
        self.end == Some(self.first)
    }
}

/// What is within `times`; `None` where all of the generation is before. The walk has then gone just beyond.
fn find(walk: &mut Walk<'_>, times: &Range<Time>) -> Result<Option<Stretch>, Error> {
    let mut stops = Stops::default();
    let mut found = None;
    while walk.run()? {
        for (step, record) in walk.records() {
            if found.is_none() && record.time < times.start {
                stops.take(step, record);
                continue;
            }
            let begin = stops.begin().unwrap_or(step);
            let stretch = found.get_or_insert(Stretch { begin, first: step, end: None });
            if record.time >= times.end {
                stretch.end = Some(step);
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// The stops of the world that are under way.
#[derive(Debug, Default)]
struct Stops {
    /// The goroutines that have stopped it, each as often as it did: one, in what real programs do.
    goroutines: Vec<i64>,
    /// The step with which the first of these did.
    begin: u64,
}

impl Stops {
    fn take(&mut self, step: u64, record: &Record) {
        match record.event_type {
            EventType::StwBegin => {
                if self.goroutines.is_empty() {
                    self.begin = step;
                }
                self.goroutines.push(record.goroutine);
            }
            EventType::StwEnd => {
                let ended = self.goroutines.iter().position(|&goroutine| goroutine == record.goroutine);
                ended.map(|ended| self.goroutines.swap_remove(ended));
            }
            EventType::GoDestroy | EventType::GoDestroySyscall => {
                self.goroutines.retain(|&goroutine| goroutine != record.goroutine);
            }
            _ => {}
        }
    }

    /// The last step with which nothing is stopped.
    fn begin(&self) -> Option<u64> {
        (!self.goroutines.is_empty()).then_some(self.begin)
    }
}
