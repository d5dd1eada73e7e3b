//! The hot loop's reader of varints; see the decisions in `ARCHITECTURE.md` for why it is not nom's.

use crate::spec::MAX_ARGUMENTS;

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

/// The most bytes that the number of an event and its time delta take.
pub(crate) const HEAD: usize = 1 + MAX_VARINT;

/// So many bytes from an event's arguments on hold these, and the whole of the event behind it.
pub(crate) const WINDOW: usize = HEAD + 2 * MAX_ARGUMENTS * MAX_VARINT;

/// How many of them are left behind the arguments at least.
pub(crate) const BEHIND: usize = WINDOW - MAX_ARGUMENTS * MAX_VARINT;

/// The next varint of well-formed bytes, and what is left of these, of which there are enough: see [`Cursor::varint`].
///
/// That nothing has to be checked is in the types: a varint takes [`MAX_VARINT`] bytes at most. On bytes that are not
/// well-formed it reads nonsense, and nothing worse.
#[inline(always)]
pub(crate) fn varint<const N: usize, const LEFT: usize>(bytes: &[u8; N]) -> (u64, &[u8; LEFT]) {
    const { assert!(LEFT + MAX_VARINT <= N) };
    let at = |place: usize| u64::from(bytes[place]);
    let value = at(0);
    if value < 1 << 7 {
        return (value, behind(bytes, 1));
    }
    // What says that there is more is the value's highest bit so far, and makes way for what there is.
    let value = value - (1 << 7) + (at(1) << 7);
    if value < 1 << 14 {
        return (value, behind(bytes, 2));
    }
    let value = value - (1 << 14) + (at(2) << 14);
    if value < 1 << 21 {
        return (value, behind(bytes, 3));
    }
    let value = value - (1 << 21) + (at(3) << 21);
    if value < 1 << 28 {
        return (value, behind(bytes, 4));
    }
    let (value, length) = long_varint(behind::<N, MAX_VARINT>(bytes, 0)).unwrap_or_default();
    (value, behind(bytes, length))
}

/// What is left behind so many bytes, which are no more than there are.
#[inline(always)]
pub(crate) fn behind<const N: usize, const LEFT: usize>(bytes: &[u8; N], length: usize) -> &[u8; LEFT] {
    bytes.get(length..).and_then(<[u8]>::first_chunk).unwrap_or(const { &[0; LEFT] })
}

/// How many bytes behind the beginning of `bytes` those begin that are left of them.
#[inline(always)]
pub(crate) fn distance(bytes: &[u8], left: &[u8]) -> usize {
    left.as_ptr().addr().wrapping_sub(bytes.as_ptr().addr())
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
/// long can be told without knowing where events begin. The look at a block compiles to wide vector instructions: it runs
/// over every batch.
pub(crate) fn well_formed_from(bytes: &[u8]) -> usize {
    /// So many bytes are looked at together.
    const BLOCK: usize = 128;
    const GROUP: usize = 4;
    const HIGH_BITS: u32 = 0x8080_8080;
    let is_high = |group: u32| group & HIGH_BITS == HIGH_BITS;
    // A long run fills at least one aligned group, and in most blocks nothing does.
    let may_hold_run = |block: &[u8]| {
        let groups = block.chunks_exact(GROUP);
        groups.fold(false, |any, group| {
            any | is_high(u32::from_ne_bytes([group[0], group[1], group[2], group[3]]))
        })
    };
    let (mut place, mut from) = (0, 0);
    while let Some(&group) = bytes.get(place..).and_then(<[u8]>::first_chunk::<GROUP>) {
        if place % BLOCK == 0
            && bytes[place..].first_chunk::<BLOCK>().is_some_and(|block| !may_hold_run(block))
        {
            place += BLOCK;
            continue;
        }
        if !is_high(u32::from_ne_bytes(group)) {
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
