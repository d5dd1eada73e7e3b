//! What archives have beside the program.

use std::{fs, process::Command};

use tempfile::TempDir;

#[test]
fn each_verb_has_a_page_and_each_shell_its_completions() {
    let folder = TempDir::new().unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_trace-sidecar")).arg("manual").arg(folder.path()).status();
    assert!(status.unwrap().success());
    for (file, words) in [
        ("trace-sidecar.1", "Examples:"),
        ("trace-sidecar-run.1", "Examples:"),
        ("trace-sidecar-check.1", "Examples:"),
        ("trace-sidecar.bash", "--dry-run"),
        ("trace-sidecar.elv", "--dry-run"),
        ("trace-sidecar.fish", "dry-run"),
        ("_trace-sidecar", "--dry-run"),
        ("_trace-sidecar.ps1", "--dry-run"),
    ] {
        let text = fs::read_to_string(folder.path().join(file)).expect(file);
        assert!(text.contains(words), "{file}: {text}");
    }
}
