//! The statistics as comma-separated values, by RFC 4180: `docs/stats.md` says what each column is.

use std::io::{self, Write};

use trace_to_otel::{
    UnixTime, Waiting,
    analysis::{Bucket, Cycle, Distribution, Frame, GoroutineGroup, SpanGroup, Wait, Wakeup},
    render::DisplayText,
};

use crate::{
    csv::write_text,
    recording::Recording,
    stats::{
        Table,
        json::{rate, waiting_key},
    },
};

/// Writes a table of all recordings, with the name of each before its lines where they are told apart. Of the texts of traces a terminal
/// is shown what cannot control it; data are as they are.
pub(super) fn write(
    table: Table,
    recordings: &[Recording],
    has_names: bool,
    is_terminal: bool,
    output: &mut impl Write,
) -> io::Result<()> {
    let name = |name: &str| has_names.then(|| name.to_owned());
    write_line(name("file").into_iter().chain(columns(table)), is_terminal, output)?;
    for recording in recordings {
        for row in rows(table, recording) {
            write_line(name(&recording.name).into_iter().chain(row), is_terminal, output)?;
        }
    }
    Ok(())
}

fn write_line(
    cells: impl Iterator<Item = String>,
    is_terminal: bool,
    output: &mut impl Write,
) -> io::Result<()> {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            write!(output, ",")?;
        }
        let cell = if is_terminal { DisplayText(&cell).to_string() } else { cell };
        write_text(&cell, output)?;
    }
    write!(output, "\r\n")
}

/// What the columns of a table are called.
fn columns(table: Table) -> Vec<String> {
    let columns = match table {
        Table::Goroutines => {
            let waiting = Waiting::ALL.map(|reason| format!("waiting_{}*", waiting_key(reason))).join(" ");
            format!(
                "function runtime count complete_count lifetime* running* runnable* syscall* gc_assist* {waiting}"
            )
        }
        Table::Spans => {
            let waiting = Waiting::ALL
                .map(|reason| format!("split_waiting_{}_nanoseconds", waiting_key(reason)))
                .join(" ");
            format!(
                "scope kind name count per_second errors incomplete duration* split_count split_running_nanoseconds \
                 split_runnable_nanoseconds split_syscall_nanoseconds split_gc_assist_nanoseconds {waiting}"
            )
        }
        Table::Waits => "reason count nanoseconds stack".to_owned(),
        Table::Wakeups => "waiter waker reason count nanoseconds longest_nanoseconds".to_owned(),
        Table::Timeline => {
            "start_unix_nanoseconds running_nanoseconds capacity_nanoseconds latency_count latency*"
                .to_owned()
        }
        Table::Collections => {
            "start_unix_nanoseconds marking_nanoseconds pauses_nanoseconds assist_nanoseconds heap_goal_bytes"
                .to_owned()
        }
        Table::Pauses => "reason count duration*".to_owned(),
    };
    let spelled_out = columns.split(' ').flat_map(|column| match column.strip_suffix('*') {
        Some(what) => ["total", "mean", "min", "p50", "p90", "p95", "p99", "max"]
            .map(|value| format!("{what}_{value}_nanoseconds"))
            .to_vec(),
        None => vec![column.to_owned()],
    });
    spelled_out.collect()
}

fn rows(table: Table, recording: &Recording) -> Vec<Vec<String>> {
    let analysis = &recording.analysis;
    match table {
        Table::Goroutines => analysis.goroutines.iter().map(goroutines).collect(),
        Table::Spans => {
            let duration = analysis.period.duration;
            analysis.spans.iter().map(|group| spans(group, duration)).collect()
        }
        Table::Waits => analysis.waits.iter().map(wait).collect(),
        Table::Wakeups => analysis.wakeups.iter().map(wakeup).collect(),
        Table::Timeline => analysis.timeline.buckets().map(bucket).collect(),
        Table::Collections => analysis.collections.cycles.iter().map(cycle).collect(),
        Table::Pauses => analysis.collections.pauses.iter().map(pauses).collect(),
    }
}

/// What a distribution tells, in nanoseconds.
fn durations(durations: &Distribution) -> impl Iterator<Item = String> {
    let [p50, p90, p95, p99] = [0.5, 0.9, 0.95, 0.99].map(|share| durations.quantile(share));
    let (total, mean, min, max) = (durations.total(), durations.mean(), durations.min(), durations.max());
    texts([total, mean, min, p50, p90, p95, p99, max])
}

fn texts<const N: usize>(numbers: [u64; N]) -> impl Iterator<Item = String> {
    numbers.into_iter().map(|number| number.to_string())
}

fn goroutines(group: &GoroutineGroup) -> Vec<String> {
    let mut row = vec![group.kind.name().to_owned(), group.kind.is_of_runtime().to_string()];
    row.extend(texts([group.count(), group.whole.count()]));
    let own = [&group.lifetime, group.running(), group.runnable(), group.syscall(), group.gc_assist()];
    row.extend(own.into_iter().flat_map(durations));
    row.extend(Waiting::ALL.into_iter().flat_map(|reason| durations(group.waiting(reason))));
    row
}

fn spans(group: &SpanGroup, recorded: u64) -> Vec<String> {
    let scope = group.scope.as_ref().map_or("", |scope| scope.name());
    let mut row = vec![scope.to_owned(), group.kind.name().to_owned(), group.name.to_string()];
    row.extend([group.count().to_string(), rate(group.count(), recorded).to_string()]);
    row.extend(texts([group.errors, group.incomplete]));
    row.extend(durations(&group.durations));
    let anatomy = &group.anatomy;
    row.extend(texts([group.split, anatomy.running, anatomy.runnable, anatomy.syscall, anatomy.gc_assist]));
    row.extend(texts(anatomy.waiting_for));
    row
}

fn wait(wait: &Wait) -> Vec<String> {
    let frame = |frame: &Frame| format!("{} {}:{}", frame.function, frame.file, frame.line);
    let mut row = vec![wait.reason.to_string()];
    row.extend(texts([wait.count, wait.nanoseconds]));
    row.push(wait.frames.iter().map(frame).collect::<Vec<_>>().join("\n"));
    row
}

fn wakeup(wakeup: &Wakeup) -> Vec<String> {
    let waker = wakeup.waker.as_ref().map_or("", |waker| waker.name());
    let mut row = vec![wakeup.waiter.name().to_owned(), waker.to_owned(), wakeup.reason.to_string()];
    row.extend(texts([wakeup.count, wakeup.nanoseconds, wakeup.longest]));
    row
}

fn bucket((start, bucket): (UnixTime, &Bucket)) -> Vec<String> {
    let mut row: Vec<_> = texts([start.0, bucket.running, bucket.capacity, bucket.latency.count()]).collect();
    row.extend(durations(&bucket.latency));
    row
}

fn cycle(cycle: &Cycle) -> Vec<String> {
    texts([cycle.start.0, cycle.duration, cycle.pauses, cycle.assists, cycle.heap_goal]).collect()
}

fn pauses((reason, pauses): &(Box<str>, Distribution)) -> Vec<String> {
    let mut row = vec![reason.to_string(), pauses.count().to_string()];
    row.extend(durations(pauses));
    row
}
