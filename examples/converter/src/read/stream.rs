//! Streams of traces, as the fork's `/debug/pprof/trace?stream=1` sends them.

use std::{
    io::{Cursor, Read},
    sync::Arc,
};

use anyhow::Context;
use go_trace_format::{Content, Damage, Error, HEADER_LENGTH, Mode, TraceStream};
use trace_to_otel::UnixTime;

use super::{Opening, Trace};
use crate::{input::Input, report};

/// A stream that is being read, one trace of it in memory at a time.
pub(super) struct Stream {
    name: String,
    service: Option<Arc<str>>,
    traces: TraceStream<Box<dyn Read + Send>>,
    modified: Option<UnixTime>,
    damage: Damage,
    opening: Opening,
    /// How many traces were read.
    count: u64,
    is_over: bool,
}

impl Stream {
    pub(super) fn new(input: Input, opening: Opening) -> Self {
        let Input { name, service, bytes, modified, damage, .. } = input;
        let traces = TraceStream::new(bytes).limit(opening.most);
        Self { name, service, traces, modified, damage, opening, count: 0, is_over: false }
    }

    /// The next trace. One that is cut off is the last, and worth reading unless that has to be strict.
    pub(super) fn next(&mut self) -> Option<anyhow::Result<Trace>> {
        if self.is_over {
            return None;
        }
        let bytes = match self.traces.next_trace() {
            Ok(trace) => trace?.to_vec(),
            Err(error) => {
                self.is_over = true;
                let is_cut = matches!(error, Error::TruncatedTrace { .. });
                if !is_cut || self.opening.mode == Mode::Strict {
                    return Some(Err(error).with_context(|| self.name.clone()));
                }
                report::warning(&self.name, error);
                let cut = self.traces.truncated();
                // Nothing of it can be read.
                if cut.len() < HEADER_LENGTH {
                    return None;
                }
                cut.to_vec()
            }
        };
        self.count += 1;
        Some(Trace::open(self.input(bytes), self.opening))
    }

    fn input(&self, bytes: Vec<u8>) -> Input {
        Input {
            name: format!("{}, trace {}", self.name, self.count),
            service: self.service.clone(),
            bytes: Box::new(Cursor::new(bytes)),
            modified: self.modified,
            damage: self.damage.clone(),
            content: Content::Trace,
            mistaken: None,
        }
    }
}
