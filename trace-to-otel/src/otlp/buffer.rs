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
        self.next(bytes.len()).copy_from_slice(bytes);
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
