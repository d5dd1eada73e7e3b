//! Several traces in one file, each behind its own header, and wall clocks that are set between two of them.

use std::collections::BTreeMap;

use crate::{
    make,
    receiver::Receiver,
    sidecar::Home,
    truth::{self, Truth, assert_once},
};

/// Of different processes, versions and dialects.
const TRACES: [&str; 4] =
    ["go1.22/tasks.trace", "fork/sql.trace", "go1.27/http.trace", "go1.24/regions.trace"];

#[test]
fn each_trace_of_a_file_is_of_its_own_process() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let traces = TRACES.map(truth::read);
    home.put("a/1.trace", &traces.concat());
    home.once();
    let truth: Vec<_> = traces.iter().flat_map(|trace| Truth::of(trace).all()).collect();
    assert_once(&receiver.spans_of("a"), &truth, "a");
    // Each goes out as what its own trace tells.
    let mut formats: BTreeMap<_, usize> = BTreeMap::new();
    for seen in receiver.spans() {
        let is_approximate = seen.resource.contains_key("gotrace.clock");
        *formats.entry((seen.resource["gotrace.format.version"].clone(), is_approximate)).or_default() += 1;
    }
    let mut expected: BTreeMap<_, usize> = BTreeMap::new();
    for (trace, format) in
        traces.iter().zip([("1.22", true), ("1.26", false), ("1.26", false), ("1.23", true)])
    {
        *expected.entry((format.0.to_owned(), format.1)).or_default() += Truth::of(trace).all().len();
    }
    assert_eq!(formats, expected);
    // What is known does not go out again, whatever file it stands in.
    home.put("a/2.trace", &[&traces[3][..], &traces[1]].concat());
    home.once();
    assert_once(&receiver.spans_of("a"), &truth, "a, again");
}

#[test]
fn appended_snapshots_are_those_in_files_of_their_own() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let flights = ["go1.25/flight-whole", "go1.27/flight-whole", "fork/flight"];
    for flight in flights {
        let snapshots = truth::snapshots(flight, if flight == "fork/flight" { 3 } else { 4 });
        home.put(&format!("{}/1.trace", flight.replace('/', "-")), &snapshots.concat());
    }
    home.once();
    for flight in flights {
        let snapshots = truth::snapshots(flight, if flight == "fork/flight" { 3 } else { 4 });
        let truth = Truth::of_snapshots(&snapshots).all();
        assert_once(&receiver.spans_of(&flight.replace('/', "-")), &truth, flight);
    }
}

/// A task begins in one snapshot and ends in the next, before which the wall clock is set and the program ended.
#[test]
fn a_span_goes_out_whole_however_the_wall_clock_is_set() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    const SECOND: i64 = 1_000_000_000;
    let steps = [0, -3 * SECOND, -60 * SECOND, 60 * SECOND, -86_400 * SECOND];
    let snapshots = |forward: i64| {
        let first = make::trace(7, 0, 1..3, |number, script| {
            if number == 2 {
                script.begin(1, "across");
            }
        });
        let second = make::trace_by_wall_clock(7, 0, forward, 3..4, |_, script| script.end(1));
        [first, second]
    };
    for (step, forward) in steps.into_iter().enumerate() {
        home.put(&format!("{step}/1.trace"), &snapshots(forward)[0]);
    }
    let sidecar = home.start();
    sidecar.until_delivered(steps.len());
    sidecar.terminate();
    for (step, forward) in steps.into_iter().enumerate() {
        home.put(&format!("{step}/2.trace"), &snapshots(forward)[1]);
    }
    home.once();
    let [steady] = &Truth::of_snapshots(&snapshots(0)).ended[..] else { panic!("one task") };
    for (step, forward) in steps.into_iter().enumerate() {
        let [span] = &receiver.spans_of(&step.to_string())[..] else { panic!("{forward}: one span") };
        let times = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
            (span.span_id.clone(), span.start_time_unix_nano, span.end_time_unix_nano)
        };
        assert_eq!(times(span), times(steady), "{forward}");
        assert!(span.attributes.iter().all(|attribute| attribute.key != "gotrace.incomplete"), "{forward}");
    }
}

/// Traces of so many processes, each of one span.
fn tiny(count: u32) -> Vec<Vec<u8>> {
    let trace = |thread: u32| {
        make::trace(thread.into(), u64::from(thread) * 10_000_000, 1..2, |_, script| {
            script.begin(1, "tiny");
            script.end(1);
        })
    };
    (1..=count).map(trace).collect()
}

/// However many processes have written into a file, what was known before is read once for it.
#[test]
fn a_file_of_hundreds_of_tiny_traces() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let traces = tiny(300);
    home.put("a/1.trace", &traces.concat());
    let output = home.run(&["--once"]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert_eq!(log.matches("its origin's processes are read").count(), 1);
    let truth: Vec<_> = traces.iter().flat_map(|trace| Truth::of(trace).all()).collect();
    assert_eq!(truth.len(), traces.len());
    assert_once(&receiver.spans_of("a"), &truth, "a");
}

#[test]
fn a_file_of_too_many_processes_is_put_aside() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    home.put("a/1.trace", &tiny(2049).concat());
    home.once();
    let reasons = home.reasons();
    assert!(reasons.len() == 1 && reasons[0].contains("more than 2048 processes"), "{reasons:?}");
}
