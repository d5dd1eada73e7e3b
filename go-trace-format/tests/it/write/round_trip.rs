//! Whatever events and tables are written, they are read back equal.

use std::collections::{HashMap, HashSet};

use go_trace_format::{
    Clock, Dialect, EventType, Frame, Mode, ReaderOptions, Version, WallTime,
    event::{GoroutineId, ProcId, StackId, StringId, ThreadId},
    spec::{ArgumentKind, Experiment},
    wire::{BatchKind, Batches},
    write::{SyncBatch, Writer},
};
use proptest::{prelude::*, sample::Index};

use crate::write::{FORMATS, sync};

/// The content of a generation; ids of strings and stacks are places in its lists, counted from 1.
#[derive(Clone, Debug)]
struct Content {
    texts: Vec<Vec<u8>>,
    /// The program counters of each stack's frames.
    stacks: Vec<Vec<u64>>,
    /// In the order of the file; times are since the event before.
    events: Vec<WrittenEvent>,
    samples: Vec<(u32, i64)>,
    experiments: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
struct WrittenEvent {
    thread: i64,
    time_delta: u64,
    event_type: Index,
    arguments: [u64; 4],
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..200_u64, (0..64_u32).prop_map(|bit| 1 << bit), any::<u64>()]
}

fn event() -> impl Strategy<Value = WrittenEvent> {
    // Times stay below 2⁶⁴ however many events there are.
    let time_delta = prop_oneof![4 => 0..1_000_u64, 1 => 0..(1_u64 << 48)];
    (-1..4_i64, time_delta, any::<Index>(), prop::array::uniform4(number())).prop_map(
        |(thread, time_delta, event_type, arguments)| WrittenEvent {
            thread,
            time_delta,
            event_type,
            arguments,
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let text = prop::collection::vec(any::<u8>(), 0..80);
    let stack = prop::collection::vec(number(), 0..20);
    (
        prop::collection::vec(text.clone(), 0..20),
        prop::collection::vec(stack, 0..10),
        prop::collection::vec(event(), 0..60),
        prop::collection::vec((any::<u32>(), -1..9_i64), 0..10),
        prop::collection::vec(text, 0..3),
    )
        .prop_map(|(texts, stacks, events, samples, experiments)| Content {
            texts,
            stacks,
            events,
            samples,
            experiments,
        })
}

/// The names and the line of a frame follow from its program counter.
fn frame_names(pc: u64) -> (Vec<u8>, Vec<u8>) {
    (format!("function{}", pc % 7).into(), if pc % 3 == 0 { Vec::new() } else { b"file.go".to_vec() })
}

type Events = HashMap<i64, Vec<(u64, EventType, Vec<u64>)>>;

/// A generation as it was written: what a reader should find.
#[derive(Debug, Default)]
struct Expected {
    events: Events,
    texts: Vec<(StringId, Vec<u8>)>,
    stacks: Vec<(StackId, Vec<u64>)>,
}

impl Content {
    fn write(&self, trace: &mut Writer<Vec<u8>>, number: u64) -> Expected {
        let (version, dialect) = (trace.version(), trace.dialect());
        let mut generation = trace.generation(number, sync(version, 1_000)).unwrap();
        let mut expected = Expected::default();
        for text in &self.texts {
            expected.texts.push((generation.string(text).unwrap(), text.clone()));
        }
        for stack in &self.stacks {
            let names: Vec<_> = stack.iter().map(|&pc| frame_names(pc)).collect();
            let frames = stack
                .iter()
                .zip(&names)
                .map(|(&pc, (function, file))| Frame::new(pc, function, file, pc / 2));
            expected.stacks.push((generation.stack(frames).unwrap(), stack.clone()));
        }
        let known: Vec<_> = EventType::all()
            .iter()
            .filter(|it| it.spec().timed && **it != EventType::ClockSnapshot)
            .filter(|it| it.spec().since <= version && it.to_wire(dialect).is_some())
            .collect();
        let mut time = 1_000;
        for event in &self.events {
            time += event.time_delta;
            let event_type = **event.event_type.get(&known);
            let arguments: Vec<u64> = event_type.spec().arguments[1..]
                .iter()
                .zip(event.arguments)
                .map(|(argument, value)| match argument.kind {
                    ArgumentKind::String => pick(&expected.texts, value).map_or(0, |(id, _)| id.0),
                    ArgumentKind::Stack | ArgumentKind::OtherStack => {
                        pick(&expected.stacks, value).map_or(0, |(id, _)| id.0)
                    }
                    _ => value,
                })
                .collect();
            generation.event(ThreadId(event.thread), time, event_type, &arguments).unwrap();
            expected.events.entry(event.thread).or_default().push((time, event_type, arguments));
        }
        for &(time, owner) in &self.samples {
            let (proc, goroutine) = (Some(ProcId(owner)), (owner > 0).then_some(GoroutineId(owner)));
            generation.cpu_sample(time.into(), ThreadId(owner), proc, goroutine, StackId(0)).unwrap();
        }
        for body in self.experiments.iter().filter(|_| version >= Version::Go123) {
            generation.experimental_batch(Experiment::ALLOC_FREE, ThreadId(3), time, body).unwrap();
        }
        generation.finish().unwrap();
        expected
    }
}

fn pick<T>(items: &[T], value: u64) -> Option<&T> {
    items.get(value as usize % items.len().max(1))
}

/// The events of one generation of a trace, by thread, as batches hold them.
fn raw_events(trace: &[u8], generation: u64) -> Events {
    let batches = Batches::new(trace).unwrap();
    let (version, dialect) = (batches.version(), batches.dialect());
    let mut events = Events::new();
    for batch in batches.map(Result::unwrap).filter(|batch| batch.generation == generation) {
        if batch.kind(version, dialect) != BatchKind::Events {
            continue;
        }
        let mut time = batch.time;
        for event in batch.events(dialect).map(Result::unwrap) {
            time += event.time_delta;
            events.entry(batch.thread.0).or_default().push((
                time,
                event.event_type,
                event.arguments().to_vec(),
            ));
        }
    }
    events
}

proptest! {
    #[test]
    fn content_is_read_back(
        first in content(),
        second in content(),
        (version, dialect) in prop::sample::select(&FORMATS),
    ) {
        let mut trace = Writer::new(Vec::new(), version, dialect).unwrap();
        let expected = [first.write(&mut trace, 1), second.write(&mut trace, 2)];
        let trace = trace.into_inner();
        for (expected, number) in expected.iter().zip(1..) {
            prop_assert_eq!(&raw_events(&trace, number), &expected.events);
        }
        read_tables(&trace, &expected, [&first, &second], dialect)?;
    }
}

/// The clock that the first generation of a trace of Go 1.26 says, which has nothing but this sync batch.
fn written_clock(sync: SyncBatch) -> Clock {
    let mut trace = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).unwrap();
    trace.generation(1, sync).unwrap().finish().unwrap();
    let trace = trace.into_inner();
    // Clocks that cannot be are left out where damage is salvaged.
    let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&trace).unwrap();
    *reader.next_event().unwrap().unwrap().tables().clock()
}

proptest! {
    #[test]
    fn clocks_are_read_back_and_written_again(
        frequency in prop_oneof![Just(15_625_000), Just(24_000_000), 1..20_000_000_000_u64],
        begin in 0..(1_u64 << 30),
        elapsed in 0..(1_u64 << 30),
        monotonic: u64,
        seconds in -5_000_000_000..5_000_000_000_i128,
        nanoseconds in 0..1_000_000_000_i128,
    ) {
        let wall = WallTime(seconds * 1_000_000_000 + nanoseconds);
        let sync = SyncBatch::new(frequency, begin).with_snapshot(begin + elapsed, monotonic, wall);
        let clock = written_clock(sync);
        let snapshot = clock.snapshot().unwrap();
        prop_assert_eq!((clock.frequency(), snapshot.monotonic, snapshot.wall), (frequency, monotonic, wall));
        prop_assert_eq!(snapshot.trace, clock.time(begin + elapsed));
        // A unit may be less than a nanosecond: some time before it may be written for `begin + elapsed`.
        let again = written_clock(SyncBatch::of(&clock, begin / 2));
        prop_assert_eq!(again.snapshot(), clock.snapshot());
    }
}

/// Reads each generation's tables and compares them. What the events say makes no sense, so salvage reads on.
fn read_tables(
    trace: &[u8],
    expected: &[Expected; 2],
    contents: [&Content; 2],
    dialect: Dialect,
) -> Result<(), TestCaseError> {
    let mut reader = ReaderOptions::new().mode(Mode::Salvage).dialect(dialect).read_slice(trace).unwrap();
    let mut generations = 0;
    while let Some(event) = reader.next_event().unwrap() {
        if event.event_type() != EventType::Sync || generations == 2 {
            continue;
        }
        let tables = event.tables();
        prop_assert_eq!(tables.generation(), generations as u64 + 1);
        for (id, text) in &expected[generations].texts {
            prop_assert_eq!(tables.string(*id).as_bytes(), &text[..]);
        }
        for (id, program_counters) in &expected[generations].stacks {
            let frames =
                tables.stack(*id).map(|stack| stack.frames().collect::<Vec<_>>()).unwrap_or_default();
            prop_assert_eq!(frames.len(), program_counters.len());
            for (frame, &pc) in frames.iter().zip(program_counters) {
                let (function, file) = frame_names(pc);
                prop_assert_eq!((frame.pc, frame.line), (pc, pc / 2));
                prop_assert_eq!(frame.function.as_bytes(), &function[..]);
                prop_assert_eq!(frame.file.as_bytes(), &file[..]);
            }
        }
        let experiments: Vec<_> = tables.experimental_batches().map(|(_, _, body)| body.to_vec()).collect();
        if reader.version() >= Version::Go123 {
            prop_assert_eq!(&experiments, &contents[generations].experiments);
        }
        generations += 1;
    }
    prop_assert_eq!(generations, 2);
    Ok(())
}

#[test]
fn long_streams_and_tables_take_many_batches() {
    for (version, dialect) in FORMATS {
        let mut trace = Writer::new(Vec::new(), version, dialect).unwrap();
        let mut generation = trace.generation(1, sync(version, 0)).unwrap();
        let texts: Vec<String> = (0..5_000).map(|i| format!("{i:0>100}")).collect();
        for text in &texts {
            generation.string(text.as_bytes()).unwrap();
        }
        for i in 0..3_000 {
            generation.stack((0..10).map(|depth| Frame::new(i * 10 + depth, b"f", b"g", i))).unwrap();
            generation.cpu_sample(i, ThreadId(1), None, None, StackId(i)).unwrap();
        }
        let mut expected = Events::new();
        for i in 0..60_000_u64 {
            let (thread, arguments) = (i as i64 % 3, vec![i << 40]);
            generation.event(ThreadId(thread), i * 7, EventType::HeapAlloc, &arguments).unwrap();
            expected.entry(thread).or_default().push((i * 7, EventType::HeapAlloc, arguments));
        }
        generation.finish().unwrap();
        let trace = trace.into_inner();
        assert!(raw_events(&trace, 1) == expected, "{version} {dialect}");
        let mut batches: HashMap<BatchKind, usize> = HashMap::new();
        for batch in Batches::new(&trace).unwrap() {
            *batches.entry(batch.unwrap().kind(version, dialect)).or_default() += 1;
        }
        for kind in [BatchKind::Events, BatchKind::Strings, BatchKind::Stacks] {
            assert!(batches[&kind] >= 3, "{version} {dialect}: {batches:?}");
        }
        let mut reader = ReaderOptions::new().read_slice(&trace).unwrap();
        let event = reader.next_event().unwrap().unwrap();
        let read: HashSet<_> = event.tables().strings().map(|(_, text)| text).collect();
        assert!(texts.iter().all(|text| read.contains(text.as_bytes())));
        assert_eq!(event.tables().stacks().count(), 3_000);
    }
}
