//! Maps a trace and counts what comes out: `cargo run --release --example map -- FILE`.

use std::{env, error::Error, fs::File};

use go_trace_format::{Mode, ReaderOptions};
use trace_to_otel::{Mapper, Span, SpanSink};

/// Counts spans, and their attributes so that nothing is left out.
#[derive(Default)]
struct Count {
    spans: usize,
    attributes: usize,
}

impl SpanSink for Count {
    type Error = std::convert::Infallible;

    fn take(&mut self, span: Span) -> Result<(), Self::Error> {
        self.spans += 1;
        self.attributes += span.attributes.len();
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: map FILE")?;
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read(File::open(path)?)?;
    let (mut mapper, mut count, mut events) = (Mapper::new(), Count::default(), 0_u64);
    while let Some(event) = reader.next_event()? {
        mapper.event(&event, &mut count)?;
        events += 1;
    }
    mapper.finish(&mut count)?;
    println!("{events} events, {} spans with {} attributes", count.spans, count.attributes);
    println!("{:#?}", mapper.counters());
    Ok(())
}
