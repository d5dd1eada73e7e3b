//! Requests of profiles, in pieces where one would be too large.
//!
//! A request of profiles cannot be cut: everything in it refers to its dictionary. So a piece remembers what it is made of, and
//! each of its halves is encoded anew, with a dictionary of its own.

use core::ops::Range;
use std::sync::Arc;

use super::{Batch, Encoding, encode_profiles};
use crate::{
    profiles::{Profile, ProfileKind, Profiles},
    resource::Resource,
};

/// Encodes profiles as [`encode_profiles`] does, in batches of at most `max_bytes`, but for those of a single larger sample. None
/// where there is nothing in any of the profiles.
///
/// The samples of a profile that is too large stand in several profiles of the same type, time and duration, one a batch: who adds
/// them up has the whole. A batch keeps the profiles alive, of which it is [split](Batch::split).
///
/// ```
/// use std::sync::Arc;
/// use trace_to_otel::{Resource, profiles::{ProfileKind, ProfilesCollector}};
/// use trace_to_otel::otlp::{Encoding, profile_batches};
///
/// # fn main() -> Result<(), go_trace_format::Error> {
/// # let trace = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/generations.trace"));
/// let mut reader = go_trace_format::Reader::from_slice(trace)?;
/// let mut collector = ProfilesCollector::default();
/// while let Some(event) = reader.next_event()? {
///     collector.event(&event);
/// }
/// let profiles = Arc::new(collector.finish());
/// let kinds = [ProfileKind::OffCpu, ProfileKind::Cpu];
/// let batches = profile_batches(Encoding::Protobuf, &Resource::new(), &profiles, &kinds, 64 << 10);
/// assert!(batches.iter().all(|batch| batch.bytes().len() <= 64 << 10));
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn profile_batches(
    encoding: Encoding,
    resource: &Resource,
    profiles: &Arc<Profiles>,
    kinds: &[ProfileKind],
    max_bytes: usize,
) -> Vec<Batch> {
    // Summed up once, however many pieces there are.
    let wholes: Vec<_> = kinds.iter().map(|&kind| profiles.profile(kind)).collect();
    let parts = wholes.iter().map(|whole| (whole.kind(), 0..whole.heavy()));
    let mut waiting = vec![Piece {
        resource: Arc::new(resource.clone()),
        profiles: Arc::clone(profiles),
        parts: parts.filter(|(_, samples)| !samples.is_empty()).collect(),
    }];
    let mut fitting = Vec::new();
    while let Some(piece) = waiting.pop() {
        let Some(bytes) = piece.encode(encoding, &wholes) else { continue };
        let halves = if bytes.len() > max_bytes { piece.split() } else { None };
        match halves {
            Some([first, second]) => waiting.extend([second, first]),
            None => fitting.push(piece.batch(encoding, bytes)),
        }
    }
    fitting
}

/// What of some profiles is in a request.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    resource: Arc<Resource>,
    profiles: Arc<Profiles>,
    /// Which samples of which profile; none of them empty.
    parts: Vec<(ProfileKind, Range<usize>)>,
}

impl Piece {
    /// The requests of the two halves of its samples; none where there is one.
    pub(super) fn halves(&self, encoding: Encoding) -> Option<[Batch; 2]> {
        let wholes: Vec<_> = self.parts.iter().map(|(kind, _)| self.profiles.profile(*kind)).collect();
        let [first, second] = self.split()?.map(|half| {
            let bytes = half.encode(encoding, &wholes)?;
            Some(half.batch(encoding, bytes))
        });
        Some([first?, second?])
    }

    /// Its request, out of the profiles that it is of; none where nothing is in it.
    fn encode(&self, encoding: Encoding, wholes: &[Profile<'_>]) -> Option<Vec<u8>> {
        let part = |(kind, samples): &(ProfileKind, Range<usize>)| {
            let whole = wholes.iter().find(|whole| whole.kind() == *kind)?;
            Some(whole.part(samples.clone()))
        };
        let parts: Vec<_> = self.parts.iter().filter_map(part).collect();
        encode_profiles(encoding, &self.resource, &parts)
    }

    fn batch(self, encoding: Encoding, bytes: Vec<u8>) -> Batch {
        let samples = self.samples();
        Batch::of_profiles(encoding, bytes, samples, self)
    }

    fn samples(&self) -> usize {
        self.parts.iter().map(|(_, samples)| samples.len()).sum()
    }

    /// The two halves of its samples; none where there is one.
    fn split(&self) -> Option<[Self; 2]> {
        let mut left = self.samples() / 2;
        if left == 0 {
            return None;
        }
        let mut halves = [(); 2].map(|()| Self { parts: Vec::new(), ..self.clone() });
        for (kind, samples) in &self.parts {
            let taken = left.min(samples.len());
            left -= taken;
            let at = samples.start + taken;
            for (half, range) in halves.iter_mut().zip([samples.start..at, at..samples.end]) {
                if !range.is_empty() {
                    half.parts.push((*kind, range));
                }
            }
        }
        Some(halves)
    }
}
