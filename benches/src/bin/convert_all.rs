//! Reads a whole trace in causal order, maps it and encodes the spans as OTLP: what conversion costs beside reading, which
//! is `read_all ordered`.
//!
//! `convert_all protobuf|json FILE`

use std::{env, error::Error, fs::File, process::ExitCode};

use go_trace_format::{Mode, ReaderOptions};
use trace_to_otel::{
    Mapper, Resource, Span, SpanSink,
    otlp::{Batch, Encoder, Encoding, RecordTooLarge},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let converted = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["protobuf", path] => convert(path, Encoding::Protobuf),
        ["json", path] => convert(path, Encoding::Json),
        _ => Err("usage: convert_all protobuf|json FILE".into()),
    };
    match converted {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("convert_all: {error}");
            ExitCode::FAILURE
        }
    }
}

fn convert(path: &str, encoding: Encoding) -> Result<String, Box<dyn Error>> {
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read(File::open(path)?)?;
    let mut mapper = Mapper::new();
    let mut batches = Batches { encoder: Encoder::new(encoding, &Resource::new()), spans: 0, bytes: 0 };
    let mut events = 0_u64;
    while let Some(event) = reader.next_event()? {
        mapper.event(&event, &mut batches)?;
        events += 1;
    }
    mapper.finish(&mut batches)?;
    let last = batches.encoder.finish();
    batches.count(last);
    Ok(format!("{events} events, {} spans in {} bytes", batches.spans, batches.bytes))
}

/// Counts the batches that would be sent.
struct Batches {
    encoder: Encoder,
    spans: usize,
    bytes: usize,
}

impl Batches {
    fn count(&mut self, batch: Option<Batch>) {
        if let Some(batch) = batch {
            self.spans += batch.records();
            self.bytes += batch.bytes().len();
        }
    }
}

impl SpanSink for Batches {
    type Error = RecordTooLarge;

    fn take(&mut self, span: Span) -> Result<(), RecordTooLarge> {
        let batch = self.encoder.add(&span)?;
        self.count(batch);
        Ok(())
    }
}
