//! The verb `stats`.

use crate::common::{Process, bytes_of, errors, output, page_data, path, records, run};
use serde_json::{Value, json as made};

fn json(arguments: &[&str]) -> Value {
    let written = output(&[&["stats", "--json"], arguments].concat());
    serde_json::from_str(&written).unwrap_or_else(|error| panic!("{error}: {written}"))
}

#[test]
fn the_page_tells_of_a_recording() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/go1.27");
    let page = |name: &str| {
        let page = output(&["stats", "--top", "4", &folder.join(name).display().to_string()]);
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        assert!(!page.contains('\u{1b}'), "no colours but on a terminal");
        page.replace(&format!("{}/", folder.display()), "")
    };
    insta::assert_snapshot!("http", page("http.trace"));
    insta::assert_snapshot!("gc", page("gc.trace"));
}

#[test]
fn colours_are_there_where_they_are_wanted() {
    let page = output(&["stats", "--color", "always", &path("go1.27/http.trace")]);
    assert!(page.contains("\u{1b}[1m"), "{page}");
    let wide = output(&["stats", "--width", "200", "--top", "100", "--runtime", &path("go1.27/http.trace")]);
    assert!(wide.contains("runtime.bgsweep") && !wide.contains("(--top)"), "{wide}");
}

#[test]
fn json_has_everything_and_its_sums_hold() {
    let all = json(&[&path("go1.27/http.trace")]);
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value}"));
    assert!(all["go_versions"][0].as_str().is_some_and(|version| version.contains("1.27")), "{all}");
    let goroutines = all["goroutines"].as_array().expect("a list");
    for group in goroutines {
        let total = |key: &str| number(&group[key]["total"]);
        let waiting: u64 = group["waiting_nanoseconds"]
            .as_object()
            .expect("an object")
            .values()
            .map(|durations| number(&durations["total"]))
            .sum();
        let parts =
            total("running_nanoseconds") + total("runnable_nanoseconds") + total("syscall_nanoseconds");
        assert_eq!(parts + waiting, total("lifetime_nanoseconds"), "{group}");
        assert_eq!(number(&group["lifetime_nanoseconds"]["count"]), number(&group["count"]));
    }
    let running: u64 = goroutines.iter().map(|group| number(&group["running_nanoseconds"]["total"])).sum();
    let buckets = all["scheduler"]["buckets"].as_array().expect("a list");
    assert_eq!(running, buckets.iter().map(|bucket| number(&bucket["running_nanoseconds"])).sum::<u64>());
    let server = |span: &&Value| span["kind"] == "server";
    let request = all["spans"].as_array().expect("a list").iter().find(server).expect("requests");
    assert!(request["per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{request}");
    let utilisation = all["utilisation"].as_f64().expect("procs are told");
    assert!((0.0..=1.0).contains(&utilisation), "{utilisation}");
}

#[test]
fn files_are_added_up_or_told_apart() {
    let (one, other) = (path("go1.27/http.trace"), path("go1.26/gc.trace"));
    let (both, apart) = (json(&[&one, &other]), json(&["--per-file", &one, &other]));
    let [first, second] = &apart.as_array().expect("a list")[..] else { panic!("{apart}") };
    assert_eq!((first, second), (&json(&[&one]), &json(&[&other])));
    for key in ["duration_nanoseconds", "processes"] {
        let sum = first[key].as_u64().zip(second[key].as_u64()).map(|(one, other)| one + other);
        assert_eq!(both[key].as_u64(), sum, "{key}");
    }
    // Snapshots of one process are one.
    let snapshots = [0, 1, 2].map(|number| path(&format!("go1.27/flight.{number}.trace")));
    let together = json(&[&snapshots[2], &snapshots[0], &snapshots[1]]);
    assert_eq!(together["processes"], 1);
}

#[test]
fn tables_have_a_cell_for_each_column() {
    let trace = path("go1.27/gc.trace");
    for table in ["goroutines", "spans", "waits", "wakeups", "timeline", "collections", "pauses"] {
        let written = output(&["stats", "--csv", table, &trace]);
        let lines = records(&written, "\r\n");
        assert!(lines.len() > 1, "{table}: {written}");
        assert!(lines.iter().all(|cells| cells.len() == lines[0].len()), "{table}: {written}");
        let named = records(&output(&["stats", "--csv", table, "--per-file", &trace]), "\r\n");
        assert!(named[0][0] == "file" && named[1][0] == trace, "{named:?}");
        assert_eq!(named[1][1..], lines[1][..]);
    }
}

#[test]
fn what_was_lost_is_told_and_the_rest_added_up() {
    let trace = crate::common::bytes_of("go1.27/http.trace");
    let cut = &trace[..trace.len() - 3_000];
    let written = run(&["stats", "--json", "-"], cut);
    assert!(
        written.status.success() && errors(&written).contains("warning: standard input"),
        "{}",
        errors(&written)
    );
    let all: Value = serde_json::from_slice(&written.stdout).expect("JSON");
    assert!(all["goroutines"].as_array().is_some_and(|groups| !groups.is_empty()), "{all}");
    let strict = run(&["stats", "--strict", "-"], cut);
    assert!(!strict.status.success(), "{}", errors(&strict));
    let nothing = run(&["stats", "-"], b"no trace");
    assert!(!nothing.status.success() && nothing.stdout.is_empty(), "{}", errors(&nothing));
}

/// Neither JSON nor a page has anything in it that controls a terminal, and data are as they were.
#[test]
fn names_cannot_control_a_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let hostile = "=1+1 \u{7f}\u{9b}31m\u{202e}\u{200b}é漢";
    let mut process = Process::new(1);
    process.task(1, 0, hostile, (10_000, 20_000), &[]);
    let file = process.write(folder.path(), "made");
    let controls = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
    for arguments in [&["stats", "--json", &file][..], &["stats", &file], &["diff", &file, &file]] {
        let written = output(arguments);
        assert!(written.contains("é漢") && !written.contains(controls), "{arguments:?}: {written:?}");
    }
    let name = json(&[&file])["spans"][0]["name"].as_str().expect("a name").to_owned();
    assert!(name.ends_with("\u{202e}\u{200b}é漢"), "{name:?}");
    let lines = records(&output(&["stats", "--csv", "spans", &file]), "\r\n");
    assert_eq!(lines[1][2], name);
}

#[test]
fn spans_are_told_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Process::new(1);
    for (id, length) in (1..=4).zip([100, 200, 300, 1_000]) {
        process.task(id, 0, "order, or \"so\"", (id * 10_000, id * 10_000 + length), &[]);
    }
    let file = process.write(folder.path(), "made");
    let all = json(&[&file]);
    let [span] = &all["spans"].as_array().expect("a list")[..] else { panic!("{all}") };
    assert_eq!(
        (&span["scope"], &span["count"], &span["errors"]),
        (&"gotrace.task".into(), &4.into(), &0.into())
    );
    let durations = &span["duration_nanoseconds"];
    assert_eq!(
        (&durations["total"], &durations["min"], &durations["max"]),
        (&1600.into(), &100.into(), &1000.into())
    );
    let lines = records(&output(&["stats", "--csv", "spans", &file]), "\r\n");
    assert_eq!((lines[0][2].as_str(), lines[1][2].as_str()), ("name", "order, or \"so\""));
}

/// A part is told of as if no more had been recorded, and two parts that meet are the whole.
#[test]
fn a_part_of_a_recording_is_told_of_by_itself() {
    let trace = path("go1.27/http.trace");
    let whole = json(&[&trace]);
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{value}"));
    let (start, duration) =
        (number(&whole["start_unix_nanoseconds"]), number(&whole["duration_nanoseconds"]));
    let half = format!("{}ns", duration / 2);
    let parts = [json(&["--to", &half, &trace]), json(&["--from", &half, &trace])];
    let starts = parts.each_ref().map(|part| number(&part["start_unix_nanoseconds"]));
    assert_eq!(starts, [start, start + duration / 2]);
    let running = |all: &Value| -> u64 {
        let groups = all["goroutines"].as_array().expect("a list").iter();
        groups.map(|group| number(&group["running_nanoseconds"]["total"])).sum()
    };
    assert_eq!(parts.iter().map(|part| number(&part["duration_nanoseconds"])).sum::<u64>(), duration);
    assert_eq!(parts.iter().map(running).sum::<u64>(), running(&whole));
    let of_day = jiff::Timestamp::from_nanosecond((start + duration / 2).into()).expect("a time").to_string();
    assert_eq!(json(&["--from", &of_day, &trace]), parts[1]);
    let page = output(&["stats", "--from", "500us", "--to", "1ms", &trace]);
    assert!(page.lines().nth(1).is_some_and(|about| about.contains(" 500 µs from ")), "{page}");
    // Each file by itself begins at its own beginning.
    let other = path("go1.26/http.trace");
    let apart = json(&["--per-file", "--to", "1ms", &trace, &other]);
    let durations: Vec<_> =
        apart.as_array().expect("a list").iter().map(|part| number(&part["duration_nanoseconds"])).collect();
    assert_eq!(durations, [1_000_000, 1_000_000]);
}

#[test]
fn a_part_with_nothing_in_it_is_an_error() {
    let trace = path("go1.27/http.trace");
    for (verb, files) in [("stats", &[trace.as_str()][..]), ("diff", &[&trace, &trace])] {
        let nothing = run(&[&[verb, "--from", "1h"], files].concat(), b"");
        assert!(nothing.status.code() == Some(1) && nothing.stdout.is_empty(), "{}", errors(&nothing));
        assert!(errors(&nothing).contains("nothing was recorded between"), "{}", errors(&nothing));
        let backwards = run(&[&[verb, "--from", "2s", "--to", "1s"], files].concat(), b"");
        assert!(errors(&backwards).contains("--from is behind --to"), "{}", errors(&backwards));
        let moment = run(&[&[verb, "--from", "1ms", "--to", "1ms"], files].concat(), b"");
        assert!(moment.status.code() == Some(1) && moment.stdout.is_empty(), "{}", errors(&moment));
        assert!(errors(&moment).contains("the same moment"), "{}", errors(&moment));
    }
}

#[test]
fn a_file_with_nothing_in_the_part_is_named_and_the_others_are_told_of() {
    let [short, long] = ["go1.27/allocfree.trace", "go1.27/gc.trace"].map(path);
    let apart = run(&["stats", "--json", "--per-file", "--from", "30ms", &short, &long], b"");
    assert!(apart.status.success(), "{}", errors(&apart));
    let told: Value = serde_json::from_slice(&apart.stdout).expect("JSON");
    assert_eq!(told.as_array().expect("a list").len(), 1, "{told}");
    assert!(errors(&apart).contains(&format!("{short}: nothing was recorded between")), "{}", errors(&apart));
    let none = run(&["stats", "--per-file", "--from", "1h", &short, &long], b"");
    assert!(none.status.code() == Some(1) && none.stdout.is_empty(), "{}", errors(&none));
    let diff = run(&["diff", "--from", "30ms", &long, &short], b"");
    assert!(errors(&diff).contains(&format!("{short}: nothing was recorded between")), "{}", errors(&diff));
}

/// The page's overview is of all spans in the window, whichever of them it shows, and has the same figures.
#[test]
fn a_page_of_spans_opens_on_the_same_figures() {
    let trace = path("go1.27/http.trace");
    for window in [&[][..], &["--from", "500us", "--to", "1ms"]] {
        let all = json(&[window, &[trace.as_str()]].concat());
        let page =
            output(&[&["spans", "--format", "html", "--top", "1"], window, &[trace.as_str()]].concat());
        let overview = &page_data(&page)["overview"];
        assert_eq!(overview["duration"], all["duration_nanoseconds"]);
        assert!(overview["spans"].as_u64() > page_data(&page)["columns"]["count"].as_u64(), "{overview}");
        assert!(overview["about"].as_str().is_some_and(|about| about.contains("2 procs")), "{overview}");
        let rows = |table: &str| overview[table]["rows"].as_array().expect("rows").clone();
        let spans = all["spans"].as_array().expect("a list");
        let named: Vec<_> = spans.iter().filter(|span| span["scope"] != "gotrace.range").collect();
        let shown = [rows("requests"), rows("tasks")].concat();
        assert_eq!(shown.len(), named.len());
        for row in &shown {
            let is_it = |span: &&&Value| span["name"] == row["name"] && span["count"] == row["count"];
            let figures =
                &named.iter().find(is_it).unwrap_or_else(|| panic!("{row}"))["duration_nanoseconds"];
            assert_eq!(
                row["durations"],
                made!([figures["p50"], figures["p95"], figures["p99"], figures["max"]])
            );
        }
        let groups = all["goroutines"].as_array().expect("a list");
        for row in rows("groups") {
            let group = groups.iter().find(|group| group["function"] == row["name"]).expect("a group");
            let running = &group["running_nanoseconds"];
            assert_eq!(row["times"][0], made!([running["total"], running["p50"], running["p99"]]));
        }
    }
    let without = output(&["spans", "--format", "html", "--no-overview", &trace]);
    assert!(page_data(&without)["overview"].is_null());
    let correlated =
        output(&["spans", "--format", "html", "--correlate", &trace, &path("go1.26/http.trace")]);
    assert!(
        page_data(&correlated)["overview"]["about"]
            .as_str()
            .is_some_and(|about| about.contains("2 processes"))
    );
}

/// A trace on standard input needs no name.
#[test]
fn standard_input_is_read_where_no_file_is_named() {
    let trace = bytes_of("go1.27/http.trace");
    let told = |arguments: &[&str]| run(arguments, &trace);
    assert_eq!(told(&["stats"]).stdout, told(&["stats", "-"]).stdout);
    assert!(told(&["stats"]).status.success());
}

/// Who sees that requests are slow is told how to find out why.
#[test]
fn slow_requests_have_a_way_to_their_reason() {
    let hint = "trace-converter spans --top 1 --critical-path FILE";
    assert!(output(&["stats", &path("zero-code/go1.27-libraries.trace")]).contains(hint));
    assert!(!output(&["stats", &path("go1.27/mutexes.trace")]).contains(hint));
}
