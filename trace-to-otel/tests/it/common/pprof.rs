//! pprof's format: what is read of it here (`proto/profile.proto` of `github.com/google/pprof`).

use std::{collections::HashMap, io::Read};

use flate2::read::GzDecoder;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Profile {
    #[prost(message, repeated, tag = "1")]
    pub(crate) sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    pub(crate) string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    pub(crate) time_nanos: i64,
    #[prost(int64, tag = "10")]
    pub(crate) duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    pub(crate) period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    pub(crate) period: i64,
    #[prost(int64, tag = "14")]
    pub(crate) default_sample_type: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueType {
    #[prost(int64, tag = "1")]
    pub(crate) r#type: i64,
    #[prost(int64, tag = "2")]
    pub(crate) unit: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    pub(crate) location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    pub(crate) value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) label: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(int64, tag = "1")]
    pub(crate) key: i64,
    #[prost(int64, tag = "2")]
    pub(crate) text: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Location {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(uint64, tag = "3")]
    pub(crate) address: u64,
    #[prost(message, repeated, tag = "4")]
    pub(crate) line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Line {
    #[prost(uint64, tag = "1")]
    pub(crate) function_id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) line: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Function {
    #[prost(uint64, tag = "1")]
    pub(crate) id: u64,
    #[prost(int64, tag = "2")]
    pub(crate) name: i64,
    #[prost(int64, tag = "3")]
    pub(crate) system_name: i64,
    #[prost(int64, tag = "4")]
    pub(crate) filename: i64,
}

/// A frame of a stack: program counter, function, file and line.
pub(crate) type Frame = (u64, String, String, i64);

/// A sample that refers to nothing.
#[derive(Debug)]
pub(crate) struct SpelledOut<'p> {
    /// Innermost first.
    pub(crate) frames: Vec<Frame>,
    pub(crate) labels: Vec<(&'p str, &'p str)>,
    pub(crate) values: Vec<i64>,
}

impl Profile {
    /// Reads a compressed profile.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut decompressed = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut decompressed).expect("gzip");
        Self::decode(&*decompressed).expect("a profile")
    }

    pub(crate) fn text(&self, index: i64) -> &str {
        &self.string_table[usize::try_from(index).expect("an index")]
    }

    /// The samples, with all that they refer to.
    pub(crate) fn spelled_out(&self) -> Vec<SpelledOut<'_>> {
        let functions: HashMap<_, _> = self.function.iter().map(|function| (function.id, function)).collect();
        let frame = |location: &Location| {
            let [line] = &location.line[..] else { panic!("{location:?}") };
            let function = functions[&line.function_id];
            let (name, file) = (self.text(function.name), self.text(function.filename));
            (location.address, name.to_owned(), file.to_owned(), line.line)
        };
        let locations: HashMap<_, _> =
            self.location.iter().map(|location| (location.id, frame(location))).collect();
        let samples = self.sample.iter().map(|sample| {
            let frames = sample.location_id.iter().map(|id| locations[id].clone()).collect();
            let labels = sample.label.iter().map(|label| (self.text(label.key), self.text(label.text)));
            SpelledOut { frames, labels: labels.collect(), values: sample.value.clone() }
        });
        samples.collect()
    }
}
