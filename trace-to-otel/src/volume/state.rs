//! A [`Volume`]'s memory, written down: what it has to know of earlier spans after its process was started again.

use core::fmt;

use go_trace_context::{SpanId, TraceFlags, TraceId};

use crate::{
    sink::SpanSink,
    span::{Parent, SpanContext},
    volume::{
        Volume, VolumeOptions,
        family::{Family, Fate, Key, Recent},
        rate::Rate,
    },
};

/// What a saved state begins with; the last byte is its version.
const MAGIC: [u8; 8] = *b"gtrvolu\x01";

impl<S: SpanSink> Volume<S> {
    /// [Flushes](Self::flush), and writes down what is remembered of earlier spans. After [`load`](Self::load), later
    /// spans come out as they would have without either. The same memory gives the same bytes. What was counted is not
    /// part of it.
    ///
    /// # Errors
    ///
    /// Those of the sink.
    pub fn save(&mut self) -> Result<Vec<u8>, S::Error> {
        self.flush()?;
        let mut out = MAGIC.to_vec();
        out.extend(self.rate.second.to_le_bytes());
        out.extend(self.rate.spans.to_le_bytes());
        let Family { awaited, gone } = &self.family;
        awaited.save(&mut out, |(), _| {});
        gone.save(&mut out, Fate::save);
        Ok(out)
    }

    /// A volume that remembers what another one [has written down](Self::save). The options should be the same.
    ///
    /// # Errors
    ///
    /// [`VolumeStateError`] where `state` is not what [`save`](Self::save) gives. It may be any bytes: memory is bounded
    /// by their number.
    pub fn load(options: VolumeOptions, sink: S, state: &[u8]) -> Result<Self, VolumeStateError> {
        let mut volume = Self::new(options, sink);
        volume.restore(state)?;
        Ok(volume)
    }

    /// Remembers what another volume [has written down](Self::save) instead of what this one does, as
    /// [`load`](Self::load) does it; on an error it stays as it was.
    ///
    /// # Errors
    ///
    /// As of [`load`](Self::load).
    pub fn restore(&mut self, state: &[u8]) -> Result<(), VolumeStateError> {
        let mut input = Input { length: state.len(), rest: state };
        let loaded = input.volume().filter(|_| input.rest.is_empty());
        (self.rate, self.family) =
            loaded.ok_or(VolumeStateError { offset: input.length - input.rest.len() })?;
        Ok(())
    }
}

impl<V> Recent<V> {
    fn save(&self, out: &mut Vec<u8>, value: impl Fn(&V, &mut Vec<u8>)) {
        for half in [&self.old, &self.young] {
            out.extend((half.len() as u32).to_le_bytes());
            let mut entries: Vec<_> = half.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| **key);
            for (key, entry) in entries {
                key.save(out);
                value(entry, out);
            }
        }
    }
}

impl Key {
    fn save(self, out: &mut Vec<u8>) {
        out.extend(self.trace_id.as_bytes());
        out.extend(self.span_id.as_bytes());
    }
}

impl Fate {
    fn save(&self, out: &mut Vec<u8>) {
        match *self {
            Self::LeftOut(None) => out.push(0),
            Self::LeftOut(Some(parent)) => {
                out.push(if parent.is_remote { 2 } else { 1 });
                out.extend(parent.span_id.as_bytes());
            }
            Self::Absorbed(into) => {
                out.push(3);
                Key { trace_id: into.trace_id, span_id: into.span_id }.save(out);
                out.push(into.flags.to_byte());
            }
        }
    }
}

struct Input<'a> {
    length: usize,
    rest: &'a [u8],
}

impl Input<'_> {
    fn volume(&mut self) -> Option<(Rate, Family)> {
        if self.bytes()? != MAGIC {
            return None;
        }
        let rate =
            Rate { second: u64::from_le_bytes(self.bytes()?), spans: u32::from_le_bytes(self.bytes()?) };
        let awaited = self.recent(|_| Some(()))?;
        let gone = self.recent(Self::fate)?;
        Some((rate, Family { awaited, gone }))
    }

    fn recent<V>(&mut self, value: impl Fn(&mut Self) -> Option<V>) -> Option<Recent<V>> {
        let mut recent = Recent::default();
        for half in [&mut recent.old, &mut recent.young] {
            for _ in 0..u32::from_le_bytes(self.bytes()?) {
                half.insert(self.key()?, value(self)?);
            }
        }
        (recent.old.len().max(recent.young.len()) <= Recent::<V>::HALF).then_some(recent)
    }

    fn key(&mut self) -> Option<Key> {
        let trace_id = TraceId::from_bytes(self.bytes()?)?;
        Some(Key { trace_id, span_id: SpanId::from_bytes(self.bytes()?)? })
    }

    fn fate(&mut self) -> Option<Fate> {
        Some(match self.bytes()? {
            [0] => Fate::LeftOut(None),
            [tag @ (1 | 2)] => Fate::LeftOut(Some(Parent::new(SpanId::from_bytes(self.bytes()?)?, tag == 2))),
            [3] => {
                let Key { trace_id, span_id } = self.key()?;
                let [flags] = self.bytes()?;
                Fate::Absorbed(SpanContext::new(trace_id, span_id, TraceFlags::from_byte(flags)))
            }
            _ => return None,
        })
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*bytes)
    }
}

/// Bytes are not the saved state of a [`Volume`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeStateError {
    offset: usize,
}

impl fmt::Display for VolumeStateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "these bytes are not the saved state of a volume of this version: see byte {}; begin with a new volume",
            self.offset
        )
    }
}

impl core::error::Error for VolumeStateError {}
