//! Where the bytes of a trace come from: a file, standard input or this very program, compressed or not.

mod again;
mod progress;

use std::{
    fs::File,
    io::{self, Cursor, IsTerminal, Read},
    path::Path,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::Context;
use go_trace_format::{Content, Damage, Decompressed, Mistaken};
use trace_to_otel::UnixTime;

pub(crate) use again::Rereadable;
pub(crate) use progress::Progress;

use progress::Watched;

use crate::report;

/// The recording that is shown where no file is given.
const BUNDLED: &[u8] = include_bytes!("../../../testdata/go1.27/http.trace");
const BUNDLED_NAME: &str = "testdata/go1.27/http.trace";

/// A source of a trace's bytes.
pub(crate) struct Input {
    /// What to call it.
    pub(crate) name: String,
    /// What the user calls the service that it is of.
    pub(crate) service: Option<Arc<str>>,
    /// The bytes of the trace, decompressed.
    pub(crate) bytes: Box<dyn Read + Send>,
    /// When the trace was written, to the second, as far as anybody knows.
    pub(crate) modified: Option<UnixTime>,
    /// What decompression found wrong.
    pub(crate) damage: Damage,
    /// What they look like.
    pub(crate) content: Content,
    /// What they are where they are no trace, or none any more.
    pub(crate) mistaken: Option<Mistaken>,
}

/// Whoever waits longer for standard input may not know that it is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

impl Input {
    /// Opens a file; `-` is standard input. How far it is read shows on `progress`.
    pub(crate) fn open(path: &Path, progress: Progress) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Self::standard_input(progress).context("standard input");
        }
        let name = path.display().to_string();
        Self::file(path, &name, progress).with_context(|| name)
    }

    /// What there is where no file is given: standard input, or else the recording that is part of this program.
    pub(crate) fn unnamed(progress: Progress) -> anyhow::Result<Self> {
        if is_redirected() {
            let input = Self::awaited(progress).context("standard input")?;
            // Nothing has come: as likely as not nobody has thought of it.
            if input.content != Content::Empty || input.damage.found().is_some() {
                return Ok(input);
            }
        }
        report::note(format_args!(
            "no trace was given: this is a demonstration, the bundled recording {BUNDLED_NAME} (see --help)"
        ));
        Ok(Self::bundled())
    }

    /// Standard input, with a word where its first bytes take long.
    fn awaited(progress: Progress) -> io::Result<Self> {
        let (arrived, arrival) = mpsc::channel::<()>();
        thread::spawn(move || {
            if arrival.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                report::note("waiting for a trace on standard input (see --help)");
            }
        });
        let input = Self::standard_input(progress);
        drop(arrived);
        input
    }

    fn bundled() -> Self {
        Self {
            name: BUNDLED_NAME.to_owned(),
            service: None,
            bytes: Box::new(BUNDLED),
            modified: None,
            damage: Damage::default(),
            content: Content::Trace,
            mistaken: None,
        }
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
        let metadata = redirected_file();
        let length = metadata.as_ref().map(std::fs::Metadata::len);
        let modified = metadata.and_then(|metadata| metadata.modified().ok());
        Self::decompressed("standard input", Watched::new(io::stdin(), length, progress), modified)
    }

    /// When gzip says that what it has compressed was modified counts more than `modified`.
    fn decompressed(
        name: &str,
        source: impl Read + Send + 'static,
        modified: Option<SystemTime>,
    ) -> io::Result<Self> {
        let mut bytes = Decompressed::new(source)?;
        let modified = bytes.modified().or(modified).and_then(whole_seconds);
        let (damage, content) = (bytes.damage(), bytes.content());
        let mut head = Vec::new();
        // A stream may be idle after its first bytes.
        if content == Content::Trace {
            bytes.by_ref().take(Mistaken::HEAD_LENGTH as u64).read_to_end(&mut head)?;
        }
        let mistaken = Mistaken::of(&head);
        let bytes = Box::new(Cursor::new(head).chain(bytes));
        Ok(Self { name: name.to_owned(), service: None, bytes, modified, damage, content, mistaken })
    }
}

/// What is known of the file that standard input is, where it is one.
fn redirected_file() -> Option<std::fs::Metadata> {
    standard_input_file()?.metadata().ok().filter(std::fs::Metadata::is_file)
}

fn is_a_directory() -> io::Error {
    io::Error::new(io::ErrorKind::IsADirectory, "is a directory, not a trace file")
}

/// Whole seconds, so that a file and its copy by gzip, which knows no others, give the same spans.
fn whole_seconds(time: SystemTime) -> Option<UnixTime> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    since.as_secs().checked_mul(1_000_000_000).map(UnixTime)
}

/// Whether something is there that can be meant as input: a file, a pipe or a socket, and no terminal or other device.
#[cfg(unix)]
pub(crate) fn is_redirected() -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind =
        standard_input_file().and_then(|file| file.metadata().ok()).map(|metadata| metadata.file_type());
    !io::stdin().is_terminal()
        && kind.is_some_and(|kind| !kind.is_char_device() && !kind.is_block_device() && !kind.is_dir())
}

#[cfg(not(unix))]
pub(crate) fn is_redirected() -> bool {
    !io::stdin().is_terminal()
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
