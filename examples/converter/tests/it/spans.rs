//! `spans` in its formats, as people call it.

use crate::common::{
    self, Process, bytes_of, errors, output, output_with, page_data, path, perfetto::text, run,
};

#[test]
fn anatomy_and_critical_paths_are_shown_on_request() {
    let file = path("go1.27/http.trace");
    let plain = output(&["spans", &file]);
    assert!(!plain.contains("running") && !plain.contains('◆'), "{plain}");
    let anatomy = output(&["spans", "--anatomy", &file]);
    let bars = anatomy.lines().filter(|line| line.contains(" █ ") && line.contains(" running")).count();
    assert!(bars > 20, "{anatomy}");
    let paths = output(&["spans", "--critical-path", &file]);
    assert!(
        paths.lines().any(|line| line.contains("round trip") && line.contains("◆ critical for ")),
        "{paths}"
    );
}

#[test]
fn what_was_waited_for_is_told_of_several_processes_too() {
    let [front, back] = ["go1.27/http.trace", "go1.27/mutexes.trace"].map(path);
    let waits = |arguments: &[&str]| {
        let shown = output(&[&["spans", "--critical-path"], arguments].concat());
        let waits = shown.lines().filter(|line| line.contains(" wait "));
        let mut waits: Vec<_> = waits.map(|line| line.trim_start().to_owned()).collect();
        waits.sort_unstable();
        waits
    };
    let together = waits(&["--correlate", &front, &back]);
    assert_eq!(together, waits(&[&front, &back]));
    assert!(together.iter().any(|line| line.contains(" in ") && line.contains(".go:")), "{together:?}");
    let page = page_data(&output(&["spans", "--correlate", "--format", "html", &front, &back]));
    let profiles = page["flame"]["profiles"].as_array().expect("profiles");
    let processes: std::collections::BTreeSet<_> =
        profiles.iter().map(|profile| profile["process"].as_str().expect("a process")).collect();
    assert_eq!(processes.len(), 2, "{processes:?}");
    assert!(page["waits"].as_object().is_some_and(|waits| !waits.is_empty()));
}

#[test]
fn colours_can_be_chosen() {
    let file = path("go1.27/tasks.trace");
    let coloured = |arguments: &[&str]| output(&[&["spans", &file], arguments].concat()).contains('\u{1b}');
    assert!(coloured(&["--color", "always"]));
    assert!(!coloured(&["--color", "never"]) && !coloured(&["--color", "auto"]) && !coloured(&[]));
    let folder = tempfile::tempdir().expect("a folder");
    for (when, expected) in [("always", true), ("auto", false)] {
        let out = folder.path().join(when).display().to_string();
        assert_eq!(output(&["spans", &file, "--color", when, "--out", &out]), "");
        let written = std::fs::read_to_string(&out).expect("the file");
        assert_eq!(written.contains('\u{1b}'), expected, "{when}");
        assert!(written.contains("checkout"));
    }
}

#[test]
fn each_format_goes_to_a_file_or_to_standard_output() {
    let file = path("go1.27/tasks.trace");
    let folder = tempfile::tempdir().expect("a folder");
    for format in ["tree", "html", "chrome", "perfetto"] {
        let out = folder.path().join(format).display().to_string();
        assert_eq!(output(&["spans", "--format", format, "-o", &out, &file]), "");
        let printed = run(&["--format", format, &file], b"");
        assert!(printed.status.success(), "no verb means spans: {}", errors(&printed));
        assert_eq!(std::fs::read(&out).expect("the file"), printed.stdout, "{format}");
        assert!(text(format, &printed.stdout).contains("checkout"), "{format}");
    }
}

#[test]
fn an_input_is_not_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.trace");
    std::fs::write(&file, bytes_of("go1.27/tasks.trace")).expect("a file");
    let name = file.display().to_string();
    let output = run(&["spans", "--format", "html", "-o", &name, &name], b"");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read(&file).expect("the file"), bytes_of("go1.27/tasks.trace"));
}

#[test]
fn spans_over_the_limit_are_counted() {
    let file = path("go1.27/http.trace");
    let all = output(&["spans", "--ranges", &file]);
    let spans = all.lines().last().expect("a summary").split(' ').next().expect("a number");
    let others = spans.parse::<u64>().expect("a number") - 4;
    for format in ["tree", "html"] {
        let limited = run(&["spans", "--ranges", "--format", format, "--max-spans", "4", &file], b"");
        assert!(limited.status.success());
        let expected = format!("shows 4 spans, and leaves {others} out");
        assert!(errors(&limited).contains(&expected), "{}", errors(&limited));
        let shown = String::from_utf8(limited.stdout).expect("UTF-8");
        let (shown, note) = match format {
            "tree" => (shown, "4 spans in ".to_owned()),
            _ => (page_data(&shown)["notes"].to_string(), format!("{others} were left out")),
        };
        assert!(shown.contains(&note), "{shown}");
    }
}

#[test]
fn a_stream_of_traces_is_read_as_snapshots_of_one_process() {
    let stream = bytes_of("fork/stream.bin");
    let shown = output(&["spans", &path("fork/stream.bin")]);
    assert!(shown.lines().count() > 10, "{shown}");
    assert_eq!(shown, output_with(&["spans", "-"], &stream));
    assert_eq!(shown, output_with(&["spans", "-"], &common::gzip(&stream)), "compressed too");
    let (_, rest) = stream.split_at(8);
    let first = u64::from_le_bytes(stream[..8].try_into().expect("8 bytes"));
    let alone = output_with(&["spans", "-"], &rest[..first as usize]);
    assert!(shown.lines().count() > alone.lines().count(), "more than the first trace");
    let incomplete = |shown: &str| shown.lines().filter(|line| line.contains("not recorded")).count();
    assert!(incomplete(&shown) < 5, "what is open at the end of one goes on in the next: {shown}");
    assert!(!output_with(&["otlp", "-"], &stream).is_empty());
}

#[test]
fn a_cut_stream_is_read_up_to_the_cut() {
    let stream = bytes_of("fork/stream.bin");
    let cut = &stream[..stream.len() - 5000];
    let salvaged = run(&["spans", "-"], cut);
    assert!(salvaged.status.success(), "{}", errors(&salvaged));
    assert!(errors(&salvaged).starts_with("warning: standard input: "), "{}", errors(&salvaged));
    assert!(String::from_utf8_lossy(&salvaged.stdout).lines().count() > 10);
    let strict = run(&["spans", "--strict", "-"], cut);
    assert_eq!(strict.status.code(), Some(1));
    assert!(errors(&strict).contains("error: standard input: "), "{}", errors(&strict));
}

#[test]
fn verbs_that_read_one_trace_refuse_a_stream() {
    for verb in ["info", "dump"] {
        let output = run(&[verb, &path("fork/stream.bin")], b"");
        assert_eq!(output.status.code(), Some(1), "{verb}");
        assert!(
            errors(&output).contains("a stream of traces, which info, dump, cut and filter do not read"),
            "{verb}"
        );
    }
}

#[test]
fn nothing_is_said_to_be_nothing() {
    for format in ["tree", "html", "perfetto", "chrome"] {
        let empty = run(&["spans", "--format", format, "-"], b"");
        assert_eq!(empty.status.code(), Some(1), "{format}");
        assert_eq!(errors(&empty), "error: standard input: is empty, and so no trace\n", "{format}");
    }
    let without_spans = output_with(&["spans", "-"], b"go 1.26 trace\0\0\0");
    assert!(without_spans.starts_with("no spans: the trace holds no task, no region"), "{without_spans}");
}

#[test]
fn help_has_examples() {
    let help = output(&["spans", "--help"]);
    for part in ["--format perfetto --out", "ui.perfetto.dev", "finished last"] {
        assert!(help.contains(part), "{help}");
    }
}

/// Two processes of which one has asked the other, each in a file of its own.
fn front_and_back(folder: &std::path::Path) -> [String; 2] {
    let mut front = Process::new(7);
    front.task(1, 0, "ask", (1_000, 9_000), &[("traceparent", "aa")]);
    // Its clock is half a second ahead.
    let mut back = Process::new(8).ahead_by(500_000_000);
    back.task(1, 0, "answer", (3_000, 7_000), &[("traceparent", "bb"), ("traceparent.parent", "aa")]);
    [("front", front), ("back", back)].map(|(name, process)| process.write(folder, name))
}

#[test]
fn processes_are_joined_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let [front, back] = front_and_back(folder.path());
    let apart = output(&["spans", &front, &back]);
    assert!(apart.contains("parent 00000000000000aa elsewhere"), "{apart}");
    assert_eq!(apart.lines().last(), Some("in all 2 spans in 1 traces of 2 processes"), "{apart}");
    let names = ["--service-name", "shop", "--service-name", "store"];
    let joined = output(&[&["spans", "--correlate", &front, &back], &names[..]].concat());
    assert!(joined.contains("└─ answer") && !joined.contains("elsewhere"), "{joined}");
    let answer = joined.lines().find(|line| line.contains("answer")).expect("the answer");
    assert!(answer.contains("  of store") && joined.contains("  of shop"), "{joined}");
    assert_eq!(joined.lines().last(), Some("2 spans in 1 trace of 2 processes"), "{joined}");
    let page = output(&[&["spans", "--correlate", "--format", "html", &front, &back], &names[..]].concat());
    let columns = &page_data(&page)["columns"];
    let process = |place: usize| &columns["texts"][columns["process"][place].as_u64().expect("one") as usize];
    assert_eq!((process(0), process(1)), (&"shop".into(), &"store".into()));
    assert_eq!(columns["parent"], serde_json::json!([0, 1]), "the one before it");
}

#[test]
fn clocks_are_aligned_by_what_programs_wrote_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let [front, back] = front_and_back(folder.path());
    let aligned = run(&["spans", "--correlate", "--align-clocks", "--critical-path", &front, &back], b"");
    assert!(aligned.status.success(), "{}", errors(&aligned));
    assert!(errors(&aligned).contains("clocks: -500000.0 µs (±2.0 µs, 1 requests)"), "{}", errors(&aligned));
    let shown = String::from_utf8(aligned.stdout).expect("UTF-8");
    let critical = |name: &str| {
        let line = shown.lines().find(|line| line.contains(name)).expect("a line");
        line.split_once("◆ critical for ")
            .map(|(_, rest)| rest.split("  ").next().unwrap_or_default().trim().to_owned())
    };
    assert_eq!(
        (critical("ask").as_deref(), critical("answer").as_deref()),
        (Some("4.00 µs"), Some("4.00 µs")),
        "{shown}"
    );
}

#[test]
fn each_input_has_its_service() {
    let folder = tempfile::tempdir().expect("a folder");
    let [front, back] = front_and_back(folder.path());
    let services = |arguments: &[&str]| {
        let lines = output(&[&["otlp", &front, &back], arguments].concat());
        let part = |name: &str| lines.matches(&format!(r#"{{"stringValue":"{name}"}}"#)).count();
        (part("shop"), part("store"))
    };
    assert_eq!(services(&["--service-name", "shop"]), (2, 0), "one for all");
    assert_eq!(services(&["--service-name", "shop", "--service-name", "store"]), (1, 1));
    let names = ["--service-name", "a", "--service-name", "b", "--service-name", "c"];
    let wrong = run(&[&["otlp", &front, &back], &names[..]].concat(), b"");
    assert!(errors(&wrong).contains("3 times --service-name for 2 files"), "{}", errors(&wrong));
}

#[test]
fn ranges_are_summed_up_unless_asked_for() {
    let file = path("go1.27/gc.trace");
    let folded = output(&["spans", &file]);
    let line = folded.lines().find(|line| line.contains("garbage collections, ")).expect("a sum");
    assert!(!line.starts_with('0') && line.ends_with(" in all"), "{line}");
    assert!(!folded.contains("stop-the-world") && !folded.contains("GC concurrent mark phase"), "{folded}");
    let shown = output(&["spans", "--ranges", &file]);
    let collections = shown.lines().filter(|line| line.contains("GC concurrent mark phase")).count();
    assert!(line.starts_with(&format!("{collections} garbage collections, ")), "{line}");
    for (arguments, expected) in
        [(&["--format", "html"][..], false), (&["--format", "html", "--ranges"], true)]
    {
        let page = output(&[&["spans", &file], arguments].concat());
        let data = page_data(&page);
        let collection = serde_json::Value::from("GC concurrent mark phase");
        let texts = data["columns"]["texts"].as_array().expect("texts");
        assert_eq!(texts.contains(&collection), expected, "{arguments:?}");
        assert_eq!(data["notes"].to_string().contains(line), !expected, "{arguments:?}");
        let lane = data["lane"]["names"].as_array().expect("names");
        assert!(lane.contains(&collection), "what the runtime did is over the waterfall either way");
    }
}

#[test]
fn what_is_asked_for_is_shown_or_refused() {
    let file = path("go1.27/http.trace");
    for format in ["tree", "html", "perfetto", "chrome"] {
        let with = |flag| run(&["spans", "--format", format, flag, &file], b"");
        let stacks = text(format, &with("--stacks").stdout);
        assert!(
            stacks.contains("net/http.HandlerFunc.ServeHTTP"),
            "{format}: the stack of a handler's region"
        );
        assert!(with("--anatomy").status.success(), "{format}");
        let path = with("--critical-path");
        assert_eq!(path.status.success(), ["tree", "html"].contains(&format), "{format}");
        assert!(path.status.success() || errors(&path).contains("--critical-path is for trees and pages"));
    }
}

#[test]
fn lines_fit_where_a_width_is_given() {
    let file = path("go1.27/http.trace");
    let whole = output(&["spans", "--anatomy", &file]);
    assert_eq!(output(&["spans", "--anatomy", "--width", "0", &file]), whole, "0 is none");
    let narrow = output(&["spans", "--anatomy", "--width", "60", &file]);
    assert_eq!(narrow.lines().count(), whole.lines().count());
    assert!(narrow.lines().all(|line| line.chars().count() <= 60) && narrow.contains('…'), "{narrow}");
}

#[test]
fn requests_of_an_unmodified_program_are_read_off_its_stacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("spans.jsonl").display().to_string();
    let convert = |file: &str, arguments: &[&str]| {
        let run = run(&[&["otlp", "--out", &out, &path(file)], arguments].concat(), b"");
        assert!(run.status.success());
        let told = String::from_utf8(run.stderr).expect("text");
        (std::fs::read_to_string(&out).expect("the spans"), told)
    };
    let (spans, told) = convert("zero-code/go1.26-http1.trace", &["--no-from-stacks"]);
    assert!(!spans.contains("gotrace.evidence") && !told.contains("from stacks"), "{told}");
    let (spans, told) = convert("zero-code/go1.26-http1.trace", &[]);
    assert!(spans.contains("\"gotrace.evidence\"") && spans.contains("\"gotrace.start.uncertainty\""));
    assert!(told.contains(" requests from stacks (") && told.contains(" queries"), "{told}");

    let (_, told) = convert("go1.26/empty.trace", &[]);
    assert!(told.contains("its stacks tell of no request, call or query"), "{told}");
    let (_, told) = convert("go1.27/tasks.trace", &[]);
    assert_eq!(told, "", "there is enough to look at");
}

#[test]
fn a_critical_path_tells_what_was_waited_for_and_where() {
    let trace = path("go1.27/context.trace");
    let shown = output(&["spans", "--critical-path", "--width", "0", &trace]);
    let waits: Vec<_> = shown.lines().filter(|line| line.trim_start().starts_with("wait ")).collect();
    let is_sleep = |line: &&str| {
        line.contains(" sleep  in time.Sleep time.go:") && line.contains("  for main.pause recorder.go:129")
    };
    assert_eq!(waits.iter().filter(|line| is_sleep(line)).count(), 1, "{shown}");
    assert!(!output(&["spans", &trace]).contains(" wait "));
    let requests =
        output(&["spans", "--critical-path", "--width", "0", &path("zero-code/go1.26-http1.trace")]);
    assert!(requests.contains(" network  in ") && requests.contains("wait "), "{requests}");
}
