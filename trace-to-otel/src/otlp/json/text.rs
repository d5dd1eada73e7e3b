//! Strings and numbers. RFC 8259; Protocol Buffers documentation, "ProtoJSON Format".

use super::super::buffer::Buffer;

impl Buffer {
    /// A string in quotes.
    pub(super) fn quoted(&mut self, text: &str) {
        self.put(*b"\"");
        self.escaped(text.as_bytes());
        self.put(*b"\"");
    }

    fn escaped(&mut self, text: &[u8]) {
        // One pass without branches over what is nearly always plain.
        if !text.iter().fold(false, |found, &byte| found | needs_escape(byte)) {
            return self.extend(text);
        }
        for run in text.split_inclusive(|&byte| needs_escape(byte)) {
            match run.split_last() {
                Some((&last, plain)) if needs_escape(last) => {
                    self.extend(plain);
                    self.escape(last);
                }
                _ => self.extend(run),
            }
        }
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' => self.put([b'\\', byte]),
            b'\n' => self.put(*b"\\n"),
            b'\r' => self.put(*b"\\r"),
            b'\t' => self.put(*b"\\t"),
            _ => {
                self.put(*b"\\u00");
                self.put([digit(byte >> 4), digit(byte)]);
            }
        }
    }

    /// An id in hexadecimal and quotes.
    #[inline]
    pub(super) fn hexadecimal<const N: usize>(&mut self, id: &[u8; N]) {
        self.put(*b"\"");
        for (digits, &byte) in self.next(2 * N).chunks_exact_mut(2).zip(id) {
            digits.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        self.put(*b"\"");
    }

    /// An integer as a number: one of 32 bits.
    pub(super) fn number(&mut self, number: u32) {
        self.extend(itoa::Buffer::new().format(number).as_bytes());
    }

    /// An integer in quotes: one of 64 bits.
    pub(super) fn quoted_number(&mut self, number: impl itoa::Integer) {
        self.put(*b"\"");
        self.extend(itoa::Buffer::new().format(number).as_bytes());
        self.put(*b"\"");
    }

    /// The shortest number that reads back the same; those that JSON lacks in quotes.
    pub(super) fn float(&mut self, number: f64) {
        if number.is_finite() {
            self.extend(zmij::Buffer::new().format_finite(number).as_bytes());
        } else if number.is_nan() {
            self.put(*b"\"NaN\"");
        } else if number > 0.0 {
            self.put(*b"\"Infinity\"");
        } else {
            self.put(*b"\"-Infinity\"");
        }
    }

    /// Elements in brackets, with commas between them.
    #[inline]
    pub(super) fn array<I: IntoIterator>(&mut self, items: I, mut write: impl FnMut(&mut Self, I::Item)) {
        self.put(*b"[");
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.put(*b",");
            }
            write(self, item);
        }
        self.put(*b"]");
    }
}

/// RFC 8259, section 7: quotation mark, reverse solidus, control characters.
#[inline]
const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The digit of the lower four bits.
#[inline]
const fn digit(byte: u8) -> u8 {
    let nibble = byte & 0xF;
    // Between '9' and 'a' are 39 characters.
    nibble + b'0' + if nibble > 9 { 39 } else { 0 }
}
