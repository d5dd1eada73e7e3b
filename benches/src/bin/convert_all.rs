//! Reads a whole trace in causal order, maps it and encodes the spans as OTLP: what conversion costs beside reading, which
//! is `read_all ordered`.
//!
//! `convert_all protobuf|json|discard|tasks|read FILE`; `discard` maps only, `tasks` too, but for what stacks tell, and `read` hands
//! the events to nobody: to be subtracted.

use std::{convert::Infallible, env, error::Error, fs::File, hint::black_box, process::ExitCode};

use go_trace_format::{Mode, Reader, ReaderOptions};
use trace_to_otel::{
    Mapper, MapperOptions, Resource, Span, SpanSink,
    otlp::{Batch, Encoder, Encoding, RecordTooLarge},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let converted = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["protobuf", path] => convert(path, Encoding::Protobuf),
        ["json", path] => convert(path, Encoding::Json),
        ["discard", path] => discard(path, MapperOptions::default()),
        ["tasks", path] => {
            let mut options = MapperOptions::default();
            options.stack_operations = false;
            discard(path, options)
        }
        ["read", path] => read(path),
        _ => Err("usage: convert_all protobuf|json|discard|tasks|read FILE".into()),
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

fn read(path: &str) -> Result<String, Box<dyn Error>> {
    let mut reader = open(path)?;
    let mut events = 0_u64;
    while let Some(event) = reader.next_event()? {
        black_box(&event);
        events += 1;
    }
    Ok(format!("{events} events"))
}

fn discard(path: &str, options: MapperOptions) -> Result<String, Box<dyn Error>> {
    let mut spans = Discarded(0);
    let events = map(path, options, &mut spans)?;
    Ok(format!("{events} events, {} spans in 0 bytes", spans.0))
}

fn convert(path: &str, encoding: Encoding) -> Result<String, Box<dyn Error>> {
    let mut batches = Batches { encoder: Encoder::new(encoding, &Resource::new()), spans: 0, bytes: 0 };
    let events = map(path, MapperOptions::default(), &mut batches)?;
    let last = batches.encoder.finish();
    batches.count(last);
    Ok(format!("{events} events, {} spans in {} bytes", batches.spans, batches.bytes))
}

fn open(path: &str) -> Result<Reader<'static>, Box<dyn Error>> {
    Ok(ReaderOptions::new().mode(Mode::Strict).read(File::open(path)?)?)
}

/// Maps a whole trace, and gives the number of its events.
fn map<S: SpanSink<Error: Error + 'static>>(
    path: &str,
    options: MapperOptions,
    sink: &mut S,
) -> Result<u64, Box<dyn Error>> {
    let mut reader = open(path)?;
    let mut mapper = Mapper::with_options(options);
    let mut events = 0_u64;
    while let Some(mut ready) = reader.next_events()? {
        events += ready.len() as u64;
        mapper.events(&mut ready, sink)?;
    }
    mapper.finish(sink)?;
    Ok(events)
}

/// Counts spans.
struct Discarded(u64);

impl SpanSink for Discarded {
    type Error = Infallible;

    fn take(&mut self, mut span: Span) -> Result<(), Infallible> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), Infallible> {
        black_box(span);
        self.0 += 1;
        Ok(())
    }
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

    fn take(&mut self, mut span: Span) -> Result<(), RecordTooLarge> {
        self.lend(&mut span)
    }

    fn lend(&mut self, span: &mut Span) -> Result<(), RecordTooLarge> {
        let batch = self.encoder.add(span)?;
        self.count(batch);
        Ok(())
    }
}
