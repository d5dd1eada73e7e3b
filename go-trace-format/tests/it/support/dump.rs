//! Dumps, ours and the reference's, event by event.

use go_trace_format::{Dumper, Error, EventKind, Reader, Time};

/// One event as text, and for a CPU sample the time at which it was taken.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) text: String,
    time: Time,
    sampled_at: Option<Time>,
}

/// Every event as text, and the error that ended the reading, if any.
pub(crate) fn print(mut reader: Reader<'_>) -> (Vec<Printed>, Option<Error>) {
    let mut printed = Vec::new();
    loop {
        let event = match reader.next_event() {
            Ok(Some(event)) => event,
            Ok(None) => return (printed, None),
            Err(error) => return (printed, Some(error)),
        };
        let mut dumper = Dumper::new(Vec::new(), |_, text| text.into());
        dumper.write(&event).expect("a Vec takes everything");
        let text = exact(&dumper.into_inner());
        let sampled_at = matches!(event.kind(), EventKind::CpuSample).then(|| event.raw_time());
        printed.push(Printed { text, time: event.time(), sampled_at });
    }
}

/// Text of bytes that need not be UTF-8, one character for each: what differs stays different.
pub(crate) fn exact(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The events of the reference's dump: each begins with a line that tells thread, proc and goroutine.
pub(crate) fn split(dump: &str) -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    for line in dump.split_inclusive('\n') {
        match events.last_mut() {
            Some(event) if !line.starts_with("M=") => event.push_str(line),
            _ => events.push(line.to_owned()),
        }
    }
    events
}

/// Brings CPU samples that were taken at one moment into the same order on both sides.
///
/// The reference sorts samples by time with an unstable sort, so theirs among equals means nothing. They come
/// one after the other, and each takes the time of its place: what may differ is all but the time.
pub(crate) fn sort_samples_of_one_time(ours: &mut [Printed], theirs: &mut [String]) {
    let length = ours.len().min(theirs.len());
    let mut start = 0;
    while start < length {
        let moment = ours[start].sampled_at;
        let run =
            ours[start..length].iter().take_while(|event| moment.is_some() && event.sampled_at == moment);
        let end = start + run.count().max(1);
        sort_but_for_times(ours[start..end].iter_mut().map(|event| &mut event.text));
        sort_but_for_times(theirs[start..end].iter_mut());
        start = end;
    }
}

/// Brings events of format v1 that happened at one moment into the same order on both sides.
///
/// There the reference begins with its procs, and with the goroutines that were there before, in the order of a map, which is another
/// one each time. What has had to move to a later time because of it counts as of the same moment.
pub(crate) fn sort_events_of_one_time(ours: &mut [Printed], theirs: &mut [String]) {
    let length = ours.len().min(theirs.len());
    let mut start = 0;
    while start < length {
        let follows = |pair: &&[Printed]| pair[1].time.0 == pair[0].time.0 + 1;
        let end = start + 1 + ours[start..length].windows(2).take_while(follows).count();
        sort_but_for_times(ours[start..end].iter_mut().map(|event| &mut event.text));
        sort_but_for_times(theirs[start..end].iter_mut());
        start = end;
    }
}

/// Sorts events by everything but their times; the times stay where they were.
fn sort_but_for_times<'a>(events: impl Iterator<Item = &'a mut String>) {
    let events: Vec<_> = events.collect();
    if events.len() < 2 {
        return;
    }
    let (times, mut rests): (Vec<_>, Vec<_>) = events.iter().map(|event| without_time(event)).unzip();
    rests.sort();
    for ((event, time), (before, after)) in events.into_iter().zip(times).zip(rests) {
        *event = format!("{before} Time={time}{after}");
    }
}

/// The time of an event, and what is printed before and after it.
fn without_time(event: &str) -> (String, (String, String)) {
    let (before, rest) = event.split_once(" Time=").expect("an event with a time");
    let digits = rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(rest.len());
    let (time, after) = rest.split_at(digits);
    (time.to_owned(), (before.to_owned(), after.to_owned()))
}
