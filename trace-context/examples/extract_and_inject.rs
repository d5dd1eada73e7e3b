//! A request on its way through a service: what its headers say is read, and sent on in the name of the service's own span.
//!
//! `cargo run --example extract_and_inject`, with headers on standard input, one a line.

use std::{
    error::Error,
    io::{self, BufRead, Write},
};

use go_trace_context::{SpanId, TraceFlags, TraceId, TraceParent, extract, inject};

fn main() -> Result<(), Box<dyn Error>> {
    let mut random = [0; 24];
    getrandom::fill(&mut random)?;
    let (trace_id, span_id) = random.split_at(16);
    let trace_id = TraceId::from_bytes(trace_id.try_into()?).ok_or("once in 2^128")?;
    let span_id = SpanId::from_bytes(span_id.try_into()?).ok_or("once in 2^64")?;
    let own = TraceParent::new(trace_id, span_id, TraceFlags::RANDOM | TraceFlags::SAMPLED);
    extract_and_inject(io::stdin().lock(), own, &mut io::stdout())
}

/// `own` is the trace to begin where none goes on, and in any case the span that sends.
pub(crate) fn extract_and_inject(
    request: impl BufRead,
    own: TraceParent,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let lines = request.lines().collect::<Result<Vec<_>, _>>()?;
    let headers = lines.iter().filter_map(|line| line.split_once(':'));
    let extracted = extract(headers.map(|(name, value)| (name, value.trim())));
    if let Err(reason) = &extracted.parent {
        writeln!(out, "# a trace begins here: {reason}")?;
    }
    if let Err(reason) = &extracted.state {
        writeln!(out, "# without tracestate: {reason}")?;
    }
    let mut context = extracted.or_restart(|| own).with_span_id(own.span_id());
    context.state.set("example", "was-here")?;
    context.baggage.set("region", "eu west")?;

    let mut outgoing: Vec<(String, String)> = Vec::new();
    inject(&context, &mut outgoing);
    outgoing.iter().try_for_each(|(name, value)| Ok(writeln!(out, "{name}: {value}")?))
}
