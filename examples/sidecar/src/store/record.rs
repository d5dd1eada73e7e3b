//! What is remembered.

use go_trace_format::{Generation, event::ThreadId};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

/// Whose traces these are, as far as their source tells: attributes of the resource, in the order of their keys.
///
/// Generations are delivered once for each of them, and what is open in one process goes on only in traces of the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Origin(Vec<(String, String)>);

impl Origin {
    pub(crate) fn new(attributes: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut attributes: Vec<_> = attributes.into_iter().collect();
        attributes.sort();
        Self(attributes)
    }

    pub(crate) fn attributes(&self) -> &[(String, String)] {
        &self.0
    }

    /// A short name of it.
    pub(crate) fn id(&self) -> u128 {
        let mut bytes = Vec::new();
        for text in self.0.iter().flat_map(|(key, value)| [key, value]) {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        XxHash3_128::oneshot(&bytes)
    }
}

/// Which content a path has had. Another one, or more of it, is another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) length: u64,
    /// In nanoseconds since 1970.
    pub(crate) modified: i64,
    /// A hash of the first bytes: a file in the place of another one may look the same otherwise.
    pub(crate) head: u64,
}

impl Version {
    /// Whether this is what `earlier` has grown to.
    pub(crate) fn has_grown_from(&self, earlier: &Self) -> bool {
        (self.device, self.inode, self.head) == (earlier.device, earlier.inode, earlier.head)
            && self.length >= earlier.length
    }
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    pub(crate) version: Version,
    /// Where the last generation that was delivered begins, in a trace that is not compressed: reading goes on there
    /// when the file has grown.
    pub(crate) last: u64,
    /// Its last generation, where that may have been cut off.
    pub(crate) tail: Option<Tail>,
    pub(crate) outcome: Outcome,
}

/// A generation of which there may be more one day, though the file seemed whole: if so, all of it is delivered again, by
/// a mapper that is where the first one was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// As it was told by what there was of it.
    pub(crate) generation: GenerationKey,
    /// What the mapper was, and what stands behind it, when the generation began.
    pub(crate) mapper: Vec<u8>,
    pub(crate) volume: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// All of it was delivered.
    Delivered,
    /// What was whole of it was delivered, and more is to come.
    Growing,
    /// It was put aside.
    Quarantined { reason: String },
}

/// What tells generations apart, those of different processes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GenerationKey {
    pub(crate) number: u64,
    start: i64,
    frequency: u64,
    /// The wall clock less the trace clock, in nanoseconds, where there is a snapshot.
    wall_offset: Option<i128>,
}

/// How far wall and trace clock of one process may move against each other from one generation to the next, in
/// nanoseconds: more than they drift, and less than two machines differ by.
const DRIFT: u128 = 5_000_000_000;

impl GenerationKey {
    pub(crate) fn of(generation: &Generation<'_>) -> Self {
        let clock = generation.clock();
        Self {
            number: generation.number(),
            start: generation.start_time().0,
            frequency: clock.frequency(),
            wall_offset: clock.snapshot().map(|snapshot| snapshot.wall.0 - i128::from(snapshot.trace.0)),
        }
    }

    /// Whether it may be of the same machine, and later.
    pub(crate) fn may_follow(&self, earlier: &Self) -> bool {
        let agree = match (earlier.wall_offset, self.wall_offset) {
            (Some(earlier), Some(own)) => earlier.abs_diff(own) <= DRIFT,
            (None, None) => true,
            _ => false,
        };
        agree && earlier.frequency == self.frequency && earlier.start <= self.start
    }

    pub(crate) fn id(&self) -> u128 {
        let mut bytes = Vec::with_capacity(64);
        bytes.extend(self.number.to_le_bytes());
        bytes.extend(self.start.to_le_bytes());
        bytes.extend(self.frequency.to_le_bytes());
        if let Some(offset) = self.wall_offset {
            bytes.extend(offset.to_le_bytes());
        }
        XxHash3_128::oneshot(&bytes)
    }
}

/// A process whose traces come in: where its last one ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) origin: Origin,
    /// The last generation that was delivered.
    pub(crate) last: GenerationKey,
    /// The threads that recorded it.
    pub(crate) threads: Vec<i64>,
    /// What the traces themselves have told of the resource.
    pub(crate) told: Vec<(String, String)>,
    /// The state of its mapper, and of what stands behind it.
    pub(crate) mapper: Vec<u8>,
    pub(crate) volume: Vec<u8>,
    /// When something came of it last, in seconds since 1970.
    pub(crate) seen: u64,
    /// Whether its open spans are on their way out: that was decided, and is not decided again.
    pub(crate) is_closing: bool,
}

/// The threads of a generation. What the runtime records on nobody's behalf is every process's.
pub(crate) fn threads(generation: &Generation<'_>) -> Vec<i64> {
    generation.threads().filter(|&ThreadId(thread)| thread >= 0).map(|ThreadId(thread)| thread).collect()
}

/// How much of a large file has been accepted: what is sent again after a crash is less by that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) path: String,
    pub(crate) version: Version,
    /// What the batches depend on besides.
    pub(crate) fingerprint: u128,
    /// So many batches, from the first.
    pub(crate) accepted: u64,
}
