//! A finished request.

use core::fmt;

#[cfg(feature = "profiles")]
use super::pieces::Piece;
use super::{Encoding, Signal, parts::Envelope};

/// An export request: bytes that a receiver takes as they are, with at least one record.
///
/// The same spans give the same bytes, so that a batch can be kept on disk and sent again, and it can be split in two
/// without the spans that it was made of.
#[derive(Clone, Debug)]
pub struct Batch {
    signal: Signal,
    encoding: Encoding,
    bytes: Vec<u8>,
    records: usize,
    /// What it was made of, where only that can be split.
    #[cfg(feature = "profiles")]
    piece: Option<Piece>,
}

/// Whether they are the same request.
impl PartialEq for Batch {
    fn eq(&self, other: &Self) -> bool {
        (self.signal, self.encoding, &self.bytes) == (other.signal, other.encoding, &other.bytes)
    }
}

impl Eq for Batch {}

impl Batch {
    /// A batch of several records.
    pub(super) fn new(signal: Signal, encoding: Encoding, envelope: &Envelope<'_>, records: usize) -> Self {
        Self::of_bytes(signal, encoding, envelope.write(encoding), records)
    }

    fn of_bytes(signal: Signal, encoding: Encoding, bytes: Vec<u8>, records: usize) -> Self {
        Self {
            signal,
            encoding,
            bytes,
            records,
            #[cfg(feature = "profiles")]
            piece: None,
        }
    }

    /// A batch of samples of profiles.
    #[cfg(feature = "profiles")]
    pub(super) fn of_profiles(encoding: Encoding, bytes: Vec<u8>, records: usize, piece: Piece) -> Self {
        Self { piece: Some(piece), ..Self::of_bytes(Signal::Profiles, encoding, bytes, records) }
    }

    /// A request without records, which only tells whether a receiver is there.
    #[cfg(any(feature = "http", feature = "grpc"))]
    pub(super) fn without_records(signal: Signal, encoding: Encoding) -> Self {
        let bytes = match encoding {
            Encoding::Protobuf => Vec::new(),
            #[cfg(feature = "json")]
            Encoding::Json => b"{}".to_vec(),
        };
        Self::of_bytes(signal, encoding, bytes, 0)
    }

    /// The batch that gave these bytes, such as one read back from disk.
    ///
    /// Only the envelope is looked at, and has to be one of this crate's: a request of another writer may be good OTLP
    /// and is refused all the same. So is any of profiles: it could not be split. Takes no memory beyond a few words per scope.
    ///
    /// # Errors
    ///
    /// [`MalformedBatch`] where the bytes have no such envelope, or no record.
    pub fn from_bytes(signal: Signal, encoding: Encoding, bytes: Vec<u8>) -> Result<Self, MalformedBatch> {
        let records = Envelope::parse(signal, encoding, &bytes)?.count(encoding);
        Ok(Self::of_bytes(signal, encoding, bytes, records))
    }

    /// One request with the records of several, of one resource or of many, in their order: for a sender of many small
    /// batches. It cannot be [split](Self::split): who is told that it is too large sends the parts.
    ///
    /// `None` where there is no batch, or where they are not of one signal and encoding, or of profiles: these refer to the
    /// dictionary of their request.
    #[must_use]
    pub fn join(parts: &[Self]) -> Option<Self> {
        let Self { signal, encoding, .. } = *parts.first()?;
        let is_alike = parts.iter().all(|part| (part.signal, part.encoding) == (signal, encoding));
        if !is_alike || signal == Signal::Profiles {
            return None;
        }
        let bytes = match encoding {
            // The fields of a message may stand in several rows of bytes, one after the other.
            #[cfg(feature = "protobuf")]
            Encoding::Protobuf => parts.iter().flat_map(|part| &part.bytes).copied().collect(),
            #[cfg(feature = "json")]
            Encoding::Json => super::json::envelope::join(parts.iter().map(|part| &*part.bytes))?,
        };
        Some(Self::of_bytes(signal, encoding, bytes, parts.iter().map(|part| part.records).sum()))
    }

    /// What kind of records it has.
    #[must_use]
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// How it is written.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The request.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The request.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many records it has: spans, log records, metrics or samples of profiles; at least one.
    #[must_use]
    pub const fn records(&self) -> usize {
        self.records
    }

    /// Two batches that have the records of this one between them, in the same order: what to send where a receiver
    /// finds it too large.
    ///
    /// # Errors
    ///
    /// The batch itself, where it has a single record.
    pub fn split(self) -> Result<[Self; 2], Self> {
        #[cfg(feature = "profiles")]
        if let Some(piece) = &self.piece {
            return piece.halves(self.encoding).ok_or(self);
        }
        let half = self.records / 2;
        if half == 0 {
            return Err(self);
        }
        let (signal, encoding) = (self.signal, self.encoding);
        let Ok(envelope) = Envelope::parse(signal, encoding, &self.bytes) else { return Err(self) };
        let [first, second] = envelope.split_at(encoding, half);
        Ok([
            Self::new(signal, encoding, &first, half),
            Self::new(signal, encoding, &second, self.records - half),
        ])
    }
}

/// Bytes are no batch that this crate has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedBatch {
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
}

impl fmt::Display for MalformedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "these bytes are no whole {} request in {:?} by trace-to-otel's encoder; \
             they may have been cut or changed on disk, or be of another signal or encoding",
            self.signal.name(),
            self.encoding
        )
    }
}

impl core::error::Error for MalformedBatch {}
