//! From an input to finished spans.

use anyhow::{Context, bail};
use go_trace_format::{Event, Mode, Reader, ReaderOptions};
use trace_to_otel::{Mapper, MapperOptions, SpanSink, UnixTime};

use crate::{
    cli::Mapping,
    input::{Damage, Input},
    report,
};

/// A trace that is being read.
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) reader: Reader<'static>,
    modified: Option<UnixTime>,
    damage: Damage,
}

impl Trace {
    pub(crate) fn open(input: Input, options: ReaderOptions) -> anyhow::Result<Self> {
        let Input { name, bytes, modified, damage } = input;
        let reader = options.read(bytes).with_context(|| match damage.found() {
            Some(found) => format!("{name}: {found}"),
            None => name.clone(),
        })?;
        Ok(Self { name, reader, modified, damage })
    }

    /// Hands on every event, and fails where the trace or its compression is damaged and that is not to be borne.
    pub(crate) fn for_each_event(
        &mut self,
        mut take: impl FnMut(&Event<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        while let Some(event) = self.reader.next_event().with_context(|| self.name.clone())? {
            take(&event)?;
        }
        match self.damage.found() {
            Some(found) if self.reader.mode() == Mode::Strict => bail!("{}: {found}", self.name),
            _ => Ok(()),
        }
    }

    /// Tells on standard error what was lost.
    pub(crate) fn report_losses(&self) {
        if let Some(found) = self.damage.found() {
            report::warning(&self.name, found);
        }
        report::losses(&self.name, self.reader.losses());
    }

    /// Whether the trace holds no clock, so that its wall times can be approximate only.
    pub(crate) fn is_approximate(&self) -> bool {
        !self.reader.version().has_sync_batch()
    }

    /// Hands all spans to the sink, then tells on standard error what was lost.
    pub(crate) fn map<S>(&mut self, mapping: &Mapping, sink: &mut S) -> anyhow::Result<()>
    where
        S: SpanSink<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut mapper = Mapper::with_options(self.mapper_options(mapping));
        self.for_each_event(|event| Ok(mapper.event(event, sink)?))?;
        mapper.finish(sink)?;
        self.report_losses();
        report::counters(&self.name, mapper.counters());
        Ok(())
    }

    fn mapper_options(&self, mapping: &Mapping) -> MapperOptions {
        let mut options = MapperOptions::default();
        options.logs = !mapping.no_logs;
        options.unsampled = mapping.unsampled;
        match mapping.base_time.or(self.modified) {
            Some(base_time) => options.base_time = base_time,
            None if self.is_approximate() => report::no_clock(&self.name),
            None => {}
        }
        options
    }
}
