//! Traces that are posted.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use rustix::process::Signal;

use crate::{
    http::{Answer, get, post},
    receiver::{Receiver, Reply},
    sidecar::{Home, eventually, otlp},
    truth::{self, Truth, assert_once},
};

const TRACE: &str = "go1.27/tasks.trace";

/// A home that takes pushes, and tells of itself.
fn home(receiver: &Receiver, settings: &str) -> Home {
    Home::empty().with(&otlp(&receiver.endpoint())).listening(settings)
}

#[track_caller]
fn taken(answer: &std::io::Result<Answer>) {
    assert_eq!(answer.as_ref().unwrap().status, 202, "{answer:?}");
}

#[test]
fn a_trace_is_delivered_for_its_service() {
    let receiver = Receiver::start();
    let home = home(&receiver, "");
    let trace = truth::read(TRACE);
    let sidecar = home.start();
    let address = sidecar.push_address();
    taken(&post(address, "/?service=by-query&instance=7", "", &trace));
    taken(&post(address, "/any/path", "x-service: by-header\r\nx-instance: eight\r\n", &trace));
    taken(&post(address, "/", "", &trace));
    // Whole snapshots of one process, too.
    let snapshots = truth::snapshots("go1.27/flight-whole", 4);
    for snapshot in &snapshots {
        taken(&post(address, "/?service=flight", "", snapshot));
    }
    taken(&post(address, "/?service=zstd", "", &zstd::encode_all(&*trace, 3).unwrap()));
    sidecar.until("all are delivered", || home.contents("state/spool/whole").is_empty());
    sidecar.until_delivered(8);
    sidecar.terminate();
    home.once_without_source();
    let truth = Truth::of(&trace).all();
    for service in ["by-query", "by-header", "flightrecorder", "zstd"] {
        assert_once(&receiver.spans_of(service), &truth, service);
    }
    assert_once(&receiver.spans_of("flight"), &Truth::of_snapshots(&snapshots).all(), "flight");
    let instance = |service| {
        let spans = receiver.spans();
        let seen = spans.iter().find(|seen| seen.service() == service).unwrap();
        seen.resource.get("service.instance.id").cloned()
    };
    assert_eq!(
        (instance("by-query").as_deref(), instance("by-header").as_deref()),
        (Some("7"), Some("eight"))
    );
}

#[test]
fn what_is_not_taken_is_told_why() {
    let receiver = Receiver::start();
    let home = home(&receiver, "token = \"s3cret\"\nmax_bytes = \"30kB\"\n");
    let mut sidecar = home.start();
    let address = sidecar.push_address();
    let trace = truth::read(TRACE);
    let status = |headers: &str, body: &[u8]| post(address, "/", headers, body).unwrap().status;
    let right = "authorization: Bearer s3cret\r\n";
    assert_eq!(status("", &trace), 401);
    assert_eq!(status("authorization: Bearer s3cre\r\n", &trace), 401);
    assert_eq!(status("authorization: Bearer s3crets\r\n", &trace), 401);
    assert_eq!(status("authorization: Basic s3cret\r\n", &trace), 401);
    assert_eq!(status(right, b"<html>"), 415);
    assert_eq!(status(right, b""), 415);
    assert_eq!(status(right, b"go "), 415);
    let large = [&trace[..], &[0; 60_000]].concat();
    assert_eq!(status(right, &large), 413);
    assert_eq!(status(right, &[&trace[..], &[0; 9_000_000]].concat()), 413);
    let long = "x".repeat(300);
    assert_eq!(post(address, &format!("/?service={long}"), right, &trace).unwrap().status, 400);
    assert_eq!(get(address, "/").unwrap().status, 405);
    assert!(home.contents("state/spool").is_empty());
    assert_eq!(status(right, &trace), 202);
    sidecar.until_delivered(1);
    assert!(sidecar.is_alive());
    let log = sidecar.terminate().join("\n");
    assert!(!log.contains("s3cret"), "{log}");
    assert_once(&receiver.spans_of("flightrecorder"), &Truth::of(&trace).ended, "it");
}

/// Half a trace is none.
#[test]
fn who_hangs_up_in_the_middle_leaves_nothing() {
    let receiver = Receiver::start();
    let home = home(&receiver, "");
    let sidecar = home.start();
    let address = sidecar.push_address();
    let trace = truth::read(TRACE);
    let head =
        format!("POST /?service=cut HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n", trace.len());
    for length in [0, 10, 100, trace.len() - 1] {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(&[head.as_bytes(), &trace[..length]].concat()).unwrap();
        // By chunks, the end of which never comes.
        let mut other = TcpStream::connect(address).unwrap();
        let head = "POST /?service=cut HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("{length:x}\r\n");
        other.write_all(&[head.as_bytes(), chunk.as_bytes(), &trace[..length], b"\r\n"].concat()).unwrap();
    }
    taken(&post(address, "/?service=whole", "", &trace));
    sidecar.until_delivered(1);
    eventually("nothing is left", || home.contents("state/spool").is_empty());
    sidecar.terminate();
    home.once_without_source();
    assert_eq!(receiver.spans_of("cut"), []);
    assert_once(&receiver.spans_of("whole"), &Truth::of(&trace).all(), "whole");
}

/// The receiver is away and the spool is full: whoever posts is told to come back, and what was taken stays.
#[test]
fn a_full_spool_blocks() {
    let receiver = Receiver::with(|_, _, _| Reply::Refuse(503, ""));
    let trace = truth::read(TRACE);
    let home = home(&receiver, &format!("[spool]\nmax_bytes = {}\n", trace.len() * 5 / 2));
    let sidecar = home.start();
    let address = sidecar.push_address();
    taken(&post(address, "/?service=0", "", &trace));
    taken(&post(address, "/?service=1", "", &trace));
    let answer = post(address, "/?service=2", "", &trace).unwrap();
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after:"), "{}", answer.head);
    // A new start finds it as full as it was.
    sidecar.kill();
    receiver.until_left();
    let sidecar = home.start();
    let address = sidecar.push_address();
    assert_eq!(post(address, "/?service=3", "", &trace).unwrap().status, 503);
    receiver.answer(|_, _, _| Reply::Accept);
    sidecar.until_delivered(2);
    taken(&post(address, "/?service=4", "", &trace));
    sidecar.until_delivered(3);
    sidecar.terminate();
    for (service, is_there) in [("0", true), ("1", true), ("2", false), ("3", false), ("4", true)] {
        let truth = if is_there { Truth::of(&trace).ended } else { Vec::new() };
        assert_once(&receiver.spans_of(service), &truth, service);
    }
}

#[test]
fn a_full_spool_gives_up_the_oldest_and_counts_it() {
    let receiver = Receiver::with(|_, _, _| Reply::Refuse(503, ""));
    let trace = truth::read(TRACE);
    // More than can be under way at once: the worker's, the courier's and those between.
    let most = trace.len() * 13 / 2;
    let home = home(&receiver, &format!("[spool]\nmax_bytes = {most}\nwhen_full = \"drop-oldest\"\n"));
    let sidecar = home.start();
    let address = sidecar.push_address();
    taken(&post(address, "/?service=0", "", &trace));
    // It is being delivered: what is under way is not given up.
    sidecar.until("it is under way", || receiver.count() > 0);
    for service in 1..12 {
        taken(&post(address, &format!("/?service={service}"), "", &trace));
    }
    let metrics = get(sidecar.telemetry_address(), "/metrics").unwrap().body;
    receiver.answer(|_, _, _| Reply::Accept);
    sidecar.until("all is delivered", || home.contents("state/spool/whole").is_empty());
    sidecar.terminate();
    let there: Vec<_> =
        (0..12).filter(|service| !receiver.spans_of(&service.to_string()).is_empty()).collect();
    assert!(there.contains(&11) && there.len() < 12, "{there:?}");
    let given_up = 12 - there.len();
    let line = format!("{{reason=\"traces given up because the spool was full\"}} {given_up}\n");
    assert!(metrics.contains(&line), "{given_up}: {metrics}");
    for service in there {
        assert_once(&receiver.spans_of(&service.to_string()), &Truth::of(&trace).ended, "one");
    }
}

/// One who sends slowly does not keep the program from ending, nor from delivering meanwhile: it would be waited for for an
/// hour.
#[test]
fn who_sends_slowly_keeps_nobody() {
    let receiver = Receiver::start();
    let home = home(&receiver, "body_timeout = \"1h\"\n").top("drain_timeout = \"1s\"");
    let sidecar = home.start();
    let address = sidecar.push_address();
    let trace = truth::read(TRACE);
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 999999\r\n\r\ngo 1.27 trace\0\0\0")
        .unwrap();
    taken(&post(address, "/?service=a", "", &trace));
    sidecar.until_delivered(1);
    sidecar.terminate();
    drop(slow);
}

/// A push under way when the program is told to end, or to read its settings again, is answered, and what was taken is
/// delivered.
#[test]
fn a_push_across_signals() {
    for (signal, words) in [(Signal::HUP, "told to read the settings again"), (Signal::TERM, "told to end")] {
        let receiver = Receiver::start();
        let mut home = home(&receiver, "body_timeout = \"1h\"\n").top("drain_timeout = \"1h\"");
        let mut sidecar = home.start();
        let address = sidecar.push_address();
        let trace = truth::read(TRACE);
        let mut slow = TcpStream::connect(address).unwrap();
        let length = trace.len();
        let head = format!("POST /?service=slow HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        let (first, second) = trace.split_at(length / 2);
        slow.write_all(&[head.as_bytes(), first].concat()).unwrap();
        sidecar.until("it is under way", || !home.contents("state/spool/incoming").is_empty());
        // Where nothing is new, nobody would be handed over to.
        home.edit("slow_retry = \"100ms\"", "slow_retry = \"200ms\"");
        sidecar.signal(signal);
        sidecar.until_it_says(words);
        slow.write_all(second).unwrap();
        let mut answer = [0; 12];
        slow.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 202");
        drop(slow);
        if signal == Signal::HUP {
            sidecar.until_it_says("the settings are read again");
            taken(&post(address, "/?service=later", "", &trace));
            sidecar.until_delivered(2);
            sidecar.terminate();
        } else {
            assert!(sidecar.wait().success());
        }
        home.once_without_source();
        assert_once(&receiver.spans_of("slow"), &Truth::of(&trace).all(), "slow");
    }
}
