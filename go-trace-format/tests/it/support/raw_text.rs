//! The text form of raw events, in which Go keeps its canned traces, turned into a trace.
//!
//! One record per line, `Name argument=value …`; a stack's frames and a string's data on lines of their own; `#`
//! begins a comment. Go: `internal/trace/raw.TextReader`, and `raw.Writer` for the bytes.

use go_trace_format::{
    Dialect, EventType, Version,
    write::{RawRecord, Writer},
};

use crate::support::literal;

/// The trace that `text` describes, or what is wrong with it.
pub(crate) fn encode(text: &str) -> Result<Vec<u8>, String> {
    let mut lines = text.lines().filter(|line| !without_comment(line).trim().is_empty());
    let header = lines.next().ok_or("no header")?;
    let version = without_comment(header)
        .trim()
        .strip_prefix("Trace Go1.")
        .and_then(|minor| Version::from_minor(minor.parse().ok()?))
        .ok_or_else(|| format!("no header: {header}"))?;
    let mut trace = Writer::new(Vec::new(), version, Dialect::Stock).map_err(|error| error.to_string())?;
    while let Some(line) = lines.next() {
        record(&mut trace, line, &mut lines).map_err(|error| format!("{error}: {line}"))?;
    }
    Ok(trace.into_inner())
}

/// A record that begins on `line` and may go on.
fn record<'a>(
    trace: &mut Writer<Vec<u8>>,
    line: &str,
    more: &mut impl Iterator<Item = &'a str>,
) -> Result<(), String> {
    let mut words = without_comment(line).split_whitespace();
    let name = words.next().unwrap_or_default();
    let spec = EventType::all()
        .iter()
        .map(|event_type| event_type.spec())
        .find(|spec| spec.name == name && spec.since <= trace.version())
        .ok_or("no such event")?;
    let names: Vec<&str> = spec.arguments.iter().map(|argument| argument.name).collect();
    let arguments = numbers(words, &names)?;
    let event_type = spec.event_type;
    let written = match event_type {
        EventType::Stack => {
            let mut frames = Vec::new();
            for _ in 0..arguments[1] {
                let words = without_comment(more.next().ok_or("no frame")?).split_whitespace();
                let frame = numbers(words, &["pc", "func", "file", "line"])?;
                frames.push([frame[0], frame[1], frame[2], frame[3]]);
            }
            trace.record(&RawRecord::Stack { id: arguments[0], frames: &frames })
        }
        EventType::String => {
            let (key, data) = more.next().and_then(|line| line.split_once('=')).ok_or("no data")?;
            let text =
                literal::unquote(data.trim()).filter(|_| key.trim() == "data").ok_or("malformed data")?;
            trace.record(&RawRecord::String { id: arguments[0], text: &text })
        }
        _ => trace.record(&RawRecord::Plain { event_type, arguments: &arguments }),
    };
    written.map_err(|error| error.to_string())
}

/// The values of `name=value` words that have just these names.
fn numbers<'a>(words: impl Iterator<Item = &'a str>, names: &[&str]) -> Result<Vec<u64>, String> {
    let mut values = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').ok_or("argument without a value")?;
        if names.get(values.len()) != Some(&name) {
            return Err(format!("unexpected argument {name}"));
        }
        values.push(value.parse().map_err(|error| format!("{name}: {error}"))?);
    }
    if values.len() < names.len() { Err("too few arguments".into()) } else { Ok(values) }
}

fn without_comment(line: &str) -> &str {
    line.split('#').next().unwrap_or_default()
}
