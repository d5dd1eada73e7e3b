//! Requests of profiles, in pieces where one would be too large.
//!
//! A request of profiles cannot be cut: everything in it refers to its dictionary. So a piece remembers what it is made of, and
//! each of its halves is encoded anew, with a dictionary of its own.

use core::ops::Range;
use std::sync::Arc;

use super::{Batch, Encoding, encode_profiles};
use crate::{
    profiles::{ProfileKind, Profiles},
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
    let parts = kinds.iter().map(|&kind| (kind, 0..profiles.profile(kind).heavy()));
    let whole = Piece {
        resource: Arc::new(resource.clone()),
        profiles: Arc::clone(profiles),
        parts: parts.filter(|(_, samples)| !samples.is_empty()).collect(),
    };
    let mut fitting = Vec::new();
    let mut waiting: Vec<_> = whole.batch(encoding).into_iter().collect();
    while let Some(batch) = waiting.pop() {
        let is_fitting = batch.bytes().len() <= max_bytes;
        match if is_fitting { Err(batch) } else { batch.split() } {
            Ok([first, second]) => waiting.extend([second, first]),
            Err(batch) => fitting.push(batch),
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
    /// The request; none where nothing is in it.
    pub(super) fn batch(self, encoding: Encoding) -> Option<Batch> {
        let parts = self.parts.iter();
        let profiles: Vec<_> =
            parts.map(|(kind, samples)| self.profiles.profile(*kind).part(samples.clone())).collect();
        let bytes = encode_profiles(encoding, &self.resource, &profiles)?;
        let records = self.samples();
        Some(Batch::of_profiles(encoding, bytes, records, self))
    }

    fn samples(&self) -> usize {
        self.parts.iter().map(|(_, samples)| samples.len()).sum()
    }

    /// The two halves of its samples; none where there is one.
    pub(super) fn split(&self) -> Option<[Self; 2]> {
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
