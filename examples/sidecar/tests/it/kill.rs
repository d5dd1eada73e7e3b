//! Killed at any moment and started again, nothing is missing.

use std::{sync::mpsc, thread, time::Duration};

use crate::{
    http::post,
    receiver::{Receiver, Reply},
    sidecar::{Home, PATIENCE, Sidecar},
    truth::{self, Truth, assert_same},
};

/// A generator of numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

const FILES: [&str; 8] = [
    "go1.27/http.trace",
    "go1.26/generations.trace",
    "go1.25/gc-generations.trace",
    "go1.24/regions.trace",
    "go1.22/tasks.trace",
    "fork/withspan.trace",
    "fork/sql.trace",
    "fork/net.trace",
];

/// Of them, those without a clock.
const OLD: [&str; 2] = ["go1.24/regions.trace", "go1.22/tasks.trace"];

const FLIGHT: &str = "go1.27/flight-whole";

/// A home with many small requests, and a receiver that takes its time for each.
fn slow(receiver: &Receiver, after: &str) -> Home {
    let mut home = Home::new(receiver);
    home.edit("max_batch_bytes = 16384", "max_batch_bytes = 4096");
    home.edit("settle", &format!("after = {after:?}\nsettle"));
    home
}

fn slowly(chance: &mut Chance) -> Reply {
    match chance.below(20) {
        0 => Reply::AcceptAndBreak,
        1 => Reply::Reset,
        2 => Reply::Refuse(503, "busy"),
        _ => Reply::AcceptAfter(Duration::from_millis(chance.below(12))),
    }
}

fn put_all(home: &Home) -> Vec<(String, Vec<opentelemetry_proto::tonic::trace::v1::Span>)> {
    let mut truths = Vec::new();
    for name in FILES {
        let service = name.replace('/', "-");
        home.put(&format!("{service}/1.trace"), &truth::read(name));
        truths.push((service, Truth::of(&truth::read(name)).all()));
    }
    let snapshots = truth::snapshots(FLIGHT, 4);
    for (number, bytes) in snapshots.iter().enumerate() {
        home.put(&format!("flight/{number}.trace"), bytes);
    }
    truths.push(("flight".to_owned(), Truth::of_snapshots(&snapshots).all()));
    truths
}

/// Kills it after some requests, or some time, whichever comes first: in the middle of reading, sending and committing.
fn kill_somewhere(sidecar: Sidecar, receiver: &Receiver, chance: &mut Chance) {
    let (requests, milliseconds) = (receiver.count() + chance.below(12) as usize, 1 + chance.below(150));
    for _ in 0..milliseconds {
        if receiver.count() > requests {
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_micros(chance.below(3000)));
    sidecar.kill();
}

fn killed_at_random(seed: u64, after: &str) {
    let (mut chance, mut answers) = (Chance(seed), Chance(seed + 100));
    let receiver = Receiver::with(move |_, _, _| slowly(&mut answers));
    let home = slow(&receiver, after);
    let truths = put_all(&home);
    for _ in 0..12 {
        kill_somewhere(home.start(), &receiver, &mut chance);
    }
    home.once();
    for (service, truth) in truths {
        assert_same(&receiver.spans_of(&service), &truth, &format!("seed {seed}: {service}"));
    }
    assert_eq!(home.reasons(), [""; 0]);
    assert_eq!(home.contents("traces").is_empty(), after == "delete");
}

/// The seed of a test; `KILL_SEED` looks further.
fn seed(usual: u64) -> u64 {
    std::env::var("KILL_SEED").map_or(usual, |seed| seed.parse::<u64>().unwrap() * 1000 + usual)
}

#[test]
fn files_that_are_kept() {
    killed_at_random(seed(1), "keep");
}

#[test]
fn files_that_are_deleted() {
    killed_at_random(seed(2), "delete");
}

/// Snapshots come one by one, whether the one before was delivered or not, and the last of them is killed over as well.
#[test]
fn snapshots_that_come_between() {
    let (mut chance, mut answers) = (Chance(seed(3)), Chance(seed(4)));
    let receiver = Receiver::with(move |_, _, _| slowly(&mut answers));
    let home = slow(&receiver, "delete");
    let flights = ["go1.25/flight-whole", "go1.26/flight", "go1.27/flight-whole"];
    for number in 0..4 {
        for flight in flights {
            let service = flight.replace('/', "-");
            home.put(&format!("{service}/{number}.trace"), &truth::read(&format!("{flight}.{number}.trace")));
            kill_somewhere(home.start(), &receiver, &mut chance);
        }
    }
    home.once();
    for flight in flights {
        let truth = Truth::of_snapshots(&truth::snapshots(flight, 4));
        assert_same(&receiver.spans_of(&flight.replace('/', "-")), &truth.all(), flight);
    }
}

/// With `--once`, what is open is let out: killed in the middle of that, it is let out again in the same way.
#[test]
fn while_open_spans_are_let_out() {
    let (mut chance, mut answers) = (Chance(seed(77)), Chance(seed(78)));
    let receiver = Receiver::with(move |_, _, _| slowly(&mut answers));
    let home = slow(&receiver, "delete");
    let truths = put_all(&home);
    for _ in 0..12 {
        kill_somewhere(home.start_with(&["--once"]), &receiver, &mut chance);
    }
    home.once();
    for (service, truth) in truths {
        // Once a process is done with, a later snapshot of it is another one's: only whole files can be told.
        if service != "flight" {
            assert_same(&receiver.spans_of(&service), &truth, &service);
        }
    }
}

/// What was answered 2xx is there; what was not, may be.
#[test]
fn pushes_that_were_answered() {
    let (mut chance, mut answers) = (Chance(seed(4711)), Chance(seed(4712)));
    let receiver = Receiver::with(move |_, _, _| slowly(&mut answers));
    let home = slow(&receiver, "keep").listening("");
    let (sender, posted) = mpsc::channel();
    let mut taken = Vec::new();
    for round in 0..5 {
        let sidecar = home.start();
        let (address, sender) = (sidecar.push_address(), sender.clone());
        let client = thread::spawn(move || {
            // Those with a clock of their own: the others' time is that of their being spooled.
            for (number, name) in FILES.iter().filter(|name| !OLD.contains(name)).enumerate() {
                let service = format!("{round}-{number}");
                let answer = post(address, &format!("/?service={service}"), "", &truth::read(name));
                if answer.is_ok_and(|answer| answer.status == 202) {
                    sender.send((service, *name)).unwrap();
                }
            }
        });
        // At least one is taken, so that the test is about something.
        taken.push(posted.recv_timeout(PATIENCE).expect("a push is taken"));
        kill_somewhere(sidecar, &receiver, &mut chance);
        client.join().unwrap();
        taken.extend(posted.try_iter());
    }
    home.once();
    for (service, name) in taken {
        let (seen, truth) = (receiver.spans_of(&service), Truth::of(&truth::read(name)));
        assert_same(&seen, &truth.all(), &service);
    }
    assert!(home.contents("state/spool").is_empty());
}
