//! Statistics of a part of a recording: what they have is that part's, and nothing is counted twice or by half.
#![cfg(feature = "analysis")]

use core::{ops::Range, time::Duration};
use std::collections::BTreeMap;

use crate::{
    analysis::{analysis_of, group, recordings, units},
    common::{
        self,
        handover::{begin, go_on},
        read_events,
        script::{EPOCH, Script, UNIT, trace, trace_by_wall_clock},
    },
};
use go_trace_format::{
    Dialect, EventType, ReaderOptions, Time,
    write::{Copier, Window, Writer},
};
use trace_to_otel::{
    Scope, TimeWindow, UnixTime, Waiting,
    analysis::{Analysis, AnalysisOptions, GoroutineGroup, SpanGroup},
    profiles::Moment,
};

fn within(window: TimeWindow) -> AnalysisOptions {
    let mut options = AnalysisOptions::default();
    (options.window, options.max_waits) = (window, usize::MAX);
    options
}

fn after(nanoseconds: u64) -> Moment {
    Moment::After(Duration::from_nanos(nanoseconds))
}

/// What lies in two windows that meet is all there is, and where a part of it lies is told by both.
#[test]
fn windows_that_meet_have_all_there_is() {
    for (name, trace) in recordings() {
        let whole = analysis_of(&[&trace], within(TimeWindow::default()));
        assert_eq!(whole.recorded, whole.period, "{name}");
        let middle = after(whole.recorded.duration / 3);
        let parts = [TimeWindow::new(None, middle), TimeWindow::new(middle, None)]
            .map(|window| analysis_of(&[&trace], within(window)));
        let sum = |of: fn(&Analysis) -> u64| parts.iter().map(of).sum::<u64>();
        let all = |of: fn(&Analysis) -> u64| (sum(of), of(&whole));
        for (parts, whole) in [
            all(|one| one.period.duration),
            all(|one| one.anatomy().running),
            all(|one| one.anatomy().runnable),
            all(|one| one.anatomy().syscall),
            all(|one| one.anatomy().waiting()),
            all(|one| one.anatomy().gc_assist),
            all(|one| one.timeline.whole().running),
            all(|one| one.timeline.whole().capacity),
            all(|one| one.collections.pauses.iter().map(|(_, pauses)| pauses.total()).sum()),
            all(|one| one.waits.iter().map(|wait| wait.nanoseconds).sum()),
            all(|one| one.collections.count()),
        ] {
            assert_eq!(parts, whole, "{name}");
        }
        // What lies across the middle is whole in neither, or in both.
        for (parts, whole) in [
            all(|one| one.goroutines.iter().map(|group| group.whole.count()).sum()),
            all(|one| one.spans.iter().map(|group| group.whole.count()).sum()),
            all(|one| one.timeline.whole().latency.count()),
            all(|one| one.collections.marking.count()),
        ] {
            assert!(parts <= whole, "{name}: {parts} {whole}");
        }
        let all_spans = all(|one| one.spans.iter().map(|group| group.count()).sum());
        assert!(all_spans.0 >= all_spans.1, "{name}: {all_spans:?}");
    }
}

/// A window of a trace, as a trace.
fn cut(trace: &[u8], times: Range<Time>) -> Vec<u8> {
    let generations = ReaderOptions::new().generations(trace).expect("a trace");
    let mut writer =
        Writer::new(Vec::new(), generations.version(), generations.dialect()).expect("memory takes it");
    let mut window = Window::new(times);
    for generation in generations {
        let generation = generation.expect("a sound trace");
        if let Some(slice) = window.slice(&generation).expect("a sound trace") {
            let mut copier = Copier::new(&generation, |_| true, |text| text.text.into()).within(&slice);
            copier.copy_to(&mut writer).expect("memory takes it");
        }
    }
    writer.into_inner()
}

/// What is the same of a window and of a trace that has nothing else: all that has happened in it.
fn figures(analysis: &Analysis) -> BTreeMap<String, Vec<u64>> {
    let mut figures = BTreeMap::new();
    let mut add = |what: &str, numbers: &[u64]| {
        let known = figures.entry(what.to_owned()).or_insert_with(|| vec![0; numbers.len()]);
        known.iter_mut().zip(numbers).for_each(|(known, number)| *known += number);
    };
    for group in &analysis.goroutines {
        // Those of which nothing happens in the window need not be in a trace of it.
        let whole = [group.whole.count(), group.whole.total()];
        let times = [group.running().total(), group.syscall().total(), group.gc_assist().total()];
        if group.running().total() > 0 {
            add(
                group.kind.name(),
                &[whole, [group.runnable().total(), times[0]], [times[1], times[2]]].concat(),
            );
        }
    }
    for wakeup in &analysis.wakeups {
        // What it was that those waited for who waited at the beginning, a trace does not tell.
        let waker = wakeup.waker.as_ref().map_or("", |waker| waker.name());
        add(&format!("{} by {waker}", wakeup.waiter.name()), &[wakeup.count, wakeup.nanoseconds]);
    }
    // Of operations stacks tell less where they do not tell of the begin.
    let is_told = |group: &&SpanGroup| matches!(group.scope, Some(Scope::Task | Scope::Region));
    for group in analysis.spans.iter().filter(is_told).filter(|group| group.whole.count() > 0) {
        add(&format!("{:?} {}", group.scope, group.name), &[group.whole.count(), group.whole.total()]);
    }
    for (reason, pauses) in &analysis.collections.pauses {
        add(reason, &[pauses.count(), pauses.total(), pauses.max()]);
    }
    let collections = &analysis.collections;
    for durations in [&collections.marking, &collections.assists, &analysis.timeline.whole().latency] {
        add("durations", &[durations.count(), durations.total(), durations.max(), durations.quantile(0.5)]);
    }
    add("collections", &[collections.count(), collections.earlier, analysis.period.duration]);
    figures
}

#[test]
fn a_window_is_told_of_as_a_trace_that_has_nothing_else() {
    let names = ["go1.27/mutexes", "go1.26/gc", "go1.27/http", "go1.27/cpu", "fork/sql"];
    for name in names {
        let trace = common::read(&format!("{name}.trace"));
        let mut times = Vec::new();
        read_events(&trace, |event| times.push(event.raw_time()));
        times.sort_unstable();
        let [first, from, to] = [0, times.len() / 4, times.len() * 3 / 4].map(|place| times[place]);
        let [since, until] = [from, to].map(|time| time.0.abs_diff(first.0));
        let window = |since, until| within(TimeWindow::new(after(since), after(until)));
        let part = cut(&trace, from..Time(to.0 + 1));
        // A cut trace keeps the clock of its generation, and so when that began.
        let (of_window, of_cut) =
            (analysis_of(&[&trace], window(since, until)), analysis_of(&[&part], window(since, until)));
        assert_eq!(of_window.period.duration, to.0.abs_diff(from.0), "{name}");
        assert_same(&figures(&of_window), &figures(&of_cut), name);
    }
}

fn assert_same(one: &BTreeMap<String, Vec<u64>>, other: &BTreeMap<String, Vec<u64>>, name: &str) {
    for (key, figures) in one.iter().chain(other) {
        assert_eq!((one.get(key), other.get(key)), (Some(figures), Some(figures)), "{name}: {key}");
    }
}

/// The part of a made trace from one clock unit to another, counted from its beginning.
fn part(made: &[u8], since: u64, until: u64) -> Analysis {
    analysis_of(&[made], within(TimeWindow::new(after(since * UNIT), after(until * UNIT))))
}

#[test]
fn what_is_under_way_at_an_end_counts_from_or_up_to_there() {
    let made = trace(Dialect::Stock, &[(1, &begin), (2, &go_on)]);
    let analysis = part(&made, 6, 1005);
    let Analysis { period, recorded, rows, .. } = &analysis;
    assert_eq!((period.start, period.duration, *rows), (UnixTime(EPOCH + 1006 * UNIT), 999 * UNIT, 1));
    assert_eq!((recorded.start, recorded.duration), (UnixTime(EPOCH + 1000 * UNIT), 1009 * UNIT));
    let figures = |function: &str| {
        let group: &GoroutineGroup = group(&analysis, function);
        let (sync, channel) = (group.waiting(Waiting::Sync), group.waiting(Waiting::Channel));
        [&group.lifetime, &group.whole, group.running(), group.runnable(), sync, channel].map(units)
    };
    assert_eq!(figures("main.worker"), [999, 0, 997, 1, 1, 0]);
    assert_eq!(figures("main.main"), [999, 0, 0, 996, 0, 3]);
    let [wakeup] = &analysis.wakeups[..] else { panic!("one is behind the window: {analysis:#?}") };
    assert_eq!((wakeup.waiter.name(), wakeup.count, wakeup.nanoseconds / UNIT), ("main.main", 1, 3));
    // How long the first one could have run, the window does not tell.
    let latency = analysis.timeline.whole().latency;
    assert_eq!((latency.count(), units(&latency)), (2, 997));
}

/// What lies in a window, each generation says by its own clock.
#[test]
fn a_clock_that_is_set_takes_no_time_from_a_window() {
    const SECOND: u64 = 1_000_000_000;
    for (forward, window) in [
        (60, TimeWindow::new(None, after(10 * SECOND))),
        (-60, TimeWindow::new(Moment::At(UnixTime(EPOCH)), None)),
    ] {
        let forward = forward * SECOND as i64;
        let made = trace_by_wall_clock(Dialect::Stock, &[(1, 0, &begin), (2, forward, &go_on)]);
        let Analysis { period, recorded, rows, .. } = analysis_of(&[&made], within(window));
        assert_eq!((period.start, period.duration, rows), (recorded.start, 1_000 * UNIT, 1), "{forward}");
        let later = TimeWindow::new(window.to, window.from.map(|_| Moment::At(UnixTime(EPOCH))));
        let Analysis { period: rest, .. } = analysis_of(&[&made], within(later));
        assert_eq!(period.duration + rest.duration, recorded.duration, "{forward}");
        assert_eq!(rest.start.0, (EPOCH + 2_000 * UNIT).wrapping_add_signed(forward));
    }
}

#[test]
fn goroutines_are_whole_that_begin_and_end_in_the_window() {
    let made = trace(Dialect::Stock, &[(1, &begin), (2, &go_on)]);
    let count = |since, until| {
        let analysis = part(&made, since, until);
        let worker = analysis.goroutines.iter().find(|group| group.kind.name() == "main.worker");
        worker.map(|worker| (worker.count(), worker.whole.count()))
    };
    assert_eq!(count(0, 2000), Some((1, 1)));
    assert_eq!((count(4, 1009), count(5, 1009), count(4, 1008)), (Some((1, 1)), Some((1, 0)), Some((1, 0))));
    // It does not live then.
    assert_eq!(count(0, 3), None);
    assert!(part(&made, 2000, 3000).goroutines.is_empty());
}

/// Three procs and later one, and a collection with its pauses.
fn collect(script: &mut Script<'_>) {
    script.run(7);
    script.event(7, EventType::ProcsChange, &[3, 0]);
    script.event(7, EventType::HeapGoal, &[4096]);
    let mark = script.string("GC mark termination");
    script.event(7, EventType::GcBegin, &[1, 0]);
    script.event(7, EventType::GcMarkAssistBegin, &[0]);
    script.event(7, EventType::HeapAlloc, &[3000]);
    script.event(7, EventType::GcMarkAssistEnd, &[]);
    script.event(7, EventType::StwBegin, &[mark, 0]);
    script.event(7, EventType::GcEnd, &[2]);
    script.event(7, EventType::StwEnd, &[]);
    script.event(7, EventType::ProcsChange, &[1, 0]);
    script.event(7, EventType::HeapAlloc, &[2000]);
}

#[test]
fn of_a_collection_that_began_before_there_is_the_end() {
    let made = trace(Dialect::Stock, &[(1, &collect)]);
    let analysis = part(&made, 8, 11);
    let collections = &analysis.collections;
    assert_eq!((collections.count(), collections.marking.count(), collections.cycles.len()), (1, 0, 0));
    assert_eq!((collections.assists.count(), units(&collections.assists)), (1, 1));
    assert_eq!(units(&collections.pauses_of(true)), 1);
    let heap = collections.heap_objects.map(|heap| (heap.min, heap.max));
    // What holds at the beginning was told before, and of a cycle, too.
    let goal = collections.heap_goal.map(|goal| (goal.min, goal.max));
    assert_eq!((heap, goal), (Some((3000, 3000)), Some((4096, 4096))));
    assert_eq!(part(&made, 6, 20).collections.cycles.first().map(|cycle| cycle.heap_goal), Some(4096));
    assert!(
        part(&made, 20, 30).collections.heap_goal.is_none()
            && part(&made, 0, 4).collections.heap_goal.is_none()
    );
    let share = |since, until| part(&made, since, until).assist_share();
    assert_eq!([share(8, 9), share(8, 10), share(9, 11)], [Some(1.0), Some(0.5), Some(0.0)]);
    let procs = |since, until| {
        let analysis = part(&made, since, until);
        (analysis.most_procs, analysis.timeline.whole().capacity / UNIT)
    };
    assert_eq!([procs(0, 20), procs(1, 4), procs(8, 11), procs(13, 20)], [(3, 40), (3, 9), (3, 9), (1, 1)]);
    assert_eq!(part(&made, 12, 13).most_procs, 3);
}

/// A task from the second to the fifth event behind the first three, and another one in it.
fn tasks(script: &mut Script<'_>) {
    script.run(7);
    script.task_begin(7, 1, 0, "outer");
    script.task_begin(7, 2, 1, "inner");
    script.task_end(7, 2);
    script.task_end(7, 1);
    script.event(7, EventType::HeapAlloc, &[1]);
}

#[test]
fn spans_count_whole_where_a_part_of_them_is_in_the_window() {
    let made = trace(Dialect::Stock, &[(1, &tasks)]);
    let spans = |since, until| -> Vec<(String, u64, u64)> {
        let analysis = part(&made, since, until);
        let span = |name: &str, units| (name.to_owned(), units, 0);
        let mut spans = [span("outer", 0), span("inner", 0)].to_vec();
        for group in &analysis.spans {
            let known = spans.iter_mut().find(|(name, ..)| **name == *group.name).expect("one of both");
            (known.1, known.2) = (units(&group.durations), group.whole.count());
        }
        spans
    };
    let expected = |outer: (u64, u64), inner: (u64, u64)| {
        vec![("outer".to_owned(), outer.0, outer.1), ("inner".to_owned(), inner.0, inner.1)]
    };
    assert_eq!(spans(0, 20), expected((3, 1), (1, 1)));
    assert_eq!(spans(5, 6), expected((3, 0), (1, 1)));
    assert_eq!(spans(7, 8), expected((3, 0), (0, 0)));
    assert_eq!(spans(0, 3), expected((0, 0), (0, 0)));
}
