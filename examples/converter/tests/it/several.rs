//! Several traces in one file, as `cat`, appending and compressing in members make them, and clocks that are set.

use std::fs;

use crate::common::{bytes_of, errors, gzip, output, path, run, zstd};
use go_trace_format::{
    Clock, Dialect, EventType, Version, WallTime,
    event::ThreadId,
    write::{SyncBatch, Writer},
};
use serde_json::Value;

/// Of different versions, dialects and processes.
const TRACES: [&str; 6] = [
    "go1.22/regions.trace",
    "fork/sql.trace",
    "go1.27/http.trace",
    "go1.24/tasks.trace",
    "go1.26/regions.trace",
    "fork/tls.trace",
];

fn together() -> Vec<u8> {
    TRACES.iter().flat_map(|name| bytes_of(name)).collect()
}

fn paths() -> Vec<String> {
    TRACES.iter().map(|name| path(name)).collect()
}

/// What the program makes of bytes, where it has nothing to complain of. What stacks told, it may say.
fn quiet(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    let told = errors(&output);
    let complaints: Vec<_> = told.lines().filter(|line| !line.contains(" from stacks")).collect();
    assert!(complaints.is_empty(), "{arguments:?}: {complaints:#?}");
    output.stdout
}

#[test]
fn each_is_a_process_as_in_files_of_their_own() {
    let (together, paths) = (together(), paths());
    let paths: Vec<_> = paths.iter().map(String::as_str).collect();
    let base_time = ["--base-time", "2024-02-29T12:00:00Z"];
    for verb in [&["spans"][..], &["otlp", "--out", "-"]] {
        let each = quiet(&[verb, &base_time, &paths].concat(), b"");
        let members: Vec<u8> = TRACES.iter().flat_map(|name| gzip(&bytes_of(name))).collect();
        for bytes in [&together, &gzip(&together), &zstd(&together), &members] {
            assert!(quiet(&[verb, &base_time, &["-"]].concat(), bytes) == each, "{verb:?}");
        }
    }
    let told = output(&[&["spans"][..], &base_time, &paths].concat());
    assert!(told.contains(&format!("traces of {} processes", TRACES.len())), "{told}");
}

#[test]
fn info_tells_the_formats_of_all() {
    let told = String::from_utf8(quiet(&["info", "-"], &together())).expect("UTF-8");
    for (what, expected) in [("header", "go 1.22, go 1.26, go 1.23"), ("dialect", "stock, fork")] {
        let line = told.lines().find(|line| line.starts_with(what)).expect("a line");
        assert!(line.contains(expected), "{line}");
    }
    // Each trace counts, though their generations, threads and goroutines have the same numbers.
    let counts = |arguments: &[&str], input: &[u8]| {
        let told: Value = serde_json::from_slice(&quiet(arguments, input)).expect("JSON");
        let generations = told["generations"].as_array().expect("numbers").clone();
        let [threads, goroutines, duration] = ["threads", "goroutines", "duration_nanoseconds"]
            .map(|name| told[name].as_u64().expect("a number"));
        (generations, [threads, goroutines, duration])
    };
    let all = counts(&["info", "--json", "-"], &together());
    let (mut generations, mut sums) = (Vec::new(), [0; 3]);
    for path in paths() {
        let (own, counted) = counts(&["info", "--json", &path], b"");
        generations.extend(own);
        sums.iter_mut().zip(counted).for_each(|(sum, count)| *sum += count);
    }
    assert_eq!(all, (generations, sums));
    let line = told.lines().find(|line| line.starts_with("generations")).expect("a line");
    assert!(line.contains(&format!(" {} (", all.0.len())), "{line}");
}

#[test]
fn filter_writes_each_with_its_own_header() {
    for arguments in [&[][..], &["--keep", "core,tracing"]] {
        let filter = [&["filter", "-", "--out", "-"], arguments].concat();
        let each: Vec<u8> = TRACES.iter().flat_map(|name| run(&filter, &bytes_of(name)).stdout).collect();
        assert!(run(&filter, &together()).stdout == each, "{arguments:?}");
    }
}

#[test]
fn the_same_trace_twice_goes_out_once() {
    for name in TRACES {
        let bytes = bytes_of(name);
        let twice = [&bytes[..], &bytes].concat();
        for arguments in [
            &["spans", "--base-time", "2024-02-29T12:00:00Z", "-"][..],
            &["otlp", "--base-time", "2024-02-29T12:00:00Z", "--out", "-", "-"],
            &["filter", "--out", "-", "-"],
        ] {
            assert!(quiet(arguments, &twice) == quiet(arguments, &bytes), "{name}: {arguments:?}");
        }
        assert_eq!(run(&["spans", "--strict", "-"], &twice).status.code(), Some(1), "{name}: as Go says");
    }
}

#[test]
fn appended_snapshots_are_those_in_files_of_their_own() {
    for release in ["go1.25", "go1.26", "go1.27"] {
        let names: Vec<_> = (0..4).map(|number| format!("{release}/flight-whole.{number}.trace")).collect();
        let appended: Vec<u8> = names.iter().flat_map(|name| bytes_of(name)).collect();
        let paths: Vec<_> = names.iter().map(|name| path(name)).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        for verb in [&["spans"][..], &["otlp", "--out", "-"]] {
            let each = quiet(&[verb, &paths].concat(), b"");
            assert!(quiet(&[verb, &["-"]].concat(), &appended) == each, "{release}: {verb:?}");
        }
        // In any order of the files.
        let reversed: Vec<_> = paths.iter().rev().copied().collect();
        let spans = |paths: &[&str]| quiet(&[&["spans"][..], paths].concat(), b"");
        assert!(spans(&reversed) == spans(&paths), "{release}, the last file first");
    }
}

/// A task over two generations, between which the wall clock is set forward by so many seconds.
fn across(forward: i64) -> [Vec<u8>; 2] {
    let generation = |number: u64, forward: i64, act: &[(EventType, &[u64])]| {
        let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
        // A second each, in units of 64 ns.
        let begin = number * Clock::USUAL_FREQUENCY;
        let wall = i128::from(1_790_000_000 + number) + i128::from(forward);
        let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, begin).with_snapshot(
            begin,
            begin * 64,
            WallTime(wall * 1_000_000_000),
        );
        let mut written = writer.generation(number, sync).expect("a generation");
        let name = written.string(b"request").expect("a string").0;
        let there = [(EventType::ProcStatus, &[7, 1][..]), (EventType::GoStatus, &[7, 7, 2])];
        for (time, (event_type, arguments)) in (begin + 1..).zip(there.iter().chain(act)) {
            let arguments: Vec<_> = arguments
                .iter()
                .map(|&argument| if argument == u64::MAX { name } else { argument })
                .collect();
            written.event(ThreadId(7), time, *event_type, &arguments).expect("a valid event");
        }
        written.finish().expect("memory takes it");
        writer.into_inner()
    };
    [
        generation(1, 0, &[(EventType::UserTaskBegin, &[1, 0, u64::MAX, 0])]),
        generation(2, forward, &[(EventType::UserTaskEnd, &[1, 0])]),
    ]
}

#[test]
fn a_clock_that_is_set_tears_no_span_and_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for forward in [0, -3, -60, 60, -86_400] {
        let snapshots = across(forward);
        let files = ["1.trace", "2.trace"].map(|name| folder.path().join(name).display().to_string());
        files.iter().zip(&snapshots).for_each(|(file, bytes)| fs::write(file, bytes).expect("a file"));
        let [first, second] = &files;
        let outputs = [run(&["spans", first, second], b""), run(&["spans", "-"], &snapshots.concat())];
        for output in outputs {
            let (tree, told) = (String::from_utf8_lossy(&output.stdout).into_owned(), errors(&output));
            assert!(tree.contains("1.00 s task   request"), "{forward}: {tree}");
            assert!(
                tree.contains("1 span in 1 trace") && !tree.contains("not recorded"),
                "{forward}: {tree}"
            );
            assert_eq!(told.contains("the wall clock was set once"), forward != 0, "{forward}: {told}");
        }
    }
}

/// They are alike in threads and clocks, as processes in containers of one host are.
#[test]
fn services_of_two_names_are_two_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["1.trace", "2.trace"].map(|name| folder.path().join(name).display().to_string());
    files.iter().zip(across(0)).for_each(|(file, bytes)| fs::write(file, bytes).expect("a file"));
    let otlp = |names: &[&str]| {
        let flags: Vec<_> = names.iter().flat_map(|name| ["--service-name", *name]).collect();
        output(&[&["otlp", "--out", "-", &files[0], &files[1]][..], &flags].concat())
    };
    let spans = |lines: &str| lines.matches("\"spanId\"").count();
    assert_eq!(spans(&otlp(&["shop"])), 1, "a task over two snapshots");
    let apart = otlp(&["front", "back"]);
    assert_eq!(spans(&apart), 2, "{apart}");
    assert!(apart.contains("\"front\"") && apart.contains("\"back\""), "{apart}");
}
