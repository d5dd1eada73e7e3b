//! The verb `profile`.

use crate::common::{
    bytes_of, converter, errors, gunzipped, output, output_with, page_data, path, run, testdata,
};
use serde_json::Value;

const KINDS: [&str; 9] =
    ["off-cpu", "block", "mutex", "network", "syscall", "scheduler", "cpu", "samples", "gc"];

#[test]
fn the_heaviest_stacks_are_a_table() {
    let shown = output(&["profile", &path("go1.27/mutexes.trace")]);
    assert!(shown.starts_with("off-cpu: ") && shown.contains("×  sync\n"), "{shown}");
    assert_eq!(output_with(&["profile", "-"], &bytes_of("go1.27/mutexes.trace")), shown);
    let mutex = output(&["profile", "--kind", "mutex", &path("go1.27/mutexes.trace")]);
    assert!(mutex.starts_with("mutex: "), "{mutex}");
    for lock in ["sync.(*Mutex).Lock", "sync.(*RWMutex).Lock", "main.runMutexes"] {
        assert!(mutex.contains(lock), "{lock}: {mutex}");
    }
    assert!(!mutex.contains("WaitGroup"), "{mutex}");
}

#[test]
fn every_kind_goes_out_in_every_format() {
    let trace = path("go1.27/gc.trace");
    for kind in KINDS {
        let top = output(&["profile", "--kind", kind, &trace]);
        assert!(top.starts_with(&format!("{kind}: ")), "{top}");
        let folded = output(&["profile", "--kind", kind, "--format", "folded", &trace]);
        for line in folded.lines() {
            let (stack, weight) = line.rsplit_once(' ').expect("a stack and a number");
            assert!(!stack.is_empty() && weight.parse::<u64>().is_ok_and(|weight| weight > 0), "{line}");
        }
        let pprof = run(&["profile", "--kind", kind, "--format", "pprof", &trace], b"");
        assert!(pprof.status.success(), "{}", errors(&pprof));
        let pprof = gunzipped(&pprof.stdout);
        assert!(!pprof.is_empty());
        // Whatever is in the one is in the other.
        for line in folded.lines().filter(|line| !line.starts_with('[')) {
            let function = line.split([';', ' ']).next().expect("a function").as_bytes();
            assert!(pprof.windows(function.len()).any(|bytes| bytes == function), "{kind}: {line}");
        }
    }
}

#[test]
fn a_page_has_all_kinds_and_the_one_asked_for_first() {
    let trace = path("go1.27/gc.trace");
    let page = output(&["profile", "--kind", "gc", "--format", "html", &trace]);
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("gc.trace</title>"));
    let flame = &page_data(&page)["flame"];
    assert!(flame["texts"].to_string().contains("main."), "{flame}");
    assert_eq!(flame["profiles"][flame["first"].as_u64().expect("a number") as usize]["kind"], "gc");
    let beside_spans = output(&["spans", "--format", "html", &trace]);
    assert!(page_data(&beside_spans)["flame"].to_string().contains("\"kind\":\"off-cpu\""));
    let several = run(&["profile", "--kind", "gc,cpu", &trace], b"");
    assert!(!several.status.success() && errors(&several).contains("one --kind"), "{}", errors(&several));
}

#[test]
fn otlp_is_one_line_of_the_service() {
    let mut program = converter();
    program.args(["profile", "--kind", "cpu", "--format", "otlp", &path("go1.27/http.trace")]);
    let written = program.env("OTEL_SERVICE_NAME", "shop").output().expect("output");
    let written = String::from_utf8(written.stdout).expect("UTF-8");
    assert_eq!(written.lines().count(), 1);
    let request: Value = serde_json::from_str(&written).expect("JSON");
    let resource = &request["resourceProfiles"][0];
    assert!(resource["resource"]["attributes"].to_string().contains("shop"), "{resource}");
    let scope = &resource["scopeProfiles"][0];
    assert_eq!(scope["scope"]["name"], "gotrace.profile.cpu");
    let strings = request["dictionary"]["stringTable"].as_array().expect("strings");
    assert!(strings[0] == "" && strings.iter().any(|text| text == "nanoseconds"));
    let samples = scope["profiles"][0]["samples"].as_array().expect("samples");
    assert!(samples.len() > 10 && samples.iter().all(|sample| sample["values"][0].is_string()));
    let nothing = output(&["profile", "--kind", "samples", "--format", "otlp", &path("go1.27/http.trace")]);
    assert_eq!(nothing, "");
}

#[test]
fn snapshots_in_any_order_count_once() {
    let names = [0, 1, 2, 3].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let profile = |order: &[usize]| {
        let files = order.iter().map(|&place| names[place].as_str());
        output(&["profile", "--format", "folded"].into_iter().chain(files).collect::<Vec<_>>())
    };
    let expected = profile(&[0, 1, 2, 3]);
    assert!(expected.lines().count() > 5, "{expected}");
    for order in [&[3, 2, 1, 0][..], &[0, 0, 1, 1, 2, 3, 3], &[1, 3, 0, 2]] {
        assert_eq!(profile(order), expected, "{order:?}");
    }
}

#[test]
fn streams_of_traces_are_read() {
    let shown = output(&["profile", "--kind", "cpu", &path("fork/stream.bin")]);
    assert!(shown.starts_with("cpu: ") && shown.contains("main."), "{shown}");
}

#[test]
fn failures_are_told_and_what_precedes_them_is_shown() {
    let missing = run(&["profile", "/nowhere/at.all"], b"");
    assert!(!missing.status.success() && missing.stdout.is_empty());
    assert!(errors(&missing).contains("/nowhere/at.all"), "{}", errors(&missing));
    let trace = bytes_of("go1.27/generations.trace");
    let cut = &trace[..trace.len() * 2 / 3];
    let salvaged = run(&["profile", "-"], cut);
    assert!(salvaged.status.success() && errors(&salvaged).contains("warning"), "{}", errors(&salvaged));
    let strict = run(&["profile", "--strict", "-"], cut);
    assert!(!strict.status.success(), "{}", errors(&strict));
    assert!(String::from_utf8_lossy(&strict.stdout).starts_with("off-cpu: "));
    let nothing = run(&["profile", "-"], b"no trace");
    assert!(!nothing.status.success() && nothing.stdout.is_empty(), "{}", errors(&nothing));
    let same = testdata("go1.27/gc.trace");
    let same = same.to_str().expect("UTF-8");
    assert!(errors(&run(&["profile", "--out", same, same], b"")).contains("is an input"));
}

/// What a table sums up to, in nanoseconds as folded stacks have it.
fn weight(arguments: &[&str]) -> u64 {
    let folded = output(&[&["profile", "--format", "folded"], arguments].concat());
    folded
        .lines()
        .map(|line| line.rsplit_once(' ').expect("a weight").1.parse::<u64>().expect("a number"))
        .sum()
}

#[test]
fn only_the_time_within_spans_of_a_name_is_shown_where_asked() {
    let trace = path("go1.27/context.trace");
    let within = |name, kind| weight(&["--span", name, "--kind", kind, &trace]);
    let spans = output(&["otlp", &trace]);
    let request: Value = serde_json::from_str(spans.lines().next().expect("a line")).expect("JSON");
    let scopes = request["resourceSpans"][0]["scopeSpans"].as_array().expect("scopes");
    let spans: Vec<&Value> =
        scopes.iter().flat_map(|scope| scope["spans"].as_array().expect("spans")).collect();
    for name in ["GET /orders", "query", "datadog span"] {
        let span = spans.iter().find(|span| span["name"] == name).expect("it is there");
        let time = |key: &str| span[key].as_str().expect("a time").parse::<u64>().expect("a number");
        let duration = time("endTimeUnixNano") - time("startTimeUnixNano");
        assert_eq!(within(name, "cpu") + within(name, "off-cpu"), duration, "{name}");
    }
    assert!(within("query", "off-cpu") < weight(&[&trace]));
    let unknown = run(&["profile", "--span", "GET /other", &trace], b"");
    assert!(!unknown.status.success() && unknown.stdout.is_empty());
    let told = errors(&unknown);
    assert!(
        told.contains("no span is called GET /other; there are: ") && told.contains("GET /orders"),
        "{told}"
    );
    let none = errors(&run(&["profile", "--span", "any", &path("go1.27/empty.trace")], b""));
    assert!(none.contains("no span is called any"), "{none}");
}

#[test]
fn samples_of_spans_are_labelled_where_spans_are_asked_for() {
    let trace = path("go1.27/context.trace");
    let labels = |arguments: &[&str]| {
        let pprof = run(&[&["profile", "--format", "pprof"], arguments, &[&*trace]].concat(), b"");
        let pprof = gunzipped(&pprof.stdout);
        pprof.windows(7).any(|bytes| bytes == b"span_id")
    };
    assert!(labels(&["--span", "GET /orders"]) && !labels(&[]));
    let request: Value =
        serde_json::from_str(&output(&["profile", "--kind", "cpu", "--format", "otlp", &trace]))
            .expect("JSON");
    let links = request["dictionary"]["linkTable"].as_array().expect("links");
    // The program wrote it down.
    assert!(links.iter().any(|link| link["spanId"] == "b7ad6b7169203331"), "{links:?}");
}

#[test]
fn windows_that_meet_have_all_there_is() {
    let trace = path("go1.27/http.trace");
    for kind in ["off-cpu", "cpu", "scheduler"] {
        let part = |arguments: &[&str]| weight(&[arguments, &["--kind", kind, &trace]].concat());
        let parts =
            [part(&["--to", "700us"]), part(&["--from", "700us", "--to", "1ms"]), part(&["--from", "1ms"])];
        assert_eq!(parts.iter().sum::<u64>(), part(&[]), "{parts:?}");
        assert!(parts.iter().all(|&part| part > 0), "{parts:?}");
    }
    // A trace without a clock begins when the user says so.
    let old = path("go1.24/http.trace");
    let at = |from: &str| run(&["profile", "--base-time", "2026-01-01T00:00:00Z", "--from", from, &old], b"");
    assert!(at("2026-01-01T00:00:00Z").status.success());
    let late = errors(&at("2026-01-01T00:01:00Z"));
    assert!(
        late.contains("nothing was recorded between --from and --to") && late.contains("2026-01-01 00:00:00"),
        "{late}"
    );
    let refused = |arguments: &[&str]| {
        let output = run(&[&["profile", &*trace], arguments].concat(), b"");
        assert!(!output.status.success() && output.stdout.is_empty());
        errors(&output)
    };
    assert!(refused(&["--from", "2s", "--to", "1s"]).contains("--from is behind --to"));
    assert!(refused(&["--from", "1h"]).contains("the recording begins at 2026-"));
    assert!(refused(&["--to", "noon"]).contains("write how long after the beginning"));
}

#[test]
fn the_runtime_s_own_waiting_is_shown_where_asked() {
    let trace = path("go1.27/gc.trace");
    let (shown, all) = (output(&["profile", &trace]), output(&["profile", "--runtime-waits", &trace]));
    assert!(
        shown.contains("waits of the runtime's own goroutines") && !shown.contains("runtime.gcBgMarkWorker"),
        "{shown}"
    );
    assert!(all.contains("runtime.gcBgMarkWorker") && !all.contains("runtime's own"), "{all}");
    // What they did is in the other profiles.
    assert!(output(&["profile", "--kind", "cpu", &trace]).contains("runtime.gcBgMarkWorker"));
}
