//! `spans` in its formats, as people call it.

mod common;

use common::{bytes_of, errors, output, output_with, path, run};

#[test]
fn anatomy_and_critical_paths_are_shown_on_request() {
    let file = path("go1.27/http.trace");
    let plain = output(&["spans", &file]);
    assert!(!plain.contains("running") && !plain.contains('◆'), "{plain}");
    let anatomy = output(&["spans", "--anatomy", &file]);
    let bars = anatomy.lines().filter(|line| line.contains(" running · ")).count();
    assert!(bars > 20, "{anatomy}");
    let paths = output(&["spans", "--critical-path", &file]);
    assert!(
        paths.lines().any(|line| line.contains("round trip") && line.contains("◆ critical for ")),
        "{paths}"
    );
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
        assert!(printed.stdout.windows(8).any(|part| part == b"checkout"), "{format}");
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
    let all = output(&["spans", &file]);
    let spans = all.lines().last().expect("a summary").split(' ').next().expect("a number");
    let others = spans.parse::<u64>().expect("a number") - 4;
    for format in ["tree", "html"] {
        let limited = run(&["spans", "--format", format, "--max-spans", "4", &file], b"");
        assert!(limited.status.success());
        let expected = format!("shows 4 spans, and leaves {others} out");
        assert!(errors(&limited).contains(&expected), "{}", errors(&limited));
        let shown = String::from_utf8(limited.stdout).expect("UTF-8");
        let note =
            if format == "tree" { "4 spans in ".to_owned() } else { format!("{others} were left out") };
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
        assert!(errors(&output).contains("a stream of traces, which only spans and otlp read"), "{verb}");
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
