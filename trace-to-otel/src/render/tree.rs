//! Spans as trees, one line for each span, each of its events and each of its links.

use std::{
    collections::HashSet,
    io::{self, Write},
};

use unicode_width::UnicodeWidthChar;

use super::{
    Process,
    anatomy::AnatomyBar,
    base,
    critical_path::CriticalPaths,
    forest::{Item, Position},
    function, hint, is_approximate,
    joined::Joined,
    kind, no_spans,
    text::{day, time_of_day},
    theme::Theme,
    waits::Waits,
};
use crate::{
    display::{DisplayDuration, DisplayText},
    span::{Link, Span, SpanEvent, UnixTime, Value},
};

/// Deeper spans are shown at this depth: the lines would grow out of the screen, and the output with the square
/// of the depth.
const DEEPEST: usize = 32;

/// What is shown beside the spans, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TreeOptions {
    /// How the time of each span splits, on a line below it.
    pub anatomy: bool,
    /// Which spans the critical path of their tree leads through, and for how long; and what these waited for themselves and where,
    /// if there are profiles.
    pub critical_path: bool,
    /// Garbage collections, stops of the world and the like one by one, instead of all in one line.
    pub ranges: bool,
    /// Trees in the order of how long they took, the slowest first, instead of that of their starts.
    pub slowest_first: bool,
    /// Colours, by escape sequences of ANSI.
    pub colors: bool,
    /// Lines that need more columns are cut, and end with `…`.
    pub width: Option<usize>,
}

/// Writes spans as trees, in the order of their starts unless it is to be another, and how many they are.
///
/// Spans of several processes are put together: what began in one and went on in another is one tree, as far as the spans
/// know of each other ([`correlate`](crate::correlate) tells them more). Whose a span is stands beside it, where that is not
/// its parent's process.
///
/// # Errors
///
/// Those of the output.
pub fn write_tree<W: Write + ?Sized>(
    processes: &[Process<'_>],
    options: &TreeOptions,
    output: &mut W,
) -> io::Result<()> {
    let mut joined = Joined::new(processes, options.ranges);
    if options.slowest_first {
        joined.forest = joined.forest.slowest_first();
    }
    let critical = match options.critical_path {
        true => CriticalPaths::of(&joined.forest),
        false => CriticalPaths::default(),
    };
    let waits = if options.critical_path { Waits::of(processes) } else { Waits::default() };
    let mut printer = Printer {
        joined: &joined,
        waits,
        options,
        theme: Theme::new(options.colors),
        critical,
        output,
        line: Vec::new(),
        heading: String::new(),
        above: Vec::new(),
        is_last: Vec::new(),
    };
    joined.forest.walk(|item, position| printer.item(item, position))?;
    printer.summary()
}

struct Printer<'f, 'o, W: ?Sized> {
    joined: &'f Joined<'f>,
    waits: Waits<'f>,
    options: &'o TreeOptions,
    theme: Theme,
    critical: CriticalPaths,
    output: &'o mut W,
    /// The line under way.
    line: Vec<u8>,
    /// The last line with a day.
    heading: String,
    /// The spans that enclose the item under way.
    above: Vec<usize>,
    /// For each depth from 1 on, whether the line under way hangs below its parent's last one.
    is_last: Vec<bool>,
}

/// What stands before the kind of a line that is no span's.
const NO_TIME: &str = "                ";

impl<W: Write + ?Sized> Printer<'_, '_, W> {
    fn item(&mut self, item: Item<'_>, position: Position) -> io::Result<()> {
        self.above.truncate(position.depth);
        match item {
            Item::Span(index) => {
                self.span(index, position)?;
                self.above.push(index);
                Ok(())
            }
            Item::Event(event) => self.event(event, position),
            Item::Link(link) => self.link(link, position),
        }
    }

    fn span(&mut self, index: usize, position: Position) -> io::Result<()> {
        let span = self.joined.forest.spans()[index];
        self.heading(span.start, self.joined.process(index).is_approximate)?;
        let Theme { dim, critical, .. } = self.theme;
        let style = self.theme.scope(&span.scope);
        write!(self.line, "{dim}{}{dim:#} ", time_of_day(span.start))?;
        let approximately = if is_approximate(span) { "≈" } else { "" };
        let duration = format!("{approximately}{}", DisplayDuration(span.duration_nanos()));
        write!(self.line, "{duration:>8} {style}{:6}{style:#} ", kind(span))?;
        self.branches(position)?;
        write!(self.line, "{style}{}{style:#}", DisplayText(&span.name))?;
        // What was asked for comes first: lines are cut at their ends.
        if let Some(time) = self.critical.time(index) {
            write!(self.line, "  {critical}◆ critical for {}{critical:#}", DisplayDuration(time))?;
        }
        self.details(index, span)?;
        self.end_line()?;
        self.anatomy(span, position)?;
        self.waits(index, position)?;
        self.stack(span, position)
    }

    /// What a span on the critical path waited for, but for what hardly matters: a line for each stack.
    fn waits(&mut self, index: usize, position: Position) -> io::Result<()> {
        /// Such a part of the time on the path is worth a line.
        const PART: u64 = 20;
        let Theme { dim, .. } = self.theme;
        let Some(time) = self.critical.time(index) else { return Ok(()) };
        let span = self.joined.forest.spans()[index];
        let waits = self.waits.of_span(span.trace_id, span.span_id).to_vec();
        for wait in waits.into_iter().filter(|wait| wait.nanoseconds >= time / PART) {
            write!(self.line, "{NO_TIME}         {dim}wait  {dim:#} ")?;
            self.trunk(position)?;
            let (time, reason) = (DisplayDuration(wait.nanoseconds), DisplayText(wait.reason));
            write!(self.line, "{time} {reason} {dim} in {}{dim:#}", wait.place)?;
            if let Some(caller) = wait.caller {
                write!(self.line, "{dim}  for {caller}{dim:#}")?;
            }
            self.end_line()?;
        }
        Ok(())
    }

    fn anatomy(&mut self, span: &Span, position: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        match &span.anatomy {
            Some(anatomy) if self.options.anatomy && span.duration_nanos() > 0 => {
                write!(self.line, "{NO_TIME}         {dim}time  {dim:#} ")?;
                self.trunk(position)?;
                write!(self.line, "{}", AnatomyBar::new(anatomy).with_colors(self.options.colors))?;
                self.end_line()
            }
            _ => Ok(()),
        }
    }

    /// The stack that the span began with, where the mapping has kept it: a line for each frame.
    fn stack(&mut self, span: &Span, position: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        let Some(Value::Text(stack)) = span.attribute("code.stacktrace") else { return Ok(()) };
        let mut lines = stack.lines();
        while let Some(function) = lines.next() {
            write!(self.line, "{NO_TIME}         {dim}stack {dim:#} ")?;
            self.trunk(position)?;
            let place = lines.next().unwrap_or_default().trim_start();
            write!(self.line, "{dim}{} {}{dim:#}", DisplayText(function), DisplayText(place))?;
            self.end_line()?;
        }
        Ok(())
    }

    fn event(&mut self, event: &SpanEvent, position: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        let is_approximate = self.above.last().is_some_and(|&span| self.joined.process(span).is_approximate);
        self.heading(event.time, is_approximate)?;
        write!(self.line, "{dim}{}{dim:#} ", time_of_day(event.time))?;
        write!(self.line, "{:>8} {dim}log   {dim:#} ", "")?;
        self.branches(position)?;
        write!(self.line, "{}", DisplayText(&event.name))?;
        for attribute in &event.attributes {
            write!(self.line, "{dim}:{dim:#} {}", DisplayText(&attribute.value.to_string()))?;
        }
        self.end_line()
    }

    fn link(&mut self, link: &Link, position: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        write!(self.line, "{NO_TIME}         {dim}link  {dim:#} ")?;
        self.branches(position)?;
        match self.joined.forest.target(link) {
            Some(index) => {
                let target = self.joined.forest.spans()[index];
                let style = self.theme.scope(&target.scope);
                write!(self.line, "→ {style}{}{style:#}", DisplayText(&target.name))?;
                write!(self.line, "{dim}  {}{dim:#}", time_of_day(target.start))?;
                self.goroutine(target)?;
                self.whose(index, self.above.last().copied())?;
            }
            None => write!(self.line, "→ {dim}{} of {} elsewhere{dim:#}", link.span_id, link.trace_id)?,
        }
        self.end_line()
    }

    /// A line with the day, where it is another one than before.
    fn heading(&mut self, time: UnixTime, is_approximate: bool) -> io::Result<()> {
        let note = if is_approximate { ", approximate: the trace holds no clock" } else { "" };
        let heading = format!("{} UTC{note}", day(time));
        if heading == self.heading {
            return Ok(());
        }
        let Theme { dim, .. } = self.theme;
        write!(self.line, "{dim}{heading}{dim:#}")?;
        self.heading = heading;
        self.end_line()
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
        write!(self.line, "{dim}{}{dim:#}", if is_last { "└─ " } else { "├─ " })?;
        self.is_last.push(is_last);
        Ok(())
    }

    /// Goes on from the line of the span before down to its items.
    fn trunk(&mut self, Position { is_inner, .. }: Position) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        self.stems()?;
        write!(self.line, "{dim}{}{dim:#}", if is_inner { "│ " } else { "  " })
    }

    fn stems(&mut self) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        write!(self.line, "{dim}")?;
        for &is_last in &self.is_last {
            self.line.write_all(if is_last { b"   " } else { "│  ".as_bytes() })?;
        }
        write!(self.line, "{dim:#}")
    }

    fn details(&mut self, index: usize, span: &Span) -> io::Result<()> {
        let Theme { dim, error, incomplete, .. } = self.theme;
        if span.status.is_error() {
            write!(self.line, " {error}error{error:#}")?;
            if let Some(what) = span.attribute("error.type") {
                write!(self.line, "{error}: {}{error:#}", DisplayText(&what.to_string()))?;
            }
        }
        if let Some(missing) = span.attribute("gotrace.incomplete") {
            write!(self.line, " {incomplete}({missing} not recorded){incomplete:#}")?;
        }
        if let Some(hint) = hint(span) {
            write!(self.line, " {}", DisplayText(&hint))?;
        }
        let parent = self.joined.forest.parent(index);
        self.goroutine(span)?;
        self.whose(index, parent)?;
        self.place(span)?;
        if let Some(remote) = span.parent.filter(|remote| remote.is_remote && parent.is_none()) {
            write!(self.line, "{dim}  parent {} elsewhere{dim:#}", remote.span_id)?;
        }
        Ok(())
    }

    /// The process of a span, where it is not the one that is expected.
    fn whose(&mut self, index: usize, beside: Option<usize>) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        match self.joined.other_process(index, beside) {
            Some(process) => write!(self.line, "{dim}  of {}{dim:#}", DisplayText(process.name)),
            None => Ok(()),
        }
    }

    /// Where in the source it began.
    fn place(&mut self, span: &Span) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        write!(self.line, "{dim}")?;
        if let Some(function) = function(span) {
            write!(self.line, " {}", DisplayText(function))?;
        }
        if let Some(Value::Text(file)) = span.attribute("code.file.path") {
            write!(self.line, " {}", DisplayText(base(file)))?;
        }
        if let Some(line) = span.attribute("code.line.number") {
            write!(self.line, ":{line}")?;
        }
        write!(self.line, "{dim:#}")
    }

    fn goroutine(&mut self, span: &Span) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        match span.attribute("gotrace.goroutine.id") {
            Some(goroutine) => write!(self.line, "{dim}  g{goroutine}{dim:#}"),
            None => Ok(()),
        }
    }

    /// How many spans there are, of how many traces.
    fn summary(&mut self) -> io::Result<()> {
        let Theme { dim, .. } = self.theme;
        if let Some(folded) = self.joined.folded {
            write!(self.line, "{dim}{folded}{dim:#}")?;
            self.end_line()?;
        }
        let spans = self.joined.forest.spans();
        if spans.is_empty() {
            return writeln!(self.output, "{}", no_spans(self.joined.processes));
        }
        let traces: HashSet<_> = spans.iter().map(|span| span.trace_id).collect();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (spans, traces) = (spans.len(), traces.len());
        write!(self.line, "{dim}{spans} span{} in {traces} trace{}", plural(spans), plural(traces))?;
        if self.joined.processes.len() > 1 {
            write!(self.line, " of {} processes", self.joined.processes.len())?;
        }
        write!(self.line, "{dim:#}")?;
        self.end_line()
    }

    /// Writes the line, or what of it there is room for.
    fn end_line(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.line);
        match self.options.width.and_then(|width| cut(&line, width)) {
            // A style that is open there ends with what was cut off.
            Some(end) if self.options.colors => writeln!(self.output, "{}\u{1b}[0m…", &line[..end])?,
            Some(end) => writeln!(self.output, "{}…", &line[..end])?,
            None => writeln!(self.output, "{line}")?,
        }
        self.line.clear();
        Ok(())
    }
}

/// Where to cut a line that needs more columns, so that there is one left; none where it fits. Escape sequences of colours
/// need no room.
fn cut(line: &str, width: usize) -> Option<usize> {
    let (mut columns, mut end, mut is_escape) = (0, 0, false);
    for (place, character) in line.char_indices() {
        if is_escape || character == '\u{1b}' {
            is_escape = character != 'm';
            continue;
        }
        columns += character.width().unwrap_or(0);
        if columns > width {
            return Some(end);
        }
        if columns < width {
            end = place + character.len_utf8();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        render::samples::{everything, span, span_id},
        span::{Attribute, Parent, Scope, SpanKind},
    };

    fn shown(options: TreeOptions) -> String {
        let spans = everything();
        let process = Process { is_approximate: true, ..Process::new("shop", &spans) };
        let mut output = Vec::new();
        write_tree(&[process], &options, &mut output).expect("memory takes it");
        String::from_utf8(output).expect("UTF-8")
    }

    const PLAIN: TreeOptions = TreeOptions {
        anatomy: false,
        critical_path: false,
        ranges: true,
        slowest_first: false,
        colors: false,
        width: None,
    };

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
        assert_eq!(stripped(&coloured), plain);
    }

    fn stripped(coloured: &str) -> String {
        let mut stripped = String::new();
        for part in coloured.split_inclusive('\u{1b}') {
            // What stands between two escapes is the end of the first, and text.
            let text = part.split_once('m').filter(|(code, _)| code.starts_with('['));
            stripped.push_str(text.map_or(part, |(_, text)| text).trim_end_matches('\u{1b}'));
        }
        stripped
    }

    #[test]
    fn lines_are_cut_where_there_is_no_room() {
        let everything = TreeOptions { anatomy: true, critical_path: true, ..PLAIN };
        let whole = shown(everything);
        for width in [1, 20, 33, 80, 120] {
            let narrow = TreeOptions { width: Some(width), ..everything };
            let (plain, coloured) = (shown(narrow), shown(TreeOptions { colors: true, ..narrow }));
            assert_eq!(stripped(&coloured), plain);
            assert_eq!(plain.lines().count(), whole.lines().count());
            for (line, whole) in plain.lines().zip(whole.lines()) {
                let columns = line.chars().filter_map(UnicodeWidthChar::width).sum::<usize>();
                match line.strip_suffix('…') {
                    Some(start) => assert!(columns == width && whole.starts_with(start), "{width}: {line}"),
                    None => assert!(columns <= width && line == whole, "{width}: {line}"),
                }
            }
        }
        assert_eq!(shown(TreeOptions { width: Some(1000), ..everything }), whole);
    }

    #[test]
    fn wide_characters_need_two_columns() {
        assert_eq!(cut("漢字", 4), None);
        assert_eq!(cut("漢字", 3), Some("漢".len()));
        assert_eq!(cut("漢字", 2), Some(0));
        assert_eq!(cut("\u{1b}[31mab\u{1b}[0m", 2), None);
        assert_eq!(cut("\u{1b}[31mabc\u{1b}[0m", 2), Some("\u{1b}[31ma".len()));
    }

    #[test]
    fn processes_are_joined() {
        let server = Span { kind: SpanKind::Server, scope: Scope::Http, ..span("serve", 2, 1, 20, 80) };
        let server = Span { parent: Some(Parent::new(span_id(1), true)), ..server };
        let inner = span("query", 3, 2, 30, 40);
        let orphan = Span { parent: Some(Parent::new(span_id(99), true)), ..span("orphan", 4, 0, 500, 600) };
        let (front, back) = ([span("ask", 1, 0, 0, 100)], [inner, orphan, server]);
        let processes = [Process::new("front", &front), Process::new("back\n", &back)];
        let mut output = Vec::new();
        let options = TreeOptions { critical_path: true, ..PLAIN };
        write_tree(&processes, &options, &mut output).expect("memory takes it");
        let shown = String::from_utf8(output).expect("UTF-8");
        let expected = [
            "1970-01-01 UTC",
            "00:00:00.000000   100 ns region ask  ◆ critical for 40 ns  of front",
            "00:00:00.000000    60 ns server └─ serve  ◆ critical for 50 ns  of back\\n",
            "00:00:00.000000    10 ns region    └─ query  ◆ critical for 10 ns",
            "00:00:00.000000   100 ns region orphan  of back\\n  parent 0000000000000063 elsewhere",
            "4 spans in 1 trace of 2 processes",
        ];
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn durations_of_which_little_is_known_are_approximate() {
        let times = |start: f64, end: f64| {
            let mut request = span("serve", 1, 0, 0, 20_000);
            request.attributes.push(Attribute::new("gotrace.start.uncertainty", start));
            request.attributes.push(Attribute::new("gotrace.end.uncertainty", end));
            let mut output = Vec::new();
            write_tree(&[Process::new("", &[request])], &PLAIN, &mut output).expect("memory takes it");
            String::from_utf8(output).expect("UTF-8")
        };
        assert!(
            times(15e-6, 6e-6).contains("00:00:00.000000 ≈20.0 µs region serve"),
            "{}",
            times(15e-6, 6e-6)
        );
        assert!(times(5e-6, 6e-6).contains("00:00:00.000000  20.0 µs region serve"));
    }

    #[test]
    fn ranges_are_one_line_unless_asked_for() {
        let range =
            |id, start, end| Span { scope: Scope::Range, ..span("GC mark assist", id, 0, start, end) };
        let spans = [span("work", 1, 0, 0, 100), range(2, 10, 20), range(3, 15, 40)];
        let tree = |spans: &[Span], ranges| {
            let mut output = Vec::new();
            let options = TreeOptions { ranges, ..PLAIN };
            write_tree(&[Process::new("", spans)], &options, &mut output).expect("memory takes it");
            String::from_utf8(output).expect("UTF-8")
        };
        assert_eq!(tree(&spans, true).matches("GC mark assist").count(), 2);
        let folded = tree(&spans, false);
        assert!(folded.ends_with("\n2 ranges of the runtime, 30 ns in all\n1 span in 1 trace\n"), "{folded}");
        assert!(!folded.contains("GC mark assist"));
        let alone = tree(&spans[1..], false);
        assert!(
            alone.starts_with("2 ranges") && alone.contains("no spans: the trace holds no task"),
            "{alone}"
        );
    }

    #[test]
    fn that_none_is_what_was_asked_for_says_nothing_of_the_trace() {
        let mut process = Process::new("", &[]);
        process.is_selected = true;
        let mut output = Vec::new();
        write_tree(&[process], &PLAIN, &mut output).expect("memory takes it");
        assert_eq!(
            String::from_utf8_lossy(&output),
            "no spans: none of those that the trace holds is what was asked for\n"
        );
    }

    #[test]
    fn stacks_are_a_line_for_each_frame() {
        let mut one = span("work", 1, 0, 0, 100);
        let stack = "main.work(...)\n\t/app/main.go:7\nmain.main(...)\n\t/app/main.go:3\n";
        one.attributes.push(Attribute::new("code.stacktrace", stack));
        let mut output = Vec::new();
        write_tree(&[Process::new("", &[one])], &PLAIN, &mut output).expect("memory takes it");
        let shown = String::from_utf8(output).expect("UTF-8");
        let frames: Vec<_> = shown.lines().filter_map(|line| line.trim().strip_prefix("stack ")).collect();
        assert_eq!(frames.len(), 2, "{shown}");
        assert!(frames[1].trim_end().ends_with("main.main(...) /app/main.go:3"), "{shown}");
    }
}
