//! The demonstration: a few orders, and what a person would find in Jaeger.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use anyhow::Result;

use super::Scale;
use crate::{archive::Archive, client::Client, load, report::Report, spans::Spans, stage::Stage, truth};

pub(super) fn run(stage: &mut Stage, scale: Scale, report: &mut Report) -> Result<()> {
    let count = scale.number(5, 5);
    let archive = Archive::of_both()?;
    let apps = stage.folders(&archive)?;
    let sidecar = stage.sidecar(&stage.configuration()?.watch(&stage.traces(), "delete"))?;

    let orders = load::make(&apps.front.url, count);
    // There shall be some garbage collections to see.
    for app in [&apps.front, &apps.back] {
        Client::new().get_text(&format!("{}/debug/pprof/heap?gc=1", app.url))?;
    }
    let query = stage.query();
    let both = ["back", "front"].map(str::to_owned);
    // Nothing has ended yet: this is what one sees while all of it runs.
    stage.wait(Duration::from_secs(30), || query.services().is_ok_and(|services| services == both));
    report.equal("services in Jaeger", both.to_vec(), query.services()?);

    let (journals, spans) = stage.finish(report, [apps], sidecar, &orders)?;
    truth::check_collections(report, &journals, &spans);
    check_traces(report, &spans, count);
    archive.check(report);
    report.none("files that are left in the watched folders", &files(&stage.traces())?);
    Ok(())
}

/// One trace for each order, which goes through both processes: what the program says of itself, by tasks and regions. Stacks tell
/// more.
fn check_traces(report: &mut Report, spans: &Spans, count: u64) {
    let mut traces = BTreeMap::<u128, Vec<_>>::new();
    for span in spans.all.values() {
        if !matches!(&*span.scope, "gotrace.task" | "gotrace.region") {
            continue;
        }
        traces.entry(span.key.trace).or_default().push((&*span.service, &*span.scope, &*span.name));
    }
    traces.retain(|_, spans| spans.iter().any(|(service, ..)| *service == "back") && spans.len() > 1);
    let mut expected = vec![
        ("back", "gotrace.task", "database"),
        ("back", "gotrace.task", "database"),
        ("back", "gotrace.task", "GET /price/{id}"),
        ("back", "gotrace.task", "GET /stock/{id}"),
        ("front", "gotrace.region", "ask price"),
        ("front", "gotrace.region", "ask stock"),
        ("front", "gotrace.region", "render"),
        ("front", "gotrace.task", "GET"),
        ("front", "gotrace.task", "GET"),
        ("front", "gotrace.task", "GET /order/{id}"),
    ];
    expected.sort_unstable();
    report.equal("distributed traces", count, traces.len() as u64);
    let kinds: BTreeSet<_> = traces
        .into_values()
        .map(|mut spans| {
            spans.sort_unstable();
            spans
        })
        .collect();
    let others = kinds.iter().filter(|kind| **kind != expected);
    let others: Vec<_> = others.map(|kind| format!("{kind:?}")).collect();
    report.none("traces that have other spans than ten in two services", &others);
}

fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}
