//! Converts Go execution traces to OpenTelemetry spans, from the command line.
fn main() {}
