//! `diff`: two recordings side by side, and what got slower.

mod json;
mod page;

use std::{io::Write, path::PathBuf};

use anyhow::bail;
use clap::Args;
use trace_to_otel::analysis::{Comparison, ComparisonOptions, Verdict};

use crate::{
    cli::{Mapping, Reading},
    page::PageArguments,
    recording::Recording,
    select::Counted,
    stats,
};

pub(crate) const EXAMPLES: &str = "\
Examples:
  trace-converter diff before.trace after.trace
  trace-converter diff --before v1/*.trace --after v2/*.trace
  trace-converter diff --fail before.trace after.trace || echo slower
  trace-converter diff --json before.trace after.trace | jq '.spans[] | select(.verdict == \"slower\") | .name'";

#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// The two trace files: before and after.
    #[arg(value_names = ["BEFORE", "AFTER"], num_args = 2, required_unless_present_all = ["before", "after"])]
    files: Vec<PathBuf>,
    /// Several files that are one recording together, to be compared with those of --after.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "files", requires = "after")]
    before: Vec<PathBuf>,
    /// Several files that are the other one.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "files", requires = "before")]
    after: Vec<PathBuf>,
    /// Tells everything as JSON: durations in nanoseconds.
    #[arg(long)]
    json: bool,
    /// Fails, with exit status 1, where something got slower.
    #[arg(long)]
    fail: bool,
    /// With fewer spans of a name, or goroutines of a function, on either side nothing is said of them.
    #[arg(long, value_name = "COUNT", default_value_t = 8)]
    min_count: u64,
    /// How many names of spans, and functions of goroutines, are shown side by side.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
    #[command(flatten)]
    counted: Counted,
    #[command(flatten)]
    page: PageArguments,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    mapping: Mapping,
}

pub(crate) fn run(arguments: &DiffArguments) -> anyhow::Result<()> {
    arguments.page.color.choice().write_global();
    let [before, after] = match &arguments.files[..] {
        [before, after] => [std::slice::from_ref(before), std::slice::from_ref(after)],
        _ => [&arguments.before[..], &arguments.after[..]],
    };
    let window = arguments.counted.window()?;
    let read = |files| {
        let (recording, outcome) = Recording::read(files, window, &arguments.reading, &arguments.mapping);
        outcome.and_then(|()| recording.refuse_nothing()).map(|()| recording)
    };
    let (before, after) = (read(before)?, read(after)?);
    let mut options = ComparisonOptions::default();
    options.min_count = arguments.min_count;
    let comparison = Comparison::of(&before.analysis, &after.analysis, options);
    let (mut output, look) = arguments.page.open();
    if arguments.json {
        stats::write_json(&json::Differences::new([&before, &after], &comparison), &mut output)?;
    } else {
        let style = page::Style { look, top: arguments.top };
        page::write([&before, &after], &comparison, style, &mut output)?;
    }
    output.flush()?;
    let slower = slower(&comparison);
    if arguments.fail && slower > 0 {
        bail!("{slower} of what was compared got slower");
    }
    Ok(())
}

fn slower(comparison: &Comparison<'_>) -> usize {
    let spans = comparison.spans.iter().map(|span| span.verdict);
    let all = spans.chain(comparison.goroutines.iter().map(|group| group.verdict));
    all.chain([comparison.scheduler.verdict]).filter(|verdict| *verdict == Verdict::Slower).count()
}
