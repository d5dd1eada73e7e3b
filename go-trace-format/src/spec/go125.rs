//! Go 1.25: the sync batch.

use super::{Category, EventSpec, EventType, dt, structural, timed, value};
use crate::header::Version;

pub(super) const EVENTS: &[EventSpec] = &[
    structural(EventType::Sync, "Sync", &[], Version::Go125),
    timed(
        EventType::ClockSnapshot,
        "ClockSnapshot",
        &[dt(), value("mono"), value("sec"), value("nsec")],
        Category::Core,
        Version::Go125,
    ),
];
