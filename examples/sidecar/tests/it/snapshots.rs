//! Ring-buffer snapshots of one process overlap, spans cross them, and the sidecar is ended between them.

use opentelemetry_proto::tonic::metrics::v1::{NumberDataPoint, metric::Data};
use rustix::process::Signal;

use crate::{
    receiver::{Receiver, Request},
    sidecar::{Home, Sidecar},
    truth::{self, Truth, assert_once, assert_same},
};

const FLIGHTS: [(&str, usize); 7] = [
    ("go1.25/flight-whole", 4),
    ("go1.26/flight-whole", 4),
    ("go1.27/flight-whole", 4),
    ("go1.25/flight", 4),
    ("go1.26/flight", 4),
    ("go1.27/flight", 4),
    ("fork/flight", 3),
];

fn service(flight: &str) -> String {
    flight.replace('/', "-")
}

/// The snapshots appear one by one, the n-th of all processes together; `between` ends the program each time.
fn one_by_one(receiver: &Receiver, home: &Home, mut between: impl FnMut(Sidecar)) {
    for number in 0..4 {
        let sidecar = home.start();
        let mut files = 0;
        for (flight, count) in FLIGHTS {
            if number < count {
                let bytes = truth::read(&format!("{flight}.{number}.trace"));
                home.put(&format!("{}/{number}.trace", service(flight)), &bytes);
                files += 1;
            }
        }
        sidecar.until_delivered(files);
        between(sidecar);
    }
    // What ended in time is there, and nothing of what did not.
    for (flight, count) in FLIGHTS {
        let truth = Truth::of_snapshots(&truth::snapshots(flight, count));
        assert_once(&receiver.spans_of(&service(flight)), &truth.ended, flight);
    }
    home.once();
    for (flight, count) in FLIGHTS {
        let truth = Truth::of_snapshots(&truth::snapshots(flight, count));
        assert_once(&receiver.spans_of(&service(flight)), &truth.all(), flight);
    }
}

#[test]
fn each_span_goes_out_once_and_whole_though_the_program_is_ended_between() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    one_by_one(&receiver, &home, |sidecar| drop(sidecar.terminate()));
}

#[test]
fn each_span_goes_out_once_and_whole_though_the_program_is_killed_between() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver);
    home.edit("settle", "after = \"delete\"\nsettle");
    one_by_one(&receiver, &home, Sidecar::kill);
    assert!(home.contents("traces").is_empty());
}

/// All at once, in any order of their names and times.
#[test]
fn snapshots_are_taken_in_the_order_of_their_recording() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    for (flight, count) in FLIGHTS {
        for (number, bytes) in truth::snapshots(flight, count).iter().enumerate().rev() {
            home.put(&format!("{}/{}.trace", service(flight), 9 - number), bytes);
        }
    }
    home.once();
    for (flight, count) in FLIGHTS {
        let truth = Truth::of_snapshots(&truth::snapshots(flight, count));
        assert_once(&receiver.spans_of(&service(flight)), &truth.all(), flight);
    }
}

/// Several processes write into one folder, and nothing but the traces tells them apart.
#[test]
fn processes_of_one_service_are_told_apart() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let mut truth = Vec::new();
    for (flight, count) in FLIGHTS {
        for (number, bytes) in truth::snapshots(flight, count).iter().enumerate() {
            home.put(&format!("all/{number}-{}.trace", service(flight)), bytes);
        }
        truth.extend(Truth::of_snapshots(&truth::snapshots(flight, count)).all());
    }
    home.once();
    assert_same(&receiver.spans_of("all"), &truth, "all");
}

/// What is open goes out as incomplete when its process has been silent for long enough.
#[test]
fn open_spans_are_let_out_at_the_deadline() {
    let receiver = Receiver::start();
    let mut home = Home::new(&receiver).top("open_span_deadline = \"1h\"");
    let snapshots = truth::snapshots("go1.27/flight-whole", 2);
    let truth = Truth::of_snapshots(&snapshots);
    assert!(!truth.open.is_empty());
    snapshots
        .iter()
        .enumerate()
        .for_each(|(number, bytes)| drop(home.put(&format!("a/{number}.trace"), bytes)));
    let sidecar = home.start();
    sidecar.until_delivered(2);
    assert_once(&receiver.spans_of("a"), &truth.ended, "a");
    // Both are there: whatever the time is, there is nothing more to come.
    home.edit("open_span_deadline = \"1h\"", "open_span_deadline = \"1ms\"");
    sidecar.signal(Signal::HUP);
    sidecar.until("the open spans come", || receiver.span_count() >= truth.all().len());
    assert_once(&receiver.spans_of("a"), &truth.all(), "a");
    sidecar.terminate();
    home.once();
    assert_once(&receiver.spans_of("a"), &truth.all(), "a");
}

/// Two replicas on one machine, each alone with its threads, write into one folder at the same time: threads, numbers and
/// clocks are the same, and only what their snapshots repeat tells them apart.
#[test]
fn replicas_are_told_apart_by_what_their_snapshots_repeat() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let mut truth = Vec::new();
    for replica in 0..2 {
        let snapshots = [1..4, 2..6, 4..8].map(|numbers| {
            crate::make::trace(7, replica * 1000, numbers, |number, script| {
                script.begin(number, &format!("replica {replica} task {number}"));
                if number > 1 {
                    script.end(number - 1);
                }
            })
        });
        for (number, snapshot) in snapshots.iter().enumerate() {
            home.put(&format!("a/{replica}-{number}.trace"), snapshot);
        }
        truth.extend(Truth::of_snapshots(&snapshots).all());
    }
    home.once();
    assert_once(&receiver.spans_of("a"), &truth, "a");
}

/// The points of a sum that came, in the order of their times.
fn points(receiver: &Receiver, name: &str) -> Vec<NumberDataPoint> {
    let metrics = receiver.requests().iter().flat_map(Request::metrics).collect::<Vec<_>>();
    let data = metrics.into_iter().filter(|metric| metric.name == name).filter_map(|metric| metric.data);
    let mut points: Vec<_> = data
        .flat_map(|data| match data {
            Data::Sum(sum) => sum.data_points,
            other => panic!("{name} is {other:?}"),
        })
        .collect();
    points.sort_by_key(|point| point.time_unix_nano);
    points
}

/// Of snapshots that overlap, each generation is counted once, and sums count from the first one, though the program is ended
/// between: as if all had been one file.
#[test]
fn metrics_go_on_from_file_to_file() {
    const GENERATIONS: usize = 10;
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    for (number, bytes) in truth::snapshots("go1.27/flight-whole", 4).iter().enumerate() {
        home.put(&format!("a/{number}.trace"), bytes);
        let sidecar = home.start_with(&["--signals", "metrics"]);
        sidecar.until_delivered(1);
        sidecar.terminate();
    }
    let cycles = points(&receiver, "go.memory.gc.cycles");
    assert_eq!(cycles.len(), GENERATIONS);
    for pair in cycles.windows(2) {
        assert!(pair[0].time_unix_nano <= pair[1].start_time_unix_nano, "{pair:#?}");
    }
    for name in ["go.goroutine.count", "go.processor.limit"] {
        let sums = points(&receiver, name);
        assert_eq!(sums.len(), GENERATIONS, "{name}");
        let since = |point: &NumberDataPoint| point.start_time_unix_nano == cycles[0].start_time_unix_nano;
        assert!(sums.iter().all(since), "{name}: {sums:#?}");
    }
}
