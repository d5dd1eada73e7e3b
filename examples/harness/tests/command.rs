//! The command itself, as far as it needs none of the parts.

use std::{fs, path::Path, process::Command, time::Duration};

use tempfile::TempDir;
use trace_harness::{Process, run_file};

#[test]
fn the_scenarios_are_listed() {
    let output = Command::new(env!("CARGO_BIN_EXE_trace-harness")).args(["run", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for scenario in [
        "flightrecorder",
        "fork-replay",
        "collector-down",
        "kill",
        "slow-collector",
        "disk-full",
        "push",
        "pull",
        "zero-code",
        "soak",
        "direct",
        "direct-kill",
        "direct-soak",
        "overhead",
    ] {
        assert!(help.contains(scenario), "{scenario} is not in:\n{help}");
    }
}

#[test]
fn what_is_wrong_with_the_load_is_told_before_anything_is_built() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("inputs.json");
    fs::write(&file, r#"{"rate": "fast"}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-harness"));
    // Nothing can be built without it.
    command.args(["run", "--scenario", "overhead", "--inputs"]).arg(&file).env("PATH", directory.path());
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("rate is \"fast\": a whole number from 1 to 100000 is wanted"), "{error}");
}

#[test]
fn a_scenario_runs_at_least_once() {
    let arguments = ["run", "--scenario", "push", "--num", "0"];
    let output = Command::new(env!("CARGO_BIN_EXE_trace-harness")).args(arguments).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("--num"), "{error}");
}

#[test]
fn what_a_run_left_is_ended_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("processes");
    run_file::write_to(file.clone());
    let mut ours = sleep(directory.path());
    // The id of a process that runs, which began at another time: somebody else's.
    let mut other = sleep(directory.path());
    let lines = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = lines.lines().collect();
    let [first, second] = *lines.as_slice() else { panic!("{lines:?}") };
    let start = second.split(' ').nth(1).unwrap();
    // Before the one that is waited for: it would be the first to end.
    fs::write(&file, format!("{}\n{first}\nno line\n", second.replace(start, "1"))).unwrap();

    let ended = run_file::end_all(&file).unwrap();

    assert_eq!(ended, [format!("sleep ({})", ours.id())]);
    ours.wait_until(|| false, Duration::from_secs(120)).unwrap_err();
    assert!(ours.ended().unwrap().is_some());
    assert!(other.ended().unwrap().is_none());
    assert!(other.memory().unwrap().now > 0);
    other.kill().unwrap();
}

fn sleep(directory: &Path) -> Process {
    let mut command = Command::new("sleep");
    command.arg("3600");
    Process::start("sleep", command, directory.join("log")).unwrap()
}
