//! What bytes are that somebody took for a trace, or that made something else of one.

use core::fmt;

/// What no [`Reader`](crate::Reader) can read, or not any more, and why.
///
/// For telling people: whether bytes are a trace is for a reader to say, and this only explains why one has failed, or why it
/// has lost so much.
///
/// ```
/// use go_trace_format::Mistaken;
///
/// let utf16 = b"\xff\xfeg\0o\0 \x001\0.\x002\x006\0 \0t\0r\0a\0c\0e\0";
/// assert_eq!(Mistaken::of(utf16), Some(Mistaken::Utf16));
/// assert_eq!(Mistaken::of(b"BZh91AY&SY"), Some(Mistaken::Bzip2));
/// assert_eq!(Mistaken::of(b"go 1.26 trace\0\0\0"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mistaken {
    /// Compressed by xz.
    Xz,
    /// Compressed by bzip2.
    Bzip2,
    /// Compressed as a frame of LZ4.
    Lz4,
    /// An archive of zip.
    Zip,
    /// An archive of 7-Zip.
    SevenZip,
    /// An archive of tar.
    Tar,
    /// Compressed by Snappy, in its framing format.
    Snappy,
    /// The answer of an HTTP server with its head, as `curl --include` prints it.
    HttpAnswer,
    /// Text in UTF-16, such as PowerShell's redirection made of any bytes before its version 7.4.
    Utf16,
    /// A trace whose bytes were taken for text of another encoding, and written again in UTF-8.
    Utf8,
    /// A trace whose line feeds have become carriage returns with line feeds.
    LineEnds,
    /// Text, such as the message of a server.
    Text,
}

impl Mistaken {
    /// How many bytes are looked at. Fewer are enough where there are no more.
    pub const HEAD_LENGTH: usize = 4096;

    /// What begins with `head`, of which only the first [`HEAD_LENGTH`](Self::HEAD_LENGTH) bytes count.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let head = head.get(..Self::HEAD_LENGTH).unwrap_or(head);
        match head {
            // The .xz File Format, section 2.1.1.1.
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            // LZ4 Frame Format, "General Structure".
            [0x04, 0x22, 0x4d, 0x18, ..] => Some(Self::Lz4),
            // APPNOTE.TXT, section 4.3.7, and 4.3.16 for an empty one.
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => Some(Self::SevenZip),
            // Snappy framing format, section 4.1.
            [0xff, 6, 0, 0, b's', b'N', b'a', b'P', b'p', b'Y', ..] => Some(Self::Snappy),
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', ..] => Some(Self::HttpAnswer),
            // POSIX, pax, "ustar Interchange Format".
            _ if head.get(257..262) == Some(b"ustar") => Some(Self::Tar),
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Self::Utf16),
            [b'g', 0, b'o', 0, b' ', 0, ..] | [0, b'g', 0, b'o', 0, b' ', ..] => Some(Self::Utf16),
            _ => Self::of_text(head),
        }
    }

    fn of_text(head: &[u8]) -> Option<Self> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let unmarked = head.strip_prefix(MARK).unwrap_or(head);
        if unmarked.starts_with(b"go 1.") {
            let is_utf8 = unmarked.len() < head.len() || is_rewritten_in_utf8(unmarked);
            let line_ends = || has_no_line_feed_alone(unmarked).then_some(Self::LineEnds);
            return if is_utf8 { Some(Self::Utf8) } else { line_ends() };
        }
        is_text(unmarked).then_some(Self::Text)
    }

    /// Whether it was a trace once, from which something that takes bytes for text has taken away what cannot be restored.
    #[must_use]
    pub const fn is_mangled(self) -> bool {
        matches!(self, Self::Utf16 | Self::Utf8 | Self::LineEnds)
    }
}

/// In a trace bytes from 0x80 on stand anywhere, and hardly ever where UTF-8 has them.
fn is_rewritten_in_utf8(head: &[u8]) -> bool {
    const ENOUGH: usize = 16;
    head.iter().filter(|byte| !byte.is_ascii()).count() >= ENOUGH && is_utf8(head)
}

/// In a trace line feeds stand anywhere too, and rarely behind a carriage return.
fn has_no_line_feed_alone(head: &[u8]) -> bool {
    const ENOUGH: usize = 4;
    let pairs = head.windows(2).filter(|pair| pair[1] == b'\n');
    let (count, with_return) =
        pairs.fold((0, 0), |(count, with), pair| (count + 1, with + usize::from(pair[0] == b'\r')));
    count >= ENOUGH && count == with_return
}

fn is_text(head: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    !head.is_empty() && !head.iter().any(is_control) && is_utf8(head)
}

/// Whether it is UTF-8, but for a last character that is cut off.
fn is_utf8(head: &[u8]) -> bool {
    core::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}

impl fmt::Display for Mistaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xz => "compressed by xz, which is not read: decompress it first, as xz -d does",
            Self::Bzip2 => "compressed by bzip2, which is not read: decompress it first, as bzip2 -d does",
            Self::Lz4 => "compressed by lz4, which is not read: decompress it first, as lz4 -d does",
            Self::Zip => "a zip archive: take the trace out of it first",
            Self::SevenZip => "a 7-Zip archive: take the trace out of it first",
            Self::Tar => "a tar archive: take the trace out of it first",
            Self::Snappy => "compressed by Snappy, which is not read: decompress it first",
            Self::HttpAnswer => {
                "the answer of an HTTP server with its head: record again without it, such as by curl without --include"
            }
            Self::Utf16 => {
                "text in UTF-16, as PowerShell's > makes of any bytes: record again, and write to the file without it, such \
                 as by curl --output"
            }
            Self::Utf8 => {
                "bytes that were taken for text and written again in UTF-8: record again, and write them to the file as \
                 they are"
            }
            Self::LineEnds => {
                "bytes whose line feeds became CR LF on their way, as in a transfer as text: transfer it again, as binary"
            }
            Self::Text => "text, and no trace",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as a trace has them: everything, anywhere.
    fn trace() -> Vec<u8> {
        let mut state = 1_u32;
        let random = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        b"go 1.26 trace\0\0\0".iter().copied().chain(random.take(20_000)).collect()
    }

    fn line_ends(bytes: &[u8]) -> Vec<u8> {
        let parts: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
        parts.join(&b"\r\n"[..])
    }

    #[test]
    fn whatever_takes_bytes_for_text_is_told() {
        let trace = trace();
        assert_eq!(Mistaken::of(&trace), None);
        let latin1: String = trace.iter().map(|&byte| char::from(byte)).collect();
        let replaced = String::from_utf8_lossy(&trace).into_owned();
        let utf16 = |order: fn(u16) -> [u8; 2]| latin1.encode_utf16().flat_map(order).collect::<Vec<u8>>();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        let cases = [
            (utf16(u16::to_le_bytes), Mistaken::Utf16),
            (utf16(u16::to_be_bytes), Mistaken::Utf16),
            (marked(b"\xff\xfe", &utf16(u16::to_le_bytes)), Mistaken::Utf16),
            (marked(b"\xfe\xff", &utf16(u16::to_be_bytes)), Mistaken::Utf16),
            (latin1.clone().into_bytes(), Mistaken::Utf8),
            (replaced.clone().into_bytes(), Mistaken::Utf8),
            (marked(b"\xef\xbb\xbf", replaced.as_bytes()), Mistaken::Utf8),
            (line_ends(&trace), Mistaken::LineEnds),
            (line_ends(latin1.as_bytes()), Mistaken::Utf8),
        ];
        for (bytes, expected) in cases {
            let found = Mistaken::of(&bytes);
            assert_eq!(found, Some(expected), "{:x?}", &bytes[..32]);
            assert!(found.is_some_and(Mistaken::is_mangled));
        }
    }

    #[test]
    fn other_formats_are_told_by_their_first_bytes() {
        let tar = [&[b'a'; 257][..], b"ustar\x0000"].concat();
        let cases: [(&[u8], Option<Mistaken>); 15] = [
            (&tar, Some(Mistaken::Tar)),
            (b"\xff\x06\0\0sNaPpY", Some(Mistaken::Snappy)),
            (b"HTTP/1.1 200 OK\r\n\r\ngo 1.26 trace\0\0\0", Some(Mistaken::HttpAnswer)),
            (b"\xfd7zXZ\0\0\x04", Some(Mistaken::Xz)),
            (b"BZh91AY&SY", Some(Mistaken::Bzip2)),
            (b"\x04\x22\x4d\x18\x64", Some(Mistaken::Lz4)),
            (b"PK\x03\x04\x14", Some(Mistaken::Zip)),
            (b"PK\x05\x06", Some(Mistaken::Zip)),
            (b"7z\xbc\xaf\x27\x1c\0", Some(Mistaken::SevenZip)),
            (b"404 page not found\n", Some(Mistaken::Text)),
            ("größe".as_bytes(), Some(Mistaken::Text)),
            (b"\xef\xbb\xbf<!DOCTYPE html>\r\n", Some(Mistaken::Text)),
            (b"", None),
            (b"\0\0\0", None),
            (b"\x1f\x8b\x08", None),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Mistaken::of(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_character_that_is_cut_off_is_no_matter() {
        let text = "é".repeat(Mistaken::HEAD_LENGTH);
        assert_eq!(Mistaken::of(&text.as_bytes()[1..]), None);
        let odd = format!("x{text}");
        assert_eq!(Mistaken::of(odd.as_bytes()), Some(Mistaken::Text));
    }
}
