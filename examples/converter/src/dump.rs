//! `dump`: every event as text.

use std::{
    borrow::Cow,
    io::{self, BufWriter, Write},
};

use go_trace_format::{Dumper, write::TextKind};
use go_trace_sanitize::Sanitizer;

use crate::{
    cli::DumpArguments,
    input::{Input, Progress},
    read::Trace,
    texts,
};

pub(crate) fn run(arguments: &DumpArguments) -> anyhow::Result<()> {
    let input = Input::open(&arguments.file, Progress::UnlessOutputIsTerminal)?;
    let mut trace = Trace::open(input, arguments.opening())?;
    let mut output = BufWriter::with_capacity(256 << 10, io::stdout().lock());
    let outcome = dump(&mut trace, &mut output, arguments.raw);
    // What precedes a failure is printed before it is told.
    output.flush()?;
    outcome
}

fn dump(trace: &mut Trace, output: &mut impl Write, raw: bool) -> anyhow::Result<()> {
    let sanitizer = Sanitizer::new();
    let mut dumper = Dumper::new(output, |event_type, text: &[u8]| match raw {
        true => Cow::Borrowed(text),
        false => texts::sanitized(&sanitizer, TextKind::of(event_type, 0), None, text),
    });
    trace.for_each_event(|event| Ok(dumper.write(event)?))
}
