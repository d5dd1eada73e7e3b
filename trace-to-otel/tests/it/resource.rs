//! Resources: precedence, environment variables, path templates, and what a trace itself tells.

use std::path::Path;

use crate::common;
use go_trace_format::{
    Clock, Dialect, EventType, Frame, Reader, Version, WallTime,
    event::ThreadId,
    write::{SyncBatch, Writer},
};
use proptest::prelude::*;
use trace_to_otel::{PathTemplate, Resource, ResourceError, Value};

fn with_environment(attributes: &str, name: &str) -> Result<Resource, ResourceError> {
    Resource::new().with_environment(|variable| match variable {
        "OTEL_RESOURCE_ATTRIBUTES" => Some(attributes.to_owned()),
        "OTEL_SERVICE_NAME" => Some(name.to_owned()),
        other => panic!("{other} was asked for"),
    })
}

fn text<'r>(resource: &'r Resource, key: &str) -> Option<&'r str> {
    resource.attribute(key).map(|value| match value {
        Value::Text(text) => &**text,
        other => panic!("{key} is {other:?}"),
    })
}

#[test]
fn later_sources_win() {
    let template: PathTemplate = "{service}/{host}/*".parse().expect("a template");
    let found = template.attributes(Path::new("path/path/1.trace")).expect("it fits");
    let resource = Resource::new().with_attributes(found);
    assert_eq!(text(&resource, "service.name"), Some("path"));

    let with = |attributes: &str, name: &str| {
        resource
            .clone()
            .with_environment(|variable| {
                Some(if variable == "OTEL_SERVICE_NAME" { name } else { attributes }.to_owned())
            })
            .expect("they are well-formed")
    };
    let both = with("service.name=attributes,host.name=attributes", "name");
    assert_eq!((text(&both, "service.name"), text(&both, "host.name")), (Some("name"), Some("attributes")));
    let attributes = with("service.name=attributes", "");
    assert_eq!(
        (text(&attributes, "service.name"), text(&attributes, "host.name")),
        (Some("attributes"), Some("path"))
    );
    assert_eq!(text(&both.with("service.name", "flag"), "service.name"), Some("flag"));
    assert_eq!(with("", ""), resource);
}

#[test]
fn lists_of_attributes() {
    let resource =
        with_environment(" a = 1 ,,b%2Cc=x%3Dy%25z, d=,e=f=g,h=1+2,h=%C3%A9 , ", "").expect("well-formed");
    for (key, value) in [("a", "1"), ("b,c", "x=y%z"), ("d", ""), ("e", "f=g"), ("h", "é")] {
        assert_eq!(text(&resource, key), Some(value), "{key}");
    }
    assert_eq!(resource.attributes().len(), Resource::new().attributes().len() + 5);
}

#[test]
fn a_malformed_list_is_discarded_as_a_whole() {
    for member in ["a", "=1", " = ", "a=%", "a=%4", "a=%zz", "%=1", "a=%ff"] {
        let error = with_environment(&format!("ok=1,{member},ok=2"), "name").expect_err(member);
        assert_eq!(error.member(), member.trim());
        assert!(error.to_string().contains("key1=value1"), "{error}");
        assert_eq!(error.into_resource(), Resource::new().with("service.name", "name"), "{member}");
    }
}

#[test]
fn templates_that_do_not_fit() {
    for (template, path) in [
        ("/a/{service}.trace", "/a/.trace"),
        ("/a/{service}.trace", "a/b.trace"),
        ("/a/{service}.trace", "/a/b/c.trace"),
        ("/a/*/c", "/a/c"),
        ("/a/**/c", "/a/b/d"),
        ("{service}-{pod}", "orders"),
        ("{service}-{pod}", "orders-"),
        ("aa*aa", "aaa"),
    ] {
        let template: PathTemplate = template.parse().expect("a template");
        assert_eq!(template.attributes(Path::new(path)), None, "{template:?} {path}");
    }
}

#[test]
fn templates_that_fit() {
    for (template, path, expected) in [
        ("/a/{service}.trace", "/a/b.c.trace", vec![("service.name", "b.c")]),
        ("{service}-{pod}", "a-b-c", vec![("service.name", "a"), ("k8s.pod.name", "b-c")]),
        ("/**/{service}/x/*", "/x/x/x/y", vec![("service.name", "x")]),
        ("/**/{service}/**/t", "/p/q/r/t", vec![("service.name", "p")]),
        ("/**", "/", vec![]),
        ("./{service}/{service.version}", "a/./1", vec![("service.name", "a"), ("service.version", "1")]),
        ("ü{host}ß*", "üéß", vec![("host.name", "é")]),
    ] {
        let template: PathTemplate = template.parse().expect("a template");
        let found = template.attributes(Path::new(path)).unwrap_or_else(|| panic!("{template:?} {path}"));
        let found: Vec<_> = found.iter().map(|a| (&*a.key, a.value.to_string())).collect();
        let expected: Vec<_> = expected.into_iter().map(|(key, value)| (key, value.to_owned())).collect();
        assert_eq!(found, expected, "{template:?} {path}");
    }
}

#[test]
fn malformed_templates() {
    for (template, problem) in [
        ("/a/{b", "without }"),
        ("/a/b}", "without {"),
        ("/{}/a", "without the name"),
        ("/{a{b}}", "without the name"),
        ("/{a}{b}", "nothing between"),
        ("/{a}*", "nothing between"),
        ("/***", "nothing between"),
        ("/{a}/{a}", "already has"),
        ("/{service}/{service.name}", "already has"),
    ] {
        let error = template.parse::<PathTemplate>().expect_err(template).to_string();
        assert!(error.contains(problem), "{template}: {error}");
    }
}

#[test]
fn traces_tell_their_format_and_seldom_their_release() {
    for (release, format) in [("go1.22", "1.22"), ("go1.24", "1.23"), ("go1.27", "1.26")] {
        let trace = common::read(&format!("{release}/tasks.trace"));
        let mut reader = Reader::from_slice(&trace).expect("a trace");
        let mut resource = Resource::new();
        while let Some(event) = reader.next_event().expect("slices can be read") {
            resource = resource.with_told_by(event.tables());
        }
        assert_eq!(text(&resource, "gotrace.format.version"), Some(format));
        let is_clockless = release < "go1.25";
        assert_eq!(text(&resource, "gotrace.clock"), is_clockless.then_some("approximate"), "{release}");
        // The recordings are made with toolchains that were there.
        assert_eq!(text(&resource, "process.runtime.version"), None);
    }
}

#[test]
fn fetched_toolchains_tell_their_release() {
    const FILE: &[u8] =
        b"/root/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.26.3.linux-amd64/src/runtime/proc.go";
    let mut writer =
        Writer::new(Vec::new(), Version::Go126, Dialect::Stock).expect("a version with this dialect");
    let sync = SyncBatch::new(Clock::USUAL_FREQUENCY, 1).with_snapshot(1, 64, WallTime(64));
    let mut generation = writer.generation(1, sync).expect("a generation");
    let inner = Frame::new(1, b"main.main", b"/src/main.go", 7);
    let stack = generation.stack([inner, Frame::new(2, b"runtime.main", FILE, 283)]).expect("a stack");
    generation.event(ThreadId(7), 2, EventType::ProcStatus, &[7, 1]).expect("a fitting event");
    generation.event(ThreadId(7), 3, EventType::GoStatusStack, &[7, 7, 2, stack.0]).expect("a fitting event");
    generation.finish().expect("memory takes it all");
    let trace = writer.into_inner();
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    let event = reader.next_event().expect("slices can be read").expect("a generation begins");
    let resource = Resource::new().with_go_version_in(event.tables());
    assert_eq!(text(&resource, "process.runtime.version"), Some("go1.26.3"));
}

proptest! {
    #[test]
    fn any_attributes_survive_encoding(pairs in prop::collection::btree_map("\\PC{1,9}", "\\PC{0,9}", 0..5)) {
        let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let list: Vec<_> = pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
        let resource = with_environment(&list.join(","), "").expect("well-formed");
        for (key, value) in &pairs {
            prop_assert_eq!(text(&resource, key), Some(&**value));
        }
    }

    #[test]
    fn any_list_is_taken_or_refused_whole(list in "[a-c=,%0-9 é]{0,20}") {
        match with_environment(&list, "") {
            Ok(resource) => prop_assert!(resource.attributes().len() <= 2 + list.split(',').count()),
            Err(error) => prop_assert_eq!(error.into_resource(), Resource::new()),
        }
    }

    #[test]
    fn templates_find_what_paths_were_made_of(service in "[a-z]{1,5}", pod in "[a-z-]{1,5}", depth in 0..3_usize) {
        let template: PathTemplate = "/t/**/{service}_{pod}.*.trace".parse().expect("a template");
        let path = format!("/t/{}{service}_{pod}.1.trace", "x/".repeat(depth));
        let found = template.attributes(Path::new(&path)).expect("it fits");
        let found: Vec<_> = found.iter().map(|attribute| attribute.value.to_string()).collect();
        prop_assert_eq!(found, [service, pod]);
    }

    #[test]
    fn any_template_meets_any_path(template in "[a{}*/.]{0,12}", path in "[a{}*/.]{0,12}") {
        if let Ok(template) = template.parse::<PathTemplate>() {
            let found = template.attributes(Path::new(&path)).unwrap_or_default();
            prop_assert!(found.iter().all(|attribute| !attribute.value.to_string().is_empty()));
        }
    }
}
