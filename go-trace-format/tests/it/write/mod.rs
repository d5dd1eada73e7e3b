//! What is written is read back equal, in every version and dialect, and Go's reader takes what it should.

mod filter;
mod limits;
mod round_trip;
mod scenarios;
mod window;

use go_trace_format::{
    Clock, Dialect, Version, WallTime,
    write::{GenerationWriter, SyncBatch, Writer},
};

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

/// A stock trace of one generation.
fn small_trace(version: Version, write: impl FnOnce(&mut GenerationWriter<'_, Vec<u8>>)) -> Vec<u8> {
    let mut trace = Writer::new(Vec::new(), version, Dialect::Stock).unwrap();
    let mut generation = trace.generation(1, sync(version, 10)).unwrap();
    write(&mut generation);
    generation.finish().unwrap();
    trace.into_inner()
}
