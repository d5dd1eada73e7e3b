//! Strict reading and the dump against Go's own: every recording of stock Go beside its reference dump, which
//! `TZ=UTC go tool trace -d=parsed` of Go 1.27.3 printed.

use go_trace_format::{Error, Mode, Reader, ReaderOptions, Version};

use crate::support::{
    self, Pieces, Recording,
    dump::{print, sort_events_of_one_time, sort_samples_of_one_time, split},
};

#[test]
fn recordings_of_testdata() {
    check(&support::stock_testdata());
}

#[test]
fn recordings_of_format_v1() {
    let mut versions = Vec::new();
    for recording in support::v1_testdata().iter().filter(|recording| recording.beside("dump.gz").exists()) {
        versions.push(compare_both_ways(recording));
    }
    for version in [Version::Go119, Version::Go121] {
        assert!(versions.contains(&version), "no recording of {version}");
    }
}

#[test]
fn recordings_beside_the_repository() {
    if let Some(recordings) = support::beside_repository("stock") {
        check(&recordings);
    }
}

fn check(recordings: &[Recording]) {
    let mut versions = Vec::new();
    for recording in recordings {
        versions.push(compare_both_ways(recording));
    }
    for version in Version::WITH_GENERATIONS {
        assert!(versions.contains(&version), "no recording of {version}");
    }
}

fn compare_both_ways(recording: &Recording) -> Version {
    let reference = split(&recording.reference_dump());
    compare(recording, &reference, strict().read_slice(&recording.bytes));
    compare(recording, &reference, strict().read(Pieces::new(&recording.bytes)));
    Version::parse(&recording.bytes).expect("a header")
}

fn strict() -> ReaderOptions {
    ReaderOptions::new().mode(Mode::Strict)
}

fn compare(recording: &Recording, reference: &[String], reader: Result<Reader<'_>, Error>) {
    let (mut printed, failure) = print(reader.expect("a header"));
    let mut reference = reference.to_vec();
    sort_samples_of_one_time(&mut printed, &mut reference);
    if recording.is_v1() {
        sort_events_of_one_time(&mut printed, &mut reference);
    }
    for (i, (ours, theirs)) in printed.iter().zip(&reference).enumerate() {
        assert_eq!(&ours.text, theirs, "{}: event {i}", recording.name());
    }
    assert_eq!(failure, None, "{}: after {} events", recording.name(), printed.len());
    assert_eq!(printed.len(), reference.len(), "{}: number of events", recording.name());
}
