//! `profile`: where goroutines spent their time, by stack.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    env,
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{anyhow, bail};
use go_trace_format::Event;
use trace_to_otel::{
    Moment, Pipeline, PipelineOptions, Resource, Span, SpanSink, TimeWindow, UnixTime,
    otlp::Signal,
    profiles::{ProfileKind, Profiles, ProfilesCollector, ProfilesOptions, TopOptions},
    render::{DisplayText, write_flame_graphs},
};

use crate::{
    cli::{ProfileArguments, ProfileFormat},
    follow::Following,
    order::{self, NamedFile},
    otlp::ProfilesOutlet,
    output::{self, Destination},
    read::{Source, Trace, Traces},
    report, select,
    send::Sender,
};

pub(crate) fn run(arguments: &ProfileArguments) -> anyhow::Result<()> {
    let is_otlp = arguments.format == ProfileFormat::Otlp;
    if arguments.sending.is_wanted() && !is_otlp {
        bail!("profiles are sent as OTLP: add --format otlp");
    }
    if arguments.kind.len() > 1 && !is_otlp {
        bail!("several kinds go out together as OTLP only: give one --kind");
    }
    if matches!(arguments.format, ProfileFormat::Pprof | ProfileFormat::Html) {
        output::refuse_terminal(&arguments.out)?;
    }
    select::refuse_without_time(TimeWindow::new(arguments.from, arguments.to))?;
    output::refuse_to_overwrite(&arguments.out, &arguments.files)?;
    let resource = Resource::new().with_environment(|name| env::var(name).ok())?;
    let outlet = match arguments.sending.is_wanted() {
        true => {
            let sender = Sender::connect(&arguments.sending, Signal::Profiles)?;
            Outlet::Receiver(ProfilesOutlet::Receiver(Box::new(sender)))
        }
        false => Outlet::File(Destination::create(&arguments.out)?),
    };
    let opening = arguments.reading.opening();
    let files = order::in_order(NamedFile::all(&arguments.files, &[])?, opening);
    let progress = output::progress(&arguments.out);
    let mut reading = Reading { arguments, collecting: None, told: None, following: Following::default() };
    let mut traces = Traces::new(files.into_iter().map(|file| file.open(progress)), opening);
    let outcome = traces.try_for_each(|trace| reading.read(trace?));
    let Reading { collecting, told, following, .. } = reading;
    let is_nothing = told.is_none();
    let outcome = outcome.and_then(|()| following.check(is_nothing));
    // What precedes a failure is a profile too.
    if let Some(collecting) = collecting.filter(|_| outcome.is_ok() || !is_nothing) {
        let told = told.unwrap_or_else(Resource::empty);
        let mut resource = resource.with_attributes(told.attributes().iter().cloned());
        if let Some(name) = &arguments.service_name {
            resource = resource.with("service.name", name.as_str());
        }
        let mut profiles = collecting.finish();
        match narrow(arguments, &mut profiles) {
            Ok(()) => {}
            // Why reading ended is why it is not there.
            Err(_) if outcome.is_err() => return outcome,
            Err(error) => return Err(error),
        }
        let profiles = Arc::new(profiles);
        match outlet {
            Outlet::File(destination) => write(arguments, &resource, &profiles, destination)?,
            Outlet::Receiver(sender) => send(arguments, &resource, &profiles, sender)?,
        }
        report::left_out_of_profiles(&profiles);
    }
    outcome
}

/// Where profiles go.
enum Outlet {
    File(Destination),
    Receiver(ProfilesOutlet<io::Sink>),
}

/// Each kind that is wanted, once.
fn kinds(arguments: &ProfileArguments) -> Vec<ProfileKind> {
    let kinds: BTreeSet<_> = arguments.kind.iter().map(|&kind| kind.into()).collect();
    kinds.into_iter().collect()
}

fn send(
    arguments: &ProfileArguments,
    resource: &Resource,
    profiles: &Arc<Profiles>,
    mut receiver: ProfilesOutlet<io::Sink>,
) -> anyhow::Result<()> {
    let outcome = receiver.take(resource, profiles, &kinds(arguments));
    // What went out before a failure is told before the failure.
    let refused = receiver.report();
    outcome?;
    match refused {
        0 => Ok(()),
        _ => bail!("the receiver refused some of the profiles"),
    }
}

/// Traces, one after the other.
struct Reading<'a> {
    arguments: &'a ProfileArguments,
    collecting: Option<Collecting>,
    /// What the first generation tells of the process, if there was one.
    told: Option<Resource>,
    following: Following,
}

/// What adds up. Spans cost time of their own.
enum Collecting {
    ByStack(Box<ProfilesCollector>),
    BySpan(Box<Pipeline<Nowhere>>),
}

/// Spans are made for their names and ids.
struct Nowhere;

impl SpanSink for Nowhere {
    type Error = Infallible;

    fn take(&mut self, _: Span) -> Result<(), Infallible> {
        Ok(())
    }

    fn lend(&mut self, _: &mut Span) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Collecting {
    /// What is wanted of a first trace.
    fn new(arguments: &ProfileArguments, source: &Source) -> Self {
        let base_time = arguments.base_time.or(source.modified);
        if base_time.is_none() && source.is_approximate() && has_times(arguments) {
            report::no_clock(&source.name);
        }
        let mut profiles = ProfilesOptions::default();
        profiles.base_time = base_time.unwrap_or(UnixTime(0));
        profiles.window = TimeWindow::new(arguments.from, arguments.to);
        if arguments.span.is_none() && arguments.format != ProfileFormat::Otlp {
            return Self::ByStack(Box::new(ProfilesCollector::new(profiles)));
        }
        let mut options = PipelineOptions::default();
        options.mapper.base_time = profiles.base_time;
        options.profiles = Some(profiles);
        Self::BySpan(Box::new(Pipeline::new(options, Nowhere)))
    }

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        match self {
            Self::ByStack(collector) => collector.event(event),
            Self::BySpan(pipeline) => {
                let Ok(()) = pipeline.event(event);
            }
        }
    }

    fn finish(self) -> Profiles {
        match self {
            Self::ByStack(collector) => collector.finish(),
            Self::BySpan(mut pipeline) => {
                let Ok(()) = pipeline.finish();
                pipeline.take_profiles().unwrap_or_else(|| ProfilesCollector::default().finish())
            }
        }
    }
}

/// Whether the times of day of a trace matter.
fn has_times(arguments: &ProfileArguments) -> bool {
    let is_at = |moment: Option<Moment>| matches!(moment, Some(Moment::At(_)));
    matches!(arguments.format, ProfileFormat::Pprof | ProfileFormat::Otlp)
        || is_at(arguments.from)
        || is_at(arguments.to)
}

impl Reading<'_> {
    fn read(&mut self, trace: Trace) -> anyhow::Result<()> {
        let collecting =
            self.collecting.get_or_insert_with(|| Collecting::new(self.arguments, &trace.source));
        let told = &mut self.told;
        let outcome = self.following.read(trace, |event| {
            if event.generation_begun().is_some() {
                told.get_or_insert_with(|| Resource::empty().with_told_by(event.tables()));
            }
            collecting.event(event);
            Ok(())
        });
        if let Some(trace) = self.following.latest() {
            trace.notes(self.arguments.reading.details).report(&trace.source.name);
        }
        outcome
    }
}

/// Keeps what the user wants of the profiles.
fn narrow(arguments: &ProfileArguments, profiles: &mut Profiles) -> anyhow::Result<()> {
    select::refuse_nothing(profiles.recorded(), profiles.period())?;
    let Some(name) = &arguments.span else { return Ok(()) };
    let is_one = |of: Option<&str>| of == Some(name);
    if !profiles.spans().any(|span| is_one(span.name)) {
        return Err(no_such_span(name, profiles));
    }
    profiles.keep_within(|span| is_one(span.name));
    Ok(())
}

fn no_such_span(name: &str, profiles: &Profiles) -> anyhow::Error {
    const MOST_NAMES: usize = 10;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    profiles.spans().filter_map(|span| span.name).for_each(|name| *counts.entry(name).or_default() += 1);
    let mut names: Vec<_> = counts.into_iter().collect();
    names.sort_by_key(|&(_, count)| Reverse(count));
    let shown: Vec<_> =
        names.iter().take(MOST_NAMES).map(|(name, _)| DisplayText(name).to_string()).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    match (shown.is_empty(), more) {
        (true, _) => anyhow!("no span is called {name}: there is none that a goroutine was in"),
        (_, 0) => anyhow!("no span is called {name}; there are: {}", shown.join(", ")),
        _ => anyhow!("no span is called {name}; there are: {} and {more} more", shown.join(", ")),
    }
}

/// What a page is called.
fn title(files: &[PathBuf]) -> String {
    let name = |path: &PathBuf| {
        if output::is_standard(path) { "standard input".to_owned() } else { path.display().to_string() }
    };
    match files {
        [] => String::new(),
        [first] => name(first),
        [first, others @ ..] => format!("{} and {} more", name(first), others.len()),
    }
}

fn write(
    arguments: &ProfileArguments,
    resource: &Resource,
    profiles: &Arc<Profiles>,
    mut destination: Destination,
) -> anyhow::Result<()> {
    let kinds = kinds(arguments);
    let Some(&kind) = kinds.first() else { return Ok(()) };
    let profile = profiles.profile(kind);
    let mut output = BufWriter::new(&mut destination);
    match arguments.format {
        ProfileFormat::Top => {
            let mut options = TopOptions::default();
            options.runtime_waits = arguments.runtime_waits;
            profile.write_top(options, &mut output)?;
        }
        ProfileFormat::Pprof => profile.write_pprof(&mut output)?,
        ProfileFormat::Folded => profile.write_folded(&mut output)?,
        ProfileFormat::Html => {
            write_flame_graphs(&title(&arguments.files), profiles, kind, &mut output)?;
        }
        ProfileFormat::Otlp => ProfilesOutlet::Lines(&mut output).take(resource, profiles, &kinds)?,
    }
    output.flush()?;
    drop(output);
    destination.finish()
}
