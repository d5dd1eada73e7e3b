//! `spans`: the spans as trees.

use std::{
    io::{self, BufWriter, Write},
    iter,
};

use anstream::AutoStream;
use trace_to_otel::{Span, SpanSink};

use crate::{
    cli::SpansArguments,
    input::{Input, Progress},
    map::{Output, Session},
    read::{Source, Trace},
    render::tree::{self, Clock},
};

pub(crate) fn run(arguments: &SpansArguments) -> anyhow::Result<()> {
    let mut output = BufWriter::new(AutoStream::auto(io::stdout().lock()));
    let outcome = show_all(arguments, &mut output);
    // What precedes a failure is printed before it is told.
    output.flush()?;
    outcome
}

fn show_all(arguments: &SpansArguments, output: &mut impl Write) -> anyhow::Result<()> {
    let options = arguments.reading.options();
    let session = Session::new(&arguments.mapping, Trees { output, clock: Clock::Exact, spans: Vec::new() });
    if arguments.files.is_empty() {
        return session.run(iter::once(Trace::open(Input::bundled(), options)));
    }
    session.run(arguments.files.iter().map(|file| Trace::open(Input::open(file, Progress::Shown)?, options)))
}

/// Shows the spans of each process once they are complete.
struct Trees<'o, W> {
    output: &'o mut W,
    clock: Clock,
    spans: Vec<Span>,
}

impl<W: Write> SpanSink for Trees<'_, W> {
    type Error = io::Error;

    fn take(&mut self, span: Span) -> io::Result<()> {
        self.spans.push(span);
        Ok(())
    }
}

impl<W: Write> Output for Trees<'_, W> {
    fn begin(&mut self, source: &Source) -> io::Result<()> {
        self.clock = if source.is_approximate { Clock::Approximate } else { Clock::Exact };
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        tree::write(&std::mem::take(&mut self.spans), self.clock, self.output)
    }
}
