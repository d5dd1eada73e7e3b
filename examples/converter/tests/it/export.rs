//! Tables, as tools read them.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use go_trace_format::{
    Clock, Dialect, EventType, Frame, Version, WallTime,
    event::ThreadId,
    write::{SyncBatch, Writer},
};
use serde_json::Value;
use trace_to_otel::tables::{ColumnKind, Table};

use crate::common::{errors, output, path, records, run};

/// Exports recordings, and gives the folder.
fn exported(names: &[&str], format: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("new").join("tables").display().to_string();
    let files: Vec<_> = names.iter().map(|name| path(name)).collect();
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let arguments = [&["export"], &files[..], &["--format", format, "--out", &out]].concat();
    let exported = run(&arguments, b"");
    assert!(exported.status.success(), "{}", errors(&exported));
    folder
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join("new/tables").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The rows of a table in JSON lines.
fn rows(folder: &Path, table: Table) -> Vec<Value> {
    let lines = read(folder, &format!("{}.jsonl", table.name()));
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// A cell that is a number.
fn number(row: &Value, column: &str) -> u64 {
    row[column].as_u64().unwrap_or_else(|| panic!("{column} of {row}"))
}

#[test]
fn spans_are_those_that_are_found() {
    let folder = exported(&["go1.27/http.trace"], "jsonl");
    let spans = rows(folder.path(), Table::Spans);
    let found = output(&["find", "--json", &path("go1.27/http.trace"), ""]);
    let found: HashMap<String, Value> = found
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|span| (span["span_id"].as_str().expect("an id").to_owned(), span))
        .collect();
    assert_eq!(spans.len(), found.len());
    for span in &spans {
        let other = &found[span["span_id"].as_str().expect("an id")];
        for column in ["trace_id", "name", "kind", "scope", "status", "parent_id", "goroutine", "file"] {
            assert_eq!(span[column], other[column], "{column}");
        }
        for (key, value) in span["attributes"].as_object().expect("an object") {
            assert_eq!(other["attributes"].get(key), Some(value), "{key}");
        }
        assert_eq!(span["duration"], other["duration_ns"]);
    }
    let of_runtime = spans.iter().filter(|span| span["scope"] == "gotrace.range").count();
    assert!(of_runtime > 0);
    assert_eq!(rows(folder.path(), Table::Gc).len(), of_runtime);
}

#[test]
fn events_are_all_that_goroutines_did() {
    let folder = exported(&["go1.27/http.trace"], "jsonl");
    let events = rows(folder.path(), Table::Events);
    let mut sums: BTreeMap<u64, BTreeMap<&str, u64>> = BTreeMap::new();
    let mut ends: HashMap<u64, u64> = HashMap::new();
    for event in &events {
        let (goroutine, start, duration) =
            (number(event, "goroutine"), number(event, "start"), number(event, "duration"));
        if let Some(end) = ends.insert(goroutine, start + duration) {
            assert_eq!(end, start, "each begins where the one before ended: {event}");
        }
        let state = event["state"].as_str().expect("a state");
        assert!(state != "running" || event["proc"].is_u64(), "{event}");
        *sums.entry(goroutine).or_default().entry(state).or_default() += duration;
    }
    let goroutines = rows(folder.path(), Table::Goroutines);
    assert_eq!(goroutines.len(), sums.len());
    for goroutine in &goroutines {
        let of = &sums[&number(goroutine, "goroutine")];
        for state in ["running", "runnable", "syscall", "waiting"] {
            assert_eq!(number(goroutine, state), of.get(state).copied().unwrap_or_default(), "{goroutine}");
        }
        let known = number(goroutine, "end") - number(goroutine, "start");
        assert_eq!(of.values().sum::<u64>(), known, "{goroutine}");
    }
    assert!(
        goroutines
            .iter()
            .any(|goroutine| goroutine["function"] == "main.main" || goroutine["function"] == "runtime.main")
    );
}

#[test]
fn a_part_of_the_recording_has_the_rows_that_reach_into_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("new/tables").display().to_string();
    let file = path("go1.26/http.trace");
    let export = |arguments: &[&str]| {
        let all = [&["export", &file, "--format", "jsonl", "--out", &out], arguments].concat();
        let exported = run(&all, b"");
        assert!(exported.status.success(), "{}", errors(&exported));
        let rows = [Table::Spans, Table::Events, Table::Goroutines].map(|table| rows(folder.path(), table));
        (rows, errors(&exported))
    };
    let (all, _) = export(&[]);
    let middle = number(&all[1][all[1].len() / 2], "start");
    let to = middle + 2_000_000;
    let of_day = |time: u64| jiff::Timestamp::from_nanosecond(time.into()).expect("a time").to_string();
    let (part, _) = export(&["--from", &of_day(middle), "--to", &of_day(to)]);
    for (all, part) in all.iter().zip(&part) {
        let is_in = |row: &&Value| {
            let start = number(row, "start");
            let end = row["end"].as_u64().unwrap_or_else(|| start + number(row, "duration"));
            end >= middle && start <= to
        };
        assert!(all.iter().filter(is_in).eq(part), "{} of {}", part.len(), all.len());
        assert!(!part.is_empty());
    }
    assert!(part[1].len() < all[1].len());
    let (nothing, told) = export(&["--from", "1h"]);
    assert!(nothing.iter().all(Vec::is_empty) && told.contains("between --from and --to"), "{told}");
}

/// Rows of stacks stand for what events name, innermost place first: the one that events tell too, where it is the program's.
#[test]
fn events_name_their_stacks_and_threads() {
    let names = ["go1.26/mutexes.trace", "go1.26/http.trace"];
    let folder = exported(&names, "jsonl");
    let mut stacks: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows(folder.path(), Table::Stacks) {
        let stack = stacks.entry(row["stack"].as_str().expect("an id").to_owned()).or_default();
        assert_eq!(number(&row, "depth"), stack.len() as u64, "each is there once: {row}");
        stack.push(row);
    }
    let (events, mut with_place, mut used) =
        (rows(folder.path(), Table::Events), 0, std::collections::BTreeSet::new());
    for event in &events {
        let state = event["state"].as_str().expect("a state");
        assert_eq!(event["thread"].is_u64(), state == "running" || state == "syscall", "{event}");
        let Some(stack) = event["stack"].as_str() else { continue };
        used.insert(stack.to_owned());
        let frames = &stacks[stack];
        if let Some(place) = event["place"].as_str() {
            let is_there = frames.iter().any(|frame| {
                let (function, line) =
                    (frame["function"].as_str().expect("a function"), number(frame, "line"));
                place.starts_with(function) && place.ends_with(&format!(":{line}"))
            });
            assert!(is_there, "{place}: {frames:?}");
            with_place += 1;
        }
    }
    assert!(with_place > 100 && used.len() > 20, "{with_place} events, {} stacks", used.len());
    let waits_in_mutex = events.iter().any(|event| {
        let frames = event["stack"].as_str().map_or(&[][..], |stack| &stacks[stack]);
        event["reason"] == "sync" && frames.iter().any(|frame| frame["function"] == "sync.(*Mutex).Lock")
    });
    assert!(waits_in_mutex);
    let processes: std::collections::BTreeSet<_> =
        events.iter().map(|event| (event["process"].to_string(), event["file"].to_string())).collect();
    assert_eq!(processes.len(), 2, "each file is a process: {processes:?}");
    // The same stacks have the same numbers wherever they are.
    let alone = exported(&names[..1], "jsonl");
    assert!(
        rows(alone.path(), Table::Stacks)
            .iter()
            .all(|row| stacks.contains_key(row["stack"].as_str().expect("an id")))
    );
}

/// What is hidden in one table is hidden in the other, so that they can be joined.
#[test]
fn texts_of_stacks_are_sanitized() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let (function, file) = (b"main.user_token=abcdef0123456789", b"/src/?token=hunter2hunter2/auth.go");
    let stack = generation.stack([Frame::new(1, function, file, 3)]).expect("a stack").0;
    let reason = generation.string(b"sync").expect("a string").0;
    let thread = ThreadId(7);
    generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    generation.event(thread, 9, EventType::GoBlock, &[reason, stack]).expect("an event");
    generation.finish().expect("memory takes it");
    let folder = tempfile::tempdir().expect("a folder");
    let (trace, out) = (folder.path().join("a.trace"), folder.path().join("new/tables"));
    fs::write(&trace, writer.into_inner()).expect("a file");
    let (trace, out) = (trace.display().to_string(), out.display().to_string());
    output(&["export", &trace, "--format", "jsonl", "--out", &out]);
    let stacks = rows(folder.path(), Table::Stacks);
    let [row] = &stacks[..] else { panic!("{stacks:?}") };
    let (function, source) =
        (row["function"].as_str().expect("a text"), row["source"].as_str().expect("a text"));
    assert!(!function.contains("abcdef") && !source.contains("hunter2"), "{row}");
    let events = rows(folder.path(), Table::Events);
    let place = events.iter().find_map(|event| event["place"].as_str()).expect("a place");
    assert!(place.starts_with(function), "{place} is in {row}");
}

/// The anatomy of a span is what its goroutine did meanwhile: both tables say the same.
#[test]
fn spans_and_events_agree() {
    let folder = exported(&["go1.27/http.trace"], "jsonl");
    let events = rows(folder.path(), Table::Events);
    let spans = rows(folder.path(), Table::Spans);
    let bound = spans.iter().filter(|span| span["running"].is_u64() && number(span, "duration") > 0);
    let mut compared = 0;
    for span in bound {
        let (start, end) = (number(span, "start"), number(span, "start") + number(span, "duration"));
        let running: u64 = events
            .iter()
            .filter(|event| event["goroutine"] == span["goroutine"] && event["state"] == "running")
            .map(|event| {
                let (from, to) = (number(event, "start"), number(event, "start") + number(event, "duration"));
                to.min(end).saturating_sub(from.max(start))
            })
            .sum();
        assert!(
            running.abs_diff(number(span, "running")) <= number(span, "duration") / 20 + 2_000,
            "{span} {running}"
        );
        compared += 1;
    }
    assert!(compared > 0);
}

#[test]
fn comma_separated_values_are_the_same_rows() {
    let names = ["go1.27/http.trace", "go1.27/logs.trace"];
    let (csv, json) = (exported(&names, "csv"), exported(&names, "jsonl"));
    for table in Table::ALL {
        let records = records(&read(csv.path(), &format!("{}.csv", table.name())), "\n");
        let columns: Vec<_> = table.columns().iter().map(|column| column.name.to_owned()).collect();
        assert_eq!(records[0], columns);
        let rows = rows(json.path(), table);
        assert_eq!(rows.len(), records.len() - 1, "{}", table.name());
        for (record, row) in records[1..].iter().zip(&rows) {
            for (column, cell) in table.columns().iter().zip(record) {
                let text = match &row[column.name] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                assert_eq!(*cell, text, "{} of {row}", column.name);
                assert!(column.is_nullable || !row[column.name].is_null(), "{} of {row}", column.name);
            }
        }
    }
    let files: Vec<_> = rows(json.path(), Table::Goroutines).iter().map(|row| row["file"].clone()).collect();
    assert!(names.iter().all(|name| files.contains(&Value::from(path(name)))), "{files:?}");
}

#[test]
fn the_documentation_has_every_column() {
    let text = include_str!("../../../../docs/export.md");
    for table in Table::ALL {
        for column in table.columns() {
            let kind = match column.kind {
                ColumnKind::Text => "text",
                ColumnKind::Integer => "integer",
                ColumnKind::Duration => "duration",
                ColumnKind::Time => "time",
                other => panic!("{other:?}"),
            };
            let empty = if column.is_nullable { "yes" } else { "" };
            let row =
                format!("| `{}` | `{}` | {kind} | {empty} | {} |", table.name(), column.name, column.about);
            assert!(text.contains(&row), "{row}");
        }
    }
}

/// Read by the reader of the crate that writes it; docs/export.md tells how others read it.
#[cfg(feature = "parquet")]
#[test]
fn parquet_has_the_same_rows_with_types() {
    use parquet::{
        basic::{LogicalType, TimeUnit},
        file::reader::{FileReader, SerializedFileReader},
        record::Field,
    };
    let names = ["go1.27/http.trace", "go1.27/logs.trace"];
    let (parquet, json) = (exported(&names, "parquet"), exported(&names, "jsonl"));
    for table in Table::ALL {
        let file =
            fs::File::open(parquet.path().join("new/tables").join(table.name()).with_extension("parquet"));
        let reader = SerializedFileReader::new(file.expect("a file")).expect("Parquet");
        let time = LogicalType::timestamp(true, TimeUnit::NANOS);
        for (place, column) in table.columns().iter().enumerate() {
            let written = reader.metadata().file_metadata().schema_descr().column(place);
            assert_eq!(written.name(), column.name);
            assert_eq!(
                written.logical_type_ref() == Some(&time),
                column.kind == ColumnKind::Time,
                "{}",
                column.name
            );
        }
        let rows = rows(json.path(), table);
        let written: Vec<_> = reader.get_row_iter(None).expect("rows").collect();
        assert_eq!(written.len(), rows.len(), "{}", table.name());
        for (written, row) in written.iter().zip(&rows) {
            for (name, field) in written.as_ref().expect("a row").get_column_iter() {
                let value = match field {
                    Field::Null => Value::Null,
                    Field::Str(text) if name == "attributes" => serde_json::from_str(text).expect("JSON"),
                    Field::Str(text) => Value::from(text.as_str()),
                    Field::Long(number) => Value::from(*number),
                    other => panic!("{other:?}"),
                };
                assert_eq!(value, row[name.as_str()], "{name}");
            }
        }
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_parquet_it_is_told_where_there_is_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().display().to_string();
    let refused = run(&["export", &path("go1.27/http.trace"), "--format", "parquet", "--out", &out], b"");
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("build it with --features parquet"), "{}", errors(&refused));
}

/// Tables are several files.
#[test]
fn standard_output_is_no_folder() {
    let refused = run(&["export", &path("go1.27/http.trace"), "--format", "csv", "--out", "-"], b"");
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("--out is a folder"), "{}", errors(&refused));
}
