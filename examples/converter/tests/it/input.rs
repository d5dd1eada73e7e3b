//! Where traces come from: files, standard input, gzip, Zstandard, and what is none.

use crate::common::{bytes_of, converter, errors, gzip, output, output_with, path, run, zstd};

const TRACE: &str = "go1.27/tasks.trace";

#[test]
fn standard_input_is_as_good_as_a_file() {
    let expected = output(&["spans", &path(TRACE)]);
    assert!(expected.contains("checkout"));
    assert_eq!(output_with(&["spans", "-"], &bytes_of(TRACE)), expected);
}

#[test]
fn what_is_piped_in_needs_no_name() {
    let bytes = bytes_of(TRACE);
    let expected = output(&["spans", &path(TRACE)]);
    for input in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
        for arguments in [&[][..], &["spans"]] {
            let shown = run(arguments, &input);
            assert!(shown.status.success() && shown.stderr.is_empty(), "{}", errors(&shown));
            assert_eq!(String::from_utf8_lossy(&shown.stdout), expected);
        }
    }
    let file = std::fs::File::open(path(TRACE)).expect("the file");
    let redirected = converter().stdin(file).output().expect("output");
    assert_eq!(String::from_utf8_lossy(&redirected.stdout), expected);
    let other = run(&[], b"404 page not found");
    assert_eq!(other.status.code(), Some(1), "no demonstration in the place of what was given");
    assert!(errors(&other).contains("is text, and no trace"), "{}", errors(&other));
}

#[test]
fn what_has_become_of_a_trace_is_told_by_name() {
    let bytes = bytes_of("go1.27/http.trace");
    let latin1: String = bytes.iter().map(|&byte| char::from(byte)).collect();
    let utf16: Vec<u8> = latin1.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let line_ends = bytes.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    let cases: [(&str, Vec<u8>); 7] = [
        ("compressed by xz", b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4F".to_vec()),
        ("compressed by bzip2", b"BZh91AY&SY\x01\x02".to_vec()),
        ("a zip archive", b"PK\x03\x04\x14\0\0\0".to_vec()),
        ("text in UTF-16", [b"\xff\xfe", &utf16[..]].concat()),
        ("text in UTF-16", utf16),
        ("written again in UTF-8", latin1.into_bytes()),
        ("line feeds became CR LF", line_ends),
    ];
    for (name, bytes) in cases {
        for input in [gzip(&bytes), bytes] {
            let output = run(&["spans", "-"], &input);
            assert!(errors(&output).contains(name), "{name}: {}", errors(&output));
            assert_eq!(errors(&output).matches(name).count(), 1, "{name}: {}", errors(&output));
            let is_partly_readable = name.contains("CR LF");
            assert!(is_partly_readable || output.status.code() == Some(1), "{name}");
        }
    }
}

#[test]
fn where_nothing_can_be_read_that_is_a_failure() {
    let header = b"go 1.26 trace\0\0\0";
    let noise: Vec<u8> =
        (0..2000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let start = &bytes_of(TRACE)[..40];
    for input in [[&header[..], &noise].concat(), start.to_vec()] {
        for verb in ["spans", "otlp"] {
            let output = run(&[verb, "-"], &input);
            assert_eq!(output.status.code(), Some(1), "{verb}: {}", errors(&output));
            assert!(errors(&output).contains("nothing could be read"), "{verb}: {}", errors(&output));
        }
    }
}

#[test]
fn a_generation_has_a_limit() {
    let file = path("go1.27/http.trace");
    for verb in ["spans", "otlp", "info", "dump"] {
        let refused = run(&[verb, "--max-generation-bytes", "1kB", &file], b"");
        assert_eq!(refused.status.code(), Some(1), "{verb}");
        assert!(errors(&refused).contains("--max-generation-bytes"), "{verb}: {}", errors(&refused));
    }
    let enough = output(&["spans", "--max-generation-bytes", "1MiB", &file]);
    assert_eq!(enough, output(&["spans", &file]));
    // It is a generation that counts, and not the file.
    let generations = path("go1.27/generations.trace");
    let whole = std::fs::metadata(&generations).expect("the file").len();
    let most = format!("{}", whole * 3 / 4);
    assert_eq!(
        output(&["spans", "--max-generation-bytes", &most, &generations]),
        output(&["spans", &generations])
    );
}

#[test]
fn compressed_input_is_recognised() {
    let bytes = bytes_of(TRACE);
    let expected = output(&["dump", &path(TRACE)]);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    // A skippable frame (RFC 8878, section 3.1.2) of three bytes.
    let skipped = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let cases = [
        ("gzip", gzip(&bytes)),
        ("two members of gzip", [gzip(first), gzip(second)].concat()),
        ("Zstandard", zstd(&bytes)),
        ("two frames of Zstandard", [&skipped[..], &zstd(first), &skipped, &zstd(second)].concat()),
    ];
    for (name, compressed) in cases {
        assert_eq!(output_with(&["dump", "-"], &compressed), expected, "{name}");
    }
}

#[test]
fn compressed_files_are_recognised_whatever_their_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("trace");
    std::fs::write(&file, gzip(&bytes_of(TRACE))).expect("a file");
    let file = file.display().to_string();
    assert_eq!(output(&["spans", &file]), output(&["spans", &path(TRACE)]));
}

#[test]
fn damaged_compression_keeps_what_came_before() {
    let bytes = bytes_of("go1.27/http.trace");
    let whole = output_with(&["spans", "-"], &bytes).lines().count();
    let (first, second) = bytes.split_at(bytes.len() * 3 / 4);
    // All of a short frame is one block, of which no part can be read.
    for compressed in [gzip(&bytes), [zstd(first), zstd(second)].concat()] {
        let cut = &compressed[..compressed.len() - 20];
        let salvaged = run(&["spans", "-"], cut);
        assert!(salvaged.status.success(), "{}", errors(&salvaged));
        assert!(errors(&salvaged).contains("the compressed data are damaged"), "{}", errors(&salvaged));
        let lines = String::from_utf8_lossy(&salvaged.stdout).lines().count();
        assert!(lines > whole / 2, "{lines} of {whole} lines");
        let strict = run(&["spans", "--strict", "-"], cut);
        assert_eq!(strict.status.code(), Some(1), "{}", errors(&strict));
    }
}

#[test]
fn what_is_no_trace_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().display().to_string();
    let cases: [(&[&str], &[u8], &str); 7] = [
        (&["spans", "-"], b"", "standard input: is empty, and so no trace"),
        (&["spans", "-"], b"neither this", "not a Go execution trace"),
        (&["info", "-"], b"go 1.12 trace\0\0\0", "1.12"),
        (&["info", "-"], b"go 1.99 trace\0\0\0", "1.99"),
        (&["dump", "/nowhere/at.all"], b"", "/nowhere/at.all"),
        (&["otlp", &folder], b"", "directory"),
        (&["spans", "-"], &[0x1f, 0x8b, 8, 0], "damaged"),
    ];
    for (arguments, input, expected) in cases {
        let output = run(arguments, input);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let errors = errors(&output);
        assert!(errors.starts_with("error: ") && errors.contains(expected), "{arguments:?}: {errors}");
    }
}

#[test]
fn wrong_command_lines_are_told_from_failures() {
    let cases: [&[&str]; 5] = [
        &["otlp"],
        &["dump"],
        &["spans", "--nonsense"],
        &["info", "--dialect", "gopher", "x"],
        &["spans", "--base-time", "soon"],
    ];
    for arguments in cases {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
    }
}

#[test]
fn a_clockless_trace_is_set_at_the_time_of_its_file() {
    let trace = path("go1.22/tasks.trace");
    let given = output(&["spans", "--base-time", "2024-02-29T12:00:00Z", &trace]);
    assert!(given.starts_with("2024-02-29 UTC, approximate"), "{given}");
    let piped = run(&["spans", "-"], &bytes_of("go1.22/tasks.trace"));
    assert!(String::from_utf8_lossy(&piped.stdout).starts_with("1970-01-01"), "nobody knows");
    assert!(errors(&piped).contains("--base-time"), "{}", errors(&piped));
    // A redirected file has a time too, and so does one that gzip has compressed.
    let redirected =
        converter().args(["spans", "-"]).stdin(std::fs::File::open(&trace).expect("the file")).output();
    assert_eq!(String::from_utf8_lossy(&redirected.expect("output").stdout), output(&["spans", &trace]));
}
