//! Whether something is true of a record.

use std::{borrow::Cow, ffi::OsStr, path::Path};

use super::{
    Comparison, Number, Order, Pattern, Stretch, TextOperator,
    field::{TextField, TimeField},
    parse::nanoseconds,
};
use crate::{
    anatomy::{Anatomy, seconds},
    attribute::GOROUTINE_ID,
    span::{Span, Value},
};

/// What a query is asked about.
pub(super) trait Record {
    /// Whether it has the field, and a value of it is like this.
    fn has(&self, field: TextField, pattern: &Pattern) -> bool;

    /// The field in nanoseconds, if it has it.
    fn nanoseconds(&self, field: TimeField) -> Option<u64>;

    fn goroutine(&self) -> Option<i64>;

    fn attribute(&self, key: &str) -> Option<Cow<'_, Value>>;
}

impl Comparison {
    pub(super) fn is_true_of(&self, record: &impl Record) -> bool {
        match self {
            Self::Text(field, operator, pattern) => operator.holds(record.has(*field, pattern)),
            Self::Time(field, order, nanoseconds) => {
                order.holds(record.nanoseconds(*field).map(|time| time.cmp(nanoseconds)))
            }
            Self::Goroutine(order, number) => order.holds(record.goroutine().map(|id| id.cmp(number))),
            Self::AttributeText(key, operator, pattern) => {
                operator.holds(record.attribute(key).is_some_and(|value| is_like(&value, pattern)))
            }
            Self::AttributeNumber(key, order, number) => {
                let value = record.attribute(key).and_then(|value| number_of(&value));
                order.holds(value.and_then(|value| value.partial_cmp(&number.of_attribute())))
            }
        }
    }
}

impl TextOperator {
    fn holds(self, is_like: bool) -> bool {
        match self {
            Self::Matches => is_like,
            Self::Differs => !is_like,
        }
    }
}

impl Order {
    /// Whether it holds of how the record's value compares with that of the query; none where there is no value.
    fn holds(self, ordering: Option<core::cmp::Ordering>) -> bool {
        match self {
            Self::Equal => ordering.is_some_and(core::cmp::Ordering::is_eq),
            Self::NotEqual => !ordering.is_some_and(core::cmp::Ordering::is_eq),
            Self::Less => ordering.is_some_and(core::cmp::Ordering::is_lt),
            Self::LessOrEqual => ordering.is_some_and(core::cmp::Ordering::is_le),
            Self::Greater => ordering.is_some_and(core::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => ordering.is_some_and(core::cmp::Ordering::is_ge),
        }
    }
}

impl Number {
    /// As attributes have it: OpenTelemetry's durations are in seconds.
    fn of_attribute(self) -> f64 {
        match self {
            Self::Plain(number) => number,
            Self::Nanoseconds(nanoseconds) => seconds(nanoseconds),
        }
    }
}

/// Whether a value is like a text: a number that is equal to it, however it is written, and seconds to a duration, too.
fn is_like(value: &Value, pattern: &Pattern) -> bool {
    match value {
        Value::Text(text) => pattern.matches(text),
        other => pattern.matches(&other.to_string()) || !pattern.is_part() && is_equal(other, pattern.text()),
    }
}

fn is_equal(value: &Value, text: &str) -> bool {
    match (value, text.parse::<i64>()) {
        // Not all of 64 bits have a float of their own.
        (Value::Integer(number), Ok(other)) => *number == other,
        (Value::Integer(number), Err(_)) => text.parse() == Ok(*number as f64),
        (Value::Float(number), _) => {
            text.parse() == Ok(*number) || nanoseconds(text).is_some_and(|time| seconds(time) == *number)
        }
        _ => false,
    }
}

/// The number that a value is, also where it is written as a text, as logs have it.
fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// A span of a file.
pub(super) struct SpanRecord<'a> {
    pub(super) span: &'a Span,
    pub(super) file: &'a str,
}

impl Record for SpanRecord<'_> {
    fn has(&self, field: TextField, pattern: &Pattern) -> bool {
        use TextField as T;
        let span = self.span;
        match field {
            T::Name => pattern.matches(&span.name),
            T::Scope => pattern.matches(span.scope.name()),
            T::Kind => pattern.matches(span.kind.name()),
            T::Status => pattern.matches(span.status.name()),
            T::TraceId => pattern.matches(&span.trace_id.to_string()),
            T::SpanId => pattern.matches(&span.span_id.to_string()),
            T::ParentId => span.parent.is_some_and(|parent| pattern.matches(&parent.span_id.to_string())),
            T::Function => {
                let function = span.attribute("code.function.name").and_then(Value::as_str);
                function.is_some_and(|function| pattern.matches(function))
            }
            T::File => is_file(self.file, pattern),
            T::State | T::Reason | T::Place => false,
        }
    }

    fn nanoseconds(&self, field: TimeField) -> Option<u64> {
        match field {
            TimeField::Duration => Some(self.span.duration_nanos()),
            part => self.span.anatomy.as_ref().map(|anatomy| part_of(anatomy, part)),
        }
    }

    fn goroutine(&self) -> Option<i64> {
        self.span.attribute(GOROUTINE_ID).and_then(Value::as_integer)
    }

    fn attribute(&self, key: &str) -> Option<Cow<'_, Value>> {
        let of_anatomy = || {
            let mut parts = self.span.anatomy.iter().flat_map(Anatomy::attributes);
            parts.find(|(name, _)| *name == key).map(|(_, seconds)| Cow::Owned(Value::Float(seconds)))
        };
        self.span.attribute(key).map(Cow::Borrowed).or_else(of_anatomy)
    }
}

/// By its path, or only by its name.
fn is_file(file: &str, pattern: &Pattern) -> bool {
    let name = Path::new(file).file_name().and_then(OsStr::to_str);
    pattern.matches(file) || name.is_some_and(|name| pattern.matches(name))
}

/// What a goroutine did for a while, in a file.
pub(super) struct StretchRecord<'a> {
    pub(super) stretch: &'a Stretch<'a>,
    pub(super) file: &'a str,
}

impl Record for StretchRecord<'_> {
    fn has(&self, field: TextField, pattern: &Pattern) -> bool {
        use TextField as T;
        let stretch = self.stretch;
        let text = match field {
            T::File => return is_file(self.file, pattern),
            T::State => Some(stretch.state),
            T::Reason => stretch.reason,
            T::Place => stretch.place,
            T::Function => stretch.function,
            T::Name | T::Scope | T::Kind | T::Status | T::TraceId | T::SpanId | T::ParentId => None,
        };
        text.is_some_and(|text| pattern.matches(text))
    }

    fn nanoseconds(&self, field: TimeField) -> Option<u64> {
        (field == TimeField::Duration).then_some(self.stretch.duration)
    }

    fn goroutine(&self) -> Option<i64> {
        Some(self.stretch.goroutine)
    }

    fn attribute(&self, _: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

/// A part of an anatomy, in nanoseconds; of the whole, which is none, 0.
fn part_of(anatomy: &Anatomy, part: TimeField) -> u64 {
    match part {
        TimeField::Duration => 0,
        TimeField::Running => anatomy.running,
        TimeField::Runnable => anatomy.runnable,
        TimeField::Syscall => anatomy.syscall,
        TimeField::Waiting => anatomy.waiting(),
        TimeField::WaitingFor(reason) => anatomy.waiting_for[reason as usize],
        TimeField::GcAssist => anatomy.gc_assist,
    }
}
