//! `otlp`: the spans as OTLP JSON lines.

use std::{
    env,
    fs::File,
    io::{self, BufWriter, Write},
};

use anyhow::Context;
use trace_to_otel::{Resource, otlp::JsonLines};

use crate::{
    cli::OtlpArguments,
    input::{Input, Progress},
    read::Trace,
};

pub(crate) fn run(arguments: &OtlpArguments) -> anyhow::Result<()> {
    let resource = resource(arguments)?;
    let name = arguments.out.display().to_string();
    if arguments.out.as_os_str() == "-" {
        return write_all(arguments, &resource, &mut io::stdout().lock(), Progress::UnlessOutputIsTerminal);
    }
    let mut file = File::create(&arguments.out).with_context(|| name.clone())?;
    write_all(arguments, &resource, &mut file, Progress::Shown)?;
    // Only now does a full disk tell.
    file.sync_all().or_else(ignore_unsupported).with_context(|| name)
}

fn write_all(
    arguments: &OtlpArguments,
    resource: &Resource,
    output: &mut dyn Write,
    progress: Progress,
) -> anyhow::Result<()> {
    let mut output = BufWriter::with_capacity(256 << 10, output);
    for file in &arguments.files {
        let mut trace = Trace::open(Input::open(file, progress)?, arguments.reading.options())?;
        let mut resource = resource.clone();
        if trace.is_approximate() {
            resource = resource.with_approximate_clock();
        }
        let mut lines = JsonLines::new(&mut output, resource);
        trace.map(&arguments.mapping, &mut lines)?;
        lines.finish()?;
    }
    Ok(output.flush()?)
}

/// What the environment says, and above it the command line.
fn resource(arguments: &OtlpArguments) -> anyhow::Result<Resource> {
    let mut resource = Resource::new().with_environment(|name| env::var(name).ok())?;
    for (key, value) in &arguments.resource {
        resource = resource.with(key, &**value);
    }
    match &arguments.service_name {
        Some(name) => Ok(resource.with("service.name", &**name)),
        None => Ok(resource),
    }
}

/// Pipes and devices have nothing to synchronise.
fn ignore_unsupported(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    }
}
