//! Bytes of traces in, batches out.

mod error;
mod options;
mod output;
mod pipe;

pub use error::SessionError;
pub use options::SessionOptions;

use go_trace_format::{Error, Reader};

use crate::{
    otlp::Batch,
    pipeline::{Pipeline, PipelineCounters},
    session::{output::Output, pipe::Pipe},
    sink::AllSignals,
};

/// Takes the bytes of traces in pieces, and gives finished OTLP batches: reading, a [`Pipeline`] and encoding in one. It does no
/// I/O, starts no thread and asks no clock, so that it runs wherever bytes come from: a file, a socket, a WebAssembly host.
///
/// Traces come one after the other. Where they are snapshots of one process, in their order, the generations that they
/// share are read once, and spans that are open at the end of one go on in the next; where nothing tells that one is of the
/// process of the one before, a new process begins. [Logs](crate::MapperOptions::log_records) and [metrics](SessionOptions::metrics)
/// become batches of their own on request.
///
/// The same traces give the same batches, in whatever pieces their bytes come. Memory is bounded by the largest
/// [generation](SessionOptions::max_generation_bytes) times a small constant, by the [limits](crate::Limits) of the mapper,
/// and by the batches that [`next_batch`](Self::next_batch) has not given out: take them after each piece.
///
/// ```
/// use trace_to_otel::{Resource, Session, SessionOptions, otlp::Encoding};
///
/// # fn main() -> Result<(), trace_to_otel::SessionError> {
/// # let trace: &[u8] = b"go 1.22 trace\0\0\0";
/// let mut session = Session::new(SessionOptions::new(Encoding::Protobuf, Resource::new()));
/// for piece in trace.chunks(4096) {
///     session.feed(piece)?;
///     while let Some(batch) = session.next_batch() {
///         println!("POST {} with {} bytes", batch.signal().path(), batch.bytes().len());
///     }
/// }
/// session.end_trace()?;
/// session.finish()?;
/// while let Some(batch) = session.next_batch() {
///     println!("POST {} with {} bytes", batch.signal().path(), batch.bytes().len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    trace: Trace,
    /// The reader of the trace before.
    earlier: Option<Reader<'static>>,
    pipeline: Pipeline<AllSignals<Output>>,
    lost_bytes: u64,
}

/// The trace under way.
#[derive(Debug)]
enum Trace {
    /// Too little of it has come to tell what it is.
    Opening {
        head: Vec<u8>,
        /// How much there has to be before it is tried again.
        wanted: usize,
    },
    Reading(Box<Reading>),
    /// Nothing more of it is read.
    Refused(SessionError),
}

impl Trace {
    const fn new() -> Self {
        Self::Opening { head: Vec::new(), wanted: FIRST_TRY }
    }
}

/// How much is awaited before a trace is opened: as often as this is doubled, it is tried again.
const FIRST_TRY: usize = 256;

#[derive(Debug)]
struct Reading {
    reader: Reader<'static>,
    pipe: Pipe,
    /// How many bytes have come.
    length: u64,
}

impl Session {
    /// A session that has seen nothing.
    #[must_use]
    pub fn new(options: SessionOptions) -> Self {
        let output = Output::new(&options, &options.resource);
        Self {
            trace: Trace::new(),
            earlier: None,
            pipeline: Pipeline::new(options.pipeline(), AllSignals(output)),
            lost_bytes: 0,
            options,
        }
    }

    /// Takes the next bytes of a trace, which begins with the first ones.
    ///
    /// # Errors
    ///
    /// [`SessionError`] where the trace cannot be read: from then on its bytes are passed over, with the same error, until
    /// [`end_trace`](Self::end_trace). What it told before that is kept.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.take(&mut rest);
            if taken.is_err() {
                self.lost_bytes += rest.len() as u64;
                return taken;
            }
        }
        Ok(())
    }

    /// Takes some of the bytes.
    fn take(&mut self, rest: &mut &[u8]) -> Result<(), SessionError> {
        let most = self.options.max_generation_bytes;
        match &mut self.trace {
            Trace::Refused(error) => Err(error.clone()),
            Trace::Opening { head, wanted } => {
                head.extend_from_slice(cut(rest, (*wanted - head.len()) as u64));
                if head.len() == *wanted { self.open(false) } else { Ok(()) }
            }
            Trace::Reading(reading) => match reading.room(most) {
                0 => {
                    let offset = reading.reader.generation().start();
                    self.end_reading()?;
                    self.refuse(SessionError::GenerationTooLarge { offset, most })
                }
                room => {
                    let piece = cut(rest, room);
                    reading.pipe.push(piece);
                    reading.length += piece.len() as u64;
                    self.map()
                }
            },
        }
    }

    /// Says that the trace is complete: what comes next is another one.
    ///
    /// # Errors
    ///
    /// [`SessionError`] where the trace cannot be read, if [`feed`](Self::feed) has not said so.
    pub fn end_trace(&mut self) -> Result<(), SessionError> {
        let opened = match &self.trace {
            Trace::Opening { head, .. } if !head.is_empty() => self.open(true),
            _ => Ok(()),
        };
        let ended = match &self.trace {
            Trace::Reading(_) => self.end_reading(),
            _ => Ok(()),
        };
        self.trace = Trace::new();
        opened.and(ended)
    }

    /// Gives out what is ready, even if that makes a small batch. Spans that are open stay so.
    pub fn flush(&mut self) {
        let Ok(()) = self.pipeline.flush();
        self.output().flush();
    }

    /// Ends the trace, if one is under way, and the process: what is open goes out as incomplete. The session may go on with
    /// another process.
    ///
    /// # Errors
    ///
    /// As [`end_trace`](Self::end_trace). What there was goes out all the same.
    pub fn finish(&mut self) -> Result<(), SessionError> {
        let ended = self.end_trace();
        let Ok(()) = self.pipeline.finish();
        self.output().flush();
        self.earlier = None;
        ended
    }

    /// The next finished batch, in the order in which they became so.
    pub fn next_batch(&mut self) -> Option<Batch> {
        self.output().next_batch()
    }

    /// What has been made so far, and what could not or was not to be.
    #[must_use]
    pub fn counters(&self) -> PipelineCounters {
        self.pipeline.counters()
    }

    /// How many records were left out because no receiver takes one so large.
    #[must_use]
    pub fn too_large_records(&self) -> u64 {
        self.pipeline.sink().0.too_large()
    }

    /// How many bytes of the traces could not be read.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.lost_bytes
    }

    fn output(&mut self) -> &mut Output {
        &mut self.pipeline.sink_mut().0
    }

    /// Opens the trace, if there is enough of it to tell what it is, and maps what has come.
    fn open(&mut self, is_complete: bool) -> Result<(), SessionError> {
        let Trace::Opening { head, wanted } = &mut self.trace else { return Ok(()) };
        let pipe = Pipe::default();
        pipe.push(head);
        if is_complete {
            pipe.end();
        }
        let reader = match self.options.reader.read(pipe.source()) {
            Ok(reader) => reader,
            Err(error) if is_wait(&error) => {
                *wanted *= 2;
                return Ok(());
            }
            Err(error) => {
                self.lost_bytes += head.len() as u64;
                return self.refuse(SessionError::Trace(error));
            }
        };
        let reader = match self.earlier.take() {
            Some(earlier) => reader.follow(earlier),
            None => reader,
        };
        let length = head.len() as u64;
        self.trace = Trace::Reading(Box::new(Reading { reader, pipe, length }));
        self.map()
    }

    /// Maps what can be read so far.
    fn map(&mut self) -> Result<(), SessionError> {
        let Self { options, trace, pipeline, .. } = self;
        let Trace::Reading(reading) = trace else { return Ok(()) };
        let Reading { reader, .. } = &mut **reading;
        let error = loop {
            let event = match reader.next_event() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(()),
                Err(error) if is_wait(&error) => return Ok(()),
                Err(error) => break error,
            };
            if pipeline.begins_process(&event) {
                let Ok(()) = pipeline.finish();
                let resource = options.resource.clone().with_told_by(event.tables());
                pipeline.sink_mut().0.begin(options, &resource);
            }
            let Ok(()) = pipeline.event(&event);
        };
        self.leave_reader();
        self.refuse(SessionError::Trace(error))
    }

    /// Maps the end of a trace of which nothing more comes.
    fn end_reading(&mut self) -> Result<(), SessionError> {
        if let Trace::Reading(reading) = &self.trace {
            reading.pipe.end();
        }
        self.map()?;
        self.leave_reader();
        Ok(())
    }

    /// Nothing more comes of the trace: keeps its reader for the next one.
    fn leave_reader(&mut self) {
        let Ok(()) = self.pipeline.end_generation();
        if let Trace::Reading(reading) = core::mem::replace(&mut self.trace, Trace::new()) {
            self.lost_bytes += reading.reader.losses().bytes();
            self.earlier = Some(reading.reader);
        }
    }

    fn refuse(&mut self, error: SessionError) -> Result<(), SessionError> {
        self.trace = Trace::Refused(error.clone());
        Err(error)
    }
}

impl Reading {
    /// How many bytes the generation under way may still have, at least.
    fn room(&self, most: u64) -> u64 {
        (self.reader.generation().start() + most).saturating_sub(self.length)
    }
}

/// Takes the first bytes away, at most so many.
fn cut<'b>(bytes: &mut &'b [u8], most: u64) -> &'b [u8] {
    let length = usize::try_from(most).map_or(bytes.len(), |most| most.min(bytes.len()));
    let (first, rest) = bytes.split_at(length);
    *bytes = rest;
    first
}

/// Whether there is nothing more for now.
fn is_wait(error: &Error) -> bool {
    matches!(error, Error::Io { error, .. } if error.kind() == std::io::ErrorKind::WouldBlock)
}
