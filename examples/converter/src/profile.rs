//! `profile`: where goroutines spent their time, by stack.

use std::{
    env,
    io::{BufWriter, Write},
};

use anyhow::bail;
use trace_to_otel::{
    Resource,
    otlp::{Encoding, encode_profiles},
    profiles::{Profiles, ProfilesCollector, ProfilesOptions, TopOptions},
};

use crate::{
    cli::{ProfileArguments, ProfileFormat},
    order::{self, NamedFile},
    output::{self, Destination},
    read::{Trace, Traces},
    report,
};

pub(crate) fn run(arguments: &ProfileArguments) -> anyhow::Result<()> {
    if arguments.format == ProfileFormat::Pprof {
        output::refuse_terminal(&arguments.out)?;
    }
    output::refuse_to_overwrite(&arguments.out, &arguments.files)?;
    let resource = Resource::new().with_environment(|name| env::var(name).ok())?;
    let destination = Destination::create(&arguments.out)?;
    let opening = arguments.reading.opening();
    let files = order::in_order(NamedFile::all(&arguments.files, &[])?, opening);
    let progress = output::progress(&arguments.out);
    let mut reading =
        Reading { collector: None, told: None, earlier: None, is_nothing: true, is_damaged: false };
    let mut traces = Traces::new(files.into_iter().map(|file| file.open(progress)), opening);
    let outcome = traces.try_for_each(|trace| reading.read(trace?, arguments.reading.details));
    let outcome = outcome.and_then(|()| reading.check());
    // What precedes a failure is a profile too.
    let Reading { collector, told, is_nothing, .. } = reading;
    if let Some(collector) = collector.filter(|_| outcome.is_ok() || !is_nothing) {
        let told = told.unwrap_or_else(Resource::empty);
        let resource = resource.with_attributes(told.attributes().iter().cloned());
        write(arguments, &resource, &collector.finish(), destination)?;
    }
    outcome
}

/// Traces, one after the other.
struct Reading {
    collector: Option<ProfilesCollector>,
    /// What the first generation tells of the process.
    told: Option<Resource>,
    /// The last trace that was read.
    earlier: Option<Trace>,
    /// Whether no trace had a generation.
    is_nothing: bool,
    is_damaged: bool,
}

impl Reading {
    fn read(&mut self, mut trace: Trace, has_details: bool) -> anyhow::Result<()> {
        if let Some(earlier) = self.earlier.take() {
            trace = trace.follow(earlier);
        }
        let collector = self.collector.get_or_insert_with(|| {
            let mut options = ProfilesOptions::default();
            options.base_time = trace.source.modified.unwrap_or(options.base_time);
            ProfilesCollector::new(options)
        });
        let (told, is_nothing) = (&mut self.told, &mut self.is_nothing);
        let outcome = trace.for_each_event(|event| {
            if event.generation_begun().is_some() {
                *is_nothing = false;
                told.get_or_insert_with(|| Resource::empty().with_told_by(event.tables()));
            }
            collector.event(event);
            Ok(())
        });
        trace.notes(has_details).report(&trace.source.name);
        self.is_damaged |= trace.is_damaged();
        self.earlier = Some(trace);
        outcome
    }

    /// Fails where nothing of a damaged trace was left.
    fn check(&self) -> anyhow::Result<()> {
        match &self.earlier {
            Some(trace) if self.is_nothing && self.is_damaged => {
                bail!("{}: nothing could be read", trace.source.name)
            }
            _ => Ok(()),
        }
    }
}

fn write(
    arguments: &ProfileArguments,
    resource: &Resource,
    profiles: &Profiles,
    mut destination: Destination,
) -> anyhow::Result<()> {
    let profile = profiles.profile(arguments.kind.into());
    let mut output = BufWriter::new(&mut destination);
    match arguments.format {
        ProfileFormat::Top => profile.write_top(TopOptions::default(), &mut output)?,
        ProfileFormat::Pprof => profile.write_pprof(&mut output)?,
        ProfileFormat::Folded => profile.write_folded(&mut output)?,
        ProfileFormat::Otlp => {
            if let Some(request) = encode_profiles(Encoding::Json, resource, &[profile]) {
                output.write_all(&request)?;
                writeln!(output)?;
            }
        }
    }
    output.flush()?;
    drop(output);
    destination.finish()?;
    if profiles.left_out_stacks() > 0 {
        let count = profiles.left_out_stacks();
        report::note(format_args!(
            "{count} stacks were too many, and are counted together as [other stacks]"
        ));
    }
    Ok(())
}
