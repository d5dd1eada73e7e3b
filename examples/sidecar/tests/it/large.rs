//! Files of which much is accepted before the program is killed.

use std::collections::HashMap;

use crate::{
    make,
    receiver::{Receiver, Reply},
    sidecar::Home,
    truth::{Truth, assert_same},
};

/// How much is sent before it is written down how far a file has come, in bytes.
const CHECKPOINT: usize = 8 << 20;

/// More than that, in tasks of four generations.
fn large() -> Vec<u8> {
    make::trace(7, 0, 1..5, |number, script| {
        for task in number * 10_000..number * 10_000 + 2_800 {
            script.begin(task, &format!("{task} {}", "x".repeat(990)));
            script.end(task);
        }
    })
}

#[test]
fn what_was_accepted_of_a_large_file_is_not_all_sent_again() {
    let mut accepted = 0;
    let receiver = Receiver::with(move |_, _, body| {
        accepted += body.len();
        if accepted > CHECKPOINT + (2 << 20) { Reply::Hang } else { Reply::Accept }
    });
    let mut home = Home::new(&receiver).with("");
    home.edit("max_batch_bytes = 16384", "max_batch_bytes = 131072");
    let trace = large();
    home.put("a/1.trace", &trace);
    let sidecar = home.start();
    sidecar.until("it waits", || receiver.count() > receiver.accepted_count());
    sidecar.kill();
    receiver.answer(|_, _, _| Reply::Accept);
    home.once();
    let (seen, truth) = (receiver.spans_of("a"), Truth::of(&trace).all());
    assert_same(&seen, &truth, "a");
    let mut copies: HashMap<_, usize> = HashMap::new();
    seen.iter().for_each(|span| *copies.entry(&span.span_id).or_default() += 1);
    let again = copies.values().filter(|&&count| count > 1).count();
    assert!(again * 3 < truth.len(), "{again} of {} were sent again", truth.len());
}
