//! `cut`, as people call it.

use std::collections::BTreeMap;

use crate::common::{bytes_of, errors, output_with, path, run};
use go_trace_format::{Mode, ReaderOptions};
use serde_json::Value;

/// What `cut` writes of a trace.
fn cut(trace: &[u8], arguments: &[&str]) -> Vec<u8> {
    let output = run(&[&["cut", "-", "--out", "-"], arguments].concat(), trace);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&output.stdout).expect("a trace");
    while reader.next_event().expect("a sound trace").is_some() {}
    drop(reader);
    output.stdout
}

/// When a span began and ended, and of which trace it is.
#[derive(Clone, Debug, PartialEq)]
struct Span {
    times: (u64, u64),
    trace: String,
    name: String,
}

/// The spans of a trace by their ids.
fn spans(trace: &[u8]) -> BTreeMap<String, Span> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = |value: &Value| value.as_str().expect("a time").parse().expect("a number");
    let mut spans = BTreeMap::new();
    for line in output_with(&["otlp", "-"], trace).lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for resource in line["resourceSpans"].as_array().into_iter().flatten() {
            for scope in resource["scopeSpans"].as_array().into_iter().flatten() {
                for span in scope["spans"].as_array().into_iter().flatten() {
                    let times = (time(&span["startTimeUnixNano"]), time(&span["endTimeUnixNano"]));
                    let span_of = Span { times, trace: text(&span["traceId"]), name: text(&span["name"]) };
                    spans.insert(text(&span["spanId"]), span_of);
                }
            }
        }
    }
    spans
}

fn rfc3339(nanoseconds: u64) -> String {
    jiff::Timestamp::from_nanosecond(nanoseconds.into()).expect("a time").to_string()
}

#[test]
fn what_begins_in_the_window_is_the_same_spans() {
    let names = [
        "go1.25/tasks.trace",
        "go1.26/regions.trace",
        "go1.27/http.trace",
        "fork/withspan.trace",
        "fork/sql.trace",
    ];
    for name in names {
        let trace = bytes_of(name);
        let whole = spans(&trace);
        let mut starts: Vec<_> = whole.values().map(|span| span.times.0).collect();
        starts.sort_unstable();
        let (from, to) = (starts[starts.len() / 4], starts[starts.len() * 7 / 8]);
        let window = spans(&cut(&trace, &["--from", &rfc3339(from), "--to", &rfc3339(to)]));
        let within: Vec<_> =
            whole.iter().filter(|(_, span)| span.times.0 > from && span.times.1 < to).collect();
        assert!(!within.is_empty(), "{name}");
        for (id, span) in within {
            let found = window.get(id).unwrap_or_else(|| panic!("{name}: no span {id} {span:?}"));
            assert_eq!((&found.name, found.times), (&span.name, span.times), "{name}: {id}");
        }
    }
}

#[test]
fn windows_are_around_what_is_named() {
    let trace = bytes_of("go1.27/http.trace");
    let whole = spans(&trace);
    let (id, span) = whole.iter().find(|(_, span)| span.name.starts_with("GET")).expect("a request");
    let around = spans(&cut(&trace, &["--around", id, "--margin", "10us"]));
    assert_eq!(around.get(id).map(|span| span.times), Some(span.times));
    assert!(around.len() < whole.len(), "{} of {}", around.len(), whole.len());
    let of_trace = spans(&cut(&trace, &["--trace-id", &span.trace]));
    for (id, span) in whole.iter().filter(|(_, other)| other.trace == span.trace) {
        assert_eq!(of_trace.get(id).map(|found| found.times), Some(span.times), "{id}");
    }

    let window = cut(&trace, &["--goroutine", "1"]);
    let goroutine = |trace: &[u8]| {
        let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(trace).expect("a trace");
        let (mut times, wanted) = (Vec::new(), Some(go_trace_format::event::GoroutineId(1)));
        while let Some(event) = reader.next_event().expect("a sound trace") {
            times.extend((event.goroutine() == wanted).then(|| event.raw_time()));
        }
        times
    };
    assert_eq!(goroutine(&window), goroutine(&trace));
}

#[test]
fn windows_open_in_the_middle_of_nothing_else() {
    let trace = bytes_of("go1.26/generations.trace");
    let whole = cut(&trace, &["--from", "0s"]);
    assert_eq!(spans(&whole), spans(&trace));
    let pieces: usize = [("0ms", "100ms"), ("100ms", "200ms")]
        .map(|(from, to)| cut(&trace, &["--from", from, "--to", to]).len())
        .iter()
        .sum();
    assert!(pieces < trace.len(), "{pieces} of {}", trace.len());
}

#[test]
fn what_cannot_be_cut_is_told() {
    let http = path("go1.27/http.trace");
    for (arguments, status, told) in [
        (&["cut", &http, "--out", "-"][..], 2, "--from"),
        (&["cut", &http, "--from", "2s", "--to", "1s", "--out", "-"], 1, "--from is behind --to"),
        (&["cut", &http, "--from", "1h", "--out", "-"], 1, "the recording begins at 20"),
        (&["cut", &http, "--to", "2001-01-01T00:00:00Z", "--out", "-"], 1, "the recording begins at 20"),
        (
            &["cut", &http, "--around", "00000000000000ff", "--out", "-"],
            1,
            "no span has the id 00000000000000ff",
        ),
        (&["cut", &http, "--around", "ff", "--out", "-"], 2, "--around"),
        (
            &["cut", &http, "--trace-id", "000000000000000000000000000000ff", "--out", "-"],
            1,
            "no span is of the trace",
        ),
        (&["cut", &http, "--goroutine", "987654321", "--out", "-"], 1, "no goroutine 987654321"),
        (&["cut", &http, "--goroutine", "1", "--to", "1s", "--out", "-"], 2, "--goroutine"),
    ] {
        let output = run(arguments, b"");
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
        assert!(errors.contains(told), "{arguments:?}: {errors}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn what_is_cut_out_of_damage_is_sound_or_refused() {
    let trace = bytes_of("go1.27/http.trace");
    let mut refused = 0;
    for eighth in 1..8 {
        let hole = trace.len() * eighth / 8;
        let damaged = [&trace[..hole], &trace[hole + 64..]].concat();
        let output = run(&["cut", "-", "--from", "0s", "--out", "-"], &damaged);
        if output.status.success() {
            let mut reader =
                ReaderOptions::new().mode(Mode::Strict).read_slice(&output.stdout).expect("a trace");
            while reader.next_event().expect("a sound trace").is_some() {}
        } else {
            assert!(
                errors(&output).contains("choose a window that has nothing of that generation"),
                "{}",
                errors(&output)
            );
            refused += 1;
        }
    }
    assert!(refused > 0);
}

/// A trace of before Go 1.25 has no clock: it was recorded when its file says, to the second.
#[test]
fn times_of_day_are_those_that_find_tells() {
    let (folder, trace) = (tempfile::tempdir().expect("a folder"), bytes_of("go1.22/http.trace"));
    let file = folder.path().join("http.trace");
    std::fs::write(&file, &trace).expect("a file");
    let modified = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    std::fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|file| file.set_modified(modified))
        .expect("a time");
    let file = file.display().to_string();
    let found = output_with(&["find", &file, "kind=server"], b"");
    let first = found.lines().next().expect("a request");
    let time =
        first.strip_prefix(&format!("{file}: ")).and_then(|rest| rest.split(' ').next()).expect("a time");
    assert!(time.starts_with("2023-11-14T22:13:2"), "{first}");
    let window = run(&["cut", &file, "--from", time, "--out", "-"], b"");
    assert!(window.status.success(), "{}", errors(&window));
    let requests = |trace: &[u8]| spans(trace).values().filter(|span| span.name.starts_with("GET")).count();
    assert!(requests(&window.stdout) > 0 && requests(&window.stdout) <= requests(&trace));
    let early = run(&["cut", &file, "--to", "2001-01-01T00:00:00Z", "--out", "-"], b"");
    assert!(errors(&early).contains("the recording begins at 2023-11-14"), "{}", errors(&early));
}
