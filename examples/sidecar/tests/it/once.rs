//! `--once` and `--dry-run`: what is there, in one go.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use opentelemetry_proto::tonic::trace::v1::Span;

use crate::{
    receiver::{Receiver, Request},
    sidecar::Home,
    truth::{self, Truth, assert_once},
};

/// All recordings, each with the name of the service that it is given.
fn recordings() -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for folder in fs::read_dir(truth::testdata("")).unwrap() {
        let folder = folder.unwrap().path();
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|ending| ending == "trace") {
                let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
                let service = format!("{}-{}", name(&folder), name(&file));
                found.insert(service, fs::read(file).unwrap());
            }
        }
    }
    assert!(found.len() > 100, "only {} recordings", found.len());
    found
}

#[test]
fn every_recording_gives_what_the_library_gives_in_the_same_order() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver).with("");
    // So that requests come in the order of sending.
    home.edit("[otlp]", "[otlp]\nconcurrency = 1");
    let recordings = recordings();
    for (service, bytes) in &recordings {
        home.put(&format!("{service}/1.trace"), bytes);
    }
    home.once();
    let mut seen: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for found in receiver.spans() {
        assert_eq!(found.resource["process.runtime.name"], "go");
        seen.entry(found.service().to_owned()).or_default().push(found);
    }
    for (service, bytes) in &recordings {
        let truth = Truth::of(bytes).all();
        let seen = seen.remove(service).unwrap_or_default();
        let spans: Vec<_> = seen.iter().map(|seen| seen.span.clone()).collect();
        assert_once(&spans, &truth, service);
        // A request has its spans by scope, each scope in order.
        let key = |span: &Span| (span.span_id.clone(), span.name.clone());
        let scopes: BTreeMap<_, _> = seen.iter().map(|seen| (key(&seen.span), &seen.scope)).collect();
        let by_scope = |spans: &[Span]| {
            let mut found: BTreeMap<String, Vec<_>> = BTreeMap::new();
            for span in spans {
                found.entry(scopes[&key(span)].clone()).or_default().push(key(span));
            }
            found
        };
        assert_eq!(by_scope(&spans), by_scope(&truth), "{service}: another order");
    }
    assert!(seen.is_empty(), "services that nobody has: {:?}", seen.keys());
    assert_eq!(home.reasons(), [""; 0]);
    // Once more, there is nothing to do.
    let before = receiver.count();
    home.once();
    assert_eq!(receiver.count(), before);
}

#[test]
fn a_dry_run_changes_nothing() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver).with("");
    home.edit("settle", "after = \"delete\"\nsettle");
    let trace = truth::read("go1.27/tasks.trace");
    home.put("a/1.trace", &trace);
    home.put("b/poison.trace", b"no trace");
    drop(home.command(&[]));
    let before = home.contents("");
    let output = home.run(&["--dry-run"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let truth = Truth::of(&trace).ended.len();
    assert!(told.contains(&format!(" {truth} spans")), "{told}");
    assert!(told.contains("service a"), "{told}");
    assert_eq!(receiver.count(), 0);
    assert!(home.contents("") == before, "something has changed");
    // What is delivered already, it knows and leaves as it is.
    home.edit("after = \"delete\"", "after = \"keep\"");
    home.once();
    let (state, sent) = (home.contents("state"), receiver.count());
    let output = home.run(&["--dry-run"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(!told.contains(&format!(" {truth} spans")), "{told}");
    assert_eq!((home.contents("state") == state, receiver.count()), (true, sent));
}

#[test]
fn logs_become_records_where_that_is_asked_for() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver).with("[services.a]\nlogs = \"records\"\n[services.b]\nlogs = \"off\"\n");
    for service in ["a", "b", "c"] {
        home.put(&format!("{service}/1.trace"), &truth::read("go1.27/logs.trace"));
    }
    home.once();
    let records: usize = receiver.requests().iter().map(crate::receiver::Request::log_count).sum();
    let events = |service| receiver.spans_of(service).iter().map(|span| span.events.len()).sum::<usize>();
    assert_eq!((events("a"), events("b"), events("c") > 0, records >= events("c")), (0, 0, true, true));
}

/// Which signals go out is a setting; each has its own path.
#[test]
fn the_signals_that_are_asked_for() {
    for (signals, paths) in [
        ("traces", &["/v1/traces"][..]),
        ("traces,logs", &["/v1/logs", "/v1/traces"]),
        ("metrics", &["/v1/metrics"]),
        ("traces,logs,metrics", &["/v1/logs", "/v1/metrics", "/v1/traces"]),
    ] {
        let receiver = Receiver::start();
        let home = Home::new(&receiver);
        home.put("a/1.trace", &truth::read("go1.27/logs.trace"));
        let output = home.run(&["--once", "--signals", signals]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let requests = receiver.requests();
        let asked: BTreeSet<_> = requests.iter().map(|request| request.head.path.as_str()).collect();
        assert_eq!(asked.into_iter().collect::<Vec<_>>(), paths, "{signals}");
        let metrics = requests.iter().flat_map(Request::metrics);
        let metrics: BTreeSet<String> = metrics.map(|metric| metric.name).collect();
        assert_eq!(metrics.contains("go.schedule.duration"), signals.contains("metrics"), "{metrics:?}");
        let has_logs = requests.iter().map(Request::log_count).sum::<usize>() > 0;
        assert_eq!(has_logs, signals.contains("logs"));
    }
}

/// Garbage collections and the like are told where somebody wants to know of them.
#[test]
fn ranges_go_out_where_they_are_asked_for() {
    for (settings, are_there) in [("", false), ("[defaults]\nranges = true\n", true)] {
        let receiver = Receiver::start();
        let home = Home::new(&receiver).with(settings);
        home.put("a/1.trace", &truth::read("go1.27/gc-generations.trace"));
        home.once();
        let ranges = receiver.spans().iter().filter(|seen| seen.scope == "gotrace.range").count();
        assert_eq!(ranges > 0, are_there, "{ranges}");
    }
}
