//! Spans as a receiver has them.

use std::{
    collections::HashMap,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io::{BufRead, BufReader},
    path::Path,
    sync::Arc,
};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, Span as Proto, span::SpanKind},
};
use prost::Message;

/// The scopes that kinds of spans come under.
pub(crate) const TASK: &str = "gotrace.task";
pub(crate) const REGION: &str = "gotrace.region";
pub(crate) const RANGE: &str = "gotrace.range";

/// Which span, all over the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) trace: u128,
    pub(crate) span: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) key: Key,
    /// 0: none.
    pub(crate) parent: u64,
    pub(crate) service: Arc<str>,
    pub(crate) scope: Arc<str>,
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    /// 0 where nobody knows.
    pub(crate) goroutine: i64,
    /// In nanoseconds since 1970, as all times here.
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) events: Vec<(String, u64)>,
    pub(crate) is_incomplete: bool,
    /// Of all its bytes, and of the resource and scope that it came with.
    digest: u64,
}

/// All spans that a receiver has, each once.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    pub(crate) all: HashMap<Key, Span>,
    /// How many came again.
    pub(crate) repeated: usize,
    /// Those that came again, and were not the same.
    pub(crate) differing: Vec<String>,
    /// Texts that no receiver may see, and which it has seen.
    pub(crate) leaks: Vec<String>,
}

impl Spans {
    /// Reads the Collector's file, in which none of `secrets` may be.
    pub(crate) fn read(file: &Path, secrets: &[&str]) -> Result<Self> {
        let mut spans = Self::default();
        let lines = File::open(file).with_context(|| file.display().to_string())?;
        for line in BufReader::new(lines).lines() {
            let line = line?;
            spans.look_for(secrets, &line);
            let request: ExportTraceServiceRequest = serde_json::from_str(&line)
                .with_context(|| format!("{}: not a request: {line:.200}", file.display()))?;
            spans.add(&request.resource_spans);
        }
        Ok(spans)
    }

    pub(crate) fn look_for(&mut self, secrets: &[&str], text: &str) {
        for secret in secrets {
            let Some(at) = text.find(secret) else { continue };
            let around = |at: usize| (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            let (begin, end) = (around(at.saturating_sub(60)), around((at + secret.len()).min(text.len())));
            self.leaks.push(text[begin..end].to_owned());
        }
    }

    pub(crate) fn add(&mut self, resources: &[ResourceSpans]) {
        for span in decode(resources) {
            let Some(first) = self.all.get(&span.key) else {
                self.all.insert(span.key, span);
                continue;
            };
            self.repeated += 1;
            if first.digest != span.digest {
                self.differing.push(format!("{first:?} and {span:?}"));
            }
        }
    }

    pub(crate) fn of_scope<'s>(&'s self, scope: &'s str) -> impl Iterator<Item = &'s Span> {
        self.all.values().filter(move |span| &*span.scope == scope)
    }
}

/// The spans of a request.
pub(crate) fn decode(resources: &[ResourceSpans]) -> impl Iterator<Item = Span> + '_ {
    resources.iter().flat_map(|resource| {
        let attributes = resource.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        let service: Arc<str> = text(attributes, "service.name").unwrap_or_default().into();
        let around = resource.resource.as_ref().map(Message::encode_to_vec);
        resource.scope_spans.iter().flat_map(move |of_scope| {
            let scope = of_scope.scope.clone().unwrap_or_default();
            let name: Arc<str> = scope.name.as_str().into();
            let around = (around.clone(), scope.encode_to_vec());
            let service = Arc::clone(&service);
            of_scope.spans.iter().map(move |span| decode_span(span, &service, &name, &around))
        })
    })
}

fn decode_span(span: &Proto, service: &Arc<str>, scope: &Arc<str>, around: &impl Hash) -> Span {
    let mut whole = span.clone();
    // The Collector writes a status that is not there as an empty one: they mean the same.
    whole.status.get_or_insert_default();
    let mut digest = DefaultHasher::new();
    (whole.encode_to_vec(), around).hash(&mut digest);
    Span {
        key: Key { trace: number(&span.trace_id), span: number(&span.span_id) as u64 },
        parent: number(&span.parent_span_id) as u64,
        service: Arc::clone(service),
        scope: Arc::clone(scope),
        name: span.name.clone(),
        kind: span.kind(),
        goroutine: integer(&span.attributes, "gotrace.goroutine.id").unwrap_or_default(),
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        events: span.events.iter().map(|event| (event.name.clone(), event.time_unix_nano)).collect(),
        is_incomplete: span.attributes.iter().any(|attribute| attribute.key == "gotrace.incomplete"),
        digest: digest.finish(),
    }
}

fn number(id: &[u8]) -> u128 {
    id.iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    attribute.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

fn integer(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}
