//! Traces that no recording has, each an edge of the format, with what Go's reader says to them.
//!
//! Our own are scripts, one module per theme, and `testdata/canned/THEME.dumps` holds what `go tool trace -d=parsed`
//! prints of each: no Go is needed. Where one is installed, the dumps are checked against it, and Go's own canned
//! traces are read too; with `WRITE_DUMPS` set the dumps are written, which is what `testdata/canned/make` does.

mod annotations;
mod framing;
mod goroutines;
mod procs;
mod ranges;
mod reference;
pub(crate) mod script;
mod tables;

use std::{
    collections::HashMap,
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use crate::support::{oracle::Oracle, strict, txtar};
use script::{Case, Verdict};

type Theme = (&'static str, fn() -> Vec<Case>);

const THEMES: &[Theme] = &[
    ("procs", procs::cases),
    ("goroutines", goroutines::cases),
    ("ranges", ranges::cases),
    ("annotations", annotations::cases),
    ("framing", framing::cases),
    ("tables", tables::cases),
];

fn dumps_file(theme: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/canned").join(theme).with_extension("dumps")
}

/// Every trace of ours, with its name.
pub(crate) fn traces() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
    THEMES.iter().flat_map(|(_, cases)| cases()).map(|case| (case.name, (case.trace)()))
}

#[test]
fn own_traces_are_read_as_their_dumps_say() {
    let mut failures = String::new();
    for (theme, cases) in THEMES {
        let file = dumps_file(theme);
        let archive = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut dumps: HashMap<&str, String> = txtar::parse(&archive).into_iter().collect();
        for Case { name, verdict, trace } in cases() {
            let expected = dumps.remove(name).unwrap_or_else(|| panic!("{theme}: no dump of `{name}`"));
            let (dump, error) = strict::read(&trace());
            if dump != expected {
                writeln!(failures, "{theme}, {name}: read\n{dump}and not\n{expected}").unwrap();
            }
            if error.is_some() != (verdict != Verdict::Accepted) {
                writeln!(failures, "{theme}, {name}: should be {verdict:?}, but {error:?}").unwrap();
            }
        }
        assert!(dumps.is_empty(), "{theme}: dumps without a trace: {:?}", dumps.keys());
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn dumps_of_own_traces_are_what_go_prints() {
    let Some(oracle) = Oracle::find("our own canned traces") else { return };
    let mut failures = String::new();
    for (theme, cases) in THEMES {
        let mut archive = String::new();
        for Case { name, verdict, trace } in cases() {
            let reading = oracle.read(&trace());
            let agrees = match (verdict, &reading.error) {
                (Verdict::Accepted, None) => true,
                // Where Go's reader panics, it says nothing.
                (Verdict::Rejected(words), Some(error)) => {
                    error.contains(words) && !error.contains("panic: ")
                }
                _ => false,
            };
            if !agrees {
                writeln!(failures, "{theme}, {name}: should be {verdict:?}, Go says {:?}", reading.error)
                    .unwrap();
            }
            write!(archive, "-- {name} --\n{}", reading.dump).unwrap();
        }
        let file = dumps_file(theme);
        if env::var_os("WRITE_DUMPS").is_some() {
            fs::write(&file, &archive).unwrap();
        }
        if fs::read_to_string(&file).unwrap_or_default() != archive {
            writeln!(failures, "{}: not what Go prints: run testdata/canned/make", file.display()).unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
