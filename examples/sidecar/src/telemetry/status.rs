//! One calm line on a terminal.

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use super::Telemetry;
use crate::session::Stop;

/// How often it changes.
const PACE: Duration = Duration::from_secs(1);

/// The line, or none where standard error is no terminal.
#[derive(Clone, Debug)]
pub(crate) struct StatusLine(Arc<Option<ProgressBar>>);

impl StatusLine {
    pub(crate) fn new() -> Self {
        Self(Arc::new(io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(
                ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        })))
    }

    /// Whether there is one.
    pub(crate) fn is_shown(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps it up to date until told to stop.
    pub(crate) fn keep(&self, telemetry: Telemetry, stop: Stop) {
        let Some(bar) = (*self.0).clone() else { return };
        thread::spawn(move || {
            while !stop.is_stopped() {
                bar.set_message(line(&telemetry));
                thread::sleep(PACE);
            }
            bar.finish_and_clear();
        });
    }
}

fn line(telemetry: &Telemetry) -> String {
    let summary = telemetry.summary();
    let numbers = format!(
        "{} files wait, {} spooled, {} requests accepted",
        summary.waiting_files,
        bytesize::ByteSize(summary.spool_bytes),
        summary.batches
    );
    match telemetry.alarm() {
        None => format!("delivering: {numbers}"),
        Some(alarm) => {
            format!("NOT delivering for {} s: {numbers}; {}", alarm.since.elapsed().as_secs(), alarm.message)
        }
    }
}

/// Logs go above the line.
#[derive(Debug)]
pub(crate) struct Above(StatusLine);

impl<'w> MakeWriter<'w> for StatusLine {
    type Writer = Above;

    fn make_writer(&'w self) -> Above {
        Above(self.clone())
    }
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &*self.0.0 {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
