//! What stands around the records of a request.
//!
//! A request of any signal has the same three levels: one resource, its scopes, their records. In both encodings it is
//! a few rows of bytes that never change, with the records between them.

use super::{
    Encoding, MalformedBatch, Signal,
    parts::{Envelope, Section},
};

impl<'a> Envelope<'a> {
    /// Takes a request apart that [`write`](Self::write) has put together.
    pub(super) fn parse(signal: Signal, encoding: Encoding, bytes: &'a [u8]) -> Result<Self, MalformedBatch> {
        let envelope = match encoding {
            // A dictionary comes behind, which nobody could split.
            _ if signal == Signal::Profiles => None,
            #[cfg(feature = "protobuf")]
            Encoding::Protobuf => super::protobuf::envelope::parse(bytes),
            #[cfg(feature = "json")]
            Encoding::Json => super::json::envelope::parse(signal, bytes),
        };
        envelope.ok_or(MalformedBatch { signal, encoding })
    }

    /// The length of the request.
    pub(super) fn len(&self, encoding: Encoding) -> usize {
        match encoding {
            #[cfg(feature = "protobuf")]
            Encoding::Protobuf => super::protobuf::envelope::len(self),
            #[cfg(feature = "json")]
            Encoding::Json => super::json::envelope::len(self),
        }
    }

    /// The request, in a row of bytes of exactly its length.
    pub(super) fn write(&self, encoding: Encoding) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len(encoding));
        match encoding {
            #[cfg(feature = "protobuf")]
            Encoding::Protobuf => super::protobuf::envelope::write(self, &mut out),
            #[cfg(feature = "json")]
            Encoding::Json => super::json::envelope::write(self, &mut out),
        }
        out
    }

    /// The number of its records.
    pub(super) fn count(&self, encoding: Encoding) -> usize {
        self.sections.iter().map(|section| Records::new(encoding, section.records).count()).sum()
    }

    /// The first `count` records, and the others.
    pub(super) fn split_at(&self, encoding: Encoding, count: usize) -> [Self; 2] {
        let mut left = count;
        let mut halves =
            [(); 2].map(|()| Self { before: self.before, sections: Vec::new(), after: self.after });
        for section in &self.sections {
            let mut rest = Records::new(encoding, section.records);
            let taken = rest.by_ref().take(left).count();
            left -= taken;
            let [first, second] = rest.cut();
            for (half, records) in halves.iter_mut().zip([first, second]) {
                if !records.is_empty() {
                    half.sections.push(Section { records, ..*section });
                }
            }
        }
        halves
    }
}

/// The records of a section, one after the other.
#[derive(Clone)]
struct Records<'a> {
    encoding: Encoding,
    all: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    fn new(encoding: Encoding, all: &'a [u8]) -> Self {
        Self { encoding, all, rest: all }
    }

    /// Those that have been passed, and those that are left.
    fn cut(self) -> [&'a [u8]; 2] {
        let passed = &self.all[..self.all.len() - self.rest.len()];
        [self.encoding.without_separator(passed), self.rest]
    }
}

impl Iterator for Records<'_> {
    type Item = ();

    fn next(&mut self) -> Option<()> {
        if self.rest.is_empty() {
            return None;
        }
        self.rest = match self.encoding {
            #[cfg(feature = "protobuf")]
            Encoding::Protobuf => super::protobuf::envelope::after_record(self.rest),
            #[cfg(feature = "json")]
            Encoding::Json => super::json::envelope::after_record(self.rest),
        };
        Some(())
    }
}
