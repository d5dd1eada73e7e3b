//! Keys of attributes that no semantic convention has. All of them stand under `gotrace.`.

/// `approximate` on a resource whose spans' wall times are: the trace holds no clock snapshots.
pub(crate) const CLOCK: &str = "gotrace.clock";
/// The goroutine that a span began on.
pub(crate) const GOROUTINE_ID: &str = "gotrace.goroutine.id";
/// Which end of a span the trace does not hold: `start` or `end`. It is taken to be the trace's own.
pub(crate) const INCOMPLETE: &str = "gotrace.incomplete";
/// The message of a log.
pub(crate) const LOG_MESSAGE: &str = "gotrace.log.message";
/// `assumed` where the begin and the end of a region were taken for a pair, but could belong to others.
pub(crate) const PAIRING: &str = "gotrace.pairing";
/// The task that a span is, or belongs to.
pub(crate) const TASK_ID: &str = "gotrace.task.id";
