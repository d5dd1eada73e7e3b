//! `spans`: the spans as trees.

use std::io::{self, BufWriter, Write};

use anstream::AutoStream;
use trace_to_otel::Span;

use crate::{
    cli::SpansArguments,
    input::{Input, Progress},
    read::Trace,
    render::tree,
};

pub(crate) fn run(arguments: &SpansArguments) -> anyhow::Result<()> {
    let mut output = BufWriter::new(AutoStream::auto(io::stdout().lock()));
    if arguments.files.is_empty() {
        show(Input::bundled(), arguments, &mut output)?;
    }
    for file in &arguments.files {
        show(Input::open(file, Progress::Shown)?, arguments, &mut output)?;
    }
    Ok(output.flush()?)
}

fn show(input: Input, arguments: &SpansArguments, output: &mut impl Write) -> anyhow::Result<()> {
    let mut trace = Trace::open(input, arguments.reading.options())?;
    let mut spans: Vec<Span> = Vec::new();
    trace.map(&arguments.mapping, &mut spans)?;
    let clock = if trace.is_approximate() { tree::Clock::Approximate } else { tree::Clock::Exact };
    Ok(tree::write(&spans, clock, output)?)
}
