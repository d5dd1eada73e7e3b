//! `profile`: where goroutines spent their time, by stack.

use std::{
    collections::BTreeSet,
    env,
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::bail;
use trace_to_otel::{
    Resource,
    otlp::Signal,
    profiles::{ProfileKind, Profiles, ProfilesCollector, ProfilesOptions, TopOptions},
    render::write_flame_graphs,
};

use crate::{
    cli::{ProfileArguments, ProfileFormat},
    follow::Following,
    order::{self, NamedFile},
    otlp::ProfilesOutlet,
    output::{self, Destination},
    read::{Trace, Traces},
    report,
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
    let mut reading = Reading::default();
    let mut traces = Traces::new(files.into_iter().map(|file| file.open(progress)), opening);
    let outcome = traces.try_for_each(|trace| reading.read(trace?, arguments.reading.details));
    let Reading { collector, told, following } = reading;
    let is_nothing = told.is_none();
    let outcome = outcome.and_then(|()| following.check(is_nothing));
    // What precedes a failure is a profile too.
    if let Some(collector) = collector.filter(|_| outcome.is_ok() || !is_nothing) {
        let told = told.unwrap_or_else(Resource::empty);
        let mut resource = resource.with_attributes(told.attributes().iter().cloned());
        if let Some(name) = &arguments.service_name {
            resource = resource.with("service.name", name.as_str());
        }
        let profiles = Arc::new(collector.finish());
        match outlet {
            Outlet::File(destination) => write(arguments, &resource, &profiles, destination)?,
            Outlet::Receiver(sender) => send(arguments, &resource, &profiles, sender)?,
        }
        tell_left_out(&profiles);
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
        count => bail!("the receiver refused {count} samples of profiles"),
    }
}

/// Traces, one after the other.
#[derive(Default)]
struct Reading {
    collector: Option<ProfilesCollector>,
    /// What the first generation tells of the process, if there was one.
    told: Option<Resource>,
    following: Following,
}

impl Reading {
    fn read(&mut self, trace: Trace, has_details: bool) -> anyhow::Result<()> {
        let collector = self.collector.get_or_insert_with(|| {
            let mut options = ProfilesOptions::default();
            options.base_time = trace.source.modified.unwrap_or(options.base_time);
            ProfilesCollector::new(options)
        });
        let told = &mut self.told;
        let outcome = self.following.read(trace, |event| {
            if event.generation_begun().is_some() {
                told.get_or_insert_with(|| Resource::empty().with_told_by(event.tables()));
            }
            collector.event(event);
            Ok(())
        });
        if let Some(trace) = self.following.latest() {
            trace.notes(has_details).report(&trace.source.name);
        }
        outcome
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
        ProfileFormat::Top => profile.write_top(TopOptions::default(), &mut output)?,
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

fn tell_left_out(profiles: &Profiles) {
    if profiles.left_out_stacks() > 0 {
        let count = profiles.left_out_stacks();
        report::note(format_args!(
            "{count} stacks were too many, and are counted together as [other stacks]"
        ));
    }
}
