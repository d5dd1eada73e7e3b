//! Traces that are written again, whole or filtered.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use go_trace_format::{
    Category, Clock, Dialect, EventType, ReaderOptions, Time, Version,
    event::ThreadId,
    wire::{BatchKind, Batches},
    write::{CopiedEvent, CopiedText, Copier, TextKind, WriteError, Writer},
};

use crate::support::{self, oracle::Oracle, strict};

/// Writes the events that `keeps` wants of a trace again, their texts as `rewrite` gives them.
fn filter(
    trace: &[u8],
    dialect: Dialect,
    keeps: impl Fn(&CopiedEvent<'_>) -> bool,
    rewrite: impl for<'s> Fn(&CopiedText<'s>) -> Cow<'s, [u8]>,
) -> Result<Vec<u8>, WriteError> {
    let mut generations = ReaderOptions::new().generations(trace).unwrap();
    let mut filtered = Writer::new(Vec::new(), generations.version(), dialect)?;
    for generation in generations.by_ref().map(Result::unwrap) {
        Copier::new(&generation, &keeps, &rewrite).copy_to(&mut filtered)?;
    }
    assert!(generations.losses().is_empty(), "{}", generations.losses());
    Ok(filtered.into_inner())
}

fn as_it_is<'s>(text: &CopiedText<'s>) -> Cow<'s, [u8]> {
    text.text.into()
}

#[test]
fn recordings_written_again_read_the_same() {
    for recording in support::stock_testdata() {
        let (name, trace) = (recording.name(), recording.bytes);
        let copy = filter(&trace, Dialect::Stock, |_| true, as_it_is).unwrap();
        let (dump, error) = strict::read(&trace);
        let (copied_dump, copied_error) = strict::read(&copy);
        assert_eq!((error, copied_error), (None, None), "{name}");
        assert!(dump == copied_dump, "{name}: the copy reads differently");
    }
}

#[test]
fn go_reads_recordings_without_what_the_program_says() {
    let keeps = |event: &CopiedEvent<'_>| event.event_type.spec().category != Category::Custom;
    let oracle = Oracle::find("filtered recordings");
    for recording in support::stock_testdata().into_iter().step_by(4) {
        let (name, trace) = (recording.name(), recording.bytes);
        let filtered = filter(&trace, Dialect::Stock, keeps, as_it_is).unwrap();
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
fn texts_are_rewritten_and_the_old_ones_left_behind() {
    let secret = b"select * from secrets";
    let trace = crate::write::small_trace(Version::Go126, |generation| {
        let (key, text) = (generation.string(b"sql").unwrap(), generation.string(secret).unwrap());
        let thread = go_trace_format::event::ThreadId(1);
        generation.event(thread, 20, EventType::ProcStatus, &[0, 1]).unwrap();
        generation.event(thread, 21, EventType::GoStatus, &[1, 1, 2]).unwrap();
        generation.event(thread, 22, EventType::UserLog, &[0, key.0, text.0, 0]).unwrap();
        generation.event(thread, 25, EventType::GoLabel, &[text.0]).unwrap();
    });
    let holds_secret = |trace: &[u8]| trace.windows(secret.len()).any(|window| window == secret);
    assert!(holds_secret(&trace));

    fn hide<'s>(text: &CopiedText<'s>) -> Cow<'s, [u8]> {
        [text.category.unwrap_or_default(), format!("{:?}", text.kind).as_bytes()].concat().into()
    }
    let rewritten = filter(&trace, Dialect::Stock, |_| true, hide).unwrap();
    assert!(!holds_secret(&rewritten));
    let (dump, error) = strict::read(&rewritten);
    assert_eq!(error, None);
    assert!(dump.contains(r#"Category="LogCategory" Message="sqlLogMessage""#), "{dump}");
    assert!(dump.contains(r#"Label="Label""#), "{dump}");

    let is_log = |event: &CopiedEvent<'_>| event.event_type == EventType::UserLog;
    let without = filter(&trace, Dialect::Stock, |event| !is_log(event), as_it_is).unwrap();
    let times = |dump: String| {
        dump.lines().filter_map(|line| line.split("Time=").nth(1)?.split(' ').next()?.parse().ok()).collect()
    };
    let (all, some): (Vec<u64>, Vec<u64>) = (times(strict::read(&trace).0), times(strict::read(&without).0));
    assert_eq!(all.len(), some.len() + 1);
    assert!(some.iter().all(|time| all.contains(time)), "{all:?} {some:?}");
}

/// A window of time, and one goroutine, whose events are known by their places.
#[test]
fn windows_and_goroutines_are_cut_out() {
    let recordings = support::stock_testdata();
    let recording = recordings.iter().find(|recording| recording.name() == "go1.26/tasks").unwrap();
    let (mut times, mut regions) = (Vec::new(), BTreeMap::<_, BTreeSet<_>>::new());
    let mut reader = ReaderOptions::new().read_slice(&recording.bytes).unwrap();
    while let Some(event) = reader.next_event().unwrap() {
        times.push(event.raw_time());
        if event.category() == Category::Custom {
            regions.entry(event.goroutine().unwrap()).or_default().insert(event.offset());
        }
    }
    let (first, last) = (times[times.len() / 3], times[times.len() * 2 / 3]);
    let is_core = |event: &CopiedEvent<'_>| event.event_type.spec().category == Category::Core;
    let within = |event: &CopiedEvent<'_>| (first..=last).contains(&event.time);
    let custom = |trace: &[u8]| {
        let mut reader = ReaderOptions::new().read_slice(trace).unwrap();
        let mut found = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            if event.category() == Category::Custom {
                found.push((event.raw_time(), event.goroutine().unwrap()));
            }
        }
        found
    };
    let all = custom(&recording.bytes);
    let window =
        filter(&recording.bytes, Dialect::Stock, |event| is_core(event) || within(event), as_it_is).unwrap();
    let expected: Vec<_> = all.iter().copied().filter(|(time, _)| (first..=last).contains(time)).collect();
    assert!(!expected.is_empty() && expected.len() < all.len());
    assert_eq!(custom(&window), expected);
    for (goroutine, offsets) in &regions {
        let is_of_it = |event: &CopiedEvent<'_>| offsets.contains(&event.offset);
        let alone =
            filter(&recording.bytes, Dialect::Stock, |event| is_core(event) || is_of_it(event), as_it_is)
                .unwrap();
        let expected: Vec<_> = all.iter().copied().filter(|(_, of)| of == goroutine).collect();
        assert_eq!(custom(&alone), expected, "goroutine {goroutine}");
    }
    assert!(regions.len() > 1, "several goroutines have something to say");
}

#[test]
fn copy_begins_when_the_generation_did_without_the_times_of_tables() {
    // Uptimes of a minute and of a month.
    for begin in [60, 30 * 86_400].map(|seconds| seconds * Clock::USUAL_FREQUENCY) {
        for version in [Version::Go123, Version::Go126] {
            let sync = crate::write::sync(version, begin);
            let mut trace = Writer::new(Vec::new(), version, Dialect::Stock).unwrap();
            let mut generation = trace.generation(1, sync).unwrap();
            let (label, thread) = (generation.string(b"label").unwrap(), ThreadId(1));
            for (event_type, arguments) in [
                (EventType::ProcStatus, &[0, 1][..]),
                (EventType::GoStatus, &[1, 1, 2]),
                (EventType::GoLabel, &[label.0]),
            ] {
                generation.event(thread, begin + 7, event_type, arguments).unwrap();
            }
            generation.finish().unwrap();
            let trace = without_times_of_tables(&trace.into_inner());
            let copy = filter(&trace, Dialect::Stock, |_| true, as_it_is).unwrap();
            let expected = Clock::default().time(if version.has_sync_batch() { begin } else { begin + 7 });
            assert_eq!(start(&copy), expected, "{version}: {begin}");
        }
    }
}

/// When the first generation begins.
fn start(trace: &[u8]) -> Time {
    ReaderOptions::new().generations(trace).unwrap().next().unwrap().unwrap().start_time()
}

/// The trace with a time of 0 in each batch of strings and stacks, and in the one that says only the frequency.
fn without_times_of_tables(trace: &[u8]) -> Vec<u8> {
    let batches = Batches::new(trace).unwrap();
    let (version, dialect) = (batches.version(), batches.dialect());
    let mut writer = Writer::new(Vec::new(), version, dialect).unwrap();
    for batch in batches.map(Result::unwrap) {
        let time = match batch.kind(version, dialect) {
            BatchKind::Strings | BatchKind::Stacks => 0,
            BatchKind::Sync if !version.has_sync_batch() => 0,
            _ => batch.time,
        };
        writer.batch(batch.generation, batch.thread, time, batch.data).unwrap();
    }
    if version.has_end_of_generation() {
        writer.end_of_generation().unwrap();
    }
    writer.into_inner()
}

/// A name that tells what it was asked with.
fn changed<'s>(text: &CopiedText<'s>) -> Cow<'s, [u8]> {
    match (text.kind, text.function) {
        (TextKind::Function, None) => [b"f.", text.text].concat().into(),
        (TextKind::File, Some(function)) => [function, b"|", text.text].concat().into(),
        (TextKind::Function | TextKind::File, _) => panic!("{text:?}"),
        _ => text.text.into(),
    }
}

/// Each place of a stack is asked about, its file together with its function; lines and program counters stay.
#[test]
fn functions_and_files_of_stacks_become_others() {
    let trace = support::stock_testdata().pop().unwrap().bytes;
    let copy = filter(&trace, Dialect::Stock, |_| true, changed).unwrap();
    let stacks = |trace: &[u8], is_copy: bool| {
        let mut stacks = BTreeSet::new();
        for generation in ReaderOptions::new().generations(trace).unwrap().map(Result::unwrap) {
            for stack in generation.tables().stacks() {
                let frames = stack.frames().map(|frame| {
                    let (function, file) = (frame.function.to_string_lossy(), frame.file.to_string_lossy());
                    match is_copy {
                        true => format!("{function} {file} {} {}", frame.pc, frame.line),
                        false => format!("f.{function} {function}|{file} {} {}", frame.pc, frame.line),
                    }
                });
                stacks.insert(frames.collect::<Vec<_>>());
            }
        }
        stacks
    };
    let (expected, found) = (stacks(&trace, false), stacks(&copy, true));
    assert!(found.len() > 20 && found.is_subset(&expected), "{} stacks", found.len());
    assert_eq!(strict::read(&copy).1, None);
}

#[test]
fn damaged_batch_is_copied_up_to_the_damage() {
    let trace = crate::write::small_trace(Version::Go126, |_| {});
    let read = ReaderOptions::new().generations(&trace).unwrap().next().unwrap().unwrap();
    let thread = go_trace_format::event::ThreadId(1);
    let mut damaged = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).unwrap();
    damaged.batch(1, thread, 100, &[EventType::ProcStop as u8, 7, 99, 1]).unwrap();
    damaged.batch(1, thread, 100, &[EventType::CpuSamples as u8, EventType::CpuSample as u8, 1]).unwrap();
    let damaged = damaged.into_inner();

    let mut copy = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).unwrap();
    let mut generation = copy.generation(1, crate::write::sync(Version::Go126, 10)).unwrap();
    let mut copier = Copier::new(&read, |_| true, as_it_is);
    for batch in Batches::new(&damaged).unwrap() {
        let error = copier.batch(&batch.unwrap(), &mut generation).unwrap_err();
        assert!(matches!(error, WriteError::Read(_)), "{error}");
    }
    generation.finish().unwrap();
    let copy = copy.into_inner();
    let events: Vec<_> = Batches::new(&copy)
        .unwrap()
        .map(Result::unwrap)
        .filter(|batch| batch.kind(Version::Go126, Dialect::Stock) == BatchKind::Events)
        .flat_map(|batch| {
            batch.events(Dialect::Stock).map(move |event| (batch.time, event.unwrap().event_type))
        })
        .collect();
    assert_eq!(events, [(107, EventType::ProcStop)]);
}

#[test]
fn recordings_of_the_fork_become_stock_ones_without_its_events() {
    let is_stock = |event_type: EventType| event_type.to_wire(Dialect::Stock).is_some();
    let oracle = Oracle::find("recordings of the fork");
    let mut refused = 0;
    for recording in support::fork_testdata() {
        let (name, trace) = (recording.name(), recording.bytes);
        let again = filter(&trace, Dialect::Fork, |_| true, as_it_is).unwrap();
        assert!(strict::read(&again) == strict::read(&trace), "{name}: the copy reads differently");

        match filter(&trace, Dialect::Stock, |_| true, as_it_is) {
            Err(WriteError::UnknownEvent { event_type, .. }) => refused += usize::from(!is_stock(event_type)),
            other => drop(other.unwrap()),
        }
        let stock = filter(&trace, Dialect::Stock, |event| is_stock(event.event_type), as_it_is).unwrap();
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
    for recording in support::fork_testdata() {
        let (name, trace) = (recording.name(), recording.bytes);
        for category in [Category::Http, Category::Sql, Category::Tls, Category::Net, Category::Custom] {
            let keeps = |event: &CopiedEvent<'_>| {
                is_status(event.event_type) || event.event_type.spec().category == category
            };
            let filtered = filter(&trace, Dialect::Fork, keeps, as_it_is).unwrap();
            let written = Batches::new(&filtered).unwrap().map(Result::unwrap).map(|batch| {
                let is_events = batch.kind(Version::Go126, Dialect::Fork) == BatchKind::Events;
                if is_events { batch.events(Dialect::Fork).count() } else { 0 }
            });
            let written: usize = written.sum();
            let mut reader = ReaderOptions::new().read_slice(&filtered).unwrap();
            let mut read = 0;
            while let Some(event) = reader.next_event().unwrap() {
                read += usize::from(event.event_type() != EventType::Sync);
            }
            assert!(reader.losses().is_empty(), "{name}, {category:?}: {:?}", reader.losses());
            assert_eq!(read, written, "{name}, {category:?}");
        }
    }
}
