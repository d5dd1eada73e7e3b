//! Open spans of processes of which nothing comes any more: they go out together, and nothing waits behind them.

use crate::{
    make,
    receiver::{Receiver, Reply},
    sidecar::Home,
    truth::{Truth, assert_once},
};

/// A trace of a process that leaves a task open.
fn open(number: u64) -> Vec<u8> {
    make::trace(7, number * 10, [1], |_, script| script.begin(number + 1, &format!("open {number}")))
}

/// A home with a trace of each of so many processes.
fn home(receiver: &Receiver, many: u64) -> Home {
    let home = Home::new(receiver);
    for number in 0..many {
        home.put(&format!("{number}/1.trace"), &open(number));
    }
    home
}

#[test]
fn they_go_out_in_few_requests() {
    const MANY: u64 = 60;
    let receiver = Receiver::start();
    let home = home(&receiver, MANY);
    home.once();
    // None of them has anything else to be sent.
    assert!(receiver.count() < 10, "{} requests", receiver.count());
    for number in 0..MANY {
        assert_once(&receiver.spans_of(&number.to_string()), &Truth::of(&open(number)).open, "open");
    }
}

/// A receiver that takes only small requests gets them one by one.
#[test]
fn they_go_out_one_by_one_where_they_have_to() {
    const MANY: u64 = 12;
    let receiver = Receiver::with(|_, _, body| match body.len() {
        0..1500 => Reply::Accept,
        _ => Reply::Refuse(413, ""),
    });
    let home = home(&receiver, MANY);
    home.once();
    for number in 0..MANY {
        assert_once(&receiver.spans_of(&number.to_string()), &Truth::of(&open(number)).open, "open");
    }
    assert_eq!(home.reasons(), [""; 0]);
}

/// How much a receiver takes at once is found out in few requests, and kept to.
#[test]
fn they_go_out_in_as_many_requests_as_have_to_be() {
    const MANY: u64 = 64;
    let receiver = Receiver::with(|_, _, body| match body.len() {
        0..6000 => Reply::Accept,
        _ => Reply::Refuse(413, ""),
    });
    let home = home(&receiver, MANY);
    home.once();
    let (all, accepted) = (receiver.count(), receiver.accepted_count());
    assert!(accepted < 20 && all - accepted < 10, "{accepted} accepted of {all}");
    for number in 0..MANY {
        assert_once(&receiver.spans_of(&number.to_string()), &Truth::of(&open(number)).open, "open");
    }
}

/// One that the receiver does not want keeps none of the others.
#[test]
fn they_go_out_but_for_the_one_that_is_not_wanted() {
    const MANY: u64 = 64;
    let receiver = Receiver::with(|_, _, body| match body.windows(7).any(|part| part == b"open 63") {
        true => Reply::Refuse(400, "ugly"),
        false => Reply::Accept,
    });
    let home = home(&receiver, MANY);
    home.once();
    assert!((receiver.count() as u64) < MANY / 2, "{} requests", receiver.count());
    assert_eq!(home.reasons().len(), 1);
    for number in (0..MANY).filter(|&number| number != 63) {
        assert_once(&receiver.spans_of(&number.to_string()), &Truth::of(&open(number)).open, "open");
    }
}

/// Nor do some that follow on each other, as if nothing were wanted at all.
#[test]
fn they_go_out_but_for_those_that_are_not_wanted() {
    const MANY: u64 = 64;
    for (status, most) in [(400, usize::MAX), (413, 6000)] {
        let receiver = Receiver::with(move |_, _, body| {
            let is_ugly = body
                .windows(7)
                .any(|part| [b"open 11", b"open 12", b"open 13"].contains(&part.try_into().unwrap()));
            if is_ugly || body.len() > most { Reply::Refuse(status, "ugly") } else { Reply::Accept }
        });
        let home = home(&receiver, MANY);
        home.once();
        assert_eq!(home.reasons().len(), 3);
        for number in (0..MANY).filter(|number| !(11..=13).contains(number)) {
            assert_once(&receiver.spans_of(&number.to_string()), &Truth::of(&open(number)).open, "open");
        }
    }
}

/// Where the receiver wants nothing, they are put aside as they went out.
#[test]
fn they_are_put_aside_together_where_nothing_is_wanted() {
    const MANY: u64 = 64;
    for status in [400, 413] {
        let receiver = Receiver::with(move |_, _, _| Reply::Refuse(status, "no"));
        let home = home(&receiver, MANY);
        home.once();
        assert!((receiver.count() as u64) < MANY / 2, "{} requests", receiver.count());
        assert!((home.reasons().len() as u64) < MANY / 2, "{} files", home.reasons().len());
    }
}

/// Under steady load, too: new work does not keep them from going out, nor they new work.
#[test]
fn they_go_out_among_others() {
    let receiver = Receiver::start();
    let home = Home::new(&receiver).top("open_span_deadline = \"100ms\"");
    home.put("open/1.trace", &open(0));
    let sidecar = home.start();
    let mut number = 1;
    sidecar.until("it goes out", || {
        // There is always something that waits.
        while sidecar.says("delivered file=") + 20 > number {
            home.put(&format!("busy/{number}.trace"), &open(number as u64));
            number += 1;
        }
        !receiver.spans_of("open").is_empty()
    });
    assert_once(&receiver.spans_of("open"), &Truth::of(&open(0)).open, "open");
    sidecar.terminate();
}
