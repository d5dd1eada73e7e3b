//! `info`: what is in a trace.

use std::{
    collections::{BTreeMap, HashSet},
    hash::Hash,
    io::{self, BufWriter, Write},
    mem,
};

use go_trace_format::{
    Clock, Dialect, Event, EventKind, EventType, Reader, Time, Version, WallTime,
    event::{GoroutineId, ThreadId},
};
use serde::Serialize;
use trace_to_otel::{
    UnixTime,
    render::{DisplayDuration, DisplayTime},
};

use crate::{
    cli::InfoArguments,
    input::{Input, Progress},
    read::Trace,
};

pub(crate) fn run(arguments: &InfoArguments) -> anyhow::Result<()> {
    let input = Input::open(&arguments.file, Progress::Shown)?;
    let mut trace = Trace::open(input, arguments.reading.opening())?;
    let mut counts = Counts::default();
    trace.for_each_event(|event| {
        counts.count(event);
        Ok(())
    })?;
    counts.end_generation();
    let info = Info::new(&trace.source.name, &trace.reader, counts);
    let mut output = BufWriter::new(io::stdout().lock());
    if arguments.json {
        serde_json::to_writer_pretty(&mut output, &info)?;
        writeln!(output)?;
    } else {
        info.write(&mut output)?;
    }
    output.flush()?;
    trace.notes(arguments.reading.details).report(&trace.source.name);
    Ok(())
}

/// What is counted event by event.
struct Counts {
    events: [u64; 256],
    /// Of the traces that are put together in the file.
    formats: Vec<(Version, Dialect)>,
    /// The number of each, in the order of the file: traces of several processes have the same numbers.
    generations: Vec<u64>,
    /// Of the traces before the one under way.
    before: Sums,
    threads: Distinct<ThreadId>,
    goroutines: Distinct<GoroutineId>,
    /// Of the generation under way.
    clock: Clock,
    generation_times: Option<(Time, Time)>,
    /// Of those before it.
    times: Option<(Time, Time)>,
    wall_times: Option<(WallTime, WallTime)>,
}

/// What only one trace tells apart: in another one, the same ids and times are others'.
#[derive(Clone, Copy, Default)]
struct Sums {
    threads: usize,
    goroutines: usize,
    /// In nanoseconds of the trace clocks.
    duration: u64,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            events: [0; 256],
            formats: Vec::new(),
            generations: Vec::new(),
            before: Sums::default(),
            threads: Distinct::default(),
            goroutines: Distinct::default(),
            clock: Clock::default(),
            generation_times: None,
            times: None,
            wall_times: None,
        }
    }
}

impl Counts {
    fn count(&mut self, event: &Event<'_>) {
        use EventType as E;
        match event.event_type() {
            // The reader's own, not the program's.
            E::Sync => return self.begin_generation(event),
            // Those that tell of another goroutine than the one that they happened on.
            E::GoCreate
            | E::GoCreateBlocked
            | E::GoCreateSyscall
            | E::GoStart
            | E::GoUnblock
            | E::GoSwitch
            | E::GoSwitchDestroy
            | E::GoStatus
            | E::GoStatusStack => {
                if let EventKind::Goroutine(transition) = event.kind() {
                    self.goroutines.see(transition.goroutine, |id| id.0);
                }
            }
            _ => {}
        }
        self.events[event.event_type() as usize] += 1;
        self.threads.see(event.thread(), |id| id.0);
        self.goroutines.see(event.goroutine(), |id| id.0);
        extend(&mut self.generation_times, event.raw_time());
    }

    fn begin_generation(&mut self, event: &Event<'_>) {
        self.end_generation();
        let Some(begun) = event.generation_begun() else { return };
        let format = (event.tables().version(), event.tables().dialect());
        if !self.formats.contains(&format) {
            self.formats.push(format);
        }
        if begun.continuity.begins_trace() {
            self.end_trace();
        }
        self.generations.push(begun.number);
        self.clock = *event.tables().clock();
    }

    /// Within a generation the wall clock goes with the trace's.
    fn end_generation(&mut self) {
        let Some((first, last)) = mem::take(&mut self.generation_times) else { return };
        for time in [first, last] {
            extend(&mut self.times, time);
            if let Some(time) = self.clock.wall_time(time) {
                extend(&mut self.wall_times, time);
            }
        }
    }

    /// What all traces have, with the one under way.
    fn sums(&self) -> Sums {
        Sums {
            threads: self.before.threads + self.threads.len(),
            goroutines: self.before.goroutines + self.goroutines.len(),
            duration: self.before.duration + self.times.map_or(0, |(first, last)| last.0.abs_diff(first.0)),
        }
    }

    fn end_trace(&mut self) {
        self.before = self.sums();
        self.threads.clear();
        self.goroutines.clear();
        self.times = None;
    }
}

/// Things with numbers, each counted once.
struct Distinct<T> {
    all: HashSet<T>,
    /// The last one of each remainder: nearly all that are seen are among them.
    recent: Vec<Option<T>>,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { all: HashSet::new(), recent: Vec::new() }
    }
}

impl<T: Copy + Eq + Hash> Distinct<T> {
    const REMAINDERS: usize = 1 << 10;

    fn see(&mut self, thing: Option<T>, number: impl Fn(T) -> i64) {
        let Some(thing) = thing else { return };
        let remainder = number(thing) as usize % Self::REMAINDERS;
        if self.recent.get(remainder) != Some(&Some(thing)) {
            self.recent.resize(Self::REMAINDERS, None);
            self.recent[remainder] = Some(thing);
            self.all.insert(thing);
        }
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    fn clear(&mut self) {
        self.all.clear();
        self.recent.clear();
    }
}

/// Widens a span of time so that it holds one more moment.
fn extend<T: Copy + Ord>(span: &mut Option<(T, T)>, time: T) {
    *span = Some(span.map_or((time, time), |(first, last)| (first.min(time), last.max(time))));
}

#[derive(Serialize)]
struct Info<'a> {
    file: &'a str,
    /// The header's version.
    header: String,
    dialect: String,
    /// The Go releases that write this header.
    go_version: String,
    /// What newer headers' traces hold, and none of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lacks: Vec<&'static str>,
    bytes: u64,
    /// The number of each, in the order of the file.
    generations: Vec<u64>,
    events: u64,
    /// By the names of Go's `internal/trace/tracev2`.
    events_by_kind: BTreeMap<&'static str, u64>,
    threads: usize,
    goroutines: usize,
    #[serde(rename = "duration_nanoseconds")]
    duration: u64,
    wall_clock: Option<WallClock>,
    losses: LossInfo,
}

#[derive(Serialize)]
struct WallClock {
    start_unix_nanoseconds: u64,
    end_unix_nanoseconds: u64,
}

#[derive(Serialize)]
struct LossInfo {
    count: u64,
    bytes: u64,
    /// The first of them.
    details: Vec<String>,
}

impl<'a> Info<'a> {
    fn new(file: &'a str, reader: &Reader<'_>, counts: Counts) -> Self {
        let kinds = EventType::all().iter().map(|&kind| (kind.spec().name, counts.events[kind as usize]));
        let (losses, sums) = (reader.losses(), counts.sums());
        let formats = match counts.formats.is_empty() {
            true => vec![(reader.version(), reader.dialect())],
            false => counts.formats,
        };
        let newest = formats.iter().map(|(version, _)| *version).max();
        Self {
            file,
            lacks: newest.map(lacking).unwrap_or_default(),
            header: listed(formats.iter().map(|(version, _)| version.to_string())),
            dialect: listed(formats.iter().map(|(_, dialect)| dialect.name().to_owned())),
            go_version: listed(formats.iter().map(|(version, _)| written_by(*version).to_owned())),
            bytes: reader.bytes_read(),
            generations: counts.generations,
            events: counts.events.iter().sum(),
            events_by_kind: kinds.filter(|&(_, count)| count > 0).collect(),
            threads: sums.threads,
            goroutines: sums.goroutines,
            duration: sums.duration,
            wall_clock: counts.wall_times.and_then(|(first, last)| {
                Some(WallClock {
                    start_unix_nanoseconds: first.unix_nanoseconds()?,
                    end_unix_nanoseconds: last.unix_nanoseconds()?,
                })
            }),
            losses: LossInfo {
                count: losses.count(),
                bytes: losses.bytes(),
                details: losses.iter().map(ToString::to_string).collect(),
            },
        }
    }

    fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let wall_clock = match &self.wall_clock {
            Some(clock) => format!(
                "{} to {} UTC",
                DisplayTime(UnixTime(clock.start_unix_nanoseconds)),
                DisplayTime(UnixTime(clock.end_unix_nanoseconds)),
            ),
            None => "not in the trace".to_owned(),
        };
        writeln!(output, "file         {}", self.file)?;
        writeln!(output, "header       {}, written by {}", self.header, self.go_version)?;
        if !self.lacks.is_empty() {
            writeln!(output, "lacks        {}", self.lacks.join(", "))?;
        }
        writeln!(output, "dialect      {}", self.dialect)?;
        writeln!(output, "bytes        {}", self.bytes)?;
        writeln!(output, "wall clock   {wall_clock}")?;
        writeln!(output, "duration     {}", DisplayDuration(self.duration))?;
        writeln!(output, "generations  {}", self.generation_numbers())?;
        writeln!(output, "threads      {}", self.threads)?;
        writeln!(output, "goroutines   {}", self.goroutines)?;
        writeln!(output, "losses       {}", self.losses.count)?;
        writeln!(output, "events       {}", self.events)?;
        let mut kinds: Vec<_> = self.events_by_kind.iter().collect();
        kinds.sort_by(|(_, one), (_, other)| other.cmp(one));
        for (name, count) in kinds {
            writeln!(output, "  {count:>9}  {name}")?;
        }
        Ok(())
    }

    fn generation_numbers(&self) -> String {
        let count = self.generations.len();
        match (self.generations.iter().min(), self.generations.iter().max()) {
            (Some(first), Some(last)) if first == last => format!("{count} (number {first})"),
            (Some(first), Some(last)) => format!("{count} (numbers {first} to {last})"),
            _ => "0".to_owned(),
        }
    }
}

/// Each once, in the order of the traces.
fn listed(texts: impl Iterator<Item = String>) -> String {
    let mut listed: Vec<String> = Vec::new();
    for text in texts {
        if !listed.contains(&text) {
            listed.push(text);
        }
    }
    listed.join(", ")
}

/// What traces before Go 1.22 do not hold yet.
fn lacking(version: Version) -> Vec<&'static str> {
    let since = [
        (Version::Go17, "names in stacks"),
        (Version::Go19, "mark assists"),
        (Version::Go110, "why the world is stopped"),
        (Version::Go111, "tasks, regions and logs"),
        (Version::Go119, "CPU samples"),
        (Version::Go122, "generations"),
    ];
    since.into_iter().filter(|(since, _)| version < *since).map(|(_, what)| what).collect()
}

/// The Go releases whose traces have this header.
pub(crate) fn written_by(version: Version) -> &'static str {
    match version {
        Version::Go15 => "Go 1.5 or 1.6",
        Version::Go17 => "Go 1.7",
        Version::Go18 => "Go 1.8",
        Version::Go19 => "Go 1.9",
        Version::Go110 => "Go 1.10",
        Version::Go111 => "Go 1.11 to 1.18",
        Version::Go119 => "Go 1.19 or 1.20",
        Version::Go121 => "Go 1.21",
        Version::Go122 => "Go 1.22",
        Version::Go123 => "Go 1.23 or 1.24",
        Version::Go125 => "Go 1.25",
        Version::Go126 => "Go 1.26 or 1.27",
        _ => "an unknown release",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_lacks_what_came_later() {
        assert_eq!(lacking(Version::Go15).len(), 6);
        assert_eq!(lacking(Version::Go111), ["CPU samples", "generations"]);
        assert_eq!(lacking(Version::Go121), ["generations"]);
        assert_eq!(lacking(Version::Go122), [""; 0]);
        assert!(Version::ALL.into_iter().all(|version| written_by(version) != "an unknown release"));
    }
}
