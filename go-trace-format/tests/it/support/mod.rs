//! Where the recordings are, and how to read them in pieces.

pub(crate) mod dump;
pub(crate) mod literal;
pub(crate) mod mutate;
pub(crate) mod oracle;
pub(crate) mod raw_text;
pub(crate) mod strict;
pub(crate) mod txtar;

use std::{
    borrow::Cow,
    fs::{self, File},
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use go_trace_format::Version;

/// A recording of a folder, without its extension.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
}

impl Recording {
    /// Its name for messages: folder and file.
    pub(crate) fn name(&self) -> String {
        let folder = self.path.parent().and_then(Path::file_name).unwrap_or_default();
        let file = self.path.file_stem().unwrap_or_default();
        format!("{}/{}", folder.to_string_lossy(), file.to_string_lossy())
    }

    /// Whether it is of format v1.
    pub(crate) fn is_v1(&self) -> bool {
        Version::parse(&self.bytes).is_ok_and(Version::is_v1)
    }

    /// The file beside it with another extension.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    /// What `go tool trace -d=parsed` printed of it, by [`dump::exact`].
    pub(crate) fn reference_dump(&self) -> String {
        let path = self.beside("dump.gz");
        let file = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut dump = Vec::new();
        MultiGzDecoder::new(file).read_to_end(&mut dump).expect("a gzipped dump");
        dump::exact(&dump)
    }
}

/// The recordings that belong to this repository, but for those of format v1. There must be some.
pub(crate) fn testdata() -> Vec<Recording> {
    let mut recordings = all_testdata();
    recordings.retain(|recording| !recording.is_v1());
    recordings
}

/// The recordings of format v1 among them.
pub(crate) fn v1_testdata() -> Vec<Recording> {
    let mut recordings = all_testdata();
    recordings.retain(Recording::is_v1);
    assert!(recordings.len() > 20, "only {} recordings of format v1", recordings.len());
    recordings
}

fn all_testdata() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    let recordings = recordings(&folder);
    assert!(!recordings.is_empty(), "no recordings in {}", folder.display());
    recordings
}

/// The recordings of stock Go among them.
pub(crate) fn stock_testdata() -> Vec<Recording> {
    let mut recordings = testdata();
    recordings.retain(|recording| recording.beside("dump.gz").exists());
    assert!(recordings.len() > 20, "only {} recordings with a dump", recordings.len());
    recordings
}

/// The recordings of the fork among them.
pub(crate) fn fork_testdata() -> Vec<Recording> {
    let mut recordings = testdata();
    recordings.retain(|recording| recording.path.components().any(|part| part.as_os_str() == "fork"));
    assert!(!recordings.is_empty(), "no recordings of the fork");
    recordings
}

/// A larger collection that may lie beside the repository: `None` where it does not.
pub(crate) fn beside_repository(folder: &str) -> Option<Vec<Recording>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/traces").join(folder);
    if folder.is_dir() {
        return Some(recordings(&folder));
    }
    eprintln!("{} is not there: only testdata is tested", folder.display());
    None
}

/// Every `*.trace` under a folder, in the order of their paths.
fn recordings(folder: &Path) -> Vec<Recording> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            Recording { path, bytes }
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "trace") {
            paths.push(path);
        }
    }
}

/// A source that gives its bytes in small pieces of odd sizes.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    bytes: Cursor<Cow<'a, [u8]>>,
    turn: usize,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(bytes: impl Into<Cow<'a, [u8]>>) -> Self {
        Self { bytes: Cursor::new(bytes.into()), turn: 0 }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const SIZES: [usize; 8] = [1, 3, 7, 2, 61, 1021, 5, 4099];
        self.turn += 1;
        if self.turn % 11 == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = SIZES[self.turn % SIZES.len()].min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}
