//! Protobuf's wire format. Protocol Buffers documentation, "Encoding".
//!
//! Everything is canonical: fields by ascending number, lengths and numbers in the fewest bytes, and fields that have
//! their default value left out, as `prost` and Google's own encoders write them.

use super::super::buffer::{Buffer, copy};

/// How a field's value is laid out. "Encoding", section "Message Structure".
#[derive(Clone, Copy)]
pub(super) enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Fixed32 = 5,
}

/// The byte before a field's value; for field numbers below 16.
pub(super) const fn tag(field: u8, wire: Wire) -> u8 {
    assert!(field != 0 && field < 16, "one byte has room for 4 bits of field number");
    field << 3 | wire as u8
}

/// How many bytes `number` takes as a varint.
#[inline]
pub(in super::super) const fn varint_len(number: u64) -> usize {
    // 7 bits a byte, and at least one byte: ceil(bits / 7) for 1 to 64 bits.
    let bits = 64 - (number | 1).leading_zeros() as usize;
    (bits * 9 + 64) / 64
}

impl Buffer {
    #[inline]
    pub(in super::super) fn varint(&mut self, number: u64) {
        if number < 0x80 {
            self.put([number as u8]);
        } else {
            let out = self.next(varint_len(number));
            write_varint(out, number);
        }
    }

    /// A field that is a message, whose length is known once it is written: `LENGTH_BYTES` are set aside for it, and
    /// it moves in the rare case that it needs another number of them.
    #[inline(always)]
    pub(super) fn message<const LENGTH_BYTES: usize>(&mut self, tag: u8, fields: impl FnOnce(&mut Self)) {
        self.put([tag]);
        let start = self.len();
        self.next(LENGTH_BYTES);
        fields(self);
        let length = self.len() - start - LENGTH_BYTES;
        let needed = varint_len(length as u64);
        if needed != LENGTH_BYTES {
            self.resize_gap(start, LENGTH_BYTES, needed);
        }
        write_varint(&mut self.written_from(start)[..needed], length as u64);
    }

    /// A field that is a text, left out when it is empty.
    #[inline]
    pub(super) fn string(&mut self, tag: u8, text: &str) {
        if !text.is_empty() {
            self.put([tag]);
            self.text(text);
        }
    }

    /// A length and a text.
    #[inline(always)]
    pub(super) fn text(&mut self, text: &str) {
        if text.len() < 0x80 {
            let (length, out) = self.next(1 + text.len()).split_at_mut(1);
            length[0] = text.len() as u8;
            copy(out, text.as_bytes());
        } else {
            self.varint(text.len() as u64);
            self.extend(text.as_bytes());
        }
    }

    /// A field that is a varint, left out when it is 0.
    #[inline]
    pub(super) fn unsigned(&mut self, tag: u8, number: u64) {
        if number != 0 {
            self.put([tag]);
            self.varint(number);
        }
    }

    /// A field that is 8 bytes, left out when it is 0.
    #[inline]
    pub(super) fn fixed64(&mut self, tag: u8, number: u64) {
        if number != 0 {
            self.optional_fixed64(tag, number);
        }
    }

    /// A field that is 8 bytes and tells 0 from absent.
    #[inline(always)]
    pub(super) fn optional_fixed64(&mut self, tag: u8, number: u64) {
        let mut field = [tag; 9];
        field[1..].copy_from_slice(&number.to_le_bytes());
        self.put(field);
    }

    /// A field that is 4 bytes, left out when it is 0.
    #[inline]
    pub(super) fn fixed32(&mut self, tag: u8, number: u32) {
        if number != 0 {
            self.put([tag]);
            self.put(number.to_le_bytes());
        }
    }

    /// A field that is an id of `N` bytes.
    #[inline(always)]
    pub(super) fn id<const N: usize>(&mut self, tag: u8, id: &[u8; N]) {
        let out = self.next(2 + N);
        out[..2].copy_from_slice(&[tag, N as u8]);
        out[2..].copy_from_slice(id);
    }
}

/// Writes a varint that fills `out`.
#[inline(always)]
pub(super) fn write_varint(out: &mut [u8], mut number: u64) {
    if let Some((last, rest)) = out.split_last_mut() {
        for byte in rest {
            *byte = number as u8 | 0x80;
            number >>= 7;
        }
        *last = number as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_take_the_fewest_bytes() {
        for bits in 0..=64 {
            for number in [(1_u128 << bits) - 1, 1_u128 << bits] {
                let Ok(number) = u64::try_from(number) else { continue };
                let mut buffer = Buffer::default();
                buffer.varint(number);
                let mut expected = Vec::new();
                prost::encoding::encode_varint(number, &mut expected);
                assert_eq!(buffer.as_slice(), expected);
                assert_eq!(varint_len(number), expected.len());
            }
        }
    }

    #[test]
    fn lengths_move_their_message() {
        for length in [0, 1, 127, 128, 300, 16_383, 16_384, 3_000_000] {
            let body = vec![7; length];
            let mut expected = vec![0x0A];
            prost::encoding::encode_varint(length as u64, &mut expected);
            expected.extend(&body);
            let mut buffer = Buffer::default();
            buffer.message::<1>(0x0A, |buffer| buffer.extend(&body));
            buffer.message::<2>(0x0A, |buffer| buffer.extend(&body));
            assert_eq!(buffer.as_slice(), [&expected[..], &expected].concat());
        }
    }
}
