//! What an application says that it did: `examples/go-app/journal.go`.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde::Deserialize;

use crate::spans::{Key, Spans};

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    /// `server`, `client` or `span` of a span, and what else there is.
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    trace_id: String,
    #[serde(default)]
    span_id: String,
    #[serde(default)]
    parent: String,
    /// In nanoseconds since 1970.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Entry {
    /// Of a span.
    pub(crate) fn span_kind(&self) -> SpanKind {
        match &*self.kind {
            "server" => SpanKind::Server,
            "client" => SpanKind::Client,
            _ => SpanKind::Internal,
        }
    }

    /// Whether its trace begins with it.
    pub(crate) fn is_root(&self) -> bool {
        self.parent() == 0 && self.span_kind() == SpanKind::Server
    }

    /// Of the span, or of the one that the region or log is in.
    pub(crate) fn key(&self) -> Key {
        Key {
            trace: u128::from_str_radix(&self.trace_id, 16).unwrap_or_default(),
            span: u64::from_str_radix(&self.span_id, 16).unwrap_or_default(),
        }
    }

    /// 0 where the entry names none.
    pub(crate) fn parent(&self) -> u64 {
        u64::from_str_radix(&self.parent, 16).unwrap_or_default()
    }
}

/// All that one process did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) service: String,
    pub(crate) spans: Vec<Entry>,
    pub(crate) regions: Vec<Entry>,
    pub(crate) logs: Vec<Entry>,
    /// Garbage collections, by the end of their last pause.
    pub(crate) collections: Vec<Entry>,
    /// The time within which `collections` has all of them, if the process was recorded.
    pub(crate) recorded: Option<(u64, u64)>,
    /// When the process was killed, if it was: some of what it did went with it.
    pub(crate) killed: Option<u64>,
}

impl Journal {
    pub(crate) fn read(service: &str, file: &Path) -> Result<Self> {
        Self::parse(service, &read(file)?).with_context(|| file.display().to_string())
    }

    /// Its spans that a receiver has not.
    pub(crate) fn lost(&self, spans: &Spans) -> impl Iterator<Item = &Entry> {
        self.spans.iter().filter(|entry| !spans.all.contains_key(&entry.key()))
    }

    /// Reads what a process did that was killed at a time, perhaps while it wrote a line.
    pub(crate) fn read_of_killed(service: &str, file: &Path, killed: u64) -> Result<Self> {
        let text = read(file)?;
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let journal = Self::parse(service, whole).with_context(|| file.display().to_string())?;
        Ok(Self { killed: Some(killed), ..journal })
    }

    fn parse(service: &str, text: &str) -> Result<Self> {
        let mut journal = Self { service: service.to_owned(), ..Self::default() };
        for line in text.lines() {
            let entry: Entry = serde_json::from_str(line).with_context(|| line.to_owned())?;
            match &*entry.kind {
                "server" | "client" | "span" => journal.spans.push(entry),
                "region" => journal.regions.push(entry),
                "log" => journal.logs.push(entry),
                "collection" => journal.collections.push(entry),
                "recorded" => journal.recorded = Some((entry.start, entry.end)),
                kind => anyhow::bail!("entry of an unknown kind {kind}"),
            }
        }
        Ok(journal)
    }
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}
