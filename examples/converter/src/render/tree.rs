//! Spans as trees, one line for each span and each of its events.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};
use trace_to_otel::{Scope, Span, SpanEvent, UnixTime, Value};

use crate::render::text::{Duration, Foreign, date_and_time, time_of_day};

const DIM: Style = Style::new().dimmed();
const TASK: Style = AnsiColor::Cyan.on_default().bold();
const REGION: Style = AnsiColor::Green.on_default();
const INCOMPLETE: Style = AnsiColor::Yellow.on_default();

/// Deeper spans are shown at this depth: the lines would grow out of the screen, and the output with the square
/// of the depth.
const DEEPEST: usize = 32;

/// What the times are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Exact,
    Approximate,
}

/// Writes the spans as trees, in the order of their starts, and how many they are.
pub(crate) fn write(spans: &[Span], clock: Clock, output: &mut impl Write) -> io::Result<()> {
    let forest = Forest::new(spans);
    let mut printer = Printer { output, clock, day: String::new(), is_last: Vec::new() };
    forest.walk(|item, depth, is_last| printer.line(item, depth, is_last))?;
    summary(spans, output)
}

/// What has a line.
#[derive(Clone, Copy)]
enum Item<'a> {
    Span(&'a Span),
    Event(&'a SpanEvent),
}

impl Item<'_> {
    fn time(&self) -> UnixTime {
        match self {
            Self::Span(span) => span.start,
            Self::Event(event) => event.time,
        }
    }
}

/// The spans with their children.
struct Forest<'a> {
    spans: &'a [Span],
    /// By index of the parent.
    children: HashMap<usize, Vec<usize>>,
    /// Spans whose parent is not here.
    roots: Vec<usize>,
}

impl<'a> Forest<'a> {
    fn new(spans: &'a [Span]) -> Self {
        let mut places = HashMap::with_capacity(spans.len());
        for (index, span) in spans.iter().enumerate() {
            places.entry((span.trace_id, span.span_id)).or_insert(index);
        }
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut roots = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            match span.parent.and_then(|parent| places.get(&(span.trace_id, parent.span_id))) {
                Some(&parent) if parent != index => children.entry(parent).or_default().push(index),
                _ => roots.push(index),
            }
        }
        roots.sort_by_key(|&root| spans[root].start);
        Self { spans, children, roots }
    }

    /// Visits every item once, parents first, each with its depth and whether it is its parent's last.
    fn walk(&self, mut visit: impl FnMut(Item<'a>, usize, bool) -> io::Result<()>) -> io::Result<()> {
        let mut seen = HashSet::new();
        // Contexts that the program made up may go round in a circle, to which no root leads.
        for root in self.roots.iter().copied().chain(0..self.spans.len()) {
            let mut stack = vec![(Child::Span(root), 0, true)];
            while let Some((child, depth, is_last)) = stack.pop() {
                let index = match child {
                    Child::Event(event) => {
                        visit(Item::Event(event), depth, is_last)?;
                        continue;
                    }
                    Child::Span(index) => index,
                };
                if !seen.insert(index) {
                    continue;
                }
                visit(Item::Span(&self.spans[index]), depth, is_last)?;
                let items = self.items(index);
                let last = items.len();
                let numbered = items.into_iter().enumerate().rev();
                stack.extend(numbered.map(|(i, item)| (item, depth + 1, i + 1 == last)));
            }
        }
        Ok(())
    }

    /// Children and events of a span in the order of their times.
    fn items(&self, index: usize) -> Vec<Child<'a>> {
        let events = self.spans[index].events.iter().map(Child::Event);
        let children = self.children.get(&index).into_iter().flatten().copied().map(Child::Span);
        let mut items: Vec<_> = events.chain(children).collect();
        items.sort_by_key(|item| match item {
            Child::Span(index) => Item::Span(&self.spans[*index]).time(),
            Child::Event(event) => event.time,
        });
        items
    }
}

#[derive(Clone, Copy)]
enum Child<'a> {
    Span(usize),
    Event(&'a SpanEvent),
}

struct Printer<'o, W> {
    output: &'o mut W,
    clock: Clock,
    /// The day of the line before.
    day: String,
    /// For each depth from 1 on, whether the line under way hangs below its parent's last one.
    is_last: Vec<bool>,
}

impl<W: Write> Printer<'_, W> {
    fn line(&mut self, item: Item<'_>, depth: usize, is_last: bool) -> io::Result<()> {
        self.heading(item.time())?;
        write!(self.output, "{DIM}{}{DIM:#} ", time_of_day(item.time()))?;
        match item {
            Item::Span(span) => {
                let style = style(span.scope);
                write!(
                    self.output,
                    "{:>8} {style}{:6}{style:#} ",
                    Duration(span.duration()),
                    kind(span.scope)
                )?;
                self.branches(depth, is_last)?;
                write!(self.output, "{style}{}{style:#}", Foreign(&span.name))?;
                self.details(span)?;
            }
            Item::Event(event) => {
                write!(self.output, "{:>8} {DIM}log   {DIM:#} ", "")?;
                self.branches(depth, is_last)?;
                write!(self.output, "{}", Foreign(&event.name))?;
                for attribute in &event.attributes {
                    write!(self.output, "{DIM}:{DIM:#} {}", Foreign(&attribute.value.to_string()))?;
                }
            }
        }
        writeln!(self.output)
    }

    /// A line with the day, where it is another one than before.
    fn heading(&mut self, time: UnixTime) -> io::Result<()> {
        let mut day = date_and_time(time);
        day.truncate("2026-11-23".len());
        if day == self.day {
            return Ok(());
        }
        let note =
            if self.clock == Clock::Approximate { ", approximate: the trace holds no clock" } else { "" };
        writeln!(self.output, "{DIM}{day} UTC{note}{DIM:#}")?;
        self.day = day;
        Ok(())
    }

    fn branches(&mut self, depth: usize, is_last: bool) -> io::Result<()> {
        let depth = depth.min(DEEPEST);
        if depth == 0 {
            self.is_last.clear();
            return Ok(());
        }
        self.is_last.truncate(depth - 1);
        write!(self.output, "{DIM}")?;
        for &is_last in &self.is_last {
            self.output.write_all(if is_last { b"   " } else { "│  ".as_bytes() })?;
        }
        write!(self.output, "{}{DIM:#}", if is_last { "└─ " } else { "├─ " })?;
        self.is_last.push(is_last);
        Ok(())
    }

    fn details(&mut self, span: &Span) -> io::Result<()> {
        if let Some(missing) = span.attribute("gotrace.incomplete") {
            write!(self.output, " {INCOMPLETE}({missing} not recorded){INCOMPLETE:#}")?;
        }
        write!(self.output, "{DIM}")?;
        if let Some(goroutine) = span.attribute("gotrace.goroutine.id") {
            write!(self.output, "  g{goroutine}")?;
        }
        if let Some(Value::Text(function)) = span.attribute("code.function.name") {
            write!(self.output, " {}", Foreign(base(function)))?;
        }
        if let Some(Value::Text(file)) = span.attribute("code.file.path") {
            write!(self.output, " {}", Foreign(base(file)))?;
        }
        if let Some(line) = span.attribute("code.line.number") {
            write!(self.output, ":{line}")?;
        }
        if let Some(parent) = span.parent.filter(|parent| parent.is_remote) {
            write!(self.output, "  parent {} elsewhere", parent.span_id)?;
        }
        write!(self.output, "{DIM:#}")
    }
}

/// What stands behind the last slash: of a function its name with its package's, of a path the file.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn style(scope: Scope) -> Style {
    match scope {
        Scope::Task => TASK,
        _ => REGION,
    }
}

/// The last part of the scope's name.
fn kind(scope: Scope) -> &'static str {
    let name = scope.name();
    name.rsplit('.').next().unwrap_or(name)
}

fn summary(spans: &[Span], output: &mut impl Write) -> io::Result<()> {
    if spans.is_empty() {
        return writeln!(
            output,
            "no spans: the trace holds no task and no region (runtime/trace.NewTask and StartRegion)"
        );
    }
    let traces: HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (spans, traces) = (spans.len(), traces.len());
    writeln!(output, "{DIM}{spans} span{} in {traces} trace{}{DIM:#}", plural(spans), plural(traces))
}
