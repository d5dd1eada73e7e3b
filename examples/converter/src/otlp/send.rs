//! Sending to a receiver, and telling what became of it.

use std::{env, fmt, mem};

use trace_to_otel::{
    Resource,
    otlp::{
        Batch, BlockingExporter, Encoder, ExportError, ExportErrorKind, Exporter, Headers, Record, Settings,
        Signal,
    },
};

use super::WriteError;
use crate::{cli::Sending, report};

/// A receiver of the records of one signal.
pub(super) struct Receiver<T: Record> {
    exporter: BlockingExporter,
    encoder: Encoder<T>,
    tally: Tally,
}

/// What became of the records.
#[derive(Default)]
struct Tally {
    accepted: u64,
    refused: u64,
    is_unacknowledged: bool,
}

impl<T: Record> Receiver<T> {
    pub(super) fn connect(sending: &Sending) -> anyhow::Result<Self> {
        let environment = Settings::from_environment(T::SIGNAL, |name| env::var(name).ok())?;
        let config = settings(sending)?.or(environment).resolve(T::SIGNAL)?;
        let encoder = Encoder::new(config.protocol.encoding(), &Resource::new());
        let exporter = BlockingExporter::new(Exporter::new(config)?)?;
        Ok(Self { exporter, encoder, tally: Tally::default() })
    }

    pub(super) fn set_resource(&mut self, resource: &Resource) -> Result<(), WriteError> {
        self.flush()?;
        self.encoder = Encoder::new(self.encoder.encoding(), resource);
        Ok(())
    }

    pub(super) fn take(&mut self, record: &T) -> Result<(), WriteError> {
        match self.encoder.add(record)? {
            Some(batch) => self.send(batch),
            None => Ok(()),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), WriteError> {
        match self.encoder.finish() {
            Some(batch) => self.send(batch),
            None => Ok(()),
        }
    }

    /// Sends a batch. What the receiver refuses for good is counted; any other failure is one.
    fn send(&mut self, batch: Batch) -> Result<(), WriteError> {
        let mut delivered = batch.records() as u64;
        let delivery = self.exporter.export_splitting(batch).map_err(SendError)?;
        let mut failure = None;
        for (part, error) in delivery.undelivered {
            delivered -= part.records() as u64;
            match error.kind() {
                ExportErrorKind::Rejected | ExportErrorKind::TooLarge => {
                    self.tally.refused += part.records() as u64;
                    report::warning(&self.name(), error);
                }
                _ => failure = Some(error),
            }
        }
        if let Some(accepted) = delivery.accepted {
            let rejected = accepted.rejected.min(delivered);
            self.tally.accepted += delivered - rejected;
            self.tally.refused += rejected;
            self.tally.is_unacknowledged |= !accepted.is_acknowledged;
            if !accepted.message.is_empty() {
                report::warning(&self.name(), accepted.message);
            }
        }
        failure.map_or(Ok(()), |error| Err(SendError(error).into()))
    }

    fn name(&self) -> String {
        self.exporter.exporter().config().endpoint.to_string()
    }

    pub(super) fn report(&self) -> u64 {
        let Tally { accepted, refused, is_unacknowledged } = self.tally;
        let records = match T::SIGNAL {
            Signal::Traces => "spans",
            Signal::Logs => "log records",
            _ => "metrics",
        };
        anstream::eprintln!("{}: accepted {accepted} {records}", self.name());
        if refused > 0 {
            report::warning(&self.name(), format_args!("refused {refused} {records}"));
        }
        if is_unacknowledged {
            report::warning(
                &self.name(),
                "answers without OTLP's own words: look whether anything has arrived",
            );
        }
        refused
    }
}

impl Sending {
    pub(super) fn is_wanted(&self) -> bool {
        self.send || self.receiver.endpoint.is_some()
    }
}

/// What the command line says.
fn settings(sending: &Sending) -> anyhow::Result<Settings> {
    let mut settings = sending.receiver.settings()?;
    if let Some(timeout) = sending.timeout {
        settings = settings.with_timeout(timeout);
    }
    if !sending.headers.is_empty() {
        let mut headers = Headers::new();
        for (key, value) in &sending.headers {
            headers = mem::take(&mut headers).with(key, value)?;
        }
        settings = settings.with_headers(headers);
    }
    Ok(settings)
}

/// Why a batch did not arrive.
#[derive(Debug)]
pub(crate) struct SendError(ExportError);

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
