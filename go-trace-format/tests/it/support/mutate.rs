//! Damage to recordings: to their bytes, to their batches, and to the events in them.

use std::{fs, path::Path};

use go_trace_format::{
    Dialect, HEADER_LENGTH, Version,
    wire::{Batch, BatchKind, Batches},
};
use proptest::{prelude::*, sample::Index};

use crate::support::Recording;

/// One thing that goes wrong with a trace.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    /// Bits of one byte flip.
    Flip { at: Index, mask: u8 },
    /// The end is lost.
    Cut { at: Index },
    /// A stretch is lost.
    Lose { at: Index, length: u16 },
    /// A stretch of the trace is written over another.
    Overwrite { from: Index, to: Index, length: u16 },
    /// Another byte for the version in the header.
    Version(Version),
    /// A batch is written twice.
    RepeatBatch { batch: Index },
    /// A batch is lost.
    LoseBatch { batch: Index },
    /// A batch comes at another place.
    MoveBatch { batch: Index, to: Index },
    /// A number in a batch's header changes.
    BatchHeader { batch: Index, field: HeaderField, value: Value },
    /// An event is written twice.
    RepeatEvent { batch: Index, event: Index },
    /// An event is lost.
    LoseEvent { batch: Index, event: Index },
    /// An event changes places with the one after it.
    SwapEvents { batch: Index, event: Index },
    /// An event becomes another with the same numbers.
    Retype { batch: Index, event: Index, byte: u8 },
    /// A number of an event changes; number 0 is the time.
    Argument { batch: Index, event: Index, argument: Index, value: Value },
    /// A number changes in a batch of a table.
    TableNumber { batch: Index, at: Index, value: Value },
}

/// A number of a batch's header.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HeaderField {
    Generation,
    Thread,
    Time,
}

/// What a number becomes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Exactly(u64),
    Plus(i8),
}

impl Value {
    fn of(self, former: u64) -> u64 {
        match self {
            Self::Exactly(value) => value,
            Self::Plus(difference) => former.wrapping_add_signed(difference.into()),
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-3..=3_i8).prop_map(Value::Plus),
        4 => (0..12_u64).prop_map(Value::Exactly),
        1 => any::<u64>().prop_map(Value::Exactly),
        2 => (0..64_u32, -1..=1_i8).prop_map(|(bit, off)| {
            Value::Exactly((1_u64 << bit).wrapping_add_signed(off.into()))
        }),
    ]
}

/// Any one mutation.
pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    let header_field =
        prop_oneof![Just(HeaderField::Generation), Just(HeaderField::Thread), Just(HeaderField::Time)];
    let event_byte = prop_oneof![6 => 9..=48_u8, 1 => any::<u8>(), 1 => 128..=136_u8];
    prop_oneof![
        2 => (index(), 1..=u8::MAX).prop_map(|(at, mask)| Mutation::Flip { at, mask }),
        1 => index().prop_map(|at| Mutation::Cut { at }),
        1 => (index(), 1..300_u16).prop_map(|(at, length)| Mutation::Lose { at, length }),
        1 => (index(), index(), 1..300_u16)
            .prop_map(|(from, to, length)| Mutation::Overwrite { from, to, length }),
        1 => prop::sample::select(Version::WITH_GENERATIONS.to_vec()).prop_map(Mutation::Version),
        1 => index().prop_map(|batch| Mutation::RepeatBatch { batch }),
        1 => index().prop_map(|batch| Mutation::LoseBatch { batch }),
        1 => (index(), index()).prop_map(|(batch, to)| Mutation::MoveBatch { batch, to }),
        2 => (index(), header_field, value())
            .prop_map(|(batch, field, value)| Mutation::BatchHeader { batch, field, value }),
        3 => (index(), index()).prop_map(|(batch, event)| Mutation::RepeatEvent { batch, event }),
        3 => (index(), index()).prop_map(|(batch, event)| Mutation::LoseEvent { batch, event }),
        3 => (index(), index()).prop_map(|(batch, event)| Mutation::SwapEvents { batch, event }),
        3 => (index(), index(), event_byte)
            .prop_map(|(batch, event, byte)| Mutation::Retype { batch, event, byte }),
        8 => (index(), index(), index(), value())
            .prop_map(|(batch, event, argument, value)| Mutation::Argument { batch, event, argument, value }),
        3 => (index(), index(), value())
            .prop_map(|(batch, at, value)| Mutation::TableNumber { batch, at, value }),
    ]
}

/// A recording and the damage that is done to it.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    /// Which recording.
    recording: usize,
    mutations: Vec<Mutation>,
    /// Another recording, whose end follows this one's beginning, and where the two are cut.
    tail: Option<(usize, Index, Index)>,
}

/// Any damage to any of `recordings`.
pub(crate) fn damage(recordings: &[Recording]) -> impl Strategy<Value = Damage> + use<> {
    let tail = (0..recordings.len(), any::<Index>(), any::<Index>());
    (0..recordings.len(), prop::collection::vec(mutation(), 1..4), prop::option::weighted(0.05, tail))
        .prop_map(|(recording, mutations, tail)| Damage { recording, mutations, tail })
}

impl Damage {
    /// The recording's bytes with the damage done.
    pub(crate) fn apply(&self, recordings: &[Recording]) -> Vec<u8> {
        let mut trace = recordings[self.recording].bytes.clone();
        if let Some((other, end, start)) = &self.tail {
            let other = &recordings[*other].bytes;
            trace.truncate(end.index(trace.len()));
            trace.extend_from_slice(&other[start.index(other.len())..]);
        }
        self.mutations.iter().fold(trace, |trace, mutation| mutation.apply(trace))
    }

    /// What is damaged and how, with the result in a file, for a message.
    pub(crate) fn report(&self, recordings: &[Recording], file: &Path) -> String {
        fs::write(file, self.apply(recordings)).expect("a file for the smallest case");
        let recording = recordings[self.recording].name();
        let tail = self.tail.map(|(other, end, start)| (recordings[other].name(), end, start));
        format!("{}: {recording} with {:?} and tail {tail:?}", file.display(), self.mutations)
    }
}

impl Mutation {
    fn apply(&self, mut trace: Vec<u8>) -> Vec<u8> {
        if self.apply_to_bytes(&mut trace) {
            return trace;
        }
        let mut parts = Parts::of(&trace);
        if parts.batches.is_empty() {
            return trace;
        }
        self.apply_to_batches(&mut parts);
        parts.encode()
    }

    /// Whether the mutation is one of bytes, and is done.
    fn apply_to_bytes(&self, trace: &mut Vec<u8>) -> bool {
        if trace.len() <= HEADER_LENGTH {
            return true;
        }
        let after_header = trace.len() - HEADER_LENGTH;
        let place = |at: &Index| HEADER_LENGTH + at.index(after_header);
        match self {
            Self::Flip { at, mask } => trace[at.index(HEADER_LENGTH + after_header)] ^= mask,
            Self::Cut { at } => trace.truncate(place(at)),
            Self::Lose { at, length } => {
                let start = place(at);
                let end = (start + usize::from(*length)).min(trace.len());
                trace.drain(start..end);
            }
            Self::Overwrite { from, to, length } => {
                let (from, to) = (place(from), place(to));
                let length = usize::from(*length).min(trace.len() - from.max(to));
                trace.copy_within(from..from + length, to);
            }
            Self::Version(version) => trace[..HEADER_LENGTH].copy_from_slice(&version.header()),
            _ => return false,
        }
        true
    }

    fn apply_to_batches(&self, parts: &mut Parts) {
        let count = parts.batches.len();
        match self {
            Self::RepeatBatch { batch } => {
                let i = batch.index(count);
                parts.batches.insert(i, parts.batches[i].clone());
            }
            Self::LoseBatch { batch } => {
                parts.batches.remove(batch.index(count));
            }
            Self::MoveBatch { batch, to } => {
                let moved = parts.batches.remove(batch.index(count));
                parts.batches.insert(to.index(count), moved);
            }
            Self::BatchHeader { batch, field, value } => {
                let header = &mut parts.batches[batch.index(count)];
                let number = match field {
                    HeaderField::Generation => &mut header.generation,
                    HeaderField::Thread => &mut header.thread,
                    HeaderField::Time => &mut header.time,
                };
                *number = value.of(*number);
            }
            Self::TableNumber { batch, at, value } => parts.change_table(batch, at, *value),
            _ => self.apply_to_events(parts),
        }
    }

    fn apply_to_events(&self, parts: &mut Parts) {
        let (Self::RepeatEvent { batch, event }
        | Self::LoseEvent { batch, event }
        | Self::SwapEvents { batch, event }
        | Self::Retype { batch, event, .. }
        | Self::Argument { batch, event, .. }) = self
        else {
            return;
        };
        let Some(events) = parts.events_of(batch) else { return };
        let i = event.index(events.len());
        match self {
            Self::RepeatEvent { .. } => events.insert(i, events[i].clone()),
            Self::LoseEvent { .. } => drop(events.remove(i)),
            Self::SwapEvents { .. } if i + 1 < events.len() => events.swap(i, i + 1),
            Self::Retype { byte, .. } => events[i].byte = *byte,
            Self::Argument { argument, value, .. } => {
                let numbers = &mut events[i].numbers;
                let number = argument.index(numbers.len());
                numbers[number] = value.of(numbers[number]);
            }
            _ => {}
        }
    }
}

/// A trace taken apart, so that it can be put together again with sizes that are right.
struct Parts {
    header: Vec<u8>,
    batches: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    experiment: u8,
    generation: u64,
    thread: u64,
    time: u64,
    body: Body,
    /// What stands after the batch and is none: ends of generations, or damage.
    tail: Vec<u8>,
}

#[derive(Clone)]
enum Body {
    Table(Vec<u8>),
    Events(Vec<Event>),
}

#[derive(Clone)]
struct Event {
    byte: u8,
    /// The time delta and the arguments.
    numbers: Vec<u64>,
}

impl Parts {
    fn of(trace: &[u8]) -> Self {
        let Ok(batches) = Batches::new(trace) else {
            return Self { header: trace.to_vec(), batches: Vec::new() };
        };
        let (version, dialect) = (batches.version(), batches.dialect());
        let found: Vec<_> = batches.map_while(Result::ok).collect();
        let starts = found.iter().skip(1).map(|batch| batch.offset as usize);
        let ends = starts.chain([trace.len()]);
        let parts = found.iter().zip(ends).map(|(batch, end)| {
            let body_end = batch.data_offset as usize + batch.data.len();
            Part::of(batch, version, dialect, trace[body_end..end].to_vec())
        });
        let header_end = found.first().map_or(trace.len(), |batch| batch.offset as usize);
        Self { header: trace[..header_end].to_vec(), batches: parts.collect() }
    }

    /// The events of a batch of events; `None` where there is none.
    fn events_of(&mut self, batch: &Index) -> Option<&mut Vec<Event>> {
        let mut bodies: Vec<_> = self
            .batches
            .iter_mut()
            .filter_map(|part| match &mut part.body {
                Body::Events(events) if !events.is_empty() => Some(events),
                _ => None,
            })
            .collect();
        if bodies.is_empty() {
            return None;
        }
        Some(bodies.swap_remove(batch.index(bodies.len())))
    }

    fn change_table(&mut self, batch: &Index, at: &Index, value: Value) {
        let mut tables: Vec<_> = self
            .batches
            .iter_mut()
            .filter_map(|part| match &mut part.body {
                Body::Table(bytes) if !bytes.is_empty() => Some(bytes),
                _ => None,
            })
            .collect();
        if tables.is_empty() {
            return;
        }
        let bytes = tables.swap_remove(batch.index(tables.len()));
        let start = at.index(bytes.len());
        let length = bytes[start..].iter().take(10).take_while(|&&byte| byte >= 0x80).count() + 1;
        let end = (start + length).min(bytes.len());
        let former =
            bytes[start..end].iter().rev().fold(0_u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
        let mut number = Vec::new();
        put_varint(&mut number, value.of(former));
        bytes.splice(start..end, number);
    }

    fn encode(&self) -> Vec<u8> {
        let mut trace = self.header.clone();
        for part in &self.batches {
            part.encode(&mut trace);
        }
        trace
    }
}

impl Part {
    fn of(batch: &Batch<'_>, version: Version, dialect: Dialect, tail: Vec<u8>) -> Self {
        let events = match batch.kind(version, dialect) {
            BatchKind::Events => batch.events(dialect).collect::<Result<Vec<_>, _>>().ok(),
            _ => None,
        };
        let body = match events {
            Some(events) => Body::Events(
                events
                    .iter()
                    .map(|event| Event {
                        byte: event.event_type.to_wire(dialect).expect("an event of the dialect"),
                        numbers: [event.time_delta].iter().chain(event.arguments()).copied().collect(),
                    })
                    .collect(),
            ),
            None => Body::Table(batch.data.to_vec()),
        };
        Self {
            experiment: batch.experiment.0,
            generation: batch.generation,
            thread: batch.thread.0 as u64,
            time: batch.time,
            body,
            tail,
        }
    }

    fn encode(&self, trace: &mut Vec<u8>) {
        let mut body = Vec::new();
        match &self.body {
            Body::Table(bytes) => body.extend_from_slice(bytes),
            Body::Events(events) => {
                for event in events {
                    body.push(event.byte);
                    event.numbers.iter().for_each(|&number| put_varint(&mut body, number));
                }
            }
        }
        match self.experiment {
            0 => trace.push(1),
            experiment => trace.extend([49, experiment]),
        }
        for number in [self.generation, self.thread, self.time, body.len() as u64] {
            put_varint(trace, number);
        }
        trace.extend_from_slice(&body);
        trace.extend_from_slice(&self.tail);
    }
}

pub(crate) fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
