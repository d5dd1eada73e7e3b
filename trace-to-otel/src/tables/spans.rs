//! Rows of spans.

use std::io;

use super::{Cell, Table, TableSink};
use crate::{
    anatomy::Anatomy,
    attribute::{GOROUTINE_ID, INCOMPLETE, PROC_ID, RANGE_SCOPE},
    span::{Scope, Span, Value},
};

/// Hands on the rows of a span.
pub(super) fn hand_on(span: &Span, file: &str, process: i64, sink: &mut impl TableSink) -> io::Result<()> {
    if span.scope == Scope::Range {
        range(span, file, process, sink)?;
    }
    let (trace_id, span_id) = (span.trace_id.to_string(), span.span_id.to_string());
    let parent_id = span.parent.map(|parent| parent.span_id.to_string());
    let attributes = attributes(span)?;
    let mut cells = vec![
        Cell::Text(file),
        Cell::Integer(process),
        Cell::Text(&trace_id),
        Cell::Text(&span_id),
        parent_id.as_deref().into(),
        Cell::Text(&span.name),
        Cell::Text(span.kind.name()),
        Cell::Text(span.scope.name()),
        Cell::Text(span.status.name()),
        Cell::Time(span.start),
        Cell::duration(span.duration_nanos()),
        integer(span, GOROUTINE_ID),
        text(span, "code.function.name").into(),
    ];
    match &span.anatomy {
        Some(anatomy) => cells.extend(anatomy.times().map(Cell::duration)),
        None => cells.extend([Cell::Empty; Anatomy::KEYS.len()]),
    }
    cells.extend([Cell::Text(text(span, INCOMPLETE).unwrap_or_default()), Cell::Text(&attributes)]);
    sink.row(Table::Spans, &cells)
}

/// What the runtime did for a while.
fn range(span: &Span, file: &str, process: i64, sink: &mut impl TableSink) -> io::Result<()> {
    let cells = [
        Cell::Text(file),
        Cell::Integer(process),
        Cell::Text(&span.name),
        Cell::Time(span.start),
        Cell::duration(span.duration_nanos()),
        text(span, RANGE_SCOPE).into(),
        integer(span, GOROUTINE_ID),
        integer(span, PROC_ID),
        Cell::Text(text(span, INCOMPLETE).unwrap_or_default()),
    ];
    sink.row(Table::Gc, &cells)
}

fn text<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    span.attribute(key).and_then(Value::as_str)
}

fn integer(span: &Span, key: &str) -> Cell<'static> {
    span.attribute(key).and_then(Value::as_integer).into()
}

/// An object of all attributes. Of those that there are several times, the last counts, as in any JSON.
fn attributes(span: &Span) -> io::Result<String> {
    let mut object = serde_json::Map::new();
    for attribute in &span.attributes {
        let value = match &attribute.value {
            Value::Text(text) => (**text).into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Boolean(yes) => (*yes).into(),
        };
        object.insert(attribute.key.to_string(), value);
    }
    Ok(serde_json::to_string(&object)?)
}
