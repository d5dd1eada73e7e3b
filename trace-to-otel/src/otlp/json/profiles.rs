//! `opentelemetry/proto/collector/profiles/v1development/profiles_service.proto` and
//! `opentelemetry/proto/profiles/v1development/profiles.proto`.

use super::{
    super::{
        buffer::Buffer,
        profiles::{
            Dictionary, EncodedProfile, EncodedSample, Function, KeyValue, Link, Location, Request, ValueType,
        },
        record::{Names, Signal},
    },
    common::{around_records, around_scopes},
};
use crate::resource::Resource;

const NAMES: Names = Signal::Profiles.names();

/// `ExportProfilesServiceRequest`.
pub(in super::super) fn profiles_request(resource: &Resource, request: &Request<'_>) -> Vec<u8> {
    let mut out = Buffer::default();
    let [before, after] = around_scopes(&NAMES, resource);
    out.extend(before.as_slice());
    for (index, profile) in request.profiles.iter().enumerate() {
        if index > 0 {
            out.put(*b",");
        }
        let [before, after] = around_records(&NAMES, profile.scope());
        out.extend(before.as_slice());
        out.json_profile(profile);
        out.extend(after.as_slice());
    }
    // The dictionary comes before the brace that closes the request.
    out.extend(after.as_slice().strip_suffix(b"}").unwrap_or_default());
    out.put(*b",\"dictionary\":");
    out.json_dictionary(&request.dictionary);
    out.put(*b"}");
    out.as_slice().to_vec()
}

impl Buffer {
    /// `Profile`.
    fn json_profile(&mut self, profile: &EncodedProfile) {
        self.put(*b"{\"sampleType\":");
        self.json_value_type(profile.sample_type);
        self.put(*b",\"samples\":");
        self.array(&profile.samples, Self::json_sample);
        self.time(b",\"timeUnixNano\":", profile.time);
        self.put(*b",\"durationNano\":");
        self.quoted_number(profile.duration);
        if let Some(period_type) = profile.period_type {
            self.put(*b",\"periodType\":");
            self.json_value_type(period_type);
            self.put(*b",\"period\":\"1\"");
        }
        self.put(*b"}");
    }

    fn json_sample(&mut self, sample: &EncodedSample) {
        self.put(*b"{\"stackIndex\":");
        self.number(sample.stack);
        if let Some(attribute) = sample.attribute {
            self.put(*b",\"attributeIndices\":[");
            self.number(attribute);
            self.put(*b"]");
        }
        if sample.link != 0 {
            self.put(*b",\"linkIndex\":");
            self.number(sample.link);
        }
        self.put(*b",\"values\":[");
        self.quoted_number(sample.value);
        self.put(*b"]}");
    }

    fn json_value_type(&mut self, value_type: ValueType) {
        self.put(*b"{\"typeStrindex\":");
        self.number(value_type.r#type);
        self.put(*b",\"unitStrindex\":");
        self.number(value_type.unit);
        self.put(*b"}");
    }

    /// `ProfilesDictionary`.
    fn json_dictionary(&mut self, dictionary: &Dictionary<'_>) {
        self.put(*b"{\"mappingTable\":[{}],\"locationTable\":");
        self.array(&dictionary.locations, |out, location| out.json_location(location.as_ref()));
        self.put(*b",\"functionTable\":");
        self.array(&dictionary.functions, |out, function| out.json_function(*function));
        self.put(*b",\"linkTable\":");
        self.array(&dictionary.links, |out, link| out.json_profile_link(link.as_ref()));
        self.put(*b",\"stringTable\":");
        self.array(&dictionary.strings, |out, text| out.quoted(text));
        self.put(*b",\"attributeTable\":");
        self.array(&dictionary.attributes, |out, pair| out.json_key_value(pair.as_ref()));
        self.put(*b",\"stackTable\":");
        self.array(&dictionary.stacks, |out, stack| {
            out.put(*b"{\"locationIndices\":");
            out.array(stack.iter(), |out, &location| out.number(location));
            out.put(*b"}");
        });
        self.put(*b"}");
    }

    fn json_location(&mut self, location: Option<&Location>) {
        let Some(location) = location else { return self.put(*b"{}") };
        self.put(*b"{\"address\":");
        self.quoted_number(location.address);
        self.put(*b",\"lines\":[{\"functionIndex\":");
        self.number(location.function);
        self.put(*b",\"line\":");
        self.quoted_number(location.line);
        self.put(*b"}],\"attributeIndices\":[");
        self.number(location.attribute);
        self.put(*b"]}");
    }

    fn json_function(&mut self, function: Function) {
        self.put(*b"{\"nameStrindex\":");
        self.number(function.name);
        self.put(*b",\"filenameStrindex\":");
        self.number(function.file);
        self.put(*b"}");
    }

    fn json_profile_link(&mut self, link: Option<&Link>) {
        let Some(link) = link else { return self.put(*b"{}") };
        self.put(*b"{");
        self.json_ids(link.trace_id, link.span_id);
        self.put(*b"}");
    }

    fn json_key_value(&mut self, pair: Option<&KeyValue<'_>>) {
        let Some(pair) = pair else { return self.put(*b"{}") };
        self.put(*b"{\"keyStrindex\":");
        self.number(pair.key);
        self.put(*b",\"value\":{\"stringValue\":");
        self.quoted(pair.value);
        self.put(*b"}}");
    }
}
