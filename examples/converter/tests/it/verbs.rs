//! Each verb, as people call it.

use std::{
    collections::HashSet,
    io::Read,
    process::{Output, Stdio},
};

use crate::common::{bytes_of, converter, errors, gunzip, output, output_with, path, run};
use go_trace_format::{
    Clock, Dialect, EventType, Version, WallTime,
    event::ThreadId,
    write::{GenerationWriter, SyncBatch, Writer},
};
use serde_json::Value;

#[test]
fn without_arguments_a_bundled_recording_is_shown() {
    let bundled = output(&[]);
    assert_eq!(bundled, output(&["spans"]));
    for stdin in [Stdio::null(), Stdio::piped()] {
        let shown = converter().stdin(stdin).output().expect("output");
        assert_eq!(String::from_utf8_lossy(&shown.stdout), bundled);
        assert!(errors(&shown).contains("this is a demonstration"), "{}", errors(&shown));
    }
    assert!(bundled.contains("GET /orders/{id}") && bundled.contains("query order"), "{bundled}");
    assert_eq!(output(&["spans", &path("go1.27/http.trace")]), bundled);
    assert_eq!(output(&[&path("go1.27/http.trace")]), bundled, "no verb means spans");
}

#[test]
fn spans_are_trees() {
    let shown = output(&["spans", &path("go1.27/regions.trace")]);
    // What stands behind times, kind and place, which differ from recording to recording.
    let branch = |line: &str| line.split("  g").next().map(|line| line.chars().skip(32).collect::<String>());
    let lines: Vec<_> = shown.lines().filter_map(branch).collect();
    let expected = [
        "nested",
        "├─ outer",
        "│  ├─ middle",
        "│  │  ├─ inner",
        "│  │  │  └─ depth: three",
        "│  │  └─ inner",
        "│  └─ depth: one",
        "└─ depth: none",
    ];
    let start = lines.iter().position(|line| line == expected[0]).unwrap_or_else(|| panic!("{shown}"));
    assert_eq!(lines[start..start + expected.len()], expected, "{shown}");
    assert!(
        shown.contains("unclosed (end not recorded)") && shown.contains("(start not recorded)"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "no colours but on a terminal");
}

#[test]
fn colours_can_be_forced_and_forbidden() {
    let coloured = |variables: &[(&str, &str)]| {
        let output = converter().envs(variables.iter().copied()).output().expect("output");
        String::from_utf8_lossy(&output.stdout).contains('\u{1b}')
    };
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
    assert!(!coloured(&[]));
}

#[test]
fn several_files_are_shown_one_after_the_other() {
    let (one, other) = (path("go1.27/tasks.trace"), path("go1.27/regions.trace"));
    let both = output(&["spans", &one, &other]);
    let apart = output(&["spans", &one]) + &output(&["spans", &other]);
    let totals = both.strip_prefix(&apart).unwrap_or_else(|| panic!("{both}"));
    let sums = apart.lines().filter_map(|line| line.split_once(" spans in ")?.0.parse::<u64>().ok());
    let expected = format!("in all {} spans in ", sums.sum::<u64>());
    assert!(totals.starts_with(&expected) && totals.ends_with(" traces of 2 processes\n"), "{totals}");
}

#[test]
fn snapshots_of_one_process_give_each_span_once() {
    let names = [0, 1, 2, 3].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let files: Vec<_> = names.iter().map(String::as_str).collect();
    let together = output(&[&["spans", "--ranges"], &files[..]].concat());
    let count = |shown: &str, name: &str| shown.lines().filter(|line| line.contains(name)).count();
    // A task and a region.
    assert_eq!(count(&together, "crosses all snapshots"), 2, "{together}");
    assert_eq!(count(&together, "not recorded"), 1, "{together}");
    let alone: Vec<_> = files.iter().map(|file| output(&["spans", file])).collect();
    assert!(count(&alone.concat(), "crosses all snapshots") > 2);
    let (_, spans) = otlp(&output(&[&["otlp"], &files[..]].concat()));
    let traces: HashSet<_> = spans.iter().map(|span| span["traceId"].as_str()).collect();
    let summary = format!("{} spans in {} traces", spans.len(), traces.len());
    assert_eq!(together.lines().last(), Some(&*summary));
}

#[test]
fn the_order_of_snapshots_is_no_matter() {
    let names = [0, 1, 2, 3].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let convert = |verb: &str, order: &[usize]| {
        let files: Vec<_> = order.iter().map(|&place| names[place].as_str()).collect();
        output(&[&[verb], &files[..]].concat())
    };
    let other = path("fork/flight.0.trace");
    for verb in ["spans", "otlp"] {
        let expected = convert(verb, &[0, 1, 2, 3]);
        for order in [&[3, 2, 1, 0][..], &[1, 3, 0, 2], &[0, 0, 1, 1, 2, 3, 3], &[3, 0, 2, 3, 1, 0]] {
            assert_eq!(convert(verb, order), expected, "{verb} {order:?}");
        }
        // Those of another process between them.
        let mixed = output(&[verb, &names[2], &other, &names[0], &names[3], &names[1]]);
        assert!(mixed.starts_with(&expected), "{verb}: {mixed}");
    }
    let (_, spans) = otlp(&convert("otlp", &[2, 0, 1, 3, 2]));
    let ids: HashSet<_> =
        spans.iter().map(|span| (span["traceId"].as_str(), span["spanId"].as_str())).collect();
    assert_eq!(ids.len(), spans.len());
}

#[test]
fn a_mistyped_verb_is_told_with_the_likely_one() {
    let cases: [(&[&str], &str); 7] = [
        (&["spnas", "x.trace"], "spans"),
        (&["Otlp"], "otlp"),
        (&["otpl", "--endpoint", "http://localhost:4318", "x.trace"], "otlp"),
        (&["dmup", "x.trace"], "dump"),
        (&["filtre", "x.trace", "--keep", "core"], "filter"),
        (&["sanitise", "sql"], "sanitize"),
        (&["inof"], "info"),
    ];
    for (arguments, likely) in cases {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let expected = format!("{} is neither a verb nor a file; did you mean {likely}?", arguments[0]);
        assert!(errors(&output).contains(&expected), "{arguments:?}: {}", errors(&output));
        assert!(output.stdout.is_empty());
    }
    let unlike = run(&["qqq"], b"");
    assert_eq!(unlike.status.code(), Some(2));
    assert!(
        errors(&unlike).contains(
            "the verbs are spans, otlp, find, export, profile, stats, diff, dump, info, filter, cut, sanitize"
        ),
        "{}",
        errors(&unlike)
    );
    let file = run(&["./nowhere.trace"], b"");
    assert!(
        errors(&file).contains("./nowhere.trace") && !errors(&file).contains("verb"),
        "{}",
        errors(&file)
    );
}

#[test]
fn files_before_a_missing_one_are_shown() {
    let output = run(&["spans", &path("go1.27/tasks.trace"), "/nowhere/at.all"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("checkout"));
    assert!(errors(&output).contains("/nowhere/at.all"));
}

#[test]
fn dump_is_the_references() {
    for name in ["go1.22/regions", "go1.24/logs", "go1.25/flight.1", "go1.27/gc-generations"] {
        let expected = gunzip(&format!("{name}.dump.gz"));
        let found = run(&["dump", &path(&format!("{name}.trace"))], b"");
        assert!(found.status.success() && found.stdout == expected, "{name}: {}", errors(&found));
    }
}

#[test]
fn dump_fails_where_the_reference_does_after_the_events_before() {
    let trace = bytes_of("go1.25/generations.trace");
    let whole = output_with(&["dump", "-"], &trace);
    let cut = run(&["dump", "-"], &trace[..trace.len() * 2 / 3]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(errors(&cut).starts_with("error: standard input: "), "{}", errors(&cut));
    let printed = String::from_utf8(cut.stdout).expect("UTF-8");
    let common = printed.lines().zip(whole.lines()).take_while(|(one, other)| one == other).count();
    assert!(common > 100, "only {common} lines precede the failure");
    // The reference says where the trace ends before it fails.
    assert!(printed.lines().count() <= common + 1, "{printed}");
}

#[test]
fn dump_hides_the_secrets_of_the_fork_unless_told() {
    let trace = path("fork/sql.trace");
    let (sanitized, raw) = (output(&["dump", &trace]), output(&["dump", "--raw", &trace]));
    assert_eq!(sanitized.lines().count(), raw.lines().count());
    let query = |dump: &str| {
        dump.lines().filter(|line| line.contains(" SQLQueryStart ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(!query(&raw).is_empty());
    assert_ne!(query(&sanitized), query(&raw));
}

fn info(arguments: &[&str]) -> Value {
    serde_json::from_str(&output(arguments)).expect("JSON")
}

#[test]
fn info_tells_what_is_in_the_trace() {
    let generations = info(&["info", "--json", &path("go1.26/generations.trace")]);
    assert_eq!(generations["header"], "go 1.26");
    assert_eq!(generations["go_version"], "Go 1.26 or 1.27");
    assert_eq!(generations["dialect"], "stock");
    assert!(generations["generations"].as_array().is_some_and(|all| all.len() >= 4));
    assert_eq!(generations["events_by_kind"]["UserTaskBegin"], 7);
    let kinds = generations["events_by_kind"].as_object().expect("kinds");
    let sum: u64 = kinds.values().filter_map(Value::as_u64).sum();
    assert_eq!(generations["events"], sum);
    assert_eq!(generations["losses"]["count"], 0);
    let clock = &generations["wall_clock"];
    let (start, end) = (clock["start_unix_nanoseconds"].as_u64(), clock["end_unix_nanoseconds"].as_u64());
    assert!(start > Some(1_700_000_000_000_000_000) && end > start);
    assert_eq!(info(&["info", "--json", &path("fork/sql.trace")])["dialect"], "fork");
    assert_eq!(info(&["info", "--json", &path("go1.24/tasks.trace")])["wall_clock"], Value::Null);
}

#[test]
fn info_counts_the_lines_of_the_dump() {
    let name = "go1.27/stw";
    let dump = String::from_utf8(gunzip(&format!("{name}.dump.gz"))).expect("UTF-8");
    let events = dump.lines().filter(|line| line.starts_with("M=") && !line.contains(" Sync Time=")).count();
    assert_eq!(info(&["info", "--json", &path(&format!("{name}.trace"))])["events"], events);
}

#[test]
fn info_is_readable() {
    let text = output(&["info", &path("go1.27/tasks.trace")]);
    for line in ["header       go 1.26, written by Go 1.26 or 1.27", "dialect      stock", "losses       0"] {
        assert!(text.contains(line), "{text}");
    }
}

fn damaged() -> Vec<u8> {
    let mut trace = bytes_of("go1.27/generations.trace");
    trace.truncate(trace.len() - 100);
    trace
}

#[test]
fn losses_are_told_and_fail_only_in_strict_mode() {
    let salvaged = run(&["spans", "-"], &damaged());
    assert!(salvaged.status.success(), "{}", errors(&salvaged));
    let told = errors(&salvaged);
    assert!(told.starts_with("warning: standard input: ") && told.lines().count() == 1, "{told}");
    let details = errors(&run(&["spans", "--details", "-"], &damaged()));
    assert!(details.lines().count() > 1, "{details}");
    assert!(String::from_utf8_lossy(&salvaged.stdout).contains("crosses all generations"));
    let info = run(&["info", "--json", "-"], &damaged());
    let info: Value = serde_json::from_slice(&info.stdout).expect("JSON");
    assert!(info["losses"]["count"].as_u64() > Some(0));
    assert!(info["losses"]["details"].as_array().is_some_and(|details| !details.is_empty()));
    for verb in ["spans", "otlp", "info"] {
        let strict = run(&[verb, "--strict", "-"], &damaged());
        assert_eq!(strict.status.code(), Some(1), "{verb}");
        assert!(errors(&strict).contains("error: standard input: "), "{verb}: {}", errors(&strict));
    }
}

/// The resource's attributes and the spans of OTLP JSON lines.
fn otlp(lines: &str) -> (Vec<Value>, Vec<Value>) {
    let (mut attributes, mut spans) = (Vec::new(), Vec::new());
    for line in lines.lines() {
        let request: Value = serde_json::from_str(line).expect("JSON");
        for resource in request["resourceSpans"].as_array().expect("resources") {
            attributes.extend(resource["resource"]["attributes"].as_array().expect("attributes").clone());
            for scope in resource["scopeSpans"].as_array().expect("scopes") {
                spans.extend(scope["spans"].as_array().expect("spans").clone());
            }
        }
    }
    (attributes, spans)
}

fn attribute<'a>(attributes: &'a [Value], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|pair| pair["key"] == key).map(|pair| &pair["value"]["stringValue"])
}

#[test]
fn otlp_writes_the_spans_as_json_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("spans.jsonl").display().to_string();
    let trace = path("go1.27/tasks.trace");
    assert_eq!(output(&["otlp", &trace, "--out", &out]), "");
    let written = std::fs::read_to_string(&out).expect("the file");
    assert_eq!(written, output(&["otlp", &trace]), "standard output is the default");
    assert_eq!(written, output_with(&["otlp", "-", "--out", "-"], &bytes_of("go1.27/tasks.trace")));
    let (attributes, spans) = otlp(&written);
    assert_eq!(spans.len(), 17, "16 tasks, and the world was stopped to begin");
    assert_eq!(attribute(&attributes, "service.name"), Some(&"flightrecorder".into()));
    assert_eq!(attribute(&attributes, "process.runtime.name"), Some(&"go".into()));
    assert_eq!(attribute(&attributes, "gotrace.clock"), None);
    let (attributes, _) = otlp(&output(&["otlp", &path("go1.23/tasks.trace")]));
    assert_eq!(attribute(&attributes, "gotrace.clock"), Some(&"approximate".into()));
}

#[test]
fn the_command_line_goes_before_the_environment() {
    let trace = path("go1.27/tasks.trace");
    let with = |arguments: &[&str]| -> Output {
        let mut command = converter();
        command
            .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=lowest,host.name=box")
            .env("OTEL_SERVICE_NAME", "middle");
        command.args(["otlp", &trace]).args(arguments).output().expect("output")
    };
    let attributes = |output: Output| otlp(&String::from_utf8(output.stdout).expect("UTF-8")).0;
    let of_environment = attributes(with(&[]));
    assert_eq!(attribute(&of_environment, "service.name"), Some(&"middle".into()));
    assert_eq!(attribute(&of_environment, "host.name"), Some(&"box".into()));
    let of_both = attributes(with(&["--service-name", "highest", "--resource", "host.name=other"]));
    assert_eq!(attribute(&of_both, "service.name"), Some(&"highest".into()));
    assert_eq!(attribute(&of_both, "host.name"), Some(&"other".into()));
    let malformed = converter().env("OTEL_RESOURCE_ATTRIBUTES", "nonsense").args(["otlp", &trace]).output();
    assert_eq!(malformed.expect("output").status.code(), Some(1));
}

#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let output = run(&["otlp", &path("go1.27/tasks.trace"), "--out", "/nowhere/spans.jsonl"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("/nowhere/spans.jsonl"), "{}", errors(&output));
}

#[test]
fn an_input_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.trace");
    std::fs::write(&file, bytes_of("go1.27/tasks.trace")).expect("a file");
    let name = file.display().to_string();
    assert_eq!(run(&["otlp", &name, "--out", &name], b"").status.code(), Some(1));
    assert_eq!(std::fs::read(&file).expect("the file"), bytes_of("go1.27/tasks.trace"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let trace = path("go1.27/gc-generations.trace");
    let mut child = converter()
        .args(["dump", &trace])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut first = [0; 10];
    child.stdout.take().expect("its output").read_exact(&mut first).expect("ten bytes");
    let output = child.wait_with_output().expect("its end");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", errors(&output));
}

/// Contexts that the program made up can go round in a circle, to which no root leads, or be very deep.
#[test]
fn circles_and_abysses_are_shown() {
    const DEPTH: u64 = 20_000;
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 0).with_snapshot(0, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let mut time = 0;
    let mut event = |generation: &mut GenerationWriter<'_, _>, event_type, arguments: &[u64]| {
        time += 1;
        generation.event(ThreadId(7), time, event_type, arguments).expect("an event");
    };
    event(&mut generation, EventType::ProcStatus, &[0, 1]);
    event(&mut generation, EventType::GoStatus, &[1, 7, 2]);
    for (id, own, parent) in
        [(1, "00000000000000aa", "00000000000000bb"), (2, "00000000000000bb", "00000000000000aa")]
    {
        let name = generation.string(format!("round {own}").as_bytes()).expect("a string").0;
        event(&mut generation, EventType::UserTaskBegin, &[id, 0, name, 0]);
        for (category, span) in [("traceparent", own), ("traceparent.parent", parent)] {
            let context = format!("00-0af7651916cd43dd8448eb211c80319c-{span}-01");
            let category = generation.string(category.as_bytes()).expect("a string").0;
            let context = generation.string(context.as_bytes()).expect("a string").0;
            event(&mut generation, EventType::UserLog, &[id, category, context, 0]);
        }
    }
    for id in 3..DEPTH {
        event(&mut generation, EventType::UserTaskBegin, &[id, if id == 3 { 0 } else { id - 1 }, 0, 0]);
    }
    generation.finish().expect("memory takes it");
    let shown = output_with(&["spans", "-"], &writer.into_inner());
    assert!(shown.contains("round 00000000000000aa") && shown.contains("round 00000000000000bb"), "{shown}");
    assert_eq!(shown.lines().filter(|line| line.contains("(unnamed task)")).count() as u64, DEPTH - 3);
    assert!(shown.len() < 10_000_000, "{} bytes", shown.len());
}

#[test]
fn help_and_version_exist() {
    assert!(output(&["--help"]).contains("exit status"));
    assert!(output(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
}
