//! Events of experiments. Go: `trace.ExperimentalEvent`.

use crate::{
    event::Event,
    spec::{EventSpec, Experiment, MAX_ARGUMENTS},
};

/// An event of an experiment, its arguments by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Experimental {
    spec: &'static EventSpec,
    values: [u64; MAX_ARGUMENTS],
}

/// One argument of an experimental event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExperimentalArgument {
    /// The reference's name for it.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
}

impl Experimental {
    pub(crate) fn of<O>(event: &Event<'_, O>) -> Self {
        Self { spec: event.record.event_type.spec(), values: event.record.arguments }
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.spec.name
    }

    /// The experiment that it belongs to.
    #[must_use]
    pub fn experiment(&self) -> Experiment {
        self.spec.experiment.unwrap_or(Experiment(0))
    }

    /// Its arguments.
    pub fn arguments(&self) -> impl Iterator<Item = ExperimentalArgument> {
        let names = self.spec.arguments.iter().skip(1).map(|argument| argument.name);
        names.zip(self.values).map(|(name, value)| ExperimentalArgument { name, value })
    }
}
