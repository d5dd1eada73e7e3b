//! What the Go package `examples/go-flight/internal/convert` has to give for every recording, from the native session.
//!
//! The hashes are in a file that its tests read too, so that both sides agree on every byte or one of them fails.
//! `UPDATE_BATCHES=1` writes the file anew: then the artifact has to be made anew as well (`examples/wasm/build`).

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use trace_to_otel::{Session, otlp::Signal};
use trace_wasm::Settings;

const SETTINGS: [(&str, &str); 2] = [
    (
        "protobuf",
        "OTEL_SERVICE_NAME=parity\0resource=host.name=h%C3%B6st%2C1\0ratio=1\0logs=true\0metrics=true\0max-generation-bytes=67108864\0",
    ),
    (
        "json",
        "OTEL_SERVICE_NAME=parity\0resource=host.name=h%C3%B6st%2C1\0encoding=json\0ratio=0.5\0logs=false\0metrics=false\0max-generation-bytes=67108864\0",
    ),
];

/// Recordings by what they are called, the snapshots of one process under one name.
fn recordings(root: &Path) -> BTreeMap<String, Vec<PathBuf>> {
    let mut recordings = BTreeMap::<_, Vec<_>>::new();
    for folder in fs::read_dir(root).expect("testdata") {
        let folder = folder.expect("testdata").path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder).expect("a folder") {
            let file = file.expect("a file").path();
            if file.extension().is_some_and(|extension| extension == "trace") {
                let name = file.strip_prefix(root).expect("within").with_extension("");
                let name = name.to_string_lossy().replace('\\', "/");
                let name = match name.rsplit_once('.') {
                    Some((series, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => series,
                    _ => &name,
                };
                recordings.entry(name.to_owned()).or_default().push(file);
            }
        }
    }
    recordings.values_mut().for_each(|files| files.sort());
    recordings
}

/// What a host hands on of these traces: each batch with its signal and its length, and errors as texts.
fn convert(settings: &str, files: &[PathBuf]) -> String {
    let mut session = Session::new(Settings::parse(settings).expect("good settings").options);
    let mut hash = Sha256::new();
    for file in files {
        let trace = fs::read(file).expect("a recording");
        let mut fed = Ok(());
        for piece in trace.chunks(64 << 10) {
            fed = fed.and_then(|()| session.feed(piece));
            take(&mut session, &mut hash);
        }
        let ended = session.end_trace();
        take(&mut session, &mut hash);
        session.flush();
        take(&mut session, &mut hash);
        if let Err(error) = fed.and(ended) {
            hash.update(format!("error {error}\n"));
        }
    }
    session.finish().expect("no trace is under way");
    take(&mut session, &mut hash);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn take(session: &mut Session, hash: &mut Sha256) {
    while let Some(batch) = session.next_batch() {
        let signal = match batch.signal() {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
            signal => panic!("{signal:?}"),
        };
        hash.update(format!("{signal} {} {}\n", batch.records(), batch.bytes().len()));
        hash.update(batch.bytes());
    }
}

#[test]
fn batches_are_those_that_go_tests_expect() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let recordings = recordings(&root.join("testdata"));
    assert!(recordings.len() > 100, "{} recordings", recordings.len());
    let mut lines = String::new();
    for (name, files) in &recordings {
        for (encoding, settings) in SETTINGS {
            lines += &format!("{} {name} {encoding}\n", convert(settings, files));
        }
    }
    let kept = root.join("examples/go-flight/internal/convert/testdata/batches.txt");
    if env::var_os("UPDATE_BATCHES").is_some() {
        fs::write(&kept, &lines).expect("the file can be written");
    }
    let expected = fs::read_to_string(&kept).expect("the file that the Go tests read");
    let wrong: Vec<_> = lines.lines().filter(|line| !expected.lines().any(|kept| kept == *line)).collect();
    assert!(
        lines == expected,
        "what Go programs send is not what this would, of {wrong:#?}: run examples/wasm/build, and this test with UPDATE_BATCHES=1",
    );
}
