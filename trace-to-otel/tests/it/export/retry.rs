//! When a batch is sent again.

use std::{sync::Arc, time::Duration};

use trace_to_otel::otlp::{Encoding, ExportErrorKind, Exporter, Protocol, RetryOptions};

use crate::export::{
    http_receiver::{Answer, HttpReceiver, Reply},
    support::{FakePace, StillPace, batch, config, failed, settings},
};

fn busy(status: u16) -> Reply {
    Reply::Answer(Answer::new(status, "text/plain", "busy"))
}

fn busy_until(status: u16, retry_after: &str) -> Reply {
    Reply::Answer(Answer::new(status, "text/plain", "busy").with("retry-after", retry_after))
}

fn fine() -> Reply {
    Reply::Answer(Answer::new(200, "application/x-protobuf", ""))
}

/// The usual attempts, within so many seconds.
fn until(seconds: u64) -> RetryOptions {
    let mut options = RetryOptions::default();
    options.deadline = Some(Duration::from_secs(seconds));
    options
}

/// One that may take two minutes.
fn patient(receiver: &HttpReceiver, pace: &Arc<FakePace>) -> Exporter {
    let settings = settings(Protocol::HttpProtobuf, &receiver.endpoint);
    Exporter::new(config(settings)).unwrap().with_retry(until(120)).with_pace(pace.clone())
}

#[tokio::test]
async fn waits_double_with_jitter() {
    for (chance, expected) in [(0.5, [0.5, 1.0, 2.0]), (0.0, [0.25, 0.5, 1.0]), (1.0, [0.75, 1.5, 3.0])] {
        let receiver = HttpReceiver::start([busy(429), busy(502), Reply::Reset, fine()]).await;
        let pace = FakePace::new(chance);
        patient(&receiver, &pace).export(&batch(Encoding::Protobuf, 1)).await.unwrap();
        assert_eq!(pace.slept(), expected);
        let bodies: Vec<_> = receiver.received().into_iter().map(|received| received.body).collect();
        assert!(
            bodies.len() == 4 && bodies.iter().all(|body| *body == bodies[0]),
            "the same batch each time"
        );
    }
}

#[tokio::test]
async fn waits_are_capped_and_attempts_too() {
    let receiver = HttpReceiver::start([busy(503)]).await;
    let pace = FakePace::new(0.5);
    let mut options = until(120);
    options.max_attempts = 5;
    (options.initial_backoff, options.max_backoff) = (Duration::from_secs(1), Duration::from_secs(3));
    let exporter = patient(&receiver, &pace).with_retry(options);
    let error = failed(exporter.export(&batch(Encoding::Protobuf, 1)).await, ExportErrorKind::ServerError);
    assert_eq!(pace.slept(), [1.0, 2.0, 3.0, 3.0]);
    assert_eq!(error.attempts(), 5);
    assert!(error.to_string().contains("tried 5 times"), "{error}");
}

#[tokio::test]
async fn the_receiver_says_how_long() {
    // The clock of the tests says 2026-11-23 12:00:00 UTC.
    let cases = [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Mon, 23 Nov 2026 12:00:09 GMT", 9.0),
        ("Monday, 23-Nov-26 12:00:09 GMT", 9.0),
        // What is no wait at all, or no date, leaves the back-off.
        ("0", 0.5),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.5),
        ("soon", 0.5),
        ("-5", 0.5),
    ];
    for (retry_after, expected) in cases {
        for status in [429, 503] {
            let receiver = HttpReceiver::start([busy_until(status, retry_after), fine()]).await;
            let pace = FakePace::new(0.5);
            patient(&receiver, &pace).export(&batch(Encoding::Protobuf, 1)).await.unwrap();
            assert_eq!(pace.slept(), [expected], "{status} {retry_after}");
        }
    }
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_the_callers() {
    for retry_after in ["3600", "18446744073709551615"] {
        let receiver = HttpReceiver::start([busy_until(429, retry_after)]).await;
        let pace = FakePace::new(0.5);
        let outcome = patient(&receiver, &pace).export(&batch(Encoding::Protobuf, 1)).await;
        let error = failed(outcome, ExportErrorKind::Throttled);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(retry_after.parse().unwrap())));
        assert!(error.is_retryable() && pace.slept().is_empty());
        assert_eq!(receiver.received().len(), 1);
    }
}

#[tokio::test]
async fn the_deadline_ends_it() {
    let receiver = HttpReceiver::start([busy(503)]).await;
    let pace = FakePace::new(0.5);
    // The options say nothing else than what the settings do.
    let settings =
        settings(Protocol::HttpProtobuf, &receiver.endpoint).with_timeout(Duration::from_secs(120));
    let exporter = Exporter::new(config(settings)).unwrap().with_pace(pace.clone());
    failed(exporter.export(&batch(Encoding::Protobuf, 1)).await, ExportErrorKind::ServerError);
    assert_eq!(pace.slept(), [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
}

#[tokio::test]
async fn what_does_not_help_is_not_tried() {
    for status in [400, 401, 403, 404, 413, 415, 422, 500, 501] {
        let receiver = HttpReceiver::start([busy_until(status, "1"), fine()]).await;
        let pace = FakePace::new(0.5);
        let error = patient(&receiver, &pace).export(&batch(Encoding::Protobuf, 1)).await.unwrap_err();
        assert_eq!((receiver.received().len(), error.attempts()), (1, 1), "{error}");
        assert!(!error.is_retryable() && pace.slept().is_empty());
    }
}

#[tokio::test]
async fn a_hanging_attempt_leaves_time_for_another() {
    let receiver = HttpReceiver::start([Reply::Hang, fine()]).await;
    let settings = settings(Protocol::HttpProtobuf, &receiver.endpoint).with_timeout(Duration::from_secs(1));
    let exporter =
        Exporter::new(config(settings)).unwrap().with_retry(until(60)).with_pace(FakePace::new(0.5));
    exporter.export(&batch(Encoding::Protobuf, 1)).await.unwrap();
    // More where the answer that comes is late too.
    assert!(receiver.received().len() > 1);
}

#[tokio::test]
async fn dropping_the_call_cancels_it() {
    let receiver = HttpReceiver::start([busy_until(429, "60"), fine()]).await;
    let pace = Arc::new(StillPace::default());
    let settings = settings(Protocol::HttpProtobuf, &receiver.endpoint);
    let exporter = Exporter::new(config(settings)).unwrap().with_retry(until(120)).with_pace(pace.clone());
    let batch = batch(Encoding::Protobuf, 1);
    tokio::select! {
        outcome = exporter.export(&batch) => panic!("it waits for ever: {outcome:?}"),
        () = pace.is_slept_on() => {}
    }
    assert_eq!(receiver.received().len(), 1);
    exporter.export(&batch).await.unwrap();
}
