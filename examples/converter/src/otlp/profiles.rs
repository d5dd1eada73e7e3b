//! Where profiles go.

use std::{
    io::{self, Write},
    sync::Arc,
};

use trace_to_otel::{
    Resource,
    otlp::{Encoding, JsonLines, profile_batches},
    profiles::{ProfileKind, Profiles},
};

use super::WriteError;
use crate::send::Sender;

pub(crate) enum ProfilesOutlet<W: Write> {
    Nowhere,
    Lines(W),
    Receiver(Box<Sender>),
}

impl<W: Write> ProfilesOutlet<W> {
    /// How large a request becomes. Each has a dictionary of its own: fewer are smaller together.
    const MOST_BYTES: usize = 2 << 20;

    pub(crate) fn is_somewhere(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    /// Takes profiles of some kinds, of what the resource tells.
    pub(crate) fn take(
        &mut self,
        resource: &Resource,
        profiles: &Arc<Profiles>,
        kinds: &[ProfileKind],
    ) -> Result<(), WriteError> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Lines(lines) => {
                let most = JsonLines::<io::Sink>::LINE_BYTES;
                for batch in profile_batches(Encoding::Json, resource, profiles, kinds, most) {
                    lines.write_all(batch.bytes())?;
                    lines.write_all(b"\n")?;
                }
                Ok(lines.flush()?)
            }
            Self::Receiver(sender) => {
                let batches = profile_batches(sender.encoding(), resource, profiles, kinds, Self::MOST_BYTES);
                Ok(batches.into_iter().try_for_each(|batch| sender.send(batch))?)
            }
        }
    }

    /// Tells how many samples have arrived; gives how many were refused, and how many whole profiles.
    pub(crate) fn report(&self) -> u64 {
        match self {
            Self::Receiver(sender) => sender.report(),
            Self::Nowhere | Self::Lines(_) => 0,
        }
    }
}
