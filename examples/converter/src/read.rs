//! From an input to events.

mod stream;

use std::sync::Arc;

use anyhow::{Context, bail};
use go_trace_format::{Content, Damage, Error, Event, Mistaken, Mode, Reader, ReaderOptions, Version};
use trace_to_otel::UnixTime;

use crate::{input::Input, report::Notes};

use stream::Stream;

/// How traces are read.
#[derive(Clone, Copy)]
pub(crate) struct Opening {
    pub(crate) options: ReaderOptions,
    pub(crate) mode: Mode,
    /// The most bytes that a trace of a stream may have, as a generation may by the options.
    pub(crate) most: u64,
}

/// The traces of several inputs, opened one after the other.
pub(crate) struct Traces<I> {
    inputs: I,
    opening: Opening,
    /// The input under way, where it holds more than one.
    stream: Option<Stream>,
}

impl<I: Iterator<Item = anyhow::Result<Input>>> Traces<I> {
    pub(crate) fn new(inputs: I, opening: Opening) -> Self {
        Self { inputs, opening, stream: None }
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
                    self.stream = Some(Stream::new(input, self.opening));
                }
                input => return Some(input.and_then(|input| Trace::open(input, self.opening))),
            }
        }
    }
}

/// A trace that is being read.
pub(crate) struct Trace {
    pub(crate) source: Source,
    pub(crate) reader: Reader<'static>,
    damage: Damage,
    mistaken: Option<Mistaken>,
}

/// What is known of a trace before it is read.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// What the user calls the service.
    pub(crate) service: Option<Arc<str>>,
    /// When its file was last modified.
    pub(crate) modified: Option<UnixTime>,
    /// The version that its header names.
    pub(crate) version: Version,
}

impl Source {
    /// The same of a trace of this version in it.
    pub(crate) fn in_version(&self, version: Version) -> Self {
        Self { version, ..self.clone() }
    }

    /// Whether it holds no clock, so that its wall times can be approximate only.
    pub(crate) fn is_approximate(&self) -> bool {
        !self.version.has_sync_batch()
    }

    /// What people know it by.
    pub(crate) fn title(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.name)
    }
}

impl Trace {
    pub(crate) fn open(input: Input, opening: Opening) -> anyhow::Result<Self> {
        let Input { name, service, bytes, modified, damage, content, mistaken } = input;
        match content {
            Content::Empty if damage.found().is_none() => bail!("{name}: is empty, and so no trace"),
            Content::Stream => {
                bail!(
                    "{name}: is a stream of traces, which info, dump, cut and filter do not read: all other verbs do"
                )
            }
            _ => {}
        }
        let reader = opening.options.read(bytes).with_context(|| match (mistaken, damage.found()) {
            (Some(mistaken), _) => format!("{name}: is {mistaken}"),
            (None, Some(found)) => format!("{name}: {found}"),
            (None, None) => name.clone(),
        })?;
        let version = reader.version();
        let source = Source { name, service, modified, version };
        Ok(Self { source, reader, damage, mistaken })
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
        loop {
            let event = self.reader.next_event();
            let event = event.map_err(explained).with_context(|| {
                let mangled = self.mistaken.filter(|mistaken| mistaken.is_mangled());
                let mangled = mangled.map(|mangled| format!(": is {mangled}"));
                format!("{}{}", self.source.name, mangled.unwrap_or_default())
            })?;
            let Some(event) = event else { break };
            take(&event)?;
        }
        match self.damage.found() {
            Some(found) if self.reader.mode() == Mode::Strict => bail!("{}: {found}", self.source.name),
            _ => Ok(()),
        }
    }

    /// Whether something was lost.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damage.found().is_some() || !self.reader.losses().is_empty()
    }

    /// What is to be told of how it was read.
    pub(crate) fn notes(&self, has_details: bool) -> Notes {
        let mut notes = Notes::new(has_details);
        if let Some(mangled) = self.mistaken.filter(|mistaken| mistaken.is_mangled() && self.is_damaged()) {
            notes.add(format_args!("is {mangled}"));
        }
        if let Some(found) = self.damage.found() {
            notes.add(found);
        }
        notes.add_losses(self.reader.losses());
        notes
    }
}

/// The limit by its name.
fn explained(error: Error) -> anyhow::Error {
    match error {
        Error::GenerationTooLarge { limit, .. } => {
            let most = bytesize::ByteSize(limit);
            anyhow::anyhow!(
                "a generation (of Go 1.21 and older, the whole trace) is larger than --max-generation-bytes {most}, and is not read"
            )
        }
        other => other.into(),
    }
}
