//! What is remembered.

use go_trace_format::{Generation, GenerationKey};
use serde::{Deserialize, Serialize};
use trace_to_otel::PipelineState;
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
    pub(crate) inode: u64,
    pub(crate) length: u64,
    /// In nanoseconds since 1970.
    pub(crate) modified: i64,
    /// A hash of the first bytes: a file in the place of another one may look the same otherwise.
    pub(crate) head: u64,
}

impl Version {
    /// Whether it is the same content, though somebody may have touched the file.
    pub(crate) fn is_same_as(&self, earlier: &Self) -> bool {
        (self.inode, self.head, self.length) == (earlier.inode, earlier.head, earlier.length)
    }

    /// Whether this is what `earlier` has grown to.
    pub(crate) fn has_grown_from(&self, earlier: &Self) -> bool {
        (self.inode, self.head) == (earlier.inode, earlier.head) && self.length >= earlier.length
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
    #[serde(with = "key_bytes")]
    pub(crate) generation: GenerationKey,
    /// What was known of its process when it began.
    pub(crate) state: PipelineState,
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

/// A key among bytes.
mod key_bytes {
    use go_trace_format::GenerationKey;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(key: &GenerationKey, serializer: S) -> Result<S::Ok, S::Error> {
        key.to_bytes().as_slice().serialize(serializer)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<GenerationKey, D::Error> {
        let bytes = Vec::deserialize(deserializer)?;
        GenerationKey::from_bytes(&bytes).ok_or_else(|| D::Error::custom("no key of a generation"))
    }
}

/// A short name of a generation.
pub(crate) fn id_of(key: &GenerationKey) -> u128 {
    XxHash3_128::oneshot(&key.to_bytes())
}

/// A process whose traces come in: where its last one ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) origin: Origin,
    /// The last generation that was delivered.
    #[serde(with = "key_bytes")]
    pub(crate) last: GenerationKey,
    /// The threads that recorded it.
    pub(crate) threads: Vec<i64>,
    /// What the traces themselves have told of the resource.
    pub(crate) told: Vec<(String, String)>,
    /// What is known of it, open spans above all.
    pub(crate) state: PipelineState,
    /// Whether its open spans are on their way out: that was decided, and is not decided again.
    pub(crate) is_closing: bool,
}

/// The threads that tell the process of a generation.
pub(crate) fn threads(generation: &Generation<'_>) -> Vec<i64> {
    generation.process_threads().iter().map(|thread| thread.0).collect()
}

/// How much of a large file has been accepted: what is sent again after a crash is less by that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) path: String,
    pub(crate) version: Version,
    /// What the batches depend on besides: one for each process that they are of, in the order of the file.
    pub(crate) fingerprints: Vec<u128>,
    /// So many batches, from the first.
    pub(crate) accepted: u64,
}
