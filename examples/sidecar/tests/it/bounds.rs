//! Those who hold connections and do nothing with them, and those who come all at once.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Barrier,
    thread,
};

use rustix::process::Signal;

use crate::{
    http::{get, post},
    receiver::{Receiver, Reply},
    sidecar::{Home, Sidecar, otlp},
    truth::{self, Truth, assert_once},
};

const TRACE: &str = "go1.27/tasks.trace";

/// A home that takes pushes, and tells of itself.
fn home(receiver: &Receiver, push: &str) -> Home {
    Home::empty().with(&otlp(&receiver.endpoint())).listening(push)
}

fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(address).unwrap();
    // It may have been cut off already.
    let _ = connection.write_all(bytes);
    connection
}

fn descriptors(sidecar: &Sidecar) -> usize {
    fs::read_dir(format!("/proc/{}/fd", sidecar.pid())).unwrap().count()
}

/// However many begin and do not go on: whoever goes on is served, and delivery goes on.
#[test]
fn half_sent_requests_are_nobodys_harm() {
    const MOST: usize = 20;
    let receiver = Receiver::start();
    let home = home(&receiver, &format!("max_connections = {MOST}\n"));
    let sidecar = home.start();
    let (address, telemetry) = (sidecar.push_address(), sidecar.telemetry_address());
    let trace = truth::read(TRACE);
    let before = descriptors(&sidecar);
    let heads: Vec<_> =
        (0..10 * MOST).map(|_| connect(address, b"POST / HTTP/1.1\r\nHost: x\r\nX-A: ")).collect();
    let body = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 999999\r\n\r\ngo 1.27 trace\0\0\0";
    let bodies: Vec<_> = (0..2 * MOST).map(|_| connect(address, body)).collect();
    // Those who have begun with a body keep their place for a moment.
    let push = || post(address, "/?service=a", "", &trace).map(|answer| answer.status).ok();
    sidecar.until("it is taken", || push() == Some(202));
    sidecar.until_delivered(1);
    assert_eq!(get(telemetry, "/healthz").unwrap().status, 200);
    let metrics = get(telemetry, "/metrics").unwrap().body;
    assert!(metrics.contains("trace_sidecar_refused_connections_total{"), "{metrics}");
    // A connection each, a file for those with a body, and the requests to the receiver.
    let now = descriptors(&sidecar);
    assert!(now <= before + 2 * MOST + 10, "{before} descriptors before, {now} now");
    drop((heads, bodies));
    assert_once(&receiver.spans_of("a"), &Truth::of(&trace).ended, "a");
    sidecar.terminate();
}

/// Who does not even finish the head, and who sends half a body, is not waited for without end.
#[test]
fn who_does_not_go_on_is_cut_off() {
    let half =
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 9999\r\n\r\ngo 1.27 trace\0\0\0";
    for (settings, request, words) in [
        ("head_timeout = \"100ms\"\nbody_timeout = \"1h\"\n", &b"POST / HTTP/1.1\r\nX-A: "[..], ""),
        ("head_timeout = \"1h\"\nbody_timeout = \"100ms\"\n", half, "too slowly"),
    ] {
        let receiver = Receiver::start();
        let home = home(&receiver, settings);
        let sidecar = home.start();
        let mut answer = String::new();
        connect(sidecar.push_address(), request).read_to_string(&mut answer).unwrap();
        let is_told = answer.contains(" 408 ") && answer.contains(words);
        assert!(is_told || (answer.is_empty() && words.is_empty()), "{answer}");
        sidecar.until("nothing is left of it", || home.contents("state/spool").is_empty());
        sidecar.terminate();
    }
}

/// Fifty at once on a full spool that gives up the oldest: each is taken, and what was given up is counted exactly.
#[test]
fn many_at_once_on_a_full_spool() {
    const MANY: usize = 50;
    let receiver = Receiver::with(|_, _, _| Reply::Refuse(503, ""));
    let trace = truth::read(TRACE);
    // More than can be under way at once.
    let most = trace.len() * 17 / 2;
    let home = home(&receiver, "");
    let home = home.with(&format!("[spool]\nmax_bytes = {most}\nwhen_full = \"drop-oldest\"\n"));
    let sidecar = home.start();
    let (address, telemetry) = (sidecar.push_address(), sidecar.telemetry_address());
    let push = |service: usize| post(address, &format!("/?service={service}"), "", &trace).unwrap().status;
    assert_eq!(push(MANY), 202);
    // It is being delivered: what is under way is not given up.
    sidecar.until("it is under way", || receiver.count() > 0);
    let barrier = Barrier::new(MANY);
    thread::scope(|scope| {
        for service in 0..MANY {
            let (barrier, push) = (&barrier, &push);
            scope.spawn(move || {
                barrier.wait();
                assert_eq!(push(service), 202);
            });
        }
    });
    let left = home.contents("state/spool/whole");
    assert!(left.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() <= most);
    let given_up = MANY + 1 - left.len();
    let metrics = get(telemetry, "/metrics").unwrap().body;
    for (what, count) in [("traces", given_up), ("bytes of traces", given_up * trace.len())] {
        let line = format!("{{reason=\"{what} given up because the spool was full\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    receiver.answer(|_, _, _| Reply::Accept);
    sidecar.until("all is delivered", || home.contents("state/spool/whole").is_empty());
    sidecar.terminate();
    let there = (0..=MANY).filter(|service| !receiver.spans_of(&service.to_string()).is_empty()).count();
    assert_eq!(there, left.len());
}

/// Settings that have not changed cut nobody off.
#[test]
fn a_connection_outlives_settings_that_have_not_changed() {
    let receiver = Receiver::start();
    let home = home(&receiver, "");
    let sidecar = home.start();
    let address = sidecar.push_address();
    let trace = truth::read(TRACE);
    let head = format!("POST /?service=a HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", trace.len());
    let request = [head.as_bytes(), &trace].concat();
    let mut connection = TcpStream::connect(address).unwrap();
    for round in 0..3 {
        connection.write_all(&request).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"taken\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 202"));
        sidecar.signal(Signal::HUP);
        sidecar.until("the settings are read", || sidecar.says("the settings are read again") > round);
    }
    sidecar.until_delivered(3);
    sidecar.terminate();
}

/// A scheme's name may be written in any case.
#[test]
fn bearers_of_any_case() {
    let receiver = Receiver::start();
    let home = home(&receiver, "token = \"s3cret\"\n");
    let sidecar = home.start();
    let address = sidecar.push_address();
    let trace = truth::read(TRACE);
    let status =
        |value: &str| post(address, "/", &format!("authorization: {value}\r\n"), &trace).unwrap().status;
    for right in ["Bearer s3cret", "bearer s3cret", "BEARER s3cret", "bEaReR  s3cret"] {
        assert_eq!(status(right), 202, "{right}");
    }
    for wrong in ["Bearers3cret", "Bearer", "Bearer S3CRET", "Basic s3cret", "Bearer s3cret x"] {
        assert_eq!(status(wrong), 401, "{wrong}");
    }
    sidecar.terminate();
}
