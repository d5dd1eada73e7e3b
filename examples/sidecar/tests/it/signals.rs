//! `SIGHUP`: other settings, without a new start.

use std::net::TcpListener;

use rustix::process::Signal;

use crate::{
    http::{get, post},
    receiver::{Receiver, Reply},
    sidecar::{ANY, Home, otlp},
    truth::{self, Truth, assert_once},
};

const TRACE: &str = "go1.27/tasks.trace";

#[test]
fn good_settings_are_taken_and_bad_ones_are_not() {
    let (one, other) = (Receiver::start(), Receiver::start());
    let mut home = Home::new(&one);
    let mut sidecar = home.start();
    let trace = truth::read(TRACE);
    home.put("a/1.trace", &trace);
    sidecar.until_delivered(1);
    let good = one.endpoint();
    for bad in ["this is no URL\u{1}", ""] {
        home.edit(&format!("endpoint = {good:?}"), &format!("endpoint = {bad:?}\nprotocol = \"bad\""));
        let before = sidecar.says("the settings stay as they are");
        sidecar.signal(Signal::HUP);
        sidecar.until("it says so", || sidecar.says("the settings stay as they are") > before);
        home.edit(&format!("endpoint = {bad:?}\nprotocol = \"bad\""), &format!("endpoint = {good:?}"));
    }
    home.put("b/1.trace", &trace);
    sidecar.until_delivered(2);
    home.edit(&one.endpoint(), &other.endpoint());
    sidecar.signal(Signal::HUP);
    sidecar.until_it_says("the settings are read again");
    home.put("c/1.trace", &trace);
    sidecar.until_delivered(3);
    assert!(sidecar.is_alive());
    sidecar.terminate();
    let truth = Truth::of(&trace).ended;
    assert_once(&one.spans_of("a"), &truth, "a");
    assert_once(&one.spans_of("b"), &truth, "b");
    assert_once(&other.spans_of("c"), &truth, "c");
    assert_eq!((one.spans_of("c"), other.spans_of("a")), (vec![], vec![]));
}

/// The settings are read again because the receiver takes nothing: what is under way goes to the new one, and the old one
/// is left alone.
#[test]
fn from_a_receiver_that_takes_nothing() {
    let (bad, good) = (Receiver::with(|_, _, _| Reply::Refuse(401, "who?")), Receiver::start());
    let mut home = Home::new(&bad).top("drain_timeout = \"500ms\"").telling();
    let sidecar = home.start();
    let address = sidecar.telemetry_address();
    let trace = truth::read(TRACE);
    home.put("a/1.trace", &trace);
    sidecar.until("it is tried", || bad.count() > 2);
    sidecar.until("it says so", || get(address, "/readyz").is_ok_and(|answer| answer.status == 503));
    home.edit(&bad.endpoint(), &good.endpoint());
    sidecar.signal(Signal::HUP);
    sidecar.until_delivered(1);
    let before = bad.count();
    home.put("b/1.trace", &trace);
    sidecar.until_it_says("b/1.trace service=");
    assert_eq!(get(address, "/readyz").unwrap().status, 200);
    assert_eq!(bad.count(), before);
    sidecar.terminate();
    for service in ["a", "b"] {
        assert_once(&good.spans_of(service), &Truth::of(&trace).ended, service);
    }
}

/// A file that is fine in itself, with an address that somebody else has: the program goes on as before.
#[test]
fn settings_that_cannot_be_used() {
    let receiver = Receiver::start();
    let others = TcpListener::bind(ANY).unwrap();
    let taken = others.local_addr().unwrap();
    let mut home =
        Home::empty().with(&otlp(&receiver.endpoint())).with(&format!("[push]\nlisten = {ANY:?}\n"));
    let mut sidecar = home.start();
    let address = sidecar.push_address();
    home.edit(ANY, &taken.to_string());
    sidecar.signal(Signal::HUP);
    sidecar.until_it_says("the settings stay as they are");
    let trace = truth::read(TRACE);
    sidecar.until("it listens again", || post(address, "/?service=a", "", &trace).is_ok());
    sidecar.until_delivered(1);
    assert!(sidecar.is_alive());
    assert_once(&receiver.spans_of("a"), &Truth::of(&trace).ended, "a");
}

/// Many signals, one after the other, among files that come all the while.
#[test]
fn many_signals() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver);
    let mut sidecar = home.start();
    let trace = truth::read(TRACE);
    for number in 0..12 {
        home.put(&format!("{number}/1.trace"), &trace);
        sidecar.signal(Signal::HUP);
        sidecar.until("the settings are read", || sidecar.says("the settings are read again") > number / 2);
    }
    sidecar.until_delivered(12);
    assert!(sidecar.is_alive());
    sidecar.terminate();
    for number in 0..12 {
        assert_once(&receiver.spans_of(&number.to_string()), &Truth::of(&trace).ended, "one");
    }
}
