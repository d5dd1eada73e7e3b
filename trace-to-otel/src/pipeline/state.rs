//! A pipeline's state, written down: that of each of its parts.

use core::{error, fmt};

use crate::{
    mapper::Mapper, metrics::MetricsCollector, pipeline::Pipeline, saved::StateError, sink::Sinks,
    volume::VolumeStateError,
};

/// What a [`Pipeline`] has to know of a process after its own was started again: see [`Pipeline::save`]. A part that is empty is
/// that of a process of which nothing has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PipelineState {
    /// What is [known of the trace](Mapper::save), open spans above all.
    pub mapper: Vec<u8>,
    /// What is [remembered of earlier spans](crate::Volume::save).
    pub volume: Vec<u8>,
    /// What [metrics count on from](MetricsCollector::save); empty without metrics.
    pub metrics: Vec<u8>,
}

impl<S: Sinks> Pipeline<S> {
    /// [Flushes](Self::flush), [ends the generation](Self::end_generation), and writes down what is known of the process, so that
    /// another pipeline can go on with it: what comes out of that is what would have come out of this one. The same state
    /// gives the same bytes. Options and sink are not part of it.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn save(&mut self) -> Result<PipelineState, S::Error> {
        // What was held back has to be out before metrics name what has gone out.
        self.flush()?;
        self.end_generation()?;
        let volume = self.volume.save()?;
        let metrics = self.metrics.as_ref().map(MetricsCollector::save).unwrap_or_default();
        Ok(PipelineState { mapper: self.mapper.save(), volume, metrics })
    }

    /// Goes on where another pipeline [was saved](Self::save). This one ought to be new, with the same options: what it has seen stays
    /// as far as `state` has nothing in its place. What that one has counted is not counted again.
    ///
    /// # Errors
    ///
    /// [`PipelineStateError`] where something of `state` is not what saving gives in this version. It may be any bytes: memory
    /// is bounded by their number. The pipeline goes on with the rest of it, and can be used.
    pub fn resume(&mut self, state: &PipelineState) -> Result<(), PipelineStateError> {
        let (mut mapper, mut volume, mut metrics) = (None, None, None);
        if !state.mapper.is_empty() {
            match Mapper::load(self.options.clone(), &state.mapper) {
                Ok(loaded) => (self.mapper, self.is_under_way) = (loaded, true),
                Err(error) => mapper = Some(error),
            }
            self.mapper.count_anew();
        }
        if !state.volume.is_empty() {
            volume = self.volume.restore(&state.volume).err();
        }
        if let Some(collector) = self.metrics.as_mut().filter(|_| !state.metrics.is_empty()) {
            match MetricsCollector::load(&state.metrics) {
                Ok(loaded) => *collector = loaded,
                Err(error) => metrics = Some(error),
            }
        }
        self.watch_spans();
        match (mapper, volume, metrics) {
            (None, None, None) => Ok(()),
            (mapper, volume, metrics) => Err(PipelineStateError { mapper, volume, metrics }),
        }
    }
}

/// Parts of a [`PipelineState`] are not what [`Pipeline::save`] gives in this version, and have begun anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PipelineStateError {
    /// Why spans that were open are lost.
    pub mapper: Option<StateError>,
    /// Why earlier spans are forgotten.
    pub volume: Option<VolumeStateError>,
    /// Why metrics count from the beginning.
    pub metrics: Option<StateError>,
}

impl fmt::Display for PipelineStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.mapper.map(|error| format!("open spans are lost: {error}")),
            self.volume.map(|error| format!("earlier spans are forgotten: {error}")),
            self.metrics.map(|error| format!("metrics begin anew: {error}")),
        ];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join("; "))
    }
}

impl error::Error for PipelineStateError {}
