//! Level 3: a whole trace, event by event, one generation in memory at a time.
//!
//! Go: `internal/trace/reader.go`.

use std::{fmt, io::Read, marker::PhantomData, sync::Arc};

use crate::{
    ahead::Feed,
    cut::{Cutter, Input},
    each::for_each_generation,
    error::Error,
    event::{Event, Ordered, ReadyEvents, Selected},
    events::Generations,
    generation::Generation,
    losses::Losses,
    mode::Mode,
    process::Continuity,
    selection::{Selecting, Selection},
    sequence::Sequencer,
    snapshots::{Admission, Delivered},
    spec::{Dialect, Version},
    stop::Stop,
    tables::Time,
};

/// How to read a trace.
///
/// ```
/// use go_trace_format::{Dialect, Mode, ReaderOptions};
///
/// let options = ReaderOptions::new().mode(Mode::Strict).dialect(Dialect::Stock);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReaderOptions<O = Ordered> {
    mode: Mode,
    dialect: Option<Dialect>,
    max_generation_bytes: u64,
    selection: Option<Selection>,
    order: PhantomData<O>,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ReaderOptions {
    /// Salvage, the dialect told by the trace, generations of any size, and all events.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            mode: Mode::Salvage,
            dialect: None,
            max_generation_bytes: u64::MAX,
            selection: None,
            order: PhantomData,
        }
    }

    /// Cuts a trace that is in memory into its generations, each of which can be read on its own.
    ///
    /// Each gives all its events, so that this is not for who asks for [some](Self::events) only:
    ///
    /// ```compile_fail,E0599
    /// # use go_trace_format::{ReaderOptions, Selection};
    /// # let trace: &[u8] = b"go 1.26 trace\0\0\0";
    /// let generations = ReaderOptions::new().events(Selection::USER).generations(trace);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Version::parse`].
    pub fn generations<'a>(&self, trace: &'a [u8]) -> Result<Generations<'a>, Error> {
        let cutter = self.cutter(Input::from_slice(trace))?;
        Ok(Generations::new(cutter))
    }

    /// Maps each generation of a trace on up to `threads` threads, of which the caller's is one, and reduces in the order of the
    /// trace what has become of them.
    ///
    /// Each is read [as if the trace began with it](Generation::events), so that generations need not wait for each other: with two
    /// threads a trace of several generations is read 1.5 to 1.8 times as fast. What goes on from one to the next, such as tasks that
    /// are open, is for `reduce` to put together. Where no threads can be had, as in WebAssembly, the caller's does all.
    ///
    /// A thread is started only where there is a generation for it and no other thread is free. Each has [a generation in
    /// memory](Self::max_generation_bytes), so more than [`available_parallelism`](std::thread::available_parallelism) cost memory and
    /// gain nothing. `reduce` runs on any of them.
    ///
    /// What was lost is added to `losses`, also where it ends with an error; events not counted: those have [an account of their
    /// own](crate::Events::losses).
    ///
    /// Who needs more than generations on their own can say reads in order, with a [`Reader`]. Unlike there:
    ///
    /// - Generations that repeat, of snapshots that overlap, come again: a sum counts them twice. And that another trace begins in
    ///   the same input is not said: [numbers](Generation::number) start anew.
    /// - The names of tasks and regions that began in a generation before are missing, and behind a border times may go back.
    /// - How events are read is said by [`Generation::events`]; the [mode](Self::mode) here is how generations are cut.
    ///
    /// ```
    /// use go_trace_format::{Error, Losses, Mode, ReaderOptions};
    ///
    /// # fn main() -> Result<(), Error> {
    /// # let trace: &[u8] = b"go 1.26 trace\0\0\0";
    /// let (mut total, mut losses) = (0, Losses::default());
    /// ReaderOptions::new().for_each_generation(
    ///     trace,
    ///     2,
    ///     &mut losses,
    ///     |generation| {
    ///         let (mut events, mut count) = (generation.events(Mode::Salvage), 0);
    ///         while let Some(ready) = events.next_events()? {
    ///             count += ready.len();
    ///         }
    ///         Ok::<_, Error>(count)
    ///     },
    ///     |count| {
    ///         total += count?;
    ///         Ok::<_, Error>(())
    ///     },
    /// )?;
    /// println!("{total} events, {losses}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first that `reduce` gives; and as [`Version::parse`], [`Reader::next_event`] where a generation cannot be cut, and
    /// [`Error::Io`] where the source fails, which ends it. What stands before the error has been reduced, and so has what stands
    /// before a panic in `map`, in `reduce` or in the source, which is one here.
    ///
    /// Both come back once what is being mapped is done, and the one call of the source that may be under way: where that
    /// waits without end, as for a pipe, so does this, unless it has one thread only.
    pub fn for_each_generation<T, E: From<Error> + Send>(
        &self,
        source: impl Read + Send,
        threads: usize,
        losses: &mut Losses,
        map: impl Fn(&Generation<'_>) -> T + Sync,
        reduce: impl FnMut(T) -> Result<(), E> + Send,
    ) -> Result<(), E> {
        for_each_generation(source, |input| self.cutter(input), threads, losses, map, reduce)
    }
}

impl<O> ReaderOptions<O> {
    /// Reads these events only, and the sync events that begin generations.
    ///
    /// The reader looks no closer at all others than it has to. In [`Mode::Salvage`] it does not put them in order, and
    /// contradictions among them are no [losses](Reader::losses); in [`Mode::Strict`], and of what is damaged, of
    /// [format v1](Version::is_v1) and of ranges, it does, and leaves them out. Not putting them in order is several times as
    /// fast where few events are of the selection, and may be slower where many are. What the events are sure to say is the
    /// same: see [`Selected`].
    ///
    /// ```
    /// use go_trace_format::{EventKind, ReaderOptions, Selection};
    ///
    /// # fn main() -> Result<(), go_trace_format::Error> {
    /// # let trace: &[u8] = b"go 1.26 trace\0\0\0";
    /// let mut reader = ReaderOptions::new().events(Selection::USER).read_slice(trace)?;
    /// while let Some(event) = reader.next_event()? {
    ///     if let EventKind::TaskBegin(task) = event.kind() {
    ///         println!("{} {:?} {}", event.raw_time(), event.goroutine(), task.name);
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Where such an event stands among all others is not known, and nobody is told a wrong time or proc:
    ///
    /// ```compile_fail,E0599
    /// # use go_trace_format::{ReaderOptions, Selection};
    /// # let trace: &[u8] = b"go 1.26 trace\0\0\0";
    /// let mut reader = ReaderOptions::new().events(Selection::USER).read_slice(trace).unwrap();
    /// while let Some(event) = reader.next_event().unwrap() {
    ///     println!("{}", event.time());
    /// }
    /// ```
    #[must_use]
    pub const fn events(self, selection: Selection) -> ReaderOptions<Selected> {
        let Self { mode, dialect, max_generation_bytes, .. } = self;
        ReaderOptions { mode, dialect, max_generation_bytes, selection: Some(selection), order: PhantomData }
    }

    /// What to do with a trace that breaks the rules.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Reads the trace in this dialect, whatever it looks like.
    #[must_use]
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Gives up with [`Error::GenerationTooLarge`] at a generation of more than `bytes` bytes.
    ///
    /// One generation is in memory at a time, with tables that are a small multiple of it: a limit on its size is one on
    /// the memory that a trace from anywhere can take, which else is bounded by the trace alone. Go begins another
    /// generation every second, and few have more than some MiB.
    ///
    /// [Reading ahead](Self::read_ahead) there are up to three, and with [`for_each_generation`](Self::for_each_generation) one more than
    /// threads, also of one thread and of a trace that is in memory: each is copied from where it was cut. A buffer that has
    /// grown may have twice the size of what is in it.
    #[must_use]
    pub const fn max_generation_bytes(mut self, bytes: u64) -> Self {
        self.max_generation_bytes = bytes;
        self
    }

    /// Reads a trace that is in memory, without copying it.
    ///
    /// # Errors
    ///
    /// As [`Version::parse`].
    pub fn read_slice<'a>(&self, trace: &'a [u8]) -> Result<Reader<'a, O>, Error> {
        Ok(self.open(Feed::Here(Box::new(self.cutter(Input::from_slice(trace))?))))
    }

    /// Reads a trace from anything that can be read, in large pieces; there is no need to buffer it.
    ///
    /// The header must be there, and of a trace of Go 1.26 and later its first batch, which tells the dialect. A source
    /// that still grows and has less than that fails with [`Error::Io`]: wait for some hundred bytes before.
    ///
    /// # Errors
    ///
    /// As [`Version::parse`], and [`Error::Io`] where the source fails.
    pub fn read<'a>(&self, source: impl Read + Send + 'a) -> Result<Reader<'a, O>, Error> {
        Ok(self.open(Feed::Here(Box::new(self.cutter(Input::from_reader(Box::new(source)))?))))
    }

    /// The same, taking the bytes in on a thread of its own: while the events of one generation are read, the next one is read
    /// from the source and made ready.
    ///
    /// Events, losses, errors and their order are the same as of [`read`](Self::read). The more time the source takes, the more
    /// of it is saved: decompression, files, pipes. Of a trace that is in memory nothing is to be gained. Up to two
    /// [generations more](Self::max_generation_bytes) are in memory. Where no thread can be had, as in WebAssembly, and of
    /// [format v1](Version::is_v1), all of which is one generation, this is `read`.
    ///
    /// The thread ends with the reader, or behind the call of the source that is under way then: dropping the reader does not
    /// wait for it. [`Reader::into_source`] has to: it is not for sources that may wait without end. A source that [has nothing
    /// for now](Reader::next_event) is asked again when the reader is. Where the source panics, so does the reader, each time.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use go_trace_format::ReaderOptions;
    ///
    /// let mut reader = ReaderOptions::new().read_ahead(std::fs::File::open("large.trace")?)?;
    /// while let Some(event) = reader.next_event()? {
    ///     println!("{event:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_ahead(&self, source: impl Read + Send + 'static) -> Result<Reader<'static, O>, Error> {
        let stop = Stop::default();
        let cutter = Box::new(self.cutter(Input::from_reader(stop.source(source)))?);
        // All of such a trace is cut before its first event: nothing is to be had meanwhile, and it would be there twice.
        if cutter.version().is_v1() {
            return Ok(self.open(Feed::Here(cutter)));
        }
        Ok(self.open(Feed::ahead(cutter, stop)))
    }

    fn cutter<'a>(&self, input: Input<'a>) -> Result<Cutter<'a>, Error> {
        Cutter::new(input, self.mode, self.dialect, self.max_generation_bytes)
    }

    fn open<'a>(&self, feed: Feed<'a>) -> Reader<'a, O> {
        let (version, dialect) = (feed.version(), feed.dialect());
        let mut sequencer = Sequencer::new(self.mode);
        if version.is_v1() {
            sequencer.begin_v1();
        }
        Reader {
            feed,
            generation: Generation::new(version, dialect),
            sequencer,
            losses: Losses::default(),
            mode: self.mode,
            syncs: 0,
            stage: Stage::Between,
            delivered: Delivered::default(),
            known: None,
            selecting: self.selection.map(|selection| Box::new(Selecting::new(selection))),
            order: PhantomData,
        }
    }
}

/// Reads a trace event by event.
///
/// The contract for untrusted bytes: no panic, time linear in the input, and memory bounded by a small multiple
/// of the largest generation's bytes plus what the trace says is still alive: goroutines, procs, open tasks and
/// regions, and in [`Mode::Strict`] every thread, because the reference knows them again.
///
/// The input may hold several traces, one behind the other: appended snapshots, or files put together. Behind each header
/// [`Mode::Salvage`] begins anew, with the version and dialect of that trace, and as if its reader
/// [followed](Self::follow) that of the trace before it: generations that were delivered are left out, and what goes on
/// goes on. [`Mode::Strict`] fails at the second header, as the reference does.
///
/// An [`Event`] borrows the reader until the next call:
///
/// ```
/// use go_trace_format::{EventKind, Reader};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let trace: &[u8] = b"go 1.22 trace\0\0\0";
/// let mut reader = Reader::from_slice(trace)?;
/// while let Some(event) = reader.next_event()? {
///     if let EventKind::TaskBegin(task) = event.kind() {
///         println!("{} {}", event.time(), task.name);
///     }
/// }
/// if !reader.losses().is_empty() {
///     eprintln!("{}", reader.losses());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Reader<'a, O = Ordered> {
    feed: Feed<'a>,
    generation: Generation<'a>,
    sequencer: Sequencer,
    losses: Losses,
    mode: Mode,
    syncs: u64,
    stage: Stage,
    delivered: Delivered,
    known: Option<Known<'a>>,
    /// Where only some events are read.
    selecting: Option<Box<Selecting>>,
    order: PhantomData<O>,
}

/// Says which generations are known already.
struct Known<'a>(Box<dyn FnMut(&Generation<'_>) -> bool + Send + 'a>);

impl fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Known")
    }
}

#[derive(Clone, Debug)]
enum Stage {
    /// The next generation has to be read.
    Between,
    /// In the midst of a generation.
    Within,
    /// The next generation could not be read: to be said after a sync event.
    Failing(Error),
    /// It was said, and will be again.
    Failed(Error),
    Done,
}

impl<'a> Reader<'a> {
    /// Reads a trace that is in memory, without copying it, in [`Mode::Salvage`].
    ///
    /// # Errors
    ///
    /// As [`Version::parse`].
    pub fn from_slice(trace: &'a [u8]) -> Result<Self, Error> {
        ReaderOptions::new().read_slice(trace)
    }

    /// Reads a trace from anything that can be read, in [`Mode::Salvage`].
    ///
    /// # Errors
    ///
    /// As [`Version::parse`], and [`Error::Io`] where the source fails.
    pub fn new(source: impl Read + Send + 'a) -> Result<Self, Error> {
        ReaderOptions::new().read(source)
    }
}

impl<'a, O> Reader<'a, O> {
    /// Continues where `earlier` ended, a reader of an earlier snapshot of the same process.
    ///
    /// Snapshots of a flight recorder overlap. Generations that `earlier` has delivered are left out, and tasks,
    /// regions and goroutines that it left open go on: read it to its end first. Where generations are missing
    /// between the two, or a recording [starts](Generation::starts_recording) with this one, all of that begins anew. Each
    /// [`GenerationBegin`](crate::event::GenerationBegin) says which it is.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use go_trace_format::Reader;
    ///
    /// let mut earlier: Option<Reader<'_>> = None;
    /// for name in ["snapshot.0.trace", "snapshot.1.trace"] {
    ///     let mut reader = Reader::new(std::fs::File::open(name)?)?;
    ///     if let Some(earlier) = earlier.take() {
    ///         reader = reader.follow(earlier);
    ///     }
    ///     while let Some(event) = reader.next_event()? {
    ///         println!("{event:?}");
    ///     }
    ///     earlier = Some(reader);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn follow(mut self, earlier: Reader<'_, O>) -> Self {
        let same_rules = (self.mode, self.dialect()) == (earlier.mode, earlier.dialect());
        let is_done = matches!(earlier.stage, Stage::Done);
        // Only at its end does the state of the earlier one fit what comes next.
        if same_rules && is_done {
            self.sequencer = earlier.sequencer;
            if let (Some(selecting), Some(earlier)) = (&mut self.selecting, earlier.selecting) {
                selecting.follow(*earlier);
            }
        }
        self.delivered = earlier.delivered;
        if !is_done {
            self.delivered.forget_last();
        }
        self.delivered.begin_trace();
        self.syncs = earlier.syncs;
        self
    }

    /// Leaves out the generations for which `is_known` says true, without putting their events in order.
    ///
    /// It is for those who keep account themselves of what they have read, over restarts too; [`follow`](Self::follow)
    /// does it in memory. `is_known` is asked once for each generation, before the sync event that begins it. A
    /// generation behind one that was left out is read as a snapshot that begins there.
    ///
    /// ```
    /// # fn main() -> Result<(), go_trace_format::Error> {
    /// # let trace: &[u8] = b"go 1.22 trace\0\0\0";
    /// let mut reader = go_trace_format::Reader::from_slice(trace)?.leaving_out(|generation| generation.number() < 7);
    /// while let Some(event) = reader.next_event()? {
    ///     println!("{event:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn leaving_out(mut self, is_known: impl FnMut(&Generation<'_>) -> bool + Send + 'a) -> Self {
        self.known = Some(Known(Box::new(is_known)));
        self
    }

    /// The version in the header; of several traces in one input, that of the last event's.
    #[must_use]
    pub fn version(&self) -> Version {
        self.feed.version()
    }

    /// The dialect that the trace is read in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.feed.dialect()
    }

    /// What is done with a trace that breaks the rules.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What was lost so far. Complete once [`next_event`](Self::next_event) has given `None`.
    #[must_use]
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// How many bytes of the trace have been taken in, for a progress bar; not counting what was [read
    /// ahead](ReaderOptions::read_ahead).
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.feed.offset()
    }

    /// Gives the source back, behind the generation that was read last: what the reader has taken in ahead comes first.
    ///
    /// Who wants the very source that the reader was given lends it: [`Reader::new`] takes `&mut source`, too. A reader that
    /// [reads ahead](ReaderOptions::read_ahead) waits until the source has answered, and some things may be missing then: damage that it
    /// has passed over, another header and what stands before it, and an error that the source has said ahead, once.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Read;
    ///
    /// let mut rest = Vec::new();
    /// let reader = go_trace_format::Reader::new(&b"go 1.22 trace\0\0\0and more"[..])?;
    /// reader.into_source().read_to_end(&mut rest)?;
    /// assert_eq!(rest, b"and more");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_source(self) -> Box<dyn Read + Send + 'a> {
        self.feed.into_source(self.generation)
    }

    /// The generation that the last event is of.
    #[must_use]
    pub fn generation(&self) -> &Generation<'a> {
        &self.generation
    }

    /// The next event, or `None` at the end.
    ///
    /// A sync event comes before the first event of each generation and at the end of the trace.
    ///
    /// # Errors
    ///
    /// In [`Mode::Strict`] at the first breach of the rules, and again on each further call. In
    /// [`Mode::Salvage`] only [`Error::Io`] where the source fails, and [`Error::GenerationTooLarge`] over the limit.
    ///
    /// After [`Error::Io`] it may be called again. So a source that still grows can be read as far as it has
    /// come: let it fail with [`std::io::ErrorKind::WouldBlock`] where it has nothing more for now, and each
    /// generation is delivered as soon as it is whole.
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<Event<'_, O>>, Error> {
        if !self.sequencer.is_ready() && !self.go_on()? {
            return Ok(None);
        }
        Ok(Some(self.sequencer.take(&self.generation)))
    }

    /// The next events, one at least, or `None` at the end: what [`next_event`](Self::next_event) would give one by one.
    /// That is faster for whoever looks at most events only in passing.
    ///
    /// They count as read, whether the iterator is gone through or not. How many there are means nothing.
    ///
    /// # Errors
    ///
    /// As [`next_event`](Self::next_event), once the events before the error have been given.
    #[inline]
    pub fn next_events(&mut self) -> Result<Option<ReadyEvents<'_, O>>, Error> {
        if !self.sequencer.is_ready() && !self.go_on()? {
            return Ok(None);
        }
        Ok(Some(self.sequencer.take_all(&self.generation)))
    }

    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.stage = Stage::Failed(error.clone());
        error
    }

    /// Makes more events ready. Behind a generation's last event stands the sync event of the next, or of the
    /// end.
    #[inline(never)]
    fn go_on(&mut self) -> Result<bool, Error> {
        match &self.stage {
            Stage::Failing(error) | Stage::Failed(error) => {
                let error = error.clone();
                Err(self.fail(error))
            }
            Stage::Done => Ok(false),
            Stage::Between => self.next_generation(),
            Stage::Within => match self.refill() {
                Ok(true) => Ok(true),
                Ok(false) => {
                    self.close_generation();
                    self.next_generation()
                }
                Err(error) => Err(self.fail(error)),
            },
        }
    }

    fn refill(&mut self) -> Result<bool, Error> {
        let Self { selecting, sequencer, generation, losses, .. } = self;
        match selecting {
            Some(selecting) => selecting.refill(generation, sequencer, losses),
            None => sequencer.refill(generation, losses),
        }
    }

    /// Begins with the events of the generation that was read.
    fn open_generation(&mut self) -> Result<(), Error> {
        let Self { selecting, sequencer, generation, losses, mode, .. } = self;
        match selecting {
            Some(selecting) => selecting.open(generation, *mode, sequencer, losses),
            None => sequencer.open(generation, losses),
        }
    }

    /// Forgets who ran where, because something is missing.
    fn forget_order(&mut self) {
        self.sequencer.forget_order();
        if let Some(selecting) = &mut self.selecting {
            selecting.forget();
        }
    }

    fn close_generation(&mut self) {
        if matches!(self.stage, Stage::Within) {
            // The names that it inherited are about to be added to.
            self.generation.tables.inherited = Arc::default();
            self.sequencer.order().close_generation(&self.generation.tables);
            self.stage = Stage::Between;
        }
    }

    fn next_generation(&mut self) -> Result<bool, Error> {
        let last = self.sequencer.last_time();
        loop {
            let cut = self.feed.next(&mut self.generation, &mut self.losses);
            if matches!(cut, Ok(true)) && self.feed.begins_trace() {
                self.delivered.begin_trace();
            }
            let (continuity, is_first) = match cut {
                Ok(true) if self.known.as_mut().is_some_and(|known| (known.0)(&self.generation)) => {
                    self.forget_order();
                    self.delivered.leave_out();
                    continue;
                }
                Ok(true) => match self.delivered.admit(&self.generation) {
                    Admission::Repeated => continue,
                    Admission::New { continuity, is_first } => (continuity, is_first),
                },
                Ok(false) => {
                    self.stage = Stage::Done;
                    self.sync(last, [0, 0, 0]);
                    return Ok(true);
                }
                Err(error @ Error::Io { .. }) => return Err(error),
                // All of such a trace is read before its first event, and the reference says nothing before that either.
                Err(error) if self.version().is_v1() => return Err(self.fail(error)),
                // The reference says where the trace ends before it says why.
                Err(error) => {
                    self.stage = Stage::Failing(error);
                    self.sync(last, [0, 0, 0]);
                    return Ok(true);
                }
            };
            if is_first && continuity != Continuity::Next {
                self.forget_order();
                self.sequencer.begin_process();
            }
            self.generation.tables.inherited = self.sequencer.order().names();
            if let Err(error) = self.open_generation() {
                return Err(self.fail(error));
            }
            self.stage = Stage::Within;
            self.sync(self.generation.start_time(), [1, continuity.number(), u64::from(is_first)]);
            return Ok(true);
        }
    }

    /// Makes a sync event ready. `generation` says whether one begins, how that stands to the last, and whether it is the first of
    /// its trace.
    fn sync(&mut self, raw_time: Time, generation: [u64; 3]) {
        self.syncs += 1;
        let [has_generation, continuity, is_first] = generation;
        let arguments = [self.syncs, has_generation, continuity, is_first];
        self.sequencer.sync(raw_time, arguments, self.generation.start());
    }
}
