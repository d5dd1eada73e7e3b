//! The spans of the fork's recordings against what the recorded programs say that they did: each operation is one span
//! with the right scope, kind, name, status, attributes, times, ids and parent, and there is no other span but those
//! with a reason of their own; what only stacks tell is held against that in [`stacks`]. [`exceptions`] lists the operations that the trace cannot know as they were.

mod assignment;
mod check;
mod exceptions;
mod ordinary;
mod query;
mod recording;
mod relations;
mod secrets;
mod stacks;
mod truth;
mod want;

use std::{fs, path::Path};

use recording::Recording;

fn check(truth: &Path) -> Vec<String> {
    let recording = Recording::of_truth(truth);
    let problems = check::problems(&recording);
    problems.into_iter().map(|problem| format!("{}: {problem}", recording.name)).collect()
}

/// The truth files of a folder, in the order of their names; none where there is no such folder.
fn truths(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
    let mut truths: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(".truth.json")).collect();
    truths.sort();
    truths
}

fn check_all(truths: &[std::path::PathBuf]) {
    let problems: Vec<_> = truths.iter().flat_map(|truth| check(truth)).collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

fn in_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

#[test]
fn recordings_of_the_repository() {
    let truths = truths(&in_repository("testdata/fork"));
    assert_eq!(truths.len(), 8, "{truths:?}");
    check_all(&truths);
}

#[test]
fn stacks_tell_what_the_fork_does_not() {
    for truth in truths(&in_repository("testdata/fork")) {
        stacks::check(&Recording::of_truth(&truth));
    }
}

#[test]
fn stacks_tell_nothing_where_scheduling_is_left_out() {
    for truth in truths(&in_repository("testdata/fork")) {
        stacks::check_without_scheduling(&Recording::of_truth(&truth));
    }
}

/// There are more recordings than the repository has room for. Not everybody has them.
#[test]
fn recordings_beside_the_repository() {
    let folder = in_repository("../shared/traces/fork");
    let truths = truths(&folder);
    if truths.is_empty() {
        println!("skipped: there is no recording in {}", folder.display());
    }
    check_all(&truths);
    truths.iter().for_each(|truth| stacks::check(&Recording::of_truth(truth)));
}
