//! How far the input is read, shown on a terminal when it takes long.

use std::{
    io::{self, IsTerminal, Read},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work that is done before then is not worth a bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Whether to show how far the input is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// On standard error, if that is a terminal.
    Shown,
    /// As well, unless it would stand between the lines of the output.
    UnlessOutputIsTerminal,
    /// Not at all.
    Hidden,
}

impl Progress {
    fn is_wanted(self) -> bool {
        io::stderr().is_terminal()
            && match self {
                Self::Shown => true,
                Self::UnlessOutputIsTerminal => !io::stdout().is_terminal(),
                Self::Hidden => false,
            }
    }
}

/// A source together with its bar.
pub(super) struct Watched<R> {
    source: R,
    bar: ProgressBar,
    /// When to show the bar; `None` when it is shown, or never will be.
    show_at: Option<Instant>,
}

impl<R> Watched<R> {
    pub(super) fn new(source: R, length: Option<u64>, progress: Progress) -> Self {
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        let template = match length {
            Some(_) => "{bar:40} {bytes} of {total_bytes}, {eta} left",
            None => "{spinner} {bytes} in {elapsed}",
        };
        // The templates are ours, and a bar without style is a bar still.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let show_at = progress.is_wanted().then(|| Instant::now() + PATIENCE);
        Self { source, bar, show_at }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.bar.inc(count as u64);
        if self.show_at.is_some_and(|show_at| Instant::now() >= show_at) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.show_at = None;
        }
        if count == 0 && !buffer.is_empty() {
            self.bar.finish_and_clear();
        }
        Ok(count)
    }
}

impl<R> Drop for Watched<R> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
