//! Recordings of the flight-recorder fork against what the recorded programs say that they did (`*.truth.json`).

use std::fs;

use go_trace_format::{
    Category, Dialect, EventKind, Mode, ReaderOptions,
    event::{Operation, Outcome},
};
use serde_json::Value;

use crate::support::{self, Recording};

/// What a program did: one of the truth's operations.
struct Deed {
    value: Value,
}

/// A start or an end as the trace has it.
#[derive(Clone, Debug)]
struct Mark<T> {
    /// Nanoseconds since 1970.
    at: u64,
    operation: Operation,
    span_id: u64,
    detail: T,
}

#[derive(Clone, Debug)]
struct Start {
    trace_id_fold: u64,
    text: String,
}

/// How an operation ended, as far as the truth tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Status(i64),
    Rows(Option<u64>),
    Tls(u64, u64),
    Other,
}

#[derive(Clone, Debug, Default)]
struct Recorded {
    starts: Vec<Mark<Start>>,
    ends: Vec<Mark<End>>,
    tasks: Vec<String>,
    regions: Vec<String>,
    logs: Vec<(String, String)>,
}

impl Deed {
    fn text(&self, key: &str) -> &str {
        self.value[key].as_str().unwrap_or_default()
    }

    /// A number, which large ones are as text.
    fn number(&self, value: &Value) -> Option<u64> {
        let hexadecimal = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
        value.as_u64().or_else(|| value.as_str().and_then(hexadecimal))
    }

    fn get(&self, key: &str) -> Option<u64> {
        self.number(&self.value[key])
    }

    fn extra(&self, key: &str) -> Option<u64> {
        self.number(&self.value["extra"][key])
    }

    /// Whether it was going on at `at`.
    fn spans(&self, at: u64) -> bool {
        let start = self.get("start_unix_ns").expect("a start");
        let end = self.get("end_unix_ns").expect("an end");
        // The program reads the wall clock, and the trace its own.
        const SLACK: u64 = 1_000;
        (start - SLACK..=end + SLACK).contains(&at)
    }
}

impl Recorded {
    fn read(recording: &Recording, mode: Mode) -> Self {
        let mut reader = ReaderOptions::new().mode(mode).read_slice(&recording.bytes).expect("a header");
        assert_eq!(reader.dialect(), Dialect::Fork, "{}", recording.name());
        let mut recorded = Self::default();
        while let Some(event) = reader.next_event().unwrap_or_else(|e| panic!("{}: {e}", recording.name())) {
            // The last sync event is of no generation, and has none.
            let at = event.wall_time().and_then(|time| time.unix_nanoseconds()).unwrap_or(0);
            match event.kind() {
                EventKind::OperationStart(start) => recorded.starts.push(Mark {
                    at,
                    operation: start.operation,
                    span_id: start.span_id,
                    detail: Start {
                        trace_id_fold: start.trace_id_fold,
                        text: start.text.to_string_lossy().into_owned(),
                    },
                }),
                EventKind::OperationEnd(end) => recorded.ends.push(Mark {
                    at,
                    operation: end.operation,
                    span_id: end.span_id,
                    detail: End::of(end.outcome),
                }),
                EventKind::TaskBegin(task) => recorded.tasks.push(task.name.to_string()),
                EventKind::RegionBegin(region) => recorded.regions.push(region.name.to_string()),
                EventKind::Log(log) => {
                    recorded.logs.push((log.category.to_string(), log.message.to_string()));
                }
                _ => continue,
            }
            assert_ne!(event.category(), Category::Core);
        }
        assert!(reader.losses().is_empty(), "{}: {}", recording.name(), reader.losses());
        recorded
    }

    /// The end of an operation: the first of its kind and span id after its start.
    fn end_of<T>(&self, start: &Mark<T>) -> Option<&Mark<End>> {
        self.ends.iter().find(|end| {
            end.at >= start.at && end.operation == start.operation && end.span_id == start.span_id
        })
    }
}

impl End {
    fn of(outcome: Outcome<'_>) -> Self {
        match outcome {
            Outcome::HttpServer { status_code } | Outcome::HttpClient { status_code, .. } => {
                Self::Status(status_code)
            }
            Outcome::Sql { rows_affected, .. } => Self::Rows(rows_affected),
            Outcome::Tls { version, cipher_suite } => {
                Self::Tls(version.map_or(0, |version| version.0.into()), cipher_suite.into())
            }
            _ => Self::Other,
        }
    }
}

fn recording(name: &str) -> Recording {
    let mut recordings = support::fork_testdata();
    recordings.retain(|recording| recording.name() == format!("fork/{name}"));
    recordings.pop().unwrap_or_else(|| panic!("no recording {name}"))
}

/// What the program did that made the recording `name`, of these kinds.
fn deeds(name: &str, kinds: &[&str]) -> Vec<Deed> {
    let path = recording(name).beside("truth.json");
    let truth = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let truth: Value = serde_json::from_slice(&truth).expect("JSON");
    let deeds = truth["ops"].as_array().expect("operations").iter();
    let deeds: Vec<_> = deeds
        .map(|value| Deed { value: value.clone() })
        .filter(|deed| kinds.contains(&deed.text("kind")))
        .collect();
    assert!(!deeds.is_empty(), "{name}: none of {kinds:?}");
    deeds
}

#[test]
fn strict_and_salvage_read_the_same_without_a_loss() {
    let beside = support::beside_repository("fork").unwrap_or_default();
    for recording in support::fork_testdata().iter().chain(&beside) {
        let strict = Recorded::read(recording, Mode::Strict);
        let salvage = Recorded::read(recording, Mode::Salvage);
        assert_eq!(format!("{strict:?}"), format!("{salvage:?}"), "{}", recording.name());
    }
}

#[test]
fn http_clients_and_servers() {
    for name in ["tls", "withspan"] {
        let recorded = Recorded::read(&recording(name), Mode::Strict);
        for deed in deeds(name, &["http_client", "http_server"]) {
            let operation = match deed.text("kind") {
                "http_client" => Operation::HttpClient,
                _ => Operation::HttpServer,
            };
            let fold = deed.get("trace_id_xor").expect("a trace id");
            // Its server emits nothing for HTTP/2.
            if deed.value["extra"]["proto"] == "HTTP/2.0" {
                continue;
            }
            let start = recorded
                .starts
                .iter()
                .find(|start| start.operation == operation && start.detail.trace_id_fold == fold)
                .unwrap_or_else(|| panic!("{name}: {}", deed.value));
            let end = recorded.end_of(start).unwrap_or_else(|| panic!("{name}: {}", deed.value));
            if operation == Operation::HttpClient {
                assert_eq!(Some(start.span_id), deed.get("span_id"));
                assert!(deed.spans(start.at) && deed.spans(end.at), "{name}: {}", deed.value);
            } else {
                assert_eq!(start.detail.text, deed.text("name"));
                // The handler, whose time the truth tells, runs between the two.
                assert!(deed.get("start_unix_ns") >= Some(start.at), "{name}: {}", deed.value);
                assert!(deed.get("end_unix_ns") <= Some(end.at), "{name}: {}", deed.value);
            }
            let status = deed.get("status").map_or(0, |status| status as i64);
            assert_eq!(end.detail, End::Status(status), "{name}: {}", deed.value);
        }
    }
}

#[test]
fn queries() {
    let recorded = Recorded::read(&recording("sql"), Mode::Strict);
    let kinds = ["sql_exec", "sql_query", "sql_queryrow", "sql_tx_exec", "sql_tx_query"];
    let first_word = |text: &str| text.split_whitespace().next().map(str::to_owned);
    for deed in deeds("sql", &kinds) {
        // Of the text only the first word is as it was: the recorder replaces what looks like a value.
        let is_of_deed = |start: &&Mark<Start>| {
            start.operation == Operation::Sql
                && deed.spans(start.at)
                && first_word(&start.detail.text) == first_word(deed.text("name"))
        };
        let start = recorded.starts.iter().find(is_of_deed).unwrap_or_else(|| panic!("{}", deed.value));
        let end = recorded.end_of(start).unwrap_or_else(|| panic!("{}", deed.value));
        match deed.extra("rows_affected") {
            Some(rows) => assert_eq!(end.detail, End::Rows(Some(rows)), "{}", deed.value),
            None if deed.text("kind").ends_with("query") => {
                assert_eq!(end.detail, End::Rows(None), "{}", deed.value);
            }
            None => {}
        }
    }
}

#[test]
fn handshakes() {
    let recorded = Recorded::read(&recording("tls"), Mode::Strict);
    for deed in deeds("tls", &["tls_client_handshake", "tls_server_handshake"]) {
        let (Some(version), Some(cipher_suite)) = (deed.extra("version"), deed.extra("cipher_suite")) else {
            continue;
        };
        let expected = End::Tls(version, cipher_suite);
        let found = recorded.ends.iter().any(|end| end.detail == expected && deed.spans(end.at));
        assert!(found, "{}", deed.value);
    }
}

#[test]
fn connects_and_look_ups() {
    let recorded = Recorded::read(&recording("net"), Mode::Strict);
    for deed in deeds("net", &["dial"]) {
        let within = |start: &&Mark<Start>| deed.spans(start.at);
        let address = deed.text("name");
        let mut starts = recorded.starts.iter().filter(within);
        let found = starts.any(|start| match start.operation {
            Operation::Connect => start.detail.text == address,
            Operation::Dns => address.trim_start_matches('[').starts_with(&start.detail.text),
            _ => false,
        });
        assert!(found, "{}", deed.value);
    }
    assert!(recorded.ends.len() == recorded.starts.len());
}

#[test]
fn tasks_regions_and_logs() {
    let recorded = Recorded::read(&recording("custom"), Mode::Strict);
    let names =
        |kind| deeds("custom", &[kind]).iter().map(|deed| deed.text("name").to_owned()).collect::<Vec<_>>();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    // The truth leaves out the tasks within tasks.
    let outer = recorded.tasks.iter().filter(|name| !name.contains('/')).cloned();
    assert_eq!(sorted(outer.collect()), sorted(names("user_task")));
    assert_eq!(sorted(recorded.regions.clone()), sorted(names("user_region")));
    let categories = recorded.logs.iter().map(|log| log.0.clone()).collect();
    assert_eq!(sorted(categories), sorted(names("user_log")));
    for deed in deeds("custom", &["user_log"]) {
        let message = deed.value["extra"]["message"].as_str();
        assert!(message.is_none_or(|message| recorded.logs.iter().any(|log| log.1 == message)));
    }
    assert!(recorded.starts.is_empty() && recorded.ends.is_empty());
}

/// Of a trace that was cut, or that begins in the midst of things, pairs are not whole.
#[test]
fn starts_without_ends() {
    let recorded = Recorded::read(&recording("cut"), Mode::Strict);
    let open: Vec<_> = recorded.starts.iter().filter(|start| recorded.end_of(start).is_none()).collect();
    let client = deeds("cut", &["http_client"]).pop().expect("the last request");
    assert_eq!(open.len(), 2, "{open:?}");
    assert!(open.iter().any(|start| Some(start.span_id) == client.get("span_id")));
    assert!(open.iter().all(|start| Some(start.detail.trace_id_fold) == client.get("trace_id_xor")));
}
