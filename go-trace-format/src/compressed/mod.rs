//! Traces that are compressed by gzip or Zstandard.

mod damage;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "zstd")]
mod zstd;

use core::fmt;
use std::{
    io::{self, BufReader, Cursor, Read},
    time::SystemTime,
};

use crate::content::Content;

pub use damage::{Damage, DecompressionError};

use damage::Lenient;

const BUFFER: usize = 256 << 10;

/// The bytes of a trace, or of a stream of traces, whatever they are compressed with.
///
/// The first bytes tell the compression. All members of a gzip file and all frames of a Zstandard file are decompressed,
/// one after the other. Where compressed data are cut off or damaged, the bytes end with what was decompressed before, and
/// [`damage`](Self::damage) tells. Of Zstandard those are all whole blocks; of gzip up to 40 KiB before damage are lost.
///
/// Bytes from anywhere may be given. They are decompressed as they are read, so that the memory needed does not grow with
/// what comes out: some hundred KiB, and for Zstandard the window that a frame asks for, of at most 128 MiB.
///
/// ```
/// use go_trace_format::{Decompressed, Reader};
///
/// fn print(trace: std::fs::File) -> Result<(), Box<dyn std::error::Error>> {
///     let bytes = Decompressed::new(trace)?;
///     let damage = bytes.damage();
///     let mut reader = Reader::new(bytes)?;
///     while let Some(event) = reader.next_event()? {
///         println!("{event:?}");
///     }
///     if let Some(found) = damage.found() {
///         eprintln!("{found}");
///     }
///     Ok(())
/// }
/// ```
pub struct Decompressed {
    bytes: io::Chain<Cursor<Vec<u8>>, Box<dyn Read + Send>>,
    compression: Compression,
    content: Content,
    modified: Option<SystemTime>,
    damage: Damage,
}

impl Decompressed {
    /// Looks at the first bytes of `source` for what the others are. There is no need to buffer it.
    ///
    /// # Errors
    ///
    /// Those of `source`, of which a few bytes may have been read, and [`io::ErrorKind::Unsupported`] for a compression whose
    /// feature is off. Damage is no error: see [`damage`](Self::damage).
    pub fn new(mut source: impl Read + Send + 'static) -> io::Result<Self> {
        let head = first(&mut source, Compression::HEAD_LENGTH)?;
        let compression = Compression::of(&head);
        let source = Cursor::new(head).chain(source);
        let damage = Damage::default();
        #[cfg_attr(not(feature = "gzip"), expect(unused_mut))]
        let mut modified = None;
        let mut bytes: Box<dyn Read + Send> = match compression {
            Compression::None => Box::new(source),
            #[cfg(feature = "gzip")]
            Compression::Gzip => {
                let decoder = gzip::decoder(BufReader::with_capacity(BUFFER, source));
                modified = gzip::time(&decoder);
                Box::new(Lenient::new(decoder, damage.clone()))
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let decoder = zstd::ZstdDecoder::new(BufReader::with_capacity(BUFFER, source))?;
                Box::new(Lenient::new(decoder, damage.clone()))
            }
            #[cfg(not(all(feature = "gzip", feature = "zstd")))]
            other => return Err(without(other)),
        };
        let head = first(&mut bytes, Content::HEAD_LENGTH)?;
        let content = Content::of(&head);
        Ok(Self { bytes: Cursor::new(head).chain(bytes), compression, content, modified, damage })
    }

    /// What the bytes are compressed with.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// What the decompressed bytes look like. They are [`Content::Empty`] also where damage leaves nothing of them.
    #[must_use]
    pub fn content(&self) -> Content {
        self.content
    }

    /// When the file was modified that gzip has compressed, to the second, if it says so (RFC 1952, `MTIME`).
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Tells what decompression finds wrong, also after these bytes were given away.
    #[must_use]
    pub fn damage(&self) -> Damage {
        self.damage.clone()
    }
}

impl Read for Decompressed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

impl fmt::Debug for Decompressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressed")
            .field("compression", &self.compression)
            .field("content", &self.content)
            .field("modified", &self.modified)
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip: RFC 1952.
    Gzip,
    /// By Zstandard: RFC 8878.
    Zstd,
}

impl Compression {
    /// How many bytes tell.
    pub const HEAD_LENGTH: usize = 4;

    /// How bytes are compressed that begin with `head`, of which only the first [`HEAD_LENGTH`](Self::HEAD_LENGTH) bytes
    /// count.
    ///
    /// ```
    /// use go_trace_format::Compression;
    ///
    /// assert_eq!(Compression::of(b"\x1f\x8b\x08\0"), Compression::Gzip);
    /// assert_eq!(Compression::of(b"go 1.26 trace"), Compression::None);
    /// ```
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        match *head {
            // RFC 1952, section 2.3.1.
            [0x1f, 0x8b, ..] => Self::Gzip,
            // RFC 8878, sections 3.1.1 and 3.1.2: a frame, or one to skip.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The first bytes, as many as there are.
fn first(source: impl Read, most: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(most);
    source.take(most as u64).read_to_end(&mut head)?;
    Ok(head)
}

#[cfg(not(all(feature = "gzip", feature = "zstd")))]
fn without(compression: Compression) -> io::Error {
    let message = match compression {
        Compression::Zstd => "compressed with Zstandard, which this program was built without",
        _ => "compressed with gzip, which this program was built without",
    };
    io::Error::new(io::ErrorKind::Unsupported, message)
}
