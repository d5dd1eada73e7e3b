//! The fork's recordings, and their spans.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use go_trace_format::{Event, Reader, TraceStream};
use trace_to_otel::{Mapper, MapperOptions, Span};

use crate::fork_truth::truth::Truth;

/// A recording with its truth.
pub(crate) struct Recording {
    /// The name of its first file, by which the exceptions call it.
    pub(crate) name: String,
    pub(crate) truth: Truth,
    files: Vec<PathBuf>,
    /// Whether the file holds several traces, each behind its length.
    is_stream: bool,
}

impl Recording {
    /// What a truth file is about: the traces that it names, or the stream that they came in.
    pub(crate) fn of_truth(path: &Path) -> Self {
        let truth = Truth::read(path);
        let folder = path.parent().expect("a file is in a folder");
        let named: Vec<_> = truth.trace_files.iter().map(|file| folder.join(file)).collect();
        let streams = ["stream.stream.bin", "stream.bin"].map(|name| folder.join(name));
        let stream = streams.into_iter().find(|stream| truth.scenario == "stream" && stream.exists());
        let is_stream = stream.is_some();
        let files = stream.map_or(named, |stream| vec![stream]);
        let name = files[0].file_name().expect("a name").to_string_lossy().into_owned();
        Self { name, truth, files, is_stream }
    }

    /// The spans of what the fork tells by itself.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let mut options = MapperOptions::default();
        options.stack_operations = false;
        self.spans_of(options, |_| true)
    }

    /// The spans of all its traces, which overlap and are of one process, made of some of their events.
    pub(crate) fn spans_of(
        &self,
        options: MapperOptions,
        is_wanted: impl Fn(&Event<'_>) -> bool,
    ) -> Vec<Span> {
        let (mut mapper, mut spans) = (Mapper::with_options(options), Vec::new());
        let mut earlier = None;
        self.for_each_trace(|trace| {
            // The trace may go when the next one is read, but the reader is still asked what it has delivered.
            let mut reader = Reader::new(std::io::Cursor::new(trace)).expect("a trace");
            if let Some(earlier) = earlier.take() {
                reader = reader.follow(earlier);
            }
            while let Some(event) = reader.next_event().expect("memory can be read") {
                if is_wanted(&event) {
                    let Ok(()) = mapper.event(&event, &mut spans);
                }
            }
            assert!(reader.losses().is_empty(), "{}: {}", self.name, reader.losses());
            earlier = Some(reader);
        });
        let Ok(()) = mapper.finish(&mut spans);
        let counters = mapper.counters();
        assert_eq!(counters.spans, spans.len() as u64, "{}", self.name);
        assert_eq!(counters.losses().count(), 0, "{}: {counters:?}", self.name);
        spans
    }

    fn for_each_trace(&self, mut take: impl FnMut(Vec<u8>)) {
        for file in &self.files {
            let name = file.display();
            if self.is_stream {
                let source = File::open(file).unwrap_or_else(|error| panic!("{name}: {error}"));
                let mut stream = TraceStream::new(source);
                while let Some(trace) = stream.next_trace().unwrap_or_else(|error| panic!("{name}: {error}"))
                {
                    take(trace.to_vec());
                }
            } else {
                take(fs::read(file).unwrap_or_else(|error| panic!("{name}: {error}")));
            }
        }
    }
}
