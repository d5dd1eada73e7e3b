//! From a file to a reader of its trace, or to the traces that it holds.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use go_trace_format::{Compression, Content, Damage, Decompressed, HEADER_LENGTH};

use crate::store::{FileRecord, Outcome, Version};

/// An opened file.
pub(crate) struct Opened {
    pub(crate) bytes: Bounded,
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
    most: u64,
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
    Ok(Opened { bytes: Bounded::new(bytes, most), content, damage, shift, is_compressed })
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

/// Bytes of which only so many may come without a generation being complete: the reader keeps them in memory.
pub(crate) struct Bounded {
    bytes: Decompressed,
    most: u64,
    meter: Meter,
}

/// How far bytes were read, and how far they are done with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<[AtomicU64; 2]>);

impl Meter {
    /// Everything that was read so far was complete.
    pub(crate) fn note_complete(&self) {
        let [read, complete] = &*self.0;
        complete.store(read.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn add(&self, bytes: u64) {
        self.0[0].fetch_add(bytes, Ordering::Relaxed);
    }

    fn incomplete(&self) -> u64 {
        let [read, complete] = &*self.0;
        read.load(Ordering::Relaxed) - complete.load(Ordering::Relaxed)
    }
}

impl Bounded {
    fn new(bytes: Decompressed, most: u64) -> Self {
        Self { bytes, most, meter: Meter::default() }
    }

    /// Where to tell what is complete.
    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.meter.incomplete() > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.bytes.read(buffer)?;
        self.meter.add(read as u64);
        Ok(read)
    }
}
