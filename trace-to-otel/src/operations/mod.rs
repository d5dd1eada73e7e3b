//! What the operations of the flight-recorder fork are called, and what is said of them (README, "What becomes a
//! span").
//!
//! Nothing here knows of other events: starts and ends are brought together elsewhere. Texts come as the recorder left
//! them, which is not to be trusted, and go through the sanitizer.

mod cipher_suite;
mod http;
mod net;
mod sql;
mod tls;
mod torn;

use std::{collections::HashMap, sync::Arc};

use go_trace_format::{
    Stack, Text,
    event::{Operation, Outcome},
};
use go_trace_sanitize::Sanitizer;
use opentelemetry_semantic_conventions::attribute::ERROR_TYPE;

use crate::span::{Attribute, Scope, SpanKind, Status};

pub(crate) use net::{CONNECT, LOOK_UP};
pub(crate) use tls::{Side, name_by_side, tls_side};

/// `error.type` of errors of no kind that is known.
const OTHER: &str = "_OTHER";

/// The function that is an operation from its start to its end, where there is one. Go: `crypto/tls.Conn.handshakeContext`,
/// `net/http.Transport.roundTrip`.
const fn function_of(operation: Operation) -> Option<&'static [u8]> {
    match operation {
        Operation::Tls => Some(b"crypto/tls.(*Conn).handshakeContext"),
        Operation::HttpClient => Some(b"net/http.(*Transport).roundTrip"),
        _ => None,
    }
}

/// Whether the stacks of its goroutine show an operation of this kind, if Go's own library makes it.
pub(crate) const fn is_on_stack(operation: Operation) -> bool {
    function_of(operation).is_some()
}

/// How many operations of this kind a goroutine with this stack is in: one may be made in the course of another.
pub(crate) fn calls_in(operation: Operation, stack: Stack<'_>) -> usize {
    let Some(function) = function_of(operation) else { return 0 };
    stack.frames().filter(|frame| frame.function.as_bytes() == function).count()
}

/// A span of an operation, as far as its start tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Described {
    pub(crate) scope: Scope,
    pub(crate) kind: SpanKind,
    pub(crate) name: Arc<str>,
    pub(crate) attributes: Vec<Attribute>,
}

impl Described {
    fn new(scope: Scope, kind: SpanKind, name: impl Into<Arc<str>>) -> Self {
        Self { scope, kind, name: name.into(), attributes: Vec::new() }
    }

    fn with(mut self, attribute: Attribute) -> Self {
        self.attributes.push(attribute);
        self
    }
}

/// Describes operations. Texts come again and again: what was made of the latest ones is remembered.
#[derive(Debug)]
pub(crate) struct Describer {
    sanitizer: Sanitizer,
    database: sql::Database,
    known: [Known; Operation::ALL.len()],
}

/// How many texts of an operation are remembered. Each has at most 1024 bytes.
const MOST_KNOWN: usize = 1024;

/// `None` for what is no span.
type Known = HashMap<Box<[u8]>, Option<Arc<Described>>, foldhash::fast::RandomState>;

impl Describer {
    /// `db_system_name` is what `db.system.name` says of queries, and it chooses the dialect of the sanitizer.
    pub(crate) fn new(sanitizer: Sanitizer, db_system_name: Arc<str>) -> Self {
        Self { sanitizer, database: sql::Database::new(db_system_name), known: Default::default() }
    }

    /// The span that an operation opens; none for what is none, such as the look-up of an IP address.
    pub(crate) fn begin(&mut self, operation: Operation, text: Text<'_>) -> Option<Arc<Described>> {
        let bytes = text.as_bytes();
        let index = index(operation);
        if let Some(known) = self.known[index].get(bytes) {
            return known.clone();
        }
        let described = self.describe(operation, text).map(Arc::new);
        let known = &mut self.known[index];
        if known.len() == MOST_KNOWN {
            known.clear();
        }
        known.insert(bytes.into(), described.clone());
        described
    }

    /// The span of which only the end was seen.
    pub(crate) fn unstarted(&mut self, operation: Operation) -> Option<Arc<Described>> {
        self.begin(operation, Text::from(&[][..]))
    }

    fn describe(&self, operation: Operation, text: Text<'_>) -> Option<Described> {
        Some(match operation {
            Operation::HttpServer => http::server(text, &self.sanitizer),
            Operation::HttpClient => http::client(text, &self.sanitizer),
            Operation::Sql => sql::query(text, &self.database, &self.sanitizer),
            Operation::Tls => tls::begin(text, &self.sanitizer),
            Operation::Dns => return net::look_up(text, &self.sanitizer),
            Operation::Connect => net::connect(text, &self.sanitizer),
            _ => return None,
        })
    }

    /// What the end of an operation adds to its attributes, and its status.
    pub(crate) fn end(&self, outcome: &Outcome<'_>, attributes: &mut Vec<Attribute>) -> Status {
        match *outcome {
            Outcome::HttpServer { status_code } => http::end_server(status_code, attributes),
            Outcome::HttpClient { status_code, error } => http::end_client(status_code, error, attributes),
            Outcome::HttpClientError { error, message } => {
                http::fail_client(error, message, &self.sanitizer, attributes)
            }
            Outcome::Sql { rows_affected, error } => sql::end(rows_affected, error, attributes),
            Outcome::Tls { version, cipher_suite } => tls::end(version, cipher_suite, attributes),
            Outcome::Dns { address_count } => net::end_look_up(address_count, attributes),
            Outcome::Connect { error } => net::end_connect(error, attributes),
            _ => Status::Unset,
        }
    }
}

fn index(operation: Operation) -> usize {
    operation as usize % Operation::ALL.len()
}

/// Says that an operation has failed, and how.
fn fail(error_type: &'static str, attributes: &mut Vec<Attribute>) -> Status {
    attributes.push(Attribute::new(ERROR_TYPE, error_type));
    Status::ERROR
}

crate::saved::saved!(Described { scope, kind, name, attributes });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Value;

    /// What is made of the start of an operation.
    pub(super) fn begin(operation: Operation, text: &str) -> Option<Arc<Described>> {
        let mut describer = Describer::new(Sanitizer::new(), "other_sql".into());
        let first = describer.describe_text(operation, text);
        assert_eq!(describer.describe_text(operation, text), first, "{text} the second time");
        first
    }

    impl Describer {
        fn describe_text(&mut self, operation: Operation, text: &str) -> Option<Arc<Described>> {
            self.begin(operation, Text::from(text.as_bytes()))
        }
    }

    /// The attributes, as text.
    pub(super) fn listed(attributes: &[Attribute]) -> Vec<String> {
        attributes.iter().map(|attribute| format!("{}={}", attribute.key, attribute.value)).collect()
    }

    pub(super) fn end(outcome: Outcome<'_>) -> (Status, Vec<String>) {
        let mut attributes = Vec::new();
        let status = Describer::new(Sanitizer::new(), "other_sql".into()).end(&outcome, &mut attributes);
        (status, listed(&attributes))
    }

    #[test]
    fn each_operation_has_its_own_memory() {
        let indices: std::collections::BTreeSet<_> = Operation::ALL.into_iter().map(index).collect();
        assert_eq!(indices.len(), Operation::ALL.len());
    }

    #[test]
    fn texts_are_forgotten() {
        let mut describer = Describer::new(Sanitizer::new(), "other_sql".into());
        for number in 0..3 * MOST_KNOWN {
            let described =
                describer.describe_text(Operation::HttpServer, &format!("/{number}")).expect("a span");
            let path = described.attributes.last().expect("a path");
            assert_eq!(path.value, Value::from(&*format!("/{number}")));
        }
        assert!(describer.known.iter().all(|known| known.len() <= MOST_KNOWN));
    }
}
