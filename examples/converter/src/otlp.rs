//! `otlp`: the spans as OTLP JSON lines.

use std::{
    env,
    fs::File,
    io::{self, BufWriter, Write},
};

use anyhow::{Context, bail};
use trace_to_otel::{Resource, Span, SpanSink, otlp::JsonLines};

use crate::{
    cli::OtlpArguments,
    input::{Input, Progress},
    map::{Output, Session},
    read::{Source, Trace},
};

pub(crate) fn run(arguments: &OtlpArguments) -> anyhow::Result<()> {
    let resource = resource(arguments)?;
    let name = arguments.out.display().to_string();
    if arguments.out.as_os_str() == "-" {
        return write_all(arguments, resource, io::stdout().lock(), Progress::UnlessOutputIsTerminal);
    }
    refuse_to_overwrite_input(arguments)?;
    let mut file = File::create(&arguments.out).with_context(|| name.clone())?;
    write_all(arguments, resource, &mut file, Progress::Shown)?;
    // Only now does a full disk tell.
    file.sync_all().or_else(ignore_unsupported).with_context(|| name)
}

fn refuse_to_overwrite_input(arguments: &OtlpArguments) -> anyhow::Result<()> {
    // What does not exist yet is no input.
    let Ok(out) = arguments.out.canonicalize() else { return Ok(()) };
    match arguments.files.iter().any(|file| file.canonicalize().is_ok_and(|file| file == out)) {
        true => bail!("{} is an input: give --out another name", out.display()),
        false => Ok(()),
    }
}

fn write_all(
    arguments: &OtlpArguments,
    resource: Resource,
    output: impl Write,
    progress: Progress,
) -> anyhow::Result<()> {
    let output = BufWriter::with_capacity(256 << 10, output);
    let lines = Lines { lines: JsonLines::new(output, resource.clone()), resource };
    let options = arguments.reading.options();
    let traces = arguments.files.iter().map(|file| Trace::open(Input::open(file, progress)?, options));
    Session::new(&arguments.mapping, lines).run(traces)
}

/// Writes the spans of one process after those of the other.
struct Lines<W: Write> {
    lines: JsonLines<W>,
    resource: Resource,
}

impl<W: Write> SpanSink for Lines<W> {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.lines.take(span)
    }
}

impl<W: Write> Output for Lines<W> {
    fn begin(&mut self, source: &Source) -> io::Result<()> {
        let resource = self.resource.clone();
        self.lines.set_resource(if source.is_approximate {
            resource.with_approximate_clock()
        } else {
            resource
        })
    }

    fn end(&mut self) -> io::Result<()> {
        self.lines.flush()
    }
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
