//! From a file to a reader of its trace, or to the traces that it holds.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use go_trace_format::{Compression, Content, Damage, Decompressed, HEADER_LENGTH};

use crate::store::{FileRecord, Outcome, Version};

/// An opened file.
pub(crate) struct Opened {
    pub(crate) bytes: Decompressed,
    pub(crate) content: Content,
    pub(crate) damage: Damage,
    /// What to add to an offset that the reader tells, to have the file's.
    pub(crate) shift: u64,
    pub(crate) is_compressed: bool,
}

/// Opens a file; where it has grown since it was last read, at the generation that was read last then.
pub(crate) fn open(
    path: &Path,
    version: &Version,
    is_whole: bool,
    record: Option<&FileRecord>,
) -> io::Result<Opened> {
    let mut file = File::open(path)?;
    let mut head = vec![0; HEADER_LENGTH];
    let shift = match record {
        Some(record) if goes_on(record, version) && file.read_exact(&mut head).is_ok() => {
            file.seek(SeekFrom::Start(record.last))?;
            record.last - HEADER_LENGTH as u64
        }
        _ => {
            file.rewind()?;
            head.clear();
            0
        }
    };
    let bytes = Decompressed::new(Cursor::new(head).chain(Unfinished { file, is_whole }))?;
    let (content, damage) = (bytes.content(), bytes.damage());
    let is_compressed = bytes.compression() != Compression::None;
    Ok(Opened { bytes, content, damage, shift, is_compressed })
}

fn goes_on(record: &FileRecord, version: &Version) -> bool {
    (HEADER_LENGTH as u64 + 1..version.length).contains(&record.last)
        && matches!(record.outcome, Outcome::Growing | Outcome::Delivered)
        && version.has_grown_from(&record.version)
}

/// A file that may not be finished: at its end it has nothing more for now.
struct Unfinished {
    file: File,
    is_whole: bool,
}

impl Read for Unfinished {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file.read(buffer)? {
            0 if !self.is_whole && !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}
