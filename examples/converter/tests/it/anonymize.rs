//! `filter` and `cut` with `--anonymize`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::{
    common::{bytes_of, errors, output_with, run},
    oracle::Oracle,
};
use go_trace_format::{
    Clock, Dialect, EventType, ReaderOptions, Version, WallTime,
    event::{StringId, ThreadId},
    spec::{ArgumentKind, Experiment},
    write::{SyncBatch, Writer},
};

const RECORDINGS: [&str; 8] = [
    "go1.22/http.trace",
    "go1.23/allocfree.trace",
    "go1.25/tasks.trace",
    "go1.26/logs.trace",
    "go1.26/cgo.trace",
    "go1.27/http.trace",
    "zero-code/go1.26-libraries.trace",
    "go1.27/coroutines.trace",
];

fn anonymous(verb: &[&str], trace: &[u8]) -> Vec<u8> {
    let output = run(&[verb, &["-", "--anonymize", "--out", "-"]].concat(), trace);
    assert!(output.status.success(), "{verb:?}: {}", errors(&output));
    // Batches of the experiment of allocations have the names of types.
    let told = errors(&output);
    let others = told.lines().skip(1).find(|line| !line.ends_with("a batch of experiment 1"));
    assert_eq!(others, None, "{verb:?}: {told}");
    assert!(
        told.is_empty() || told.contains("not everything that was read can be written"),
        "{verb:?}: {told}"
    );
    output.stdout
}

/// What the stacks and the events of a trace say.
#[derive(Default)]
struct Said {
    /// Function, file and line by program counter.
    frames: BTreeMap<u64, (String, String, u64)>,
    /// The texts of events, but for the runtime's reasons.
    texts: BTreeSet<String>,
    events: usize,
}

fn said(trace: &[u8]) -> Said {
    let mut said = Said::default();
    for generation in ReaderOptions::new().generations(trace).expect("a trace") {
        let generation = generation.expect("a generation");
        let tables = generation.tables();
        let text = |text: go_trace_format::Text<'_>| text.to_string_lossy().into_owned();
        for frame in tables.stacks().flat_map(|stack| stack.frames()) {
            said.frames.insert(frame.pc, (text(frame.function), text(frame.file), frame.line));
        }
        for batch in generation.batches() {
            for event in batch.events(generation.dialect()).map_while(Result::ok) {
                said.events += 1;
                let (spec, arguments) = (event.event_type.spec(), event.arguments());
                let is_reason = matches!(
                    event.event_type,
                    EventType::StwBegin | EventType::GoBlock | EventType::GoStop | EventType::GoLabel
                );
                let texts = spec.arguments[1..].iter().zip(arguments);
                let texts = texts.filter(|(argument, _)| argument.kind == ArgumentKind::String && !is_reason);
                said.texts.extend(texts.map(|(_, &id)| text(tables.string(StringId(id)))));
            }
        }
    }
    said
}

/// Whether a name is the program's by how these recordings were made.
fn is_of_program(function: &str) -> bool {
    function.starts_with("main.") || function.split_once('/').is_some_and(|(first, _)| first.contains('.'))
}

/// What is in the package `main`, wherever the bytes of a trace have it: in strings, or in what nothing here can read.
fn of_main(trace: &[u8]) -> BTreeSet<String> {
    const PACKAGE: &[u8] = b"main.";
    let begins = trace.windows(PACKAGE.len()).enumerate().filter(|(_, window)| *window == PACKAGE);
    let names = begins.map(|(begin, _)| &trace[begin + PACKAGE.len()..]);
    let names = names.map(|name| name.strip_prefix(b"(*").unwrap_or(name));
    names.map(|name| String::from_utf8_lossy(&name[..name.len().min(9)]).into_owned()).collect()
}

/// Whether a name of the package `main` is a stand-in, or the compiler's.
fn is_anonymous(name: &str) -> bool {
    let is_of_compiler =
        ["main", "init", "func", "map.init", "glob."].iter().any(|kind| name.starts_with(kind));
    let digits = name.strip_prefix(['n', 'N']);
    is_of_compiler
        || digits
            .is_some_and(|digits| digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn holds(bytes: &[u8], piece: &str) -> bool {
    bytes.windows(piece.len()).any(|window| window == piece.as_bytes())
}

#[test]
fn nothing_tells_whose_program_it_is_and_go_reads_it() {
    let oracle = Oracle::find("anonymous recordings");
    for name in RECORDINGS {
        let trace = bytes_of(name);
        let copy = anonymous(&["filter"], &trace);
        let (before, after) = (said(&trace), said(&copy));
        assert_eq!(after.events, before.events, "{name}");
        assert!(!of_main(&trace).iter().all(|name| is_anonymous(name)), "{name}");
        for copy in [&copy, &anonymous(&["cut", "--from", "0s"], &trace)] {
            let of_main = of_main(copy);
            assert!(
                of_main.len() > 1 && of_main.iter().all(|name| is_anonymous(name)),
                "{name}: {of_main:?}"
            );
        }

        let mut functions = BTreeMap::new();
        for (pc, (function, file, line)) in &after.frames {
            let (function_before, file_before, line_before) = &before.frames[pc];
            assert_eq!(line, line_before, "{name}: {function_before}");
            functions.insert(function_before, function);
            if is_of_program(function_before) {
                assert!(
                    function.starts_with("main.") || function.starts_with("anon.invalid/p"),
                    "{name}: {function}"
                );
                for said in
                    function_before.split(['.', '/']).filter(|word| word.len() > 5 && *word != "gowrap1")
                {
                    assert!(!function.contains(said), "{name}: {function} says {said}");
                }
                let file_name = file_before.rsplit('/').next().expect("a name");
                assert!(!file.contains(file_name) || file_name == "_cgo_gotypes.go", "{name}: {file}");
            } else if function_before.contains('.') {
                assert_eq!(function, function_before, "{name}");
                assert!(file_before.ends_with(&**file), "{name}: {file_before} is {file}");
            }
        }
        assert!(functions.keys().any(|function| is_of_program(function)), "{name}");
        let different: HashSet<_> = functions.values().collect();
        assert_eq!(different.len(), functions.len(), "{name}: two functions have one stand-in");
        for text in before.texts.iter().filter(|text| !text.is_empty()) {
            assert!(!after.texts.contains(text), "{name}: {text}");
            assert!(text.len() < 10 || !holds(&copy, text), "{name}: {text}");
        }
        assert!(!holds(&copy, "go-recorder") && !holds(&copy, "/root/"), "{name}");

        if let Some(oracle) = &oracle {
            let reading = oracle.read(&copy);
            assert_eq!(reading.error, None, "{name}");
            assert!(output_with(&["dump", "-"], &copy) == reading.dump, "{name}: Go reads it differently");
        }
    }
}

#[test]
fn a_name_has_the_same_stand_in_in_every_file() {
    let functions = |before: &[u8], after: &[u8]| -> BTreeMap<String, String> {
        let (before, after) = (said(before), said(after));
        let name = |pc: &u64| before.frames[pc].0.clone();
        after.frames.iter().map(|(pc, (function, ..))| (name(pc), function.clone())).collect()
    };
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut again = 0;
    for name in ["go1.23/tasks.trace", "go1.26/tasks.trace", "go1.27/http.trace", "go1.26/generations.trace"]
    {
        let trace = bytes_of(name);
        let window = anonymous(&["cut", "--from", "0s"], &trace);
        for copy in [anonymous(&["filter"], &trace), window] {
            for (function, stand_in) in functions(&trace, &copy) {
                let first = known.entry(function.clone()).or_insert_with(|| stand_in.clone());
                assert_eq!(*first, stand_in, "{name}: {function}");
                again += usize::from(is_of_program(&function));
            }
        }
    }
    let of_program = known.keys().filter(|function| is_of_program(function)).count();
    assert!(of_program > 20 && again > 2 * of_program, "{of_program} functions, {again} times");
}

/// An event with each kind of text, the text, and what is written in its place.
const TEXTS: [(EventType, &str, &str); 18] = [
    (EventType::UserTaskBegin, "checkout", "\"task c7761e58\""),
    (EventType::UserRegionBegin, "checkout", "\"region c7761e58\""),
    (EventType::UserRegionEnd, "checkout", "\"region c7761e58\""),
    (EventType::UserLog, "checkout", "\"message c7761e58\""),
    (EventType::GoLabel, "checkout", "\"label c7761e58\""),
    (EventType::GoLabel, "GC (idle)", "\"GC (idle)\""),
    (EventType::HttpServerRequestStart, "/checkout?key=hunter2", "\"/"),
    (
        EventType::HttpClientRequestStart,
        "https://bob:hunter2@shop.test:8443/checkout?key=hunter2",
        ".invalid:8443/c7761e58\"",
    ),
    (EventType::HttpClientError, "checkout with password=hunter2", "\"error "),
    (EventType::SqlQueryStart, "select a from checkout where b = 'hunter2'", "\"SELECT "),
    (EventType::TlsHandshakeStart, "shop.test", ".invalid\""),
    (EventType::DnsLookupStart, "shop.test", ".invalid\""),
    (EventType::ConnectStart, "shop.test:443", "\"54ec2ffb.invalid:443\""),
    // A host is the same one in each of these, and no part of its address is a port.
    (EventType::DnsLookupStart, "::1", "\"eff8e7ca.invalid\""),
    (EventType::ConnectStart, "[::1]:443", "\"eff8e7ca.invalid:443\""),
    (EventType::HttpClientRequestStart, "http://[::1]:8080/checkout", "\"http://eff8e7ca.invalid:8080/"),
    (EventType::DnsLookupStart, "fd::a:443", "\"6d0e8679.invalid\""),
    (EventType::GoBlock, "chan receive", "\"chan receive\""),
];

#[test]
fn what_the_program_says_is_replaced() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Fork).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let thread = ThreadId(7);
    generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    for (time, (event_type, text, _)) in (2..).zip(TEXTS) {
        let text = generation.string(text.as_bytes()).expect("a string").0;
        let arguments = event_type.spec().arguments[1..].iter();
        let arguments: Vec<_> = arguments
            .map(|argument| match argument.kind {
                ArgumentKind::String => text,
                ArgumentKind::Stack | ArgumentKind::OtherStack => 0,
                _ => 1,
            })
            .collect();
        generation.event(thread, time, event_type, &arguments).expect("an event");
    }
    generation.finish().expect("memory takes it");
    let trace = writer.into_inner();

    let copy = anonymous(&["filter"], &trace);
    let dump = String::from_utf8(run(&["dump", "--raw", "-"], &copy).stdout).expect("UTF-8");
    for (event_type, _, expected) in TEXTS {
        assert!(dump.contains(expected), "{event_type:?}: {expected} is not in {dump}");
    }
    for said in ["checkout", "hunter2", "shop"] {
        assert!(!holds(&copy, said), "{said}: {dump}");
    }
    // Secrets are out of a text before it is hashed, so that nobody finds them by trying.
    assert!(anonymous(&["filter"], &replaced(&trace, b"hunter2", b"hunter3")) == copy);
}

/// What is a secret depends on the dialect, and so does what is hashed.
#[test]
fn queries_have_the_same_stand_ins_of_both_verbs() {
    let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Fork).expect("a header");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let thread = ThreadId(7);
    generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
    generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
    let query = generation.string(b"select $$a$$ from t").expect("a string").0;
    generation.event(thread, 2, EventType::SqlQueryStart, &[1, 1, query, 0]).expect("an event");
    generation.finish().expect("memory takes it");
    let trace = writer.into_inner();
    let texts = |arguments: &[&str]| said(&anonymous(arguments, &trace)).texts;
    let usual = texts(&["filter"]);
    assert_eq!(texts(&["cut", "--from", "0s"]), usual);
    let of_mysql = texts(&["filter", "--sql-dialect", "mysql"]);
    assert_eq!(texts(&["cut", "--from", "0s", "--sql-dialect", "mysql"]), of_mysql);
    assert_ne!(of_mysql, usual);
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for start in 0..=bytes.len() - old.len() {
        if bytes[start..].starts_with(old) {
            bytes[start..start + new.len()].copy_from_slice(new);
        }
    }
    bytes
}

/// Nobody knows what an experiment's own format may tell.
#[test]
fn unknown_formats_stay_behind_and_that_is_told() {
    for experiment in [Experiment(9), Experiment::ALLOC_FREE] {
        let told = format!("a batch of experiment {}", experiment.0);
        let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
        let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 0, WallTime(1 << 60));
        let mut generation = writer.generation(1, sync).expect("a generation");
        let thread = ThreadId(7);
        generation.event(thread, 1, EventType::ProcStatus, &[0, 1]).expect("an event");
        generation.event(thread, 1, EventType::GoStatus, &[1, 7, 2]).expect("an event");
        generation.experimental_batch(experiment, thread, 1, b"checkout").expect("a batch");
        generation.finish().expect("memory takes it");
        let trace = writer.into_inner();
        for verb in [&["filter"][..], &["cut", "--from", "0s"]] {
            let output = run(&[verb, &["-", "--anonymize", "--out", "-"]].concat(), &trace);
            assert!(output.status.success() && !holds(&output.stdout, "checkout"), "{verb:?}");
            assert!(errors(&output).contains(&told), "{verb:?}: {}", errors(&output));
        }
    }
}
