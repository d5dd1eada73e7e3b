//! Sending from programs without tokio.

use core::{fmt, future::Future};
use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

use super::{
    answer::Accepted,
    error::{ExportError, ExportErrorKind},
    exporter::{Delivery, Exporter},
};
use crate::otlp::Batch;

/// An [`Exporter`] for programs without tokio: it brings a runtime of its own, on the thread that calls, and starts no
/// other (but for the look-up of names).
///
/// A call cannot be cancelled from outside; the [timeout](super::Config::timeout) ends it.
pub struct BlockingExporter {
    exporter: Exporter,
    runtime: OwnRuntime,
}

impl BlockingExporter {
    /// Wraps `exporter`.
    ///
    /// # Errors
    ///
    /// Where the system has no more file descriptors for the runtime.
    pub fn new(exporter: Exporter) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        Ok(Self { exporter, runtime: OwnRuntime(Some(runtime)) })
    }

    /// What it wraps.
    #[must_use]
    pub fn exporter(&self) -> &Exporter {
        &self.exporter
    }

    /// As [`Exporter::export`].
    ///
    /// # Errors
    ///
    /// As [`Exporter::export`]; [`ExportErrorKind::InvalidBatch`] where it is called within a tokio runtime, which it
    /// would block: take an [`Exporter`] there.
    pub fn export(&self, batch: &Batch) -> Result<Accepted, ExportError> {
        self.is_outside_of_tokio()?;
        self.runtime.block_on(self.exporter.export(batch))
    }

    /// As [`Exporter::export_splitting`].
    ///
    /// # Errors
    ///
    /// [`ExportErrorKind::InvalidBatch`] where it is called within a tokio runtime; what else goes wrong is in the
    /// [`Delivery`].
    pub fn export_splitting(&self, batch: Batch) -> Result<Delivery, ExportError> {
        self.is_outside_of_tokio()?;
        Ok(self.runtime.block_on(self.exporter.export_splitting(batch)))
    }

    fn is_outside_of_tokio(&self) -> Result<(), ExportError> {
        if Handle::try_current().is_err() {
            return Ok(());
        }
        let message = "a BlockingExporter is called within a tokio runtime; take an Exporter there";
        Err(ExportError::new(ExportErrorKind::InvalidBatch, message).at(self.exporter.config()))
    }
}

/// A runtime that can be dropped anywhere: tokio's own panics within another one.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.as_ref().expect("it is there until it is dropped").block_on(future)
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for BlockingExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingExporter").field("exporter", &self.exporter).finish_non_exhaustive()
    }
}
