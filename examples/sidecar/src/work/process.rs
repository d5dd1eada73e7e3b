//! Which process a trace is of.

use std::collections::{BTreeMap, BTreeSet};

use go_trace_format::{GenerationKey, ProcessMark, event::ThreadId};

use super::account::Admitted;
use crate::store::{Origin, ProcessId, ProcessRecord};

/// The processes of an origin, as they are while a file of it is mapped.
#[derive(Debug)]
pub(super) struct Siblings {
    known: BTreeMap<ProcessId, ProcessRecord>,
    /// Those that the file has something of.
    mapped: BTreeSet<ProcessId>,
}

impl Siblings {
    pub(super) fn new(known: impl IntoIterator<Item = (ProcessId, ProcessRecord)>) -> Self {
        Self { known: known.into_iter().collect(), mapped: BTreeSet::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Those of which more can come.
    fn open(&self) -> impl Iterator<Item = (ProcessId, &ProcessRecord)> {
        self.known.iter().map(|(&id, process)| (id, process)).filter(|(_, process)| !process.is_closing)
    }

    /// Gives out the process that a generation belongs to.
    pub(super) fn take(&mut self, admitted: &Admitted) -> Option<(ProcessId, ProcessRecord)> {
        let id = of(admitted, self.open())?;
        self.known.remove_entry(&id)
    }

    /// Gives out the one of which this was the last generation.
    pub(super) fn take_at(&mut self, last: GenerationKey) -> Option<(ProcessId, ProcessRecord)> {
        let id = self.open().find_map(|(id, process)| (process.last == last).then_some(id))?;
        self.known.remove_entry(&id)
    }

    /// What one more is called.
    pub(super) fn next_id(&self, origin: &Origin) -> ProcessId {
        (origin.id(), self.known.last_key_value().map_or(0, |((_, number), _)| number + 1))
    }

    /// Notes that the file has something of a process. Of how many it has something.
    pub(super) fn note(&mut self, id: ProcessId) -> usize {
        self.mapped.insert(id);
        self.mapped.len()
    }

    /// A process is there, as it is now.
    pub(super) fn put(&mut self, id: ProcessId, process: ProcessRecord) {
        self.known.insert(id, process);
    }

    /// Those that the file has something of, as they are now.
    pub(super) fn into_mapped(mut self) -> BTreeMap<ProcessId, ProcessRecord> {
        self.known.retain(|id, _| self.mapped.contains(id));
        self.known
    }
}

/// The process that a generation belongs to, among those of its origin; none where it is another one's.
///
/// First the one of which the generation before it, in the same file, was delivered: snapshots overlap. Else the one that it
/// directly follows on, by number, trace clock and threads, however the wall clock was set. Else the one that recorded on some of
/// the same threads before: something is missing between, or the process has been started again, and its mapper tells which.
fn of<'p>(
    admitted: &Admitted,
    processes: impl Iterator<Item = (ProcessId, &'p ProcessRecord)>,
) -> Option<ProcessId> {
    let own = mark(admitted.key, &admitted.threads);
    let candidates = processes.filter_map(|(id, process)| {
        let last = mark(process.last, &process.threads);
        let follows = own.follows(&last);
        (follows || own.may_come_after(&last)).then_some((follows, id, process))
    });
    let latest = candidates.max_by_key(|(follows, (_, number), process)| {
        let is_of_file = admitted.after == Some(*number);
        (is_of_file, *follows, process.last.number(), *number)
    });
    latest.map(|(_, id, _)| id)
}

fn mark(key: GenerationKey, threads: &[i64]) -> ProcessMark {
    ProcessMark::new(key, threads.iter().copied().map(ThreadId).collect())
}

#[cfg(test)]
mod tests {
    use go_trace_format::GenerationKey;
    use trace_to_otel::PipelineState;

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
            state: PipelineState::default(),
            is_closing: false,
        };
        ((0, id), record)
    }

    fn found(key: GenerationKey, threads: &[i64], processes: &[(ProcessId, ProcessRecord)]) -> Option<u64> {
        let admitted = Admitted { key, threads: threads.to_vec(), start: 0, after: None };
        of(&admitted, processes.iter().map(|(id, process)| (*id, process))).map(|(_, number)| number)
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
            let replicas = replicas.iter().map(|(id, process)| (*id, process));
            assert_eq!(of(&admitted, replicas), Some((0, number)));
        }
    }

    /// What is on its way out takes nothing more in, and its number is nobody else's.
    #[test]
    fn a_closing_process_is_not_gone_on_with() {
        let (id, open) = process(1, key(4, 7), &[10]);
        let closing = ProcessRecord { is_closing: true, ..open.clone() };
        let admitted = Admitted { key: key(5, 7), threads: vec![10], start: 0, after: None };
        let mut siblings = Siblings::new([(id, open.clone()), ((0, 3), closing)]);
        assert_eq!(siblings.next_id(&Origin::default()).1, 4);
        assert_eq!(siblings.take_at(key(4, 7)), Some((id, open.clone())));
        assert_eq!(siblings.take(&admitted), None);
        siblings.put(id, open.clone());
        assert_eq!(siblings.take(&admitted), Some((id, open.clone())));
        assert_eq!([id, id].map(|id| siblings.note(id)), [1, 1]);
        siblings.put(id, open.clone());
        assert_eq!(siblings.into_mapped(), BTreeMap::from([(id, open)]));
    }
}
