//! OTLP's profiles: against `opentelemetry-proto`'s types, and against the rules that its comments lay down for dictionaries.
#![cfg(all(feature = "profiles", feature = "json", feature = "protobuf"))]

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use crate::common::{
    self,
    script::{Script, trace},
};
use go_trace_format::{Dialect, EventType, Reader};
use opentelemetry_proto::tonic::{
    collector::profiles::v1development::ExportProfilesServiceRequest,
    common::v1::any_value::Value as ProtoValue,
    profiles::v1development::{
        Function, KeyValueAndUnit, Link, Location, Mapping, Profile as ProtoProfile, ProfilesDictionary,
        Sample, Stack,
    },
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use serde_json::Value;
use trace_to_otel::{
    Pipeline, PipelineOptions, Resource, Span,
    otlp::{Encoding, encode_profiles, profile_batches},
    profiles::{Profile, ProfileKind, Profiles, ProfilesCollector, ProfilesOptions},
};

fn profiles_of(trace: &[u8], max_stacks: usize, max_spans: usize) -> Profiles {
    let mut profiles = ProfilesOptions::default();
    (profiles.max_stacks, profiles.max_spans) = (max_stacks, max_spans);
    let mut options = PipelineOptions::default();
    options.profiles = Some(profiles);
    let mut pipeline = Pipeline::new(options, Vec::<Span>::new());
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = pipeline.event(&event);
    }
    let Ok(()) = pipeline.finish();
    pipeline.take_profiles().expect("they are wanted")
}

/// Encodes all profiles both ways, and checks everything; gives how many samples there were.
fn check(profiles: &Profiles) -> usize {
    let resource = Resource::new().with("service.name", "shop");
    let profiles = ProfileKind::ALL.map(|kind| profiles.profile(kind));
    let encode = |encoding| encode_profiles(encoding, &resource, &profiles);
    let Some(protobuf) = encode(Encoding::Protobuf) else {
        assert!(profiles.iter().all(|profile| profile.samples().is_empty()));
        return 0;
    };
    let request = ExportProfilesServiceRequest::decode(&*protobuf).expect("a request");
    assert!(request.encode_to_vec() == protobuf, "as prost writes it");
    let json: Value =
        serde_json::from_slice(&encode(Encoding::Json).expect("as many")).expect("JSON of a request");
    assert_eq!(normal(json), normal(serde_json::to_value(&request).expect("a value")));

    let dictionary = request.dictionary.as_ref().expect("a dictionary");
    let [resource_profiles] = &request.resource_profiles[..] else { panic!("{request:#?}") };
    let attributes = &resource_profiles.resource.as_ref().expect("a resource").attributes;
    assert!(attributes.iter().any(|attribute| attribute.key == "service.name"));
    let scopes = &resource_profiles.scope_profiles;
    let found: Vec<&ProtoProfile> = scopes.iter().flat_map(|scope| &scope.profiles).collect();
    check_dictionary(dictionary, &found);
    let expected = profiles.iter().filter(|profile| !expected_samples(profile).is_empty());
    let expected: Vec<_> = expected.collect();
    assert_eq!(found.len(), expected.len());
    for ((found, scope), expected) in found.iter().zip(scopes).zip(&expected) {
        let name = &scope.scope.as_ref().expect("a scope").name;
        assert_eq!(*name, format!("gotrace.profile.{}", expected.kind()));
        check_profile(dictionary, found, expected);
    }
    found.iter().map(|profile| profile.samples.len()).sum()
}

/// Functions with program counter, file and line, the reason, the ids of trace and span, and the value.
type Expected = (Vec<(u64, String, String, i64)>, Option<String>, Option<(Vec<u8>, Vec<u8>)>, i64);

fn expected_samples(profile: &Profile<'_>) -> Vec<Expected> {
    let samples = profile.samples().iter().map(|sample| {
        let mut frames: Vec<_> = sample
            .stack
            .frames()
            .map(|frame| (frame.pc, frame.function.to_owned(), frame.file.to_owned(), frame.line as i64))
            .collect();
        if sample.stack.is_left_out() {
            frames = vec![(0, "[other stacks]".to_owned(), String::new(), 0)];
        }
        let value = if profile.kind().has_times() { sample.nanoseconds } else { sample.count };
        let span = sample.span;
        let ids = span.map(|span| (span.trace_id.as_bytes().to_vec(), span.span_id.as_bytes().to_vec()));
        (frames, sample.reason.map(str::to_owned), ids, value as i64)
    });
    samples.filter(|&(.., value)| value > 0).collect()
}

fn check_profile(dictionary: &ProfilesDictionary, found: &ProtoProfile, expected: &Profile<'_>) {
    let text = |index: i32| dictionary.string_table[index as usize].clone();
    let sample_type = found.sample_type.as_ref().expect("a type");
    let unit = if expected.kind().has_times() { "nanoseconds" } else { "count" };
    let name = expected.kind().name().replace('-', "_");
    assert_eq!((text(sample_type.type_strindex), text(sample_type.unit_strindex)), (name, unit.to_owned()));
    let has_period = expected.kind() != ProfileKind::OffCpu;
    assert_eq!(
        (found.period_type, found.period),
        (found.sample_type.filter(|_| has_period), has_period.into())
    );
    let period = expected.period();
    assert_eq!((found.time_unix_nano, found.duration_nano), (period.start.0, period.duration));
    let samples = found.samples.iter().map(|sample| {
        let frames = &dictionary.stack_table[sample.stack_index as usize].location_indices;
        let frames = frames.iter().map(|&index| frame(dictionary, index)).collect();
        let attributes: Vec<_> =
            sample.attribute_indices.iter().map(|&index| attribute(dictionary, index)).collect();
        let reason = match &attributes[..] {
            [] => None,
            [(key, value)] if key == "gotrace.state.reason" => Some(value.clone()),
            other => panic!("{other:?}"),
        };
        let [value] = sample.values[..] else { panic!("{sample:?}") };
        assert!(sample.timestamps_unix_nano.is_empty());
        let link = &dictionary.link_table[sample.link_index as usize];
        let ids = (sample.link_index != 0).then(|| (link.trace_id.clone(), link.span_id.clone()));
        assert!(ids.as_ref().is_none_or(|(trace_id, span_id)| trace_id.len() == 16 && span_id.len() == 8));
        (frames, reason, ids, value)
    });
    assert_eq!(samples.collect::<Vec<Expected>>(), expected_samples(expected));
}

fn frame(dictionary: &ProfilesDictionary, index: i32) -> (u64, String, String, i64) {
    let location = &dictionary.location_table[index as usize];
    let [line] = location.lines[..] else { panic!("{location:?}") };
    let attributes = location.attribute_indices.iter().map(|&index| attribute(dictionary, index));
    let is_go = [("profile.frame.type".to_owned(), "go".to_owned())];
    assert_eq!(attributes.collect::<Vec<_>>(), is_go);
    let function = dictionary.function_table[line.function_index as usize];
    let text = |index: i32| dictionary.string_table[index as usize].clone();
    (location.address, text(function.name_strindex), text(function.filename_strindex), line.line)
}

fn attribute(dictionary: &ProfilesDictionary, index: i32) -> (String, String) {
    let KeyValueAndUnit { key_strindex, value, unit_strindex } = &dictionary.attribute_table[index as usize];
    assert_eq!(*unit_strindex, 0);
    match value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(ProtoValue::StringValue(text)) => {
            (dictionary.string_table[*key_strindex as usize].clone(), text.clone())
        }
        other => panic!("{other:?}"),
    }
}

/// The first entry of each table is the zero value, no entry is there twice, and each other one is referred to.
fn check_dictionary(dictionary: &ProfilesDictionary, profiles: &[&ProtoProfile]) {
    let ProfilesDictionary {
        mapping_table,
        location_table,
        function_table,
        link_table,
        string_table,
        attribute_table,
        stack_table,
    } = dictionary;
    assert_eq!((&mapping_table[..], &link_table[0]), (&[Mapping::default()][..], &Link::default()));
    assert_eq!((&location_table[0], &function_table[0]), (&Location::default(), &Function::default()));
    assert_eq!((&stack_table[0], &*string_table[0]), (&Stack::default(), ""));
    assert_eq!(attribute_table[0], KeyValueAndUnit::default());

    let is_distinct = |table: Vec<Vec<u8>>| table.len() == table.iter().collect::<HashSet<_>>().len();
    assert!(is_distinct(location_table.iter().map(Message::encode_to_vec).collect()));
    assert!(is_distinct(function_table.iter().map(Message::encode_to_vec).collect()));
    assert!(is_distinct(attribute_table.iter().map(Message::encode_to_vec).collect()));
    assert!(is_distinct(link_table.iter().map(Message::encode_to_vec).collect()));
    assert!(is_distinct(stack_table.iter().map(Message::encode_to_vec).collect()));
    assert!(is_distinct(string_table.iter().map(|text| text.clone().into_bytes()).collect()));

    let samples: Vec<&Sample> = profiles.iter().flat_map(|profile| &profile.samples).collect();
    let types = profiles.iter().flat_map(|profile| [profile.sample_type, profile.period_type]).flatten();
    let all = |indices: &mut dyn Iterator<Item = i32>, length: usize| {
        let used: BTreeSet<i32> = indices.chain([0]).collect();
        assert!(used.into_iter().eq(0..length as i32));
    };
    all(&mut samples.iter().map(|sample| sample.stack_index), stack_table.len());
    all(&mut samples.iter().map(|sample| sample.link_index), link_table.len());
    all(&mut stack_table.iter().flat_map(|stack| stack.location_indices.clone()), location_table.len());
    let lines = location_table.iter().flat_map(|location| &location.lines);
    all(&mut lines.map(|line| line.function_index), function_table.len());
    let of_samples = samples.iter().flat_map(|sample| sample.attribute_indices.clone());
    let of_locations = location_table.iter().flat_map(|location| location.attribute_indices.clone());
    all(&mut of_samples.chain(of_locations), attribute_table.len());
    let names = function_table.iter().flat_map(|one| [one.name_strindex, one.filename_strindex]);
    let types = types.flat_map(|one| [one.type_strindex, one.unit_strindex]);
    let keys = attribute_table.iter().map(|pair| pair.key_strindex);
    all(&mut names.chain(types).chain(keys), string_table.len());
}

/// JSON without members that have the default value, and with all numbers as texts: `opentelemetry-proto` writes them as
/// numbers where OTLP wants those of 64 bits as texts, and the bytes of a link's ids one by one where it wants digits.
fn normal(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().map(|(name, value)| match (&*name, &value) {
                ("traceId" | "spanId", Value::Array(bytes)) => (name, Value::String(digits(bytes))),
                _ => (name, normal(value)),
            });
            let is_default = |value: &Value| match value {
                Value::String(text) => text.is_empty() || text == "0",
                Value::Array(items) => items.is_empty(),
                Value::Null => true,
                _ => false,
            };
            Value::Object(members.filter(|(_, value)| !is_default(value)).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(normal).collect()),
        Value::Number(number) => Value::String(number.to_string()),
        other => other,
    }
}

fn digits(bytes: &[Value]) -> String {
    bytes.iter().map(|byte| format!("{:02x}", byte.as_u64().expect("a byte"))).collect()
}

#[test]
fn profiles_of_recordings_are_what_they_were() {
    let mut samples = 0;
    for name in ["go1.22/http", "go1.25/cpu", "go1.27/gc", "go1.27/http", "go1.27/cgo", "fork/net"] {
        let trace = common::read(&format!("{name}.trace"));
        samples += check(&profiles_of(&trace, 1 << 15, 1 << 16));
        samples += check(&profiles_of(&trace, 3, 3));
        samples += check(&profiles_of(&trace, 1 << 15, 0));
    }
    assert!(samples > 800, "{samples}");
}

/// What is too large for one request goes out in several, each with a dictionary of its own, and nothing is missing.
#[test]
fn pieces_are_requests_of_their_own() {
    let profiles = Arc::new(profiles_of(&common::read("go1.27/http.trace"), 1 << 15, 1 << 16));
    let resource = Resource::new().with("service.name", "shop");
    for most in [usize::MAX, 8 << 10, 2 << 10, 1] {
        let mut found = BTreeMap::<String, Vec<i64>>::new();
        let batches = profile_batches(Encoding::Protobuf, &resource, &profiles, &ProfileKind::ALL, most);
        assert_eq!(batches.len() > 1, most < usize::MAX, "{most}");
        for batch in batches {
            let request = ExportProfilesServiceRequest::decode(batch.bytes()).expect("a request");
            let [resource_profiles] = &request.resource_profiles[..] else { panic!("{request:#?}") };
            let scopes = &resource_profiles.scope_profiles;
            let profiles: Vec<&ProtoProfile> = scopes.iter().flat_map(|scope| &scope.profiles).collect();
            check_dictionary(request.dictionary.as_ref().expect("a dictionary"), &profiles);
            let samples: usize = profiles.iter().map(|profile| profile.samples.len()).sum();
            assert_eq!(samples, batch.records());
            assert!(samples == 1 || batch.bytes().len() <= most);
            for (scope, profile) in scopes.iter().zip(profiles) {
                let values = profile.samples.iter().flat_map(|sample| &sample.values);
                let name = &scope.scope.as_ref().expect("a scope").name;
                found.entry(name.clone()).or_default().extend(values);
            }
        }
        let whole = ProfileKind::ALL.map(|kind| (kind, expected_samples(&profiles.profile(kind))));
        let whole = whole.into_iter().filter(|(_, samples)| !samples.is_empty());
        let values = |samples: Vec<Expected>| samples.into_iter().map(|(.., value)| value).collect();
        let whole: BTreeMap<String, Vec<i64>> =
            whole.map(|(kind, samples)| (format!("gotrace.profile.{kind}"), values(samples))).collect();
        assert_eq!(found, whole, "{most}");
    }
}

#[test]
fn where_nothing_happened_there_is_no_request() {
    let empty = ProfilesCollector::default().finish();
    assert_eq!(check(&empty), 0);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        4 => "[a-z./()*]{1,40}",
        2 => vec(any::<char>(), 0..20).prop_map(String::from_iter),
        1 => (100_usize..140).prop_map(|length| "x".repeat(length)),
        1 => (1_000_usize..1_020).prop_map(|length| "\"".repeat(length)),
    ]
}

/// Goroutine 7 waits on each of these stacks, for each of these reasons, some of them in a region, and 8 wakes it.
fn wait(script: &mut Script<'_>, waits: &[(Vec<String>, String, bool)]) {
    script.run(7);
    script.run(8);
    for (place, (stack, reason, is_in_region)) in waits.iter().enumerate() {
        if *is_in_region {
            script.region_begin(7, 0, "region");
        }
        let stack: Vec<_> = stack.iter().map(String::as_str).collect();
        let (stack, reason) = (script.stack(&stack), script.string(reason));
        script.event(7, EventType::GoBlock, &[reason, stack]);
        let sequence = 2 * place as u64 + 1;
        script.event(8, EventType::GoUnblock, &[7, sequence, stack]);
        script.start(7, 7, sequence + 1);
        if *is_in_region {
            script.region_end(7, 0, "region");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn random_profiles_are_what_they_were(
        waits in vec((vec(text(), 0..20), prop_oneof![text(), Just("sync".to_owned())], any::<bool>()), 0..30),
        max_stacks in prop_oneof![Just(1_usize << 15), 0_usize..10],
        max_spans in prop_oneof![Just(1_usize << 16), 0_usize..10],
    ) {
        let trace = trace(Dialect::Stock, &[(1, &|script: &mut Script<'_>| wait(script, &waits))]);
        let profiles = profiles_of(&trace, max_stacks, max_spans);
        let regions = waits.iter().filter(|(.., is_in_region)| *is_in_region).count();
        prop_assert_eq!(profiles.spans().count(), regions.min(max_spans));
        prop_assert!(check(&profiles) > 0);
        prop_assert_eq!(profiles.profile(ProfileKind::OffCpu).count(), 2 * waits.len() as u64);
    }
}
