//! What is written is read back equal, in every version and dialect, and Go's reader takes what it should.

mod filter;
mod limits;
mod round_trip;
mod scenarios;

#[path = "../support/oracle.rs"]
mod oracle;
#[path = "../support/strict.rs"]
mod strict;

use go_trace_format::{Clock, Dialect, Version, WallTime, write::SyncBatch};

/// Every version with every dialect that it can have.
const FORMATS: [(Version, Dialect); 5] = [
    (Version::Go122, Dialect::Stock),
    (Version::Go123, Dialect::Stock),
    (Version::Go125, Dialect::Stock),
    (Version::Go126, Dialect::Stock),
    (Version::Go126, Dialect::Fork),
];

/// A sync batch as the version wants it.
fn sync(version: Version, time: u64) -> SyncBatch {
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, time);
    if version.has_sync_batch() {
        sync.with_snapshot(time, 77, WallTime(1_764_000_000_987_654_321))
    } else {
        sync
    }
}
