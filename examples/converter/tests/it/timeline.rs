//! Timelines: what they draw is what the trace holds, and viewers read it as it is meant.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::common::{
    self, output, path,
    perfetto::{InternedText, Trace, TrackEvent, Type, text},
    run, testdata,
};
use go_trace_format::{
    Clock, Dialect, EventType, Version, WallTime,
    event::ThreadId,
    write::{SyncBatch, Writer},
};
use serde_json::Value;

/// Recordings of every sort: of each release's latest, of the fork, cut, and of many generations.
fn recordings() -> Vec<String> {
    let mut names = Vec::new();
    for folder in ["go1.22", "go1.25", "go1.27", "fork"] {
        let entries = std::fs::read_dir(testdata(folder)).expect("recordings");
        let files = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        names.extend(
            files
                .filter(|file| file.ends_with(".trace") || file == "stream.bin")
                .map(|file| format!("{folder}/{file}")),
        );
    }
    names.sort();
    assert!(names.len() > 50, "{names:?}");
    names
}

fn bytes(format: &str, files: &[&str]) -> Vec<u8> {
    let mut arguments = vec!["spans", "--format", format];
    arguments.extend(files);
    let output = run(&arguments, b"");
    assert!(output.status.success(), "{files:?}: {}", common::errors(&output));
    output.stdout
}

/// A stretch of time as a viewer reads it.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
struct Slice {
    track: String,
    name: String,
    category: String,
    start: u64,
    end: u64,
    depth: usize,
}

/// A timeline as a viewer reads it.
#[derive(Debug, Default)]
struct Viewed {
    slices: Vec<Slice>,
    /// Moments: track, name and time.
    instants: Vec<(String, String, u64)>,
    /// Values of counters.
    counts: BTreeMap<String, Vec<i64>>,
    /// Arrows that have both ends: from track and time, to track and time.
    arrows: Vec<(String, u64, String, u64)>,
}

/// Reads Perfetto's format as its `trace_processor` does: sorts by time, leaves the order of the file otherwise.
fn view_perfetto(name: &str, bytes: &[u8]) -> Viewed {
    let mut trace = Trace::read(bytes);
    spell_out(name, &mut trace);
    let clocks = clocks(name, &trace);
    let mut tracks = HashMap::new();
    let mut parents = HashMap::new();
    for descriptor in trace.packet.iter().filter_map(|packet| packet.track_descriptor.as_ref()) {
        let uuid = descriptor.uuid.expect("an id");
        let known: &mut String = tracks.entry(uuid).or_default();
        if let Some(name) = &descriptor.name {
            known.clone_from(name);
        }
        parents.insert(uuid, descriptor.parent_uuid);
        if let Some(parent) = descriptor.parent_uuid {
            assert!(tracks.contains_key(&parent), "{name}: a track comes after its parent");
        }
    }
    assert!(tracks.values().all(|track| !track.is_empty()), "{name}: every track gets its name");
    let path_of = |uuid: u64| {
        let mut path = vec![tracks[&uuid].clone()];
        let mut above = parents[&uuid];
        while let Some(uuid) = above {
            path.push(tracks[&uuid].clone());
            above = parents[&uuid];
        }
        path.reverse();
        path[1..].join(" / ")
    };
    let mut events: Vec<(u64, &TrackEvent)> = Vec::new();
    for packet in &trace.packet {
        assert_eq!(packet.trusted_packet_sequence_id, Some(1), "{name}");
        if let Some(event) = &packet.track_event {
            let clock = packet.timestamp_clock_id.expect("one is named, if only as the default");
            events.push((clocks[&clock] + packet.timestamp.expect("a time"), event));
        }
    }
    events.sort_by_key(|event| event.0);
    read(name, &events, path_of)
}

/// Nanoseconds on the viewer's clock when each clock stood at 0.
fn clocks(name: &str, trace: &Trace) -> HashMap<u32, u64> {
    let mut snapshots = trace.packet.iter().filter_map(|packet| packet.clock_snapshot.as_ref());
    let Some(snapshot) = snapshots.next() else { return HashMap::new() };
    assert!(snapshots.next().is_none(), "{name}: two clock snapshots");
    let viewer = snapshot.clocks.iter().find(|clock| clock.clock_id() == 6).expect("the viewer's clock");
    snapshot.clocks.iter().map(|clock| (clock.clock_id(), viewer.timestamp() - clock.timestamp())).collect()
}

/// The texts that numbers stand for at some place of the file.
#[derive(Default)]
struct Known {
    categories: HashMap<u64, String>,
    names: HashMap<u64, String>,
    keys: HashMap<u64, String>,
    values: HashMap<u64, String>,
    clock: Option<u32>,
}

/// Puts texts and clocks where numbers and nothing stand for them, as a reader of the file from its beginning knows them.
fn spell_out(name: &str, trace: &mut Trace) {
    let mut known = Known::default();
    for (place, packet) in trace.packet.iter_mut().enumerate() {
        match packet.sequence_flags {
            Some(1) => known = Known::default(),
            flags => assert!(flags == Some(2) && place > 0, "{name}: {flags:?} at {place}"),
        }
        if let Some(defaults) = &packet.trace_packet_defaults {
            known.clock = defaults.timestamp_clock_id;
        }
        packet.timestamp_clock_id = packet.timestamp_clock_id.or(known.clock);
        if let Some(interned) = packet.interned_data.take() {
            let pairs =
                |texts: Vec<InternedText>| texts.into_iter().map(|text| (text.iid(), text.name().to_owned()));
            known.categories.extend(pairs(interned.event_categories));
            known.names.extend(pairs(interned.event_names));
            known.keys.extend(pairs(interned.debug_annotation_names));
            known.values.extend(pairs(interned.debug_annotation_string_values));
        }
        let Some(event) = &mut packet.track_event else { continue };
        event.categories.extend(event.category_iids.drain(..).map(|iid| known.categories[&iid].clone()));
        if let Some(iid) = event.name_iid.take() {
            assert!(event.name.replace(known.names[&iid].clone()).is_none(), "{name}: two names");
        }
        for annotation in &mut event.debug_annotations {
            if let Some(iid) = annotation.name_iid.take() {
                assert!(annotation.name.replace(known.keys[&iid].clone()).is_none(), "{name}: two keys");
            }
            if let Some(iid) = annotation.string_value_iid.take() {
                let value = known.values[&iid].clone();
                assert!(annotation.string_value.replace(value).is_none(), "{name}: two values");
            }
        }
    }
}

fn read(name: &str, events: &[(u64, &TrackEvent)], path_of: impl Fn(u64) -> String) -> Viewed {
    let mut viewed = Viewed::default();
    let mut open: HashMap<u64, Vec<(u64, &TrackEvent)>> = HashMap::new();
    let mut sources = HashMap::new();
    let mut ended = HashSet::new();
    for &(time, event) in events {
        let uuid = event.track_uuid.expect("a track");
        let track = path_of(uuid);
        for &arrow in &event.flow_ids {
            assert!(
                sources.insert(arrow, (track.clone(), time)).is_none(),
                "{name}: arrow {arrow} begins twice"
            );
        }
        for &arrow in &event.terminating_flow_ids {
            let (from, start) =
                sources.get(&arrow).unwrap_or_else(|| panic!("{name}: no begin of arrow {arrow}"));
            assert!(ended.insert(arrow), "{name}: arrow {arrow} ends twice");
            viewed.arrows.push((from.clone(), *start, track.clone(), time));
        }
        match event.r#type() {
            Type::SliceBegin => open.entry(uuid).or_default().push((time, event)),
            Type::SliceEnd => {
                let stack = open.entry(uuid).or_default();
                let (start, begun) =
                    stack.pop().unwrap_or_else(|| panic!("{name}: {track} ends what is not open"));
                viewed.slices.push(Slice {
                    track,
                    name: begun.name().to_owned(),
                    category: begun.categories.concat(),
                    start,
                    end: time,
                    depth: stack.len(),
                });
            }
            Type::Instant => viewed.instants.push((track, event.name().to_owned(), time)),
            Type::Counter => viewed.counts.entry(track).or_default().push(event.counter_value()),
            Type::Unspecified => panic!("{name}: {event:?}"),
        }
    }
    assert!(open.values().all(Vec::is_empty), "{name}: every slice ends");
    viewed
}

/// What is drawn, told by whole microseconds at most, without tracks and depths.
fn names_and_durations(slices: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut all: Vec<_> = slices.collect();
    all.sort();
    all
}

#[test]
fn perfetto_is_read_as_it_is_meant() {
    for recording in recordings() {
        let viewed = view_perfetto(&recording, &bytes("perfetto", &[&path(&recording)]));
        states_do_not_nest(&recording, &viewed);
        for (from, start, to, end) in &viewed.arrows {
            assert!(start <= end, "{recording}: an arrow from {from} to {to} goes back in time");
        }
    }
}

fn states_do_not_nest(recording: &str, viewed: &Viewed) {
    let mut latest = HashMap::new();
    for slice in viewed.slices.iter().filter(|slice| ["state", "proc"].contains(&&*slice.category)) {
        assert_eq!(slice.depth, 0, "{recording}: {slice:?}");
        let before = latest.insert(slice.track.clone(), slice.end).unwrap_or_default();
        assert!(before <= slice.start, "{recording}: {slice:?} begins before {before}");
    }
}

/// Name and duration of each span, as `otlp` tells them.
fn spans(files: &[&str]) -> Vec<(String, u64)> {
    let lines = output(&[&["otlp"], files].concat());
    let mut spans = Vec::new();
    for line in lines.lines() {
        let request: Value = serde_json::from_str(line).expect("JSON");
        for scope in request["resourceSpans"][0]["scopeSpans"].as_array().expect("scopes") {
            for span in scope["spans"].as_array().expect("spans") {
                let time =
                    |key: &str| span[key].as_str().and_then(|time| time.parse::<u64>().ok()).expect("a time");
                let duration = time("endTimeUnixNano") - time("startTimeUnixNano");
                spans.push((span["name"].as_str().expect("a name").to_owned(), duration));
            }
        }
    }
    names_and_durations(spans.into_iter())
}

#[test]
fn every_span_is_drawn_with_its_own_times() {
    for recording in recordings() {
        let file = path(&recording);
        let viewed = view_perfetto(&recording, &bytes("perfetto", &[&file]));
        let drawn = viewed.slices.iter().filter(|slice| slice.category.starts_with("gotrace."));
        let drawn = names_and_durations(drawn.map(|slice| (slice.name.clone(), slice.end - slice.start)));
        assert_eq!(drawn, spans(&[&file]), "{recording}");
    }
}

/// The events of Chrome's format.
fn chrome(recording: &str, files: &[&str]) -> Vec<Value> {
    let mut json: Value =
        serde_json::from_slice(&bytes("chrome", files)).unwrap_or_else(|e| panic!("{recording}: {e}"));
    assert!(json["otherData"]["time 0 (UTC)"].is_string());
    match json["traceEvents"].take() {
        Value::Array(events) => events,
        other => panic!("{recording}: {other}"),
    }
}

fn nanoseconds(event: &Value, key: &str) -> u64 {
    let microseconds = event[key].as_f64().unwrap_or_else(|| panic!("no {key}: {event}"));
    assert!(microseconds >= 0.0, "{event}");
    (microseconds * 1e3).round() as u64
}

#[test]
fn chrome_s_format_says_the_same_as_perfetto_s() {
    for recording in recordings() {
        let file = path(&recording);
        let viewed = view_perfetto(&recording, &bytes("perfetto", &[&file]));
        let events = chrome(&recording, &[&file]);
        let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
        let name = |event: &Value| event["name"].as_str().expect("a name").to_owned();
        let slices = of("X").into_iter().map(|event| (name(event), nanoseconds(event, "dur")));
        let expected = viewed.slices.iter().map(|slice| (slice.name.clone(), slice.end - slice.start));
        assert_eq!(names_and_durations(slices), names_and_durations(expected), "{recording}");
        assert_eq!(of("i").len(), viewed.instants.len(), "{recording}");
        assert_eq!(of("C").len(), viewed.counts.values().map(Vec::len).sum::<usize>(), "{recording}");
        assert_eq!(of("f").len(), viewed.arrows.len(), "{recording}");
        let sources: HashSet<_> = of("s").iter().map(|event| event["id"].as_u64()).collect();
        assert!(of("f").iter().all(|event| sources.contains(&event["id"].as_u64())), "{recording}");
        nests(&recording, &of("X"));
        named(&recording, &events);
    }
}

/// Slices of a thread follow on each other or nest.
fn nests(recording: &str, slices: &[&Value]) {
    let mut threads: BTreeMap<_, Vec<(u64, u64)>> = BTreeMap::new();
    for slice in slices {
        let start = nanoseconds(slice, "ts");
        let thread = threads.entry((slice["pid"].as_u64(), slice["tid"].as_u64())).or_default();
        thread.push((start, start + nanoseconds(slice, "dur")));
    }
    for (thread, mut slices) in threads {
        slices.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
        let mut open: Vec<u64> = Vec::new();
        for (start, end) in slices {
            while open.last().is_some_and(|&end| end <= start) {
                open.pop();
            }
            assert!(open.last().is_none_or(|&outer| end <= outer), "{recording}: {thread:?} at {start}");
            open.push(end);
        }
    }
}

/// Every thread has a name, and no two the same number.
fn named(recording: &str, events: &[Value]) {
    let mut names = HashMap::new();
    for event in events.iter().filter(|event| event["name"] == "thread_name" && event["ph"] == "M") {
        let thread = (event["pid"].as_u64(), event["tid"].as_u64());
        let name = event["args"]["name"].as_str().expect("a name");
        assert!(names.insert(thread, name).is_none_or(|before| before == name), "{recording}: {thread:?}");
    }
    for event in
        events.iter().filter(|event| ["X", "i", "s", "f"].contains(&event["ph"].as_str().expect("a phase")))
    {
        let thread = (event["pid"].as_u64(), event["tid"].as_u64());
        assert!(names.contains_key(&thread), "{recording}: {event}");
    }
}

/// What a viewer shows of a small recording: what each goroutine did, and tasks and regions.
#[test]
fn a_small_recording_is_drawn() {
    let viewed = view_perfetto("tasks", &bytes("perfetto", &[&path("go1.27/tasks.trace")]));
    let shown = ["state", "proc", "gotrace.task", "gotrace.region"];
    let slices = viewed.slices.iter().filter(|slice| shown.contains(&&*slice.category));
    let first = slices.clone().map(|slice| slice.start).min().expect("slices");
    let mut lines: Vec<_> = slices
        .map(|slice| {
            let Slice { track, name, start, end, depth, .. } = slice;
            (
                track,
                *start,
                format!("{track}: {}{name} {}..{}", "> ".repeat(*depth), start - first, end - first),
            )
        })
        .collect();
    lines.sort();
    let lines: Vec<_> = lines.into_iter().map(|(_, _, line)| line).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn goroutines_wake_each_other() {
    let viewed = view_perfetto("channels", &bytes("perfetto", &[&path("go1.27/channels.trace")]));
    let between_goroutines = viewed.arrows.iter().filter(|(from, _, to, _)| from != to).count();
    assert!(between_goroutines > 10, "{:?}", viewed.arrows);
    assert!(viewed.instants.iter().any(|(_, name, _)| name.starts_with("unblock G")));
    assert!(viewed.slices.iter().any(|slice| slice.name == "waiting: chan receive"));
    let counts = &viewed.counts;
    assert!(counts["Metrics / heap objects"].iter().all(|&bytes| bytes > 0), "{counts:?}");
    assert!(
        counts["Metrics / goroutines"].len() > 5 && counts.contains_key("Metrics / GOMAXPROCS"),
        "{counts:?}"
    );
}

#[test]
fn the_output_is_the_same_each_time() {
    for format in ["perfetto", "chrome", "html"] {
        let once = bytes(format, &[&path("go1.27/http.trace")]);
        assert_eq!(once, bytes(format, &[&path("go1.27/http.trace")]), "{format}");
    }
}

#[test]
fn processes_stay_apart() {
    // Not of one machine's one day: they cannot be taken for each other's continuation.
    let files = [path("go1.27/tasks.trace"), path("fork/custom.trace")];
    let events = chrome("both", &[&files[0], &files[1]]);
    let processes = events.iter().filter(|event| event["name"] == "process_name");
    let names: HashSet<_> = processes.map(|event| event["args"]["name"].to_string()).collect();
    for name in ["tasks.trace: Goroutines", "custom.trace: Tasks"] {
        assert!(names.contains(&format!("\"{name}\"")), "{names:?}");
    }
    let both = view_perfetto("both", &bytes("perfetto", &[&files[0], &files[1]]));
    let of = |file: &str| view_perfetto(file, &bytes("perfetto", &[file])).slices.len();
    assert_eq!(both.slices.len(), of(&files[0]) + of(&files[1]));
}

#[test]
fn traces_without_a_clock_say_so() {
    let events = chrome("approximate", &[&path("go1.24/tasks.trace")]);
    let processes: Vec<_> = events.iter().filter(|event| event["name"] == "process_name").collect();
    assert!(!processes.is_empty());
    for process in processes {
        let name = process["args"]["name"].as_str().expect("a name");
        assert!(name.starts_with("tasks.trace (times of day approximate): "), "{name}");
    }
}

/// Texts of events go the way of the spans' names.
#[test]
fn labels_and_reasons_are_sanitized() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 0).with_snapshot(0, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let label = generation.string(b"login password=hunter2").expect("a string").0;
    let reason = generation.string(b"asking postgres://app:hunter2@db/orders").expect("a string").0;
    let events: [(u64, EventType, &[u64]); 4] = [
        (1, EventType::ProcStatus, &[0, 1]),
        (2, EventType::GoStatus, &[1, 7, 2]),
        (3, EventType::GoLabel, &[label]),
        (4, EventType::GoBlock, &[reason, 0]),
    ];
    for (time, event_type, arguments) in events {
        generation.event(ThreadId(7), time, event_type, arguments).expect("an event");
    }
    generation.finish().expect("memory takes it");
    let trace = writer.into_inner();
    for format in ["perfetto", "chrome"] {
        let output = run(&["spans", "--format", format, "-"], &trace);
        assert!(output.status.success(), "{}", common::errors(&output));
        let drawn = text(format, &output.stdout);
        assert!(drawn.contains("label: login ") && drawn.contains("waiting: asking postgres://"), "{drawn}");
        assert!(!drawn.contains("hunter2"), "{drawn}");
    }
}

/// A program that makes up its labels has more texts than a viewer is told to remember at once.
#[test]
fn more_texts_than_are_remembered_are_all_shown() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 0).with_snapshot(0, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    generation.event(ThreadId(7), 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(ThreadId(7), 2, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    let mut expected = HashSet::new();
    for number in 0..20_000 {
        let label = format!("number {number}");
        let id = generation.string(label.as_bytes()).expect("a string").0;
        generation.event(ThreadId(7), 3 + number, EventType::GoLabel, &[id]).expect("an event");
        expected.insert(format!("label: {label}"));
    }
    generation.event(ThreadId(7), 30_000, EventType::GoBlock, &[0, 0]).expect("an event");
    generation.finish().expect("memory takes it");
    let output = run(&["spans", "--format", "perfetto", "-"], &writer.into_inner());
    assert!(output.status.success(), "{}", common::errors(&output));
    let shown = view_perfetto("labels", &output.stdout);
    assert_eq!(shown.instants.into_iter().map(|(_, name, _)| name).collect::<HashSet<_>>(), expected);
}

/// A recording of some size, as small ones have more of tracks than of what happens on them.
#[test]
fn perfetto_s_format_is_not_many_times_the_trace() {
    let recording = path("zero-code/go1.27-saturated.trace");
    let (trace, shown) =
        (common::bytes_of("zero-code/go1.27-saturated.trace"), bytes("perfetto", &[&recording]));
    assert!(shown.len() < 4 * trace.len(), "{} bytes for {}", shown.len(), trace.len());
}

/// A part of the time is drawn with everything in it, and nothing else.
#[test]
fn a_part_of_the_time_is_drawn_alone() {
    let recording = "go1.27/http.trace";
    let whole = view_perfetto(recording, &bytes("perfetto", &[&path(recording)]));
    let mut starts: Vec<_> = whole.slices.iter().map(|slice| slice.start).collect();
    starts.sort_unstable();
    let (from, to) = (starts[starts.len() / 3], starts[starts.len() / 2]);
    let of_day = |time: u64| jiff::Timestamp::from_nanosecond(time.into()).expect("a time").to_string();
    let part = bytes("perfetto", &[&path(recording), "--from", &of_day(from), "--to", &of_day(to)]);
    let part = view_perfetto(recording, &part);
    let told = |viewed: &Viewed| {
        let within = viewed.slices.iter().filter(|slice| slice.start <= to && slice.end >= from);
        let mut told: Vec<_> = within
            .map(|Slice { track, name, category, start, end, .. }| {
                (track.clone(), name.clone(), category.clone(), *start, *end)
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(&part), told(&whole));
    assert_eq!(told(&part).len(), part.slices.len());
    assert!(part.slices.len() * 2 < whole.slices.len(), "{} of {}", part.slices.len(), whole.slices.len());
    assert!(part.instants.iter().all(|&(_, _, time)| (from..=to).contains(&time)));
    assert!(part.instants.len() < whole.instants.len());
    // What was set before, and does not change meanwhile, is what it was.
    let procs = |viewed: &Viewed| {
        let (_, values) =
            viewed.counts.iter().find(|(track, _)| track.ends_with("GOMAXPROCS")).expect("a counter");
        values.clone()
    };
    assert_eq!(procs(&part)[..], procs(&whole)[..1]);
}
