//! pprof's format: `proto/profile.proto` of `github.com/google/pprof`, compressed by gzip.

use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};
use indexmap::IndexSet;
use prost::Message;

use crate::profiles::profile::{Profile, ProfileFrame, Sample};

impl Profile<'_> {
    /// Writes the profile in pprof's format, compressed: `go tool pprof FILE` opens it.
    ///
    /// Each sample has its count and, where the [kind has times](crate::profiles::ProfileKind::has_times), its nanoseconds, which
    /// are what is shown unless asked otherwise; the reason is its label `reason`, and its span the labels `trace_id` and `span_id`,
    /// by which `-tagfocus` finds it. They take a sample for each span; [`without_spans`](Self::without_spans) has none. Frames keep their program counters. The types
    /// of the profiles that Go's tool makes too are that tool's: `contentions` and `delay`. Go: `traceviewer.BuildProfile`.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_pprof(&self, out: impl Write) -> io::Result<()> {
        let mut compressed = GzEncoder::new(out, Compression::default());
        compressed.write_all(&self.pprof().encode_to_vec())?;
        compressed.finish()?.flush()
    }

    fn pprof(&self) -> ProfileMessage {
        let mut tables = Tables::default();
        let samples = self.samples().iter().map(|sample| tables.sample(sample, self.kind().has_times()));
        let sample = samples.collect();
        let (count, time) = self.kind().values();
        let mut value_type = |kind, unit| ValueType { r#type: tables.text(kind), unit: tables.text(unit) };
        let mut sample_type = vec![value_type(count, "count")];
        if self.kind().has_times() {
            sample_type.push(value_type(time, "nanoseconds"));
        }
        let default_sample_type = sample_type.last().map_or(0, |last| last.r#type);
        let period_type = Some(value_type("trace", "count"));
        let (location, function) = tables.locations();
        ProfileMessage {
            sample_type,
            sample,
            location,
            function,
            time_nanos: to_signed(self.period().start.0),
            duration_nanos: to_signed(self.period().duration),
            period_type,
            period: 1,
            default_sample_type,
            string_table: tables.texts.into_iter().collect(),
        }
    }
}

/// What samples refer to by number: texts from 0, which is the empty one, and places and functions from 1.
#[derive(Debug)]
struct Tables<'p> {
    texts: IndexSet<String, foldhash::fast::RandomState>,
    frames: IndexSet<ProfileFrame<'p>, foldhash::fast::RandomState>,
}

impl Default for Tables<'_> {
    fn default() -> Self {
        Self { texts: IndexSet::from_iter([String::new()]), frames: IndexSet::default() }
    }
}

impl<'p> Tables<'p> {
    fn text(&mut self, text: &str) -> i64 {
        let known = self.texts.get_index_of(text);
        known.unwrap_or_else(|| self.texts.insert_full(text.to_owned()).0) as i64
    }

    fn sample(&mut self, sample: &Sample<'p>, has_times: bool) -> SampleMessage {
        let mut frame = |frame| self.frames.insert_full(frame).0 as u64 + 1;
        let location_id = match sample.stack.without_frames() {
            Some(instead) => vec![frame(ProfileFrame { pc: 0, function: instead, file: "", line: 0 })],
            None => sample.stack.frames().map(frame).collect(),
        };
        let mut value = vec![to_signed(sample.count)];
        if has_times {
            value.push(to_signed(sample.nanoseconds));
        }
        let mut label = Vec::new();
        if let Some(reason) = sample.reason {
            label.push(self.label("reason", reason));
        }
        if let Some(span) = sample.span {
            label.push(self.label("trace_id", &span.trace_id.to_string()));
            label.push(self.label("span_id", &span.span_id.to_string()));
        }
        SampleMessage { location_id, value, label }
    }

    fn label(&mut self, key: &str, value: &str) -> Label {
        Label { key: self.text(key), str: self.text(value) }
    }

    /// The frames as places, and their functions.
    fn locations(&mut self) -> (Vec<Location>, Vec<Function>) {
        let mut functions = IndexSet::<_, foldhash::fast::RandomState>::default();
        let mut locations = Vec::with_capacity(self.frames.len());
        for (place, frame) in self.frames.iter().enumerate() {
            let function_id = functions.insert_full((frame.function, frame.file)).0 as u64 + 1;
            let line = vec![Line { function_id, line: to_signed(frame.line) }];
            locations.push(Location { id: place as u64 + 1, address: frame.pc, line });
        }
        let mut function = |place, (name, file)| {
            let name = self.text(name);
            Function { id: place as u64 + 1, name, system_name: name, filename: self.text(file) }
        };
        let functions = functions.into_iter().enumerate().map(|(place, names)| function(place, names));
        (locations, functions.collect())
    }
}

fn to_signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `Profile`.
#[derive(Clone, PartialEq, Message)]
struct ProfileMessage {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<SampleMessage>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

/// `ValueType`.
#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    r#type: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

/// `Sample`.
#[derive(Clone, PartialEq, Message)]
struct SampleMessage {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

/// `Label`.
#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
}

/// `Location`.
#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

/// `Line`.
#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

/// `Function`.
#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}
