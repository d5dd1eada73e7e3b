//! What a program says of its spans in logs whose messages are JSON objects: `docs/span-logs.md`.

mod json;

use std::{borrow::Cow, sync::Arc};

use go_trace_context::{SpanId, TraceParent};
use go_trace_format::{Text, Time};
use go_trace_sanitize::Dialect;
use opentelemetry_semantic_conventions::attribute as keys;

use crate::{
    form::{Ending, Form, Missing},
    identity::SpanContext,
    said::json::Member,
    span::{Attribute, SpanKind, Status, Value},
    text::Texts,
};

/// Which span a log says something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The task that the log is in.
    Task,
    /// The innermost region of the goroutine that is in the log's task.
    Region,
    /// The task that begins next on the goroutine, if it has the name that is said.
    Next,
}

impl Of {
    /// By the log's category. Case matters.
    pub(crate) fn category(category: &[u8]) -> Option<Self> {
        match category {
            b"otel.span" => Some(Self::Task),
            b"otel.region" => Some(Self::Region),
            b"otel.next" => Some(Self::Next),
            _ => None,
        }
    }
}

/// What was said of a span until now.
#[derive(Debug, Default)]
pub(crate) struct Said {
    name: Option<Arc<str>>,
    kind: Option<SpanKind>,
    outcome: Option<Outcome>,
    /// The description of a failure.
    message: Option<Arc<str>>,
    pub(crate) attributes: Vec<Attribute>,
    dropped_attributes: u32,
    /// The database that it asks, whether there is room for the attribute or not.
    database: Option<Arc<str>>,
    /// The database by whose dialect the query's text was read, if there is one.
    read_by: Option<Arc<str>>,
    /// Since when it is, for where its begin was not seen.
    began: Option<Time>,
    /// Since when it was, whatever was seen: it was over when it began in the trace.
    was_since: Option<Time>,
    /// The span around it, for where its begin was not seen.
    pub(crate) within: Option<SpanContext>,
}

/// How a span ended. Without its description, which may be said before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unset,
    Ok,
    Error,
}

impl Outcome {
    fn named(name: &str) -> Option<Self> {
        match name {
            "unset" => Some(Self::Unset),
            "ok" => Some(Self::Ok),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

/// What one log says.
#[derive(Debug, Default)]
pub(crate) struct Saying {
    pub(crate) own: Option<TraceParent>,
    pub(crate) parent: Option<TraceParent>,
    pub(crate) said: Said,
    /// As it was said: which dialect it is of may have been said before.
    pub(crate) query: Option<Arc<str>>,
}

/// A span that takes longer is none: a year, in nanoseconds.
const LONGEST: i64 = 366 * 24 * 3_600 * 1_000_000_000;

impl Saying {
    /// The name of the task that begins next, and the context that it has.
    pub(crate) fn into_next(self) -> Option<(Arc<str>, TraceParent)> {
        self.said.name.zip(self.own)
    }

    /// Reads the message of a log that was written at `time`, and keeps so many attributes of it at most. None where it is not of
    /// this form.
    pub(crate) fn read(message: &[u8], time: Time, most: usize, texts: &mut Texts) -> Option<Self> {
        let message = core::str::from_utf8(message).ok()?;
        let (mut saying, mut later) = (Self::default(), Later { most, parent: None, query: None });
        json::members(message, |key, value| saying.add(&key, value, time, texts, &mut later))?;
        saying.parent = match later.parent {
            Some(text) => Some(saying.parent_of(&text)?),
            None => None,
        };
        saying.query = later.query.map(|query| query.as_ref().into());
        Some(saying)
    }

    /// A whole context, or the id of a span of the same trace.
    fn parent_of(&self, text: &str) -> Option<TraceParent> {
        match SpanId::from_hex(text.as_bytes()) {
            Ok(parent) => Some(self.own?.with_span_id(parent)),
            Err(_) => context(text),
        }
    }

    fn add<'a>(
        &mut self,
        key: &str,
        value: Member<'a>,
        time: Time,
        texts: &mut Texts,
        later: &mut Later<'a>,
    ) -> Option<()> {
        let said = &mut self.said;
        match (key, value) {
            (_, Member::Null) => {}
            ("traceparent", Member::Text(text)) => self.own = Some(context(&text)?),
            ("parent", Member::Text(text)) => later.parent = Some(text),
            ("within", Member::Text(text)) => said.within = Some(context(&text)?.into()),
            ("name", Member::Text(text)) if !text.is_empty() => {
                said.name = Some(texts.name(Text::from(text.as_bytes()), ""));
            }
            ("kind", Member::Text(text)) => said.kind = Some(kind(&text)?),
            ("status", Member::Text(text)) => said.outcome = Some(Outcome::named(&text)?),
            ("message", Member::Text(text)) => said.message = Some(texts.attribute("message", &text)),
            ("duration", Member::Integer(duration)) => said.began = Some(before(time, duration)?),
            ("lasted", Member::Integer(duration)) => said.was_since = Some(before(time, duration)?),
            ("attributes", Member::Object(attributes)) => {
                json::members(attributes, |key, value| said.add_attribute(&key, value, texts, later))?;
            }
            (key, value) => said.add_attribute(key, value, texts, later)?,
        }
        Some(())
    }
}

/// What is read when all else of a message is known, and how many attributes are kept of it.
#[derive(Debug)]
struct Later<'a> {
    most: usize,
    parent: Option<Cow<'a, str>>,
    query: Option<Cow<'a, str>>,
}

fn context(text: &str) -> Option<TraceParent> {
    TraceParent::from_bytes(text.as_bytes()).ok()
}

fn before(time: Time, duration: i64) -> Option<Time> {
    (0..=LONGEST).contains(&duration).then(|| Time(time.0.saturating_sub(duration)))
}

fn kind(name: &str) -> Option<SpanKind> {
    use SpanKind as K;
    [K::Internal, K::Server, K::Client, K::Producer, K::Consumer].into_iter().find(|kind| kind.name() == name)
}

impl Said {
    /// The status. Whoever describes a failure and names no status means one.
    fn status(&self) -> Option<Status> {
        Some(match (self.outcome, &self.message) {
            (Some(Outcome::Unset), _) => Status::Unset,
            (Some(Outcome::Ok), _) => Status::Ok,
            (Some(Outcome::Error) | None, Some(message)) => Status::error(message.as_ref().to_owned()),
            (Some(Outcome::Error), None) => Status::ERROR,
            (None, None) => return None,
        })
    }

    fn add_attribute<'a>(
        &mut self,
        key: &str,
        value: Member<'a>,
        texts: &mut Texts,
        later: &mut Later<'a>,
    ) -> Option<()> {
        if key.is_empty() || key.starts_with("gotrace.") {
            // Those are ours to say.
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            return Some(());
        }
        let value = match value {
            Member::Null => return Some(()),
            Member::Text(query) if QUERIES.contains(&key) => {
                later.query = Some(query);
                return Some(());
            }
            _ if is_secret(key) || QUERIES.contains(&key) => Value::Text("REDACTED".into()),
            Member::Text(text) => {
                let text = texts.attribute(key, &text);
                if key == keys::DB_SYSTEM_NAME {
                    self.database = Some(Arc::clone(&text));
                }
                Value::Text(text)
            }
            Member::Object(_) | Member::List(_) if Texts::has_rule(key) => Value::Text("REDACTED".into()),
            Member::Object(text) | Member::List(text) => {
                // What is behind escapes the sanitizer would not see.
                Value::Text(texts.attribute(key, &json::with_least_escapes(text)?))
            }
            Member::Integer(number) => texts.number(key, number),
            Member::Float(number) => texts.number(key, number),
            Member::Boolean(yes) => yes.into(),
        };
        let key = match KNOWN.into_iter().find(|known| *known == key) {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(texts.name(Text::from(key.as_bytes()), "").as_ref().to_owned()),
        };
        if self.attributes.len() < later.most || self.attribute(&key).is_some() {
            self.put(Attribute { key, value });
        } else {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
        }
        Some(())
    }

    /// Adds a query that was said of what this was known of, in a program that asks `database` unless it says another.
    pub(crate) fn add_query(&mut self, query: &str, known: &Self, database: &Arc<str>, texts: &mut Texts) {
        if query.is_empty() {
            return;
        }
        let system = self.database.as_ref().or(known.database.as_ref()).unwrap_or(database);
        let system = Arc::clone(system);
        let (query, summary) = texts.query(query, &system);
        self.put(Attribute::new(keys::DB_QUERY_TEXT, query));
        if !summary.is_empty() && self.attribute(keys::DB_QUERY_SUMMARY).is_none() {
            self.put(Attribute::new(keys::DB_QUERY_SUMMARY, summary));
        }
        self.read_by = Some(system);
    }

    fn put(&mut self, attribute: Attribute) {
        match self.attributes.iter_mut().find(|known| known.key == attribute.key) {
            Some(known) => *known = attribute,
            None => self.attributes.push(attribute),
        }
    }

    fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| &attribute.value)
    }

    /// Whether it is said of something asked of a database.
    pub(crate) fn is_of_database(&self) -> bool {
        self.database.is_some()
    }

    /// Adds what was said later, with so many attributes more at most. Gives how many these are.
    pub(crate) fn hear(&mut self, later: Self, most: usize) -> usize {
        let before = self.attributes.len();
        let Self { name, kind, outcome, message, attributes, dropped_attributes, .. } = later;
        let Self { database, read_by, began, was_since, within, .. } = later;
        for attribute in attributes {
            if self.attributes.len() - before < most || self.attribute(&attribute.key).is_some() {
                self.put(attribute);
            } else {
                self.dropped_attributes = self.dropped_attributes.saturating_add(1);
            }
        }
        self.name = name.or(self.name.take());
        self.kind = kind.or(self.kind);
        // Who describes a failure takes back what was said before.
        let means_error = outcome.is_none() && message.is_some();
        self.outcome = outcome.or(self.outcome.filter(|_| !means_error));
        self.message = message.or(self.message.take());
        self.dropped_attributes = self.dropped_attributes.saturating_add(dropped_attributes);
        self.database = database.or(self.database.take());
        self.read_by = read_by.or(self.read_by.take());
        self.began = began.or(self.began);
        self.was_since = was_since.or(self.was_since);
        self.within = within.or(self.within);
        self.attributes.len() - before
    }

    /// Drops the query if it was read by the dialect of another database than the one that was said: what that takes for a
    /// name may be a literal.
    fn check_query(&mut self) {
        let dialect = |system: &Arc<str>| Dialect::from_db_system_name(system);
        let (Some(read_by), Some(database)) = (&self.read_by, &self.database) else { return };
        if dialect(read_by) == dialect(database) {
            return;
        }
        let before = self.attributes.len();
        self.attributes.retain(|it| it.key != keys::DB_QUERY_TEXT && it.key != keys::DB_QUERY_SUMMARY);
        let dropped = u32::try_from(before - self.attributes.len()).unwrap_or(u32::MAX);
        self.dropped_attributes = self.dropped_attributes.saturating_add(dropped);
    }

    /// What a query is called where nothing else was said: by its summary, else by its database.
    fn name_of_query(&self) -> Option<Arc<str>> {
        let read_by = self.read_by.as_ref()?;
        Some(match self.attribute(keys::DB_QUERY_SUMMARY) {
            Some(Value::Text(summary)) => Arc::clone(summary),
            _ => Arc::clone(self.database.as_ref().unwrap_or(read_by)),
        })
    }

    /// Puts into the form and the ending of a span what was said of it, and gives what its begin is to be.
    pub(crate) fn conclude(mut self, form: &mut Form, ending: &mut Ending) -> Begin {
        self.check_query();
        let name = self.name.take().or_else(|| self.name_of_query());
        form.name = name.or(form.name.take());
        form.kind = self.kind.unwrap_or(form.kind);
        if let Some(status) = self.status() {
            form.status = status;
        }
        let has_code = self.attributes.iter().any(|attribute| attribute.key == keys::CODE_FUNCTION_NAME);
        // A query has a database, said or not. OpenTelemetry: database spans.
        if let (Some(read_by), None) = (self.read_by.take(), self.attribute(keys::DB_SYSTEM_NAME)) {
            self.attributes
                .push(Attribute::new(keys::DB_SYSTEM_NAME, self.database.take().unwrap_or(read_by)));
        }
        form.attributes.extend(self.attributes);
        form.dropped_attributes += self.dropped_attributes;
        let lacks_begin = matches!(ending.missing, Some(Missing::Start | Missing::Both));
        let began =
            self.was_since.or(self.began.filter(|_| lacks_begin)).filter(|began| *began <= ending.time);
        if began.is_some() {
            ending.missing = ending.missing.filter(|missing| *missing != Missing::Start);
        }
        Begin { time: began, has_code }
    }
}

/// What was said of the begin of a span.
pub(crate) struct Begin {
    /// When it was, if not when it was seen.
    pub(crate) time: Option<Time>,
    /// Where in the source it was is among the attributes.
    pub(crate) has_code: bool,
}

/// Keys of a query, today's and the former one: it goes out by today's.
const QUERIES: [&str; 2] = [keys::DB_QUERY_TEXT, "db.statement"];

/// Whether the key is of what the rules of URLs and queries take out of these.
fn is_secret(key: &str) -> bool {
    const PARAMETERS: [&str; 2] = ["db.query.parameter", "db.operation.parameter"];
    matches!(key, keys::URL_QUERY | keys::URL_FRAGMENT)
        || PARAMETERS.iter().any(|prefix| key.starts_with(prefix))
}

/// Keys that come again and again.
const KNOWN: [&str; 18] = [
    keys::HTTP_REQUEST_METHOD,
    keys::HTTP_RESPONSE_STATUS_CODE,
    keys::HTTP_ROUTE,
    keys::URL_PATH,
    keys::URL_FULL,
    keys::SERVER_ADDRESS,
    keys::SERVER_PORT,
    keys::ERROR_TYPE,
    keys::DB_SYSTEM_NAME,
    keys::DB_NAMESPACE,
    keys::DB_OPERATION_NAME,
    keys::DB_QUERY_SUMMARY,
    keys::CODE_FUNCTION_NAME,
    keys::CODE_FILE_PATH,
    keys::CODE_LINE_NUMBER,
    keys::TLS_PROTOCOL_VERSION,
    keys::TLS_CIPHER,
    keys::TLS_ESTABLISHED,
];

crate::saved::saved!(Said {
    name,
    kind,
    outcome,
    message,
    attributes,
    dropped_attributes,
    database,
    read_by,
    began,
    was_since,
    within,
});
crate::saved::saved_enum!(Outcome { 0 => Unset, 1 => Ok, 2 => Error });
