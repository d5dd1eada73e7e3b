//! Keys of attributes that no semantic convention has. All of them stand under `gotrace.`.

/// Which end of a span was recorded with a time that cannot be, `start`, `end` or `both`: it has that of what its thread did
/// before.
pub(crate) const CLAMPED: &str = "gotrace.clamped";
/// `approximate` on a resource whose spans' wall times are: the trace holds no clock snapshots, or one that cannot be.
pub(crate) const CLOCK: &str = "gotrace.clock";
/// How many addresses a look-up found.
pub(crate) const DNS_ANSWER_COUNT: &str = "gotrace.dns.answer_count";
/// How far apart the bounds of a span's end are, in seconds, where it is only known to be between two events.
pub(crate) const END_UNCERTAINTY: &str = "gotrace.end.uncertainty";
/// `stacks` on a span of which nothing but the stacks of its goroutine's events tells.
pub(crate) const EVIDENCE: &str = "gotrace.evidence";
/// The trace id that an operation of the fork has on the wire, folded to 64 bits: 16 hexadecimal digits.
pub(crate) const FORK_TRACE_ID: &str = "gotrace.fork.trace_id";
/// The goroutine that a span began on.
pub(crate) const GOROUTINE_ID: &str = "gotrace.goroutine.id";
/// What an HTTP client said of its failure.
pub(crate) const HTTP_ERROR_MESSAGE: &str = "gotrace.http.error.message";
/// Which end of a span the trace does not hold: `start`, `end`, or, of a range, `both`. It is taken to be the trace's
/// own.
pub(crate) const INCOMPLETE: &str = "gotrace.incomplete";
/// The message of a log.
pub(crate) const LOG_MESSAGE: &str = "gotrace.log.message";
/// `assumed` where the begin and the end of a region were taken for a pair, but could belong to others.
pub(crate) const PAIRING: &str = "gotrace.pairing";
/// The proc that a range belongs to.
pub(crate) const PROC_ID: &str = "gotrace.proc.id";
/// What a range belongs to: `global`, `proc`, `goroutine` or `thread`.
pub(crate) const RANGE_SCOPE: &str = "gotrace.range.scope";
/// How many rows a query has changed.
pub(crate) const SQL_ROWS_AFFECTED: &str = "gotrace.sql.rows_affected";
/// How far apart the bounds of a span's start are, in seconds, where it is only known to be between two events.
pub(crate) const START_UNCERTAINTY: &str = "gotrace.start.uncertainty";
/// The state that a goroutine leaves.
pub(crate) const STATE_FROM: &str = "gotrace.state.from";
/// Why a goroutine leaves its state, in the runtime's words.
pub(crate) const STATE_REASON: &str = "gotrace.state.reason";
/// The state that a goroutine goes over to.
pub(crate) const STATE_TO: &str = "gotrace.state.to";
/// The id of a span that the program exports itself, whose latency anatomy this is.
pub(crate) const SUPPRESSED_SPAN_ID: &str = "gotrace.suppressed.span_id";
/// The task that a span is, or belongs to.
pub(crate) const TASK_ID: &str = "gotrace.task.id";
/// The operating system's thread that a span began on. `thread.id` of the semantic conventions is a thread as a language
/// has it, which is a goroutine if anything.
pub(crate) const THREAD_ID: &str = "gotrace.thread.id";
