//! Profiles, checked against a slow reading of the same events, and against a made trace whose figures are known.
#![cfg(feature = "profiles")]

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    time::Duration,
};

use crate::common::{
    self,
    handover::{begin, go_on},
    pprof, profiles_of, read_events,
    script::{EPOCH, Script, UNIT, trace},
};
use go_trace_format::{
    Continuity, Dialect, Event, EventKind, EventType, Time,
    event::{GoroutineId, GoroutineState as State, RangeKind, SyncPoint},
};
use trace_to_otel::{
    UnixTime,
    profiles::{
        Moment, Period, ProfileKind, Profiles, ProfilesCollector, ProfilesOptions, TimeWindow, TopOptions,
    },
};

fn collect(trace: &[u8], options: ProfilesOptions) -> Profiles {
    let mut collector = ProfilesCollector::new(options);
    read_events(trace, |event| collector.event(event));
    collector.finish()
}

/// Count and nanoseconds by reason.
type Sums = BTreeMap<String, (u64, u64)>;

fn add(sums: &mut Sums, reason: &str, nanoseconds: i64) {
    let sum = sums.entry(reason.to_owned()).or_default();
    *sum = (sum.0 + 1, sum.1 + u64::try_from(nanoseconds).unwrap_or(0));
}

fn sums(profiles: &Profiles, kind: ProfileKind) -> Sums {
    let mut sums = Sums::new();
    for sample in profiles.profile(kind).samples() {
        let sum = sums.entry(sample.reason.unwrap_or_default().to_owned()).or_default();
        *sum = (sum.0 + sample.count, sum.1 + sample.nanoseconds);
    }
    sums
}

/// What goroutines did, by the typed events alone.
#[derive(Default)]
struct Slow {
    goroutines: HashMap<GoroutineId, (State, String, Time)>,
    assists: HashMap<GoroutineId, Time>,
    stop: Option<(String, Time)>,
    running: Sums,
    off_cpu: Sums,
    gc: Sums,
    samples: u64,
    generation_begin: Time,
    latest: Time,
}

impl Slow {
    fn of(trace: &[u8]) -> Self {
        let mut slow = Self::default();
        read_events(trace, |event| slow.event(event));
        slow.end();
        slow
    }

    fn event(&mut self, event: &Event<'_>) {
        let time = event.raw_time();
        match event.kind() {
            EventKind::Sync(SyncPoint { generation: Some(begun), .. }) => {
                if begun.continuity != Continuity::Next {
                    self.end();
                    self.latest = time;
                }
                self.generation_begin = time;
            }
            EventKind::CpuSample => self.samples += 1,
            EventKind::RangeBegin(range) | EventKind::RangeActive(range) => match range.kind {
                RangeKind::StopTheWorld(_) => self.stop = Some((range.kind.to_string(), time)),
                RangeKind::GcMarkAssist => {
                    let begin = if event.event_type() == EventType::GcMarkAssistActive {
                        self.generation_begin
                    } else {
                        time
                    };
                    if let go_trace_format::event::Scope::Goroutine(Some(goroutine)) = range.scope {
                        self.assists.entry(goroutine).or_insert(begin);
                    }
                }
                _ => {}
            },
            EventKind::RangeEnd(range) => match range.kind {
                RangeKind::StopTheWorld(_) => {
                    if let Some((reason, begin)) = self.stop.take() {
                        add(&mut self.gc, &reason, time.0 - begin.0);
                    }
                }
                RangeKind::GcMarkAssist => {
                    if let Some(begin) = event.goroutine().and_then(|id| self.assists.remove(&id)) {
                        add(&mut self.gc, "GC mark assist", time.0 - begin.0);
                    }
                }
                _ => {}
            },
            EventKind::Goroutine(transition) => {
                let Some(id) = transition.goroutine else { return };
                let is_status = matches!(event.event_type(), EventType::GoStatus | EventType::GoStatusStack);
                let known = self.goroutines.contains_key(&id);
                if !is_status || !known {
                    let since =
                        self.settle(id, time).unwrap_or(if is_status { self.generation_begin } else { time });
                    let reason = transition.reason.to_string_lossy().into_owned();
                    self.goroutines.insert(id, (transition.to, reason, since));
                }
                if transition.to == State::NotExist {
                    self.goroutines.remove(&id);
                }
            }
            _ => {}
        }
        self.latest = self.latest.max(time);
    }

    /// Counts what a goroutine has done; gives its moment.
    fn settle(&mut self, id: GoroutineId, time: Time) -> Option<Time> {
        let (state, reason, since) = self.goroutines.get(&id)?;
        let took = (time.0 - since.0).max(0);
        match state {
            State::Running => add(&mut self.running, "", took),
            State::Runnable => add(&mut self.off_cpu, "runnable", took),
            State::Syscall => add(&mut self.off_cpu, "syscall", took),
            State::Waiting => add(&mut self.off_cpu, reason, took),
            _ => {}
        }
        Some(time.max(*since))
    }

    fn end(&mut self) {
        let latest = self.latest;
        for id in self.goroutines.keys().copied().collect::<Vec<_>>() {
            self.settle(id, latest);
        }
        for (_, begin) in std::mem::take(&mut self.assists) {
            add(&mut self.gc, "GC mark assist", latest.0 - begin.0);
        }
        if let Some((reason, begin)) = self.stop.take() {
            add(&mut self.gc, &reason, latest.0 - begin.0);
        }
        self.goroutines.clear();
    }
}

#[test]
fn every_moment_of_every_goroutine_is_in_one_of_two() {
    let (mut reasons, mut gc, mut samples) = (Sums::new(), Sums::new(), 0);
    for folder in common::RELEASES.into_iter().chain(["fork"]) {
        for file in fs::read_dir(common::testdata(folder)).expect("a folder") {
            let file = file.expect("a file").path();
            if file.extension().is_none_or(|extension| extension != "trace") {
                continue;
            }
            let trace = fs::read(&file).expect("a file");
            let (profiles, slow) = (profiles_of(&trace), Slow::of(&trace));
            assert_eq!(sums(&profiles, ProfileKind::Cpu), slow.running, "{}", file.display());
            assert_eq!(sums(&profiles, ProfileKind::OffCpu), slow.off_cpu, "{}", file.display());
            assert_eq!(sums(&profiles, ProfileKind::Gc), slow.gc, "{}", file.display());
            assert_eq!(profiles.profile(ProfileKind::Samples).count(), slow.samples, "{}", file.display());
            assert_eq!(profiles.left_out_stacks(), 0);
            reasons.extend(slow.off_cpu);
            gc.extend(slow.gc);
            samples += slow.samples;
        }
    }
    for reason in ["runnable", "syscall", "network", "select", "sync", "chan receive", "sleep"] {
        assert!(reasons.contains_key(reason), "{reason}: {reasons:?}");
    }
    assert!(gc.contains_key("GC mark assist") && gc.len() > 3 && samples > 10, "{gc:?} {samples}");
}

fn made() -> Vec<u8> {
    trace(Dialect::Stock, &[(1, &begin), (2, &go_on)])
}

fn folded(profiles: &Profiles, kind: ProfileKind) -> Vec<(String, u64)> {
    let mut out = Vec::new();
    profiles.profile(kind).write_folded(&mut out).expect("memory takes it");
    let lines = String::from_utf8(out).expect("UTF-8");
    let lines = lines.lines().map(|line| line.rsplit_once(' ').expect("a stack and a number"));
    lines.map(|(stack, weight)| (stack.to_owned(), weight.parse::<u64>().expect("a number") / UNIT)).collect()
}

#[test]
fn a_stack_is_one_in_all_generations_and_time_is_where_it_was_spent() {
    let profiles = profiles_of(&made());
    let line = |stack: &str, units| (stack.to_owned(), units);
    assert_eq!(
        folded(&profiles, ProfileKind::OffCpu),
        [
            // 4 up to when it is woken, and 2 up to the end of the trace.
            line("main.main;main.wait;[chan receive]", 6),
            line("main.main;main.wait;[runnable]", 996),
            line("main.worker;[runnable]", 2),
            line("main.worker;main.work;[runnable]", 1),
            line("main.worker;sync.(*Mutex).Lock;[runnable]", 2),
            line("main.worker;sync.(*Mutex).Lock;[sync]", 2),
        ]
    );
    assert_eq!(
        folded(&profiles, ProfileKind::Cpu),
        [
            line("main.main;main.wait", 7),
            line("main.worker", 1),
            line("main.worker;main.work", 1),
            line("main.worker;sync.(*Mutex).Lock", 996),
        ]
    );
    // Go's tool leaves out what is not over, and what was before a goroutine ran; and has whoever made it runnable.
    assert_eq!(
        folded(&profiles, ProfileKind::Block),
        [line("main.main;main.wait", 4), line("main.worker;sync.(*Mutex).Lock", 2)]
    );
    assert_eq!(folded(&profiles, ProfileKind::Mutex), [line("main.worker;sync.(*Mutex).Lock", 2)]);
    assert_eq!(
        folded(&profiles, ProfileKind::Scheduler),
        [line("main.main;main.unlock", 2), line("main.worker;main.work", 997)]
    );
    for kind in [ProfileKind::Network, ProfileKind::Syscall, ProfileKind::Samples, ProfileKind::Gc] {
        assert_eq!(folded(&profiles, kind), []);
    }
    let period = profiles.period();
    assert_eq!((period.start, period.duration), (UnixTime(EPOCH + 1000 * UNIT), 1009 * UNIT));
}

#[test]
fn pprof_holds_what_the_profile_holds() {
    let profiles = profiles_of(&made());
    let profile = profiles.profile(ProfileKind::OffCpu);
    let mut written = Vec::new();
    profile.write_pprof(&mut written).expect("memory takes it");
    let read = pprof::Profile::read(&written);
    let value_type = |value: &pprof::ValueType| (read.text(value.r#type), read.text(value.unit));
    let types: Vec<_> = read.sample_type.iter().map(value_type).collect();
    assert_eq!(types, [("waits", "count"), ("off_cpu", "nanoseconds")]);
    assert_eq!(read.text(read.default_sample_type), "off_cpu");
    assert_eq!(read.period_type.as_ref().map(value_type), Some(("trace", "count")));
    assert_eq!((read.period, read.text(0)), (1, ""));
    let times = ((EPOCH + 1000 * UNIT) as i64, (1009 * UNIT) as i64);
    assert_eq!((read.time_nanos, read.duration_nanos), times);
    let samples = read.spelled_out();
    assert_eq!(samples.len(), profile.samples().len());
    for (read, sample) in samples.iter().zip(profile.samples()) {
        let frames = sample
            .stack
            .frames()
            .map(|frame| (frame.pc, frame.function.to_owned(), frame.file.to_owned(), frame.line as i64));
        assert_eq!(read.frames, frames.collect::<Vec<_>>());
        assert_eq!(
            read.labels,
            sample.reason.map(|reason| ("reason", reason)).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(read.values, [sample.count as i64, sample.nanoseconds as i64]);
    }
}

#[test]
fn a_table_tells_the_heaviest_stacks() {
    let profiles = profiles_of(&made());
    let mut options = TopOptions::default();
    (options.samples, options.frames) = (1, 1);
    let mut out = Vec::new();
    profiles.profile(ProfileKind::OffCpu).write_top(options, &mut out).expect("memory takes it");
    let expected = "\
off-cpu: 64.6 µs in 7 waits, recorded for 64.6 µs

 98.7 %   63.7 µs        1 ×  runnable
        main.wait  example.com/main.go:1
        … 1 more

  1.3 %  5 more
";
    assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
}

#[test]
fn stacks_that_are_too_many_are_counted_together() {
    let trace = common::read("go1.27/http.trace");
    let mut options = ProfilesOptions::default();
    options.max_stacks = 3;
    let (all, few) = (profiles_of(&trace), collect(&trace, options));
    assert!(few.left_out_stacks() > 10 && all.left_out_stacks() == 0, "{}", few.left_out_stacks());
    for kind in ProfileKind::ALL.into_iter().filter(|&kind| kind != ProfileKind::Mutex) {
        assert_eq!(sums(&few, kind), sums(&all, kind), "{kind}");
    }
    let profile = few.profile(ProfileKind::OffCpu);
    let left_out = profile.samples().iter().filter(|sample| sample.stack.is_left_out());
    assert!(left_out.count() > 1, "for several reasons");
    let mut out = Vec::new();
    profile.write_folded(&mut out).expect("memory takes it");
    assert!(String::from_utf8(out).expect("UTF-8").contains("[other stacks];[select] "));
}

#[test]
fn a_gap_and_another_process_add_to_the_same_profiles() {
    let (one, trace) = (profiles_of(&made()), made());
    let mut collector = ProfilesCollector::default();
    for _ in 0..2 {
        read_events(&trace, |event| collector.event(event));
    }
    let twice = collector.finish();
    assert_eq!(twice.period().duration, 2 * one.period().duration);
    for kind in ProfileKind::ALL {
        let double =
            sums(&one, kind).into_iter().map(|(reason, (count, time))| (reason, (2 * count, 2 * time)));
        assert_eq!(sums(&twice, kind), double.collect(), "{kind}");
    }
}

/// Damage has taken what two generations tell of a goroutine that could run since the first.
#[test]
fn what_a_lost_goroutine_did_before_is_kept() {
    let without_it = |script: &mut Script<'_>| {
        script.event(7, EventType::ProcStatus, &[7, 1]);
        script.event(7, EventType::GoStatus, &[8, 7, 2]);
    };
    let profiles = profiles_of(&trace(Dialect::Stock, &[(1, &begin), (2, &without_it), (3, &without_it)]));
    let line = |stack: &str, units| (stack.to_owned(), units);
    assert_eq!(
        folded(&profiles, ProfileKind::OffCpu),
        [
            line("main.main;main.wait;[chan receive]", 4),
            // Up to the beginning of the first of them: that it lived until then is certain.
            line("main.main;main.wait;[runnable]", 991),
            line("main.worker;[runnable]", 2),
            line("main.worker;main.work;[runnable]", 1),
        ]
    );
}

#[test]
fn kinds_have_names() {
    for kind in ProfileKind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
        assert_eq!(kind.to_string(), kind.name());
    }
    let error = "wall".parse::<ProfileKind>().expect_err("none");
    assert!(error.to_string().contains("off-cpu") && error.to_string().ends_with("and gc"), "{error}");
}

/// Whatever is counted once lies in one of two windows that meet, or is cut in two by them.
#[test]
fn windows_that_meet_have_all_there_is() {
    let trace = common::read("go1.27/generations.trace");
    let whole = profiles_of(&trace);
    let window = |from, to| {
        let mut options = ProfilesOptions::default();
        options.window = TimeWindow::new(from, to);
        collect(&trace, options)
    };
    let Period { start, duration, .. } = whole.recorded();
    assert_eq!(whole.period(), whole.recorded());
    for part in [3, 2] {
        let middle = UnixTime(start.0 + duration / part);
        let after = Moment::After(Duration::from_nanos(duration / part));
        let (first, second) = (window(None, Some(Moment::At(middle))), window(Some(after), None));
        assert_eq!(first.period().duration + second.period().duration, duration);
        assert_eq!(first.period().start, start);
        // By the clock of its generation, which is another one's but for some nanoseconds.
        assert!(second.period().start.0.abs_diff(middle.0) < 1_000, "{:?} {middle:?}", second.period());
        assert_eq!((first.recorded(), second.recorded()), (whole.recorded(), whole.recorded()));
        let mut cut = 0;
        for kind in ProfileKind::ALL {
            let (first, second, whole) = (first.profile(kind), second.profile(kind), whole.profile(kind));
            assert_eq!(first.nanoseconds() + second.nanoseconds(), whole.nanoseconds(), "{kind}");
            let counts = first.count() + second.count();
            assert!(counts >= whole.count(), "{kind}");
            cut += counts - whole.count();
        }
        assert!((1..100).contains(&cut), "what was under way then counts in both: {cut}");
    }
}

#[test]
fn outside_of_the_recording_there_is_nothing() {
    let mut options = ProfilesOptions::default();
    options.window.from = Some(Moment::After(Duration::from_secs(100)));
    let profiles = collect(&made(), options.clone());
    assert!(ProfileKind::ALL.into_iter().all(|kind| profiles.profile(kind).samples().is_empty()));
    assert_eq!((profiles.period().duration, profiles.recorded().duration), (0, 1009 * UNIT));
    options.window = TimeWindow::new(None, Moment::At(UnixTime(EPOCH)));
    assert!(collect(&made(), options).profile(ProfileKind::OffCpu).samples().is_empty());
}

/// Goroutine 7 of the runtime waits, and so does the program's goroutine 9.
fn idle(script: &mut Script<'_>) {
    [7, 8, 9].into_iter().for_each(|thread| script.run(thread));
    for (thread, entry) in [(7, "runtime.bgsweep"), (9, "runtime.main")] {
        let (reason, stack) = (script.string("idle"), script.stack(&["runtime.gopark", entry]));
        script.event(thread, EventType::GoBlock, &[reason, stack]);
    }
    script.event(8, EventType::HeapAlloc, &[1]);
}

#[test]
fn what_the_runtime_itself_waits_for_is_one_line_unless_asked_for() {
    let profiles = profiles_of(&trace(Dialect::Stock, &[(1, &idle)]));
    let table = |runtime_waits| {
        let mut options = TopOptions::default();
        options.runtime_waits = runtime_waits;
        let mut out = Vec::new();
        profiles.profile(ProfileKind::OffCpu).write_top(options, &mut out).expect("memory takes it");
        String::from_utf8(out).expect("UTF-8")
    };
    let (shown, all) = (table(false), table(true));
    assert!(shown.starts_with("off-cpu: 64 ns in 1 waits"), "{shown}");
    assert!(shown.contains("\nwithout 128 ns in 1 waits of the runtime's own goroutines\n"), "{shown}");
    assert!(shown.contains("runtime.main") && !shown.contains("runtime.bgsweep"), "{shown}");
    assert!(all.starts_with("off-cpu: 192 ns in 2 waits") && all.contains("runtime.bgsweep"), "{all}");
}
