//! From an input to events.

mod stream;

use anyhow::{Context, bail};
use go_trace_format::{Content, Damage, Event, Mode, Reader, ReaderOptions, Version};
use trace_to_otel::UnixTime;

use crate::{cli::Reading, input::Input, report};

use stream::Stream;

/// The traces of several inputs, opened one after the other.
pub(crate) struct Traces<I> {
    inputs: I,
    mode: Mode,
    options: ReaderOptions,
    /// The input under way, where it holds more than one.
    stream: Option<Stream>,
}

impl<I: Iterator<Item = anyhow::Result<Input>>> Traces<I> {
    pub(crate) fn new(inputs: I, reading: &Reading) -> Self {
        Self { inputs, mode: reading.mode(), options: reading.options(), stream: None }
    }
}

impl<I: Iterator<Item = anyhow::Result<Input>>> Iterator for Traces<I> {
    type Item = anyhow::Result<Trace>;

    fn next(&mut self) -> Option<anyhow::Result<Trace>> {
        loop {
            if let Some(trace) = self.stream.as_mut().and_then(Stream::next) {
                return Some(trace);
            }
            self.stream = None;
            match self.inputs.next()? {
                Ok(input) if input.content == Content::Stream => {
                    self.stream = Some(Stream::new(input, self.mode, self.options));
                }
                input => return Some(input.and_then(|input| Trace::open(input, self.options))),
            }
        }
    }
}

/// A trace that is being read.
pub(crate) struct Trace {
    pub(crate) source: Source,
    pub(crate) reader: Reader<'static>,
    damage: Damage,
}

/// What is known of a trace before it is read.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// When its file was last modified.
    pub(crate) modified: Option<UnixTime>,
    /// The version that its header names.
    pub(crate) version: Version,
    /// Whether it holds no clock, so that its wall times can be approximate only.
    pub(crate) is_approximate: bool,
}

impl Trace {
    pub(crate) fn open(input: Input, options: ReaderOptions) -> anyhow::Result<Self> {
        let Input { name, bytes, modified, damage, content } = input;
        match content {
            Content::Empty if damage.found().is_none() => bail!("{name}: is empty, and so no trace"),
            Content::Stream => bail!("{name}: is a stream of traces, which only spans and otlp read"),
            _ => {}
        }
        let reader = options.read(bytes).with_context(|| match damage.found() {
            Some(found) => format!("{name}: {found}"),
            None => name.clone(),
        })?;
        let version = reader.version();
        let is_approximate = !version.has_sync_batch();
        Ok(Self { source: Source { name, modified, version, is_approximate }, reader, damage })
    }

    /// Leaves out what an earlier snapshot of the same process has held, and goes on where it ended.
    pub(crate) fn follow(self, earlier: Self) -> Self {
        Self { reader: self.reader.follow(earlier.reader), ..self }
    }

    /// Hands on every event, and fails where the trace or its compression is damaged and that is not to be borne.
    pub(crate) fn for_each_event(
        &mut self,
        mut take: impl FnMut(&Event<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some(event) = self.reader.next_event().with_context(|| self.source.name.clone())? {
            take(&event)?;
        }
        match self.damage.found() {
            Some(found) if self.reader.mode() == Mode::Strict => bail!("{}: {found}", self.source.name),
            _ => Ok(()),
        }
    }

    /// Tells on standard error what was lost.
    pub(crate) fn report_losses(&self) {
        if let Some(found) = self.damage.found() {
            report::warning(&self.source.name, found);
        }
        report::losses(&self.source.name, self.reader.losses());
    }
}
