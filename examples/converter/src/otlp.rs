//! `otlp`: the spans as OTLP JSON lines.

use std::{
    env,
    io::{self, BufWriter, Write},
};

use trace_to_otel::{Resource, Span, SpanSink, UnixTime, otlp::JsonLines};

use crate::{
    cli::OtlpArguments,
    input::Input,
    map::{Output, Session},
    output::{self, Destination},
    read::{Source, Traces},
};

pub(crate) fn run(arguments: &OtlpArguments) -> anyhow::Result<()> {
    let resource = resource(arguments)?;
    output::refuse_to_overwrite(&arguments.out, &arguments.files)?;
    let mut output = Destination::create(&arguments.out)?;
    write_all(arguments, resource, &mut output)?;
    output.finish()
}

fn write_all(arguments: &OtlpArguments, resource: Resource, output: impl Write) -> anyhow::Result<()> {
    let output = BufWriter::with_capacity(256 << 10, output);
    let mut lines = Lines { lines: JsonLines::new(output, resource.clone()), resource };
    let progress = output::progress(&arguments.out);
    let inputs = arguments.files.iter().map(|file| Input::open(file, progress));
    Session::new(&arguments.mapping, &mut lines).run(Traces::new(inputs, &arguments.reading))
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
    fn begin(&mut self, source: &Source, _: UnixTime) -> io::Result<()> {
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
        resource = resource.with(key.clone(), &**value);
    }
    match &arguments.service_name {
        Some(name) => Ok(resource.with("service.name", &**name)),
        None => Ok(resource),
    }
}
