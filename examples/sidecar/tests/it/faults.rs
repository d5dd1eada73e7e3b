//! A receiver that refuses, stumbles and goes away: nothing is lost, and nothing is asked of it too often.

use std::{collections::HashSet, time::Duration};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustix::process::Signal;

use crate::{
    http::{deserted, get},
    receiver::{Receiver, Reply},
    sidecar::Home,
    truth::{self, Truth, assert_once, assert_same},
};

const TRACE: &str = "go1.27/http.trace";

/// A home with one trace in it, which makes several requests one after the other.
fn home(receiver: &Receiver) -> Home {
    let mut home = Home::new(receiver).with("");
    home.edit("[otlp]", "[otlp]\nconcurrency = 1");
    home.edit("max_batch_bytes = 16384", "max_batch_bytes = 8192");
    home.put("a/1.trace", &truth::read(TRACE));
    home
}

fn ended() -> Vec<opentelemetry_proto::tonic::trace::v1::Span> {
    Truth::of(&truth::read(TRACE)).ended
}

/// What is refused as what only a person can put right is kept, told, and tried again.
#[test]
fn a_wrong_token_or_route_loses_nothing() {
    for status in [401, 403, 404, 405, 500, 501] {
        let receiver = Receiver::with(move |_, _, _| Reply::Refuse(status, "not like this"));
        let home = home(&receiver).telling();
        let sidecar = home.start();
        let address = sidecar.telemetry_address();
        sidecar.until("it is tried again", || receiver.count() >= 3);
        sidecar.until("it is told", || get(address, "/readyz").unwrap().status == 503);
        let ready = get(address, "/readyz").unwrap();
        assert!(ready.body.contains(&status.to_string()), "{}", ready.body);
        assert_eq!(get(address, "/healthz").unwrap().status, 200);
        receiver.answer(|_, _, _| Reply::Accept);
        sidecar.until_delivered(1);
        assert_eq!(get(address, "/readyz").unwrap().status, 200, "{status}");
        let log = sidecar.terminate().join("\n");
        assert!(log.contains("ERROR") && log.contains("all is well again"), "{log}");
        assert_once(&receiver.spans().into_iter().map(|seen| seen.span).collect::<Vec<_>>(), &ended(), "a");
        assert_eq!(home.reasons(), [""; 0]);
        // Each request was the same each time, byte by byte.
        let bodies: HashSet<_> = receiver.requests().into_iter().map(|request| request.body).collect();
        let accepted = receiver.requests().iter().filter(|request| request.is_accepted).count();
        assert_eq!(bodies.len(), accepted, "{status}");
    }
}

#[test]
fn what_will_do_by_itself_is_tried_again() {
    let replies = [
        Reply::Refuse(429, ""),
        Reply::Refuse(502, ""),
        Reply::Refuse(503, ""),
        Reply::Refuse(504, ""),
        Reply::Refuse(408, ""),
        Reply::Reset,
        Reply::AcceptAndBreak,
        Reply::Hang,
    ];
    let receiver = Receiver::with(move |number, _, _| replies.get(number).cloned().unwrap_or(Reply::Accept));
    let mut home = home(&receiver);
    // What hangs is given up. A busy machine may take as long: then there are more copies.
    home.edit("timeout = \"1h\"", "timeout = \"300ms\"");
    let sidecar = home.start();
    sidecar.until_delivered(1);
    sidecar.terminate();
    assert_same(&receiver.spans_of("a"), &ended(), "a");
    assert_eq!(home.reasons(), [""; 0]);
}

/// A receiver that is not there at all, and comes later; the sidecar has been started again meanwhile.
#[test]
fn a_receiver_that_is_away() {
    let receiver = Receiver::start();
    let mut home = home(&receiver);
    let (_kept, away) = deserted();
    home.edit(&receiver.endpoint(), &format!("http://{away}"));
    for _ in 0..2 {
        let sidecar = home.start();
        sidecar.until("it has tried", || sidecar.says("it will be sent again") + sidecar.says("ERROR") > 2);
        sidecar.kill();
    }
    home.edit(&format!("http://{away}"), &receiver.endpoint());
    home.once();
    assert_once(&receiver.spans_of("a"), &Truth::of(&truth::read(TRACE)).all(), "a");
}

#[test]
fn retry_after_is_waited_for() {
    let receiver = Receiver::with(|number, _, _| match number {
        0 => Reply::RefuseUntil(429, "1"),
        1 => Reply::RefuseUntil(503, "1"),
        _ => Reply::Accept,
    });
    let home = home(&receiver);
    let sidecar = home.start();
    sidecar.until_delivered(1);
    let requests = receiver.requests();
    for pair in requests.windows(2).take(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_secs(1), "{:?}", pair[1].at - pair[0].at);
        assert_eq!(pair[1].body, pair[0].body);
    }
    assert_once(&receiver.spans_of("a"), &ended(), "a");
}

/// A partial success is final: it is told, and not sent again.
#[test]
fn a_partial_success_is_told() {
    let receiver = Receiver::with(|number, _, _| match number {
        0 => Reply::Partial(3, "three are too old"),
        1 => Reply::Partial(0, "I would rather have them smaller"),
        _ => Reply::Accept,
    });
    let home = home(&receiver).telling();
    let sidecar = home.start();
    let address = sidecar.telemetry_address();
    sidecar.until_delivered(1);
    let metrics = get(address, "/metrics").unwrap().body;
    assert!(metrics.contains("trace_sidecar_rejected_records_total 3\n"), "{metrics}");
    let log = sidecar.terminate().join("\n");
    assert!(log.contains("three are too old") && log.contains("I would rather"), "{log}");
    assert_once(&receiver.spans_of("a"), &ended(), "a");
}

/// One batch is rejected for what it holds: it is put aside with its reason, and the others go on.
#[test]
fn a_rejected_batch_is_put_aside() {
    for status in [400, 422] {
        let receiver = Receiver::with(move |number, _, _| match number {
            1 => Reply::Refuse(status, "span 7 is ugly"),
            _ => Reply::Accept,
        });
        let home = home(&receiver);
        let sidecar = home.start();
        sidecar.until_delivered(1);
        sidecar.terminate();
        let reasons = home.reasons();
        assert!(reasons.len() == 1 && reasons[0].contains("span 7 is ugly"), "{reasons:?}");
        let rejected = &receiver.requests()[1];
        let kept: Vec<_> = home.contents("state/quarantine").into_iter().map(|(_, bytes)| bytes).collect();
        assert!(kept.contains(&rejected.body), "the batch itself is kept");
        let mut seen = receiver.spans_of("a");
        assert!(seen.len() < ended().len());
        seen.extend(rejected.spans().into_iter().map(|seen| seen.span));
        assert_once(&seen, &ended(), "a");
        // It is done with.
        let before = receiver.count();
        home.once();
        assert!(receiver.requests()[before..].iter().all(|request| request.body != rejected.body));
    }
}

#[test]
fn what_is_too_large_is_split() {
    let receiver = Receiver::with(|_, _, body| match body.len() {
        0..3000 => Reply::Accept,
        _ => Reply::Refuse(413, ""),
    });
    let home = home(&receiver);
    let sidecar = home.start();
    sidecar.until_delivered(1);
    assert_once(&receiver.spans_of("a"), &ended(), "a");
    assert_eq!(home.reasons(), [""; 0]);
}

/// `SIGTERM` while the receiver does not answer: the end comes by `drain_timeout`, without which it would wait for an hour,
/// and nothing is lost by it.
#[test]
fn the_end_comes_in_time() {
    let receiver = Receiver::with(|_, _, _| Reply::Hang);
    let home = home(&receiver).top("drain_timeout = \"700ms\"");
    let sidecar = home.start();
    sidecar.until("it sends", || receiver.count() > 0);
    sidecar.terminate();
    receiver.answer(|_, _, _| Reply::Accept);
    home.once();
    assert_once(&receiver.spans_of("a"), &Truth::of(&truth::read(TRACE)).all(), "a");
}

/// Who asks for the end twice, does not want to wait for it.
#[test]
fn the_end_comes_at_once_for_who_asks_twice() {
    let receiver = Receiver::with(|_, _, _| Reply::Hang);
    let home = home(&receiver).top("drain_timeout = \"10m\"");
    let mut sidecar = home.start();
    sidecar.until("it sends", || receiver.count() > 0);
    sidecar.signal(Signal::TERM);
    // The second one is another signal: two of a kind may come as one.
    sidecar.signal(Signal::INT);
    assert!(sidecar.wait().success());
    receiver.answer(|_, _, _| Reply::Accept);
    home.once();
    assert_once(&receiver.spans_of("a"), &Truth::of(&truth::read(TRACE)).all(), "a");
}

/// `SIGTERM` with files waiting and a receiver that answers: all of them are delivered first.
#[test]
fn what_waits_is_delivered_before_the_end() {
    let receiver = Receiver::with(|_, _, _| Reply::AcceptAfter(Duration::from_millis(10)));
    let home = home(&receiver);
    for number in 0..5 {
        home.put(&format!("b{number}/1.trace"), &truth::read("go1.27/tasks.trace"));
    }
    let sidecar = home.start();
    sidecar.until("it sends", || receiver.count() > 0);
    let log = sidecar.terminate();
    assert_eq!(log.iter().filter(|line| line.contains("delivered file=")).count(), 6, "{}", log.join("\n"));
    assert_once(&receiver.spans_of("a"), &ended(), "a");
}

/// A receiver that takes nothing, whatever its size: what it was sent is put aside as it is, told, and not counted as
/// delivered.
#[test]
fn a_receiver_that_wants_nothing() {
    for status in [413, 400] {
        let receiver = Receiver::with(move |_, _, _| Reply::Refuse(status, "no"));
        let mut home = home(&receiver).telling();
        home.edit("max_batch_bytes = 8192", "max_batch_bytes = 4096");
        let sidecar = home.start();
        let address = sidecar.telemetry_address();
        sidecar.until_it_says("delivered file=");
        let metrics = get(address, "/metrics").unwrap().body;
        let refused = ended().len();
        assert!(metrics.contains(&format!("trace_sidecar_refused_records_total {refused}\n")), "{metrics}");
        let delivered = metrics.lines().filter(|line| line.starts_with("trace_sidecar_spans_total"));
        assert!(delivered.clone().all(|line| line.ends_with(" 0")), "{metrics}");
        let ready = get(address, "/readyz").unwrap();
        assert!(ready.status == 503 && ready.body.contains("put aside"), "{}", ready.body);
        // A file each of what was one request, and not one for each span.
        let aside: Vec<_> = home.contents("state/quarantine").into_iter().collect();
        let batches: Vec<_> = aside
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|ending| ending == "otlp"))
            .collect();
        assert!(batches.len() * 5 < refused, "{} files of {refused} spans", batches.len());
        assert!(receiver.count() < refused, "{} requests for {refused} spans", receiver.count());
        let count = |bytes: &[u8]| {
            let request = ExportTraceServiceRequest::decode(bytes).unwrap();
            let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
            scopes.map(|scope| scope.spans.len()).sum::<usize>()
        };
        assert_eq!(batches.iter().map(|(_, bytes)| count(bytes)).sum::<usize>(), refused);
        sidecar.terminate();
    }
}

/// A receiver that wants to be left alone for long is told of at once.
#[test]
fn a_far_retry_after_is_told_at_once() {
    let receiver = Receiver::with(|_, _, _| Reply::RefuseUntil(503, "90000"));
    let home = home(&receiver).top("drain_timeout = \"100ms\"");
    let sidecar = home.start();
    sidecar.until_it_says("ERROR");
    assert_eq!(receiver.count(), 1);
    let log = sidecar.terminate().join("\n");
    assert!(log.contains("left alone for 25 h"), "{log}");
}

/// A receiver that wants to be left alone for long, and then takes something else, is there again for what waits.
#[test]
fn a_far_retry_after_ends_where_the_receiver_takes_something() {
    let receiver = Receiver::with(|number, _, _| match number {
        0 => Reply::RefuseUntil(503, "3600"),
        _ => Reply::Accept,
    });
    let home = Home::new(&receiver);
    home.put("a/1.trace", &truth::read(TRACE));
    let sidecar = home.start();
    sidecar.until("it is refused", || receiver.count() > 0);
    home.put("b/1.trace", &truth::read("go1.26/http.trace"));
    sidecar.until_delivered(2);
    sidecar.terminate();
}

/// Who is not let in is told where the token came from.
#[test]
fn the_hint_names_where_a_setting_came_from() {
    let receiver = Receiver::with(|_, _, _| Reply::Refuse(401, "who?"));
    for (settings, variable, words) in [
        ("[otlp.headers]\nauthorization = \"Bearer s3cret\"\n", "", "[otlp] headers of "),
        ("", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"),
        ("", "", "none is set"),
    ] {
        let home = home(&receiver).with(settings);
        let home = if variable.is_empty() { home } else { home.variable(variable, "authorization=s3cret") };
        let output = home.command(&["check"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(words) && !said.contains("s3cret"), "{said}");
        if !settings.is_empty() {
            assert!(said.contains("settings.toml") && !said.contains("OTEL_"), "{said}");
        }
    }
}

/// Some receivers answer otherwise than OTLP says: that counts, and is counted by itself.
#[test]
fn other_words_for_yes() {
    for status in [201, 202, 204, 207] {
        let receiver = Receiver::with(move |_, _, _| Reply::Refuse(status, ""));
        let home = home(&receiver).telling();
        let sidecar = home.start();
        let address = sidecar.telemetry_address();
        sidecar.until_delivered(1);
        let metrics = get(address, "/metrics").unwrap().body;
        let requests = receiver.count();
        for name in ["unacknowledged_batches", "batches"] {
            assert!(metrics.contains(&format!("trace_sidecar_{name}_total {requests}\n")), "{metrics}");
        }
        sidecar.terminate();
    }
}
