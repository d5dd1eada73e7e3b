//! The 16-byte header that opens every trace: `go 1.N trace` padded with NUL.
//!
//! Go: `internal/trace/version.ReadHeader`.

use core::fmt;

use nom::{
    IResult, Parser,
    bytes::complete::{tag, take_while_m_n},
    combinator::map_res,
    sequence::{delimited, pair},
};

use crate::error::{Error, Parse};

/// Length of the header, in bytes.
pub const HEADER_LENGTH: usize = 16;

/// The version of the trace format: the `N` of the header's `go 1.N`.
///
/// It is the version of the format, not of the Go release that wrote it: Go 1.24 writes 1.23 and Go 1.27
/// writes 1.26. Go: `internal/trace/version.Version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// `go 1.22`: per-thread batches and generations.
    Go122,
    /// `go 1.23`, also written by Go 1.24: coroutine switches, stacks on statuses, experimental batches.
    Go123,
    /// `go 1.25`: the sync batch with its clock snapshot.
    Go125,
    /// `go 1.26`, also written by Go 1.27: the in-band end of a generation.
    Go126,
}

impl Version {
    /// Every version that this crate reads, oldest first.
    pub const ALL: [Self; 4] = [Self::Go122, Self::Go123, Self::Go125, Self::Go126];

    /// The `N` of `go 1.N`.
    #[must_use]
    pub const fn minor(self) -> u32 {
        match self {
            Self::Go122 => 22,
            Self::Go123 => 23,
            Self::Go125 => 25,
            Self::Go126 => 26,
        }
    }

    /// The version whose header says `go 1.minor`, or `None` where this crate does not read it.
    #[must_use]
    pub const fn from_minor(minor: u32) -> Option<Self> {
        match minor {
            22 => Some(Self::Go122),
            23 => Some(Self::Go123),
            25 => Some(Self::Go125),
            26 => Some(Self::Go126),
            _ => None,
        }
    }

    /// Whether each generation must open with a sync batch that holds frequency and clock snapshot.
    #[must_use]
    pub const fn has_sync_batch(self) -> bool {
        matches!(self, Self::Go125 | Self::Go126)
    }

    /// Whether each generation must be closed by an end-of-generation byte.
    #[must_use]
    pub const fn has_end_of_generation(self) -> bool {
        matches!(self, Self::Go126)
    }

    /// The header of a trace of this version.
    #[must_use]
    pub fn header(self) -> [u8; HEADER_LENGTH] {
        let mut header = *b"go 1.00 trace\0\0\0";
        header[5] = b'0' + (self.minor() / 10) as u8;
        header[6] = b'0' + (self.minor() % 10) as u8;
        header
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::NotATrace`] where the bytes are no trace header, [`Error::FormatV1`] for Go 1.5 to 1.21,
    /// [`Error::UnknownVersion`] for a version that no Go release has written so far.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let Ok((_, minor)) = header(bytes) else { return Err(Error::NotATrace) };
        match minor {
            5 | 7..=11 | 19 | 21 => Err(Error::FormatV1 { minor }),
            _ => Self::from_minor(minor).ok_or(Error::UnknownVersion { minor }),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "go 1.{}", self.minor())
    }
}

/// `go 1.N trace` and the NULs that pad it to 16 bytes; gives `N`.
fn header(input: &[u8]) -> IResult<&[u8], u32, Parse> {
    let digits = map_res(take_while_m_n(1, 2, |b: u8| b.is_ascii_digit()), |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |n, d| Some(n * 10 + u32::from(d - b'0'))).ok_or(())
    });
    let padding = take_while_m_n(3, 4, |b: u8| b == 0);
    let whole = &input[..input.len().min(HEADER_LENGTH)];
    let (_, (minor, _)) = pair(delimited(tag("go 1."), digits, tag(" trace")), padding).parse(whole)?;
    Ok((&input[HEADER_LENGTH.min(input.len())..], minor))
}
