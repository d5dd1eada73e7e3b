//! The spans of the recordings in `testdata` against what the recorded program says that it did.

use std::collections::HashMap;

use crate::common;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use trace_to_otel::{Mapper, MapperOptions, Scope, Span, SpanEvent, UnixTime, Value};

/// By how much the trace's clock and the program's may disagree, in nanoseconds (`testdata/README.md`).
const TOLERANCE: u64 = 1_000;
/// What the runtime cuts names and messages to.
const LONGEST: usize = 1024;

#[derive(Deserialize)]
struct Truth {
    files: Vec<String>,
    #[serde(default)]
    tasks: Vec<TaskTruth>,
    #[serde(default)]
    regions: Vec<RegionTruth>,
    #[serde(default)]
    logs: Vec<LogTruth>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Window {
    after: u64,
    before: u64,
}

#[derive(Deserialize)]
struct TaskTruth {
    id: u64,
    parent: Option<u64>,
    name: Text,
    begin_goroutine: Option<i64>,
    begin: Option<Window>,
    end: Option<Window>,
    #[serde(default)]
    more_ends: Vec<Window>,
}

#[derive(Deserialize)]
struct RegionTruth {
    id: u64,
    task: Option<u64>,
    name: Text,
    enclosing: Option<u64>,
    begin_goroutine: Option<i64>,
    begin: Option<Window>,
    end: Option<Window>,
}

#[derive(Deserialize)]
struct LogTruth {
    task: Option<u64>,
    region: Option<u64>,
    category: Text,
    message: Text,
    at: Window,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Bytes { base64: String },
}

impl Text {
    /// As the runtime wrote it.
    fn recorded(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Plain(text) => text.clone().into_bytes(),
            Self::Bytes { base64 } => STANDARD.decode(base64).expect("base64"),
        };
        bytes.truncate(LONGEST);
        bytes
    }

    /// The message of a log as it comes out of the trace.
    fn expected_of(&self, category: &Self) -> String {
        go_trace_sanitize::Sanitizer::new().named_text(&category.recorded(), &self.recorded()).into_owned()
    }

    /// As it comes out of the trace: cut, sanitized, with a stand-in for an empty name.
    fn expected(&self, if_empty: &str) -> String {
        let sanitized = go_trace_sanitize::Sanitizer::new().text(&self.recorded()).into_owned();
        if sanitized.is_empty() { if_empty.to_owned() } else { sanitized }
    }
}

impl Window {
    fn holds(self, time: UnixTime) -> bool {
        (self.after - TOLERANCE..=self.before + TOLERANCE).contains(&time.0)
    }
}

/// What the program made.
#[derive(Clone, Copy)]
enum Made<'t> {
    Task(&'t TaskTruth),
    Region(&'t RegionTruth),
}

impl Made<'_> {
    fn is_of(self, id: u64) -> bool {
        match self {
            Self::Task(task) => task.id == id,
            Self::Region(region) => region.task == Some(id),
        }
    }
}

/// A recording's truth, and its spans, each of which must be found once.
struct Check {
    name: String,
    truth: Truth,
    spans: Vec<Option<Span>>,
    /// The spans found, by the truth's ids.
    tasks: HashMap<u64, Span>,
    regions: HashMap<u64, Span>,
}

impl Check {
    fn new(name: String, truth: Truth, spans: Vec<Span>) -> Self {
        let spans = spans.into_iter().map(Some).collect();
        Self { name, truth, spans, tasks: HashMap::new(), regions: HashMap::new() }
    }

    fn run(self) {
        self.tasks().regions().nesting().nothing_else().logs();
    }

    fn tasks(mut self) -> Self {
        for task in std::mem::take(&mut self.truth.tasks) {
            // Nobody tells the name of a task that began before.
            let name = match task.begin {
                Some(_) => task.name.expected("(unnamed task)"),
                None => "(unknown task)".to_owned(),
            };
            let span = self.take(Scope::Task, &name, task.begin, task.end, task.begin_goroutine);
            self.tasks.insert(task.id, span);
            self.truth.tasks.push(task);
        }
        self
    }

    fn regions(mut self) -> Self {
        for region in std::mem::take(&mut self.truth.regions) {
            let name = region.name.expected("(unnamed region)");
            let span = self.take(Scope::Region, &name, region.begin, region.end, region.begin_goroutine);
            self.regions.insert(region.id, span);
            self.truth.regions.push(region);
        }
        self
    }

    /// Parents, and with them the trace's id.
    fn nesting(self) -> Self {
        let tasks = self.truth.tasks.iter().map(Made::Task);
        for child in tasks.chain(self.truth.regions.iter().map(Made::Region)) {
            let parent = self.parent(child).map(|parent| self.span(parent));
            let child = self.span(child);
            let found = child.parent.filter(|parent| !parent.is_remote).map(|parent| parent.span_id);
            assert_eq!(found, parent.map(|parent| parent.span_id), "{}: parent of {child:#?}", self.name);
            if let Some(parent) = parent {
                assert_eq!(child.trace_id, parent.trace_id, "{}: trace of {child:#?}", self.name);
            }
        }
        self
    }

    /// The task that a task names, else the region that it was made in. The region around a region if that is part of
    /// the same task, else its task.
    fn parent(&self, child: Made<'_>) -> Option<Made<'_>> {
        let task_of =
            |id: Option<u64>| Some(Made::Task(self.truth.tasks.iter().find(|task| Some(task.id) == id)?));
        match child {
            Made::Task(task) => task_of(task.parent).or_else(|| self.region_around(task)),
            Made::Region(region) => {
                let is_enclosing = |other: &&RegionTruth| Some(other.id) == region.enclosing;
                let enclosing = self.truth.regions.iter().find(is_enclosing).map(Made::Region);
                let is_same_task = |&around: &Made<'_>| {
                    let mut ancestors =
                        std::iter::successors(Some(around), |&ancestor| self.parent(ancestor));
                    region.task.is_none_or(|task| ancestors.any(|ancestor| ancestor.is_of(task)))
                };
                enclosing.filter(is_same_task).or_else(|| task_of(region.task))
            }
        }
    }

    fn region_around(&self, task: &TaskTruth) -> Option<Made<'_>> {
        let begin = task.begin?;
        let is_around = |region: &&RegionTruth| {
            task.begin_goroutine.is_some()
                && region.begin_goroutine == task.begin_goroutine
                && region.begin.is_some_and(|other| other.before <= begin.after)
                && region.end.is_none_or(|end| end.after >= begin.before)
        };
        let latest = |region: &&RegionTruth| region.begin.map(|begin| begin.after);
        self.truth.regions.iter().filter(is_around).max_by_key(latest).map(Made::Region)
    }

    fn span(&self, made: Made<'_>) -> &Span {
        match made {
            Made::Task(task) => &self.tasks[&task.id],
            Made::Region(region) => &self.regions[&region.id],
        }
    }

    fn nothing_else(self) -> Self {
        let others: Vec<_> = self.spans.iter().flatten().collect();
        assert!(others.is_empty(), "{}: nobody has made {others:#?}", self.name);
        self
    }

    /// Logs in the innermost region of their task, or else in their task; none elsewhere.
    fn logs(self) {
        let mut found = 0;
        for log in &self.truth.logs {
            let Some(span) = self.span_of(log) else { continue };
            let category = log.category.expected("(no category)");
            let message: Value = log.message.expected_of(&log.category).as_str().into();
            let is_it = |event: &&SpanEvent| {
                *event.name == *category && event.attributes[0].value == message && log.at.holds(event.time)
            };
            let event = span.events.iter().find(is_it);
            let event = event.unwrap_or_else(|| panic!("{}: no {category:?} in {span:#?}", self.name));
            assert_eq!(event.attributes[0].key, "gotrace.log.message");
            found += 1;
        }
        let all: usize = self.tasks.values().chain(self.regions.values()).map(|span| span.events.len()).sum();
        assert_eq!(all, found, "{}: more events than logs", self.name);
    }

    fn span_of(&self, log: &LogTruth) -> Option<&Span> {
        let mut region = log.region;
        while let Some(id) = region {
            let truth = self.truth.regions.iter().find(|truth| truth.id == id).expect("the region");
            if truth.task == log.task {
                return Some(&self.regions[&id]);
            }
            region = truth.enclosing;
        }
        let task = self.truth.tasks.iter().find(|truth| Some(truth.id) == log.task)?;
        // Nothing can be added to a span that is gone.
        let is_late = task.end.is_some_and(|end| end.before < log.at.after);
        (!is_late).then(|| &self.tasks[&task.id])
    }

    /// The span of one call, which is then no other's.
    fn take(
        &mut self,
        scope: Scope,
        name: &str,
        begin: Option<Window>,
        end: Option<Window>,
        goroutine: Option<i64>,
    ) -> Span {
        let is_it = |span: &Span| {
            let incomplete = match (begin, end) {
                (None, _) => Some("start".into()),
                (_, None) => Some("end".into()),
                _ => None,
            };
            span.scope == scope
                && *span.name == *name
                && begin.is_none_or(|begin| begin.holds(span.start))
                && end.is_none_or(|end| end.holds(span.end))
                && span.attribute("gotrace.incomplete") == incomplete.as_ref()
                && goroutine.is_none_or(|id| span.attribute("gotrace.goroutine.id") == Some(&id.into()))
        };
        let found =
            self.spans.iter_mut().find(|span| span.as_ref().is_some_and(is_it)).and_then(Option::take);
        found.unwrap_or_else(|| {
            let all: Vec<_> =
                self.spans.iter().flatten().map(|span| (&span.name, span.start, span.end)).collect();
            panic!("{}: no {scope:?} {name:?} of {begin:?} to {end:?} in {all:#?}", self.name)
        })
    }
}

fn truth_of(release: &str, scenario: &str) -> Truth {
    let truth = common::read(&format!("{release}/{scenario}.truth.json"));
    serde_json::from_slice(&truth).expect("the truth as the recorder writes it")
}

fn check_recording(release: &str, scenario: &str) {
    let truth = truth_of(release, scenario);
    let name = format!("{release}/{scenario}.trace");
    let base_time = match release {
        "go1.22" | "go1.23" | "go1.24" => aligned(&name, &truth),
        _ => UnixTime(0),
    };
    let (spans, counters) = common::spans_of(&name, options(base_time));
    assert_eq!(counters.spans, spans.len() as u64);
    let repeated: usize = truth.tasks.iter().map(|task| task.more_ends.len()).sum();
    assert_eq!(counters.repeated_task_ends, repeated as u64, "{name}");
    Check::new(name, truth, spans).run();
}

fn options(base_time: UnixTime) -> MapperOptions {
    let mut options = MapperOptions::default();
    options.base_time = base_time;
    options.unsampled = true;
    // What the runtime did, the program did not write down.
    options.ranges = false;
    options
}

/// The base time of a trace without wall clock, with which all begins are where the truth says: as only one number is
/// chosen, they are checked all the same.
fn aligned(name: &str, truth: &Truth) -> UnixTime {
    const GUESS: u64 = 1 << 60;
    let (spans, _) = common::spans_of(name, options(UnixTime(GUESS)));
    let tasks = truth.tasks.iter().map(|task| (&task.name, task.begin_goroutine, task.begin));
    let regions = truth.regions.iter().map(|region| (&region.name, region.begin_goroutine, region.begin));
    // What has one name on one goroutine begins in the order of the truth.
    let mut begins: HashMap<_, Vec<Window>> = HashMap::new();
    for (name, goroutine, begin) in tasks.chain(regions) {
        if let (Some(goroutine), Some(begin)) = (goroutine, begin) {
            begins.entry((name.expected(""), goroutine)).or_default().push(begin);
        }
    }
    let (mut earliest, mut latest) = (0, u64::MAX);
    for ((name, goroutine), mut windows) in begins {
        let goroutine = Value::from(goroutine);
        let is_it =
            |span: &&Span| *span.name == *name && span.attribute("gotrace.goroutine.id") == Some(&goroutine);
        let mut starts: Vec<_> = spans.iter().filter(is_it).map(|span| span.start.0 - GUESS).collect();
        starts.sort_unstable();
        windows.sort_by_key(|window| window.after);
        for (window, start) in windows.into_iter().zip(starts) {
            earliest = earliest.max(window.after - start);
            latest = latest.min(window.before - start);
        }
    }
    assert!(earliest <= latest + 2 * TOLERANCE, "{name}: {earliest} > {latest}");
    UnixTime(earliest.midpoint(latest))
}

macro_rules! recordings {
    ($($scenario:ident)*) => {$(
        #[test]
        fn $scenario() {
            for release in common::RELEASES {
                check_recording(release, stringify!($scenario));
            }
        }
    )*};
}

recordings!(tasks regions logs generations cgo cpu);

#[test]
fn flight_recorder_beside_a_whole_trace() {
    for release in ["go1.25", "go1.26", "go1.27"] {
        check_recording(release, "flight-whole");
    }
}

/// What is open at the end of one snapshot ends in a later one, and is one span.
#[test]
fn overlapping_snapshots_of_one_process() {
    for release in ["go1.25", "go1.26", "go1.27"] {
        let truth = truth_of(release, "flight");
        let mut mapper = Mapper::with_options(options(UnixTime(0)));
        let mut spans = Vec::new();
        let mut last = 0;
        for file in &truth.files {
            last = common::feed(&mut mapper, &common::read(&format!("{release}/{file}")), last, &mut spans);
        }
        let Ok(()) = mapper.finish(&mut spans);
        Check::new(format!("{release}/flight"), truth, spans).run();
    }
}
