//! Which process a trace is of.

use super::account::Admitted;
use crate::store::{ProcessId, ProcessRecord};

/// The process that a generation belongs to, among those of its origin; none where it is another one's.
///
/// First the one that it directly follows on, by number, clocks and threads. Else the one that recorded on some of the same
/// threads before: something is missing between, or the process has been started again, and its mapper tells which.
pub(crate) fn of(
    admitted: &Admitted,
    processes: Vec<(ProcessId, ProcessRecord)>,
) -> Option<(ProcessId, ProcessRecord)> {
    let mut candidates: Vec<_> = processes
        .into_iter()
        .filter(|(_, process)| admitted.key.may_follow(&process.last) && shares_threads(admitted, process))
        .collect();
    candidates.sort_by_key(|(_, process)| {
        let is_next = process.last.number.wrapping_add(1) == admitted.key.number;
        (is_next, process.last.number, process.seen)
    });
    candidates.pop()
}

/// Two processes of one machine that are recorded at the same time have clocks that agree, and the same numbers now and
/// then, but no thread in common.
fn shares_threads(admitted: &Admitted, process: &ProcessRecord) -> bool {
    let is_silent = admitted.threads.is_empty() || process.threads.is_empty();
    is_silent || admitted.threads.iter().any(|thread| process.threads.contains(thread))
}
