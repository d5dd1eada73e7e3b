//! The 16-byte header that opens every trace: `go 1.N trace` padded with NUL.
//!
//! Go: `internal/trace/version.ReadHeader`.

use nom::{
    IResult, Parser,
    bytes::complete::{tag, take_while_m_n},
    combinator::map_res,
    sequence::{delimited, pair},
};

use crate::{
    error::{Error, Parse},
    spec::Version,
};

/// Length of the header, in bytes.
pub const HEADER_LENGTH: usize = 16;

impl Version {
    /// The header of a trace of this version.
    #[must_use]
    pub fn header(self) -> [u8; HEADER_LENGTH] {
        let (tens, ones) = (b'0' + (self.minor() / 10) as u8, b'0' + (self.minor() % 10) as u8);
        match tens {
            b'0' => [b'g', b'o', b' ', b'1', b'.', ones, b' ', b't', b'r', b'a', b'c', b'e', 0, 0, 0, 0],
            _ => [b'g', b'o', b' ', b'1', b'.', tens, ones, b' ', b't', b'r', b'a', b'c', b'e', 0, 0, 0],
        }
    }

    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::NotATrace`] where the bytes are no trace header, [`Error::UnknownVersion`] for a version that no Go release has
    /// written so far.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let Ok((_, minor)) = header(bytes) else { return Err(Error::NotATrace) };
        Self::from_minor(minor).ok_or(Error::UnknownVersion { minor })
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
