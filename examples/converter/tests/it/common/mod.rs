//! Runs the program on recordings of `testdata`.

pub(crate) mod perfetto;

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{
    Compression,
    read::{GzDecoder, ZlibDecoder},
    write::GzEncoder,
};
use go_trace_format::{
    Dialect, EventType, Version, WallTime,
    event::ThreadId,
    write::{SyncBatch, Writer},
};

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}

pub(crate) fn bytes_of(name: &str) -> Vec<u8> {
    let path = testdata(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The program, in an environment that says nothing of its own.
pub(crate) fn converter() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trace-converter"));
    for variable in ["OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program with `input` on its standard input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = converter();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut standard_input = child.stdin.take().expect("its standard input");
    std::thread::scope(|scope| {
        // It need not read all of it.
        scope.spawn(move || drop(standard_input.write_all(input)));
        child.wait_with_output().expect("its output")
    })
}

/// What the program prints where it succeeds.
pub(crate) fn output(arguments: &[&str]) -> String {
    output_with(arguments, &[])
}

pub(crate) fn output_with(arguments: &[&str], input: &[u8]) -> String {
    let output = run(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn path(name: &str) -> String {
    testdata(name).display().to_string()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A frame, as `zstd` writes one.
pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).expect("memory takes it")
}

pub(crate) fn gunzip(name: &str) -> Vec<u8> {
    gunzipped(&bytes_of(name))
}

pub(crate) fn gunzipped(compressed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(compressed).read_to_end(&mut bytes).expect("gzip");
    bytes
}

/// A process that opens tasks, on one thread.
pub(crate) struct Process {
    thread: i64,
    ahead: i128,
    tasks: Vec<Task>,
}

struct Task {
    id: u64,
    parent: u64,
    name: String,
    times: (u64, u64),
    /// Categories, and the last two digits of the span that they name.
    contexts: Vec<(String, String)>,
}

impl Process {
    pub(crate) fn new(thread: i64) -> Self {
        Self { thread, ahead: 0, tasks: Vec::new() }
    }

    /// Its wall clock is ahead by so many nanoseconds.
    pub(crate) fn ahead_by(self, nanoseconds: i128) -> Self {
        Self { ahead: nanoseconds, ..self }
    }

    /// Opens a task that writes contexts down; times are nanoseconds.
    pub(crate) fn task(
        &mut self,
        id: u64,
        parent: u64,
        name: &str,
        times: (u64, u64),
        contexts: &[(&str, &str)],
    ) {
        let own = |&(category, span): &(&str, &str)| (category.to_owned(), span.to_owned());
        let contexts = contexts.iter().map(own).collect();
        self.tasks.push(Task { id, parent, name: name.to_owned(), times, contexts });
    }

    /// Writes its trace into a folder; gives the name of the file.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> String {
        let path = folder.join(format!("{name}.trace"));
        fs::write(&path, self.trace()).expect("a file");
        path.display().to_string()
    }

    fn trace(&self) -> Vec<u8> {
        const NANOSECONDS: u64 = 1_000_000_000;
        let mut writer = Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a header");
        let wall = WallTime((1 << 60) + self.ahead);
        let sync = SyncBatch::new(NANOSECONDS, 0).with_snapshot(0, 0, wall);
        let mut generation = writer.generation(1, sync).expect("a generation");
        let mut events: Vec<(u64, EventType, Vec<u64>)> = vec![
            (1, EventType::ProcStatus, vec![0, 1]),
            (2, EventType::GoStatus, vec![1, self.thread as u64, 2]),
        ];
        for Task { id, parent, name, times: (start, end), contexts } in &self.tasks {
            let name = generation.string(name.as_bytes()).expect("a string").0;
            events.push((*start, EventType::UserTaskBegin, vec![*id, *parent, name, 0]));
            for (place, (category, span)) in contexts.iter().enumerate() {
                let context = format!("00-0af7651916cd43dd8448eb211c80319c-00000000000000{span}-01");
                let category = generation.string(category.as_bytes()).expect("a string").0;
                let context = generation.string(context.as_bytes()).expect("a string").0;
                let time = start + 1 + place as u64;
                events.push((time, EventType::UserLog, vec![*id, category, context, 0]));
            }
            events.push((*end, EventType::UserTaskEnd, vec![*id, 0]));
        }
        events.sort_by_key(|&(time, ..)| time);
        for (time, event_type, arguments) in events {
            generation.event(ThreadId(self.thread), time, event_type, &arguments).expect("an event");
        }
        generation.finish().expect("memory takes it");
        writer.into_inner()
    }
}

/// What a page's script gets to know.
pub(crate) fn page_data(page: &str) -> serde_json::Value {
    let (_, data) = page.split_once("<script id=\"data\" type=\"text/plain\">").expect("data");
    let packed = STANDARD.decode(data.split("</script>").next().expect("an end")).expect("base64");
    serde_json::from_reader(ZlibDecoder::new(&packed[..])).expect("compressed JSON")
}

/// The records of comma-separated values, by RFC 4180, whose lines end in `end`.
pub(crate) fn records(text: &str, end: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell, mut is_quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut cell)),
            '\r' if !is_quoted && end == "\r\n" => assert_eq!(characters.peek(), Some(&'\n'), "{text}"),
            '\n' if !is_quoted => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            other => cell.push(other),
        }
    }
    assert!(record.is_empty() && cell.is_empty() && !is_quoted, "the last line has an end");
    records
}
