//! Where the records of a signal go.

use std::io::Write;

use trace_to_otel::{
    Resource,
    otlp::{JsonLines, Record},
};

use super::WriteError;
use crate::send::Receiver;

pub(super) enum Channel<W: Write, T: Record> {
    Nowhere,
    Lines(JsonLines<W, T>),
    Receiver(Box<Receiver<T>>),
}

impl<W: Write, T: Record> Channel<W, T> {
    pub(super) fn is_somewhere(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    /// The records that follow are another resource's.
    pub(super) fn set_resource(&mut self, resource: &Resource) -> Result<(), WriteError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Lines(lines) => Ok(lines.set_resource(resource.clone())?),
            Self::Receiver(receiver) => receiver.set_resource(resource),
        }
    }

    pub(super) fn take(&mut self, record: &T) -> Result<(), WriteError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Lines(lines) => Ok(lines.write(record)?),
            Self::Receiver(receiver) => receiver.take(record),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), WriteError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Lines(lines) => Ok(lines.flush()?),
            Self::Receiver(receiver) => receiver.flush(),
        }
    }

    /// Tells how many records have arrived; gives how many were refused.
    pub(super) fn report(&self) -> u64 {
        match self {
            Self::Receiver(receiver) => receiver.report(),
            Self::Nowhere | Self::Lines(_) => 0,
        }
    }
}
