//! Bytes under way.

/// A growing row of bytes.
///
/// What lies behind its end is initialized already, so that a record is written by plain stores into a slice, with one
/// check for room per field instead of one per byte. Measured against `Vec::extend_from_slice` in `benches/encode.rs`.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Takes the bytes from `start` on away.
    pub(super) fn split_off(&mut self, start: usize) -> Self {
        let mut end = Self::default();
        end.extend(&self.as_slice()[start..]);
        self.truncate(start);
        end
    }

    /// The next `count` bytes, which count as written.
    #[inline(always)]
    pub(super) fn next(&mut self, count: usize) -> &mut [u8] {
        let start = self.len;
        if self.bytes.len() - start < count {
            self.grow(count);
        }
        self.len = start + count;
        &mut self.bytes[start..start + count]
    }

    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        self.next(N).copy_from_slice(&bytes);
    }

    #[inline(always)]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        copy(self.next(bytes.len()), bytes);
    }

    /// Makes the `from` bytes at `start` `to` bytes long; what they are then is the caller's to write.
    #[cfg(feature = "protobuf")]
    #[cold]
    pub(super) fn resize_gap(&mut self, start: usize, from: usize, to: usize) {
        let end = self.len;
        self.next(to.saturating_sub(from));
        self.bytes.copy_within(start + from..end, start + to);
        self.len = end - from + to;
    }

    /// The bytes from `start` on.
    #[cfg(feature = "protobuf")]
    #[inline(always)]
    pub(super) fn written_from(&mut self, start: usize) -> &mut [u8] {
        &mut self.bytes[start..self.len]
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, count: usize) {
        let wanted = (self.len + count).max(2 * self.bytes.len()).max(1 << 10);
        self.bytes.resize(wanted, 0);
    }
}

/// Copies as many bytes as `to` has room for, which has to be all of them.
///
/// Keys and most values are short, and the call of `memcpy` would take longer than its work: two copies of a constant
/// size do, which overlap.
#[inline(always)]
pub(super) fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        33..=64 => copy_ends::<32>(to, from),
        16..=32 => copy_ends::<16>(to, from),
        8..=15 => copy_ends::<8>(to, from),
        4..=7 => copy_ends::<4>(to, from),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` bytes.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    let last = from.len() - N;
    let to = &mut to[..from.len()];
    to[..N].copy_from_slice(&from[..N]);
    to[last..].copy_from_slice(&from[last..]);
}
