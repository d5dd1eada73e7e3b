//! `otlp`: the spans, logs, metrics and profiles in OTLP, to a file or a receiver.

mod channel;
mod profiles;

use std::{
    env, fmt,
    io::{self, BufWriter, Write},
    sync::Arc,
};

use anyhow::bail;
use trace_programs::SignalName;
use trace_to_otel::{
    LogRecord, Metric, Resource, Span, SpanSink,
    otlp::{JsonLines, Record, RecordTooLarge, Signal},
    profiles::{ProfileKind, Profiles},
};

use crate::{
    cli::OtlpArguments,
    correlate,
    map::{Begun, Output, Wanted},
    order::{self, NamedFile},
    output::{self, Destination},
    read::Traces,
    report,
    select::Selected,
    send::{Receiver, SendError, Sender},
};

use channel::Channel;
pub(crate) use profiles::ProfilesOutlet;

pub(crate) fn run(arguments: &OtlpArguments) -> anyhow::Result<()> {
    let resource = resource(arguments)?;
    let is_correlated = |signal: &SignalName| matches!(signal, SignalName::Traces | SignalName::Profiles);
    if arguments.correlation.correlate && !arguments.signals.iter().all(is_correlated) {
        bail!("--correlate is for traces and profiles: take the other signals without it");
    }
    if arguments.selection.is_of_traces() && arguments.signals != [SignalName::Traces] {
        bail!("--slower-than, --sort and --top are for traces: take the other signals without them");
    }
    if arguments.sending.is_wanted() {
        return send_all(arguments, resource);
    }
    let [signal] = arguments.signals[..] else {
        bail!("a file has one signal: write each into a file of its own, or send them with --endpoint");
    };
    output::refuse_to_overwrite(&arguments.out, &arguments.files)?;
    let mut destination = Destination::create(&arguments.out)?;
    let writer = BufWriter::with_capacity(256 << 10, &mut destination);
    let mut records = Records::new(resource);
    let own = records.resource.clone();
    match signal {
        SignalName::Traces => records.spans = Channel::Lines(JsonLines::new(writer, own)),
        SignalName::Metrics => records.metrics = Channel::Lines(JsonLines::new(writer, own)),
        SignalName::Logs => records.logs = Channel::Lines(JsonLines::new(writer, own)),
        SignalName::Profiles => records.profiles = ProfilesOutlet::Lines(writer),
    }
    convert(arguments, &mut records)?;
    drop(records);
    destination.finish()
}

fn send_all(arguments: &OtlpArguments, resource: Resource) -> anyhow::Result<()> {
    let mut records = Records::<io::Sink>::new(resource);
    let is_wanted = |signal| arguments.signals.contains(&signal);
    if is_wanted(SignalName::Traces) {
        records.spans = receiver(arguments)?;
    }
    if is_wanted(SignalName::Metrics) {
        records.metrics = receiver(arguments)?;
    }
    if is_wanted(SignalName::Logs) {
        records.logs = receiver(arguments)?;
    }
    if is_wanted(SignalName::Profiles) {
        let sender = Sender::connect(&arguments.sending, Signal::Profiles)?;
        records.profiles = ProfilesOutlet::Receiver(Box::new(sender));
    }
    let outcome = convert(arguments, &mut records);
    // What went out before a failure is told before the failure.
    let refused =
        [records.spans.report(), records.metrics.report(), records.logs.report(), records.profiles.report()];
    outcome?;
    match refused.into_iter().fold(0, u64::saturating_add) {
        0 => Ok(()),
        count => bail!("the receiver refused {count} records"),
    }
}

fn receiver<T: Record>(arguments: &OtlpArguments) -> anyhow::Result<Channel<io::Sink, T>> {
    Ok(Channel::Receiver(Box::new(Receiver::connect(&arguments.sending)?)))
}

fn convert<W: Write>(arguments: &OtlpArguments, records: &mut Records<W>) -> anyhow::Result<()> {
    let progress = output::progress(&arguments.out);
    let opening = arguments.reading.opening();
    let files = NamedFile::all(&arguments.files, &arguments.correlation.service_names)?;
    let files = order::in_order(files, opening);
    let traces = Traces::new(files.iter().map(|file| file.open(progress)), opening);
    let mut selected = Selected::new(&arguments.selection, false, records)?;
    let how = (&arguments.reading, &arguments.mapping);
    let outcome = correlate::run(&arguments.correlation, how, &mut selected, None, traces);
    selected.finish()?;
    outcome
}

/// What the environment says, and above it the command line.
fn resource(arguments: &OtlpArguments) -> anyhow::Result<Resource> {
    let mut resource = Resource::new().with_environment(|name| env::var(name).ok())?;
    for (key, value) in &arguments.resource {
        resource = resource.with(key.clone(), &**value);
    }
    Ok(resource)
}

/// Takes the records of one process after those of the other, each where it goes.
struct Records<W: Write> {
    resource: Resource,
    spans: Channel<W, Span>,
    logs: Channel<W, LogRecord>,
    metrics: Channel<W, Metric>,
    profiles: ProfilesOutlet<W>,
    /// Of what the profiles of the process under way are.
    profiled: Resource,
}

impl<W: Write> Records<W> {
    fn new(resource: Resource) -> Self {
        Self {
            resource,
            spans: Channel::Nowhere,
            logs: Channel::Nowhere,
            metrics: Channel::Nowhere,
            profiles: ProfilesOutlet::Nowhere,
            profiled: Resource::empty(),
        }
    }
}

impl<W: Write> SpanSink for Records<W> {
    type Error = anyhow::Error;

    fn take(&mut self, span: Span) -> anyhow::Result<()> {
        Ok(self.spans.take(&span)?)
    }

    fn lend(&mut self, span: &mut Span) -> anyhow::Result<()> {
        Ok(self.spans.take(span)?)
    }
}

impl<W: Write> Output for Records<W> {
    fn wanted(&self) -> Wanted {
        let (logs, metrics) = (self.logs.is_somewhere(), self.metrics.is_somewhere());
        let profiles = self.profiles.is_somewhere();
        Wanted { logs, metrics, exemplars: metrics, profiles, links_lead_out: true, ..Wanted::default() }
    }

    fn begin(&mut self, Begun { source, told }: &Begun) -> anyhow::Result<()> {
        let mut resource = self.resource.clone().with_attributes(told.attributes().iter().cloned());
        if let Some(service) = &source.service {
            resource = resource.with("service.name", &**service);
        }
        self.spans.set_resource(&resource)?;
        self.logs.set_resource(&resource)?;
        self.metrics.set_resource(&resource)?;
        self.profiled = resource;
        Ok(())
    }

    fn log(&mut self, log: &LogRecord) -> anyhow::Result<()> {
        Ok(self.logs.take(log)?)
    }

    fn metric(&mut self, metric: &Metric) -> anyhow::Result<()> {
        Ok(self.metrics.take(metric)?)
    }

    fn profiles(&mut self, profiles: Profiles) -> anyhow::Result<()> {
        let profiles = Arc::new(profiles);
        self.profiles.take(&self.profiled, &profiles, &ProfileKind::ALL)?;
        report::left_out_of_profiles(&profiles);
        Ok(())
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.spans.flush()?;
        self.logs.flush()?;
        Ok(self.metrics.flush()?)
    }
}

/// Why a record could not be written or sent.
#[derive(Debug)]
pub(crate) enum WriteError {
    Io(io::Error),
    Send(SendError),
    TooLarge(RecordTooLarge),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::TooLarge(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // It is this error itself, for those who look for a broken pipe.
            Self::Io(error) => Some(error),
            Self::Send(_) | Self::TooLarge(_) => None,
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SendError> for WriteError {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<RecordTooLarge> for WriteError {
    fn from(error: RecordTooLarge) -> Self {
        Self::TooLarge(error)
    }
}
