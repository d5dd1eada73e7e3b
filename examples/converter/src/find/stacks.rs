//! The stacks of what is found, as JSON has them.

use std::{
    collections::{HashMap, HashSet},
    mem,
    rc::Rc,
};

use serde_json::{Value as Json, json};
use trace_to_otel::{
    Span, Value,
    tables::{Cell, Table},
};

/// No further stack is remembered behind so many, so many frames of them, or names of so many bytes.
const MOST: usize = 1 << 16;
const MOST_FRAMES: usize = 1 << 19;
const MOST_BYTES: usize = 16 << 20;

/// The stacks that rows of the table of events name: their own rows come before.
#[derive(Default)]
pub(super) struct Stacks {
    by_id: HashMap<Box<str>, Vec<Frame>>,
    /// Names of functions and files, each once.
    texts: HashSet<Rc<str>>,
    /// How many frames all of them have.
    frames: usize,
    /// How many bytes the names have.
    bytes: usize,
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
            if self.is_full() {
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
            self.frames += 1;
        }
    }

    fn is_full(&self) -> bool {
        self.by_id.len() >= MOST || self.frames >= MOST_FRAMES || self.bytes >= MOST_BYTES
    }

    fn text(&mut self, text: &str) -> Rc<str> {
        if let Some(known) = self.texts.get(text) {
            return Rc::clone(known);
        }
        self.bytes += text.len();
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
    let text = |key| span.attribute(key).and_then(Value::as_str);
    if let Some(stack) = text("code.stacktrace") {
        return frames_of(stack);
    }
    let line = span.attribute("code.line.number").and_then(Value::as_integer).unwrap_or_default();
    match text("code.function.name") {
        Some(function) => json!([frame(function, text("code.file.path").unwrap_or_default(), line)]),
        None => Json::Null,
    }
}

/// Of a stack as Go prints it: each function, and below it file and line. What stands between the two tells frames apart, as a name may
/// have line breaks.
fn frames_of(stack: &str) -> Json {
    let mut parts = stack.split("(...)\n\t");
    let mut function = parts.next().unwrap_or_default();
    let frames = parts.map(|part| {
        let (place, next) = part.split_once('\n').unwrap_or((part, ""));
        let (file, line) = place.rsplit_once(':').unwrap_or((place, ""));
        frame(mem::replace(&mut function, next), file, line.parse().unwrap_or_default())
    });
    frames.collect()
}

fn frame(function: &str, file: &str, line: i64) -> Json {
    json!({ "function": function, "file": file, "line": line })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_end_are_not_remembered() {
        let mut stacks = Stacks::default();
        let mut take = |id: &str, name: &str| {
            let cells = Table::Stacks.columns().iter().map(|column| match column.name {
                "stack" => Cell::Text(id),
                "function" | "source" => Cell::Text(name),
                "depth" | "line" => Cell::Integer(0),
                _ => Cell::Empty,
            });
            stacks.row(&cells.collect::<Vec<_>>());
        };
        take("first", "main.main");
        take("long", &"f".repeat(MOST_BYTES));
        take("later", "main.main");
        assert_eq!((stacks.json(Some("first")).as_array().map(Vec::len), stacks.left_out), (Some(1), 1));
        assert!(stacks.json(Some("later")).is_null());
    }

    #[test]
    fn a_line_break_in_a_name_moves_no_frame() {
        let stack = "main.inner(...)\n\t/app/inner.go:7\nmain.of\ntwo(...)\n\t/app/two.go:8\nmain.main(...)\n\t/app/main.go:9\n";
        let expected = [
            ("main.inner", "/app/inner.go", 7),
            ("main.of\ntwo", "/app/two.go", 8),
            ("main.main", "/app/main.go", 9),
        ];
        assert_eq!(
            frames_of(stack),
            Json::from_iter(expected.map(|(function, file, line)| frame(function, file, line)))
        );
    }
}
