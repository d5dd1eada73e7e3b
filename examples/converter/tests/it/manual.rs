//! What archives have beside the program.

use std::{fs, process::Command};

use tempfile::TempDir;

#[test]
fn each_verb_has_a_page_and_each_shell_its_completions() {
    let folder = TempDir::new().unwrap();
    let status =
        Command::new(env!("CARGO_BIN_EXE_trace-converter")).arg("manual").arg(folder.path()).status();
    assert!(status.unwrap().success());
    for (file, words) in [
        ("trace-converter.1", "Examples:"),
        ("trace-converter-spans.1", "Examples:"),
        ("trace-converter-otlp.1", "Examples:"),
        ("trace-converter-stats.1", "Examples:"),
        ("trace-converter-diff.1", "Examples:"),
        ("trace-converter-dump.1", "Examples:"),
        ("trace-converter-info.1", "Examples:"),
        ("trace-converter-filter.1", "Examples:"),
        ("trace-converter-sanitize.1", "Examples:"),
        ("trace-converter.bash", "--critical-path"),
        ("trace-converter.elv", "--critical-path"),
        ("trace-converter.fish", "critical-path"),
        ("_trace-converter", "--critical-path"),
        ("_trace-converter.ps1", "--critical-path"),
    ] {
        let text = fs::read_to_string(folder.path().join(file)).expect(file);
        assert!(text.contains(words), "{file}: {text}");
    }
}
