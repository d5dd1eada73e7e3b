//! The hot loop's reader of varints; see the decisions in `ARCHITECTURE.md` for why it is not nom's.

/// The longest varint of 64 bits, in bytes. Go: `binary.MaxVarintLen64`.
pub(crate) const MAX_VARINT: usize = 10;

/// A place in a run of unsigned LEB128 varints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        Self { data, position }
    }

    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The next byte.
    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    /// The next varint, or `None` where it is cut off or over 64 bits. Longer forms than needed are accepted.
    ///
    /// Branches on the length beat bit tricks here: on real traces the lengths are predictable.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let rest = self.data.get(self.position..)?;
        let &first = rest.first()?;
        if first < 0x80 {
            self.position += 1;
            return Some(u64::from(first));
        }
        let &second = rest.get(1)?;
        if second < 0x80 {
            self.position += 2;
            return Some(u64::from(first & 0x7f) | u64::from(second) << 7);
        }
        let &third = rest.get(2)?;
        if third < 0x80 {
            self.position += 3;
            return Some(u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7 | u64::from(third) << 14);
        }
        let (value, length) = long_varint(rest)?;
        self.position += length;
        Some(value)
    }
}

/// How many bytes a [`Window`] shows: a power of two, and enough for any event.
pub(crate) const WINDOW: usize = 64;

/// An event and what follows it, in a fixed number of bytes, so that reading it checks no bounds.
///
/// For events that are known to be well-formed; on others it reads nonsense, and nothing worse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<'a> {
    bytes: &'a [u8; WINDOW],
    position: usize,
}

impl<'a> Window<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8; WINDOW], position: usize) -> Self {
        Self { bytes, position }
    }

    /// How many bytes have been read.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    #[inline(always)]
    fn at(&self, ahead: usize) -> u8 {
        self.bytes[(self.position + ahead) % WINDOW]
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> u8 {
        let byte = self.at(0);
        self.position += 1;
        byte
    }

    /// The next varint: see [`Cursor::varint`].
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> u64 {
        let first = u64::from(self.at(0));
        if first < 0x80 {
            self.position += 1;
            return first;
        }
        let second = u64::from(self.at(1));
        if second < 0x80 {
            self.position += 2;
            return (first & 0x7f) | second << 7;
        }
        let third = u64::from(self.at(2));
        if third < 0x80 {
            self.position += 3;
            return (first & 0x7f) | (second & 0x7f) << 7 | third << 14;
        }
        let (value, length) = long_window_varint(self.bytes, self.position);
        self.position += length;
        value
    }
}

/// A varint of any length within a window, and its length. By value, so that the window stays in registers.
#[inline(never)]
fn long_window_varint(bytes: &[u8; WINDOW], position: usize) -> (u64, usize) {
    let rest: [u8; MAX_VARINT] = core::array::from_fn(|ahead| bytes[(position + ahead) % WINDOW]);
    long_varint(&rest).unwrap_or_default()
}

/// A varint of any length at the start of `bytes`, and its length.
#[inline(never)]
fn long_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(MAX_VARINT).enumerate() {
        if i == MAX_VARINT - 1 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Some((value, i + 1));
        }
    }
    None
}

/// Behind where in the events of a batch every varint is one of 64 bits, but for one that the end of the data cuts off; 0
/// where none is anything else.
///
/// In front of a varint stands a byte without the high bit, of an event or another varint, so that those which are too
/// long can be told without knowing where events begin. The first look compiles to wide vector instructions: it runs
/// over every batch.
pub(crate) fn well_formed_from(bytes: &[u8]) -> usize {
    const GROUP: usize = 4;
    const HIGH_BITS: u32 = 0x8080_8080;
    // A long run fills at least one aligned group, and in most batches nothing does.
    let groups =
        bytes.chunks_exact(GROUP).map(|group| u32::from_ne_bytes([group[0], group[1], group[2], group[3]]));
    if !groups.fold(false, |any, group| any | (group & HIGH_BITS == HIGH_BITS)) {
        return 0;
    }
    let (mut place, mut from) = (0, 0);
    while let Some(&group) = bytes.get(place..).and_then(<[u8]>::first_chunk::<GROUP>) {
        if u32::from_ne_bytes(group) & HIGH_BITS != HIGH_BITS {
            place += GROUP;
            continue;
        }
        let is_last = |byte: &u8| *byte < 0x80;
        let start = bytes[..place].iter().rposition(is_last).map_or(0, |before| before + 1);
        let end = bytes[place..].iter().position(is_last).map_or(bytes.len(), |length| place + length);
        if is_overlong(bytes, start, end) {
            from = end;
        }
        // Another long run fills a group behind this one.
        place = (end + 1).next_multiple_of(GROUP);
    }
    from
}

/// Whether bytes from `start` on, up to the one at `end` that has no high bit, are too many for 64 bits.
#[inline(always)]
fn is_overlong(bytes: &[u8], start: usize, end: usize) -> bool {
    const MOST: usize = MAX_VARINT - 1;
    end - start >= MOST && (end - start > MOST || bytes.get(end).is_none_or(|&last| last > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
        let mut cursor = Cursor::new(bytes, 0);
        cursor.varint().map(|value| (value, cursor.position()))
    }

    #[test]
    fn varints_of_every_length() {
        for bits in 0..64 {
            for value in [1_u64 << bits, (1 << bits) - 1, u64::MAX >> bits] {
                let mut bytes = Vec::new();
                let mut rest = value;
                while rest >= 0x80 {
                    bytes.push(rest as u8 | 0x80);
                    rest >>= 7;
                }
                bytes.push(rest as u8);
                assert_eq!(varint(&bytes), Some((value, bytes.len())));
                assert_eq!(varint(&bytes[..bytes.len() - 1]), None);
            }
        }
    }

    #[test]
    fn padded_varints_count_and_overlong_ones_do_not() {
        assert_eq!(varint(&[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Some((5, 10)));
        assert_eq!(
            varint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
            Some((u64::MAX, 10))
        );
        assert_eq!(varint(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]), None);
        assert_eq!(varint(&[0x80; 11]), None);
        assert_eq!(varint(&[]), None);
    }

    #[test]
    fn long_runs_are_found_wherever_they_are() {
        for length in 0..40 {
            for start in 0..length {
                for end in start..=length {
                    let mut bytes = vec![0x7f; length];
                    bytes[start..end].fill(0x80);
                    let expected = if end - start < 9 { 0 } else { end };
                    assert_eq!(well_formed_from(&bytes), expected, "{start}..{end} of {length}");
                    if let Some(last) = bytes.get_mut(end) {
                        *last = 1;
                        let expected = if end - start < 10 { 0 } else { end };
                        assert_eq!(well_formed_from(&bytes), expected, "{start}..{end} of {length}");
                    }
                }
            }
        }
    }
}
