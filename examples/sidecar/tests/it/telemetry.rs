//! What may be known of the program from outside.

use std::{collections::BTreeMap, fs};

use crate::{
    http::get,
    receiver::Receiver,
    sidecar::Home,
    truth::{self, Truth},
};

fn home(receiver: &Receiver) -> Home {
    Home::new(receiver).telling()
}

/// The samples of a page of metrics, by their names and labels; every line of it is looked at.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let mut types = BTreeMap::new();
    assert!(page.ends_with("# EOF\n"), "{page}");
    for line in page.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let plain = name.split('{').next().unwrap();
            assert!(types.keys().any(|name| plain.starts_with(name.as_str())), "{line}");
            assert!(plain.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
            assert!(found.insert(name.to_owned(), value.parse().unwrap()).is_none(), "{name} twice");
        }
    }
    found
}

#[test]
fn the_numbers_are_right() {
    let receiver = Receiver::start();
    let home = home(&receiver);
    let sidecar = home.start();
    let address = sidecar.telemetry_address();
    let snapshots = truth::snapshots("go1.27/flight-whole", 4);
    for (number, snapshot) in snapshots.iter().enumerate() {
        home.put(&format!("flight/{number}.trace"), snapshot);
        sidecar.until_delivered(number + 1);
    }
    home.put("tasks/1.trace", &truth::read("go1.27/tasks.trace"));
    home.put("tasks/poison.trace", b"no trace");
    sidecar.until_delivered(5);
    sidecar.until("poison is put aside", || home.reasons().len() == 1);
    // It is counted a moment after it has gone.
    let numbers = || samples(&get(address, "/metrics").unwrap().body);
    sidecar.until("that is counted", || {
        numbers().iter().any(|(name, _)| name.starts_with("trace_sidecar_quarantined_total"))
    });
    let numbers = numbers();
    let number = |name: &str| {
        let sum: f64 =
            numbers.iter().filter(|(known, _)| known.starts_with(name)).map(|(_, value)| value).sum();
        assert!(numbers.keys().any(|known| known.starts_with(name)), "{name} in {numbers:#?}");
        sum as usize
    };
    let flight = Truth::of_snapshots(&snapshots).ended.len();
    let tasks = Truth::of(&truth::read("go1.27/tasks.trace")).ended.len();
    assert_eq!(number("trace_sidecar_spans_total{service=\"flight\""), flight);
    assert_eq!(number("trace_sidecar_spans_total"), flight + tasks);
    assert_eq!(number("trace_sidecar_spans_total"), receiver.span_count());
    assert_eq!(number("trace_sidecar_files_total{service=\"flight\"}"), 4);
    assert_eq!(number("trace_sidecar_files_total"), 5);
    assert_eq!(number("trace_sidecar_generations_total{service=\"flight\"}"), 10);
    // 2 and 3 came twice, 4 to 6 and 7 to 8 again.
    assert_eq!(number("trace_sidecar_repeated_generations_total{service=\"flight\"}"), 7);
    let bytes: usize = snapshots.iter().map(Vec::len).sum();
    assert_eq!(number("trace_sidecar_trace_bytes_total{service=\"flight\"}"), bytes);
    assert_eq!(number("trace_sidecar_quarantined_total"), 1);
    assert_eq!(number("trace_sidecar_batches_total"), receiver.count());
    assert_eq!(number("trace_sidecar_waiting_files"), 0);
    assert_eq!(number("trace_sidecar_alarms"), 0);
    assert_eq!(number("trace_sidecar_lag_seconds_count"), 5);
    assert_eq!(get(address, "/healthz").unwrap().status, 200);
    assert_eq!(get(address, "/readyz").unwrap().status, 200);
    assert_eq!(get(address, "/").unwrap().status, 404);
    let status = fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    println!("idle, as built for tests: {memory}");
    sidecar.terminate();
}

/// Logs for machines are JSON, a line each.
#[test]
fn logs_are_structured() {
    let receiver = Receiver::start();
    let mut home = home(&receiver);
    home.edit("format = \"text\"", "format = \"auto\"");
    home.put("a/1.trace", &truth::read("go1.27/tasks.trace"));
    home.put("a/poison.trace", b"no trace, \"quoted\" \n and more than a line");
    let run = || {
        let output = home.run(&["--once"]);
        assert!(output.status.success());
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(log.lines().count() > 2);
        for line in log.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value["timestamp"].is_string() && value["level"].is_string(), "{line}");
        }
        log
    };
    let log = run();
    let state = home.path("state/state.redb");
    let well = fs::read(&state).unwrap();
    // What holds the state may panic when it is damaged. Not everything in it is in use.
    let mut noticed = 0;
    for begin in (0..well.len()).step_by(well.len() / 8) {
        let mut damaged = well.clone();
        damaged[begin..].iter_mut().filter(|byte| **byte != 0).take(2000).for_each(|byte| *byte ^= 0x55);
        fs::write(&state, damaged).unwrap();
        noticed += usize::from(run().contains("the state was damaged"));
    }
    assert!(noticed > 0);
    let spans = Truth::of(&truth::read("go1.27/tasks.trace")).ended.len();
    assert!(log.contains(&format!("\"spans\":{spans}")), "{log}");
}

/// Whoever may post can name services: so many are counted by name.
#[test]
fn services_beyond_so_many_are_others() {
    let receiver = Receiver::start();
    let mut home = home(&receiver);
    home.edit("[telemetry]", "[telemetry]\nmax_services = 3");
    let trace = truth::read("go1.27/tasks.trace");
    let sidecar = home.start();
    let address = sidecar.telemetry_address();
    for service in 0..6 {
        home.put(&format!("{service}/1.trace"), &trace);
        sidecar.until_delivered(service + 1);
    }
    let numbers = samples(&get(address, "/metrics").unwrap().body);
    let files: BTreeMap<_, _> =
        numbers.iter().filter(|(name, _)| name.starts_with("trace_sidecar_files_total")).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    assert_eq!(numbers["trace_sidecar_files_total{service=\"other\"}"], 3.0);
    sidecar.terminate();
}

/// What tells that something waits, while it does, and when anything was delivered last.
#[test]
fn lag_is_told_while_it_happens() {
    let receiver = Receiver::with(|_, _, _| crate::receiver::Reply::Refuse(503, ""));
    let home = home(&receiver);
    home.put("a/1.trace", &truth::read("go1.27/tasks.trace"));
    let sidecar = home.start();
    let address = sidecar.telemetry_address();
    let number = |name: &str| samples(&get(address, "/metrics").unwrap().body)[name];
    sidecar.until("it waits", || number("trace_sidecar_oldest_undelivered_seconds") > 0.0);
    assert!(number("trace_sidecar_last_delivery_timestamp_seconds") == 0.0);
    let version = format!("trace_sidecar_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(number(&version), 1.0);
    receiver.answer(|_, _, _| crate::receiver::Reply::Accept);
    sidecar.until_delivered(1);
    sidecar.until("nothing waits", || number("trace_sidecar_oldest_undelivered_seconds") == 0.0);
    assert!(number("trace_sidecar_last_delivery_timestamp_seconds") > 1e9);
    sidecar.terminate();
}
