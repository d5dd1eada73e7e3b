//! Runs the program on recordings of `testdata`.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

pub(crate) fn bytes_of(name: &str) -> Vec<u8> {
    let path = testdata(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The program, in an environment that says nothing of its own.
pub(crate) fn converter() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-converter"));
    for variable in ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program with `input` on its standard input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = converter();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut standard_input = child.stdin.take().expect("its standard input");
    std::thread::scope(|scope| {
        // It need not read all of it.
        scope.spawn(move || drop(standard_input.write_all(input)));
        child.wait_with_output().expect("its output")
    })
}

/// What the program prints where it succeeds.
pub(crate) fn output(arguments: &[&str]) -> String {
    output_with(arguments, &[])
}

pub(crate) fn output_with(arguments: &[&str], input: &[u8]) -> String {
    let output = run(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn path(name: &str) -> String {
    testdata(name).display().to_string()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A frame, as `zstd` writes one.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).expect("memory takes it")
}

pub(crate) fn gunzip(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(&bytes_of(name)[..]).read_to_end(&mut bytes).expect("gzip");
    bytes
}
