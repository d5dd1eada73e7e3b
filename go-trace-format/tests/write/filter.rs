//! Traces that are written again, whole or filtered, which is what a filter of traces does.

use std::{fs, path::Path};

use go_trace_format::{
    Category, Dialect, EventType, ReaderOptions, Tables, Version,
    event::{GoroutineId, ProcId, StackId, StringId, ThreadId},
    spec::ArgumentKind,
    wire::{Batch, BatchKind, Batches, RawEvent},
    write::{GenerationWriter, SyncBatch, WriteError, Writer},
};

use crate::{oracle::Oracle, strict};

/// Writes the events that `keeps` wants of a trace again, their texts as `rewrite` gives them.
fn filter(
    trace: &[u8],
    dialect: Dialect,
    keeps: impl Fn(EventType) -> bool,
    rewrite: impl Fn(&[u8]) -> Vec<u8>,
) -> Result<Vec<u8>, WriteError> {
    let mut reader = ReaderOptions::new().read_slice(trace).unwrap();
    let (version, from) = (reader.version(), reader.dialect());
    let mut filtered = Writer::new(Vec::new(), version, dialect)?;
    while let Some(event) = reader.next_event().unwrap() {
        let is_beginning = event.event_type() == EventType::Sync && event.arguments()[1] != 0;
        if !is_beginning {
            continue;
        }
        let tables = event.tables();
        let batches: Vec<Batch<'_>> = Batches::new(trace)
            .unwrap()
            .map(Result::unwrap)
            .filter(|batch| batch.generation == tables.generation())
            .collect();
        // The generation begins with the earliest of its batches, which the copy may not have.
        let begin = batches.iter().map(|batch| batch.time).min().unwrap();
        let sync = SyncBatch::of(tables.clock(), begin);
        let mut generation = filtered.generation(tables.generation(), sync)?;
        let mut copy = Copy { tables, rewrite: &rewrite };
        for batch in &batches {
            match batch.kind(version, from) {
                BatchKind::Events => copy.events(batch, from, &keeps, &mut generation)?,
                BatchKind::CpuSamples => copy.samples(batch, &mut generation)?,
                BatchKind::Experimental(experiment) => {
                    generation.experimental_batch(experiment, batch.thread, batch.time, batch.data)?;
                }
                _ => {}
            }
        }
        generation.finish()?;
    }
    Ok(filtered.into_inner())
}

struct Copy<'t, F> {
    tables: &'t Tables<'t>,
    rewrite: &'t F,
}

impl<F: Fn(&[u8]) -> Vec<u8>> Copy<'_, F> {
    fn events(
        &mut self,
        batch: &Batch<'_>,
        from: Dialect,
        keeps: &impl Fn(EventType) -> bool,
        generation: &mut GenerationWriter<'_, Vec<u8>>,
    ) -> Result<(), WriteError> {
        let mut time = batch.time;
        for event in batch.events(from) {
            let event = event.unwrap();
            // What is left out still took its time.
            time += event.time_delta;
            if keeps(event.event_type) {
                let arguments = self.arguments(&event, generation)?;
                generation.event(batch.thread, time, event.event_type, &arguments)?;
            }
        }
        Ok(())
    }

    fn arguments(
        &mut self,
        event: &RawEvent,
        generation: &mut GenerationWriter<'_, Vec<u8>>,
    ) -> Result<Vec<u64>, WriteError> {
        let specs = &event.event_type.spec().arguments[1..];
        specs
            .iter()
            .zip(event.arguments())
            .map(|(argument, &value)| match argument.kind {
                ArgumentKind::String => {
                    let text = (self.rewrite)(self.tables.string(StringId(value)).as_bytes());
                    Ok(generation.string(&text)?.0)
                }
                ArgumentKind::Stack | ArgumentKind::OtherStack => self.stack(value, generation),
                _ => Ok(value),
            })
            .collect()
    }

    fn stack(&self, id: u64, generation: &mut GenerationWriter<'_, Vec<u8>>) -> Result<u64, WriteError> {
        let stack = self.tables.stack(StackId(id));
        Ok(generation.stack(stack.iter().flat_map(|stack| stack.frames()))?.0)
    }

    fn samples(
        &self,
        batch: &Batch<'_>,
        generation: &mut GenerationWriter<'_, Vec<u8>>,
    ) -> Result<(), WriteError> {
        for [time, thread, proc, goroutine, stack] in cpu_samples(batch.data) {
            let (proc, goroutine) = (Some(ProcId(proc as i64)), Some(GoroutineId(goroutine as i64)));
            let stack = StackId(self.stack(stack, generation)?);
            generation.cpu_sample(time, ThreadId(thread as i64), proc, goroutine, stack)?;
        }
        Ok(())
    }
}

/// The numbers of each record of a batch of CPU samples.
fn cpu_samples(data: &[u8]) -> impl Iterator<Item = [u64; 5]> {
    let mut rest = data.iter().skip(1);
    std::iter::from_fn(move || {
        rest.next()?;
        Some(std::array::from_fn(|_| {
            let mut number = 0;
            for shift in (0..).step_by(7) {
                let byte = *rest.next().unwrap();
                number |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            number
        }))
    })
}

/// The recordings of a folder under `testdata`, with their names.
fn recordings(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(folder);
    let mut recordings: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "trace"))
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    recordings.sort();
    assert!(recordings.len() >= 5, "{}: only {} recordings", folder.display(), recordings.len());
    recordings
}

const VERSIONS: [&str; 6] = ["go1.22", "go1.23", "go1.24", "go1.25", "go1.26", "go1.27"];

#[test]
fn recordings_written_again_read_the_same() {
    for (name, trace) in VERSIONS.iter().flat_map(|version| recordings(version)) {
        let copy = filter(&trace, Dialect::Stock, |_| true, <[u8]>::to_vec).unwrap();
        let (dump, error) = strict::read(&trace);
        let (copied_dump, copied_error) = strict::read(&copy);
        assert_eq!((error, copied_error), (None, None), "{name}");
        assert!(dump == copied_dump, "{name}: the copy reads differently");
    }
}

#[test]
fn go_reads_recordings_without_what_the_program_says() {
    let keeps = |event_type: EventType| event_type.spec().category != Category::Custom;
    let oracle = Oracle::find("filtered recordings");
    for (name, trace) in VERSIONS.iter().flat_map(|version| recordings(version).into_iter().take(5)) {
        let filtered = filter(&trace, Dialect::Stock, keeps, |text| text.to_ascii_uppercase()).unwrap();
        assert!(filtered.len() < trace.len(), "{name}");
        let (dump, error) = strict::read(&filtered);
        assert_eq!(error, None, "{name}");
        assert!(dump.contains(" StateTransition "), "{name}");
        for left_out in [" TaskBegin ", " RegionBegin ", " Log ", " Label "] {
            assert!(!dump.contains(left_out), "{name}: {left_out} is left");
        }
        if let Some(oracle) = &oracle {
            let reading = oracle.read(&filtered);
            assert!(reading.error.is_none() && reading.dump == dump, "{name}: {:?}", reading.error);
        }
    }
}

#[test]
fn recordings_of_the_fork_become_stock_ones_without_its_events() {
    let is_stock = |event_type: EventType| event_type.to_wire(Dialect::Stock).is_some();
    let oracle = Oracle::find("recordings of the fork");
    let mut refused = 0;
    for (name, trace) in recordings("fork") {
        let again = filter(&trace, Dialect::Fork, |_| true, <[u8]>::to_vec).unwrap();
        assert!(strict::read(&again) == strict::read(&trace), "{name}: the copy reads differently");

        match filter(&trace, Dialect::Stock, |_| true, <[u8]>::to_vec) {
            Err(WriteError::UnknownEvent { event_type, .. }) => refused += usize::from(!is_stock(event_type)),
            other => drop(other.unwrap()),
        }
        let stock = filter(&trace, Dialect::Stock, is_stock, <[u8]>::to_vec).unwrap();
        assert_eq!(Batches::new(&stock).unwrap().dialect(), Dialect::Stock, "{name}");
        let (dump, error) = strict::read(&stock);
        if let Some(oracle) = &oracle {
            let reading = oracle.read(&stock);
            assert_eq!(reading.error.is_some(), error.is_some(), "{name}: {:?}", reading.error);
            assert!(reading.dump == dump, "{name}");
        }
    }
    assert!(refused > 3, "only {refused} recordings have events of the fork");
}

/// The fork records no scheduling where its filter leaves the Core category out: only statuses are then among the
/// events, and who runs where is not known.
#[test]
fn recordings_of_the_fork_with_one_category_are_read_whole() {
    let is_status = |event_type| {
        matches!(event_type, EventType::GoStatus | EventType::GoStatusStack | EventType::ProcStatus)
    };
    for (name, trace) in recordings("fork") {
        for category in [Category::Http, Category::Sql, Category::Tls, Category::Net, Category::Custom] {
            let keeps =
                |event_type: EventType| is_status(event_type) || event_type.spec().category == category;
            let filtered = filter(&trace, Dialect::Fork, keeps, <[u8]>::to_vec).unwrap();
            let written = Batches::new(&filtered).unwrap().map(Result::unwrap).map(|batch| {
                let is_events = batch.kind(Version::Go126, Dialect::Fork) == BatchKind::Events;
                if is_events { batch.events(Dialect::Fork).count() } else { 0 }
            });
            let written: usize = written.sum();
            let mut reader = ReaderOptions::new().read_slice(&filtered).unwrap();
            let mut read = 0;
            while let Some(event) = reader.next_event().unwrap() {
                let is_made_up = matches!(event.event_type(), EventType::Sync | EventType::CpuSample);
                read += usize::from(!is_made_up);
            }
            assert!(reader.losses().is_empty(), "{name}, {category:?}: {:?}", reader.losses());
            assert_eq!(read, written, "{name}, {category:?}");
        }
    }
}
