//! What a recorded program says that it did, in the files beside the fork's recordings.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub(crate) struct Truth {
    pub(crate) scenario: String,
    pub(crate) trace_files: Vec<String>,
    /// The fork's filter; 1 stands for scheduling and whatever else is stock.
    pub(crate) event_filter_seen_while_running: u32,
    pub(crate) ops: Vec<Operation>,
}

/// Something that the program did. Times were taken just before and just after it.
#[derive(Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) name: String,
    #[serde(rename = "start_unix_ns")]
    pub(crate) start: u64,
    #[serde(rename = "end_unix_ns")]
    pub(crate) end: u64,
    pub(crate) status: Option<i64>,
    trace_id_xor: Option<String>,
    span_id: Option<String>,
    pub(crate) err: Option<String>,
    #[serde(default)]
    extra: Map<String, Value>,
}

impl Truth {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn has_scheduling(&self) -> bool {
        self.event_filter_seen_while_running & 1 != 0
    }
}

impl Operation {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.extra.get(key)?.as_str()
    }

    pub(crate) fn number(&self, key: &str) -> Option<i64> {
        self.extra.get(key)?.as_i64()
    }

    pub(crate) fn time(&self, key: &str) -> Option<u64> {
        self.extra.get(key)?.as_u64()
    }

    /// A number that is written in hexadecimal digits behind `0x`.
    pub(crate) fn hexadecimal(&self, key: &str) -> Option<u64> {
        self.text(key).map(hexadecimal)
    }

    /// The trace id as the fork writes it, where the program could know it.
    pub(crate) fn trace_id_fold(&self) -> Option<u64> {
        self.trace_id_xor.as_deref().map(hexadecimal).or_else(|| {
            let (trace_id, _) = self.context()?;
            Some((trace_id >> 64) as u64 ^ trace_id as u64)
        })
    }

    pub(crate) fn span_id(&self) -> Option<u64> {
        self.span_id.as_deref().map(hexadecimal).or_else(|| Some(self.context()?.1))
    }

    /// Where the program looked into the last of several requests only.
    fn context(&self) -> Option<(u128, u64)> {
        context(self.text("last_traceparent")?)
    }

    /// Whether it took place while `other` did.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        other.start <= self.start && self.end <= other.end
    }

    /// Every text that says something of it.
    pub(crate) fn texts(&self) -> Vec<&str> {
        fn add<'t>(value: &'t Value, texts: &mut Vec<&'t str>) {
            match value {
                Value::String(text) => texts.push(text),
                Value::Array(values) => values.iter().for_each(|value| add(value, texts)),
                Value::Object(values) => values.values().for_each(|value| add(value, texts)),
                _ => {}
            }
        }
        let mut texts = vec![&*self.name];
        texts.extend(self.err.as_deref());
        self.extra.values().for_each(|value| add(value, &mut texts));
        texts
    }
}

/// The ids of a `traceparent`.
pub(crate) fn context(traceparent: &str) -> Option<(u128, u64)> {
    let mut parts = traceparent.split('-').skip(1);
    let trace_id = u128::from_str_radix(parts.next()?, 16).ok()?;
    Some((trace_id, u64::from_str_radix(parts.next()?, 16).ok()?))
}

fn hexadecimal(text: &str) -> u64 {
    let digits = text.strip_prefix("0x").unwrap_or_else(|| panic!("{text:?} is not hexadecimal"));
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}
