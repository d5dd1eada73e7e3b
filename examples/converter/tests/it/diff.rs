//! The verb `diff`.

use std::path::Path;

use crate::common::{Process, errors, output, path, run};
use serde_json::Value;

/// A recording of a process of its own with 20 tasks, of so many nanoseconds and a little more.
fn recording(folder: &Path, name: &str, length: u64) -> String {
    let mut process = Process::new(length as i64).ahead_by(i128::from(length) * 1_000_000_000);
    for id in 1..=20 {
        process.task(id, 0, "order", (id * 100_000, id * 100_000 + length + 17 * (id * 7 % 20)), &[]);
    }
    process.write(folder, name)
}

fn json(arguments: &[&str]) -> Value {
    let written = output(&[&["diff", "--json"], arguments].concat());
    serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"))
}

#[test]
fn what_got_slower_is_told_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) =
        (recording(folder.path(), "before", 10_000), recording(folder.path(), "after", 20_000));
    let page = output(&["diff", &before, &after]);
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    let page = page.replace(&format!("{}/", folder.path().display()), "");
    insta::assert_snapshot!("slower", page);
    let all = json(&[&before, &after]);
    let [order] = &all["spans"].as_array().expect("a list")[..] else { panic!("{all}") };
    assert_eq!(
        (&all["different"], &order["verdict"], &order["name"]),
        (&true.into(), &"slower".into(), &"order".into())
    );
    assert_eq!(order["before"]["count"], 20);
    let failed = run(&["diff", "--fail", &before, &after], b"");
    assert!(failed.status.code() == Some(1) && errors(&failed).contains("got slower"), "{}", errors(&failed));
    assert!(!failed.stdout.is_empty());
    let faster = json(&[&after, &before]);
    assert_eq!(faster["spans"][0]["verdict"], "faster");
    assert!(run(&["diff", "--fail", &after, &before], b"").status.success());
}

#[test]
fn a_recording_does_not_differ_from_itself() {
    for name in ["go1.27/http.trace", "go1.26/gc.trace"] {
        let trace = path(name);
        let page = output(&["diff", "--fail", &trace, &trace]);
        assert!(page.contains("\nno difference: "), "{page}");
        assert_eq!(json(&[&trace, &trace])["different"], false);
    }
}

#[test]
fn several_files_are_one_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name, length| recording(folder.path(), name, length);
    let (one, two, three) = (file("one", 10_000), file("two", 10_100), file("three", 30_000));
    let all = json(&["--before", &one, &two, "--after", &three]);
    assert_eq!(
        (&all["spans"][0]["before"]["count"], &all["spans"][0]["verdict"]),
        (&40.into(), &"slower".into())
    );
    for wrong in
        [&["diff", one.as_str()][..], &["diff", "--before", &one], &["diff", &one, &two, "--after", &three]]
    {
        assert_eq!(run(wrong, b"").status.code(), Some(2), "{wrong:?}");
    }
}

/// What lies in the part from begin to end is compared.
#[test]
fn parts_of_recordings_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) =
        (recording(folder.path(), "before", 10_000), recording(folder.path(), "after", 20_000));
    let all = json(&["--to", "1005us", &before, &after]);
    let [order] = &all["spans"].as_array().expect("a list")[..] else { panic!("{all}") };
    // The tenth is under way then.
    for side in ["before", "after"] {
        let counts = (&order[side]["count"], &order[side]["duration_nanoseconds"]["count"]);
        assert_eq!(counts, (&10.into(), &9.into()), "{side}");
    }
    assert_eq!(
        (&order["verdict"], &all["before"]["duration_nanoseconds"]),
        (&"slower".into(), &1_005_000.into())
    );
}
