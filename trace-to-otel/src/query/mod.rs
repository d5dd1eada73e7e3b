//! Questions about spans, and about what goroutines did, in a small language.
//!
//! ```
//! use go_trace_context::{SpanId, TraceId};
//! use trace_to_otel::{Scope, Span, UnixTime, query::Query};
//!
//! let query: Query = "name~GET duration>50ms".parse()?;
//! let (trace, id) = (TraceId::from_u128(7).unwrap(), SpanId::from_u64(1).unwrap());
//! let span = |milliseconds: u64| {
//!     let times = (UnixTime(0), UnixTime(milliseconds * 1_000_000));
//!     Span::new(trace, id, Scope::Http, "GET /orders/{id}", times)
//! };
//! assert!(query.matches_span(&span(51), "app.trace"));
//! assert!(!query.matches_span(&span(50), "app.trace"));
//!
//! let error = "name~GET duration>50".parse::<Query>().unwrap_err();
//! assert_eq!(error.place(), 18..20);
//! # Ok::<(), trace_to_otel::query::QueryError>(())
//! ```
//!
//! # Grammar
//!
//! ```text
//! query      = [ any ]                          the empty one matches everything
//! any        = all { "or" all }
//! all        = not { [ "and" ] not }
//! not        = "not" not | "(" any ")" | comparison
//! comparison = field operator value
//! operator   = "=" | "!=" | "~" | "!~" | "<" | "<=" | ">" | ">="
//! field      = word | quoted                    a quoted one is always an attribute
//! value      = word | quoted
//! quoted     = '"' characters '"' | "'" characters "'"     with \ before a quote or a \ in it
//! ```
//!
//! A value that is no quoted one does not begin with an operator, and ends before a space or a parenthesis; a field ends before an
//! operator too. Spaces are free around
//! operators.
//!
//! | field | is |
//! |---|---|
//! | `name`, `scope` | a text: the span's name, its instrumentation scope (`gotrace.http`) |
//! | `kind`, `status` | `internal`, `server`, `client`, `producer` or `consumer`; `unset`, `ok` or `error` |
//! | `trace_id`, `span_id`, `parent_id` | hexadecimal digits |
//! | `function` | a text: the function that it began in |
//! | `goroutine` | a number |
//! | `file` | the path of the file, or only its name |
//! | `duration` | a duration |
//! | `running`, `runnable`, `syscall`, `waiting`, `waiting.network`, `.sync`, `.channel`, `.select`, `.sleep`, `.gc`, `.other`, `gc_assist` | durations: the [parts](crate::Anatomy) of it |
//! | `goroutine.state` | `running`, `runnable`, `syscall` or `waiting` |
//! | `reason`, `place` | a text: why a goroutine came to be in its state, in the runtime's words (`sync`, `chan receive`), and where in the source |
//! | any other name with a dot, such as `http.route`, or in quotes | an attribute; one that begins with `goroutine.` only in quotes |
//!
//! A query that has one of `goroutine.state`, `reason` and `place` in it is about what goroutines did, of which `function` (that it
//! began with, as far as the trace had told by then), `goroutine`, `file` and `duration` tell too; all others are about spans. None is about both.
//!
//! `=` compares whole texts, in which a `*` stands for any text; `~` asks whether a text has the value in it. Both tell capital
//! letters from small ones. Durations are written with their units, as `1.5ms`; attributes that are numbers are compared by `<` and
//! its like with numbers, or with durations, which are seconds there, and so are texts that are numbers. `!=` and `!~` are the opposite of `=` and `~`, and so
//! true of what does not have the field; all else is not.

mod compare;
mod display;
mod error;
mod field;
mod lexer;
mod parse;
mod pattern;
mod stretch;
#[cfg(test)]
mod tests;

pub use error::QueryError;
pub use pattern::{Pattern, PatternError};
pub use stretch::Stretch;

use crate::span::Span;
use field::{Field, TextField, TimeField};

/// A question: which spans are wanted, or what that goroutines did. See [the module](self) for how one is written.
///
/// Its [`Display`](std::fmt::Display) is a query that is equal to it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query(Option<Condition>);

/// What is true of a record, or not.
#[derive(Clone, Debug, PartialEq)]
enum Condition {
    /// Two or more, all of which have to be true.
    All(Vec<Condition>),
    /// Two or more, one of which has to be true.
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Is(Comparison),
}

/// A field compared with a value.
#[derive(Clone, Debug, PartialEq)]
enum Comparison {
    Text(TextField, TextOperator, Pattern),
    Time(TimeField, Order, u64),
    Goroutine(Order, i64),
    /// The key, whether it is or has a text.
    AttributeText(Box<str>, TextOperator, Pattern),
    /// The key, how its number compares with that of the text.
    AttributeNumber(Box<str>, Order, Number),
}

/// Whether a text matches, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextOperator {
    Matches,
    Differs,
}

/// How two numbers stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A number, and whether it was written as a duration: then in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Plain(f64),
    Nanoseconds(u64),
}

/// What a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// Spans.
    Spans,
    /// What goroutines did: a [`Stretch`] each.
    Stretches,
}

impl Query {
    /// What it is about. It is true of nothing else, but where `not` or `!=` makes it so.
    #[must_use]
    pub fn subject(&self) -> Subject {
        self.0.as_ref().and_then(Condition::subject).unwrap_or(Subject::Spans)
    }

    /// Whether what a goroutine did, as a file has it, matches.
    #[must_use]
    pub fn matches_stretch(&self, stretch: &Stretch<'_>, file: &str) -> bool {
        self.matches(&compare::StretchRecord { stretch, file })
    }

    /// Whether a span of a file matches.
    #[must_use]
    pub fn matches_span(&self, span: &Span, file: &str) -> bool {
        self.matches(&compare::SpanRecord { span, file })
    }

    fn matches(&self, record: &impl compare::Record) -> bool {
        self.0.as_ref().is_none_or(|condition| condition.is_true_of(record))
    }
}

impl Condition {
    fn subject(&self) -> Option<Subject> {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().find_map(Self::subject),
            Self::Not(condition) => condition.subject(),
            Self::Is(comparison) => comparison.field().subject(),
        }
    }

    fn is_true_of(&self, record: &impl compare::Record) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|condition| condition.is_true_of(record)),
            Self::Any(conditions) => conditions.iter().any(|condition| condition.is_true_of(record)),
            Self::Not(condition) => !condition.is_true_of(record),
            Self::Is(comparison) => comparison.is_true_of(record),
        }
    }
}

impl Comparison {
    fn field(&self) -> Field {
        match self {
            Self::Text(field, ..) => Field::Text(*field),
            Self::Time(field, ..) => Field::Time(*field),
            Self::Goroutine(..) => Field::Goroutine,
            Self::AttributeText(key, ..) | Self::AttributeNumber(key, ..) => Field::Attribute(key.clone()),
        }
    }
}
