//! What salvaging promises of cut and damaged traces: nothing is invented, and nearly all that is there is found.

use std::collections::{BTreeSet, HashMap};

use crate::support;
use go_trace_format::{
    EventKind, EventType, Generation, Reader,
    event::ThreadId,
    wire::{BatchKind, Batches},
};

/// An event by its place and what is said of it, wherever in the order it comes.
type Fact = (u64, EventType, i64, Option<i64>);

fn facts(trace: &[u8]) -> HashMap<Fact, usize, foldhash::fast::RandomState> {
    let mut facts = HashMap::default();
    let mut reader = Reader::from_slice(trace).expect("a header");
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        if event.event_type() != EventType::Sync {
            let thread = event.thread().map(|thread| thread.0);
            *facts.entry((event.offset(), event.event_type(), event.raw_time().0, thread)).or_default() += 1;
        }
    }
    facts
}

/// Cuts spread over a trace, ends and beginnings of batches among them only by chance.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (1..16).map(move |i| 16 + (length - 16) * i / 16)
}

/// A batch by its place, its head and its body.
type Whole = (u64, u64, ThreadId, u64, Vec<u8>);

fn batches_of(generation: &Generation<'_>) -> Vec<Whole> {
    let batches = generation.batches();
    batches
        .map(|batch| (batch.offset, batch.generation, batch.thread, batch.time, batch.data.to_vec()))
        .collect()
}

/// The batches of all generations, as a reader has them that holds one generation at a time.
fn read_batches(trace: &[u8]) -> Vec<Whole> {
    let mut reader = Reader::new(trace).expect("a header");
    let mut batches = Vec::new();
    while let Some(event) = reader.next_event().expect("salvage never fails") {
        if matches!(event.kind(), EventKind::Sync(sync) if sync.generation.is_some()) {
            batches.extend(batches_of(reader.generation()));
        }
    }
    batches
}

#[test]
fn generations_hold_all_batches_of_the_file_and_the_part_of_one_that_is_cut() {
    for recording in support::testdata() {
        let name = recording.name();
        let mut expected: Vec<Whole> = Batches::new(&recording.bytes)
            .expect("a header")
            .map(|batch| batch.expect("a whole trace"))
            .map(|batch| (batch.offset, batch.generation, batch.thread, batch.time, batch.data.to_vec()))
            .collect();
        let sort = |batches: &mut Vec<Whole>| batches.sort_by_key(|batch| batch.0);
        sort(&mut expected);
        let mut found = read_batches(&recording.bytes);
        sort(&mut found);
        assert!(found == expected, "{name}: {} of {} batches", found.len(), expected.len());

        // Inside the body of the last batch of any length.
        let last = expected.iter().rposition(|batch| batch.4.len() > 20).expect("a batch");
        let (offset, .., data) = &expected[last];
        let cut = *offset as usize + data.len() / 2;
        let mut found = read_batches(&recording.bytes[..cut]);
        sort(&mut found);
        assert!(found[..last] == expected[..last], "{name}");
        let (.., body) = &found[last];
        assert!(!body.is_empty() && data.starts_with(body) && found.len() == last + 1, "{name}");
    }
}

#[test]
fn what_is_left_out_of_a_damaged_table_is_counted() {
    for recording in support::testdata() {
        let batches = Batches::new(&recording.bytes).expect("a header");
        let (version, dialect) = (batches.version(), batches.dialect());
        let tables = batches.map(|batch| batch.expect("a whole trace")).filter(|batch| {
            let kind = batch.kind(version, dialect);
            matches!(kind, BatchKind::Strings | BatchKind::Stacks) && batch.data.len() > 1
        });
        for table in tables.take(2) {
            let first_record = table.data_offset as usize + 1;
            let mut damaged = recording.bytes.clone();
            damaged[first_record] = 0xff;
            let mut reader = Reader::from_slice(&damaged).expect("a header");
            while reader.next_event().expect("salvage never fails").is_some() {}
            let losses = reader.losses();
            let here = losses.iter().find(|loss| loss.error.offset() == Some(first_record as u64));
            let left_out = here.map(|loss| (loss.bytes, loss.to_string().contains("bytes left out")));
            let wanted = table.data.len() as u64 - 1;
            assert_eq!(left_out, Some((wanted, true)), "{}: {losses}", recording.name());
            assert!(losses.bytes() >= wanted);
        }
    }
}

#[test]
fn a_cut_trace_gives_what_stands_before_the_cut() {
    for recording in support::testdata() {
        let whole = facts(&recording.bytes);
        for cut in cuts(recording.bytes.len()) {
            let found = facts(&recording.bytes[..cut]);
            let invented: BTreeSet<_> = found.keys().filter(|fact| !whole.contains_key(fact)).collect();
            assert!(invented.is_empty(), "{}, cut at {cut}: invented {invented:?}", recording.name());
            let before = whole.iter().filter(|(fact, _)| fact.0 < cut as u64);
            let expected: usize = before.map(|(_, count)| count).sum();
            let got: usize = found.values().sum();
            // The last event may be cut in two, and a switch of goroutines is three events in the order.
            assert!(
                got + 3 + expected / 100 >= expected,
                "{}, cut at {cut}: {got} of {expected} events",
                recording.name()
            );
        }
    }
}

#[test]
fn a_hole_in_a_trace_costs_what_was_in_it() {
    for recording in support::testdata().into_iter().filter(|recording| recording.bytes.len() > 20_000) {
        let whole = facts(&recording.bytes);
        for start in cuts(recording.bytes.len() - 600) {
            for filler in [0x00, 0x01, 0xff] {
                let mut damaged = recording.bytes.clone();
                damaged[start..start + 500].fill(filler);
                let found = facts(&damaged);
                let in_batch = |fact: &&Fact| !whole.contains_key(fact);
                let invented = found.keys().filter(in_batch).count();
                // The hole itself may read as events, and shift the times of those after it in its batch.
                let limit = 64 << 10;
                assert!(invented < limit, "{}, hole at {start}: {invented} events", recording.name());
                let far = found
                    .keys()
                    .filter(in_batch)
                    .filter(|fact| fact.0.abs_diff(start as u64) > limit as u64 + 500)
                    .count();
                assert_eq!(far, 0, "{}, hole of {filler:#x} at {start}", recording.name());
            }
        }
    }
}

#[test]
fn a_batch_whose_generation_is_damaged_costs_only_itself() {
    for recording in support::testdata() {
        let version = go_trace_format::Version::parse(&recording.bytes).expect("a header");
        let batches: Vec<_> = go_trace_format::wire::Batches::new(&recording.bytes)
            .expect("a header")
            .map(|batch| batch.expect("a sound trace"))
            .collect();
        let dialect = Reader::from_slice(&recording.bytes).expect("a header").dialect();
        let whole: usize = facts(&recording.bytes).values().sum();
        for batch in &batches[1..] {
            if batch.kind(version, dialect) != go_trace_format::wire::BatchKind::Events {
                continue;
            }
            let mut damaged = recording.bytes.clone();
            // The generation follows the byte that opens the batch.
            damaged[batch.offset as usize + 1] = 0x7e;
            let mut reader = Reader::from_slice(&damaged).expect("a header");
            let mut found = 0;
            while let Some(event) = reader.next_event().expect("salvage never fails") {
                found += usize::from(event.event_type() != EventType::Sync);
            }
            assert!(!reader.losses().is_empty(), "{}", recording.name());
            let lost = batch.events(dialect).count();
            // A switch of goroutines is one event on the wire and three in the order.
            assert!(found + 3 * lost >= whole, "{}: {found} + {lost} of {whole}", recording.name());
        }
    }
}

#[test]
fn a_batch_whose_size_is_damaged_costs_little() {
    let (mut expected, mut missing) = (0, 0);
    for recording in support::testdata().into_iter().filter(|recording| recording.bytes.len() > 8_000) {
        let whole = facts(&recording.bytes);
        let batches = go_trace_format::wire::Batches::new(&recording.bytes).expect("a header");
        for batch in batches.skip(1).map(|batch| batch.expect("a sound trace")).step_by(3) {
            // The size stands in the last bytes of the head, padded to ten.
            let size = batch.data_offset as usize - 10;
            for bit in [0, 3, 6, 8 + 1, 8 + 5] {
                let mut damaged = recording.bytes.clone();
                damaged[size + bit / 8] ^= 1 << (bit % 8);
                let found = facts(&damaged);
                expected += whole.len();
                missing += whole.keys().filter(|fact| !found.contains_key(fact)).count();
            }
        }
    }
    assert!(missing * 50 < expected, "{missing} of {expected} events are missing");
}
