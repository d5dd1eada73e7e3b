//! Searching, as people do it.

use serde_json::{Value, json};

use crate::common::{bytes_of, errors, output, path, run};

fn status(arguments: &[&str]) -> Option<i32> {
    run(&[&["find"], arguments].concat(), b"").status.code()
}

#[test]
fn what_matches_is_a_line_each() {
    let file = path("go1.27/http.trace");
    let found = output(&["find", &file, "name~GET duration>1us"]);
    let lines: Vec<_> = found.lines().collect();
    assert!(!lines.is_empty());
    for line in lines {
        let rest = line.strip_prefix(&format!("{file}: 20")).unwrap_or_else(|| panic!("{line}"));
        assert!(rest.contains("Z ") && rest.contains(" GET ") && rest.contains(" trace "), "{line}");
    }
    let shown = output(&["find", &file, ""]);
    let all = output(&["spans", "--ranges", &file]);
    let count = all.lines().last().and_then(|line| line.split(' ').next()).expect("a summary");
    assert_eq!(shown.lines().count().to_string(), count, "an empty query finds all spans");
}

#[test]
fn json_has_what_a_span_has() {
    let file = path("zero-code/go1.26-http1.trace");
    let found = output(&["find", "--json", &file, "scope=gotrace.sql waiting.network>1us"]);
    assert!(!found.is_empty());
    for line in found.lines() {
        let span: Value = serde_json::from_str(line).expect("JSON");
        let network = &span["attributes"]["gotrace.time.waiting.network"];
        assert!(network.as_f64().is_some_and(|seconds| seconds > 1e-6), "{line}");
        assert_eq!(
            (&span["scope"], &span["file"]),
            (&Value::from("gotrace.sql"), &Value::from(file.as_str()))
        );
        assert!(span["goroutine"].is_i64() && span["duration_ns"].is_u64(), "{line}");
        assert_eq!((&span["process"], span["thread"].is_i64()), (&1.into(), true), "{line}");
    }
}

/// With --stacks all frames, else the one that a span is named after.
#[test]
fn json_tells_where_a_span_began() {
    let file = path("go1.27/http.trace");
    let stacks = |arguments: &[&str]| -> Vec<Value> {
        let found = output(&[&["find", "--json", &file, "scope=gotrace.task"], arguments].concat());
        found.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let (shallow, deep) = (stacks(&[]), stacks(&["--stacks"]));
    assert!(!shallow.is_empty() && shallow.len() == deep.len());
    for (shallow, deep) in shallow.iter().zip(&deep) {
        let attribute = |key: &str| &shallow["attributes"][key];
        let expected = json!([{
            "function": attribute("code.function.name"),
            "file": attribute("code.file.path"),
            "line": attribute("code.line.number"),
        }]);
        assert_eq!(shallow["stack"], expected);
        let frames = deep["stack"].as_array().expect("frames");
        assert!(frames.len() > 1, "{deep}");
        assert!(frames.iter().all(|frame| frame["line"].as_i64() > Some(0)), "{deep}");
        assert!(frames.contains(&expected[0]), "{deep}");
        let text = deep["attributes"]["code.stacktrace"].as_str().expect("a stack");
        assert_eq!(text.lines().count(), 2 * frames.len());
    }
}

/// What goroutines waited for is what Go's own dump says, and what `export` tells.
#[test]
fn what_goroutines_did_is_found() {
    let file = path("go1.27/mutexes.trace");
    let query = "goroutine.state=waiting reason=sync duration>1us";
    let found = output(&["find", &file, query]);
    let (first, lines) = (found.lines().next().expect("a line"), found.lines().count());
    assert!(lines > 10, "{found}");
    assert!(first.starts_with(&format!("{file}: 20")), "{first}");
    let stretch = first.split_once(" waiting (sync)  g").unwrap_or_else(|| panic!("{first}")).1;
    assert!(stretch.contains(" main.") && stretch.contains("  at ") && stretch.contains(".go:"), "{first}");
    assert_eq!(output(&["find", "--count", &file, query]), format!("{file}:{lines}\n"));
    assert_eq!(output(&["find", "-l", &file, query]), format!("{file}\n"));
    assert_eq!(status(&[&file, "goroutine.state=waiting duration>1h"]), Some(1));

    let folder = tempfile::tempdir().expect("a folder");
    output(&["export", &file, "--format", "jsonl", "--out", &folder.path().display().to_string()]);
    let events = std::fs::read_to_string(folder.path().join("events.jsonl")).expect("a table");
    let expected: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let stacks = std::fs::read_to_string(folder.path().join("stacks.jsonl")).expect("a table");
    let stacks: Vec<Value> = stacks.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let is_wanted = |event: &&Value| {
        event["state"] == "waiting" && event["reason"] == "sync" && event["duration"].as_u64() > Some(1_000)
    };
    let expected: Vec<_> = expected.iter().filter(is_wanted).collect();
    let found = output(&["find", "--json", &file, query]);
    let found: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for key in ["file", "process", "goroutine", "thread", "function", "state", "reason", "place"] {
            assert_eq!(found[key], expected[key], "{key}: {found}");
        }
        assert_eq!(found["stack_id"], expected["stack"]);
        let mut frames: Vec<_> = stacks.iter().filter(|frame| frame["stack"] == found["stack_id"]).collect();
        frames.sort_by_key(|frame| frame["depth"].as_u64());
        let stack = found["stack"].as_array().expect("frames");
        assert_eq!(stack.len(), frames.len());
        for (frame, expected) in stack.iter().zip(frames) {
            for (key, column) in [("function", "function"), ("file", "source"), ("line", "line")] {
                assert_eq!(frame[key], expected[column], "{key}: {found}");
            }
        }
        assert_eq!(found["duration_ns"], expected["duration"]);
        assert_eq!(found["start_unix_nano"], expected["start"].to_string());
    }
}

/// Moments are of the first trace, or times of day, and what reaches into the part is in it.
#[test]
fn a_part_of_the_recording_is_searched() {
    let file = path("go1.27/http.trace");
    for query in ["", "goroutine.state=waiting"] {
        let found = |arguments: &[&str]| -> Vec<(u64, u64)> {
            let found = run(&[&["find", "--json", &file, query], arguments].concat(), b"").stdout;
            let lines = String::from_utf8(found).expect("UTF-8");
            let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let number = |row: &Value| {
                row["start_unix_nano"].as_str().expect("digits").parse::<u64>().expect("a time")
            };
            rows.map(|row| (number(&row), number(&row) + row["duration_ns"].as_u64().expect("a duration")))
                .collect()
        };
        let all = found(&[]);
        let first = all.iter().map(|&(start, _)| start).min().expect("something");
        let middle = all[all.len() / 2].0;
        let of_day = |time: u64| jiff::Timestamp::from_nanosecond(time.into()).expect("a time").to_string();
        let (from, to) = (of_day(middle), of_day(middle + 1_000_000));
        let expected: Vec<_> = all
            .iter()
            .copied()
            .filter(|&(start, end)| end >= middle && start <= middle + 1_000_000)
            .collect();
        assert_eq!(found(&["--from", &from, "--to", &to]), expected, "{query}");
        assert!(!expected.is_empty() && expected.len() < all.len(), "{query}");
        assert_eq!(found(&["--from", "1h"]), [], "{query}");
        assert_eq!(found(&["--from", "0s", "--to", "1h"]), all, "{query}");
        let last = all.iter().map(|&(start, _)| start).max().expect("something");
        let half = (last - first) / 2;
        let begin = found(&["--to", &format!("{half}ns")]);
        assert!(half > 0 && begin.len() < all.len(), "{query}");
        assert!(begin.iter().all(|&(start, _)| start <= first + half), "{query}: {begin:?}");
    }
    assert_eq!(status(&[&file, "", "--from", "1h"]), Some(1), "nothing is found");
    let backwards = run(&["find", &file, "", "--from", "2s", "--to", "1s"], b"");
    assert_eq!(backwards.status.code(), Some(2));
    assert!(errors(&backwards).contains("--from is behind --to"), "{}", errors(&backwards));
}

/// Spans that a recording lacks are no matter of what its goroutines did.
#[test]
fn nothing_is_said_of_spans_where_goroutines_are_looked_for() {
    let file = path("go1.27/mutexes.trace");
    for (query, code) in [("reason=sync", 0), ("reason=semacquire", 1)] {
        let found = run(&["find", &file, query], b"");
        assert_eq!((found.status.code(), errors(&found)), (Some(code), String::new()), "{query}");
    }
    let wrong = errors(&run(&["find", &file, "goroutine.reason=sync"], b""));
    assert!(wrong.contains("there is no field goroutine.reason; did you mean reason?"), "{wrong}");
}

#[test]
fn goroutines_are_found_over_the_snapshots_of_a_process() {
    let names = [0, 1, 2, 3].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let files: Vec<_> = names.iter().map(String::as_str).collect();
    let counted = |files: &[&str]| -> u64 {
        let counts = output(&[&["find", "--count"], files, &["goroutine.state=running"]].concat());
        let numbers = counts.lines().map(|line| line.rsplit(':').next().expect("a count"));
        numbers.map(|number| number.parse::<u64>().expect("a number")).sum()
    };
    let (together, apart) = (counted(&files), files.iter().map(|file| counted(&[file])).sum::<u64>());
    assert!(together > 100 && together < apart, "what snapshots share counts once: {together} of {apart}");
    let last = output(&["find", &names[0], &names[1], "goroutine.state=running"]);
    assert!(last.lines().any(|line| line.starts_with(&names[1])), "{last}");
    let mixed = run(&["find", &names[0], "name~GET reason=sync"], b"");
    assert_eq!(mixed.status.code(), Some(2));
    assert!(errors(&mixed).contains("a query is about one of them"), "{}", errors(&mixed));
}

#[test]
fn files_are_counted_and_listed() {
    let (http, tasks) = (path("go1.27/http.trace"), path("go1.27/tasks.trace"));
    let query = "name='GET *'";
    let lines = output(&["find", &http, &tasks, query]).lines().count();
    assert_eq!(output(&["find", "--count", &http, &tasks, query]), format!("{http}:{lines}\n{tasks}:0\n"));
    assert_eq!(output(&["find", "-l", &tasks, &http, query]), format!("{http}\n"));
}

#[test]
fn snapshots_of_one_process_are_searched_once() {
    let names = [0, 1, 2, 3].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let files: Vec<_> = names.iter().map(String::as_str).collect();
    let query = "name='crosses all snapshots' scope=gotrace.task";
    let found = output(&[&["find"], &files[..], &[query]].concat());
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(found.starts_with(&names[3]), "it ended in the last one: {found}");
}

#[test]
fn the_status_is_that_of_grep() {
    let file = path("go1.27/http.trace");
    assert_eq!(status(&[&file, "name~GET"]), Some(0));
    assert_eq!(status(&[&file, "name~nowhere"]), Some(1));
    assert_eq!(status(&["-l", &file, "duration>1h"]), Some(1));
    assert_eq!(status(&["/nowhere/at.all", "name~GET"]), Some(2));
    assert_eq!(status(&[&file, "name>"]), Some(2));
    assert_eq!(status(&["name~GET"]), Some(2), "no file");
    let read = run(&["find", "-", "name~GET"], &bytes_of("go1.27/http.trace"));
    assert_eq!(read.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&read.stdout).starts_with("standard input: "));
}

#[test]
fn a_file_that_cannot_be_read_does_not_end_the_search() {
    let (http, tasks) = (path("go1.27/http.trace"), path("go1.27/tasks.trace"));
    let folder = tempfile::tempdir().expect("a folder");
    let written = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).expect("a file");
        file.display().to_string()
    };
    let half = bytes_of("go1.27/tasks.trace");
    let unread = [
        "/nowhere/at.all".to_owned(),
        written("empty.trace", b""),
        written("foreign.trace", b"[package]\nname = \"something else\"\n"),
        folder.path().display().to_string(),
    ];
    let half = written("half.trace", &half[..half.len() / 2]);
    for file in unread.iter().map(String::as_str) {
        let found = run(&["find", "--count", &http, file, &tasks, "name='GET *'"], b"");
        let counts = String::from_utf8_lossy(&found.stdout).into_owned();
        assert_eq!(found.status.code(), Some(2), "{file}: {counts}");
        assert!(
            counts.starts_with(&format!("{http}:")) && counts.ends_with(&format!("{tasks}:0\n")),
            "{counts}"
        );
        assert!(errors(&found).contains(file), "{}", errors(&found));
    }
    let found = run(&["find", "-l", "--strict", &half, &http, "name='GET *'"], b"");
    assert_eq!((found.status.code(), found.stdout), (Some(2), format!("{http}\n").into_bytes()));
}

#[test]
fn a_file_that_holds_nothing_new_is_counted_too() {
    let names = [0, 1].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let copy = tempfile::tempdir().expect("a folder");
    let copy = copy.path().join("copy.trace");
    std::fs::write(&copy, bytes_of("go1.27/flight.0.trace")).expect("a file");
    let copy = copy.display().to_string();
    let found = run(&["find", "--count", &names[0], &copy, &names[1], "name='no such span'"], b"");
    let counts = String::from_utf8_lossy(&found.stdout).into_owned();
    assert_eq!(counts, format!("{}:0\n{copy}:0\n{}:0\n", names[0], names[1]));
}

#[test]
fn a_wrong_query_is_pointed_at() {
    let file = path("go1.27/http.trace");
    let wrong = errors(&run(&["find", &file, "name~GET duration>50"], b""));
    let expected = "  name~GET duration>50\n                    ^^ a duration is a number with its unit";
    assert!(wrong.contains(expected), "{wrong}");
    let order = errors(&run(&["find", "name~GET", &file], b""));
    assert!(order.contains("the query stands behind the files"), "{order}");
}

/// A request of a program that says nothing of itself has the name of its handler.
#[test]
fn handlers_are_named() {
    let found = output(&["find", &path("zero-code/go1.27-libraries.trace"), "kind=server name=HTTP"]);
    let named = found.lines().filter(|line| line.contains(" HTTP  g") && line.contains(" main."));
    assert!(named.count() > 5, "{found}");
}
