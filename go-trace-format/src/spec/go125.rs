//! Go 1.25: the sync batch.

use super::{Category, EventSpec, EventType, Version, dt, structural, timed, value};

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
