//! Go 1.26: the end of a generation, said in the stream.

use super::{EventSpec, EventType, Version, structural};

pub(super) const EVENTS: &[EventSpec] =
    &[structural(EventType::EndOfGeneration, "EndOfGeneration", &[], Version::Go126)];
