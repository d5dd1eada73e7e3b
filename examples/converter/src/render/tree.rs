//! Spans as trees, one line for each span, each of its events and each of its links.

use std::{
    collections::{HashMap, HashSet},
    io::{self, Write},
};

use anstyle::{AnsiColor, Style};
use trace_to_otel::{Link, Scope, Span, SpanEvent, Status, UnixTime, Value};

use super::{
    NO_SPANS,
    anatomy::Bar,
    critical_path::{self, Stretch},
    forest::{Forest, Item, Position},
    hint, kind,
    text::{Duration, Foreign, date_and_time, time_of_day},
};

const DIM: Style = Style::new().dimmed();
const INCOMPLETE: Style = AnsiColor::Yellow.on_default();
const CRITICAL: Style = AnsiColor::Red.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Deeper spans are shown at this depth: the lines would grow out of the screen, and the output with the square
/// of the depth.
const DEEPEST: usize = 32;

/// What the times are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Exact,
    Approximate,
}

/// What is shown beside the spans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) clock: Clock,
    pub(crate) anatomy: bool,
    pub(crate) critical_path: bool,
}

/// Writes the spans as trees, in the order of their starts, and how many they are.
pub(crate) fn write(spans: &[Span], options: Options, output: &mut impl Write) -> io::Result<()> {
    let forest = Forest::new(spans);
    let critical = if options.critical_path { critical_path::all(&forest) } else { HashMap::new() };
    let mut printer =
        Printer { forest: &forest, options, critical, output, day: String::new(), is_last: Vec::new() };
    forest.walk(|item, position| printer.item(item, position))?;
    summary(spans, output)
}

struct Printer<'f, 'o, W> {
    forest: &'f Forest<'f>,
    options: Options,
    /// Stretches of critical paths, by the index of their span.
    critical: HashMap<usize, Vec<Stretch>>,
    output: &'o mut W,
    /// The day of the line before.
    day: String,
    /// For each depth from 1 on, whether the line under way hangs below its parent's last one.
    is_last: Vec<bool>,
}

/// What stands before the kind of a line that is no span's.
const NO_TIME: &str = "                ";

impl<W: Write> Printer<'_, '_, W> {
    fn item(&mut self, item: Item<'_>, position: Position) -> io::Result<()> {
        match item {
            Item::Span(index) => self.span(index, position),
            Item::Event(event) => self.event(event, position),
            Item::Link(link) => self.link(link, position),
        }
    }

    fn span(&mut self, index: usize, position: Position) -> io::Result<()> {
        let span = &self.forest.spans()[index];
        self.heading(span.start)?;
        let style = style(span);
        write!(self.output, "{DIM}{}{DIM:#} ", time_of_day(span.start))?;
        write!(self.output, "{:>8} {style}{:6}{style:#} ", Duration(span.duration()), kind(span))?;
        self.branches(position)?;
        write!(self.output, "{style}{}{style:#}", Foreign(&span.name))?;
        self.details(span)?;
        if let Some(stretches) = self.critical.get(&index) {
            let time = stretches.iter().map(Stretch::duration).sum();
            write!(self.output, "  {CRITICAL}◆ critical for {}{CRITICAL:#}", Duration(time))?;
        }
        writeln!(self.output)?;
        match &span.anatomy {
            Some(anatomy) if self.options.anatomy && span.duration() > 0 => {
                write!(self.output, "{NO_TIME}         {DIM}time  {DIM:#} ")?;
                self.trunk(position)?;
                writeln!(self.output, "{}", Bar(anatomy))
            }
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &SpanEvent, position: Position) -> io::Result<()> {
        self.heading(event.time)?;
        write!(self.output, "{DIM}{}{DIM:#} ", time_of_day(event.time))?;
        write!(self.output, "{:>8} {DIM}log   {DIM:#} ", "")?;
        self.branches(position)?;
        write!(self.output, "{}", Foreign(&event.name))?;
        for attribute in &event.attributes {
            write!(self.output, "{DIM}:{DIM:#} {}", Foreign(&attribute.value.to_string()))?;
        }
        writeln!(self.output)
    }

    fn link(&mut self, link: &Link, position: Position) -> io::Result<()> {
        write!(self.output, "{NO_TIME}         {DIM}link  {DIM:#} ")?;
        self.branches(position)?;
        match self.forest.target(link).map(|target| &self.forest.spans()[target]) {
            Some(target) => {
                let style = style(target);
                write!(self.output, "→ {style}{}{style:#}", Foreign(&target.name))?;
                write!(self.output, "{DIM}  {}{DIM:#}", time_of_day(target.start))?;
                self.goroutine(target)?;
            }
            None => write!(self.output, "→ {DIM}{} of {} elsewhere{DIM:#}", link.span_id, link.trace_id)?,
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
        let note = if self.options.clock == Clock::Approximate {
            ", approximate: the trace holds no clock"
        } else {
            ""
        };
        writeln!(self.output, "{DIM}{day} UTC{note}{DIM:#}")?;
        self.day = day;
        Ok(())
    }

    fn branches(&mut self, Position { depth, is_last, .. }: Position) -> io::Result<()> {
        let depth = depth.min(DEEPEST);
        if depth == 0 {
            self.is_last.clear();
            return Ok(());
        }
        self.is_last.truncate(depth - 1);
        self.stems()?;
        write!(self.output, "{DIM}{}{DIM:#}", if is_last { "└─ " } else { "├─ " })?;
        self.is_last.push(is_last);
        Ok(())
    }

    /// Goes on from the line of the span before down to its items.
    fn trunk(&mut self, Position { is_inner, .. }: Position) -> io::Result<()> {
        self.stems()?;
        write!(self.output, "{DIM}{}{DIM:#}", if is_inner { "│ " } else { "  " })
    }

    fn stems(&mut self) -> io::Result<()> {
        write!(self.output, "{DIM}")?;
        for &is_last in &self.is_last {
            self.output.write_all(if is_last { b"   " } else { "│  ".as_bytes() })?;
        }
        write!(self.output, "{DIM:#}")
    }

    fn details(&mut self, span: &Span) -> io::Result<()> {
        if let Some(hint) = hint(span) {
            write!(self.output, " {}", Foreign(&hint))?;
        }
        if span.status == Status::Error {
            write!(self.output, " {ERROR}error{ERROR:#}")?;
            if let Some(what) = span.attribute("error.type") {
                write!(self.output, "{ERROR}: {}{ERROR:#}", Foreign(&what.to_string()))?;
            }
        }
        if let Some(missing) = span.attribute("gotrace.incomplete") {
            write!(self.output, " {INCOMPLETE}({missing} not recorded){INCOMPLETE:#}")?;
        }
        self.goroutine(span)?;
        write!(self.output, "{DIM}")?;
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

    fn goroutine(&mut self, span: &Span) -> io::Result<()> {
        match span.attribute("gotrace.goroutine.id") {
            Some(goroutine) => write!(self.output, "{DIM}  g{goroutine}{DIM:#}"),
            None => Ok(()),
        }
    }
}

/// What stands behind the last slash: of a function its name with its package's, of a path the file.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn style(span: &Span) -> Style {
    match span.scope {
        Scope::Task => AnsiColor::Cyan.on_default().bold(),
        Scope::Region => AnsiColor::Green.on_default(),
        Scope::Http => AnsiColor::Blue.on_default().bold(),
        Scope::Sql => AnsiColor::Magenta.on_default(),
        Scope::Net | Scope::Tls => AnsiColor::Cyan.on_default(),
        // What the runtime does for its own sake.
        _ => DIM,
    }
}

fn summary(spans: &[Span], output: &mut impl Write) -> io::Result<()> {
    if spans.is_empty() {
        return writeln!(output, "{NO_SPANS}");
    }
    let traces: HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (spans, traces) = (spans.len(), traces.len());
    writeln!(output, "{DIM}{spans} span{} in {traces} trace{}{DIM:#}", plural(spans), plural(traces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::everything;

    fn shown(anatomy: bool, critical_path: bool) -> String {
        let mut output = Vec::new();
        let options = Options { clock: Clock::Approximate, anatomy, critical_path };
        write(&everything(), options, &mut output).expect("memory takes it");
        let coloured = String::from_utf8(output).expect("UTF-8");
        anstream::adapter::strip_str(&coloured).to_string()
    }

    #[test]
    fn spans_events_and_links() {
        insta::assert_snapshot!(shown(false, false));
    }

    #[test]
    fn anatomy_and_critical_path() {
        insta::assert_snapshot!(shown(true, true));
    }

    #[test]
    fn kinds_have_colours() {
        let styles: Vec<_> = everything().iter().map(style).collect();
        assert!(styles[0] != styles[1] && styles[1] != styles[2], "{styles:?}");
        assert_eq!(styles[2], styles[3], "both sides of a request");
    }
}
