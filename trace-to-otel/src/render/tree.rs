//! Spans as trees, one line for each span, each of its events and each of its links.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use super::{
    NO_SPANS, Process,
    anatomy::AnatomyBar,
    critical_path::CriticalPaths,
    forest::{Forest, Item, Position},
    hint, kind,
    text::{DisplayDuration, DisplayText, day, time_of_day},
    theme::Theme,
};
use crate::span::{Link, Span, SpanEvent, Status, UnixTime, Value};

/// Deeper spans are shown at this depth: the lines would grow out of the screen, and the output with the square
/// of the depth.
const DEEPEST: usize = 32;

/// What is shown beside the spans, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeOptions {
    /// How the time of each span splits, on a line below it.
    pub anatomy: bool,
    /// Which spans the critical path of their tree leads through, and for how long.
    pub critical_path: bool,
    /// Colours, by escape sequences of ANSI.
    pub colors: bool,
}

/// Writes the spans of each process as trees, in the order of their starts, and how many they are.
///
/// # Errors
///
/// Those of the output.
pub fn write_tree<W: Write + ?Sized>(
    processes: &[Process<'_>],
    options: &TreeOptions,
    output: &mut W,
) -> io::Result<()> {
    for process in processes {
        let forest = Forest::new(process.spans);
        let critical =
            if options.critical_path { CriticalPaths::of(&forest) } else { CriticalPaths::default() };
        let mut printer = Printer {
            forest: &forest,
            options,
            theme: Theme::new(options.colors),
            is_approximate: process.is_approximate,
            critical,
            output,
            day: String::new(),
            is_last: Vec::new(),
        };
        forest.walk(|item, position| printer.item(item, position))?;
        printer.summary()?;
    }
    Ok(())
}

struct Printer<'f, 'o, W: ?Sized> {
    forest: &'f Forest<'f>,
    options: &'o TreeOptions,
    theme: Theme,
    is_approximate: bool,
    critical: CriticalPaths,
    output: &'o mut W,
    /// The day of the line before.
    day: String,
    /// For each depth from 1 on, whether the line under way hangs below its parent's last one.
    is_last: Vec<bool>,
}

/// What stands before the kind of a line that is no span's.
const NO_TIME: &str = "                ";

impl<W: Write + ?Sized> Printer<'_, '_, W> {
    fn item(&mut self, item: Item<'_>, position: Position) -> io::Result<()> {
        match item {
            Item::Span(index) => self.span(index, position),
            Item::Event(event) => self.event(event, position),
            Item::Link(link) => self.link(link, position),
        }
    }

    fn span(&mut self, index: usize, position: Position) -> io::Result<()> {
        let span = self.forest.spans()[index];
        self.heading(span.start)?;
        let Theme { dim, critical, .. } = self.theme;
        let style = self.theme.scope(span.scope);
        write!(self.output, "{dim}{}{dim:#} ", time_of_day(span.start))?;
        write!(self.output, "{:>8} {style}{:6}{style:#} ", DisplayDuration(span.duration()), kind(span))?;
        self.branches(position)?;
        write!(self.output, "{style}{}{style:#}", DisplayText(&span.name))?;
        self.details(span)?;
        if let Some(time) = self.critical.time(index) {
            write!(self.output, "  {critical}◆ critical for {}{critical:#}", DisplayDuration(time))?;
        }
        writeln!(self.output)?;
        match &span.anatomy {
            Some(anatomy) if self.options.anatomy && span.duration() > 0 => {
                write!(self.output, "{NO_TIME}         {dim}time  {dim:#} ")?;
                self.trunk(position)?;
                writeln!(self.output, "{}", AnatomyBar::new(anatomy).with_colors(self.options.colors))
            }
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &SpanEvent, position: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        self.heading(event.time)?;
        write!(self.output, "{dim}{}{dim:#} ", time_of_day(event.time))?;
        write!(self.output, "{:>8} {dim}log   {dim:#} ", "")?;
        self.branches(position)?;
        write!(self.output, "{}", DisplayText(&event.name))?;
        for attribute in &event.attributes {
            write!(self.output, "{dim}:{dim:#} {}", DisplayText(&attribute.value.to_string()))?;
        }
        writeln!(self.output)
    }

    fn link(&mut self, link: &Link, position: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        write!(self.output, "{NO_TIME}         {dim}link  {dim:#} ")?;
        self.branches(position)?;
        match self.forest.target(link).map(|target| self.forest.spans()[target]) {
            Some(target) => {
                let style = self.theme.scope(target.scope);
                write!(self.output, "→ {style}{}{style:#}", DisplayText(&target.name))?;
                write!(self.output, "{dim}  {}{dim:#}", time_of_day(target.start))?;
                self.goroutine(target)?;
            }
            None => write!(self.output, "→ {dim}{} of {} elsewhere{dim:#}", link.span_id, link.trace_id)?,
        }
        writeln!(self.output)
    }

    /// A line with the day, where it is another one than before.
    fn heading(&mut self, time: UnixTime) -> io::Result<()> {
        let day = day(time);
        if day == self.day {
            return Ok(());
        }
        let Theme { dim, .. } = self.theme;
        let note = if self.is_approximate { ", approximate: the trace holds no clock" } else { "" };
        writeln!(self.output, "{dim}{day} UTC{note}{dim:#}")?;
        self.day = day;
        Ok(())
    }

    fn branches(&mut self, Position { depth, is_last, .. }: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        let depth = depth.min(DEEPEST);
        if depth == 0 {
            self.is_last.clear();
            return Ok(());
        }
        self.is_last.truncate(depth - 1);
        self.stems()?;
        write!(self.output, "{dim}{}{dim:#}", if is_last { "└─ " } else { "├─ " })?;
        self.is_last.push(is_last);
        Ok(())
    }

    /// Goes on from the line of the span before down to its items.
    fn trunk(&mut self, Position { is_inner, .. }: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        self.stems()?;
        write!(self.output, "{dim}{}{dim:#}", if is_inner { "│ " } else { "  " })
    }

    fn stems(&mut self) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        write!(self.output, "{dim}")?;
        for &is_last in &self.is_last {
            self.output.write_all(if is_last { b"   " } else { "│  ".as_bytes() })?;
        }
        write!(self.output, "{dim:#}")
    }

    fn details(&mut self, span: &Span) -> io::Result<()> {
        let Theme { dim, error, incomplete, .. } = self.theme;
        if let Some(hint) = hint(span) {
            write!(self.output, " {}", DisplayText(&hint))?;
        }
        if span.status == Status::Error {
            write!(self.output, " {error}error{error:#}")?;
            if let Some(what) = span.attribute("error.type") {
                write!(self.output, "{error}: {}{error:#}", DisplayText(&what.to_string()))?;
            }
        }
        if let Some(missing) = span.attribute("gotrace.incomplete") {
            write!(self.output, " {incomplete}({missing} not recorded){incomplete:#}")?;
        }
        self.goroutine(span)?;
        write!(self.output, "{dim}")?;
        if let Some(Value::Text(function)) = span.attribute("code.function.name") {
            write!(self.output, " {}", DisplayText(base(function)))?;
        }
        if let Some(Value::Text(file)) = span.attribute("code.file.path") {
            write!(self.output, " {}", DisplayText(base(file)))?;
        }
        if let Some(line) = span.attribute("code.line.number") {
            write!(self.output, ":{line}")?;
        }
        if let Some(parent) = span.parent.filter(|parent| parent.is_remote) {
            write!(self.output, "  parent {} elsewhere", parent.span_id)?;
        }
        write!(self.output, "{dim:#}")
    }

    fn goroutine(&mut self, span: &Span) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        match span.attribute("gotrace.goroutine.id") {
            Some(goroutine) => write!(self.output, "{dim}  g{goroutine}{dim:#}"),
            None => Ok(()),
        }
    }

    /// How many spans there are, of how many traces.
    fn summary(&mut self) -> io::Result<()> {
        let spans = self.forest.spans();
        if spans.is_empty() {
            return writeln!(self.output, "{NO_SPANS}");
        }
        let traces: HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (spans, traces) = (spans.len(), traces.len());
        let Theme { dim, .. } = self.theme;
        writeln!(self.output, "{dim}{spans} span{} in {traces} trace{}{dim:#}", plural(spans), plural(traces))
    }
}

/// What stands behind the last slash: of a function its name with its package's, of a path the file.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::everything;

    fn shown(options: TreeOptions) -> String {
        let spans = everything();
        let process = Process { is_approximate: true, ..Process::new("shop", &spans) };
        let mut output = Vec::new();
        write_tree(&[process], &options, &mut output).expect("memory takes it");
        String::from_utf8(output).expect("UTF-8")
    }

    const PLAIN: TreeOptions = TreeOptions { anatomy: false, critical_path: false, colors: false };

    #[test]
    fn spans_events_and_links() {
        insta::assert_snapshot!(shown(PLAIN));
    }

    #[test]
    fn anatomy_and_critical_path() {
        insta::assert_snapshot!(shown(TreeOptions { anatomy: true, critical_path: true, ..PLAIN }));
    }

    #[test]
    fn colours_change_nothing_else() {
        let everything = TreeOptions { anatomy: true, critical_path: true, ..PLAIN };
        let (plain, coloured) = (shown(everything), shown(TreeOptions { colors: true, ..everything }));
        assert!(
            !plain.contains('\u{1b}') && coloured.contains("\u{1b}[1m\u{1b}[34mGET\u{1b}[0m"),
            "{coloured}"
        );
        let mut stripped = String::new();
        for part in coloured.split_inclusive('\u{1b}') {
            // What stands between two escapes is the end of the first, and text.
            let text = part.split_once('m').filter(|(code, _)| code.starts_with('['));
            stripped.push_str(text.map_or(part, |(_, text)| text).trim_end_matches('\u{1b}'));
        }
        assert_eq!(stripped, plain);
    }
}
