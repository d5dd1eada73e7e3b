//! Flame graphs: what their page says of profiles, and that no text of a trace becomes more than a text.
#![cfg(all(feature = "profiles", feature = "render"))]

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::read::ZlibDecoder;
use go_trace_format::{Dialect, EventType, Reader};
use serde_json::Value;
use trace_to_otel::{
    Pipeline, PipelineOptions, Span,
    profiles::{ProfileKind, Profiles, ProfilesCollector, ProfilesOptions},
    render::{HtmlOptions, Process, write_flame_graphs, write_html},
};

use crate::common::{
    self,
    script::{Script, trace},
};

/// Would run where it is taken for markup.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)>{{data}}\u{202e}\u{1b}[31m<!--";

fn profiles_of(trace: &[u8]) -> Profiles {
    let mut collector = ProfilesCollector::default();
    let mut reader = Reader::from_slice(trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        collector.event(&event);
    }
    collector.finish()
}

fn page(name: &str, profiles: &Profiles, first: ProfileKind) -> String {
    let mut page = Vec::new();
    write_flame_graphs(name, profiles, first, &mut page).expect("memory takes it");
    String::from_utf8(page).expect("UTF-8")
}

fn data(page: &str) -> Value {
    let (_, data) = page.split_once("<script id=\"data\" type=\"text/plain\">").expect("data");
    let packed = STANDARD.decode(data.split("</script>").next().expect("an end")).expect("base64");
    serde_json::from_reader(ZlibDecoder::new(&packed[..])).expect("compressed JSON")
}

/// The stacks of a profile on a page, the outermost function first, with their weights.
fn stacks(flame: &Value, profile: &Value) -> Vec<(String, u64)> {
    let nodes = profile["nodes"].as_array().expect("nodes");
    let name = |frame: &Value| {
        let frame = &flame["frames"][frame.as_u64().expect("a place") as usize];
        flame["texts"][frame[0].as_u64().expect("a place") as usize].as_str().expect("a text").to_owned()
    };
    let stack = |mut node: usize| {
        let mut names = Vec::new();
        while node > 0 {
            let [parent, frame] = &nodes[node - 1].as_array().expect("a node")[..] else {
                panic!("{nodes:?}")
            };
            names.insert(0, name(frame));
            let parent = parent.as_u64().expect("a number") as usize;
            assert!(parent < node, "those that call come first");
            node = parent;
        }
        names.join(";")
    };
    let samples = profile["samples"].as_array().expect("samples").iter();
    samples
        .map(|sample| {
            (stack(sample[0].as_u64().expect("a node") as usize), sample[1].as_u64().expect("a weight"))
        })
        .collect()
}

#[test]
fn what_is_on_the_page_is_what_is_in_the_profiles() {
    let trace = common::read("go1.27/http.trace");
    let profiles = profiles_of(&trace);
    let data = data(&page("http.trace", &profiles, ProfileKind::Cpu));
    let flame = &data["flame"];
    let shown = flame["profiles"].as_array().expect("profiles");
    let first = &shown[flame["first"].as_u64().expect("a number") as usize];
    assert_eq!(first["kind"], "cpu");
    let mut kinds = 0;
    for kind in ProfileKind::ALL {
        let profile = profiles.profile(kind);
        let Some(shown) = shown.iter().find(|shown| shown["kind"] == kind.name()) else {
            assert!(profile.samples().iter().all(|sample| sample.nanoseconds == 0), "{kind}");
            continue;
        };
        kinds += 1;
        let mut folded = Vec::new();
        profile.write_folded(&mut folded).expect("memory takes it");
        let folded = String::from_utf8(folded).expect("UTF-8");
        let mut of_page = BTreeMap::<String, u64>::new();
        for (stack, weight) in stacks(flame, shown) {
            *of_page.entry(stack).or_default() += weight;
        }
        let of_page: Vec<_> = of_page.iter().map(|(stack, weight)| format!("{stack} {weight}")).collect();
        let mut folded: Vec<_> = folded.lines().collect();
        folded.sort_unstable_by_key(|line| line.rsplit_once(' '));
        assert_eq!(of_page, folded, "{kind}");
        let total = if kind.has_times() { profile.nanoseconds() } else { profile.count() };
        assert_eq!(shown["total"], total, "{kind}");
    }
    assert!(kinds > 4, "{kinds}");
}

/// Goroutine 7 waits on each of these stacks, and 8 wakes it.
fn wait<'a>(script: &mut Script<'_>, stacks: impl Iterator<Item = Vec<&'a str>>, reason: &str) {
    script.run(7);
    script.run(8);
    for (place, stack) in stacks.enumerate() {
        let (stack, reason) = (script.stack(&stack), script.string(reason));
        script.event(7, EventType::GoBlock, &[reason, stack]);
        let sequence = 2 * place as u64 + 1;
        script.event(8, EventType::GoUnblock, &[7, sequence, stack]);
        script.start(7, 7, sequence + 1);
    }
}

#[test]
fn no_text_becomes_markup() {
    let trace = trace(
        Dialect::Stock,
        &[(1, &|script: &mut Script<'_>| {
            wait(script, [vec![HOSTILE, "main.main"]].into_iter(), HOSTILE);
        })],
    );
    let profiles = profiles_of(&trace);
    let alone = page(HOSTILE, &profiles, ProfileKind::OffCpu);
    let mut process = Process::new(HOSTILE, &[]);
    process.profiles = Some(&profiles);
    let mut beside_spans = Vec::new();
    write_html(&[process, process], &HtmlOptions::default(), &mut beside_spans).expect("memory takes it");
    for page in [alone, String::from_utf8(beside_spans).expect("UTF-8")] {
        assert!(!page.contains("<img"), "{page}");
        assert_eq!(page.matches("</script").count(), 2, "the data's own and the script's");
        assert_eq!(page.matches("<!--").count(), 0);
        for place in ["{{policy}}", "{{title}}", "{{style}}", "{{tools}}", "{{body}}", "{{script}}"] {
            assert!(!page.contains(place), "{place}");
        }
        let data = data(&page);
        let off_cpu = &data["flame"]["profiles"][0];
        let stacks = stacks(&data["flame"], off_cpu);
        let hostile = format!("main.main;{HOSTILE};[{HOSTILE}]");
        assert!(stacks.iter().any(|(stack, _)| *stack == hostile), "{stacks:?}");
        for sink in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!page.contains(sink), "{sink}");
        }
    }
}

#[test]
fn so_many_boxes_are_kept_and_the_rest_is_counted() {
    let names: Vec<_> =
        (0..4_000).map(|number| [0, 1, 2, 3].map(|depth| format!("main.f{number}_{depth}"))).collect();
    let stacks = || {
        names.iter().map(|names| names.iter().map(String::as_str).chain(["main.main"]).collect::<Vec<_>>())
    };
    let trace = trace(Dialect::Stock, &[(1, &|script: &mut Script<'_>| wait(script, stacks(), "sleep"))]);
    let profiles = profiles_of(&trace);
    let page = page("many", &profiles, ProfileKind::OffCpu);
    let data = data(&page);
    let off_cpu = &data["flame"]["profiles"][0];
    let nodes = off_cpu["nodes"].as_array().expect("nodes").len();
    assert!((10_000..=20_000).contains(&nodes), "{nodes}");
    let note = off_cpu["notes"][0].as_str().expect("a note");
    assert!(note.contains(" or less are folded "), "{note}");
    let shown = self::stacks(&data["flame"], off_cpu);
    assert_eq!(
        shown.iter().map(|(_, weight)| weight).sum::<u64>(),
        profiles.profile(ProfileKind::OffCpu).nanoseconds()
    );
    assert!(shown.iter().any(|(stack, _)| stack.ends_with(";[folded]")));
}

#[test]
fn nothing_is_a_page_too() {
    let data = data(&page("nothing", &ProfilesCollector::default().finish(), ProfileKind::OffCpu));
    assert_eq!(data["flame"]["profiles"], serde_json::json!([]));
    assert!(data["nothing"].as_str().is_some_and(|text| text.starts_with("no profiles")));
}

/// What spans waited for themselves is part of what their samples have, the longest first, and told with file and line.
fn check_waits(data: &Value, off_cpu: &BTreeMap<String, u64>) {
    let waits = data["waits"].as_object().expect("waits of spans");
    assert!(waits.len() > 5, "{waits:?}");
    let ids = data["columns"]["id"].as_str().expect("ids");
    for (place, waits) in waits {
        let id = &ids[16 * place.parse::<usize>().expect("a place")..][..16];
        let waits = waits.as_array().expect("waits");
        let times: Vec<_> = waits.iter().map(|wait| wait[0].as_u64().expect("a time")).collect();
        assert!(times.is_sorted_by(|one, next| one >= next) && times.len() <= 3, "{times:?}");
        assert!(times.iter().sum::<u64>() <= off_cpu.get(id).copied().unwrap_or_default(), "{id}: {times:?}");
        for wait in waits {
            let (place, line) = wait[2].as_str().and_then(|place| place.rsplit_once(".go:")).expect("a file");
            assert!(place.contains(' ') && line.parse::<u64>().is_ok_and(|line| line > 0), "{wait:?}");
        }
    }
}

/// Beside spans, samples tell of which span on the page they are, and nothing of the whole is missing.
#[test]
fn samples_name_the_spans_of_the_page() {
    let mut options = PipelineOptions::default();
    options.profiles = Some(ProfilesOptions::default());
    let mut pipeline = Pipeline::new(options, Vec::<Span>::new());
    let trace = common::read("go1.27/http.trace");
    let mut reader = Reader::from_slice(&trace).expect("a trace");
    while let Some(event) = reader.next_event().expect("slices can be read") {
        let Ok(()) = pipeline.event(&event);
    }
    let Ok(()) = pipeline.finish();
    let profiles = pipeline.take_profiles().expect("profiles are wanted");
    let spans = pipeline.into_sink();
    let mut process = Process::new("shop", &spans);
    process.profiles = Some(&profiles);
    let mut page = Vec::new();
    write_html(&[process], &HtmlOptions::default(), &mut page).expect("memory takes it");
    let data = data(&String::from_utf8(page).expect("UTF-8"));
    let profile = profiles.profile(ProfileKind::OffCpu);
    let off_cpu = &data["flame"]["profiles"][0];
    let mut expected = BTreeMap::<String, u64>::new();
    for sample in profile.samples().iter().filter(|sample| sample.nanoseconds > 0) {
        let Some(span) = sample.span else { continue };
        *expected.entry(span.span_id.to_string()).or_default() += sample.nanoseconds;
    }
    let mut found = BTreeMap::<String, u64>::new();
    for sample in off_cpu["of_spans"].as_array().expect("samples") {
        let [_, weight, place] = [0, 1, 2].map(|index| sample[index].as_u64().expect("a number"));
        let ids = data["columns"]["id"].as_str().expect("ids");
        let id = &ids[16 * place as usize..][..16];
        *found.entry(id.to_owned()).or_default() += weight;
    }
    assert!(found.len() > 5, "{found:?}");
    assert_eq!(found, expected);
    check_waits(&data, &expected);
    let whole: u64 = stacks(&data["flame"], off_cpu).iter().map(|(_, weight)| weight).sum();
    assert_eq!(whole, profile.nanoseconds());
}
