//! Lower-case hexadecimal, the only case that W3C Trace Context allows ([rule T1](crate#the-rules)).

use core::fmt;

/// Decodes `2 * N` digits of `text` from `offset` on; the error is the offset of the first byte that is no lower-case
/// digit, or the text's length where the text is too short.
pub(crate) const fn decode<const N: usize>(text: &[u8], offset: usize) -> Result<[u8; N], usize> {
    let mut bytes = [0; N];
    let mut index = 0;
    while index < N {
        let at = offset + 2 * index;
        match (digit(text, at), digit(text, at + 1)) {
            (Ok(high), Ok(low)) => bytes[index] = high << 4 | low,
            (Err(wrong), _) | (_, Err(wrong)) => return Err(wrong),
        }
        index += 1;
    }
    Ok(bytes)
}

const fn digit(text: &[u8], at: usize) -> Result<u8, usize> {
    if at >= text.len() {
        return Err(text.len());
    }
    match text[at] {
        byte @ b'0'..=b'9' => Ok(byte - b'0'),
        byte @ b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(at),
    }
}

/// Writes `bytes` as lower-case digits, without allocating.
pub(crate) fn write<const N: usize>(bytes: &[u8; N], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let pairs = bytes.map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    formatter.pad(core::str::from_utf8(pairs.as_flattened()).map_err(|_| fmt::Error)?)
}
