//! Go's own canned traces and the corpus of its fuzz test, read in place from an installed Go.

use std::{fs, path::Path};

use go_trace_format::{Error, Version};

use crate::support::{literal, oracle::Oracle, raw_text, strict, txtar};

/// Every file of a folder under Go's `internal/trace/testdata`, with its name.
fn files(oracle: &Oracle, folder: &str) -> Vec<(String, String)> {
    let folder = oracle.goroot().join("src/internal/trace/testdata").join(folder);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}: Go without its source?", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Reads a trace and has Go read it. Gives what differs, and our error.
fn compare(oracle: &Oracle, trace: &[u8]) -> (Result<(), String>, Option<Error>) {
    let (dump, error) = strict::read(trace);
    let reading = oracle.read(trace);
    let difference = if error.is_some() != reading.error.is_some() {
        Err(format!("we say {error:?}, Go says {:?}", reading.error))
    } else if dump != reading.dump {
        Err(format!("we read\n{dump}\nand Go reads\n{}", reading.dump))
    } else {
        Ok(())
    };
    (difference, error)
}

#[test]
fn canned_traces_are_read_as_go_reads_them() {
    let Some(oracle) = Oracle::find("Go's canned traces") else { return };
    let cases = files(&oracle, "tests");
    assert!(cases.len() > 15, "only {} of Go's canned traces found", cases.len());
    let mut failures = Vec::new();
    let mut rejected = 0;
    for (name, archive) in &cases {
        let texts = txtar::parse(archive);
        let [("expect", expected), ("trace", text)] = &texts[..] else {
            panic!("{name}: not as Go has them")
        };
        let trace = raw_text::encode(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let records = text.split_once('\n').map(|(_header, records)| records);
        assert!(records == Some(&oracle.records(&trace).dump), "{name}: not encoded as Go encodes it");
        let (difference, error) = compare(&oracle, &trace);
        if let Err(difference) = difference {
            failures.push(format!("{name}: {difference}"));
        }
        rejected += usize::from(error.is_some());
        if expected.starts_with("FAILURE") != error.is_some() {
            failures.push(format!("{name}: expected {expected}, got {error:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(rejected > 0, "none of Go's canned traces should be rejected?");
}

#[test]
fn fuzz_corpus_is_read_as_go_reads_it() {
    let Some(oracle) = Oracle::find("the corpus of Go's fuzz test") else { return };
    let cases = files(&oracle, "fuzz/FuzzReader");
    assert!(cases.len() > 10, "only {} entries of Go's corpus found", cases.len());
    let mut failures = Vec::new();
    for (name, entry) in &cases {
        let bytes = entry
            .lines()
            .find_map(|line| line.strip_prefix("[]byte(")?.strip_suffix(')'))
            .and_then(literal::unquote)
            .unwrap_or_else(|| panic!("{name}: not as Go has them"));
        // Of the old format it gives nothing before it has read all, and no order to events of one time: see `v1`.
        if Version::parse(&bytes).is_ok_and(Version::is_v1) {
            let (ours, theirs) = (strict::read(&bytes).1, oracle.read(&bytes).error);
            if ours.is_some() != theirs.is_some() {
                failures.push(format!("{name}: we say {ours:?}, Go says {theirs:?}"));
            }
            continue;
        }
        if let Err(difference) = compare(&oracle, &bytes).0 {
            failures.push(format!("{name}: {difference}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
