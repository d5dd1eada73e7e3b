//! Statistics, checked against profiles of the same events, and against a made trace whose figures are known.
#![cfg(feature = "analysis")]

use std::fs;

use crate::common::{
    self,
    handover::{begin, go_on},
    profiles_of, read_events,
    script::{EPOCH, Script, UNIT, trace},
};
use go_trace_format::{Dialect, EventType};
use trace_to_otel::{
    Mapper, Span, UnixTime, Waiting,
    analysis::{
        Analysis, AnalysisCollector, AnalysisOptions, Distribution, GoroutineGroup, GroupKind, Wakeup,
    },
    profiles::ProfileKind,
};

/// What traces of several processes and their spans add up to.
pub(crate) fn analysis_of(traces: &[&[u8]], options: AnalysisOptions) -> Analysis {
    let mut collector = AnalysisCollector::new(options);
    for trace in traces {
        let (mut mapper, mut spans) = (Mapper::new(), Vec::<Span>::new());
        read_events(trace, |event| {
            let Ok(()) = mapper.event(event, &mut spans);
            collector.event(event);
        });
        let Ok(()) = mapper.finish(&mut spans);
        spans.iter().for_each(|span| collector.span(span));
    }
    collector.finish()
}

pub(crate) fn recordings() -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for folder in common::RELEASES.into_iter().chain(["fork", "v1"]) {
        for file in fs::read_dir(common::testdata(folder)).expect("a folder") {
            let file = file.expect("a file").path();
            if file.extension().is_some_and(|extension| extension == "trace") {
                all.push((file.display().to_string(), fs::read(&file).expect("a file")));
            }
        }
    }
    all.sort();
    all
}

/// So many that nothing is left out.
fn unbounded() -> AnalysisOptions {
    let mut options = AnalysisOptions::default();
    options.max_waits = usize::MAX;
    options
}

#[test]
fn the_states_of_goroutines_are_their_time_and_that_of_profiles() {
    let mut collections = 0;
    for (name, trace) in recordings() {
        let (analysis, profiles) = (analysis_of(&[&trace], unbounded()), profiles_of(&trace));
        let time = |kind| profiles.profile(kind).nanoseconds();
        let all = analysis.anatomy();
        assert_eq!(all.running, time(ProfileKind::Cpu), "{name}");
        assert_eq!(all.whole(), time(ProfileKind::Cpu) + time(ProfileKind::OffCpu), "{name}");
        for group in &analysis.goroutines {
            assert_eq!(group.anatomy().whole(), group.lifetime.total(), "{name}: {group:?}");
            assert_eq!(group.whole_anatomy.whole(), group.whole.total(), "{name}: {group:?}");
            assert!(group.activities().all(|(_, activity)| activity.count() == group.count()));
        }
        let stopped: u64 = analysis.collections.pauses.iter().map(|(_, pauses)| pauses.total()).sum();
        let assisted = analysis.collections.assists.total();
        assert_eq!(stopped + assisted, time(ProfileKind::Gc), "{name}");
        assert_eq!(assisted, all.gc_assist, "{name}");
        let whole = analysis.timeline.whole();
        assert_eq!(whole.running, all.running, "{name}");
        assert!(whole.latency.total() <= all.runnable, "{name}");
        let waited: u64 = analysis.wakeups.iter().map(|wakeup| wakeup.nanoseconds).sum();
        assert!(waited <= all.waiting(), "{name}");
        assert_eq!((analysis.other_waits, analysis.other_wakeups), (0, (0, 0)), "{name}");
        collections += analysis.collections.count();
    }
    assert!(collections > 20, "{collections}");
}

#[test]
fn added_up_they_are_what_one_collector_had_given() {
    let recordings = recordings();
    for pair in recordings.windows(2).step_by(5) {
        let [(one_name, one), (other_name, other)] = pair else { continue };
        let both = analysis_of(&[one, other], unbounded());
        let mut merged = analysis_of(&[one], unbounded());
        merged.merge(&analysis_of(&[other], unbounded()));
        assert_eq!(format!("{merged:#?}"), format!("{both:#?}"), "{one_name} {other_name}");
    }
}

pub(crate) fn group<'a>(analysis: &'a Analysis, function: &str) -> &'a GoroutineGroup {
    let of_function = |group: &&GoroutineGroup| group.kind.name() == function;
    analysis.goroutines.iter().find(of_function).unwrap_or_else(|| panic!("{function}: {analysis:#?}"))
}

fn wakeup(found: &Wakeup) -> (&str, Option<&str>, &str, u64, u64) {
    let Wakeup { waiter, waker, reason, count, nanoseconds, .. } = found;
    (waiter.name(), waker.as_ref().map(GroupKind::name), reason, *count, nanoseconds / UNIT)
}

pub(crate) fn units(durations: &Distribution) -> u64 {
    durations.total() / UNIT
}

#[test]
fn a_made_trace_has_the_figures_that_it_was_made_with() {
    let made = trace(Dialect::Stock, &[(1, &begin), (2, &go_on)]);
    let analysis = analysis_of(&[&made], AnalysisOptions::default());
    assert_eq!(
        (analysis.recorded.start, analysis.recorded.duration),
        (UnixTime(EPOCH + 1000 * UNIT), 1009 * UNIT)
    );
    let names: Vec<_> = analysis.goroutines.iter().map(|group| group.kind.name()).collect();
    assert_eq!(names, ["main.worker", "main.main"], "those that ran longest come first");
    let (worker, main) = (group(&analysis, "main.worker"), group(&analysis, "main.main"));
    let figures = |group: &GoroutineGroup| {
        let (sync, channel) = (group.waiting(Waiting::Sync), group.waiting(Waiting::Channel));
        [&group.lifetime, &group.whole, group.running(), group.runnable(), sync, channel].map(units)
    };
    assert_eq!(figures(worker), [1005, 1005, 998, 5, 2, 0]);
    assert_eq!(figures(main), [1009, 0, 7, 996, 0, 6]);
    let wakeups: Vec<_> = analysis.wakeups.iter().map(wakeup).collect();
    let expected = [
        ("main.main", Some("main.worker"), "chan receive", 1, 4),
        ("main.worker", Some("main.main"), "sync", 1, 2),
    ];
    assert_eq!(wakeups, expected);
    let whole = analysis.timeline.whole();
    assert_eq!((whole.latency.count(), units(&whole.latency), whole.latency.max()), (4, 1001, 996 * UNIT));
    assert_eq!((whole.running, whole.capacity, whole.utilisation()), (1005 * UNIT, 0, None));
    let waits: Vec<_> =
        analysis.waits.iter().map(|wait| (&*wait.frames[0].function, wait.nanoseconds / UNIT)).collect();
    assert_eq!(waits, [("main.wait", 6), ("sync.(*Mutex).Lock", 2)]);
}

/// Three procs at first and one later, and a collection of which everything is told.
fn collect(script: &mut Script<'_>) {
    script.run(7);
    script.event(7, EventType::ProcsChange, &[3, 0]);
    script.event(7, EventType::HeapGoal, &[4096]);
    let [sweep, mark, other] = ["GC sweep termination", "GC mark termination", "all goroutines stack trace"]
        .map(|reason| script.string(reason));
    script.event(7, EventType::StwBegin, &[sweep, 0]);
    script.event(7, EventType::GcBegin, &[1, 0]);
    script.event(7, EventType::StwEnd, &[]);
    script.event(7, EventType::GcMarkAssistBegin, &[0]);
    script.event(7, EventType::HeapAlloc, &[3000]);
    script.event(7, EventType::GcMarkAssistEnd, &[]);
    script.event(7, EventType::StwBegin, &[mark, 0]);
    script.event(7, EventType::GcEnd, &[2]);
    script.event(7, EventType::StwEnd, &[]);
    script.event(7, EventType::ProcsChange, &[1, 0]);
    script.event(7, EventType::StwBegin, &[other, 0]);
    script.event(7, EventType::StwEnd, &[]);
}

#[test]
fn a_collection_has_its_pauses_and_assists() {
    let analysis = analysis_of(&[&trace(Dialect::Stock, &[(1, &collect)])], AnalysisOptions::default());
    let collections = &analysis.collections;
    let [cycle] = collections.cycles[..] else { panic!("{collections:#?}") };
    assert_eq!(cycle.start, UnixTime(EPOCH + 1007 * UNIT));
    let figures = [cycle.duration, cycle.pauses, cycle.assists].map(|time| time / UNIT);
    assert_eq!((figures, cycle.heap_goal, collections.count()), ([6, 4, 2], 4096, 1));
    assert_eq!((units(&collections.pauses_of(true)), units(&collections.pauses_of(false))), (4, 1));
    let heap = collections.heap_objects.map(|heap| (heap.min, heap.max));
    assert_eq!((heap, analysis.most_procs), (Some((3000, 1 << 20)), 3));
    // From the beginning of the trace to the change, and from there to the end.
    assert_eq!(analysis.timeline.whole().capacity / UNIT, 3 * 15 + 2);
}

/// So many collections, each with a pause that ends behind it, as Go's do.
fn collect_often(script: &mut Script<'_>, count: u64) {
    script.run(7);
    let mark = script.string("GC mark termination");
    for index in 0..count {
        script.event(7, EventType::GcBegin, &[2 * index, 0]);
        script.event(7, EventType::StwBegin, &[mark, 0]);
        script.event(7, EventType::GcEnd, &[2 * index + 1]);
        script.event(7, EventType::StwEnd, &[]);
    }
}

/// The end of a collection whose begin was not recorded.
fn end_collection(script: &mut Script<'_>) {
    script.run(7);
    let mark = script.string("GC mark termination");
    script.event(7, EventType::GcMarkAssistBegin, &[0]);
    script.event(7, EventType::GcMarkAssistEnd, &[]);
    script.event(7, EventType::StwBegin, &[mark, 0]);
    script.event(7, EventType::GcEnd, &[2]);
    script.event(7, EventType::StwEnd, &[]);
}

#[test]
fn what_ends_behind_a_collection_that_is_not_kept_is_of_no_other() {
    let many = trace(Dialect::Stock, &[(1, &|script| collect_often(script, 1_030))]);
    let collections = analysis_of(&[&many], AnalysisOptions::default()).collections;
    assert_eq!((collections.count(), collections.cycles.len()), (1_030, 1_024));
    assert!(collections.cycles.iter().all(|cycle| cycle.pauses == 2 * UNIT), "{collections:#?}");
    assert_eq!(units(&collections.pauses_of(true)), 2 * 1_030);

    let one = trace(Dialect::Stock, &[(1, &|script| collect_often(script, 1))]);
    let cut = trace(Dialect::Stock, &[(1, &end_collection)]);
    let collections = analysis_of(&[&one, &cut], AnalysisOptions::default()).collections;
    let [cycle] = collections.cycles[..] else { panic!("{collections:#?}") };
    assert_eq!((collections.earlier, cycle.pauses, cycle.assists), (1, 2 * UNIT, 0));
    assert_eq!((units(&collections.pauses_of(true)), units(&collections.assists)), (4, 1));
}

#[test]
fn groups_that_are_too_many_are_one() {
    let (_, trace) =
        recordings().into_iter().find(|(name, _)| name.ends_with("go1.27/http.trace")).expect("it");
    let all = analysis_of(&[&trace], AnalysisOptions::default());
    let mut options = AnalysisOptions::default();
    (options.max_goroutine_groups, options.max_span_groups, options.max_waits) = (2, 1, 1);
    let mut few = analysis_of(&[&trace], options.clone());
    for analysis in [&few, &{
        let mut merged = few.clone();
        merged.merge(&all);
        merged
    }] {
        let kinds: Vec<_> = analysis.goroutines.iter().map(|group| group.kind.clone()).collect();
        assert!(kinds.contains(&GroupKind::Others) && kinds.len() <= 5, "{kinds:?}");
        assert_eq!(analysis.spans.len(), 2);
        assert!(analysis.spans.iter().any(|group| group.scope.is_none() && group.count() > 0));
        assert!(analysis.waits.len() == 1 && analysis.other_waits > 0);
    }
    assert_eq!(few.anatomy(), all.anatomy());
    let spans = |analysis: &Analysis| analysis.spans.iter().map(|group| group.count()).sum::<u64>();
    assert_eq!(spans(&few), spans(&all));
    few.merge(&all);
    assert_eq!(spans(&few), 2 * spans(&all));
}
