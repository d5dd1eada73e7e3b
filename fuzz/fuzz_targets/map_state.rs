#![no_main]
//! Saved states: any bytes, or a real one that is damaged. What is no state is told; what may be one gives a mapper, a volume
//! or a collector that works.
use core::{convert::Infallible, time::Duration};
use std::sync::LazyLock;

use arbitrary::Arbitrary;
use go_trace_format::Reader;
use trace_to_otel::{
    Mapper, MapperOptions, MetricsCollector, Span, SpanSink, UnixTime, Volume, VolumeOptions,
};

/// Snapshots of one process, the fork's and an unmodified program's.
const TRACES: [&[u8]; 5] = [
    include_bytes!("../../testdata/fork/custom.trace"),
    include_bytes!("../../testdata/fork/sql.trace"),
    include_bytes!("../../testdata/go1.27/tasks.trace"),
    include_bytes!("../../testdata/go1.27/gc.trace"),
    include_bytes!("../../testdata/zero-code/go1.27-http1.trace"),
];

/// In how many parts a trace is read: after each of them there are states.
const PARTS: usize = 4;

#[derive(Arbitrary, Debug)]
struct Input {
    /// Which of the real states is changed.
    trace: u8,
    part: u8,
    kind: Kind,
    changes: Vec<Change>,
    /// What is behind it; instead of it, where nothing of it is kept.
    more: Vec<u8>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    Mapper,
    Volume,
    Metrics,
}

/// Places are taken modulo the state's length.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Change {
    Byte(u16, u8),
    Number(u16, u64),
    /// A length or a count, most likely.
    Small(u16, u8),
    Remove(u16, u8),
    Repeat(u16, u8),
    Cut(u16),
    /// All but what tells its version.
    Empty,
}

/// The states behind a part of a trace.
struct States {
    /// How many events it has.
    behind: usize,
    mapper: Vec<u8>,
    volume: Vec<u8>,
    metrics: Vec<u8>,
}

static STATES: LazyLock<Vec<Vec<States>>> = LazyLock::new(|| TRACES.map(states_of).into());

/// The length of a state's version and what is before it.
const MAGIC: usize = 8;

fn states_of(trace: &[u8]) -> Vec<States> {
    let count =
        read(trace, |_| true, &mut Mapper::new(), &mut MetricsCollector::new(UnixTime(0)), &mut discard());
    let (mut mapper, mut metrics, mut volume) =
        (Mapper::new(), MetricsCollector::new(UnixTime(0)), discard());
    let parts = (0..PARTS).map(|part| {
        let (begin, end) = (count * part / PARTS, count * (part + 1) / PARTS);
        read(trace, |number| (begin..end).contains(&number), &mut mapper, &mut metrics, &mut volume);
        let Ok(volume) = volume.save();
        States { behind: end, mapper: mapper.save(), volume, metrics: metrics.save() }
    });
    parts.collect()
}

/// Takes spans that are as they should be, and keeps none.
struct Discard;

impl SpanSink for Discard {
    type Error = Infallible;

    fn take(&mut self, span: Span) -> Result<(), Infallible> {
        assert!(span.start <= span.end, "{span:?}");
        Ok(())
    }
}

fn discard() -> Volume<Discard> {
    let mut options = VolumeOptions::default();
    options.minimum_duration = Duration::from_micros(100);
    Volume::new(options, Discard)
}

/// Gives the events of a trace whose places fit to all, and says how many there are in all.
fn read(
    trace: &[u8],
    fits: impl Fn(usize) -> bool,
    mapper: &mut Mapper,
    metrics: &mut MetricsCollector,
    volume: &mut Volume<Discard>,
) -> usize {
    let mut reader = Reader::from_slice(trace).expect("a recording");
    let mut number = 0;
    while let Some(event) = reader.next_event().expect("a whole recording") {
        if fits(number) {
            let Ok(()) = mapper.event(&event, volume);
            let _ = metrics.event(&event);
        }
        number += 1;
    }
    number
}

fn change(state: &mut Vec<u8>, change: Change) {
    let length = state.len();
    let place = |at: u16| MAGIC + usize::from(at) % (length - MAGIC).max(1);
    let piece = |at: u16, count: u8| place(at).min(length)..(place(at) + usize::from(count)).min(length);
    match change {
        Change::Byte(at, byte) => state[piece(at, 1)].fill(byte),
        Change::Number(at, number) => {
            let piece = &mut state[piece(at, 8)];
            piece.copy_from_slice(&number.to_le_bytes()[..piece.len()]);
        }
        Change::Small(at, number) => {
            let piece = &mut state[piece(at, 8)];
            piece.copy_from_slice(&u64::from(number).to_le_bytes()[..piece.len()]);
        }
        Change::Remove(at, count) => drop(state.drain(piece(at, count))),
        Change::Repeat(at, count) => {
            let again = state[piece(at, count)].to_vec();
            state.splice(piece(at, 0), again);
        }
        Change::Cut(at) => state.truncate(place(at)),
        Change::Empty => state.truncate(MAGIC),
    }
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let trace = usize::from(input.trace) % TRACES.len();
    let part = usize::from(input.part) % PARTS;
    let states = &STATES[trace][part];
    let mut state = match input.kind {
        Kind::Mapper => states.mapper.clone(),
        Kind::Volume => states.volume.clone(),
        Kind::Metrics => states.metrics.clone(),
    };
    input.changes.iter().take(64).for_each(|&by| change(&mut state, by));
    state.extend(&input.more);
    let (mut mapper, mut metrics, mut volume) =
        (Mapper::new(), MetricsCollector::new(UnixTime(0)), discard());
    match input.kind {
        Kind::Mapper => match Mapper::load(MapperOptions::default(), &state) {
            Ok(loaded) => mapper = loaded,
            Err(error) => return assert!(error.offset <= state.len()),
        },
        Kind::Metrics => match MetricsCollector::load(&state) {
            Ok(loaded) => metrics = loaded,
            Err(error) => return assert!(error.offset <= state.len()),
        },
        Kind::Volume => {
            if volume.restore(&state).is_err() {
                return;
            }
        }
    }
    // What was loaded can be put away again, and goes on where it was saved, and with another trace.
    let again = Mapper::load(MapperOptions::default(), &mapper.save()).expect("what was saved");
    assert_eq!(again.save(), mapper.save());
    let behind = states.behind;
    read(TRACES[trace], |number| number >= behind, &mut mapper, &mut metrics, &mut volume);
    read(TRACES[0], |_| true, &mut mapper, &mut metrics, &mut volume);
    let _ = metrics.finish();
    let Ok(()) = mapper.finish(&mut volume);
    let Ok(()) = volume.flush();
});
