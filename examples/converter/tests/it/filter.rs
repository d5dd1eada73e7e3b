//! `filter`, as people call it.

use std::{collections::HashSet, fs, path::Path};

use crate::{
    common::{bytes_of, errors, gzip, output, output_with, path, run, testdata},
    oracle::Oracle,
};
use go_trace_format::{
    Category, Clock, Dialect, EventType, Frame, HEADER_LENGTH, Losses, Mode, Reader, ReaderOptions, Version,
    WallTime,
    event::ThreadId,
    spec::{ArgumentKind, Experiment},
    wire::{BatchKind, Batches},
    write::{SyncBatch, Writer},
};
use go_trace_sanitize::Sanitizer;

/// What `filter` writes of a trace, and what it tells.
fn filtered_and_told(trace: &[u8], arguments: &[&str]) -> (Vec<u8>, String) {
    let output = run(&[&["filter", "-", "--out", "-"], arguments].concat(), trace);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    let told = errors(&output);
    (output.stdout, told)
}

fn filtered(trace: &[u8], arguments: &[&str]) -> Vec<u8> {
    filtered_and_told(trace, arguments).0
}

/// All recordings in a folder of the test data.
fn recordings(folder: &str) -> Vec<(String, Vec<u8>)> {
    let files =
        fs::read_dir(testdata(folder)).expect("the folder").map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "trace")).collect();
    files.sort();
    assert!(files.len() > 5, "{folder}: only {} recordings", files.len());
    let name = |file: &Path| file.display().to_string();
    files.iter().map(|file| (name(file), fs::read(file).expect("a recording"))).collect()
}

/// The events of a trace that is whole.
fn events_of(trace: &[u8]) -> Vec<EventType> {
    let (events, losses) = salvaged(trace);
    assert!(losses.is_empty(), "{losses}");
    events
}

fn salvaged(trace: &[u8]) -> (Vec<EventType>, Losses) {
    let mut reader = Reader::from_slice(trace).expect("a trace");
    let mut events = Vec::new();
    while let Some(event) = reader.next_event().expect("memory") {
        if event.event_type() != EventType::Sync {
            events.push(event.event_type());
        }
    }
    (events, reader.losses().clone())
}

fn dialect_of(trace: &[u8]) -> Dialect {
    Batches::new(trace).expect("a trace").dialect()
}

fn holds(bytes: &[u8], piece: &[u8]) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece)
}

fn is_status(event_type: EventType) -> bool {
    matches!(event_type, EventType::GoStatus | EventType::GoStatusStack | EventType::ProcStatus)
}

/// Has Go read a trace, and compares what it reads.
fn assert_go_reads(oracle: Option<&Oracle>, trace: &[u8], name: &str) {
    let Some(oracle) = oracle else { return };
    let reading = oracle.read(trace);
    assert_eq!(reading.error, None, "{name}");
    assert!(output_with(&["dump", "-"], trace) == reading.dump, "{name}: Go reads it differently");
}

#[test]
fn recordings_of_the_fork_keep_the_categories_that_were_asked_for() {
    let categories = [
        ("http", Category::Http),
        ("sql", Category::Sql),
        ("tls", Category::Tls),
        ("net", Category::Net),
        ("custom", Category::Custom),
    ];
    let mut kept = HashSet::new();
    for (name, trace) in recordings("fork") {
        let all = events_of(&trace);
        for (argument, category) in categories {
            let filtered = filtered(&trace, &["--keep", argument]);
            assert_eq!(dialect_of(&filtered), Dialect::Fork, "{name}");
            let is_kept = |event: &&EventType| event.spec().category == category;
            let expected: Vec<_> = all.iter().filter(is_kept).collect();
            let found = events_of(&filtered);
            assert_eq!(found.iter().filter(is_kept).collect::<Vec<_>>(), expected, "{name}, {argument}");
            assert!(found.iter().all(|event| is_kept(&event) || is_status(*event)), "{name}, {argument}");
            // They say who ran where, as far as such a trace knows.
            let statuses = |events: &[EventType]| events.iter().filter(|event| is_status(**event)).count();
            assert_eq!(statuses(&found), statuses(&all), "{name}, {argument}");
            kept.extend(found.iter().filter(is_kept).map(|event| event.spec().category));
        }
        let both = events_of(&filtered(&trace, &["--keep", "SQL, http"]));
        let is_both = |event: &&EventType| matches!(event.spec().category, Category::Http | Category::Sql);
        assert!(all.iter().filter(is_both).eq(both.iter().filter(is_both)), "{name}");
        assert_eq!(events_of(&filtered(&trace, &[])), all, "{name}: all is the default");
    }
    assert_eq!(kept.len(), categories.len(), "{kept:?}");
}

#[test]
fn recordings_of_the_fork_without_its_events_open_in_gos_tools() {
    let oracle = Oracle::find("recordings of the fork");
    for (name, trace) in recordings("fork") {
        for keep in ["core,custom", "core"] {
            let filtered = filtered(&trace, &["--keep", keep]);
            assert_eq!(dialect_of(&filtered), Dialect::Stock, "{name}");
            let keeps = |event: &EventType| {
                let category = event.spec().category;
                category == Category::Core || keep == "core,custom" && category == Category::Custom
            };
            let expected: Vec<_> = events_of(&trace).into_iter().filter(keeps).collect();
            assert_eq!(events_of(&filtered), expected, "{name}");
            assert_go_reads(oracle.as_ref(), &filtered, &name);
        }
        // Who ran where is gone: that is no stock trace any more.
        let again = filtered(&filtered(&trace, &["--keep", "custom"]), &["--keep", "core,custom"]);
        assert_eq!(dialect_of(&again), Dialect::Fork, "{name}");
    }
}

#[test]
fn stock_recordings_keep_core_and_open_in_gos_tools() {
    let oracle = Oracle::find("filtered stock recordings");
    for version in ["go1.22", "go1.23", "go1.24", "go1.25", "go1.26", "go1.27"] {
        for name in ["annotations", "tasks", "generations", "cpu", "stw", "allocfree", "logs", "context"] {
            let file = testdata(version).join(name).with_extension("trace");
            let Ok(trace) = fs::read(&file) else {
                assert!(["annotations", "allocfree"].contains(&name), "{version}/{name} is missing");
                continue;
            };
            let name = format!("{version}/{name}");
            let (without, told) = filtered_and_told(&trace, &["--keep", "http"]);
            assert!(told.contains("core is kept too"), "{name}: {told}");
            let is_custom = |event: &EventType| event.spec().category == Category::Custom;
            let expected: Vec<_> = events_of(&trace).into_iter().filter(|event| !is_custom(event)).collect();
            assert_eq!(events_of(&without), expected, "{name}");
            assert_go_reads(oracle.as_ref(), &without, &name);
            let (all, told) = filtered_and_told(&trace, &["--keep", "core,custom"]);
            assert_eq!(told, "", "{name}");
            assert_go_reads(oracle.as_ref(), &all, &name);
            if !name.ends_with("logs") {
                let (dump, copied) = (output_with(&["dump", "-"], &trace), output_with(&["dump", "-"], &all));
                assert!(dump == copied, "{name}: what has no secrets reads differently");
            }
        }
    }
}

#[test]
fn ids_that_are_no_text_survive() {
    let trace = bytes_of("go1.27/context.trace");
    let id = b"\xb7\x02\xa9\x0b\xaa\x67\xf0\x00";
    assert!(holds(&trace, id) && holds(&filtered(&trace, &[]), id));
    assert_eq!(output_with(&["otlp", "-"], &filtered(&trace, &[])), output_with(&["otlp", "-"], &trace));
}

/// Every event that has a text, and the text with a secret in it.
const TEXTS: [(EventType, &str); 15] = [
    (EventType::HttpServerRequestStart, "/orders?key=hunter2"),
    (EventType::HttpClientRequestStart, "https://bob:hunter2@api.test/x?key=hunter2#hunter2"),
    (EventType::HttpClientError, "Get \"https://bob:hunter2@api.test/x?key=hunter2\": EOF"),
    (EventType::SqlQueryStart, "SELECT a FROM t WHERE b = 'hunter2' AND c = $$hunter2$$ -- hunter2"),
    (EventType::TlsHandshakeStart, "bob:hunter2@tls.test"),
    (EventType::DnsLookupStart, "bob:hunter2@dns.test"),
    (EventType::ConnectStart, "bob:hunter2@connect.test:443"),
    (EventType::StwBegin, "stopped with password=hunter2"),
    (EventType::GoBlock, "blocked with password=hunter2"),
    (EventType::GoLabel, "label with token=hunter2"),
    (EventType::UserTaskBegin, "task with token=hunter2"),
    (EventType::UserRegionBegin, "region with token=hunter2"),
    (EventType::UserRegionEnd, "region with token=hunter2"),
    (EventType::UserLog, "log with Authorization: Bearer hunter2"),
    (EventType::GoStop, "stop with secret=hunter2"),
];

/// A trace of the fork with secrets in every text, in a string that no event names, and in an unknown format.
fn trace_with_secrets() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Fork).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    generation.string(b"hunter2, which no event names").expect("a string");
    let stack = generation.stack([Frame::new(1, b"main.hunt", b"/src/hunt.go", 7)]).expect("a stack").0;
    let thread = ThreadId(7);
    generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    for (time, (event_type, text)) in (2..).zip(TEXTS) {
        let text = generation.string(text.as_bytes()).expect("a string").0;
        let arguments: Vec<_> = event_type.spec().arguments[1..]
            .iter()
            .map(|argument| match argument.kind {
                ArgumentKind::String => text,
                ArgumentKind::Stack | ArgumentKind::OtherStack => stack,
                _ => 1,
            })
            .collect();
        generation.event(thread, time, event_type, &arguments).expect("an event");
    }
    generation.experimental_batch(Experiment(9), thread, 1, b"hunter2").expect("a batch");
    generation.finish().expect("memory takes it");
    writer.into_inner()
}

#[test]
fn no_text_leaves_with_its_secret() {
    let with_text: HashSet<_> = (0..=u8::MAX)
        .flat_map(|byte| [Dialect::Stock, Dialect::Fork].map(|dialect| dialect.event_type(byte)))
        .flatten()
        .filter(|event| event.spec().timed)
        .filter(|event| event.spec().arguments.iter().any(|argument| argument.kind == ArgumentKind::String))
        .collect();
    let tested: HashSet<_> = TEXTS.iter().map(|(event_type, _)| *event_type).collect();
    // The kinds of ranges are texts like the others.
    assert!(with_text.difference(&tested).count() == 0, "untested: {:?}", with_text.difference(&tested));

    let trace = trace_with_secrets();
    assert!(holds(&trace, b"hunter2"));
    for keep in ["all", "http", "sql", "tls", "net", "custom", "core", "core,custom"] {
        let (filtered, told) = filtered_and_told(&trace, &["--keep", keep]);
        assert!(!holds(&filtered, b"hunter2"), "{keep}: {}", String::from_utf8_lossy(&filtered));
        assert!(told.contains("a batch of experiment 9"), "{keep}: {told}");
        if keep == "all" {
            for rest in ["/orders", "https://api.test/x", "SELECT a FROM t", "main.hunt", "/src/hunt.go"] {
                assert!(holds(&filtered, rest.as_bytes()), "{rest}");
            }
        }
    }
}

#[test]
fn recordings_of_the_fork_leave_without_what_its_sanitizer_has_missed() {
    let sanitizer = Sanitizer::new();
    let mut removed = 0;
    for (name, trace) in recordings("fork") {
        let filtered = filtered(&trace, &[]);
        let mut reader = Reader::from_slice(&trace).expect("a trace");
        while let Some(event) = reader.next_event().expect("memory") {
            if event.event_type() != EventType::SqlQueryStart {
                continue;
            }
            let query = event.tables().string(go_trace_format::event::StringId(event.arguments()[2]));
            if sanitizer.sql(query.as_bytes()).as_bytes() != query.as_bytes() {
                removed += 1;
                assert!(!holds(&filtered, query.as_bytes()), "{name}: {query:?}");
            }
        }
    }
    assert!(removed > 5, "only {removed} queries had something to hide");
    assert!(holds(&bytes_of("fork/sql.trace"), b"dollar secret"));
    assert!(!holds(&filtered(&bytes_of("fork/sql.trace"), &[]), b"dollar secret"));
}

#[test]
fn the_dialect_of_sql_can_be_told() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Fork).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let query = generation.string(b"SELECT \"quoted\"").expect("a string").0;
    generation.event(ThreadId(7), 1, EventType::SqlQueryStart, &[1, 1, query, 0]).expect("an event");
    generation.finish().expect("memory takes it");
    let trace = writer.into_inner();
    assert!(!holds(&filtered(&trace, &["--sql-dialect", "mysql"]), b"quoted"));
    assert!(holds(&filtered(&trace, &["--sql-dialect", "postgres"]), b"quoted"));
}

#[test]
fn what_is_filtered_twice_reads_the_same() {
    for trace in [bytes_of("fork/tls.trace"), bytes_of("go1.24/generations.trace"), trace_with_secrets()] {
        let once = filtered(&trace, &[]);
        assert!(once == filtered(&trace, &[]), "one input, two outputs");
        assert!(once == filtered(&gzip(&trace), &[]), "gzip makes a difference");
        // Secrets are in events that follow no rule.
        let dump = |trace: &[u8]| run(&["dump", "--raw", "-"], trace).stdout;
        assert!(!dump(&once).is_empty());
        assert!(dump(&once) == dump(&filtered(&once, &[])), "filtering again makes a difference");
    }
}

#[test]
fn what_can_be_read_of_a_damaged_trace_is_written() {
    let mut counts = (0, 0);
    for name in
        ["go1.22/generations.trace", "go1.25/generations.trace", "go1.27/http.trace", "fork/tls.trace"]
    {
        let whole = bytes_of(name);
        for part in 1..8 {
            let place = whole.len() * part / 8;
            let cut = whole[..place].to_vec();
            let mut broken = whole.clone();
            broken.splice(place..place, [0xff; 100]);
            for (damage, trace) in [("cut", cut), ("broken", broken)] {
                let (events, losses) = salvaged(&trace);
                assert!(!losses.is_empty(), "{name} {damage} at {place}");
                let (filtered, told) = filtered_and_told(&trace, &[]);
                assert!(told.contains("warning: standard input: "), "{name} {damage} at {place}: {told}");
                let found = salvaged(&filtered).0;
                let is_told = told.contains("not everything that was read can be written");
                assert!(found.len() == events.len() || is_told, "{name} {damage} at {place}: {told}");
                counts = (counts.0 + found.len(), counts.1 + events.len());
            }
        }
    }
    let (found, read) = counts;
    assert!(found * 100 > read * 99, "{found} of {read} events are written");
}

/// The trace without the batches for which `is_lost`.
fn without(trace: &[u8], is_lost: impl Fn(u64, BatchKind) -> bool) -> Vec<u8> {
    let batches = Batches::new(trace).expect("a trace");
    let (version, dialect) = (batches.version(), batches.dialect());
    let mut rest = Vec::new();
    let mut place = 0;
    for batch in batches.map(|batch| batch.expect("a whole batch")) {
        if is_lost(batch.generation, batch.kind(version, dialect)) {
            rest.extend_from_slice(&trace[place..batch.offset as usize]);
            place = batch.data_offset as usize + batch.data.len();
        }
    }
    assert!(place > 0, "nothing is lost");
    rest.extend_from_slice(&trace[place..]);
    rest
}

#[test]
fn a_lost_clock_is_replaced_by_the_one_before() {
    for name in ["go1.25/generations.trace", "go1.27/generations.trace"] {
        let trace = without(&bytes_of(name), |generation, kind| generation == 3 && kind == BatchKind::Sync);
        let filtered = filtered(&trace, &[]);
        let mut reader = ReaderOptions::new().mode(Mode::Strict).read_slice(&filtered).expect("a trace");
        while reader.next_event().expect("a trace without damage").is_some() {}
        assert_eq!(events_of(&filtered), salvaged(&trace).0, "{name}");
        let dump = |trace: &[u8]| String::from_utf8(run(&["dump", "-"], trace).stdout).expect("UTF-8");
        let before = |dump: String| dump.lines().take(100).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(before(dump(&filtered)), before(dump(&bytes_of(name))), "{name}");
    }
}

#[test]
fn what_cannot_be_written_is_told() {
    let trace = without(&bytes_of("go1.24/generations.trace"), |generation, _| generation == 2);
    let (filtered, told) = filtered_and_told(&trace, &[]);
    assert!(told.contains("the number of generation 3, which is now 2"), "{told}");
    assert_eq!(salvaged(&filtered).0, salvaged(&trace).0);
    // Nobody knows what the times of its first generation mean.
    let trace = without(&bytes_of("go1.27/generations.trace"), |generation, kind| {
        generation == 1 && kind == BatchKind::Sync
    });
    let (filtered, told) = filtered_and_told(&trace, &["--dialect", "stock"]);
    assert!(told.contains("generation 1: a generation of go 1.26 needs a clock snapshot"), "{told}");
    assert!(!events_of(&filtered).is_empty());
}

#[test]
fn a_generation_that_comes_again_gets_a_number_of_its_own() {
    let trace = bytes_of("go1.27/tasks.trace");
    let twice = [&trace[..], &trace[HEADER_LENGTH..]].concat();
    let (events, losses) = salvaged(&twice);
    assert_eq!((events.len(), losses.contradictions() > 0), (2 * events_of(&trace).len(), true));
    let (filtered, told) = filtered_and_told(&twice, &[]);
    assert!(
        told.contains("the number of generation 2, which is now 3: go 1.26 cannot have it behind 2"),
        "{told}"
    );
    assert_eq!(salvaged(&filtered).0.len(), events.len());
    assert_eq!(numbers(&filtered), [2, 3]);
}

/// The numbers of its generations.
fn numbers(trace: &[u8]) -> Vec<u64> {
    let generations = ReaderOptions::new().generations(trace).expect("a trace");
    generations.map(|generation| generation.expect("a generation").number()).collect()
}

#[test]
fn gaps_stay_where_the_version_knows_them() {
    let trace = without(&bytes_of("go1.27/generations.trace"), |generation, _| generation == 3);
    let (filtered, told) = filtered_and_told(&trace, &[]);
    let found = numbers(&trace);
    assert!(found.contains(&2) && !found.contains(&3) && found.contains(&4), "{found:?}");
    assert_eq!(numbers(&filtered), found);
    assert!(!told.contains("the number of generation"), "{told}");
}

/// A pipe cannot be read twice, under whatever name it comes.
#[test]
#[cfg(unix)]
fn pipes_are_kept_for_the_second_reading() {
    let trace = bytes_of("fork/sql.trace");
    let piped = run(&["filter", "/dev/stdin", "--keep", "core", "--out", "-"], &trace);
    assert!(piped.status.success(), "{}", errors(&piped));
    assert!(piped.stdout == filtered(&trace, &["--keep", "core"]));
    let folder = run(&["filter", ".", "--out", "-"], b"");
    assert!(errors(&folder).contains(".: is a directory, not a trace file"), "{}", errors(&folder));
}

#[test]
fn strict_reading_writes_nothing_of_a_damaged_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.trace");
    let trace = bytes_of("go1.27/generations.trace");
    let strict =
        run(&["filter", "--strict", "-", "-o", &out.display().to_string()], &trace[..trace.len() / 2]);
    assert_eq!(strict.status.code(), Some(1), "{}", errors(&strict));
    assert!(errors(&strict).contains("error: standard input: "), "{}", errors(&strict));
    assert!(!out.exists());
}

#[test]
fn a_file_is_written_and_an_input_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.trace").display().to_string();
    assert_eq!(output(&["filter", &path("fork/sql.trace"), "--keep", "sql", "-o", &out]), "");
    let written = fs::read(&out).expect("the file");
    assert!(written == filtered(&bytes_of("fork/sql.trace"), &["--keep", "sql"]));
    let refused = run(&["filter", &out, "-o", &out], b"");
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors(&refused).contains("is an input"), "{}", errors(&refused));
    assert!(fs::read(&out).expect("the file") == written);
}

#[test]
fn wrong_command_lines_are_refused() {
    let trace = path("go1.27/tasks.trace");
    let cases: [(&[&str], &str); 5] = [
        (&["filter", &trace], "--out"),
        (&["filter", "--out", "-"], "<FILE>"),
        (
            &["filter", &trace, "--out", "-", "--keep", "core,gophers"],
            "core, http, sql, tls, net, custom or all",
        ),
        (&["filter", &trace, "--out", "-", "--keep", ""], "at least one category"),
        (&["filter", &trace, "--out", "-", "--sql-dialect", "gopher"], "postgres"),
    ];
    for (arguments, expected) in cases {
        let refused = run(arguments, b"");
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(errors(&refused).contains(expected), "{arguments:?}: {}", errors(&refused));
    }
}

#[test]
fn what_follows_a_batch_of_the_wrong_size_is_written() {
    let mut counts = (0, 0);
    for name in ["go1.22/generations.trace", "go1.27/generations.trace", "fork/sql.trace"] {
        let whole = bytes_of(name);
        let batches: Vec<_> =
            Batches::new(&whole).expect("a trace").map(|batch| batch.expect("whole")).collect();
        for batch in batches.iter().filter(|batch| batch.data.len() > 200) {
            let mut trace = whole.clone();
            // The size is a varint of two bytes: now it is 16,256 or more.
            trace[batch.data_offset as usize - 1] = 0x7f;
            let (events, losses) = salvaged(&trace);
            if losses.is_empty() {
                continue;
            }
            let (filtered, told) = filtered_and_told(&trace, &[]);
            let found = salvaged(&filtered).0;
            let place = batch.offset;
            let is_told = told.contains("not everything that was read can be written");
            assert!(found.len() == events.len() || is_told, "{name} at {place}: {told}");
            counts = (counts.0 + found.len(), counts.1 + events.len());
        }
    }
    let (found, read) = counts;
    assert!(found * 100 > read * 99, "{found} of {read} events are written");
}

/// What a log's category says is secret is, as in `password=hunter2`; what it says is none stays.
#[test]
fn the_category_of_a_log_is_the_key_of_its_message() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let thread = ThreadId(7);
    generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    let logs: [(&[u8], &str); 7] = [
        (b"password", "hunter2"),
        (b"orderID", "hunter2-is-an-order"),
        (b"api_key", "hunter2"),
        (b"https://bob:hunter2@api.test", "hunter3"),
        (b"", "token=hunter2"),
        (b"total_tokens", "512"),
        (b"\xff password", "hunter2"),
    ];
    for (category, message) in logs {
        let [category, message] =
            [category, message.as_bytes()].map(|text| generation.string(text).expect("a string").0);
        generation.event(thread, 2, EventType::UserLog, &[0, category, message, 0]).expect("an event");
    }
    generation.finish().expect("memory takes it");
    let dump = output_with(&["dump", "-"], &filtered(&writer.into_inner(), &[]));
    let found: Vec<_> = dump.lines().filter_map(|line| line.split(" Category=").nth(1)).collect();
    let expected = [
        r#""password" Message="REDACTED""#,
        r#""orderID" Message="hunter2-is-an-order""#,
        r#""api_key" Message="REDACTED""#,
        r#""https://api.test" Message="hunter3""#,
        r#""" Message="token=REDACTED""#,
        r#""total_tokens" Message="512""#,
        r#""\xff password" Message="REDACTED""#,
    ];
    assert_eq!(found, expected);
}

/// Text that stands for a secret may be longer than the secret, and a trace holds no text over 1,024 bytes.
#[test]
fn texts_that_grow_are_cut_between_characters() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let thread = ThreadId(7);
    generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    for blanks in 1..4 {
        let text = format!("token=x{}{}", " ".repeat(blanks), "ü".repeat(506));
        let text = generation.string(text.as_bytes()).expect("a string").0;
        generation.event(thread, 2, EventType::GoLabel, &[text]).expect("an event");
    }
    generation.finish().expect("memory takes it");
    let dump = output_with(&["dump", "-"], &filtered(&writer.into_inner(), &[]));
    let labels: Vec<_> = dump.lines().filter_map(|line| line.split("Label=\"").nth(1)).collect();
    assert_eq!(labels.len(), 3, "{dump}");
    for text in labels.iter().filter_map(|label| label.split('"').next()) {
        assert!(text.starts_with("token=REDACTED ") && text.ends_with('ü'), "{text}");
        assert!((1_023..=1_024).contains(&text.len()), "{} bytes", text.len());
    }
}

/// A batch in an experiment's own format is copied as it is: of a wrong size, it may hold the texts behind it.
#[test]
fn own_formats_of_a_damaged_trace_are_left_out() {
    let whole = bytes_of("go1.27/allocfree.trace");
    let is_experimental = |trace: &[u8]| {
        Batches::new(trace).expect("a trace").any(|batch| batch.is_ok_and(|batch| batch.experiment.0 != 0))
    };
    assert!(is_experimental(&filtered(&whole, &[])));
    let twice = [&whole[..], &whole[HEADER_LENGTH..]].concat();
    assert!(salvaged(&twice).1.contradictions() > 0);
    assert!(
        is_experimental(&filtered(&twice, &[])),
        "events that contradict others are no damage to batches"
    );
    let (filtered, told) = filtered_and_told(&whole[..whole.len() - 10], &[]);
    assert!(!is_experimental(&filtered) && told.contains("a batch of experiment 1"), "{told}");
}
