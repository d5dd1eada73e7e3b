//! Profiles as OTLP has them, whatever the encoding: what they say, and the dictionary that they refer to.
//!
//! `opentelemetry/proto/profiles/v1development/profiles.proto`: the first entry of each table is its zero value, no entry is there
//! twice, and each is referred to.

use std::hash::Hash;

use go_trace_context::{SpanId, TraceId};
use indexmap::IndexSet;

use super::{Encoding, encoder::ScopeHead};
use crate::{
    attribute,
    profiles::{Profile, ProfileFrame, ProfileSpan, Sample},
    resource::Resource,
    span::UnixTime,
};

/// Encodes profiles, with what they are of, as one request that a receiver of OTLP's profiles takes: its version is `v1development`.
/// `None` where there is nothing in any of them.
///
/// Each profile that holds something stands in a scope of its own, `gotrace.profile.` and its kind. Its samples have one value
/// each, their time or, where the [kind has no times](crate::profiles::ProfileKind::has_times), their count; and their reason as
/// the attribute `gotrace.state.reason`, and a link to their [span](crate::profiles::Sample::span) where it is known. Period and period type are those of values that are added up: 1 of the value itself. Only
/// off the CPU there is none, which is how backends know such a profile.
#[must_use]
pub fn encode_profiles(encoding: Encoding, resource: &Resource, profiles: &[Profile<'_>]) -> Option<Vec<u8>> {
    let request = Request::new(profiles);
    (!request.profiles.is_empty()).then(|| match encoding {
        #[cfg(feature = "protobuf")]
        Encoding::Protobuf => super::protobuf::profiles_request(resource, &request),
        #[cfg(feature = "json")]
        Encoding::Json => super::json::profiles_request(resource, &request),
    })
}

/// What a request says.
#[derive(Debug, Default)]
pub(super) struct Request<'p> {
    pub(super) profiles: Vec<EncodedProfile>,
    pub(super) dictionary: Dictionary<'p>,
}

/// `Profile`.
#[derive(Debug)]
pub(super) struct EncodedProfile {
    scope: String,
    pub(super) sample_type: ValueType,
    pub(super) samples: Vec<EncodedSample>,
    pub(super) time: UnixTime,
    pub(super) duration: u64,
    pub(super) period_type: Option<ValueType>,
}

/// `ValueType`: places in the table of strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValueType {
    pub(super) r#type: u32,
    pub(super) unit: u32,
}

/// `Sample`.
#[derive(Debug)]
pub(super) struct EncodedSample {
    pub(super) stack: u32,
    pub(super) attribute: Option<u32>,
    pub(super) link: u32,
    pub(super) value: u64,
}

/// `ProfilesDictionary`, but for the tables that have nothing but their zero value.
#[derive(Debug)]
pub(super) struct Dictionary<'p> {
    pub(super) strings: Table<&'p str>,
    pub(super) functions: Table<Function>,
    pub(super) locations: Table<Option<Location>>,
    pub(super) stacks: Table<Box<[u32]>>,
    pub(super) attributes: Table<Option<KeyValue<'p>>>,
    pub(super) links: Table<Option<Link>>,
}

type Table<T> = IndexSet<T, foldhash::fast::RandomState>;

/// `Function`: places in the table of strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Function {
    pub(super) name: u32,
    pub(super) file: u32,
}

/// `Location`, with its one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Location {
    pub(super) address: u64,
    pub(super) function: u32,
    pub(super) line: u64,
    pub(super) attribute: u32,
}

/// `KeyValueAndUnit`, of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyValue<'p> {
    pub(super) key: u32,
    pub(super) value: &'p str,
}

/// `Link`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
}

impl<'p> Request<'p> {
    fn new(profiles: &[Profile<'p>]) -> Self {
        let mut dictionary = Dictionary::default();
        let profiles = profiles.iter().filter_map(|profile| dictionary.profile(profile));
        let profiles = profiles.collect();
        Self { profiles, dictionary }
    }
}

impl EncodedProfile {
    pub(super) fn scope(&self) -> ScopeHead<'_> {
        ScopeHead { name: &self.scope, version: env!("CARGO_PKG_VERSION"), schema_url: "" }
    }
}

impl Default for Dictionary<'_> {
    fn default() -> Self {
        Self {
            strings: table(),
            functions: table(),
            locations: table(),
            stacks: table(),
            attributes: table(),
            links: table(),
        }
    }
}

/// A table that holds the zero value.
fn table<T: Default + Eq + Hash>() -> Table<T> {
    IndexSet::from_iter([T::default()])
}

/// The place of an entry in its table, into which it goes if it is not there.
fn place<T: Eq + Hash>(table: &mut Table<T>, entry: T) -> u32 {
    table.insert_full(entry).0 as u32
}

impl<'p> Dictionary<'p> {
    /// What a profile says; none where it says nothing.
    fn profile(&mut self, profile: &Profile<'p>) -> Option<EncodedProfile> {
        let heavy = profile.samples().iter().filter(|sample| profile.weight(sample) > 0);
        let samples: Vec<_> = heavy.map(|sample| self.sample(sample, profile.weight(sample))).collect();
        if samples.is_empty() {
            return None;
        }
        let (kind, period) = (profile.kind(), profile.period());
        let sample_type = ValueType {
            r#type: place(&mut self.strings, kind.value_type()),
            unit: place(&mut self.strings, if kind.has_times() { "nanoseconds" } else { "count" }),
        };
        Some(EncodedProfile {
            scope: format!("gotrace.profile.{kind}"),
            sample_type,
            samples,
            time: period.start,
            duration: period.duration,
            period_type: kind.has_period().then_some(sample_type),
        })
    }

    fn sample(&mut self, sample: &Sample<'p>, value: u64) -> EncodedSample {
        let locations: Box<[u32]> = match sample.stack.without_frames() {
            // No stack is what the zero value means.
            Some(instead) if sample.stack.is_left_out() => {
                Box::new([self.location(&ProfileFrame { pc: 0, function: instead, file: "", line: 0 })])
            }
            _ => sample.stack.frames().map(|frame| self.location(&frame)).collect(),
        };
        EncodedSample {
            stack: place(&mut self.stacks, locations),
            attribute: sample.reason.map(|reason| self.attribute(attribute::STATE_REASON, reason)),
            link: sample.span.map_or(0, |ProfileSpan { trace_id, span_id, .. }| {
                place(&mut self.links, Some(Link { trace_id, span_id }))
            }),
            value: value.min(i64::MAX as u64),
        }
    }

    fn location(&mut self, frame: &ProfileFrame<'p>) -> u32 {
        let name = place(&mut self.strings, frame.function);
        let file = place(&mut self.strings, frame.file);
        let location = Location {
            address: frame.pc,
            function: place(&mut self.functions, Function { name, file }),
            line: frame.line.min(i64::MAX as u64),
            attribute: self.attribute("profile.frame.type", "go"),
        };
        place(&mut self.locations, Some(location))
    }

    fn attribute(&mut self, key: &'static str, value: &'p str) -> u32 {
        let key = place(&mut self.strings, key);
        place(&mut self.attributes, Some(KeyValue { key, value }))
    }
}
