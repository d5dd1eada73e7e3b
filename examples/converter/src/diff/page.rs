//! The differences as a page of text.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Ansi};
use trace_to_otel::{
    Anatomy,
    analysis::{Comparison, Difference, Distribution, GoroutineGroup, SpanGroup, Verdict},
    render::{AnatomyBar, DisplayDuration, DisplayText},
};

use crate::{
    page::{FIGURE, Look},
    recording::Recording,
    report::grouped,
    stats::{about, base, rate, title},
    texts::{cut, cut_front},
};

/// What the page looks like, and has.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) look: Look,
    pub(super) top: usize,
}

pub(super) fn write(
    recordings: [&Recording; 2],
    comparison: &Comparison<'_>,
    style: Style,
    output: &mut impl Write,
) -> io::Result<()> {
    for (which, recording) in ["before", "after "].into_iter().zip(recordings) {
        writeln!(output, "{which} {}", DisplayText(&recording.name))?;
        writeln!(output, "{}", cut(&format!("       {}", about(recording)), style.look.width))?;
    }
    let recorded = recordings.map(|recording| recording.analysis.period.duration);
    let things: Vec<_> = comparison.spans.iter().map(|span| Thing::of_span(span, recorded)).collect();
    let groups: Vec<_> = comparison.goroutines.iter().map(|group| Thing::of_group(group, recorded)).collect();
    let scheduler = [Thing::of_latency(&comparison.scheduler, recorded)];
    let mut page = Page { style, output };
    let all = || things.iter().chain(&groups).chain(&scheduler);
    page.changed("slower", AnsiColor::Red, all().filter(|thing| thing.verdict == Verdict::Slower))?;
    page.changed("faster", AnsiColor::Green, all().filter(|thing| thing.verdict == Verdict::Faster))?;
    page.sum(all())?;
    page.side_by_side("spans", &things)?;
    page.side_by_side("goroutines", &groups)?;
    page.side_by_side("scheduler", &scheduler)
}

/// What is compared, whatever it is.
struct Thing<'a> {
    name: String,
    /// What one is called: a span, a goroutine.
    what: &'static str,
    verdict: Verdict,
    superiority: Option<f64>,
    sides: [Option<Side<'a>>; 2],
}

#[derive(Clone, Copy)]
struct Side<'a> {
    count: u64,
    per_second: f64,
    errors: u64,
    whole: &'a Distribution,
    /// Where the time of one went, in the mean; none where that is not known.
    mean: Option<Anatomy>,
}

impl<'a> Thing<'a> {
    fn new<T>(
        difference: &'a Difference<T>,
        (name, what): (String, &'static str),
        recorded: [u64; 2],
        side: impl Fn(&'a T) -> Side<'a>,
    ) -> Self {
        let sides = [&difference.before, &difference.after].map(|own| own.as_ref().map(&side));
        let rated = |(own, recorded): (Option<Side<'a>>, u64)| {
            own.map(|own| Side { per_second: rate(own.count, recorded), ..own })
        };
        let [before, after] = sides;
        let sides = [(before, recorded[0]), (after, recorded[1])].map(rated);
        Self { name, what, verdict: difference.verdict, superiority: difference.superiority, sides }
    }

    fn of_span(span: &'a Difference<&'a SpanGroup>, recorded: [u64; 2]) -> Self {
        let name = span.before.or(span.after).map(title);
        Self::new(span, (name.unwrap_or_default(), "span"), recorded, |group| Side {
            count: group.count(),
            per_second: 0.0,
            errors: group.errors,
            whole: &group.whole,
            mean: (group.split > 0).then(|| group.anatomy.mean(group.split)),
        })
    }

    fn of_group(difference: &'a Difference<&'a GoroutineGroup>, recorded: [u64; 2]) -> Self {
        let name = difference
            .before
            .or(difference.after)
            .map(|group| DisplayText(base(group.kind.name())).to_string());
        Self::new(difference, (name.unwrap_or_default(), "goroutine"), recorded, |group| Side {
            count: group.count(),
            per_second: 0.0,
            errors: 0,
            whole: &group.whole,
            mean: (group.whole.count() > 0).then(|| group.whole_anatomy.mean(group.whole.count())),
        })
    }

    fn of_latency(difference: &'a Difference<Distribution>, recorded: [u64; 2]) -> Self {
        let name = "from runnable to running".to_owned();
        Self::new(difference, (name, "wait"), recorded, |latency| Side {
            count: latency.count(),
            per_second: 0.0,
            errors: 0,
            whole: latency,
            mean: None,
        })
    }
}

struct Page<'o, W> {
    style: Style,
    output: &'o mut W,
}

impl<W: Write> Page<'_, W> {
    fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.output, "{}", cut(text, self.style.look.width))
    }

    fn changed<'t, 'a: 't>(
        &mut self,
        heading: &str,
        color: AnsiColor,
        things: impl Iterator<Item = &'t Thing<'a>>,
    ) -> io::Result<()> {
        let style = self.style.look.ansi(color.on_default().bold());
        for (place, thing) in things.enumerate() {
            if place == 0 {
                writeln!(self.output, "\n{style}{}{style:#}", heading.to_uppercase())?;
            }
            self.change(thing, style)?;
        }
        Ok(())
    }

    /// How something has changed, and where its time went.
    fn change(&mut self, thing: &Thing<'_>, style: Ansi) -> io::Result<()> {
        let [Some(before), Some(after)] = thing.sides else { return Ok(()) };
        writeln!(self.output, "{style}{}{style:#}", cut_front(&thing.name, self.style.look.width))?;
        let quantiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)].map(|(name, share)| {
            let [one, other] = [before, after].map(|side| side.whole.quantile(share));
            let times = other as f64 / one.max(1) as f64;
            format!("{name} {} → {} (×{times:.2})", DisplayDuration(one), DisplayDuration(other))
        });
        self.line(&format!("  {}", quantiles.join(", ")))?;
        let [one, other] =
            [before, after].map(|side| format!("{} ({:.1}/s)", grouped(side.count), side.per_second));
        let mut more = format!("  {one} → {other} {}s", thing.what);
        if let Some(superiority) = thing.superiority {
            more.push_str(&format!("; in {:.0} of 100 pairs the later is slower", superiority * 100.0));
        }
        self.line(&more)?;
        if before.errors + after.errors > 0 {
            self.line(&format!("  {} → {} failed", grouped(before.errors), grouped(after.errors)))?;
        }
        let moved = moved(before.mean, after.mean);
        if moved.is_empty() { Ok(()) } else { self.line(&format!("  each on average: {}", moved.join(", "))) }
    }

    fn sum<'t, 'a: 't>(&mut self, things: impl Iterator<Item = &'t Thing<'a>> + Clone) -> io::Result<()> {
        let count = |verdict| things.clone().filter(|thing| thing.verdict == verdict).count();
        let compared = things.clone().filter(|thing| thing.superiority.is_some()).count();
        let (slower, faster) = (count(Verdict::Slower), count(Verdict::Faster));
        let found = match (slower, faster) {
            (0, 0) => "no difference".to_owned(),
            _ => format!("{slower} slower, {faster} faster"),
        };
        let mut parts = vec![format!("{compared} compared")];
        for (verdict, what) in [
            (Verdict::New, "new"),
            (Verdict::Gone, "gone"),
            (Verdict::TooLong, "too long for such recordings"),
            (Verdict::NotTold, "not told apart"),
            (Verdict::TooFew, "too few to compare"),
        ] {
            if count(verdict) > 0 {
                parts.push(format!("{} {what}", count(verdict)));
            }
        }
        let bold = self.style.look.ansi(Ansi::new().bold());
        writeln!(self.output, "\n{bold}{found}{bold:#}: {}", parts.join(", "))
    }

    /// What both have, a line for each.
    fn side_by_side(&mut self, heading: &str, things: &[Thing<'_>]) -> io::Result<()> {
        let bold = self.style.look.ansi(Ansi::new().bold());
        if things.is_empty() {
            return Ok(());
        }
        let width = self.style.look.width - 6 * FIGURE - 1;
        write!(self.output, "\n{bold}{:<width$} ", heading.to_uppercase())?;
        ["count", "→", "p50", "→", "p99", "→"]
            .iter()
            .try_for_each(|column| write!(self.output, "{column:>FIGURE$}"))?;
        writeln!(self.output, "{bold:#}")?;
        for thing in things.iter().take(self.style.top) {
            let style = self.style.look.ansi(match thing.verdict {
                Verdict::Slower => AnsiColor::Red.on_default(),
                Verdict::Faster => AnsiColor::Green.on_default(),
                _ => Ansi::new(),
            });
            write!(self.output, "{style}{:<width$} ", cut_front(&thing.name, width))?;
            let count = |side: Side<'_>| grouped(side.count);
            let quantile = |share| {
                move |side: Side<'_>| match side.whole.count() {
                    0 => "-".to_owned(),
                    _ => DisplayDuration(side.whole.quantile(share)).to_string(),
                }
            };
            self.figures(thing, count)?;
            self.figures(thing, quantile(0.5))?;
            self.figures(thing, quantile(0.99))?;
            writeln!(self.output, "{style:#}")?;
        }
        match things.len().saturating_sub(self.style.top) {
            0 => Ok(()),
            more => self.line(&format!("… {more} more (--top)")),
        }
    }

    fn figures(&mut self, thing: &Thing<'_>, figure: impl Fn(Side<'_>) -> String) -> io::Result<()> {
        for side in thing.sides {
            write!(self.output, "{:>FIGURE$}", side.map_or_else(|| "-".to_owned(), &figure))?;
        }
        Ok(())
    }
}

/// What of the mean time of one has become more or less, the most first: all that is a tenth of the whole change.
fn moved(before: Option<Anatomy>, after: Option<Anatomy>) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
    let mut parts: Vec<_> = AnatomyBar::new(&before)
        .parts()
        .zip(AnatomyBar::new(&after).parts())
        .map(|((name, one), (_, other))| (name, i128::from(other) - i128::from(one)))
        .collect();
    let most = parts.iter().map(|(_, change)| change.unsigned_abs()).max().unwrap_or(0);
    parts.retain(|(_, change)| *change != 0 && change.unsigned_abs() * 10 >= most);
    parts.sort_by_key(|(_, change)| std::cmp::Reverse(change.unsigned_abs()));
    let shown = parts.into_iter().map(|(name, change)| {
        let sign = if change > 0 { '+' } else { '-' };
        let amount = u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX);
        format!("{sign}{} {name}", DisplayDuration(amount))
    });
    shown.collect()
}
