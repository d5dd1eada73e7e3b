//! Traces that are compressed, cut off and damaged while they are, and what is hostile.

use std::{
    io::{self, Cursor, Read, Write},
    time::{Duration, SystemTime},
};

use flate2::{GzBuilder, write::GzEncoder};
use go_trace_format::{Compression, Content, Decompressed, Reader, TraceStream};

use crate::support::{self, Pieces};

/// A skippable frame (RFC 8878, section 3.1.2) of three bytes.
const SKIPPED: [u8; 11] = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

fn trace() -> Vec<u8> {
    support::testdata().swap_remove(0).bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A frame with a checksum.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.include_checksum(true).expect("a parameter");
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn open(bytes: &[u8]) -> Decompressed {
    Decompressed::new(Cursor::new(bytes.to_vec())).expect("memory does not fail")
}

fn read(mut decompressed: Decompressed) -> Vec<u8> {
    let mut bytes = Vec::new();
    decompressed.read_to_end(&mut bytes).expect("damage is no error");
    bytes
}

/// What it holds, and why not more.
fn contents(bytes: &[u8]) -> (Vec<u8>, Option<String>) {
    let decompressed = open(bytes);
    let damage = decompressed.damage();
    let bytes = read(decompressed);
    if let Some(found) = damage.found() {
        assert_eq!(found.offset(), bytes.len() as u64);
    }
    (bytes, damage.found().map(ToString::to_string))
}

#[test]
fn whatever_they_are_compressed_with() {
    let trace = trace();
    let (first, second) = trace.split_at(trace.len() / 2);
    let cases = [
        ("nothing", trace.clone(), Compression::None),
        ("gzip", gzip(&trace), Compression::Gzip),
        ("members", [gzip(first), gzip(b""), gzip(second)].concat(), Compression::Gzip),
        ("Zstandard", zstd(&trace), Compression::Zstd),
        ("frames", [zstd(first), zstd(b""), zstd(second)].concat(), Compression::Zstd),
        (
            "frames to skip",
            [&SKIPPED[..], &zstd(first), &SKIPPED, &SKIPPED, &zstd(second), &SKIPPED].concat(),
            Compression::Zstd,
        ),
    ];
    for (name, compressed, compression) in cases {
        let decompressed = open(&compressed);
        assert_eq!(decompressed.compression(), compression, "{name}");
        assert_eq!(decompressed.content(), Content::Trace, "{name}");
        assert_eq!(contents(&compressed), (trace.clone(), None), "{name}");
        let leaked: &'static [u8] = compressed.leak();
        let pieces = Decompressed::new(Pieces::new(leaked)).expect("interruptions do not matter");
        assert!(read(pieces) == trace, "{name} in pieces");
    }
}

#[test]
fn by_small_reads() {
    let trace = trace();
    for compressed in [gzip(&trace), zstd(&trace)] {
        let mut decompressed = open(&compressed);
        let mut bytes = Vec::new();
        let mut buffer = [0; 7];
        assert_eq!(decompressed.read(&mut []).expect("nothing"), 0);
        loop {
            match decompressed.read(&mut buffer).expect("a trace") {
                0 => break,
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
        assert!(bytes == trace);
        for _ in 0..100 {
            assert_eq!(decompressed.read(&mut buffer).expect("the end"), 0, "the end is the end");
        }
        assert!(decompressed.damage().found().is_none());
    }
}

#[test]
fn readers_take_them() {
    let trace = trace();
    let mut reader = Reader::new(open(&zstd(&trace))).expect("a trace");
    while reader.next_event().expect("a trace").is_some() {}
    assert!(reader.losses().is_empty());

    let length = (trace.len() as u64).to_le_bytes();
    let stream = [&length[..], &trace, &length, &trace].concat();
    for compressed in [stream.clone(), gzip(&stream), zstd(&stream)] {
        let decompressed = open(&compressed);
        assert_eq!(decompressed.content(), Content::Stream);
        let mut frames = TraceStream::new(decompressed);
        for _ in 0..2 {
            assert!(frames.next_trace().expect("a stream") == Some(&trace));
        }
        assert!(frames.next_trace().expect("a stream").is_none());
    }
}

#[test]
fn nothing_at_all() {
    for (bytes, compression) in [
        (Vec::new(), Compression::None),
        (gzip(b""), Compression::Gzip),
        (zstd(b""), Compression::Zstd),
        (SKIPPED.to_vec(), Compression::Zstd),
    ] {
        let decompressed = open(&bytes);
        assert_eq!(decompressed.compression(), compression);
        assert_eq!(decompressed.content(), Content::Empty, "{compression:?}");
        assert_eq!(contents(&bytes), (Vec::new(), None), "{compression:?}");
    }
}

#[test]
fn gzip_says_when() {
    let seconds = 1_709_208_000;
    let mut encoder = GzBuilder::new().mtime(seconds).write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&trace()).expect("memory takes it");
    let compressed = encoder.finish().expect("memory takes it");
    let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
    assert_eq!(open(&compressed).modified(), Some(expected));
    for silent in [trace(), gzip(&trace()), zstd(&trace())] {
        assert_eq!(open(&silent).modified(), None);
    }
}

#[test]
fn cut_off_anywhere() {
    let trace = trace();
    let (first, second) = trace.split_at(trace.len() / 2);
    for (name, parts) in [("gzip", [gzip(first), gzip(second)]), ("Zstandard", [zstd(first), zstd(second)])] {
        let boundary = parts[0].len();
        let whole = parts.concat();
        let steps = (4..whole.len()).filter(|end| end % 61 == 0 || end.abs_diff(boundary) < 20);
        for end in steps {
            let (bytes, damage) = contents(&whole[..end]);
            assert!(trace.starts_with(&bytes), "{name} cut at {end}");
            assert!(end < boundary || bytes.len() >= first.len(), "{name} cut at {end}: {}", bytes.len());
            // A file may end where a member or a frame does.
            assert_eq!(damage.is_some(), end != boundary, "{name} cut at {end}");
        }
    }
}

#[test]
fn damaged_anywhere() {
    let trace = trace();
    for (compression, whole) in [(Compression::Gzip, gzip(&trace)), (Compression::Zstd, zstd(&trace))] {
        for place in (4..whole.len()).filter(|place| *place < 20 || place % 61 == 0) {
            for bit in [1, 0x10, 0x80] {
                let mut damaged = whole.clone();
                damaged[place] ^= bit;
                let (bytes, damage) = contents(&damaged);
                let is_harmless = bytes == trace;
                assert!(is_harmless || damage.is_some(), "{compression:?}, {bit:#x} at {place}");
            }
        }
    }
}

/// Of Zstandard all whole blocks before the damage are read. Of gzip what is decompressed in one go with it is lost: the
/// 32 KiB that deflate can look back on, and a little more.
#[test]
fn blocks_before_the_damage() {
    const PIECE: usize = 20_000;
    let trace: Vec<u8> = trace().into_iter().cycle().take(1 << 20).collect();
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut zstd = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    let mut whole = 0;
    for piece in trace.chunks(PIECE) {
        gzip.write_all(piece).and_then(|()| gzip.flush()).expect("memory takes it");
        zstd.write_all(piece).and_then(|()| zstd.flush()).expect("memory takes it");
        whole += piece.len();
        // Blocks of the reserved types: RFC 1951, section 3.2.3, and RFC 8878, section 3.1.1.2.2.
        let cases = [
            ("gzip, cut", gzip.get_ref(), &[][..], 0),
            ("gzip", gzip.get_ref(), &[7], 40 << 10),
            ("Zstandard, cut", zstd.get_ref(), &[], 0),
            ("Zstandard", zstd.get_ref(), &[6, 0, 0], 0),
        ];
        for (name, blocks, damage, most) in cases {
            let (bytes, damage) = contents(&[blocks, damage].concat());
            assert!(trace.starts_with(&bytes) && damage.is_some(), "{name} behind {whole}");
            let lost = whole - bytes.len();
            assert!(lost <= most, "{name} behind {whole}: {lost} bytes are lost");
        }
    }
}

#[test]
fn what_follows_is_damage() {
    let trace = trace();
    for compressed in [gzip(&trace), zstd(&trace)] {
        let (bytes, damage) = contents(&[&compressed[..], b"and more"].concat());
        assert!(bytes == trace);
        let damage = damage.expect("what follows is not compressed");
        let expected = format!("the compressed data are damaged after {} decompressed bytes", trace.len());
        assert!(damage.starts_with(&expected), "{damage}");
    }
}

/// The source's own failures are no damage.
#[test]
fn a_source_that_fails() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    assert!(Decompressed::new(Failing).is_err());
    let trace = trace();
    for compressed in [trace.clone(), gzip(&trace), zstd(&trace)] {
        let half = Cursor::new(compressed[..compressed.len() / 2].to_vec());
        let read = Decompressed::new(half.chain(Failing))
            .and_then(|mut decompressed| io::copy(&mut decompressed, &mut io::sink()));
        assert_eq!(read.expect_err("a failure").kind(), io::ErrorKind::ConnectionReset);
    }
}

/// RFC 8878, section 3.1.1.1.2: the exponent of the window is the five higher bits.
#[test]
fn frames_that_want_too_much_memory() {
    let frame = |exponent: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, exponent << 3, 1 | 1 << 3, 0, 0, b'x'];
    assert_eq!(contents(&frame(27 - 10)), (b"x".to_vec(), None), "128 MiB");
    let (bytes, damage) = contents(&frame(28 - 10));
    assert!(bytes.is_empty());
    assert!(damage.is_some_and(|damage| damage.contains("memory")), "256 MiB");
}
