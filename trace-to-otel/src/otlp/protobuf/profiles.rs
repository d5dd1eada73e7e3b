//! `opentelemetry/proto/collector/profiles/v1development/profiles_service.proto` and
//! `opentelemetry/proto/profiles/v1development/profiles.proto`.

use super::{
    super::{
        buffer::Buffer,
        profiles::{
            Dictionary, EncodedProfile, EncodedSample, Function, KeyValue, Link, Location, Request, ValueType,
        },
    },
    common::{around_records, around_scopes},
    envelope::field,
    wire::{Wire, tag},
};
use crate::resource::Resource;

/// `ExportProfilesServiceRequest.dictionary`
const DICTIONARY: u8 = tag(2, Wire::Length);

/// `ProfilesDictionary`.
mod table {
    use super::{Wire, tag};
    pub(super) const MAPPINGS: u8 = tag(1, Wire::Length);
    pub(super) const LOCATIONS: u8 = tag(2, Wire::Length);
    pub(super) const FUNCTIONS: u8 = tag(3, Wire::Length);
    pub(super) const LINKS: u8 = tag(4, Wire::Length);
    pub(super) const STRINGS: u8 = tag(5, Wire::Length);
    pub(super) const ATTRIBUTES: u8 = tag(6, Wire::Length);
    pub(super) const STACKS: u8 = tag(7, Wire::Length);
}

/// `Profile`.
mod profile {
    use super::{Wire, tag};
    pub(super) const SAMPLE_TYPE: u8 = tag(1, Wire::Length);
    pub(super) const SAMPLES: u8 = tag(2, Wire::Length);
    pub(super) const TIME: u8 = tag(3, Wire::Fixed64);
    pub(super) const DURATION: u8 = tag(4, Wire::Varint);
    pub(super) const PERIOD_TYPE: u8 = tag(5, Wire::Length);
    pub(super) const PERIOD: u8 = tag(6, Wire::Varint);
}

/// `Sample`.
mod sample {
    use super::{Wire, tag};
    pub(super) const STACK: u8 = tag(1, Wire::Varint);
    pub(super) const ATTRIBUTES: u8 = tag(2, Wire::Length);
    pub(super) const LINK: u8 = tag(3, Wire::Varint);
    pub(super) const VALUES: u8 = tag(4, Wire::Length);
}

/// `ValueType`, `Line`, `Function`, `KeyValueAndUnit` and `Stack`: their first two fields.
mod first {
    use super::{Wire, tag};
    pub(super) const NUMBER: u8 = tag(1, Wire::Varint);
    pub(super) const INDICES: u8 = tag(1, Wire::Length);
}

mod second {
    use super::{Wire, tag};
    pub(super) const NUMBER: u8 = tag(2, Wire::Varint);
    pub(super) const MESSAGE: u8 = tag(2, Wire::Length);
}

/// `Location`.
mod location {
    use super::{Wire, tag};
    pub(super) const ADDRESS: u8 = tag(2, Wire::Varint);
    pub(super) const LINES: u8 = tag(3, Wire::Length);
    pub(super) const ATTRIBUTES: u8 = tag(4, Wire::Length);
}

/// `Link`.
mod link {
    use super::{Wire, tag};
    pub(super) const TRACE_ID: u8 = tag(1, Wire::Length);
    pub(super) const SPAN_ID: u8 = tag(2, Wire::Length);
}

/// `Function.filename_strindex`
const FILENAME: u8 = tag(3, Wire::Varint);

/// `ExportProfilesServiceRequest`.
pub(in super::super) fn profiles_request(resource: &Resource, request: &Request<'_>) -> Vec<u8> {
    let mut out = Buffer::default();
    out.message::<4>(field::RESOURCES, |out| {
        let [before, after] = around_scopes(resource);
        out.extend(before.as_slice());
        for profile in &request.profiles {
            out.message::<4>(field::SECTIONS, |out| {
                let [before, after] = around_records(profile.scope());
                out.extend(before.as_slice());
                out.message::<4>(field::RECORDS, |out| out.profile(profile));
                out.extend(after.as_slice());
            });
        }
        out.extend(after.as_slice());
    });
    out.message::<4>(DICTIONARY, |out| out.dictionary(&request.dictionary));
    out.as_slice().to_vec()
}

impl Buffer {
    fn profile(&mut self, profile: &EncodedProfile) {
        self.value_type(profile::SAMPLE_TYPE, profile.sample_type);
        for sample in &profile.samples {
            self.message::<1>(profile::SAMPLES, |out| out.profile_sample(sample));
        }
        self.fixed64(profile::TIME, profile.time.0);
        self.unsigned(profile::DURATION, profile.duration);
        if let Some(period_type) = profile.period_type {
            self.value_type(profile::PERIOD_TYPE, period_type);
            self.unsigned(profile::PERIOD, 1);
        }
    }

    fn profile_sample(&mut self, sample: &EncodedSample) {
        self.unsigned(sample::STACK, sample.stack.into());
        self.packed_varints(sample::ATTRIBUTES, sample.attribute.as_slice());
        self.unsigned(sample::LINK, sample.link.into());
        self.message::<1>(sample::VALUES, |out| out.varint(sample.value));
    }

    fn value_type(&mut self, tag: u8, value_type: ValueType) {
        self.message::<1>(tag, |out| {
            out.unsigned(first::NUMBER, value_type.r#type.into());
            out.unsigned(second::NUMBER, value_type.unit.into());
        });
    }

    fn dictionary(&mut self, dictionary: &Dictionary<'_>) {
        self.message::<1>(table::MAPPINGS, |_| {});
        for location in &dictionary.locations {
            self.message::<1>(table::LOCATIONS, |out| out.location(location.as_ref()));
        }
        for function in &dictionary.functions {
            self.message::<1>(table::FUNCTIONS, |out| out.function(*function));
        }
        for link in &dictionary.links {
            self.message::<1>(table::LINKS, |out| out.profile_link(link.as_ref()));
        }
        for text in &dictionary.strings {
            self.put([table::STRINGS]);
            self.text(text);
        }
        for attribute in &dictionary.attributes {
            self.message::<1>(table::ATTRIBUTES, |out| out.key_value(attribute.as_ref()));
        }
        for stack in &dictionary.stacks {
            self.message::<1>(table::STACKS, |out| out.packed_varints(first::INDICES, stack));
        }
    }

    fn location(&mut self, location: Option<&Location>) {
        let Some(location) = location else { return };
        self.unsigned(location::ADDRESS, location.address);
        self.message::<1>(location::LINES, |out| {
            out.unsigned(first::NUMBER, location.function.into());
            out.unsigned(second::NUMBER, location.line);
        });
        self.packed_varints(location::ATTRIBUTES, &[location.attribute]);
    }

    fn function(&mut self, function: Function) {
        self.unsigned(first::NUMBER, function.name.into());
        self.unsigned(FILENAME, function.file.into());
    }

    fn profile_link(&mut self, link: Option<&Link>) {
        let Some(link) = link else { return };
        self.ids([link::TRACE_ID, link::SPAN_ID], link.trace_id, link.span_id);
    }

    fn key_value(&mut self, pair: Option<&KeyValue<'_>>) {
        let Some(pair) = pair else { return };
        self.unsigned(first::NUMBER, pair.key.into());
        self.message::<1>(second::MESSAGE, |out| out.any_text(pair.value));
    }

    /// A field of numbers one after the other, left out when there is none.
    fn packed_varints(&mut self, tag: u8, numbers: &[u32]) {
        if !numbers.is_empty() {
            self.message::<1>(tag, |out| numbers.iter().for_each(|&number| out.varint(number.into())));
        }
    }
}
