//! Standard input: a trace, or a stream of them.

use std::{io::Write, thread};

use rustix::process::Signal;

use crate::{
    receiver::{Receiver, Reply},
    sidecar::{Home, otlp},
    truth::{self, Truth, assert_once},
};

fn home(receiver: &Receiver) -> Home {
    Home::empty().with(&otlp(&receiver.endpoint()))
}

/// Nothing else can come: with the end of its input, the program ends, and lets out what is open.
#[test]
fn one_trace() {
    for arguments in [&["--stdin"][..], &["--stdin", "--once"]] {
        for compressed in [false, true] {
            let receiver = Receiver::start();
            let home = home(&receiver);
            let trace = truth::read("go1.27/tasks.trace");
            let bytes = if compressed { zstd::encode_all(&*trace, 3).unwrap() } else { trace.clone() };
            let mut sidecar = home.start_with(arguments);
            sidecar.stdin.take().unwrap().write_all(&bytes).unwrap();
            assert!(sidecar.wait().success());
            assert_once(&receiver.spans_of("flightrecorder"), &Truth::of(&trace).all(), "it");
            assert!(home.contents("state/spool").is_empty());
        }
    }
}

/// Each trace of a stream is delivered as soon as it is there, not at the stream's end; what breaks off is taken as far as it
/// came.
#[test]
fn a_stream() {
    let receiver = Receiver::start();
    let home = home(&receiver);
    let stream = truth::read("fork/stream.bin");
    let frames = truth::frames(&stream);
    let mut sidecar = home.start_with(&["--stdin"]);
    let mut stdin = sidecar.stdin.take().unwrap();
    let first = 8 + frames[0].len();
    stdin.write_all(&stream[..first]).unwrap();
    sidecar.until_delivered(1);
    stdin.write_all(&stream[first..first + 5]).unwrap();
    sidecar.signal(Signal::HUP);
    sidecar.until_it_says("the settings are read again");
    stdin.write_all(&stream[first + 5..]).unwrap();
    sidecar.until_delivered(2);
    drop(stdin);
    assert!(sidecar.wait().success());
    assert_once(&receiver.spans_of("flightrecorder"), &Truth::of_snapshots(&frames).all(), "it");
}

/// What was spooled of a stream outlives a kill.
#[test]
fn a_kill_within_a_stream() {
    let receiver = Receiver::with(|_, _, _| Reply::Refuse(503, ""));
    let home = home(&receiver);
    let stream = truth::read("fork/stream.bin");
    let frames = truth::frames(&stream);
    let mut sidecar = home.start_with(&["--stdin"]);
    let mut stdin = sidecar.stdin.take().unwrap();
    stdin.write_all(&stream[..8 + frames[0].len() + 100]).unwrap();
    sidecar.until("the first is spooled", || home.contents("state/spool/whole").len() == 1);
    sidecar.kill();
    receiver.until_left();
    receiver.answer(|_, _, _| Reply::Accept);
    home.once_without_source();
    assert_once(&receiver.spans_of("flightrecorder"), &Truth::of(&frames[0]).all(), "it");
}

/// A full spool makes whoever writes wait; nothing is lost by it.
#[test]
fn a_full_spool_makes_it_wait() {
    let receiver = Receiver::with(|_, _, _| Reply::Refuse(503, ""));
    let stream = truth::read("fork/stream.bin");
    let frames = truth::frames(&stream);
    let most = frames[0].len().max(frames[1].len()) + 10;
    let home = home(&receiver).with(&format!("[spool]\nmax_bytes = {most}\n"));
    let mut sidecar = home.start_with(&["--stdin"]);
    let mut stdin = sidecar.stdin.take().unwrap();
    let writer = thread::spawn(move || stdin.write_all(&stream));
    sidecar.until("the first is spooled", || home.contents("state/spool/whole").len() == 1);
    sidecar.until("it is sent", || receiver.count() > 0);
    sidecar.until_it_says("the spool is full: what comes waits");
    assert_eq!(home.contents("state/spool/whole").len(), 1);
    receiver.answer(|_, _, _| Reply::Accept);
    writer.join().unwrap().unwrap();
    assert!(sidecar.wait().success());
    assert_once(&receiver.spans_of("flightrecorder"), &Truth::of_snapshots(&frames).all(), "it");
}
