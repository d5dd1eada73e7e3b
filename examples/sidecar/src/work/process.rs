//! Which process a trace is of.

use go_trace_format::{GenerationKey, ProcessMark, event::ThreadId};

use super::account::Admitted;
use crate::store::{ProcessId, ProcessRecord};

/// The process that a generation belongs to, among those of its origin; none where it is another one's.
///
/// First the one of which the generation before it, in the same file, was delivered: snapshots overlap. Else the one that it
/// directly follows on, by number, trace clock and threads, however the wall clock was set. Else the one that recorded on some of
/// the same threads before: something is missing between, or the process has been started again, and its mapper tells which.
pub(crate) fn of(
    admitted: &Admitted,
    processes: impl IntoIterator<Item = (ProcessId, ProcessRecord)>,
) -> Option<(ProcessId, ProcessRecord)> {
    let own = mark(admitted.key, &admitted.threads);
    let candidates = processes.into_iter().filter_map(|(id, process)| {
        let last = mark(process.last, &process.threads);
        let follows = own.follows(&last);
        (follows || own.may_come_after(&last)).then_some((follows, id, process))
    });
    let latest = candidates.max_by_key(|(follows, (_, number), process)| {
        let is_of_file = admitted.after == Some(*number);
        (is_of_file, *follows, process.last.number(), *number)
    });
    latest.map(|(_, id, process)| (id, process))
}

fn mark(key: GenerationKey, threads: &[i64]) -> ProcessMark {
    ProcessMark::new(key, threads.iter().copied().map(ThreadId).collect())
}

#[cfg(test)]
mod tests {
    use go_trace_format::GenerationKey;

    use super::*;
    use crate::store::Origin;

    /// The key of a generation of this number on this machine, which began with the same second.
    fn key(number: u8, machine: u8) -> GenerationKey {
        let mut bytes = [0; GenerationKey::LENGTH];
        (bytes[0], bytes[8], bytes[16], bytes[24], bytes[32]) = (number, number, 1, 1, machine);
        GenerationKey::from_bytes(&bytes).expect("a key")
    }

    fn process(id: u64, last: GenerationKey, threads: &[i64]) -> (ProcessId, ProcessRecord) {
        let record = ProcessRecord {
            origin: Origin::default(),
            last,
            threads: threads.to_vec(),
            told: Vec::new(),
            mapper: Vec::new(),
            volume: Vec::new(),
            metrics: Vec::new(),
            is_closing: false,
        };
        ((0, id), record)
    }

    fn found(key: GenerationKey, threads: &[i64], processes: &[(ProcessId, ProcessRecord)]) -> Option<u64> {
        let admitted = Admitted { key, threads: threads.to_vec(), start: 0, after: None };
        of(&admitted, processes.iter().cloned()).map(|((_, number), _)| number)
    }

    #[test]
    fn a_generation_goes_on_with_the_process_that_it_follows() {
        let processes =
            [process(1, key(4, 7), &[10, 11]), process(2, key(5, 7), &[20]), process(3, key(5, 8), &[10])];
        assert_eq!(found(key(5, 7), &[11, 12], &processes), Some(1), "the next");
        assert_eq!(found(key(6, 7), &[20], &processes), Some(2), "the next of another one, by its threads");
        assert_eq!(found(key(9, 7), &[10], &processes), Some(1), "with generations missing between");
        assert_eq!(found(key(6, 8), &[10], &processes), Some(3), "on another machine");
        assert_eq!(found(key(3, 7), &[10], &processes), None, "before all that is known");
        assert_eq!(found(key(6, 7), &[30], &processes), None, "by threads that nobody knows");
        assert_eq!(found(key(6, 7), &[], &processes), Some(2), "where no thread recorded anything");
    }

    #[test]
    fn what_a_snapshot_repeats_tells_whose_it_is() {
        let replicas = [process(1, key(5, 7), &[1, 7]), process(2, key(5, 7), &[1, 7])];
        for number in [1, 2] {
            let admitted = Admitted { key: key(6, 7), threads: vec![7], start: 0, after: Some(number) };
            assert_eq!(of(&admitted, replicas.iter().cloned()).map(|((_, number), _)| number), Some(number));
        }
    }
}
