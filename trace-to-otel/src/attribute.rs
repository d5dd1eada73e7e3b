//! Keys of attributes that no semantic convention has. All of them stand under `gotrace.`.

/// `approximate` on a resource whose spans' wall times are: the trace holds no clock snapshots.
pub(crate) const CLOCK: &str = "gotrace.clock";
/// How many addresses a look-up found.
pub(crate) const DNS_ANSWER_COUNT: &str = "gotrace.dns.answer_count";
/// The goroutine that a span began on.
pub(crate) const GOROUTINE_ID: &str = "gotrace.goroutine.id";
/// What an HTTP client said of its failure.
pub(crate) const HTTP_ERROR_MESSAGE: &str = "gotrace.http.error.message";
/// Which end of a span the trace does not hold: `start` or `end`. It is taken to be the trace's own.
pub(crate) const INCOMPLETE: &str = "gotrace.incomplete";
/// The message of a log.
pub(crate) const LOG_MESSAGE: &str = "gotrace.log.message";
/// `assumed` where the begin and the end of a region were taken for a pair, but could belong to others.
pub(crate) const PAIRING: &str = "gotrace.pairing";
/// How many rows a query has changed.
pub(crate) const SQL_ROWS_AFFECTED: &str = "gotrace.sql.rows_affected";
/// The task that a span is, or belongs to.
pub(crate) const TASK_ID: &str = "gotrace.task.id";
