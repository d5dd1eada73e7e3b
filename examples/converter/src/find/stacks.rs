//! The stacks of what is found, as JSON has them.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use serde_json::{Value as Json, json};
use trace_to_otel::{
    Span, Value,
    tables::{Cell, Table},
};

/// More stacks than these are not remembered.
const MOST: usize = 1 << 16;

/// The stacks that rows of the table of events name: their own rows come before.
#[derive(Default)]
pub(super) struct Stacks {
    by_id: HashMap<Box<str>, Vec<Frame>>,
    /// Names of functions and files, each once.
    texts: HashSet<Rc<str>>,
    /// How many were too many.
    pub(super) left_out: u64,
}

/// Function, file and line.
struct Frame(Rc<str>, Rc<str>, i64);

impl Stacks {
    /// Takes a row of the table of stacks.
    pub(super) fn row(&mut self, cells: &[Cell<'_>]) {
        let cell = |name| Table::Stacks.column(name).and_then(|place| cells.get(place)).copied();
        let (Some(Cell::Text(id)), Some(Cell::Integer(depth))) = (cell("stack"), cell("depth")) else {
            return;
        };
        let (Some(Cell::Text(function)), Some(Cell::Text(file))) = (cell("function"), cell("source")) else {
            return;
        };
        let line = cell("line").and_then(Cell::as_integer).unwrap_or_default();
        if !self.by_id.contains_key(id) {
            if self.by_id.len() >= MOST {
                self.left_out += u64::from(depth == 0);
                return;
            }
            self.by_id.insert(id.into(), Vec::new());
        }
        let frame = Frame(self.text(function), self.text(file), line);
        let Some(frames) = self.by_id.get_mut(id) else { return };
        // One that comes again, as the table has forgotten it, is known.
        if frames.len() as i64 == depth {
            frames.push(frame);
        }
    }

    fn text(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.texts.get(text) {
            return Rc::clone(known);
        }
        let text: Rc<str> = text.into();
        self.texts.insert(Rc::clone(&text));
        text
    }

    /// The frames of a stack, the innermost first; null where they are not known.
    pub(super) fn json(&self, id: Option<&str>) -> Json {
        let Some(frames) = id.and_then(|id| self.by_id.get(id)) else { return Json::Null };
        frames.iter().map(|Frame(function, file, line)| frame(function, file, *line)).collect()
    }
}

/// Where a span began, the innermost frame first: with --stacks all of them, else the one that it is named after; null where the trace
/// tells none.
pub(super) fn of_span(span: &Span) -> Json {
    let text = |key| match span.attribute(key) {
        Some(Value::Text(text)) => Some(&**text),
        _ => None,
    };
    if let Some(stack) = text("code.stacktrace") {
        let lines: Vec<_> = stack.lines().collect();
        return lines.chunks(2).map(frame_of_lines).collect();
    }
    let line = span.attribute("code.line.number").and_then(Value::as_integer).unwrap_or_default();
    match text("code.function.name") {
        Some(function) => json!([frame(function, text("code.file.path").unwrap_or_default(), line)]),
        None => Json::Null,
    }
}

/// Of two lines of a stack as Go prints it: the function, and below it file and line.
fn frame_of_lines(lines: &[&str]) -> Json {
    let place = lines.get(1).map_or("", |place| place.trim_start());
    let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
    let function = lines[0].strip_suffix("(...)").unwrap_or(lines[0]);
    frame(function, file, line.parse().unwrap_or_default())
}

fn frame(function: &str, file: &str, line: i64) -> Json {
    json!({ "function": function, "file": file, "line": line })
}
