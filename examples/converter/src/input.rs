//! Where the bytes of a trace come from: a file, standard input or this very program, compressed or not.

mod again;
mod damage;
mod progress;
mod zstd;

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Cursor, Read},
    path::Path,
    time::SystemTime,
};

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;
use trace_to_otel::UnixTime;

pub(crate) use again::Rereadable;
pub(crate) use damage::Damage;
pub(crate) use progress::Progress;

use damage::Lenient;
use progress::Watched;
use zstd::ZstdDecoder;

/// The recording that is shown where no file is given.
const BUNDLED: &[u8] = include_bytes!("../../../testdata/go1.27/http.trace");
const BUNDLED_NAME: &str = "testdata/go1.27/http.trace";

const BUFFER: usize = 256 << 10;

/// A source of a trace's bytes.
pub(crate) struct Input {
    /// What to call it.
    pub(crate) name: String,
    /// The bytes of the trace, decompressed.
    pub(crate) bytes: Box<dyn Read + Send>,
    /// When the trace was written, to the second, as far as anybody knows.
    pub(crate) modified: Option<UnixTime>,
    /// What decompression found wrong.
    pub(crate) damage: Damage,
    /// What they look like.
    pub(crate) content: Content,
}

/// What an input seems to hold, as its first decompressed bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Nothing.
    Empty,
    /// A trace, or something else that a reader has to judge.
    Trace,
    /// Traces, each behind its length: see [`go_trace_format::TraceFrames`].
    Stream,
}

impl Content {
    /// How many bytes tell: a length and the beginning of a header.
    const HEAD: u64 = 8 + 5;

    fn of(head: &[u8]) -> Self {
        match head {
            [] => Self::Empty,
            _ if head.get(8..) == Some(b"go 1.") => Self::Stream,
            _ => Self::Trace,
        }
    }
}

impl Input {
    /// Opens a file; `-` is standard input. How far it is read shows on `progress`.
    pub(crate) fn open(path: &Path, progress: Progress) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::standard_input(progress).context("standard input");
        }
        let name = path.display().to_string();
        Self::file(path, &name, progress).with_context(|| name)
    }

    /// The recording that is part of this program.
    pub(crate) fn bundled() -> Self {
        let damage = Damage::default();
        let name = BUNDLED_NAME.to_owned();
        Self { name, bytes: Box::new(BUNDLED), modified: None, damage, content: Content::Trace }
    }

    fn file(path: &Path, name: &str, progress: Progress) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(is_a_directory());
        }
        let length = metadata.is_file().then_some(metadata.len());
        let modified = metadata.modified().ok();
        Self::decompressed(name, Watched::new(file, length, progress), modified)
    }

    fn standard_input(progress: Progress) -> io::Result<Self> {
        let metadata = standard_input_file().and_then(|file| file.metadata().ok());
        let metadata = metadata.filter(std::fs::Metadata::is_file);
        let length = metadata.as_ref().map(std::fs::Metadata::len);
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        Self::decompressed("standard input", Watched::new(io::stdin(), length, progress), modified)
    }

    /// Looks at the first bytes for what the others are.
    fn decompressed(
        name: &str,
        mut source: impl Read + Send + 'static,
        modified: Option<SystemTime>,
    ) -> io::Result<Self> {
        let head = first(&mut source, 4)?;
        let kind = Compression::of(&head);
        let source = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(source));
        let mut modified = modified.and_then(whole_seconds);
        let damage = Damage::default();
        let mut bytes: Box<dyn Read + Send> = match kind {
            Compression::None => Box::new(source),
            Compression::Gzip => {
                let mut decoder = MultiGzDecoder::new(source);
                modified = gzip_time(&mut decoder).or(modified);
                Box::new(Lenient::new(decoder, damage.clone()))
            }
            Compression::Zstd => Box::new(Lenient::new(ZstdDecoder::new(source), damage.clone())),
        };
        let head = first(&mut bytes, Content::HEAD)?;
        let content = Content::of(&head);
        let bytes = Box::new(Cursor::new(head).chain(bytes));
        Ok(Self { name: name.to_owned(), bytes, modified, damage, content })
    }
}

/// The first bytes, as many as there are.
fn first(source: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    source.take(most).read_to_end(&mut head)?;
    Ok(head)
}

fn is_a_directory() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "is a directory, not a trace file")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    fn of(head: &[u8]) -> Self {
        match *head {
            // RFC 1952, section 2.3.1.
            [0x1f, 0x8b, ..] => Self::Gzip,
            // RFC 8878, sections 3.1.1 and 3.1.2: a frame, or one to skip.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// When the file was modified that gzip has compressed, if it says so (RFC 1952, `MTIME`).
fn gzip_time(decoder: &mut MultiGzDecoder<impl BufRead>) -> Option<UnixTime> {
    let seconds = decoder.header()?.mtime();
    (seconds != 0).then(|| UnixTime(u64::from(seconds) * 1_000_000_000))
}

/// Whole seconds, so that a file and its copy by gzip, which knows no others, give the same spans.
fn whole_seconds(time: SystemTime) -> Option<UnixTime> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    since.as_secs().checked_mul(1_000_000_000).map(UnixTime)
}

#[cfg(unix)]
fn standard_input_file() -> Option<File> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().ok().map(File::from)
}

#[cfg(windows)]
fn standard_input_file() -> Option<File> {
    use std::os::windows::io::AsHandle;
    io::stdin().as_handle().try_clone_to_owned().ok().map(File::from)
}
