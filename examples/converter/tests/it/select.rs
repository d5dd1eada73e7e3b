//! Which spans are shown and sent.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::common::{errors, output, page_data, path, run};

/// The spans of OTLP JSON lines: trace, name, start and duration in nanoseconds.
fn spans(lines: &str) -> Vec<(String, String, u64, u64)> {
    let mut found = Vec::new();
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for scope in line["resourceSpans"][0]["scopeSpans"].as_array().expect("scopes") {
            for span in scope["spans"].as_array().expect("spans") {
                let time =
                    |key: &str| span[key].as_str().expect("a time").parse::<u64>().expect("nanoseconds");
                let text = |key: &str| span[key].as_str().expect("a text").to_owned();
                let (start, end) = (time("startTimeUnixNano"), time("endTimeUnixNano"));
                found.push((text("traceId"), text("name"), start, end - start));
            }
        }
    }
    found
}

fn otlp(arguments: &[&str]) -> Vec<(String, String, u64, u64)> {
    spans(&output(&[&["otlp", &path("go1.27/http.trace")], arguments].concat()))
}

#[test]
fn names_and_traces_are_chosen() {
    let all = otlp(&[]);
    let of = |is_wanted: &dyn Fn(&str) -> bool| all.iter().filter(|span| is_wanted(&span.1)).count();
    let gets = of(&|name| name.starts_with("GET "));
    assert!(gets > 0 && gets < all.len());
    assert_eq!(otlp(&["--name", "GET *"]).len(), gets);
    assert_eq!(otlp(&["--name", "~order"]).len(), of(&|name| name.contains("order")));
    assert_eq!(
        otlp(&["--name", "GET *", "--name", "query order"]).len(),
        gets + of(&|name| name == "query order")
    );
    let (trace, ..) = &all[0];
    let traced = otlp(&["--trace-id", trace]);
    assert_eq!(traced.len(), all.iter().filter(|span| span.0 == *trace).count());
    let told = errors(&run(&["spans", "--name", "GET *", &path("go1.27/http.trace")], b""));
    assert!(told.contains("left out as asked: ") && told.contains(" spans of other names"), "{told}");
}

#[test]
fn a_window_is_chosen() {
    let all = otlp(&[]);
    let begin = all.iter().map(|span| span.2).min().expect("spans");
    let whole = otlp(&["--from", "0s", "--to", "1h"]);
    assert_eq!(whole.len(), all.len());
    // Times of day, as find prints them.
    let found = output(&["find", "--json", &path("go1.27/http.trace"), "duration>0"]);
    let first = found.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let moment = first.map(|span| span["start"].as_str().expect("a time").to_owned()).min().expect("a span");
    assert!(otlp(&["--to", &moment]).iter().all(|span| span.2 <= begin + 1_000));
    assert!(otlp(&["--from", "1h"]).is_empty());
    let backwards = run(&["spans", "--from", "2s", "--to", "1s", &path("go1.27/http.trace")], b"");
    assert!(!backwards.status.success() && errors(&backwards).contains("--from is behind --to"));
}

#[test]
fn the_slowest_traces_are_chosen_with_their_children() {
    let all = otlp(&["--keep", "custom,http"]);
    let mut longest: HashMap<&str, u64> = HashMap::new();
    for (trace, _, _, duration) in &all {
        let known = longest.entry(trace).or_default();
        *known = (*known).max(*duration);
    }
    let mut traces: Vec<_> = longest.iter().map(|(trace, duration)| (*duration, *trace)).collect();
    traces.sort_unstable_by(|one, other| other.cmp(one));
    let slowest: BTreeSet<&str> = traces.iter().take(2).map(|(_, trace)| *trace).collect();
    let top = otlp(&["--keep", "custom,http", "--top", "2"]);
    assert_eq!(top.iter().map(|span| span.0.as_str()).collect::<BTreeSet<_>>(), slowest);
    assert_eq!(top.len(), all.iter().filter(|span| slowest.contains(span.0.as_str())).count());
    let (second, third) = (traces[1].0, traces[2].0);
    assert!(second > third);
    let slow = otlp(&["--keep", "custom,http", "--slower-than", &format!("{third}ns"), "--sort", "start"]);
    assert!(!slow.is_empty() && slow.iter().all(|span| slowest.contains(span.0.as_str())));
}

#[test]
fn trees_are_sorted_by_how_long_they_took() {
    let shown = output(&["spans", "--sort", "duration", "--top", "3", &path("go1.27/http.trace")]);
    assert!(shown.ends_with("in 3 traces\n"), "{shown}");
    let timeline = run(&["spans", "--format", "chrome", "--top", "3", &path("go1.27/http.trace")], b"");
    assert!(errors(&timeline).contains("are for trees and pages"), "{}", errors(&timeline));
    let logs = run(&["otlp", "--signals", "logs", "--top", "3", &path("go1.27/http.trace")], b"");
    assert!(errors(&logs).contains("are for traces"), "{}", errors(&logs));
}

#[test]
fn the_slowest_of_several_processes_are_chosen_together() {
    let files = [path("go1.27/http.trace"), path("go1.27/tasks.trace")];
    let count = |arguments: &[&str]| {
        let lines = output(&[&["otlp", &files[0], &files[1]], arguments].concat());
        spans(&lines).into_iter().map(|span| span.0).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(count(&["--top", "3"]), 3);
    assert_eq!(count(&["--top", "3", "--correlate"]), 3);
}

/// What the runtime did meanwhile is on a page whichever spans are chosen, as far as it was in the window.
#[test]
fn the_lane_of_the_runtime_is_that_of_the_window() {
    let file = path("go1.27/gc.trace");
    let lane = |arguments: &[&str]| -> Vec<Value> {
        let page = output(&[&["spans", "--format", "html", &file], arguments].concat());
        page_data(&page)["lane"]["duration"].as_array().expect("durations").clone()
    };
    let all = lane(&[]);
    assert!(all.len() > 10, "{all:?}");
    for chosen in
        [&["--top", "1"][..], &["--name", "nobody"], &["--slower-than", "1h"], &["--sort", "duration"]]
    {
        assert_eq!(lane(chosen), all, "{chosen:?}");
    }
    let begin = lane(&["--top", "1", "--to", "5ms"]);
    assert!(!begin.is_empty() && begin.len() < all.len(), "{begin:?}");
}

#[test]
fn what_the_runtime_did_keeps_no_chosen_span_out() {
    let file = path("zero-code/go1.27-libraries.trace");
    for chosen in [&["--name", "socket connect"][..], &["--top", "1"]] {
        let page = output(&[&["spans", "--format", "html", "--max-spans", "1", &file], chosen].concat());
        let data = page_data(&page);
        assert_eq!(data["columns"]["count"], 1, "{chosen:?}");
        assert!(data["lane"]["duration"].as_array().is_some_and(|lane| lane.len() > 1), "{chosen:?}");
    }
}

/// Where nothing is what was asked for, that is what is said, and not that the trace holds nothing.
#[test]
fn nothing_chosen_is_not_nothing_recorded() {
    let file = path("go1.27/http.trace");
    for selection in [&["--name", "nope"][..], &["--slower-than", "1h"], &["--from", "1h"]] {
        let tree = output(&[&["spans", &file], selection].concat());
        assert!(tree.contains("none of those that the trace holds is what was asked for"), "{tree}");
        let page = output(&[&["spans", "--format", "html", &file], selection].concat());
        assert!(!page_data(&page).to_string().contains("holds no task"), "{selection:?}");
    }
}
