//! How bytes of traces become batches.

use go_trace_format::ReaderOptions;

use crate::{
    options::MapperOptions,
    otlp::{Encoder, Encoding},
    pipeline::PipelineOptions,
    resource::Resource,
    span::Span,
    volume::VolumeOptions,
};

/// How a [`Session`](crate::Session) reads, maps and encodes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionOptions {
    /// How traces are read.
    pub reader: ReaderOptions,
    /// How their events are mapped.
    pub mapper: MapperOptions,
    /// Which spans go out.
    pub volume: VolumeOptions,
    /// Whether there are metrics: the runtime's, for each generation, without exemplars.
    pub metrics: bool,
    /// How spans, log records and metrics are encoded.
    pub encoding: Encoding,
    /// How large a batch gets: see [`Encoder::with_max_bytes`].
    pub max_batch_bytes: usize,
    /// How large a generation may be, in bytes. Of a trace that has a larger one, what comes behind its first so many
    /// bytes is left out.
    pub max_generation_bytes: u64,
    /// What is known of the process; what the traces tell is added.
    pub resource: Resource,
}

impl SessionOptions {
    /// The defaults of everything, with generations of up to 256 MiB.
    #[must_use]
    pub fn new(encoding: Encoding, resource: Resource) -> Self {
        Self {
            reader: ReaderOptions::new(),
            mapper: MapperOptions::default(),
            volume: VolumeOptions::default(),
            metrics: false,
            encoding,
            max_batch_bytes: Encoder::<Span>::DEFAULT_MAX_BYTES,
            max_generation_bytes: 256 << 20,
            resource,
        }
    }

    pub(super) fn pipeline(&self) -> PipelineOptions {
        let (mapper, volume) = (self.mapper.clone(), self.volume.clone());
        PipelineOptions {
            mapper,
            volume,
            metrics: self.metrics,
            exemplars: false,
            #[cfg(feature = "profiles")]
            profiles: None,
        }
    }
}
