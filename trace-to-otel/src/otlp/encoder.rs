//! Records in, batches out.

use core::{fmt, marker::PhantomData};
use std::{collections::HashMap, sync::Arc};

use opentelemetry_semantic_conventions::SCHEMA_URL;

use super::{
    Batch, Encoding, Record, Signal,
    buffer::Buffer,
    parts::{Envelope, Section},
};
use crate::{
    resource::Resource,
    span::{InstrumentationScope, Span},
};

/// Encodes the records of one resource, and cuts batches before they grow too large.
///
/// Records of a scope stand together in a batch, in the order they came in; scopes stand in a fixed order, and behind them
/// those of [other programs](crate::Scope::Custom) in the order in which they came in. The same records in the same order give the same bytes. Memory: twice the size of a batch, or more where a batch is
/// dominated by one scope after another, up to the size of a batch for each scope.
///
/// ```
/// use go_trace_context::{SpanId, TraceId};
/// use trace_to_otel::{Resource, Scope, Span, UnixTime, otlp::{Encoder, Encoding}};
///
/// let trace_id = TraceId::from_u128(0xF00).expect("not 0");
/// let mut encoder = Encoder::new(Encoding::Protobuf, &Resource::new()).with_max_bytes(1 << 10);
/// let mut batches = Vec::new();
/// for number in 1..=100 {
///     let span_id = SpanId::from_u64(number).expect("not 0");
///     let times = (UnixTime(number), UnixTime(number + 5));
///     let span = Span::new(trace_id, span_id, Scope::Task, "order", times);
///     batches.extend(encoder.add(&span)?);
/// }
/// batches.extend(encoder.finish());
/// assert!(batches.iter().all(|batch| batch.bytes().len() <= 1 << 10));
/// assert_eq!(batches.iter().map(|batch| batch.records()).sum::<usize>(), 100);
/// # Ok::<(), trace_to_otel::otlp::RecordTooLarge>(())
/// ```
#[derive(Debug)]
pub struct Encoder<T = Span> {
    encoding: Encoding,
    max_bytes: usize,
    before: Buffer,
    after: Buffer,
    /// Those of this crate's scopes, and those of the other scopes that the batch under way has.
    sections: Vec<OpenSection>,
    custom: HashMap<Arc<InstrumentationScope>, usize>,
    /// How many records there are.
    records: usize,
    /// A bound of the request's length: the records' bytes, and whatever may come around them.
    bound: usize,
    of: PhantomData<fn(&T)>,
}

/// The records of a scope so far.
#[derive(Debug)]
struct OpenSection {
    before: Buffer,
    records: Buffer,
    after: Buffer,
}

impl<T: Record> Encoder<T> {
    /// How large a batch gets unless [`with_max_bytes`](Self::with_max_bytes) says otherwise: 256 KiB, some 600 spans. What
    /// is being written then stays in the caches of the processor: converting takes 4 % longer with batches of 2 MiB.
    pub const DEFAULT_MAX_BYTES: usize = 256 << 10;

    /// How large a batch can get at all: 64 MiB.
    pub const LARGEST_MAX_BYTES: usize = 64 << 20;

    /// An encoder for the records of a resource.
    #[must_use]
    pub fn new(encoding: Encoding, resource: &Resource) -> Self {
        let [before, after] = encoding.around_scopes(T::SIGNAL, resource);
        let own = |name: &&'static str| ScopeHead {
            name,
            version: env!("CARGO_PKG_VERSION"),
            schema_url: SCHEMA_URL,
        };
        let sections = T::SCOPES.iter().map(|scope| OpenSection::new(encoding, T::SIGNAL, own(scope)));
        let mut encoder = Self {
            encoding,
            max_bytes: Self::DEFAULT_MAX_BYTES,
            before,
            after,
            sections: sections.collect(),
            custom: HashMap::new(),
            records: 0,
            bound: 0,
            of: PhantomData,
        };
        encoder.bound = encoder.overhead();
        encoder
    }

    /// Batches of at most so many bytes, but for those of a single larger record;
    /// [`LARGEST_MAX_BYTES`](Self::LARGEST_MAX_BYTES) at most.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes.min(Self::LARGEST_MAX_BYTES);
        self
    }

    /// How records are written.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many records the batch under way has.
    #[must_use]
    pub const fn records(&self) -> usize {
        self.records
    }

    /// How many bytes the batch under way has, exactly; 0 where it has no record.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        if self.records == 0 { 0 } else { self.envelope(None).len(self.encoding) }
    }

    /// Encodes a record. Where the batch would grow too large by it, gives out the batch, and begins the next one with
    /// the record.
    ///
    /// # Errors
    ///
    /// [`RecordTooLarge`] where the record alone would make a batch of more than
    /// [`LARGEST_MAX_BYTES`](Self::LARGEST_MAX_BYTES). It is left out; the batch under way is as before.
    #[inline]
    pub fn add(&mut self, record: &T) -> Result<Option<Batch>, RecordTooLarge> {
        let scope = record.scope().unwrap_or_else(|scope| self.custom(scope));
        let records = &mut self.sections[scope].records;
        let start = records.len();
        match self.encoding {
            #[cfg(feature = "protobuf")]
            Encoding::Protobuf => record.write_protobuf(records),
            #[cfg(feature = "json")]
            Encoding::Json => {
                record.write_json(records);
                records.put(*b",");
            }
        }
        self.records += 1;
        self.bound += records.len() - start;
        if self.bound <= self.max_bytes { Ok(None) } else { self.cut(record, scope, start) }
    }

    /// The last batch; none where nothing has been added since the one before. The encoder goes on with the next.
    pub fn finish(&mut self) -> Option<Batch> {
        if self.records == 0 {
            return None;
        }
        let batch = Batch::new(T::SIGNAL, self.encoding, &self.envelope(None), self.records);
        for section in &mut self.sections {
            section.records.truncate(0);
        }
        self.sections.truncate(T::SCOPES.len());
        self.custom.clear();
        self.records = 0;
        self.bound = self.overhead();
        Some(batch)
    }

    /// The section of a scope that is not this crate's.
    #[cold]
    #[inline(never)]
    fn custom(&mut self, scope: &Arc<InstrumentationScope>) -> usize {
        if let Some(&section) = self.custom.get(scope) {
            return section;
        }
        let InstrumentationScope { name, version } = &**scope;
        // What its attributes mean is not this crate's to say.
        let head = ScopeHead { name, version, schema_url: "" };
        let section = OpenSection::new(self.encoding, T::SIGNAL, head);
        self.bound += section.overhead();
        self.sections.push(section);
        self.custom.insert(Arc::clone(scope), self.sections.len() - 1);
        self.sections.len() - 1
    }

    /// Forgets a scope that is not this crate's, if nothing has come of it and it came last.
    fn forget_empty(&mut self, scope: usize) {
        let is_last = scope >= T::SCOPES.len() && scope + 1 == self.sections.len();
        if is_last && self.sections[scope].records.len() == 0 {
            self.sections.pop();
            self.custom.retain(|_, section| *section != scope);
            self.bound =
                self.overhead() + self.sections.iter().map(|section| section.records.len()).sum::<usize>();
        }
    }

    /// Looks closer at a batch that may be too large with its last record, which begins at `start` of `scope`.
    #[cold]
    #[inline(never)]
    fn cut(&mut self, record: &T, scope: usize, start: usize) -> Result<Option<Batch>, RecordTooLarge> {
        if self.envelope(None).len(self.encoding) <= self.max_bytes {
            return Ok(None);
        }
        let encoded = self.sections[scope].records.split_off(start);
        self.records -= 1;
        self.bound -= encoded.len();
        let alone = self.envelope(Some((scope, encoded.as_slice()))).len(self.encoding);
        if alone > Self::LARGEST_MAX_BYTES {
            self.forget_empty(scope);
            return Err(RecordTooLarge { bytes: alone });
        }
        let batch = self.finish();
        let scope = record.scope().unwrap_or_else(|scope| self.custom(scope));
        self.sections[scope].records.extend(encoded.as_slice());
        self.records = 1;
        self.bound += encoded.len();
        Ok(batch)
    }

    /// The batch under way, or one of a single record of a scope.
    fn envelope<'a>(&'a self, alone: Option<(usize, &'a [u8])>) -> Envelope<'a> {
        let sections = self.sections.iter().enumerate().map(|(scope, section)| Section {
            before: section.before.as_slice(),
            records: self.encoding.without_separator(match alone {
                None => section.records.as_slice(),
                Some((only, record)) if only == scope => record,
                Some(_) => &[],
            }),
            after: section.after.as_slice(),
        });
        Envelope {
            before: self.before.as_slice(),
            sections: sections.filter(|section| !section.records.is_empty()).collect(),
            after: self.after.as_slice(),
        }
    }

    /// A bound of what comes around the records.
    fn overhead(&self) -> usize {
        let sections = self.sections.iter().map(OpenSection::overhead);
        self.before.len() + self.after.len() + 2 * FRAME + sections.sum::<usize>()
    }
}

/// What may come around anything: a tag and a length, or a comma.
const FRAME: usize = 11;

impl OpenSection {
    fn new(encoding: Encoding, signal: Signal, head: ScopeHead<'_>) -> Self {
        let [before, after] = encoding.around_records(signal, head);
        Self { before, records: Buffer::default(), after }
    }

    /// A bound of what comes around its records.
    fn overhead(&self) -> usize {
        self.before.len() + self.after.len() + FRAME
    }
}

/// What is said of a scope.
#[derive(Clone, Copy)]
pub(super) struct ScopeHead<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) schema_url: &'a str,
}

// Protobuf numbers the fields of all signals alike.
#[cfg_attr(not(feature = "json"), allow(unused_variables))]
impl Encoding {
    /// What comes before the scopes of a request, and what comes behind them.
    fn around_scopes(self, signal: Signal, resource: &Resource) -> [Buffer; 2] {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf => super::protobuf::around_scopes(resource),
            #[cfg(feature = "json")]
            Self::Json => super::json::around_scopes(&signal.names(), resource),
        }
    }

    /// What comes before the records of a scope, and what comes behind them.
    fn around_records(self, signal: Signal, scope: ScopeHead<'_>) -> [Buffer; 2] {
        match self {
            #[cfg(feature = "protobuf")]
            Self::Protobuf => super::protobuf::around_records(scope),
            #[cfg(feature = "json")]
            Self::Json => super::json::around_records(&signal.names(), scope),
        }
    }
}

/// A record that would make a batch of more than [`Encoder::LARGEST_MAX_BYTES`] all alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordTooLarge {
    bytes: usize,
}

impl RecordTooLarge {
    /// How large the batch would have been.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Display for RecordTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a single record makes a request of {} bytes, and no receiver takes more than {}; \
             give the mapper lower limits",
            self.bytes,
            Encoder::<Span>::LARGEST_MAX_BYTES
        )
    }
}

impl core::error::Error for RecordTooLarge {}
