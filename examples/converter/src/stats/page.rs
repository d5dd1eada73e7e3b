//! The statistics as a page of text.

use std::{
    cmp::Reverse,
    io::{self, Write},
};

use anstyle::{AnsiColor, Style as Ansi};
use bytesize::ByteSize;
use trace_to_otel::{
    Anatomy, Scope, SpanKind, Waiting,
    analysis::{Distribution, Extent, Frame, GoroutineGroup, SpanGroup, Wait, Wakeup},
    render::{AnatomyBar, DisplayDuration, DisplayText, DisplayTime},
};

use crate::{
    page::{FIGURE, Look},
    recording::Recording,
    report::grouped,
    stats::json::{rate, waiting_key},
    texts::{cut, cut_front},
};

/// What the page looks like, and has.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) look: Look,
    /// How many groups of each kind.
    pub(super) top: usize,
    /// Whether the runtime's own goroutines are shown one by one.
    pub(super) runtime: bool,
}

pub(super) fn write(recording: &Recording, style: Style, output: &mut impl Write) -> io::Result<()> {
    let mut page = Page { recording, style, output };
    page.about()?;
    page.spans("requests and queries", |group| group.kind != SpanKind::Internal)?;
    page.spans("tasks and regions", |group| {
        group.kind == SpanKind::Internal && group.scope != Some(Scope::Range)
    })?;
    page.goroutines()?;
    page.waits()?;
    page.wakeups()?;
    page.scheduler()?;
    page.collections()
}

struct Page<'p, W> {
    recording: &'p Recording,
    style: Style,
    output: &'p mut W,
}

impl<W: Write> Page<'_, W> {
    /// A heading, with what its columns are called.
    fn heading(&mut self, text: &str, columns: &[&str]) -> io::Result<()> {
        let width = self.style.look.width - FIGURE * columns.len();
        writeln!(self.output)?;
        self.columns(&cut(&text.to_uppercase(), width - 1), Ansi::new().bold(), columns)
    }

    /// A line of a table.
    fn row(&mut self, name: &str, style: Ansi, figures: &[String]) -> io::Result<()> {
        let width = self.style.look.width - FIGURE * figures.len();
        self.columns(&cut_front(name, width - 1), style, figures)
    }

    fn columns(&mut self, first: &str, style: Ansi, others: &[impl AsRef<str>]) -> io::Result<()> {
        let style = self.style.look.ansi(style);
        let width = self.style.look.width - FIGURE * others.len();
        let others: String = others.iter().map(|other| format!("{:>FIGURE$}", other.as_ref())).collect();
        let line = format!("{first:<width$}{others}");
        writeln!(self.output, "{style}{}{style:#}", line.trim_end())
    }

    fn dim(&mut self, text: &str) -> io::Result<()> {
        let style = self.style.look.ansi(Ansi::new().dimmed());
        writeln!(self.output, "{style}{}{style:#}", cut(text, self.style.look.width))
    }

    fn more(&mut self, count: usize) -> io::Result<()> {
        match count.saturating_sub(self.style.top) {
            0 => Ok(()),
            more => self.dim(&format!("… {more} more (--top)")),
        }
    }

    fn about(&mut self) -> io::Result<()> {
        let Recording { name, analysis, .. } = self.recording;
        let bold = self.style.look.ansi(Ansi::new().bold());
        writeln!(self.output, "{bold}{}{bold:#}", DisplayText(name))?;
        writeln!(self.output, "{}", cut(&about(self.recording), self.style.look.width))?;
        let goroutines: u64 = analysis.goroutines.iter().map(GoroutineGroup::count).sum();
        let all = analysis.anatomy();
        let mut busy = match analysis.timeline.whole().utilisation() {
            Some(share) => format!("busy {} of the procs' time: ", percent(share)),
            None => String::new(),
        };
        busy.push_str(&format!(
            "{} running in {} goroutines",
            DisplayDuration(all.running),
            grouped(goroutines)
        ));
        writeln!(self.output, "{busy}")?;
        self.busy_over_time()
    }

    /// A character for each part of the time.
    fn busy_over_time(&mut self) -> io::Result<()> {
        const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let timeline = &self.recording.analysis.timeline;
        let shares: Vec<_> = timeline.buckets().map(|(_, bucket)| bucket.utilisation()).collect();
        if shares.len() < 4 || shares.iter().all(Option::is_none) {
            return Ok(());
        }
        let columns = self.style.look.width - 10;
        let per_column = shares.len().div_ceil(columns);
        let level = |shares: &[Option<f64>]| {
            let known: Vec<_> = shares.iter().flatten().collect();
            let mean = known.iter().copied().sum::<f64>() / known.len().max(1) as f64;
            if known.is_empty() { ' ' } else { LEVELS[((mean * 8.0) as usize).min(7)] }
        };
        let line: String = shares.chunks(per_column).map(level).collect();
        let green = self.style.look.ansi(AnsiColor::Green.on_default());
        let each = DisplayDuration(timeline.width() * per_column as u64);
        writeln!(self.output, "over time {green}{line}{green:#}")?;
        self.dim(&format!("          each {each}"))
    }

    fn spans(&mut self, heading: &str, is_shown: impl Fn(&SpanGroup) -> bool) -> io::Result<()> {
        let analysis = &self.recording.analysis;
        let shown: Vec<_> = analysis.spans.iter().filter(|group| is_shown(group)).collect();
        if shown.is_empty() {
            return Ok(());
        }
        self.heading(heading, &["count", "/ s", "p50", "p95", "p99", "max"])?;
        for group in shown.iter().take(self.style.top) {
            let times = [
                group.durations.quantile(0.5),
                group.durations.quantile(0.95),
                group.durations.quantile(0.99),
            ];
            let mut figures =
                vec![grouped(group.count()), format!("{:.1}", rate(group.count(), analysis.period.duration))];
            figures.extend(times.into_iter().chain([group.durations.max()]).map(figure));
            self.row(&title(group), span_style(group), &figures)?;
            self.details(group)?;
        }
        self.more(shown.len())?;
        match shown.iter().any(|group| group.kind == SpanKind::Server) {
            true => self.dim("  the slowest: trace-converter spans --top 1 --critical-path FILE"),
            false => Ok(()),
        }
    }

    /// What else is to be told of spans, if anything is.
    fn details(&mut self, group: &SpanGroup) -> io::Result<()> {
        let mut details = Vec::new();
        if group.errors > 0 {
            let share = percent(group.errors as f64 / group.count() as f64);
            details.push(format!("{} failed ({share})", grouped(group.errors)));
        }
        if group.incomplete > 0 {
            details.push(format!("{} not recorded to the end", grouped(group.incomplete)));
        }
        details.extend(parts(&group.anatomy));
        if details.is_empty() { Ok(()) } else { self.dim(&format!("  {}", details.join(", "))) }
    }

    fn goroutines(&mut self) -> io::Result<()> {
        let groups = &self.recording.analysis.goroutines;
        let is_shown = |group: &&GoroutineGroup| self.style.runtime || !group.kind.is_of_runtime();
        let (shown, others): (Vec<_>, Vec<_>) = groups.iter().partition(is_shown);
        if groups.is_empty() {
            return Ok(());
        }
        self.heading("goroutines by function", &["count", "running", "runnable", "syscall", "waiting"])?;
        for group in shown.iter().take(self.style.top) {
            self.group(group)?;
        }
        self.more(shown.len())?;
        if others.is_empty() {
            return Ok(());
        }
        let mut all = Anatomy::default();
        others.iter().for_each(|group| all.add(&group.anatomy()));
        let count: u64 = others.iter().map(|group| group.count()).sum();
        self.row("the runtime's own (--runtime)", Ansi::new().dimmed(), &figures(count, &all))
    }

    fn group(&mut self, group: &GoroutineGroup) -> io::Result<()> {
        let anatomy = group.anatomy();
        self.row(
            &DisplayText(base(group.kind.name())).to_string(),
            Ansi::new(),
            &figures(group.count(), &anatomy),
        )?;
        if group.count() > 1 {
            for (name, share) in [("  p50 each", 0.5), ("  p99 each", 0.99)] {
                let each = [group.running(), group.runnable(), group.syscall()];
                let mut figures = vec![String::new()];
                figures.extend(each.map(|activity| figure(activity.quantile(share))));
                // What each waited for is not one figure, but several.
                figures.push(String::new());
                self.row(name, Ansi::new().dimmed(), &figures)?;
            }
        }
        let waiting = waits_of(&anatomy);
        if waiting.is_empty() { Ok(()) } else { self.dim(&format!("  waiting: {}", waiting.join(", "))) }
    }

    fn waits(&mut self) -> io::Result<()> {
        let analysis = &self.recording.analysis;
        if analysis.waits.is_empty() {
            return Ok(());
        }
        self.heading("where goroutines waited", &[])?;
        for wait in analysis.waits.iter().take(self.style.top) {
            let reason = if wait.reason.is_empty() { "unknown reason" } else { &wait.reason };
            let blue = self.style.look.ansi(AnsiColor::Blue.on_default());
            let (time, count) = (figure(wait.nanoseconds), grouped(wait.count));
            writeln!(self.output, "{time:>8}  {count:>9} ×  {blue}{}{blue:#}", DisplayText(reason))?;
            for place in places(wait) {
                self.dim(&format!("          {place}"))?;
            }
        }
        self.more(analysis.waits.len())
    }

    fn wakeups(&mut self) -> io::Result<()> {
        let analysis = &self.recording.analysis;
        let is_shown = |wakeup: &&Wakeup| self.style.runtime || !wakeup.waiter.is_of_runtime();
        let shown: Vec<_> = analysis.wakeups.iter().filter(is_shown).collect();
        if shown.is_empty() {
            return Ok(());
        }
        self.heading("who waited for whom", &[])?;
        for wakeup in shown.iter().take(self.style.top) {
            let waker = wakeup
                .waker
                .as_ref()
                .map_or("the network, a timer or the runtime", |waker| base(waker.name()));
            let (waiter, waker) = (DisplayText(base(wakeup.waiter.name())), DisplayText(waker));
            let (time, count) = (figure(wakeup.nanoseconds), grouped(wakeup.count));
            let reason = if wakeup.reason.is_empty() { "unknown reason" } else { &wakeup.reason };
            let line = format!("{time:>8}  {count:>9} ×  {}: {waiter} for {waker}", DisplayText(reason));
            writeln!(self.output, "{}", cut(&line, self.style.look.width))?;
        }
        self.more(shown.len())
    }

    fn scheduler(&mut self) -> io::Result<()> {
        let latency = self.recording.analysis.timeline.whole().latency;
        if latency.count() == 0 {
            return Ok(());
        }
        self.heading("scheduler", &["count", "p50", "p90", "p99", "max", "total"])?;
        self.durations("from runnable to running", &latency)
    }

    fn durations(&mut self, name: &str, durations: &Distribution) -> io::Result<()> {
        let mut figures = vec![grouped(durations.count())];
        figures.extend([0.5, 0.9, 0.99].map(|share| figure(durations.quantile(share))));
        figures.extend([durations.max(), durations.total()].map(figure));
        self.row(name, Ansi::new(), &figures)
    }

    fn collections(&mut self) -> io::Result<()> {
        let analysis = &self.recording.analysis;
        let collections = &analysis.collections;
        if collections.count() == 0 && collections.pauses.is_empty() {
            return Ok(());
        }
        self.heading("garbage collection", &["count", "p50", "p90", "p99", "max", "total"])?;
        let (of_collector, others) = (collections.pauses_of(true), collections.pauses_of(false));
        let rows = [
            ("marking", &collections.marking),
            ("pauses for it", &of_collector),
            ("assists", &collections.assists),
            ("other pauses", &others),
        ];
        for (name, durations) in rows.into_iter().filter(|(_, durations)| durations.count() > 0) {
            self.durations(name, durations)?;
        }
        let mut more = Vec::new();
        if let Some(share) = analysis.assist_share().filter(|&share| share > 0.0) {
            more.push(format!("assists are {} of the time wanting to run", percent(share)));
        }
        more.extend(collections.heap_objects.map(|heap| format!("heap {}", sizes(heap))));
        more.extend(collections.heap_goal.map(|goal| format!("goal {}", sizes(goal))));
        if more.is_empty() { Ok(()) } else { self.dim(&format!("  {}", more.join(", "))) }
    }
}

/// What program it is, and when it was recorded for how long.
pub(crate) fn about(recording: &Recording) -> String {
    let Recording { go_versions, processes, is_approximate, analysis, .. } = recording;
    let mut about = vec![DisplayText(&go_versions.join(", ")).to_string()];
    if *processes != 1 {
        about.push(format!("{processes} processes"));
    }
    match analysis.most_procs {
        0 => {}
        1 => about.push("1 proc".to_owned()),
        procs => about.push(format!("{procs} procs")),
    }
    let near = if *is_approximate { "about " } else { "" };
    let (start, duration) = (DisplayTime(analysis.period.start), DisplayDuration(analysis.period.duration));
    about.push(format!("{duration} from {near}{start} UTC"));
    about.join(", ")
}

/// What spans are called, and on which side of a request they are.
pub(crate) fn title(group: &SpanGroup) -> String {
    match group.kind {
        SpanKind::Internal => DisplayText(&group.name).to_string(),
        kind => format!("{}, {}", DisplayText(&group.name), kind.name()),
    }
}

fn span_style(group: &SpanGroup) -> Ansi {
    match group.errors {
        0 => Ansi::new(),
        _ => AnsiColor::Red.on_default(),
    }
}

fn figure(nanoseconds: u64) -> String {
    DisplayDuration(nanoseconds).to_string()
}

fn figures(count: u64, anatomy: &Anatomy) -> Vec<String> {
    let times = [anatomy.running, anatomy.runnable, anatomy.syscall, anatomy.waiting()];
    [grouped(count)].into_iter().chain(times.map(figure)).collect()
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

fn sizes(Extent { min, max, .. }: Extent) -> String {
    match (ByteSize(min), ByteSize(max)) {
        (min, max) if min == max => max.to_string(),
        (min, max) => format!("{min} to {max}"),
    }
}

/// Which share of the time what had, the most first; what had less than 1 in 100 is left out.
fn parts(anatomy: &Anatomy) -> Vec<String> {
    let whole = anatomy.whole().max(1) as f64;
    let mut parts: Vec<_> =
        AnatomyBar::new(anatomy).parts().filter(|&(_, time)| time as f64 >= whole / 100.0).collect();
    parts.sort_by_key(|&(_, time)| Reverse(time));
    parts.into_iter().map(|(name, time)| format!("{} {name}", percent(time as f64 / whole))).collect()
}

/// How long was waited for what, the longest first.
fn waits_of(anatomy: &Anatomy) -> Vec<String> {
    let mut waits: Vec<_> =
        Waiting::ALL.map(|reason| (anatomy.waiting_for[reason as usize], reason)).to_vec();
    waits.retain(|&(time, _)| time > 0);
    waits.sort_by_key(|&(time, _)| Reverse(time));
    waits.into_iter().map(|(time, reason)| format!("{} {}", figure(time), waiting_key(reason))).collect()
}

/// Where goroutines waited, and where the program called that.
fn places(wait: &Wait) -> impl Iterator<Item = String> {
    let place = |frame: &Frame| {
        let (function, file) = (DisplayText(base(&frame.function)).to_string(), base(&frame.file));
        format!("{function}  {}:{}", DisplayText(file), frame.line)
    };
    wait.place().into_iter().chain(wait.caller()).map(place)
}

/// What stands behind the last slash of a path, but for slashes in the types of generics.
pub(crate) fn base(path: &str) -> &str {
    let end = path.find('[').filter(|&place| place > 0).unwrap_or(path.len());
    let begin = path[..end].rfind('/').map_or(0, |slash| slash + 1);
    &path[begin..]
}
