//! Batches that are too large.

use trace_to_otel::otlp::{Encoding, ExportErrorKind, Protocol};

use crate::export::{
    http_receiver::{Answer, HttpReceiver, Reply},
    support::{batch, exporter, span_count},
};

fn too_large() -> Reply {
    Reply::Answer(Answer::new(413, "text/plain", ""))
}

fn fine() -> Reply {
    Reply::Answer(Answer::new(200, "application/json", r#"{"partialSuccess":{"rejectedSpans":"1"}}"#))
}

fn status(status: u16) -> Reply {
    Reply::Answer(Answer::new(status, "text/plain", ""))
}

async fn deliver(
    replies: Vec<Reply>,
    spans: u64,
) -> (Vec<usize>, Option<u64>, Vec<(usize, ExportErrorKind)>) {
    let receiver = HttpReceiver::start(replies).await;
    let exporter = exporter(Protocol::HttpProtobuf, &receiver.endpoint);
    let delivery = exporter.export_splitting(batch(Encoding::Protobuf, spans)).await;
    let sent = receiver.received().iter().map(|received| span_count(&received.body)).collect();
    let undelivered =
        delivery.undelivered.iter().map(|(batch, error)| (batch.records(), error.kind())).collect();
    (sent, delivery.accepted.map(|accepted| accepted.rejected), undelivered)
}

#[tokio::test]
async fn halves_go_out_in_order() {
    let delivery = deliver(vec![too_large(), too_large(), fine()], 9).await;
    assert_eq!(delivery, (vec![9, 4, 2, 2, 5], Some(3), vec![]));
}

#[tokio::test]
async fn a_single_record_that_is_too_large_does_not_hold_up_the_others() {
    let delivery = deliver(vec![too_large(), too_large(), fine()], 2).await;
    assert_eq!(delivery, (vec![2, 1, 1], Some(1), vec![(1, ExportErrorKind::TooLarge)]));
}

#[tokio::test]
async fn a_part_that_is_rejected_does_not_hold_up_the_others() {
    let delivery = deliver(vec![too_large(), status(400), fine()], 5).await;
    assert_eq!(delivery, (vec![5, 2, 3], Some(1), vec![(2, ExportErrorKind::Rejected)]));
}

#[tokio::test]
async fn a_receiver_that_fails_gets_no_more() {
    let delivery = deliver(vec![too_large(), too_large(), fine(), status(500)], 9).await;
    let undelivered = vec![(2, ExportErrorKind::ServerError), (5, ExportErrorKind::ServerError)];
    assert_eq!(delivery, (vec![9, 4, 2, 2], Some(1), undelivered));
}
